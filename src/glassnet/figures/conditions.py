"""Records of any conditions in one panel: overlap, displacement and loss against time, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from glassnet._text import escaped
from glassnet.analysis import ensemble_mean
from glassnet.analysis.intervals import Estimate
from glassnet.figures.scales import log_limits, set_log
from glassnet.figures.style import SINGLE_COLUMN, context, new_figure
from glassnet.observables import mean_square_displacement, overlap
from glassnet.simulate.labelled import PREFIX
from glassnet.simulate.record import Record

_N_BARS: Final = 6
"""Intervals on a curve: bars at few times can be told apart where bands would cover each other."""

_STYLES: Final = ("-", (0, (4, 1.5)), (0, (1, 1.2)), (0, (5, 1.2, 1, 1.2)))
_MOST_NAMED: Final = 48
_NAMES_A_COLUMN: Final = 24
_LONGEST_NAME: Final = 36


def draw_overlap(records: Mapping[str, Record], waits: Mapping[str, int], *, chi: float) -> Figure:
    """Overlap Q(t) of each condition at one sensitivity.

    Args:
        records: by the name of their condition.
        waits: waiting time of each, in steps.
        chi: sensitivity, one that was recorded.

    Raises:
        ValueError: a chi that was not recorded, or no replica that survived.
    """
    curves = {name: overlap(record, chi=chi).sel(waiting_time=waits[name]) for name, record in records.items()}
    figure = draw_curves(curves, rf"$Q(t)$, $\chi={chi:g}$", waits)
    figure.axes[0].set_ylim(-0.03, 1.05)
    return figure


def draw_mean_square_displacement(records: Mapping[str, Record], waits: Mapping[str, int]) -> Figure:
    """Mean square displacement of each condition; arguments as of :func:`draw_overlap`."""
    curves = {name: mean_square_displacement(one).sel(waiting_time=waits[name]) for name, one in records.items()}
    return draw_curves(curves, "mean square displacement", waits, log=True)


def draw_loss(records: Mapping[str, Record], waits: Mapping[str, int]) -> Figure:
    """Data loss of each condition; arguments as of :func:`draw_overlap`."""
    curves = {name: record.data["data_loss"].sel(waiting_time=waits[name]) for name, record in records.items()}
    return draw_curves(curves, r"data loss $\mathcal{L}_\mathrm{data}$", waits)


def draw_statistic(records: Mapping[str, Record], waits: Mapping[str, int], *, name: str) -> Figure:
    """A user's statistic that is one number, of each condition that has it; arguments as of :func:`draw_overlap`."""
    variable = PREFIX + name
    curves = {one: record.data[variable].sel(waiting_time=waits[one]) for one, record in records.items()}
    unit = next(iter(records.values())).data.attrs["statistics"][name]["unit"]
    return draw_curves(curves, escaped(name).replace("_", " ") + (f" ({_shown(unit)})" if unit else ""), waits)


def draw_curves(
    curves: Mapping[str, xr.DataArray], quantity: str, waits: Mapping[str, int], *, log: bool = False
) -> Figure:
    """Means over the surviving replicas against time, with Student's 95 % intervals over initial conditions as bars.

    Args:
        curves: values ``(replica, time)`` with the coordinates of a record, by the name of their condition.
        quantity: label of the vertical axis.
        waits: waiting time of each, in steps: stated once if it is the same for all, and else beside each name.
        log: whether the vertical axis is logarithmic.

    Returns:
        The figure; the axis of time is logarithmic, so that t = 0 is left out.

    Raises:
        ValueError: nothing to draw, or replicas of one name that are of several conditions.
    """
    colours = matplotlib.colormaps["plasma"](np.linspace(0.05, 0.85, max(2, len(curves))))
    n_columns = -(-min(len(curves), _MOST_NAMED) // _NAMES_A_COLUMN)
    with context():
        height = max(2.6, 0.16 * min(len(curves), _NAMES_A_COLUMN) + 0.7)
        figure, (axes,) = new_figure(SINGLE_COLUMN + 1.5 * n_columns, height)
        times, values, used, handles = [], [], {}, []
        for i, (name, curve) in enumerate(curves.items()):
            means = ensemble_mean(curve)
            if any(size > 1 for dim, size in means["mean"].sizes.items() if dim != "time"):
                raise ValueError(f"replicas of {name} must be of one condition, but are of several")
            means = means.squeeze()
            used[name] = int(np.max(means["n_used"])), curve.sizes["replica"]
            t, mean = np.atleast_1d(curve["time"].values), np.atleast_1d(means["mean"].values)
            kept = (t > 0) & np.isfinite(mean) & ((mean > 0) | (not log))
            marker = "." if kept.sum() == 1 else ""
            style = {"color": colours[i], "linestyle": _STYLES[i % len(_STYLES)], "linewidth": 1.0, "marker": marker}
            handles += axes.plot(t[kept], mean[kept], **style)
            found = Estimate(mean[kept], np.atleast_1d(means["standard_error"].values)[kept], _n_origins(means))
            _draw_bars(axes, t[kept], found, colours[i], i / len(curves), log=log)
            times.append(t[kept])
            values.append(mean[kept])
        if not any(len(t) for t in times):
            raise ValueError("there is nothing to draw: no replica survived to a save time")
        set_log(axes, "x", log_limits(*times, pad=0.0))
        if log:
            set_log(axes, "y", log_limits(*values))
        axes.set_xlabel("$t$ (steps)")
        axes.set_ylabel(quantity)
        title, names = _legend(used, waits)
        figure.legend(
            handles[:_MOST_NAMED],
            names[:_MOST_NAMED],
            title=title,
            loc="outside right upper",
            ncols=n_columns,
            handlelength=2.2,
            labelspacing=0.25,
            alignment="left",
        )
    return figure


def _n_origins(means: xr.Dataset) -> int:
    return int(np.max(means["n_origins"]))


def _draw_bars(axes: Axes, t: NDArray[np.int64], found: Estimate, colour: Any, place: float, *, log: bool) -> None:
    """Intervals at a few times, spaced as the curve's times are; ``place``, 0 to 1, tells where the first is."""
    if found.n_origins < 3 or not len(t):  # of two the interval says nothing
        return
    step = max(1, len(t) // _N_BARS)
    some = slice(int(place * step), None, step)
    low, high = (end[some] for end in found.interval)
    mean = found.mean[some]
    known = np.isfinite(low) & np.isfinite(high)
    if log:
        low = np.maximum(low, mean / 100)
    reach = np.abs(np.stack([mean - low, high - mean])[:, known])
    bars = {"ecolor": colour, "elinewidth": 0.6, "capsize": 1.2, "capthick": 0.6, "alpha": 0.7}
    axes.errorbar(t[some][known], mean[known], reach, fmt="none", **bars)


def _legend(used: Mapping[str, tuple[int, int]], waits: Mapping[str, int]) -> tuple[str, list[str]]:
    """Title of the legend, true of all conditions, and a name for each condition."""
    numbers, times = set(used.values()), {waits[name] for name in used}
    shared, apart = [], dict.fromkeys(used, "")
    if len(times) == 1:
        shared.append(rf"$t_\mathrm{{w}}={times.pop()}$")
    else:
        apart = {name: rf", $t_\mathrm{{w}}={waits[name]}$" for name in used}
    if len(numbers) == 1:
        shared.append(_counted(*numbers.pop()))
    else:
        apart = {name: f"{text}, {_counted(*used[name])}" for name, text in apart.items()}
    if len(used) > _MOST_NAMED:
        shared.append(f"{_MOST_NAMED} of {len(used)} named")
    return ", ".join(shared), [_shown(name) + apart[name] for name in used]


def _counted(n_used: int, n: int) -> str:
    return f"$n={n}$" if n_used == n else f"{n_used} of {n}"


def _shown(name: str) -> str:
    """A name as matplotlib takes it: no mathematics, no control characters, nothing that hides it."""
    text = escaped(name)
    text = text if len(text) <= _LONGEST_NAME else text[: _LONGEST_NAME - 1] + "\N{HORIZONTAL ELLIPSIS}"
    return ("\N{THIN SPACE}" if text.startswith("_") else "") + text.replace("$", r"\$")


def draw_losses(
    losses: Mapping[str, Sequence[float]], quantity: str = r"data loss $\mathcal{L}_\mathrm{data}$"
) -> Figure:
    """A loss at each point: a dot a replica, and their mean with Student's 95 % interval, from the top down.

    Args:
        losses: of the replicas that survived, by the point's name.
        quantity: label of the horizontal axis.

    Raises:
        ValueError: there is no finite loss.
    """
    finite = {name: np.array([one for one in found if np.isfinite(one)]) for name, found in losses.items()}
    if not any(len(found) for found in finite.values()):
        raise ValueError("there is nothing to draw: no replica survived to the end of a stage")
    with context():
        figure, (axes,) = new_figure(SINGLE_COLUMN * 1.5, 0.9 + 0.2 * max(3, len(finite)))
        for y, found in enumerate(finite.values()):
            n = len(found)
            axes.plot(found, np.full(n, y), "o", markersize=3.5, color="0.55", markeredgewidth=0)
            if n:
                error = np.array(found.std(ddof=1) / np.sqrt(n)) if n > 1 else np.array(np.nan)
                low, high = Estimate(np.array(found.mean()), error, n).interval
                reach = [[found.mean() - low], [high - found.mean()]] if n > 2 else None
                axes.errorbar([found.mean()], [y], xerr=reach, fmt="|", color="black", markersize=7, capsize=2)
        every = np.concatenate(list(finite.values()))
        if every.min() > 0 and every.max() > 30 * every.min():
            set_log(axes, "x", log_limits(every))
        axes.set_yticks(range(len(finite)), [_shown(name) for name in finite])
        axes.set_ylim(len(finite) - 0.4, -0.6)
        axes.set_xlabel(quantity)
    return figure
