"""An engine may carry state of its own in the ensemble: all others hand it on and know nothing of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import xarray as xr
from conftest import small_landscape
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from strangers import refused
from test_sleeping import drowsy
from tiny_runs import make, tiny
from zarr import open_group
from zarr.storage import ZipStore

import glassnet as gn
from glassnet.engines import Cpu, EngineState, Reference
from glassnet.engines.reference import ReferenceSession
from glassnet.landscape.surface import Landscape
from glassnet.runs.condense import condense
from glassnet.runs.quench import fingerprint, taken
from glassnet.runs.run import open_run
from glassnet.simulate.dynamics import Dynamics, describe
from glassnet.simulate.ensemble import Ensemble
from glassnet.simulate.state import joined
from glassnet.store.values import from_dataset, to_dataset

LANDSCAPE = small_landscape(l2=1e-2)
LANGEVIN = gn.Langevin(1e-2, 1e-2)
START = gn.Ensemble.random(LANDSCAPE.network, 4, seed=3)


@dataclass(frozen=True)
class Averaging(Reference):
    """The reference engine, which keeps a leaky average of its updates, as momentum does, and counts its steps."""

    name: ClassVar[str] = "averaging"
    full_batch_settings: ClassVar[Mapping[str, Any]] = {"average": {"decay": 0.9}}

    def session(self, ensemble: Ensemble, landscape: Landscape, dynamics: Dynamics) -> AveragingSession:
        return AveragingSession(ensemble, landscape, dynamics)


class AveragingSession(ReferenceSession):
    def __init__(self, ensemble: Ensemble, landscape: Landscape, dynamics: Dynamics) -> None:
        super().__init__(ensemble, landscape, dynamics)
        about = json.dumps([landscape.fingerprint, describe(dynamics)])
        self._tag = np.full(len(ensemble), hashlib.sha256(about.encode()).hexdigest())
        none = EngineState(
            np.full(len(ensemble), ""),
            {"average": np.zeros_like(ensemble.weights)},
            {"steps_averaged": np.zeros(len(ensemble), np.int64)},
        )
        kept = ensemble.state.get("averaging", none)
        valid = kept.tag == self._tag
        self._average = np.where(valid[:, None], kept.arrays["average"], 0.0)
        self._steps = np.where(valid, kept.counts["steps_averaged"], 0)

    @property
    def ensemble(self) -> Ensemble:
        state = EngineState(self._tag, {"average": self._average}, {"steps_averaged": self._steps})
        return replace(super().ensemble, state={"averaging": state})

    def advance(self, n_steps: NDArray[np.int64]) -> None:
        for i in range(int(n_steps.max())):
            before = super().ensemble
            super().advance((n_steps > i).astype(np.int64))
            now = super().ensemble
            moved = now.step > before.step
            self._average[moved] = 0.9 * self._average[moved] + (now.weights - before.weights)[moved]
            self._steps += moved


def evolved(ensemble: gn.Ensemble, n_steps: int, **changes: Any) -> gn.Ensemble:
    asked: dict[str, Any] = {"landscape": LANDSCAPE, "dynamics": LANGEVIN, "engine": Averaging()} | changes
    return gn.evolve(ensemble, n_steps=n_steps, **asked)


def assert_same(one: gn.Ensemble | gn.Record, other: gn.Ensemble | gn.Record) -> None:
    if isinstance(one, gn.Record):
        assert isinstance(other, gn.Record)
        assert one.data.identical(other.data)
        assert_same(one.ensemble, other.ensemble)
        return
    assert isinstance(other, gn.Ensemble)
    for name in ("weights", "seed", "origin", "noise", "step", "alive"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes()
    assert one.state == other.state


def average(ensemble: gn.Ensemble) -> NDArray[np.float64]:
    return ensemble.state["averaging"].arrays["average"]


def through_a_file(value: Any, path: Path) -> Any:
    gn.save(value, path)
    return gn.load(path)


def test_the_state_is_what_the_engine_says_it_is() -> None:
    one, two = evolved(START, 1), evolved(START, 2)
    np.testing.assert_array_equal(average(one), one.weights - START.weights)
    np.testing.assert_array_equal(average(two), 0.9 * average(one) + (two.weights - one.weights))
    assert two.state["averaging"].counts["steps_averaged"].tolist() == [2] * 4


def test_splits_slices_files_and_order_change_no_bit(tmp_path: Path) -> None:
    whole, half = evolved(START, 20), evolved(START, 9)
    assert_same(evolved(half, 11), whole)
    assert_same(evolved(through_a_file(half, tmp_path / "half"), 11), whole)
    assert_same(evolved(gn.concat([half[[3, 1]], half[2], half[0]]), 11), whole[[3, 1, 2, 0]])
    other_noise = START.repeat(noise=[0, 5])
    branched = evolved(half.repeat(noise=[0, 5]), 11)
    assert_same(branched[:4], whole)
    assert branched.state["averaging"].counts["steps_averaged"].tolist() == [20] * 8
    assert np.all(average(branched)[4:] != average(evolved(other_noise, 20))[4:])
    assert_same(half.rename(noise=5), replace(half, noise=np.full(4, 5)))


def test_replicas_without_a_state_join_those_with_one() -> None:
    mixed = gn.concat([START[:1], evolved(START, 9)[1:]])
    assert mixed.state["averaging"].tag[0] == ""
    assert mixed.state["averaging"].counts["steps_averaged"].tolist() == [0, 9, 9, 9]
    found = evolved(mixed, 11)
    assert_same(found[1:], evolved(START, 20)[1:])
    assert_same(found[0], evolved(START[0], 11))


def test_a_record_is_measured_and_extended_with_the_state(tmp_path: Path) -> None:
    def measured(**changes: Any) -> gn.Record:
        asked: dict[str, Any] = {"engine": Averaging(), "times": [2, 5, 20]} | changes
        return gn.measure(START, LANDSCAPE, LANGEVIN, **asked)

    whole = measured()
    assert_same(whole.ensemble, evolved(START, 20))
    assert whole.data.steps_averaged.values.tolist() == [20] * 4
    part = measured(times=[2, 5])
    for again in (part, through_a_file(part, tmp_path / "part")):
        assert_same(gn.extend(again, LANDSCAPE, [20], engine=Averaging()), whole)
    parts = gn.concat([part[2:], part[:2]])
    assert_same(gn.extend(parts, LANDSCAPE, [20], engine=Averaging()), whole[[2, 3, 0, 1]])
    with pytest.raises(ValueError, match=r"engine must have the record's average \{'decay': 0.9\}, but has None"):
        gn.extend(replace_name(part, "reference"), LANDSCAPE, [20], engine="reference")
    with pytest.raises(ValueError, match=r"engine must have the record's average None, but has \{'decay': 0.9\}"):
        gn.extend(replace_name(measured(engine="reference"), "averaging"), LANDSCAPE, [30], engine=Averaging())
    sgd = gn.measure(START, LANDSCAPE, gn.Sgd(1e-2, 7), times=[5], engine=Averaging())
    assert "average" not in sgd.data.attrs["engine"]


def replace_name(record: gn.Record, name: str) -> gn.Record:
    return replace(record, data=record.data.assign_attrs(engine={**record.data.attrs["engine"], "name": name}))


@pytest.mark.parametrize("verb", ["evolve", "measure"])
def test_a_stopped_call_goes_on_with_the_state(verb: str, tmp_path: Path) -> None:
    def call(path: Path | None, on_progress: Callable[[gn.Progress[Any]], None] | None = None) -> Any:
        about: dict[str, Any] = {"engine": Averaging(), "checkpoint": path, "on_progress": on_progress}
        if verb == "evolve":
            return gn.evolve(START, LANDSCAPE, LANGEVIN, 60, **about)
        return gn.measure(START, LANDSCAPE, LANGEVIN, times=[3, 20, 60], chi=[30], **about)

    def stop(progress: gn.Progress[Any]) -> None:
        if progress.done > 0:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        call(tmp_path / "state", stop)
    stopped = gn.load(tmp_path / "state")
    ensemble = stopped.ensemble if isinstance(stopped, gn.Record) else stopped
    assert 0 < ensemble.state["averaging"].counts["steps_averaged"][0] < 60
    assert_same(call(tmp_path / "state"), call(None))


def test_any_other_evolution_drops_it() -> None:
    half = evolved(START, 9)
    for engine in ("reference", "cpu", Cpu(1, skin=True)):
        assert "averaging" not in evolved(half, 1, engine=engine).state
    bare = replace(half, state={})
    for changes in ({"dynamics": gn.GradientDescent(1e-2)}, {"landscape": small_landscape(l2=0.5)}):
        assert_same(evolved(half, 3, **changes), evolved(bare, 3, **changes))


def test_two_owners_stand_side_by_side(tmp_path: Path) -> None:
    landscape, ensemble = drowsy((300, 4, 6, 3), awake=0.2)
    skinned = gn.evolve(ensemble, landscape, LANGEVIN, 30, engine=Cpu(1, skin=True))
    averaged = gn.evolve(ensemble.rename(noise=1), landscape, LANGEVIN, 3, engine=Averaging())
    both = through_a_file(gn.concat([skinned, averaged]), tmp_path / "both")
    assert list(both.state) == ["averaging", "skin"]
    for owner, wanted in (("skin", skinned), ("averaging", averaged)):
        has = both.state[owner].tag != ""
        assert both.state[owner][has] == wanted.state[owner]
    n = len(ensemble)
    on = gn.evolve(both, landscape, LANGEVIN, 5, engine=Cpu(1, skin=True))
    assert_same(on[:n], gn.evolve(skinned, landscape, LANGEVIN, 5, engine=Cpu(1, skin=True)))


def test_one_owners_state_must_be_alike_where_it_is_joined() -> None:
    half = evolved(START, 9)
    state = half.state["averaging"]
    other = replace(half[2:], state={"averaging": replace(state[2:], arrays={"average": np.zeros(2, np.float32)})})
    with pytest.raises(ValueError, match=r"state 'averaging' must be alike.*'float64', 2.*'float32', 1.*state=\{\}"):
        gn.concat([half[:2], other])


TYPES = st.sampled_from(["bool", "uint8", "int64", "float32", "float64"])
TAGS = st.text("0123456789abcdef", max_size=64)
NAMES = st.sampled_from(["a", "velocity", "second_moment", "tag_1", "b2", "a_1"])


@st.composite
def states(draw: st.DrawFn, n: int = 3) -> EngineState:
    """A state of so many replicas."""
    shapes = {name: draw(array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=3)) for name in draw(st.sets(NAMES))}
    kept = {name: draw(arrays(draw(TYPES), (n, *shape))) for name, shape in shapes.items()}
    counts = {"n": draw(arrays(np.int64, n))} if draw(st.booleans()) else {}
    return EngineState(np.array(draw(st.lists(TAGS, min_size=n, max_size=n))), kept, counts)


@given(state=states(), cut=st.integers(0, 3))
def test_what_is_cut_and_joined_is_as_it_was(state: EngineState, cut: int) -> None:
    assert joined([{"x": state[:cut]}, {"x": state[cut:]}], [cut, 3 - cut]) == {"x": state}
    around = joined([{}, {"x": state}, {}], [2, 3, 1])["x"]
    assert around[2:5] == state
    assert around.tag[[0, 1, 5]].tolist() == ["", "", ""]
    assert not any(np.any(one[[0, 1, 5]]) for one in (*around.arrays.values(), *around.counts.values()))


def test_shorter_rows_end_in_zeros() -> None:
    short, long = (EngineState(np.array(["t"]), {"rows": np.full((1, n, 2), n, np.uint8)}) for n in (1, 3))
    found = joined([{"x": short}, {"x": long}], [1, 1])["x"].arrays["rows"]
    assert found[:, :, 0].tolist() == [[1, 0, 0], [3, 3, 3]]


@given(one=states(4), other=states(4))
@settings(max_examples=10, deadline=None)
def test_any_state_is_stored_and_read(one: EngineState, other: EngineState, tmp_path_factory: Any) -> None:
    value = replace(START, state={"one": one, "other2": other})
    found = through_a_file(value, tmp_path_factory.mktemp("state") / "x")
    assert found.state == value.state
    assert from_dataset(*to_dataset(value)).state == value.state  # type: ignore[union-attr]


def test_the_arrays_of_a_skin_have_the_names_they_always_had(tmp_path: Path) -> None:
    tag = "0123456789abcdef" * 4
    state = EngineState(
        np.array(["", tag, "", ""]),
        {"width": np.arange(4.0), "rows": np.eye(4, 3, dtype=np.uint8)},
        {"missed_wakings": np.arange(4)},
    )
    gn.save(replace(START, state={"skin": state}), tmp_path / "x")
    with ZipStore(tmp_path / "x", mode="r") as store:
        found = {name: array for name, array in open_group(store, mode="r").arrays() if name.startswith("skin")}
        kinds = {name: (str(one.dtype), one.shape, one.metadata.dimension_names) for name, one in found.items()}  # type: ignore[union-attr]
        texts = [bytes(row).decode() for row in np.asarray(found["skin_tag"][...])]
    assert kinds == {
        "skin_tag": ("uint8", (4, 64), ("replica", "character")),
        "skin_width": ("float64", (4,), ("replica",)),
        "skin_missed": ("int64", (4,), ("replica",)),
        "skin_rows": ("uint8", (4, 3), ("replica", "byte")),
    }
    assert texts == [" " * 64, tag, " " * 64, " " * 64]
    assert gn.load(tmp_path / "x").state == {"skin": state}  # type: ignore[union-attr]


TAG = ("replica", "character"), np.full((4, 64), ord("a"), np.uint8)
STEPS, NUMBERS = ("replica", np.zeros(4, np.int64)), ("replica", np.zeros(4))
HOSTILE: dict[str, tuple[dict[str, Any], str]] = {
    "an array alone": ({"state_x_v": NUMBERS}, "engine_state_x_tag"),
    "a count alone": ({"count_x_n": STEPS}, "engine_state_x_tag"),
    "other axes": ({"state_x_tag": TAG, "state_x_v": (("replica", "weight"), START.weights)}, "axis_1_of_engine_state"),
    "no replicas": ({"state_x_tag": TAG, "state_x_v": ("weight", START.weights[0])}, "engine_state_x_v"),
    "no axes": ({"state_x_tag": TAG, "state_x_v": ((), np.float64(1))}, "engine_state_x_v"),
    "a short tag": ({"state_x_tag": (TAG[0], TAG[1][:, :63])}, "engine_state_x_tag must have 64 uint8"),
    "a tag of floats": ({"state_x_tag": (TAG[0], TAG[1].astype(float))}, "engine_state_x_tag must have 64 uint8"),
    "a tag that is no text": ({"state_x_tag": (TAG[0], TAG[1] + 128)}, "ascii"),
    "a tag of control characters": ({"state_x_tag": (TAG[0], TAG[1] - 70)}, "tag must be one text a replica"),
    "a count of floats": ({"state_x_tag": TAG, "count_x_n": NUMBERS}, "count n must be one int64"),
    "a name twice": ({"state_x_tag": TAG, "state_x_n": NUMBERS, "count_x_n": STEPS}, "a name of its own"),
    "a skin's array by another name": ({"state_skin_width": NUMBERS}, "skin_width"),
    "a long name": ({"state_x_tag": TAG, "state_x_" + "v" * 33: NUMBERS}, "up to 32 small letters"),
    "a long owner": ({f"state_{'x' * 33}_tag": TAG}, "up to 32 small letters"),
}


@pytest.mark.parametrize("case", HOSTILE)
@pytest.mark.parametrize("kind", ["ensemble", "record"])
def test_a_strangers_state_is_refused(case: str, kind: str) -> None:
    arrays, named = HOSTILE[case]
    value = START if kind == "ensemble" else gn.measure(START, LANDSCAPE, LANGEVIN, times=[2], engine="reference")
    stored = to_dataset(value)[1].assign({f"engine_{name}": array for name, array in arrays.items()})
    refused(lambda: from_dataset(kind, stored), named)


@pytest.mark.parametrize("name", ["skin_tag", "skin_width", "skin_missed", "skin_rows"])
def test_half_a_skin_is_refused(name: str) -> None:
    landscape, ensemble = drowsy((300, 4, 6, 3), awake=0.2)
    kind, stored = to_dataset(gn.evolve(ensemble, landscape, LANGEVIN, 3, engine=Cpu(1, skin=True)))
    refused(lambda: from_dataset(kind, stored.drop_vars(name)), f"state 'skin' must have an array {name}")
    refused(lambda: from_dataset(kind, stored.assign({name: ("weight", ensemble.weights[0])})), name)


def test_what_would_not_be_read_is_not_written(tmp_path: Path) -> None:
    record = gn.measure(START, LANDSCAPE, LANGEVIN, times=[2], engine="reference")
    for name in ("skin_rows", "engine_state_x_v", "engine_count_x_n"):
        mine = replace(record, data=record.data.assign({name: xr.DataArray(np.zeros(4), dims="replica")}))
        with pytest.raises(ValueError, match=f"record.data must hold no {name}: engines keep"):
            gn.save(mine, tmp_path / "x")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EngineState(np.array(["a b"]), {}), "tag must be one text a replica"),
        (lambda: EngineState(np.array(["a" * 65]), {}), "tag must be one text a replica"),
        (lambda: EngineState(np.array([1]), {}), "tag must be one text a replica"),
        (lambda: EngineState(np.array("a"), {}), "tag must be one text a replica"),
        (lambda: EngineState(np.array(["a"]), {"Velocity": np.zeros(1)}), "a name of its own.*'Velocity'"),
        (lambda: EngineState(np.array(["a"]), {"tag": np.zeros(1)}), "other than tag"),
        (lambda: EngineState(np.array(["a"]), {"v": np.zeros(2)}), r"v must have one entry for each of 1.*\(2,\)"),
        (lambda: EngineState(np.array(["a"]), {"v": np.zeros(1, complex)}), "v must .*float64, but is complex128"),
        (lambda: EngineState(np.array(["a"]), {"v": np.zeros((1,) * 9)}), "v must have .* up to 8 axes"),
        (lambda: EngineState(np.array(["a"]), {}, {"n": np.zeros((1, 1), np.int64)}), "count n must be one int64"),
        (lambda: replace(START, state={"x": EngineState(np.array(["a"]), {})}), "'x' must be of 4 replicas, but is of"),
        (lambda: replace(START, state={"X y": EngineState(np.full(4, ""), {})}), "small letters and digits.*'X y'"),
    ],
)
def test_a_state_that_could_not_be_carried_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_a_state_is_read_only_and_compared_by_bits() -> None:
    mine = np.zeros(1)
    state = EngineState(np.array(["a"]), {"v": mine})
    mine[:] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        state.arrays["v"][:] = 1.0
    assert state == EngineState(np.array(["a"]), {"v": np.zeros(1)})
    assert state == EngineState(np.array(["a"]), {"v": np.zeros(1, ">f8")})
    nan = EngineState(np.array(["a"]), {"v": np.full(1, np.nan)})
    assert nan == EngineState(np.array(["a"]), {"v": np.full(1, np.nan)})
    for other in ({"v": np.full(1, -0.0)}, {"v": np.zeros(1, np.float32)}, {"w": np.zeros(1)}, {}):
        assert state != EngineState(np.array(["a"]), other)
    assert state != EngineState(np.array(["b"]), {"v": np.zeros(1)})
    with pytest.raises(TypeError, match="state 'x' must be"):
        replace(START, state={"x": np.zeros(4)})  # type: ignore[dict-item]


def test_a_skin_that_no_skin_packed_is_refused() -> None:
    landscape, ensemble = drowsy((300, 4, 6, 3), awake=0.2)
    foreign = replace(ensemble, state={"skin": EngineState(np.full(len(ensemble), ""), {})})
    assert gn.evolve(foreign, landscape, LANGEVIN, 1, engine=Cpu(1)).state == {}
    with pytest.raises(ValueError, match=r"state 'skin' must have \{'missed_wakings': .*, but has \{'tag'"):
        gn.evolve(foreign, landscape, LANGEVIN, 1, engine=Cpu(1, skin=True))


def test_lists_that_were_stored_stay_valid() -> None:
    landscape, ensemble = drowsy((300, 4, 6, 3), awake=0.2)
    dynamics, engine = gn.Langevin((3.0, 1.0), 1e-3), Cpu(1, skin=True)
    found = gn.evolve(ensemble[:2], landscape, dynamics, 1, engine=engine)
    numbers = '"first_width": 0.1, "interval": 100, "narrow": 0.85, "narrowest": 1e-06, "widen": 2.0'
    texts = [
        f'{{"dynamics": "Langevin", "engine": ["cpu", "{engine.version}", "float32"], "l2": {landscape.loss.l2}, '
        f'"landscape": "{landscape.without_l2.fingerprint}", "learning_rate": 0.001, '
        f'"skin": {{{numbers}, "widest": 1000000.0}}, '
        f'"temperature": {temperature}}}'
        for temperature in ("3.0", "1.0")
    ]
    assert found.state["skin"].tag.tolist() == [hashlib.sha256(text.encode()).hexdigest() for text in texts]


def test_a_list_of_another_precision_is_not_used() -> None:
    landscape, ensemble = drowsy((300, 4, 6, 3), awake=0.2)
    half = gn.evolve(ensemble, landscape, LANGEVIN, 130, engine=Cpu(1, skin=True))
    other = Cpu(1, skin=True, gradient="float64")
    bare = gn.evolve(replace(half, state={}), landscape, LANGEVIN, 40, engine=other)
    assert_same(gn.evolve(half, landscape, LANGEVIN, 40, engine=other), bare)


def test_a_skin_that_has_looked_at_nothing_yet_is_no_list(tmp_path: Path) -> None:
    landscape, ensemble = drowsy((300, 4, 6, 3), awake=0.2)
    seen: list[gn.Record] = []
    about: dict[str, Any] = {"times": [20], "loss_times": "auto", "engine": Cpu(1, skin=True)}
    whole = gn.measure(ensemble, landscape, LANGEVIN, on_progress=lambda p: seen.append(p.state()), **about)
    assert seen[0].elapsed == 0
    again = through_a_file(seen[0], tmp_path / "begun")
    assert_same(gn.resume(again, landscape, engine=Cpu(1, skin=True)), whole)


def test_a_condensed_run_keeps_no_state(tmp_path: Path) -> None:
    made = make(tiny(skin=True, epochs=1), tmp_path / "run")
    assert {*made.record.ensemble.state} == {"skin"}
    condense(made, tmp_path / "x.run.zip")
    assert open_run(tmp_path / "x.run.zip").record.ensemble.state == {}


def test_a_run_that_starts_from_given_replicas_takes_their_weights_alone() -> None:
    half = evolved(START, 9)
    found = taken(half, 2, fingerprint(half, 2), "float64")
    assert found.weights.tobytes() == half.weights[[2]].tobytes()
    assert found.state == {}


def test_few_files_know_the_skin() -> None:
    package = Path(gn.__file__).parent
    below = [path for wing in ("landscape", "simulate", "engines", "store") for path in (package / wing).rglob("*.py")]
    knowing = {path.relative_to(package).as_posix() for path in below if "skin" in path.read_text().lower()}
    assert knowing == {
        "engines/cpu.py",
        "engines/skin.py",
        "simulate/axes.py",  # names that are taken in files
        "simulate/measurement.py",
        "store/carried.py",
    }
