"""The relaxation time against temperature: claims C3, C4, C5, C17, C20 (Fig. 3d-f, A1, A9, A10)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import xarray as xr

from glassnet.analysis import Crossover, crossover, jackknife, relaxation_time
from glassnet.analysis.crossover import LANDSCAPE_ONLY, NO_PLATEAU, NOISE_ONLY, TWO_REGIMES, Shape
from glassnet.analysis.groups import origins
from glassnet.analysis.intervals import Floats
from glassnet.analysis.lines import fit_line
from glassnet.analysis.measured import Mask, Measured, measured
from glassnet.analysis.relaxation import first_crossing
from glassnet.paper.claims.claim import Finding, Null, Seen, inside, listed, shown
from glassnet.paper.claims.commands import after_long_quench, relaxation
from glassnet.paper.claims.depth import BY_DEPTH, by_depth
from glassnet.paper.claims.evidence import Evidence, missing
from glassnet.paper.claims.relaxed import DRIFT, WHEN_ALIKE, ZERO_LOSS, Relaxed, alike
from glassnet.paper.numbers import CHI_DECADES, CHI_FACTOR, HOT_SLOPE, QUENCH

_NEAR: Final = 0.05
_WIDEST: Final = 0.4
_BEND: Final = 1.5
_LEAST_SPAN: Final = 100.0
_LEAST_ABOVE: Final = 3
_CHI_SPAN: Final = 10.0
_OFF: Final = 0.5
_ROUNDED: Final = 0.05
_COARSE: Final = 100.0
_LEVEL: Final = 0.9
_ABOVE: Final = 5.0
_HOT: Final = 10.0
_ROUGHLY: Final = 0.15
_FEW_HOT: Final = (0.01, 0.004, 0.003, 0.002, 0.001, 1e-4, 3e-5, 1e-6, 0.0)
"""At the paper's chi tau_90 is above 100 steps below T = 0.004, and T* may be up to 2e-4 after a short quench."""
_LOWERED: Final = 0.01
_FEWEST, _MOST = CHI_DECADES - _OFF, CHI_DECADES + _OFF

SLOPE: Final = (
    "the slope of log tau_90 against log T, whose interval holds those of a sharp and of a rounded crossover, agrees "
    f"with {HOT_SLOPE:g} if that interval holds it and is at most {_WIDEST:g} wide, or lies within {_NEAR:g} of it; it "
    f"disagrees if all of its interval is more than {_NEAR:g} off"
)

TWO: Final = (
    f"Seen if tau_90(T) has two regimes, a power law at {_LEAST_ABOVE} temperatures or more that bends to a flat cold "
    f"side by more than a factor {_BEND:g}, and {SLOPE}. Not seen if it has, and the slope disagrees. One regime "
    "decides nothing: the other may lie beyond the temperatures or times of the run. "
    f"{WHEN_ALIKE.format('tau_90 at every T > 0')}; its number is the slope of the null's own tau_90(T)."
)

ONE: Final = (
    f"Seen if tau_90(T) is a single power law over a factor {_LEAST_SPAN:g} in T or more, a bend by a factor {_BEND:g} "
    f"being excluded and T = 0 not reached, and {SLOPE} (here {_WIDEST / 2:g} wide at most). Not seen if it bends to a "
    f"plateau, or the slope disagrees. {BY_DEPTH}. The claim is free diffusion itself: its reading stands where that "
    f"gives tau_90 at every T. Where it does not: {WHEN_ALIKE.format('tau_90 at every T > 0')}."
)

CHI: Final = (
    f"Seen if the crossover of tau_90(T), and {_HOT:g} T*, are seen for chi over a factor of {_CHI_SPAN:g} or more, no "
    f"slope disagrees with {HOT_SLOPE:g} and T* changes by {_FEWEST:g} to {_MOST:g} decades for a factor of "
    f"{CHI_FACTOR:g} in chi, with an interval from 0 to {_MOST + _ROUNDED:g} that holds those of sharp and of rounded "
    "crossovers. Not seen if the interval excludes these decades, or a slope disagrees, in networks quenched for the "
    f"scripts' {QUENCH:.2g} steps; after less of it nothing is decided while the null's decades lie in the interval. "
    f"The null is {DRIFT}, its number the decades by which its own T* changes: the reading is explained by it if they "
    "lie in the interval, stands if not, and is untested without replicas at T = 0."
)

COARSE: Final = (
    "At another waiting time than the one shown and the paper's chi, over temperatures above "
    f"{_ABOVE:g} times the most that T* may be, with a tau_90 above {_COARSE:g} steps: tau_90 of the mean overlap from "
    f"every save time, beside the first save time at which it is at or below {_LEVEL:g} when saving every {_COARSE:g} "
    "steps, as the authors did there, averaged over where in the hundred saving begins. Seen, and the reading stands, "
    f"if the fine slope is {HOT_SLOPE:g} within {_ROUGHLY:g}, as the rounding of the crossover allows, and the coarse "
    f"one nearer to 0, the difference above {_LOWERED:g} with its interval; not seen if the fine slope is not. The "
    "other chi with most such temperatures is said beside it."
)

_SHAPES: Final[tuple[Shape, ...]] = ("sharp", "rounded")


def slope_agrees(slope: Measured, widest: float = _WIDEST) -> Seen:
    """Whether a slope agrees with that of free diffusion; an interval that is wider decides nothing."""
    if slope.low <= HOT_SLOPE <= slope.high and slope.high - slope.low <= widest:
        return "yes"
    return inside(slope, HOT_SLOPE - _NEAR, HOT_SLOPE + _NEAR)


def noise_and_landscape(evidence: Evidence, phase: str, dataset: str = "mnist") -> Finding:
    """Claims C3 and C4: two regimes."""
    run = evidence.relaxed(phase, dataset)
    if run is None:
        return missing(phase, dataset)
    fit = run.crossover
    text = f"{fit.outcome} over T = {listed(fit.used)}, slope {shown(fit.slope)}"
    hot = [one for one in fit.used if one > fit.temperature.value]
    if fit.outcome == TWO_REGIMES:
        text += f", T* {shown(fit.temperature)}, plateau {shown(fit.plateau)} steps, {len(hot)} temperatures above"
    seen = slope_agrees(fit.slope) if fit.outcome == TWO_REGIMES and len(hot) >= _LEAST_ABOVE else "undecided"
    null = run.of_drift(_slope_of_drift(run), run.over_null())
    return Finding(seen, text + _left_out(fit), (run.basis,), fit.slope, run.decides(), null)


def _slope_of_drift(run: Relaxed) -> float:
    """The null from its own tau_90(T)."""
    null = run.null()
    return np.nan if null is None else crossover(relaxation_time(null["overlap"]), shape="either").slope.value


def noise_only(evidence: Evidence, dataset: str = "mnist") -> Finding:
    """Claim C5: 1/T throughout."""
    if dataset == "mnist":
        return by_depth(evidence, _one_regime)
    run = evidence.relaxed("overparameterised", dataset)
    if run is None:
        return missing("overparameterised", dataset)
    found = _one_regime(run)
    if found.seen == "no" and run.loss_left > ZERO_LOSS:
        text = f"{found.found}: not all replicas are on the plateau of zero loss"
        return replace(found, seen="undecided", found=text)
    return found


def _one_regime(run: Relaxed) -> Finding:
    fit = run.crossover
    text = f"{fit.outcome} over T = {listed(fit.used)}, slope {shown(fit.slope)}"
    text += f"; data loss up to {run.loss_left:.2g} when cold"
    warm = [one for one in fit.used if one > 0]
    wide = len(warm) > 2 and warm[-1] / warm[0] >= _LEAST_SPAN * (1 - 1e-9)
    seen: Seen = "undecided"
    if fit.outcome == NOISE_ONLY and wide and 0.0 in fit.left_out and fit.bend.high < np.log(_BEND):
        seen = slope_agrees(fit.slope, _WIDEST / 2)
    elif fit.outcome in (TWO_REGIMES, LANDSCAPE_ONLY, NO_PLATEAU):
        seen = "no"
    null = run.of_drift(_slope_of_drift(run), run.over_null())
    if alike(run.slowdown(_LEVEL).values()) == "explained":
        null = replace(null, reading="stands", found=f"{null.found}; free diffusion gives tau_90 at every T")
    return Finding(seen, text + _left_out(fit), (run.basis,), fit.slope, run.decides(), null)


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
        return Finding("undecided", text, (run.basis,), decides=longer)
    shift = _decades([taus[chi] for chi in used], np.array(used))
    slopes = [slope_agrees(fits[chi].slope) for chi in used]
    stars = ", ".join(f"{fits[chi].temperature.value:.2g} at {chi:g}" for chi in used)
    text += f"; T* = {stars}; {shown(shift)} decades for a factor of {CHI_FACTOR:g}"
    null = _decades_of_drift(run, used, shift)
    seen: Seen = "undecided"
    if "no" in slopes:
        seen = "no"
        text += f"; slopes {', '.join(shown(fits[chi].slope) for chi in used)}"
    elif max(used) / min(used) >= _CHI_SPAN * (1 - 1e-9):
        if _FEWEST <= shift.value <= _MOST and shift.within(0.0, _MOST + _ROUNDED):
            seen = "yes"
        elif shift.low > _MOST or shift.high < _FEWEST:
            short = run.quench_steps < QUENCH and null.reading == "explained"
            seen, text = ("undecided", f"{text}, which a longer quench may end") if short else ("no", text)
    return Finding(seen, text, (run.basis,), shift, longer, null)


def _decades_of_drift(run: Relaxed, used: list[float], shift: Measured) -> Null:
    nulls = [run.null(chi) for chi in used]
    taus = [relaxation_time(one["overlap"]) for one in nulls if one is not None]
    value = _decades(taus, np.array(used)).value if len(taus) == len(used) else np.nan
    if not np.isfinite(value):
        return Null(DRIFT)
    return Null(DRIFT, value, "stands" if shift.excludes(value) else "explained", f"{value:.3g} decades")


def _decades(taus: list[xr.Dataset], chi: Floats) -> Measured:
    """By how many decades T* falls for that factor in chi: one shape for all chi, the one that fits better."""
    x, origin = np.log10(chi), origins(taus[0]["tau"])

    def fits(shape: Shape, kept: Mask) -> list[Crossover]:
        return [crossover(tau.isel(replica=np.flatnonzero(kept)), shape=shape) for tau in taus]

    def decades(shape: Shape) -> Measured:
        def of(kept: Mask) -> float:
            star = np.array([fit.temperature.value for fit in fits(shape, kept)])
            return float(-fit_line(x, np.log10(star))[0] * np.log10(CHI_FACTOR))

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
        return Finding("undecided", "one waiting time only", (run.basis,), decides=run.decides())
    wait = others[-1]
    _, text, slopes = _two_slopes(run, wait, run.chi)
    beside = [_two_slopes(run, wait, chi) for chi in run.request.chi if chi != run.chi]
    most = max(beside, key=lambda one: one[0], default=None)
    text = f"t_w = {wait}, {text}" + (f"; beside, {most[1]}" if most and most[2] else "")
    if not slopes:
        longer = f"{relaxation('regularised')}{''.join(f' --temperature {one:g}' for one in _FEW_HOT)}"
        return Finding(
            "undecided", f"{text}: too few above {_ABOVE:g} T* and {_COARSE:g} steps", (run.basis,), decides=longer
        )
    fine, _, difference = slopes
    seen = inside(fine, HOT_SLOPE - _ROUGHLY, HOT_SLOPE + _ROUGHLY)
    if seen == "yes" and not difference.low > _LOWERED:
        seen = "undecided"
    cause = Null(reading="stands" if seen == "yes" else "untested")
    return Finding(seen, text, (run.basis,), fine, run.decides(), cause)


def _two_slopes(run: Relaxed, wait: int, chi: float) -> tuple[int, str, list[Measured]]:
    """How many temperatures are hot enough, text, and the fine slope, the coarse one and their difference."""
    hot, curves = _hot(run, wait, chi)
    text = f"chi = {chi:g}, T = {listed(hot)}"
    if len(hot) < 2:
        return len(hot), text, []
    origin = np.unique(np.concatenate([curves[one]["origin"].values for one in hot]))

    def slopes(kept: Mask) -> Floats:
        taus = [_tau_saved(curves[one], np.isin(curves[one]["origin"].values, origin[kept])) for one in hot]
        fine, coarse = (fit_line(np.log(hot), np.log(one))[0] for one in np.array(taus).T)
        return np.array([fine, coarse, coarse - fine])

    found = measured(jackknife(slopes, origin))
    fine, coarse, difference = map(shown, found)
    return len(hot), f"{text}: fine slope {fine}, coarse {coarse}, difference {difference}", found


def _hot(run: Relaxed, wait: int, chi: float) -> tuple[list[float], dict[float, xr.DataArray]]:
    """Temperatures well above T* that relax in more than 100 steps, and the overlap of each."""
    q = run.overlap(chi, wait)
    fit = crossover(run.tau(chi=chi, waiting_time=wait), shape="either")
    # Where the cold side is not seen, T* may lie as high as the lowest temperature that is.
    star = fit.temperature.high if fit.outcome in (TWO_REGIMES, NOISE_ONLY) else np.inf
    curves = {one: run.at(q, one).dropna("replica") for one in fit.used if one > _ABOVE * star}
    return [one for one, curve in curves.items() if _tau_saved(curve, _all(curve))[0] > _COARSE], curves


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
