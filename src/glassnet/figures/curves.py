"""From a record to what is drawn: one mean curve a temperature, with its interval and its counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from glassnet.analysis import ensemble_mean
from glassnet.analysis.groups import lost
from glassnet.analysis.intervals import Estimate
from glassnet.simulate.record import Record

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Curve:
    """The mean over the surviving replicas of one temperature.

    Args:
        temperature: T.
        x: times in steps, or displacements; only those where the mean is known.
        mean: at each x; empty if every replica was lost.
        low: lower end of Student's 95 % interval, NaN for a single initial condition.
        high: its upper end.
        n_used: replicas in the mean.
        n_lost: replicas left out because they diverged.
    """

    temperature: float
    x: Floats
    mean: Floats
    low: Floats
    high: Floats
    n_used: int
    n_lost: int


def check(record: Record, waiting_time: int) -> None:
    """Refuse a record that is not about temperature, or was not measured from this waiting time.

    Raises:
        ValueError: as it says.
    """
    data = record.data
    if "temperature" not in data.coords:
        raise ValueError(
            f"record must be of Langevin dynamics to be drawn against temperature, but is of {record.dynamics}"
        )
    for name in ("learning_rate", "l2"):
        found = np.unique(data[name].values)
        if len(found) > 1:
            raise ValueError(
                f"record must have one {name} to be drawn against temperature, but has {found.tolist()}: "
                "pick the replicas of one, record[mask]"
            )
    if waiting_time not in data.waiting_time.values:
        raise ValueError(
            f"waiting_time must be one that was measured from ({', '.join(map(str, data.waiting_time.values))}), "
            f"but got {waiting_time}"
        )


def by_temperature(values: xr.Dataset, waiting_time: int) -> xr.Dataset:
    """A result grouped by temperature at one waiting time, ``temperature`` being a dimension even if there is one."""
    picked = values.sel(waiting_time=waiting_time)
    return picked if "temperature" in picked.dims else picked.expand_dims("temperature")


def mean_curves(observable: xr.DataArray, waiting_time: int) -> list[Curve]:
    """The mean over replicas against time, hottest first."""
    means = by_temperature(ensemble_mean(observable), waiting_time)
    times = means["time"].values.astype(np.float64)
    return [_curve(one, times, times > 0) for one in _hottest_first(means)]


def mean_distributions(observable: xr.DataArray, waiting_time: int, time: int) -> list[Curve]:
    """The mean distribution over replicas at one time, hottest first."""
    means = by_temperature(ensemble_mean(observable), waiting_time).sel(time=time)
    x = means["displacement"].values.astype(np.float64)
    return [_curve(one, x, np.ones(len(x), dtype=np.bool_)) for one in _hottest_first(means)]


def used(observable: xr.DataArray, waiting_time: int, temperature: float | None = None) -> NDArray[np.int64]:
    """Positions of the replicas that are in the mean of one temperature, or in any mean."""
    w = int(np.flatnonzero(observable["waiting_time"].values == waiting_time)[0])
    wanted = True if temperature is None else observable["temperature"].values == temperature
    return np.flatnonzero(wanted & ~lost(observable)[:, w])


def _hottest_first(means: Any) -> list[Any]:
    return [means.isel(temperature=i) for i in np.argsort(-means["temperature"].values)]


def _curve(means: Any, x: Floats, wanted: NDArray[np.bool_]) -> Curve:
    mean, error = means["mean"].values, means["standard_error"].values
    low, high = Estimate(mean, error, int(means["n_origins"])).interval
    known = wanted & np.isfinite(mean)
    return Curve(
        float(means["temperature"]),
        x[known],
        mean[known],
        low[known],
        high[known],
        int(means["n_used"]),
        int(means["n_lost"]),
    )
