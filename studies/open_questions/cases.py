"""Cases of the study of open questions: a base case, and cases that differ from it in one factor.

Quenches have the same length in *learning time*, mu x steps, so that a smaller learning rate means finer steps and not
a shorter quench. The length of the quench is a factor of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

import glassnet as gn
from glassnet.datasets.raw import Inputs

DEPTH: Final = 6
BATCH: Final = 100


@dataclass(frozen=True)
class Case:
    """Data, first weights and quench of the networks.

    Args:
        factor: name of the setting that differs from the base case.
        value: the setting here.
        inputs: how pixels become features.
        learning_rate: mu of SGD.
        duration: length of the quench in learning time, mu x steps.
        std: of normal initial weights; None for uniform ones on +-1/sqrt(fan_in).
        scale: multiplies the uniform initial weights.
    """

    factor: str
    value: str
    inputs: Inputs = "standardised"
    learning_rate: float = 1e-3
    duration: float = 300.0
    std: float | None = None
    scale: float = 1.0

    @property
    def name(self) -> str:
        return f"{self.factor}-{self.value}".replace(" ", "-")

    @property
    def n_steps(self) -> int:
        return round(self.duration / self.learning_rate)

    def initial(self, network: gn.Mlp, n_replicas: int) -> gn.Ensemble:
        """The networks before the quench."""
        if self.std is not None:
            return gn.Ensemble.random(network, n_replicas, init="normal", std=self.std)
        start = gn.Ensemble.random(network, n_replicas)
        return gn.Ensemble.from_weights(network, self.scale * start.weights)

    def landscape(self, width: int, n_samples: int, l2: float | tuple[float, ...]) -> gn.Landscape:
        """The landscape of networks of this width over the case's data."""
        dataset = gn.load_dataset("mnist", n_samples=n_samples, inputs=self.inputs)
        return gn.Landscape(gn.Mlp(dataset.n_features, width, DEPTH), dataset, gn.QuadraticHinge(l2))

    def sgd(self) -> gn.Sgd:
        """The dynamics of the quench."""
        return gn.Sgd(self.learning_rate, BATCH)


CASES: Final = (
    Case("base", "base"),
    Case("inputs", "mnist", inputs="mnist"),
    Case("inputs", "pixel", inputs="pixel"),
    Case("inputs", "whitened", inputs="whitened"),
    Case("rate", "3e-4", learning_rate=3e-4),
    Case("rate", "3e-3", learning_rate=3e-3),
    Case("quench", "1e5 steps", duration=100.0),
    Case("quench", "1e6 steps", duration=1000.0),
    Case("weights", "uniform x 0.7", scale=0.7),
    Case("weights", "uniform x 2", scale=2.0),
    Case("weights", "normal 0.25", std=0.25),
)
"""The base case first; then factor by factor."""

FACTORS: Final = tuple(dict.fromkeys(case.factor for case in CASES))


@dataclass(frozen=True)
class Work:
    """Cost of a measurement: ``n_steps`` of a whole ensemble of ``n_replicas``."""

    width: int
    dynamics: gn.Sgd | gn.Langevin
    n_replicas: int
    n_steps: int


def minimum(start: gn.Ensemble, landscape: gn.Landscape, case: Case) -> gn.Ensemble:
    """SGD, and gradient descent into the minimum nearby, as for the phase diagram (Fig. 1a)."""
    now = gn.evolve(start, landscape, case.sgd(), case.n_steps)
    for rate in (case.learning_rate, case.learning_rate / 10):
        now = gn.evolve(now, landscape, gn.GradientDescent(rate), 50)
    return now


def no_return(l2: float, n_matrices: int, input_norm: float) -> float:
    r"""The |W|^2 below which gradient flow leads to W = 0.

    f is homogeneous of degree D in D matrices, so d|W|^2/dt = -2 l2 |W|^2 + 2 D <max(0, 1 - y f) y f>, where
    max(0, 1 - y f) y f <= |f| <= |x| prod |W_l| <= |x| (|W|^2/D)^(D/2): the first term wins once and for all below
    D (l2/<|x|>)^(2/(D - 2)).
    """
    return float(n_matrices * (l2 / input_norm) ** (2.0 / (n_matrices - 2)))


def input_norm(dataset: gn.Dataset) -> float:
    """<|x|>, the mean length of the rows."""
    return float(np.linalg.norm(dataset.features.astype(np.float64), axis=1).mean())
