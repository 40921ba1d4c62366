"""A skin is another dynamics, written out here, with bits that depend on nothing but the replica."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from test_sleeping import drowsy

import glassnet as gn
from glassnet.engines import Cpu
from glassnet.landscape.surface import mean_data_gradient
from glassnet.simulate.dynamics import Dynamics

SKIN = Cpu(2, skin=True)
WARM, COLD = gn.Langevin(3.0, 1e-3), gn.Langevin(1e-3, 1e-3)


@pytest.fixture
def start() -> tuple[gn.Landscape, gn.Ensemble]:
    landscape, ensemble = drowsy((300, 4, 6, 3), awake=0.2)
    return landscape, gn.concat([ensemble, ensemble.rename(noise=1)])


def assert_same(a: gn.Ensemble, b: gn.Ensemble) -> None:
    assert a.weights.tobytes() == b.weights.tobytes()
    assert a.step.tolist() == b.step.tolist()
    assert list(a.state) == ["skin"]
    assert a.state == b.state


def missed_by(ensemble: gn.Ensemble) -> list[int]:
    return [int(count) for count in ensemble.state["skin"].counts["missed_wakings"]]


@pytest.mark.parametrize("dynamics", [WARM, COLD, gn.GradientDescent(1e-3)], ids=str)
def test_splits_threads_slices_and_files_change_no_bit(
    start: tuple[gn.Landscape, gn.Ensemble], dynamics: Dynamics, tmp_path: Path
) -> None:
    landscape, ensemble = start
    whole = gn.evolve(ensemble, landscape, dynamics, 1500, engine=SKIN)
    half = gn.evolve(ensemble, landscape, dynamics, 731, engine=Cpu(1, skin=True))
    assert_same(gn.evolve(half, landscape, dynamics, 769, engine=SKIN), whole)
    gn.save(half, tmp_path / "half.zarr.zip")
    again = gn.load(tmp_path / "half.zarr.zip")
    assert isinstance(again, gn.Ensemble)
    assert_same(gn.evolve(again, landscape, dynamics, 769, engine=SKIN), whole)
    at_full_pass = gn.evolve(ensemble, landscape, dynamics, 800, engine=SKIN)
    assert_same(gn.evolve(at_full_pass, landscape, dynamics, 700, engine=SKIN), whole)
    parts = gn.concat([half[[3, 1]], half[2], half[0]])
    assert_same(gn.evolve(parts, landscape, dynamics, 769, engine=SKIN), whole[[3, 1, 2, 0]])


def test_measure_ends_where_evolve_does(start: tuple[gn.Landscape, gn.Ensemble], tmp_path: Path) -> None:
    landscape, ensemble = start
    whole = gn.evolve(ensemble, landscape, WARM, 530, engine=SKIN)
    record = gn.measure(ensemble, landscape, WARM, waiting_times=[30], times=gn.log_times(500), engine=SKIN)
    assert_same(record.ensemble, whole)
    assert record.data.missed_wakings.values.tolist() == missed_by(whole)
    assert record.data.attrs["engine"]["skin"]["interval"] == 100
    part = gn.measure(ensemble, landscape, WARM, waiting_times=[30], times=gn.log_times(50), engine=SKIN)
    gn.save(part, tmp_path / "part.zarr.zip")
    loaded = gn.load(tmp_path / "part.zarr.zip")
    assert isinstance(loaded, gn.Record)
    extended = gn.extend(loaded, landscape, gn.log_times(500)[len(gn.log_times(50)) :], engine=SKIN)
    assert_same(extended.ensemble, whole)
    np.testing.assert_array_equal(extended.data.data_loss, record.data.data_loss)
    with pytest.raises(ValueError, match=r"engine must have the record's skin .*100.* but has None"):
        gn.extend(part, landscape, [60], engine="cpu")


def test_losses_are_of_all_rows(start: tuple[gn.Landscape, gn.Ensemble]) -> None:
    landscape, ensemble = start
    record = gn.measure(ensemble, landscape, WARM, times=[50], engine=SKIN)
    seen = gn.evaluate(record.ensemble, landscape)
    for name in ("data_loss", "awake", "accuracy"):
        np.testing.assert_array_equal(record.data[name][:, 0, 0], seen[name])


@pytest.mark.parametrize("first_step", [0, 37])
def test_the_dynamics_is_the_one_described(first_step: int) -> None:
    landscape, ensemble = drowsy((300, 4, 6, 3), awake=0.2)
    rate, network, data = 0.05, landscape.mlp("the test"), landscape.dataset
    ensemble = gn.Ensemble.from_weights(network, ensemble.weights[:1], step=first_step)
    found = gn.evolve(ensemble, landscape, gn.GradientDescent(rate), 700, engine=Cpu(gradient="float64", skin=True))

    w, width, missed = ensemble.weights[0], 0.1, 0
    listed: np.ndarray | None = None
    for step in range(first_step, first_step + 700):
        if listed is None or step % 100 == 0:
            margin = data.labels * network.output(w, data.features)
            if listed is not None:
                new = int(np.count_nonzero(~listed & (margin < 1)))
                missed, width = missed + new, width * (2.0 if new else 0.85)
            listed, looked_at = margin <= 1 + width, np.ones(300, dtype=np.bool_)
        else:
            looked_at = listed
        g = mean_data_gradient(network, w, data.features[looked_at], data.labels[looked_at]) * looked_at.mean()
        w = w - rate * (g + landscape.loss.l2 * w)
    assert missed_by(found) == [missed]
    skin = found.state["skin"].arrays
    np.testing.assert_allclose(skin["width"], width, rtol=1e-14)
    assert np.unpackbits(skin["rows"][0])[:300].astype(np.bool_).tolist() == np.asarray(listed).tolist()
    np.testing.assert_allclose(found.weights[0], w, rtol=0, atol=1e-11)
    assert missed > 0
    exact = gn.evolve(ensemble, landscape, gn.GradientDescent(rate), 700, engine=Cpu(gradient="float64"))
    assert np.any(exact.weights != found.weights)


def test_any_other_evolution_drops_the_list(start: tuple[gn.Landscape, gn.Ensemble]) -> None:
    landscape, ensemble = start
    half = gn.evolve(ensemble, landscape, WARM, 130, engine=SKIN)
    assert gn.evolve(half, landscape, WARM, 10).state == {}
    assert gn.evolve(half, landscape, gn.Sgd(1e-3, 10), 10, engine=SKIN).state == {}
    bare = gn.Ensemble(
        half.network, *(getattr(half, n) for n in ("weights", "seed", "origin", "noise", "step", "alive"))
    )
    other = gn.Landscape(landscape.network, landscape.dataset, gn.QuadraticHinge(l2=0.5))
    for surface, dynamics in ((landscape, COLD), (other, WARM)):
        assert_same(
            gn.evolve(half, surface, dynamics, 90, engine=SKIN), gn.evolve(bare, surface, dynamics, 90, engine=SKIN)
        )


def test_a_replica_with_its_own_temperature_keeps_its_list_alone(start: tuple[gn.Landscape, gn.Ensemble]) -> None:
    landscape, ensemble = start
    both = gn.Langevin((3.0, 1.0), 1e-3)
    half = gn.evolve(ensemble[:2], landscape, both, 130, engine=SKIN)
    whole = gn.evolve(ensemble[:2], landscape, both, 260, engine=SKIN)
    alone = gn.evolve(half[0], landscape, gn.Langevin(3.0, 1e-3), 130, engine=SKIN)
    assert_same(alone, whole[0])


def test_batches_are_as_without_a_skin(start: tuple[gn.Landscape, gn.Ensemble]) -> None:
    landscape, ensemble = start
    for dynamics in (gn.Sgd(1e-3, 50), gn.Langevin(1e-2, 1e-3, batch_size=50)):
        found, plain = (gn.evolve(ensemble, landscape, dynamics, 50, engine=e) for e in (SKIN, "cpu"))
        assert found.weights.tobytes() == plain.weights.tobytes()


def test_exhaustive_and_skin_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="exhaustive must be False with skin=True"):
        Cpu(exhaustive=True, skin=True)
