"""Ensembles: replicas keep who they are, and values do not change."""

from __future__ import annotations

import numpy as np
import pytest

import glassnet as gn

NETWORK = gn.Mlp(3, 5, 2)


def test_an_origin_has_the_same_weights_in_any_ensemble() -> None:
    small, large = gn.Ensemble.random(NETWORK, 2, seed=4), gn.Ensemble.random(NETWORK, 6, seed=4)
    assert np.array_equal(small.weights, large.weights[:2])
    assert large.origin.tolist() == list(range(6))
    assert not np.array_equal(gn.Ensemble.random(NETWORK, 2, seed=5).weights, small.weights)


def test_arrays_are_read_only_and_its_own() -> None:
    weights = np.ones((1, NETWORK.n_weights))
    ensemble = gn.Ensemble.from_weights(NETWORK, weights)
    weights[:] = 2.0
    assert ensemble.weights.max() == 1.0
    with pytest.raises(ValueError, match="read-only"):
        ensemble.weights[0, 0] = 3.0


def test_indexing_keeps_names() -> None:
    ensemble = gn.Ensemble.random(NETWORK, 5)
    assert ensemble[2:4].origin.tolist() == [2, 3]
    assert ensemble[np.array([True, False, False, False, True])].origin.tolist() == [0, 4]
    assert ensemble[[4, 0]].origin.tolist() == [4, 0]
    assert ensemble[-1].origin.tolist() == [4]
    with pytest.raises(ValueError, match="at least one of the 5 replicas"):
        ensemble[5:]
    with pytest.raises(ValueError, match="each at most once"):
        ensemble[[0, 0]]
    with pytest.raises(IndexError, match="the index must be a number"):
        ensemble[True]


def test_repeat_gives_all_origins_for_each_noise() -> None:
    repeated = gn.Ensemble.random(NETWORK, 2).repeat(noise=[7, 9])
    assert repeated.origin.tolist() == [0, 1, 0, 1]
    assert repeated.noise.tolist() == [7, 7, 9, 9]
    assert np.array_equal(repeated.weights[:2], repeated.weights[2:])


def test_concat_refuses_namesakes_and_says_how_to_rename() -> None:
    ensemble = gn.Ensemble.random(NETWORK, 2)
    with pytest.raises(ValueError, match=r"replicas 0 and 2 are both seed 0, origin 0, noise 0 at step 0: rename"):
        gn.concat([ensemble, ensemble])
    both = gn.concat([ensemble, ensemble.rename(noise=1)])
    assert both.noise.tolist() == [0, 0, 1, 1]


def test_concat_refuses_other_networks() -> None:
    with pytest.raises(ValueError, match=r"number 1 has Mlp\(n_features=3, width=6"):
        gn.concat([gn.Ensemble.random(NETWORK, 1), gn.Ensemble.random(gn.Mlp(3, 6, 2), 1, seed=1)])
    with pytest.raises(TypeError, match="but got Ensemble, int"):
        gn.concat([gn.Ensemble.random(NETWORK, 1), 3])  # type: ignore[list-item]


def test_weights_come_flat_as_matrices_or_as_a_state_dict() -> None:
    flat = gn.Ensemble.random(NETWORK, 1, seed=8).weights
    matrices = [matrix[0] for matrix in NETWORK.unflatten(flat)]
    state = {f"{2 * i}.weight": matrix.T for i, matrix in enumerate(matrices)}
    for weights in (flat, flat[0], matrices, state):
        assert np.array_equal(gn.Ensemble.from_weights(NETWORK, weights).weights, flat)
    with pytest.raises(ValueError, match=r"no biases\), but '0.bias'"):
        gn.Ensemble.from_weights(NETWORK, {"0.bias": np.zeros(5)} | state)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": np.full((1, NETWORK.n_weights), np.nan)}, "weights must be finite, but those of replica 0"),
        ({"weights": np.zeros((1, 3))}, r"weights must have shape \(replica, 45\)"),
        ({"seed": -1}, "seed must be from 0 to 4294967295, but got -1"),
        ({"noise": 2**32}, "noise must be from 0 to"),
        ({"origin": 0.5}, "origin must be 1 integers"),
        ({"origin": [0, 1]}, r"origin must be one number, or one for each of 1 replicas, but got \(2,\)"),
        ({"weights": np.full((1, NETWORK.n_weights), 1j)}, "weights must be real numbers, but got complex128"),
        ({"dtype": "float16"}, "dtype must be float64 or float32, but got float16"),
    ],
)
def test_bad_ensembles_are_refused(change: dict[str, object], message: str) -> None:
    arguments: dict[str, object] = {"weights": np.zeros((1, NETWORK.n_weights))} | change
    with pytest.raises(ValueError, match=message):
        gn.Ensemble.from_weights(NETWORK, **arguments)  # type: ignore[arg-type]


def test_normal_weights_need_their_spread() -> None:
    with pytest.raises(ValueError, match='std must be given with init="normal"'):
        gn.Ensemble.random(NETWORK, 1, init="normal")
    assert gn.Ensemble.random(NETWORK, 1, init="normal", std=0.1, dtype="float32").weights.dtype == np.float32
