"""The verbs, on each engine: splits and recording change no bit, and exactly solvable cases come out right."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from conftest import flat_landscape, small_landscape

import glassnet as gn
from glassnet.engines import Engine
from glassnet.simulate.dynamics import Dynamics

DYNAMICS: list[Dynamics] = [
    gn.Sgd(0.05, batch_size=7),
    gn.Sgd(0.05, batch_size=7, sampling="replacement"),
    gn.GradientDescent(0.05),
    gn.Langevin(0.3, 0.05),
    gn.Langevin(0.3, 0.05, batch_size=11),
]


def assert_same(a: gn.Ensemble, b: gn.Ensemble) -> None:
    for name in ("weights", "seed", "origin", "noise", "step", "alive"):
        assert np.array_equal(getattr(a, name), getattr(b, name)), name


def assert_same_record(a: gn.Record, b: gn.Record) -> None:
    assert_same(a.ensemble, b.ensemble)
    assert np.array_equal(a.references, b.references, equal_nan=True)
    assert set(a.data.variables) == set(b.data.variables)
    for name in a.data.variables:
        assert np.array_equal(a.data[name].values, b.data[name].values, equal_nan=True), name


@pytest.mark.parametrize("dynamics", DYNAMICS, ids=str)
def test_two_calls_equal_one_and_neighbours_do_not_matter(engine: Engine, dynamics: Dynamics) -> None:
    landscape = small_landscape()
    start = gn.Ensemble.random(landscape.network, 3)
    whole = gn.evolve(start, landscape, dynamics, 30, engine=engine)
    halves = gn.evolve(gn.evolve(start, landscape, dynamics, 13, engine=engine), landscape, dynamics, 17, engine=engine)
    assert_same(whole, halves)
    assert_same(whole[1:], gn.evolve(start[1:], landscape, dynamics, 30, engine=engine))
    assert whole.step.tolist() == [30, 30, 30]
    assert np.all(start.step == 0)


@pytest.mark.parametrize("dynamics", DYNAMICS, ids=str)
def test_both_engines_make_the_same_trajectory(dynamics: Dynamics) -> None:
    landscape = small_landscape(n_samples=50)
    start = gn.Ensemble.random(landscape.network, 2)
    engines: dict[str, Engine] = {
        "reference": gn.engines.Reference(),
        "float64": gn.engines.Cpu(gradient="float64"),
        "float32": gn.engines.Cpu(),
    }
    found = {name: gn.evolve(start, landscape, dynamics, 25, engine=engine).weights for name, engine in engines.items()}
    # 25 updates of size mu |g| <= 0.05 x 3, each with a relative error of a few hundred roundings of the gradient.
    assert np.abs(found["float64"] - found["reference"]).max() < 25 * 0.15 * 500 * 2.0**-53
    assert np.abs(found["float32"] - found["reference"]).max() < 25 * 0.15 * 500 * 2.0**-24
    assert not np.array_equal(found["float32"], found["reference"])


@pytest.mark.parametrize("dynamics", DYNAMICS, ids=str)
def test_measure_follows_the_trajectory_that_evolve_makes(engine: Engine, dynamics: Dynamics) -> None:
    landscape = small_landscape()
    start = gn.evolve(gn.Ensemble.random(landscape.network, 2), landscape, dynamics, 5, engine=engine)
    record = gn.measure(
        start, landscape, dynamics, waiting_times=[0, 4], times=[1, 3, 20], chi=[2, 5], snapshots=[20], engine=engine
    )
    assert_same(record.ensemble, gn.evolve(start, landscape, dynamics, 24, engine=engine))
    at_7 = gn.evolve(start, landscape, dynamics, 7, engine=engine)
    at_4 = gn.evolve(start, landscape, dynamics, 4, engine=engine)
    displacement = at_7.weights - at_4.weights
    found = record.data.sel(waiting_time=4, time=3)
    first = landscape.network.unflatten(displacement)[0].reshape(2, -1)
    for p in (1, 2, 3, 4):
        expected = np.mean(first**p, axis=1)
        assert np.allclose(found.moments.sel(moment=p)[:, 0], expected, rtol=1e-12, atol=0)
    sigma = np.sqrt(np.mean((start.weights - start.weights.mean(axis=1, keepdims=True)) ** 2, axis=1))
    assert np.allclose(record.data.sigma, sigma, rtol=1e-14)
    assert np.allclose(record.data.epsilon_of_chi, sigma[:, None] / [2, 5], rtol=1e-14)
    norms = [(m**2).sum(axis=(1, 2)) for m in landscape.network.unflatten(at_7.weights)]
    assert np.allclose(found.weight_norm2, np.stack(norms, axis=1), rtol=1e-13)
    inside = np.abs(displacement) <= (sigma / 5)[:, None]
    assert np.array_equal(found.within_chi.sel(chi=5).sum("layer"), inside.sum(axis=1))
    assert np.array_equal(record.references[1], at_4.weights)
    snapshot = record.data.displacement.sel(waiting_time=4, snapshot_time=20)
    assert np.array_equal(snapshot, (record.ensemble.weights - at_4.weights).astype(np.float32))


def test_histograms_count_every_weight_once(engine: Engine) -> None:
    landscape = small_landscape()
    start = gn.Ensemble.random(landscape.network, 2)
    record = gn.measure(start, landscape, gn.Langevin(0.1, 0.01), times=gn.log_times(20), epsilon=1e-2, engine=engine)
    counts = record.data.histogram.sum("bin")
    assert np.array_equal(counts[0, 0], np.broadcast_to(landscape.network.layer_sizes, counts[0, 0].shape))
    edges = record.data.bin_edge.values
    below = record.data.histogram.isel(bin=slice(0, 2 + int(np.searchsorted(edges, 1e-2)))).sum("bin")
    exact = record.data.within_epsilon.sel(time=record.data.sparse_time.values, epsilon=1e-2)
    assert np.array_equal(below, exact)


def test_losses_are_those_of_the_landscape(engine: Engine) -> None:
    landscape = small_landscape(l2=[0.1, 0.2])
    test = gn.random_dataset(30, 4, seed=9)
    start = gn.Ensemble.random(landscape.network, 2)
    record = gn.measure(start, landscape, gn.GradientDescent(0.1), times=[0, 5], test=test, engine=engine)
    now = gn.evaluate(record.ensemble, landscape, test=test, engine=engine)
    for name in ("data_loss", "total_loss", "awake", "accuracy", "test_loss", "test_accuracy"):
        assert np.allclose(record.data[name].sel(waiting_time=0, time=5), now[name], rtol=1e-12), name
    for r, l2 in enumerate((0.1, 0.2)):
        weights = record.ensemble.weights[r]
        assert now.total_loss[r] == pytest.approx(landscape.value(weights, l2=l2), rel=1e-12)
        gradients = landscape.network.unflatten(landscape.gradient(weights, l2=l2))
        norms = [np.linalg.norm(g) for g in gradients]
        assert np.allclose(record.data.gradient_norm.sel(waiting_time=0, time=5)[r], norms, rtol=1e-9)


def test_sgd_takes_losses_at_the_sparser_times_unless_told_otherwise(engine: Engine) -> None:
    landscape = small_landscape()
    start = gn.Ensemble.random(landscape.network, 1)
    sgd = gn.Sgd(0.01, 10)
    sparse = gn.measure(start, landscape, sgd, times=gn.log_times(12), engine=engine).data.data_loss
    every = gn.measure(start, landscape, sgd, times=gn.log_times(12), loss_times="all", engine=engine).data.data_loss
    kept = np.isin(every.time, gn.sparse_times(12))
    assert np.array_equal(np.isfinite(sparse[0, 0]), kept)
    assert np.isfinite(every).all()
    assert np.array_equal(sparse[0, 0, kept], every[0, 0, kept])


def test_extend_and_resume_equal_one_long_run(engine: Engine) -> None:
    landscape = small_landscape()
    start = gn.Ensemble.random(landscape.network, 2)
    langevin = gn.Langevin([0.1, 0.2], 0.02)

    def run(until: int, **options: object) -> gn.Record:
        times = gn.log_times(until - 2)
        return gn.measure(
            start, landscape, langevin, waiting_times=[2, 6], times=times, chi=9, until=until, engine=engine,
            **options,  # type: ignore[arg-type]
        )  # fmt: skip

    states: list[gn.Record] = []
    whole = run(40, on_progress=lambda progress: states.append(progress.state()))
    short = run(15)
    late = [t for t in gn.log_times(38) if t > 13]
    assert_same_record(gn.extend(short, landscape, late, until=40, engine=engine), whole)
    assert np.isnan(short.data.moments.sel(waiting_time=6, time=10)).all()
    for state in states[:: max(1, len(states) // 6)]:
        assert_same_record(gn.resume(state, landscape, engine=engine), whole)


def test_extend_refuses_times_that_have_passed(engine: Engine) -> None:
    landscape = small_landscape()
    start = gn.Ensemble.random(landscape.network, 1)
    record = gn.measure(start, landscape, gn.GradientDescent(0.1), times=[1, 5], engine=engine)
    with pytest.raises(ValueError, match=r"times must be beyond 5.*but got 3"):
        gn.extend(record, landscape, [3], engine=engine)
    with pytest.raises(ValueError, match="landscape must be the one the record was measured on"):
        gn.extend(record, small_landscape(l2=0.5), [9], engine=engine)
    elsewhere = replace(
        record, ensemble=gn.evolve(record.ensemble, landscape, gn.GradientDescent(0.1), 1, engine=engine)
    )
    with pytest.raises(ValueError, match="must stand where the record ends, 5 steps after"):
        gn.extend(elsewhere, landscape, [9], engine=engine)


def test_records_of_other_replicas_join(engine: Engine) -> None:
    landscape = small_landscape()
    start = gn.Ensemble.random(landscape.network, 2)
    hot, cold = (
        gn.measure(start.rename(noise=n), landscape, gn.Langevin(T, 0.1), times=[1, 4], chi=3, engine=engine)
        for n, T in enumerate((0.5, 0.1))
    )
    joined = gn.concat([hot, cold])
    both = gn.measure(
        start.repeat(noise=[0, 1]),
        landscape,
        gn.Langevin([0.5, 0.5, 0.1, 0.1], 0.1),
        times=[1, 4],
        chi=3,
        engine=engine,
    )
    assert_same_record(joined, both)
    assert joined.dynamics == both.dynamics
    assert joined.data.temperature.values.tolist() == [0.5, 0.5, 0.1, 0.1]
    assert_same_record(gn.concat([joined[:1], joined[1:]]), joined)


def test_a_replica_stops_at_its_own_loss(engine: Engine) -> None:
    landscape = small_landscape(n_samples=12, l2=0.0, width=10)
    start = gn.Ensemble.random(landscape.network, 4)
    sgd = gn.Sgd(0.2, batch_size=4)
    stopped = gn.evolve(start, landscape, sgd, 3000, stop_loss=0.05, check_every=3, engine=engine)
    assert np.all(stopped.step % 3 == 0)
    assert len(set(stopped.step.tolist())) > 1
    assert np.all(gn.evaluate(stopped, landscape, engine=engine).data_loss < 0.05)
    for r, step in enumerate(stopped.step):
        before = gn.evolve(start[r], landscape, sgd, int(step) - 3, engine=engine)
        assert gn.evaluate(before, landscape, engine=engine).data_loss[0] >= 0.05
    again = gn.evolve(stopped, landscape, sgd, 3000, stop_loss=0.05, check_every=3, engine=engine)
    assert_same(again, stopped)


def test_a_diverged_replica_freezes_and_is_counted(engine: Engine) -> None:
    landscape = small_landscape(l2=[0.0, 5.0, 0.0])
    start = gn.Ensemble.random(landscape.network, 3)
    # |1 - mu l2| = 9 for the second replica: its weights grow by at least this factor until they overflow.
    record = gn.measure(start, landscape, gn.GradientDescent(2.0), times=[2, 1000], chi=10, engine=engine)
    assert record.ensemble.alive.tolist() == [True, False, True]
    assert record.n_lost == 1
    assert np.isfinite(record.ensemble.weights).all()
    lost_at = record.data.lost_at.values
    assert lost_at[0] == lost_at[2] == -1
    assert lost_at[1] == record.ensemble.step[1]
    assert 2 < lost_at[1] < 1000
    assert np.isfinite(record.data.moments.sel(time=2)).all()
    assert np.isfinite(record.data.moments.sel(time=1000)[[0, 2]]).all()
    assert np.isnan(record.data.moments.sel(time=1000)[1]).all()
    alone = gn.evolve(
        start[1], replace(landscape, loss=gn.QuadraticHinge(5.0)), gn.GradientDescent(2.0), 1000, engine=engine
    )
    assert np.array_equal(alone.weights[0], record.ensemble.weights[1])
    assert alone.step[0] == lost_at[1]


def test_a_dead_network_goes_on_and_a_regularised_one_collapses(engine: Engine) -> None:
    network = gn.Mlp(4, 5, 2)
    dead = -np.abs(network.initial_weights(0, 0))
    start = gn.Ensemble.from_weights(network, np.stack([dead, dead]), origin=[0, 1])
    features = np.abs(gn.random_dataset(20, 4).features)
    landscape = gn.Landscape(network, gn.Dataset(features, np.ones(20, np.float32)), gn.QuadraticHinge([0.0, 0.5]))
    after = gn.evolve(start, landscape, gn.GradientDescent(0.1), 1000, engine=engine)
    seen = gn.evaluate(after, landscape, engine=engine)
    assert after.alive.all()
    assert np.array_equal(after.weights[0], dead)
    assert np.abs(after.weights[1]).max() < 1e-15
    assert seen.data_loss.values.tolist() == [0.5, 0.5]
    assert seen.dead.values.tolist() == [True, True]
    assert not gn.evaluate(
        gn.Ensemble.random(network, 1), replace(landscape, loss=gn.QuadraticHinge()), engine=engine
    ).dead
    record = gn.measure(start, landscape, gn.GradientDescent(0.1), times=[1], engine=engine)
    assert record.data.dead.values.tolist() == [[[1.0]], [[1.0]]]


def test_awake_and_accuracy_are_shares_of_rows(engine: Engine) -> None:
    features = np.array([[2.0], [0.5], [1.0], [3.0]], np.float32)
    landscape = gn.Landscape(
        gn.Mlp(1, 1, 1), gn.Dataset(features, np.array([1, 1, -1, 1], np.float32)), gn.QuadraticHinge()
    )
    start = gn.Ensemble.from_weights(landscape.network, np.ones(2))
    seen = gn.evaluate(start, landscape, engine=engine)
    # f = x: margins 2, 0.5, -1, 3.
    assert seen.awake.item() == 0.5
    assert seen.accuracy.item() == 0.75
    assert seen.data_loss.item() == (0.5**2 + 2**2) / 2 / 4


def test_snapshots_of_one_replica_may_meet(engine: Engine) -> None:
    landscape = small_landscape(l2=0.0, n_samples=12, width=10)
    start = gn.Ensemble.random(landscape.network, 2)
    sgd = gn.Sgd(0.2, batch_size=4)
    both = gn.concat([start, gn.evolve(start, landscape, sgd, 60, engine=engine)])
    after = gn.evolve(both, landscape, sgd, 600, stop_loss=0.05, check_every=3, engine=engine)
    assert np.array_equal(after.weights[:2], after.weights[2:])
    assert np.array_equal(after.step[:2], after.step[2:])


def test_a_slice_of_a_record_continues(engine: Engine) -> None:
    landscape = small_landscape()
    start = gn.Ensemble.random(landscape.network, 2)
    record = gn.measure(start, landscape, gn.Langevin([0.1, 0.2], 0.1), times=[1, 4], engine=engine)
    whole = gn.extend(record, landscape, [9], engine=engine)
    assert_same_record(gn.extend(record[1:], landscape, [9], engine=engine), whole[1:])


def test_a_record_keeps_its_test_set(engine: Engine) -> None:
    landscape = small_landscape()
    start = gn.Ensemble.random(landscape.network, 1)
    one, other = (gn.random_dataset(30, 4, seed=seed) for seed in (9, 10))
    record = gn.measure(start, landscape, gn.GradientDescent(0.1), times=[1], test=one, engine=engine)
    for wrong in (other, None):
        with pytest.raises(ValueError, match="test must be the record's test set"):
            gn.extend(record, landscape, [3], test=wrong, engine=engine)
    elsewhere = gn.measure(
        start.rename(noise=1), landscape, gn.GradientDescent(0.1), times=[1], test=other, engine=engine
    )
    with pytest.raises(ValueError, match=r"all records must have test"):
        gn.concat([record, elsewhere])
    with pytest.raises(ValueError, match=r"comes twice: measure with ensemble\.rename"):
        gn.concat([record, record])


def test_gradient_descent_in_a_bowl_is_geometric(engine: Engine) -> None:
    landscape = flat_landscape(n_samples=10, l2=0.3)
    start = gn.Ensemble.random(landscape.network, 2)
    after = gn.evolve(start, landscape, gn.GradientDescent(0.2), 50, engine=engine)
    assert np.allclose(after.weights, start.weights * (1 - 0.2 * 0.3) ** 50, rtol=1e-13, atol=0)


def test_langevin_without_forces_diffuses_freely(engine: Engine) -> None:
    temperature, rate, n_samples = 0.7, 0.02, 50
    landscape = flat_landscape(n_samples=n_samples, l2=0.0, width=40)
    start = gn.Ensemble.random(landscape.network, 3)
    record = gn.measure(start, landscape, gn.Langevin(temperature, rate), times=[1, 30], engine=engine)
    moments = record.data.moments.isel(waiting_time=0).weighted(record.data.n_layer_weights).mean("layer")
    n = 3 * landscape.network.n_weights
    for time in (1, 30):
        variance = 2 * rate * temperature / n_samples * time
        second = float(moments.sel(time=time, moment=2).mean())
        assert abs(second / variance - 1) < 4 * np.sqrt(2 / n)
        assert abs(1.1 * second / variance - 1) > 4 * np.sqrt(2 / n), "ten percent must be noticed"


def test_langevin_in_a_bowl_reaches_the_discrete_stationary_variance(engine: Engine) -> None:
    temperature, rate, n_samples, stiffness = 0.7, 0.4, 50, 1.5
    landscape = flat_landscape(n_samples=n_samples, l2=stiffness, width=40)
    start = gn.Ensemble.from_weights(landscape.network, np.zeros((3, landscape.network.n_weights)))
    after = gn.evolve(start, landscape, gn.Langevin(temperature, rate), 60, engine=engine)
    variance = temperature / (stiffness * n_samples) / (1 - rate * stiffness / 2)
    error = 4 * np.sqrt(2 / after.weights.size)
    assert abs(np.mean(after.weights**2) / variance - 1) < error
    assert abs(np.mean(after.weights**2) / (variance * (1 - rate * stiffness / 2)) - 1) > error, (
        "the continuous-time variance must be told apart"
    )


def test_single_precision_weights_stay_single(engine: Engine) -> None:
    landscape = small_landscape()
    start = gn.Ensemble.random(landscape.network, 2, dtype="float32")
    after = gn.evolve(start, landscape, gn.Langevin(0.1, 0.1), 10, engine=engine)
    double = gn.evolve(gn.Ensemble.random(landscape.network, 2), landscape, gn.Langevin(0.1, 0.1), 10, engine=engine)
    assert after.weights.dtype == np.float32
    assert np.abs(after.weights - double.weights).max() < 10 * 2.0**-22


def test_langevin_at_zero_temperature_is_gradient_descent(engine: Engine) -> None:
    landscape = small_landscape()
    start = gn.Ensemble.random(landscape.network, 2)
    assert_same(
        gn.evolve(start, landscape, gn.Langevin(0.0, 0.1), 20, engine=engine),
        gn.evolve(start, landscape, gn.GradientDescent(0.1), 20, engine=engine),
    )


def test_a_record_exports_to_netcdf(tmp_path: Path) -> None:
    landscape = small_landscape()
    start = gn.Ensemble.random(landscape.network, 2)
    record = gn.measure(start, landscape, gn.Langevin([0.1, 0.2], 0.1), times=[1, 2], chi=3, engine="reference")
    record.to_netcdf(tmp_path / "record.nc")
    with xr.open_dataset(tmp_path / "record.nc", engine="h5netcdf") as exported:
        assert np.array_equal(exported.moments, record.data.moments)
        assert exported.attrs["dynamics.temperature"].tolist() == [0.1, 0.2]
        assert exported.attrs["dynamics.batch_size"] == "none"


LANDSCAPE = small_landscape()
ENSEMBLE = gn.Ensemble.random(LANDSCAPE.network, 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ensemble": gn.Ensemble.random(gn.Mlp(4, 9, 2), 2)}, "ensemble must be of the landscape's network"),
        ({"dynamics": gn.Sgd(0.1, 61)}, "batch_size must be at most the dataset's 60 rows, but got 61"),
        (
            {"dynamics": gn.Langevin([1.0, 2.0, 3.0], 0.1)},
            "temperature must be one number, or one a replica of the ensemble of 2, but got 3",
        ),
        ({"dynamics": gn.GradientDescent([0.1])}, "learning_rate must be one number, or one a replica .* but got 1"),
        ({"landscape": small_landscape(l2=[0.1] * 3)}, "l2 must be one number, or one a replica"),
        ({"times": [1, 5, 5]}, r"times must increase, but times\[2\] = 5 follows 5"),
        ({"times": [1.5]}, "times must be whole numbers of steps"),
        ({"times": [1, np.inf]}, "times must be at most 72057594037927935, but got inf"),
        ({"times": [1, 2**63]}, "times must be at most"),
        ({"times": [2**55], "waiting_times": [2**55]}, r"max\(waiting_times\) \+ max\(times\) must be at most"),
        ({"snapshots": [1.5]}, "snapshots must be whole numbers"),
        ({"times": []}, "times must be a non-empty sequence"),
        ({"waiting_times": [-1]}, "waiting_times must be >= 0, but got -1"),
        ({"chi": 0}, "chi must be a finite number > 0, but got 0"),
        ({"epsilon": [-1e-3]}, "epsilon must be a finite number > 0, but got -0.001"),
        ({"snapshots": [2]}, "snapshots must be up to six of the save times"),
        ({"until": 100}, "until must be an integer from 0 to 3, but got 100"),
        ({"engine": "gpu"}, "engine must be one of 'cpu', 'reference', 'torch', 'triton', but got 'gpu'"),
        ({"loss_times": "some"}, "loss_times must be one of"),
        ({"test": gn.random_dataset(5, 3)}, "test must have the network's 4 features, but has 3"),
    ],
)
def test_bad_requests_are_refused_before_any_work(change: dict[str, object], message: str) -> None:
    arguments: dict[str, object] = {
        "ensemble": ENSEMBLE, "landscape": LANDSCAPE, "dynamics": gn.GradientDescent(0.1), "times": [1, 3]
    } | change  # fmt: skip
    with pytest.raises(ValueError, match=message):
        gn.measure(**arguments)  # type: ignore[arg-type]


def test_values_of_another_class_are_refused() -> None:
    with pytest.raises(TypeError, match="landscape must be a Landscape, but got Dataset"):
        gn.evolve(ENSEMBLE, LANDSCAPE.dataset, gn.GradientDescent(0.1), 1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="dynamics must be a Sgd or GradientDescent or Langevin, but got float"):
        gn.evolve(ENSEMBLE, LANDSCAPE, 0.1, 1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="n_steps must be an integer from 0 to 72057594037927935"):
        gn.evolve(ENSEMBLE, LANDSCAPE, gn.GradientDescent(0.1), 2**63)
    with pytest.raises(ValueError, match="test must have the network's 4 features, but has 3"):
        gn.evaluate(ENSEMBLE, LANDSCAPE, test=gn.random_dataset(5, 3))


@pytest.mark.parametrize("weight", [0.0, 0.1])
def test_chi_needs_weights_that_differ(weight: float) -> None:
    ensemble = gn.Ensemble.from_weights(LANDSCAPE.network, np.full(LANDSCAPE.network.n_weights, weight))
    with pytest.raises(ValueError, match="replica 0 has sigma = 0: give epsilon instead"):
        gn.measure(ensemble, LANDSCAPE, gn.GradientDescent(0.1), times=[1], chi=3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: gn.Langevin(-1.0, 0.1), "temperature must be a finite number >= 0, but got -1.0"),
        (lambda: gn.Sgd(0.0, 10), "learning_rate must be a finite number > 0, but got 0.0"),
        (lambda: gn.Sgd(0.1, 0), "batch_size must be an integer >= 1, but got 0"),
        (lambda: gn.Sgd(0.1, 10, "shuffle"), "sampling must be one of 'permutation', 'replacement'"),  # type: ignore[arg-type]
        (lambda: gn.Langevin([1.0, float("nan")], 0.1), r"temperature\[1\] must be a finite number >= 0"),
    ],
)
def test_bad_dynamics_are_refused(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()  # type: ignore[operator]
