"""Whether the low-temperature plateau depends on single precision: MSD and Q with float32 and float64 weights.

    python -m benchmarks.precision [--t-max 10000] [--without-float64-gradient] [--report docs] [--smoke]

From two quenched regularised networks on all of MNIST, Langevin dynamics at T = 1e-6, 1e-8, 1e-10 and 0 with the same
noise in three arms: weights kept and updated in float64; in float32; and in float64 with the data gradient in float64
too. Every result is kept as soon as it is there, and what is there is not run again. The
default takes about half an hour on two quiet cores.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

import glassnet as gn
from benchmarks.sections.session import DEPTH, PHASES, STATES, quenched
from benchmarks.studies import precision_page as page
from benchmarks.studies import results
from benchmarks.studies.float_grid import drift_below_half, excess_a_step
from glassnet.engines import Cpu
from glassnet.engines.base import Precision
from glassnet.paper.experiments.relaxation import noise_of

TEMPERATURES: Final = (1e-6, 1e-8, 1e-10, 0.0)
RAW: Final = Path("docs/studies/precision")
PHASE: Final = "regularised"
MU: Final = 1e-3


@dataclass(frozen=True)
class Arm:
    """Precisions of one arm: of the weights and their update, and of the data gradient."""

    weights: Precision
    gradient: Precision = "float32"

    @property
    def name(self) -> str:
        return f"weights-{self.weights}-gradient-{self.gradient}"


ARMS: Final = (Arm("float64"), Arm("float32"), Arm("float64", "float64"))


@dataclass(frozen=True)
class Run:
    """What every arm does."""

    n_samples: int | None = None
    n_replicas: int = 2
    waiting_time: int = 200
    t_max: int = 10_000

    def landscape(self) -> gn.Landscape:
        width, l2 = PHASES[PHASE]
        dataset = gn.load_dataset("mnist", n_samples=self.n_samples)
        return gn.Landscape(gn.Mlp(dataset.n_features, width, DEPTH), dataset, gn.QuadraticHinge(l2))

    def measure(self, arm: Arm, temperature: float) -> results.Found:
        """Curves of every replica, and what a grid of float32 would do to a step of theirs."""
        landscape = self.landscape()
        start = quenched(STATES, PHASE)[: self.n_replicas].rename(noise=noise_of(temperature))
        record = gn.measure(
            replace(start, weights=start.weights.astype(arm.weights)),
            landscape,
            gn.Langevin(temperature, MU),
            waiting_times=[self.waiting_time],
            times=gn.log_times(self.t_max),
            chi=list(page.CHI),
            engine=Cpu(gradient=arm.gradient),
        )
        found: results.Found = {
            "times": record.data["time"].values,
            "msd": gn.mean_square_displacement(record).squeeze("waiting_time").values,
            "left": [1.0 - gn.overlap(record, chi=chi).squeeze("waiting_time").values for chi in page.CHI],
        }
        if arm.weights == "float32":
            noise = float(np.sqrt(2.0 * MU * temperature / landscape.dataset.n_samples))
            weights = start.weights.astype(np.float64)
            drift = np.stack([MU * landscape.gradient(row) for row in weights])
            found["n_weights"] = landscape.network.n_weights
            found["noise_a_step"] = noise**2
            found["excess_a_step"] = excess_a_step(weights, noise)
            found["drift_below_half"] = drift_below_half(weights, drift)
        return found


def main() -> None:
    """Make what is not there; print the table, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="few rows and steps, a folder of its own: it runs")
    parser.add_argument("--t-max", type=int, default=Run.t_max, help="last save time, in steps")
    parser.add_argument("--without-float64-gradient", action="store_true", help="leave that arm out: half the time")
    parser.add_argument("--output", type=Path, default=RAW, help="folder of the raw results")
    parser.add_argument("--report", type=Path, help="folder of precision.md and precision.png")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        if chosen.smoke:
            chosen.output, chosen.report = Path(name), Path(name)
        run = Run(n_samples=300, waiting_time=5, t_max=20) if chosen.smoke else Run(t_max=chosen.t_max)
        for temperature in TEMPERATURES:
            for arm in ARMS[:2] if chosen.without_float64_gradient else ARMS:
                answer = partial(run.measure, arm, temperature)
                results.once(place(arm, temperature, chosen.output), question(run, arm, temperature), answer)
        there = dict(kept(run, chosen.output))
        print(page.table(there))
        if chosen.report is not None:
            page.write(there, run.waiting_time, run.t_max, chosen.output, chosen.report)


def kept(run: Run, folder: Path) -> Iterator[tuple[tuple[str, float], results.Found]]:
    """What is there, by arm and temperature."""
    for temperature in TEMPERATURES:
        for arm in ARMS:
            found = results.load(place(arm, temperature, folder), question(run, arm, temperature))
            if found is not None:
                yield (arm.name, temperature), found


def place(arm: Arm, temperature: float, folder: Path) -> Path:
    """Where a result is kept."""
    return folder / f"{arm.name}-T-{temperature:g}.json"


def question(run: Run, arm: Arm, temperature: float) -> dict[str, Any]:
    """All numbers that a result follows from, beside the bundled quenched networks."""
    return {"run": asdict(run), "arm": asdict(arm), "temperature": temperature}


if __name__ == "__main__":
    main()
