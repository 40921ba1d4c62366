"""Files that a stranger might make, from the members of those that glassnet wrote."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from glassnet.cli.commands import app
from glassnet.runs.verify import verify
from glassnet.store import files, sealing
from glassnet.store.directory import canonical

Members = dict[str, bytes]
HOSTILE = "a\x1b]0;owned\x07\x1b[31m\x9b2J\u202eb\u2066c\r[/red]:smile:"


def members_of(path: Path) -> Members:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def with_checksum(content: bytes) -> bytes:
    """A zip without a comment as a file of glassnet's."""
    body = content[:-2] + struct.pack("<H", len(sealing.MARK) + sealing.DIGEST_LENGTH) + sealing.MARK
    return body + hashlib.sha256(body).hexdigest().encode()


def zipped(members: Members, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def changed(members: Members, name: str, change: Callable[[Any], object]) -> Members:
    """The members, one of them another JSON."""
    value = json.loads(members[name])
    change(value)
    return {**members, name: json.dumps(value).encode()}


def put(path: Path, members: Members) -> Path:
    path.write_bytes(with_checksum(zipped(members)))
    return path


def glassnet(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


def refused(work: Callable[[], object], *named: str, peak: float = 60e6) -> None:
    """It must be refused by an error with these words in it, and take little memory."""
    tracemalloc.start()
    try:
        with pytest.raises(ValueError) as found:  # noqa: PT011
            work()
        assert tracemalloc.get_traced_memory()[1] < peak
    finally:
        tracemalloc.stop()
    assert all(name in str(found.value) for name in named), found.value


def read_all(path: Path) -> object:
    """All that is ever read of a condensed run."""
    found = verify(path)
    if found.damaged:
        raise ValueError(found.damaged[0])
    return found


def described(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "run.json").write_text(text)
    return folder


def run_json(description: dict[str, Any]) -> str:
    checksum = hashlib.sha256(canonical(description).encode()).hexdigest()
    return json.dumps({"format": files.FORMAT, "run": description, "sha256": checksum})
