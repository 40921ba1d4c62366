"""How lambda*, N* and tau_90(T) depend on input scale, SGD learning rate, length of the quench, initial weights.

    python -m studies.open_questions [--only lambda|n|tau] [--factor NAME] [--dry-run] [--report docs] [--smoke]

A base case and one factor varied at a time (``cases.py``), on the first 6000 rows of MNIST with 4 replicas.
Each result is kept at once and never made again, so a stopped study goes on where it was.
About an hour on two quiet cores.
"""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Final

import glassnet as gn
from studies import results
from studies.open_questions import page
from studies.open_questions.cases import CASES, FACTORS, Case, Work
from studies.open_questions.relaxation import Relaxation
from studies.open_questions.transitions import LambdaStar, NStar
from studies.options import options

Quantity = LambdaStar | NStar | Relaxation
Key = tuple[Quantity, Case]

FULL: Final[tuple[Quantity, ...]] = (LambdaStar(), NStar(), Relaxation())
SMOKE: Final[tuple[Quantity, ...]] = (
    LambdaStar(n_samples=300, n_replicas=2, width=6, l2s=(0.01, 0.02, 0.04)),
    NStar(n_samples=300, n_replicas=2, widths=(3, 5)),
    Relaxation(n_samples=300, n_replicas=2, width=6, temperatures=(1e-2, 0.0), waiting_time=5, t_max=20),
)
RAW: Final = Path("docs/studies/open-questions")


def main() -> None:
    """Measure everything that has no result yet; write the page."""
    parser = options(__doc__)
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
        questions = [question(quantity, case) for quantity in quantities for case in cases]
        symbols, factors = chosen.only or [q.symbol for q in quantities], chosen.factor or FACTORS
        wanted = [one for one in questions if one.key[0].symbol in symbols and one.key[1].factor in factors]
        if chosen.dry_run:
            print_cost(wanted, chosen.output)
            return
        results.answer(wanted, chosen.output)
        if chosen.report is not None:
            found: dict[str, dict[Case, results.Found]] = {q.symbol: {} for q in quantities}
            for (quantity, case), one in results.there(questions, chosen.output).items():
                found[quantity.symbol][case] = one
            page.write(found, {q.symbol: q for q in quantities}, chosen.output, chosen.report)
            print(f"{chosen.report / 'open-questions.md'}")


def question(quantity: Quantity, case: Case) -> results.Question[Key]:
    """The measurement of one quantity in one case."""
    return results.Question(
        key=(quantity, case),
        name=f"{quantity.symbol}-{case.name}",
        asked={"case": asdict(case), "of": asdict(quantity)},
        measure=partial(quantity.measure, case),
    )


def print_cost(wanted: list[results.Question[Key]], folder: Path) -> None:
    """Print the steps that are left, and their time on this machine if it did nothing else."""
    speeds: dict[tuple[int, str], float] = {}
    total = 0.0
    for one in wanted:
        if one.path(folder).is_file():
            continue
        quantity, case = one.key
        works = quantity.work(case)
        seconds = sum(work.n_steps * _seconds_a_step(work, quantity.n_samples, speeds) for work in works)
        steps = sum(work.n_steps * work.n_replicas for work in works)
        print(f"{quantity.symbol:6} {case.name:24} {steps:9.2g} network-steps  {seconds / 60:6.1f} min")
        total += seconds
    print(f"{'in all':31} {total / 60:37.0f} min, on {_cores()} quiet cores")


def _seconds_a_step(work: Work, n_samples: int, speeds: dict[tuple[int, str], float]) -> float:
    """Seconds of one step of the whole ensemble, from a short trial from random weights; each kind is tried once.

    The trial takes processor time, shared between the cores, so that other work on the machine does not count.
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
