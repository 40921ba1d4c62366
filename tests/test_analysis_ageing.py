"""The ageing exponent, on overlaps that collapse with a known one."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from analysis_curves import Floats, coverage_tolerance, curves

import glassnet as gn
from glassnet.analysis import ageing_exponent

TIMES = gn.log_times(20_000)
WAITS = np.array([200, 500, 1000, 2000, 5000])


def ageing(exponent: Floats, scale: float = 20.0, waits: Floats = WAITS) -> xr.DataArray:
    """exp(-sqrt(t/tau)), tau = scale (t_w/1000)^exponent, an exponent an origin."""
    tau = scale * (waits[:, None] / 1000.0) ** exponent
    q = np.exp(-np.sqrt(TIMES / tau[..., None]))
    each = [curves(one, TIMES).assign_coords(waiting_time=[wait]) for one, wait in zip(q, waits, strict=True)]
    return xr.concat(each, "waiting_time").transpose("replica", "waiting_time", "time")


@pytest.mark.parametrize(
    ("exponent", "outcome"), [(0.0, "does not age"), (0.6, "ages"), (1.0, "ages"), (-0.5, "not decided")]
)
def test_exponent(exponent: float, outcome: str) -> None:
    found = ageing_exponent(ageing(np.full(4, exponent)))
    # Curves are compared by linear interpolation between save times.
    assert found.exponent.item() == pytest.approx(exponent, abs=2e-3)
    assert found.outcome.item() == outcome
    assert found.spread.item() < 0.01
    assert exponent == 0.0 or found.spread_at_zero.item() > 0.2


@pytest.mark.parametrize("n", [4, 8])
def test_coverage(n: int) -> None:
    trials, rng = 40, np.random.default_rng(n)
    hits = 0
    for _ in range(trials):
        found = ageing_exponent(ageing(rng.normal(0.5, 0.05, n), waits=WAITS[::2]))
        hits += found.exponent_low.item() <= 0.5 <= found.exponent_high.item()
    assert hits / trials > 0.95 - coverage_tolerance(trials)


def test_scatter_is_not_decided() -> None:
    found = ageing_exponent(ageing(np.array([-0.6, 0.9, 0.1])))
    assert found.outcome.item() in ("not decided", "no collapse")
    alone = ageing_exponent(ageing(np.array([0.5])))
    assert alone.outcome.item() == "not decided"
    assert alone.exponent.item() == pytest.approx(0.5, abs=2e-3)


def test_what_cannot_collapse_is_said() -> None:
    """A floor that grows with t_w is no shift of time."""
    floor = xr.DataArray(np.linspace(0.0, 0.6, 5), dims="waiting_time")
    q = ageing(np.full(4, 0.5))
    found = ageing_exponent(q.where(q > floor, floor))
    assert found.outcome.item() == "no collapse"
    assert np.isfinite(found.exponent.item())


def test_weak_data() -> None:
    q = ageing(np.full(4, 0.5))
    assert ageing_exponent(q.isel(waiting_time=[0, 1])).outcome.item() == "too few waiting times"
    assert ageing_exponent(ageing(np.full(4, 0.5), scale=1e8)).outcome.item() == "no decay"
    zero = q.assign_coords(waiting_time=[0, 1, 2, 3, 4])
    assert ageing_exponent(zero.isel(waiting_time=slice(0, 3))).outcome.item() == "too few waiting times"
    for wrong in ({"decay": 1.0}, {"lowest": 0.0}, {"lowest": 0.9}, {"decay": np.nan}):
        with pytest.raises(ValueError, match="lowest and decay must be 0 < lowest < decay < 1, but got"):
            ageing_exponent(q, **wrong)
    with pytest.raises(ValueError, match="resolution must be a finite number > 0, but got -1"):
        ageing_exponent(q, resolution=-1)
    with pytest.raises(ValueError, match="q must have the dimension waiting_time"):
        ageing_exponent(q.isel(waiting_time=0))


def test_temperatures_apart() -> None:
    hot, cold = ageing(np.full(3, 0.0)), ageing(np.full(3, 0.7))
    both = xr.concat([hot, cold], "replica").assign_coords(temperature=("replica", [0.1] * 3 + [1e-6] * 3))
    found = ageing_exponent(both)
    assert found.temperature.values.tolist() == [1e-6, 0.1]
    assert found.outcome.values.tolist() == ["ages", "does not age"]
    np.testing.assert_allclose(found.exponent, [0.7, 0.0], atol=2e-3)
