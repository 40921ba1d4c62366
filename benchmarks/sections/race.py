"""The race: glassnet, PyTorch and JAX at the same steps, all with all cores, each in its best form."""

from __future__ import annotations

from contextlib import ExitStack
from itertools import product
from typing import Any, Final

import numpy as np

import glassnet as gn
from benchmarks.race.runner import Course, Runner, absent, take_turns
from benchmarks.sections.session import BATCH, Row, Session, measured, random_weights
from studies.phases import DEPTH, PHASES

ENGINES: Final = {"glassnet, every row": "all", "glassnet": "exact", "glassnet, skin": "skin"}

TUNED: Final[dict[str, tuple[str, dict[str, tuple[int, ...]]]]] = {
    "PyTorch vmap": ("vmap", {}),
    "PyTorch bmm": ("batched", {}),
    "PyTorch bmm by hand": ("by_hand", {"multiple": (1, 8)}),
    "JAX vmap": ("jax", {}),
}
"""Ensembles whose number of networks, rows a chunk and padding are found by trying."""

TUNING_ROWS: Final = 4_000
"""Enough to tell ways apart: they take time in proportion to the rows. A multiple of every chunk."""


def langevin(session: Session, phase: str, tuned: dict[Any, Row] | None) -> list[Row]:
    """Full-batch Langevin steps from the quenched states of a phase; without rivals where there is no ``tuned``."""
    width, l2 = PHASES[phase]
    course = session.course(session.mnist(), session.quenched(phase), l2=l2, width=width)
    engines = [
        (name, "engine", {"rows": rows, "threads": session.threads}, course, 2) for name, rows in ENGINES.items()
    ]
    rounds, seconds = session.rounds(9 if width < 50 else 6), session.seconds(0.3)
    others = [] if tuned is None else _others(session, course, tuned)
    return _race(session, [*engines, *others], rounds, seconds)


def sgd(session: Session, tuned: dict[Any, Row]) -> list[Row]:
    """SGD with batches of 100 from random weights, and glassnet also from the quenched regularised state."""
    width, l2 = PHASES["regularised"]
    network = gn.Mlp(10, width, DEPTH)
    starts = {"": random_weights(network), ", quenched": session.quenched("regularised")}
    courses = {
        name: session.course(session.mnist(), weights, l2=l2, width=width, batch_size=BATCH)
        for name, weights in starts.items()
    }
    engines = [
        (f"{name}{start}", "engine", {"rows": rows, "threads": session.threads}, course, 2)
        for (start, course), (name, rows) in product(courses.items(), ENGINES.items())
        if rows != "skin"
    ]
    return _race(
        session,
        [*engines, *_others(session, courses[""], tuned)],
        session.rounds(15),
        session.seconds(0.3),
    )


Entry = tuple[str, str, dict[str, Any], Course, int]


def _others(session: Session, course: Course, tuned: dict[Any, Row]) -> list[Entry]:
    """PyTorch and JAX: name, kind, options, course, number of networks."""
    threads = {"threads": session.threads}
    entries: list[Entry] = []
    for library in dict.fromkeys(absent(kind) for kind in ("module", "jax")):
        if library is not None:
            print(f"{library} is not installed: its contenders are left out", flush=True)
    if absent("module") is None:
        entries.append(("PyTorch eager", "module", threads, course, 1))
        entries.append(("PyTorch eager, no module", "batched", threads, course, 1))
        if not session.smoke:
            entries.append(("torch.compile", "batched", threads | {"compiled": True}, course, 1))
    for name, (kind, choices) in TUNED.items():
        if absent(kind) is not None:
            continue
        key = name, course.task.numbers.width, course.task.numbers.batch_size
        if key not in tuned:
            tuned[key] = _tune(session, name, kind, choices, course)
        best = tuned[key]
        entries.append((name, kind, best["options"], course, best["n_networks"]))
        if kind == "batched" and not session.smoke:
            options = best["options"] | {"compiled": True}
            entries.append(("torch.compile bmm", kind, options, course, best["n_networks"]))
    return entries


def _tune(session: Session, name: str, kind: str, choices: dict[str, tuple[int, ...]], course: Course) -> Row:
    """The fastest number of networks, chunk of rows and other choices of a kind of ensemble."""
    batches, wide = course.task.numbers.batch_size is not None, course.task.numbers.width > 50
    chunks: tuple[int | None, ...] = (None,) if batches else (250, 1_000, 4_000)
    networks: tuple[int, ...] = (8, 32, 128) if batches else (4, 16) if wide else (8, 32)
    unit = 20 if batches else 1
    rows = None if batches else TUNING_ROWS
    if session.smoke:
        options = {"threads": session.threads, "chunk": None if batches else 200}
        return {"options": options | {key: values[-1] for key, values in choices.items()}, "n_networks": 2}
    tried: list[Row] = []
    with Runner(name) as runner:
        for n, chunk, values in product(networks, chunks, product(*choices.values())):
            options = {"threads": session.threads, "chunk": chunk, **dict(zip(choices, values, strict=True))}
            if kind == "jax":
                options["unit"] = unit
            runner.build(kind, options, course, n, rows)
            runner.calibrate(session.seconds(0.1))
            seconds = min(runner.time().wall / runner.n_steps / n for _ in range(session.rounds(3)))
            tried.append({"options": options, "n_networks": n, "seconds": seconds})
    best = min(tried, key=lambda row: float(row["seconds"]))
    return best | {"tried": tried}


def _race(session: Session, entries: list[Entry], rounds: int, seconds: float) -> list[Row]:
    peak = session.peaks[session.threads]
    if session.smoke:
        # One process for all of them, one after the other: starting many takes longer than all else.
        with Runner("all") as runner:
            rows = []
            for entry in entries:
                _make(runner, entry, seconds)
                take_turns([runner], peak, rounds)
                rows.append(_row(runner, entry))
            return rows
    with ExitStack() as stack:
        runners = [stack.enter_context(Runner(name)) for name, *_ in entries]
        for runner, entry in zip(runners, entries, strict=True):
            _make(runner, entry, seconds)
        take_turns(runners, peak, rounds)
        return [_row(runner, entry) for runner, entry in zip(runners, entries, strict=True)]


def _make(runner: Runner, entry: Entry, seconds: float) -> None:
    _, kind, options, course, n_networks = entry
    runner.build_checked(kind, options, course, n_networks)
    runner.calibrate(seconds)


def _row(runner: Runner, entry: Entry) -> Row:
    name, kind, options, *_ = entry
    memory = {key: value for key, value in runner.order("facts").items() if key != "unit"}
    row = measured(runner, name=name, kind=kind, options=options, agreement=runner.agreement, **memory)
    print(f"  {name:30} {1e6 * float(np.median(row['wall'])):10.1f} us a network-step", flush=True)
    return row
