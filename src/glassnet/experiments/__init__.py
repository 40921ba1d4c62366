"""Experiments: what to run for the figures of the paper, and the runner that makes it."""

from __future__ import annotations

from glassnet.experiments.ageing import Ageing
from glassnet.experiments.experiment import Experiment
from glassnet.experiments.minima import Minima
from glassnet.experiments.own_data import remember
from glassnet.experiments.phase_diagram import PhaseDiagram
from glassnet.experiments.presets import DATASETS, PHASES, SCALES, preset
from glassnet.experiments.protocol import Protocol
from glassnet.experiments.quench import start_from
from glassnet.experiments.relaxation import Relaxation
from glassnet.experiments.requests import KINDS, request
from glassnet.experiments.sgd_displacement import SgdDisplacement
from glassnet.experiments.step_size import StepSize
from glassnet.experiments.view import Run, open_run

__all__ = [
    "DATASETS",
    "KINDS",
    "PHASES",
    "SCALES",
    "Ageing",
    "Experiment",
    "Minima",
    "PhaseDiagram",
    "Protocol",
    "Relaxation",
    "Run",
    "SgdDisplacement",
    "StepSize",
    "open_run",
    "preset",
    "remember",
    "request",
    "start_from",
]
