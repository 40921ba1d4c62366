"""The cpu engine: fused C++ kernels, many replicas or blocks of rows at once.

Every sum it makes is defined, so that its bits depend on no thread count, tile, vector width or instruction set:

- pre-activations and the deltas of a row are one chain of fused multiply-adds each, in the order of their index;
- the output is a dot product over 16 virtual lanes (lane = index mod 16, one chain a lane), folded in halves;
- the weight gradient is summed over blocks of 2048 rows (of a batch, in its order): inside a block one chain of
  fused multiply-adds a weight in row order, in the engine's precision; the blocks' sums are added in float64, in
  order, and the total is multiplied by the float64 reciprocal of the number of rows. Losses of rows are added in
  float64 in the same order;
- results too small for a normal number are flushed to zero.

A row that sleeps (y f >= 1) adds exact zeros to every chain, so the backward pass leaves it out and no bit changes.
Under full-batch dynamics the forward pass, too, leaves out rows that provably sleep: their margins at an earlier pass
exceed 1 by more than a bound of how far any output can have moved since, rounding included (``src/cpp/bound.hpp``).

With ``skin=True`` nothing is proven. At every 100th step of a replica's life all rows are looked at, and those with
y f <= 1 + width are listed; in between only listed rows are, and nothing is repeated. Rows that the next full pass
finds awake unlisted are counted (missed wakings) and double the width of that replica's skin; without any it narrows
by 15 %.
That is another dynamics, with bits as reproducible as those of the dense one: list, width and count are state that the
ensemble carries.

The instruction set is chosen at run time: ``v4`` (AVX-512) where the processor has it, else ``v3`` (AVX2 and FMA).
The environment variable ``GLASSNET_KERNEL`` forces ``v3``, ``v4`` or ``v3wide`` (the code of ``v4`` on the
instructions of ``v3``: slow, made to be compared).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from glassnet import _check, _cpu
from glassnet.engines import skin
from glassnet.engines.base import Evaluation, Observation, Precision
from glassnet.landscape.network import Floats
from glassnet.landscape.surface import Landscape
from glassnet.random import Purpose
from glassnet.simulate.dynamics import Dynamics, Langevin, Sgd, batch_size
from glassnet.simulate.ensemble import Ensemble


@dataclass(frozen=True)
class Cpu:
    """The C++ engine for x86-64 processors with AVX2 or AVX-512.

    Args:
        threads: worker threads; None for one a core that this process may use. No result depends on it.
        exhaustive: True takes every row forward and backward at every step, as a check and a measure of what
            skipping saves. No result depends on it.
        skin: look only at rows that were awake or nearly so at the last full pass, under gradient descent and
            Langevin dynamics with all data; batches and evaluations are as ever. Other results, by a little.
        gradient: precision of the data gradient, "float32" or "float64". Weights and updates keep the ensemble's.

    Raises:
        ValueError: threads below 1, another precision, or both exhaustive and skin.
    """

    threads: int | None = None
    exhaustive: bool = False
    skin: bool = False
    gradient: Precision = "float32"

    name: ClassVar[str] = "cpu"
    version: ClassVar[str] = _cpu.version
    _n_threads: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _check.choice("gradient", self.gradient, ("float32", "float64"))
        if self.exhaustive and self.skin:
            raise ValueError("exhaustive must be False with skin=True: one looks at every row, the other does not")
        available = len(os.sched_getaffinity(0))
        n = available if self.threads is None else _check.integer("threads", self.threads, low=1)
        object.__setattr__(self, "_n_threads", n)

    @property
    def full_batch_settings(self) -> Mapping[str, Any]:
        """The numbers of the skin, where there is one: it acts where a step takes all rows."""
        return {skin.OWNER: skin.SETTINGS} if self.skin else {}

    def session(self, ensemble: Ensemble, landscape: Landscape, dynamics: Dynamics) -> CpuSession:
        """Begin with a copy of the ensemble's state.

        Raises:
            ValueError: ``GLASSNET_KERNEL`` names a kernel that does not exist or that this processor cannot run.
        """
        return CpuSession(self, ensemble, landscape, dynamics)

    def _useful_threads(self, n_replicas: int, n_samples: int) -> int:
        """No more threads than there are blocks of rows to share out: each has its own buffers."""
        return min(self._n_threads, n_replicas * -(-n_samples // _cpu.block_rows))

    def evaluate(self, weights: Floats, landscape: Landscape) -> Evaluation:
        """Evaluate networks ``(replica, weight)`` on the landscape's data."""
        network, dataset = landscape.mlp("engine 'cpu'"), landscape.dataset
        loss, awake, correct, nonzero = _cpu.evaluate(
            width=network.width,
            depth=network.depth,
            features=dataset.features,
            labels=dataset.labels,
            weights=np.ascontiguousarray(weights),
            gradient=self.gradient,
            threads=self._useful_threads(len(weights), dataset.n_samples),
            kernel=_kernel(),
        )
        return Evaluation(loss, awake / dataset.n_samples, correct / dataset.n_samples, nonzero == 0)


class CpuSession:
    """An ensemble under one dynamics on the cpu engine."""

    def __init__(self, engine: Cpu, ensemble: Ensemble, landscape: Landscape, dynamics: Dynamics) -> None:
        n, network = len(ensemble), landscape.mlp("engine 'cpu'")
        warmth = dynamics.temperature if isinstance(dynamics, Langevin) else 0.0
        self._start = ensemble
        self._n_samples = landscape.dataset.n_samples
        acts = engine.skin and batch_size(dynamics) is None
        self._tags = skin.tags(engine, landscape, dynamics, n) if acts else None
        listed, width, missed, rows = skin.unpacked(ensemble, self._tags, self._n_samples)
        self._simulator = _cpu.Simulator(
            width=network.width,
            depth=network.depth,
            features=landscape.dataset.features,
            labels=landscape.dataset.labels,
            weights=ensemble.weights,
            seed=ensemble.seed.astype(np.uint32),
            origin=ensemble.origin.astype(np.uint32),
            noise=ensemble.noise.astype(np.uint32),
            step=ensemble.step,
            alive=ensemble.alive,
            learning_rate=_check.spread("learning_rate", dynamics.learning_rate, n),
            temperature=_check.spread("temperature", warmth, n),
            l2=_check.spread("l2", landscape.loss.l2, n),
            sampling=_sampling(dynamics),
            batch_size=batch_size(dynamics) or self._n_samples,
            gradient=engine.gradient,
            exhaustive=engine.exhaustive,
            skin=tuple(skin.SETTINGS.values()) if acts else (0,) * len(skin.SETTINGS),
            skin_listed=listed,
            skin_width=width,
            skin_missed=missed,
            skin_rows=rows,
            threads=engine._useful_threads(n, self._n_samples),
            kernel=_kernel(),
        )

    @property
    def ensemble(self) -> Ensemble:
        """The state now, as a value of its own."""
        start, now = self._start, self._simulator
        state = Ensemble(start.network, now.weights(), start.seed, start.origin, start.noise, now.step(), now.alive())
        return state if self._tags is None else replace(state, state=skin.packed(self._tags, now.skin()))

    def advance(self, n_steps: NDArray[np.int64]) -> None:
        """Make ``n_steps[r]`` updates of replica r, fewer where it diverges.

        Raises:
            KeyboardInterrupt: stopped by the user, within a second; every replica stands after a whole update.
        """
        self._simulator.advance(np.ascontiguousarray(n_steps, dtype=np.int64))

    def observe(self) -> Observation:
        """Loss and gradient at the current weights; the gradient serves the next full-batch update too."""
        loss, awake, correct, nonzero, gradient = self._simulator.observe()
        return Observation(loss, awake / self._n_samples, correct / self._n_samples, nonzero == 0, gradient)


def _sampling(dynamics: Dynamics) -> int:
    """The purpose of the random words that draw the batches, 0 where a step takes all rows."""
    if batch_size(dynamics) is None:
        return 0
    if isinstance(dynamics, Sgd):
        return (Purpose.SGD_PERMUTATION if dynamics.sampling == "permutation" else Purpose.SGD_REPLACEMENT).value
    return Purpose.LANGEVIN_PERMUTATION.value


def _kernel() -> str:
    return os.environ.get("GLASSNET_KERNEL", "") or _cpu.supported_kernels()[0]
