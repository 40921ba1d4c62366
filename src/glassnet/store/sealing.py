"""A zip that carries the checksum of every one of its bytes.

It is an ordinary zip. Its comment, the last bytes, holds the SHA-256 of all that stands before it, so that a flipped
bit or a missing end is seen before anything is believed. Members are stored in sorted order and undated: the same
content gives the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np

from glassnet import _check

MARK: Final = b"glassnet sha256 "
"""Stands before the checksum."""

DIGEST_LENGTH: Final = 64


def sealed(members: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """The members as a zip that carries the checksum of its bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(members):
            archive.writestr(zipfile.ZipInfo(name), members[name], compression)
        archive.comment = MARK + b"0" * DIGEST_LENGTH
    # In place: a run's largest files are as large as what is left of memory.
    with buffer.getbuffer() as content:
        content[-DIGEST_LENGTH:] = hashlib.sha256(content[:-DIGEST_LENGTH]).hexdigest().encode()
    return buffer.getvalue()


def unsealed(path: Path) -> zipfile.ZipFile:
    """The zip that :func:`sealed` made, once its checksum was found right.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a damaged, truncated or foreign file.
    """
    content = path.read_bytes()
    body, mark, digest = content[:-DIGEST_LENGTH], MARK, content[-DIGEST_LENGTH:]
    if not body.endswith(mark):
        what = "is damaged or was cut short" if content.startswith(b"PK") else "was not written by glassnet"
        raise ValueError(f"{path} {what}: its checksum is missing")
    if hashlib.sha256(body).hexdigest().encode() != digest:
        raise ValueError(f"{path} is damaged: its checksum does not match its content")
    try:
        return zipfile.ZipFile(io.BytesIO(content))
    # A zip that claims a version of zip still to come is answered with the latter.
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise unreadable(path, error) from error


def refuse_bombs(path: Path) -> None:
    """Refuse a zip of zarr arrays that would take memory out of all proportion to it.

    Raises:
        ValueError: one whose arrays promise more than any compression gives.
    """
    promised = 0
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.filename.rpartition("/")[2] != "zarr.json":
                continue
            node = json.loads(archive.read(member))
            if node["node_type"] == "array":
                # A chunk is read whole, however little of it the array has.
                chunks = node["chunk_grid"]["configuration"]["chunk_shape"]
                rounded = (-(-length // chunk) * chunk for length, chunk in zip(node["shape"], chunks, strict=True))
                promised += math.prod(rounded) * np.dtype(node["data_type"]).itemsize
    _check.in_proportion(promised, path.stat().st_size)


def unreadable(path: Path, error: Exception) -> ValueError:
    """The error of a file that glassnet sealed, or that says so, with something else in it than it should have."""
    return ValueError(f"{path} cannot be read, though its checksum is right: {error!r}")
