"""The caller's side of a contender's process: build it, check what it computes, time it in slices that take turns."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Self

import numpy as np

import glassnet as gn
from benchmarks.race.task import Floats, Numbers, Task
from benchmarks.race.worker import KINDS
from glassnet.engines import Cpu

ROOT: Final = Path(__file__).parents[2]

AGREEMENT: Final = 1e-5
"""How far a contender's gradient may be from the float64 one, over its norm."""

SETTLE: Final = 0.02
"""Seconds between slices, in which the idle threads of the one before stop spinning."""


@dataclass(frozen=True)
class Course:
    """A task on disk, and what its contenders are checked against.

    They are checked at other weights than they start from: at random ones twice as large as usual, which leave some
    rows awake and some asleep, and where no gradient is a small difference of large sums.
    """

    folder: Path
    task: Task

    @cached_property
    def path(self) -> Path:
        path = self.folder / f"task-{id(self)}.npz"
        self.task.save(path)
        return path

    @cached_property
    def check_weights(self) -> Floats:
        numbers = self.task.numbers
        network = gn.Mlp(self.task.features.shape[1], numbers.width, numbers.depth)
        return 2.0 * np.asarray(gn.Ensemble.random(network, 3, seed=1).weights, dtype=np.float64)

    @cached_property
    def check_path(self) -> Path:
        path = self.folder / f"check-{id(self)}.npy"
        np.save(path, self.check_weights)
        return path

    @cached_property
    def check_rows(self) -> int:
        """With batches the check takes no more rows than one has, so that the first step sees all of them."""
        return self.task.rows_per_step

    @cached_property
    def check_gradient(self) -> Floats:
        """The mean data gradient at the check's weights, in float64."""
        numbers, task = self.task.numbers, self.task.with_rows(self.check_rows)
        network = gn.Mlp(task.features.shape[1], numbers.width, numbers.depth)
        landscape = gn.Landscape(network, gn.Dataset(task.features, task.labels), gn.QuadraticHinge())
        ensemble = gn.Ensemble.from_weights(network, self.check_weights)
        observed = Cpu(gradient="float64").session(ensemble, landscape, gn.GradientDescent(1.0)).observe()
        if not (observed.awake.min() > 0.0 and observed.awake.max() < 1.0):
            raise RuntimeError(f"check weights must leave some rows asleep and some awake, but {observed.awake} are")
        return observed.gradient


@dataclass
class Slice:
    """Some steps of all networks: seconds by the clock and of all threads, what was counted, and the peak beside."""

    n_steps: int
    wall: float
    processor: float
    counted: dict[str, float]
    peak: float = float("nan")


@dataclass(eq=False)
class Runner:
    """A contender in its process; close it, or use it in a ``with`` block."""

    name: str
    slices: list[Slice] = field(default_factory=list)
    agreement: float = float("nan")

    def __post_init__(self) -> None:
        command = [sys.executable, "-m", "benchmarks.race.worker"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def order(self, order: str, **arguments: Any) -> Any:
        """Have the worker do something; returns its answer.

        Raises:
            RuntimeError: it failed; the message has its own.
        """
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError(f"{self.name}: the process must have its pipes")
        print(json.dumps({"order": order, **arguments}), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name}: its process must go on, but ended with {self._process.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"{self.name} failed:\n{answer['error']}")
        return answer["value"]

    def build(
        self, kind: str, options: dict[str, Any], course: Course, n_networks: int, n_rows: int | None = None
    ) -> None:
        """Make the contender, without checks."""
        arguments = {"kind": kind, "options": options, "task": str(course.path), "n_networks": n_networks}
        self.order("build", **arguments, n_rows=n_rows)
        self.task = course.task.with_networks(n_networks)
        self.slices = []
        self.facts = self.order("facts")

    def build_checked(self, kind: str, options: dict[str, Any], course: Course, n_networks: int) -> None:
        """Make the contender once its step has been seen to be the right one.

        Raises:
            RuntimeError: its gradient, its decay or its noise is not that of the task.
        """
        batches = course.task.numbers.batch_size is not None
        self.build(kind, options, course, n_networks, course.check_rows if batches else None)
        self._check(course, n_networks)
        if batches:
            self.build(kind, options, course, n_networks)
        numbers = course.task.numbers
        self.order("start", learning_rate=numbers.learning_rate, temperature=numbers.temperature, weights=None)

    def _check(self, course: Course, n_networks: int) -> None:
        # Steps so large that the weights' own rounding is nothing beside the gradient.
        rate, temperature, l2 = 100.0, 1e4, course.task.numbers.l2
        begin = np.resize(course.check_weights, (n_networks, course.check_weights.shape[1]))
        truth = np.resize(course.check_gradient, begin.shape)
        cold = self._step_from(course, rate, 0.0)
        found = (begin - cold) / rate - l2 * begin
        self.agreement = float(np.linalg.norm(found - truth) / np.linalg.norm(truth))
        if not self.agreement <= AGREEMENT:
            raise RuntimeError(f"{self.name}: its gradient must be right to {AGREEMENT}, but is to {self.agreement}")
        if course.task.numbers.batch_size is not None:
            return
        noise = self._step_from(course, rate, temperature) - cold
        ratio = noise.std() / np.sqrt(2.0 * rate * temperature / course.task.n_rows)
        # Five standard errors of a standard deviation.
        if not abs(ratio - 1.0) <= 5.0 / np.sqrt(2.0 * noise.size):
            raise RuntimeError(f"{self.name}: its noise must have the right size, but has {ratio} times that")

    def _step_from(self, course: Course, rate: float, temperature: float) -> Floats:
        self.order("start", learning_rate=rate, temperature=temperature, weights=str(course.check_path))
        self.order("advance", n_steps=1)
        path = course.folder / "weights.npy"
        self.order("weights", path=str(path))
        return np.asarray(np.load(path), dtype=np.float64)

    def calibrate(self, seconds: float) -> None:
        """Warm up and choose how many steps make a slice."""
        unit = self.facts["unit"]
        self.order("advance", n_steps=unit)
        self.n_steps = unit * max(1, round(seconds / self.order("advance", n_steps=unit)["wall"]))

    def time(self, n_steps: int | None = None) -> Slice:
        """A slice."""
        n = self.n_steps if n_steps is None else n_steps
        time.sleep(SETTLE)
        counted = self.order("advance", n_steps=n)
        taken = Slice(n, counted.pop("wall"), counted.pop("processor"), counted)
        self.slices.append(taken)
        return taken


class PeakRunner(Runner):
    """The hardware's peak on a number of threads; keeps every rate it measured."""

    def __init__(self, threads: int, seconds: float, folder: Path) -> None:
        super().__init__(f"peak of {threads} threads")
        nothing = Task(np.zeros((1, 1), np.float32), np.ones(1, np.float32), np.zeros((1, 2)), _NO_NUMBERS)
        self.build("peak", {"threads": threads}, Course(folder, nothing), 1)
        self.calibrate(seconds)
        self.rates: list[float] = []

    def rate(self) -> float:
        """Flop a second, from one slice by the clock."""
        taken = self.time()
        self.rates.append(taken.counted["flop"] / taken.wall)
        return self.rates[-1]


_NO_NUMBERS: Final = Numbers(width=1, depth=1, l2=0.0, learning_rate=1.0, temperature=0.0, batch_size=None)


def take_turns(runners: Sequence[Runner], peak: PeakRunner, rounds: int) -> None:
    """Time slices of every contender in turn, the peak before each."""
    for _ in range(rounds):
        for runner in runners:
            rate = peak.rate()
            runner.time().peak = rate


def absent(kind: str) -> str | None:
    """The library that a kind of contender needs and that is not installed."""
    library = KINDS[kind][2]
    return None if library is None or importlib.util.find_spec(library) is not None else library
