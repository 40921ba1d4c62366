"""Stokes-Einstein: does the diffusion constant go as the inverse relaxation time (Section III E, Eq. 8)?"""

from __future__ import annotations

from typing import Final

import numpy as np
import xarray as xr
from scipy.special import erfinv

from glassnet import _check
from glassnet.analysis.intervals import Floats
from glassnet.analysis.lines import slope, spacing
from glassnet.analysis.measured import Mask, Row, jackknife, measured, table, unknown
from glassnet.analysis.relaxation import first_crossing
from glassnet.analysis.replicas import Replicas

HOLDS: Final = "holds"
BROKEN: Final = "broken"
NOT_DECIDED: Final = "not decided"
NOT_DIFFUSIVE: Final = "not diffusive"
NO_TAU: Final = "no relaxation time"

_LEAST_POINTS: Final = 3


def stokes_einstein(
    msd: xr.DataArray,
    q: xr.DataArray,
    alpha: xr.DataArray,
    *,
    threshold: float = 0.9,
    window: float = 3.0,
    tolerance: float = 0.1,
    shortest: float = 3.0,
) -> xr.Dataset:
    r"""D tau against temperature: constant where Stokes-Einstein holds, beside alpha_2 at tau (claim C21).

    D is the geometric mean of MSD/(2t) over the last factor ``window`` of time, and a diffusion constant only where
    d log MSD/d log t is 1 there within ``tolerance``. Networks have no viscosity: tau stands for it, as is usual in
    simulations of glasses. Free diffusion gives D tau/eps^2 = 1/(4 erfinv(threshold)^2), 0.185 for 0.9 and 2.18 for
    1/e: ``ratio`` is D tau over that value, with eps^2 averaged over replicas, so that it is 1 where weights diffuse
    freely and rises where few fast ones carry D.

    Args:
        msd: mean square displacement ``(replica, time)`` at one waiting time.
        q: overlap of the same replicas at one chi or epsilon, with that epsilon as a coordinate, as
            :func:`glassnet.overlap` gives it.
        alpha: non-Gaussian parameter of the same replicas. That of all layers is above 0 wherever layers move
            unequally far, without anything glassy: compare with single layers.
        threshold: defines tau.
        window: last time over first time for D.
        tolerance: of log ratio and of the log-derivative.
        shortest: steps; a tau below is not resolved.

    Returns:
        Along ``temperature`` (no dimension without one), with ``_low`` and ``_high`` (Student's t, one initial
        condition left out at a time): ``diffusion`` in squared weight per step, ``log_slope`` of the MSD there,
        ``tau`` in steps, ``ratio``, ``alpha`` at tau (linear in log t), and ``outcome``: "holds" (the interval of
        ratio is within the tolerance of 1, or holds 1 and ratio is within), "broken" (it excludes 1 and ratio is
        beyond the tolerance), "not decided", "not diffusive", "no relaxation time".

    Raises:
        ValueError: dimensions, replicas that differ, no epsilon, or an argument out of its range.
    """
    if not 0.0 < threshold < 1.0:
        raise ValueError(f"threshold must be between 0 and 1, ends excluded, but got {threshold}")
    if not window > 1.0 or not tolerance > 0.0:
        raise ValueError(f"window must be > 1 and tolerance > 0, but got {window} and {tolerance}")
    _check.number("shortest", shortest, positive=False)
    for name, other in (("msd", msd), ("alpha", alpha)):
        if other.sizes.get("replica") != q.sizes["replica"]:
            raise ValueError(f"{name} must be of the same {q.sizes['replica']} replicas as q, but got {other.sizes}")
    overlap, moved, shape = Replicas.of(q), Replicas.of(msd), Replicas.of(alpha)
    if not (np.array_equal(overlap.position, moved.position) and np.array_equal(overlap.position, shape.position)):
        raise ValueError("msd, q and alpha must have lost the same replicas: take them from one record")
    for name, one in (("msd", moved), ("alpha", shape)):
        if not (
            np.array_equal(one.origin, overlap.origin)
            and np.array_equal(one.temperature, overlap.temperature, equal_nan=True)
        ):
            raise ValueError(f"{name} must be of the same replicas as q, in the same order: take them from one record")
    epsilon = _epsilon(q)
    free = 1.0 / (4.0 * float(erfinv(threshold)) ** 2)
    rows: list[Row] = []
    for group in overlap.each():
        temperature = float(group.temperatures[0])
        own = moved.at(temperature), shape.at(temperature)
        rows.append(_row(group, *own, epsilon[group.position], free, threshold, window, tolerance, shortest))
    attrs = {"long_name": "Stokes-Einstein ratio", "source": "Section III E, Eq. 8", "threshold": threshold}
    return table(rows, overlap.coords, attrs)


def _row(
    q: Replicas,
    msd: Replicas,
    alpha: Replicas,
    epsilon: Floats,
    free: float,
    threshold: float,
    window: float,
    tolerance: float,
    shortest: float,
) -> Row:
    late = msd.times >= (msd.times[-1] if len(msd.times) else np.nan) / window * (1 - 1e-12)
    x = np.log(msd.times[late])
    if np.count_nonzero(late) < _LEAST_POINTS or not len(q.values):
        none = {name: unknown(q.n_origins) for name in ("diffusion", "log_slope", "tau", "ratio", "alpha")}
        return {**none, "outcome": NO_TAU}

    def parameters(kept: Mask) -> Floats:
        y, weight = msd.log_mean(kept)[late], spacing(x)
        log_d = np.average(y - x, weights=weight) - np.log(2.0)
        log_tau = np.log(float(first_crossing(q.mean(kept), q.times, threshold)[0]))
        log_ratio = log_d + log_tau - np.log(np.mean(epsilon[kept] ** 2) * free)
        at_tau = np.nan
        if len(alpha.times):
            at_tau = np.interp(log_tau, np.log(alpha.times), alpha.mean(kept), left=np.nan, right=np.nan)
        return np.array([log_d, slope(x, y, weight), log_tau, log_ratio, at_tau])

    log_d, log_slope, log_tau, log_ratio, at_tau = measured(jackknife(parameters, q.origin))
    tau = log_tau.exp()
    if not tau.value >= shortest:
        outcome = NO_TAU
    elif not abs(log_slope.value - 1.0) <= tolerance:
        outcome = NOT_DIFFUSIVE
    elif log_ratio.within(-tolerance, tolerance):
        outcome = HOLDS
    elif abs(log_ratio.value) <= tolerance:
        outcome = HOLDS if log_ratio.low <= 0.0 <= log_ratio.high else NOT_DECIDED
    else:
        outcome = BROKEN if log_ratio.excludes(0.0) else NOT_DECIDED
    return {
        "diffusion": log_d.exp(),
        "log_slope": log_slope,
        "tau": tau,
        "ratio": log_ratio.exp(),
        "alpha": at_tau,
        "outcome": outcome,
    }


def _epsilon(q: xr.DataArray) -> Floats:
    name = "epsilon_of_chi" if "epsilon_of_chi" in q.coords else "epsilon"
    if name not in q.coords or q[name].size not in (1, q.sizes["replica"]):
        raise ValueError("q must have one epsilon a replica, as overlap(record, chi=...) gives it, but has none")
    return np.broadcast_to(np.asarray(q[name].values, dtype=np.float64).reshape(-1), q.sizes["replica"])
