"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def write_bytes(path: Path, content: bytes) -> None:
    """Put a whole file in place at once: it is written beside, forced to the disk, and renamed.

    Raises:
        OSError: it cannot be written, or the disk is full; the file is named.
    """
    part = _unfinished(path)
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException as error:
        part.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:
            raise OSError(error.errno, error.strerror, str(path)) from None
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def take(source: Path, target: Path) -> None:
    """Have a file of another folder in this one: as a second name of it, or as a copy where that cannot be.

    Files are replaced, never changed, so that one name cannot be seen to change through the other.
    """
    part = _unfinished(target)
    try:
        os.link(source, part)
    except OSError:
        write_bytes(target, source.read_bytes())
    else:
        part.replace(target)


def _unfinished(path: Path) -> Path:
    """Where ``path`` is written before it is put in place; two machines that write the same file must not meet."""
    return path.with_name(f"{path.name}.{os.urandom(8).hex()}.part")
