"""Observables of a record: overlap, mean square displacement, non-Gaussian parameter, mobility."""

from __future__ import annotations

from glassnet.observables.displacement import mean_square_displacement, non_gaussian
from glassnet.observables.mobility import mobility
from glassnet.observables.overlap import epsilons, overlap

__all__ = ["epsilons", "mean_square_displacement", "mobility", "non_gaussian", "overlap"]
