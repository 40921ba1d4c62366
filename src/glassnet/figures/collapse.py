"""Overlap against rescaled time, and what is left of it at the end (Figs. 4 and A6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.special import erfinv

from glassnet.analysis import bowl_limit, long_time_level, relaxation_time
from glassnet.analysis.plateau import STATIONARY
from glassnet.figures.curves import Curve, by_temperature, check, mean_curves, used
from glassnet.figures.null import Null, draw, draw_points
from glassnet.figures.panels import (
    add_conditions,
    add_legend,
    conditions,
    draw_mean,
    say_empty,
    styles,
)
from glassnet.figures.scales import log_limits, set_log
from glassnet.figures.style import DOUBLE_COLUMN, GREY, THEORY, context, new_figure
from glassnet.observables import epsilons, overlap
from glassnet.simulate.record import Record
from glassnet.theory import brownian, quadratic_well


def draw_collapse(record: Record, *, chi: float, waiting_time: int, exponent: float | None = None) -> Figure:
    """(a) Q against t over tau_e, which exists where the mean curve reaches 1/e; (b) the last Q against T (Fig. 4).

    (a) Dashed: free diffusion alone, whose slope over t/tau_e from 1 to 1000 is -0.497; dotted: a power law with
    ``exponent``. Dashed and black, in both: drift plus diffusion (:func:`glassnet.theory.drift_null`) over its own
    tau_e, and at the last time, where the record has T = 0.
    (b) Q at the last time, or at the last at which drift plus diffusion is known. Bars are 95 % intervals; filled:
    stationary over the last factor 3 of time, as Q_inf is, else hollow; dotted: ``exponent``. Where the loss has l2,
    dashed: a bowl of l2 alone at the same waiting time and time, from its minimum; crosses: Eq. G1, its limit for the
    weights at t_w.

    Args:
        record: Langevin dynamics, all temperatures of one landscape.
        chi: sensitivity of the overlap, one that was recorded.
        waiting_time: t_w in steps, one that was measured from.
        exponent: of a guide to the eye, the paper's for example; None for no guide.

    Raises:
        ValueError: as :func:`draw_overlap`.
    """
    check(record, waiting_time)
    q = overlap(record, chi=chi)
    curves = mean_curves(q, waiting_time)
    means = by_temperature(relaxation_time(q, float(np.exp(-1))).drop_dims("replica"), waiting_time)
    tau = {curve.temperature: float(means.sel(temperature=curve.temperature)["tau_of_mean"]) for curve in curves}
    with context():
        figure, (scaled, left_over) = new_figure(DOUBLE_COLUMN, 2.7, n_panels=2)
        lines = styles(curves)
        seen = []
        for curve in curves:
            if np.isfinite(tau[curve.temperature]):
                x = curve.x / tau[curve.temperature]
                moved = Curve(curve.temperature, x, curve.mean, curve.low, curve.high, curve.n_used, curve.n_lost)
                draw_mean(scaled, moved, lines[curve.temperature])
                seen.append(x)
        null = Null(record, waiting_time)
        expected = null.at(chi)
        nulls = null.curves(None if expected is None else expected["overlap"], waiting_time)
        draw(scaled, [_scaled(curve) for curve in nulls])
        _draw_master(scaled, seen, exponent)
        last = max((curve.x[-1] for curve in nulls), default=np.inf)
        ends = [_until(curve, last) for curve in curves]
        _draw_left_over(left_over, record, ends, lines, used(q, waiting_time), chi, waiting_time, exponent)
        draw_points(left_over, {curve.temperature: curve.mean[-1] for curve in nulls if curve.x[-1] == last})
        add_conditions(left_over, conditions(curves, chi, waiting_time))
        limits = [line for line in left_over.lines if line.get_gid() == "G1"]
        add_legend(figure, curves, theory="null", others=[*limits, *null.finish(figure)], bands=False)
    return figure


def _scaled(curve: Curve) -> Curve:
    """A mean curve against t over its own tau_e; empty where it does not get there."""
    below = np.flatnonzero(curve.mean <= np.exp(-1))
    if not below.size or below[0] == 0:
        return replace(curve, x=curve.x[:0], mean=curve.mean[:0])
    around = slice(below[0] - 1, below[0] + 1)
    tau = np.exp(np.interp(-np.exp(-1), -curve.mean[around], np.log(curve.x[around])))
    return replace(curve, x=curve.x / tau)


def _until(curve: Curve, last: float) -> Curve:
    """A curve to the last time at which the null is known."""
    kept = curve.x <= last
    return replace(curve, x=curve.x[kept], mean=curve.mean[kept], low=curve.low[kept], high=curve.high[kept])


def _draw_master(axes: Axes, seen: Sequence[NDArray[Any]], exponent: float | None) -> None:
    if not seen:
        say_empty(axes)
    limits = log_limits(*seen, 1.0, pad=0.02)
    x = np.geomspace(*limits, 200)
    # Free diffusion on the same scale: erf(a/sqrt(t)) with 1/e at t = 1.
    free = brownian.overlap(x, epsilon=_REACH, temperature=1.0, learning_rate=0.5, n_samples=1.0)
    axes.plot(x, free, color=GREY, **THEORY, zorder=3, gid="free")
    set_log(axes, "x", limits)
    if exponent is not None:
        guide = np.array([1.0, max(10.0, limits[1] / 2)])
        axes.plot(guide, 0.6 * guide**exponent, ":", color="tab:red", linewidth=1.2, gid="paper")
        # Where no curve goes: all have decayed by 1.
        look: dict[str, Any] = {"color": "tab:red", "size": 8, "ha": "right", "va": "top"}
        axes.annotate(f"${exponent:g}$, paper", (0.97, 0.92), xycoords="axes fraction", **look)
    set_log(axes, "y", (0.8 * min(float(free[-1]), 0.3), 1.3))
    axes.set_xlabel(r"$t/\tau_e$")
    axes.set_ylabel("$Q$")


_REACH: Final = float(np.sqrt(2.0) * erfinv(np.exp(-1.0)))
"""Epsilon at which free weights with <dw^2> = t have Q(1) = 1/e: sqrt(2) erfinv(1/e)."""


def _draw_left_over(
    axes: Axes,
    record: Record,
    curves: Sequence[Curve],
    lines: dict[float, dict[str, Any]],
    replicas: NDArray[np.int64],
    chi: float,
    waiting_time: int,
    exponent: float | None,
) -> None:
    warm = [curve for curve in curves if curve.temperature > 0 and len(curve.x)]
    if not warm:
        say_empty(axes)
        return
    found = long_time_level(overlap(record, chi=chi).sel(waiting_time=waiting_time))
    at_rest = found["temperature"].values[found["outcome"].values == STATIONARY]
    for curve in warm:
        colour, rests = lines[curve.temperature]["color"], curve.temperature in at_rest
        look: dict[str, Any] = {"color": colour, "gid": STATIONARY} if rests else {"color": colour, "mfc": "white"}
        axes.vlines(curve.temperature, max(curve.low[-1], 1e-6), min(curve.high[-1], 1.0), color=colour, linewidth=0.9)
        axes.plot(curve.temperature, curve.mean[-1], "o", markersize=3.5, **look)
    t = np.array([curve.temperature for curve in warm])
    q = np.array([curve.mean[-1] for curve in warm])
    limits = log_limits(t, pad=0.1)
    seen = [q]
    if exponent is not None:
        axes.plot(t, q[0] * (t / t[0]) ** exponent, ":", color="tab:red", linewidth=1.2, gid="paper")
    l2 = float(record.data["l2"][0])
    if l2 > 0:
        x = np.geomspace(*limits, 100)
        bowl = quadratic_well.overlap(
            float(warm[0].x[-1]),
            epsilon=epsilons(record, chi)[replicas, None],
            stiffness=l2,
            temperature=x,
            learning_rate=float(record.data["learning_rate"][0]),
            n_samples=record.data.attrs["n_samples"],
            initial_offset=0.0,
            waiting_time=float(waiting_time),
        )
        axes.plot(x, bowl.mean(axis=0), color=GREY, **THEORY, gid="bowl")
        limit = bowl_limit(record, chi=chi, waiting_time=waiting_time)[replicas].groupby("temperature").mean()
        limit = limit.where((limit["temperature"] > 0) & (limit > 0), drop=True)
        if limit.size:
            cross: dict[str, Any] = {"linestyle": "", "marker": "x", "markersize": 4.0}
            axes.plot(limit["temperature"], limit, color=GREY, gid="G1", label="Eq. G1", **cross)
            seen.append(limit.values)
    set_log(axes, "x", limits)
    low, _ = log_limits(*seen, pad=0.1)
    set_log(axes, "y", (low / 1.5, 1.3))
    axes.set_xlabel("$T$")
    axes.set_ylabel(f"$Q(t={warm[0].x[-1]:g})$")
