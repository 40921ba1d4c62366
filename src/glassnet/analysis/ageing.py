"""Ageing: does the overlap at later waiting times decay as at earlier ones, but slower (Section III F, Fig. 8)?"""

from __future__ import annotations

from typing import Final

import numpy as np
import xarray as xr
from scipy.optimize import minimize_scalar

from glassnet import _check
from glassnet.analysis.intervals import Floats
from glassnet.analysis.measured import Mask, Row, jackknife, measured, table, unknown
from glassnet.analysis.replicas import Replicas

AGES: Final = "ages"
DOES_NOT_AGE: Final = "does not age"
NOT_DECIDED: Final = "not decided"
NO_COLLAPSE: Final = "no collapse"
TOO_FEW: Final = "too few waiting times"
NO_DECAY: Final = "no decay"

_GRID: Final = 200
_BOUNDS: Final = (-2.0, 3.0)
_APART: Final = 1e6
"""Stands for the distance of curves that have no times in common; finite, as minimisers want it."""


def ageing_exponent(
    q: xr.DataArray, *, decay: float = 0.9, lowest: float = 0.1, tolerance: float = 0.05, resolution: float = 0.1
) -> xr.Dataset:
    r"""The exponent mu of Q(t, t_w) = F(t/t_w^mu) that makes the curves of all waiting times collapse.

    mu = 0 is no ageing (equilibrium), mu = 1 full ageing, as of glasses and spin glasses (Struik 1978). It minimises
    the mean square difference of log Q between all pairs of waiting times over the scaled times that both cover,
    each pair counting alike. The interval leaves out one initial condition at all waiting times together (Student's
    t). Only waiting times > 0 can enter, and beyond three of them over more than a decade the exponent means little.

    Args:
        q: overlap ``(replica, waiting_time, time)`` at one chi.
        decay: a curve that never falls below this says nothing about a rescaled time.
        lowest: curves are compared until they first fall below this, where counting noise takes over log Q.
        tolerance: of log Q, root mean square: beyond, at the best mu, the curves do not collapse.
        resolution: the smallest exponent that counts.

    Returns:
        Along ``temperature`` (no dimension without one): ``exponent`` (``_low``, ``_high``); ``spread``, root mean
        square of log Q between waiting times at the best exponent, and ``spread_at_zero``, at mu = 0; ``n_origins``;
        ``outcome``: "ages" (the interval above 0, the exponent above ``resolution``), "does not age" (the whole
        interval within +-``resolution``), "not decided", "no collapse" (the exponent is still given), "too few waiting
        times" (below three), "no decay". Where younger is slower the exponent is negative, and nothing ages.

    Raises:
        ValueError: dimensions missing or too many, or an argument out of its range: 0 < lowest < decay < 1, tolerance
            and resolution > 0.
    """
    if not 0.0 < lowest < decay < 1.0:
        raise ValueError(f"lowest and decay must be 0 < lowest < decay < 1, but got {lowest} and {decay}")
    _check.number("tolerance", tolerance, positive=True)
    _check.number("resolution", resolution, positive=True)
    if "waiting_time" not in q.dims:
        raise ValueError(f"q must have the dimension waiting_time, but got {q.dims}")
    waits = np.asarray(q["waiting_time"].values, dtype=np.float64)
    curves = {wait: Replicas.of(q.sel(waiting_time=[wait])) for wait in waits if wait > 0}
    some = Replicas.of(q.isel(waiting_time=[0]))
    rows: list[Row] = []
    for temperature in some.temperatures:
        groups = {wait: one.at(temperature) for wait, one in curves.items()}
        rows.append(_row(groups, decay, lowest, tolerance, resolution))
    return table(rows, some.coords, {"long_name": "ageing exponent", "tolerance": tolerance})


def _row(groups: dict[float, Replicas], decay: float, lowest: float, tolerance: float, resolution: float) -> Row:
    decayed = {wait: one for wait, one in groups.items() if len(one.values) and len(one.times) > 1}
    decayed = {wait: one for wait, one in decayed.items() if np.nanmin(one.mean(one.all)) < decay}
    every = np.unique(np.concatenate([one.origin for one in groups.values()])) if groups else np.zeros(0, int)
    n = len(every)
    missing: Row = {"exponent": unknown(n), "spread": np.nan, "spread_at_zero": np.nan, "n_origins": n}
    if len(groups) < 3:
        return {**missing, "outcome": TOO_FEW}
    if len(decayed) < 3:
        return {**missing, "outcome": NO_DECAY}
    log_waits = np.log(np.array(list(decayed)))
    ends = [_first_below(one.mean(one.all), lowest) for one in decayed.values()]
    log_times = [np.log(one.times[:end]) for one, end in zip(decayed.values(), ends, strict=True)]

    def best(kept: Mask) -> Floats:
        names = every[kept]
        kept_of = [one.log_mean(np.isin(one.origin, names)) for one in decayed.values()]
        curves = [curve[:end] for curve, end in zip(kept_of, ends, strict=True)]

        def spread(mu: float) -> float:
            return _spread([t - mu * w for t, w in zip(log_times, log_waits, strict=True)], curves)

        # Several minima are possible where curves are short: start from a coarse look.
        coarse = np.linspace(*_BOUNDS, 51)
        values = [spread(mu) for mu in coarse]
        k = int(np.argmin(values))
        if not values[k] < _APART:
            return np.full(3, np.nan)
        bounds = (coarse[max(k - 1, 0)], coarse[min(k + 1, len(coarse) - 1)])
        found = minimize_scalar(spread, bounds=bounds, method="bounded", options={"xatol": 1e-5})
        return np.array([float(found.x), np.sqrt(found.fun), np.sqrt(spread(0.0))])

    exponent, spread, at_zero = measured(jackknife(best, every))
    if spread.value > tolerance:
        outcome = NO_COLLAPSE
    elif exponent.low > 0.0 and exponent.value > resolution:
        outcome = AGES
    else:
        outcome = DOES_NOT_AGE if exponent.within(-resolution, resolution) else NOT_DECIDED
    return {
        "exponent": exponent,
        "spread": spread.value,
        "spread_at_zero": at_zero.value,
        "n_origins": n,
        "outcome": outcome,
    }


def _first_below(curve: Floats, lowest: float) -> int:
    """How many points there are before the curve is first below ``lowest``."""
    below = np.flatnonzero(curve < lowest)
    return int(below[0]) if len(below) else len(curve)


def _spread(x: list[Floats], y: list[Floats]) -> float:
    """Mean over pairs of curves of their mean square distance over half a decade or more that both cover."""
    found = []
    for i in range(len(x)):
        for j in range(i):
            if not (len(x[i]) and len(x[j])):
                return _APART
            low, high = max(x[i][0], x[j][0]), min(x[i][-1], x[j][-1])
            if high - low < 0.5 * np.log(10.0):
                return _APART
            grid = np.linspace(low, high, _GRID)
            found.append(np.mean((np.interp(grid, x[i], y[i]) - np.interp(grid, x[j], y[j])) ** 2))
    return float(np.mean(found))
