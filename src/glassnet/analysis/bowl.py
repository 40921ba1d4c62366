"""The null of the l2 bowl: what the measurement would have given had only the regularisation acted (Appendices F to H).

Curves come back as observables do, one a replica, so that they go through the same analysis as what was measured.
The bowl's centre is 0 only for weights that the data does not hold.
"""

from __future__ import annotations

from typing import TypedDict

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from glassnet.analysis.intervals import Floats
from glassnet.observables import epsilons
from glassnet.simulate.record import Record
from glassnet.theory import quadratic_well


def bowl_overlap(record: Record, *, chi: float, waiting_time: int) -> xr.DataArray:
    """Q(t) of weights that lay at the bowl's centre when Langevin began, at the run's own t_w, t, l2, T and epsilon.

    This is what the protocol sees; see :mod:`glassnet.theory.quadratic_well`, start at the minimum, discrete steps.

    Args:
        record: Langevin dynamics with l2 > 0.
        chi: one that was recorded.
        waiting_time: one that was measured from.

    Returns:
        ``(replica, time)`` with the record's coordinates; NaN where learning_rate times l2 is 2 or more, at which
        steps lead out of the bowl.

    Raises:
        ValueError: no temperature, l2 = 0, or a chi or waiting time that was not recorded.
    """
    times, physics = _physics(record, waiting_time)
    epsilon = epsilons(record, chi)
    holds, physics = _held(physics)
    values = quadratic_well.overlap(
        times, epsilon=epsilon[:, None], initial_offset=0.0, waiting_time=waiting_time, step="discrete", **physics
    )
    values = np.where(holds, values, np.nan)
    attrs = {"long_name": "overlap in the l2 bowl", "units": "1", "source": "Eq. F6, start at the minimum"}
    return _like(record, values, waiting_time, attrs)


def bowl_mean_square_displacement(record: Record, *, waiting_time: int) -> xr.DataArray:
    """<dw^2>(t) of the same weights as :func:`bowl_overlap`, whose other arguments and errors it has."""
    times, physics = _physics(record, waiting_time)
    holds, physics = _held(physics)
    values = quadratic_well.mean_square_displacement(
        times, initial_offset=0.0, waiting_time=waiting_time, step="discrete", **physics
    )
    values = np.where(holds, values, np.nan)
    attrs = {"long_name": "mean square displacement in the l2 bowl", "units": "weight^2", "source": "Appendix H"}
    return _like(record, values, waiting_time, attrs)


def bowl_limit(record: Record, *, chi: float, waiting_time: int, weights: ArrayLike | None = None) -> xr.DataArray:
    """Q_inf of Eq. G1 with the measured weights as w(0), averaged over them (Fig. A7).

    It is the probability that a weight in equilibrium about 0 lies within epsilon of where it was at t_w. It goes as
    T^-0.5 only for weights much nearer to 0 than sqrt(T/(l2 P_D)).

    Args:
        record: Langevin dynamics with l2 > 0.
        chi: one that was recorded.
        waiting_time: one that was measured from; w(0) are the weights there.
        weights: which to average over, a mask ``(replica, weight)`` or ``(weight,)``, all by default: those that the
            data does not hold (dead neurons) are the ones that the formula is right for.

    Returns:
        ``(replica,)``, NaN where no weight is chosen, or where the weights at that waiting time are not known (of a
        condensed run, at all but one).

    Raises:
        ValueError: as :func:`bowl_overlap`, or a mask of another shape.
    """
    _, physics = _physics(record, waiting_time)
    epsilon = epsilons(record, chi)
    k = int(np.flatnonzero(record.data["waiting_time"].values == waiting_time)[0])
    start = np.asarray(record.references[k], dtype=np.float64)
    chosen = np.ones(start.shape, dtype=np.bool_) if weights is None else np.asarray(weights)
    if chosen.dtype != np.bool_ or chosen.shape not in (start.shape, start.shape[1:]):
        raise ValueError(f"weights must be a mask of shape {start.shape} or {start.shape[1:]}, but got {chosen.shape}")
    chosen = np.broadcast_to(chosen, start.shape)
    limit = np.full(len(start), np.nan)
    for r, offsets in enumerate(start):
        if chosen[r].any() and np.isfinite(offsets[chosen[r]]).all():
            of_weights = quadratic_well.overlap(
                np.inf,
                epsilon=epsilon[r],
                initial_offset=offsets[chosen[r]],
                waiting_time=0,
                stiffness=physics["stiffness"][r],
                temperature=physics["temperature"][r],
                learning_rate=physics["learning_rate"][r],
                n_samples=physics["n_samples"],
            )
            limit[r] = of_weights.mean()
    attrs = {"long_name": "long-time overlap in the l2 bowl", "units": "1", "source": "Eq. G1"}
    coords = {str(n): c.variable for n, c in record.data.coords.items() if c.dims in (("replica",), ())}
    return xr.DataArray(limit, coords, ("replica",), name="overlap", attrs=attrs)


class _Physics(TypedDict):
    stiffness: Floats
    temperature: Floats
    learning_rate: Floats
    n_samples: float


def _physics(record: Record, waiting_time: int) -> tuple[Floats, _Physics]:
    """Save times, and the well of each replica as columns ``(replica, 1)``."""
    data = record.data
    if "temperature" not in data.coords:
        raise ValueError(f"record must be of Langevin dynamics, but is of {record.dynamics}")
    if waiting_time not in data["waiting_time"].values:
        raise ValueError(f"waiting_time must be one of {data['waiting_time'].values.tolist()}, but got {waiting_time}")
    if np.any(data["l2"].values <= 0):
        raise ValueError("record must have l2 > 0: without it there is no bowl")
    physics = _Physics(
        stiffness=_column(record, "l2"),
        temperature=_column(record, "temperature"),
        learning_rate=_column(record, "learning_rate"),
        n_samples=float(data.attrs["n_samples"]),
    )
    return np.asarray(data["time"].values, dtype=np.float64), physics


def _held(physics: _Physics) -> tuple[NDArray[np.bool_], _Physics]:
    """Replicas whose steps stay in the bowl, and a bowl in which all steps do."""
    holds = physics["learning_rate"] * physics["stiffness"] < 2.0
    return holds, {**physics, "stiffness": np.where(holds, physics["stiffness"], 1.0 / physics["learning_rate"])}


def _column(record: Record, name: str) -> Floats:
    value = np.asarray(record.data[name].values, dtype=np.float64)
    return np.broadcast_to(value, record.data.sizes["replica"])[:, None]


def _like(record: Record, values: Floats, waiting_time: int, attrs: dict[str, str]) -> xr.DataArray:
    data = record.data
    coords = {str(n): c.variable for n, c in data.coords.items() if c.dims in (("replica",), ("time",), ())}
    dims = ("replica", "time")
    result = xr.DataArray(values, {**coords, "waiting_time": waiting_time}, dims, attrs=attrs)
    return result.drop_vars("lost_at", errors="ignore")
