"""A user's own observables: they are what the function says, and nothing else depends on them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import xarray as xr
from conftest import flat_landscape, small_landscape
from numpy.typing import NDArray
from small_records import measured

import glassnet as gn
from glassnet import random
from glassnet.engines import Cpu, Engine, Reference
from glassnet.simulate.dynamics import Dynamics

Floats = NDArray[np.float64]

N = 4
LANDSCAPE = small_landscape()
START = gn.Ensemble.random(LANDSCAPE.network, N).repeat(noise=[0, 5])
LANGEVIN = gn.Langevin(temperature=[1e-3] * N + [0.1] * N, learning_rate=1e-2)
GRID: dict[str, Any] = {"waiting_times": [0, 13], "times": [0, 4, 20, 30]}


def msd(weights: Floats, reference: Floats) -> float:
    return float(np.mean((weights - reference) ** 2))


def steepest(gradient: Floats) -> xr.DataArray:
    """The ends of each layer's gradient, made by the landscape's own slices."""
    parts = [gradient[where] for where in LANDSCAPE.network.layer_slices]
    ends = [[part.min(), part.max()] for part in parts]
    return xr.DataArray(ends, dims=("layer", "end"), coords={"end": ["lowest", "höchster"]})


def pushed(noise_sum: Floats) -> Floats:
    return noise_sum


def norm(gradient: Floats) -> xr.DataArray:
    layers = [np.sqrt((gradient[where] ** 2).sum()) for where in LANDSCAPE.network.layer_slices]
    return xr.DataArray(layers, dims="layer")


MSD = gn.Statistic("msd", msd, unit="weight^2")
STEEPEST = gn.Statistic("steepest", steepest, needs=["gradient"])
PUSHED = gn.Statistic("pushed", pushed, needs=["noise_sum"], version=3)
NORM = gn.Statistic("norm", norm, needs=("gradient",))
ALL = [MSD, STEEPEST, PUSHED]


ENGINES: dict[str, Any] = {
    "reference": Reference,
    "cpu": Cpu,
    "skin": lambda: Cpu(skin=True),
    "torch": lambda: gn.engines.Torch("cpu", threads=1),
}


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    if request.param == "torch":
        pytest.importorskip("torch")
    made: Engine = ENGINES[request.param]()
    return made


def measure(statistics: Any = ALL, **changes: Any) -> gn.Record:
    asked: dict[str, Any] = {"ensemble": START, "landscape": LANDSCAPE, "dynamics": LANGEVIN, "engine": Cpu(), **GRID}
    return gn.measure(**(asked | {"statistics": statistics} | changes))


def test_a_statistic_is_what_its_function_returns_of_each_replica_at_each_time(engine: Engine) -> None:
    record = measure([*ALL, NORM], engine=engine)
    data, n_weights = record.data, LANDSCAPE.network.n_weights
    assert data.statistic_msd.dims == ("replica", "waiting_time", "time")
    assert data.statistic_steepest.dims == ("replica", "waiting_time", "time", "layer", "end")
    assert data.statistic_pushed.shape == (2 * N, 2, 4, n_weights)
    assert data.end.values.tolist() == ["lowest", "höchster"]
    assert data.statistic_msd.attrs == {"long_name": "msd", "units": "weight^2"}
    # Sums of n terms in another order.
    np.testing.assert_allclose(data.statistic_msd, gn.mean_square_displacement(record), rtol=n_weights * 2**-52)
    np.testing.assert_allclose(data.statistic_norm, data.gradient_norm, rtol=n_weights * 2**-52)
    assert (data.statistic_steepest.sel(end="lowest") < data.statistic_steepest.sel(end="höchster")).all()


@pytest.mark.parametrize("dynamics", [LANGEVIN, gn.Langevin(1e-2, 1e-2, batch_size=7)], ids=["full", "batches"])
def test_noise_is_the_sum_of_the_counters_numbers_in_the_order_of_steps(dynamics: Dynamics) -> None:
    start = replace(START, step=START.step + 1000)
    found = measure([PUSHED], ensemble=start, dynamics=dynamics, engine=Reference()).data.statistic_pushed
    for r in (0, 6):
        for wait in GRID["waiting_times"]:
            total = np.zeros(LANDSCAPE.network.n_weights)
            for step in range(1000 + wait, 1000 + wait + 30):
                total += random.noise(int(start.seed[r]), int(start.origin[r]), int(start.noise[r]), step, len(total))
            assert found.isel(replica=r).sel(waiting_time=wait, time=30).values.tobytes() == total.tobytes()
    assert (found.sel(time=0) == 0).all()


def test_where_nothing_else_acts_weights_move_by_the_noise(engine: Engine) -> None:
    """Displacement = sqrt(2 mu T / P_D) times the sum of xi, to the rounding of the additions alone."""
    rows, warmth, rate = 20, 0.5, 1e-3
    flat = flat_landscape(n_samples=rows, l2=0.0)
    start = gn.Ensemble.random(flat.network, 3)
    both = [
        gn.Statistic("moved", lambda weights, reference: weights - reference),
        gn.Statistic("noise_made", lambda noise_sum: noise_sum, needs=["noise_sum"]),
    ]
    langevin = gn.Langevin(warmth, rate)
    half = gn.measure(start, flat, langevin, waiting_times=[0, 30], times=[1, 50], statistics=both, engine=engine)
    whole = gn.extend(half, flat, [200], statistics=both, engine=engine).data
    size = np.sqrt(2 * rate * warmth / rows)
    # Each of n steps rounds a product and a weight, and the sum rounds once: no |xi| is above 6.77.
    n, unit, largest = 230, 2.0**-53, 6.77 * size
    bound = unit * n * (np.abs(start.weights).max() + largest * n + largest + largest * n + 4 * largest)
    assert bound < 1e-7 * size
    assert np.abs(whole.statistic_moved.values - size * whole.statistic_noise_made.values).max() <= bound
    assert whole.statistic_noise_made.sel(time=200).std() == pytest.approx(np.sqrt(200), rel=0.3)


KINDS = {
    "full": LANGEVIN,
    "batches": gn.Langevin(1e-3, 1e-2, batch_size=7),
    "sgd": gn.Sgd(1e-2, 7),
    "descent": gn.GradientDescent(1e-2),
}


@pytest.mark.parametrize("dynamics", KINDS.values(), ids=KINDS)
def test_nothing_else_depends_on_statistics(engine: Engine, dynamics: Dynamics) -> None:
    statistics = [MSD, STEEPEST, *([PUSHED] if isinstance(dynamics, gn.Langevin) else [])]
    test = gn.random_dataset(20, 4, seed=1)
    bare = measure((), dynamics=dynamics, engine=engine, test=test)
    watched = measure(statistics, dynamics=dynamics, engine=engine, test=test)
    assert watched.ensemble.weights.tobytes() == bare.ensemble.weights.tobytes()
    assert watched.references.tobytes() == bare.references.tobytes()
    xr.testing.assert_equal(watched.data[list(bare.data.variables)], bare.data)
    assert watched.data.statistic_steepest.notnull().all()


@pytest.mark.parametrize("kind", ["reference", "cpu", "skin"])
def test_neighbours_and_position_do_not_matter(kind: str) -> None:
    warmth = np.array(LANGEVIN.temperature)

    def of(picked: list[int]) -> gn.Record:
        langevin = gn.Langevin(warmth[picked].tolist(), 1e-2)
        return measure(ensemble=START[picked], dynamics=langevin, engine=ENGINES[kind]())

    whole = of([*range(2 * N)])
    for picked in ([6, 1], [3]):
        xr.testing.assert_equal(of(picked).data, whole[picked].data)
    xr.testing.assert_equal(gn.concat([of([0, 1, 2]), of([*range(3, 2 * N)])]).data, whole.data)


def test_functions_get_copies_that_they_may_spoil() -> None:
    def spoil(**given: Floats) -> float:
        found = sum(float(array.sum()) for array in given.values())
        for array in given.values():
            assert array.shape == (LANDSCAPE.network.n_weights,)
            assert array.dtype == np.float64
            array[:] = np.nan
        return found

    every = ["weights", "reference", "gradient", "noise_sum"]
    record = measure([gn.Statistic("a", spoil, needs=every), gn.Statistic("b", spoil, needs=every), MSD])
    plain = measure([MSD])
    assert record.data.statistic_a.equals(record.data.statistic_b)
    assert record.data.statistic_a.notnull().all()
    assert record.data.statistic_msd.identical(plain.data.statistic_msd)
    assert record.ensemble.weights.tobytes() == plain.ensemble.weights.tobytes()


def test_single_precision_weights_are_given_as_float64() -> None:
    seen: set[np.dtype[Any]] = set()

    def watch(weights: Floats, reference: Floats) -> float:
        seen.update({weights.dtype, reference.dtype})
        return msd(weights, reference)

    start = gn.Ensemble.random(LANDSCAPE.network, N, dtype=np.float32)
    record = measure([gn.Statistic("watch", watch)], ensemble=start, dynamics=gn.Langevin(1e-3, 1e-2))
    assert seen == {np.dtype(np.float64)}
    np.testing.assert_allclose(record.data.statistic_watch, gn.mean_square_displacement(record), rtol=1e-13)


def test_lost_replicas_have_none_from_then_on() -> None:
    calls = []

    def watch(weights: Floats, reference: Floats) -> float:
        calls.append(float(weights[0]))
        return msd(weights, reference)

    record = measured([1.0, 1e-3], overflowing=[1], statistics=[gn.Statistic("watch", watch)], times=[0, 2, 9])
    assert (record.data.lost_at >= 0).sum() == 2
    known = record.data.statistic_watch.notnull()
    xr.testing.assert_equal(known, record.data.weight_norm2.notnull().all("layer"))
    assert int(known.sum()) == len(calls) - 1  # once to learn what it returns
    assert gn.ensemble_mean(record.data.statistic_watch)["mean"].notnull().all()


def test_a_replica_that_is_lost_before_anything_was_seen_has_the_same_axes_alone() -> None:
    alone = measured([1.0], n_origins=2, overflowing=[0, 1], statistics=[PAIR], times=[5, 9])
    beside = measured([1.0], n_origins=2, overflowing=[0], statistics=[PAIR], times=[5, 9])
    assert alone.data.statistic_pair.isnull().all()
    xr.testing.assert_identical(alone[0].data, beside[0].data)
    gn.concat([alone[[0]], beside[[1]]])


PAIR = gn.Statistic("pair", lambda weights: weights[:2], needs=["weights"])


def test_what_is_not_finite_and_whole_or_true_is_kept_as_float64() -> None:
    returned: dict[str, Any] = {"nan": np.nan, "infinite": -np.inf, "whole": 7, "true": True, "small": np.float32(0.5)}
    record = measure([gn.Statistic(name, lambda weights, v=v: v, needs=["weights"]) for name, v in returned.items()])
    for name, value in returned.items():
        values = record.data[f"statistic_{name}"].values
        assert values.dtype == np.float64
        np.testing.assert_array_equal(values, float(value))


def returns(*values: Any) -> gn.Statistic:
    """What is returned by the calls one after the other, the last by all that follow."""
    left = list(values)
    return gn.Statistic("odd", lambda weights: left.pop(0) if len(left) > 1 else left[0], needs=["weights"])


def fails(weights: Floats) -> float:
    raise ZeroDivisionError("no wonder")


def named(dims: Any, *shape: int, **coords: Any) -> xr.DataArray:
    return xr.DataArray(np.zeros(shape), dims=dims, coords=coords)


REFUSED = {
    "a text": (returns("one"), "must return a number, an array or a labelled array, but returned 'one'"),
    "nothing": (returns(None), "must return a number, an array or a labelled array, but returned None"),
    "complex": (returns(1j), "real"),
    "ragged": (returns([[1.0], [1.0, 2.0]]), "must return a number"),
    "objects": (returns(np.array([1.0, None])), "object"),
    "a dictionary": (returns({"a": 1}), "must return a number"),
    "a dataset": (returns(xr.Dataset({"a": 1.0})), "must return a number"),
    "dates": (returns(np.array(["2020-01-01"], "datetime64[D]")), "must return a number"),
    "masked": (returns(np.ma.masked_array([1.0, 2.0], [True, False])), "fill them with NaN"),
    "an error": (gn.Statistic("odd", fails, needs=["weights"]), "failed with ZeroDivisionError: no wonder"),
    "other keywords": (gn.Statistic("odd", lambda w: 0.0), "failed with TypeError: .*'weights'"),
    "no entries": (returns(np.zeros(0)), "must return 1 to"),
    "too many": (returns(np.zeros(2**20 + 1)), "must return 1 to"),
    "too many axes": (returns(np.zeros((1,) * 5)), "at most 4 axes"),
    "an axis of records": (returns(named(["time"], 2)), "'time'"),
    "another": (returns(named(["replica"], 8)), "'replica'"),
    "a coordinate": (returns(named(["sigma"], 2)), "'sigma'"),
    "a variable": (returns(named(["moments"], 2)), "'moments'"),
    "an axis of files": (returns(named(["character"], 2)), "'character'"),
    "a label's array": (returns(named(["label_x"], 2)), "'label_x'"),
    "another's name": (returns(named(["statistic_x"], 2)), "'statistic_x'"),
    "no identifier": (returns(named(["a b"], 2)), "'a b'"),
    "other layers": (returns(named(["layer"], 2)), "must have 3 entries along 'layer'"),
    "numbered layers": (returns(named(["layer"], 3, layer=[1, 2, 3])), "must be 0, 1"),
    "labels of two axes": (returns(named(["a", "b"], 1, 2, c=(("a", "b"), [[1, 2]]))), "'c'"),
    "labels beside": (returns(named(["a"], 1, c=("a", [1]))), "'c'"),
    "a scalar label": (returns(named(["a"], 1, c=3.0)), "'c'"),
    "labels that are dates": (returns(named(["a"], 1, a=np.array(["2020"], "datetime64[ns]"))), "labels must be"),
    "labels that are NaN": (returns(named(["a"], 1, a=[np.nan])), "labels must be"),
    "long labels": (returns(named(["a"], 1, a=["x" * 65])), "labels must be"),
    "blank labels": (returns(named(["a"], 1, a=["x "])), "labels must be"),
    "mixed labels": (returns(named(["a"], 2, a=np.array([1, "x"], object))), "labels must be"),
    "another shape": (returns(1.0, 2.0, [1.0]), r"one number \(of replica 1: seed 0, .*waiting time 0, time 0\)"),
    "other labels": (returns(named(["a"], 1, a=[1]), named(["a"], 1, a=[2])), "the labels of its axis 'a' differ"),
    "labels of another kind": (returns(named(["a"], 1, a=[1]), named(["a"], 1, a=[1.0])), "the labels of"),
    "lost labels": (returns(named(["a"], 1, a=[1]), named(["a"], 1)), "the labels of"),
    "turned": (returns(named(["a", "b"], 1, 1), named(["b", "a"], 1, 1)), "same axes at every call"),
}


@pytest.mark.parametrize("which", REFUSED)
def test_functions_that_cannot_be_recorded_are_refused_by_name(which: str) -> None:
    statistic, message = REFUSED[which]
    with pytest.raises(ValueError, match=f"(?s)statistic 'odd'.*{message}"):
        measure([MSD, statistic])


def test_a_function_that_fails_late_says_of_which_replica_and_when() -> None:
    def late(weights: Floats, reference: Floats) -> float:
        if (weights != reference).any() and abs(weights - START.weights[1]).max() < 0.1:
            return 1 // 0
        return 0.0

    where = "of replica 1: seed 0, origin 1, noise 0, at waiting time 0, time 4"
    with pytest.raises(ValueError, match=f"statistic 'late' failed with ZeroDivisionError: .*{where}"):
        measure([gn.Statistic("late", late)])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: gn.Statistic("a b", msd), "name must be an identifier"),
        (lambda: gn.Statistic("", msd), "name must be an identifier"),
        (lambda: gn.Statistic("é", msd), "name must be an identifier"),
        (lambda: gn.Statistic("_a", msd), "name must be an identifier"),
        (lambda: gn.Statistic("a\n", msd), "name must be an identifier"),
        (lambda: gn.Statistic("a" * 51, msd), "name must be an identifier"),
        (lambda: gn.Statistic("moments", msd), "name must not be one that a record has already"),
        (lambda: gn.Statistic("time", msd), "name must not be one that a record has already"),
        (lambda: gn.Statistic("a", msd, version=0), "version must be an integer from 1"),
        (lambda: gn.Statistic("a", msd, version=True), "version must be an integer from 1"),
        (lambda: gn.Statistic("a", msd, needs=["weight"]), "needs must be a tuple of weights, reference"),
        (lambda: gn.Statistic("a", msd, needs="weights"), "needs must be a tuple"),
        (lambda: gn.Statistic("a", msd, needs=()), "needs must be a tuple"),
        (lambda: gn.Statistic("a", msd, needs=["weights", "weights"]), "each once"),
        (lambda: gn.Statistic("a", msd, needs=[["weights"]]), "needs must be a tuple"),  # type: ignore[list-item]
        (lambda: gn.Statistic("a", msd, unit="x\x1b"), "unit must be"),
        (lambda: gn.Statistic("a", msd, unit="x" * 101), "unit must be"),
        (lambda: measure([MSD, replace(MSD, version=2)]), "'msd' comes twice"),
        (lambda: measure([PUSHED], dynamics=gn.Sgd(1e-2, 7)), "'pushed' needs noise_sum, which takes Langevin"),
        (lambda: measure([returns(named(["a"], 1)), replace(returns(named(["a"], 2)), name="b")]), "both have"),
    ],
)
def test_bad_statistics_are_refused(make: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        make()


@pytest.mark.parametrize("bad", [MSD, [msd], {"msd": msd}, "msd", None])
def test_what_is_no_list_of_statistics_is_refused(bad: Any) -> None:
    with pytest.raises(TypeError, match="statistics"):
        measure(bad)
    with pytest.raises(TypeError, match="function must be a function"):
        gn.Statistic("a", bad)


def test_a_statistic_is_drawn_as_one_curve_a_condition() -> None:
    record = measure([MSD, STEEPEST, PUSHED], times=[0, *gn.log_times(20)])
    figure = gn.figures.draw_statistic(record, "msd", waiting_time=13)
    (axes,) = figure.axes
    means = gn.ensemble_mean(record.data.statistic_msd).sel(waiting_time=13)["mean"]
    for line, mean in zip(axes.lines, means.values, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), mean[1:])
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert "weight^2" in axes.get_ylabel()
    chosen = gn.figures.draw_statistic(record, "steepest", layer=1, end="höchster")
    assert "layer 1, end höchster" in chosen.axes[0].get_title(loc="right")
    assert len(gn.figures.draw_statistic(record[:N], "pushed", pushed_0=3).axes[0].lines) == 1


def test_a_statistic_of_lost_replicas_or_odd_texts_is_drawn() -> None:
    unit = "$_$ {\\x"
    own = gn.Statistic("a_b", lambda weights: 0.0, needs=["weights"], unit=unit)
    record = measured([1.0, 1e-3], overflowing=range(3), statistics=[own], times=[0, 1, 5])
    figure = gn.figures.draw_statistic(record, "a_b")
    figure.canvas.draw()
    assert figure.axes[0].texts
    gn.figures.draw_statistic(measure([own], dynamics=gn.Sgd([1e-3] * N + [1e-2] * N, 7)), "a_b").canvas.draw()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"name": "x"}, r"name must be a statistic of the record \(msd, pushed, steepest\)"),
        ({"name": "msd", "waiting_time": 5}, r"waiting_time must be one that was measured from \(0, 13\)"),
        ({"name": "steepest", "layer": 0}, r"has the axis end too: choose one of its entries, end=... \(lowest, h"),
        ({"name": "steepest", "layer": 3, "end": "lowest"}, "layer must be one of 0, 1, 2, but got 3"),
        ({"name": "msd", "end": 0}, "end must be an axis of statistic_msd"),
    ],
)
def test_what_cannot_be_drawn_is_refused(asked: dict[str, Any], message: str) -> None:
    record = measure()
    with pytest.raises(ValueError, match=message):
        gn.figures.draw_statistic(record, **asked)
