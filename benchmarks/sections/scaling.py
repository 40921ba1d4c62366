"""glassnet's cost against replicas, width, rows, depth and threads: every row computed, random weights.

Only one number changes along each axis; the others are two networks of width 30 and depth 6 on all threads, 60000 rows
or batches of 100.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

import glassnet as gn
from benchmarks.race.runner import Runner, take_turns
from benchmarks.sections.session import BATCH, Row, Session, measured, random_weights, some
from studies.phases import DEPTH

AXES: Final[dict[str, tuple[int, ...]]] = {
    "replicas": (1, 2, 3, 4, 5, 6, 8, 16, 32, 64, 128),
    "width": (5, 8, 10, 12, 16, 20, 24, 30, 32, 36, 40, 48, 56, 64, 72, 82, 96, 128, 160, 192, 256),
    "rows": (100, 200, 500, 1_000, 2_000, 4_000, 10_000, 20_000, 40_000, 60_000),
    "batch": (10, 20, 50, 100, 200, 500, 1_000),
    "depth": (1, 2, 3, 4, 5, 6, 7, 8),
}


def scaling(session: Session) -> list[Row]:
    """A row a point: axis, value, step ("full batch" or "SGD") and its times."""
    points: list[Row] = []
    with Runner("glassnet") as runner:
        for step in ("full batch", "SGD"):
            for axis, values in AXES.items():
                if axis == ("batch" if step == "full batch" else "rows"):
                    continue
                for value in some(values, session.smoke):
                    points.append(_point(session, runner, step, {axis: value}, session.threads, axis, value))
            for replicas in (1, 2, 8):
                for threads in range(1, session.threads + 1):
                    change = {"replicas": replicas}
                    points.append(_point(session, runner, step, change, threads, f"threads, {replicas}", threads))
    return points


def _point(
    session: Session, runner: Runner, step: str, change: dict[str, int], threads: int, axis: str, value: int
) -> dict[str, Any]:
    usual = {"replicas": 2, "width": 30, "rows": session.n_rows, "batch": BATCH, "depth": DEPTH}
    numbers = usual | change
    network = gn.Mlp(10, numbers["width"], numbers["depth"])
    course = session.course(
        gn.random_dataset(numbers["rows"], 10),
        random_weights(network),
        l2=1e-2,
        width=numbers["width"],
        depth=numbers["depth"],
        batch_size=numbers["batch"] if step == "SGD" else None,
    )
    runner.build("engine", {"rows": "all", "threads": threads}, course, numbers["replicas"])
    runner.calibrate(session.seconds(0.06))
    take_turns([runner], session.peaks[threads], session.rounds(5))
    row = measured(runner, axis=axis, value=value, step=step, threads=threads)
    print(f"  {step}, {axis} {value}: {1e6 * float(np.median(row['wall'])):.1f} us a network-step", flush=True)
    return row
