"""Conclusions from curves: means, relaxation times, power laws, master curves, transitions, each with its
interval, and an outcome where the data does not say.

Functions of curves take one waiting time and one chi (``curve.sel(waiting_time=...)``) and treat temperatures apart.
Intervals are 95 %, Student's t between initial conditions, which all temperatures share.
"""

from __future__ import annotations

from glassnet.analysis.ageing import ageing_exponent
from glassnet.analysis.bimodality import bimodality, dip_test
from glassnet.analysis.bowl import bowl_limit, bowl_mean_square_displacement, bowl_overlap
from glassnet.analysis.crossover import Crossover, crossover
from glassnet.analysis.dead_neurons import live_weights
from glassnet.analysis.master_curve import MasterExponent, master_exponent
from glassnet.analysis.means import ensemble_mean
from glassnet.analysis.measured import Measured, jackknife
from glassnet.analysis.plateau import caging, long_time_level
from glassnet.analysis.power_law import PowerLaw, power_law, power_law_across
from glassnet.analysis.relaxation import paper_relaxation_time, relaxation_time
from glassnet.analysis.stationarity import stationarity
from glassnet.analysis.stokes_einstein import stokes_einstein
from glassnet.analysis.superposition import collapse
from glassnet.analysis.transition import Transition, by_origin, transition

__all__ = [
    "Crossover",
    "MasterExponent",
    "Measured",
    "PowerLaw",
    "Transition",
    "ageing_exponent",
    "bimodality",
    "bowl_limit",
    "bowl_mean_square_displacement",
    "bowl_overlap",
    "by_origin",
    "caging",
    "collapse",
    "crossover",
    "dip_test",
    "ensemble_mean",
    "jackknife",
    "live_weights",
    "long_time_level",
    "master_exponent",
    "paper_relaxation_time",
    "power_law",
    "power_law_across",
    "relaxation_time",
    "stationarity",
    "stokes_einstein",
    "transition",
]
