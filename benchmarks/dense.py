"""How fast the cpu engine's dense path is: against the processor's peak, and against PyTorch's eager steps.

    python benchmarks/dense.py [--smoke]

Flop are counted as 6 N P_D for a full-batch step and 6 N b for an SGD step, N the network's weights, padding not
counted. The peak is that of a loop of fused multiply-adds on registers, one core. Slices of a few dozen milliseconds
of everything take turns, so that a busy neighbour slows all alike: each slice is divided by the peak measured just
before and after it. One thread is timed by the processor time it used, more threads and PyTorch by the wall clock.
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
    wall_clock: bool
    n_steps: int = 1
    seconds: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    of_peak: list[float] = field(default_factory=list)

    def calibrate(self, slice_seconds: float) -> None:
        """Choose how many steps make a slice."""
        self.run(1)
        start = time.perf_counter()
        self.run(1)
        self.n_steps = max(1, round(slice_seconds / (time.perf_counter() - start)))

    def measure(self) -> None:
        before = peak()
        wall, processor = time.perf_counter(), time.process_time()
        self.run(self.n_steps)
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        after = peak()
        step = (wall if self.wall_clock else processor) / self.n_steps
        self.seconds.append(step)
        self.rates.append(self.flop / step)
        self.of_peak.append(self.flop / step / (0.5 * (before + after)))


def peak() -> float:
    """Flop a second of one core."""
    kernel = os.environ.get("GLASSNET_KERNEL", "") or _cpu.supported_kernels()[0]
    start = time.process_time()
    flop = _cpu.multiply_add_flop(PEAK_ROUNDS, kernel)
    return flop / (time.process_time() - start)


def engine_case(width: int, dataset: gn.Dataset, dynamics: Dynamics, threads: int, replicas: int, rows: int) -> Case:
    network = gn.Mlp(dataset.n_features, width, 6)
    landscape = gn.Landscape(network, dataset, gn.QuadraticHinge(l2=1e-2))
    ensemble = gn.Ensemble.random(network, replicas)
    session = gn.engines.Cpu(threads, exhaustive=True).session(ensemble, landscape, dynamics)
    step = "full batch" if isinstance(dynamics, gn.GradientDescent) else f"SGD {BATCH}"
    name = f"w={width} {step}, {replicas} network{'s' * (replicas > 1)}"

    def run(n: int) -> None:
        session.advance(np.full(replicas, n))

    return Case(name, run, 6.0 * network.n_weights * rows * replicas, threads, wall_clock=threads > 1)


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
    return Case(name, run, 6.0 * network.n_weights * rows, threads, wall_clock=True)


def cases(n_samples: int, widths: list[int]) -> list[Case]:
    dataset = gn.random_dataset(n_samples, 10)
    descent, sgd = gn.GradientDescent(1e-3), gn.Sgd(1e-3, BATCH)
    found = [engine_case(width, dataset, descent, threads, 1, n_samples) for width in widths for threads in (1, 2)]
    found += [engine_case(widths[0], dataset, sgd, threads, threads, BATCH) for threads in (1, 2)]
    if importlib.util.find_spec("torch") is None:
        print("PyTorch is not installed: its steps are left out")
    else:
        found += [torch_case(widths[0], dataset, size, 2) for size in (None, BATCH)]
    return found


def processor_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return "unknown processor"


def report(found: list[Case], peaks: list[float]) -> None:
    kernel = os.environ.get("GLASSNET_KERNEL", "") or _cpu.supported_kernels()[0]
    low, middle, high = np.quantile(peaks, [0.1, 0.5, 0.9]) / 1e9
    print(f"{processor_name()}, {len(os.sched_getaffinity(0))} cores, kernel {kernel}")
    print(f"peak of one core: {middle:.1f} GFLOP/s (10 to 90 %: {low:.1f} to {high:.1f})")
    print(f"{'step':36}{'threads':>8}{'time a step':>14}{'GFLOP/s':>9}{'of one core, median':>21}{'quiet tenth':>13}")
    for case in found:
        quiet = np.quantile(case.of_peak, 0.9)
        print(
            f"{case.name:36}{case.threads:8}{np.median(case.seconds) * 1e6:11.1f} us"
            f"{np.median(case.rates) / 1e9:9.1f}{np.median(case.of_peak):21.1%}{quiet:13.1%}"
        )
    by_name = {(case.name, case.threads): float(np.min(case.seconds)) for case in found}
    for (name, threads), seconds in by_name.items():
        if threads == 2 and (name, 1) in by_name:
            print(f"{name}: two threads are {by_name[name, 1] / seconds:.2f} times one (fastest slices)")
    sgd = [case for case in found if f"SGD {BATCH}" in case.name]
    if sgd[-1].name.startswith("PyTorch"):
        ratio = np.median(sgd[-1].seconds) / (np.median(sgd[1].seconds) / 2)
        print(f"SGD, a step of a network on two cores: {ratio:.0f} times faster than PyTorch")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="small and quick: shows that it runs, measures nothing")
    smoke = parser.parse_args().smoke
    found = cases(3000, [30]) if smoke else cases(60_000, [30, 72, 82])
    for case in found:
        case.calibrate(1e-3 if smoke else 0.05)
    peaks = []
    for _ in range(1 if smoke else 25):
        for case in found:
            case.measure()
            peaks.append(peak())
    report(found, peaks)


if __name__ == "__main__":
    main()
