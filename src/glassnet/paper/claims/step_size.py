"""Oscillations that belong to the step size: claim C13."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import xarray as xr

from glassnet.analysis.groups import origins
from glassnet.analysis.intervals import estimate
from glassnet.analysis.measured import Measured, measured
from glassnet.observables import mean_square_displacement
from glassnet.paper.claims.claim import NO_NULL, Finding, Null, Seen, shown, together
from glassnet.paper.claims.commands import STEP_SIZE, after_long_quench, reproduce
from glassnet.paper.claims.evidence import Evidence, Measurements
from glassnet.paper.numbers import LEARNING_RATE, QUENCH

_LEAST: Final = 0.02
_VANISHED, _STAYED = 0.2, 0.5
_COLD: Final = 1e-6
_COLDEST: Final = 1e-8

RULE: Final = (
    "Regularised and underparameterised. An oscillation is the deepest fall of the mean square displacement below "
    f"its highest value so far, as a share of that, with every step saved and T <= {_COLD:g}. Seen if at one T it is "
    f"above {_LEAST:g} at the largest mu and at the smallest, over the same mu t, less than {_VANISHED:g} of that, "
    "with disjoint intervals; then the reading, that the step is the cause, stands, since nothing else was changed. "
    f"Not seen if in a phase it is more than {_STAYED:g} times as deep at the smallest, with intervals, or if networks "
    f"quenched for the scripts' {QUENCH:.2g} steps or more have it below {_LEAST:g} at mu = {LEARNING_RATE:g} or more "
    f"at every T, one of them {_COLDEST:g} or colder. After a shorter quench that decides nothing: weights may drift "
    "past whatever they would oscillate about."
)

_WAVY: Final = ("regularised", "underparameterised")
"""Phases in which the paper saw them."""

_VANISHES: Final = "vanishes"
_STAYS: Final = "stays"
_ABSENT: Final = "absent"
_UNCLEAR: Final = "unclear"


def oscillations(evidence: Evidence) -> Finding:
    """Claim C13: they vanish with smaller steps."""
    return together([(phase, _vanish(phase, evidence.steps.get(phase))) for phase in _WAVY])


def _vanish(phase: str, steps: Measurements | None) -> Finding:
    longer = after_long_quench(f"step_size --phase {phase}")
    if steps is None:
        return Finding("undecided", "no run with smaller steps", decides=longer)
    cold = sorted({temperature for temperature, _ in steps.records if temperature <= _COLD}, reverse=True)
    found = [one for temperature in cold if (one := _at(steps, temperature)) is not None]
    if not found:
        text = "two learning rates at T <= 1e-6 are needed"
        return Finding("undecided", text, (steps.basis,), decides=longer)
    states = [one.state for one in found]
    seen: Seen
    if _STAYS in states:
        seen, shows = "no", found[states.index(_STAYS)]
    elif _VANISHES in states:
        seen, shows = "yes", found[states.index(_VANISHES)]
    elif set(states) == {_ABSENT} and _as_in_the_paper(steps, found):
        seen, shows = "no", found[0]
    else:
        seen, shows = "undecided", found[0]
    text = "; ".join(one.text for one in found) + f"; after {steps.quench_steps:.3g} steps of SGD"
    cause = Null(reading="stands") if seen == "yes" else NO_NULL
    return Finding(seen, text, (steps.basis,), shows.small, reproduce(STEP_SIZE, "workstation"), cause)


@dataclass(frozen=True)
class _Wave:
    """Change of displacements at a temperature as steps become smaller, and how deep they fall at the smallest."""

    temperature: float
    rate: float
    state: str
    small: Measured
    text: str


def _as_in_the_paper(steps: Measurements, found: list[_Wave]) -> bool:
    """Whether what is not there should have been: quench, step and temperatures are those of the paper."""
    coarse = min(one.rate for one in found) >= LEARNING_RATE
    return coarse and steps.quench_steps >= QUENCH and min(one.temperature for one in found) <= _COLDEST


def _at(steps: Measurements, temperature: float) -> _Wave | None:
    """None without two learning rates."""
    curves = {
        rate: mean_square_displacement(record) for (one, rate), record in steps.records.items() if one == temperature
    }
    if len(curves) < 2:
        return None
    depth = {rate: _depth(curves[rate]) for rate in sorted(curves)}
    rate = max(depth)
    small, large = depth[min(depth)], depth[rate]
    text = f"T = {temperature:g}: " + ", ".join(f"{shown(one)} at mu = {rate:g}" for rate, one in depth.items())
    if large.high < _LEAST:
        return _Wave(temperature, rate, _ABSENT, small, text)
    if small.low > _STAYED * large.value > 0.0:
        return _Wave(temperature, rate, _STAYS, small, text)
    vanishes = large.low > _LEAST and small.value < _VANISHED * large.value and small.high < large.low
    return _Wave(temperature, rate, _VANISHES if vanishes else _UNCLEAR, small, text)


def _depth(msd: xr.DataArray) -> Measured:
    """Deepest fall of each replica's curve, averaged."""
    curve = msd.isel(waiting_time=0).dropna("replica")
    values = np.asarray(curve.transpose("replica", "time").values, dtype=np.float64)
    highest = np.maximum.accumulate(values, axis=1)
    fall = np.where(highest > 0, 1.0 - values / np.where(highest > 0, highest, 1.0), 0.0).max(axis=1)
    return measured(estimate(fall, origins(curve)))[0]
