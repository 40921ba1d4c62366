"""Whether skipping changes a bit: the default engine against every row at every step, at full size.

    python benchmarks/exactness.py [--smoke] [--states docs/reproduction/quenched] [--steps 5000] [--phase NAME]

From two quenched networks of each phase, Langevin dynamics at each temperature by ``Cpu(exhaustive=True)`` and by
``Cpu()``; printed are the SHA-256 of the final weights, whether they agree, and the shares of rows that the default
engine sent forward and backward.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path
from typing import Final

import numpy as np

import glassnet as gn
from glassnet.engines import Cpu

STATES: Final = Path(__file__).parents[1] / "docs" / "reproduction" / "quenched"
PHASES: Final = {"regularised": (30, 1e-2), "underparameterised": (30, 0.0), "overparameterised": (72, 0.0)}


def final_weights(
    engine: Cpu, landscape: gn.Landscape, start: gn.Ensemble, temperature: float, n_steps: int
) -> tuple[str, float, float]:
    """Their hash, and the shares of rows sent forward and awake."""
    session = engine.session(start, landscape, gn.Langevin(temperature, 1e-3))
    session.advance(np.full(len(start), n_steps))
    row_steps = len(start) * n_steps * landscape.dataset.n_samples
    forward, awake = (count / row_steps for count in session._simulator.work())
    return hashlib.sha256(session.ensemble.weights.tobytes()).hexdigest(), forward, awake


def main() -> None:
    """Print a line for each phase and temperature; exit with 1 where any differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="small and quick")
    parser.add_argument("--states", type=Path, default=STATES)
    parser.add_argument("--steps", type=int, default=5_000)
    parser.add_argument("--phase", choices=list(PHASES), action="append")
    parser.add_argument("--temperature", type=float, action="append")
    chosen = parser.parse_args()
    dataset = gn.load_dataset("mnist", n_samples=300 if chosen.smoke else None)
    steps = 10 if chosen.smoke else chosen.steps
    differ = False
    for phase in chosen.phase or PHASES:
        width, l2 = PHASES[phase]
        landscape = gn.Landscape(gn.Mlp(10, width, 6), dataset, gn.QuadraticHinge(l2))
        start = gn.Ensemble.random(landscape.network, 2)
        if not chosen.smoke:
            quenched = gn.load(chosen.states / f"mnist-{phase}.zip")
            assert isinstance(quenched, gn.Ensemble)
            start = quenched[:2]
        for temperature in chosen.temperature or (1e-4,):
            dense, _, _ = final_weights(Cpu(exhaustive=True), landscape, start, temperature, steps)
            found, forward, awake = final_weights(Cpu(), landscape, start, temperature, steps)
            differ |= dense != found
            print(
                f"{phase}, T = {temperature:g}, {steps} steps: {'the same bits' if dense == found else 'DIFFERENT'}, "
                f"{dense[:12]} and {found[:12]}; forward {forward:.3f}, backward {awake:.3f} of the rows",
                flush=True,
            )
    raise SystemExit(differ)


if __name__ == "__main__":
    main()
