"""Changes by a skin: Q(t), MSD and tau_90 with ``Cpu(skin=True)`` against the exact dynamics at the same noise.

    python -m studies.skin [--smoke] [--states DIR] [--phase NAME] [--replicas 4] [--t-max 2000] [--output docs]

From the quenched ensemble of each phase, Langevin dynamics at several temperatures, t_w = 200, once exact and once with
a skin. The table compares the difference of the curves with their standard error from the spread of replicas.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

import glassnet as gn
from glassnet.engines import Cpu
from studies.options import options
from studies.pages import replace_tables
from studies.phases import PHASES, add_options, landscape, quenched


@dataclass(frozen=True)
class Look:
    """The chi at which a phase is looked at, and its temperatures."""

    chi: float
    temperatures: tuple[float, ...]


LOOKS: Final = {
    "regularised": Look(300.0, (1e-2, 1e-4, 0.0)),
    "underparameterised": Look(500.0, (1e-2, 1e-4, 0.0)),
    "overparameterised": Look(6000.0, (1e-3, 1e-5, 0.0)),
}
T_W: Final = 200


def measured(
    surface: gn.Landscape, start: gn.Ensemble, temperature: float, chi: float, t_max: int, skin: bool
) -> gn.Record:
    return gn.measure(
        start,
        surface,
        gn.Langevin(temperature, 1e-3),
        waiting_times=[T_W],
        times=gn.log_times(t_max),
        chi=[chi],
        engine=Cpu(skin=skin),
    )


def compare(phase: str, temperature: float, surface: gn.Landscape, start: gn.Ensemble, t_max: int) -> dict[str, Any]:
    """One line of the table: the largest differences of the curves, and the standard errors of the exact ones."""
    chi = LOOKS[phase].chi
    exact, skin = (measured(surface, start, temperature, chi, t_max, skin) for skin in (False, True))
    q = [gn.overlap(record, chi=chi).squeeze("waiting_time") for record in (exact, skin)]
    msd = [gn.mean_square_displacement(record).squeeze("waiting_time") for record in (exact, skin)]
    mean_q, mean_msd = [x.mean("replica") for x in q], [x.mean("replica") for x in msd]
    root = np.sqrt(len(start))
    tau = [float(gn.relaxation_time(gn.overlap(record, chi=chi)).tau_of_mean.squeeze()) for record in (exact, skin)]
    return {
        "phase": phase,
        "temperature": temperature,
        "q_of_a_replica": float(abs(q[1] - q[0]).max()),
        "q_of_the_mean": float(abs(mean_q[1] - mean_q[0]).max()),
        "q_standard_error": float((q[0].std("replica", ddof=1) / root).max()),
        "msd_of_the_mean": float(abs(mean_msd[1] / mean_msd[0] - 1.0).max()),
        "msd_standard_error": float((msd[0].std("replica", ddof=1) / root / mean_msd[0]).max()),
        "tau_90_exact": tau[0],
        "tau_90_skin": tau[1],
        "missed_wakings": int(skin.data.missed_wakings.sum()),
        "full_passes": len(start) * ((T_W + t_max) // 100),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown."""
    lines = [
        "| phase | T | largest change of Q, a replica | of the mean Q (standard error) "
        "| of the mean MSD (standard error) "
        "| tau_90 exact, skin | missed wakings, a full pass |",
        "|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        lines.append(
            f"| {r['phase']} | {r['temperature']:g} | {r['q_of_a_replica']:.1e} "
            f"| {r['q_of_the_mean']:.1e} ({r['q_standard_error']:.1e}) "
            f"| {r['msd_of_the_mean']:.1e} ({r['msd_standard_error']:.1e}) "
            f"| {r['tau_90_exact']:.4g}, {r['tau_90_skin']:.4g} | {r['missed_wakings'] / r['full_passes']:.2f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Print the table; write it into the page and into skin.json if a folder is given."""
    parser = options(__doc__)
    add_options(parser)
    parser.add_argument("--replicas", type=int, default=4)
    parser.add_argument("--t-max", type=int, default=2_000)
    chosen = parser.parse_args()
    if chosen.replicas < 2:
        parser.error(f"--replicas must be at least 2, for a standard error, but got {chosen.replicas}")
    dataset = gn.load_dataset("mnist", n_samples=300 if chosen.smoke else None)
    rows = []
    for name in chosen.phase or PHASES:
        surface = landscape(name, dataset)
        start, t_max = gn.Ensemble.random(surface.network, 2), 10
        if not chosen.smoke:
            start, t_max = quenched(chosen.states, name)[: chosen.replicas].rename(noise=1), chosen.t_max
        for temperature in LOOKS[name].temperatures:
            rows.append(compare(name, temperature, surface, start, t_max))
            print(table(rows[-1:]).splitlines()[-1], flush=True)
    print(f"\n{table(rows)}")
    if chosen.output is not None:
        (chosen.output / "performance" / "skin.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
        replace_tables({"skin": table(rows)}, chosen.output / "performance.md")


if __name__ == "__main__":
    main()
