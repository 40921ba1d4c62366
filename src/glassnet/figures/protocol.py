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


def _draw(axes: Axes, record: Record) -> None:
    times = record.data["time"].values
    for name, label, colour in _CURVES:
        if name not in record.data:  # there may be no test set
            continue
        values = record.data[name].isel(waiting_time=0).transpose("time", "replica").values
        known = np.isfinite(values).any(axis=1)
        lines = axes.plot(times[known], values[known], color=colour, linewidth=0.9, gid=name)
        lines[0].set_label(label)
    set_log(axes, "x", log_limits(times, pad=0.0))
