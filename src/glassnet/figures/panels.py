"""Parts that panels share: curves with their bands, axes of time, the ladder of temperatures, what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from glassnet.figures.curves import Curve
from glassnet.figures.scales import log_limits, power, set_log
from glassnet.figures.style import BAND, GREY, MARKERS, THEORY, draw_band, temperature_lines
from glassnet.simulate.record import Record


def styles(curves: Sequence[Curve]) -> dict[float, dict[str, Any]]:
    """How the line of each curve's temperature is drawn."""
    return temperature_lines([curve.temperature for curve in curves])


def draw_mean(axes: Axes, curve: Curve, line: dict[str, Any]) -> None:
    """A mean alone, with a few markers, which stand elsewhere on each curve; a dot if there is one point."""
    look = dict(line)
    if len(curve.x) == 1:
        look |= {"marker": "o", "markersize": 3.5}
    elif "marker" in line:
        look["markevery"] = (0.05 + 0.05 * MARKERS.index(line["marker"]), 0.3)
    axes.plot(curve.x, curve.mean, **look)


def draw_curve(
    axes: Axes, curve: Curve, line: dict[str, Any], *, floor: float = -np.inf, ceiling: float = np.inf
) -> None:
    """A mean with its interval, which is cut at values that the quantity cannot have."""
    draw_mean(axes, curve, line)
    low, high = np.clip(curve.low, floor, ceiling), np.clip(curve.high, floor, ceiling)
    draw_band(axes, curve.x, low, high, line["color"])


def set_time_axis(axes: Axes, record: Record, curves: Sequence[Curve]) -> None:
    """A logarithmic axis over the times at which anything is known; over all save times if nothing survived."""
    seen = [curve.x for curve in curves if len(curve.x)]
    if not seen:
        seen = [record.data["time"].values]
        say_empty(axes)
    set_log(axes, "x", log_limits(*seen, pad=0.0))
    axes.set_xlabel("$t$ (steps)")


def say_empty(axes: Axes) -> None:
    """Say why a panel is empty."""
    axes.text(0.5, 0.6, "no replica survived", transform=axes.transAxes, ha="center", color=GREY)


def add_legend(
    figure: Figure, curves: Sequence[Curve], *, theory: str = "", others: Sequence[Artist] = (), bands: bool = True
) -> None:
    """The temperatures from hot to cold on the right, then the prediction (dashed), what bands are, and ``others``.

    Where replicas were lost, (n/m) says that n of m are in the mean.
    """
    lines = styles(curves)
    handles: list[Artist] = [Line2D([], [], label=_label(curve), **lines[curve.temperature]) for curve in curves]
    if theory:
        handles.append(Line2D([], [], color=GREY, label=theory, **THEORY))
    if bands and any(np.isfinite(curve.low).any() for curve in curves):
        handles.append(Patch(facecolor=GREY, alpha=BAND, linewidth=0, label="95 %\ninterval"))
    legend = figure.legend(
        handles=[*handles, *others],
        title="$T$",
        loc="outside right upper",
        alignment="left",
        handlelength=2.0,
        handletextpad=0.5,
        borderaxespad=0.2,
        labelspacing=0.35,
    )
    for text in legend.get_texts():
        text.set_linespacing(0.9)


def add_conditions(axes: Axes, text: str) -> None:
    """State above the right end of a panel what it holds, such as chi and t_w."""
    axes.set_title(text, loc="right", color=GREY)


def conditions(curves: Sequence[Curve], chi: float | None, waiting_time: int) -> str:
    """Chi, waiting time and n of a figure's curves, n being the replicas in each mean, or how few to how many."""
    parts = [] if chi is None else [rf"$\chi={power(chi)[1:-1]}$"]
    parts.append(f"$t_w={power(waiting_time)[1:-1]}$")
    fewest, most = (pick(curve.n_used for curve in curves) for pick in (min, max))
    parts.append(f"$n={most}$" if fewest == most else f"$n={fewest}$ to ${most}$")
    return ", ".join(parts)


def survivors(curve: Curve) -> str:
    """(n/m) if n of m replicas are in the mean, nothing if all are."""
    return f"({curve.n_used}/{curve.n_used + curve.n_lost})" if curve.n_lost else ""


def _label(curve: Curve) -> str:
    return f"{power(curve.temperature)} {survivors(curve)}".strip()
