"""Power laws y = a x^p: along the time of a curve, and across temperatures or other conditions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import stdtrit

from glassnet.analysis.groups import check_dims, origins
from glassnet.analysis.intervals import CONFIDENCE, Floats
from glassnet.analysis.lines import fit_line, spacing
from glassnet.analysis.measured import Mask, Measured, Row, jackknife, measured, table, unknown
from glassnet.analysis.replicas import Replicas

POWER_LAW: Final = "power law"
NOT_A_POWER_LAW: Final = "not a power law"
NO_RANGE: Final = "no range is a power law"
TOO_FEW: Final = "too few points"

_LEAST_POINTS: Final = 3

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
    curve: xr.DataArray, *, between: Range | None = None, tolerance: float = 0.05, decades: float = 1.0
) -> xr.Dataset:
    r"""Fit y = a t^p to the mean curve of each temperature, in a chosen range of times or the longest that fits.

    Least squares of log y against log t, each point weighted by the length of the log axis that it stands for, so
    that the save grid does not matter. A range is a power law where no residual of the mean curve is beyond both
    ``tolerance`` and its own error (the half width of Student's 95 % interval). Without ``between`` the range is the
    longest such one, and is found from the data: the interval does not know of that choice.

    The interval leaves out one initial condition after the other in that range (see
    :func:`glassnet.analysis.measured.jackknife`), with Student's t: 93 to 96 % coverage at 4 replicas and more for
    exponents that vary between replicas.

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
    if tolerance < 0.0 or decades <= 0.0:
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
        The law; "too few points" below three x, "not a power law" where a residual is beyond its own error
        (Student's 95 %) and 5 %.

    Raises:
        ValueError: other dimensions, no such coordinate, or values that are not positive.
    """
    check_dims(values, "replica")
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
    error = jackknife(means, origin)
    return fit_log(np.array(x), means, origin, np.ones(len(x)), 0.05, error.standard_error)


def fit_log(
    x: Floats,
    logs: Callable[[Mask], Floats],
    origin: NDArray[np.int64],
    weight: Floats,
    tolerance: float,
    error: Floats,
) -> PowerLaw:
    """The line through log y at ``x``.

    Args:
        x: ``(point,)``, > 0.
        logs: log y from the replicas that a mask keeps.
        origin: a label of each replica's initial condition.
        weight: of each point.
        tolerance: of residuals.
        error: standard error of each log y.
    """
    log_x = np.log(x)
    slope, intercept = measured(jackknife(lambda kept: fit_line(log_x, logs(kept), weight), origin))
    y = logs(np.ones(len(origin), dtype=np.bool_))
    off = np.abs(y - intercept.value - slope.value * log_x)
    law = POWER_LAW if np.all(off <= _allowed(error, slope.n_origins, tolerance)) else NOT_A_POWER_LAW
    return PowerLaw(slope, intercept.exp(), float(x[0]), float(x[-1]), len(x), float(off.max()), law)


def _along_time(group: Replicas, between: Range | None, tolerance: float, decades: float) -> PowerLaw:
    nothing = unknown(group.n_origins)
    y = group.log_mean(group.all)
    allowed = _allowed(group.log_error, group.n_origins, tolerance)
    if between is not None:
        inside = (group.times >= between[0]) & (group.times <= between[1]) & np.isfinite(y)
        if np.count_nonzero(inside) < _LEAST_POINTS:
            return PowerLaw(nothing, nothing, *between, int(np.count_nonzero(inside)), np.nan, TOO_FEW)
    else:
        inside = _longest(np.log(group.times), y, allowed, decades * np.log(10.0))
        if not inside.any():
            return PowerLaw(nothing, nothing, np.nan, np.nan, 0, np.nan, NO_RANGE if len(y) else TOO_FEW)
    times = group.times[inside]
    return fit_log(
        times,
        lambda kept: group.log_mean(kept)[inside],
        group.origin,
        spacing(np.log(times)),
        tolerance,
        group.log_error[inside],
    )


def _allowed(error: Floats, n_origins: int, tolerance: float) -> Floats:
    """How far a point may lie off the line: its own interval, or the tolerance where that is narrower or unknown."""
    reach = stdtrit(n_origins - 1, 0.5 + CONFIDENCE / 2) * error if n_origins > 1 else np.zeros_like(error)
    return np.maximum(np.nan_to_num(reach), tolerance)


def _longest(x: Floats, y: Floats, allowed: Floats, least: float) -> Mask:
    """The points of the longest stretch of x along which no residual of the line is beyond what is allowed."""
    found = np.zeros(len(x), dtype=np.bool_)
    known = np.isfinite(y)
    first, last = np.triu_indices(len(x), _LEAST_POINTS - 1)
    length = x[last] - x[first]
    for k in np.argsort(-length, kind="stable"):
        if length[k] < least * (1.0 - 1e-9):
            break
        part = slice(first[k], last[k] + 1)
        if not known[part].all():
            continue
        slope, intercept = fit_line(x[part], y[part], spacing(x[part]))
        if np.all(np.abs(y[part] - intercept - slope * x[part]) <= allowed[part]):
            found[part] = True
            break
    return found
