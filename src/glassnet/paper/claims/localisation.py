"""Where weights come to rest: claims C9, C11, C12 (Figs. 4b, 5)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import xarray as xr

from glassnet.analysis import caging, ensemble_mean, long_time_level, power_law, power_law_across
from glassnet.analysis.crossover import TWO_REGIMES
from glassnet.analysis.groups import origins
from glassnet.analysis.intervals import estimate
from glassnet.analysis.lines import fit_line
from glassnet.analysis.measured import Measured, measured, unknown
from glassnet.analysis.plateau import CAGED, LOCALISED, STATIONARY, TOO_FEW
from glassnet.analysis.power_law import POWER_LAW
from glassnet.observables import mean_square_displacement
from glassnet.paper.claims.claim import (
    NO_NULL,
    Finding,
    Null,
    Reading,
    Seen,
    all_read,
    all_seen,
    inside,
    listed,
    measured_in,
    shown,
    together,
)
from glassnet.paper.claims.commands import after_long_quench, relaxation, reproduce
from glassnet.paper.claims.evidence import Evidence, Measurements, missing
from glassnet.paper.claims.relaxed import DRIFT, WHEN_ALIKE, ZERO_LOSS, Relaxed, alike
from glassnet.paper.numbers import COLLAPSE_EXPONENT, PHASES, QUENCH, SGD_LEVEL
from glassnet.simulate.dynamics import Sgd
from glassnet.simulate.record import Record

_SETTLED: Final = 3.0
_LONG_SETTLED: Final = 10.0
"""Relaxation times 1/(mu l2) of the bowl: when levels count, and when what still grows is not held by it."""

_ROUNDING: Final = 1.0 - 1e-9
_DECAYED: Final = 0.9
_LEAST_LEVELS: Final = 3
_OFF: Final = 0.05
_BOWL: Final = 1.25
_SLOPE: Final = (0.9, 1.1)
_HOT_TIMES: Final = (10.0, 1000.0)
_SHORT: Final = 100.0
_FROZEN: Final = 1.5
_GROWS: Final = 0.2
_ABOUT: Final = 3.0
_IN_BOWL: Final = 2.0

LEVEL: Final = (
    f"Only levels of Q that are stationary over the last factor 3 of t, after t of {_SETTLED:g}/(mu l2) or more, "
    f"count: before that free diffusion at one fixed time goes as T^-0.5 too. With {_LEAST_LEVELS} or more of them "
    f"below Q = {_DECAYED:g}: seen if they are a power law of T with exponent {COLLAPSE_EXPONENT:g} within {_OFF:g} "
    f"and each is within a factor {_BOWL:g} of the bowl of l2 alone at the run's own t_w and t; not seen if the "
    "exponent lies elsewhere or the bowl misses one by more. The bowl is the paper's own reading, which stands where "
    "this is seen; the null's number is the bowl's exponent. The bowl itself has such levels from 4/(mu l2) on."
)

NO_CAGE: Final = (
    "In all three phases: no temperature is caged, meaning that d log MSD/d log t falls below 0.3 and rises above it "
    f"again; one that is so before {_SHORT:g} steps may be the step size (C13) and decides nothing. MSD grows with a "
    f"slope of {_SLOPE[0]:g} to {_SLOPE[1]:g} over t = {_HOT_TIMES[0]:g} to {_HOT_TIMES[1]:g} at the hottest "
    f"temperature. At the coldest above 0 it ends within a factor {_FROZEN:g} of T = 0 where there are gradients, and "
    "overparameterised the slope to the end is as much at every temperature above 0; where it is not in replicas that "
    f"did not all have a data loss below {ZERO_LOSS:g} when the measurement began, and T = 0 has more than a tenth of "
    "the mean square displacement, gradients are left by the quench: that decides nothing. All this holds to the times "
    f"that were run. {WHEN_ALIKE.format('the mean square displacement at the end at the coldest T > 0')}; its number "
    "is its slope when hot, which must hold the measured one too."
)

SGD: Final = (
    "All batch sizes in permuted order but the whole, from the last waiting time. Only levels that are stationary over "
    f"the last factor 3 of t, after t of {_SETTLED:g}/(mu l2) or more, count. Seen if every batch size has one and "
    f"that at the smallest is {SGD_LEVEL:g} within a factor {_ABOUT:g}; not seen if that is off, or if, in networks "
    f"quenched for the scripts' {QUENCH:.2g} steps or more, displacements at every batch size that goes as far still "
    f"grow after {_LONG_SETTLED:g}/(mu l2), the interval of d log MSD/d log t over the last factor 3 of t lying above "
    f"{_GROWS:g} at one: the bowl would have held them long before. The number is the smallest batch's. The bowl, the "
    "paper's reading, has the level g/(mu l2), g being the growth of the mean square displacement per step from one "
    "whole epoch to the next: noise summed over whole epochs, which batches in permuted order nearly cancel. It stands "
    f"if at every batch size the level at whole epochs is within a factor {_IN_BOWL:g} of the bowl's, permuted and "
    "with replacement; where one is wholly elsewhere something else explains the level; untested otherwise."
)

_EPOCHS: Final = "the bowl of l2 under noise summed over whole epochs"

_COME_TO_REST: Final = f"{relaxation('regularised', scale='paper')} --t-max 1000000"
"""10/(mu l2): before 4 the bowl itself has no stationary level, and noise asks for more."""


def bowl_level(evidence: Evidence) -> Finding:
    """Claim C9: Q_inf against temperature, and the bowl's."""
    run = evidence.relaxed("regularised")
    if run is None:
        return replace(missing("regularised"), decides=_COME_TO_REST)
    q = run.overlap()
    found = long_time_level(q)
    left = (found["outcome"] == STATIONARY) & (found["level"] < _DECAYED) & (found["temperature"] > 0)
    used = found["temperature"].values[left.values]
    t_end = float(q["time"][-1])
    times = t_end * run.learning_rate * run.l2
    text = f"t = {t_end:g} is {times:.2g}/(mu l2), stationary below {_DECAYED:g} at T = {listed(used)}"
    late = (
        q.sel(time=slice(t_end / 3.0, None))
        .mean("time")
        .isel(replica=np.flatnonzero(np.isin(q["temperature"].values, used)))
    )
    law = power_law_across(late.where(late > 0).dropna("replica")) if len(used) else None
    if law is None or len(used) < _LEAST_LEVELS or times < _SETTLED * _ROUNDING:
        return Finding("undecided", text, (run.basis,), decides=_COME_TO_REST, null=Null("the bowl of l2 alone"))
    bowl = long_time_level(run.bowl()).sel(temperature=used)
    ratio = found["level"].sel(temperature=used) / bowl["level"]
    text += f"; {law.outcome}, exponent {shown(law.exponent)}; over the bowl's {listed(np.round(ratio.values, 3))}"
    seen = inside(law.exponent, COLLAPSE_EXPONENT - _OFF, COLLAPSE_EXPONENT + _OFF)
    held = bool((np.abs(np.log(ratio)) <= np.log(_BOWL)).all())
    if seen == "yes" and law.outcome != POWER_LAW:
        seen = "undecided"
    seen = seen if held else "no"
    value = fit_line(np.log(used), np.log(bowl["level"].values))[0]
    null = Null(
        "the bowl of l2 alone", float(value), "stands" if seen == "yes" else "untested", f"exponent {value:.3g}"
    )
    return Finding(seen, text, (run.basis,), law.exponent, _COME_TO_REST, null)


def no_cage(evidence: Evidence) -> Finding:
    """Claim C11: the shape of the mean square displacement."""
    findings = []
    for phase in PHASES:
        run = evidence.relaxed(phase)
        findings.append((phase, missing(phase) if run is None else _shape(run)))
    return together(findings)


def _shape(run: Relaxed) -> Finding:
    """No cage, diffusion when hot, and what belongs to the phase when cold."""
    msd = run.msd()
    last = float(msd["time"][-1])
    if last < _SHORT:
        return Finding("undecided", f"the run ends at t = {last:g}", (run.basis,), decides=run.decides())
    moved = msd.where(msd > 0)
    # Nothing moves where there is neither noise nor gradient.
    found = {one: caging(run.at(moved, one)) for one in run.temperatures if bool((run.at(msd, one) > 0).any())}
    found = {one: each for one, each in found.items() if each["outcome"].item() != TOO_FEW}
    caged = {one: float(each["time"].item()) for one, each in found.items() if each["outcome"].item() == CAGED}
    late = [one for one, time in caged.items() if time >= _SHORT]
    hottest = float(run.temperatures[-1])
    slope = _slope(run.at(moved, hottest), min(_HOT_TIMES[1], last))
    text = f"caged at T = {listed(caged)} of {listed(found)}; slope {shown(slope)} at T = {hottest:g}"
    checks: list[Seen] = [inside(slope, *_SLOPE)]
    if run.flat:
        slopes = {one: _slope(run.at(moved, one), last) for one in found if one > 0}
        seens = {one: inside(each, *_SLOPE) for one, each in slopes.items()}
        off = [one for one, seen in seens.items() if seen == "no"]
        left = [one for one in off if run.loss_left > ZERO_LOSS and run.drifts(one)]
        checks += ["undecided" if one in left else seen for one, seen in seens.items()]
        checks += ["no" for one in slopes if found[one]["outcome"].item() == LOCALISED and run.long]
        text += f"; to the end {', '.join(f'{shown(each)} at T = {one:g}' for one, each in slopes.items())}"
        text += f"; gradients left show at T = {listed(left)}" if left else ""
    else:
        below = run.crossover.outcome == TWO_REGIMES and run.coldest < run.crossover.temperature.value
        ratio = _to_frozen(run, msd) if below and 0.0 in run.temperatures else unknown()
        checks.append(inside(ratio, 1 / _FROZEN, _FROZEN))
        text += f"; MSD at T = {run.coldest:g} over T = 0 {shown(ratio)}" if below else "; none below T*"
    if caged:
        checks.append("no" if late else "undecided")
    return Finding(all_seen(checks), text, (run.basis,), slope, run.decides(), _msd_of_drift(run, moved, slope))


def _msd_of_drift(run: Relaxed, moved: xr.DataArray, slope: Measured) -> Null:
    """Slope when hot and last value when cold of drift and noise."""
    if run.flat:
        return NO_NULL
    if (null := run.null()) is None or np.isnan(run.coldest):
        return Null(DRIFT)
    theirs = null["mean_square_displacement"]
    end = theirs["time"].values[-1]
    ends = [run.at(one.sel(time=end), run.coldest) for one in (moved, theirs)]
    logs = np.log(ends[0].values / ends[1].values)
    known = np.isfinite(logs)
    hot = _slope(run.at(theirs.where(theirs > 0), float(run.temperatures[-1])), min(_HOT_TIMES[1], float(end)))
    if not known.any():
        return Null(DRIFT, hot.value)
    ratio = measured(estimate(logs[known], origins(ends[0])[known]))[0].exp()
    close: Reading = "explained" if abs(slope.value - hot.value) <= _OFF else "stands"
    reading = alike([ratio]) if close == "explained" else "stands"
    return Null(DRIFT, hot.value, reading, f"slope {hot.value:.3g}, MSD at T = {run.coldest:g} {shown(ratio)} of its")


def _slope(msd: xr.DataArray, last: float) -> Measured:
    """d log MSD/d log t from t = 10 on."""
    return measured_in(power_law(msd, between=(_HOT_TIMES[0], last)), "exponent")


def _to_frozen(run: Relaxed, msd: xr.DataArray) -> Measured:
    """The mean square displacement at the end at the coldest temperature over that at T = 0, origin by origin."""
    ends = (run.at(msd.isel(time=-1), one).dropna("replica") for one in (run.coldest, 0.0))
    at = [dict(zip(one["origin"].values.tolist(), one.values.tolist(), strict=True)) for one in ends]
    shared = [one for one in at[0] if at[0][one] > 0 and at[1].get(one, 0.0) > 0]
    logs = np.log([at[0][one] / at[1][one] for one in shared])
    return measured(estimate(logs, np.array(shared, dtype=np.int64)))[0].exp()


def sgd_level(evidence: Evidence) -> Finding:
    """Claim C12: where SGD is localised, beside the bowl of its noise summed over whole epochs."""
    sgd = evidence.sgd
    if sgd is None:
        return Finding("undecided", "no run of SGD's displacement", decides=after_long_quench("sgd_displacement"))
    # All rows in permuted order are gradient descent, without noise.
    records = {key: r for key, r in sgd.records.items() if key != ("permutation", r.data.attrs["n_samples"])}
    settled = {key: rest for key, one in records.items() if (rest := _at_rest(one, sgd.l2)) is not None}
    sizes = sorted(size for sampling, size in records if sampling == "permutation")
    permuted = [size for size in sizes if ("permutation", size) in settled]
    text = f"levels that are stationary long enough at b = {listed(permuted)} of {listed(sizes)}"
    found = Finding("undecided", text, (sgd.basis,), decides=reproduce("fig5d", "workstation"))
    if not permuted:
        return _never_at_rest(replace(sgd, records=records), sizes, found)
    rest = settled["permutation", permuted[0]]
    text += f"; at b = {permuted[0]} level {shown(rest.level)}"
    seen = inside(rest.level, SGD_LEVEL / _ABOUT, SGD_LEVEL * _ABOUT)
    if seen == "yes" and permuted != sizes:
        seen = "undecided"
    readings = [one.reading for one in settled.values()]
    if not any(sampling == "replacement" for sampling, _ in settled):
        readings.append("untested")
    said = (f"b = {b} {how}: whole epochs {shown(one.whole)}, bowl {one.bowl:.3g}" for (how, b), one in settled.items())
    null = Null(_EPOCHS, rest.bowl, all_read(readings), ", ".join(said))
    return replace(found, seen=seen, found=text, measured=rest.level, null=null)


def _never_at_rest(sgd: Measurements, sizes: list[int], found: Finding) -> Finding:
    """The finding that no batch size has come to rest."""
    ends: dict[int, tuple[Measured, Measured, float]] = {}
    for size in sizes:
        record = sgd.records["permutation", size]
        if (msd := _displacement(record).dropna("replica")).size:
            last = float(msd["time"][-1])
            slope = measured_in(power_law(msd.where(msd > 0), between=(last / 3.0, last)), "exponent")
            end = measured(estimate(msd.isel(time=-1).values, msd["origin"].values))[0]
            ends[size] = (end, slope, last * _rate(record, sgd.l2))
    if not ends:
        return found
    said = (
        f"b = {b} {shown(end)} after {times:.3g}/(mu l2), growing as t^{shown(slope)}"
        for b, (end, slope, times) in ends.items()
    )
    far = [slope for _, slope, times in ends.values() if times >= _LONG_SETTLED * _ROUNDING]
    grows = (
        sgd.quench_steps >= QUENCH and any(one.low > _GROWS for one in far) and all(one.value > _GROWS for one in far)
    )
    seen: Seen = "no" if grows else "undecided"
    null = Null(_EPOCHS, _bowl_of(sgd.records["permutation", min(ends)], sgd.l2))
    text = f"{found.found}; {'; '.join(said)}"
    return replace(found, seen=seen, found=text, measured=ends[min(ends)][0], null=null)


@dataclass(frozen=True)
class _Rest:
    """Stationary levels of the mean square displacement, at all save times and at whole epochs, and the bowl's."""

    level: Measured
    whole: Measured
    bowl: float

    @property
    def reading(self) -> Reading:
        """Whether the bowl of l2 is what holds the weights."""
        held: dict[Seen, Reading] = {"yes": "stands", "no": "explained", "undecided": "untested"}
        return held[inside(self.whole, self.bowl / _IN_BOWL, self.bowl * _IN_BOWL)]


def _at_rest(record: Record, l2: float) -> _Rest | None:
    """Where weights are at rest under SGD; None where they are not yet."""
    (whole, epoch), rate = _at_whole_epochs(record), _rate(record, l2)
    bowl = _bowl_of(record, l2)
    if np.isnan(bowl) or float(whole["time"][-1]) * rate < _SETTLED * _ROUNDING:
        return None
    msd = _displacement(record)
    found = [long_time_level(one.where(one > 0)) for one in (msd.sel(time=slice(epoch, None)), whole)]
    if not all(one["outcome"].item() == STATIONARY for one in found):
        return None
    level, at_epochs = (measured_in(one, "level") for one in found)
    return _Rest(level, at_epochs, bowl)


def _at_whole_epochs(record: Record) -> tuple[xr.DataArray, int]:
    """The displacement there, and steps of an epoch."""
    dynamics = record.dynamics
    assert isinstance(dynamics, Sgd)
    epoch = int(record.data.attrs["n_samples"]) // dynamics.batch_size
    msd = _displacement(record)
    return msd.isel(time=np.flatnonzero(msd["time"].values % epoch == 0)), epoch


def _bowl_of(record: Record, l2: float) -> float:
    """The bowl's level under the noise that first whole epochs show, NaN where there are too few."""
    rate = _rate(record, l2)
    early = _at_whole_epochs(record)[0].sel(time=slice(None, 0.1 / rate))
    if early.sizes["time"] < 2:
        return np.nan
    times = np.asarray(early["time"].values, dtype=np.float64)
    return float(fit_line(times, ensemble_mean(early)["mean"].values.reshape(-1))[0]) / rate


def _displacement(record: Record) -> xr.DataArray:
    """From the last waiting time, as far as it was meant to go."""
    wait = int(record.data["waiting_time"][-1])
    until = int(record.data.attrs["until"]) - wait
    return mean_square_displacement(record).sel(waiting_time=wait, time=slice(None, until))


def _rate(record: Record, l2: float) -> float:
    """Rate of the bowl's decay, per step."""
    return float(record.data["learning_rate"].values.flat[0]) * l2
