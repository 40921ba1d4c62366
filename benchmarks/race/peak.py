"""The hardware's own peak: fused multiply-adds on registers, on as many threads at once as asked for.

How rates are set against it, everywhere: a contender's rate is that of its median slice; the peak is the 90 % quantile
of all peak slices of the session, on as many threads as the contender may use. A neighbour on the machine slows single
slices of the peak, which must not lift a ratio: the quantile does not see them. As a control the median of paired
ratios stands beside it, each slice against the peak slice just before it, which a slow neighbour alters alike.
"""

from __future__ import annotations

import os
import platform
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.race.task import Floats, Task
from glassnet import _cpu

ROUNDS = 100_000
"""Rounds of the loop in one step of the peak: about a millisecond."""


class Peak:
    """The fastest loop there is, on all threads at once: the loop leaves Python's lock to the others."""

    unit = 1

    def __init__(self, task: Task, threads: int) -> None:
        del task
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads)
        self._flop = 0

    def start(self, weights: Floats, learning_rate: float, temperature: float) -> None:
        del weights, learning_rate, temperature

    def advance(self, n_steps: int) -> None:
        done = self._pool.map(lambda n: _cpu.multiply_add_flop(n, kernel()), [n_steps * ROUNDS] * self._threads)
        self._flop += sum(done)

    def weights(self) -> Floats:
        return np.zeros((1, 1))

    def counts(self) -> dict[str, Any]:
        return {"flop": self._flop}


def kernel() -> str:
    """The name of the engine's kernel in use."""
    return os.environ.get("GLASSNET_KERNEL", "") or _cpu.supported_kernels()[0]


def processor() -> str:
    """The processor's name, and its family and model where the name says little."""
    found: dict[str, str] = {}
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(":")
        found.setdefault(key.strip(), value.strip())
    name = found.get("model name", platform.processor() or "unknown processor")
    return f"{name} (family {found.get('cpu family', '?')}, model {found.get('model', '?')})"
