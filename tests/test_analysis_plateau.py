"""Long-time levels, caging and the null of the l2 bowl, on curves that are exact."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from analysis_curves import Floats, curves
from conftest import flat_landscape

import glassnet as gn
from glassnet.analysis import (
    bowl_limit,
    bowl_mean_square_displacement,
    bowl_overlap,
    caging,
    ensemble_mean,
    long_time_level,
)
from glassnet.theory import quadratic_well

TIMES = gn.log_times(1_000_000)
SCATTER = np.exp(np.random.default_rng(0).normal(0.0, 0.05, (5, 1)))


def bowl_msd(relaxation: float) -> Floats:
    """2 v (1 - exp(-t/relaxation)) between two equilibrium times, v = 1e-4, of five replicas."""
    return np.asarray(-2e-4 * np.expm1(-TIMES / relaxation) * SCATTER)


def test_a_bowl_seen_long_enough_is_stationary() -> None:
    found = long_time_level(curves(bowl_msd(1e4), TIMES))
    assert found.outcome.item() == "stationary"
    assert found.level.item() == pytest.approx(2e-4 * SCATTER.mean(), rel=1e-6)
    assert found.level_low.item() < found.level.item() < found.level_high.item()
    assert found.time_high.item() == 1_000_000
    assert found.time_low.item() == pytest.approx(1e6 / 3, rel=0.13)


def test_a_bowl_seen_too_briefly_is_not() -> None:
    """The paper's case: 3e5 steps in a bowl that relaxes in 1e5 steps twice over still moves at 1e6/3."""
    found = long_time_level(curves(bowl_msd(1e6), TIMES))
    assert found.outcome.item() == "not stationary"
    # d log(1 - e^-x)/d log x = x/(e^x - 1), between 0.84 at x = 1/3 and 0.58 at 1.
    assert 0.58 < found.log_slope.item() < 0.84
    assert found.last.item() == pytest.approx(2e-4 * (1 - np.exp(-1.0)) * SCATTER.mean(), rel=1e-9)
    alone = long_time_level(curves(bowl_msd(1e4)[:1], TIMES))
    assert alone.outcome.item() == "not decided"
    assert long_time_level(curves(bowl_msd(1e4)[:, :2], TIMES[:2])).outcome.item() == "too few points"


def test_scattered_slopes_are_not_decided() -> None:
    tilt = np.random.default_rng(1).normal(0.0, 0.2, (4, 1))
    assert long_time_level(curves((TIMES / 1e6) ** tilt, TIMES)).outcome.item() == "not decided"


def test_caging() -> None:
    free = 1e-9 * TIMES * SCATTER
    cage = free + 1e-5 * -np.expm1(-TIMES / 30.0) * SCATTER
    found = caging(curves(np.stack([free, cage, bowl_msd(3e3)]), TIMES, [0.1, 0.01, 0.001]))
    assert found.temperature.values.tolist() == [0.001, 0.01, 0.1]
    assert found.outcome.values.tolist() == ["plateau to the end", "caged", "no plateau"]
    assert found.smallest.values[2] == pytest.approx(1.0)
    # d log/d log t of A + D t is 1/(1 + A/(D t)), and the cage is reached at some 100 steps: 0.02 there.
    assert found.smallest.values[1] < 0.05
    assert 60 < found.time.values[1] < 1000
    assert found.largest_after.values[1] == pytest.approx(1.0, abs=0.05)


def test_the_window_is_as_long_as_asked() -> None:
    """A log-derivative that grows with log t is smallest in the first window, 1 to 3 or 1 to 10."""
    rising = np.exp(0.3 * np.log(TIMES) ** 2) * SCATTER
    for window in (3.0, 10.0):
        assert caging(curves(rising, TIMES), window=window).time.item() == pytest.approx(np.sqrt(window))


def test_a_dip_is_no_plateau_and_noise_is_not_decided() -> None:
    bend = TIMES**0.6 * SCATTER
    assert caging(curves(bend, TIMES)).outcome.item() == "no plateau"
    tilt = np.random.default_rng(2).normal(0.3, 0.3, (4, 1))
    assert caging(curves(TIMES**tilt, TIMES)).outcome.item() == "not decided"
    assert caging(curves(bend[:, :2], TIMES[:2])).outcome.item() == "too few points"
    for verb in (caging, long_time_level):
        with pytest.raises(ValueError, match="window must be a factor > 1, but got 1"):
            verb(curves(bend, TIMES), window=1.0)
        with pytest.raises(ValueError, match="limit must be > 0"):
            verb(curves(bend, TIMES), limit=0.0)


# --- the bowl -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def record() -> gn.Record:
    """No data gradient: weights near the centre of a bowl of l2 = 0.7, at two temperatures."""
    landscape = flat_landscape(n_samples=6, l2=0.7, width=60)
    start = gn.Ensemble.random(landscape.network, 4)
    start = replace(start, weights=1e-3 * start.weights)
    sigma = float(start.weights[0].std())
    dynamics = gn.Langevin([0.3, 0.3, 0.1, 0.1], 0.05)
    return gn.measure(
        start, landscape, dynamics, waiting_times=[20], times=gn.log_times(200), chi=[sigma / 0.2], engine="reference"
    )


def test_the_null_is_what_the_bowl_alone_gives(record: gn.Record) -> None:
    chi = float(record.data.chi[0])
    n = int(record.data["n_layer_weights"].sum())
    q, null = gn.overlap(record, chi=chi).squeeze("waiting_time"), bowl_overlap(record, chi=chi, waiting_time=20)
    assert null.dims == ("replica", "time")
    np.testing.assert_array_equal(null.temperature, q.temperature)
    # Counts of n independent weights, five standard errors.
    error = np.sqrt(null * (1 - null) / n)
    assert np.all(np.abs(q - null) < 5 * error + 1e-12)
    msd, expected = (
        gn.mean_square_displacement(record).squeeze("waiting_time"),
        bowl_mean_square_displacement(record, waiting_time=20),
    )
    assert np.all(np.abs(msd - expected) < 5 * expected * np.sqrt(2.0 / n))
    # What is free of noise in its replicas is stationary where the bowl has relaxed.
    assert ensemble_mean(null)["mean"].dims == ("temperature", "time")
    assert long_time_level(null).outcome.values.tolist() == ["stationary"] * 2


def test_printed_limit_with_the_measured_weights(record: gn.Record) -> None:
    chi = float(record.data.chi[0])
    found = bowl_limit(record, chi=chi, waiting_time=20)
    for r in range(4):
        by_hand = quadratic_well.overlap(
            np.inf,
            epsilon=float(record.data.epsilon_of_chi[r, 0]),
            stiffness=0.7,
            temperature=float(record.data.temperature[r]),
            learning_rate=0.05,
            n_samples=6,
            initial_offset=record.references[0, r],
            waiting_time=0,
        ).mean()
        assert found[r].item() == pytest.approx(by_hand)
    chosen = np.zeros(record.references.shape[2], dtype=bool)
    chosen[:7] = True
    some = bowl_limit(record, chi=chi, waiting_time=20, weights=chosen)
    assert not np.allclose(some, found)
    assert np.isnan(bowl_limit(record, chi=chi, waiting_time=20, weights=~chosen & chosen)).all()


def test_weights_that_are_not_known_have_no_limit(record: gn.Record) -> None:
    """A condensed run keeps those of one waiting time."""
    some = record.references.copy()
    some[:, 0] = np.nan
    limit = bowl_limit(replace(record, references=some), chi=float(record.data.chi[0]), waiting_time=20)
    assert np.isnan(limit[0])
    assert np.isfinite(limit[1:]).all()


def test_bad_input(record: gn.Record) -> None:
    with pytest.raises(ValueError, match="shortest must be a finite number >= 0, but got inf"):
        caging(curves([TIMES * 1.0] * 2, TIMES), shortest=np.inf)
    chi = float(record.data.chi[0])
    with pytest.raises(ValueError, match=r"waiting_time must be one of \[20\], but got 3"):
        bowl_overlap(record, chi=chi, waiting_time=3)
    with pytest.raises(ValueError, match="chi must be one that was recorded"):
        bowl_overlap(record, chi=7.0, waiting_time=20)
    with pytest.raises(ValueError, match="weights must be a mask of shape"):
        bowl_limit(record, chi=chi, waiting_time=20, weights=np.ones(3, dtype=bool))
    flat = flat_landscape(n_samples=6, l2=0.0)
    still = gn.measure(gn.Ensemble.random(flat.network, 2), flat, gn.Langevin(0.1, 0.1), times=[1], engine="reference")
    with pytest.raises(ValueError, match="record must have l2 > 0"):
        bowl_mean_square_displacement(still, waiting_time=0)
    cold = gn.measure(gn.Ensemble.random(flat.network, 2), flat, gn.GradientDescent(0.1), times=[1], engine="reference")
    with pytest.raises(ValueError, match="record must be of Langevin dynamics"):
        bowl_mean_square_displacement(cold, waiting_time=0)
