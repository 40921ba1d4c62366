"""What every contender has to do, as plain arrays and numbers, and what a contender is.

A task imports nothing but NumPy, so that the memory of a contender's process is the contender's own.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Numbers:
    """The numbers of a step: full-batch Langevin where ``batch_size`` is None, else SGD.

    Langevin: W <- W - mu (g + l2 W) + sqrt(2 mu T / P_D) xi; SGD: the same without noise, g that of a batch, the
    batches of an epoch a permutation of the rows of each network's own.
    """

    width: int
    depth: int
    l2: float
    learning_rate: float
    temperature: float
    batch_size: int | None


@dataclass(frozen=True, eq=False)
class Task:
    """The rows to learn, the networks to start from, and the step.

    Args:
        features: ``(row, feature)`` float32.
        labels: ``(row,)`` float32, +1 or -1.
        weights: ``(network, weight)`` float64, each matrix ``(fan_in, fan_out)`` row-major.
        numbers: the numbers of a step.
    """

    features: NDArray[np.float32]
    labels: NDArray[np.float32]
    weights: Floats
    numbers: Numbers

    @property
    def n_rows(self) -> int:
        return len(self.features)

    @property
    def n_networks(self) -> int:
        return len(self.weights)

    @property
    def rows_per_step(self) -> int:
        """Rows that enter the gradient of one step."""
        return self.numbers.batch_size or self.n_rows

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """``(fan_in, fan_out)`` of every matrix."""
        widths = [self.features.shape[1], *[self.numbers.width] * self.numbers.depth, 1]
        return list(pairwise(widths))

    @property
    def flop(self) -> float:
        """6 N rows: multiplications and additions of one network's dense step, padding and noise not counted."""
        return 6.0 * int(self.weights.shape[1]) * self.rows_per_step

    def with_networks(self, n: int) -> Task:
        """``n`` networks: those there are, again and again."""
        return replace(self, weights=np.resize(self.weights, (n, self.weights.shape[1])))

    def with_rows(self, n: int) -> Task:
        """The first ``n`` rows."""
        return replace(self, features=self.features[:n], labels=self.labels[:n])

    def save(self, path: Path) -> None:
        """Write to a file."""
        numbers = np.array(json.dumps(asdict(self.numbers)))
        np.savez(path, features=self.features, labels=self.labels, weights=self.weights, numbers=numbers)

    @classmethod
    def load(cls, path: Path) -> Task:
        """Read what :meth:`save` wrote."""
        with np.load(path) as file:
            numbers = Numbers(**json.loads(str(file["numbers"])))
            return cls(file["features"], file["labels"], file["weights"], numbers)


class Contender(Protocol):
    """Makes the steps of a task's networks, in a process of its own."""

    unit: int
    """Steps are asked for in multiples of this."""

    def start(self, weights: Floats, learning_rate: float, temperature: float) -> None:
        """Stand at these weights ``(network, weight)``."""
        ...

    def advance(self, n_steps: int) -> None:
        """Make steps of all networks; returns when they are done."""
        ...

    def weights(self) -> Floats:
        """Where the networks are, ``(network, weight)``."""
        ...

    def counts(self) -> dict[str, Any]:
        """What it counted since it was made, over all networks: rows sent forward and rows awake, or nothing."""
        ...
