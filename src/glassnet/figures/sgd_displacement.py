"""Mean square displacement under SGD at each batch size (Fig. 5d)."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from glassnet.analysis import ensemble_mean
from glassnet.analysis.intervals import Estimate
from glassnet.figures.scales import log_limits, set_log
from glassnet.figures.style import DOUBLE_COLUMN, GREY, context, draw_band, new_figure
from glassnet.observables import mean_square_displacement
from glassnet.simulate.dynamics import Sgd
from glassnet.simulate.record import Record

Batches = Mapping[tuple[str, int], Record]
"""Records by how batches were drawn and how large they are."""


def draw_sgd_displacement(batches: Batches, *, levels: tuple[float, float] | None = None) -> Figure:
    """Mean square displacement under SGD, from the first reference, at the start of an epoch (Fig. 5d).

    (a) Every batch size in permuted order, up to the first epoch and then at its whole epochs; black: all rows at once.
    (b) Batches drawn with replacement (solid), and the same sizes permuted at whole (dashed) and half epochs (dots).
    Horizontal: ``levels``. Bands are Student's 95 % intervals over three initial conditions or more.

    Args:
        batches: under SGD, all on as many rows.
        levels: where the paper sees localisation, and where a bowl of l2 alone would about its centre; between two
            times it tends to twice that. None for no lines.

    Raises:
        ValueError: no records, of other dynamics, or on different numbers of rows.
    """
    permuted = {size: record for (sampling, size), record in batches.items() if sampling == "permutation"}
    drawn = {size: record for (sampling, size), record in batches.items() if sampling == "replacement"}
    rows = {int(record.data.attrs["n_samples"]) for record in batches.values()}
    if len(rows) != 1:
        raise ValueError(f"batches must be records on one number of rows, but are on {sorted(rows) or 'none'}")
    (n_samples,) = rows
    for record in batches.values():
        if not isinstance(record.dynamics, Sgd):
            raise ValueError(f"batches must be records of Sgd, but got one of {type(record.dynamics).__name__}")
    colours = _colours({*permuted, *drawn} - {n_samples}) | {n_samples: "black"}
    with context():
        figure, (left, right) = new_figure(DOUBLE_COLUMN, 2.9, n_panels=2)
        seen: list[NDArray[Any]] = []
        for size, record in permuted.items():
            look = {"zorder": 3.0} if size == n_samples else {}
            seen.append(_draw(left, record, colours[size], at="whole", **look))
        for size, record in drawn.items():
            seen.append(_draw(right, record, colours[size], at="all"))
            if size in permuted:
                seen.append(_draw(right, permuted[size], colours[size], at="whole", linestyle="--"))
                seen.append(_draw(right, permuted[size], colours[size], at="half", linestyle="", marker=".", ms=3))
        times = np.concatenate([record.data["time"].values for record in batches.values()])
        drawn_levels = () if levels is None else (*levels, 2 * levels[1])
        for axes in (left, right):
            if levels is not None:
                _draw_levels(axes, *levels)
            set_log(axes, "x", log_limits(times, pad=0.0))
            set_log(axes, "y", log_limits(*seen, *drawn_levels))
            axes.set_xlabel("$t$ (steps)")
        left.set_ylabel("MSD, permuted batches")
        right.set_ylabel("MSD, with replacement")
        right.set_title(_conditions(batches), loc="right", color=GREY)
        sizes = sorted({*permuted, *drawn})
        names = {n_samples: "all"}
        handles = [Line2D([], [], color=colours[size], label=names.get(size, f"{size}")) for size in sizes]
        figure.legend(handles=handles, title="$b$", loc="outside right upper", handlelength=1.4, labelspacing=0.25)
    return figure


def _draw(axes: Axes, record: Record, colour: Any, *, at: str, **look: Any) -> NDArray[Any]:
    """The mean at some of the times; what was drawn."""
    means = ensemble_mean(mean_square_displacement(record)).isel(waiting_time=0)
    n = int(means["n_origins"])
    low, high = Estimate(means["mean"].values, means["standard_error"].values, n).interval
    times, mean = means["time"].values, means["mean"].values
    kept = _wanted(times, record, at) & np.isfinite(mean) & (mean > 0)
    if not kept.any():
        return np.empty(0)
    axes.plot(times[kept], mean[kept], color=colour, **{"linewidth": 1.0} | look, gid=at)
    if at != "half" and n > 2:  # of two the interval says nothing
        draw_band(axes, times[kept], np.maximum(low[kept], mean[kept] / 100), high[kept], colour)
    return np.asarray(mean[kept])


def _wanted(times: NDArray[np.int64], record: Record, at: str) -> NDArray[np.bool_]:
    dynamics = record.dynamics
    assert isinstance(dynamics, Sgd)
    epoch = record.data.attrs["n_samples"] // dynamics.batch_size
    if at == "half":
        return np.asarray((times % epoch == epoch // 2) & (epoch > 1))
    return np.asarray((times > 0) & ((times % epoch == 0) | (times < epoch) | (at == "all")))


def _draw_levels(axes: Axes, seen: float, bowl: float) -> None:
    across = axes.get_yaxis_transform()
    levels = ((seen, "paper", "tab:red"), (bowl, "", GREY), (2 * bowl, "bowl", GREY))
    for level, text, colour in levels:
        axes.axhline(level, color=colour, linestyle=":", linewidth=0.9, zorder=0.5, gid="level")
        side = "top" if text == "paper" else "bottom"
        look: dict[str, Any] = {"va": side, "color": colour, "size": 8}
        axes.annotate(text, (0.02, level), (0, 0), xycoords=across, textcoords="offset points", **look)


def _colours(sizes: AbstractSet[int]) -> dict[int, Any]:
    """From blue (large batches, little noise) to yellow."""
    ordered = sorted(sizes, reverse=True)
    places = np.linspace(0.09, 0.86, len(ordered))
    return dict(zip(ordered, matplotlib.colormaps["plasma"](places), strict=True))


def _conditions(batches: Batches) -> str:
    counts = sorted({len(record.ensemble) for record in batches.values()})
    lost = sum(record.n_lost for record in batches.values())
    text = f"$n={counts[0]}$" if len(counts) == 1 else f"$n={counts[0]}$ to ${counts[-1]}$"
    return f"{text}, {lost} diverged" if lost else text
