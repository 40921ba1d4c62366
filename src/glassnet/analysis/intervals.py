"""Standard errors and intervals of a mean over replicas."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

Floats = NDArray[np.float64]

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A mean over replicas, its standard error, and how many independent initial conditions are behind it."""

    mean: Floats
    standard_error: Floats
    n_origins: int

    @property
    def interval(self) -> tuple[Floats, Floats]:
        """Student's two-sided 95 % interval; NaN for fewer than two initial conditions."""
        if self.n_origins < 2:
            return np.full_like(self.mean, np.nan), np.full_like(self.mean, np.nan)
        reach = stdtrit(self.n_origins - 1, 0.5 + CONFIDENCE / 2) * self.standard_error
        return self.mean - reach, self.mean + reach


def estimate(values: Floats, origin: NDArray[np.int64]) -> Estimate:
    """Mean over the first axis with a standard error that respects shared initial conditions.

    With m the mean, n the replicas and G the initial conditions, the variance of m is taken as
    G/(G - 1) sum_g (sum_{i in g} (x_i - m))^2 / n^2: the usual s^2/n where every replica has an origin of
    its own.

    Args:
        values: ``(replica, ...)``; where one is NaN, so is the mean.
        origin: ``(replica,)``, a label for each replica's initial condition.
    """
    n = len(values)
    if n == 0:
        nothing = np.full(values.shape[1:], np.nan)
        return Estimate(nothing, nothing, 0)
    order = np.argsort(origin, kind="stable")
    first = np.flatnonzero(np.diff(origin[order], prepend=origin.min() - 1))
    n_origins = len(first)
    # What is about to be lost may be infinite.
    with np.errstate(invalid="ignore", over="ignore"):
        mean = values.mean(axis=0)
        if n_origins < 2:
            return Estimate(mean, np.full_like(mean, np.nan), n_origins)
        together = np.add.reduceat((values - mean)[order], first, axis=0)
        variance = n_origins / (n_origins - 1) * (together**2).sum(axis=0) / n**2
    return Estimate(mean, np.sqrt(variance), n_origins)
