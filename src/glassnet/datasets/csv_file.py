"""A table of numbers with a column of labels, from comma-, semicolon- or tab-separated text."""

from __future__ import annotations

import csv
from array import array
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Final, TextIO

import numpy as np

from glassnet.datasets.table import Table, listed, named

LABEL_NAMES: Final = ("label", "labels", "class", "target", "y")
"""Columns that are taken for the labels unless another is named."""

LONGEST_ROW: Final = 4 * 2**20
"""Letters; some 170,000 numbers of all their digits."""


def read_csv(path: Path, label: str | int | None) -> Table:
    """Read a table; the first row may be a header of names.

    Args:
        path: text in UTF-8.
        label: name or index (negative ones count from the end) of the column of labels; None looks for one of
            ``LABEL_NAMES`` in the header.

    Raises:
        ValueError: no such column, rows of unequal length, or what is no number, each with its line.
        OSError: the file cannot be read.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return _Reader(path, _Lines(path, file), label).table()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} must be text in UTF-8, but holds the byte {error.object[error.start]:#x}") from None
    except csv.Error as error:
        raise ValueError(f"{path} must be comma-separated text, but {error}") from None


class _Lines:
    """The lines of a file; no row, which may be of several lines where it has quotes, is read beyond a limit."""

    def __init__(self, path: Path, file: TextIO) -> None:
        self._path, self._file, self._in_row = path, file, 0

    def __iter__(self) -> Iterator[str]:
        while line := self._file.readline(LONGEST_ROW + 1):
            self._in_row += len(line)
            if self._in_row > LONGEST_ROW:
                raise ValueError(f"{self._path} must have rows of at most {LONGEST_ROW} letters, but has a longer one")
            yield line

    def end_row(self) -> None:
        """Say that a row was read to its end."""
        self._in_row = 0


class _Reader:
    def __init__(self, path: Path, file_lines: _Lines, label: str | int | None) -> None:
        self._lines, lines = file_lines, iter(file_lines)
        first = next(lines, "")
        delimiter = max(",;\t", key=first.count)
        self._path, self._rows = path, csv.reader(chain([first], lines), delimiter=delimiter, strict=True)
        self._first = [field.strip() for field in next(self._rows, [])]
        if not self._first:
            raise ValueError(f"{path} must begin with a row of values or names, but its first line is empty")
        if len(self._first) < 2:
            raise ValueError(
                f"{path} must have a column of labels and at least one of features, separated by , or ; or tabs, "
                f"but its first line is {first[:80].strip()!r}"
            )
        self._label, self._header = _label_column(path, self._first, label)
        if self._header and "" in self._first:
            raise ValueError(
                f"{path}: columns must have names where the first row has some, but column {self._first.index('')} "
                "has none: leave it out (an index of pandas by index=False)"
            )

    def table(self) -> Table:
        # Eight bytes a number, as rows come: lists of text would take many times the file.
        values, codes, texts = array("d"), array("q"), dict[str, int]()
        for row in self._rows if self._header else chain([[*self._first]], self._rows):
            self._lines.end_row()
            if not row:
                continue
            if len(row) != len(self._first):
                raise ValueError(
                    f"{self._path}, line {self._rows.line_num}: rows must have {len(self._first)} columns as the "
                    f"first has, but this one has {len(row)}"
                )
            text = row.pop(self._label)
            codes.append(texts.setdefault(text.strip(), len(texts)))
            try:
                # Python's numbers may have underscores; in a table they are a slip.
                values.extend(map(float, row if "_" not in "".join(row) else [""]))
            except ValueError:
                raise self._no_number(row) from None
        where, n = str(self._path), len(self._first) - 1
        features = np.frombuffer(values, np.float64).reshape(-1, n) if values else np.empty((0, n))
        places, classes = named(list(texts), np.array(codes, np.intp), where)
        return Table(features, places, classes, where, self._names)

    @property
    def _names(self) -> tuple[str, ...]:
        names = self._first if self._header else [str(i) for i in range(len(self._first))]
        return tuple(name for i, name in enumerate(names) if i != self._label)

    def _no_number(self, row: list[str]) -> ValueError:
        column = next(i for i, text in enumerate(row) if not _is_number(text))
        found = repr(row[column][:80]) if row[column].strip() else "empty: drop the row or fill it"
        return ValueError(
            f"{self._path}, line {self._rows.line_num}: column {self._names[column]} must be a number, but is {found}"
        )


def _label_column(path: Path, first: list[str], label: str | int | None) -> tuple[int, bool]:
    """Which column has the labels, and whether the first row is a header."""
    if label is None:
        found = [name for name in first if name.lower() in LABEL_NAMES]
        if len(found) != 1:
            raise ValueError(
                f"label must say which column of {path} has the labels, by name ({listed(first)}) or by index "
                f"(0 to {len(first) - 1})"
            )
        label = found[0]
    index = _index(label)
    if index is None:
        if first.count(str(label)) != 1:
            raise ValueError(f"label must be one of the columns of {path} ({listed(first)}), but got {label!r}")
        return first.index(str(label)), True
    if not -len(first) <= index < len(first):
        raise ValueError(f"label must be a column of {path}, from 0 to {len(first) - 1}, but got {index}")
    index %= len(first)
    numbered = first == [str(i) for i in range(len(first))] or first[index].lower() in LABEL_NAMES
    return index, numbered or not all(_is_number(text) for i, text in enumerate(first) if i != index)


def _index(label: str | int) -> int | None:
    if isinstance(label, str):
        return int(label) if label.removeprefix("-").isdecimal() and len(label) < 10 else None
    return int(label)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text
