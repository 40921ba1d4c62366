"""A user's data from a stranger: what its files promise is held against limits before it is read."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from strangers import Members, refused, zipped
from test_strangers import directory_of

import glassnet as gn
from glassnet.datasets.csv_file import LONGEST_ROW


def npz(X: np.ndarray, y: np.ndarray) -> Members:
    buffer = io.BytesIO()
    np.savez(buffer, X=X, y=y)
    with zipfile.ZipFile(buffer) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def promising(member: str, old: bytes, new: bytes) -> bytes:
    """An .npz one of whose headers promises something else."""
    members = npz(X=np.zeros((2, 2)), y=np.array(["a", "b"]))
    assert old in members[member]
    return zipped({**members, member: members[member].replace(old, new.ljust(len(old)), 1)})


ARCHIVES: dict[str, tuple[Callable[[], bytes], str]] = {
    "600,000 members": (lambda: directory_of(600_000), "too many members"),
    "two arrays of one name": (lambda: directory_of(2), "two members"),
    "bzip2": (lambda: zipped(npz(X=np.zeros((2, 2)), y=np.arange(2)), zipfile.ZIP_BZIP2), "stored or deflated"),
    "a trillion": (lambda: promising("X.npy", b"(2, 2), }     ", b"(2, 1000000), }"), "promises|promise"),
    "long text": (lambda: promising("y.npy", b"'<U1', ", b"'<U60000000',"), "text of at most|promise"),
    "objects": (lambda: promising("X.npy", b"'<f8'", b"'|O' "), "must hold numbers or text"),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_archives_that_are_bombs_are_refused_by_name(name: str, tmp_path: Path) -> None:
    content, said = ARCHIVES[name]
    path = tmp_path / "x.npz"
    path.write_bytes(content())
    refused(lambda: gn.read_dataset(path), str(path), peak=2 * path.stat().st_size + 30e6)
    with pytest.raises(ValueError, match=said):
        gn.read_dataset(path)


@pytest.mark.parametrize("text", ["1,", "1", '"' + "a" * 99 + '\n",', '"1"", ', "label,1\n" + '"1\n"\n,'], ids=range(5))
def test_a_row_without_an_end_is_not_read_to_its_end(text: str, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text * (4 * LONGEST_ROW // len(text)))
    refused(lambda: gn.read_dataset(path, label=0), str(path), peak=20 * LONGEST_ROW)


def test_a_long_row_is_read(tmp_path: Path) -> None:
    values = np.random.default_rng(1).normal(size=(3, 20_000))
    rows = [",".join(["ab"[i % 2], *map(repr, map(float, row))]) for i, row in enumerate(values)]
    (tmp_path / "x.csv").write_text("\n".join(rows))
    found = gn.read_dataset(tmp_path / "x.csv", label=0, inputs="given", n_features="all").train
    assert np.array_equal(found.features, values.astype(np.float32))
