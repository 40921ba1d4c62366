"""Value and gradient by definition."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import small_landscape
from hypothesis import given, settings
from hypothesis import strategies as st

import glassnet as gn
from glassnet.landscape.surface import mean_data_gradient


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 6), st.integers(1, 8), st.integers(1, 5), st.integers(0, 2**31))
def test_gradient_is_the_derivative_of_the_value(n_features: int, width: int, depth: int, seed: int) -> None:
    landscape = small_landscape(n_features=n_features, width=width, depth=depth, n_samples=20, l2=0.3)
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=landscape.network.n_weights)
    direction = rng.normal(size=weights.size)
    direction /= np.linalg.norm(direction)
    # The central difference of a piecewise smooth function: small steps until no kink lies between.
    slope = landscape.gradient(weights) @ direction
    errors = []
    for h in (1e-4, 1e-5, 1e-6, 1e-7):
        difference = (landscape.value(weights + h * direction) - landscape.value(weights - h * direction)) / (2 * h)
        errors.append(abs(difference - slope) / (1 + abs(slope)))
    assert min(errors) < 1e-6


def test_value_is_the_quadratic_hinge_with_l2() -> None:
    dataset = gn.Dataset(np.array([[1.0], [2.0]], np.float32), np.array([1.0, -1.0], np.float32))
    landscape = gn.Landscape(gn.Mlp(1, 1, 1), dataset, gn.QuadraticHinge(l2=0.5))
    # f = 0.5 x: margins 0.5 and -1, so the mean of (0.5^2, 2^2) / 2, and 0.5/2 (1 + 0.25).
    assert landscape.value(np.array([1.0, 0.5])) == pytest.approx(0.5 * (0.25 + 4.0) / 2 + 0.25 * 1.25)


def test_sleeping_rows_with_infinite_activations_contribute_nothing() -> None:
    network = gn.Mlp(1, 2, 1)
    weights = np.array([1e308, 1e308, 1e308, 1e308])
    with np.errstate(over="ignore"):
        gradient = mean_data_gradient(network, weights, np.array([[10.0], [-1.0]]), np.array([1.0, 1.0]))
    assert np.array_equal(gradient, np.zeros(4))


def test_data_of_another_width_are_refused() -> None:
    with pytest.raises(ValueError, match="n_features must be the dataset's 3, but got 4"):
        gn.Landscape(gn.Mlp(4, 5, 1), gn.random_dataset(10, 3), gn.QuadraticHinge())


@pytest.mark.parametrize("l2", [-1.0, float("nan"), [0.1, -0.1]])
def test_bad_l2_is_refused(l2: float | list[float]) -> None:
    with pytest.raises(ValueError, match=r"l2.* must be a finite number >= 0"):
        gn.QuadraticHinge(l2=l2)


def test_fingerprint_tells_landscapes_apart() -> None:
    prints = {
        small_landscape().fingerprint,
        small_landscape(l2=0.0).fingerprint,
        small_landscape(width=7).fingerprint,
        small_landscape(n_samples=61).fingerprint,
    }
    assert len(prints) == 4
    assert small_landscape().fingerprint in prints
