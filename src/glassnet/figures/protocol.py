"""The loss through quench, transient and measurement (Figs. 2a and A2)."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from glassnet.figures.scales import log_limits, power, set_log
from glassnet.figures.style import DOUBLE_COLUMN, GREY, context, new_figure
from glassnet.simulate.record import Record

_CURVES = (("total_loss", "total", "tab:blue"), ("data_loss", "data", "black"), ("test_loss", "test data", "tab:red"))


def draw_protocol(quench: Record, langevin: Record, *, waiting_time: int) -> Figure:
    """Losses of single networks from random weights to the end of a measurement.

    (a) SGD; (b) Langevin dynamics from its first step: left of the line the transient, right of it what is measured.

    Args:
        quench: SGD from random weights.
        langevin: from the end of the quench.
        waiting_time: t_w in steps.
    """
    with context():
        figure, (left, right) = new_figure(DOUBLE_COLUMN, 2.6, n_panels=2)
        for axes, record in ((left, quench), (right, langevin)):
            _draw(axes, record)
            axes.set_xlabel("steps of SGD" if axes is left else "steps of Langevin dynamics")
        low = min(left.get_ylim()[0], right.get_ylim()[0])
        high = max(left.get_ylim()[1], right.get_ylim()[1])
        for axes in (left, right):
            axes.set_ylim(low, high)
        left.set_ylabel(r"$\mathcal{L}$")
        left.legend(loc="lower left")
        right.axvline(waiting_time, color=GREY, linestyle=":", linewidth=1.0, gid="waiting_time")
        across = right.get_xaxis_transform()
        for text, offset, side in (("transient", -4, "right"), ("measurement", 4, "left")):
            look: dict[str, Any] = {"textcoords": "offset points", "ha": side, "va": "top", "color": GREY, "size": 8}
            right.annotate(text, (waiting_time, 0.95), (offset, 0), xycoords=across, **look)
        temperature = float(langevin.data["temperature"][0])
        right.set_title(f"$T=${power(temperature)}, $t_w=${power(waiting_time)}", loc="right", color=GREY)
        left.set_title(f"{len(quench.ensemble)} networks", loc="right", color=GREY)
    return figure


def draw_stages(quench: Record, langevin: Record, *, waiting_time: int) -> Figure:
    """The measured loss through the stages of the protocol: quench, transient and measurement (Fig. 2a).

    A panel a stage, each over its own steps, on one axis of losses. The measurement's last point is the run's last.

    Args:
        quench: SGD from random weights.
        langevin: from the end of the quench.
        waiting_time: t_w in steps.
    """
    with context():
        figure, panels = new_figure(DOUBLE_COLUMN, 2.4, n_panels=3)
        temperature = float(langevin.data["temperature"][0])
        stages = (
            (quench, 0, None, "quench: SGD", "steps"),
            (langevin, 0, waiting_time, rf"transient: Langevin, $T=${power(temperature)}", "steps"),
            (langevin, waiting_time, None, "measurement", f"$t$, steps since $t_w=${power(waiting_time)}"),
        )
        for axes, (record, start, end, stage, steps) in zip(panels, stages, strict=True):
            _draw(axes, record, start, end)
            axes.set_xlabel(steps)
            axes.set_title(stage, loc="right", color=GREY)
        limits = [axes.get_ylim() for axes in panels]
        for axes in panels:
            axes.set_ylim(min(low for low, _ in limits), max(high for _, high in limits))
        panels[0].set_ylabel(r"$\mathcal{L}$")
        panels[0].legend(loc="lower left")
    return figure


def _draw(axes: Axes, record: Record, start: int = 0, end: int | None = None) -> None:
    """Losses of each network against steps since ``start``, to ``end``."""
    steps = record.data["time"].values
    kept = (steps >= start) & (steps <= (steps[-1] if end is None else end))
    times = steps[kept] - start
    for name, label, colour in _CURVES:
        if name not in record.data:  # there may be no test set
            continue
        values = record.data[name].isel(waiting_time=0).transpose("time", "replica").values[kept]
        known = np.isfinite(values).any(axis=1)
        lines = axes.plot(times[known], values[known], color=colour, linewidth=0.9, gid=name)
        lines[0].set_label(label)
    set_log(axes, "x", log_limits(times, pad=0.0))
