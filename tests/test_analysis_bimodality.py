"""The dip test, on samples and displacements with one peak or two."""

from __future__ import annotations

import importlib.util
from dataclasses import replace

import numpy as np
import pytest
from conftest import flat_landscape

import glassnet as gn
from glassnet.analysis import bimodality, dip_test


def test_one_peak_is_rarely_called_two() -> None:
    """log|dw| of free diffusion is peaked, so that p falls below 0.05 even less often than for a uniform sample."""
    rng, trials = np.random.default_rng(0), 300
    gaussian = [dip_test(np.log10(np.abs(rng.standard_normal(500))))[1] for _ in range(trials)]
    uniform = [dip_test(rng.random(500))[1] for _ in range(trials)]
    assert np.mean(np.array(gaussian) < 0.05) < 0.01
    # 0.05 + 3.5 standard errors of a share over 300 trials.
    assert np.mean(np.array(uniform) < 0.05) < 0.05 + 3.5 * np.sqrt(0.05 * 0.95 / trials)


@pytest.mark.parametrize(("ratio", "bimodal"), [(2.0, False), (30.0, True)])
def test_two_populations_are_two_peaks_where_far_apart(ratio: float, bimodal: bool) -> None:
    """log|dw| of a Gaussian has a width of half a decade: populations a factor 2 apart make one peak."""
    rng = np.random.default_rng(1)
    dw = rng.standard_normal(2000) * np.where(np.arange(2000) < 1000, 1.0, ratio)
    dip, p = dip_test(np.log10(np.abs(dw)))
    assert (p < 1e-3) == bimodal
    assert dip > 0


def test_samples_too_small_or_large() -> None:
    assert np.isnan(dip_test(np.arange(29.0))).all()
    assert dip_test(np.random.default_rng(2).standard_normal(200_000))[1] > 0.5


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_a_sample_that_is_not_finite_has_no_dip(wrong: float) -> None:
    """The test itself says 0 with certainty."""
    with pytest.raises(ValueError, match=f"sample must be finite, but got {wrong}"):
        dip_test(np.append(np.arange(99.0), wrong))
    with pytest.raises(ValueError, match="sample must have one dimension"):
        dip_test(np.ones((40, 2)))


@pytest.fixture(scope="module")
def record() -> gn.Record:
    landscape = flat_landscape(n_samples=6, l2=0.0, width=20)
    start = gn.Ensemble.random(landscape.network, 6)
    dynamics = gn.Langevin([0.3, 0.3, 0.3, 0.1, 0.1, 0.1], 0.02)
    return gn.measure(start, landscape, dynamics, times=[1, 10], snapshots=[10], epsilon=[0.1], engine="reference")


def with_displacement(record: gn.Record, factor: np.ndarray) -> gn.Record:
    return replace(record, data=record.data.assign(displacement=record.data["displacement"] * factor))


def test_free_diffusion_has_one_peak(record: gn.Record) -> None:
    found = bimodality(record, waiting_time=0, time=10)
    sizes = record.data["n_layer_weights"].values
    assert found.layer.values.tolist() == list(range(-1, len(sizes)))
    np.testing.assert_array_equal(found.n.sel(layer=-1), sizes.sum())
    np.testing.assert_array_equal(found.n.isel(layer=slice(1, None)), np.tile(sizes, (6, 1)))
    assert found.temperature.values.tolist() == [0.1, 0.3]
    assert found.replica_temperature.values.tolist() == [0.3] * 3 + [0.1] * 3
    assert set(found.outcome.sel(layer=[-1, 0, 1]).values.ravel()) == {"not bimodal"}
    # The output layer has 20 weights, too few.
    assert set(found.outcome.sel(layer=2).values) == {"too few weights"}
    assert found.n_used.sel(layer=2).values.tolist() == [0, 0]
    p = found.p.sel(layer=0).values[3:]
    assert found.p_value.sel(layer=0, temperature=0.1).item() == pytest.approx(min(1.0, 2.0 * np.median(p)))


def test_unequal_layers_are_bimodal_only_when_pooled(record: gn.Record) -> None:
    sizes = record.data["n_layer_weights"].values
    # The middle layer is five times the first: take as many of it as unmoved, so that both peaks weigh the same.
    factor = np.repeat([1.0, 100.0, 100.0], sizes)
    factor[sizes[0] : sizes[0] + 300] = 0.0
    found = bimodality(with_displacement(record, factor), waiting_time=0, time=10)
    assert set(found.outcome.sel(layer=-1).values) == {"bimodal"}
    assert found.share_bimodal.sel(layer=-1).values.tolist() == [1.0, 1.0]
    assert set(found.outcome.sel(layer=[0, 1]).values.ravel()) == {"not bimodal"}
    np.testing.assert_array_equal(found.unmoved.sel(layer=1), 300)


def test_dead_neurons_apart(record: gn.Record) -> None:
    """Two populations inside a layer: two peaks together, one peak each once they are told apart."""
    live = np.arange(record.data.sizes["weight"]) % 2 == 0
    moved = with_displacement(record, np.where(live, 1.0, 1e-3))
    assert bimodality(moved, waiting_time=0, time=10).p_value.sel(layer=1).max() < 1e-3
    for mask in (live, ~live, np.tile(live, (6, 1))):
        found = bimodality(moved, waiting_time=0, time=10, weights=mask)
        assert set(found.outcome.sel(layer=1).values) == {"not bimodal"}


def test_lost_replicas_and_single_temperatures(record: gn.Record) -> None:
    some = record[:3]
    data = some.data.copy(deep=True)
    data["displacement"][0] = np.nan
    found = bimodality(replace(some, data=data), waiting_time=0, time=10)
    assert np.isnan(found.p[0]).all()
    assert found.n_used.values.tolist()[0] == [2, 2, 2, 0]
    assert found.temperature.values.tolist() == [0.3]


def test_bad_input(record: gn.Record, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"snapshot_time must be one of \[10\], but got 1"):
        bimodality(record, waiting_time=0, time=1)
    with pytest.raises(ValueError, match=r"waiting_time must be one of \[0\], but got 5"):
        bimodality(record, waiting_time=5, time=10)
    with pytest.raises(ValueError, match="significance must be between 0 and 1, ends excluded, but got 5"):
        bimodality(record, waiting_time=0, time=10, significance=5)
    with pytest.raises(ValueError, match="weights must be a mask of shape"):
        bimodality(record, waiting_time=0, time=10, weights=[True])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="needs diptest: pip install"):
        bimodality(record, waiting_time=0, time=10)
