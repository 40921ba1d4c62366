"""Minima on both sides of the trivialisation transition: weights, losses, distances, and the ends of the Hessian."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Final

import numpy as np
import xarray as xr

from glassnet.paper.scales import preset
from glassnet.runs.experiment import Count, NotNegativeNumbers, Whole
from glassnet.runs.own_data import OwnData
from glassnet.runs.point import Curvature, Evolve, Point
from glassnet.runs.training import Training
from glassnet.simulate.dynamics import GradientDescent


class Minima(Training):
    """SGD from random weights, gradient descent to the minimum nearby, and the Hessian there.

    Args:
        width: units in each hidden layer.
        l2s: lambda.
        epochs: length of SGD.
        descent: steps of gradient descent at the learning rate of SGD.
        eigenvalues: how many at each end of the spectrum.
    """

    experiment: ClassVar[str] = "minima"
    grows: ClassVar[Mapping[str, Callable[[Any, Any], bool]]] = {
        "replicas": lambda old, new: new >= old,
        "l2s": lambda old, new: set(new) >= set(old),
    }

    width: Count
    l2s: NotNegativeNumbers
    epochs: Whole
    descent: Whole = 100
    eigenvalues: Count = 3

    def points(self) -> tuple[Point, ...]:
        """All l2 together: SGD, descent, and the Hessian."""
        quenched = [self.trained(self.width, l2, self.epochs, f"quench, l2 = {l2:g}") for l2 in self.l2s]
        minima = [self.minimum(l2) for l2 in self.l2s]
        return (*quenched, *minima, *(self.hessian(l2) for l2 in self.l2s))

    @property
    def replicas_shown(self) -> tuple[Point, ...]:
        """The minima."""
        return tuple(self.minimum(l2) for l2 in self.l2s)

    def minimum(self, l2: float) -> Point:
        """The point at the end of the descent."""
        quench = self.trained(self.width, l2, self.epochs)
        stage = Evolve(GradientDescent(self.quench_rate), self.descent)
        return replace(quench, stages=(*quench.stages, stage), label=f"descent, l2 = {l2:g}")

    def hessian(self, l2: float) -> Point:
        """The point whose results are eigenvalues."""
        minimum = self.minimum(l2)
        return replace(minimum, stages=(*minimum.stages, Curvature(self.eigenvalues)), label=f"Hessian, l2 = {l2:g}")


def spectra(results: Mapping[float, Mapping[int, Mapping[str, float]]], n: int) -> xr.Dataset:
    """``smallest`` and ``largest`` eigenvalues, ``(l2, origin, rank)``, from what was evaluated at each l2.

    NaN where a unit is not done or Lanczos' method did not converge; ``residual`` bounds their error.
    """
    origins = sorted({origin for found in results.values() for origin in found})
    shape = (len(results), len(origins), n)
    ends = {name: np.full(shape, np.nan) for name in ("smallest", "largest")}
    residual = np.full(shape[:2], np.nan)
    for i, found in enumerate(results.values()):
        for j, origin in enumerate(origins):
            one = found.get(origin, {})
            residual[i, j] = one.get("residual", np.nan)
            for name, values in ends.items():
                values[i, j] = [one.get(f"{name}_{k}", np.nan) for k in range(n)]
    dims = ("l2", "origin", "rank")
    variables: dict[str, Any] = {name: (dims, values) for name, values in ends.items()}
    return xr.Dataset(variables | {"residual": (dims[:2], residual)}, {"l2": list(results), "origin": origins})


_REPLICAS: Final = {"demo": 4, "laptop": 10, "workstation": 20, "paper": 50}


def minima(dataset: str | OwnData, scale: str, changes: Mapping[str, Any] | None = None) -> Minima:
    """The request for a data set at a scale: l2 = 0.01 and 0.04, as the authors' scripts have them.

    Raises:
        ValueError: an unknown name, or a number that is not allowed.
    """
    phase = preset("regularised", dataset, scale)
    shared = {name: getattr(phase, name) for name in ("dataset", "inputs", "samples", "batch_size", "width", "epochs")}
    return Minima.of(shared | {"l2s": (0.01, 0.04), "replicas": _REPLICAS[scale]} | dict(changes or {}))
