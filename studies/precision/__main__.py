"""Does the low-temperature plateau depend on single precision? MSD and Q with float32 and float64 weights.

    python -m studies.precision [--t-max 10000] [--without-float64-gradient] [--report docs] [--smoke]

From two quenched regularised networks on all of MNIST, Langevin dynamics at T = 1e-6, 1e-8, 1e-10 and 0 with the same
noise in three arms: weights kept and updated in float64; in float32; and in float64 with the data gradient in float64
too. Each result is kept at once and never made again. The default takes about half an hour on two quiet cores.
"""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

import glassnet as gn
from glassnet.engines import Cpu
from glassnet.engines.base import Precision
from glassnet.paper.experiments.relaxation import noise_of
from studies import results
from studies.options import options
from studies.phases import STATES, landscape, quenched
from studies.precision import page
from studies.precision.float_grid import drift_below_half, excess_a_step

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
    """Sizes and times that all arms share."""

    n_samples: int | None = None
    n_replicas: int = 2
    waiting_time: int = 200
    t_max: int = 10_000

    def surface(self) -> gn.Landscape:
        """The regularised landscape over these rows."""
        return landscape(PHASE, gn.load_dataset("mnist", n_samples=self.n_samples))

    def measure(self, arm: Arm, temperature: float) -> results.Found:
        """Curves of every replica; for float32 weights also the predicted effect of their grid on one step."""
        surface = self.surface()
        start = quenched(STATES, PHASE)[: self.n_replicas].rename(noise=noise_of(temperature))
        record = gn.measure(
            replace(start, weights=start.weights.astype(arm.weights)),
            surface,
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
            noise = float(np.sqrt(2.0 * MU * temperature / surface.dataset.n_samples))
            weights = start.weights.astype(np.float64)
            drift = np.stack([MU * surface.gradient(row) for row in weights])
            found["n_weights"] = surface.network.n_weights
            found["noise_a_step"] = noise**2
            found["excess_a_step"] = excess_a_step(weights, noise)
            found["drift_below_half"] = drift_below_half(weights, drift)
        return found


def main() -> None:
    """Measure everything that has no result yet; print the table and write the page."""
    parser = options(__doc__)
    parser.add_argument("--t-max", type=int, default=Run.t_max, help="last save time, in steps")
    parser.add_argument("--without-float64-gradient", action="store_true", help="leave that arm out: half the time")
    parser.add_argument("--output", type=Path, default=RAW, help="folder of the raw results")
    parser.add_argument("--report", type=Path, help="folder of precision.md and precision.png")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        if chosen.smoke:
            chosen.output, chosen.report = Path(name), Path(name)
        run = Run(n_samples=300, waiting_time=5, t_max=20) if chosen.smoke else Run(t_max=chosen.t_max)
        questions = [question(run, arm, temperature) for temperature in TEMPERATURES for arm in ARMS]
        left_out = ARMS[2].name if chosen.without_float64_gradient else None
        results.answer([one for one in questions if one.key[0] != left_out], chosen.output)
        there = results.there(questions, chosen.output)
        print(page.table(there))
        if chosen.report is not None:
            page.write(there, run.waiting_time, run.t_max, chosen.output, chosen.report)


def question(run: Run, arm: Arm, temperature: float) -> results.Question[tuple[str, float]]:
    """The measurement of one arm at one temperature; the committed quenched networks are taken as given."""
    return results.Question(
        key=(arm.name, temperature),
        name=f"{arm.name}-T-{temperature:g}",
        asked={"run": asdict(run), "arm": asdict(arm), "temperature": temperature},
        measure=partial(run.measure, arm, temperature),
    )


if __name__ == "__main__":
    main()
