"""Statistics in files and runs: kept, gone on with by name and version, and refused where they are a stranger's."""

from __future__ import annotations

import json
import pickle
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from small_records import measured
from strangers import changed, members_of, put, refused
from test_statistic import ALL, ENGINES, GRID, LANDSCAPE, MSD, PUSHED, START, STEEPEST, measure, msd
from tiny_runs import tiny

import glassnet as gn
from glassnet.paper.experiments.relaxation import Relaxation
from glassnet.runs import distributed
from glassnet.runs.condense import condense
from glassnet.runs.cost import unit_bytes
from glassnet.runs.plan import plan
from glassnet.runs.point import Measure, Point
from glassnet.runs.run import Run, open_run
from glassnet.runs.runner import run
from glassnet.runs.starting import begin
from glassnet.runs.verify import verify
from glassnet.store import RunDirectory
from glassnet.store.directory import canonical, unit_name


def go_on(record: gn.Record, statistics: Any = ALL, **changes: Any) -> gn.Record:
    asked: dict[str, Any] = {"times": GRID["times"][2:], "engine": gn.engines.Cpu()}
    return gn.extend(record, LANDSCAPE, **(asked | {"statistics": statistics} | changes))


@pytest.mark.parametrize("kind", ["reference", "cpu", "skin"])
def test_saved_and_gone_on_with_in_pieces_is_one_run(kind: str, tmp_path: Path) -> None:
    engine = ENGINES[kind]()
    whole = measure(engine=engine)
    first = measure(times=GRID["times"][:2], until=15, engine=engine)
    gn.save(first, tmp_path / "first.zarr.zip")
    loaded = gn.load(tmp_path / "first.zarr.zip")
    assert isinstance(loaded, gn.Record)
    xr.testing.assert_identical(loaded.data, first.data)
    longer = go_on(loaded, ALL[::-1], engine=engine)
    xr.testing.assert_identical(longer.data, whole.data)
    warmth = first[[7, 2]].dynamics
    assert isinstance(warmth, gn.Langevin)
    xr.testing.assert_identical(go_on(loaded[[7, 2]], engine=engine).data, whole[[7, 2]].data)


def test_what_progress_hands_out_resumes() -> None:
    states: list[gn.Record] = []
    whole = measure(on_progress=lambda now: states.append(now.state()))
    for state in states[:: len(states) // 4]:
        resumed = gn.resume(state, LANDSCAPE, statistics=ALL, engine=gn.engines.Cpu())
        xr.testing.assert_identical(resumed.data, whole.data)
    with pytest.raises(ValueError, match="'msd' is missing"):
        gn.resume(states[0], LANDSCAPE, engine=gn.engines.Cpu())


def test_a_checkpoint_goes_on_with_the_same_statistics_only(tmp_path: Path) -> None:
    path = tmp_path / "state.zarr.zip"

    def stop(now: gn.Progress[gn.Record]) -> None:
        if now.done > now.total / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure(checkpoint=path, on_progress=stop)
    for others in ([MSD, PUSHED], [*ALL[:2], replace(PUSHED, version=4)], ()):
        with pytest.raises(ValueError, match="is of another call, with statistics"):
            measure(others, checkpoint=path)
    xr.testing.assert_identical(measure(checkpoint=path).data, measure().data)


def test_a_function_that_fails_loses_nothing_that_was_done(tmp_path: Path) -> None:
    sound = [True]

    def fickle(weights: Any, reference: Any) -> float:
        return msd(weights, reference) if sound[0] or not (weights != reference).any() else 1 / 0

    path, statistics = tmp_path / "state.zarr.zip", [gn.Statistic("fickle", fickle)]
    whole = measure(statistics)

    def spoil(now: gn.Progress[gn.Record]) -> None:
        sound[0] = now.done < now.total / 2

    with pytest.raises(ValueError, match="'fickle' failed with ZeroDivisionError"):
        measure(statistics, checkpoint=path, on_progress=spoil)
    kept = gn.load(path)
    assert isinstance(kept, gn.Record)
    assert kept.elapsed >= 20
    sound[0] = True
    xr.testing.assert_identical(measure(statistics, checkpoint=path).data, whole.data)


OTHERS: dict[str, tuple[Any, str]] = {
    "none": ((), "'msd' is missing: functions are not stored, give statistics="),
    "too few": (ALL[:1], "'pushed' is missing"),
    "too many": ([*ALL, replace(MSD, name="more")], "got 'more' too"),
    "another version": (
        [*ALL[1:], replace(MSD, version=2)],
        "'msd' must have the record's version 1, but",
    ),
    "other needs": ([*ALL[1:], replace(MSD, needs=["weights"], function=lambda weights: 0.0)], "the record's needs"),
    "other axes": ([*ALL[1:], replace(MSD, function=lambda weights, reference: weights)], "'msd' must return the axes"),
    "other labels": (
        [
            MSD,
            PUSHED,
            replace(STEEPEST, function=lambda gradient: xr.DataArray(np.zeros((3, 2)), dims=("layer", "end"))),
        ],
        "the labels of its axis 'end' differ",
    ),
}


@pytest.mark.parametrize("which", OTHERS)
def test_going_on_with_other_statistics_is_refused(which: str) -> None:
    statistics, message = OTHERS[which]
    record = measure(times=GRID["times"][:2])
    with pytest.raises(ValueError, match=message):
        go_on(record, statistics)


def test_records_of_other_statistics_do_not_join() -> None:
    parts = [START[:4], START[4:]]
    one = measure(ensemble=parts[0], dynamics=gn.Langevin(1e-3, 1e-2))
    for statistics, message in (
        ((), "must have the statistics"),
        ([*ALL[1:], replace(MSD, version=2)], "must have the statistics"),
        ([*ALL[1:], replace(MSD, function=lambda weights, reference: weights[:2])], "statistic_msd of the same axes"),
    ):
        with pytest.raises(ValueError, match=message):
            gn.concat([one, measure(statistics, ensemble=parts[1], dynamics=gn.Langevin(1e-3, 1e-2))])


def test_a_record_exports_and_shows_its_statistics(tmp_path: Path) -> None:
    record = measure()
    assert "pushed (version 3)" in record._repr_html_()
    assert "statistics" not in measure(())._repr_html_().partition("everything recorded")[0]
    record.to_netcdf(tmp_path / "x.nc")
    with xr.open_dataset(tmp_path / "x.nc", engine="h5netcdf") as found:
        xr.testing.assert_equal(found.statistic_steepest, record.data.statistic_steepest)
        assert found.attrs["statistics.pushed.version"] == 3


# Runs


def ends(gradient: Any) -> xr.DataArray:
    return xr.DataArray([gradient.min(), gradient.max()], dims="end", coords={"end": ["lowest", "höchster"]})


def two(noise_sum: Any) -> xr.DataArray:
    return xr.DataArray(noise_sum[:2], dims="place", coords={"place": [0, 1]})


WATCHED = (
    MSD,
    gn.Statistic("ends", ends, needs=["gradient"]),
    gn.Statistic("noise_made", two, needs=["noise_sum"], unit="1"),
)


class Watched(Relaxation):
    """A relaxation that records statistics too."""

    experiment = "watched"

    @property
    def measured(self) -> dict[float, Point]:
        return {key: watching(point) for key, point in super().measured.items()}


def watching(point: Point, statistics: tuple[gn.Statistic, ...] = WATCHED) -> Point:
    assert isinstance(point.stage, Measure)
    return replace(point, stages=(*point.stages[:-1], replace(point.stage, statistics=statistics)))


def watched(**changes: Any) -> Watched:
    return Watched.of({**tiny(epochs=1).numbers, **changes})


def made(request: Relaxation, path: Path, **options: Any) -> Run[Any]:
    engine, directory = request.make_engine(), RunDirectory(path)
    work = plan(request.points(), request.replicas, engine, directory)
    begin(directory, request, engine, to_work=True)
    run(work, engine, directory, **options)
    found: Run[Any] = open_run(path)
    found.request = request
    return found


def test_a_run_keeps_statistics_goes_on_with_them_and_condenses_them(tmp_path: Path) -> None:
    short, longer = watched(t_max=20, temperatures=[0.1]), watched(temperatures=[0.1])
    made(short, tmp_path / "grown")
    grown, whole = made(longer, tmp_path / "grown"), made(longer, tmp_path / "away" / "whole")
    for temperature, record in whole.records.items():
        xr.testing.assert_identical(grown.records[temperature].data, record.data)
        np.testing.assert_allclose(record.data.statistic_msd, gn.mean_square_displacement(record), rtol=1e-13)
        assert record.data.statistic_noise_made.attrs["units"] == "1"
    condense(whole, tmp_path / "kept.run.zip")
    kept = open_run(tmp_path / "kept.run.zip")
    kept.request = longer
    for temperature, record in whole.records.items():
        found = kept.records[temperature].data
        for name in ("statistic_msd", "statistic_ends", "statistic_noise_made"):
            xr.testing.assert_allclose(found[name], record.data[name], rtol=2.0**-11)
            assert found[name].attrs == record.data[name].attrs
        assert (
            found.statistic_msd.isel(time=-1).values.tobytes()
            != record.data.statistic_msd.isel(time=-1).values.tobytes()
        )


def test_units_without_statistics_have_the_addresses_and_the_bytes_that_they_had(tmp_path: Path) -> None:
    bare, own = tiny(epochs=1).points()[-1], watched().points()[-1]
    engine = gn.engines.Cpu()
    assert "statistics" not in canonical(bare.identity(0, engine))
    assert watching(bare, ()).identity(0, engine) == bare.identity(0, engine)
    assert own.identity(0, engine)["stages"][-1].pop("statistics") == {
        "ends": {"version": 1, "needs": ["gradient"]},
        "msd": {"version": 1, "needs": ["weights", "reference"]},
        "noise_made": {"version": 1, "needs": ["noise_sum"]},
    }
    changed_identity = own.identity(0, engine)
    del changed_identity["stages"][-1]["statistics"]
    assert changed_identity == bare.identity(0, engine)
    # A run with statistics leaves the units of one without alone, and shares its quench.
    made(tiny(epochs=1, temperatures=[0.1]), tmp_path / "bare")
    made(watched(temperatures=[0.1]), tmp_path / "own")
    shared = {path.name for path in (tmp_path / "bare" / "units").iterdir()}
    assert len(shared & {path.name for path in (tmp_path / "own" / "units").iterdir()}) == tiny().replicas


def test_the_address_tells_version_and_needs_apart_and_nothing_else() -> None:
    point, engine = tiny().points()[-1], gn.engines.Cpu()

    def address(*statistics: gn.Statistic) -> str:
        return unit_name(watching(point, statistics).identity(0, engine))

    same = [
        (MSD, PUSHED),
        (PUSHED, MSD),
        (replace(MSD, function=print, unit="x", needs=["reference", "weights"]), PUSHED),
    ]
    assert len({address(*one) for one in same}) == 1
    others = [(), (MSD,), (MSD, replace(PUSHED, version=4)), (MSD, replace(PUSHED, name="x")), (MSD, STEEPEST)]
    others.append((replace(MSD, needs=["weights"]), PUSHED))
    assert len({address(*one) for one in [*others, same[0]]}) == len(others) + 1
    assert watching(point, (MSD,)) == watching(point, (replace(MSD, function=print),))
    assert hash(MSD) == hash(replace(MSD, function=print))


def test_a_unit_of_another_version_is_refused(tmp_path: Path) -> None:
    found = made(watched(temperatures=[0.1], replicas=1), tmp_path / "run")
    (file,) = [p for p in (found.path / "units").iterdir() if "statistic_msd/zarr.json" in members_of(p)]

    def relabel(node: Any) -> None:
        about = json.loads(node["attributes"]["glassnet"])
        about["attributes"]["statistics"]["msd"]["version"] = 2
        node["attributes"]["glassnet"] = json.dumps(about)

    put(file, changed(members_of(file), "zarr.json", relabel))
    with pytest.raises(ValueError, match="it must hold the unit with statistics"):
        RunDirectory(found.path).unit_in(file)
    assert any(file.name in text for text in verify(found.path).damaged)


def test_a_block_whose_function_fails_keeps_its_checkpoint(tmp_path: Path) -> None:
    calls = [0]

    def fickle(weights: Any) -> float:
        calls[0] += 1
        return float(weights[0]) if calls[0] < 20 else 1 / 0

    class Fickle(Relaxation):
        experiment = "fickle"

        @property
        def measured(self) -> dict[float, Point]:
            own = gn.Statistic("first", fickle, needs=["weights"])
            return {key: watching(point, (own,)) for key, point in super().measured.items()}

    request = Fickle.of(tiny(epochs=1, temperatures=[0.1]).numbers)
    with pytest.raises(ValueError, match="'first' failed with ZeroDivisionError"):
        made(request, tmp_path / "run", checkpoint_every=1e6)
    calls[0] = -10_000
    (checkpoint,) = RunDirectory(tmp_path / "run").checkpoints()
    assert not isinstance(checkpoint, ValueError)
    assert min(checkpoint.ends.values()) > 0
    made(request, tmp_path / "run")
    calls[0] = -10_000
    made(request, tmp_path / "other" / "run")
    for file in (tmp_path / "run" / "units").iterdir():
        assert file.read_bytes() == (tmp_path / "other" / "run" / "units" / file.name).read_bytes()


def test_what_a_unit_takes_counts_statistics() -> None:
    bare, own = tiny(epochs=1).points()[-1], watched().points()[-1]
    assert isinstance(bare.stage, Measure)
    assert unit_bytes(own) - unit_bytes(bare) == 8 * (1 + 2 + 2) * len(bare.stage.times) * 2


def test_functions_travel_to_workers_or_are_refused_before_anything_is_sent(tmp_path: Path) -> None:
    own = watched().points()[-1]
    assert pickle.loads(pickle.dumps(own)) == own
    lock = threading.Lock()
    held = gn.Statistic("held", lambda weights: lock.locked() + 0.0, needs=["weights"])
    points = [*tiny().points()[:1], watching(tiny().points()[-1], (held,))]
    engine, directory, no_client = gn.engines.Cpu(), RunDirectory(tmp_path / "run"), None
    work = plan(points, 1, engine, directory)
    with pytest.raises(ValueError, match="function of statistic 'held' must be one that can be sent to workers"):
        distributed.run(work, engine, directory, no_client)  # type: ignore[arg-type]


# A stranger's files


def spoiled(change: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, bytes]], dict[str, bytes]]:
    """Members with other attributes of the record."""

    def apply(node: Any) -> None:
        about = json.loads(node["attributes"]["glassnet"])
        change(about["attributes"])
        node["attributes"]["glassnet"] = json.dumps(about)

    return lambda members: changed(members, "zarr.json", apply)


def said(name: str, **values: Any) -> Callable[[dict[str, bytes]], dict[str, bytes]]:
    return spoiled(lambda attributes: attributes["statistics"][name].update(values))


def on(array: str, *dims: str) -> Callable[[dict[str, bytes]], dict[str, bytes]]:
    return lambda members: changed(members, f"{array}/zarr.json", lambda node: node.update(dimension_names=list(dims)))


def of_type(array: str, kind: str) -> Callable[[dict[str, bytes]], dict[str, bytes]]:
    def retype(node: Any) -> None:
        node["data_type"] = kind
        node["fill_value"] = 0

    return lambda members: changed(members, f"{array}/zarr.json", retype)


def moved(old: str, new: str) -> Callable[[dict[str, bytes]], dict[str, bytes]]:
    return lambda members: {name.replace(f"{old}/", f"{new}/", 1): content for name, content in members.items()}


AT = ("replica", "waiting_time", "time")
HOSTILE: dict[str, tuple[Callable[[dict[str, bytes]], dict[str, bytes]], str]] = {
    "an array that is not described": (spoiled(lambda a: a["statistics"].pop("msd")), "statistics"),
    "none described": (spoiled(lambda a: a.pop("statistics")), "statistics"),
    "an empty description": (spoiled(lambda a: a.update(statistics={})), "statistics"),
    "a list": (spoiled(lambda a: a.update(statistics=["msd"])), "statistics"),
    "one too many": (spoiled(lambda a: a["statistics"].update(x=a["statistics"]["msd"])), "statistics"),
    "no version": (spoiled(lambda a: a["statistics"]["msd"].pop("version")), "version, needs and unit"),
    "more said": (said("msd", code="print()"), "version, needs and unit"),
    "version 0": (said("msd", version=0), "version"),
    "a true version": (said("msd", version=True), "version"),
    "a version of text": (said("msd", version="1"), "version"),
    "a huge version": (said("msd", version=2**60), "version"),
    "unknown needs": (said("msd", needs=["os"]), "needs"),
    "needs that are text": (said("msd", needs="weights"), "needs"),
    "needs out of order": (said("msd", needs=["reference", "weights"]), "needs"),
    "nested needs": (said("msd", needs=[["weights"]]), "needs"),
    "a unit that is no text": (said("msd", unit=3), "unit"),
    "a unit of control characters": (said("msd", unit="\x1b[2J"), "unit"),
    "a long unit": (said("msd", unit="x" * 10**6), "unit"),
    "axes out of order": (on("statistic_msd", "replica", "time", "waiting_time"), "statistic_msd"),
    "axes of another kind": (on("statistic_ends", *AT, "moment"), ""),
    "an axis twice": (on("statistic_noise_made", "replica", "waiting_time", "time", "time"), ""),
    "a reserved axis": (on("statistic_whole", *AT, "sigma"), ""),
    "an axis that is no name": (on("statistic_whole", *AT, "\x1b[2J"), ""),
    "whole numbers": (of_type("statistic_msd", "int64"), "statistic_msd must be float64"),
    "labels of a built-in axis": (moved("label_end", "label_weight"), ""),
    "labels of no axis": (moved("label_end", "label_other"), ""),
    "labels that are no axis's": (on("label_end", "place", "character"), ""),
    "labels that are true or false": (of_type("place", "bool"), ""),
}


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    whole = gn.Statistic("whole", lambda weights: weights[:3], needs=["weights"])
    path = tmp_path_factory.mktemp("stored") / "x.zarr.zip"
    gn.save(measured([1e-3], n_origins=1, statistics=[*WATCHED, whole], times=[0, 3]), path)
    return members_of(path)


def test_the_members_that_strangers_change_are_read_as_they_were(stored: dict[str, bytes], tmp_path: Path) -> None:
    loaded = gn.load(put(tmp_path / "x.zarr.zip", stored))
    assert isinstance(loaded, gn.Record)
    assert loaded.data.end.values.tolist() == ["lowest", "höchster"]
    assert loaded.data.place.dtype == np.int64
    assert loaded.data.statistic_whole.dims == (*AT, "whole_0")


@pytest.mark.parametrize("which", HOSTILE)
def test_a_strangers_statistics_are_refused(which: str, stored: dict[str, bytes], tmp_path: Path) -> None:
    change, named = HOSTILE[which]
    path = put(tmp_path / "x.zarr.zip", change(stored))
    refused(lambda: gn.load(path), "x.zarr.zip", named)


@pytest.mark.parametrize("text", [b"\xff\xfe", b"", b" x", b"a\x1b[2J", "\u202eab".encode()])
def test_labels_that_are_no_plain_text_are_refused(text: bytes, stored: dict[str, bytes], tmp_path: Path) -> None:
    (chunk,) = [name for name in stored if name.startswith("label_end/c")]
    plain = changed(stored, "label_end/zarr.json", lambda node: node.update(codecs=node["codecs"][:1]))
    path = put(tmp_path / "x.zarr.zip", {**plain, chunk: b"lowest".ljust(64) + text.ljust(64)})
    refused(lambda: gn.load(path), "x.zarr.zip")


@pytest.mark.parametrize("axis", ["replica", "layer", "moment"])
def test_texts_along_an_axis_of_every_record_are_refused(axis: str, tmp_path: Path) -> None:
    record = measured([1e-3], n_origins=2, statistics=WATCHED, times=[0, 3])
    texts = np.full((record.data.sizes[axis], 64), ord("x"), np.uint8)
    gn.save(
        replace(record, data=record.data.assign({f"label_{axis}": ((axis, "character"), texts)})), tmp_path / "x.zip"
    )
    refused(lambda: gn.load(tmp_path / "x.zip"), "x.zip", f"label_{axis}")
