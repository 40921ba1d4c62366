"""Second derivatives: against differences of the gradient, and against the whole matrix."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import small_landscape
from numpy.typing import NDArray

import glassnet as gn


def somewhere(width: int, depth: int, l2: float) -> tuple[gn.Landscape, NDArray[np.float64]]:
    """Weights so large that some rows sleep, and not where a descent ends: it likes the edges between pieces."""
    landscape = small_landscape(width=width, depth=depth, l2=l2)
    return landscape, 3.0 * landscape.network.initial_weights(0, 0)


def matrix(landscape: gn.Landscape, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    hessian = gn.Hessian(landscape, weights)
    return np.stack([hessian @ unit for unit in np.eye(landscape.network.n_weights)])


@pytest.mark.parametrize(("width", "depth", "l2"), [(6, 2, 1e-2), (4, 6, 0.0), (3, 1, 0.3)])
def test_products_are_differences_of_the_gradient(width: int, depth: int, l2: float) -> None:
    landscape, weights = somewhere(width, depth, l2)
    hessian = gn.Hessian(landscape, weights)
    margins = landscape.dataset.labels * landscape.mlp("the test").output(weights, landscape.dataset.features)
    assert 0 < np.mean(margins < 1) < 1
    rng = np.random.default_rng(1)
    for _ in range(5):
        direction = rng.standard_normal(len(weights))
        # Inside a piece the gradient is a polynomial: the error of a central difference is h^2 times a derivative of
        # order 10, and rounding, 1e-16/h.
        h = 1e-6
        ahead, behind = (landscape.gradient(weights + sign * h * direction) for sign in (1, -1))
        difference = (ahead - behind) / (2 * h)
        assert np.allclose(hessian @ direction, difference, rtol=0, atol=1e-8 * np.abs(difference).max())


def test_the_matrix_is_symmetric_and_its_ends_are_found() -> None:
    landscape, weights = somewhere(6, 2, 1e-2)
    whole = matrix(landscape, weights)
    assert np.allclose(whole, whole.T, rtol=0, atol=1e-14)
    eigenvalues = np.linalg.eigvalsh(whole)
    found = gn.Hessian(landscape, weights).extremes(4)
    assert found.residual < 1e-4 * eigenvalues[-1]
    assert np.allclose(found.largest, eigenvalues[:-5:-1], rtol=0, atol=found.residual + 1e-14)
    assert np.allclose(found.smallest, eigenvalues[:4], rtol=0, atol=found.residual + 1e-14)


def test_l2_shifts_the_spectrum() -> None:
    landscape, weights = somewhere(6, 2, 1e-2)
    plain, shifted = (gn.Hessian(landscape, weights, l2=l2).extremes() for l2 in (0.0, 0.5))
    assert np.allclose(shifted.smallest, plain.smallest + 0.5, rtol=0, atol=1e-10)
    assert np.allclose(shifted.largest, plain.largest + 0.5, rtol=0, atol=1e-10)


def test_at_the_bottom_of_the_bowl_all_eigenvalues_are_l2() -> None:
    landscape = small_landscape(depth=3, l2=0.04)
    found = gn.Hessian(landscape, np.zeros(landscape.network.n_weights)).extremes(2)
    assert np.allclose([*found.smallest, *found.largest], 0.04, rtol=1e-12)


def test_wrong_arguments_are_named() -> None:
    landscape = small_landscape()
    with pytest.raises(ValueError, match=r"weights must be one network's 66, but got shape \(3,\)"):
        gn.Hessian(landscape, np.ones(3))
    with pytest.raises(ValueError, match="l2 must be given: the loss has one a replica"):
        gn.Hessian(small_landscape(l2=[0.1, 0.2]), np.ones(66))
    with pytest.raises(ValueError, match="n must be an integer from 1 to 65, but got 66"):
        gn.Hessian(landscape, np.ones(66)).extremes(66)
