"""The shape of the overlap: claims C6, C7, C8, C10 (Figs. 2b, 4a, A4, A6)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import xarray as xr

from glassnet.analysis import caging, collapse, crossover, master_exponent, relaxation_time
from glassnet.analysis.crossover import TWO_REGIMES
from glassnet.analysis.master_curve import EXCLUDES_FREE, LIKE_FREE, NO_TAU
from glassnet.analysis.measured import Measured
from glassnet.analysis.plateau import CAGED, LOCALISED, NO_PLATEAU
from glassnet.analysis.superposition import COLLAPSES, DOES_NOT_COLLAPSE, IS_MASTER, LEFT_ABOVE, LEFT_BELOW
from glassnet.paper.claims.claim import (
    NO_NULL,
    UNKNOWN,
    Finding,
    Null,
    Reading,
    Seen,
    all_seen,
    inside,
    listed,
    shown,
    together,
)
from glassnet.paper.claims.evidence import Evidence, missing
from glassnet.paper.claims.relaxation_times import slope_agrees
from glassnet.paper.claims.relaxed import DRIFT, E_FOLD, LONG, SHORTEST, WHEN_ALIKE, ZERO_LOSS, Relaxed, noise_from
from glassnet.paper.numbers import COLLAPSE_EXPONENT, HOT_SLOPE, PHASES

_AS_FREE: Final = 0.15
_FASTER: Final = 1.5
_LEVEL_STEP: Final = 0.1
_LEAST_ABOVE: Final = 3
_SPREAD: Final = 0.1
_OFF: Final = 0.03
_WIDEST: Final = 0.1
_LEAST_RANGE: Final = 100.0
_KNOWN: Final = 10.0
_LEAST_LEFT: Final = 3
_SIDES: Final = {LEFT_ABOVE: 1, LEFT_BELOW: -1}

BROWNIAN: Final = (
    f"tau_90 and tau_e over those of free diffusion, regularised phase. Seen if both lie within {_AS_FREE:g} of 1 at "
    f"the hottest temperature at which tau_90 is {SHORTEST:g} steps or more, and tau_90 at the coldest above 0, below "
    f"T*, is faster than free by a factor {_FASTER:g} or more, with intervals. Not seen if either interval lies wholly "
    f"elsewhere. {WHEN_ALIKE.format('tau_90 at every T > 0')}; its number is its tau_90 over that of free diffusion "
    "when hot."
)

ONE_STEP: Final = (
    f"Seen if no temperature of any phase decays in two steps, meaning that -d log Q/d log t after tau_90 falls below "
    f"{_LEVEL_STEP:g} and rises above it again: its interval is above that throughout at two temperatures or more, and "
    "at none is a plateau seen; and tau_e(T) of the regularised phase has two regimes as tau_90(T) has, "
    f"{_LEAST_ABOVE} temperatures above T* and a slope that agrees with {HOT_SLOPE:g} (C3). Not seen if a temperature "
    "does decay in two steps or the slope of tau_e disagrees. A plateau to the end may be a step that a longer run "
    f"would see the end of. {WHEN_ALIKE.format('tau_90 and, regularised, tau_e at every T > 0')}; its number is the "
    "slope of its own tau_e(T)."
)

MASTER: Final = (
    f"Seen if Q(t/tau_90) of the temperatures above T* collapses within {_SPREAD:g} of log Q over t/tau_90 = 0.1 to 10 "
    "(colder ones relax faster, which C6 is about), and the slope of log Q on the hottest curve beyond tau_e is "
    f"{COLLAPSE_EXPONENT:g} within {_OFF:g}; not seen if either fails, with intervals. The nulls are free diffusion "
    "and the bowl of l2 at the run's own t_w in the same window: the reading is explained where the interval holds "
    f"either one's own slope, and stands otherwise. Slopes known to less than {_WIDEST / 2:g} or over less than a "
    f"factor {_LEAST_RANGE:g} decide nothing."
)

DEPARTURE: Final = (
    "At the largest chi, with t/tau_e: seen if underparameterised curves leave the master curve some above and some "
    "below, not in the order of temperature, and of two overparameterised curves or more, seen for a factor "
    f"{_KNOWN:g} beyond tau_e and known there to 0.15 of log Q, none leaves it. Not seen if in a run of {LONG:g} steps "
    f"or more {_LEAST_LEFT} or more underparameterised ones leave and all to one side, or an overparameterised one "
    f"leaves though all replicas had a data loss of at most {ZERO_LOSS:g}. The number is how many leave. The null is "
    f"{DRIFT}: explained if wherever ours leave its own curves do, to the same side, stands if not; untested where "
    "none leaves, or without replicas at T = 0."
)


def brownian(evidence: Evidence) -> Finding:
    """Claim C6: free diffusion when hot, faster when cold."""
    run = evidence.relaxed("regularised")
    if run is None:
        return missing("regularised")
    short, long = run.slowdown(0.9), run.slowdown(E_FOLD)
    star = run.crossover.temperature.value if run.crossover.outcome == TWO_REGIMES else np.nan
    if not short:
        return Finding("undecided", "no temperature with a resolved tau_90", (run.basis,), decides=run.decides())
    hot, cold = max(short), min(short)
    text = f"tau_90 at T = {hot:g} is {shown(short[hot])} of free diffusion's"
    text += f", tau_e {shown(long[hot])}" if hot in long else ", tau_e not reached"
    coldest = cold < star
    text += f"; at T = {cold:g} below T* = {star:.2g} {shown(short[cold])}" if coldest else "; none below T*"
    close = [inside(one, 1.0 - _AS_FREE, 1.0 + _AS_FREE) for one in (short[hot], long.get(hot, UNKNOWN))]
    if (coldest and short[cold].low > 1 / _FASTER) or (hot > star and close[0] == "no"):
        seen: Seen = "no"
    else:
        seen = all_seen(["yes" if one == "yes" else "undecided" for one in close])
        seen = seen if coldest and short[cold].high < 1 / _FASTER else "undecided"
    ratios = run.over_null()
    theirs = [short[one].value / ratios[one].value if one in ratios else np.nan for one in (hot, cold)]
    null = run.of_drift(theirs[0], ratios)
    null = replace(null, found=f"{theirs[1]:.3g} of free diffusion's at T = {cold:g}; {null.found}")
    return Finding(seen, text, (run.basis,), short[hot], run.decides(), null)


def one_step(evidence: Evidence) -> Finding:
    """Claim C7: no two-step relaxation, and tau_e as tau_90."""
    findings: list[tuple[str, Finding]] = []
    for phase in PHASES:
        run = evidence.relaxed(phase)
        findings.append((phase, missing(phase) if run is None else _steps(run)))
    run = evidence.relaxed("regularised")
    if run is None:
        return together(findings)
    fit = crossover(run.tau(E_FOLD), shape="either")
    text = f"tau_e has {fit.outcome}, tau_90 {run.crossover.outcome}, slope {shown(fit.slope)}"
    hot = [one for one in fit.used if one > fit.temperature.value]
    both = fit.outcome == TWO_REGIMES and run.crossover.outcome == TWO_REGIMES and len(hot) >= _LEAST_ABOVE
    null = run.null()
    value = np.nan if null is None else crossover(relaxation_time(null["overlap"], E_FOLD), shape="either").slope.value
    theirs = run.of_drift(value, run.over_null(E_FOLD), E_FOLD)
    seen = slope_agrees(fit.slope) if both else "undecided"
    return together([("tau_e", Finding(seen, text, (run.basis,), fit.slope, run.decides(), theirs)), *findings])


def _steps(run: Relaxed) -> Finding:
    """Whether any temperature decays in two steps."""
    tau = run.tau()
    found: dict[str, list[float]] = {}
    for temperature in run.temperatures:
        own = tau["tau_of_mean"].sel(temperature=temperature) if "temperature" in tau.dims else tau["tau_of_mean"]
        if not float(own) >= 1.0:
            continue
        q = run.at(run.overlap(), temperature)
        outcome = caging(1.0 / q.where(q > 0), limit=_LEVEL_STEP, shortest=float(own))["outcome"].item()
        found.setdefault(outcome, []).append(float(temperature))
    two, none, level = (found.get(one, []) for one in (CAGED, NO_PLATEAU, LOCALISED))
    text = f"two steps at T = {listed(two)}, none at {listed(none)}, level to the end at {listed(level)}"
    seen: Seen = "no" if two else "yes" if len(none) > 1 and not level else "undecided"
    return Finding(
        seen,
        text,
        (run.basis,),
        decides=run.decides(),
        null=NO_NULL if run.flat else run.of_drift(np.nan, run.over_null()),
    )


def master_curve(evidence: Evidence) -> Finding:
    """Claim C8: the collapse and its exponent, beside free diffusion and the bowl."""
    run = evidence.relaxed("regularised")
    if run is None:
        return missing("regularised")
    q = run.overlap()
    hot = q.isel(replica=np.flatnonzero(q["temperature"].values > noise_from(run.crossover)))
    if not hot.sizes["replica"]:
        return Finding("undecided", "no temperature known to be above T*", (run.basis,), decides=run.decides())
    merged = collapse(hot, threshold=0.9)
    master = master_exponent(q)
    exponent = master.exponent
    text = f"{merged['verdict'].item()} (spread {float(merged['overall']):.2g}), exponent {shown(exponent)}"
    text += (
        f" over t/tau_e = {master.low:.2g} to {master.high:.3g} at T = {master.temperature:g}, free {master.free:.3g}"
    )
    name = "free diffusion, in the bowl of l2 or without one"
    found = Finding("undecided", text, (run.basis,), exponent, run.decides(), Null(name, master.free))
    wide = master.high >= _LEAST_RANGE * master.low and exponent.high - exponent.low <= _WIDEST
    if master.outcome not in (EXCLUDES_FREE, LIKE_FREE) or not wide:
        return found
    bowl = _bowl_exponent(run, master.temperature, (master.low, master.high))
    seen = inside(exponent, COLLAPSE_EXPONENT - _OFF, COLLAPSE_EXPONENT + _OFF)
    sides: dict[str, Seen] = {DOES_NOT_COLLAPSE: "no", COLLAPSES: "yes"}
    collapsed = sides.get(merged["verdict"].item(), "undecided")
    free = master.outcome == LIKE_FREE
    given = free or not exponent.excludes(bowl)
    null = Null(name, master.free if free else bowl, "explained" if given else "stands", f"bowl {bowl:.3g}")
    return replace(found, seen=all_seen([seen, collapsed]), null=null)


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


def _leaving(run: Relaxed) -> tuple[xr.Dataset, str, Null]:
    """Temperatures compared with the master curve, and their outcomes as text; the null's."""
    chi = float(run.record.data["chi"].values.max())
    found = collapse(run.overlap(chi))
    found = found.isel(temperature=np.flatnonzero(found["outcome"].values != NO_TAU))
    pairs = zip(found["temperature"].values, found["outcome"].values.tolist(), strict=True)
    left = ", ".join(f"{temperature:g} {outcome}" for temperature, outcome in pairs) or "none has a tau_e"
    text = f"chi = {chi:g}: T = {left}"
    if (null := run.null(chi)) is None or not found.sizes["temperature"]:
        return found, text, Null(DRIFT)
    own, theirs = (_sides(collapse(one)) for one in (run.overlap(chi).sel(time=null["time"]), null["overlap"]))
    leaving = {one: side for one, side in own.items() if side}
    given = all(theirs.get(one) == side for one, side in leaving.items())
    reading: Reading = "untested" if not leaving else "explained" if given else "stands"
    away = [one for one, side in theirs.items() if side]
    said = f"T = {listed(away)} leave its master curve, of ours at the same times {listed(leaving)}"
    return found, text, Null(DRIFT, float(len(away)), reading, said)


def _sides(found: xr.Dataset) -> dict[float, int]:
    """To which side each temperature leaves the master curve, 0 if it does not."""
    pairs = zip(found["temperature"].values.tolist(), found["outcome"].values.tolist(), strict=True)
    return {one: _SIDES.get(outcome, 0) for one, outcome in pairs if outcome != NO_TAU}


def _irregular(run: Relaxed) -> Finding:
    found, text, null = _leaving(run)
    sides = np.array(list(_sides(found).values()))
    turns = np.diff(sides)
    in_order = bool((turns >= 0).all() or (turns <= 0).all())
    above, below = int((sides > 0).sum()), int((sides < 0).sum())
    seen: Seen = "undecided"
    if above and below and not in_order:
        seen = "yes"
    elif above + below >= _LEAST_LEFT and not (above and below) and run.long:
        seen = "no"
    number = Measured(float(above + below), np.nan, np.nan, run.basis.n_replicas)
    return Finding(seen, text, (run.basis,), number, run.decides("laptop" if run.long else "workstation"), null)


def _never(run: Relaxed) -> Finding:
    found, text, _ = _leaving(run)
    left = np.isin(found["outcome"].values, (LEFT_ABOVE, LEFT_BELOW))
    far = int(np.count_nonzero((found["known_to"] >= _KNOWN) & (found["outcome"] != IS_MASTER)))
    text += f"; {far} known to 0.15 a decade beyond tau_e"
    seen: Seen = "undecided"
    if left.any():
        seen = "no" if run.loss_left <= ZERO_LOSS else "undecided"
        text += f"; data loss up to {run.loss_left:.2g} when cold"
    elif far >= 2:
        seen = "yes"
    return Finding(seen, text, (run.basis,), decides=run.decides())
