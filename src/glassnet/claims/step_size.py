"""What belongs to the step size: claim C13."""

from __future__ import annotations

from typing import Final

import numpy as np
import xarray as xr

from glassnet.analysis.groups import origins
from glassnet.analysis.intervals import estimate
from glassnet.analysis.measured import Measured, measured
from glassnet.claims.claim import NOT_DECIDED, NOT_REPRODUCED, REPRODUCED, Finding, shown, together
from glassnet.claims.commands import STEP_SIZE, reproduce
from glassnet.claims.evidence import Evidence, Measurements
from glassnet.observables import mean_square_displacement

RULE: Final = (
    "Regularised and underparameterised. An oscillation is the deepest fall of the mean square displacement below "
    "its highest value so far, as a share of that, with every step saved and T <= 1e-6. Reproduced if it is above "
    "0.02 at the largest mu and at the smallest, over the same mu t, less than a fifth of that, with disjoint "
    "intervals. Not reproduced if in a phase it is below 0.02 at the largest mu, or more than half as deep at the "
    "smallest, with intervals; but where displacements at the coldest T grow faster than t^1.5 from the first save "
    "time to the last, weights drift, as after a short quench, past whatever they would oscillate about: that "
    "decides nothing."
)

_WAVY: Final = ("regularised", "underparameterised")
"""Phases in which the paper saw them."""

_LEAST: Final = 0.02
_COLD: Final = 1e-6
_DRIFT: Final = 1.5


def oscillations(evidence: Evidence) -> Finding:
    """Claim C13: they vanish with smaller steps."""
    return together([(phase, _vanish(evidence.steps.get(phase))) for phase in _WAVY])


def _vanish(steps: Measurements | None) -> Finding:
    if steps is None:
        return Finding(NOT_DECIDED, "no run with smaller steps", decides=reproduce(STEP_SIZE))
    cold = sorted({temperature for temperature, _ in steps.records if temperature <= _COLD})
    rates = sorted({rate for temperature, rate in steps.records if temperature in cold[-1:]})
    if len(rates) < 2:
        text = "two learning rates at T <= 1e-6 are needed"
        return Finding(NOT_DECIDED, text, (steps.basis,), decides=reproduce(STEP_SIZE))
    temperature = cold[-1]
    depth = {rate: _depth(mean_square_displacement(steps.records[temperature, rate])) for rate in rates}
    small, large = depth[rates[0]], depth[rates[-1]]
    text = f"T = {temperature:g}: " + ", ".join(f"{shown(one)} at mu = {rate:g}" for rate, one in depth.items())
    if large.high < _LEAST and (slope := _coldest_slope(steps, cold[0])) > _DRIFT:
        text += f"; drift: MSD as t^{slope:.2f} at T = {cold[0]:g}"
        return Finding(NOT_DECIDED, text, (steps.basis,), small, reproduce(STEP_SIZE, "workstation"))
    if large.high < _LEAST or small.low > 0.5 * large.value > 0.0:
        return Finding(NOT_REPRODUCED, text, (steps.basis,), small)
    if large.low > _LEAST and small.value < 0.2 * large.value and small.high < large.low:
        return Finding(REPRODUCED, text, (steps.basis,), small)
    return Finding(NOT_DECIDED, text, (steps.basis,), small, reproduce(STEP_SIZE, "workstation"))


def _coldest_slope(steps: Measurements, temperature: float) -> float:
    largest = max(rate for one, rate in steps.records if one == temperature)
    return _slope(mean_square_displacement(steps.records[temperature, largest]))


def _slope(msd: xr.DataArray) -> float:
    """d log MSD/d log t of the mean between the first save time and the last."""
    mean = msd.isel(waiting_time=0).mean("replica")
    mean = mean.isel(time=mean["time"].values > 0)
    ends = mean.isel(time=[0, -1])
    rise, span = (float(np.diff(np.log(values))[0]) for values in (ends.values, ends["time"].values))
    return rise / span


def _depth(msd: xr.DataArray) -> Measured:
    """Deepest fall of each replica's curve, averaged."""
    curve = msd.isel(waiting_time=0).dropna("replica")
    values = np.asarray(curve.transpose("replica", "time").values, dtype=np.float64)
    highest = np.maximum.accumulate(values, axis=1)
    fall = np.where(highest > 0, 1.0 - values / np.where(highest > 0, highest, 1.0), 0.0).max(axis=1)
    return measured(estimate(fall, origins(curve)))[0]
