"""Whether older networks relax more slowly: claim C16 (Fig. 8, A9-A11)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from glassnet.analysis import ageing_exponent, relaxation_time
from glassnet.analysis.ageing import AGES, DOES_NOT_AGE
from glassnet.analysis.crossover import TWO_REGIMES
from glassnet.analysis.groups import origins
from glassnet.analysis.intervals import estimate
from glassnet.analysis.measured import Measured, measured
from glassnet.observables import overlap
from glassnet.paper.claims.claim import UNKNOWN, Finding, Null, Seen, all_seen, measured_in, shown, together
from glassnet.paper.claims.evidence import Evidence, missing
from glassnet.paper.claims.relaxed import ALIKE, DRIFT, SHORTEST, Relaxed, alike
from glassnet.paper.numbers import PHASES

_SETTLED: Final = 5000
_SPAN: Final = 5.0
_LEAST_WAITS: Final = 3
_RESOLUTION: Final = 0.1

RULE: Final = (
    f"Only waiting times of {_SETTLED} steps or more count (before, networks still answer to the end of SGD), "
    f"{_LEAST_WAITS} at least over a factor of {_SPAN:g}. Seen if the curves collapse on t/t_w^mu with mu above "
    f"{_RESOLUTION:g} at the coldest temperature below T*, regularised and underparameterised, and within "
    f"{_RESOLUTION:g} of 0 at the hottest whose tau_90 is 3 steps or more; overparameterised within it at the hottest "
    "and coldest such. Not seen if any of these goes the other way. The number is the relative strength: how much "
    "tau_90 at the coldest resolved temperature grows from the first waiting time to the last, over how much that of "
    f"{DRIFT} does, whose own growth is the null's number; it grows with l2, since drift in the bowl of l2 slows by "
    f"exp(mu l2 t_w), and is said for every phase. The reading is explained within a factor {ALIKE:g}, with its "
    "interval, stands wholly above or below that, else untested, as it is without replicas at T = 0 or before the "
    "waiting times that count."
)


def ageing(evidence: Evidence) -> Finding:
    """Claim C16."""
    findings = []
    for phase in PHASES:
        run = evidence.relaxed(phase)
        findings.append((phase, missing(phase, scale="paper") if run is None else _phase(run)))
    return together(findings)


def _phase(run: Relaxed) -> Finding:
    every = [int(wait) for wait in run.record.data["waiting_time"].values if wait > 0]
    waits = [wait for wait in every if wait >= _SETTLED]
    enough = len(waits) >= _LEAST_WAITS and waits[-1] >= _SPAN * waits[0]
    strength, null, said = _strength(run, waits if enough else every)
    resolved, flat = run.slowdown(0.9), run.flat
    hot, cold = max(resolved, default=np.nan), min(resolved, default=np.nan) if flat else run.coldest
    if not enough or not hot > cold:
        text = f"{len(waits)} waiting times from {_SETTLED} on, resolved from T = {cold:g} to {hot:g}; {said}"
        early = Null(null.name, null.value)
        return Finding("undecided", text, (run.basis,), strength, run.decides("paper"), early)
    q = overlap(run.record, chi=run.chi).sel(waiting_time=waits)
    found = {one: ageing_exponent(run.at(q, one), resolution=_RESOLUTION) for one in (hot, cold)}
    outcome = {one: str(row["outcome"].item()) for one, row in found.items()}
    text = ", ".join(f"T = {one:g} {outcome[one]}, mu {shown(measured_in(found[one], 'exponent'))}" for one in found)
    expected = DOES_NOT_AGE if flat else AGES
    checks = [_as(outcome[hot], DOES_NOT_AGE), _as(outcome[cold], expected)]
    fit = run.crossover
    if expected == AGES and not (fit.outcome == TWO_REGIMES and cold < fit.temperature.value):
        checks.append("undecided")
        text += "; T* is not seen"
    whole = Finding(all_seen(checks), f"{text}; {said}", (run.basis,), strength, run.decides("paper"))
    return whole if flat else replace(whole, null=null)


def _strength(run: Relaxed, waits: list[int]) -> tuple[Measured, Null, str]:
    """How much tau grows between two waiting times, over how much the null's does; the null; text."""
    first, last = waits[0], waits[-1]
    nulls = [one for wait in (first, last) if (one := run.null(waiting_time=wait)) is not None]
    if first == last or len(nulls) < 2:
        return UNKNOWN, Null(DRIFT), "no growth of tau_90 that has a null"
    own = [
        run.overlap(waiting_time=wait).sel(time=null["time"]) for wait, null in zip((first, last), nulls, strict=True)
    ]
    taus = [relaxation_time(one)["tau"] for one in (*own, *(null["overlap"] for null in nulls))]
    temperature, origin = run.record.data["temperature"].values, origins(taus[0])
    early, late, early_null, late_null = np.log([one.values for one in taus])
    growths = np.stack([late - early, late_null - early_null, late - early], axis=1)
    # Condensed runs keep no histograms of other waiting times than the one shown: there it is drift alone, at T = 0.
    at_rest = {int(origin[r]): growths[r, 0] for r in np.flatnonzero(temperature == 0)}
    drift = np.array([at_rest.get(int(one), np.nan) for one in origin])
    growths[:, 1] = np.where(np.isnan(growths[:, 1]), drift, growths[:, 1])
    growths[:, 2] -= growths[:, 1]
    kept = np.isfinite(growths).all(axis=1) & (early >= np.log(SHORTEST)) & (temperature > 0)
    if not kept.any():
        return UNKNOWN, Null(DRIFT), "no growth of tau_90 that has a null"
    cold = temperature[kept].min()
    here = kept & (temperature == cold)
    growth, null, strength = (one.exp() for one in measured(estimate(growths[here], origin[here])))
    text = f"from t_w = {first} to {last} tau_90 at T = {cold:g}, l2 = {run.l2:g}, grows by {shown(growth)}, "
    text += f"{shown(strength)} of the null's {null.value:.3g}"
    return strength, Null(DRIFT, null.value, alike([strength]), run.power({cold: strength})), text


def _as(outcome: str, expected: str) -> Seen:
    if outcome == expected:
        return "yes"
    return "no" if outcome in (AGES, DOES_NOT_AGE) else "undecided"
