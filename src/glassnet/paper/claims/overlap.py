"""The shape of the overlap: claims C6, C7, C8, C10 (Figs. 2b, 4a, A4, A6)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import xarray as xr

from glassnet.analysis import caging, collapse, crossover, master_exponent
from glassnet.analysis.crossover import TWO_REGIMES
from glassnet.analysis.master_curve import EXCLUDES_FREE, LIKE_FREE, NO_TAU
from glassnet.analysis.measured import Measured
from glassnet.analysis.plateau import CAGED, LOCALISED, NO_PLATEAU
from glassnet.analysis.superposition import (
    COLLAPSES,
    DOES_NOT_COLLAPSE,
    IS_MASTER,
    LEFT_ABOVE,
    LEFT_BELOW,
)
from glassnet.paper.claims.claim import (
    EXPLAINED,
    NOT_DECIDED,
    NOT_REPRODUCED,
    REPRODUCED,
    Finding,
    Verdict,
    listed,
    shown,
    together,
)
from glassnet.paper.claims.evidence import Evidence, in_phases, missing
from glassnet.paper.claims.relaxation_times import slope_verdict
from glassnet.paper.claims.relaxed import E_FOLD, ZERO_LOSS, Relaxed, noise_from
from glassnet.paper.numbers import COLLAPSE_EXPONENT

BROWNIAN: Final = (
    "tau_90 and tau_e over those of free diffusion, regularised phase. Reproduced if both lie within 0.85 to 1.15 at "
    "the hottest temperature at which tau_90 is 3 steps or more, and tau_90 at the coldest above 0, below T*, is "
    "faster than free by a factor 1.5 or more, with intervals. Not reproduced if either interval lies wholly elsewhere."
)

ONE_STEP: Final = (
    "No temperature of any phase decays in two steps, meaning that -d log Q/d log t after tau_90 falls below 0.1 and "
    "rises above it again: its interval is above 0.1 throughout at two temperatures or more, and at none is a plateau "
    "seen. And tau_e(T) of the regularised phase has two regimes as tau_90(T) has, three temperatures above T* and a "
    "slope that agrees with -1. Not reproduced if a temperature does decay in two steps or the slope of tau_e "
    "disagrees. A plateau to the end may be a step that a longer run would see the end of."
)

MASTER: Final = (
    "Q(t/tau_90) of the temperatures above T* collapses within 0.1 of log Q over t/tau_90 = 0.1 to 10 (colder ones "
    "relax faster, which C6 is about), and the slope of log Q on the hottest curve beyond tau_e is -0.48 within 0.03; "
    "not reproduced if either fails, with intervals. The nulls are free diffusion and the bowl of l2 at the run's own "
    "t_w in the same window: where the interval holds either one's own slope, that explains it. Slopes known to less "
    "than 0.05 or over less than two decades decide nothing."
)

DEPARTURE: Final = (
    "At the largest chi, with t/tau_e: reproduced if underparameterised curves leave the master curve some above and "
    "some below, not in the order of temperature, and of two overparameterised curves or more, seen for a decade "
    "beyond tau_e and known there to 0.15 of log Q, none leaves it. Not reproduced if in 1e5 steps or more three or "
    "more underparameterised ones leave and all to one side, or an overparameterised one leaves though all replicas "
    "had zero loss."
)

_LEAST_RANGE: Final = 100.0
_SIDES: Final = {LEFT_ABOVE: 1, LEFT_BELOW: -1}


def brownian(evidence: Evidence) -> Finding:
    """Claim C6: free diffusion when hot, faster when cold."""
    run = evidence.relaxed("regularised")
    if run is None:
        return missing("regularised")
    short, long = run.slowdown(0.9), run.slowdown(E_FOLD)
    star = run.crossover.temperature.value if run.crossover.outcome == TWO_REGIMES else np.nan
    if not short:
        return Finding(NOT_DECIDED, "no temperature with a resolved tau_90", (run.basis,), decides=run.decides())
    hot, cold = max(short), min(short)
    text = f"tau_90 at T = {hot:g} is {shown(short[hot])} of free diffusion's"
    text += f", tau_e {shown(long[hot])}" if hot in long else ", tau_e not reached"
    verdict: Verdict = NOT_DECIDED
    as_free = [one.within(0.85, 1.15) for one in (short[hot], long.get(hot, Measured(np.nan, np.nan, np.nan, 0)))]
    if cold < star:
        text += f"; at T = {cold:g} below T* = {star:.2g} {shown(short[cold])}"
    else:
        text += "; none below T*"
    if all(as_free) and cold < star and short[cold].high < 1 / 1.5:
        verdict = REPRODUCED
    elif (hot > star and (short[hot].low > 1.15 or short[hot].high < 0.85)) or (
        cold < star and short[cold].low > 1 / 1.5
    ):
        verdict = NOT_REPRODUCED
    return Finding(verdict, text, (run.basis,), short[hot], run.decides())


def one_step(evidence: Evidence) -> Finding:
    """Claim C7: no two-step relaxation, and tau_e as tau_90."""
    findings = in_phases(evidence, _steps)
    run = evidence.relaxed("regularised")
    if run is None:
        return together(findings)
    fit = crossover(run.tau(E_FOLD), shape="either")
    text = f"tau_e has {fit.outcome}, tau_90 {run.crossover.outcome}, slope {shown(fit.slope)}"
    verdict: Verdict = NOT_DECIDED
    hot = [one for one in fit.used if one > fit.temperature.value]
    if fit.outcome == TWO_REGIMES and run.crossover.outcome == TWO_REGIMES and len(hot) > 2:
        verdict = slope_verdict(fit.slope)
    slope = Finding(verdict, text, (run.basis,), fit.slope, run.decides())
    return together([("tau_e", slope), *findings])


def _steps(run: Relaxed) -> Finding:
    """Whether any temperature decays in two steps."""
    tau = run.tau()
    found: dict[str, list[float]] = {}
    for temperature in run.temperatures:
        own = tau["tau_of_mean"].sel(temperature=temperature) if "temperature" in tau.dims else tau["tau_of_mean"]
        if not float(own) >= 1.0:
            continue
        q = run.at(run.overlap(), temperature)
        outcome = caging(1.0 / q.where(q > 0), limit=0.1, shortest=float(own))["outcome"].item()
        found.setdefault(outcome, []).append(float(temperature))
    two, none, level = (found.get(one, []) for one in (CAGED, NO_PLATEAU, LOCALISED))
    text = f"two steps at T = {listed(two)}, none at {listed(none)}, level to the end at {listed(level)}"
    verdict: Verdict = NOT_REPRODUCED if two else REPRODUCED if len(none) > 1 and not level else NOT_DECIDED
    return Finding(verdict, text, (run.basis,), decides=run.decides())


def master_curve(evidence: Evidence) -> Finding:
    """Claim C8: the collapse and its exponent, beside free diffusion and the bowl."""
    run = evidence.relaxed("regularised")
    if run is None:
        return missing("regularised")
    q = run.overlap()
    hot = q.isel(replica=np.flatnonzero(q["temperature"].values > noise_from(run.crossover)))
    if not hot.sizes["replica"]:
        return Finding(NOT_DECIDED, "no temperature known to be above T*", (run.basis,), decides=run.decides())
    merged = collapse(hot, threshold=0.9)
    master = master_exponent(q)
    exponent = master.exponent
    text = f"{merged['verdict'].item()} (spread {float(merged['overall']):.2g}), exponent {shown(exponent)}"
    text += (
        f" over t/tau_e = {master.low:.2g} to {master.high:.3g} at T = {master.temperature:g}, free {master.free:.3g}"
    )
    unclear = Finding(NOT_DECIDED, f"{text}", (run.basis,), exponent, run.decides())
    wide = master.high >= _LEAST_RANGE * master.low and exponent.high - exponent.low <= 0.1
    if master.outcome not in (EXCLUDES_FREE, LIKE_FREE) or not wide:
        return unclear
    bowl = _bowl_exponent(run, master.temperature, (master.low, master.high))
    text += f", bowl {bowl:.3g}"
    least, most = COLLAPSE_EXPONENT - 0.03, COLLAPSE_EXPONENT + 0.03
    if merged["verdict"].item() == DOES_NOT_COLLAPSE or exponent.low > most or exponent.high < least:
        return Finding(NOT_REPRODUCED, text, (run.basis,), exponent)
    if master.outcome == LIKE_FREE:
        return Finding(EXPLAINED, f"{text}: free diffusion alone gives it", (run.basis,), exponent)
    if not exponent.excludes(bowl):
        return Finding(EXPLAINED, f"{text}: free diffusion in the bowl of l2 gives it", (run.basis,), exponent)
    if merged["verdict"].item() == COLLAPSES and exponent.within(least, most):
        return Finding(REPRODUCED, text, (run.basis,), exponent)
    return replace(unclear, found=text)


def _bowl_exponent(run: Relaxed, temperature: float, between: tuple[float, float]) -> float:
    """The slope of the bowl's own overlap in the same window of t/tau_e."""
    q = run.at(run.bowl(), temperature)
    return master_exponent(q, between=between, temperature=temperature).exponent.value


def departures(evidence: Evidence) -> Finding:
    """Claim C10: how curves leave the master curve at l2 = 0."""
    under, over = evidence.relaxed("underparameterised"), evidence.relaxed("overparameterised")
    findings = [
        (
            "underparameterised",
            missing("underparameterised", scale="workstation") if under is None else _irregular(under),
        ),
        ("overparameterised", missing("overparameterised") if over is None else _never(over)),
    ]
    return together(findings)


def _leaving(run: Relaxed) -> tuple[xr.Dataset, str]:
    """Temperatures compared with the master curve, and their outcomes as text."""
    chi = float(run.record.data["chi"].values.max())
    found = collapse(run.overlap(chi))
    found = found.isel(temperature=np.flatnonzero(found["outcome"].values != NO_TAU))
    pairs = zip(found["temperature"].values, found["outcome"].values.tolist(), strict=True)
    left = ", ".join(f"{temperature:g} {outcome}" for temperature, outcome in pairs) or "none has a tau_e"
    return found, f"chi = {chi:g}: T = {left}"


def _irregular(run: Relaxed) -> Finding:
    found, text = _leaving(run)
    sides = np.array([_SIDES.get(one, 0) for one in found["outcome"].values.tolist()])
    turns = np.diff(sides)
    in_order = bool((turns >= 0).all() or (turns <= 0).all())
    above, below = int((sides > 0).sum()), int((sides < 0).sum())
    verdict: Verdict = NOT_DECIDED
    if above and below and not in_order:
        verdict = REPRODUCED
    elif above + below >= 3 and not (above and below) and run.long:
        verdict = NOT_REPRODUCED
    number = Measured(float(above + below), np.nan, np.nan, run.basis.n_replicas)
    return Finding(verdict, text, (run.basis,), number, run.decides("laptop" if run.long else "workstation"))


def _never(run: Relaxed) -> Finding:
    found, text = _leaving(run)
    left = np.isin(found["outcome"].values, (LEFT_ABOVE, LEFT_BELOW))
    far = int(np.count_nonzero((found["known_to"] >= 10.0) & (found["outcome"] != IS_MASTER)))
    text += f"; {far} known to 0.15 a decade beyond tau_e"
    verdict: Verdict = NOT_DECIDED
    if left.any():
        verdict = NOT_REPRODUCED if run.loss_left <= ZERO_LOSS else NOT_DECIDED
        text += f"; data loss up to {run.loss_left:.2g} when cold"
    elif far >= 2:
        verdict = REPRODUCED
    return Finding(verdict, text, (run.basis,), decides=run.decides())
