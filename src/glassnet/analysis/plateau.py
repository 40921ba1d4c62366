"""Plateaus: the long-time level of a curve and whether it has one (Fig. 4b), and caging (Section III D)."""

from __future__ import annotations

from typing import Final

import numpy as np
import xarray as xr

from glassnet._check import number
from glassnet.analysis.intervals import Floats
from glassnet.analysis.lines import slope, spacing
from glassnet.analysis.measured import Mask, Measured, Row, jackknife, measured, table, unknown
from glassnet.analysis.replicas import Replicas

STATIONARY: Final = "stationary"
NOT_STATIONARY: Final = "not stationary"
NOT_DECIDED: Final = "not decided"
TOO_FEW: Final = "too few points"

CAGED: Final = "caged"
LOCALISED: Final = "plateau to the end"
NO_PLATEAU: Final = "no plateau"

_LEAST_POINTS: Final = 3


def long_time_level(curve: xr.DataArray, *, window: float = 3.0, limit: float = 0.1) -> xr.Dataset:
    r"""The last level of the mean curve of each temperature, and whether it still moves.

    Level and d log y/d log t over the last factor ``window`` of time, both weighted by the length of the log axis
    that points stand for. With it Q_inf (Fig. 4b; the paper takes the last value and notes that it is too high) and
    the mean square displacement at which weights are localised (Fig. 5d). A bowl of l2 alone relaxes in 1/(mu l2)
    steps: before that the level is of the run's length, and this says so.

    Args:
        curve: an observable > 0, ``(replica, time)``, at one waiting time and chi.
        window: last time over first time of the window, > 1.
        limit: of the log-derivative's size. A level is "stationary" where its interval lies within +-limit, "not
            stationary" where it lies outside, else "not decided" (always so for one initial condition).

    Returns:
        Along ``temperature`` (no dimension without one): ``level``, ``log_slope`` (each with ``_low``, ``_high``;
        Student's t, initial conditions left out in turn), ``last``, the mean at the last time, ``time_low``,
        ``time_high``, ``n_origins``, ``outcome``.

    Raises:
        ValueError: dimensions missing or too many, or a window <= 1.
    """
    _check(window, limit)
    replicas = Replicas.of(curve)
    rows: list[Row] = []
    for group in replicas.each():
        last = group.times[-1] if len(group.times) else np.nan
        inside = group.times >= last / window * (1 - 1e-12)
        level = drift = unknown(group.n_origins)
        outcome = TOO_FEW
        if np.count_nonzero(inside) >= _LEAST_POINTS and len(group.values):
            log_level, drift = _level(group, inside)
            level = log_level.exp()
            outcome = _stationarity(drift, limit)
        rows.append(
            {
                "level": level,
                "log_slope": drift,
                "last": float(group.mean(group.all)[-1]) if len(group.times) else np.nan,
                "time_low": float(group.times[inside][0]) if inside.any() else np.nan,
                "time_high": float(last),
                "n_origins": group.n_origins,
                "outcome": outcome,
            }
        )
    name = curve.attrs.get("long_name", curve.name or "curve")
    return table(rows, replicas.coords, {"long_name": f"long-time level of {name}", "window": window, "limit": limit})


def caging(msd: xr.DataArray, *, window: float = 3.0, limit: float = 0.3, shortest: float = 1.0) -> xr.Dataset:
    r"""The smallest log-derivative of the mean square displacement over a window of time, and what it means.

    d log MSD/d log t is the slope of the least-squares line in every window of a factor ``window``: 1 for diffusion,
    2 for drift, near 0 on the plateau that a cage makes (Section III D), which ends where the cage is left.
    A minimum over windows is biased low by noise; windows are wide for that reason. The interval is of the slope in
    the window where the mean curve is flattest.

    Args:
        msd: mean square displacement ``(replica, time)`` at one waiting time.
        window: last time over first time of a window, > 1.
        limit: a slope below is a plateau.
        shortest: steps; windows begin at or after it. Low temperatures oscillate at the first steps (claim C13).

    Returns:
        Along ``temperature``: ``smallest`` slope with ``_low`` and ``_high``, ``time``, the geometric middle of its
        window, ``largest_after``, the largest slope of a later window that does not overlap it (NaN if none), with
        ``_low`` and ``_high``, and ``outcome``: "no plateau" (the whole interval above ``limit``); "caged" (below,
        and ``largest_after`` above: it ends); "plateau to the end" (below, and no rise seen: localised, or a run too
        short to tell); "not decided"; "too few points".

    Raises:
        ValueError: dimensions missing or too many, a window <= 1, or ``shortest`` not finite and >= 0.
    """
    _check(window, limit)
    number("shortest", shortest, positive=False)
    replicas = Replicas.of(msd)
    rows: list[Row] = []
    for group in replicas.each():
        smallest = after = unknown(group.n_origins)
        time, outcome = np.nan, TOO_FEW
        windows = _windows(group.times, window, shortest) if len(group.values) else []
        slopes = np.array([_slope(group, group.all, part) for part in windows])
        if len(windows) and np.isfinite(slopes).any():
            k = int(np.nanargmin(slopes))
            start, end = windows[k].start, windows[k].stop
            time = float(np.sqrt(group.times[start] * group.times[end - 1]))
            later = [j for j, part in enumerate(windows) if part.start >= end - 1 and np.isfinite(slopes[j])]
            smallest = _measure(group, windows[k])
            if later:
                after = _measure(group, windows[max(later, key=lambda j: float(slopes[j]))])
            outcome = _caging(smallest, after, limit)
        rows.append({"smallest": smallest, "time": time, "largest_after": after, "outcome": outcome})
    attrs = {"long_name": "smallest log-derivative of the mean square displacement", "window": window, "limit": limit}
    return table(rows, replicas.coords, attrs)


def _check(window: float, limit: float) -> None:
    if not window > 1.0:
        raise ValueError(f"window must be a factor > 1, but got {window}")
    if not limit > 0.0:
        raise ValueError(f"limit must be > 0, but got {limit}")


def _level(group: Replicas, inside: Mask) -> tuple[Measured, Measured]:
    """Logarithm of the level, and its slope."""
    x = np.log(group.times[inside])
    weight = spacing(x)

    def parts(kept: Mask) -> Floats:
        y = group.log_mean(kept)[inside]
        return np.array([np.average(y, weights=weight), slope(x, y, weight)])

    level, drift = measured(jackknife(parts, group.origin))
    return level, drift


def _stationarity(drift: Measured, limit: float) -> str:
    if drift.within(-limit, limit):
        return STATIONARY
    return NOT_STATIONARY if drift.low > limit or drift.high < -limit else NOT_DECIDED


def _windows(times: Floats, window: float, shortest: float) -> list[slice]:
    """Every stretch of save times that is a factor ``window`` long, as near as the grid allows, not longer."""
    found = []
    for first in np.flatnonzero(times >= shortest):
        end = int(np.searchsorted(times, times[first] * window * (1 + 1e-12), side="right"))
        complete = end < len(times) or times[-1] >= times[first] * window * (1 - 1e-12)
        if complete and end - first >= _LEAST_POINTS:
            found.append(slice(int(first), end))
    return found


def _slope(group: Replicas, kept: Mask, part: slice) -> float:
    x = np.log(group.times[part])
    return slope(x, group.log_mean(kept)[part], spacing(x))


def _measure(group: Replicas, part: slice) -> Measured:
    return measured(jackknife(lambda kept: _slope(group, kept, part), group.origin))[0]


def _caging(smallest: Measured, after: Measured, limit: float) -> str:
    if smallest.low > limit:
        return NO_PLATEAU
    if not smallest.high < limit:
        return NOT_DECIDED
    return CAGED if after.low > limit else LOCALISED
