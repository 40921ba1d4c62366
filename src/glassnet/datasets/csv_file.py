"""A table of numbers with a column of labels, from comma-, semicolon- or tab-separated text."""

from __future__ import annotations

import csv
from array import array
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Final, Self, TextIO

import numpy as np
from numpy.typing import NDArray

from glassnet.datasets import arrow
from glassnet.datasets.cells import Cells
from glassnet.datasets.dataset import RowError
from glassnet.datasets.delimiter import DELIMITERS, delimiter_of, is_blank, rows_of, with_point
from glassnet.datasets.header import counts_rows, is_header
from glassnet.datasets.label_column import label_column, label_not_said
from glassnet.datasets.labels import listed, named
from glassnet.datasets.numerals import NO_VALUE, is_number
from glassnet.datasets.table import Table
from glassnet.datasets.utf8 import opened_text

_SAMPLE: Final = 200
"""Lines that tell the delimiter."""

LONGEST_ROW: Final = 4 * 2**20
"""Letters; some 170,000 numbers of all their digits."""

_QUOTES: Final = "only spaces may stand between a delimiter and a quote,"


def read_csv(path: Path, label: str | int | None, header: bool | None = None) -> Table:
    """Read a table by the rules of Python's ``csv``; the first row may be a header of names.

    Args:
        path: text in UTF-8, separated by commas, semicolons or tabs; a file ``.tsv`` by tabs.
        label: name or index (negative ones count from the end) of the column of labels; None looks in the header for
            one of ``label_column.LABEL_NAMES``.
        header: whether the first row is a header; None decides by :func:`glassnet.datasets.header.is_header`.

    Raises:
        ValueError: no such column, rows of unequal length, or what is no number, each with its line; or a first row
            that may be a header or not.
        OSError: the file cannot be read.
    """
    with opened_text(path) as file:
        lines = _lines(path, file)
        sample = _sample(lines)
        delimiter = "\t" if path.suffix.lower() == ".tsv" else delimiter_of(str(path), sample, label)
        if path.stat().st_size >= arrow.LEAST_BYTES:
            try:
                rows = _Rows(path, sample, delimiter)
                return _Reader(str(path), rows, delimiter, label, header).quick_table(path, sample)
            except (ValueError, csv.Error):
                pass  # csv says what is wrong, and in which line
        rows = _Rows(path, chain(sample, lines), delimiter)
        try:
            return _Reader(str(path), rows, delimiter, label, header).table()
        except csv.Error as error:
            raise ValueError(
                f"{path}, line {rows.line_num}: must be {DELIMITERS[delimiter]}-separated text, but {error}"
            ) from None


def _lines(path: Path, file: TextIO) -> Iterator[str]:
    """The lines of a file, none of which is read beyond the limit of a row."""
    while line := file.readline(LONGEST_ROW + 1):
        if len(line) > LONGEST_ROW:
            raise _too_long(path)
        yield line


def _sample(lines: Iterator[str]) -> list[str]:
    """The first lines, up to as many as a longest row has letters."""
    found: list[str] = []
    n = 0
    while n <= LONGEST_ROW and len(found) < _SAMPLE and (line := next(lines, "")):
        found.append(line)
        n += len(line)
    return found


class _Rows:
    """The rows of csv text; none, of however many lines in quotes, is read beyond the limit."""

    def __init__(self, path: Path, lines: Iterable[str], delimiter: str) -> None:
        self._path, self._lines, self._in_row = path, lines, 0
        self._reader = rows_of(self._counted(), delimiter)

    def _counted(self) -> Iterator[str]:
        for line in self._lines:
            self._in_row += len(line)
            if self._in_row > LONGEST_ROW:
                raise _too_long(self._path)
            yield line

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> list[str]:
        row: list[str] = next(self._reader)
        self._in_row = 0
        return row

    @property
    def line_num(self) -> int:
        """Lines read so far."""
        return int(self._reader.line_num)


def _too_long(path: Path) -> ValueError:
    return ValueError(f"{path} must have rows of at most {LONGEST_ROW} letters, but has a longer one")


class _Reader:
    def __init__(self, where: str, rows: _Rows, delimiter: str, label: str | int | None, header: bool | None) -> None:
        self._where, self._rows, self._label, self._asked = where, rows, label, header
        self._delimiter = delimiter
        fields = _first_row(where, rows, comments=header is None)
        self._first = [text.strip(" \t") for text in fields]
        self._lines = array("q", [rows.line_num])
        self._column = label_column(where, self._first, label)
        self._first_label = fields[self._column.at]
        self._others = self._without_label(self._first)
        # With decimal points, so that it is known for what it is.
        self._pointed = list(map(self._with_point, self._first))
        self._places = [i for i in range(len(self._first)) if i != self._column.at]
        are_names = header or self._column.by_name or _are_names(self._others)
        names = [(are_names and name) or str(i) for name, i in zip(self._others, self._places, strict=True)]
        self._cells = Cells(where, names, commas=delimiter != ",")

    def table(self) -> Table:
        """All rows, the first of them as a header or not."""
        # Eight bytes a label, as rows come: lists of text would take many times the file.
        codes, texts = array("q", [0]), dict[str, int]()
        at, n = self._column.at, len(self._first)
        for row in self._rows:
            if len(row) != n:
                if is_blank(row):
                    continue
                raise ValueError(
                    f"{self._where}, line {self._rows.line_num}: rows must have {n} columns as the first has, but "
                    f"this one has {len(row)}"
                )
            self._lines.append(self._rows.line_num)
            codes.append(texts.setdefault(row.pop(at), len(texts)))
            self._cells.add(row, self._rows.line_num)
        return self._made(codes, texts)

    def quick_table(self, path: Path, sample: Sequence[str]) -> Table:
        """All rows, read by pyarrow.

        Raises:
            ValueError: it cannot, or something is wrong.
        """
        first_lines = sample[: self._rows.line_num]
        with path.open("rb") as file:
            begin = len(BOM_UTF8) if file.read(3) == BOM_UTF8 else 0
        begin += sum(len(line.encode()) for line in first_lines)
        rows = arrow.plain_rows(path, begin, self._delimiter, len(self._first), self._column.at)
        if rows is None or self._pointed != self._first:
            raise ValueError(f"{self._where} must be read by csv")
        self._cells.add_all(rows.features)
        self._lines.extend([0] * len(rows.codes))
        return self._made(array("q", [0, *rows.codes]), {text: code for code, text in enumerate(rows.texts)})

    def _made(self, codes: array[int], texts: dict[str, int]) -> Table:
        at = self._column.at
        header = self._is_header(list(texts), codes)
        said, columns = "no header row", tuple[str, ...]()
        if header:
            del codes[0], self._lines[0]
            features, columns = self._without_index(self._cells.all_rows()[1:])
            said = f"header row taken: {listed(map(_quoted, self._first))}"
            said += "; column 0 counts the rows and is left out" if len(columns) < len(self._others) else ""
        else:
            codes[0] = texts.setdefault(self._first_label, len(texts))
            self._set_first()
            features = self._cells.all_rows()
        try:
            _refuse_odd(list(texts), codes, at)
            pointed = self._cells.labels(list(texts))
            labels = named(pointed, np.frombuffer(codes, np.int64), self._where)
            notes = (said, *self._cells.notes, *labels.notes)
            return Table(features, labels.codes, labels.classes, self._where, columns, notes=notes)
        except RowError as error:
            raise ValueError(f"{self._where}, line {self._lines[error.row]}: {error}") from None

    def _is_header(self, texts: list[str], codes: array[int]) -> bool:
        column, rows = self._column, Counter(codes[1:])
        counts: Counter[str] = Counter()
        for code, text in enumerate(texts):
            counts[self._with_point(text.strip(" \t"))] += rows[code]
        header = self._asked
        if header is False and column.by_name:
            raise ValueError(f"label must be the index of a column with header=False, but got {self._label!r}")
        if header is None:
            header = is_header(
                self._pointed,
                column.at,
                named=column.by_name,
                counts=counts,
                features=self._cells.rows_after_first,
            )
        if header is None or (not header and column.by_name):
            raise ValueError(
                f"{self._where}, line {self._lines[0]}: the row {listed(map(repr, self._first))} may be a header or "
                "values: say header=True (--header), or header=False (--no-header) with label as an index"
            )
        if not header and self._label is None:
            raise label_not_said(self._where, self._first)
        if header and column.namesake is not None:
            raise ValueError(
                f"label must say one column of {self._where}, but {self._label!r} is the name of column "
                f"{column.namesake} and the index of another: say {column.namesake - len(self._first)} or "
                f"{column.at - len(self._first)}, counted from the end"
            )
        return header

    def _without_index(self, features: NDArray[np.float64]) -> tuple[NDArray[np.float64], tuple[str, ...]]:
        """The features and their names, without a first column that has none and counts the rows."""
        if "" not in self._first:
            return features, tuple(self._others)
        if self._first.count("") == 1 and self._others[0] == "" == self._first[0] and counts_rows(features[:, 0]):
            return features[:, 1:], tuple(self._others[1:])
        raise ValueError(
            f"{self._where}: columns must have names where the first row has some, but column "
            f"{self._first.index('')} has none and does not count the rows: leave it out, or give it a name"
        )

    def _set_first(self) -> None:
        try:
            self._cells.set_first(self._others, self._lines[0], self._places)
        except ValueError as error:
            hint = "" if self._asked is False else " (if the row has the columns' names, say header=True, --header)"
            raise ValueError(f"{error}{hint}") from None

    def _with_point(self, text: str) -> str:
        return (with_point(text) if self._delimiter != "," else None) or text

    def _without_label(self, row: list[str]) -> list[str]:
        return [text for i, text in enumerate(row) if i != self._column.at]


def _first_row(where: str, rows: _Rows, *, comments: bool) -> list[str]:
    fields: list[str] | None = next((row for row in rows if not is_blank(row)), None)
    if fields is None:
        raise ValueError(f"{where} must begin with a row of values or names, but is empty")
    begin = fields[0].strip()
    if begin.startswith(("#", "sep=") if comments else "sep=") and begin.lower() not in NO_VALUE:
        raise ValueError(
            f"{where}, line {rows.line_num}: must be a row of values or names, but begins with {begin[:20]!r}: "
            "comments are not read, delete the line or the mark"
        )
    if len(fields) < 2:
        raise ValueError(
            f"{where} must have a column of labels and at least one of features, separated by , or ; or tabs (.tsv: "
            f"by tabs), but its first line is {begin[:80]!r}"
        )
    if any(map(_hides_quotes, fields)):
        raise ValueError(f"{where}, line {rows.line_num}: {_QUOTES} but the row is {listed(map(repr, fields))}")
    return fields


def _are_names(texts: list[str]) -> bool:
    return not any(is_number(text) or text.lower() in NO_VALUE or text.upper() == text.lower() for text in texts)


def _quoted(name: str) -> str:
    return repr(name) if "," in name else name


def _hides_quotes(text: str) -> bool:
    return text[:1].isspace() and text.lstrip().startswith('"')


def _refuse_odd(texts: list[str], codes: array[int], at: int) -> None:
    """Refuse quotes after tabs; and labels in the first column that begin with #, where others do not: comments."""
    if odd := next((text for text in texts if _hides_quotes(text)), None):
        raise RowError(f"{_QUOTES} but the label is {odd!r}", codes.index(texts.index(odd)))
    marked = [text.startswith("#") for text in texts]
    if at == 0 and any(marked) and not all(marked):
        row = codes.index(marked.index(True))
        raise RowError(f"comments are not read, but the row begins with {texts[codes[row]][:20]!r}: delete it", row)
