"""Jackknifed intervals and power laws, on curves whose exponents are known."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from analysis_curves import Floats, coverage_tolerance, curves
from numpy.typing import ArrayLike

import glassnet as gn
from glassnet.analysis import Measured, jackknife, power_law, power_law_across
from glassnet.analysis.intervals import estimate
from glassnet.analysis.measured import measured

TIMES = gn.log_times(10_000)


def test_jackknife_of_a_mean_is_students() -> None:
    x, origin = np.random.default_rng(0).random(7), np.arange(7)
    one, two = jackknife(lambda kept: x[kept].mean(), origin), estimate(x, origin)
    np.testing.assert_allclose([one.mean, one.standard_error], [two.mean, two.standard_error], rtol=1e-12)
    alone = measured(jackknife(lambda kept: x[kept].mean(), np.zeros(7, int)))[0]
    assert np.isnan([alone.low, alone.high]).all()
    assert not alone.excludes(1e9)
    assert not alone.within(-1e9, 1e9)


def test_measured_says_what_it_excludes() -> None:
    one = Measured(1.0, 0.5, 2.0, 4)
    assert one.excludes(2.1)
    assert not one.excludes(0.5)
    assert one.within(0.5, 2.0)
    assert not one.within(0.6, 3.0)
    np.testing.assert_allclose([one.exp().value, one.exp().low], np.exp([1.0, 0.5]))


def log_of_mean(sample: Floats) -> Measured:
    return measured(jackknife(lambda kept: np.log(sample[kept].mean()), np.arange(len(sample))))[0]


@pytest.mark.parametrize("n", [4, 6, 16])
def test_coverage_of_a_nonlinear_statistic(n: int) -> None:
    """The log of a mean of log-normal numbers: not a mean itself, so that the jackknife is only nearly Student's."""
    trials = 3000
    x = np.exp(0.3 * np.random.default_rng(n).standard_normal((trials, n)))
    truth = 0.3**2 / 2
    hits = [not log_of_mean(sample).excludes(truth) for sample in x]
    # Skewness costs up to 1.5 points at a spread of 30 %, as it does the interval of relaxation times.
    assert np.mean(hits) > 0.935 - coverage_tolerance(trials)
    assert np.mean(hits) < 0.95 + coverage_tolerance(trials)


def test_exact_power_laws_by_temperature() -> None:
    exponent = np.array([-0.5, 1.0])
    y = np.array([[[3.0 * TIMES**p] * 3] for p in exponent]).reshape(2, 3, -1)
    found = power_law(curves(y, TIMES, [0.1, 0.01]))
    assert found.temperature.values.tolist() == [0.01, 0.1]
    np.testing.assert_allclose(found.exponent, exponent[::-1], atol=1e-12)
    np.testing.assert_allclose(found.prefactor, 3.0, rtol=1e-12)
    np.testing.assert_allclose(found.exponent_low, found.exponent, atol=1e-12)
    np.testing.assert_allclose(found.exponent_of_replica, np.repeat(exponent, 3), atol=1e-12)
    assert found.outcome.values.tolist() == ["power law"] * 2
    assert found.time_low.values.tolist() == [TIMES[0]] * 2
    assert found.time_high.values.tolist() == [10_000] * 2
    assert found.n_origins.values.tolist() == [3, 3]


def test_the_range_is_found() -> None:
    """A displacement that relaxes, 1 - exp(-t/500): straight within 5 % until about t/500 = 0.2."""
    found = power_law(curves([-np.expm1(-TIMES / 500)] * 2, TIMES))
    assert found.outcome.item() == "power law"
    assert found.time_low.item() == 1
    # log(1 - exp(-x)) = log x - x/2: at x = 0.2 it is off the slope of 1 by 0.1, twice the tolerance, and a line
    # can share that out on both sides; at x = 0.6 it cannot.
    assert 100 <= found.time_high.item() <= 300
    assert found.exponent.item() == pytest.approx(1.0, abs=0.04)

    chosen = power_law(curves([-np.expm1(-TIMES / 500)] * 2, TIMES), between=(1, 10_000))
    assert chosen.outcome.item() == "not a power law"
    assert np.isfinite(chosen.exponent.item())
    none = power_law(curves([np.exp(-TIMES / 500) + 1e-300] * 2, TIMES[:]), decades=3.9)
    assert none.outcome.item() == "no range is a power law"
    assert np.isnan(none.exponent.item())


def noisy(y: ArrayLike, n: int, noise: float, rng: np.random.Generator) -> xr.DataArray:
    """Replicas of y that differ by a factor, and at each time by noise that replicas and times do not share."""
    return curves(
        np.asarray(y) * np.exp(0.1 * rng.standard_normal((n, 1)) + noise * rng.standard_normal((n, len(TIMES)))), TIMES
    )


@pytest.mark.parametrize("n", [3, 6, 16])
def test_a_noisy_power_law_is_one(n: int) -> None:
    """With points judged one by one, four of five of these would have one that is beyond its own error."""
    rng, trials = np.random.default_rng(n), 60
    ends = float(TIMES[0]), float(TIMES[-1])
    laws = [power_law(noisy(TIMES**-0.5, n, 0.2, rng), between=ends)["outcome"].item() for _ in range(trials)]
    assert laws.count("power law") / trials > 0.95 - coverage_tolerance(trials)
    bent = np.where(TIMES < 100, (TIMES / 100) ** -0.2, (TIMES / 100) ** -1.0)
    others = [power_law(noisy(bent, n, 0.1, rng), between=ends)["outcome"].item() for _ in range(10)]
    assert others == ["not a power law"] * 10


def test_the_range_is_found_through_noise() -> None:
    rng = np.random.default_rng(3)
    bent = np.where(TIMES < 300, (TIMES / 300) ** -0.2, (TIMES / 300) ** -1.0)
    found = [power_law(noisy(bent, 6, 0.1, rng)) for _ in range(10)]
    assert all(one.outcome.item() == "power law" and one.time_low.item() < 3 for one in found)
    assert 200 < np.median([one.time_high.item() for one in found]) < 500
    assert np.median([one.exponent.item() for one in found]) == pytest.approx(-0.2, abs=0.02)


def test_a_range_is_found_on_the_papers_grid() -> None:
    """3180 save times have 5 million ranges: only ends that are well apart are tried."""
    ends = []
    for times in (gn.paper_times(300_000), gn.log_times(300_000)):
        found = power_law(curves([-np.expm1(-times / 50_000)] * 2, times))
        assert found.time_low.item() == 1
        ends.append(found.time_high.item())
    assert ends[0] == pytest.approx(ends[1], rel=0.15)


def test_the_save_grid_does_not_matter() -> None:
    """A curved log-log curve has one slope whether saved in logarithmic steps or in the paper's dense ones."""
    dense = np.unique(np.concatenate([np.arange(1, 101), np.arange(110, 1001, 10), np.arange(1100, 10_001, 100)]))
    slopes = []
    for times in (TIMES, dense):
        y = np.exp(-0.05 * np.log(times) ** 2)
        slopes.append(power_law(curves([y, y], times), between=(1, 10_000)).exponent.item())
    # Continuous: the least-squares slope of -0.05 x^2 over 0 to L is -0.05 L.
    np.testing.assert_allclose(slopes, -0.05 * np.log(1e4), rtol=0.02)


@pytest.mark.parametrize("n", [4, 8])
def test_coverage_of_exponents(n: int) -> None:
    trials, rng = 400, np.random.default_rng(n)
    times = TIMES[(TIMES >= 10) & (TIMES <= 1000)][::3]
    hits = 0
    for _ in range(trials):
        p, a = rng.normal(-0.5, 0.02, n), rng.normal(0.0, 0.02, n)
        y = np.exp(a[:, None] + p[:, None] * np.log(times / 100.0))
        found = power_law(curves(y, times), between=(10, 1000))
        hits += found.exponent_low.item() <= -0.5 <= found.exponent_high.item()
    assert hits / trials == pytest.approx(0.95, abs=coverage_tolerance(trials))


def test_what_one_temperature_lacks_the_others_keep() -> None:
    """alpha_2 where nothing moves, the end of a run that was shorter: NaN, and nobody was lost."""
    y = np.array([[np.where(TIMES > 30, np.nan, TIMES**0.5)] * 3, [TIMES**1.0] * 3])
    found = power_law(curves(y, TIMES, [0.0, 0.1]), between=(1, 10_000))
    assert found.time_high.values.tolist() == [30, TIMES[-1]]
    np.testing.assert_allclose(found.exponent, [0.5, 1.0])


def test_curves_that_are_none() -> None:
    q = curves([TIMES**-0.5] * 2, TIMES)
    with pytest.raises(ValueError, match="time must increase, but 10000 is followed by"):
        power_law(q.isel(time=slice(None, None, -1)))
    with pytest.raises(ValueError, match="time must increase, but 1 is followed by 1"):
        power_law(q.isel(time=[0, 0, 1, 2]))
    with pytest.raises(ValueError, match="at least one replica, but has none"):
        power_law(q.isel(replica=[]))
    with pytest.raises(ValueError, match="tolerance must be >= 0 and decades > 0, but got nan"):
        power_law(q, tolerance=np.nan)


def test_lost_replicas_and_bad_input() -> None:
    y = np.array([TIMES**-0.5, TIMES**-0.5, np.where(TIMES > 100, np.nan, TIMES**2.0)])
    q = curves(y, TIMES, lost_at=[-1, -1, 150])
    found = power_law(q)
    assert found.exponent.item() == pytest.approx(-0.5)
    assert found.n_origins.item() == 2
    assert np.isnan(found.exponent_of_replica[2])
    assert power_law(q, between=(3.1, 4.5)).outcome.item() == "too few points"
    with pytest.raises(ValueError, match="between must be two increasing times > 0"):
        power_law(q, between=(10, 10))
    with pytest.raises(ValueError, match="curve must have one waiting_time, but has 2: pick one"):
        power_law(xr.concat([q, q.assign_coords(waiting_time=[200])], "waiting_time"))
    with pytest.raises(ValueError, match="curve must be of one l2"):
        power_law(q.assign_coords(l2=("replica", [0.1, 0.2, 0.1])))


def per_temperature(logs: Floats, temperatures: list[float]) -> xr.DataArray:
    """``(temperature, origin)`` as numbers ``(replica,)``."""
    n = logs.shape[1]
    coords = {
        "temperature": ("replica", np.repeat(temperatures, n)),
        "origin": ("replica", np.tile(np.arange(n), len(temperatures))),
    }
    return xr.DataArray(np.exp(logs).ravel(), coords, ("replica",))


def test_across_temperatures() -> None:
    rng, temperatures = np.random.default_rng(1), [0.0, 1e-3, 1e-2, 1e-1, 1.0]
    with np.errstate(divide="ignore"):
        x = np.log(temperatures)[:, None]
    common = rng.normal(0.0, 0.5, 5)
    logs = 2.0 - np.where(np.isfinite(x), x, 0.0) + common
    exact = power_law_across(per_temperature(logs, temperatures))
    # What origins share at all temperatures moves the prefactor and not the exponent.
    assert exact.exponent.value == pytest.approx(-1.0)
    assert exact.exponent.high - exact.exponent.low < 1e-9
    assert exact.prefactor.value == pytest.approx(np.exp(2.0 + common.mean()))
    assert (exact.low, exact.high, exact.n_points, exact.outcome) == (1e-3, 1.0, 4, "power law")

    censored = logs.copy()
    censored[3, 2] = np.nan
    assert power_law_across(per_temperature(censored, temperatures)).n_points == 3
    assert power_law_across(per_temperature(logs, temperatures), between=(1e-3, 1e-2)).outcome == "too few points"
    bent = per_temperature(np.where(x < np.log(5e-2), 0.0, logs - common), temperatures)
    assert power_law_across(bent).outcome == "not a power law"
    with pytest.raises(ValueError, match="between must be two increasing numbers"):
        power_law_across(per_temperature(logs, temperatures), between=(1.0, 1e-3))
    with pytest.raises(ValueError, match="with a coordinate 'chi' on it"):
        power_law_across(per_temperature(logs, temperatures), by="chi")
    with pytest.raises(ValueError, match="values must be > 0 or NaN, but got -1"):
        power_law_across(-per_temperature(0.0 * logs, temperatures))
