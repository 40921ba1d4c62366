"""Power laws y = a x^p: along the time of a curve, and across temperatures or other conditions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from glassnet.analysis.groups import check_dims, origins
from glassnet.analysis.intervals import CONFIDENCE, Estimate, Floats
from glassnet.analysis.lines import fit_line, spacing
from glassnet.analysis.measured import (
    Mask,
    Measured,
    Row,
    left_out,
    measured,
    spread_of,
    table,
    unknown,
)
from glassnet.analysis.replicas import Replicas

POWER_LAW: Final = "power law"
NOT_A_POWER_LAW: Final = "not a power law"
NO_RANGE: Final = "no range is a power law"
TOO_FEW: Final = "too few points"

_LEAST_POINTS: Final = 3
_TOLERANCE: Final = 0.05
_ENDS_PER_DECADE: Final = 50

Range = tuple[float, float]


@dataclass(frozen=True)
class PowerLaw:
    """A fitted power law y = prefactor x^exponent.

    Args:
        exponent: p.
        prefactor: a, in units of y.
        low: first x of the range fitted, NaN if there is none.
        high: last x.
        n_points: points in the range.
        residual: largest |log y - log fit| there.
        outcome: "power law", "not a power law" (a residual is beyond tolerance and error; the numbers are those of
            the best line), "no range is a power law", or "too few points".
    """

    exponent: Measured
    prefactor: Measured
    low: float
    high: float
    n_points: int
    residual: float
    outcome: str


def power_law(
    curve: xr.DataArray, *, between: Range | None = None, tolerance: float = _TOLERANCE, decades: float = 1.0
) -> xr.Dataset:
    r"""Fit y = a t^p to the mean curve of each temperature, in a chosen range of times or the longest that fits.

    Least squares of log y against log t, each point weighted by the length of the log axis that it stands for, so
    that the save grid does not matter. A range is a power law where no residual of the mean curve is beyond both
    ``tolerance`` and its error (95 % for all points together, without what a replica has in common at all times).
    Without ``between`` the range is the longest such one, found from the data, its ends to a fiftieth of a decade: the
    interval does not know of that.

    The interval leaves out one initial condition after the other in that range, with Student's t (see
    :func:`glassnet.analysis.jackknife`).

    Args:
        curve: an observable > 0, ``(replica, time)``, at one waiting time and chi.
        between: first and last time of the range, in steps.
        tolerance: of residuals of log y.
        decades: the least length that a found range may have.

    Returns:
        Along ``temperature`` (no dimension if the curve has none): ``exponent`` and ``prefactor`` with ``_low`` and
        ``_high``; ``time_low``, ``time_high``, ``n_points``, ``residual``, ``n_origins``, and ``outcome`` as in
        :class:`PowerLaw`. And along ``replica``: ``exponent_of_replica``, each replica fitted by itself in the same
        range, NaN if lost or not positive there.

    Raises:
        ValueError: dimensions missing or too many, a range or tolerance that is none.
    """
    if between is not None and not 0.0 < between[0] < between[1]:
        raise ValueError(f"between must be two increasing times > 0, but got {between}")
    if not (tolerance >= 0.0 and decades > 0.0):
        raise ValueError(f"tolerance must be >= 0 and decades > 0, but got {tolerance} and {decades}")
    replicas = Replicas.of(curve)
    single = np.full(curve.sizes["replica"], np.nan)
    rows: list[Row] = []
    for group in replicas.each():
        law = _along_time(group, between, tolerance, decades)
        inside = (group.times >= law.low) & (group.times <= law.high)
        x = np.log(group.times[inside])
        for row, position in zip(group.values[:, inside], group.position, strict=True):
            if len(row) and np.all(row > 0):
                single[position] = fit_line(x, np.log(row), spacing(x))[0]
        rows.append(
            {
                "exponent": law.exponent,
                "prefactor": law.prefactor,
                "time_low": law.low,
                "time_high": law.high,
                "n_points": law.n_points,
                "residual": law.residual,
                "n_origins": law.exponent.n_origins,
                "outcome": law.outcome,
            }
        )
    name = curve.attrs.get("long_name", curve.name or "curve")
    result = table(rows, replicas.coords, {"long_name": f"power law of {name}", "tolerance": tolerance})
    return result.assign(exponent_of_replica=("replica", single))


def power_law_across(values: xr.DataArray, *, by: str = "temperature", between: Range | None = None) -> PowerLaw:
    r"""Fit y = a x^p to one number a replica, x being a condition that varies between replicas.

    The geometric mean over replicas at each x, each x counting once; the interval leaves out one initial condition
    at all x together. An x at which any replica has no number (NaN: censored or lost) is left out, since a mean
    over the others would be of a selection: drop lost replicas first, ``values[outcome != "lost"]``. So are x <= 0.

    Args:
        values: numbers > 0, ``(replica,)``, with the coordinate ``by``.
        by: name of the condition.
        between: smallest and largest x to use.

    Returns:
        The law; "too few points" below three x, "not a power law" where a residual is beyond its error, as in
        :func:`power_law`, and 5 %.

    Raises:
        ValueError: other dimensions, no replicas, no such coordinate, a range that is none, or values that are not
            positive.
    """
    check_dims(values, "replica")
    if between is not None and not 0.0 <= between[0] < between[1]:
        raise ValueError(f"between must be two increasing numbers >= 0, but got {between}")
    known = values.values[np.isfinite(values.values)]
    if values.ndim != 1 or by not in values.coords or values[by].dims != ("replica",):
        raise ValueError(f"values must be (replica,) with a coordinate {by!r} on it, but got {values.dims}")
    if np.any(known <= 0):
        raise ValueError(f"values must be > 0 or NaN, but got {known.min()}")
    x_of = np.asarray(values[by].values, dtype=np.float64)
    low, high = between or (0.0, np.inf)
    logs = np.log(np.asarray(values.values, dtype=np.float64))
    x = [one for one in np.unique(x_of) if one > 0 and low <= one <= high and np.isfinite(logs[x_of == one]).all()]
    used = np.isin(x_of, x)
    logs, x_of, origin = logs[used], x_of[used], origins(values)[used]

    def means(kept: Mask) -> Floats:
        groups = [logs[kept & (x_of == one)] for one in x]
        return np.array([group.mean() if len(group) else np.nan for group in groups])

    if len(x) < _LEAST_POINTS:
        nothing = unknown(len(np.unique(origin)))
        ends = (float(min(x)), float(max(x))) if x else (np.nan, np.nan)
        return PowerLaw(nothing, nothing, *ends, len(x), np.nan, TOO_FEW)
    return _fit_log(
        np.array(x), np.stack([means(kept) for kept in left_out(origin)]), origin, np.ones(len(x)), _TOLERANCE
    )


def _fit_log(x: Floats, logs: Floats, origin: NDArray[np.int64], weight: Floats, tolerance: float) -> PowerLaw:
    """The law through log y ``(left out, point)`` at x, the rows being those of :func:`left_out`."""
    log_x = np.log(x)
    found = spread_of(_lines(log_x, logs, weight), origin)
    slope, intercept = measured(found)[:2]
    off = np.abs(found.mean[2:])
    law = POWER_LAW if np.all(off <= _allowed(found, tolerance)) else NOT_A_POWER_LAW
    return PowerLaw(slope, intercept.exp(), float(x[0]), float(x[-1]), len(x), float(off.max()), law)


def _lines(x: Floats, y: Floats, weight: Floats) -> Floats:
    """Slope, value at x = 0 and residuals of the line through each row of y."""
    share = weight / weight.sum()
    centred = x - share @ x
    slope = y @ (share * centred) / (share @ centred**2)
    base = y @ share - slope * (share @ x)
    return np.column_stack([slope, base, y - base[:, None] - slope[:, None] * x])


def _allowed(found: Estimate, tolerance: float) -> Floats:
    """How far a point may lie off the line: what its error allows, or the tolerance if more.

    A residual's own error is free of what a replica has in common at all x, its amplitude and exponent. A point's
    error from few replicas may be small by chance, which that of all points together is not.
    """
    own = np.nan_to_num(found.standard_error[2:])
    if found.n_origins < 2:
        return np.full_like(own, tolerance)
    tail = 0.5 - CONFIDENCE / 2
    factor = max(stdtrit(found.n_origins - 1, 1.0 - tail), -ndtri(tail / len(own)))
    return np.asarray(np.maximum(factor * np.maximum(own, np.sqrt(np.mean(own**2))), tolerance))


def _along_time(group: Replicas, between: Range | None, tolerance: float, decades: float) -> PowerLaw:
    nothing = unknown(group.n_origins)
    logs = np.stack([group.log_mean(kept) for kept in left_out(group.origin)])
    known: Mask = np.asarray(np.isfinite(logs).all(axis=0))
    if between is not None:
        inside = (group.times >= between[0]) & (group.times <= between[1]) & known
        if np.count_nonzero(inside) < _LEAST_POINTS:
            return PowerLaw(nothing, nothing, *between, int(np.count_nonzero(inside)), np.nan, TOO_FEW)
    else:
        inside = _longest(group, logs, known, tolerance, decades * np.log(10.0))
        if not inside.any():
            return PowerLaw(nothing, nothing, np.nan, np.nan, 0, np.nan, NO_RANGE if known.any() else TOO_FEW)
    times = group.times[inside]
    return _fit_log(times, logs[:, inside], group.origin, spacing(np.log(times)), tolerance)


def _longest(group: Replicas, logs: Floats, known: Mask, tolerance: float, least: float) -> Mask:
    """The points of the longest stretch of x along which no residual of the line is beyond what is allowed."""
    x = np.log(group.times)
    found = np.zeros(len(x), dtype=np.bool_)
    # Ranges go as the square of the ends and points as these: a grid of every 100th step would take minutes.
    ends = _apart(x, np.log(10.0) / _ENDS_PER_DECADE)
    first, last = (ends[k] for k in np.triu_indices(len(ends), 1))
    first, last = first[last - first >= _LEAST_POINTS - 1], last[last - first >= _LEAST_POINTS - 1]
    length = x[last] - x[first]
    for k in np.argsort(-length, kind="stable"):
        if length[k] < least * (1.0 - 1e-9):
            break
        part = slice(first[k], last[k] + 1)
        if not known[part].all():
            continue
        fit = spread_of(_lines(x[part], logs[:, part], spacing(x[part])), group.origin)
        if np.all(np.abs(fit.mean[2:]) <= _allowed(fit, tolerance)):
            found[part] = True
            break
    return found


def _apart(x: Floats, distance: float) -> NDArray[np.int64]:
    """Indices of increasing x of which neighbours are a distance apart or more, the first and the last among them."""
    kept = [0] if len(x) else []
    for k in range(1, len(x)):
        if x[k] - x[kept[-1]] >= distance * (1.0 - 1e-9):
            kept.append(k)
    if len(x) and kept[-1] != len(x) - 1:
        kept.append(len(x) - 1)
    return np.array(kept, dtype=np.int64)
