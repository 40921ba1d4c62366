"""Files of ensembles and records: the same bits come back, and nothing damaged is ever believed."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from conftest import small_landscape
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from zarr.storage import ZipStore

import glassnet as gn
from glassnet._zip import Members
from glassnet.store import RunDirectory, files, load, save
from glassnet.store import arrays as stored
from glassnet.store.directory import Unit, first_difference
from glassnet.store.files import read, read_header, write
from glassnet.store.values import Value

LANDSCAPE = small_landscape(l2=[1e-2, 0.0, 1e-3])


def ensemble() -> gn.Ensemble:
    return gn.Ensemble.random(LANDSCAPE.network, 3, seed=5)


def record(**changes: object) -> gn.Record:
    asked = {"waiting_times": [2, 7], "times": gn.log_times(30), "chi": [10, 100], "snapshots": [5, 20]} | changes
    test = gn.random_dataset(20, 4, seed=8)
    return gn.measure(ensemble(), LANDSCAPE, gn.Langevin([0.1, 1e-3, 0.0], 0.05), test=test, **asked)  # type: ignore[arg-type]


def with_a_lost_replica() -> gn.Record:
    rates = gn.GradientDescent([0.01, 1e9, 0.01])
    return gn.measure(ensemble(), LANDSCAPE, rates, times=gn.log_times(20), epsilon=[1e-3])


VALUES: dict[str, Callable[[], Value]] = {
    "ensemble": ensemble,
    "float32": lambda: gn.Ensemble.random(LANDSCAPE.network, 2, dtype="float32"),
    "record": record,
    "record with little": lambda: record(chi=(), snapshots=()),
    "lost": with_a_lost_replica,
    "one replica": lambda: record()[[1]],
}


def assert_identical(a: Value, b: Value) -> None:
    assert type(a) is type(b)
    if isinstance(a, gn.Record) and isinstance(b, gn.Record):
        xr.testing.assert_identical(a.data, b.data)
        for name, variable in a.data.variables.items():
            found = b.data.variables[name]
            assert (found.dtype, found.values.tobytes()) == (variable.dtype, variable.values.tobytes()), name
        assert a.data.attrs == b.data.attrs
        assert a.references.tobytes() == b.references.tobytes()
        a, b = a.ensemble, b.ensemble
    assert isinstance(a, gn.Ensemble)
    assert isinstance(b, gn.Ensemble)
    assert a.network == b.network
    for name in ("weights", "seed", "origin", "noise", "step", "alive"):
        mine, other = getattr(a, name), getattr(b, name)
        assert (mine.dtype, mine.tobytes()) == (other.dtype, other.tobytes()), name


@pytest.mark.parametrize("name", VALUES)
def test_the_same_bits_come_back_and_make_the_same_file(name: str, tmp_path: Path) -> None:
    value = VALUES[name]()
    save(value, tmp_path / "a.zarr.zip")
    found = load(tmp_path / "a.zarr.zip")
    assert_identical(value, found)
    save(found, tmp_path / "b.zarr.zip")
    assert (tmp_path / "a.zarr.zip").read_bytes() == (tmp_path / "b.zarr.zip").read_bytes()
    assert len(list(tmp_path.iterdir())) == 2


@settings(max_examples=20, deadline=None)
@given(arrays(np.float64, (2, 3), elements=st.floats(allow_nan=False, allow_infinity=False)))
def test_any_weights_come_back(tmp_path_factory: pytest.TempPathFactory, weights: np.ndarray) -> None:
    path = tmp_path_factory.mktemp("any") / "x"
    value = gn.Ensemble.from_weights(gn.Mlp(2, 1, 1), weights)
    save(value, path)
    assert_identical(value, load(path))


def test_what_is_loaded_goes_on(tmp_path: Path) -> None:
    short = record(times=gn.log_times(10), snapshots=[5])
    save(short, tmp_path / "x")
    found = load(tmp_path / "x")
    assert isinstance(found, gn.Record)
    test = gn.random_dataset(20, 4, seed=8)
    assert_identical(gn.extend(found, LANDSCAPE, [20], test=test), gn.extend(short, LANDSCAPE, [20], test=test))


def test_zarr_itself_opens_it(tmp_path: Path) -> None:
    value = record()
    save(value, tmp_path / "x.zarr.zip")
    with ZipStore(tmp_path / "x.zarr.zip", mode="r") as store:
        data = xr.open_zarr(store, consolidated=False, chunks=None)
        assert np.array_equal(data.moments.values, value.data.moments.values, equal_nan=True)


def test_flipped_bytes_and_cuts_are_detected(tmp_path: Path) -> None:
    path = tmp_path / "x.zarr.zip"
    save(ensemble(), path)
    whole = path.read_bytes()
    for at in [*range(0, len(whole), 11), *range(len(whole) - 100, len(whole))]:
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        with pytest.raises(ValueError, match=r"x\.zarr\.zip (is damaged|was not written by glassnet)"):
            load(path)
    for length in [*range(0, len(whole), 197), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"x\.zarr\.zip (is damaged|was not written by glassnet)"):
            load(path)


def test_foreign_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x"
    for content in (b"", b"PK", b"some text", bytes(10_000)):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=f"{path} "):
            load(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("zarr.json", "{}")
    with pytest.raises(ValueError, match="checksum is missing"):
        load(path)
    with pytest.raises(ValueError, match="open_run"):
        load(tmp_path)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none")
    with pytest.raises(TypeError, match="ensemble or a record"):
        save(np.zeros(3), path)  # type: ignore[arg-type]


def test_a_later_format_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x"
    with monkeypatch.context() as later:
        later.setattr("glassnet.store.files.FORMAT", 2)
        save(ensemble(), path)
    with pytest.raises(ValueError, match="format must be 1 in this version of glassnet, but is 2"):
        load(path)


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "x"
    save(ensemble(), path)
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            save(record(), path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_many_writers_of_one_file_leave_it_whole(tmp_path: Path) -> None:
    path, value = tmp_path / "one.zarr.zip", ensemble()
    with ThreadPoolExecutor(8) as writers:
        list(writers.map(lambda _: save(value, path), range(32)))
    assert_identical(load(path), value)
    assert list(tmp_path.iterdir()) == [path]


def test_a_unit_under_another_name_is_refused(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")
    run.write_description({"experiment": "none"})
    mine, other = {"seed": 1, "l2": 0.1}, {"seed": 2, "l2": 0.1}
    assert run.unit_end(mine) is None
    run.write_unit(mine, Unit(ensemble(), 7, {"loss": 0.5}))
    assert (run.unit_end(mine), run.read_unit(mine).results) == (7, {"loss": 0.5})
    run.unit_path(mine).rename(run.unit_path(other))
    with pytest.raises(ValueError, match="holds another unit, with seed 1, not 2"):
        run.read_unit(other)


def test_a_damaged_description_is_refused(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")
    run.write_description({"experiment": "none", "seed": 3})
    path = tmp_path / "run" / "run.json"
    whole = path.read_text()
    assert run.describe() == {"experiment": "none", "seed": 3}
    later = json.dumps(json.loads(whole) | {"format": 2})
    for content in (whole.replace("3", "4", 1), whole[:-5], "", "[]", "{}", later):
        path.write_text(content)
        with pytest.raises(ValueError, match=r"run\.json") as refused:
            run.describe()
        assert "Error" not in str(refused.value)
        assert content == later or "give another folder beside it; what is done is taken from it" in str(refused.value)


def test_a_folder_of_other_things_is_refused(tmp_path: Path) -> None:
    assert not RunDirectory(tmp_path / "new").exists
    assert not RunDirectory(tmp_path).exists
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="holds other things"):
        _ = RunDirectory(tmp_path).exists
    with pytest.raises(ValueError, match="is a file"):
        _ = RunDirectory(tmp_path / "file").exists
    with pytest.raises(FileNotFoundError, match=r"no run\.json"):
        RunDirectory(tmp_path).describe()


HOLD = """
import sys
from pathlib import Path
from glassnet.store import RunDirectory
with RunDirectory(Path(sys.argv[1])).locked():
    print("held", flush=True)
    sys.stdin.read()
"""


def holding(path: Path) -> subprocess.Popen[str]:
    """A process that works on a run until its input ends."""
    command = [sys.executable, "-c", HOLD, str(path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_one_process_at_a_time_works_on_a_run(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")
    with holding(run.path) as process:
        with (
            pytest.raises(ValueError, match=f"^{run.path} is being worked on by process {process.pid}; wait for it or"),
            run.locked(),
        ):
            pass
        assert not run.exists
        process.communicate()
    assert list(tmp_path.iterdir()) == []
    with run.locked():
        run.write_description({"experiment": "none"})
    assert run.describe() == {"experiment": "none"}
    assert not (run.path / "lock").exists()


def test_the_lock_of_a_killed_process_holds_nobody(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")
    with holding(run.path) as process:
        process.kill()
    assert [p.name for p in run.path.iterdir()] == ["lock"]
    assert not run.exists
    with run.locked():
        assert (run.path / "lock").read_text() == f"{os.getpid()}\n"


def test_differences_are_named() -> None:
    assert first_difference({"a": {"b": [1, 2]}}, {"a": {"b": [1, 2]}}) is None
    assert first_difference({"a": {"b": 1}}, {"a": {"b": 2}}) == "a.b 1, not 2"
    assert first_difference({"a": 1}, {}) == "a 1, not null"


def test_the_header_stays_with_the_value(tmp_path: Path) -> None:
    write(tmp_path / "x", ensemble(), {"units": ["a"], "ends": [3]})
    assert read_header(tmp_path / "x") == read(tmp_path / "x")[1] == {"units": ["a"], "ends": [3]}


def test_header_and_arrays_are_of_one_file_whoever_replaces_it_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = gn.Mlp(3, 4, 1)
    old, new = (gn.Ensemble.random(network, 2, seed=seed) for seed in (1, 2))
    path = tmp_path / "checkpoint.zip"
    write(path, old, {"which": "old"})
    looked = stored.find_arrays

    def replaced(members: Members) -> object:
        write(path, new, {"which": "new"})
        return looked(members)

    monkeypatch.setattr(files, "find_arrays", replaced)
    for which, seed in (("old", 1), ("new", 2)):
        value, header = read(path)
        assert isinstance(value, gn.Ensemble)
        assert (header["which"], value.seed.tolist()) == (which, [seed, seed])
