"""Relaxation times against temperature (Fig. 3d-f)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Transform
from numpy.typing import NDArray

from glassnet.analysis import crossover, relaxation_time
from glassnet.analysis.crossover import TWO_REGIMES
from glassnet.analysis.relaxation import BELOW, NOT_REACHED
from glassnet.figures.curves import Curve, by_temperature, check, mean_curves, used
from glassnet.figures.null import LABEL, Null, draw_times, power_of
from glassnet.figures.panels import add_conditions, conditions, say_empty, styles, survivors
from glassnet.figures.scales import log_limits, set_log
from glassnet.figures.style import GREY, SINGLE_COLUMN, THEORY, context, new_figure
from glassnet.observables import epsilons, overlap
from glassnet.simulate.record import Record
from glassnet.theory import brownian

Floats = NDArray[np.float64]
Window = tuple[float, float]


def draw_relaxation_time(record: Record, *, chi: float, waiting_time: int, threshold: float = 0.9) -> Figure:
    """Relaxation time against temperature (Fig. 3d-f): tau_90, or tau at another threshold.

    Filled: geometric mean over replicas; open: of the mean curve, where not every replica has a number; bars are 95 %
    intervals. Small dots are single replicas. Arrows are limits: curves that had not reached the threshold by the last
    save time, or had passed it before the first. The black line with its band is T = 0, dashed is free diffusion,
    dotted a slope of -1; hatched times were not observed. Upright: T*, with an interval that holds those of a sharp and
    of a rounded crossover, where two regimes are seen. Dashed and black: drift plus diffusion
    (:func:`glassnet.theory.drift_null`), where the record has T = 0, interpolated on the sparser save times; below the
    figure from which curvature of the loss on it has power.

    Args:
        record: Langevin dynamics, all temperatures of one landscape.
        chi: sensitivity, one that was recorded.
        waiting_time: t_w in steps, one that was measured from.
        threshold: the Q that defines tau.

    Raises:
        ValueError: as :func:`draw_overlap`, or a threshold that is not between 0 and 1.
    """
    check(record, waiting_time)
    q = overlap(record, chi=chi)
    curves = mean_curves(q, waiting_time)
    found = relaxation_time(q, threshold)
    means = by_temperature(found.drop_dims("replica"), waiting_time)
    single = found["tau"].sel(waiting_time=waiting_time).values
    window = _observed(q, curves)
    warm = np.array([curve.temperature for curve in curves if curve.temperature > 0])
    with context():
        figure, (axes,) = new_figure(SINGLE_COLUMN, 3.0)
        set_log(axes, "x", log_limits(warm, pad=0.1))
        set_log(axes, "y", (window[0] / 3, window[1] * 3))
        _shade_unobserved(axes, window)
        epsilon = epsilons(record, chi)[used(q, waiting_time)]
        if warm.size and epsilon.size:
            _draw_free(axes, record, epsilon, threshold, window)
        null = Null(record, waiting_time)
        expected = null.at(chi) if epsilon.size else None
        nulls = {}
        if expected is not None and null.curves(expected.overlap, waiting_time):
            nulls = draw_times(axes, relaxation_time(expected.overlap, threshold), waiting_time)
        if not epsilon.size:
            say_empty(axes)
        if not warm.size:
            axes.xaxis.set_ticks([], minor=True)
            axes.xaxis.set_ticks([])
        if warm.size and epsilon.size:
            _draw_crossover(axes, found.sel(waiting_time=waiting_time), window)
        lines = styles(curves)
        for curve in curves:
            line = lines[curve.temperature]
            tau = _Tau.of(means.sel(temperature=curve.temperature), window)
            if curve.temperature == 0:
                _draw_zero(axes, tau, line, survivors(curve))
                continue
            own = single[q["temperature"].values == curve.temperature]
            same = np.full(len(own), curve.temperature)
            axes.plot(same, own, ".", ms=3, color=line["color"], alpha=0.6, mew=0, zorder=3, gid="replicas")
            _draw_estimate(axes, curve.temperature, tau, line["color"], axes.transData)
            at = (curve.temperature, tau.stands)
            # Towards the middle, where there is room.
            side, right = ("left", 4) if curve.temperature < np.sqrt(np.prod(axes.get_xlim())) else ("right", -4)
            _write(axes, survivors(curve), at, (right, 4), axes.transData, size=7, side=side)
        axes.set_xlabel("$T$")
        axes.set_ylabel(_name(threshold) + " (steps)")
        entry = null.finish(figure, power_of(nulls, float(record.data["learning_rate"][0])), LABEL)
        figure.legend(
            handles=[*axes.get_legend_handles_labels()[0], *(entry if nulls else [])],
            loc="outside upper center",
            ncols=2,
            handlelength=1.8,
            handletextpad=0.5,
            columnspacing=1.2,
            borderaxespad=0.0,
        )
        add_conditions(axes, conditions(curves, chi, waiting_time))
        if np.isfinite(means["low"]).any():
            axes.set_title("95 % intervals", loc="left", color=GREY)
    return figure


@dataclass(frozen=True)
class _Tau:
    """The estimate of tau at one temperature.

    Args:
        value: NaN where there is no number.
        low: lower end of its interval, NaN without one.
        high: upper end.
        complete: whether every replica has a number, so that ``value`` is their mean.
        outcome: of the mean curve.
        stands: where it is drawn: ``value``, or the end of the observed times that it lies beyond; the middle of
            these where nothing is known.
        beyond: how far the arrow of a limit reaches.
    """

    value: float
    low: float
    high: float
    complete: bool
    outcome: str
    stands: float
    beyond: float

    @classmethod
    def of(cls, group: Any, window: Window) -> _Tau:
        value, low, high = (float(group[name]) for name in ("estimate", "low", "high"))
        outcome = str(group["outcome_of_mean"].values)
        limits = {BELOW: (window[0], window[0] / 2.2), NOT_REACHED: (window[1], window[1] * 2.2)}
        middle = float(np.sqrt(window[0] * window[1]))
        stands, beyond = (value, value) if np.isfinite(value) else limits.get(outcome, (middle, middle))
        complete = str(group["estimate_of"].values) == "geometric mean"
        return cls(value, low, high, complete, outcome, stands, beyond)

    @property
    def known(self) -> bool:
        """Whether there is a number or a limit; not if all replicas were lost."""
        return bool(np.isfinite(self.value)) or self.outcome in (BELOW, NOT_REACHED)


def _draw_estimate(axes: Axes, x: float, tau: _Tau, colour: Any, where: Transform) -> None:
    """A number with its interval, or a limit: an open circle with an arrow to the side where tau lies."""
    if not tau.known:
        return
    full = np.isfinite(tau.value) and tau.complete
    axes.plot(
        x,
        tau.stands,
        "o",
        ms=4.5,
        color=colour,
        mfc=colour if full else "white",
        mew=0.9,
        zorder=4,
        transform=where,
        gid="estimate" if np.isfinite(tau.value) else tau.outcome,
    )
    if not np.isfinite(tau.value):
        arrow = {"arrowstyle": "-|>,head_width=0.18,head_length=0.35", "shrinkA": 2.2, "shrinkB": 0}
        look = {**arrow, "color": colour, "linewidth": 0.9}
        axes.annotate("", (x, tau.beyond), (x, tau.stands), where, where, arrowprops=look, zorder=4)
    elif np.isfinite(tau.low):
        low, high = np.clip((tau.low, tau.high), *axes.get_ylim())
        bar = [[tau.value - low], [high - tau.value]]
        axes.errorbar(x, tau.value, bar, fmt="none", ecolor=colour, elinewidth=1.1, zorder=3.5)


def _draw_zero(axes: Axes, tau: _Tau, line: dict[str, Any], note: str) -> None:
    """A line across for a number, its band, or a limit at the left end of the axis."""
    if np.isfinite(tau.value):
        axes.axhline(tau.value, **line, linewidth=1.1, label=f"$T=0$ {note}".strip(), zorder=2, gid="zero")
        if np.isfinite(tau.low):
            low, high = np.clip((tau.low, tau.high), *axes.get_ylim())
            axes.axhspan(low, high, color=line["color"], alpha=0.13, linewidth=0, zorder=0.8)
    else:
        across = axes.get_yaxis_transform()
        _draw_estimate(axes, _ZERO, tau, line["color"], across)
        # On the side where the arrow does not go: on its other sides stand limits of the coldest T > 0.
        away, level = (-5, "top") if tau.beyond > tau.stands else (5, "bottom")
        text = f"$T=0$ {note}".strip()
        _write(axes, text, (_ZERO, tau.stands), (-6, away), across, size=8, colour="black", level=level)


_ZERO: Final = 0.05
"""Where on the temperature axis, as a share of its length, a limit at T = 0 stands."""


def _draw_free(axes: Axes, record: Record, epsilon: Floats, threshold: float, window: Window) -> None:
    """tau of free diffusion, and beside it a guide of the same slope, -1."""

    def free(temperature: Floats | float) -> Floats:
        tau = brownian.relaxation_time(
            threshold,
            epsilon=epsilon[:, None],
            temperature=temperature,
            learning_rate=float(record.data["learning_rate"][0]),
            n_samples=record.data.attrs["n_samples"],
        )
        return np.asarray(tau.mean(axis=0))

    warm = np.geomspace(*axes.get_xlim(), 50)
    axes.plot(warm, free(warm), color=GREY, **THEORY, label="free Brownian", zorder=1.5, gid="free")
    low, high = axes.get_xlim()
    middle = float(np.clip(free(1.0)[0] / np.sqrt(window[0] * window[1]), low * 1.5, high / 1.5))
    guide = np.array([middle / 3, middle * 3])
    axes.plot(guide, 5 * free(guide), ":", color=GREY, linewidth=1.1, label="slope $-1$", zorder=1.5, gid="slope")


def _draw_crossover(axes: Axes, tau: xr.Dataset, window: Window) -> None:
    """T* with its interval, if two regimes are seen."""
    fit = crossover(tau, shape="either")
    if fit.outcome != TWO_REGIMES:
        return
    star = fit.temperature
    low, value, high = np.clip((star.low, star.value, star.high), *axes.get_xlim()).tolist()
    axes.axvline(value, color=GREY, linewidth=0.9, zorder=1, gid="crossover")
    axes.axvspan(low, high, color=GREY, alpha=0.15, linewidth=0, zorder=0.7)
    side, away = ("left", 2) if high < axes.get_xlim()[1] else ("right", -2)
    _write(axes, "$T^*$", (high, window[0]), (away, 2), axes.transData, size=8, side=side)


def _shade_unobserved(axes: Axes, window: Window) -> None:
    bottom, top = axes.get_ylim()
    across = axes.get_yaxis_transform()
    for low, high, text in (
        (bottom, window[0], "below the first save time"),
        (window[1], top, "not reached"),
    ):
        axes.axhspan(low, high, facecolor="none", edgecolor="0.88", hatch="////", linewidth=0, zorder=0.1)
        x, side = (0.03, "left") if low == bottom else (0.97, "right")
        _write(axes, text, (x, float(np.sqrt(low * high))), (0, 0), across, size=7.5, side=side, level="center")


def _write(
    axes: Axes,
    text: str,
    at: tuple[float, float],
    offset: tuple[float, float],
    where: Transform,
    *,
    size: float,
    colour: str = GREY,
    side: str = "left",
    level: str = "bottom",
) -> None:
    """A label ``offset`` points from a place in the coordinates of ``where``."""
    axes.annotate(
        text,
        at,
        offset,
        xycoords=where,
        textcoords="offset points",
        fontsize=size,
        color=colour,
        ha=side,
        va=level,
    )


def _observed(q: xr.DataArray, curves: Sequence[Curve]) -> Window:
    """First and last save time of the measurement; those asked for if nothing survived."""
    times = q["time"].values[q["time"].values > 0]
    seen = [curve.x[i] for curve in curves for i in (0, -1) if len(curve.x)] or [times[0], times[-1]]
    return float(min(seen)), float(max(seen))


def _name(threshold: float) -> str:
    if np.isclose(threshold, np.exp(-1)):
        return r"$\tau_e$"
    return rf"$\tau_{{{100 * threshold:.4g}}}$"
