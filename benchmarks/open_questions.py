"""What lambda*, N* and tau_90(T) depend on: input scale, SGD learning rate, length of the quench, initial weights.

    python -m benchmarks.open_questions [--only lambda|n|tau] [--factor NAME] [--dry-run] [--report docs] [--smoke]

A base case and one factor varied at a time (``studies/cases.py``), on the first 6000 rows of MNIST with 4 replicas.
Every result is kept as soon as it is there, and what is there is not run again: a stopped study goes on where it was.
About an hour on two quiet cores.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import glassnet as gn
from benchmarks.studies import open_questions_page as page
from benchmarks.studies import results
from benchmarks.studies.cases import CASES, FACTORS, Case, Work
from benchmarks.studies.relaxation import Relaxation
from benchmarks.studies.transitions import LambdaStar, NStar

Quantity = LambdaStar | NStar | Relaxation

FULL: Final[tuple[Quantity, ...]] = (LambdaStar(), NStar(), Relaxation())
SMOKE: Final[tuple[Quantity, ...]] = (
    LambdaStar(n_samples=300, n_replicas=2, width=6, l2s=(0.01, 0.02, 0.04)),
    NStar(n_samples=300, n_replicas=2, widths=(3, 5)),
    Relaxation(n_samples=300, n_replicas=2, width=6, temperatures=(1e-2, 0.0), waiting_time=5, t_max=20),
)
RAW: Final = Path("docs/studies/open-questions")


def main() -> None:
    """Make what is asked for and not there; write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="tiny sizes, a folder of its own: to see that it runs")
    parser.add_argument("--only", choices=[q.symbol for q in FULL], action="append", help="one quantity")
    parser.add_argument("--factor", choices=FACTORS, action="append", help="one factor")
    parser.add_argument("--dry-run", action="store_true", help="say what is left to do, and what it would cost")
    parser.add_argument("--output", type=Path, default=RAW, help="folder of the raw results")
    parser.add_argument("--report", type=Path, help="folder of open-questions.md and open-questions.png")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        if chosen.smoke:
            chosen.output, chosen.report = Path(name), Path(name)
        quantities = SMOKE if chosen.smoke else FULL
        cases = [replace(case, duration=case.duration / 1e4) if chosen.smoke else case for case in CASES]
        wanted = [
            (quantity, case)
            for quantity in quantities
            for case in cases
            if quantity.symbol in (chosen.only or [quantity.symbol]) and case.factor in (chosen.factor or FACTORS)
        ]
        if chosen.dry_run:
            print_cost(wanted, chosen.output)
            return
        for quantity, case in wanted:
            answer = partial(quantity.measure, case)
            results.once(place(quantity, case, chosen.output), question(quantity, case), answer)
        if chosen.report is not None:
            there = {q.symbol: dict(kept(q, cases, chosen.output)) for q in quantities}
            page.write(there, {q.symbol: q for q in quantities}, chosen.output, chosen.report)
            print(f"{chosen.report / 'open-questions.md'}")


def kept(quantity: Quantity, cases: list[Case], folder: Path) -> Iterator[tuple[Case, results.Found]]:
    """What is there of a quantity."""
    for case in cases:
        found = results.load(place(quantity, case, folder), question(quantity, case))
        if found is not None:
            yield case, found


def place(quantity: Quantity, case: Case, folder: Path) -> Path:
    """Where a result is kept."""
    return folder / f"{quantity.symbol}-{case.name}.json"


def question(quantity: Quantity, case: Case) -> dict[str, Any]:
    """All numbers that a result follows from."""
    return {"case": asdict(case), "of": asdict(quantity)}


def print_cost(wanted: list[tuple[Quantity, Case]], folder: Path) -> None:
    """Steps that are left, and their time on this machine if it did nothing else."""
    speeds: dict[tuple[int, str], float] = {}
    total = 0.0
    for quantity, case in wanted:
        if place(quantity, case, folder).is_file():
            continue
        works = quantity.work(case)
        seconds = sum(work.n_steps * _seconds_a_step(work, quantity.n_samples, speeds) for work in works)
        steps = sum(work.n_steps * work.n_replicas for work in works)
        print(f"{quantity.symbol:6} {case.name:24} {steps:9.2g} network-steps  {seconds / 60:6.1f} min")
        total += seconds
    print(f"{'in all':31} {total / 60:37.0f} min, on {_cores()} quiet cores")


def _seconds_a_step(work: Work, n_samples: int, speeds: dict[tuple[int, str], float]) -> float:
    """Of the whole ensemble, by a short trial from random weights; each kind is tried once.

    Processor time, shared between the cores: what others do at the moment says little of the hours to come.
    """
    kind = work.width, type(work.dynamics).__name__
    if kind not in speeds:
        base = CASES[0]
        landscape = base.landscape(work.width, n_samples, 0.0)
        dynamics, n_steps = (base.sgd(), 2_000) if isinstance(work.dynamics, gn.Sgd) else (gn.Langevin(0.0, 1e-3), 40)
        began = time.process_time()
        gn.evolve(base.initial(landscape.mlp("the study"), work.n_replicas), landscape, dynamics, n_steps)
        speeds[kind] = (time.process_time() - began) / n_steps / _cores()
    return speeds[kind]


def _cores() -> int:
    return len(os.sched_getaffinity(0))


if __name__ == "__main__":
    main()
