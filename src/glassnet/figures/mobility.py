"""The distribution of how far single weights have moved (Fig. 7d-f)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from glassnet.figures.curves import Curve, check, mean_distributions
from glassnet.figures.null import Null, draw
from glassnet.figures.panels import add_conditions, add_legend, conditions, draw_curve, styles
from glassnet.figures.scales import log_limits, power, set_log
from glassnet.figures.style import DOUBLE_COLUMN, GREY, SINGLE_COLUMN, THEORY, context, new_figure
from glassnet.observables import mobility
from glassnet.simulate.record import Record
from glassnet.theory import brownian

Floats = NDArray[np.float64]


def draw_mobility(record: Record, *, waiting_time: int) -> Figure:
    """Distribution of |dw| at the last of the sparser save times, at each temperature (Fig. 7d-f).

    Densities per decade: the area under a curve is the share of weights. (a) all weights, with 95 % intervals; dashed:
    free diffusion, which has a single peak. (b) each layer apart at the lowest temperature, each with area 1 and in
    bins wide enough for its number of weights: a second peak in (a) that comes from pooling layers is not there in (b).
    Dashed and black, in (a): drift plus diffusion (:func:`glassnet.theory.drift_null`), where the record has T = 0.

    Args:
        record: Langevin dynamics, all temperatures of one landscape.
        waiting_time: t_w in steps, one that was measured from.

    Raises:
        ValueError: no such waiting time, or a record that cannot be drawn against temperature.
    """
    check(record, waiting_time)
    observable = _merged(mobility(record), 2)
    time = _last_time(observable, waiting_time)
    curves = mean_distributions(observable, waiting_time, time)
    coldest = next((curve for curve in reversed(curves) if curve.n_used), curves[-1])
    layers = [
        mean_distributions(
            _merged(mobility(record, layers=[layer]), _coarseness(n_weights * coldest.n_used)), waiting_time, time
        )[curves.index(coldest)]
        for layer, n_weights in enumerate(record.data["n_layer_weights"].values.tolist())
    ]
    with context():
        figure, (whole, apart) = new_figure(DOUBLE_COLUMN, 2.6, n_panels=2)
        lines = styles(curves)
        for curve in curves:
            line = lines[curve.temperature]
            draw_curve(whole, curve, line, floor=0.0)
            if curve.temperature > 0 and curve.n_used:
                fine = np.geomspace(curve.x[0], curve.x[-1], 600)
                free = _free_density(record, curve.temperature, fine, time)
                whole.plot(fine, free, color=line["color"], **THEORY, zorder=1.5, gid="free")
        null = Null(record, waiting_time, time)
        if (expected := null.at(mobility=True)) is not None:
            draw(whole, mean_distributions(_merged(expected["mobility"], 2), waiting_time, time))
        shades = matplotlib.colormaps["viridis"](np.linspace(0.0, 0.85, len(layers)))
        for layer, (curve, shade) in enumerate(zip(layers, shades, strict=True)):
            kind = _LAYER_LINES[layer % len(_LAYER_LINES)]
            look = {"color": shade, "linestyle": kind}
            if layer == len(layers) - 1:
                look = {"color": "black", "linestyle": "-", "marker": "o", "markersize": 2.5}
            apart.plot(curve.x, curve.mean, **look, linewidth=1.0, label=record.ensemble.network.layer_names[layer])
        for axes, drawn in ((whole, curves), (apart, layers)):
            set_log(axes, "x", log_limits(*(_where_seen(curve) for curve in drawn), pad=0.02))
            axes.set_ylim(0.0, 1.08 * max((float(curve.mean.max(initial=0.0)) for curve in drawn), default=0.0) or 1.0)
            axes.set_xlabel(r"$|\Delta w|$")
        whole.set_ylabel("density (per decade)")
        apart.set_title(f"(b) layers at $T=${power(coldest.temperature)}", loc="left")
        apart.legend(loc="upper left", handlelength=2.2, fontsize=7.5, labelspacing=0.2, borderaxespad=0.3)
        add_conditions(apart, rf"$t={power(time)[1:-1]}$, {conditions(curves, None, waiting_time)}")
        _say_unmoved(whole, record, waiting_time, time)
        add_legend(figure, curves, theory="free\nBrownian", others=null.finish(figure))
    return figure


def draw_pooled_mobility(record: Record, *, waiting_time: int) -> Figure:
    """Distribution of log |dw| as the paper draws it (Figs. 7d-f and A8): all replicas and layers pooled.

    Counts of all weights of the surviving replicas at the last of the sparser save times, in 100 bins from the smallest
    to the largest |dw| on a logarithmic axis, each curve over its largest count; weights that did not move are left
    out. Where the displacements were kept whole at that time they are counted themselves, and else the record's bins,
    20 a decade. Dashed and black: drift plus diffusion (:func:`glassnet.theory.drift_null`), pooled likewise, where the
    record has T = 0. A peak that one network alone has, or one layer, shows here too: :func:`draw_mobility` keeps them
    apart.

    Args:
        record: Langevin dynamics, all temperatures of one landscape.
        waiting_time: t_w in steps, one that was measured from.

    Raises:
        ValueError: as :func:`draw_mobility`.
    """
    check(record, waiting_time)
    observable = mobility(record)
    time = _last_time(observable, waiting_time)
    curves = mean_distributions(observable, waiting_time, time)
    with context():
        figure, (axes,) = new_figure(SINGLE_COLUMN, 2.8)
        lines, seen = styles(curves), []
        for curve in curves:
            x, counts = _pooled(record, curve, waiting_time, time)
            if counts.max(initial=0.0) > 0:
                axes.plot(
                    x, counts / counts.max(), color=lines[curve.temperature]["color"], linewidth=1.0, gid="pooled"
                )
                seen.append(x[counts > 0.003 * counts.max()])
        null = Null(record, waiting_time, time)
        if (expected := null.at(mobility=True)) is not None:
            found = mean_distributions(expected["mobility"], waiting_time, time)
            draw(axes, [replace(one, mean=one.mean / one.mean.max(initial=1e-300)) for one in found])
        set_log(axes, "x", log_limits(*seen, pad=0.02))
        axes.set_ylim(0.0, 1.08)
        axes.set_xlabel(r"$|\Delta w|$")
        axes.set_ylabel("pooled counts over their largest")
        axes.set_title(rf"$t=${power(time)}, {conditions(curves, None, waiting_time)}", loc="right", color=GREY)
        add_legend(figure, curves, others=null.finish(figure), bands=False)
    return figure


def _pooled(record: Record, curve: Curve, waiting_time: int, time: int) -> tuple[Floats, Floats]:
    """Centres of bins and counts of log |dw| of all weights of one temperature's replicas that are not lost by then."""
    data = record.data.sel(waiting_time=waiting_time)
    gone = (data["lost_at"].values >= 0) & (data["lost_at"].values <= waiting_time + time)
    members = np.flatnonzero((data["temperature"].values == curve.temperature) & ~gone)
    moved = np.empty(0)
    if time in data["snapshot_time"].values:
        moved = np.abs(data["displacement"].sel(snapshot_time=time).values[members]).astype(np.float64).ravel()
        moved = np.log10(moved[moved > 0])
    if moved.size and np.isfinite(moved).all():
        counts, edges = np.histogram(moved, bins=_BINS)
        return 10.0 ** ((edges[1:] + edges[:-1]) / 2.0), counts.astype(np.float64)
    return curve.x, np.nan_to_num(curve.mean)


_BINS: Final = 100
"""Numbers of the authors' scripts."""


def _merged(observable: xr.DataArray, n_bins: int) -> xr.DataArray:
    """The distribution over bins ``n_bins`` times as wide: the recorded ones hold too few weights to be drawn."""
    wider: xr.DataArray = observable.coarsen(bin=n_bins).reduce(np.mean)
    centres = observable["displacement"].values.reshape(-1, n_bins)
    return wider.assign_coords(displacement=("bin", np.sqrt(centres[:, 0] * centres[:, -1])))


_LAYER_LINES: Final = ("-", (0, (6, 1.5)), (0, (1, 1)), (0, (5, 1.2, 1, 1.2)))

_COARSER: Final = (2, 4, 5, 10, 13, 20)
"""Divisors of the number of recorded bins, 20 of which are a decade."""


def _coarseness(n_weights: int) -> int:
    """How many bins to merge so that a peak of a decade and a half holds some 20 weights a bin: 22 % of noise."""
    needed = 20 * 30 / max(n_weights, 1)
    return next((n for n in _COARSER if n >= needed), _COARSER[-1])


def _last_time(observable: xr.DataArray, waiting_time: int) -> int:
    """The last of the sparser times at which anything was recorded, else the last."""
    times = observable["time"].values
    if not len(times):
        raise ValueError("record must hold histograms, but none of its times is on the sparser grid, sparse_times")
    seen = observable.sel(waiting_time=waiting_time).notnull().any(["replica", "bin"]).values
    return int(times[np.flatnonzero(seen)[-1]] if seen.any() else times[-1])


def _free_density(record: Record, temperature: float, size: Floats, time: int) -> Floats:
    """Density per decade of |dw| of free Brownian weights: Eq. 5 for both signs, times |dw| ln 10."""
    density = brownian.displacement_density(
        size,
        time,
        temperature=temperature,
        learning_rate=float(record.data["learning_rate"][0]),
        n_samples=record.data.attrs["n_samples"],
    )
    return np.asarray(2.0 * density * size * np.log(10.0))


def _where_seen(curve: Curve) -> Floats:
    """Displacements where the density is above a hundredth of its peak."""
    return np.asarray(curve.x[curve.mean > 0.01 * curve.mean.max(initial=0.0)])


def _say_unmoved(axes: Axes, record: Record, waiting_time: int, time: int) -> None:
    """Say how many weights are outside the panel because they have not moved."""
    below = mobility(record)["share_below"].sel(waiting_time=waiting_time, time=time)
    lines = []
    for temperature in np.unique(below["temperature"].values)[::-1]:
        members = below.values[below["temperature"].values == temperature]
        share = float(np.mean(members[np.isfinite(members)])) if np.isfinite(members).any() else 0.0
        if share >= 0.001:
            lines.append(rf"$T=${power(temperature)}: {100 * share:.1f} % unmoved")
    axes.text(0.03, 0.97, "\n".join(lines), transform=axes.transAxes, va="top", color=GREY, fontsize=7.5)
