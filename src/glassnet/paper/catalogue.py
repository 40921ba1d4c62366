"""The experiments by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from glassnet.paper.experiments.ageing import Ageing
from glassnet.paper.experiments.minima import Minima
from glassnet.paper.experiments.phase_diagram import PhaseDiagram
from glassnet.paper.experiments.protocol import Protocol
from glassnet.paper.experiments.relaxation import Relaxation
from glassnet.paper.experiments.sgd_displacement import SgdDisplacement
from glassnet.paper.experiments.step_size import StepSize
from glassnet.runs.experiment import Experiment

_KINDS: Final[tuple[type[Experiment], ...]] = (
    PhaseDiagram,
    Relaxation,
    Ageing,
    SgdDisplacement,
    Minima,
    Protocol,
    StepSize,
)

EXPERIMENTS: Final[Mapping[str, type[Experiment]]] = {kind.experiment: kind for kind in _KINDS}
