"""What all sections of a run share: where files go, how much to measure, the peak, and where networks start."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

import glassnet as gn
from benchmarks.race.runner import Course, PeakRunner, Runner
from benchmarks.race.task import Floats, Numbers, Task
from glassnet.engines import Cpu
from studies.phases import DEPTH, PHASES, quenched

LEARNING_RATE: Final = 1e-3
TEMPERATURE: Final = 1e-4
BATCH: Final = 100

Row = dict[str, Any]


@dataclass
class Session:
    """A run in progress.

    Args:
        folder: for files that pass between processes.
        states: folder of the quenched ensembles, None for random weights in their place.
        smoke: everything small and once, to see that it runs.
        effort: multiplies the numbers of rounds.
        rows: of the data; a multiple of every chunk that ensembles try.
        peaks: the hardware's peak, by number of threads.
    """

    folder: Path
    states: Path | None
    smoke: bool
    effort: float
    rows: int
    peaks: dict[int, PeakRunner]

    @property
    def n_rows(self) -> int:
        return 400 if self.smoke else self.rows

    @property
    def threads(self) -> int:
        return len(os.sched_getaffinity(0))

    @property
    def phases(self) -> list[str]:
        return list(PHASES)[:1] if self.smoke else list(PHASES)

    def rounds(self, n: int) -> int:
        """How often slices take turns where a full run has ``n`` turns."""
        return 1 if self.smoke else max(2, round(n * self.effort))

    def seconds(self, n: float) -> float:
        """The length of a slice that is ``n`` seconds in a full run."""
        return 1e-3 if self.smoke else n

    def mnist(self) -> gn.Dataset:
        return _mnist(self.n_rows)

    def course(
        self, dataset: gn.Dataset, weights: Floats, *, l2: float, batch_size: int | None = None, **other: Any
    ) -> Course:
        """Langevin steps, or SGD where there is a batch size, from these weights, at depth 6 if not told other."""
        temperature = 0.0 if batch_size is not None else other.get("temperature", TEMPERATURE)
        width, depth = other["width"], other.get("depth", DEPTH)
        numbers = Numbers(width, depth, l2, LEARNING_RATE, temperature, batch_size)
        return Course(self.folder, Task(dataset.features, dataset.labels, weights, numbers))

    def quenched(self, phase: str) -> Floats:
        """Weights of a phase's quenched networks.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it holds networks of another shape.
        """
        if self.states is None:
            return random_weights(gn.Mlp(10, PHASES[phase][0], DEPTH))
        return np.asarray(quenched(self.states, phase).weights, dtype=np.float64)


@cache
def _mnist(n_rows: int) -> gn.Dataset:
    return gn.load_dataset("mnist", n_samples=n_rows)


def random_weights(network: gn.Mlp) -> Floats:
    """Two networks as they begin."""
    return np.asarray(gn.Ensemble.random(network, 2).weights, dtype=np.float64)


def trained(network: gn.Mlp, dataset: gn.Dataset, l2: float, epochs: int) -> Floats:
    """Two networks after epochs of SGD."""
    landscape = gn.Landscape(network, dataset, gn.QuadraticHinge(l2))
    sgd = gn.Sgd(LEARNING_RATE, BATCH)
    start = gn.Ensemble.random(network, 2)
    done = gn.evolve(start, landscape, sgd, epochs * (dataset.n_samples // BATCH), engine=Cpu())
    return np.asarray(done.weights, dtype=np.float64)


def measured(runner: Runner, **more: Any) -> Row:
    """What a contender's slices say, as plain numbers: seconds are of one step of one network."""
    task, slices = runner.task, runner.slices
    steps = [taken.n_steps * task.n_networks for taken in slices]
    row: Row = {
        "n_networks": task.n_networks,
        "n_weights": task.weights.shape[1],
        "flop": task.flop,
        "wall": [taken.wall / n for taken, n in zip(slices, steps, strict=True)],
        "processor": [taken.processor / n for taken, n in zip(slices, steps, strict=True)],
        "peak": [taken.peak for taken in slices],
        "steps_per_slice": slices[0].n_steps,
    }
    if "forward" in slices[0].counted:
        rows = sum(steps) * task.rows_per_step
        row |= {share: sum(taken.counted[share] for taken in slices) / rows for share in ("forward", "awake")}
    return row | more


def some(values: Sequence[int], smoke: bool) -> list[int]:
    """All values, or the first two where it is only to run."""
    return list(values[:2]) if smoke else list(values)
