"""glassnet's cpu engine as a contender."""

from __future__ import annotations

from typing import Any

import numpy as np

import glassnet as gn
from benchmarks.race.task import Floats, Task
from glassnet.engines import Cpu
from glassnet.simulate.dynamics import Dynamics


class Engine:
    """``rows``: "all" computes every row, "exact" skips what provably sleeps, "skin" looks at listed rows only."""

    def __init__(self, task: Task, rows: str, threads: int) -> None:
        numbers = task.numbers
        network = gn.Mlp(task.features.shape[1], numbers.width, numbers.depth)
        dataset = gn.Dataset(task.features, task.labels)
        self._landscape = gn.Landscape(network, dataset, gn.QuadraticHinge(numbers.l2))
        self._batch_size = numbers.batch_size
        self._engine = Cpu(threads, exhaustive=rows == "all", skin=rows == "skin")
        # Where rows are skipped, a full pass comes once in many steps and belongs to every slice.
        self.unit = 1 if rows == "all" or self._batch_size is not None else 100
        self.start(task.weights, numbers.learning_rate, numbers.temperature)

    def start(self, weights: Floats, learning_rate: float, temperature: float) -> None:
        dynamics: Dynamics = (
            gn.Langevin(temperature, learning_rate)
            if self._batch_size is None
            else gn.Sgd(learning_rate, self._batch_size)
        )
        ensemble = gn.Ensemble.from_weights(self._landscape.network, weights)
        self._session = self._engine.session(ensemble, self._landscape, dynamics)
        self._n_networks = len(weights)

    def advance(self, n_steps: int) -> None:
        self._session.advance(np.full(self._n_networks, n_steps))

    def weights(self) -> Floats:
        return np.asarray(self._session.ensemble.weights, dtype=np.float64)

    def counts(self) -> dict[str, Any]:
        forward, awake, _ = self._session._simulator.work()
        return {"forward": forward, "awake": awake}
