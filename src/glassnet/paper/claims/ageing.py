"""Whether older networks relax more slowly: claim C16 (Fig. 8, A9-A11)."""

from __future__ import annotations

from typing import Final

import numpy as np

from glassnet.analysis import ageing_exponent
from glassnet.analysis.ageing import AGES, DOES_NOT_AGE
from glassnet.analysis.crossover import TWO_REGIMES
from glassnet.observables import overlap
from glassnet.paper.claims.claim import (
    EXPLAINED,
    NOT_DECIDED,
    NOT_REPRODUCED,
    REPRODUCED,
    Finding,
    Verdict,
    measured_in,
    shown,
    together,
    worst,
)
from glassnet.paper.claims.evidence import Evidence, in_phases
from glassnet.paper.claims.relaxed import Relaxed
from glassnet.paper.numbers import PHASES

RULE: Final = (
    "Only waiting times of 5000 steps or more count (before, networks still answer to the end of SGD), three at least "
    "over a factor of 5. Reproduced if the curves collapse on t/t_w^mu with mu above 0.1 at the coldest temperature "
    "below T*, regularised and underparameterised, and within 0.1 of 0 at the hottest whose tau_90 is 3 steps or more; "
    "overparameterised within 0.1 of 0 at the hottest and coldest such. The null is drift in the bowl of l2, which "
    "slows by exp(mu l2 t_w): explained otherwise where the interval reaches down to what that gives between the first "
    "and last t_w. Not reproduced if any of these goes the other way."
)

_SETTLED: Final = 5000
_SPAN: Final = 5.0


def ageing(evidence: Evidence) -> Finding:
    """Claim C16."""
    return together(in_phases(evidence, _phase, dict.fromkeys(PHASES, "paper")))


def _phase(run: Relaxed) -> Finding:
    waits = [int(wait) for wait in run.record.data["waiting_time"].values if wait >= _SETTLED]
    resolved, flat = run.slowdown(0.9), run.phase == "overparameterised"
    hot, cold = max(resolved, default=np.nan), min(resolved, default=np.nan) if flat else run.coldest
    if len(waits) < 3 or waits[-1] < _SPAN * waits[0] or not hot > cold:
        text = f"{len(waits)} waiting times from {_SETTLED} on, resolved from T = {cold:g} to {hot:g}"
        return Finding(NOT_DECIDED, text, (run.basis,), decides=run.decides("paper"))
    q = overlap(run.record, chi=run.chi).sel(waiting_time=waits)
    found = {one: ageing_exponent(run.at(q, one)) for one in (hot, cold)}
    exponents = {one: measured_in(row, "exponent") for one, row in found.items()}
    outcome = {one: str(row["outcome"].item()) for one, row in found.items()}
    text = ", ".join(f"T = {one:g} {outcome[one]}, mu {shown(exponents[one])}" for one in (hot, cold))
    expected = DOES_NOT_AGE if flat else AGES
    checks = [_as(outcome[hot], DOES_NOT_AGE), _as(outcome[cold], expected)]
    fit = run.crossover
    if expected == AGES and not (fit.outcome == TWO_REGIMES and cold < fit.temperature.value):
        checks.append(NOT_DECIDED)
        text += "; T* is not seen"
    verdict = worst(checks)
    # d log tau/d log t_w between the ends, of tau that grows as exp(mu l2 t_w).
    bowl = run.learning_rate * run.l2 * (waits[-1] - waits[0]) / np.log(waits[-1] / waits[0])
    if verdict == REPRODUCED and run.l2 > 0.0:
        text += f"; the bowl gives {bowl:.2g}"
        verdict = EXPLAINED if exponents[cold].low <= bowl else REPRODUCED
    return Finding(verdict, text, (run.basis,), exponents[cold], run.decides("paper"))


def _as(outcome: str, expected: str) -> Verdict:
    if outcome == expected:
        return REPRODUCED
    return NOT_REPRODUCED if outcome in (AGES, DOES_NOT_AGE) else NOT_DECIDED
