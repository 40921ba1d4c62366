"""The crossover temperature, on relaxation times whose kink is known."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from analysis_curves import Floats, coverage_tolerance, curves, free

import glassnet as gn
from glassnet.analysis import crossover

WARM = np.array([1e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 1e-2])


def relaxation(log_tau: Floats, temperatures: Floats, outcome: Floats | None = None) -> xr.Dataset:
    """``(temperature, origin)`` as :func:`glassnet.relaxation_time` lays it out."""
    n = log_tau.shape[1]
    said = np.full(log_tau.size, "reached", dtype="<U30") if outcome is None else np.asarray(outcome).ravel()
    return xr.Dataset(
        {"tau": ("replica", np.exp(log_tau).ravel()), "outcome": ("replica", said)},
        {
            "replica_temperature": ("replica", np.repeat(temperatures, n)),
            "seed": ("replica", np.zeros(log_tau.size, int)),
            "origin": ("replica", np.tile(np.arange(n), len(temperatures))),
        },
    )


def two_regimes(temperatures: Floats, kink: float, slope: float = -1.0, plateau: float = 5000.0) -> Floats:
    return np.asarray(np.log(plateau) + slope * np.log(np.maximum(1.0, temperatures / kink)))[:, None]


def test_exact_kink() -> None:
    temperatures = np.concatenate([[0.0], WARM])
    found = crossover(relaxation(two_regimes(temperatures, 1.7e-4, -0.9) + np.zeros(3), temperatures))
    assert found.outcome == "two regimes"
    assert found.temperature.value == pytest.approx(1.7e-4, rel=1e-9)
    assert found.plateau.value == pytest.approx(5000.0)
    assert found.slope.value == pytest.approx(-0.9)
    assert found.cold_slope.value == pytest.approx(0.0, abs=1e-9)
    assert found.bend.value == pytest.approx(0.9 * np.log(1.7e-4 / 1e-6))
    assert found.residual < 1e-9
    assert found.used == tuple(temperatures)
    assert found.left_out == {}


def test_the_intervals_of_either_shape_hold_those_of_both() -> None:
    rng = np.random.default_rng(5)
    sharp = two_regimes(WARM, 1.7e-4) + rng.normal(0.0, 0.05, (len(WARM), 4))
    rounded = np.log(5000.0 / (1.0 + WARM / 1.7e-4))[:, None] + rng.normal(0.0, 0.05, (len(WARM), 4))
    for log_tau, nearer in ((sharp, 0), (rounded, 1)):
        tau = relaxation(log_tau, WARM)
        one, other = crossover(tau), crossover(tau, shape="rounded")
        near, far = ((one, other), (other, one))[nearer]
        either = crossover(tau, shape="either")
        assert either.residual == near.residual < far.residual
        for name in ("temperature", "slope"):
            found, *both = (getattr(fit, name) for fit in (either, near, far))
            assert found.value == both[0].value
            assert (found.low, found.high) == (min(b.low for b in both), max(b.high for b in both))


def test_no_kink_fits_better() -> None:
    """The best of all splits against a dense look at every kink that leaves two temperatures on each side."""
    rng, x = np.random.default_rng(8), np.log(WARM)
    kinks = np.concatenate([np.linspace(x[1], x[-2], 3000, endpoint=False), x[1:-2]])
    for _ in range(30):
        # A plateau so high that no tau is too short, and no kink so hot that the excluded end is the best.
        log_tau = two_regimes(WARM, float(np.exp(rng.uniform(x[1], x[-3]))), plateau=1e9)
        log_tau = log_tau + rng.normal(0.0, 0.3, log_tau.shape)
        best = np.inf
        for kink in kinks:
            design = np.column_stack([np.ones(len(x)), np.maximum(0.0, x - kink)])
            off = log_tau[:, 0] - design @ np.linalg.lstsq(design, log_tau[:, 0])[0]
            best = min(best, float(np.sqrt(np.mean(off**2))))
        # The grid misses the best kink by half a step of 0.0025; near it the residual is flat.
        assert best - 1e-3 < crossover(relaxation(log_tau, WARM)).residual < best + 1e-9


@pytest.mark.parametrize("n", [4, 6, 12])
def test_coverage_of_the_kink(n: int) -> None:
    trials, rng = 300, np.random.default_rng(n)
    hits = np.zeros(3)
    for _ in range(trials):
        common = np.stack([rng.normal(0.0, 0.2, n), rng.normal(0.0, 0.2, n)])
        kinks = 1.7e-4 * np.exp(common[0])
        log_tau = np.hstack(
            [two_regimes(WARM, kink, plateau=5000 * np.exp(c)) for kink, c in zip(*[kinks, common[1]], strict=True)]
        )
        found = crossover(relaxation(log_tau + rng.normal(0.0, 0.1, log_tau.shape), WARM))
        assert found.outcome == "two regimes"
        truths = (found.temperature, 1.7e-4), (found.slope, -1.0), (found.plateau, 5000.0)
        hits += [not one.excludes(truth) for one, truth in truths]
    np.testing.assert_allclose(hits / trials, 0.95, atol=coverage_tolerance(trials))


def test_a_rounded_crossover() -> None:
    """Rates that add, seen at T = 0 too: the rounded fit is exact; the sharp one is low by the factor it says."""
    temperatures = np.concatenate([[0.0], WARM])
    tau = relaxation(np.log(5000.0 / (1.0 + temperatures / 1.7e-4))[:, None] + np.zeros(4), temperatures)
    sharp, rounded = crossover(tau), crossover(tau, shape="rounded")
    assert sharp.outcome == rounded.outcome == "two regimes"
    assert 1.0 / 2.5 < sharp.temperature.value / 1.7e-4 < 1.0
    assert rounded.temperature.value == pytest.approx(1.7e-4, rel=1e-6)
    assert rounded.slope.value == pytest.approx(-1.0, rel=1e-6)
    assert rounded.residual < 1e-6 < sharp.residual


def test_one_regime_only() -> None:
    rng = np.random.default_rng(3)
    noise = rng.normal(0.0, 0.1, (len(WARM), 5))
    hot = crossover(relaxation(-np.log(WARM)[:, None] + noise, WARM))
    assert hot.outcome == "one regime only: noise-dominated"
    assert hot.slope.value == pytest.approx(-1.0, abs=0.1)
    assert np.isnan(hot.temperature.value)
    assert (hot.temperature.low, hot.temperature.high) == (0.0, WARM[0])
    assert np.isnan(hot.plateau.value)
    cold = crossover(relaxation(np.log(5000.0) + noise, WARM))
    assert cold.outcome == "one regime only: landscape-dominated"
    assert (cold.temperature.low, cold.temperature.high) == (WARM[-1], np.inf)
    exact = crossover(relaxation(-np.log(WARM)[:, None] + np.zeros(5), WARM))
    assert exact.outcome == "one regime only: noise-dominated"


def test_the_rounded_form_of_a_plateau_alone_has_no_kink() -> None:
    found = crossover(relaxation(np.zeros((7, 4)) + np.log(100.0), WARM), shape="rounded")
    assert found.outcome == "one regime only: landscape-dominated"
    assert np.isnan(found.residual)


def test_a_bend_is_no_plateau() -> None:
    log_tau = two_regimes(WARM, 1e-4) - 0.4 * np.log(np.minimum(1.0, WARM / 1e-4))[:, None]
    noise = np.random.default_rng(4).normal(0.0, 0.02, (len(WARM), 6))
    assert crossover(relaxation(log_tau + noise, WARM)).outcome == "bends without a plateau"


def test_one_initial_condition_decides_nothing() -> None:
    found = crossover(relaxation(two_regimes(WARM, 1.7e-4), WARM))
    assert found.outcome == "not decided"
    assert found.temperature.value == pytest.approx(1.7e-4)
    assert np.isnan(found.temperature.low)


def test_censored_times_never_enter() -> None:
    """From overlaps: cold ones not reached, hot ones below the first save time or within three steps."""
    times = gn.log_times(20_000)
    temperatures = np.array([1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0])
    tau = 2e-1 / temperatures
    q = curves(free(tau[:, None] * np.exp([[0.0, 0.1, -0.1, 0.05]]), times), times, temperatures)
    found = crossover(gn.relaxation_time(q))
    assert found.used == (1e-4, 1e-3, 1e-2)
    assert set(found.left_out) == {1e-6, 1e-5, 0.1, 1.0}
    assert "not reached" in found.left_out[1e-6]
    assert found.left_out[1e-5].startswith("2 of 4") or found.left_out[1e-5].startswith("3 of 4")
    assert found.left_out[0.1] == "shorter than 3 steps"
    assert found.left_out[1.0] == "4 of 4 below the first save time"
    assert found.outcome == "too few temperatures"


def test_a_lost_replica_is_no_censored_one() -> None:
    log_tau = two_regimes(WARM, 1.7e-4) + np.random.default_rng(5).normal(0.0, 0.05, (len(WARM), 5))
    said = np.full(log_tau.shape, "reached", dtype="<U30")
    said[-1, 0] = "lost"
    log_tau[-1, 0] = np.nan
    found = crossover(relaxation(log_tau, WARM, said))
    assert found.outcome == "two regimes"
    assert found.used == tuple(WARM)
    said[-1] = "lost"
    log_tau[-1] = np.nan
    assert crossover(relaxation(log_tau, WARM, said)).left_out == {1e-2: "every replica lost"}


def test_bad_input() -> None:
    tau = relaxation(two_regimes(WARM, 1e-4), WARM)
    with pytest.raises(ValueError, match="shape must be one of 'sharp', 'rounded', 'either', but got 'round'"):
        crossover(tau, shape="round")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="shortest must be a finite number >= 0, but got nan"):
        crossover(tau, shortest=np.nan)
    with pytest.raises(TypeError, match="tau must be a Dataset, but got DataArray"):
        crossover(tau.tau)
    for wrong in (0.0, np.inf):
        with pytest.raises(
            ValueError, match=f"tau must be finite and > 0, or NaN where there is none, but got {wrong:g}"
        ):
            crossover(tau.assign(tau=tau.tau.where(tau.tau < tau.tau.max(), wrong)))
    for wrong in (-1.0, np.nan):
        with pytest.raises(ValueError, match="replica_temperature must be finite and >= 0, but got"):
            crossover(tau.assign_coords(replica_temperature=tau.replica_temperature * wrong))
    with pytest.raises(ValueError, match="tau must be what relaxation_time returns"):
        crossover(tau.drop_vars("outcome"))
    with pytest.raises(ValueError, match="tau must be of replicas at several temperatures"):
        crossover(tau.drop_vars("replica_temperature"))
    with pytest.raises(ValueError, match="tau must be of one waiting time and chi"):
        crossover(xr.concat([tau, tau], "chi", data_vars="all"))


def test_a_record_of_one_temperature_is_too_few() -> None:
    """There the temperature is one number, not one a replica."""
    tau = relaxation(np.full((1, 3), 5.0), np.array([1e-4])).assign_coords(replica_temperature=1e-4)
    assert crossover(tau).outcome == "too few temperatures"
