"""Experiments: what to run for the figures of the paper, and the runner that makes it."""

from __future__ import annotations

from glassnet.experiments.experiment import Experiment
from glassnet.experiments.presets import DATASETS, PHASES, SCALES, preset
from glassnet.experiments.relaxation import Relaxation
from glassnet.experiments.view import Run, open_run

__all__ = ["DATASETS", "PHASES", "SCALES", "Experiment", "Relaxation", "Run", "open_run", "preset"]
