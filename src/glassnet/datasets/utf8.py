"""Text files in UTF-8, and clear words for those in another encoding."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def opened_text(path: Path) -> Iterator[TextIO]:
    """A text file, open for reading, with its line ends as they are; a mark of UTF-8 at its beginning is left out.

    Raises:
        ValueError: it is in another encoding, or no text.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        begin = file.read(1024)
    if begin.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in begin:
        kind = "is no text" if b"\0" in begin and not begin.startswith((b"\xff\xfe", b"\xfe\xff")) else "is UTF-16"
        raise ValueError(f"{path} must be text in UTF-8, but {kind}: save it as UTF-8")
    with path.open(newline="", encoding="utf-8-sig") as text:
        try:
            yield text
        except UnicodeDecodeError:
            raise _not_utf8(path) from None


def _not_utf8(path: Path) -> ValueError:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                found = line[error.start]
                return ValueError(
                    f"{path} must be text in UTF-8, but holds the byte {found:#x} in line {number} (is it Latin-1?): "
                    "save it as UTF-8"
                )
    return ValueError(f"{path} must be text in UTF-8, but is not: save it as UTF-8")
