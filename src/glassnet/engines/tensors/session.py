"""An ensemble under one dynamics in PyTorch: the update rule, all replicas at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from glassnet import _check
from glassnet.engines import second_look
from glassnet.engines.base import Evaluation, Observation, Precision
from glassnet.engines.tensors import batches, perceptron, random
from glassnet.engines.tensors.footprint import block_on
from glassnet.engines.tensors.limits import at_work
from glassnet.landscape import autograd
from glassnet.landscape.autograd import Rows
from glassnet.landscape.loss import QuadraticHinge
from glassnet.landscape.network import Floats, Mlp
from glassnet.landscape.surface import Landscape
from glassnet.random import Purpose
from glassnet.simulate.dynamics import Dynamics, Langevin, batch_size
from glassnet.simulate.ensemble import Ensemble

_KEPT = (1 << 23, 1 << 19)
"""Numbers that a replica may keep of a block of rows, on other devices and on a processor."""

Look = Callable[[Tensor, Tensor, Tensor], Rows]
"""Weights (replica, weight), features and labels to sums over rows."""

Slope = Callable[[Tensor, Tensor, Tensor], Tensor]
"""The same to the gradient (replica, weight) alone, which is all that a step needs."""


class TorchSession:
    """An ensemble under one dynamics in PyTorch."""

    def __init__(
        self,
        device: torch.device,
        precision: torch.dtype,
        threads: int | None,
        needed: int | None,
        ensemble: Ensemble,
        landscape: Landscape,
        dynamics: Dynamics,
    ) -> None:
        self._device, self._precision, self._threads, self._needed = device, precision, threads, needed
        with self._at_work():
            self._begin(ensemble, landscape, dynamics)

    def _begin(self, ensemble: Ensemble, landscape: Landscape, dynamics: Dynamics) -> None:
        n = len(ensemble)
        warmth = dynamics.temperature if isinstance(dynamics, Langevin) else 0.0
        rate = _check.spread("learning_rate", dynamics.learning_rate, n)
        temperature = _check.spread("temperature", warmth, n)
        self._start, self._landscape, self._dynamics = ensemble, landscape, dynamics
        self._look, self._slope = _look(landscape), _slope(landscape)
        device, precision = self._device, self._precision
        # Apple's devices have no float64, in which the noise is defined.
        self._host = torch.device("cpu") if device.type == "mps" else device
        self._batch = batch_size(dynamics)
        self._data = _Data(landscape, device, precision, own_rows=self._batch is not None)
        self._weights = torch.from_numpy(ensemble.weights.copy()).to(device)
        self._rate, self._l2, self._scale = (
            torch.from_numpy(numbers).to(self._weights.dtype).to(device)[:, None]
            for numbers in (
                rate,
                _check.spread("l2", landscape.loss.l2, n),
                np.sqrt(2.0 * rate * temperature / landscape.dataset.n_samples),
            )
        )
        self._noisy = bool((temperature > 0).any())
        self._names = torch.from_numpy(np.stack([ensemble.seed, ensemble.origin, ensemble.noise], axis=1))
        self._step = torch.from_numpy(ensemble.step.copy())
        self._alive = torch.from_numpy(ensemble.alive.copy()).to(device)

    @property
    def ensemble(self) -> Ensemble:
        """The state now, as a value of its own."""
        start, alive = self._start, self._alive.cpu().numpy().copy()
        weights, step = self._weights.cpu().numpy().copy(), self._step.numpy().copy()
        return Ensemble(start.network, weights, start.seed, start.origin, start.noise, step, alive)

    def advance(self, n_steps: NDArray[np.int64]) -> None:
        """Make ``n_steps[r]`` updates of replica r, fewer where it diverges."""
        if _is_plain(self._landscape):
            second_look.advance(self, n_steps, self._landscape, self._dynamics, self._gradient_kind)
        else:
            self.hurry(n_steps)

    def standing(self) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Step of each replica, and whether it is alive."""
        return self._step.numpy().copy(), self._alive.cpu().numpy().copy()

    def hurry(self, n_steps: NDArray[np.int64]) -> None:
        """Make so many updates of each replica that is alive, fewer where one is not finite."""
        left = np.where(self._alive.cpu().numpy(), n_steps, 0)
        with self._at_work():
            while left.any():
                some = np.flatnonzero(left)
                stretch = int(left[some].min())
                self._stretch(some, stretch)
                left[some] -= stretch
                left[~self._alive.cpu().numpy()] = 0

    def revive(self, r: int, weights: Floats) -> None:
        """Replica r is alive, one step further, at these weights ``(weight,)``."""
        self._weights[r] = torch.from_numpy(weights).to(self._device)
        self._step[r] += 1
        self._alive[r] = True

    @property
    def _gradient_kind(self) -> Precision:
        return "float32" if self._precision == torch.float32 else "float64"

    def _at_work(self) -> AbstractContextManager[None]:
        return at_work(self._device, self._threads, self._needed)

    def _stretch(self, some: NDArray[np.int64], n_steps: int) -> None:
        """So many updates of some replicas. Nothing waits for the device before the end."""
        at = torch.from_numpy(some).to(self._device)
        begin, made = self._step[some], torch.zeros(len(some), dtype=torch.int64, device=self._device)
        w, alive = self._weights[at], self._alive[at]
        rate, l2, scale = self._rate[at], self._l2[at], self._scale[at]
        names = self._names[some]
        rows = self._rows(some, begin, n_steps)
        for i in range(n_steps):
            g = self._gradient(w, next(rows)).to(w.dtype)
            new = w - rate * (g + l2 * w)
            if self._noisy:
                name = torch.cat([names, (begin + i)[:, None]], dim=1).to(self._host)
                xi = random.noise(name, w.shape[1]).to(w.dtype).to(self._device)
                new = torch.where(scale > 0, new + scale * xi, new)
            alive = alive & torch.isfinite(new).all(dim=1)
            w = torch.where(alive[:, None], new, w)
            made += alive
        self._weights[at], self._alive[at] = w, alive
        self._step[some] += made.cpu()

    def _rows(self, some: NDArray[np.int64], begin: Tensor, n_steps: int) -> Iterator[Tensor | None]:
        """The rows ``(replica, batch)`` of each update, None for all."""
        size, n_rows = self._batch, self._data.n_rows
        if size is None:
            yield from [None] * n_steps
            return
        per_epoch, ensemble = n_rows // size, self._start[some]
        within = torch.arange(size, device=self._device)
        epoch = np.full(len(some), -1)
        for i in range(n_steps):
            now = (begin + i).numpy()
            if batches.replaces(self._dynamics):
                name = torch.cat([self._names[some], (begin + i)[:, None]], dim=1).to(self._device)
                yield random.integers(random.words(Purpose.SGD_REPLACEMENT, name, size), n_rows)
                continue
            if (now // per_epoch != epoch).any():
                epoch = now // per_epoch
                order, whose = batches.orders(ensemble, self._dynamics, epoch, n_rows, self._device)
            first = torch.from_numpy(now % per_epoch * size).to(self._device)
            yield order[whose[:, None], first[:, None] + within]

    def _gradient(self, w: Tensor, rows: Tensor | None) -> Tensor:
        """The mean data gradient ``(replica, weight)``."""
        weights = w.to(self._precision)
        data = self._data
        if rows is not None:
            return self._slope(weights, data.features[rows], data.labels[rows]) / rows.shape[1]
        blocks = data.blocks()
        total = _exactly(self._slope(weights, *next(blocks)))
        for block in blocks:
            total = total + _exactly(self._slope(weights, *block))
        return total / data.n_rows

    def observe(self) -> Observation:
        """Loss and gradient at the current weights."""
        with self._at_work():
            seen = _summed(self._look, self._weights.to(self._precision), self._data)
        n = self._data.n_rows
        of_rows = _shares(seen, self._data)
        gradient = seen.gradient.cpu().double().numpy() / n
        if _is_plain(self._landscape):
            gradient = second_look.gradients(gradient, self, self._landscape, self._gradient_kind)
        return Observation(of_rows.data_loss, of_rows.awake, of_rows.accuracy, of_rows.dead, gradient)


class _Data:
    """A data set on a device, in blocks of rows whose sums are added up in float64 where the device has it.

    ``own_rows`` says that each replica will look at rows of its own.
    """

    def __init__(self, landscape: Landscape, device: torch.device, precision: torch.dtype, *, own_rows: bool) -> None:
        dataset = landscape.dataset
        self.n_rows = dataset.n_samples
        self.regression = dataset.regression
        self.features = torch.from_numpy(dataset.features.copy()).to(precision).to(device)
        labels = torch.from_numpy(dataset.labels.copy())
        self.labels = (labels.long() if dataset.n_classes else labels.to(precision)).to(device)
        self.block = block_on(device.type)
        if not _is_plain(landscape):
            network, loss = landscape.network, landscape.loss
            for own in {False, own_rows}:
                autograd.refuse_unable(network, loss, self.features[:2], self.labels[:2], own_rows=own)
            kept = autograd.kept_per_row(network, loss, dataset)
            self.block = max(1, min(self.block, _KEPT[device.type == "cpu"] // kept))

    def blocks(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Features and labels of some rows after the other."""
        return zip(self.features.split(self.block), self.labels.split(self.block), strict=True)


def _is_plain(landscape: Landscape) -> bool:
    return isinstance(landscape.network, Mlp) and isinstance(landscape.loss, QuadraticHinge)


def _look(landscape: Landscape) -> Look:
    if isinstance(landscape.network, Mlp) and isinstance(landscape.loss, QuadraticHinge):
        return partial(perceptron.look, landscape.network)
    return partial(autograd.look, landscape.network, landscape.loss)


def _slope(landscape: Landscape) -> Slope:
    look, network = _look(landscape), landscape.network
    if isinstance(network, Mlp) and _is_plain(landscape):
        return partial(perceptron.gradient, network)
    return lambda weights, features, labels: look(weights, features, labels).gradient


def _summed(look: Look, weights: Tensor, data: _Data) -> Rows:
    blocks = data.blocks()
    first = look(weights, *next(blocks))
    total = replace(first, gradient=_exactly(first.gradient))
    for block in blocks:
        part = look(weights, *block)
        total = Rows(
            total.loss + part.loss,
            total.awake + part.awake,
            total.right + part.right,
            total.nonzero + part.nonzero,
            total.gradient + _exactly(part.gradient),
        )
    return total


def _exactly(gradient: Tensor) -> Tensor:
    """In the precision of sums over blocks."""
    return gradient if gradient.device.type == "mps" else gradient.double()


def _shares(seen: Rows, data: _Data) -> Evaluation:
    loss, awake, right = (x.cpu().double().numpy() / data.n_rows for x in (seen.loss, seen.awake, seen.right))
    dead = seen.nonzero.cpu().numpy() == 0
    return Evaluation(loss, awake, np.full_like(right, np.nan) if data.regression else right, dead)


def evaluate(weights: Floats, landscape: Landscape, device: torch.device, precision: torch.dtype) -> Evaluation:
    """Evaluate networks ``(replica, weight)`` on the landscape's data."""
    data = _Data(landscape, device, precision, own_rows=False)
    seen = _summed(_look(landscape), torch.from_numpy(weights.copy()).to(precision).to(device), data)
    return _shares(seen, data)
