"""Observables of real records against the weights themselves, followed step by step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from conftest import small_landscape
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import glassnet as gn
from glassnet.simulate.recording import BIN_EDGES

Floats = NDArray[np.float64]

WAITS = (0, 4)
TIMES = (1, 2, 5, 9, 10)
CHI = (3.0, 40.0)
EPSILON = (2e-3, 2e-2)
DYNAMICS = gn.Langevin([0.05, 0.8, 0.0], [0.02, 0.03, 0.04])


def measured(width: int = 5, depth: int = 2, seed: int = 0) -> tuple[gn.Record, Floats]:
    """A record and the displacements it is of, ``(replica, waiting_time, time, weight)``."""
    landscape = small_landscape(width=width, depth=depth)
    start = gn.Ensemble.random(landscape.network, 3, seed=seed)
    record = gn.measure(
        start,
        landscape,
        DYNAMICS,
        waiting_times=WAITS,
        times=TIMES,
        chi=CHI,
        epsilon=EPSILON,
        engine="reference",
    )
    path = [start]
    for _ in range(WAITS[-1] + TIMES[-1]):
        path.append(gn.evolve(path[-1], landscape, DYNAMICS, 1, engine="reference"))
    w = np.stack([state.weights for state in path])
    displacement = np.stack([[w[wait + t] - w[wait] for t in TIMES] for wait in WAITS])
    return record, np.moveaxis(displacement, 2, 0)


@pytest.fixture(scope="module")
def followed() -> tuple[gn.Record, Floats]:
    return measured()


@settings(max_examples=8, deadline=None)
@given(width=st.integers(1, 7), depth=st.integers(1, 4), seed=st.integers(0, 2**32 - 1))
def test_observables_are_their_definitions(width: int, depth: int, seed: int) -> None:
    record, dw = measured(width, depth, seed)
    sigma = record.data.sigma.values[:, None, None, None, None]
    q_chi = np.mean(np.abs(dw)[..., None, :] <= sigma / np.array(CHI)[:, None], axis=-1)
    q_epsilon = np.mean(np.abs(dw)[..., None, :] <= np.array(EPSILON)[:, None], axis=-1)
    msd = np.mean(dw**2, axis=-1)
    # Sums of up to 300 positive terms, each rounded once, in another order: within 300 units in the last place.
    np.testing.assert_allclose(gn.overlap(record, chi=CHI), q_chi, rtol=1e-13)
    np.testing.assert_allclose(gn.overlap(record, epsilon=EPSILON), q_epsilon, rtol=1e-13)
    np.testing.assert_allclose(gn.mean_square_displacement(record), msd, rtol=1e-13)
    alpha_2 = np.mean(dw**4, axis=-1) / (3.0 * msd**2) - 1.0
    np.testing.assert_allclose(gn.non_gaussian(record), alpha_2, rtol=0.0, atol=1e-11)


def test_a_number_drops_the_dimension_and_a_sequence_keeps_it(followed: tuple[gn.Record, Floats]) -> None:
    record, _ = followed
    both, one = gn.overlap(record, chi=CHI), gn.overlap(record, chi=40)
    assert both.dims == ("replica", "waiting_time", "time", "chi")
    assert one.dims == ("replica", "waiting_time", "time")
    assert one.chi == 40.0
    assert one.equals(both.sel(chi=40.0))
    assert gn.overlap(record, epsilon=[2e-2]).dims[-1] == "epsilon"
    assert one.attrs["long_name"] == "overlap"
    assert one.attrs["source"] == "Eq. 4"
    np.testing.assert_allclose(one.epsilon_of_chi, record.data.sigma / 40.0)


def test_replicas_keep_their_names_and_conditions(followed: tuple[gn.Record, Floats]) -> None:
    record, _ = followed
    curves = [
        gn.overlap(record, chi=3.0),
        gn.mean_square_displacement(record),
        gn.non_gaussian(record),
        gn.mobility(record),
    ]
    for curve in curves:
        assert curve.dims[:3] == ("replica", "waiting_time", "time")
        assert curve.origin.values.tolist() == [0, 1, 2]
        assert curve.seed.values.tolist() == curve.noise.values.tolist() == [0, 0, 0]
        assert curve.temperature.values.tolist() == [0.05, 0.8, 0.0]
        assert curve.learning_rate.values.tolist() == [0.02, 0.03, 0.04]
        assert {"long_name", "units", "source"} <= set(curve.attrs)


@pytest.mark.parametrize("layers", [slice(0, -1), [0, 2], 1, -1])
def test_any_layers_may_be_pooled(followed: tuple[gn.Record, Floats], layers: slice | list[int] | int) -> None:
    record, dw = followed
    where = [np.arange(s.start, s.stop) for s in record.ensemble.network.layer_slices]
    picked = np.concatenate([where[i] for i in np.atleast_1d(np.arange(3)[layers])])
    msd = np.mean(dw[..., picked] ** 2, axis=-1)
    np.testing.assert_allclose(gn.mean_square_displacement(record, layers=layers), msd, rtol=1e-13)
    q = np.mean(np.abs(dw[..., picked]) <= 2e-2, axis=-1)
    np.testing.assert_allclose(gn.overlap(record, epsilon=2e-2, layers=layers), q, rtol=1e-13)
    assert not np.allclose(gn.mean_square_displacement(record), msd, rtol=1e-6)


def test_mobility_is_a_density_per_decade(followed: tuple[gn.Record, Floats]) -> None:
    record, dw = followed
    density = gn.mobility(record)
    assert density.dims == ("replica", "waiting_time", "time", "bin")
    assert density.time.values.tolist() == [1, 2, 5, 10]
    whole = density.sum("bin") * 0.05 + density.share_below + density.share_above
    np.testing.assert_allclose(whole, 1.0, rtol=1e-12)
    counts, _ = np.histogram(np.abs(dw[1, 1, 4]), BIN_EDGES)
    np.testing.assert_allclose(density[1, 1, 3], counts / dw.shape[-1] / 0.05, rtol=1e-12)
    np.testing.assert_allclose(density.displacement[[0, -1]], [10**-11.975, 10**0.975], rtol=1e-12)


def test_overlap_from_histograms(followed: tuple[gn.Record, Floats]) -> None:
    record, dw = followed
    sparse = dw[:, :, [0, 1, 2, 4]]
    for epsilon in (3.3e-3, 2.7e-2, 1e-15, 9.0):
        approximate = gn.overlap(record, epsilon=epsilon, approximate=True)
        exact = np.mean(np.abs(sparse) <= epsilon, axis=-1)
        low = np.append(0.0, BIN_EDGES)[np.searchsorted(BIN_EDGES, epsilon)]
        in_bin = np.mean((np.abs(sparse) >= low) & (np.abs(sparse) <= low * 1.13), axis=-1)
        assert np.all(np.abs(approximate.values - exact) <= in_bin + 1e-12)
    at_edge = gn.overlap(record, epsilon=BIN_EDGES[200], approximate=True)
    np.testing.assert_allclose(at_edge, np.mean(np.abs(sparse) < BIN_EDGES[200], axis=-1), atol=1e-12)
    assert approximate.dims == ("replica", "waiting_time", "time")
    assert approximate.attrs["bin_width_in_decades"] == pytest.approx(0.05)

    by_chi = gn.overlap(record, chi=[77.0, 5.0], approximate=True)
    assert by_chi.dims == ("replica", "waiting_time", "time", "chi")
    sigma = record.data.sigma.values
    for r in range(3):
        by_epsilon = gn.overlap(record[r : r + 1], epsilon=sigma[r] / 77.0, approximate=True)
        np.testing.assert_array_equal(by_chi.sel(chi=77.0)[r], by_epsilon[0])


def test_what_has_not_moved_has_no_alpha() -> None:
    landscape = small_landscape(l2=0.0)
    still = replace(landscape, dataset=gn.Dataset(np.zeros((5, 4)), np.ones(5)))
    start = gn.Ensemble.random(still.network, 2)
    record = gn.measure(start, still, gn.GradientDescent(0.1), times=[0, 3], chi=[10], engine="reference")
    assert np.all(gn.overlap(record, chi=10) == 1.0)
    assert np.all(gn.mean_square_displacement(record) == 0.0)
    assert np.all(np.isnan(gn.non_gaussian(record)))
    assert np.all(gn.mobility(record).share_below == 1.0)


def test_a_lost_replica_is_missing_from_then_on_and_what_was_not_recorded_for_all() -> None:
    landscape = small_landscape(l2=1.0)
    start = gn.Ensemble.random(landscape.network, 2)
    unstable = gn.GradientDescent([0.05, 1e40])
    record = gn.measure(
        start, landscape, unstable, waiting_times=[0, 5], times=[1, 10, 20], until=15, chi=[10], engine="reference"
    )
    assert 0 < record.data.lost_at[1] < 10
    for curve in (gn.overlap(record, chi=10), gn.mean_square_displacement(record), gn.non_gaussian(record)):
        assert np.isfinite(curve[0].values).tolist() == [[True, True, False], [True, True, False]]
        assert np.isfinite(curve[1].values).tolist() == [[True, False, False], [False, False, False]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "exactly one of chi and epsilon must be given"),
        ({"chi": 3.0, "epsilon": 2e-2}, "exactly one of chi and epsilon must be given"),
        ({"chi": 300}, r"chi must be one that was recorded \(3, 40\), but got 300: give it to measure, or .*approxim"),
        ({"epsilon": [2e-2, 5.0]}, r"epsilon must be one that was recorded \(0\.002, 0\.02\), but got 5"),
        ({"chi": -3.0}, r"chi must be a finite number > 0, but got -3\.0"),
        ({"epsilon": 11.0, "approximate": True}, "epsilon must give an epsilon <= 10 for histograms, but got 11"),
        ({"chi": 3.0, "layers": [3]}, r"layers must be among 0 to 2, but got \[3\]"),
        ({"chi": 3.0, "layers": []}, "layers must name at least one layer"),
        ({"chi": 3.0, "layers": [1, 1]}, r"layers must name at least one layer, each once, but got \[1, 1\]"),
    ],
)
def test_bad_input(followed: tuple[gn.Record, Floats], arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gn.overlap(followed[0], **arguments)  # type: ignore[arg-type]
