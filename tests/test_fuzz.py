"""Whatever bytes and numbers come in, there is a clear error or a right result; the same examples each time."""

from __future__ import annotations

import hashlib
import io
import json
import re
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import glassnet as gn
from glassnet.paper.experiments.minima import Minima
from glassnet.paper.experiments.phase_diagram import PhaseDiagram
from glassnet.paper.experiments.protocol import Protocol
from glassnet.paper.experiments.relaxation import Relaxation
from glassnet.paper.experiments.sgd_displacement import SgdDisplacement
from glassnet.paper.experiments.step_size import StepSize
from glassnet.runs.experiment import Experiment
from glassnet.runs.registry import request
from glassnet.runs.run import open_run
from glassnet.store.condensed import CondensedRun, CondensedUnit, write_condensed
from glassnet.store.directory import canonical
from glassnet.store.files import FORMAT
from glassnet.store.values import to_dataset

MARK = b"glassnet sha256 "
KINDS: dict[type[Experiment], Experiment] = {
    type(one): one
    for one in (
        request("relaxation", "regularised", "mnist", "demo"),
        request("phase_diagram", "l2", "mnist", "demo"),
        request("minima", "", "mnist", "demo"),
        request("protocol", "regularised", "mnist", "demo"),
        request("step_size", "regularised", "mnist", "demo"),
        request("sgd_displacement", "", "mnist", "demo"),
    )
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
quick = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=60,
    deadline=None,
    derandomize=True,
)


def with_checksum(body: bytes) -> bytes:
    """A file whose checksum is right, whatever is in it."""
    return body + MARK + hashlib.sha256(body + MARK).hexdigest().encode()


def resealed(members: dict[str, bytes]) -> bytes:
    """A zip of these members whose checksum is right."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        archive.comment = MARK + b"0" * 64
    body = buffer.getvalue()[:-64]
    return body + hashlib.sha256(body).hexdigest().encode()


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    """The members of an ensemble's file, a record's and a condensed run's."""
    folder = tmp_path_factory.mktemp("saved")
    landscape = gn.Landscape(gn.Mlp(3, 2, 2), gn.random_dataset(10, 3, seed=1), gn.QuadraticHinge(0.01))
    ensemble = gn.Ensemble.random(landscape.network, 1)
    record = gn.measure(ensemble, landscape, gn.Langevin(0.1, 1e-3), times=[1, 2], chi=[3])
    gn.save(ensemble, folder / "ensemble")
    gn.save(record, folder / "record")
    engine = {"name": "cpu", "version": "1", "gradient": "float32"}
    description = {"experiment": "minima", "request": request("minima", "", "mnist", "demo").numbers, "engine": engine}
    write_condensed(folder / "condensed", description, [({}, CondensedUnit(record, 2, {}))])
    return {path.name: members_of(path) for path in sorted(folder.iterdir())}


def refusal(work: Callable[[], object]) -> str | None:
    """What is said against it; None where it works. Anything but a ValueError goes through."""
    try:
        work()
    except ValueError as error:
        return str(error)
    return None


def members_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def read(path: Path, kind: str) -> xr.Dataset:
    """The arrays of the value in a file, or of the unit in a condensed run's."""
    if kind != "condensed":
        return to_dataset(gn.load(path))[1]
    open_run(path)
    value = CondensedRun(path).read_unit({}).value
    assert value is not None
    return to_dataset(value)[1]


@quick
@given(content=st.binary(max_size=300), zipped=st.booleans(), sound=st.booleans())
def test_any_bytes_are_refused(tmp_path: Path, content: bytes, zipped: bool, sound: bool) -> None:
    if zipped:
        content = resealed({"zarr.json": content, "index.json": content})
    (tmp_path / "x").write_bytes(with_checksum(content) if sound and not zipped else content)
    with pytest.raises(ValueError, match=re.escape(str(tmp_path / "x"))):
        gn.load(tmp_path / "x")
    with pytest.raises(ValueError, match=re.escape(str(tmp_path / "x"))):
        open_run(tmp_path / "x")


def test_chunks_larger_than_their_array_are_refused(tmp_path: Path, saved: dict[str, dict[str, bytes]]) -> None:
    node = json.loads(saved["ensemble"]["seed/zarr.json"])
    node["chunk_grid"]["configuration"]["chunk_shape"] = [2**30]
    (tmp_path / "x").write_bytes(resealed({**saved["ensemble"], "seed/zarr.json": json.dumps(node).encode()}))
    with pytest.raises(ValueError, match=r"x .*its arrays promise \d+ bytes, out of proportion to its size"):
        gn.load(tmp_path / "x")


def test_a_zip_of_a_version_still_to_come_is_refused(tmp_path: Path) -> None:
    body = bytearray(with_checksum(resealed({"zarr.json": b"{}"}))[:-64])
    body[body.rindex(b"PK\1\2") + 6] = 235
    (tmp_path / "x").write_bytes(bytes(body) + hashlib.sha256(body).hexdigest().encode())
    with pytest.raises(ValueError, match=r"x cannot be read, though its checksum is right"):
        gn.load(tmp_path / "x")


@quick
@given(
    kind=st.sampled_from(["condensed", "ensemble", "record"]),
    which=st.integers(0, 1000),
    changes=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=3),
    cut=st.sampled_from([0, 0, 1, 5, 100]),
)
def test_damage_that_the_checksum_does_not_see_is_an_error_or_changes_what_it_hit_alone(
    saved: dict[str, dict[str, bytes]],
    tmp_path: Path,
    kind: str,
    which: int,
    changes: list[tuple[int, int]],
    cut: int,
) -> None:
    members = dict(saved[kind])
    path = tmp_path / "x"
    path.write_bytes(resealed(members))
    whole = read(path, kind)
    name = sorted(members)[which % len(members)]
    content = bytearray(members[name])
    for at, byte in changes:
        content[at % len(content)] = byte
    members[name] = bytes(content[: max(0, len(content) - cut)])
    path.write_bytes(resealed(members))
    found: list[xr.Dataset] = []
    tracemalloc.start()
    said = refusal(lambda: found.append(read(path, kind)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 300e6
    if said is not None:
        assert str(path) in said or "must be" in said
        return
    assert set(found[0].variables) == set(whole.variables)
    for variable in set(whole.variables) - set(name.split("/")):
        assert found[0][variable].dims == whole[variable].dims
        assert found[0][variable].values.tobytes() == whole[variable].values.tobytes()


@quick
@given(
    kind=st.sampled_from(["condensed", "ensemble", "record"]),
    at=st.integers(0, 10**6),
    flip=st.integers(1, 255),
    cut=st.sampled_from([0, 0, 1, 100]),
)
def test_damage_that_the_checksum_sees_is_refused_by_name(
    saved: dict[str, dict[str, bytes]], tmp_path: Path, kind: str, at: int, flip: int, cut: int
) -> None:
    path, content = tmp_path / "x", bytearray(resealed(saved[kind]))
    content[at % len(content)] ^= flip
    path.write_bytes(content[: len(content) - cut])
    with pytest.raises(ValueError, match=re.escape(str(path))):
        read(path, kind)


def test_arrays_that_promise_more_than_a_file_can_hold_are_refused(
    saved: dict[str, dict[str, bytes]], tmp_path: Path
) -> None:
    members = dict(saved["ensemble"])
    node = json.loads(members["weights/zarr.json"])
    node["shape"] = [10**6, 10**6]
    members["weights/zarr.json"] = json.dumps(node).encode()
    (tmp_path / "x").write_bytes(resealed(members))
    with pytest.raises(ValueError, match=r"promise 80000\d+"):
        gn.load(tmp_path / "x")


@quick
@given(
    description=st.dictionaries(
        st.sampled_from(["experiment", "request", "engine", "sessions"]), JSON | st.just("minima"), max_size=4
    ),
)
def test_any_description_of_a_run_is_read_or_refused(tmp_path: Path, description: dict[str, Any]) -> None:
    content = {"format": FORMAT, "run": description}
    try:
        content["sha256"] = hashlib.sha256(canonical(description).encode()).hexdigest()
    except ValueError:
        return  # infinity is no JSON
    (tmp_path / "run.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=re.escape(str(tmp_path))):
        open_run(tmp_path)


@pytest.mark.parametrize("description", [1, "ab", None, [3], []])
def test_a_description_that_is_no_object_is_refused(tmp_path: Path, description: Any) -> None:
    checksum = hashlib.sha256(canonical(description).encode()).hexdigest()
    content = {"format": FORMAT, "run": description, "sha256": checksum}
    (tmp_path / "run.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"run\.json is damaged or was not written by glassnet"):
        open_run(tmp_path)


def test_a_description_nested_beyond_reading_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("[" * 100_000)
    with pytest.raises(ValueError, match=r"run\.json is damaged or was not written by glassnet"):
        open_run(tmp_path)


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        (Relaxation, "quenched", 0.0),
        (Relaxation, "snapshots", [None, []]),
        (Relaxation, "snapshots", [-9.2e18]),
        (StepSize, "learning_rates", [1e-69]),
    ],
)
def test_what_fuzzing_found_stays_mended(kind: Any, field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"^{field} must"):
        kind.of(KINDS[kind].numbers | {field: value})


@quick
@given(data=st.data(), kind=st.sampled_from([Relaxation, PhaseDiagram, Minima, Protocol, StepSize, SgdDisplacement]))
def test_any_numbers_make_a_request_or_an_error_that_names_the_field(data: st.DataObject, kind: Any) -> None:
    numbers = dict(KINDS[kind].numbers)
    name = data.draw(st.sampled_from(sorted(numbers)))
    numbers[name] = data.draw(JSON | st.lists(st.floats(), max_size=3) | st.floats())
    if (said := refusal(lambda: kind.of(numbers))) is not None:
        # A field of a field is named with both, dataset.train.
        words = said.replace("=", " ").replace(".", " ").split()
        assert any(field in words or f"{field}:" in words for field in numbers), said
        return
    made = kind.of(numbers)
    again = kind.of(json.loads(json.dumps(made.numbers)))
    assert again == made
    assert again.hash == made.hash
    assert all(np.isfinite(point.n_steps) for point in made.points())
