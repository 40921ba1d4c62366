"""Weights that move unequally: claims C14, C15, C21 (Fig. 7, A8, Section III E)."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import xarray as xr

from glassnet.analysis import bimodality, stokes_einstein
from glassnet.analysis.bimodality import BIMODAL
from glassnet.analysis.groups import origins
from glassnet.analysis.intervals import Floats, estimate
from glassnet.analysis.measured import Mask, Measured, measured, unknown
from glassnet.analysis.stokes_einstein import BROKEN, HOLDS
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
from glassnet.paper.claims.commands import after_long_quench
from glassnet.paper.claims.evidence import Evidence, in_phases, missing
from glassnet.paper.claims.relaxed import E_FOLD, SHORTEST, Relaxed
from glassnet.paper.numbers import COLDEST, PHASES, QUENCH

NON_GAUSSIAN: Final = (
    "In all three phases alpha_2 of all weights is within 0.1 of 0 at t = 10 and above 0.1 at the end at the hottest"
    " temperature whose tau_90 is 3 steps or more, and above 0.1 at all times at the coldest above 0, which must be "
    "1e-5 or less, with intervals. The nulls are layers that move unequally far and dead neurons: explained "
    "otherwise where the mean over single layers of live weights does not stay above 0.1 (hottest: last snapshot; "
    "coldest: first). Not reproduced where one of the three is on the other side of 0.1 in a run that goes as far as"
    " the paper's in time and temperature: to 1e5 steps, and to T = 1e-8 (1e-6 underparameterised)."
)

MOBILITY: Final = (
    "In all three phases, at the coldest temperature above 0, which must be 1e-5 or less, and the last snapshot: if "
    "the dip test finds log |dw| of all weights not bimodal (p above 0.05, twice the median over replicas), not "
    "reproduced in a run that goes as far as the paper's (1e5 steps, T = 1e-8 or, underparameterised, 1e-6). "
    "Explained otherwise if it does but the live weights of no single layer are bimodal (p below 0.05 over the "
    "number of layers): layers that move unequally far and dead neurons make two peaks too. Else reproduced."
)

PRODUCT: Final = (
    "D tau over that of free diffusion, for tau_90 and tau_e in all three phases, where weights diffuse: D is that of "
    "the last factor 3 of t before T = 0 has a tenth of the mean square displacement, since that is drift and no "
    "diffusion, and before 0.05/(mu l2), when the bowl of l2 begins to hold them. Left out are ratios that are not "
    "known to a factor 1.5, and temperatures that do not relax by then. Free diffusion has 1 at every temperature, "
    "so that a constant 1 is explained otherwise. A phase in which no temperature is left decides nothing. Reproduced "
    "if it holds somewhere, is broken somewhere, and wherever it is broken alpha_2 of single layers at tau is above "
    "0, and of their live weights above 0.1 at the last snapshot. Not reproduced if it is broken where the former is "
    "0 within 0.1; explained otherwise if the latter is below 0.1 at each of them."
)

_DEPARTS: Final = 0.1
_KNOWN: Final = 1.5
_LOW_TEMPERATURE: Final = 1e-5
_FAR: Final = {"regularised": "workstation", "underparameterised": "workstation", "overparameterised": "laptop"}
"""The first scale that goes as far as the paper in time and temperature."""

_LEAST_WEIGHTS: Final = 30


def non_gaussian(evidence: Evidence) -> Finding:
    """Claim C14: when alpha_2 leaves 0."""
    return together(in_phases(evidence, _alpha, _FAR))


def _alpha(run: Relaxed) -> Finding:
    hot, cold = max(run.slowdown(0.9), default=np.nan), run.coldest
    snapshots = _snapshots(run)
    if not (hot > cold and cold <= _LOW_TEMPERATURE and snapshots):
        text = f"coldest T = {cold:g}, hottest resolved {hot:g}, {len(snapshots)} snapshots"
        return Finding(NOT_DECIDED, text, (run.basis,), decides=run.decides(_FAR[run.phase]))
    alpha = run.alpha()
    early, late = run.mean(alpha, hot, 10.0), run.mean(alpha, hot, float(alpha["time"][-1]))
    of_cold = [run.mean(alpha, cold, float(time)) for time in alpha["time"].values]
    least = min(of_cold, key=lambda one: one.value if np.isfinite(one.value) else np.inf)
    text = f"T = {hot:g}: {shown(early)} at t = 10, {shown(late)} at the end; T = {cold:g}: {shown(least)} or more"
    close: Verdict = REPRODUCED if early.within(-_DEPARTS, _DEPARTS) else NOT_DECIDED
    verdict = worst(
        [
            NOT_REPRODUCED if early.low > _DEPARTS else close,
            _above(late) if run.long or late.low > _DEPARTS else NOT_DECIDED,
            _above(least) if _as_far_as_the_paper(run) or least.low > _DEPARTS else NOT_DECIDED,
        ]
    )
    if verdict == REPRODUCED:
        apart = [_apart(run, hot, snapshots[-1]), _apart(run, cold, snapshots[0])]
        text += f"; live weights, layers apart {shown(apart[0])} and {shown(apart[1])}"
        known = [_above(one) for one in apart]
        verdict = EXPLAINED if NOT_REPRODUCED in known else NOT_DECIDED if NOT_DECIDED in known else REPRODUCED
    return Finding(verdict, text, (run.basis,), late, run.decides(_FAR[run.phase]))


def _as_far_as_the_paper(run: Relaxed) -> bool:
    """Whether what is not seen in the cold would have been."""
    return run.long and run.coldest <= COLDEST[run.phase]


def _above(alpha: Measured) -> Verdict:
    """Whether alpha_2 has left 0."""
    if alpha.low > _DEPARTS:
        return REPRODUCED
    return NOT_REPRODUCED if alpha.high < _DEPARTS else NOT_DECIDED


def _snapshots(run: Relaxed) -> list[int]:
    """Times at which displacements of the shown waiting time were kept."""
    kept = run.record.data["displacement"].sel(waiting_time=run.waiting_time)
    seen = np.isfinite(kept.isel(weight=0).transpose("replica", ...).values).any(axis=0)
    return [int(time) for time in kept["snapshot_time"].values[seen]]


def _apart(run: Relaxed, temperature: float, time: int) -> Measured:
    """alpha_2 of live weights, taken in each layer by itself and averaged over layers by their number."""
    moved = run.at(run.record.data["displacement"].sel(waiting_time=run.waiting_time, snapshot_time=time), temperature)
    live = run.live[run.record.data["temperature"].values == temperature]
    values = np.array([_of_layers(run, *one) for one in zip(np.asarray(moved.values, np.float64), live, strict=True)])
    known = np.isfinite(values)
    if not known.any():
        return Measured(np.nan, np.nan, np.nan, 0)
    return measured(estimate(values[known], origins(moved)[known]))[0]


def _of_layers(run: Relaxed, moved: Floats, live: Mask) -> float:
    found, counts = [], []
    for where in run.landscape.network.layer_slices:
        one = moved[where][live[where]]
        if len(one) >= _LEAST_WEIGHTS and (second := np.mean(one**2)) > 0:
            found.append(float(np.mean((one / np.sqrt(second)) ** 4)) / 3.0 - 1.0)
            counts.append(len(one))
    return float(np.average(found, weights=counts)) if found else np.nan


def mobility(evidence: Evidence) -> Finding:
    """Claim C15: two peaks of mobility."""
    return together(in_phases(evidence, _peaks, _FAR))


def _peaks(run: Relaxed) -> Finding:
    if importlib.util.find_spec("diptest") is None:
        return Finding(NOT_DECIDED, "no dip test here", (run.basis,), decides='pip install "glassnet[bimodality]"')
    snapshots, cold = _snapshots(run), run.coldest
    if not cold <= _LOW_TEMPERATURE or not snapshots:
        return Finding(
            NOT_DECIDED, f"coldest T = {cold:g}, or no snapshot", (run.basis,), decides=run.decides(_FAR[run.phase])
        )
    here = run.record.data["temperature"].values == cold
    at = {"waiting_time": run.waiting_time, "time": snapshots[-1]}
    pooled, apart = (
        bimodality(run.record[here], **at, weights=weights).squeeze(drop=True) for weights in (None, run.live[here])
    )
    everything = pooled.sel(layer=-1)
    p = Measured(float(everything["p_value"]), np.nan, np.nan, run.basis.n_replicas)
    text = f"T = {cold:g}, t = {snapshots[-1]}: p = {p.value:.2g} of all weights"
    n = int(everything["n_used"])
    text += f", {round(n * float(np.nan_to_num(everything['share_bimodal'])))} of {n} networks below 0.05 by themselves"
    if not np.isfinite(p.value):
        return Finding(NOT_DECIDED, f"{text}: too few", (run.basis,), p, run.decides())
    if everything["outcome"].item() != BIMODAL:
        verdict: Verdict = NOT_REPRODUCED if _as_far_as_the_paper(run) else NOT_DECIDED
        return Finding(verdict, text, (run.basis,), p, run.decides(_FAR[run.phase]))
    single = apart.isel(layer=slice(1, None))["p_value"].values
    known = single[np.isfinite(single)]
    text += f", least {known.min(initial=np.inf):.2g} of the live weights of {len(known)} layers"
    if not len(known):
        return Finding(NOT_DECIDED, text, (run.basis,), p, run.decides())
    bimodal = known.min() < 0.05 / len(known)
    return Finding(REPRODUCED if bimodal else EXPLAINED, text, (run.basis,), p)


def product(evidence: Evidence) -> Finding:
    """Claim C21: Stokes-Einstein."""
    rows: list[_Ratio] = []
    findings = []
    for phase in PHASES:
        run = evidence.relaxed(phase)
        own = [] if run is None else [row for threshold in (0.9, E_FOLD) for row in _ratios(run, threshold)]
        rows += own
        text = ", ".join(f"{row.temperature:g} {row.outcome} {row.ratio.value:.3g}" for row in own) or "none"
        found = missing(phase) if run is None else Finding(REPRODUCED, f"D tau at T = {text}", (run.basis,))
        if run is not None and not own:
            found = replace(found, verdict=NOT_DECIDED, decides=_without_drift(run))
        findings.append((phase, found))
    number = min(rows, key=lambda row: row.temperature).ratio if rows else unknown()
    whole = together(findings, number)
    holds, broken = ([row for row in rows if row.outcome == outcome] for outcome in (HOLDS, BROKEN))
    if any(row.alpha.within(-_DEPARTS, _DEPARTS) for row in broken):
        return replace(whole, verdict=NOT_REPRODUCED)
    if whole.verdict == NOT_DECIDED:
        return whole
    if holds and broken and all(row.alpha.low > 0.0 and row.apart.low > _DEPARTS for row in broken):
        return whole
    if holds and broken and all(row.apart.high < _DEPARTS for row in broken):
        return replace(whole, verdict=EXPLAINED, found=f"{whole.found}; live weights alone have no alpha_2 there")
    if len(holds) > 2 and not broken:
        return replace(whole, verdict=EXPLAINED, found=f"{whole.found}; free diffusion gives the same")
    runs = [run for run in map(evidence.relaxed, PHASES) if run is not None]
    return replace(whole, verdict=NOT_DECIDED, decides=" && ".join(run.decides() for run in runs))


def _without_drift(run: Relaxed) -> str:
    """The command of a run in which colder weights diffuse, since SGD has left smaller gradients.

    Overparameterised, SGD goes on to zero loss at any scale but the first.
    """
    if run.phase == "overparameterised" or run.quench_steps >= QUENCH:
        return run.decides()
    return after_long_quench(f"relaxation --phase {run.phase}", "--epochs ")


@dataclass(frozen=True)
class _Ratio:
    """D tau over free diffusion's at a temperature; alpha_2 of single layers at tau, and of their live weights."""

    temperature: float
    ratio: Measured
    outcome: str
    alpha: Measured
    apart: Measured


def _ratios(run: Relaxed, threshold: float) -> list[_Ratio]:
    """The temperatures at which it holds or is broken."""
    layers = xr.concat([run.alpha([k]) for k in range(run.record.data.sizes["layer"])], "layer")
    q, msd = run.overlap(), run.msd()
    alpha = layers.weighted(run.record.data["n_layer_weights"]).mean("layer").assign_coords(msd.coords)
    alpha = alpha.where(msd != 0, 0.0)  # what does not move is no reason to leave others out; NaN is lost
    snapshots = _snapshots(run)
    rows = []
    for temperature in run.temperatures[run.temperatures > 0].tolist():
        until = run.diffuses_until(temperature)
        if until < SHORTEST:
            continue
        early = (run.at(one, temperature).sel(time=slice(None, until)) for one in (msd, q, alpha))
        row = stokes_einstein(*early, threshold=threshold, shortest=SHORTEST).sel(temperature=temperature)
        outcome = str(row["outcome"].item())
        ratio = measured_in(row, "ratio")
        if outcome in (HOLDS, BROKEN) and ratio.high <= _KNOWN * ratio.low:
            apart = _apart(run, temperature, snapshots[-1]) if snapshots else unknown()
            rows.append(_Ratio(temperature, ratio, outcome, measured_in(row, "alpha"), apart))
    return rows
