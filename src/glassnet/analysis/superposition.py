"""Time-temperature superposition: do curves of all temperatures collapse when time is rescaled by tau (Figs. 4, A6)?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

import numpy as np
import xarray as xr

from glassnet import _check
from glassnet.analysis.intervals import Floats
from glassnet.analysis.master_curve import (
    NO_TAU,
    NOT_DECIDED,
    Range,
    check_window,
    log_free,
    tau_of_mean,
)
from glassnet.analysis.measured import Mask, Measured, Row, jackknife, measured, table
from glassnet.analysis.replicas import Replicas

Master = Literal["hottest", "free"]

COLLAPSES: Final = "collapses"
DOES_NOT_COLLAPSE: Final = "does not collapse"
TOO_FEW: Final = "too few temperatures"

STAYS: Final = "on the master curve"
LEFT_ABOVE: Final = "left above"
LEFT_BELOW: Final = "left below"
IS_MASTER: Final = "is the master curve"

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
        it left) and ``q_left``, the mean overlap there; ``seen_to``, the largest x compared, and ``known_to``, the
        largest up to which the difference is known to 1.5 ``tolerance`` (95 %); ``outcome`` ("on the
        master curve", "left above", "left below", "is the master curve", "no relaxation time"). Without a dimension:
        ``overall`` (``_low``, ``_high``) and ``overall_unscaled``, the spreads of all temperatures, and ``verdict``:
        "collapses" if the interval of the spread lies below ``tolerance``, "does not collapse" if above, "not
        decided", "too few temperatures".

    Raises:
        ValueError: dimensions, a threshold, range or tolerance that is none, no temperatures.
    """
    if master not in get_args(Master):
        raise ValueError(f"master must be one of 'hottest', 'free', but got {master!r}")
    check_window(threshold, between)
    _check.number("tolerance", tolerance, positive=True)
    _check.number("shortest", shortest, positive=False)
    replicas = Replicas.of(q)
    if not replicas.coords:
        raise ValueError("q must have a coordinate temperature on replica, but has none")
    grid = _grid(replicas.times)
    tau = np.array([tau_of_mean(group, group.all, threshold) for group in replicas.each()])
    usable = tau >= shortest
    hottest = float(replicas.temperatures[usable].max()) if usable.any() else np.nan
    of_free = log_free(grid, threshold)

    def compared_to_master(kept: Mask) -> tuple[Floats, Floats]:
        """log Q less the master's, ``(temperature, x)``, at t/tau and at unscaled times."""
        groups = [(group, kept[replicas.of_temperature(group.temperatures[0])]) for group in replicas.each()]
        times = [tau_of_mean(group, mask, threshold) for group, mask in groups]
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
        left, known_to = _Departure(np.nan, np.nan, np.nan, NO_TAU), np.nan
        if usable[k]:
            log_q = _resampled(group, group.all, grid, tau[k])
            left = _departure(grid, log_q, off.mean[k], allowed[k])
            known_to = _known_to(grid, off.mean[k], (high - low)[k] / 2.0, 1.5 * tolerance)
            if not counted[k]:
                left = replace(left, outcome=IS_MASTER)
        rows.append(
            {
                "tau": float(tau[k]),
                "spread": found[k],
                "left_at": left.x,
                "q_left": left.q,
                "seen_to": left.seen_to,
                "known_to": known_to,
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


def _known_to(grid: Floats, off: Floats, reach: Floats, limit: float) -> float:
    """The end of the stretch of x > 1 along which the difference to the master has an error below the limit."""
    compared = np.flatnonzero(np.isfinite(off) & (grid > 1.0))
    unknown_at = np.flatnonzero(~(reach[compared] <= limit))
    last = (int(unknown_at[0]) if len(unknown_at) else len(compared)) - 1
    return float(grid[compared[last]]) if last >= 0 else np.nan


def _verdict(overall: Measured, compared: int, tolerance: float) -> str:
    if compared < 1:
        return TOO_FEW
    if overall.high <= tolerance:
        return COLLAPSES
    return DOES_NOT_COLLAPSE if overall.low > tolerance else NOT_DECIDED
