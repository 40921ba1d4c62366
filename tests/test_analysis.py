"""Means over replicas and relaxation times, on curves whose answers are known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr
from conftest import flat_landscape
from numpy.typing import ArrayLike, NDArray
from scipy.special import erf, erfinv

import glassnet as gn
from glassnet.analysis import ensemble_mean, paper_relaxation_time, relaxation_time
from glassnet.theory import brownian

Floats = NDArray[np.float64]

GRID = gn.log_times(10_000)


def curve(values: ArrayLike, times: ArrayLike, **on_replica: ArrayLike) -> xr.DataArray:
    """An overlap ``(replica, waiting_time, time)``, or ``(replica, time)`` at the single waiting time 0."""
    array = np.asarray(values, dtype=np.float64)
    array = array[:, None] if array.ndim == 2 else array
    n, waits = array.shape[:2]
    names = {"seed": np.zeros(n, int), "origin": np.arange(n), "noise": np.zeros(n, int), **on_replica}
    return xr.DataArray(
        array,
        dims=("replica", "waiting_time", "time", "trial")[: array.ndim],
        coords={
            "waiting_time": 100 * np.arange(waits),
            "time": np.asarray(times),
            **{k: ("replica", np.asarray(v)) for k, v in names.items()},
        },
        attrs={"long_name": "overlap", "units": "1"},
    )


def decaying(tau: ArrayLike, times: ArrayLike, threshold: float = 0.9) -> Floats:
    """Free Brownian overlaps that pass ``threshold`` at ``tau``: ``(*tau.shape, time)``."""
    return np.asarray(erf(erfinv(threshold) * np.sqrt(np.asarray(tau)[..., None] / np.asarray(times))))


def test_tau_is_interpolated_in_log_time() -> None:
    times = [0, 1, 10, 100, 1000]
    straight = [[1.0, 0.96, 0.94, 0.86, 0.84], [1.0, 0.95, 0.9, 0.85, 0.80]]
    found = relaxation_time(curve(straight, times))
    np.testing.assert_allclose(found.tau[:, 0], [10**1.5, 10.0], rtol=1e-12)
    assert found.outcome.values.ravel().tolist() == ["reached"] * 2
    # The mean passes from 0.92 at 10 to 0.855 at 100.
    np.testing.assert_allclose(found.tau_of_mean, 10 ** (1 + 0.02 / 0.065), rtol=1e-12)
    np.testing.assert_allclose(found.estimate, 10**1.25, rtol=1e-12)
    assert found.estimate_of.item() == "geometric mean"
    # A mean taken in float32 may be above 1 by its rounding.
    single = curve(straight, times).astype(np.float32) * np.float32(1 + 1.2e-7)
    assert single.max() > 1
    np.testing.assert_allclose(relaxation_time(single).tau[:, 0], [10**1.5, 10.0], rtol=1e-4)


@pytest.mark.parametrize("threshold", [0.9, np.exp(-1)])
def test_tau_of_brownian_curves(threshold: float) -> None:
    tau = np.geomspace(40.0, 4000.0, 23)
    found = relaxation_time(curve(decaying(tau, GRID, threshold), GRID), threshold)
    # A chord over a step h of x = log t is off by at most h^2/8 |f''/f'| in x. Save times step by h < 0.12, and
    # f = erf(c exp(-x/2)) has |f''/f'| = |c^2 exp(-x) - 1/2| < 1.3 at these thresholds.
    assert np.all(np.abs(np.log(found.tau[:, 0].values / tau)) < 0.12**2 / 8 * 1.3)


def test_outcomes() -> None:
    times = [0, 1, 2, 4, 8]
    nan = np.nan
    q = curve(
        [
            [1.0, 0.89, 0.7, 0.5, 0.4],
            [1.0, 0.90, 0.8, 0.7, 0.6],
            [1.0, 0.99, 0.98, 0.97, 0.96],
            [1.0, 0.95, 0.7, nan, nan],
            [nan, nan, nan, nan, nan],
            [1.0, 0.95, nan, 0.85, nan],
            [1.0, 0.95, 0.85, 0.95, 0.8],
        ],
        times,
        lost_at=[-1, -1, -1, 2, -1, -1, -1],
    )
    found = relaxation_time(q)
    assert found.outcome.values.ravel().tolist() == [
        "below the first save time",
        "reached",
        "not reached",
        "lost",
        "not recorded",
        "reached",
        "reached",
    ]
    # A gap is stepped over; of several crossings the first counts.
    np.testing.assert_allclose(found.tau.values.ravel(), [nan, 1.0, nan, nan, nan, 2.0, np.sqrt(2)], rtol=1e-12)
    counts = ["n_used", "n_below", "n_reached", "n_not_reached", "n_lost", "n_not_recorded"]
    assert [found[name].item() for name in counts] == [6, 1, 3, 1, 1, 1]
    assert found.estimate_of.item() == "mean curve"


def test_everything_lost() -> None:
    q = curve([[1.0, np.nan], [1.0, np.nan]], [1, 2], lost_at=[1, 1])
    found = relaxation_time(q)
    assert found.outcome_of_mean.item() == "lost"
    assert [found.n_used.item(), found.n_lost.item()] == [0, 2]
    assert np.isnan([found.estimate, found.low, found.high, found.tau_of_mean]).all()
    assert np.isnan(ensemble_mean(q)["mean"]).all()


def test_a_lost_replica_is_left_out_at_all_times_of_its_mean() -> None:
    values = np.array([[[0.9, 0.8], [0.9, 0.8]], [[0.7, 0.6], [0.7, np.nan]], [[0.5, np.nan], [np.nan, np.nan]]])
    # Saves of waiting times 0 and 100 at 10 and 50 steps: replica 1 dies at 130, after all saves of the first.
    mean = ensemble_mean(curve(values, [10, 50], lost_at=[-1, 130, 20]))
    np.testing.assert_allclose(mean["mean"], [[0.8, 0.7], [0.9, 0.8]], rtol=1e-12)
    assert mean.n_used.values.tolist() == [2, 1]
    assert mean.n_lost.values.tolist() == [1, 2]
    np.testing.assert_allclose(mean.standard_error[0], 0.1, rtol=1e-12)
    assert np.isnan(mean.standard_error[1]).all()


def test_what_is_undefined_before_the_loss_is_no_loss() -> None:
    """alpha_2 has no value where nothing has moved yet; a replica that died after the last save is whole."""
    values = np.array([[np.nan, 0.1, 0.2], [np.nan, 0.3, 0.4]])
    mean = ensemble_mean(curve(values, [0, 10, 50], lost_at=[-1, 60]))
    assert mean.n_lost.item() == 0
    np.testing.assert_allclose(mean["mean"][0], [np.nan, 0.2, 0.3], rtol=1e-12)


def test_groups_are_the_conditions_that_vary() -> None:
    rng = np.random.default_rng(0)
    values = rng.random((6, 2, 3))
    warmth, rate = [0.1, 0.01, 0.1, 0.01, 0.1, 0.1], [1.0, 1.0, 1.0, 1.0, 2.0, 2.0]
    one = ensemble_mean(curve(values, [1, 2, 3], temperature=warmth, learning_rate=[0.5] * 6))
    assert one["mean"].dims == ("temperature", "waiting_time", "time")
    assert one.temperature.values.tolist() == [0.01, 0.1]
    assert one.learning_rate.item() == 0.5
    np.testing.assert_allclose(one["mean"].sel(temperature=0.01), values[[1, 3]].mean(axis=0))
    np.testing.assert_allclose(one["mean"].sel(temperature=0.1), values[[0, 2, 4, 5]].mean(axis=0))
    spread = values[[1, 3]].std(axis=0, ddof=1) / np.sqrt(2)
    np.testing.assert_allclose(one.standard_error.sel(temperature=0.01), spread)
    assert one.n_used.values.tolist() == [[2, 2], [4, 4]]

    several = curve(values, [1, 2, 3], temperature=warmth, learning_rate=rate)
    two = ensemble_mean(several)
    assert two["mean"].dims == ("group", "waiting_time", "time")
    assert two.temperature.values.tolist() == [0.01, 0.1, 0.1]
    assert two.learning_rate.values.tolist() == [1.0, 1.0, 2.0]
    np.testing.assert_allclose(two["mean"][2], values[[4, 5]].mean(axis=0))
    assert ensemble_mean(several.isel(replica=[5, 3, 1, 0, 4, 2])).equals(two)

    none = ensemble_mean(curve(values, [1, 2, 3], temperature=[0.3] * 6))
    assert none["mean"].dims == ("waiting_time", "time")
    assert none.temperature.item() == 0.3


def test_relaxation_times_by_temperature_chi_and_waiting_time() -> None:
    tau = np.array([[50.0, 80.0], [60.0, 90.0], [500.0, 800.0], [600.0, 900.0]])
    per_chi = np.stack([decaying(tau, GRID), decaying(2.0 * tau, GRID)], axis=-1)
    q = curve(per_chi, GRID, temperature=[0.1, 0.1, 0.01, 0.01]).rename(trial="chi").assign_coords(chi=[300.0, 150.0])
    found = relaxation_time(q)
    assert found.tau.dims == ("replica", "waiting_time", "chi")
    assert found.estimate.dims == ("temperature", "waiting_time", "chi")
    assert found.replica_temperature.values.tolist() == [0.1, 0.1, 0.01, 0.01]
    expected = np.sqrt(tau[[0, 2]] * tau[[1, 3]])[::-1]
    np.testing.assert_allclose(found.estimate.sel(chi=300), expected, rtol=3e-3)
    np.testing.assert_allclose(found.estimate.sel(chi=150), 2.0 * expected, rtol=3e-3)

    one = relaxation_time(q.sel(chi=150.0, waiting_time=100))
    assert one.tau.dims == ("replica",)
    xr.testing.assert_equal(one, found.sel(chi=150.0, waiting_time=100))


def test_replicas_of_one_origin_do_not_narrow_the_interval() -> None:
    tau = np.array([50.0, 80.0, 60.0, 100.0])
    single = relaxation_time(curve(decaying(tau, GRID), GRID))
    doubled = relaxation_time(curve(decaying(np.repeat(tau, 2), GRID), GRID, origin=np.repeat(np.arange(4), 2)))
    assert doubled.n_used.item() == 8
    assert doubled.n_origins.item() == 4
    for name in ("estimate", "low", "high"):
        np.testing.assert_allclose(doubled[name], single[name], rtol=1e-12)
    alone = relaxation_time(curve(decaying(tau[:1], GRID), GRID))
    assert alone.estimate.item() == pytest.approx(50.0, rel=3e-3)
    assert np.isnan([alone.low, alone.high]).all()


def test_censored_replicas_leave_the_estimate_to_the_mean_curve() -> None:
    times = GRID[GRID <= 100]
    tau = np.array([60.0, 80.0, 95.0, 150.0])
    found = relaxation_time(curve(decaying(tau, times), times))
    assert found.outcome.values.ravel().tolist() == ["reached"] * 3 + ["not reached"]
    assert found.estimate_of.item() == "mean curve"
    assert found.estimate.item() == found.tau_of_mean.item()
    assert 50 < found.low < found.estimate < 100
    assert found.high == np.inf

    late = relaxation_time(curve(decaying([1e5, 2e5], times), times))
    assert late.outcome_of_mean.item() == "not reached"
    assert np.isnan(late.estimate)
    assert (late.low.item(), late.high.item()) == (100.0, np.inf)
    early = relaxation_time(curve(decaying([0.1, 0.2], times), times))
    assert early.outcome_of_mean.item() == "below the first save time"
    assert early.low.item() == 0.0


def test_paper_convention() -> None:
    times = np.concatenate([[0], gn.paper_times(2000)])
    tau = np.array([250.0, 330.0])
    q = curve(np.hstack([np.ones((2, 1)), decaying(tau, times[1:])]), times)
    grid, interpolated = paper_relaxation_time(q), relaxation_time(q).tau_of_mean
    mean = q.mean("replica")[0].values
    assert grid.item() == times[np.argmax(mean <= 0.9)]
    assert 0.0 <= grid.item() - interpolated.item() < 10.0
    hot = curve(np.hstack([np.ones((2, 1)), decaying([0.2, 0.4], times[1:])]), times)
    assert np.isnan(paper_relaxation_time(hot).item())
    cold = curve(np.hstack([np.ones((2, 1)), decaying([1e6, 1e6], times[1:])]), times)
    assert np.isnan(paper_relaxation_time(cold).item())


def test_relaxation_of_a_real_record() -> None:
    """On a flat landscape every replica's tau is the Brownian one within the noise of N weights.

    The standard error of log tau is that of Q, sqrt(Q(1 - Q)/N), over |dQ/dlog t| = (x/sqrt(pi)) exp(-x^2),
    x = erfinv(Q), at the crossing.
    """
    landscape = flat_landscape(n_samples=6, l2=0.0, width=60)
    start = gn.Ensemble.random(landscape.network, 6)
    warmth = [0.3, 0.3, 0.3, 0.1, 0.1, 0.1]
    physics: dict[str, Any] = {"learning_rate": 0.02, "n_samples": 6}
    dynamics = gn.Langevin(warmth, physics["learning_rate"])
    record = gn.measure(start, landscape, dynamics, times=gn.log_times(70), epsilon=[0.2], engine="reference")
    found = relaxation_time(gn.overlap(record, epsilon=0.2))
    exact = brownian.relaxation_time(0.9, epsilon=0.2, temperature=np.array([0.1, 0.3]), **physics)
    x, n = erfinv(0.9), landscape.network.n_weights
    error = np.sqrt(0.9 * 0.1 / n) / (x / np.sqrt(np.pi) * np.exp(-(x**2)))
    assert found.temperature.values.tolist() == [0.1, 0.3]
    assert np.all(np.abs(np.log(found.tau[:, 0] / np.repeat(exact[::-1], 3))) < 5 * error)
    assert np.all(np.abs(np.log(found.estimate[:, 0] / exact)) < 5 * error / np.sqrt(3))


# --- coverage -------------------------------------------------------------------------------------------------


def tolerance(trials: int) -> float:
    """3.5 binomial standard errors of a coverage of 95 % counted over independent trials."""
    return 3.5 * float(np.sqrt(0.95 * 0.05 / trials))


def trials_of(tau: Floats, times: NDArray[np.int64]) -> xr.DataArray:
    """Ensembles ``(replica, trial)`` of tau as one overlap with a dimension ``trial``."""
    q = curve(np.moveaxis(decaying(tau, times), -1, 1)[:, None], times)
    return q.transpose("replica", "waiting_time", "time", "trial")


def covers(found: xr.Dataset, truth: float) -> NDArray[np.bool_]:
    return np.asarray((found.low <= truth) & (truth <= found.high)).ravel()


def log_normal(n: int, trials: int, spread: float, median: float = 300.0) -> Floats:
    return np.asarray(median * np.exp(spread * np.random.default_rng(n).standard_normal((n, trials))))


@pytest.mark.parametrize("n", [4, 6, 16, 40])
def test_coverage_of_log_normal_relaxation_times(n: int) -> None:
    trials = 3000
    found = relaxation_time(trials_of(log_normal(n, trials, spread=0.3), GRID))
    assert np.all(found.estimate_of == "geometric mean")
    assert np.mean(covers(found, 300.0)) == pytest.approx(0.95, abs=tolerance(trials))


def test_a_percentile_bootstrap_would_not_cover() -> None:
    """The negative control: all 4^4 resamples of 4 replicas, as exact as a bootstrap gets, cover some 80 %."""
    trials = 3000
    log_tau = np.log(relaxation_time(trials_of(log_normal(4, trials, spread=0.3), GRID)).tau.values[:, 0])
    resamples = np.stack(np.meshgrid(*[np.arange(4)] * 4), axis=-1).reshape(-1, 4)
    means = log_tau[resamples].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5], axis=0)
    coverage = np.mean((low <= np.log(300.0)) & (np.log(300.0) <= high))
    assert coverage != pytest.approx(0.95, abs=tolerance(trials))
    assert coverage == pytest.approx(0.79, abs=0.03)


@pytest.fixture(scope="module")
def brownian_replicas() -> xr.DataArray:
    """Overlaps of 6000 replicas of 150 simulated walkers each, whose diffusion constants spread by 30 %."""
    rng = np.random.default_rng(5)
    times = GRID[(GRID >= 10) & (GRID <= 1500)]
    steps = np.diff(times, prepend=0)
    curves = []
    for _ in range(12):
        d = np.exp(0.3 * rng.standard_normal((500, 1, 1))) / brownian_scale(100.0)
        moves = rng.standard_normal((500, len(times), 150)) * np.sqrt(2.0 * d * steps[:, None])
        curves.append(np.mean(np.abs(moves.cumsum(axis=1)) <= 1.0, axis=-1))
    return curve(np.concatenate(curves), times)


def brownian_scale(tau: float) -> float:
    """4 tau erfinv(0.9)^2: with epsilon = 1 and this inverse as D, Q passes 0.9 at tau."""
    return float(4.0 * tau * erfinv(0.9) ** 2)


@pytest.mark.parametrize("n", [4, 6, 16])
def test_coverage_of_brownian_relaxation_times(brownian_replicas: xr.DataArray, n: int) -> None:
    pool = relaxation_time(brownian_replicas)
    assert pool.n_reached.item() == 6000
    trials = 6000 // n
    q = brownian_replicas.values[: n * trials].reshape(n, trials, 1, -1)
    found = relaxation_time(curve(np.moveaxis(q, 1, -1), brownian_replicas.time))
    assert np.mean(covers(found, pool.estimate.item())) == pytest.approx(0.95, abs=tolerance(trials))


@pytest.mark.parametrize("n", [4, 6, 16])
@pytest.mark.parametrize(("first", "last"), [(1, 330), (280, 10_000)], ids=["not reached", "below"])
def test_coverage_with_censored_replicas(n: int, first: int, last: int) -> None:
    """The save times end, or begin, near the median tau, so that nearly every ensemble has a censored replica.

    Student's band is exact only for Gaussian Q: at a spread of 30 % the band itself covers 93.5 to 94.5 %. A bound
    that lies off the grid is 0 or infinite and always covers, so that there may be more than 95 % in all.
    """
    trials = 3000
    times = GRID[(first <= GRID) & (last >= GRID)]
    found = relaxation_time(trials_of(log_normal(n, trials, spread=0.3), times))
    truth = relaxation_time(trials_of(log_normal(40_000, 1, spread=0.3), GRID)).tau_of_mean.item()
    censored = np.asarray(found.estimate_of == "mean curve").ravel()
    assert censored.mean() > 0.75
    assert np.mean(covers(found, truth)[censored]) > 0.935 - tolerance(trials)
    # The bound inside the grid does exclude: what lies a factor of 3 beyond it is covered far less often.
    beyond = truth / 3.0 if first == 1 else 3.0 * truth
    assert np.mean(covers(found, beyond)[censored]) < 0.05


# --- bad input ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", [relaxation_time, paper_relaxation_time])
def test_bad_input(verb: Callable[..., Any]) -> None:
    q = curve(decaying([50.0, 60.0], GRID), GRID)
    for threshold in (0.0, 1.0, 1.5, np.nan):
        with pytest.raises(ValueError, match=rf"threshold must be between 0 and 1, ends excluded, but got {threshold}"):
            verb(q, threshold)
    with pytest.raises(ValueError, match="curve must have the dimensions replica, time, but got waiting_time, time"):
        verb(q.mean("replica"))
    with pytest.raises(ValueError, match="time must increase and pass 0"):
        verb(q.isel(time=slice(None, None, -1)))
    with pytest.raises(ValueError, match=r"q must be an overlap, from 0 to 1, but got 1\.5"):
        verb(q + 1.0 - q + 0.5)
    with pytest.raises(TypeError, match=r"curve must be an xarray\.DataArray, but got ndarray"):
        verb(q.values)


def test_means_need_replicas() -> None:
    with pytest.raises(ValueError, match="curve must have the dimensions replica, time"):
        ensemble_mean(curve(decaying([50.0], GRID), GRID)[0])
