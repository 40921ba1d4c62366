"""The distribution of how far single weights have moved (Fig. 7d-f)."""

from __future__ import annotations

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
from glassnet.figures.style import DOUBLE_COLUMN, GREY, THEORY, context, new_figure
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
