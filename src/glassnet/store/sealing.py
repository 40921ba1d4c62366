"""A zip that carries the checksum of every one of its bytes.

It is an ordinary zip. Its comment, the last bytes, holds the SHA-256 of all that stands before it, so that a flipped
bit or a missing end is seen before anything is believed. Members are stored in sorted order and undated: the same
content gives the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from glassnet._memory import machine_memory
from glassnet._zip import Members
from glassnet.store import placing

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


def unsealed(path: Path) -> Members:
    """The members of the zip that :func:`sealed` made, once its checksum was found right.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a damaged, truncated or foreign file, or one larger than memory.
        OSError: it cannot be read; the file is named.
    """
    about = path.stat()
    if not stat.S_ISREG(about.st_mode):
        raise ValueError(f"{path} must be a file, but is none")
    if about.st_size > (there := machine_memory()):
        raise ValueError(f"{path} has {about.st_size} bytes, but this machine has {there} of memory")
    content = placing.read_bytes(path)
    body, mark, digest = content[:-DIGEST_LENGTH], MARK, content[-DIGEST_LENGTH:]
    if not body.endswith(mark):
        what = "is damaged or was cut short" if content.startswith(b"PK") else "was not written by glassnet"
        raise ValueError(f"{path} {what}: its checksum is missing")
    if hashlib.sha256(body).hexdigest().encode() != digest:
        raise ValueError(f"{path} is damaged: its checksum does not match its content")
    try:
        return Members(io.BytesIO(content))
    except ValueError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: Exception) -> ValueError:
    """The error of a file that glassnet sealed, or that says so, with something else in it than it should have."""
    why = str(error) if isinstance(error, ValueError) else repr(error)
    return ValueError(f"{path} cannot be read, though its checksum is right: {why}")
