"""The process of one contender: takes orders as lines of JSON, answers each with a line.

    python -m benchmarks.race.worker

A contender has its process to itself: threads that spin while they wait, caches of memory and compiled code are its
own, and so is the peak of its memory.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.race.task import Contender, Task

KINDS: Final = {
    "peak": ("peak", "Peak", None),
    "engine": ("engine", "Engine", "glassnet"),
    "module": ("pytorch", "Module", "torch"),
    "batched": ("pytorch", "Batched", "torch"),
    "vmap": ("pytorch", "Vmap", "torch"),
    "by_hand": ("pytorch", "ByHand", "torch"),
    "jax": ("jax_vmap", "Jax", "jax"),
}
"""Of each kind of contender the module, the class, and the library whose memory at rest is not counted."""


class Worker:
    """Holds the contender."""

    contender: Contender
    task: Task
    at_rest: float

    def build(self, kind: str, options: dict[str, Any], task: str, n_networks: int, n_rows: int | None) -> None:
        """Make a contender for a task."""
        module, name, library = KINDS[kind]
        if library is not None:
            importlib.import_module(library)
        make = getattr(importlib.import_module(f"benchmarks.race.{module}"), name)
        self.at_rest = resident("VmRSS")
        loaded = Task.load(Path(task)).with_networks(n_networks)
        self.task = loaded if n_rows is None else loaded.with_rows(n_rows)
        self.contender = make(self.task, **options)

    def start(self, learning_rate: float, temperature: float, weights: str | None) -> None:
        """Go back to the task's weights, or to those in a file."""
        given = self.task.weights if weights is None else np.load(weights)
        start = np.resize(given, self.task.weights.shape)
        self.contender.start(start, learning_rate, temperature)

    def advance(self, n_steps: int) -> dict[str, Any]:
        """Make steps; the seconds they took, by the clock and of all this process's threads, and what was counted."""
        before = self.contender.counts()
        wall, processor = time.perf_counter(), time.process_time()
        self.contender.advance(n_steps)
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        counted = {name: value - before[name] for name, value in self.contender.counts().items()}
        return {"wall": wall, "processor": processor, **counted}

    def facts(self) -> dict[str, Any]:
        """What its steps are asked for in, and its memory in MB: at rest, library loaded, and at most so far."""
        return {"unit": self.contender.unit, "at_rest": self.at_rest, "at_most": resident("VmHWM")}

    def weights(self, path: str) -> None:
        """Write the weights to a file."""
        np.save(path, self.contender.weights())


def resident(name: str) -> float:
    """Memory of this process in MB."""
    found = re.search(rf"^{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise RuntimeError(f"/proc/self/status must have a line {name}")
    return int(found[1]) * 1024 / 1e6


def main() -> None:
    """Serve until the orders end."""
    # Libraries may print; only answers go to the caller.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    worker = Worker()
    for line in sys.stdin:
        order = json.loads(line)
        try:
            method: Callable[..., Any] = getattr(worker, order.pop("order"))
            answer = {"value": method(**order)}
        except Exception:
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
