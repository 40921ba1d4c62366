"""JAX as a contender: vmap over networks of grad, lax.scan over steps and over chunks of rows, all in one jit."""

from __future__ import annotations

import importlib
from functools import partial
from typing import Any

import numpy as np

from benchmarks.race.task import Floats, Task


class Jax:
    """``chunk`` rows at a time, a divisor of all; ``unit`` steps in one scan."""

    def __init__(self, task: Task, threads: int, chunk: int | None = None, unit: int = 1) -> None:
        # XLA takes one thread a core that the process may use.
        del threads
        self.jax: Any = importlib.import_module("jax")
        jnp, lax = self.jax.numpy, self.jax.lax
        self.task, self.unit = task, unit
        self._random = np.random.default_rng(0)
        self._order, self._position = np.empty((task.n_networks, 0), dtype=np.int32), 0
        features, labels = jnp.asarray(task.features), jnp.asarray(task.labels)
        numbers, scale = task.numbers, 0.5 / task.rows_per_step

        def loss(matrices: list[Any], x: Any, y: Any) -> Any:
            for matrix in matrices[:-1]:
                x = self.jax.nn.relu(x @ matrix)
            return jnp.square(self.jax.nn.relu(1.0 - y * (x @ matrices[-1])[:, 0])).sum() * scale

        over = None if numbers.batch_size is None else 0
        chunk_gradient = self.jax.vmap(self.jax.grad(loss), in_axes=(0, over, over))

        def gradient(matrices: list[Any], rows: Any) -> Any:
            if rows is not None:
                return chunk_gradient(matrices, features[rows], labels[rows])
            if chunk is None or chunk >= task.n_rows:
                return chunk_gradient(matrices, features, labels)
            zero = self.jax.tree.map(jnp.zeros_like, matrices)
            chunks = features.reshape(-1, chunk, features.shape[1]), labels.reshape(-1, chunk)

            def add(total: Any, xy: Any) -> Any:
                return self.jax.tree.map(jnp.add, total, chunk_gradient(matrices, *xy)), None

            return lax.scan(add, zero, chunks)[0]

        def step(state: Any, rows: Any, rate: Any, std: Any) -> Any:
            matrices, key = state
            gradients = gradient(matrices, rows)
            moved = [w - rate * (g + numbers.l2 * w) for w, g in zip(matrices, gradients, strict=True)]
            if numbers.batch_size is None:
                key, *keys = self.jax.random.split(key, len(moved) + 1)
                moved = [w + std * self.jax.random.normal(k, w.shape) for w, k in zip(moved, keys, strict=True)]
            return (moved, key), None

        @partial(self.jax.jit, static_argnums=4, donate_argnums=0)
        def steps(state: Any, rows: Any, rate: Any, std: Any, n: int) -> Any:
            return lax.scan(lambda state, rows: step(state, rows, rate, std), state, rows, length=n)[0]

        self._steps = steps
        self.start(task.weights, numbers.learning_rate, numbers.temperature)

    def start(self, weights: Floats, learning_rate: float, temperature: float) -> None:
        self._rate = np.float32(learning_rate)
        self._std = np.float32(np.sqrt(2.0 * learning_rate * temperature / self.task.n_rows))
        ends = np.cumsum([fan_in * fan_out for fan_in, fan_out in self.task.shapes])
        parts = np.split(weights.astype(np.float32), ends[:-1], axis=1)
        shaped = zip(parts, self.task.shapes, strict=True)
        matrices = [self.jax.numpy.array(part.reshape(-1, *shape)) for part, shape in shaped]
        self._state = matrices, self.jax.random.key(0)

    def advance(self, n_steps: int) -> None:
        whole, rest = divmod(n_steps, self.unit)
        for n in [self.unit] * whole + [1] * rest:
            self._state = self._steps(self._state, self._batches(n), self._rate, self._std, n)
        self.jax.block_until_ready(self._state)

    def _batches(self, n: int) -> Any:
        """The rows of ``n`` steps, ``(step, network, row)``: drawn outside, for sorting is slow inside."""
        size = self.task.numbers.batch_size
        if size is None:
            return None
        if self._position + n * size > self._order.shape[1]:
            rows = np.tile(np.arange(self.task.n_rows, dtype=np.int32), (self.task.n_networks, 1))
            self._order, self._position = self._random.permuted(rows, axis=1), 0
        drawn = self._order[:, self._position : self._position + n * size]
        self._position += n * size
        return drawn.reshape(self.task.n_networks, n, size).swapaxes(0, 1)

    def weights(self) -> Floats:
        parts = [np.asarray(m, dtype=np.float64).reshape(self.task.n_networks, -1) for m in self._state[0]]
        return np.concatenate(parts, axis=1)

    def counts(self) -> dict[str, Any]:
        return {}
