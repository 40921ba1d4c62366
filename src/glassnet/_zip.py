"""The members of a zip that a stranger may have made, held against limits before anything is unpacked."""

from __future__ import annotations

import os
import sys
import zipfile
from collections.abc import Iterator, Mapping
from typing import IO, Any, Final

LARGEST_DIRECTORY: Final = 4 * 2**20
"""Bytes; some 50,000 members of ordinary names."""

_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED: Final = 1


class Members(Mapping[str, bytes]):
    """The members by name; one is unpacked when it is asked for, up to the size that it declares.

    Args:
        file: the zip, open for reading; it must stay open.

    Raises:
        ValueError: no zip, a directory above ``LARGEST_DIRECTORY``, two members of one name, or one that is encrypted
            or compressed otherwise than by deflate.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.n_bytes = file.seek(0, os.SEEK_END)
        bounded: Any = _BoundedReads(file)
        try:
            self._archive = zipfile.ZipFile(bounded)
        except MemoryError:
            raise
        # A damaged zip gives errors of many kinds: a version of zip still to come, text that cannot be decoded.
        except Exception as error:
            raise ValueError(f"it is no zip that can be read: {error}") from error
        bounded.largest = sys.maxsize
        members = self._archive.infolist()
        self._about = {member.filename: member for member in members}
        for member in members:
            if self._about[member.filename] is not member:
                raise ValueError(f"it holds two members {member.filename!r}")
            if member.compress_type not in _METHODS or member.flag_bits & _ENCRYPTED:
                raise ValueError(f"its member {member.filename!r} must be stored or deflated and not encrypted")

    def __iter__(self) -> Iterator[str]:
        return iter(self._about)

    def __len__(self) -> int:
        return len(self._about)

    def __contains__(self, name: object) -> bool:
        return name in self._about

    def __getitem__(self, name: str) -> bytes:
        size = self.size(name)
        try:
            with self.open(name) as member:
                content = member.read(size)
        except MemoryError:
            raise
        except Exception as error:
            raise ValueError(f"its member {name!r} cannot be unpacked: {error}") from error
        if len(content) != size:
            raise ValueError(f"its member {name!r} must have {size} bytes, but has {len(content)}")
        return content

    def size(self, name: str) -> int:
        """Bytes that a member declares to have unpacked; what it has beyond them is never read."""
        return self._about[name].file_size

    def open(self, name: str) -> IO[bytes]:
        """A member as a file, for reading in pieces."""
        return self._archive.open(self._about[name])


class _BoundedReads:
    """A file of which no more than ``largest`` bytes are read at once.

    zipfile reads the directory at once and before any member: a bound on it is one on the members that are listed.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.largest = file, LARGEST_DIRECTORY

    def read(self, n: int = -1) -> bytes:
        if n > self.largest:
            raise ValueError(f"its directory takes {n} bytes, more than {self.largest}: it has too many members")
        return self._file.read(n)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
