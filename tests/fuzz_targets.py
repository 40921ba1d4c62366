"""The readers of files as functions of bytes: what comes back is right, or a clear error says what is wrong.

``tools/fuzz.py`` hands them bytes that coverage leads to, ``tests/test_fuzz_targets.py`` a few mutations of the seeds.
The first byte of an input chooses what the rest stands for, so that what guards the code behind it (a checksum, a
gzip stream's own) can be put right around any content.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import re
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numcodecs import blosc

import glassnet as gn
from glassnet.datasets import raw
from glassnet.datasets.csv_file import read_csv
from glassnet.runs.own_data import OwnData
from glassnet.runs.registry import names as experiments
from glassnet.runs.registry import request
from glassnet.runs.run import open_run
from glassnet.store import files, sealing
from glassnet.store.condensed import CondensedRun, CondensedUnit, write_condensed
from glassnet.store.data import read_data
from glassnet.store.directory import canonical


@dataclass(frozen=True)
class Target:
    """A reader to be fed.

    Args:
        feed: reads these bytes in this folder, which is empty; raises only where the reader is wrong.
        seeds: inputs that are read without an error, and near ones.
    """

    feed: Callable[[Path, bytes], None]
    seeds: Callable[[], Iterator[bytes]]


def demand_clear(work: Callable[[], object], *named: str) -> bool:
    """Whether it works; where it does not, it must say so by an error of a documented kind with one of these names.

    A name is a whole word of the message: that of a field is not found inside another word.
    """
    try:
        work()
    except (ValueError, OSError) as error:
        if not any(re.search(rf"(?<![\w/.]){re.escape(name)}(?!\w)", str(error)) for name in named):
            raise AssertionError(f"an error that names nothing: {error!r}") from error
        return False
    return True


# Data sets

_LABELS = "t10k-labels-idx1-ubyte"
_BATCH = "test_batch.bin"
_BATCH_BYTES = 10_000 * (1 + raw.N_PIXELS["cifar10"])


def _put(path: Path, data: bytes) -> None:
    path.write_bytes(gzip.compress(data[1:], 1) if data[:1] == b"z" else data[1:])


def _idx(folder: Path, data: bytes) -> None:
    path = folder / _LABELS
    _put(path, data)
    assert not demand_clear(lambda: raw._read_idx(_LABELS, folder, (12,)), str(path)), "the SHA-256 cannot be right"


def _idx_seeds() -> Iterator[bytes]:
    header = np.array([0x0801, 12], dtype=">u4").tobytes()
    for kind in (b"z", b"-"):
        yield kind + header + bytes(range(10)) + b"\0\1"
        yield kind + header + bytes(range(12))
    packed = gzip.compress(header + bytes(12))
    yield b"-" + packed
    yield b"-" + packed + packed


def _cifar10(folder: Path, data: bytes) -> None:
    path = folder / _BATCH
    if data[:1] == b"f":
        # Only a file of the right size comes as far as its labels.
        content = data[1:_BATCH_BYTES]
        path.write_bytes(content + bytes(_BATCH_BYTES - len(content)))
    else:
        _put(path, data)
    assert not demand_clear(lambda: raw._read_batch(_BATCH, folder), str(path)), "the SHA-256 cannot be right"


def _cifar10_seeds() -> Iterator[bytes]:
    yield b"f" + bytes(10)
    yield b"f\x0b"
    yield b"z" + bytes(100)
    yield b"-" + gzip.compress(bytes(100))


# A user's own data


def _own(file: str) -> Callable[[Path, bytes], None]:
    def feed(folder: Path, data: bytes) -> None:
        path = folder / file
        path.write_bytes(data)

        def read() -> None:
            found = gn.read_dataset(path, inputs="given", n_features="all").train
            wanted = (-1.0, 1.0) if found.n_classes is None else range(found.n_classes)
            assert set(found.labels.tolist()) == set(wanted), "all sides or classes"

        demand_clear(read, str(path))

    return feed


def _npz_seeds() -> Iterator[bytes]:
    features, labels = np.arange(6.0).reshape(3, 2), np.array(["a", "b", "a"])
    for save, names in ((np.savez, ("X", "y")), (np.savez_compressed, ("features", "labels"))):
        arrays: dict[str, Any] = dict(zip(names, (features, labels), strict=True))
        buffer = io.BytesIO()
        save(buffer, **arrays)
        yield buffer.getvalue()


def _csv_seeds() -> Iterator[bytes]:
    yield b"a,b,label\n1,2,x\n3,4.5,y\n-1e2,0,x\n"
    yield b"y;a\r\n1;2\r\n\r\n0;'3'\r\n"
    yield b'"a, in m"\t"class"\n"1"\tx\n2\ty'


def _table(folder: Path, data: bytes) -> None:
    path = folder / ("t.tsv" if data[:1] in b"TNH" else "t.csv")
    path.write_bytes(data[1:])
    header = {b"n": False, b"N": False, b"h": True, b"H": True}.get(data[:1])

    def read() -> None:
        found = read_csv(path, -1, header)
        begin = int(found.notes[0].startswith("header"))
        texts = [_cells(path, delimiter)[begin:] for delimiter in ",;\t"]
        assert found.features.tolist() in texts, "what a csv reader has"

    demand_clear(read, str(path))


def _cells(path: Path, delimiter: str) -> list[list[float]]:
    """The numbers of a table by Python's csv alone, nan where there is none."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = [
            row[:-1] for row in csv.reader(file, delimiter=delimiter, skipinitialspace=True) if "".join(row).strip()
        ]
    number = re.compile(r"[ \t]*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?[ \t]*", re.ASCII | re.IGNORECASE)
    rows = [[text if delimiter == "," else text.replace(",", ".") for text in row] for row in rows]
    return [[float(text) if number.fullmatch(text) else np.nan for text in row] for row in rows]


def _table_seeds() -> Iterator[bytes]:
    for kind in b"cnhTNH":
        for seed in (
            *_csv_seeds(),
            b"0,5;a\n1,5;b\n",
            b'2019,2020,y\n.5, 1., "a"\n1,2,b',
            b"\xef\xbb\xbf1\t2\n\n3\t1e1\r\n",
        ):
            yield bytes([kind]) + seed


# What glassnet writes


def _sealed(members: Mapping[str, bytes], data: bytes) -> bytes:
    """A file with a right checksum: of the members, one of them with other content, or of any bytes."""
    if data[:1] == b"\xff":
        body = data[1:] + sealing.MARK
        return body + hashlib.sha256(body).hexdigest().encode()
    if data:
        name = sorted(members)[data[0] % len(members)]
        members = {**members, name: data[1:]}
    return sealing.sealed(members)


def _member_seeds(members: Mapping[str, bytes]) -> Iterator[bytes]:
    for i, name in enumerate(sorted(members)):
        yield bytes([i]) + members[name]
    yield b"\xff" + sealing.sealed(members)[: -len(sealing.MARK) - 64]


@cache
def _saved() -> dict[str, dict[str, bytes]]:
    """The members of an ensemble's file, a record's and a condensed run's."""
    landscape = gn.Landscape(gn.Mlp(3, 2, 2), gn.random_dataset(10, 3, seed=1), gn.QuadraticHinge(0.01))
    ensemble = gn.Ensemble.random(landscape.network, 1)
    record = gn.measure(ensemble, landscape, gn.Langevin(0.1, 1e-3), times=[1, 2], chi=[3])
    asked = request("minima", "", "mnist", "demo")
    description = {"experiment": "minima", "request": asked.numbers, "engine": _ENGINE}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        gn.save(ensemble, folder / "ensemble")
        gn.save(record, folder / "record")
        write_condensed(folder / "condensed", description, [({}, CondensedUnit(record, 2, {"loss": 0.5}))])
        return {path.name: _members_of(path) for path in folder.iterdir()}


_ENGINE = {"name": "cpu", "version": "1", "gradient": "float32"}


def _members_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _value(kind: str) -> Target:
    def feed(folder: Path, data: bytes) -> None:
        path, again = folder / "read", folder / "written"
        path.write_bytes(_sealed(_saved()[kind], data))
        if demand_clear(lambda: gn.load(path), str(path)):
            value = gn.load(path)
            gn.save(value, again)
            assert type(gn.load(again)) is type(value)

    return Target(feed, lambda: _member_seeds(_saved()[kind]))


def _codecs(folder: Path, data: bytes) -> None:
    """A chunk of weights, or what is said of it, by the first byte; checksum and zip are put right around it."""
    members = dict(_saved()["ensemble"])
    if data[:1] == b"{":
        members["weights/zarr.json"] = data
    else:
        node = json.loads(members["weights/zarr.json"])
        chosen = list(_CODECS)[data[0] % len(_CODECS)] if data else "none"
        node["codecs"] = [node["codecs"][0], *_CODECS[chosen]]
        members["weights/zarr.json"] = json.dumps(node).encode()
        members["weights/c/0/0"] = data[1:]
    path = folder / "read"
    path.write_bytes(sealing.sealed(members))
    demand_clear(lambda: gn.load(path), str(path))


_CODECS: dict[str, list[dict[str, Any]]] = {
    "none": [],
    "zstd": [{"name": "zstd", "configuration": {"level": 0, "checksum": False}}],
    "blosc": [
        {
            "name": "blosc",
            "configuration": {"typesize": 8, "cname": "zstd", "clevel": 9, "shuffle": "bitshuffle", "blocksize": 0},
        }
    ],
}


def _codec_seeds() -> Iterator[bytes]:
    members = _saved()["ensemble"]
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "ensemble"
        path.write_bytes(sealing.sealed(members))
        found = gn.load(path)
    assert isinstance(found, gn.Ensemble)
    weights = found.weights.tobytes()
    yield b"\0" + weights
    yield b"\1" + members["weights/c/0/0"]
    for shuffle in (0, 1, 2):
        yield b"\2" + blosc.compress(weights, b"zstd", 9, shuffle, 0, 8)
    yield members["weights/zarr.json"]


def _zip(folder: Path, data: bytes) -> None:
    """A zip that ends in a right checksum, as each kind of file that is a zip."""
    body = data + sealing.MARK
    content = body + hashlib.sha256(body).hexdigest().encode()
    for name, read in _ZIPS.items():
        path = folder / name
        path.write_bytes(content)
        demand_clear(lambda path=path, read=read: read(path), str(path))  # type: ignore[misc]


_ZIPS: dict[str, Callable[[Path], object]] = {
    "x.zarr.zip": gn.load,
    "x.run.zip": open_run,
    "data.npz": read_data,
    "own.npz": gn.read_dataset,
}


def _zip_seeds() -> Iterator[bytes]:
    for members in _saved().values():
        for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            yield sealing.sealed(members, method)[: -len(sealing.MARK) - sealing.DIGEST_LENGTH]


def _index(folder: Path, data: bytes) -> None:
    path = folder / "x.run.zip"
    path.write_bytes(sealing.sealed({**_saved()["condensed"], "index.json": data}))
    for read in (lambda: open_run(path).done, lambda: CondensedRun(path).read_others([])):
        demand_clear(read, str(path), *{name for kind in experiments() for name in _request(kind)["request"]})


def _condensed(folder: Path, data: bytes) -> None:
    path = folder / "x.run.zip"
    path.write_bytes(_sealed(_saved()["condensed"], data))
    for read in (
        lambda: CondensedRun(path).describe(),
        lambda: CondensedRun(path).unit_end({}),
        lambda: CondensedRun(path).read_unit({}),
    ):
        demand_clear(read, str(path))


def _run(folder: Path, data: bytes) -> None:
    try:
        description = json.loads(data)
        checksum = hashlib.sha256(canonical(description).encode()).hexdigest()
        content = json.dumps({"format": files.FORMAT, "run": description, "sha256": checksum}).encode()
    except (ValueError, RecursionError):
        content = data
    (folder / "run.json").write_bytes(content)
    fields = {name for kind in experiments() for name in _request(kind)["request"]}
    demand_clear(lambda: open_run(folder).request.points(), str(folder), *fields)


def _request(kind: str) -> dict[str, dict[str, object]]:
    return {"request": request(kind, "", "mnist", "demo").numbers}


def _run_seeds() -> Iterator[bytes]:
    for kind in experiments():
        yield json.dumps({"experiment": kind, "engine": _ENGINE, **_request(kind)}).encode()
        asked = request(kind, "", OwnData(train="0" * 64, test=None, n_samples=90, n_features=3), "demo")
        yield json.dumps({"experiment": kind, "engine": _ENGINE, "request": asked.numbers}).encode()


TARGETS: dict[str, Target] = {
    "idx": Target(_idx, _idx_seeds),
    "cifar10": Target(_cifar10, _cifar10_seeds),
    "npz": Target(_own("own.npz"), _npz_seeds),
    "csv": Target(_own("own.csv"), _csv_seeds),
    "table": Target(_table, _table_seeds),
    "ensemble": _value("ensemble"),
    "record": _value("record"),
    "codecs": Target(_codecs, _codec_seeds),
    "zip": Target(_zip, _zip_seeds),
    "index": Target(_index, lambda: iter([_saved()["condensed"]["index.json"]])),
    "condensed": Target(_condensed, lambda: _member_seeds(_saved()["condensed"])),
    "run": Target(_run, _run_seeds),
}


def feed(target: str, data: bytes) -> None:
    """Hand these bytes to a reader, in a folder of their own.

    Raises:
        AssertionError: the reader's error names nothing, or what it read cannot be written.
        Exception: whatever else a reader must not let through.
    """
    with tempfile.TemporaryDirectory(prefix="glassnet-fuzz-") as folder:
        TARGETS[target].feed(Path(folder), data)
