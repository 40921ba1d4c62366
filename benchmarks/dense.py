"""How fast the cpu engine's dense path is: against the processor's peak, and against PyTorch's eager steps.

    python benchmarks/dense.py [--smoke]

Flop are counted as 6 N P_D for a full-batch step and 6 N b for an SGD step, N the network's weights, padding not
counted. The peak is that of a loop of fused multiply-adds on registers, one core. Slices of some 50 milliseconds of
every engine step take turns, so that a busy neighbour slows all alike: each slice is compared with the peak measured
just before and after it. Work is timed by the processor time of all its threads, which a neighbour's turns on the
core do not enter; how two threads compare with one, and PyTorch, by the wall clock, which wants a quiet machine.
PyTorch comes last, by itself: its idle threads spin.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import glassnet as gn
from glassnet import _cpu
from glassnet.dynamics import Dynamics

BATCH = 100
PEAK_ROUNDS = 1_000_000


@dataclass
class Case:
    """Something to time: ``run(n)`` makes n steps of ``flop`` each."""

    name: str
    run: Callable[[int], None]
    flop: float
    threads: int
    n_steps: int = 1
    wall: list[float] = field(default_factory=list)
    of_peak: list[float] = field(default_factory=list)

    def calibrate(self, slice_seconds: float) -> None:
        """Choose how many steps make a slice."""
        self.run(1)
        start = time.perf_counter()
        self.run(1)
        self.n_steps = max(1, round(slice_seconds / (time.perf_counter() - start)))

    def measure(self) -> list[float]:
        """Time a slice; returns the peaks found around it."""
        before = peak()
        wall, processor = time.perf_counter(), time.process_time()
        self.run(self.n_steps)
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        after = peak()
        self.wall.append(wall / self.n_steps)
        self.of_peak.append(self.flop * self.n_steps / processor / (0.5 * (before + after)))
        return [before, after]


def peak() -> float:
    """Flop a second of one core."""
    start = time.process_time()
    flop = _cpu.multiply_add_flop(PEAK_ROUNDS, kernel())
    return flop / (time.process_time() - start)


def kernel() -> str:
    """The name of the kernel in use."""
    return os.environ.get("GLASSNET_KERNEL", "") or _cpu.supported_kernels()[0]


def engine_case(width: int, dataset: gn.Dataset, dynamics: Dynamics, threads: int, replicas: int, rows: int) -> Case:
    network = gn.Mlp(dataset.n_features, width, 6)
    landscape = gn.Landscape(network, dataset, gn.QuadraticHinge(l2=1e-2))
    ensemble = gn.Ensemble.random(network, replicas)
    session = gn.engines.Cpu(threads, exhaustive=True).session(ensemble, landscape, dynamics)
    step = "full batch" if isinstance(dynamics, gn.GradientDescent) else f"SGD {BATCH}"
    name = f"w={width} {step}, {replicas} network{'s' * (replicas > 1)}"

    def run(n: int) -> None:
        session.advance(np.full(replicas, n))

    return Case(name, run, 6.0 * network.n_weights * rows * replicas, threads)


def torch_case(width: int, dataset: gn.Dataset, batch_size: int | None, threads: int) -> Case:
    """The same step written as usual in PyTorch: a module, autograd, and SGD with weight decay."""
    torch: Any = importlib.import_module("torch")
    torch.set_num_threads(threads)
    network = gn.Mlp(dataset.n_features, width, 6)
    layers: list[Any] = []
    for fan_in, fan_out in network.shapes:
        layers += [torch.nn.Linear(fan_in, fan_out, bias=False), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    optimiser = torch.optim.SGD(model.parameters(), lr=1e-3, weight_decay=1e-2)
    features = torch.from_numpy(dataset.features.copy())
    labels = torch.from_numpy(dataset.labels.copy())
    order = torch.randperm(dataset.n_samples)
    position = 0

    def run(n: int) -> None:
        nonlocal position
        for _ in range(n):
            x, y = features, labels
            if batch_size is not None:
                rows = order[position : position + batch_size]
                x, y = features[rows], labels[rows]
                position = (position + batch_size) % (dataset.n_samples - batch_size)
            optimiser.zero_grad()
            loss = 0.5 * torch.relu(1.0 - y * model(x)[:, 0]).square().mean()
            loss.backward()
            optimiser.step()

    rows = dataset.n_samples if batch_size is None else batch_size
    step = "full batch" if batch_size is None else f"SGD {batch_size}"
    name = f"PyTorch w={width} {step}, 1 network"
    return Case(name, run, 6.0 * network.n_weights * rows, threads)


def engine_cases(dataset: gn.Dataset, widths: list[int]) -> list[Case]:
    descent, sgd = gn.GradientDescent(1e-3), gn.Sgd(1e-3, BATCH)
    full = [engine_case(w, dataset, descent, t, 1, dataset.n_samples) for w in widths for t in (1, 2)]
    return full + [engine_case(widths[0], dataset, sgd, t, 2, BATCH) for t in (1, 2)]


def take_turns(cases: list[Case], rounds: int, slice_seconds: float) -> list[float]:
    for case in cases:
        case.calibrate(slice_seconds)
    return [value for _ in range(rounds) for case in cases for value in case.measure()]


def processor_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return "unknown processor"


def report(cases: list[Case]) -> None:
    print(f"{'step':34}{'threads':>8}{'time a step':>14}{'fastest':>14}{'of peak, median':>17}{'quiet tenth':>13}")
    for case in cases:
        print(
            f"{case.name:34}{case.threads:8}{np.median(case.wall) * 1e6:11.1f} us{min(case.wall) * 1e6:11.1f} us"
            f"{np.median(case.of_peak):17.1%}{np.quantile(case.of_peak, 0.9):13.1%}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="small and quick: shows that it runs, measures nothing")
    smoke = parser.parse_args().smoke
    rounds, slice_seconds = (1, 1e-3) if smoke else (25, 0.05)
    dataset = gn.random_dataset(3000 if smoke else 60_000, 10)
    cases = engine_cases(dataset, [30] if smoke else [30, 72, 82])
    peaks = take_turns(cases, rounds, slice_seconds)

    low, middle, high = np.quantile(peaks, [0.1, 0.5, 0.9]) / 1e9
    print(f"{processor_name()}, {len(os.sched_getaffinity(0))} cores, kernel {kernel()}, P_D = {dataset.n_samples}")
    print(f"peak of one core: {middle:.1f} GFLOP/s (10 to 90 %: {low:.1f} to {high:.1f})")
    report(cases)
    for one, two in zip(cases[::2], cases[1::2], strict=True):
        print(f"{one.name}: two threads are {min(one.wall) / min(two.wall):.2f} times one (fastest slices)")

    if importlib.util.find_spec("torch") is None:
        print("PyTorch is not installed: its steps are left out")
        return
    by_torch = [torch_case(30, dataset, size, 2) for size in (None, BATCH)]
    take_turns(by_torch, rounds, slice_seconds)
    report(by_torch)
    ratio = min(by_torch[-1].wall) / (min(cases[-1].wall) / 2)
    print(f"an SGD step of one network, two cores each: {ratio:.0f} times faster than PyTorch (fastest slices)")


if __name__ == "__main__":
    main()
