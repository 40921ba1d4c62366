"""Time-temperature superposition: do curves of all temperatures collapse when time is rescaled by tau (Figs. 4, A6)?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

import numpy as np
import xarray as xr
from scipy.special import erf, erfinv

from glassnet.analysis.intervals import Floats
from glassnet.analysis.lines import slope, spacing
from glassnet.analysis.measured import Mask, Measured, Row, jackknife, measured, table, unknown
from glassnet.analysis.relaxation import first_crossing
from glassnet.analysis.replicas import Replicas

Master = Literal["hottest", "free"]
Range = tuple[float, float]

COLLAPSES: Final = "collapses"
DOES_NOT_COLLAPSE: Final = "does not collapse"
NOT_DECIDED: Final = "not decided"
TOO_FEW: Final = "too few temperatures"

STAYS: Final = "on the master curve"
LEFT_ABOVE: Final = "left above"
LEFT_BELOW: Final = "left below"
IS_MASTER: Final = "is the master curve"
NO_TAU: Final = "no relaxation time"

EXCLUDES_FREE: Final = "excludes free diffusion"
LIKE_FREE: Final = "compatible with free diffusion"
TOO_SHORT: Final = "less than a decade"

_PER_DECADE: Final = 20
_PERSISTS: Final = 3
"""Grid points, 0.15 decades, that a curve must be off the master at its end to have left it."""


def collapse(
    q: xr.DataArray,
    *,
    threshold: float = float(np.exp(-1)),
    between: Range = (0.1, 10.0),
    tolerance: float = 0.1,
    shortest: float = 3.0,
    master: Master = "hottest",
) -> xr.Dataset:
    r"""How well Q(t/tau) of all temperatures falls on one curve, and where each temperature leaves it (Fig. 4a).

    The mean curve of each temperature is taken against x = t/tau, tau being where it passes ``threshold``, and log Q
    is compared with log Q of the master curve at 20 points a decade of x. The master is the hottest curve whose tau is
    at least ``shortest`` steps, or (``master="free"``) that of free diffusion, erf(erfinv(threshold)/sqrt(x)), which
    has no free parameter.

    ``spread`` is the root mean square of that difference of log Q over ``between``, the temperatures counting alike;
    ``spread_unscaled`` the same with every curve at its own time in place of t/tau (one tau for all: the geometric
    mean). A curve has left at the last x > 1 where it is within ``tolerance`` or within the error of that
    difference (95 %), if at least 0.15 decades follow. Near Q = 1 all curves agree: what is below the threshold counts.

    Args:
        q: overlap ``(replica, time)`` at one waiting time and chi, several temperatures.
        threshold: defines tau; 1/e as in Figs. 4 and A6, or 0.9.
        between: range of x for the spread.
        tolerance: of log Q.
        shortest: steps; temperatures that relax within fewer are left out.
        master: "hottest" or "free".

    Returns:
        Along ``temperature``: ``tau`` of the mean curve; ``spread`` (``_low``, ``_high``); ``left_at`` (x, NaN unless
        it left) and ``q_left``, the mean overlap there; ``seen_to``, the largest x compared; ``outcome`` ("on the
        master curve", "left above", "left below", "is the master curve", "no relaxation time"). Without a dimension:
        ``overall`` (``_low``, ``_high``) and ``overall_unscaled``, the spreads of all temperatures, and ``verdict``:
        "collapses" if the interval of the spread lies below ``tolerance``, "does not collapse" if above, "not
        decided", "too few temperatures".

    Raises:
        ValueError: dimensions, a threshold or a range that is none, no temperatures.
    """
    if master not in get_args(Master):
        raise ValueError(f"master must be one of 'hottest', 'free', but got {master!r}")
    _check(threshold, between)
    replicas = Replicas.of(q)
    if not replicas.coords:
        raise ValueError("q must have a coordinate temperature on replica, but has none")
    grid = _grid(replicas.times)
    tau = np.array([_tau(group, group.all, threshold) for group in replicas.each()])
    usable = tau >= shortest
    hottest = float(replicas.temperatures[usable].max()) if usable.any() else np.nan
    of_free = _log_free(grid, threshold)

    def compared_to_master(kept: Mask) -> tuple[Floats, Floats]:
        """log Q less the master's, ``(temperature, x)``, at t/tau and at unscaled times."""
        groups = [(group, kept[replicas.of_temperature(group.temperatures[0])]) for group in replicas.each()]
        times = [_tau(group, mask, threshold) for group, mask in groups]
        common = float(np.exp(np.mean(np.log(np.array(times)[usable])))) if usable.any() else np.nan
        scaled, unscaled = (
            np.stack([_resampled(group, mask, grid, one) for (group, mask), one in zip(groups, scale, strict=True)])
            for scale in (times, [common] * len(times))
        )
        if master == "free":
            return scaled - of_free, unscaled - of_free
        k = int(np.argmax(replicas.temperatures == hottest))
        return scaled - scaled[k], unscaled - unscaled[k]

    counted = usable & (True if master == "free" else replicas.temperatures != hottest)

    def spreads(kept: Mask) -> Floats:
        squares = [
            [_mean_square(off, grid, between) if on else np.nan for off, on in zip(offs, counted, strict=True)]
            for offs in compared_to_master(kept)
        ]
        return np.sqrt([*squares[0], *(_mean_known(np.array(row)) for row in squares)])

    found = [replace(one, low=max(one.low, 0.0)) for one in measured(jackknife(spreads, replicas.origin))]
    overall, unscaled = found[-2:]
    off = jackknife(lambda kept: compared_to_master(kept)[0], replicas.origin)
    low, high = off.interval
    allowed = np.maximum(np.nan_to_num((high - low) / 2.0), tolerance)
    rows: list[Row] = []
    for k, group in enumerate(replicas.each()):
        left = _Departure(np.nan, np.nan, np.nan, NO_TAU)
        if usable[k]:
            log_q = _resampled(group, group.all, grid, tau[k])
            left = _departure(grid, log_q, off.mean[k], allowed[k])
            if not counted[k]:
                left = replace(left, outcome=IS_MASTER)
        rows.append(
            {
                "tau": float(tau[k]),
                "spread": found[k],
                "left_at": left.x,
                "q_left": left.q,
                "seen_to": left.seen_to,
                "outcome": left.outcome,
            }
        )
    compared = sum(np.isfinite(one.value) for one in found[:-2])
    result = table(rows, replicas.coords, {"threshold": threshold, "tolerance": tolerance, "master": master})
    return result.assign(
        overall=overall.value,
        overall_low=overall.low,
        overall_high=overall.high,
        overall_unscaled=unscaled.value,
        verdict=_verdict(overall, int(compared), tolerance),
    )


@dataclass(frozen=True)
class MasterExponent:
    """The slope of log Q against log t/tau, and what free diffusion has in the same window.

    Args:
        exponent: of the mean curve.
        free: of erf(erfinv(threshold)/sqrt(t/tau)), the same fit at the same save times.
        difference: exponent - free.
        temperature: whose curve it is.
        low: first t/tau of the fit.
        high: last t/tau.
        n_points: save times in the fit.
        outcome: "excludes free diffusion", "compatible with free diffusion", "less than a decade", "no relaxation
            time", or "not decided" without an interval.
    """

    exponent: Measured
    free: float
    difference: Measured
    temperature: float
    low: float
    high: float
    n_points: int
    outcome: str


def master_exponent(
    q: xr.DataArray,
    *,
    threshold: float = float(np.exp(-1)),
    between: Range = (1.0, 1e3),
    shortest: float = 3.0,
    temperature: float | None = None,
) -> MasterExponent:
    r"""The power law of the master curve, Q ~ (t/tau)^exponent (Fig. 4a: -0.48), beside that of free diffusion.

    Least squares of log Q against log t, points weighted by the length of the log axis that they stand for, on the
    hottest curve whose tau is at least ``shortest`` steps. Free diffusion alone gives -0.497 over t/tau_e = 1 to 1e3,
    -0.486 over 1 to 10 and -0.464 over t/tau_90 = 1 to 1e3: an exponent is evidence for more only where the interval
    of the difference excludes 0. In the jackknife both are taken anew from tau and window without one initial
    condition.

    Args:
        q: overlap ``(replica, time)`` at one waiting time and chi.
        threshold: defines tau.
        between: range of t/tau; what of it the curve covers is in the result.
        shortest: steps; hotter curves, which relax within fewer, are passed over.
        temperature: take this one in place of the hottest.

    Raises:
        ValueError: dimensions, a threshold or a range that is none, or no such temperature.
    """
    _check(threshold, between)
    replicas = Replicas.of(q)
    if temperature is not None and temperature not in replicas.temperatures:
        raise ValueError(f"temperature must be one of {replicas.temperatures.tolist()}, but got {temperature}")
    chosen = [replicas.at(temperature)] if temperature is not None else list(replicas.each())[::-1]
    usable = [group for group in chosen if _tau(group, group.all, threshold) >= shortest]
    nothing = unknown(replicas.n_origins)
    if not usable:
        return MasterExponent(nothing, np.nan, nothing, np.nan, np.nan, np.nan, 0, NO_TAU)
    group = usable[0]

    def window(kept: Mask) -> tuple[Floats, Mask]:
        x = group.times / _tau(group, kept, threshold)
        known = np.isfinite(group.log_mean(kept))
        return x, (x >= between[0] * (1 - 1e-12)) & (x <= between[1] * (1 + 1e-12)) & known

    def slopes(kept: Mask) -> Floats:
        x, inside = window(kept)
        if np.count_nonzero(inside) < 3:
            return np.full(3, np.nan)
        log_x = np.log(x[inside])
        weight = spacing(log_x)
        own = slope(log_x, group.log_mean(kept)[inside], weight)
        free = slope(log_x, _log_free(x[inside], threshold), weight)
        return np.array([own, free, own - free])

    own, free, difference = measured(jackknife(slopes, group.origin))
    x, inside = window(group.all)
    ends = (float(x[inside].min()), float(x[inside].max())) if inside.any() else (np.nan, np.nan)
    if not ends[1] >= _DECADE * ends[0] or np.isnan(own.value):
        outcome = TOO_SHORT
    elif np.isnan(difference.low):
        outcome = NOT_DECIDED
    else:
        outcome = EXCLUDES_FREE if difference.excludes(0.0) else LIKE_FREE
    n = int(np.count_nonzero(inside))
    return MasterExponent(own, free.value, difference, float(group.temperatures[0]), *ends, n, outcome)


_DECADE: Final = 10.0**0.9
"""A decade, less the step of the save grid at either end."""


def _check(threshold: float, between: Range) -> None:
    if not 0.0 < threshold < 1.0:
        raise ValueError(f"threshold must be between 0 and 1, ends excluded, but got {threshold}")
    if not 0.0 < between[0] < between[1]:
        raise ValueError(f"between must be two increasing numbers > 0, but got {between}")


def _log_free(x: Floats, threshold: float) -> Floats:
    return np.asarray(np.log(erf(erfinv(threshold) / np.sqrt(x))))


def _tau(group: Replicas, kept: Mask, threshold: float) -> float:
    """tau of the mean curve, NaN unless it is reached."""
    if not len(group.times):
        return np.nan
    return float(first_crossing(group.mean(kept), group.times, threshold)[0])


def _grid(times: Floats) -> Floats:
    """Values of x, 20 a decade with 1 among them, as far as any two of the times are apart."""
    if len(times) < 2:
        return np.ones(1)
    reach = int(np.ceil(_PER_DECADE * np.log10(times[-1] / times[0])))
    return np.asarray(10.0 ** (np.arange(-reach, reach + 1) / _PER_DECADE))


def _resampled(group: Replicas, kept: Mask, grid: Floats, tau: float) -> Floats:
    """log of the mean curve at x = t/tau, linear in log t between save times; NaN outside them."""
    if not np.isfinite(tau):
        return np.full(len(grid), np.nan)
    x, y = np.log(group.times / tau), group.log_mean(kept)
    return np.asarray(np.interp(np.log(grid), x, y, left=np.nan, right=np.nan))


def _mean_square(off: Floats, grid: Floats, between: Range) -> float:
    inside = (grid >= between[0] * (1 - 1e-12)) & (grid <= between[1] * (1 + 1e-12))
    return _mean_known(off[inside] ** 2)


def _mean_known(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else np.nan


@dataclass(frozen=True)
class _Departure:
    x: float
    q: float
    seen_to: float
    outcome: str


def _departure(grid: Floats, log_q: Floats, off: Floats, allowed: Floats) -> _Departure:
    """Where a curve leaves the master, from its difference to it at x = ``grid``."""
    compared = np.flatnonzero(np.isfinite(off) & (grid > 1.0))
    if not len(compared):
        return _Departure(np.nan, np.nan, np.nan, STAYS)
    on = np.abs(off[compared]) <= allowed[compared]
    last_on = int(np.flatnonzero(on)[-1]) if on.any() else -1
    seen_to = float(grid[compared[-1]])
    if len(compared) - 1 - last_on < _PERSISTS:
        return _Departure(np.nan, np.nan, seen_to, STAYS)
    k = compared[max(last_on, 0)]
    outcome = LEFT_ABOVE if off[compared[-1]] > 0 else LEFT_BELOW
    return _Departure(float(grid[k]), float(np.exp(log_q[k])), seen_to, outcome)


def _verdict(overall: Measured, compared: int, tolerance: float) -> str:
    if compared < 1:
        return TOO_FEW
    if overall.high <= tolerance:
        return COLLAPSES
    return DOES_NOT_COLLAPSE if overall.low > tolerance else NOT_DECIDED
