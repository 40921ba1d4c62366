"""A number with its interval, and how it is taken from replicas that share initial conditions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from glassnet.analysis.intervals import Estimate, Floats

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Measured:
    """A number with its 95 % interval.

    Args:
        value: the estimate, NaN where there is none.
        low: lower end of the interval, NaN without one (a single initial condition). A bound may be all that is
            known: then ``value`` is NaN and the other end 0 or infinite.
        high: its upper end.
        n_origins: independent initial conditions behind it.
    """

    value: float
    low: float
    high: float
    n_origins: int

    def excludes(self, number: float) -> bool:
        """Whether ``number`` lies outside the interval; never without one."""
        return number < self.low or number > self.high

    def within(self, low: float, high: float) -> bool:
        """Whether the whole interval lies between ``low`` and ``high``; never without one."""
        return low <= self.low and self.high <= high

    def exp(self) -> Measured:
        """The number whose logarithm this is."""
        value, low, high = np.exp([self.value, self.low, self.high]).tolist()
        return Measured(value, low, high, self.n_origins)

    def holding(self, others: Iterable[Measured]) -> Measured:
        """This number, its interval widened to hold those of the others too, where they have any."""
        every = [self, *others]
        low, high = np.fmin.reduce([one.low for one in every]), np.fmax.reduce([one.high for one in every])
        return replace(self, low=float(low), high=float(high))


Row = dict[str, Measured | float | str | bool]
"""One result of a table."""


def unknown(n_origins: int = 0) -> Measured:
    """No estimate at all."""
    return Measured(np.nan, np.nan, np.nan, n_origins)


def measured(found: Estimate) -> list[Measured]:
    """Each entry of an estimate with its interval."""
    low, high = found.interval
    parts = zip(np.atleast_1d(found.mean), np.atleast_1d(low), np.atleast_1d(high), strict=True)
    return [Measured(float(m), float(a), float(b), found.n_origins) for m, a, b in parts]


def jackknife(statistic: Callable[[Mask], ArrayLike], origin: NDArray[np.int64]) -> Estimate:
    r"""A statistic of all replicas, with its error from leaving out one initial condition after the other.

    With theta_g the statistic without initial condition g of G, the variance is (G - 1)/G sum_g (theta_g - mean
    theta)^2 (Tukey 1958); for a mean of one replica an origin it is s^2/n, and the interval is Student's. Initial
    conditions are left out at all temperatures together, since all temperatures share them. Give it something that
    spreads symmetrically (the logarithm of a scale).

    Args:
        statistic: from a mask of the replicas kept to one number or several; NaN where these do not give it, and
            then it has no interval.
        origin: ``(replica,)``, a label for each replica's initial condition.
    """
    return spread_of(np.stack([np.asarray(statistic(kept), dtype=np.float64) for kept in left_out(origin)]), origin)


def left_out(origin: NDArray[np.int64]) -> list[Mask]:
    """Masks of replicas: all of them, then without each initial condition in turn if there are several."""
    names = np.unique(origin)
    return [np.ones(len(origin), dtype=np.bool_), *(origin != name for name in names if len(names) > 1)]


def spread_of(values: Floats, origin: NDArray[np.int64]) -> Estimate:
    """The jackknife of a statistic that was taken from each of the masks of :func:`left_out`, the first axis."""
    whole, without = values[0], values[1:]
    n = len(np.unique(origin))
    if n < 2:
        return Estimate(whole, np.full_like(whole, np.nan), n)
    variance = (n - 1) / n * ((without - without.mean(axis=0)) ** 2).sum(axis=0)
    return Estimate(whole, np.sqrt(variance), n)


def table(
    rows: Sequence[Row],
    coords: Mapping[str, Floats],
    attrs: Mapping[str, Any],
) -> xr.Dataset:
    """Results as a dataset: a :class:`Measured` becomes ``name``, ``name_low`` and ``name_high``.

    Args:
        rows: one result a condition.
        coords: the conditions, by the name of the only dimension; nothing for a single row without one.
        attrs: of the dataset.
    """
    columns: dict[str, list[Any]] = {}
    for row in rows:
        for name, entry in row.items():
            parts = (
                {name: entry.value, f"{name}_low": entry.low, f"{name}_high": entry.high}
                if isinstance(entry, Measured)
                else {name: entry}
            )
            for key, part in parts.items():
                columns.setdefault(key, []).append(part)
    if not coords:
        return xr.Dataset({name: part[0] for name, part in columns.items()}, attrs=dict(attrs))
    ((dim, values),) = coords.items()
    return xr.Dataset({name: (dim, np.array(part)) for name, part in columns.items()}, {dim: values}, dict(attrs))
