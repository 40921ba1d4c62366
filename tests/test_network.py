"""The network's shapes and the layout of its flat vector."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import glassnet as gn

networks = st.builds(gn.Mlp, st.integers(1, 12), st.integers(1, 12), st.integers(1, 7))


def test_weight_counts_are_the_papers() -> None:
    assert [gn.Mlp(10, width, 6).n_weights for width in (30, 72, 82)] == [4830, 26712, 34522]


@given(networks, st.integers(1, 3))
def test_unflatten_and_flatten_undo_each_other(network: gn.Mlp, n_replicas: int) -> None:
    weights = np.arange(n_replicas * network.n_weights, dtype=np.float64).reshape(n_replicas, -1)
    matrices = network.unflatten(weights)
    assert [m.shape for m in matrices] == [(n_replicas, *shape) for shape in network.shapes]
    assert np.array_equal(network.flatten(matrices), weights)
    assert np.shares_memory(matrices[-1], weights)


def test_matrices_stand_layer_after_layer_row_major() -> None:
    first, second = gn.Mlp(2, 3, 1).unflatten(np.arange(9.0))
    assert first.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert second.tolist() == [[6], [7], [8]]


def test_uniform_initial_weights_fill_the_range_of_each_layer() -> None:
    network = gn.Mlp(10, 40, 2)
    for matrix in network.unflatten(network.initial_weights(seed=1, origin=2)):
        bound = 1 / np.sqrt(matrix.shape[0])
        assert np.abs(matrix).max() <= bound
        # A uniform number on +-b has variance b^2/3, its square variance 4 b^4/45: four standard errors.
        assert abs(np.mean(matrix**2) - bound**2 / 3) < 4 * bound**2 * np.sqrt(4 / 45 / matrix.size)


def test_normal_initial_weights_have_the_asked_spread() -> None:
    w = gn.Mlp(10, 40, 2).initial_weights(seed=1, origin=2, std=0.25)
    assert abs(w.std() / 0.25 - 1) < 4 / np.sqrt(2 * w.size)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((10, 0, 6), "width must be an integer >= 1, but got 0"), ((10, 5, 0), "depth"), ((0, 5, 1), "n_features")],
)
def test_impossible_shapes_are_refused(arguments: tuple[int, int, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gn.Mlp(*arguments)


def test_weights_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match=r"9 entries .* got shape \(2, 8\)"):
        gn.Mlp(2, 3, 1).unflatten(np.zeros((2, 8)))
