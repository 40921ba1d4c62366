"""read_dataset on files that are damaged or meant to harm: an error that says where, and little memory."""

from __future__ import annotations

import io
import re
import tracemalloc
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import glassnet as gn

X = np.random.default_rng(5).normal(size=(12, 3)) * [1.0, 20.0, 1e-3] + [1e6, 0.0, -2.0]
CSV = "a,b,kind\n1,2,x\n3,4.5,y\n-1e2,0,x\n"

quick = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=50,
    deadline=None,
    derandomize=True,
)


def as_given(source: Any, **options: Any) -> gn.Dataset:
    return gn.read_dataset(source, inputs="given", n_features="all", **options).train


@contextmanager
def little_memory(most: int = 64 * 2**20) -> Iterator[None]:
    """Fails if more than ``most`` bytes were held at once."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


def npy(shape: tuple[int, ...], content: bytes = b"", descr: str = "<f8") -> bytes:
    """An array file whose header promises what it likes."""
    header = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + content


@pytest.mark.parametrize(
    ("shape", "content", "message"),
    [
        ((10**6, 10**6), b"", "its arrays promise 8000000000000 bytes, out of proportion to its size"),
        ((10**30,), b"", "its arrays promise 8000000000000000000000000000000 bytes, out of proportion"),
        ((4, 10**6), bytes(100), "its header promises 32000000 bytes, but it holds 100"),
        ((4, 2), bytes(65), "its header promises 64 bytes, but it holds more"),
        ((-4, -2), bytes(64), r"its shape must not be negative, but is \(-4, -2\)"),
    ],
)
def test_more_promised_than_there_is(tmp_path: Path, shape: tuple[int, ...], content: bytes, message: str) -> None:
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("X.npy", npy(shape, content))
        archive.writestr("y.npy", npy((4,), bytes(32)))
    with (
        little_memory(),
        pytest.raises(ValueError, match=f"{re.escape(str(path))}: the array X cannot be read: {message}"),
    ):
        gn.read_dataset(path)


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("X.npy", "w", force_zip64=True) as member:
            member.write(npy((50, 2**20)))
            for _ in range(50):
                member.write(bytes(8 * 2**20))
        archive.writestr("y.npy", npy((50,), bytes(400)))
    assert path.stat().st_size < 2**20
    with (
        little_memory(),
        pytest.raises(ValueError, match=r"the array X cannot be read: .* out of proportion to its size"),
    ):
        gn.read_dataset(path)


def png(width: int, height: int) -> bytes:
    """A small file whose header promises an image of this size."""
    buffer = io.BytesIO()
    Image.new("L", (9, 9)).save(buffer, "png")
    header = b"IHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + buffer.getvalue()[24:29]
    return buffer.getvalue()[:12] + header + zlib.crc32(header).to_bytes(4, "big") + buffer.getvalue()[33:]


@pytest.mark.parametrize(
    ("side", "message"),
    [
        (40_000, r"cats/0.png is too large an image"),
        (9_000, r"pets: its arrays promise 486000000 bytes, out of proportion"),
        (900, r"0.png is damaged: .*truncated"),
    ],
)
def test_an_image_that_promises_too_much_is_not_unpacked(tmp_path: Path, side: int, message: str) -> None:
    for name in ("cats", "dogs"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for i in range(3):
            (tmp_path / "pets" / name / f"{i}.png").write_bytes(png(side, side))
    with little_memory(), pytest.raises(ValueError, match=message):
        gn.read_dataset(tmp_path / "pets")


CELLS = st.floats(width=32, allow_nan=False, allow_infinity=False) | st.integers(-(2**40), 2**40)
ROWS = (
    st.integers(1, 4)
    .flatmap(
        lambda n: st.lists(
            st.tuples(st.lists(CELLS, min_size=n, max_size=n), st.sampled_from("pq")), min_size=2, max_size=9
        )
    )
    .filter(lambda rows: len({label for _, label in rows}) == 2)
)
CONSTANT = "must vary, but every column is constant"


@quick
@given(ROWS, st.booleans(), st.sampled_from(",;\t"), st.sampled_from(["\n", "\r\n"]))
def test_what_is_written_as_a_table_is_read(
    tmp_path: Path, rows: list[tuple[list[float], str]], header: bool, separator: str, end: str
) -> None:
    lines = [separator.join(map(repr, [*cells])) + separator + label for cells, label in rows]
    if header:
        lines = [separator.join([f"c{i}" for i in range(len(rows[0][0]))] + ["label"]), *lines]
    path = tmp_path / "t.csv"
    path.write_text(end.join(lines), newline="")
    if all(cells == rows[0][0] for cells, _ in rows):
        with pytest.raises(ValueError, match=CONSTANT):
            as_given(path, label=-1)
        return
    found = as_given(path, label="label" if header else -1)
    assert found.labels.tolist() == [1 if label == "q" else -1 for _, label in rows]
    assert np.array_equal(found.features, np.array([cells for cells, _ in rows], float).astype(np.float32))


@quick
@given(ROWS, st.sampled_from(["<f4", ">f8", "<f2", "<i8", "|b1", "|u1"]), st.booleans(), st.booleans())
def test_what_is_saved_as_arrays_is_read(
    tmp_path: Path, rows: list[tuple[list[float], str]], kind: str, in_columns: bool, packed: bool
) -> None:
    with np.errstate(all="ignore"):
        x = np.clip(np.array([cells for cells, _ in rows], float), -1e4, 1e4).astype(kind)
    path = tmp_path / "a.npz"
    save = np.savez_compressed if packed else np.savez
    save(path, X=np.asfortranarray(x) if in_columns else x, y=np.array([label for _, label in rows]))
    if (x == x[0]).all():
        with pytest.raises(ValueError, match=CONSTANT):
            as_given(path)
        return
    assert np.array_equal(as_given(path).features, x.astype(np.float32))


def read_or_refused(path: Path, content: bytes) -> None:
    """Whatever the bytes, the result is a data set or an error that names the file or what to say, in little memory."""
    path.write_bytes(content)
    with little_memory():
        try:
            found = as_given(path)
        except ValueError as error:
            said = str(error)
        else:
            assert np.isfinite(found.features).all()
            assert set(found.labels.tolist()) == set((-1, 1) if found.n_classes is None else range(found.n_classes))
            return
    assert path.name in said


def changed(content: bytes, changes: list[tuple[int, int]], cut: int) -> bytes:
    new = bytearray(content)
    for place, value in changes:
        new[place % len(new)] = value
    return bytes(new[: len(new) - cut % (len(new) // 2)])


CHANGES = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=5)
CUT = st.just(0) | st.integers(0, 10**6)


@quick
@given(CHANGES, CUT, st.booleans())
def test_damaged_arrays(tmp_path: Path, changes: list[tuple[int, int]], cut: int, packed: bool) -> None:
    path = tmp_path / "a.npz"
    (np.savez_compressed if packed else np.savez)(path, X=X, y=np.arange(12) % 2)
    read_or_refused(path, changed(path.read_bytes(), changes, cut))


@quick
@given(st.binary(max_size=300), st.binary(max_size=40))
def test_any_bytes_as_an_array(tmp_path: Path, header: bytes, content: bytes) -> None:
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("X.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + content)
        archive.writestr("y.npy", npy((2,), bytes(15) + b"?"))
    read_or_refused(path, path.read_bytes())


@quick
@given(st.text('0123456789.,;\t\n\r"-eEnaif_xyz﻿\0', max_size=120) | st.text(max_size=60), CHANGES, CUT)
def test_any_text_as_a_table(tmp_path: Path, text: str, changes: list[tuple[int, int]], cut: int) -> None:
    path = tmp_path / "t.csv"
    read_or_refused(path, b"a,b,label\n" + text.encode("utf-8", "surrogatepass"))
    read_or_refused(path, changed(CSV.replace("kind", "label").encode() + text.encode("utf-8", "ignore"), changes, cut))
