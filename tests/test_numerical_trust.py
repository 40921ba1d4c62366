"""The cpu engine held to the reference over random shapes and settings, and checks that wrong numbers do not pass.

Each check is a function; beside what must pass it there stands a wrong input that must not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from conftest import flat_landscape
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from rounding import cases, check_steps
from scipy import stats

import glassnet as gn
from glassnet.engines import Cpu
from glassnet.simulate.dynamics import Dynamics, Sgd

Floats = NDArray[np.float64]
SIGNIFICANCE = 1e-3
"""Of each statistical test; the seeds are fixed, so that it either passes always or never."""

trusted = settings(max_examples=40, deadline=None, derandomize=True)


@trusted
@given(cases(), st.sampled_from(["float32", "float64"]), st.booleans(), st.integers(1, 3))
def test_every_step_is_the_reference_to_its_rounding_bound(
    case: tuple[gn.Landscape, gn.Ensemble, Dynamics], gradient: Any, exhaustive: bool, threads: int
) -> None:
    landscape, ensemble, dynamics = case
    engine = Cpu(threads, exhaustive=exhaustive, gradient=gradient)
    check_steps(engine, landscape, ensemble, dynamics, dynamics, n_steps=4)


@pytest.fixture
def case() -> tuple[gn.Landscape, gn.Ensemble]:
    dataset = gn.random_dataset(300, 10, seed=4)
    landscape = gn.Landscape(gn.Mlp(10, 12, 2), dataset, gn.QuadraticHinge(l2=0.01))
    return landscape, gn.Ensemble.random(landscape.network, 2, seed=6)


@pytest.mark.parametrize("gradient", ["float32", "float64"])
@pytest.mark.parametrize(
    ("made", "defined"),
    [
        (gn.Langevin(0.3 * 1.05**2, 0.02), gn.Langevin(0.3, 0.02)),
        (gn.Langevin(0.0, 0.02 * 1.001), gn.Langevin(0.0, 0.02)),
        (gn.Langevin(0.3, 0.02), gn.Langevin(0.3, 0.02, batch_size=299)),
        (gn.Sgd(0.02, 30, "replacement"), gn.Sgd(0.02, 30, "permutation")),
    ],
    ids=["noise 5 % too large", "steps 0.1 % too long", "one row too many", "rows drawn otherwise"],
)
def test_a_wrong_step_is_not_within_the_bound(
    case: tuple[gn.Landscape, gn.Ensemble], made: Dynamics, defined: Dynamics, gradient: Any
) -> None:
    landscape, ensemble = case
    engine = Cpu(1, gradient=gradient)
    check_steps(engine, landscape, ensemble, made, made, n_steps=2)
    with pytest.raises(AssertionError):
        check_steps(engine, landscape, ensemble, made, defined, n_steps=2)


# The order of sums


def check_same_bits(a: gn.Ensemble, b: gn.Ensemble) -> None:
    assert a.weights.tobytes() == b.weights.tobytes()


@pytest.mark.parametrize("gradient", ["float32", "float64"])
def test_a_sum_in_another_order_shows_in_the_bits_and_lies_within_the_bound(
    case: tuple[gn.Landscape, gn.Ensemble], gradient: Any
) -> None:
    landscape, ensemble = case
    data, dynamics = landscape.dataset, gn.GradientDescent(0.1)
    turned = gn.Dataset(data.features[::-1], data.labels[::-1])
    other = gn.Landscape(landscape.network, turned, landscape.loss)
    engine = Cpu(1, gradient=gradient)
    found = gn.evolve(ensemble, landscape, dynamics, 1, engine=engine)
    check_same_bits(gn.evolve(ensemble, landscape, dynamics, 1, engine=engine), found)
    with pytest.raises(AssertionError):
        check_same_bits(gn.evolve(ensemble, other, dynamics, 1, engine=engine), found)
    check_steps(engine, other, ensemble, dynamics, dynamics, n_steps=1)


# Which rows a step takes


def rows_that_moved(dynamics: Sgd, n_samples: int, n_steps: int) -> list[NDArray[np.intp]]:
    """The rows that each step was made of: row i is the unit vector i and alone moves row i of the first matrix."""
    network = gn.Mlp(n_samples, 16, 1)
    labels = np.where(np.arange(n_samples) % 2, 1.0, -1.0)
    landscape = gn.Landscape(network, gn.Dataset(np.eye(n_samples), labels), gn.QuadraticHinge())
    session = Cpu(2).session(gn.Ensemble.random(network, 1, seed=8), landscape, dynamics)
    first, moved = session.ensemble.weights[0], []
    for _ in range(n_steps):
        session.advance(np.array([1]))
        second = session.ensemble.weights[0]
        changed = (first != second)[: n_samples * 16].reshape(n_samples, 16).any(axis=1)
        moved.append(np.flatnonzero(changed))
        first = second
    return moved


def check_each_row_once(epoch: list[NDArray[np.intp]], n_samples: int) -> None:
    """An epoch takes every row exactly once."""
    assert np.array_equal(np.sort(np.concatenate(epoch)), np.arange(n_samples))


def test_an_epoch_takes_every_row_once() -> None:
    moved = rows_that_moved(gn.Sgd(1e-3, 6), 24, 8)
    check_each_row_once(moved[:4], 24)
    check_each_row_once(moved[4:], 24)
    assert [row.tolist() for row in moved[:4]] != [row.tolist() for row in moved[4:]]


def test_an_epoch_that_repeats_a_row_is_noticed() -> None:
    with pytest.raises(AssertionError):
        check_each_row_once(rows_that_moved(gn.Sgd(1e-3, 6, "replacement"), 24, 4), 24)
    moved = rows_that_moved(gn.Sgd(1e-3, 1), 24, 24)
    check_each_row_once(moved, 24)
    with pytest.raises(AssertionError):
        check_each_row_once([*moved[:-1], moved[0]], 24)


# The stationary distribution


def check_variance(weights: Floats, variance: float) -> None:
    """Normal numbers of mean 0 and this variance: their sum of squares has a chi-square law, and their ranks fit."""
    statistic = float(np.sum(weights**2)) / variance
    tail = min(stats.chi2.cdf(statistic, weights.size), stats.chi2.sf(statistic, weights.size))
    assert 2 * tail > SIGNIFICANCE
    assert stats.kstest(weights.ravel() / np.sqrt(variance), "norm").pvalue > SIGNIFICANCE


def in_the_bowl(gradient: Any, temperature: float, rate: float, l2: float, dtype: str) -> Floats:
    """Weights that a bowl and noise alone have acted on, until nothing is left of where they began."""
    landscape = flat_landscape(n_samples=50, l2=l2, width=40)
    start = gn.Ensemble.from_weights(
        landscape.network, np.zeros((6, landscape.network.n_weights)), seed=21, noise=np.arange(6), dtype=dtype
    )
    after = gn.evolve(start, landscape, gn.Langevin(temperature, rate), 60, engine=Cpu(2, gradient=gradient))
    return after.weights.astype(np.float64)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("gradient", ["float32", "float64"])
@pytest.mark.parametrize(("temperature", "rate", "l2"), [(0.3, 0.25, 1.2), (20.0, 1.5, 1.2)])
def test_weights_in_a_bowl_have_the_variance_of_discrete_steps(
    gradient: Any, temperature: float, rate: float, l2: float, dtype: str
) -> None:
    weights = in_the_bowl(gradient, temperature, rate, l2, dtype)
    # w <- (1 - mu l2) w + s xi: geometric series of the variances s^2 (1 - mu l2)^2k.
    noise = 2 * rate * temperature / 50
    variance = noise / (1 - (1 - rate * l2) ** 2)
    check_variance(weights, variance)
    with pytest.raises(AssertionError):
        check_variance(1.05 * weights, variance)
    with pytest.raises(AssertionError):
        check_variance(weights, temperature / 50 / l2)


# Independence of the noise


def noise_of(ensemble: gn.Ensemble, n_samples: int, temperatures: tuple[float, ...], n_steps: int) -> Floats:
    """The noise of each replica's steps as the engine makes it, ``(replica x step, weight)``, of variance 1."""
    rate = 0.3
    landscape = flat_landscape(n_samples=n_samples, l2=0.0, width=40)
    session = Cpu(2).session(ensemble, landscape, gn.Langevin(temperatures, rate))
    positions = [session.ensemble.weights]
    for _ in range(n_steps):
        session.advance(np.ones(len(ensemble), np.int64))
        positions.append(session.ensemble.weights)
    scale = np.sqrt(2 * rate * np.array(temperatures) / n_samples)
    moves = np.diff(np.stack(positions, axis=1), axis=1) / scale[:, None, None]
    return moves.reshape(len(ensemble) * n_steps, -1)


def check_uncorrelated(noise: Floats) -> None:
    """All pairs of rows, and each row with itself moved by one weight, correlate by no more than chance.

    The mean of n products of independent standard normal numbers has variance 1 / n and is nearly normal; the quantile
    is that of the largest of so many.
    """
    n_streams, n = noise.shape
    pairs = (noise @ noise.T / n)[np.triu_indices(n_streams, 1)]
    neighbours = np.mean(noise[:, 1:] * noise[:, :-1], axis=1)
    found = np.abs(np.concatenate([pairs, neighbours]))
    assert found.max() < stats.norm.isf(SIGNIFICANCE / 2 / found.size) / np.sqrt(n)


def named(weights: int, **names: list[int]) -> gn.Ensemble:
    network = gn.Mlp(4, 40, 2)
    assert network.n_weights == weights
    n = len(next(iter(names.values())))
    arguments: dict[str, Any] = {"origin": [0] * n, **names}
    return gn.Ensemble.from_weights(network, np.zeros((n, weights)), **arguments)


@pytest.mark.parametrize(
    "names",
    [
        {"seed": [0, 1, 2, 2**31, 2**32 - 1]},
        {"origin": [0, 1, 2, 2**31, 2**32 - 1]},
        {"noise": [0, 1, 2, 2**31, 2**32 - 1]},
        {"noise": [0, 1, 2, 3, 4], "step": [0, 1, 2**32 - 2, 2**32, 2**40]},
    ],
    ids=["seeds", "origins", "noise", "late steps"],
)
def test_noise_of_replicas_steps_weights_and_temperatures_is_uncorrelated(names: dict[str, list[int]]) -> None:
    noise = noise_of(named(1800, **names), 30, (1e-4, 0.3, 1.0, 20.0, 0.3), 4)
    check_uncorrelated(noise)
    check_variance(noise, 1.0)


def repeated_for_a_replica(noise: Floats) -> Floats:
    return np.concatenate([noise, noise[:1]])


def one_stream_mixed_into_another(noise: Floats) -> Floats:
    return np.concatenate([noise[:-1], 0.99 * noise[-1:] + 0.15 * noise[:1]])


def next_weights_alike(noise: Floats) -> Floats:
    mixed: Floats = (noise + 0.15 * np.roll(noise, 1, axis=1)) / np.sqrt(1 + 0.15**2)
    return mixed


@pytest.mark.parametrize("spoil", [repeated_for_a_replica, one_stream_mixed_into_another, next_weights_alike])
def test_correlated_noise_is_noticed(spoil: Callable[[Floats], Floats]) -> None:
    noise = noise_of(named(1800, noise=[0, 1, 2]), 30, (0.3, 0.3, 2.0), 3)
    check_uncorrelated(noise)
    with pytest.raises(AssertionError):
        check_uncorrelated(spoil(noise))


def test_two_replicas_of_one_name_share_their_noise_and_are_noticed() -> None:
    streams = [noise_of(named(1800, noise=[noise]), 30, (0.3,), 1) for noise in (4, 5, 4)]
    check_uncorrelated(np.concatenate(streams[:2]))
    with pytest.raises(AssertionError):
        check_uncorrelated(np.concatenate(streams))
