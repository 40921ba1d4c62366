"""The relaxation time against temperature: claims C3, C4, C5, C17, C20 (Fig. 3d-f, A1, A9, A10)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import xarray as xr

from glassnet.analysis import Crossover, crossover, jackknife
from glassnet.analysis.crossover import LANDSCAPE_ONLY, NO_PLATEAU, NOISE_ONLY, TWO_REGIMES, Shape
from glassnet.analysis.groups import origins
from glassnet.analysis.intervals import Floats
from glassnet.analysis.lines import fit_line
from glassnet.analysis.measured import Mask, Measured, measured
from glassnet.analysis.relaxation import first_crossing
from glassnet.paper.claims.claim import (
    NOT_DECIDED,
    NOT_REPRODUCED,
    REPRODUCED,
    Finding,
    Verdict,
    listed,
    shown,
)
from glassnet.paper.claims.commands import after_long_quench
from glassnet.paper.claims.evidence import Evidence, missing
from glassnet.paper.claims.relaxed import ZERO_LOSS, Relaxed
from glassnet.paper.numbers import QUENCH

SLOPE: Final = (
    "the slope of log tau_90 against log T, whose interval holds those of a sharp and of a rounded crossover, agrees "
    "with -1 if that interval holds -1 and is at most 0.4 wide, or lies "
    "within 0.05 of -1; it disagrees if all of its interval is more than 0.05 off"
)

TWO: Final = (
    "Reproduced if tau_90(T) has two regimes, a power law seen at three temperatures or more that bends to a flat cold "
    f"side by more than a factor 1.5, and {SLOPE}. Not reproduced if it has, and the slope disagrees. Seeing one "
    "regime decides nothing: the other may lie beyond the temperatures or times of the run."
)

ONE: Final = (
    "Reproduced if tau_90(T) is a single power law over two decades of T or more, a bend by a factor 1.5 being "
    "excluded and T = 0 not reached, and "
    f"{SLOPE} (here 0.2 wide at most). Not reproduced if it bends to a plateau, or the slope disagrees, of replicas "
    "that all had a data loss below 1e-6 at the coldest T when the measurement began; elsewhere gradients are left, "
    "which the claim is not about."
)

CHI: Final = (
    "Reproduced if the crossover of tau_90(T), and 10 T*, are seen for chi over a factor of 10 or more, no slope "
    "disagrees with -1 and T* changes by 0.5 to 1.5 decades for a factor of 50 in chi with an interval within 0 to "
    "1.55, which holds those of sharp and of rounded crossovers. Not reproduced if that interval excludes 0.5 to 1.5 "
    "decades, or a slope disagrees. Steady drift gives 1.7: an interval that holds that is of what a short quench "
    "left to do, and decides nothing about a longer one."
)

COARSE: Final = (
    "At another waiting time than the one shown and the chi that has most temperatures above 5 times the most that T* "
    "may be, with a tau_90 above 100 steps: tau_90 of the mean overlap from every save time, beside the first save "
    "time at which it is at or below 0.9 when saving every 100 steps, as the authors did there, averaged over where in "
    "the hundred saving begins. Reproduced if the fine slope is -1 within 0.15, as the rounding of the crossover "
    "allows, and the coarse one nearer to 0, the difference above 0.01 with its interval; not reproduced if the fine "
    "slope is not."
)

_SHAPES: Final[tuple[Shape, ...]] = ("sharp", "rounded")
_LEAST_SPAN: Final = 100.0
_CHI_SPAN: Final = 10.0
_DRIFT: Final = float(np.log10(50.0))
_COARSE: Final = 100.0
_LEVEL: Final = 0.9
_ABOVE: Final = 5.0
_HOT: Final = 10.0


def slope_verdict(slope: Measured, widest: float = 0.4) -> Verdict:
    """Whether a slope agrees with -1; an interval that is wider decides nothing."""
    if slope.within(-1.05, -0.95) or (slope.low <= -1.0 <= slope.high and slope.high - slope.low <= widest):
        return REPRODUCED
    return NOT_REPRODUCED if slope.low > -0.95 or slope.high < -1.05 else NOT_DECIDED


def noise_and_landscape(evidence: Evidence, phase: str, dataset: str = "mnist") -> Finding:
    """Claims C3 and C4: 1/T above T*, nothing of T below."""
    run = evidence.relaxed(phase, dataset)
    if run is None:
        return missing(phase, dataset)
    fit = run.crossover
    text = f"{fit.outcome} over T = {listed(fit.used)}, slope {shown(fit.slope)}"
    if fit.outcome != TWO_REGIMES:
        return Finding(NOT_DECIDED, text + _left_out(fit), (run.basis,), fit.slope, run.decides())
    text += f", T* {shown(fit.temperature)}, plateau {shown(fit.plateau)} steps"
    hot = [one for one in fit.used if one > fit.temperature.value]
    text += f", {len(hot)} temperatures above"
    verdict = slope_verdict(fit.slope) if len(hot) > 2 else NOT_DECIDED
    return Finding(verdict, text + _left_out(fit), (run.basis,), fit.slope, run.decides())


def noise_only(evidence: Evidence, dataset: str = "mnist") -> Finding:
    """Claim C5: 1/T throughout."""
    run = evidence.relaxed("overparameterised", dataset)
    if run is None:
        return missing("overparameterised", dataset)
    fit = run.crossover
    left = run.loss_left
    text = f"{fit.outcome} over T = {listed(fit.used)}, slope {shown(fit.slope)}; data loss up to {left:.2g} when cold"
    warm = [one for one in fit.used if one > 0]
    wide = len(warm) > 2 and warm[-1] / warm[0] >= _LEAST_SPAN * (1 - 1e-9)
    verdict: Verdict = NOT_DECIDED
    if fit.outcome == NOISE_ONLY and wide and 0.0 in fit.left_out and fit.bend.high < np.log(1.5):
        verdict = slope_verdict(fit.slope, 0.2)
    elif fit.outcome in (TWO_REGIMES, LANDSCAPE_ONLY, NO_PLATEAU):
        verdict = NOT_REPRODUCED
    if verdict == NOT_REPRODUCED and left > ZERO_LOSS:
        verdict, text = NOT_DECIDED, f"{text}: not all replicas are on the plateau of zero loss"
    return Finding(verdict, text + _left_out(fit), (run.basis,), fit.slope, run.decides())


def sensitivity(evidence: Evidence) -> Finding:
    """Claim C17: chi shifts the curve and keeps its shape."""
    longer = after_long_quench("relaxation --phase regularised", "--epochs ")
    run = evidence.relaxed("regularised")
    if run is None:
        return replace(missing("regularised"), decides=longer)
    if run.quench_steps >= QUENCH:
        longer = run.decides("workstation")
    recorded = [float(chi) for chi in run.record.data["chi"].values]
    taus = {chi: run.tau(chi=chi) for chi in recorded}
    fits = {chi: crossover(tau, shape="either") for chi, tau in taus.items()}
    # Closer to T* the crossover's rounding is all that is seen of the hot side.
    used = [
        chi for chi, fit in fits.items() if fit.outcome == TWO_REGIMES and fit.used[-1] >= _HOT * fit.temperature.value
    ]
    text = f"two regimes at chi = {listed(used)} of {listed(recorded)}"
    if len(used) < 2:
        return Finding(NOT_DECIDED, text, (run.basis,), decides=longer)
    shift = _decades([taus[chi] for chi in used], np.array(used))
    both = [fits[chi].slope for chi in used]
    slopes = [slope_verdict(one) for one in both]
    stars = ", ".join(f"{fits[chi].temperature.value:.2g} at {chi:g}" for chi in used)
    text += f"; T* = {stars}; {shown(shift)} decades for a factor of 50"
    verdict: Verdict = NOT_DECIDED
    if NOT_REPRODUCED in slopes:
        verdict = NOT_REPRODUCED
        text += f"; slopes {', '.join(map(shown, both))}"
    elif max(used) / min(used) >= _CHI_SPAN * (1 - 1e-9):
        if 0.5 <= shift.value <= 1.5 and shift.within(0.0, 1.55):
            verdict = REPRODUCED
        elif shift.low <= _DRIFT <= shift.high:
            text += ": steady drift, which a longer quench may end"
        elif shift.low > 1.5 or shift.high < 0.5:
            verdict = NOT_REPRODUCED
    return Finding(verdict, text, (run.basis,), shift, longer)


def _decades(taus: list[xr.Dataset], chi: Floats) -> Measured:
    """By how many decades T* falls for a factor of 50 in chi: one shape for all chi, the one that fits better."""
    x, origin = np.log10(chi), origins(taus[0]["tau"])

    def fits(shape: Shape, kept: Mask) -> list[Crossover]:
        return [crossover(tau.isel(replica=np.flatnonzero(kept)), shape=shape) for tau in taus]

    def decades(shape: Shape) -> Measured:
        def of(kept: Mask) -> float:
            star = np.array([fit.temperature.value for fit in fits(shape, kept)])
            return float(-fit_line(x, np.log10(star))[0] * np.log10(50.0))

        return measured(jackknife(of, origin))[0]

    def off(shape: Shape) -> float:
        return sum(fit.residual**2 for fit in fits(shape, np.ones(len(origin), dtype=np.bool_)))

    near, far = sorted(_SHAPES, key=off)
    # Which shape it is, is not known.
    return decades(near).holding([decades(far)])


def coarse_saving(evidence: Evidence) -> Finding:
    """Claim C20: what saving every 100 steps does to the slope."""
    run = evidence.relaxed("regularised")
    if run is None:
        return missing("regularised")
    others = [int(wait) for wait in run.record.data["waiting_time"].values if wait not in (0, run.waiting_time)]
    if not others:
        return Finding(NOT_DECIDED, "one waiting time only", (run.basis,), decides=run.decides())
    wait = others[-1]
    chi, hot, curves = max((_hot(run, wait, chi) for chi in run.request.chi), key=lambda one: len(one[1]))
    text = f"t_w = {wait}, chi = {chi:g}, T = {listed(hot)}"
    if len(hot) < 2:
        return Finding(NOT_DECIDED, f"{text}: too few above 5 T* and 100 steps", (run.basis,), decides=run.decides())
    origin = np.unique(np.concatenate([curves[one]["origin"].values for one in hot]))

    def slopes(kept: Mask) -> Floats:
        taus = [_tau_saved(curves[one], np.isin(curves[one]["origin"].values, origin[kept])) for one in hot]
        fine, coarse = (fit_line(np.log(hot), np.log(one))[0] for one in np.array(taus).T)
        return np.array([fine, coarse, coarse - fine])

    fine, coarse, difference = measured(jackknife(slopes, origin))
    text += f"; fine slope {shown(fine)}, coarse {shown(coarse)}, difference {shown(difference)}"
    verdict: Verdict = NOT_DECIDED
    if fine.low > -0.85 or fine.high < -1.15:
        verdict = NOT_REPRODUCED
    elif fine.within(-1.15, -0.85) and difference.low > 0.01:
        verdict = REPRODUCED
    return Finding(verdict, text, (run.basis,), fine, run.decides())


def _hot(run: Relaxed, wait: int, chi: float) -> tuple[float, list[float], dict[float, xr.DataArray]]:
    """Temperatures well above T* that relax in more than 100 steps, and the overlap of each."""
    q = run.overlap(chi, wait)
    fit = crossover(run.tau(chi=chi, waiting_time=wait), shape="either")
    # Where the cold side is not seen, T* may lie as high as the lowest temperature that is.
    star = fit.temperature.high if fit.outcome in (TWO_REGIMES, NOISE_ONLY) else np.inf
    curves = {one: run.at(q, one).dropna("replica") for one in fit.used if one > _ABOVE * star}
    return chi, [one for one, curve in curves.items() if _tau_saved(curve, _all(curve))[0] > _COARSE], curves


def _all(curve: xr.DataArray) -> Mask:
    return np.ones(curve.sizes["replica"], dtype=np.bool_)


def _tau_saved(curve: xr.DataArray, kept: Mask) -> tuple[float, float]:
    """tau_90 of the mean of the replicas kept, from every save time and as saving every 100 steps shows it."""
    if not kept.any():
        return np.nan, np.nan
    times = np.asarray(curve["time"].values, dtype=np.float64)
    mean = np.asarray(curve.values, dtype=np.float64)[kept].mean(axis=0)
    fine = float(first_crossing(mean, times, _LEVEL)[0])
    first = np.arange(1.0, _COARSE + 1.0)
    # The first of the saves at first, first + 100, ... that is not before tau.
    coarse = first + np.ceil(np.maximum(fine - first, 0.0) / _COARSE) * _COARSE
    return fine, float(np.exp(np.log(coarse).mean()))


def _left_out(fit: Crossover) -> str:
    """Temperatures that could not enter, as text."""
    return "".join(f"; T = {one:g} {why}" for one, why in fit.left_out.items())
