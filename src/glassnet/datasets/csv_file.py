"""A table of numbers with a column of labels, from comma-, semicolon- or tab-separated text."""

from __future__ import annotations

import csv
from array import array
from collections import Counter
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

import numpy as np

from glassnet.datasets.cells import Cells
from glassnet.datasets.dataset import RowError
from glassnet.datasets.delimiter import DELIMITERS, delimiter_of, is_blank, rows_of, with_point
from glassnet.datasets.header import is_header
from glassnet.datasets.label_column import label_column, label_not_said
from glassnet.datasets.labels import listed, named
from glassnet.datasets.numerals import is_number
from glassnet.datasets.table import Table
from glassnet.datasets.utf8 import opened_text

_SAMPLE: Final = 200
"""Lines that tell the delimiter."""


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
        sample = list(islice(file, _SAMPLE))
        delimiter = "\t" if path.suffix.lower() == ".tsv" else delimiter_of(str(path), sample, label)
        rows = rows_of(chain(sample, file), delimiter)
        try:
            return _Reader(str(path), rows, delimiter, label).table(header)
        except csv.Error as error:
            raise ValueError(
                f"{path}, line {rows.line_num}: must be {DELIMITERS[delimiter]}-separated text, but {error}"
            ) from None


class _Reader:
    def __init__(self, where: str, rows: Any, delimiter: str, label: str | int | None) -> None:
        self._where, self._rows, self._label = where, rows, label
        self._first = _first_row(where, rows)
        self._lines = array("q", [rows.line_num])
        self._column = label_column(where, self._first, label)
        self._others = self._without_label(self._first)
        # With decimal points, so that it is known for what it is.
        self._pointed = [(with_point(text) if delimiter != "," else None) or text for text in self._first]
        all_numbers = all(map(is_number, self._without_label(self._pointed)))
        indices = self._without_label([str(i) for i in range(len(self._first))])
        self._cells = Cells(where, indices if all_numbers else self._others, commas=delimiter != ",")

    def table(self, asked: bool | None) -> Table:
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
            codes.append(texts.setdefault(row.pop(at).strip(" \t"), len(texts)))
            self._cells.add(row, self._rows.line_num)
        header = self._is_header(asked, list(texts), codes)
        if not header:
            codes[0] = texts.setdefault(self._first[at], len(texts))
            self._set_first(asked)
        begin = int(header)
        said = f"header row taken: {listed(self._first)}" if header else "no header row"
        features = self._cells.all_rows()[begin:]
        try:
            _refuse_comments(list(texts), codes, at)
            labels = named(list(texts), np.frombuffer(codes, np.int64)[begin:], self._where)
            notes = (said, *self._cells.notes, *labels.notes)
            columns = tuple(self._others) if header else ()
            return Table(features, labels.codes, labels.classes, self._where, columns, notes=notes)
        except RowError as error:
            raise ValueError(f"{self._where}, line {self._lines[error.row + begin]}: {error}") from None

    def _is_header(self, asked: bool | None, texts: list[str], codes: array[int]) -> bool:
        column, counts = self._column, Counter(codes[1:])
        header = asked
        if header is None:
            header = is_header(
                self._pointed,
                column.at,
                named=column.by_name,
                counts={text: counts[code] for code, text in enumerate(texts)},
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
        if header and "" in self._first:
            raise ValueError(
                f"{self._where}: columns must have names where the first row has some, but column "
                f"{self._first.index('')} has none: leave it out (an index of pandas by index=False)"
            )
        return header

    def _set_first(self, asked: bool | None) -> None:
        try:
            self._cells.set_first(self._others, self._lines[0])
        except ValueError as error:
            hint = "" if asked is False else " (if the row has the names of the columns, say header=True, --header)"
            raise ValueError(f"{error}{hint}") from None

    def _without_label(self, row: list[str]) -> list[str]:
        return [text for i, text in enumerate(row) if i != self._column.at]


def _first_row(where: str, rows: Any) -> list[str]:
    fields = next((row for row in rows if not is_blank(row)), None)
    if fields is None:
        raise ValueError(f"{where} must begin with a row of values or names, but is empty")
    first = [text.strip() for text in fields]
    if first[0].startswith(("#", "sep=")):
        raise ValueError(
            f"{where}, line {rows.line_num}: must be a row of values or names, but begins with {first[0][:20]!r}: "
            "comments are not read, delete them"
        )
    if len(first) < 2:
        raise ValueError(
            f"{where} must have a column of labels and at least one of features, separated by , or ; or tabs (.tsv: "
            f"by tabs), but its first line is {first[0][:80]!r}"
        )
    if odd := next((text for text in fields if text.lstrip().startswith('"') and text[:1].isspace()), None):
        raise ValueError(f"{where}, line {rows.line_num}: a quote must begin its field, but stands in {odd!r}")
    return first


def _refuse_comments(texts: list[str], codes: array[int], at: int) -> None:
    """Labels in the first column that begin with #, where others do not, are rows that someone took out."""
    marked = [text.startswith("#") for text in texts]
    if at == 0 and any(marked) and not all(marked):
        row = codes.index(marked.index(True))
        raise RowError(f"comments are not read, but the row begins with {texts[codes[row]][:20]!r}: delete it", row)
