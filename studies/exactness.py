"""Does skipping change a bit? The default engine against every row at every step, at full size.

    python -m studies.exactness [--smoke] [--states DIR] [--steps 5000] [--phase NAME] [--temperature T]

From two quenched networks of each phase, Langevin dynamics at each temperature: every row at every step on all
threads, and the default engine in two pieces, 731 steps and the rest. The table has the SHA-256 of the final weights
and the shares of rows that the default engine sent forward and backward.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import numpy as np

import glassnet as gn
from glassnet.engines import Cpu
from studies.options import options
from studies.pages import replace_tables
from studies.phases import PHASES, add_options, landscape, quenched

TEMPERATURES: Final = (1.0, 1e-2, 1e-4, 0.0)


def final_weights(
    engine: Cpu, surface: gn.Landscape, start: gn.Ensemble, temperature: float, pieces: Sequence[int]
) -> tuple[str, float, float]:
    """Hash of the final weights, and the shares of rows sent forward and backward."""
    forward = awake = 0
    for n_steps in pieces:
        session = engine.session(start, surface, gn.Langevin(temperature, 1e-3))
        session.advance(np.full(len(start), n_steps))
        start = session.ensemble
        counts = session._simulator.work()
        forward, awake = forward + counts[0], awake + counts[1]
    row_steps = len(start) * sum(pieces) * surface.dataset.n_samples
    return hashlib.sha256(start.weights.tobytes()).hexdigest(), forward / row_steps, awake / row_steps


def main() -> None:
    """Print a line for each phase and temperature; exit with 1 if any bits differ."""
    parser = options(__doc__)
    add_options(parser)
    parser.add_argument("--steps", type=int, default=5_000)
    parser.add_argument("--temperature", type=float, action="append")
    chosen = parser.parse_args()
    dataset = gn.load_dataset("mnist", n_samples=300 if chosen.smoke else None)
    steps = 10 if chosen.smoke else chosen.steps
    pieces = [min(731, steps // 2), steps - min(731, steps // 2)]
    rows, differ = [], False
    for phase in chosen.phase or PHASES:
        surface = landscape(phase, dataset)
        start = gn.Ensemble.random(surface.network, 2) if chosen.smoke else quenched(chosen.states, phase)[:2]
        for temperature in chosen.temperature or TEMPERATURES:
            dense, _, _ = final_weights(Cpu(exhaustive=True), surface, start, temperature, [steps])
            found, forward, awake = final_weights(Cpu(), surface, start, temperature, pieces)
            differ |= dense != found
            rows.append(
                f"| {phase} | {temperature:g} | {steps} | {'the same' if dense == found else '**different**'} "
                f"| `{dense[:12]}` | `{found[:12]}` | {forward:.3f} | {awake:.3f} |"
            )
            print(rows[-1], flush=True)
    header = (
        "| phase | T | steps | bits | every row | default | forward | backward |\n|---|---|---|---|---|---|---|---|"
    )
    if chosen.output is not None:
        replace_tables({"exactness": "\n".join([header, *rows])}, chosen.output / "performance.md")
    raise SystemExit(differ)


if __name__ == "__main__":
    main()
