"""Whether skipping ever costs: the default engine against every row at every step, at all shares of rows awake.

One thread each, slices of the same steps of the same trajectory in turns, processor time: a neighbour's turns on the
core do not enter, and the median of paired ratios does not see single disturbed slices.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator

import numpy as np

import glassnet as gn
from benchmarks.race.runner import Course, Runner
from benchmarks.race.task import Floats
from benchmarks.sections.session import BATCH, Row, Session, random_weights, some, trained
from studies.phases import DEPTH, PHASES


def never_slower(session: Session) -> list[Row]:
    """Paired ratios of times, exact over exhaustive, and the share awake."""
    rows = []
    with Runner("every row") as dense, Runner("exact") as exact:
        for name, course in _cases(session):
            dense.build("engine", {"rows": "all", "threads": 1}, course, 1)
            exact.build("engine", {"rows": "exact", "threads": 1}, course, 1)
            dense.calibrate(session.seconds(0.2))
            # Both from the beginning, the engine's search for what to skip included.
            numbers = course.task.numbers
            for runner in (dense, exact):
                runner.order(
                    "start", learning_rate=numbers.learning_rate, temperature=numbers.temperature, weights=None
                )
                runner.slices = []
            for i in range(session.rounds(21)):
                for runner in (dense, exact) if i % 2 else (exact, dense):
                    runner.time(max(dense.n_steps, 5))
            times = {runner: [taken.processor for taken in runner.slices] for runner in (dense, exact)}
            steps = sum(taken.n_steps for taken in exact.slices)
            awake = sum(taken.counted["awake"] for taken in exact.slices) / (steps * course.task.rows_per_step)
            ratios = [a / b for a, b in zip(times[exact], times[dense], strict=True)]
            row = {
                "name": name,
                "width": numbers.width,
                "awake": awake,
                "ratios": ratios,
                "of_sums": sum(times[exact]) / sum(times[dense]),
                "steps": steps,
            }
            rows.append(row)
            print(f"  {name:44} awake {awake:.3f}, exact / every row {statistics.median(ratios):.3f}", flush=True)
    return rows


def _cases(session: Session) -> Iterator[tuple[str, Course]]:
    """What the default engine is tried on: a name and the course."""
    mnist, l2 = session.mnist(), PHASES["regularised"][1]
    for width in some((30, 8, 16, 72, 128), session.smoke):
        weights = random_weights(gn.Mlp(10, width, DEPTH))
        yield f"random weights, w = {width}", session.course(mnist, weights, l2=l2, width=width)
    for width, decay in ((30, l2), (72, 0.0)):
        for epochs in some((1, 3, 10, 30, 100) if width == 30 else (1, 3, 10, 30), session.smoke):
            weights = trained(gn.Mlp(10, width, DEPTH), mnist, decay, epochs)
            name = f"after {epochs} epoch{'s' * (epochs > 1)} of SGD, w = {width}, l2 = {decay:g}"
            yield name, session.course(mnist, weights, l2=decay, width=width)
    for phase in session.phases:
        width, decay = PHASES[phase]
        yield f"quenched, {phase}", session.course(mnist, session.quenched(phase), l2=decay, width=width)
    for temperature in (0.1, 1.0):
        name = f"quenched, regularised, then T = {temperature:g}"
        hot = _heated(session, temperature)
        yield name, session.course(mnist, hot, l2=l2, width=30, temperature=temperature)
    for n_rows in some((1_000, 2_049, 6_000), session.smoke):
        few = gn.load_dataset("mnist", n_samples=min(n_rows, session.n_rows))
        for depth in (2, 6):
            weights = random_weights(gn.Mlp(10, 30, depth))
            name = f"random weights, {few.n_samples} rows, depth {depth}"
            yield name, session.course(few, weights, l2=l2, width=30, depth=depth)
    chance = gn.random_dataset(session.n_rows, 10)
    for width in (30, 72):
        weights = trained(gn.Mlp(10, width, DEPTH), chance, l2, 3)
        yield f"labels by chance, w = {width}", session.course(chance, weights, l2=l2, width=width)
    for phase in dict.fromkeys((session.phases[0], session.phases[-1])):
        width, decay = PHASES[phase]
        starts = {"random weights": random_weights(gn.Mlp(10, width, DEPTH)), "quenched": session.quenched(phase)}
        for start, weights in starts.items():
            name = f"SGD, batch {BATCH}, {start}, w = {width}"
            yield name, session.course(mnist, weights, l2=decay, width=width, batch_size=BATCH)


def _heated(session: Session, temperature: float) -> Floats:
    """The quenched regularised state after 300 steps at a high temperature."""
    mnist, (width, l2) = session.mnist(), PHASES["regularised"]
    landscape = gn.Landscape(gn.Mlp(10, width, DEPTH), mnist, gn.QuadraticHinge(l2))
    start = gn.Ensemble.from_weights(landscape.network, session.quenched("regularised")[:2])
    n_steps = 3 if session.smoke else 300
    return np.asarray(gn.evolve(start, landscape, gn.Langevin(temperature, 1e-3), n_steps).weights, dtype=np.float64)
