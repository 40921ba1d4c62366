"""Relaxation times: when an overlap first falls to a threshold."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from glassnet.analysis.groups import Groups, check_dims, lost, origins, stacked
from glassnet.analysis.intervals import Estimate, Floats, estimate
from glassnet.analysis.means import ensemble_mean, estimates, kept_coords

Outcomes = NDArray[np.str_]

REACHED: Final = "reached"
BELOW: Final = "below the first save time"
NOT_REACHED: Final = "not reached"
LOST: Final = "lost"
NOT_RECORDED: Final = "not recorded"

_ROUNDING: Final = 1e-6
"""Of means of float32."""

_COUNTS: Final = {
    "n_reached": REACHED,
    "n_below": BELOW,
    "n_not_reached": NOT_REACHED,
    "n_lost": LOST,
    "n_not_recorded": NOT_RECORDED,
}


def relaxation_time(q: xr.DataArray, threshold: float = 0.9) -> xr.Dataset:
    """When the overlap first falls to ``threshold``, per replica and of the mean curve (Section III B).

    Between the two save times around the first crossing, Q is taken as linear in log t; time 0 plays no
    part. A curve that is under the threshold at the first save time, or above it at all, has an outcome and
    no number.

    Args:
        q: overlap ``(replica, waiting_time, time)``, possibly with more dimensions, as
            :func:`glassnet.overlap` returns it.
        threshold: between 0 and 1: 0.9 gives tau_90, ``numpy.exp(-1)`` gives tau_e.

    Returns:
        All times in steps. Per replica, ``(replica, waiting_time)``: ``tau`` (NaN unless reached) and
        ``outcome`` ("below the first save time", "reached", "not reached", "lost", "not recorded"). Per
        group of replicas as in :func:`glassnet.analysis.ensemble_mean`, ``(group, waiting_time)``:

        - ``tau_of_mean``, ``outcome_of_mean``: of the mean curve, the paper's tau;
        - ``estimate`` with ``low`` and ``high``, its 95 % interval, and ``estimate_of``. Where every
          replica that was not lost reached the threshold it is the "geometric mean" of their tau, with
          Student's interval on log tau. Where any did not, a mean would be of a selection: it is then the
          "mean curve"'s tau, and the interval is where Student's band of the mean curve passes the
          threshold. A bound may be censored too: ``low`` is 0 below the first save time and the last save
          time beyond it, ``high`` the first save time and infinity. Both are NaN for a single initial
          condition. With 4 to 16 replicas whose tau spread by 30 % either interval covers 93.5 to 95.5 %;
          where about half of the ensembles have a censored replica, so that the sample itself decides
          which is used, 93 to 94 %. Strongly skewed log tau lowers it (exponential: 88 % at 4, 92 % at 16).
        - ``n_used``, ``n_origins`` and the counts of each outcome: ``n_reached``, ``n_below``,
          ``n_not_reached``, ``n_lost``, ``n_not_recorded``.

    Raises:
        ValueError: threshold not between 0 and 1, dimensions missing, or values that are no overlap.

    Examples:
        >>> import glassnet as gn
        >>> landscape = gn.Landscape(gn.Mlp(4, 6, 2), gn.random_dataset(60, 4), gn.QuadraticHinge(l2=1e-2))
        >>> start = gn.Ensemble.random(landscape.network, n_replicas=4)
        >>> langevin = gn.Langevin(temperature=1e-3, learning_rate=1e-3)
        >>> record = gn.measure(start, landscape, langevin, times=gn.log_times(1_000), chi=[50])
        >>> tau = gn.relaxation_time(gn.overlap(record, chi=50), threshold=0.9).sel(waiting_time=0)
        >>> print(tau.tau.values.round(1), tau.outcome.values)
        [187.7 203.8 147.9 139.3] ['reached' 'reached' 'reached' 'reached']
        >>> print(f"{tau.estimate:.0f} [{tau.low:.0f}, {tau.high:.0f}] steps")
        168 [125, 224] steps
    """
    level = _checked(q, threshold)
    if "waiting_time" not in q.dims:
        return relaxation_time(q.expand_dims("waiting_time"), threshold).squeeze("waiting_time")
    q = q.isel(time=np.flatnonzero(q["time"].values > 0))
    times = np.asarray(q["time"].values, dtype=np.float64)
    tau, outcome = first_crossing(stacked(q), times, level)
    gone, origin = lost(q), origins(q)
    tau[gone], outcome[gone] = np.nan, LOST

    groups, mean_curves = estimates(q)
    parts: dict[str, list[NDArray[Any]]] = {}
    for members, curves in zip(groups.members, mean_curves, strict=True):
        rows = [members[~gone[members, w]] for w in range(len(curves))]
        by_wait = [
            _group(tau[used, w], outcome[used, w], origin[used], curve, times, level)
            for w, (used, curve) in enumerate(zip(rows, curves, strict=True))
        ]
        for name in by_wait[0]:
            parts.setdefault(name, []).append(np.stack([found[name] for found in by_wait]))
        for name, kind in _COUNTS.items():
            parts.setdefault(name, []).append((outcome[members] == kind).sum(axis=0))
    return _dataset(q, groups, tau, outcome, parts, level)


def paper_relaxation_time(q: xr.DataArray, threshold: float = 0.9) -> xr.DataArray:
    """The authors' own tau: the first save time at which the mean curve is at or below ``threshold``.

    Nothing is interpolated, and there is none (NaN) where the level is passed by the first save time after
    0. It lies above ``tau_of_mean`` of :func:`relaxation_time`, by at most one step of the save grid.

    Args:
        q: overlap ``(replica, waiting_time, time)``, as for :func:`relaxation_time`.
        threshold: between 0 and 1.

    Returns:
        tau in steps, ``(group, waiting_time)`` as :func:`glassnet.analysis.ensemble_mean` groups replicas.

    Raises:
        ValueError: as :func:`relaxation_time`.
    """
    level = _checked(q, threshold)
    mean = ensemble_mean(q.isel(time=np.flatnonzero(q["time"].values > 0)))["mean"]
    at_or_below = (mean <= level).transpose(..., "time")
    first = at_or_below.argmax("time")
    found = at_or_below.any("time") & (first > 0)
    tau = mean["time"].astype(np.float64)[first].drop_vars("time").where(found)
    attrs = {"long_name": "relaxation time, save grid", "units": "steps", "threshold": level}
    return tau.rename("tau").assign_attrs(attrs)


def _checked(q: xr.DataArray, threshold: float) -> float:
    check_dims(q, "replica", "time")
    if not 0.0 < threshold < 1.0:
        raise ValueError(f"threshold must be between 0 and 1, ends excluded, but got {threshold}")
    times = q["time"].values
    if not np.any(times > 0) or np.any(np.diff(times) <= 0):
        raise ValueError(f"time must increase and pass 0, but got {times}")
    values = q.values[np.isfinite(q.values)]
    outside = values[(values < 0.0) | (values > 1.0 + _ROUNDING)]
    if outside.size:
        raise ValueError(f"q must be an overlap, from 0 to 1, but got {outside[0]}")
    return float(threshold)


def first_crossing(values: Floats, times: Floats, level: float) -> tuple[Floats, Outcomes]:
    """tau and outcome of curves ``(..., time)``; NaN in a curve is stepped over."""
    recorded = ~np.isnan(values)
    at_or_below = recorded & (values <= level)
    crosses = at_or_below.any(axis=-1)
    after = np.argmax(at_or_below, axis=-1)
    latest = np.maximum.accumulate(np.where(recorded, np.arange(len(times)), -1), axis=-1)
    before = _pick(latest, np.maximum(after - 1, 0))
    starts_there = after == np.argmax(recorded, axis=-1)
    before = np.where(starts_there, after, before)
    q_before, q_after = _pick(values, before), _pick(values, after)
    below = crosses & starts_there & (q_after < level)
    reached = crosses & ~below
    drop = np.where(q_before > q_after, q_before - q_after, 1.0)
    share = np.where(starts_there, 0.0, (q_before - level) / drop)
    log_t = np.log(times)
    log_tau = log_t[before] + share * (log_t[after] - log_t[before])
    outcome = np.select([below, reached, recorded.any(axis=-1)], [BELOW, REACHED, NOT_REACHED], default=NOT_RECORDED)
    return np.where(reached, np.exp(log_tau), np.nan), outcome.astype(f"<U{len(BELOW)}")


def _pick(values: NDArray[Any], index: NDArray[np.int64]) -> NDArray[Any]:
    return np.take_along_axis(values, index[..., None], axis=-1)[..., 0]


def _group(
    tau: Floats, outcome: Outcomes, origin: NDArray[np.int64], curve: Estimate, times: Floats, level: float
) -> dict[str, NDArray[Any]]:
    """What is said of one group at one waiting time, from its surviving replicas and their mean curve."""
    n_used = np.full(tau.shape[1:], len(tau))
    tau_of_mean, outcome_of_mean = first_crossing(curve.mean, times, level)
    if not len(tau):
        outcome_of_mean[...] = LOST
    logs = estimate(np.log(tau), origin)
    lower, upper = curve.interval
    bounds = {
        "estimate": (logs.mean, tau_of_mean),
        "low": (logs.interval[0], _bound(lower, times, level, low=True)),
        "high": (logs.interval[1], _bound(upper, times, level, low=False)),
    }
    complete = (outcome == REACHED).all(axis=0) & (n_used > 0)
    return {
        "tau_of_mean": tau_of_mean,
        "outcome_of_mean": outcome_of_mean,
        **{k: np.where(complete, np.exp(log_mean), of_curve) for k, (log_mean, of_curve) in bounds.items()},
        "estimate_of": np.where(complete, "geometric mean", "mean curve"),
        "n_used": n_used,
        "n_origins": np.full(tau.shape[1:], curve.n_origins),
    }


def _bound(band: Floats, times: Floats, level: float, *, low: bool) -> Floats:
    """Where one edge of the band passes the level: what is known of it where it does so off the grid."""
    tau, outcome = first_crossing(band, times, level)
    recorded = ~np.isnan(band)
    first = times[np.argmax(recorded, axis=-1)]
    last = times[len(times) - 1 - np.argmax(recorded[..., ::-1], axis=-1)]
    tau = np.where(outcome == BELOW, 0.0 if low else first, tau)
    return np.where(outcome == NOT_REACHED, last if low else np.inf, tau)


def _dataset(
    q: xr.DataArray,
    groups: Groups,
    tau: Floats,
    outcome: Outcomes,
    parts: dict[str, list[NDArray[Any]]],
    level: float,
) -> xr.Dataset:
    others = [str(d) for d in q.dims if d not in ("replica", "waiting_time", "time")]
    dims = ("waiting_time", *others)
    named = {
        f"replica_{k}" if groups.varies(str(k)) else str(k): c.variable
        for k, c in q.coords.items()
        if "replica" in c.dims and "time" not in c.dims
    }
    shared = {k: c for k, c in kept_coords(q).items() if "time" not in c.dims}
    result = xr.Dataset(
        {
            "tau": (("replica", *dims), tau),
            "outcome": (("replica", *dims), outcome),
            **{name: groups.assemble(part, dims) for name, part in parts.items()},
        },
        {**shared, **named, **groups.coords},
        {"long_name": "relaxation time", "threshold": level, "source": "Kerr Winter & Janssen 2024, Section III B"},
    )
    for name in ("tau", "tau_of_mean", "estimate", "low", "high"):
        result[name].attrs = {"units": "steps"}
    result["tau"].attrs["long_name"] = "relaxation time of each replica"
    result["tau_of_mean"].attrs["long_name"] = "relaxation time of the mean curve"
    return result
