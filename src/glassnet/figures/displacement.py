"""Mean square displacement and non-Gaussian parameter against time (Figs. 5a-c and 7a-c)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, cast

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from glassnet.analysis import bowl_mean_square_displacement
from glassnet.figures.curves import Curve, check, mean_curves, used
from glassnet.figures.null import Null, draw
from glassnet.figures.panels import (
    add_conditions,
    add_legend,
    conditions,
    draw_curve,
    draw_mean,
    set_time_axis,
    styles,
)
from glassnet.figures.scales import log_limits, set_log, set_symlog
from glassnet.figures.style import (
    DOUBLE_COLUMN,
    GREY,
    SINGLE_COLUMN,
    THEORY,
    context,
    new_figure,
)
from glassnet.observables import epsilons, mean_square_displacement, non_gaussian
from glassnet.simulate.record import Record
from glassnet.theory import brownian

Floats = NDArray[np.float64]


def draw_mean_square_displacement(record: Record, *, chi: float, waiting_time: int) -> Figure:
    """Mean square displacement at each temperature beside free diffusion, 2 D t (Fig. 5a-c).

    Lines are means over the surviving replicas, bands Student's 95 % intervals over initial conditions. Dashed: 2 D t
    with D = mu T/P_D; dashed-dotted, where the loss has l2: its bowl alone, from its minimum, at the same t_w and t;
    dotted: a slope of 1; horizontal: the epsilon^2 of the overlap at this chi. Dashed and black: drift plus diffusion
    (:func:`glassnet.theory.drift_null`), where the record has T = 0.

    Args:
        record: Langevin dynamics, all temperatures of one landscape.
        chi: whose epsilon is shown, one that was recorded.
        waiting_time: t_w in steps, one that was measured from.

    Raises:
        ValueError: no such chi or waiting time, or a record that cannot be drawn against temperature.
    """
    check(record, waiting_time)
    data = record.data
    msd = mean_square_displacement(record)
    curves = mean_curves(msd, waiting_time)
    epsilon2 = epsilons(record, chi)[used(msd, waiting_time)] ** 2
    with context():
        figure, (axes,) = new_figure(SINGLE_COLUMN, 2.8)
        lines = styles(curves)
        drawn = [epsilon2]
        # Below the panel: a lower end of 0 or less has no place on a logarithmic axis.
        floor = min((curve.mean[curve.mean > 0].min(initial=np.inf) for curve in curves), default=np.inf) / 10
        for curve in curves:
            line = lines[curve.temperature]
            draw_curve(axes, curve, line, floor=floor)
            drawn.append(curve.mean)
            if curve.temperature > 0 and curve.n_used:
                free = brownian.mean_square_displacement(
                    curve.x,
                    temperature=curve.temperature,
                    learning_rate=float(data["learning_rate"][0]),
                    n_samples=data.attrs["n_samples"],
                )
                axes.plot(curve.x, free, color=line["color"], **THEORY, zorder=1.5, gid="free")
                drawn.append(free)
        null = Null(record, waiting_time)
        expected = null.at()
        draw(axes, null.curves(None if expected is None else expected.mean_square_displacement, waiting_time))
        bowl = _draw_bowl(axes, record, curves, used(msd, waiting_time), waiting_time)
        drawn.append(_draw_slope(axes, curves))
        if epsilon2.size:
            _draw_epsilon(axes, float(epsilon2.mean()))
        set_time_axis(axes, record, curves)
        set_log(axes, "y", log_limits(*drawn))
        axes.set_ylabel(r"$\mathrm{MSD}(t)$")
        add_conditions(axes, conditions(curves, chi, waiting_time))
        add_legend(figure, curves, theory="$2Dt$", others=[*bowl, *null.finish(figure)])
    return figure


def _draw_bowl(
    axes: Axes, record: Record, curves: Sequence[Curve], replicas: NDArray[np.int64], waiting_time: int
) -> list[Line2D]:
    """Draw the bowl of l2 alone at each temperature > 0; its entry in the legend."""
    if not np.all(record.data["l2"].values > 0):
        return []
    bowl = bowl_mean_square_displacement(record, waiting_time=waiting_time)[replicas]
    if not np.isfinite(bowl.values).all():  # steps lead out of it
        return []
    look: dict[str, Any] = {"linestyle": "-.", "linewidth": 0.8}
    for curve in curves:
        if curve.temperature > 0 and curve.n_used:
            of_one = bowl[bowl["temperature"].values == curve.temperature].mean("replica").sel(time=curve.x)
            axes.plot(curve.x, of_one, color=styles(curves)[curve.temperature]["color"], zorder=1.5, gid="bowl", **look)
    return [Line2D([], [], color=GREY, label=r"$\lambda$ alone", **look)]


def draw_non_gaussian(record: Record, *, waiting_time: int) -> Figure:
    """Non-Gaussian parameter alpha_2 at each temperature (Fig. 7a-c), of all weights and within layers.

    (a) pools all weights, as the paper does: layers that move unequally far make it positive by themselves. (b) takes
    each layer apart and averages over layers by their number of weights. Lines are means over the surviving replicas,
    bars Student's 95 % intervals, at some of the times only because those of different temperatures would cover each
    other; 95 % of such means for Gaussian displacements lie between the dashed grey lines. Dashed and black: drift plus
    diffusion (:func:`glassnet.theory.drift_null`), where the record has T = 0. The axis is linear between -0.1 and 0.1,
    and as long as the means need: a bar may run out of it.

    Args:
        record: Langevin dynamics, all temperatures of one landscape.
        waiting_time: t_w in steps, one that was measured from.

    Raises:
        ValueError: no such waiting time, or a record that cannot be drawn against temperature.
    """
    check(record, waiting_time)
    pooled = mean_curves(non_gaussian(record), waiting_time)
    within = mean_curves(_within_layers(record, partial(non_gaussian, record)), waiting_time)
    null = Null(record, waiting_time)
    nulls: list[list[Curve]] = [[], []]
    if (expected := null.at()) is not None:
        apart = _within_layers(record, lambda layers: cast(xr.Dataset, null.at(layers=layers))["non_gaussian"])
        nulls = [null.curves(one, waiting_time) for one in (expected["non_gaussian"], apart)]
    noise = _gaussian_range(record, pooled)
    with context():
        figure, panels = new_figure(DOUBLE_COLUMN, 2.6, n_panels=2)
        lines = styles(pooled)
        drawn = [np.array([*noise, -_LINEAR, _LINEAR])]
        for axes, curves, expected_curves in zip(panels, (pooled, within), nulls, strict=True):
            draw(axes, expected_curves)
            for end in noise:
                axes.axhline(end, color=GREY, **THEORY, zorder=0.5, gid="gaussian")
            axes.axhline(0.0, color="black", linewidth=0.5, zorder=0.5)
            for i, curve in enumerate(curves):
                line = lines[curve.temperature]
                draw_mean(axes, curve, line)
                _draw_bars(axes, curve, line["color"], i / len(curves))
                drawn.append(curve.mean)
        every = np.concatenate(drawn)
        for axes in panels:
            set_time_axis(axes, record, pooled)
            set_symlog(axes, "y", (1.6 * float(every.min()), 1.6 * float(every.max())), _LINEAR)
        panels[0].set_ylabel(r"$\alpha_2(t)$, all weights")
        panels[1].set_ylabel(r"$\alpha_2(t)$, within layers")
        add_conditions(panels[1], conditions(pooled, None, waiting_time))
        bar = Line2D([], [], color=GREY, linestyle="", marker="|", markersize=9, label="95 %\ninterval")
        gaussian = Line2D([], [], color=GREY, **THEORY, label="Gaussian,\n95 % inside")
        add_legend(figure, pooled, others=[bar, gaussian, *null.finish(figure)], bands=False)
    return figure


_LINEAR: Final = 0.1
"""Where the axis of alpha_2 changes from linear to logarithmic."""


def _draw_bars(axes: Axes, curve: Curve, colour: Any, shift: float) -> None:
    """Intervals at about three times a curve, in the same share of the gaps between them for each temperature."""
    known = np.flatnonzero(np.isfinite(curve.low))
    stride = max(1, len(known) // 3)
    some = known[int((0.15 + 0.7 * shift) * stride) :: stride]
    low, high = np.maximum(curve.low[some], _LEAST), curve.high[some]
    axes.vlines(curve.x[some], low, high, color=colour, linewidth=0.8, zorder=1.8, gid="interval")


_LEAST: Final = -2 / 3
"""No alpha_2 is below this, since <dw^4> >= <dw^2>^2."""


def _draw_slope(axes: Axes, curves: Sequence[Curve]) -> Floats:
    """A dotted guide of slope 1 over the middle of the times, above all curves; what it spans."""
    seen = [curve for curve in curves if len(curve.x) and curve.mean.max() > 0]
    if not seen:
        return np.empty(0)
    start, end = (np.max([c.x[-1] for c in seen]) ** share for share in (0.25, 0.6))
    top = max(float(np.interp(start, c.x, c.mean)) for c in seen)
    x = np.array([start, end])
    y = 6.0 * top * x / start
    axes.plot(x, y, ":", color=GREY, linewidth=1.1)
    axes.annotate(
        "slope 1",
        (float(np.sqrt(start * end)), float(np.sqrt(y[0] * y[1]))),
        (-3, 2),
        textcoords="offset points",
        ha="right",
        color=GREY,
        fontsize=8,
    )
    return np.asarray(y)


def _draw_epsilon(axes: Axes, epsilon2: float) -> None:
    axes.axhline(epsilon2, color="black", linewidth=0.7, zorder=0.5, gid="epsilon")
    across = axes.get_yaxis_transform()
    axes.annotate(r"$\epsilon^2$", (0.02, epsilon2), (0, 2), xycoords=across, textcoords="offset points", fontsize=9)


def _within_layers(record: Record, alpha: Callable[..., xr.DataArray]) -> xr.DataArray:
    """alpha_2 of each layer by itself, averaged over layers by their number of weights."""
    sizes = record.data["n_layer_weights"].values
    parts = [alpha(layers=[layer]) for layer in range(len(sizes))]
    mean: xr.DataArray = (
        xr.concat(parts, "layer").weighted(xr.DataArray(sizes, dims="layer")).mean("layer", skipna=False)
    )
    return mean


def _gaussian_range(record: Record, curves: Sequence[Curve]) -> tuple[float, float]:
    """95 % range of the mean alpha_2 over n replicas if N displacements in each are Gaussian.

    m_4/m_2^2 does not depend on m_2, so that its moments are those of m_4 over those of m_2^2: exactly
    3 N/(N + 2) and N^2 (9 N + 96)/((N + 2)(N + 4)(N + 6)), a variance of 24/N for large N.
    """
    n = int(record.data["n_layer_weights"].sum())
    n_used = min((curve.n_used for curve in curves if curve.n_used), default=1)
    first = 3.0 * n / (n + 2)
    variance = n**2 * (9.0 * n + 96) / ((n + 2.0) * (n + 4) * (n + 6)) - first**2
    reach = 1.96 * math.sqrt(variance / n_used) / 3.0
    return first / 3.0 - 1.0 - reach, first / 3.0 - 1.0 + reach
