"""The null of drift plus diffusion: exact where it must hold, wrong where cages or ageing are real.

Given the displacements d_i at T = 0, a measured overlap is a mean of N n independent shares with chances q_i, whose
standard error is at most sqrt(Q (1 - Q)/(N n)); a mean of (d + g)^2 has the variance (2 s^4 + 4 s^2 <d^2>)/(N n).
Both are held to five standard errors (a chance of 6e-7 each).
"""

from __future__ import annotations

from functools import partial
from typing import Any

import control_records as made
import numpy as np
import pytest
import xarray as xr
from conftest import flat_landscape
from control_records import LEARNING_RATE, N_ORIGINS, N_SAMPLES, N_WEIGHTS, recorded
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from small_records import measured as small

import glassnet as gn
from glassnet.analysis.intervals import estimate
from glassnet.analysis.measured import Measured, measured
from glassnet.theory import brownian, drift, drift_null, power_curvature, quadratic_well

DRAWS = N_WEIGHTS * N_ORIGINS
WARM, HOT, CHI = 0.005, 0.05, 10
BATH = {"learning_rate": LEARNING_RATE, "n_samples": N_SAMPLES}


def log_ratio(record: gn.Record, null: xr.Dataset, chi: float, **at: Any) -> Measured:
    """log(tau_90 measured/tau_90 of the null), paired by initial condition."""
    where = np.flatnonzero(record.data["temperature"].values == at["temperature"])
    q = gn.overlap(record, chi=chi).sel(time=null.time)
    seen, expected = (
        gn.relaxation_time(one.isel(replica=where)).sel(waiting_time=at["waiting_time"]).tau.values
        for one in (q, null.overlap)
    )
    return measured(estimate(np.log(seen / expected), record.data["origin"].values[where]))[0]


def assert_alike(record: gn.Record, null: xr.Dataset) -> None:
    """Overlap and displacement of every condition, waiting time and time within five standard errors of the null."""
    q = gn.ensemble_mean(gn.overlap(record, chi=CHI).sel(time=null.time))["mean"]
    low, high, expected = (gn.ensemble_mean(null[f"overlap{end}"])["mean"] for end in ("_low", "_high", ""))
    error = 5 * np.sqrt(np.maximum(expected * (1 - expected), 0.0) / DRAWS) + 5 / DRAWS
    assert bool(((q >= low - error) & (q <= high + error)).all())
    msd, of_null, s2 = (
        gn.ensemble_mean(one)["mean"]
        for one in (
            gn.mean_square_displacement(record).sel(time=null.time),
            null.mean_square_displacement,
            null.noise_variance,
        )
    )
    error = 5 * np.sqrt((2 * s2**2 + 4 * s2 * (of_null - s2)) / DRAWS)
    assert bool((abs(msd - of_null) <= error + 1e-12 * of_null).all())


# What the null must explain


def test_free_diffusion_is_its_own_null() -> None:
    record = recorded(made.Free, temperatures=[HOT, WARM, 0.0], sigma=0.05, chi=[CHI], waiting_times=[0, 1000])
    null = drift_null(record, chi=CHI)
    assert_alike(record, null)
    hot = null.isel(replica=0)
    epsilon = float(record.data["sigma"][0]) / CHI
    exact = brownian.overlap(null.time.values, epsilon=epsilon, temperature=HOT, **BATH)
    assert np.allclose(hot.overlap, exact, atol=1e-12)
    assert np.allclose(hot.overlap_low, hot.overlap_high, atol=1e-12)
    assert np.allclose(hot.non_gaussian, 0.0, atol=1e-12)
    for temperature in (WARM, HOT):
        assert not log_ratio(record, null, CHI, temperature=temperature, waiting_time=1000).excludes(0.0)


def test_drift_and_diffusion_in_a_bowl_are_their_own_null() -> None:
    """1/(mu l2) = 1000 steps, so that times to 2000 feel the bowl; the null has power there."""
    record = recorded(
        made.Bowl, temperatures=[HOT, WARM, 0.0], sigma=0.05, chi=[CHI], l2=1.0, waiting_times=[100, 1000]
    )
    null = drift_null(record, chi=CHI)
    assert_alike(record, null)
    # The exact overlap, each weight's own drift known, shows that bins move the null by less than the measurement's.
    cold = record.references[0, -N_ORIGINS:] / (1 - LEARNING_RATE) ** 100
    for replica in (0, N_ORIGINS):
        exact = quadratic_well.overlap(
            null.time.values[:, None],
            epsilon=float(record.data["sigma"][replica]) / CHI,
            stiffness=1.0,
            temperature=float(record.data["temperature"][replica]),
            initial_offset=cold[0],
            waiting_time=100,
            step="discrete",
            **BATH,
        ).mean(axis=1)
        assert np.allclose(null.overlap.isel(replica=replica, waiting_time=0), exact, atol=2e-3)
    for temperature in (WARM, HOT):
        assert not log_ratio(record, null, CHI, temperature=temperature, waiting_time=100).excludes(0.0)


def test_the_engine_in_the_bowl_of_l2_agrees_with_the_null() -> None:
    landscape = flat_landscape(n_samples=7, l2=1.9)
    start = gn.Ensemble.random(landscape.network, 60).repeat(noise=[0, 1])
    langevin = gn.Langevin([2e-2] * 60 + [0.0] * 60, 0.1)
    record = gn.measure(start, landscape, langevin, waiting_times=[3], times=gn.log_times(20), chi=[5])
    null = drift_null(record, chi=5)
    n = 60 * landscape.network.n_weights
    q, expected = (
        gn.ensemble_mean(one)["mean"].isel(temperature=1)
        for one in (gn.overlap(record, chi=5).sel(time=null.time), null.overlap)
    )
    assert bool((abs(q - expected) < 5 * np.sqrt(expected * (1 - expected) / n) + 5 / n).all())


# What it must not explain


def test_true_cages_are_not_explained() -> None:
    """Wells of stiffness 20 relax in 50 steps, within the null's tau_90 of 1.66/(mu h) = 83: it has power there."""
    stiffness, temperature = 20.0, 1.0
    width = np.sqrt(temperature / (stiffness * N_SAMPLES))
    chi = 1.0 / (3.0 * width)
    cages = partial(made.Cages, stiffness=stiffness)
    times = gn.log_times(20_000).tolist()
    record = recorded(
        cages, temperatures=[temperature, 0.0], sigma=1.0, chi=[chi], waiting_times=[0, 1000], times=times
    )
    null = drift_null(record, chi=chi)
    found = log_ratio(record, null, chi, temperature=temperature, waiting_time=1000)
    assert found.low > np.log(10)
    tau = gn.relaxation_time(null.overlap).estimate.sel(waiting_time=1000, temperature=temperature)
    assert float(tau) == pytest.approx(1.66 / (LEARNING_RATE * stiffness), rel=0.1)  # sigma differs by 1/sqrt(2 N)
    assert power_curvature(tau, learning_rate=LEARNING_RATE) < stiffness
    msd = gn.ensemble_mean(gn.mean_square_displacement(record).sel(time=null.time))["mean"]
    at = {"waiting_time": 1000, "time": 500, "temperature": temperature}
    # The plateau, and the hops of 1 that have been made: 500 steps of 1e5, known to 5/sqrt(0.005 N n) = 0.7 of them.
    assert float(msd.sel(at)) == pytest.approx(2 * width**2 + 0.005, abs=0.7 * 0.005 + 5e-5)
    assert float(gn.ensemble_mean(null.mean_square_displacement)["mean"].sel(at) / msd.sel(at)) > 1.5
    alpha = gn.ensemble_mean(gn.non_gaussian(record).sel(time=null.time))["mean"].sel(at)
    assert float(alpha) > 10 * abs(float(gn.ensemble_mean(null.non_gaussian)["mean"].sel(at))) + 1


def test_true_ageing_is_not_explained() -> None:
    """Traps with ~ t^-3/2: P(no jump between t_w and t_w + t) = 2/pi arcsin sqrt(t_w/(t_w + t)) (Dynkin 1961)."""
    temperature, waits = 3e-3, (1_000, 10_000)  # the null's tau_90 is 92 at both, between theirs
    record = recorded(made.Traps, temperatures=[temperature, 0.0], sigma=0.05, chi=[CHI], waiting_times=waits)
    null = drift_null(record, chi=CHI)
    q = gn.overlap(record, chi=CHI).sel(time=null.time)
    seen, expected = (gn.relaxation_time(one).sel(temperature=temperature) for one in (q, null.overlap))
    law = 1 / np.sin(0.45 * np.pi) ** 2 - 1
    for k, waited in enumerate(waits):
        # Five standard errors of Q = 0.9 are 0.015, d log tau/dQ is 2/0.1: 30 %, and traps of 1 step add 1/sqrt(t_w).
        assert float(seen.estimate[k]) == pytest.approx(law * waited, rel=0.33)
    ageing, of_null = (np.log(one.estimate[1] / one.estimate[0]).item() for one in (seen, expected))
    assert of_null == pytest.approx(0.0, abs=1e-9)
    assert ageing == pytest.approx(np.log(10), abs=0.4)
    young, old = (log_ratio(record, null, CHI, temperature=temperature, waiting_time=w) for w in waits)
    assert young.excludes(0.0)
    assert old.excludes(0.0)
    assert old.low > young.high


# The formula and its bins


def test_noise_in_the_bowl_and_without_one() -> None:
    l2, t_w, t, temperature = 0.7, 40, 25, 0.3
    a = 1 - LEARNING_RATE * l2
    v = temperature / (l2 * N_SAMPLES) / (1 - LEARNING_RATE * l2 / 2)
    expected = v * ((1 - a ** (2 * t_w)) * (1 - a**t) ** 2 + 1 - a ** (2 * t))
    found = drift.noise_variance(t, waiting_time=t_w, l2=[l2, 0.0, 2100.0], temperature=temperature, **BATH)
    assert np.allclose(found[0], expected, rtol=1e-12)
    assert np.allclose(found[1], 2 * LEARNING_RATE * temperature / N_SAMPLES * t, rtol=1e-12)
    assert np.isnan(found[2])
    # In a bowl of 0.01 free diffusion alone is 2 times too large at 1e5 steps, 4.6 times at 3e5.
    paper = {"temperature": 1e-3, "learning_rate": 1e-3, "n_samples": 60_000}
    times = np.array([100_000, 300_000])
    free, bowl = (drift.noise_variance(times, waiting_time=20_000, l2=l2, **paper) for l2 in (0.0, 0.01))
    assert np.allclose(free / bowl, [2.0, 4.6], rtol=0.06)


@settings(max_examples=15)
@given(
    st.floats(-14, 1.2),
    st.floats(0.01, 2),
    st.sampled_from([0.0, 0.1, 0.9]),
    st.floats(-9, 3),
    st.floats(0.5, 1e4),
    st.integers(0, 2**32 - 1),
)
def test_bins_bound_the_overlap(
    decade: float, spread: float, still: float, log_t: float, chi: float, seed: int
) -> None:
    """Displacements of either sign, none, below the smallest edge and beyond the largest, against the exact sum."""
    rng = np.random.default_rng(seed)
    by = 10 ** (decade + spread * rng.standard_normal(N_WEIGHTS)) * rng.choice([-1.0, 1.0], N_WEIGHTS)
    by[rng.uniform(size=N_WEIGHTS) < still] = 0.0
    temperature = 10**log_t
    jump = partial(made.Jump, by=by)
    record = recorded(jump, temperatures=[temperature, 0.0], sigma=0.05, times=[1], n_origins=2)
    null = drift_null(record, chi=chi).squeeze(["waiting_time", "time"])
    epsilon = record.data["sigma"].values / chi
    s = np.sqrt(2 * LEARNING_RATE * temperature / N_SAMPLES)
    moved = record.ensemble.weights - record.references[0]
    for r in range(4):
        d = moved[r]
        if r < 2:
            exact = np.mean(norm.cdf((epsilon[r] - d) / s) - norm.cdf((-epsilon[r] - d) / s))
        else:
            exact = np.mean(np.abs(d) <= epsilon[r])
        low, high = float(null.overlap_low[r]), float(null.overlap_high[r])
        assert low - 1e-7 <= exact <= high + 1e-7
        assert low - 1e-7 <= float(null.overlap[r]) <= high + 1e-7
        assert float(null.mean_square_displacement[r]) == pytest.approx(np.mean(d**2) + s**2 * (r < 2), rel=1e-9)
        moments = np.mean(d**2), np.mean(d**4)
        if r < 2:
            fourth = moments[1] + 6 * s**2 * moments[0] + 3 * s**4
            alpha = fourth / (3 * (moments[0] + s**2) ** 2) - 1
            assert float(null.non_gaussian[r]) == pytest.approx(alpha, rel=1e-6, abs=1e-9)
        share = float(null.share_below[r] + null.share_above[r])
        width = np.diff(np.log10(record.data["bin_edge"].values))
        assert share + float((null.mobility[r] * width).sum()) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("widths", [0.05, 0.5, 1.5, 30.0, 2000.0])
def test_weights_spread_evenly_over_one_bin_are_counted_exactly(widths: float) -> None:
    """Their exact sum is the bin's mean to the error of a midpoint rule of N points; s is so many widths of the bin."""
    near, far = 1e-4, 10**0.05 * 1e-4
    by = near + (far - near) * (np.arange(N_WEIGHTS) + 0.5) / N_WEIGHTS
    s = widths * (far - near)
    temperature = s**2 / (2 * LEARNING_RATE / N_SAMPLES)
    record = recorded(partial(made.Jump, by=by), temperatures=[temperature, 0.0], sigma=0.05, times=[1], n_origins=1)
    for epsilon in (1e-9, 0.3 * near, 1.07 * near, near + 3 * s):
        null = drift_null(record, chi=float(record.data["sigma"][0]) / epsilon, mobility=False)
        exact = np.mean(norm.cdf((epsilon - by) / s) - norm.cdf((-epsilon - by) / s))
        # A midpoint rule is off by max |q''| (y - x)^2/24 = 0.24/widths^2/24 where it takes N points: 7e-9 of that.
        tolerance = 1e-6 + 0.01 / widths**2 / N_WEIGHTS**2
        assert null.overlap.values[0, 0, 0] == pytest.approx(exact, abs=tolerance, rel=1e-4)
        assert float(null.overlap.min()) >= 0.0


def test_at_rest_the_null_is_the_record_itself() -> None:
    record = recorded(made.Bowl, temperatures=[0.0], sigma=0.05, chi=[CHI], l2=1.0, waiting_times=[10])
    null = drift_null(record, chi=CHI)
    approximate = gn.overlap(record, chi=CHI, approximate=True)
    assert np.allclose(null.overlap, approximate, atol=1e-12)
    mobility = gn.mobility(record)
    assert np.allclose(null.mobility, mobility, atol=1e-9)
    assert np.allclose(null.share_below, mobility.share_below, atol=1e-12)
    assert np.allclose(null.mean_square_displacement, gn.mean_square_displacement(record).sel(time=null.time))
    assert np.allclose(null.non_gaussian, gn.non_gaussian(record).sel(time=null.time))


def test_mobility_of_the_null_is_the_histogram_of_a_bowl() -> None:
    record = recorded(made.Bowl, temperatures=[HOT, 0.0], sigma=0.05, l2=1.0, waiting_times=[100], times=[1000])
    null = drift_null(record, chi=CHI)
    width = np.diff(np.log10(record.data["bin_edge"].values))
    seen, expected = (
        (one.isel(replica=slice(N_ORIGINS)).mean("replica").squeeze() * width).cumsum().values
        for one in (gn.mobility(record), null.mobility)
    )
    # Five standard errors of a share, and what spreading d within its bin may do.
    assert np.abs(seen - expected).max() < 5 * 0.5 / np.sqrt(DRAWS) + 2e-3


# Records as they come


@pytest.fixture(scope="module")
def record() -> gn.Record:
    """Three networks at T = 0.02, then the same at T = 0; waiting times 0 and 10."""
    return small([0.02, 0.0], n_origins=3)


def test_without_replicas_at_rest_the_command_is_said(record: gn.Record) -> None:
    warm = record.data.assign_coords(temperature=("replica", [0.02] * 3 + [0.03] * 3))
    with pytest.raises(ValueError, match=r"6 of 6 have none \(T = 0.02, seed 0, origin 0, .*--temperature 0 too"):
        drift_null(gn.Record(warm, record.ensemble, record.references), chi=100)
    with pytest.raises(ValueError, match=r"1 of 4 have none .*origin 2"):
        drift_null(record[[0, 2, 3, 4]], chi=100)


def test_a_record_without_temperature_or_sparser_times_is_refused() -> None:
    landscape = flat_landscape(n_samples=7, l2=0.1)
    start = gn.Ensemble.random(landscape.network, 2)
    descent = gn.measure(start, landscape, gn.GradientDescent(0.1), times=[1, 2], chi=[5])
    with pytest.raises(ValueError, match="Langevin"):
        drift_null(descent, chi=5)
    odd = gn.measure(start, landscape, gn.Langevin(0.0, 0.1), times=[4, 6], chi=[5])
    with pytest.raises(ValueError, match="sparse_times"):
        drift_null(odd, chi=5)
    good = gn.measure(start, landscape, gn.Langevin(0.0, 0.1), times=[1, 2], chi=[5])
    with pytest.raises(ValueError, match="chi must be a finite number > 0"):
        drift_null(good, chi=0)


@pytest.mark.parametrize("lost", [0, 1])
def test_a_lost_replica_or_partner_is_left_out_of_means(record: gn.Record, lost: int) -> None:
    data = record.data.copy(deep=True)
    gone = 0 if lost == 0 else 3  # origin 0, warm or at rest
    lost_at = data["lost_at"].values.copy()
    lost_at[gone] = 60
    data = data.assign_coords(lost_at=("replica", lost_at))
    clock = data["waiting_time"] + data["sparse_time"]
    here = xr.DataArray(np.arange(6), dims="replica")
    data["histogram"] = data["histogram"].where((clock < 60) | (here != gone))
    late = data["waiting_time"] + data["time"]
    data["moments"] = data["moments"].where((late < 60) | (here != gone))
    null = drift_null(gn.Record(data, record.ensemble, record.references), chi=100)
    assert null["lost_at"].values[0] == 60
    beyond = null["waiting_time"] + null["time"] >= 60
    assert bool(null["overlap"].isel(replica=0).isnull().where(beyond, True).all())
    assert bool(null["overlap"].isel(replica=0).notnull().where(~beyond, True).all())
    mean = gn.ensemble_mean(null["overlap"])
    assert bool(mean["mean"].sel(temperature=0.02).notnull().all())
    assert mean["n_lost"].sel(temperature=0.02).values.tolist() == [1, 1]


def test_replicas_that_begin_by_diverging_do_not_stop_the_others() -> None:
    """Their sigma, 1e148, is beyond all bins."""
    record = small([0.02, 0.0], n_origins=2, overflowing=[0], times=[1, 10])
    null = drift_null(record, chi=100)
    assert bool(null["overlap"].isel(replica=[0, 2]).isnull().all())
    assert bool(null["overlap"].isel(replica=[1, 3]).notnull().all())
    assert gn.ensemble_mean(null["overlap"])["n_lost"].values.tolist() == [[1, 1], [1, 1]]


def test_learning_rates_and_l2_of_their_own_find_their_own_partners() -> None:
    dataset = flat_landscape(n_samples=7, l2=0.1).dataset
    landscape = gn.Landscape(gn.Mlp(4, 8, 2), dataset, gn.QuadraticHinge(l2=[0.1, 0.0, 0.1, 0.0]))
    start = gn.Ensemble.random(landscape.network, 1).repeat(noise=range(4))
    langevin = gn.Langevin([0.1, 0.1, 0.0, 0.0], [0.1, 0.2, 0.1, 0.2])
    record = gn.measure(start, landscape, langevin, times=[1, 10], chi=[5])
    null = drift_null(record, chi=5)
    free = brownian.mean_square_displacement([1, 10], temperature=0.1, learning_rate=0.2, n_samples=7)
    assert np.allclose(null.mean_square_displacement.isel(replica=1, waiting_time=0), free)
    assert float(null.mean_square_displacement.isel(replica=2, waiting_time=0, time=1)) > 0
    crossed = record.data.assign_coords(learning_rate=("replica", [0.1, 0.2, 0.2, 0.2]))
    with pytest.raises(ValueError, match=r"1 of 4 have none .*learning_rate 0.1, l2 0.1"):
        drift_null(gn.Record(crossed, record.ensemble, record.references), chi=5)


def test_a_waiting_time_without_histograms_still_has_moments(record: gn.Record) -> None:
    """As condensed runs have it: histograms of one waiting time, even moments."""
    data = record.data.copy(deep=True)
    data["histogram"] = data["histogram"].where(data["waiting_time"] == 10)
    data["moments"] = data["moments"].where(data["moment"] % 2 == 0)
    null = drift_null(gn.Record(data, record.ensemble, record.references), chi=100)
    whole = drift_null(record, chi=100)
    xr.testing.assert_identical(null.sel(waiting_time=10), whole.sel(waiting_time=10))
    young = null.sel(waiting_time=0)
    assert bool(young["overlap"].isnull().all())
    assert bool(young["mobility"].isnull().all())
    assert bool(young["mean_square_displacement"].notnull().all())
    assert gn.relaxation_time(null.overlap)["outcome"].sel(waiting_time=0).values.tolist() == ["not recorded"] * 6


def test_the_curvature_that_the_null_can_see() -> None:
    assert power_curvature([47.0, np.nan], learning_rate=1e-3)[0] == pytest.approx(1 / 0.047)
    assert np.isnan(power_curvature(np.nan, learning_rate=1e-3))
    with pytest.raises(ValueError, match="tau must be > 0"):
        power_curvature(0, learning_rate=1e-3)
