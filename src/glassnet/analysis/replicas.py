"""The surviving replicas of a curve at one waiting time, by temperature: what most conclusions start from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from glassnet.analysis.groups import check_dims, check_times, lost, origins, stacked
from glassnet.analysis.intervals import Floats
from glassnet.analysis.measured import Mask


@dataclass(frozen=True, eq=False)
class Replicas:
    """Curves of replicas that were not lost, where they are recorded.

    Args:
        values: ``(replica, time)``; NaN at times that a replica has not recorded, until :meth:`at`.
        times: ``(time,)``, steps, > 0.
        origin: ``(replica,)``, a label for each initial condition.
        temperature: ``(replica,)``; NaN if the curve has none.
        position: ``(replica,)``, where each stood in the curve.
        temperatures: all temperatures of the curve, increasing, also those that lost every replica.
    """

    values: Floats
    times: Floats
    origin: NDArray[np.int64]
    temperature: Floats
    position: NDArray[np.int64]
    temperatures: Floats

    @classmethod
    def of(cls, curve: xr.DataArray) -> Replicas:
        """Take them from a curve ``(replica, time)``.

        Raises:
            ValueError: dimensions missing or too many, no replicas, times that do not increase, or replicas of several
                learning rates or l2.
        """
        check_dims(curve, "replica", "time")
        one = curve if "waiting_time" in curve.dims else curve.expand_dims("waiting_time")
        more = {str(d): n for d, n in one.sizes.items() if d not in ("replica", "time")}
        for dim, n in more.items():
            if n != 1:
                raise ValueError(f"curve must have one {dim}, but has {n}: pick one with curve.sel({dim}=...)")
        for name in ("learning_rate", "l2"):
            if name in one.coords and len(np.unique(one[name].values)) > 1:
                raise ValueError(f"curve must be of one {name}, but has {np.unique(one[name].values).tolist()}")
        times = np.asarray(one["time"].values, dtype=np.float64)
        check_times(times)
        alive = ~lost(one)[:, 0]
        values = stacked(one).reshape(one.sizes["replica"], len(times))
        after = times > 0
        temperature = np.full(len(values), np.nan)
        if "temperature" in one.coords:
            temperature = np.broadcast_to(np.asarray(one["temperature"].values, dtype=np.float64), alive.shape)
        return cls(
            values[alive][:, after],
            times[after],
            origins(one)[alive],
            temperature[alive],
            np.flatnonzero(alive),
            np.unique(temperature),
        )

    def at(self, temperature: float) -> Replicas:
        """Those of one temperature (NaN: of a curve that has none), at the times that all of them have recorded."""
        here = self.of_temperature(temperature)
        recorded = np.isfinite(self.values[here]).all(axis=0)
        return Replicas(
            self.values[here][:, recorded],
            self.times[recorded],
            self.origin[here],
            self.temperature[here],
            self.position[here],
            np.array([temperature]),
        )

    def of_temperature(self, temperature: float) -> Mask:
        """Which replicas have this temperature."""
        return np.asarray((self.temperature == temperature) | (np.isnan(self.temperature) & np.isnan(temperature)))

    def each(self) -> Iterator[Replicas]:
        """One after the other temperature, increasing."""
        return (self.at(temperature) for temperature in self.temperatures)

    @property
    def coords(self) -> dict[str, Floats]:
        """The temperatures as the dimension of a result; nothing if the curve has none."""
        return {} if np.isnan(self.temperatures).any() else {"temperature": self.temperatures}

    def mean(self, kept: Mask) -> Floats:
        """The mean curve of the replicas kept, NaN if none is."""
        return np.asarray(self.values[kept].mean(axis=0) if kept.any() else np.full(len(self.times), np.nan))

    def log_mean(self, kept: Mask) -> Floats:
        """The logarithm of the mean curve, NaN where that is not positive."""
        mean = self.mean(kept)
        return np.log(np.where(mean > 0, mean, np.nan))

    @property
    def n_origins(self) -> int:
        """How many initial conditions are behind them."""
        return len(np.unique(self.origin))

    @property
    def all(self) -> Mask:
        """A mask that keeps every replica."""
        return np.ones(len(self.values), dtype=np.bool_)
