"""Files that a stranger made: they run no code, take no memory, steer no terminal, pass for nothing else."""

from __future__ import annotations

import json
import os
import shutil
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numcodecs import blosc, zstd
from strangers import (
    Members,
    changed,
    glassnet,
    members_of,
    put,
    read_all,
    refused,
    with_checksum,
    zipped,
)

import glassnet as gn
from glassnet.runs.plan import Member
from glassnet.runs.run import open_run
from glassnet.runs.verify import verify
from glassnet.store import RunDirectory, files
from glassnet.store.belonging import refuse_another
from glassnet.store.directory import unit_name


@pytest.fixture(scope="module")
def saved(tiny_run: Path) -> Members:
    """The members of an ensemble's file."""
    path = tiny_run.with_name("ensemble.zip")
    gn.save(gn.Ensemble.random(gn.Mlp(3, 2, 2), 2), path)
    return members_of(path)


BYTES = {"name": "bytes", "configuration": {"endian": "little"}}
GZIP = {"name": "gzip", "configuration": {"level": 9}}
ZSTD = {"name": "zstd", "configuration": {"level": 0, "checksum": False}}
WHOLE = {"name": "regular", "configuration": {"chunk_shape": [10**12, 12]}}
BLOSC = {"typesize": 8, "cname": "lz4", "clevel": 9, "shuffle": "bitshuffle", "blocksize": 0}
NODES: dict[str, dict[str, Any]] = {
    "gzip": {"codecs": [BYTES, GZIP]},
    "nested gzip": {"codecs": [BYTES, GZIP, GZIP, GZIP]},
    "pickle": {"codecs": [{"name": "numcodecs.pickle", "configuration": {}}]},
    "a filter of zarr 2": {"codecs": [{"name": "vlen-utf8"}, {"name": "numcodecs.pickle"}]},
    "sharding": {"codecs": [{"name": "sharding_indexed", "configuration": {"chunk_shape": [1], "codecs": [BYTES]}}]},
    "transpose": {"codecs": [{"name": "transpose", "configuration": {"order": [0]}}, BYTES]},
    "another blosc": {"codecs": [BYTES, {"name": "blosc", "configuration": BLOSC}]},
    "zstd of other settings": {"codecs": [BYTES, {"name": "zstd", "configuration": {"level": 0, "dictionary": "x"}}]},
    "a checksum": {
        "codecs": [BYTES, {"name": "zstd", "configuration": {"level": 0, "checksum": False}}, {"name": "crc32c"}]
    },
    "big-endian": {"codecs": [{"name": "bytes", "configuration": {"endian": "big"}}]},
    "no codec": {"codecs": []},
    "codecs of another kind": {"codecs": {"name": "bytes"}},
    "text": {"data_type": "string"},
    "objects": {"data_type": {"name": "numpy.object", "configuration": {}}},
    "half": {"data_type": "float16"},
    "format 2": {"zarr_format": 2},
    "a fill of text": {"fill_value": "0x7ff8"},
    "a negative shape": {
        "shape": [-1, 12],
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2, 12]}},
    },
    "a shape that is true": {"shape": [True, 12]},
    "a shape of a number": {"shape": 1e12},
    "more axes than there are": {"shape": [1] * 40},
    "chunks of nothing": {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [0, 12]}}},
    "chunks without number": {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [1, 1]}}},
    "another grid": {"chunk_grid": {"name": "rectangular", "configuration": {"chunk_shape": [2, 12]}}},
    "a transformer": {"storage_transformers": [{"name": "x"}]},
    "other keys": {"chunk_key_encoding": {"name": "v2", "configuration": {"separator": "."}}},
    "one more key": {"extension": {"must_understand": False}},
    "a trillion": {
        "shape": [10**12, 12],
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [10**12, 12]}},
    },
    "a trillion chunks": {"shape": [10**12, 12]},
}


@pytest.mark.parametrize("node", NODES)
def test_only_what_glassnet_writes_is_decoded(node: str, saved: Members, condensed: Members, tmp_path: Path) -> None:
    path = put(tmp_path / "x", changed(saved, "weights/zarr.json", lambda found: found.update(NODES[node])))
    refused(lambda: gn.load(path), str(path))
    stack = next(name for name in condensed if name.endswith("/weights/zarr.json"))
    small = put(tmp_path / "x.run.zip", changed(condensed, stack, lambda found: found.update(NODES[node])))
    refused(lambda: open_run(small), str(small))


@pytest.mark.parametrize("name", ["", "stacks/0/", "stacks/7/", "stacks/0/weights/", "x/y/"])
@pytest.mark.parametrize("member", [".zgroup", ".zarray", ".zattrs", "0.0", "x", "c/0/0/0/0/1", "../c/0"])
def test_members_of_other_kinds_are_refused_before_anything_is_read(
    name: str, member: str, saved: Members, condensed: Members, tmp_path: Path
) -> None:
    marker = tmp_path / "was here"
    compressor = {"id": "pickle", "protocol": 5}
    v2 = {"zarr_format": 2, "shape": [1], "chunks": [1], "dtype": "|O", "order": "C", "fill_value": 0}
    content = json.dumps({**v2, "compressor": compressor, "filters": [{"id": "vlen-utf8"}]}).encode()
    bomb = f"cposix\nsystem\n(S'touch {marker}'\ntR.".encode()
    for members, kind, work in ((saved, "x", gn.load), (condensed, "x.run.zip", read_all)):
        path = put(tmp_path / kind, {**members, name + member: bomb if member == "0.0" else content})
        refused(lambda work=work, path=path: work(path), str(path))  # type: ignore[misc]
    assert not marker.exists()


def directory_of(n: int) -> bytes:
    """A zip whose directory lists one empty member so many times, as small a file as can be."""
    name = b"index.json"
    local = struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 0, 0, 0, 0, 0, 0, len(name), 0) + name
    entry = struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 0, 0, 0, 0, 0, 0, len(name), 0, 0, 0, 0, 0, 0) + name
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, min(n, 65535), min(n, 65535), n * len(entry), len(local), 0)
    return local + entry * n + end


def chunk(members: Members, content: bytes) -> Members:
    return {**members, "weights/c/0/0": content}


def zstd_claims(members: Members, header: bytes) -> bytes:
    return zipped(chunk(members, members["weights/c/0/0"][:4] + header))


BOMBS: dict[str, tuple[Callable[[Members], bytes], str]] = {
    "600,000 members": (lambda _: directory_of(600_000), "too many members"),
    "two members of one name": (lambda _: directory_of(2), "two members 'index.json'"),
    "bzip2": (lambda m: zipped({**m, "zarr.json": bytes(10**6)}, zipfile.ZIP_BZIP2), "must be stored or deflated"),
    "lzma": (lambda m: zipped({**m, "zarr.json": bytes(10**6)}, zipfile.ZIP_LZMA), "must be stored or deflated"),
    "a long text": (lambda m: zipped({**m, "zarr.json": b" " * 10**8}), "at most 16777216 bytes"),
    "a long node": (lambda m: zipped({**m, "weights/zarr.json": b" " * 10**7}), "at most 65536 bytes"),
    "many values": (lambda m: zipped({**m, "zarr.json": b"[" + b"0," * 3 * 10**6 + b"0]"}), "at most 2000000 values"),
    "a deep text": (lambda m: zipped({**m, "zarr.json": b"[" * 10**5}), "nested at most 40 deep"),
    "a deep value": (lambda m: zipped({**m, "zarr.json": b'{"a":' * 50 + b"1" + b"}" * 50}), "nested at most 40 deep"),
    "5000 digits": (lambda m: zipped({**m, "zarr.json": b"9" * 5000}), "digits"),
    "a key twice": (lambda m: zipped({**m, "zarr.json": b'{"zarr_format": 3, "zarr_format": 3}'}), "twice"),
    "a large chunk": (lambda m: zipped(chunk(m, bytes(10**8))), "must have at most 1217 bytes"),
    "zstd of 2 GB": (lambda m: zstd_claims(m, b"\xa0\0\0\0\x80"), "must hold 192 bytes"),
    "zstd of any size": (lambda m: zstd_claims(m, b"\x00\x58\x03\x00\x00"), "does not say how many bytes"),
    "zstd of less": (lambda m: zipped(chunk(m, zstd.compress(bytes(8)))), "must hold 192 bytes"),
    "zstd and more": (lambda m: zipped(chunk(m, zstd.compress(bytes(192)) * 2)), "cannot be decoded"),
    "no zstd": (lambda m: zipped(chunk(m, b"x" * 20)), "no frame of zstd"),
    "an empty chunk": (lambda m: zipped(chunk(m, b"")), "no frame of zstd"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_before_memory_is_taken(name: str, saved: Members, tmp_path: Path) -> None:
    make_bomb, said = BOMBS[name]
    content = with_checksum(make_bomb(saved))
    for path, work in ((tmp_path / "x", gn.load), (tmp_path / "x.run.zip", open_run)):
        path.write_bytes(content)
        refused(lambda path=path, work=work: work(path), str(path), peak=2 * len(content) + 120e6)  # type: ignore[misc]
    refused(lambda: gn.load(tmp_path / "x"), said, peak=2 * len(content) + 120e6)


@pytest.mark.parametrize("change", ["size", "method", "length", "short"])
def test_a_chunk_of_blosc_is_held_against_its_header(change: str, condensed: Members, tmp_path: Path) -> None:
    node, name = next(
        (name, name.replace("zarr.json", key))
        for name in condensed
        if name.endswith("/weights/zarr.json")
        for key in ["c/0/0/0"]
    )
    n_bytes = 8 * int(np.prod(json.loads(condensed[node])["shape"]))
    content = bytearray(condensed[name])
    if change == "size":
        content[4:8] = (2**31 - 17).to_bytes(4, "little")
    elif change == "method":
        content = bytearray(blosc.compress(bytes(n_bytes), b"lz4", 5, 1))
    elif change == "length":
        content += b"\0"
    else:
        content = bytearray(blosc.compress(bytes(n_bytes - 8), b"zstd", 5, 1))
    path = put(tmp_path / "x.run.zip", {**condensed, name: bytes(content)})
    refused(lambda: read_all(path), str(path), name)


def test_a_file_that_is_no_file_is_refused(tmp_path: Path, tiny_run: Path) -> None:
    os.mkfifo(tmp_path / "x.zarr.zip")
    refused(lambda: gn.load(tmp_path / "x.zarr.zip"), "x.zarr.zip", "must be a file")
    (tmp_path / "zeros").symlink_to("/dev/zero")
    refused(lambda: gn.load(tmp_path / "zeros"), "zeros", "must be a file")
    shutil.copytree(tiny_run, tmp_path / "run")
    (tmp_path / "run" / "figures").mkdir(exist_ok=True)
    for name in ("figures/x.png", "units/x.zarr.zip", "checkpoints/x.zarr.zip"):
        os.mkfifo(tmp_path / "run" / name)
    assert len(verify(tmp_path / "run").damaged) == 3


def test_a_lock_that_leads_elsewhere_empties_no_file(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("kept")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "lock").symlink_to(mine)
    with pytest.raises(OSError, match="lock"), RunDirectory(tmp_path / "run").locked():
        pass
    assert mine.read_text() == "kept"


def test_a_network_of_more_layers_than_weights_is_refused(saved: Members, tmp_path: Path) -> None:
    def deeper(node: dict[str, Any]) -> None:
        about = json.loads(node["attributes"]["glassnet"])
        about["attributes"]["network"] = {"n_features": 1, "width": 1, "depth": 10**12}
        node["attributes"]["glassnet"] = json.dumps(about)

    path = put(tmp_path / "x", changed(saved, "zarr.json", deeper))
    refused(lambda: gn.load(path), str(path), "depth 1000000000000")


# The index of a condensed run


def first_with(index: dict[str, Any], key: str) -> dict[str, Any]:
    found: dict[str, Any] = next(unit for unit in index["units"] if key in unit)
    return found


def beside(index: dict[str, Any], file: Any) -> None:
    unit = index["units"][0]
    index["units"][0] = {"address": unit["address"], "end": unit["end"], "file": file}


def swapped(index: dict[str, Any]) -> None:
    """Two units of one stack with each other's positions."""
    one = first_with(index, "stack")
    other = next(unit for unit in index["units"] if unit.get("stack") == one["stack"] and unit is not one)
    one["position"], other["position"] = other["position"], one["position"]


INDEX: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "in itself": (lambda index: beside(index, "x.run.zip"), "another file"),
    "above": (lambda index: beside(index, "../../x.run.zip"), "same folder"),
    "elsewhere": (lambda index: beside(index, "/etc/x.run.zip"), "same folder"),
    "in no run": (lambda index: beside(index, "passwd"), "same folder"),
    "in no name": (lambda index: beside(index, None), "same folder"),
    "in a name that steers": (lambda index: beside(index, "\x1b[2J.run.zip"), "same folder"),
    "at one position": (lambda index: first_with(index, "stack").update(position=1), "different places"),
    "out of range": (lambda index: first_with(index, "stack").update(position=10**6), "position"),
    "negative": (lambda index: first_with(index, "stack").update(position=-1), "position"),
    "true": (lambda index: first_with(index, "stack").update(position=True), "position"),
    "in no stack": (lambda index: first_with(index, "stack").update(stack=99), "stack"),
    "in a stack of -1": (lambda index: first_with(index, "stack").update(stack=-1), "stack"),
    "of no unit": (lambda index: index["units"].remove(first_with(index, "stack")), "its stacks hold"),
    "an end of text": (lambda index: index["units"][0].update(end="20"), "end of unit"),
    "an end of half": (lambda index: index["units"][0].update(end=1.5), "end of unit"),
    "an end below 0": (lambda index: index["units"][0].update(end=-1), "end of unit"),
    "an end beyond all": (lambda index: index["units"][0].update(end=2**70), "end of unit"),
    "results of text": (lambda index: first_with(index, "results").update(results={"data_loss": "1"}), "results"),
    "results in a list": (lambda index: first_with(index, "results").update(results=[1]), "results"),
    "true results": (lambda index: first_with(index, "results").update(results={"data_loss": True}), "results"),
    "an address of another form": (lambda index: index["units"][0].update(address="../x"), "address"),
    "one address twice": (lambda index: index["units"].append(index["units"][0]), "address"),
    "another kind": (lambda index: first_with(index, "stack").update(kind="os.system"), "ensemble or a record"),
    "no kind of unit": (lambda index: index["units"][0].update(code="print()"), "must have a file, results or a value"),
    "other attributes": (lambda index: first_with(index, "stack").update(attributes=[]), "ensemble or a record"),
    "another's value": (swapped, "its value has"),
}


@pytest.mark.parametrize("name", INDEX)
def test_a_unit_is_where_its_index_says_or_the_run_is_refused(name: str, condensed: Members, tmp_path: Path) -> None:
    change, said = INDEX[name]
    path = put(tmp_path / "x.run.zip", changed(condensed, "index.json", change))
    refused(lambda: read_all(path), str(path), said)
    assert glassnet("verify", path).exit_code in (1, 2)


def test_an_end_of_5000_digits_is_named(condensed: Members, tmp_path: Path) -> None:
    end = json.loads(condensed["index.json"])["units"][0]["end"]
    index = condensed["index.json"].replace(b'"end": %d' % end, b'"end": ' + b"9" * 5000, 1)
    path = put(tmp_path / "x.run.zip", {**condensed, "index.json": index})
    refused(lambda: open_run(path), str(path), "digits")


def test_a_unit_whose_value_is_of_another_temperature_is_found(
    tiny_run: Path, condensed: Members, tmp_path: Path
) -> None:
    run = open_run(tiny_run)
    hot, cold = (Member(run.request.measured[temperature], 0) for temperature in (0.1, 0.0))
    index = json.loads(condensed["index.json"])
    one, other = (
        next(unit for unit in index["units"] if unit_name(run.identity(member)).startswith(unit["address"]))
        for member in (hot, cold)
    )
    one["address"], other["address"] = other["address"], one["address"]
    path = put(tmp_path / "x.run.zip", {**condensed, "index.json": json.dumps(index).encode()})
    refused(lambda: read_all(path), str(path), "its value has")
    folder = tmp_path / "run"
    (folder / "units").mkdir(parents=True)
    (folder / "run.json").write_bytes((tiny_run / "run.json").read_bytes())
    directory = RunDirectory(folder)
    there = RunDirectory(tiny_run)
    directory.write_unit(run.identity(hot), there.read_unit(run.identity(cold)))
    refused(lambda: directory.read_unit(run.identity(hot)), "its value has")
    found = verify(folder)
    assert (found.n_complete, len(found.damaged)) == (0, 1)
    assert "its value has" in found.damaged[0]


@pytest.mark.parametrize(
    "name", ["seed", "origin", "noise", "temperature", "learning_rate", "l2", "chi", "waiting_time"]
)
def test_a_record_that_says_it_is_another_is_refused(name: str, tiny_run: Path) -> None:
    run = open_run(tiny_run)
    member = Member(run.request.measured[0.1], 1)
    stored = run.unit(member)
    record, identity = stored.value, run.identity(member)
    assert isinstance(record, gn.Record)
    refuse_another(record, identity, stored.end)
    refused(lambda: refuse_another(record, identity, stored.end + 1), "end")
    changed_data = record.data.assign_coords({name: record.data[name] + 1})
    ensemble = record.ensemble
    if name in ("seed", "origin", "noise"):
        ensemble = replace(ensemble, **{name: getattr(ensemble, name) + 1})
    refused(lambda: refuse_another(gn.Record(changed_data, ensemble, record.references), identity, stored.end), name)


@pytest.mark.parametrize("key", ["end", "results", "identity"])
@pytest.mark.parametrize("value", ["x", 2**80, -1, None, True, [1]])
def test_a_units_header_is_held_against_what_it_must_be(
    key: str, value: object, tiny_run: Path, tmp_path: Path
) -> None:
    directory = RunDirectory(tiny_run)
    path = directory.unit_files()[0]
    stored, header = files.read(path)
    other = tmp_path / path.name
    files.write(other, stored, {**header, key: value})
    refused(lambda: directory.unit_in(other), str(other))
