"""The reference engine: plain NumPy in float64, slow, the definition that every other engine is held to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from glassnet import _check, random
from glassnet.engines import defined_sums
from glassnet.engines.base import Evaluation, Observation, Precision
from glassnet.landscape.loss import QuadraticHinge
from glassnet.landscape.network import Floats, Mlp
from glassnet.landscape.surface import Landscape, mean_data_gradient
from glassnet.random import Purpose
from glassnet.simulate.dynamics import Dynamics, Langevin, Sgd, batch_size
from glassnet.simulate.ensemble import Ensemble

Gradient = Callable[[Mlp, NDArray[np.float64], Floats, Floats], NDArray[np.float64]]
"""Network, its weights, features and labels to the mean data gradient."""


@dataclass(frozen=True)
class Reference:
    """The float64 NumPy engine, one replica and one step at a time."""

    name: ClassVar[str] = "reference"
    version: ClassVar[str] = "1"
    gradient: ClassVar[Precision] = "float64"
    full_batch_settings: ClassVar[Mapping[str, Any]] = {}

    def session(self, ensemble: Ensemble, landscape: Landscape, dynamics: Dynamics) -> ReferenceSession:
        """Begin with a copy of the ensemble's state."""
        return ReferenceSession(ensemble, landscape, dynamics)

    def evaluate(self, weights: Floats, landscape: Landscape) -> Evaluation:
        """Evaluate networks ``(replica, weight)`` on the landscape's data."""
        network, dataset = landscape.mlp("engine 'reference'"), landscape.dataset
        labels = dataset.labels.astype(np.float64)
        with _unbounded():
            outputs = [network.output(w, dataset.features) for w in weights]
            losses = np.array([QuadraticHinge.value(f, labels).mean() for f in outputs])
        return Evaluation(
            data_loss=losses,
            awake=np.array([np.mean(~(labels * f >= 1.0)) for f in outputs]),
            accuracy=np.array([np.mean(labels * f > 0.0) for f in outputs]),
            dead=np.array([not f.any() for f in outputs]),
        )


class ReferenceSession:
    """The update rule, written once to be read."""

    def __init__(self, ensemble: Ensemble, landscape: Landscape, dynamics: Dynamics) -> None:
        n = len(ensemble)
        self._start = ensemble
        self._landscape = landscape
        self._network = landscape.mlp("engine 'reference'")
        self._dynamics = dynamics
        self._weights = ensemble.weights.copy()
        self._step = ensemble.step.copy()
        self._alive = ensemble.alive.copy()
        self._longest_row = float(np.linalg.norm(landscape.dataset.features.astype(np.float64), axis=1).max())
        self._rate = _check.spread("learning_rate", dynamics.learning_rate, n)
        self._l2 = _check.spread("l2", landscape.loss.l2, n)
        warmth = dynamics.temperature if isinstance(dynamics, Langevin) else 0.0
        self._temperature = _check.spread("temperature", warmth, n)

    @property
    def ensemble(self) -> Ensemble:
        """The state now."""
        start = self._start
        return Ensemble(start.network, self._weights, start.seed, start.origin, start.noise, self._step, self._alive)

    def advance(self, n_steps: NDArray[np.int64]) -> None:
        """Make ``n_steps[r]`` updates of replica r."""
        with _unbounded():
            for r, n in enumerate(n_steps):
                for _ in range(n):
                    if not self._alive[r]:
                        break
                    self._update(r)

    def _update(self, r: int) -> None:
        data = self._landscape.dataset
        gradient: Gradient = mean_data_gradient
        if defined_sums.may_overflow(self._network, self._weights[r], self._longest_row, data.n_samples):
            gradient = partial(defined_sums.mean_gradient, precision=np.float64)
        new = self.moved(r, gradient)
        if np.isfinite(new).all():
            self._weights[r] = new
            self._step[r] += 1
        else:
            self._alive[r] = False

    def moved(self, r: int, gradient: Gradient) -> Floats:
        """The weights of replica r after its next update, which is not made and may not be finite."""
        scalar = self._weights.dtype.type
        rate, l2 = scalar(self._rate[r]), scalar(self._l2[r])
        w = self._weights[r]
        g = self._gradient(r, gradient).astype(w.dtype)
        new: Floats = w - rate * (g + l2 * w)
        if self._temperature[r] > 0:
            new = new + self._noise_scale(r) * self._xi(r)
        return new

    def _noise_scale(self, r: int) -> np.floating:
        n_samples = self._landscape.dataset.n_samples
        scale = np.sqrt(2.0 * self._rate[r] * self._temperature[r] / n_samples)
        return self._weights.dtype.type(scale)

    def _xi(self, r: int) -> Floats:
        start, step = self._start, int(self._step[r])
        name = int(start.seed[r]), int(start.origin[r]), int(start.noise[r])
        return random.noise(*name, step, self._weights.shape[1]).astype(self._weights.dtype)

    def _gradient(self, r: int, gradient: Gradient) -> NDArray[np.float64]:
        data = self._landscape.dataset
        rows = self._batch(r)
        features, labels = (data.features, data.labels) if rows is None else (data.features[rows], data.labels[rows])
        return gradient(self._network, self._weights[r].astype(np.float64), features, labels)

    def _batch(self, r: int) -> NDArray[np.int64] | None:
        size = batch_size(self._dynamics)
        if size is None:
            return None
        n_samples = self._landscape.dataset.n_samples
        seed, origin, noise = (int(x[r]) for x in (self._start.seed, self._start.origin, self._start.noise))
        step = int(self._step[r])
        if isinstance(self._dynamics, Sgd) and self._dynamics.sampling == "replacement":
            draws = random.words(Purpose.SGD_REPLACEMENT, seed, origin, noise, step, size)
            return random.integers(draws, n_samples)
        epoch, position = divmod(step, n_samples // size)
        if isinstance(self._dynamics, Sgd):
            order = _permutation(Purpose.SGD_PERMUTATION, seed, origin, 0, epoch, n_samples)
        else:
            order = _permutation(Purpose.LANGEVIN_PERMUTATION, seed, origin, noise, epoch, n_samples)
        return order[position * size : (position + 1) * size]

    def observe(self) -> Observation:
        """Loss and gradient over all rows at the current weights."""
        data, network = self._landscape.dataset, self._network
        weights = self._weights.astype(np.float64)
        seen = Reference().evaluate(weights, self._landscape)
        with _unbounded():
            gradient = np.stack([mean_data_gradient(network, w, data.features, data.labels) for w in weights])
        return Observation(seen.data_loss, seen.awake, seen.accuracy, seen.dead, gradient)


def _unbounded() -> np.errstate:
    """A replica that diverges passes through infinities; that is detected, not warned of."""
    return np.errstate(over="ignore", invalid="ignore")


@lru_cache(maxsize=64)
def _permutation(purpose: Purpose, seed: int, origin: int, noise: int, epoch: int, n: int) -> NDArray[np.int64]:
    return random.permutation(random.words(purpose, seed, origin, noise, epoch, n))
