"""The experiments by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from glassnet.experiments.ageing import Ageing
from glassnet.experiments.experiment import Experiment
from glassnet.experiments.minima import Minima
from glassnet.experiments.phase_diagram import PhaseDiagram
from glassnet.experiments.protocol import Protocol
from glassnet.experiments.relaxation import Relaxation
from glassnet.experiments.sgd_displacement import SgdDisplacement
from glassnet.experiments.step_size import StepSize

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
