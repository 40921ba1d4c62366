"""Files that appear whole or not at all, on every kind of file system.

A file is written beside its place under a name that ends in ``.part``, forced to the disk and renamed. Its writer holds
a lock on it: a part that nobody holds was left behind by a process that was killed.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import platform
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from glob import escape
from pathlib import Path
from typing import Final

# CIFS, shared folders of virtual machines and some FUSE file systems cannot force a folder, or not even open one.
_CANNOT_FORCE: Final = frozenset(
    {
        errno.EINVAL,
        errno.ENOTSUP,
        errno.EOPNOTSUPP,
        errno.ENOSYS,
        errno.ENOTTY,
        errno.EBADF,
        errno.EISDIR,
        errno.EACCES,
        errno.EPERM,
    }
)

_ABANDONED_SECONDS: Final = 600.0
"""A part as old as this is nobody's, where locks do not tell: on file systems without them, and between machines."""

_TRIES: Final = 5

_KEPT_LENGTH: Final = 48
"""Characters of a file's name that its part's name begins with, so that the latter is not too long for a name."""


def write_bytes(path: Path, content: bytes, *, sweep: bool = True) -> None:
    """Put a whole file in place at once.

    Args:
        path: the file; its folder must exist.
        content: all of it.
        sweep: remove what earlier writers of the file left behind. Needless in folders that are swept as a whole, and
            slow in those of many files.

    Raises:
        OSError: it cannot be written, or the disk is full; the file is named.
    """
    with naming(path):
        descriptor, part = _begun(path)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
                part.replace(path)
        except BaseException:
            with suppress(OSError):
                part.unlink()
            raise
        _force_folder(path.parent)
    if sweep:
        remove(left_over(path.parent, path.name))


def take(source: Path, target: Path) -> None:
    """Have a file of another folder in this one: as a second name of it, or as a copy where that cannot be.

    Files are replaced, never changed, so that one name cannot be seen to change through the other.

    Raises:
        OSError: it can be neither; the file is named.
    """
    part = _part(target)
    try:
        os.link(source, part)
        part.replace(target)
    except OSError:
        write_bytes(target, read_bytes(source), sweep=False)
    finally:
        # Renaming does nothing where both are names of one file already.
        with suppress(OSError):
            part.unlink()


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Have errors of the block name ``path``: not the part of it, and not nothing, as those of a descriptor do."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from None


def read_bytes(path: Path, most: int = -1) -> bytes:
    """A file, or its first ``most`` bytes; one that another machine has just replaced is asked for again.

    Raises:
        OSError: it cannot be read; the file is named.
    """
    for tries_left in reversed(range(_TRIES)):
        try:
            with naming(path), path.open("rb") as file:
                return file.read(most)
        except OSError as error:
            if error.errno != errno.ESTALE or not tries_left:
                raise
    raise AssertionError


def left_over(folder: Path, name: str = "") -> list[Path]:
    """Files that killed processes left half written in a folder and its subfolders, or only those of the file ``name``.

    Parts that a process is at work on are not among them.
    """
    if name:
        start = escape(name[:_KEPT_LENGTH])
        found = [*folder.glob(f"{start}.*.part"), *folder.glob(f"*{escape(name)}*.partial")]
    else:
        # Figures were written as .partial by earlier versions.
        found = [*folder.rglob("*.part"), *folder.rglob("*.partial")]
    return sorted(part for part in found if _is_abandoned(part))


def remove(parts: list[Path]) -> None:
    """Remove what was left over, as far as that can be done: it does no harm."""
    for part in parts:
        with suppress(OSError):
            part.unlink()


def _is_abandoned(part: Path) -> bool:
    try:
        if part.is_symlink() or not part.is_file():
            return False
        old = time.time() - part.stat().st_mtime > _ABANDONED_SECONDS
        descriptor = os.open(part, os.O_RDWR)
    except FileNotFoundError:
        return False
    except OSError:
        return old
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return old
    finally:
        os.close(descriptor)
    writer = _WRITER.search(part.name)
    # Not every network file system shows a lock to other machines.
    return old or writer is None or writer[1] == _machine()


def _begun(path: Path) -> tuple[int, Path]:
    """An empty file beside ``path``, locked where the file system can."""
    while True:
        part = _part(path)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        # Between the two lines above it may have been taken for left over.
        if os.fstat(descriptor).st_nlink:
            return descriptor, part
        os.close(descriptor)


def _part(path: Path) -> Path:
    """Where ``path`` is written before it is put in place; two writers of the same file must not meet."""
    return path.with_name(f"{path.name[:_KEPT_LENGTH]}.{_machine()}-{os.urandom(8).hex()}.part")


_WRITER: Final = re.compile(r"\.([0-9a-f]{8})-[0-9a-f]{16}\.part$")


@cache
def _machine() -> str:
    """Tells apart the machines that write to one folder."""
    name = platform.node()
    with suppress(OSError):
        name += Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    return hashlib.sha256(name.encode()).hexdigest()[:8]


def _force_folder(folder: Path) -> None:
    """Have the disk know the names in a folder, where its file system can be asked to."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_FORCE:
            raise
