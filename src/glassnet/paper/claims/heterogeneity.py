"""Weights that move unequally: claims C14 and C15 (Fig. 7, A8)."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
import xarray as xr

from glassnet.analysis import bimodality
from glassnet.analysis.bimodality import dip_test
from glassnet.analysis.groups import origins
from glassnet.analysis.intervals import Floats, estimate
from glassnet.analysis.measured import Mask, Measured, measured
from glassnet.paper.claims.claim import UNKNOWN, Finding, Null, Reading, Seen, all_seen, shown, together
from glassnet.paper.claims.depth import BY_DEPTH, by_depth
from glassnet.paper.claims.evidence import Evidence, missing
from glassnet.paper.claims.relaxed import DRIFT, LONG, Relaxed
from glassnet.paper.numbers import COLDEST, MOBILITY_TIME, PHASES

_DEPARTS: Final = 0.1
_EARLY: Final = 10.0
_LOW_TEMPERATURE: Final = 1e-5
_FAR: Final = {"regularised": "workstation", "underparameterised": "workstation", "overparameterised": "laptop"}
"""The first scale that goes as far as the paper in time and temperature."""

_SIGNIFICANT: Final = 0.05
_LEAST_WEIGHTS: Final = 30
_AS_FAR: Final = (
    f"in a run that goes as far as the paper's in time and temperature ({LONG:g} steps, T = "
    f"{COLDEST['regularised']:g} or, underparameterised, {COLDEST['underparameterised']:g})"
)
_UNEQUAL: Final = "layers that move unequally far, and dead neurons"

NON_GAUSSIAN: Final = (
    f"Seen if in all three phases alpha_2 of all weights is within {_DEPARTS:g} of 0 at t = {_EARLY:g} and above it at "
    "the end at the hottest temperature whose tau_90 is 3 steps or more, and above it at all times at the coldest "
    f"above 0, which must be {_LOW_TEMPERATURE:g} or less, with intervals. Not seen where one of the three is on the "
    f"other side of {_DEPARTS:g} {_AS_FAR}. {BY_DEPTH}. The null is {DRIFT}; its number is its alpha_2 where ours is. "
    f"The reading is explained if both are the same within {_DEPARTS:g} (and {_DEPARTS:.0%}) at both temperatures and "
    f"all times, stands where an interval of the difference lies beyond, but is explained by {_UNEQUAL}, if the mean "
    f"over single layers of live weights does not stay above {_DEPARTS:g} (hottest: last snapshot; coldest: first)."
)

MOBILITY: Final = (
    f"In all three phases, at the coldest temperature above 0, which must be {_LOW_TEMPERATURE:g} or less, and the "
    f"snapshot at t = {MOBILITY_TIME:g}, or the last. The authors' test: |dw| of all networks together, counts of its "
    f"logarithm, the dip test on that. Seen if p is below {_SIGNIFICANT:g}; not seen if above {_AS_FAR}. Networks are "
    "tested one by one beside it (twice the median p), as are the live weights of single layers, pooled as before: "
    f"the null is {_UNEQUAL}, which make two peaks too. The reading is explained if no single layer is bimodal (p "
    f"below {_SIGNIFICANT:g} over the number of layers), stands if one is, and is untested where nothing is seen. "
    f"{BY_DEPTH}."
)


def non_gaussian(evidence: Evidence) -> Finding:
    """Claim C14: when alpha_2 leaves 0."""
    return _in_all_phases(evidence, _alpha)


def _in_all_phases(evidence: Evidence, judge: Callable[[Relaxed], Finding]) -> Finding:
    findings: list[tuple[str, Finding]] = []
    for phase in PHASES:
        run = evidence.relaxed(phase)
        if phase == "overparameterised":
            findings.append((phase, by_depth(evidence, judge, _FAR[phase])))
        else:
            findings.append((phase, missing(phase, scale=_FAR[phase]) if run is None else judge(run)))
    return together(findings)


def _alpha(run: Relaxed) -> Finding:
    hot, cold = max(run.slowdown(0.9), default=np.nan), run.coldest
    snapshots = _snapshots(run)
    if not (hot > cold and cold <= _LOW_TEMPERATURE and snapshots):
        text = f"coldest T = {cold:g}, hottest resolved {hot:g}, {len(snapshots)} snapshots"
        return Finding("undecided", text, (run.basis,), decides=run.decides(_FAR[run.phase]))
    alpha = run.alpha()
    early, late = run.mean(alpha, hot, _EARLY), run.mean(alpha, hot, float(alpha["time"][-1]))
    of_cold = [run.mean(alpha, cold, float(time)) for time in alpha["time"].values]
    least = min(of_cold, key=lambda one: one.value if np.isfinite(one.value) else np.inf)
    text = f"T = {hot:g}: {shown(early)} at t = 10, {shown(late)} at the end; T = {cold:g}: {shown(least)} or more"
    seen = all_seen(
        [
            "no" if early.low > _DEPARTS else "yes" if early.within(-_DEPARTS, _DEPARTS) else "undecided",
            _above(late) if run.long or late.low > _DEPARTS else "undecided",
            _above(least) if _as_far_as_the_paper(run) or least.low > _DEPARTS else "undecided",
        ]
    )
    null = _alpha_of_drift(run, alpha, hot, cold)
    if null.reading != "explained" and seen == "yes":
        apart = [_apart(run, hot, snapshots[-1]), _apart(run, cold, snapshots[0])]
        said = f"{null.found}; live weights, layers apart {shown(apart[0])} and {shown(apart[1])}".lstrip("; ")
        unequal = "no" in map(_above, apart)
        null = replace(
            null, name=_UNEQUAL if unequal else null.name, reading="explained" if unequal else null.reading, found=said
        )
    return Finding(seen, text, (run.basis,), late, run.decides(_FAR[run.phase]), null)


def _alpha_of_drift(run: Relaxed, alpha: xr.DataArray, *temperatures: float) -> Null:
    """Alpha_2 of drift and noise at all of their times; the number is that at the end of the first T."""
    if (null := run.null()) is None:
        return Null(DRIFT)
    theirs = null["non_gaussian"]
    value = run.mean(theirs, temperatures[0], float(theirs["time"][-1])).value
    off, most = [], []
    for temperature in temperatures:
        for time in theirs["time"].values[1:] if theirs["time"].values[0] == 0 else theirs["time"].values:
            own, other = (run.mean(one, temperature, float(time)) for one in (alpha - theirs, theirs))
            allowed = _DEPARTS * (1.0 + abs(other.value))
            off.append(own.low > allowed or own.high < -allowed)
            most.append(abs(own.value) / allowed)
    found = (
        f"alpha_2 {value:.3g} at the end at T = {temperatures[0]:g}, off by {np.nanmax(most):.2g} of what is allowed"
    )
    reading: Reading = "stands" if any(off) else "explained" if np.nanmax(most) <= 1.0 else "untested"
    return Null(DRIFT, value, reading, found)


def _as_far_as_the_paper(run: Relaxed) -> bool:
    """Whether what is not seen in the cold would have been."""
    return run.long and run.coldest <= COLDEST[run.phase]


def _above(alpha: Measured) -> Seen:
    """Whether alpha_2 has left 0."""
    return "yes" if alpha.low > _DEPARTS else "no" if alpha.high < _DEPARTS else "undecided"


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
        return UNKNOWN
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
    return _in_all_phases(evidence, _peaks)


def _peaks(run: Relaxed) -> Finding:
    if importlib.util.find_spec("diptest") is None:
        return Finding("undecided", "no dip test here", (run.basis,), decides='pip install "glassnet[bimodality]"')
    snapshots, cold = _snapshots(run), run.coldest
    if not cold <= _LOW_TEMPERATURE or not snapshots:
        text = f"coldest T = {cold:g}, or no snapshot"
        return Finding("undecided", text, (run.basis,), decides=run.decides(_FAR[run.phase]))
    time = MOBILITY_TIME if MOBILITY_TIME in snapshots else snapshots[-1]
    at = {"waiting_time": run.waiting_time, "time": time}
    moved = run.at(run.record.data["displacement"].sel(waiting_time=run.waiting_time, snapshot_time=time), cold)
    size = np.abs(np.asarray(moved.transpose("replica", "weight").values, dtype=np.float64))
    p = Measured(_pooled(size), np.nan, np.nan, run.basis.n_replicas)
    here = run.record.data["temperature"].values == cold
    alone = bimodality(run.record[here], **at, significance=_SIGNIFICANT).squeeze(drop=True).sel(layer=-1)
    n = int(alone["n_used"])
    single = round(n * float(np.nan_to_num(alone["share_bimodal"])))
    text = f"T = {cold:g}, t = {time}: p = {p.value:.2g} pooled; {float(alone['p_value']):.2g} network by network, "
    text += f"{single} of {n} below {_SIGNIFICANT:g} by themselves"
    decides = run.decides(_FAR[run.phase])
    if not p.value < _SIGNIFICANT:
        far = np.isfinite(p.value) and _as_far_as_the_paper(run)
        return Finding("no" if far else "undecided", text, (run.basis,), p, decides, Null(_UNEQUAL))
    live = run.live[here]
    layers = [_pooled(np.where(live, size, np.nan)[:, where]) for where in run.landscape.network.layer_slices]
    known = [one for one in layers if np.isfinite(one)]
    if not known:
        return Finding("yes", text, (run.basis,), p, decides, Null(_UNEQUAL))
    reading: Reading = "stands" if min(known) < _SIGNIFICANT / len(known) else "explained"
    found = f"least p {min(known):.2g} of the live weights of {len(known)} layers"
    return Finding("yes", text, (run.basis,), p, decides, Null(_UNEQUAL, min(known), reading, found))


def _pooled(size: Floats) -> float:
    """p of the dip test on log |dw| of all networks together; NaN and what did not move are left out."""
    return dip_test(np.sort(np.log10(size[size > 0])))[1]
