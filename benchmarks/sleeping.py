"""What skipping sleeping rows saves: the cpu engine exact and with a skin, against every row at every step.

    python benchmarks/sleeping.py [--smoke] [--epochs 100] [--rounds 5]

For each phase: SGD to a state that is near the quenched one only if --epochs says so (the paper has 7000), then
full-batch Langevin steps at T = 1e-4 by the three engines in turn on one thread each; medians of processor time. The
rate is dense-equivalent, 6 N P_D flop a step, over the measured peak of fused multiply-adds on registers. f and a are
the shares of rows sent forward and backward, g what is left of a step over a dense step's time, estimated by
t/t_dense - (f + 2a)/3: it holds noise, update, bounds and lists, and what the kernels lose on fewer rows.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Final

import numpy as np

import glassnet as gn
from glassnet import _cpu
from glassnet.engines import Cpu

PHASES: Final = {"regularised": (30, 1e-2), "underparameterised": (30, 0.0), "overparameterised": (72, 0.0)}
ENGINES: Final = {"exhaustive": Cpu(1, exhaustive=True), "exact": Cpu(1), "skin": Cpu(1, skin=True)}
LANGEVIN: Final = gn.Langevin(1e-4, 1e-3)


def peak() -> float:
    """Flop per second of one thread."""
    kernel, rounds = _cpu.supported_kernels()[0], 3_000_000
    rates = []
    for _ in range(5):
        began = time.process_time()
        flop = _cpu.multiply_add_flop(rounds, kernel)
        rates.append(flop / (time.process_time() - began))
    return max(rates)


def quenched(phase: str, n_samples: int, epochs: int) -> tuple[gn.Landscape, gn.Ensemble]:
    """A landscape and one network after SGD on it."""
    width, l2 = PHASES[phase]
    dataset = gn.load_dataset("mnist", n_samples=n_samples)
    landscape = gn.Landscape(gn.Mlp(10, width, 6), dataset, gn.QuadraticHinge(l2))
    start = gn.Ensemble.random(landscape.network, 1)
    return landscape, gn.evolve(start, landscape, gn.Sgd(1e-3, 100), epochs * (n_samples // 100))


def compare(landscape: gn.Landscape, start: gn.Ensemble, n_steps: int, rounds: int) -> dict[str, tuple[float, ...]]:
    """For each engine seconds a step, its ratio to the exhaustive one, f and a; after one interval of the skin."""
    sessions = {name: engine.session(start, landscape, LANGEVIN) for name, engine in ENGINES.items()}
    warm_up = {"exhaustive": 2, "exact": 2 * n_steps, "skin": 101}
    for name, session in sessions.items():
        session.advance(np.array([warm_up[name]]))
    before = {name: session._simulator.work() for name, session in sessions.items()}
    taken: dict[str, list[float]] = {name: [] for name in ENGINES}
    for _ in range(rounds):
        for name, session in sessions.items():
            n = 2 if name == "exhaustive" else n_steps
            began = time.process_time()
            session.advance(np.array([n]))
            taken[name].append((time.process_time() - began) / n)
    found: dict[str, tuple[float, ...]] = {}
    for name, session in sessions.items():
        n_rows = rounds * (2 if name == "exhaustive" else n_steps) * landscape.dataset.n_samples
        forward, awake = (b - a for a, b in zip(before[name], session._simulator.work(), strict=True))
        backward = forward if name == "exhaustive" else awake
        ratio = statistics.median(t / dense for t, dense in zip(taken[name], taken["exhaustive"], strict=True))
        found[name] = (statistics.median(taken[name]), ratio, forward / n_rows, backward / n_rows)
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="tiny sizes: only to see that it runs")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--phase", choices=list(PHASES), action="append")
    chosen = parser.parse_args()
    n_samples, n_steps, rounds, epochs = 60_000, 100, chosen.rounds, chosen.epochs
    if chosen.smoke:
        n_samples, n_steps, rounds, epochs = 600, 5, 1, 1
    fastest = peak()
    print(f"peak of one thread {fastest / 1e9:.1f} GFLOP/s; {n_samples} rows, SGD for {epochs} epochs, T = 1e-4")
    for phase in chosen.phase or PHASES:
        landscape, start = quenched(phase, n_samples, epochs)
        loss = float(gn.evaluate(start, landscape).data_loss[0])
        print(f"{phase}, w = {landscape.network.width}, data loss {loss:.3g}")
        flop = 6 * landscape.network.n_weights * n_samples
        for name, (seconds, ratio, f, a) in compare(landscape, start, n_steps, rounds).items():
            g = ratio - (f + 2 * a) / 3
            rate = flop / seconds / fastest
            print(
                f"  {name:10} {1e3 * seconds:8.2f} ms a step, {ratio:.3f} of exhaustive, {rate:6.2f} of peak, "
                f"f {f:.3f}, a {a:.3f}, g {g:.3f}"
            )


if __name__ == "__main__":
    main()
