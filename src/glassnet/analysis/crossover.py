"""Where noise gives way to the landscape: the kink of the relaxation time against temperature (Fig. 3d-f)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.optimize import least_squares

from glassnet import _check
from glassnet.analysis.groups import origins
from glassnet.analysis.intervals import Floats
from glassnet.analysis.lines import fit_line
from glassnet.analysis.measured import Mask, Measured, jackknife, measured, unknown
from glassnet.analysis.relaxation import LOST

Shape = Literal["sharp", "rounded", "either"]

TWO_REGIMES: Final = "two regimes"
NO_PLATEAU: Final = "bends without a plateau"
NOISE_ONLY: Final = "one regime only: noise-dominated"
LANDSCAPE_ONLY: Final = "one regime only: landscape-dominated"
NOT_DECIDED: Final = "not decided"
TOO_FEW: Final = "too few temperatures"

_LEAST_BEND: Final = np.log(1.5)
_FLAT: Final = 0.25


@dataclass(frozen=True)
class Crossover:
    """The two regimes of tau(T), of which tau_0 max(1, T/T*)^slope is the sharp form.

    Args:
        temperature: T*. Where only one regime is seen, the bound that follows: below the lowest temperature (low 0),
            or above the highest (high infinite), without a value.
        plateau: tau_0 in steps, at T < T*.
        slope: d log tau/d log T above T*; of all temperatures where only one regime is seen.
        cold_slope: the same below T*, NaN with fewer than two temperatures > 0 there.
        bend: log of how far tau at the lowest temperature > 0 lies below the hot power law continued.
        residual: root mean square of log tau about the fit.
        used: temperatures in the fit.
        left_out: the others, and why.
        outcome: "two regimes"; "bends without a plateau"; "one regime only: noise-dominated" or
            "landscape-dominated"; "not decided"; "too few temperatures".
    """

    temperature: Measured
    plateau: Measured
    slope: Measured
    cold_slope: Measured
    bend: Measured
    residual: float
    used: tuple[float, ...]
    left_out: dict[float, str]
    outcome: str


def crossover(tau: xr.Dataset, *, shape: Shape = "sharp", shortest: float = 3.0) -> Crossover:
    r"""The crossover temperature T* by a continuous two-regime fit of log tau against log T (Fig. 3d, e).

    tau(T) = tau_0 for T <= T*, tau_0 (T/T*)^slope above, by least squares on the geometric mean over replicas at
    each temperature, each counting once; the slope is free (a claim says -1). T = 0 counts as cold. At least two
    temperatures must lie on each side. The intervals leave out one initial condition at all temperatures together
    (Student's t).

    A real crossover is rounded. ``shape="rounded"`` fits tau_0/(1 + (T/T*)^-slope) in place of it, where noise and
    landscape add their rates. The sharp fit of such a curve finds T* up to a factor 2.5 too low with temperatures at 1
    and 3 x 10^n: compare T* only between fits of one shape, or take ``shape="either"``, the fit whose residual is the
    smaller one, whose intervals of T* and slope are widened to hold those of the other shape too. The intervals cover
    89 to 98 % for both shapes, each on its own curves, with 3 to 30 initial conditions and T* between temperatures or
    at one. Sharp kinks at a temperature that was run, at another T* in each initial condition, have a rounded mean:
    with T* spread by 20 % the sharp fit's interval covers 91 % at 6, 87 % at 10 and 74 % at 16.

    A temperature enters with complete numbers only: if any replica that was not lost is "below the first save
    time" or "not reached", or the mean is shorter than ``shortest``, it is left out and named.

    There are two regimes where the coldest tau lies below the continued hot power law by more than a factor 1.5,
    with its interval above 1, and the slope of the cold side, if it has one, is flat (within 0.25 of 0, or its
    interval holds 0). One initial condition alone decides nothing.

    Args:
        tau: what :func:`glassnet.relaxation_time` found, at one waiting time and chi, for several temperatures.
        shape: "sharp", "rounded", or "either".
        shortest: steps; a relaxation within fewer is not resolved by discrete steps.

    Raises:
        TypeError: no dataset.
        ValueError: an unknown shape, ``shortest`` not finite and >= 0, no temperatures, several waiting times or chi,
            or temperatures or times that are none.

    Examples:
        >>> import glassnet as gn
        >>> landscape = gn.Landscape(gn.Mlp(4, 6, 2), gn.random_dataset(60, 4), gn.QuadraticHinge(l2=1e-2))
        >>> start = gn.Ensemble.random(landscape.network, n_replicas=4).repeat(noise=range(4))
        >>> langevin = gn.Langevin([1e-2] * 4 + [1e-3] * 4 + [1e-4] * 4 + [0.0] * 4, learning_rate=1e-3)
        >>> record = gn.measure(start, landscape, langevin, times=gn.log_times(1_000), chi=[50])
        >>> tau = gn.relaxation_time(gn.overlap(record, chi=50)).sel(waiting_time=0)
        >>> kink = gn.analysis.crossover(tau)
        >>> print(kink.outcome, f"T* = {kink.temperature.value:.1g}")
        two regimes T* = 0.0005
    """
    if shape not in get_args(Shape):
        raise ValueError(f"shape must be one of 'sharp', 'rounded', 'either', but got {shape!r}")
    if shape == "either":
        return _either(crossover(tau, shortest=shortest), crossover(tau, shape="rounded", shortest=shortest))
    _check.number("shortest", shortest, positive=False)
    temperature, log_tau, origin, left_out = _usable(tau, shortest)
    used = tuple(np.unique(temperature).tolist())
    nothing = unknown(len(np.unique(origin)))
    warm = np.array([one for one in used if one > 0])

    def curve(kept: Mask) -> Floats:
        groups = [log_tau[kept & (temperature == one)] for one in used]
        return np.array([group.mean() if len(group) else np.nan for group in groups])

    with np.errstate(divide="ignore"):
        x = np.log(np.array(used))
    whole = curve(np.ones(len(origin), dtype=np.bool_))
    hot = _best_split(x, whole)
    if hot is None:
        return Crossover(nothing, nothing, nothing, nothing, nothing, np.nan, used, left_out, TOO_FEW)

    def parameters(kept: Mask) -> Floats:
        y = curve(kept)
        if np.isnan(y).any():
            return np.full(6, np.nan)
        kink, level, hot_slope = _FITS[shape](x, y)
        far_slope, far = fit_line(x[hot], y[hot])
        cold = ~hot & np.isfinite(x)
        coldest = int(np.flatnonzero(np.isfinite(x))[0])
        bend = far + far_slope * x[coldest] - y[coldest]
        flat = fit_line(x[cold], y[cold])[0]
        return np.array([kink, level, hot_slope, bend, flat, fit_line(x[np.isfinite(x)], y[np.isfinite(x)])[0]])

    kink, level, hot_slope, bend, flat, single = measured(jackknife(parameters, origin))
    at_kink = kink.exp()
    fitted = _MODELS[shape](x, kink.value, level.value, hot_slope.value)
    outcome = _outcome(bend, flat, single)
    ends = {NOISE_ONLY: Measured(np.nan, 0.0, float(warm[0]), kink.n_origins)}
    ends[LANDSCAPE_ONLY] = Measured(np.nan, float(warm[-1]), np.inf, kink.n_origins)
    one = outcome in ends
    return Crossover(
        temperature=ends.get(outcome, at_kink),
        plateau=nothing if outcome == NOISE_ONLY else level.exp(),
        slope=single if one else hot_slope,
        cold_slope=flat,
        bend=bend,
        residual=float(np.sqrt(np.mean((whole - fitted) ** 2))),
        used=used,
        left_out=left_out,
        outcome=outcome,
    )


def _either(*fits: Crossover) -> Crossover:
    near = min(fits, key=lambda fit: fit.residual)
    slope = near.slope.holding(fit.slope for fit in fits)
    return replace(near, slope=slope, temperature=near.temperature.holding(fit.temperature for fit in fits))


def _outcome(bend: Measured, flat: Measured, single: Measured) -> str:
    if bend.value > _LEAST_BEND and bend.low > 0.0:
        level = np.isnan(flat.value) or abs(flat.value) <= _FLAT or (flat.low <= 0.0 <= flat.high)
        return TWO_REGIMES if level else NO_PLATEAU
    if not bend.high > _LEAST_BEND or not bend.excludes(0.0):
        if single.within(-np.inf, -0.5):
            return NOISE_ONLY
        if single.within(-0.5, 0.5):
            return LANDSCAPE_ONLY
    return NOT_DECIDED


def _usable(tau: xr.Dataset, shortest: float) -> tuple[Floats, Floats, NDArray[np.int64], dict[float, str]]:
    """Temperature, log tau and origin of the replicas in the fit, and which temperatures are not."""
    _check.same_kind("tau", tau, xr.Dataset)
    if "tau" not in tau or "outcome" not in tau:
        raise ValueError(f"tau must be what relaxation_time returns, but got {list(tau.data_vars)}")
    found = tau[["tau", "outcome"]]
    found = found.squeeze([d for d, n in found.sizes.items() if d != "replica" and n == 1], drop=True)
    if found["tau"].dims != ("replica",):
        raise ValueError(f"tau must be of one waiting time and chi, but has {dict(found['tau'].sizes)}: pick with sel")
    name = "replica_temperature" if "replica_temperature" in tau.coords else "temperature"
    if name not in found.coords or found[name].dims not in ((), ("replica",)):
        raise ValueError("tau must be of replicas at several temperatures, but has none")
    temperature = np.broadcast_to(np.asarray(found[name].values, dtype=np.float64), found["tau"].shape)
    if not np.all((temperature >= 0) & np.isfinite(temperature)):
        raise ValueError(f"{name} must be finite and >= 0, but got {np.unique(temperature).tolist()}")
    wrong = found["tau"].values[(found["tau"].values <= 0) | np.isinf(found["tau"].values)]
    if len(wrong):
        raise ValueError(f"tau must be finite and > 0, or NaN where there is none, but got {wrong[0]:g}")
    alive = np.asarray(found["outcome"].values != LOST)
    values, outcome, origin = found["tau"].values, found["outcome"].values, origins(found["tau"])
    left_out: dict[float, str] = {}
    for one in np.unique(temperature):
        here = alive & (temperature == one)
        if not here.any():
            left_out[float(one)] = "every replica lost"
        elif np.isnan(values[here]).any():
            censored = sorted({str(o) for o in outcome[here & np.isnan(values)]})
            left_out[float(one)] = f"{int(np.isnan(values[here]).sum())} of {int(here.sum())} {', '.join(censored)}"
        elif np.exp(np.log(values[here]).mean()) < shortest:
            left_out[float(one)] = f"shorter than {shortest:g} steps"
    used = alive & ~np.isin(temperature, list(left_out))
    return temperature[used], np.log(values[used]), origin[used], left_out


def _splits(x: Floats) -> list[int]:
    """Where the hot side may begin in x (increasing; -inf is T = 0): two points on each side, two different hot x."""
    return [k for k in range(2, len(x) - 1) if np.isfinite(x[k - 1])]


def _fit(x: Floats, y: Floats) -> tuple[float, float, float]:
    """log T*, log tau_0 and slope of the best of all splits; NaN without any."""
    best = (np.inf, np.nan, np.nan, np.nan)
    for k in _splits(x):
        for kink, level, slope in _candidates(x, y, k):
            off = y - _sharp(x, kink, level, slope)
            best = min(best, (float(off @ off), kink, level, slope), key=lambda one: one[0])
    return best[1:]


def _candidates(x: Floats, y: Floats, k: int) -> list[tuple[float, float, float]]:
    """The least-squares fits whose hot side begins at x[k]: the free one if its kink lies in the gap, else at its ends.

    With the sides fixed, level and line are fitted independently and meet at the kink; where that lies outside the
    gap between x[k-1] and x[k], the best kink inside is at one end of it.
    """
    level = float(y[:k].mean())
    slope, intercept = fit_line(x[k:], y[k:])
    kink = (level - intercept) / slope if slope != 0.0 else np.inf
    if x[k - 1] <= kink < x[k]:
        return [(kink, level, slope)]
    fits = []
    for end in (x[k - 1], x[k]):
        tilt, base = fit_line(np.maximum(0.0, x - end), y)
        if end < x[-2]:
            fits.append((float(end), base, tilt))
    return fits


def _sharp(x: Floats, kink: float, level: float, slope: float) -> Floats:
    return np.asarray(level + slope * np.maximum(0.0, x - kink))


def _rounded(x: Floats, kink: float, level: float, slope: float) -> Floats:
    if np.isnan(kink):
        return np.full_like(x, np.nan)
    return np.asarray(level - np.logaddexp(0.0, -slope * (x - kink)))


def _fit_rounded(x: Floats, y: Floats) -> tuple[float, float, float]:
    """The same three numbers of the rounded form, from the sharp ones as a start."""
    start = np.array(_fit(x, y))
    if not (np.isfinite(start).all() and start[2] < 0.0):
        return np.nan, np.nan, np.nan

    def off(parameters: Floats) -> Floats:
        kink, level, slope = parameters.tolist()
        return _rounded(x, kink, level, slope) - y

    kink, level, slope = least_squares(off, start, x_scale=[1.0, 1.0, 0.1]).x.tolist()
    return kink, level, slope


_FITS: Final = {"sharp": _fit, "rounded": _fit_rounded}
_MODELS: Final = {"sharp": _sharp, "rounded": _rounded}


def _best_split(x: Floats, y: Floats) -> Mask | None:
    """Which points are hot in the best fit."""
    if not _splits(x):
        return None
    kink = _fit(x, y)[0]
    return None if np.isnan(kink) else np.asarray(x > kink + 1e-12)
