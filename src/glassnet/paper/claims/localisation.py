"""Where weights come to rest: claims C9, C11, C12 (Figs. 4b, 5)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import xarray as xr

from glassnet.analysis import (
    caging,
    ensemble_mean,
    long_time_level,
    power_law,
    power_law_across,
)
from glassnet.analysis.crossover import TWO_REGIMES
from glassnet.analysis.intervals import estimate
from glassnet.analysis.lines import fit_line
from glassnet.analysis.measured import Measured, measured, unknown
from glassnet.analysis.plateau import CAGED, LOCALISED, STATIONARY, TOO_FEW
from glassnet.analysis.power_law import POWER_LAW
from glassnet.observables import mean_square_displacement
from glassnet.paper.claims.claim import (
    EXPLAINED,
    NOT_DECIDED,
    NOT_REPRODUCED,
    REPRODUCED,
    Finding,
    Verdict,
    listed,
    measured_in,
    shown,
    together,
    worst,
)
from glassnet.paper.claims.commands import after_long_quench, relaxation, reproduce
from glassnet.paper.claims.evidence import Evidence, Measurements, in_phases, missing
from glassnet.paper.claims.relaxed import ZERO_LOSS, Relaxed
from glassnet.paper.numbers import COLLAPSE_EXPONENT, EPOCHS, QUENCH, SGD_LEVEL
from glassnet.simulate.dynamics import Sgd
from glassnet.simulate.record import Record

LEVEL: Final = (
    "Only levels of Q that are stationary over the last factor 3 of t, after t of 3/(mu l2) or more, count: before "
    "that free diffusion at one fixed time goes as T^-0.5 too. With three or more of them below Q = 0.9: reproduced if "
    "they are a power law of T with exponent -0.48 within 0.05 and each is within a factor 1.25 of the bowl of l2 "
    "alone at the run's own t_w and t; not reproduced if the exponent lies elsewhere or the bowl misses one by "
    "more than that. The bowl itself has such levels from 4/(mu l2) on."
)

NO_CAGE: Final = (
    "In all three phases: no temperature is caged, meaning that d log MSD/d log t falls below 0.3 and rises above it "
    "again; one that is so before 100 steps may be the step size (C13) and decides nothing. MSD grows with a slope of "
    "1 within 0.1 over t = 10 to 1000 at the hottest temperature. At the coldest above 0 it ends within a factor 1.5 "
    "of T = 0 where there are gradients, and overparameterised the slope from t = 10 to the end is 1 within 0.1 at "
    "every temperature above 0; where it is not in replicas that did not all have a data loss below 1e-6 at the "
    "coldest T when the measurement began, and T = 0 has more than a tenth of the mean square displacement, gradients "
    "are left by the quench, which the claim is not about: that decides nothing."
)

SGD: Final = (
    "From the last waiting time. Only levels that are stationary over the last factor 3 of t, after t of 3/(mu l2) or "
    "more, count. The bowl's level is g/(mu l2), g being the growth of the mean square displacement per step from one "
    "whole epoch to the next: noise summed over whole epochs, which batches in permuted order nearly cancel. At the "
    "smallest such batch: reproduced if the level is 1e-4 within a factor 3 and the level at whole epochs within a "
    "factor 2 of the bowl, permuted and with replacement; explained otherwise if the level is that but the bowl is "
    "not; not reproduced if the level is not. Where no batch size has come to rest: not reproduced if, in networks "
    f"quenched for the scripts' {EPOCHS} epochs (4.2e6 steps) or more, displacements at the smallest batch still grow "
    "after 10/(mu l2), the interval of d log MSD/d log t over the last factor 3 of t lying above 0.2: the bowl would "
    "have held them long before."
)

_SETTLED: Final = 3.0 * (1.0 - 1e-9)
"""Relaxation times of the bowl."""

_COME_TO_REST: Final = f"{relaxation('regularised', scale='paper')} --t-max 1000000"
"""10/(mu l2): before 4 the bowl itself has no stationary level, and noise asks for more."""

_LONG_SETTLED: Final = 10.0 * (1.0 - 1e-9)
_GROWS: Final = 0.2


def bowl_level(evidence: Evidence) -> Finding:
    """Claim C9: Q_inf against temperature, and the bowl's."""
    run = evidence.relaxed("regularised")
    if run is None:
        return replace(missing("regularised"), decides=_COME_TO_REST)
    q = run.overlap()
    found = long_time_level(q)
    left = (found["outcome"] == STATIONARY) & (found["level"] < 0.9) & (found["temperature"] > 0)
    used = found["temperature"].values[left.values]
    t_end = float(q["time"][-1])
    times = t_end * run.learning_rate * run.l2
    text = f"t = {t_end:g} is {times:.2g}/(mu l2), stationary below 0.9 at T = {listed(used)}"
    late = (
        q.sel(time=slice(t_end / 3.0, None))
        .mean("time")
        .isel(replica=np.flatnonzero(np.isin(q["temperature"].values, used)))
    )
    law = power_law_across(late.where(late > 0).dropna("replica")) if len(used) else None
    if law is None or len(used) < 3 or times < _SETTLED:
        return Finding(NOT_DECIDED, text, (run.basis,), decides=_COME_TO_REST)
    bowl = long_time_level(run.bowl())
    ratio = (found["level"] / bowl["level"]).sel(temperature=used)
    worst = float(np.abs(np.log(ratio)).max())
    text += f"; {law.outcome}, exponent {shown(law.exponent)}; over the bowl's {listed(np.round(ratio.values, 3))}"
    verdict: Verdict = NOT_DECIDED
    if law.exponent.excludes(COLLAPSE_EXPONENT) and (law.exponent.low > -0.43 or law.exponent.high < -0.53):
        verdict = NOT_REPRODUCED
    elif worst > np.log(1.25):
        verdict, text = NOT_REPRODUCED, f"{text}: the bowl alone does not explain the levels"
    elif law.outcome == POWER_LAW and law.exponent.within(-0.53, -0.43):
        verdict = REPRODUCED
    return Finding(verdict, text, (run.basis,), law.exponent, _COME_TO_REST)


def no_cage(evidence: Evidence) -> Finding:
    """Claim C11: the shape of the mean square displacement."""
    return together(in_phases(evidence, _shape))


def _shape(run: Relaxed) -> Finding:
    """No cage, diffusion when hot, and what belongs to the phase when cold."""
    msd = run.msd()
    last = float(msd["time"][-1])
    if last < 100.0:
        return Finding(NOT_DECIDED, f"the run ends at t = {last:g}", (run.basis,), unknown(), run.decides())
    moved = msd.where(msd > 0)
    # Nothing moves where there is neither noise nor gradient.
    found = {one: caging(run.at(moved, one)) for one in run.temperatures if bool((run.at(msd, one) > 0).any())}
    found = {one: each for one, each in found.items() if each["outcome"].item() != TOO_FEW}
    caged = {one: float(each["time"].item()) for one, each in found.items() if each["outcome"].item() == CAGED}
    late = [one for one, time in caged.items() if time >= 100.0]
    hottest = float(run.temperatures[-1])
    slope = _slope(run.at(moved, hottest), min(1000.0, last))
    text = f"caged at T = {listed(caged)} of {listed(found)}; slope {shown(slope)} at T = {hottest:g}"
    checks: list[Verdict] = [_within(slope, 0.9, 1.1)]
    if run.phase == "overparameterised":
        slopes = {one: _slope(run.at(moved, one), last) for one in found if one > 0}
        verdicts = {one: _within(each, 0.9, 1.1) for one, each in slopes.items()}
        off = [one for one, verdict in verdicts.items() if verdict == NOT_REPRODUCED]
        left = [one for one in off if run.loss_left > ZERO_LOSS and run.drifts(one)]
        checks += [NOT_DECIDED if one in left else verdict for one, verdict in verdicts.items()]
        checks += [NOT_REPRODUCED for one in slopes if found[one]["outcome"].item() == LOCALISED and run.long]
        text += f"; to the end {', '.join(f'{shown(each)} at T = {one:g}' for one, each in slopes.items())}"
        text += f"; gradients left show at T = {listed(left)}" if left else ""
    else:
        below = run.crossover.outcome == TWO_REGIMES and run.coldest < run.crossover.temperature.value
        ratio = _to_frozen(run, msd) if below and 0.0 in run.temperatures else unknown()
        checks.append(_within(ratio, 1 / 1.5, 1.5))
        text += f"; MSD at T = {run.coldest:g} over T = 0 {shown(ratio)}" if below else "; none below T*"
    if caged:
        checks.append(NOT_REPRODUCED if late else NOT_DECIDED)
    return Finding(worst(checks), text, (run.basis,), slope, run.decides())


def _slope(msd: xr.DataArray, last: float) -> Measured:
    """d log MSD/d log t from t = 10 on."""
    return measured_in(power_law(msd, between=(10.0, last)), "exponent")


def _to_frozen(run: Relaxed, msd: xr.DataArray) -> Measured:
    """The mean square displacement at the end at the coldest temperature over that at T = 0, origin by origin."""
    ends = (run.at(msd.isel(time=-1), one).dropna("replica") for one in (run.coldest, 0.0))
    at = [dict(zip(one["origin"].values.tolist(), one.values.tolist(), strict=True)) for one in ends]
    shared = sorted(set(at[0]) & set(at[1]))
    logs = np.log([at[0][one] / at[1][one] for one in shared])
    return measured(estimate(logs, np.array(shared, dtype=np.int64)))[0].exp()


def _within(found: Measured, low: float, high: float) -> Verdict:
    if found.within(low, high):
        return REPRODUCED
    return NOT_REPRODUCED if found.low > high or found.high < low else NOT_DECIDED


def sgd_level(evidence: Evidence) -> Finding:
    """Claim C12: where SGD is localised, beside the bowl of its noise summed over whole epochs."""
    sgd = evidence.sgd
    if sgd is None:
        return Finding(NOT_DECIDED, "no run of SGD's displacement", decides=after_long_quench("sgd_displacement"))
    # All rows in permuted order are gradient descent, without noise.
    sgd = replace(
        sgd, records={key: r for key, r in sgd.records.items() if key != ("permutation", r.data.attrs["n_samples"])}
    )
    settled = {}
    for key, record in sgd.records.items():
        if (found := _at_rest(record, sgd.l2)) is not None:
            settled[key] = found
    permuted = sorted(size for sampling, size in settled if sampling == "permutation")
    text = f"levels that are stationary long enough at b = {listed(permuted)}"
    drawn = [size for size in permuted if ("replacement", size) in settled]
    unclear = Finding(NOT_DECIDED, text, (sgd.basis,), decides=reproduce("fig5d", "workstation"))
    if not permuted:
        return _never_at_rest(sgd, unclear)
    rest = settled["permutation", permuted[0]]
    level = rest.level
    text += f"; at b = {permuted[0]} level {shown(level)}, at whole epochs {shown(rest.whole)}, bowl {rest.bowl:.3g}"
    if not level.within(SGD_LEVEL / 3, SGD_LEVEL * 3):
        off = level.low > SGD_LEVEL * 3 or level.high < SGD_LEVEL / 3
        if off:
            return Finding(NOT_REPRODUCED, text, (sgd.basis,), level)
        return replace(unclear, found=text, measured=level)
    if rest.in_bowl != REPRODUCED:
        if rest.in_bowl == NOT_REPRODUCED:
            text += ": noise summed over epochs in the bowl of l2 does not give it"
            return Finding(EXPLAINED, text, (sgd.basis,), level)
        return replace(unclear, found=text, measured=level)
    if not drawn:
        return replace(unclear, found=f"{text}; no control with replacement is stationary", measured=level)
    control = settled["replacement", drawn[0]]
    text += f"; with replacement, b = {drawn[0]}: at whole epochs {shown(control.whole)}, bowl {control.bowl:.3g}"
    if control.in_bowl == NOT_DECIDED:
        return replace(unclear, found=text, measured=level)
    return Finding(REPRODUCED if control.in_bowl == REPRODUCED else EXPLAINED, text, (sgd.basis,), level)


def _never_at_rest(sgd: Measurements, unclear: Finding) -> Finding:
    """The finding where no batch size has come to rest."""
    sizes = [size for sampling, size in sgd.records if sampling == "permutation"]
    if not sizes:
        return unclear
    smallest = min(sizes)
    record = sgd.records["permutation", smallest]
    msd = _displacement(record).dropna("replica")
    if not msd.size:
        return unclear
    last = float(msd["time"][-1])
    times = last * _rate(record, sgd.l2)
    slope = measured_in(power_law(msd.where(msd > 0), between=(last / 3.0, last)), "exponent")
    end = measured(estimate(msd.isel(time=-1).values, msd["origin"].values))[0]
    text = f"{unclear.found}; at b = {smallest} {shown(end)} after {times:.3g}/(mu l2), growing as t^{shown(slope)}"
    grows = sgd.quench_steps >= QUENCH and times >= _LONG_SETTLED and slope.low > _GROWS
    return replace(unclear, verdict=NOT_REPRODUCED if grows else NOT_DECIDED, found=text, measured=end)


@dataclass(frozen=True)
class _Rest:
    """Stationary levels of the mean square displacement, at all save times and at whole epochs, and the bowl's."""

    level: Measured
    whole: Measured
    bowl: float

    @property
    def in_bowl(self) -> Verdict:
        """Whether the bowl of l2 is what holds the weights."""
        return _within(self.whole, self.bowl / 2, self.bowl * 2)


def _at_rest(record: Record, l2: float) -> _Rest | None:
    """Where weights are at rest under SGD; None where they are not yet."""
    dynamics, data = record.dynamics, record.data
    assert isinstance(dynamics, Sgd)
    epoch = int(data.attrs["n_samples"]) // dynamics.batch_size
    msd = _displacement(record)
    whole = msd.isel(time=np.flatnonzero(msd["time"].values % epoch == 0))
    rate = _rate(record, l2)
    early = whole.sel(time=slice(None, 0.1 / rate))
    if early.sizes["time"] < 2 or float(whole["time"][-1]) * rate < _SETTLED:
        return None
    times = np.asarray(early["time"].values, dtype=np.float64)
    growth = fit_line(times, ensemble_mean(early)["mean"].values.reshape(-1))[0]
    found = [long_time_level(one.where(one > 0)) for one in (msd.sel(time=slice(epoch, None)), whole)]
    if not all(one["outcome"].item() == STATIONARY for one in found) or not np.isfinite(growth):
        return None
    level, at_epochs = (measured_in(one, "level") for one in found)
    return _Rest(level, at_epochs, growth / rate)


def _displacement(record: Record) -> xr.DataArray:
    """From the last waiting time, as far as it was meant to go."""
    wait = int(record.data["waiting_time"][-1])
    until = int(record.data.attrs["until"]) - wait
    return mean_square_displacement(record).sel(waiting_time=wait, time=slice(None, until))


def _rate(record: Record, l2: float) -> float:
    """Rate of the bowl's decay, per step."""
    return float(record.data["learning_rate"].values.flat[0]) * l2
