"""What is concluded from curves: means over replicas and relaxation times, with their intervals."""

from __future__ import annotations

from glassnet.analysis.means import ensemble_mean
from glassnet.analysis.relaxation import paper_relaxation_time, relaxation_time

__all__ = ["ensemble_mean", "paper_relaxation_time", "relaxation_time"]
