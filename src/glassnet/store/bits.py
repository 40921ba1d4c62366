"""A hash of the code that determines the bits of units: two glassnets with the same hash make the same numbers.

It is compared when a worker joins a run, and stands in each session of ``run.json``. It is no part of a unit's address.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from glassnet import _cpu
from glassnet._text import counted

_PACKAGE: Final = Path(__file__).parents[1]

_READERS: Final = ("store", "observables", "theory", "analysis", "figures", "runs", "paper", "beyond", "report", "cli")
"""Packages that make no unit: they read units, or say what is to be made."""

_WORDS: Final = ("__init__.py", "_html.py", "_text.py")

_WRITERS: Final = (
    "store/carried.py",
    "store/files.py",
    "store/observed.py",
    "store/values.py",
    "runs/point.py",
    "runs/runner.py",
)
"""Files of these packages that do take part in making a unit."""

_BLANKS: Final = re.compile(rb"[ \t\r]+$", re.MULTILINE)

_SHOWN: Final = 12
"""Digits of a hash that are shown."""

FIELD: Final = "bits"
"""The field of a session in ``run.json`` that holds the hash."""


@cache
def bits() -> str:
    """The hash of this glassnet, of its files as they are at the first call."""
    return hash_of(_PACKAGE, _cpu.sources)


def hash_of(package: Path, compiled: str) -> str:
    """SHA-256 (hex) of the sources that determine the numbers of units.

    Args:
        package: a folder of glassnet's Python files. Line ends and blanks at the ends of lines do not count.
        compiled: the hash of the C++ sources that the extension carries.
    """
    digest = hashlib.sha256(compiled.encode())
    for name in _names(package):
        text = _BLANKS.sub(b"", (package / name).read_bytes())
        digest.update(f"{name} {hashlib.sha256(text).hexdigest()}\n".encode())
    return digest.hexdigest()


@cache
def identity() -> dict[str, str]:
    """All that workers of one run must have alike: the version, the hash of the code and one of the bundled data."""
    checksums = []
    for path in sorted(_PACKAGE.glob("datasets/data/*.npz")):
        with zipfile.ZipFile(path) as file:
            checksums += [f"{path.name} {one.filename} {one.file_size} {one.CRC}" for one in file.infolist()]
    data = hashlib.sha256("\n".join(checksums).encode()).hexdigest()
    return {"version": version("glassnet"), FIELD: bits(), "data": data}


def differences(found: Mapping[str, str], wanted: Mapping[str, str]) -> str:
    """The fields in which two identities differ, each with both values; empty where there are none."""
    return ", ".join(
        f"{name} {shown(found[name])}, not {shown(wanted[name])}" for name in wanted if found[name] != wanted[name]
    )


def shown(value: str) -> str:
    """A hash as it is printed: its first digits."""
    return value[:_SHOWN]


def made_by(sessions: Any) -> str:
    """Which code made the sessions of a run, in words: the present one, another one, or not recorded.

    Args:
        sessions: the list of ``run.json``, as it was read.
    """
    listed = sessions if isinstance(sessions, list) else []
    codes = [_recorded(session) for session in listed]
    others = ", ".join(dict.fromkeys(shown(code) for code in codes if code not in (None, bits())))
    counts = {
        f"this code, {shown(bits())}": codes.count(bits()),
        f"other code, {others} (here {shown(bits())})": sum(code not in (None, bits()) for code in codes),
        "not recorded": codes.count(None),
    }
    found = {what: n for what, n in counts.items() if n}
    if len(found) < 2:
        return next(iter(found), "not recorded")
    return "; ".join(f"{counted(n, 'session')}: {what}" for what, n in found.items())


def _recorded(session: Any) -> str | None:
    """The hash of a session; None where there is none, or something else in its place."""
    code = session.get(FIELD) if isinstance(session, Mapping) else None
    return code if isinstance(code, str) and re.fullmatch("[0-9a-f]{64}", code) else None


def _names(package: Path) -> list[str]:
    """The Python files that count, by their path in the package."""
    found = list(_WRITERS)
    for path in package.iterdir():
        if path.name not in (*_READERS, *_WORDS):
            files = path.rglob("*.py") if path.is_dir() else [path]
            found += [file.relative_to(package).as_posix() for file in files if file.suffix == ".py"]
    return sorted(found)
