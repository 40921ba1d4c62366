"""The paper's numbers, and those of its authors' scripts: phases, transitions, levels and exponents.

The paper is M. Kerr Winter and L. M. C. Janssen, "How glassy are neural networks?" (2024).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

PhaseName = Literal["regularised", "underparameterised", "overparameterised"]

PHASES: Final[tuple[PhaseName, ...]] = get_args(PhaseName)
"""Where in the phase diagram, by name."""

LAMBDA: Final = 0.03
RATIO: Final = 0.18
"""The transitions of Section III A, lambda* and N*/P_D: what lies where tells a run's phase."""

EPOCHS: Final = 7_000
"""Length of SGD in the authors' scripts."""

LONG_EPOCHS: Final = 17_000
"""Length of SGD where networks reach zero loss, in the authors' scripts."""

QUENCH: Final = EPOCHS * 600
"""The same in steps: epochs of 60000 rows in batches of 100."""

COLLAPSE_EXPONENT: Final = -0.48
"""Exponent of the master curve, and of Q_inf against T (Figs. 4a and b)."""

OVERLAP_TEMPERATURES: Final = frozenset({1e-4, 1e-6})
OVERLAP_CHI: Final = 400.0
OVERLAP_WAITING_TIME: Final = 5_000
"""Temperatures, sensitivity and waiting time of Fig. 2b."""

HOT_SLOPE: Final = -1.0
"""d log tau_90/d log T above T* (Fig. 3d-f), and from free diffusion."""

CHI_FACTOR, CHI_DECADES = 50.0, 1.0
"""Over such a factor of chi T* moves by about so many decades (Fig. A1)."""

SIGMA_SPREAD: Final = 0.01
"""Relative spread of sigma between the replicas of a phase (Appendix B)."""

MOBILITY_TIME: Final = 200_000
"""Steps; Delta t of the mobilities of Fig. 7d-f, in the authors' scripts."""

LEARNING_RATE: Final = 1e-3
"""Learning rate of Langevin dynamics."""

COLDEST: Final[Mapping[str, float]] = {"regularised": 1e-8, "underparameterised": 1e-6, "overparameterised": 1e-8}
"""The lowest temperatures above 0 of Fig. 7."""

SGD_LEVEL: Final = 1e-4
"""Mean square displacement at which the networks of Fig. 5d are localised, as Section III D has it."""

SGD_BOWL: Final = 0.1 / (1e-2 * 6e4)
"""T/(k P_D) of Eq. H4 at T = 0.1; between two equilibrium times the displacement tends to twice that."""

SCRIPTS_LOSS: Final = (0.0799, 0.0824)
"""Data losses of minima at l2 = 0.01, from the authors' scripts."""

SCRIPTS_DISTANCE: Final = (5.5, 6.0)
"""Distances between minima at l2 = 0.01, from the authors' scripts."""

COLLAPSE_CHI: Final[Mapping[tuple[str, str], float]] = {
    ("mnist", "regularised"): 500.0,
    ("mnist", "underparameterised"): 1000.0,
    ("mnist", "overparameterised"): 500.0,
    ("cifar10", "regularised"): 250.0,
    ("cifar10", "underparameterised"): 700.0,
    ("cifar10", "overparameterised"): 250.0,
}
"""Sensitivity of Figs. 4 and A6, from the authors' scripts."""

AGEING_TEMPERATURE: Final[Mapping[str, float]] = {
    "regularised": 1e-6,
    "underparameterised": 1e-4,
    "overparameterised": 1e-5,
}
"""Figs. 8a and c; the overparameterised one is of Fig. A11a, where the paper does not say it."""

SCRIPTS_AGEING_TEMPERATURE: Final[Mapping[str, float]] = {
    "regularised": 1e-6,
    "underparameterised": 1e-5,
    "overparameterised": 1e-5,
}

WAITING_TIMES: Final = (20_000, 2_000, 300)
"""Waiting times at which runs of the paper's scales are looked at, the first that was recorded."""


@dataclass(frozen=True)
class Phase:
    """Where in the phase diagram, and how the overlap is looked at there.

    ``demo_width`` keeps N/P_D at l2 = 0, where it decides the phase, with a tenth (MNIST) of the rows.
    """

    width: int
    demo_width: int
    l2: float
    chi: tuple[float, ...]
    shown_chi: float
    temperatures: tuple[float, ...]
    laptop_temperatures: tuple[float, ...]


_COLD: Final = (1e-3, 5e-4, 1e-4, 1e-5, 1e-6)
_PAPER: Final = (1.0, 0.5, 0.1, 0.05, 0.01, 0.005, *_COLD, 1e-8, 1e-10, 0.0)
_PAPER_UNDER: Final = (1.0, 0.5, 0.1, 0.05, 0.01, 0.005, *_COLD, 0.0)
_PAPER_CIFAR10: Final = (1.0, 0.1, 0.01, 1e-3, 1e-4, 1e-5, 1e-6, 1e-8, 1e-10, 0.0)
DEMO_TEMPERATURES: Final = (1e-2, 1e-3, 1e-4, 0.0)
_LAPTOP: Final = (0.1, 0.01, 1e-3, 1e-4, 3e-5, 1e-5, 1e-6, 0.0)
# Its T* is the highest: four temperatures lie above it and have a tau_90 of 3 steps or more.
_LAPTOP_UNDER: Final = (0.1, 0.03, 0.01, 1e-3, 1e-4, 1e-5, 1e-6, 0.0)
_LAPTOP_OVER: Final = (1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6, 1e-8, 0.0)
_CHI_REGULARISED: Final = (20.0, 50.0, 100.0, 200.0, 300.0, 400.0, 500.0, 1000.0)

PHASE: Final[Mapping[tuple[str, str], Phase]] = {
    ("mnist", "regularised"): Phase(30, 30, 1e-2, _CHI_REGULARISED, 300.0, _PAPER, _LAPTOP),
    ("mnist", "underparameterised"): Phase(30, 9, 0.0, (500.0, 1000.0), 500.0, _PAPER_UNDER, _LAPTOP_UNDER),
    ("mnist", "overparameterised"): Phase(72, 22, 0.0, (500.0, 6000.0), 6000.0, _PAPER, _LAPTOP_OVER),
    ("cifar10", "regularised"): Phase(30, 30, 1e-3, (150.0, 250.0), 150.0, _PAPER_CIFAR10, _LAPTOP),
    ("cifar10", "underparameterised"): Phase(30, 10, 0.0, (150.0, 700.0), 150.0, _PAPER_CIFAR10, _LAPTOP),
    ("cifar10", "overparameterised"): Phase(80, 27, 0.0, (250.0, 600.0), 600.0, _PAPER_CIFAR10, _LAPTOP),
}
"""By data set and phase."""


def phase_at(l2: float, ratio: float) -> PhaseName | None:
    """The phase of networks with N/P_D = ``ratio``, by the paper's transitions; None in the quadratic phase."""
    if l2 > 0.0:
        return "regularised" if l2 < LAMBDA else None
    return "underparameterised" if ratio < RATIO else "overparameterised"
