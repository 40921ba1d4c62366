"""What a skin changes: Q(t), MSD and tau_90 with ``Cpu(skin=True)`` against the exact dynamics at the same noise.

    python benchmarks/skin.py [--smoke] [--states docs/reproduction/quenched] [--replicas 4] [--t-max 2000]

For each phase, from its quenched ensemble, Langevin dynamics at several temperatures, t_w = 200, once exact and once
with a skin. Printed: the largest difference of Q(t) over replicas and times and beside it the standard error of the
mean curve over replicas, the largest ratio of MSDs from 1, both tau_90 of the mean curve, missed wakings a replica and
million row-steps, and the time of both.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any, Final

import numpy as np

import glassnet as gn
from glassnet.engines import Cpu

ROOT: Final = Path(__file__).parents[1]
PHASES: Final = {
    "regularised": (30, 1e-2, 300.0),
    "underparameterised": (30, 0.0, 500.0),
    "overparameterised": (72, 0.0, 6000.0),
}
TEMPERATURES: Final = {"regularised": (1e-2, 1e-4, 0.0), "underparameterised": (1e-2, 1e-4, 0.0)}
"""The overparameterised phase is its plateau only where it is cold: (1e-3, 1e-5, 0)."""
T_W: Final = 200


def measured(
    landscape: gn.Landscape, start: gn.Ensemble, temperature: float, chi: float, t_max: int, skin: bool
) -> tuple[gn.Record, float]:
    """The record and the seconds it took."""
    began = time.perf_counter()
    record = gn.measure(
        start,
        landscape,
        gn.Langevin(temperature, 1e-3),
        waiting_times=[T_W],
        times=gn.log_times(t_max),
        chi=[chi],
        engine=Cpu(skin=skin),
    )
    return record, time.perf_counter() - began


def compare(phase: str, temperature: float, landscape: gn.Landscape, start: gn.Ensemble, t_max: int) -> dict[str, Any]:
    """One line of the table."""
    chi = PHASES[phase][2]
    exact, exact_seconds = measured(landscape, start, temperature, chi, t_max, skin=False)
    skin, skin_seconds = measured(landscape, start, temperature, chi, t_max, skin=True)
    q_exact, q_skin = gn.overlap(exact, chi=chi), gn.overlap(skin, chi=chi)
    msd_exact, msd_skin = gn.mean_square_displacement(exact), gn.mean_square_displacement(skin)
    moved = msd_exact > 0
    error = q_exact.std("replica", ddof=1) / np.sqrt(q_exact.sizes["replica"])
    taus = [gn.relaxation_time(q, threshold=0.9) for q in (q_exact, q_skin)]
    row_steps = len(start) * landscape.dataset.n_samples * (T_W + t_max)
    return {
        "phase": phase,
        "temperature": temperature,
        "dQ": float(abs(q_skin - q_exact).max()),
        "dQ of means": float(abs((q_skin - q_exact).mean("replica")).max()),
        "standard error of Q": float(error.max()),
        "dMSD": float(abs((msd_skin / msd_exact).where(moved) - 1.0).max()),
        "dMSD of means": float(abs((msd_skin.mean("replica") / msd_exact.mean("replica")).where(moved.any("replica")) - 1.0).max()),
        "standard error of MSD": float((msd_exact.std("replica", ddof=1) / msd_exact.mean("replica")).max())
        / np.sqrt(q_exact.sizes["replica"]),
        "tau exact": float(taus[0]["mean_curve"].squeeze()),
        "tau skin": float(taus[1]["mean_curve"].squeeze()),
        "missed": float(skin.data.missed_wakings.sum()) / row_steps * 1e6,
        "width": float(np.median(skin.ensemble.skin.width)) if skin.ensemble.skin is not None else 0.0,
        "seconds exact": exact_seconds,
        "seconds skin": skin_seconds,
    }


if __name__ == "__main__":
    print(json.dumps(compare.__doc__))
