"""What recording costs: time against the bare run, and memory of a record at the paper's largest size.

    python -m benchmarks.recording [--smoke]

Bare runs and recorded runs of the same trajectory alternate, after a short quench; medians of the ratios of their
processor times are shown, for the engine that computes every row and for the one that skips sleeping rows (where it
skips, a save time costs a pass over all rows, since losses are sums over all).
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np

import glassnet as gn
from glassnet.engines import Cpu
from glassnet.simulate.dynamics import Dynamics
from glassnet.simulate.recording import Plan, Recorder
from studies.campaign_lock import quiet
from studies.options import options


def seconds(work: Callable[[], object]) -> float:
    """Processor time of ``work``, of all threads."""
    began = time.process_time()
    work()
    return time.process_time() - began


def overhead(start: gn.Ensemble, landscape: gn.Landscape, dynamics: Dynamics, n_steps: int, engine: Cpu) -> float:
    """Time of a run recorded at the default save times over that of the same run unrecorded, minus one."""
    times, chi = gn.log_times(n_steps), [20, 50, 100, 200, 300, 400, 500, 1000]
    ratios = []
    for _ in range(3):
        bare = seconds(lambda: gn.evolve(start, landscape, dynamics, n_steps, engine=engine))
        recorded = seconds(lambda: gn.measure(start, landscape, dynamics, times=times, chi=chi, engine=engine))
        ratios.append(recorded / bare)
    return statistics.median(ratios) - 1


def record_megabytes(n_replicas: int, width: int, n_times: int) -> float:
    """Size in memory of a record with five waiting times, two chi and two snapshots."""
    network = gn.Mlp(10, width, 6)
    ensemble = gn.Ensemble.random(network, n_replicas)
    times = gn.log_times(10**7)[:n_times]
    plan = Plan(
        waiting_times=np.arange(5) * 1000,
        times=times,
        until=int(times[-1]) + 4000,
        snapshots=times[[-2, -1]],
        chi=np.array([500.0, 6000.0]),
        epsilon_of_chi=np.ones((n_replicas, 2)),
        epsilon=np.array([]),
        all_losses=True,
        test="any",
    )
    recorder = Recorder(ensemble, plan)
    arrays = sum(array.nbytes for array in recorder.arrays.values())
    return (arrays + recorder.references.nbytes + ensemble.weights.nbytes) / 1e6


def main() -> None:
    """Print the table."""
    smoke = quiet(options(__doc__)).smoke
    rows, quench, langevin_steps, sgd_steps = (500, 20, 20, 200) if smoke else (6_000, 20_000, 3_000, 30_000)
    dataset = gn.load_dataset("mnist", n_samples=rows)
    landscape = gn.Landscape(gn.Mlp(10, 30, 6), dataset, gn.QuadraticHinge(1e-2))
    start = gn.evolve(gn.Ensemble.random(landscape.network, 2), landscape, gn.Sgd(1e-3, 100), quench)
    cases: dict[str, tuple[Dynamics, int]] = {
        "Langevin": (gn.Langevin(1e-4, 1e-3), langevin_steps),
        "SGD, batch 100": (gn.Sgd(1e-3, 100), sgd_steps),
    }
    for name, (dynamics, n_steps) in cases.items():
        for engine in (Cpu(exhaustive=True), Cpu()):
            cost = overhead(start, landscape, dynamics, n_steps, engine)
            rows_seen = "every row" if engine.exhaustive else "skipping"
            print(f"{name:15} {rows_seen:10} {n_steps:6d} steps, {rows} rows, width 30, 2 replicas: {cost:+.2%}")
    size = record_megabytes(2 if smoke else 50, 82, 150)
    print(f"record of {2 if smoke else 50} replicas, width 82, 5 waiting times, 150 save times: {size:.0f} MB")


if __name__ == "__main__":
    main()
