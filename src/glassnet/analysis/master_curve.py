"""The power law of the master curve (Fig. 4a), beside what free diffusion has in the same window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import xarray as xr
from scipy.special import erf, erfinv

from glassnet import _check
from glassnet.analysis.intervals import Floats
from glassnet.analysis.lines import slope, spacing
from glassnet.analysis.measured import Mask, Measured, jackknife, measured, unknown
from glassnet.analysis.relaxation import first_crossing
from glassnet.analysis.replicas import Replicas

Range = tuple[float, float]

EXCLUDES_FREE: Final = "excludes free diffusion"
LIKE_FREE: Final = "compatible with free diffusion"
TOO_SHORT: Final = "less than a decade"
NO_TAU: Final = "no relaxation time"
NOT_DECIDED: Final = "not decided"

_DECADE: Final = 10.0**0.9
"""A decade, less the step of the save grid at either end."""


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
        ValueError: dimensions, a threshold, range or ``shortest`` that is none, or no such temperature.
    """
    check_window(threshold, between)
    _check.number("shortest", shortest, positive=False)
    replicas = Replicas.of(q)
    if temperature is not None and temperature not in replicas.temperatures:
        raise ValueError(f"temperature must be one of {replicas.temperatures.tolist()}, but got {temperature}")
    chosen = [replicas.at(temperature)] if temperature is not None else list(replicas.each())[::-1]
    usable = [group for group in chosen if tau_of_mean(group, group.all, threshold) >= shortest]
    nothing = unknown(replicas.n_origins)
    if not usable:
        return MasterExponent(nothing, np.nan, nothing, np.nan, np.nan, np.nan, 0, NO_TAU)
    group = usable[0]

    def window(kept: Mask) -> tuple[Floats, Mask]:
        x = group.times / tau_of_mean(group, kept, threshold)
        known = np.isfinite(group.log_mean(kept))
        return x, (x >= between[0] * (1 - 1e-12)) & (x <= between[1] * (1 + 1e-12)) & known

    def slopes(kept: Mask) -> Floats:
        x, inside = window(kept)
        if np.count_nonzero(inside) < 3:
            return np.full(3, np.nan)
        log_x = np.log(x[inside])
        weight = spacing(log_x)
        own = slope(log_x, group.log_mean(kept)[inside], weight)
        free = slope(log_x, log_free(x[inside], threshold), weight)
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


def check_window(threshold: float, between: Range) -> None:
    """Refuse a threshold that defines no tau, or a range of t/tau that is none."""
    if not 0.0 < threshold < 1.0:
        raise ValueError(f"threshold must be between 0 and 1, ends excluded, but got {threshold}")
    if not 0.0 < between[0] < between[1]:
        raise ValueError(f"between must be two increasing numbers > 0, but got {between}")


def log_free(x: Floats, threshold: float) -> Floats:
    """log Q of free diffusion at x = t/tau."""
    return np.asarray(np.log(erf(erfinv(threshold) / np.sqrt(x))))


def tau_of_mean(group: Replicas, kept: Mask, threshold: float) -> float:
    """tau of the mean curve, NaN unless it is reached."""
    if not len(group.times):
        return np.nan
    return float(first_crossing(group.mean(kept), group.times, threshold)[0])
