"""Which character separates the columns of a table, by the rules of Python's ``csv`` outside quotes."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from glassnet.datasets.numerals import is_number

DELIMITERS: Final = {",": "comma", ";": "semicolon", "\t": "tab"}

_WITH_COMMAS: Final = re.compile(r"(?=.*[0-9])[ \t]*[+-]?[0-9., ']*,[0-9., ']*(?:[eE][+-]?[0-9]+)?[ \t]*")
"""Numbers with decimal commas, thousands or what may be either."""


def rows_of(lines: Iterable[str], delimiter: str) -> Any:
    """The csv reader of these lines: a quote may stand after the blanks that follow a delimiter."""
    return csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)


def delimiter_of(where: str, sample: Sequence[str], label: str | int | None) -> str:
    """The delimiter of a table that begins with these lines.

    It is one that the first row has, and that gives it a column of labels. Of several it is the one that gives all
    rows as many columns as the first, and then the one that makes numbers of most features. Semicolons or tabs win
    where these have commas, whatever the commas stand for.

    Args:
        where: the table's name, for messages.
        sample: its first lines.
        label: name or index of the column of labels; None for the last.

    Raises:
        ValueError: several do equally well.
    """
    tables = {one: rows for one in DELIMITERS if (rows := _rows(sample, one)) and len(rows[0]) > 1}
    if len(tables) < 2:
        return next(iter(tables), ",")
    tables = {one: rows for one, rows in tables.items() if _place(rows[0], label) is not None} or tables
    even = {one: rows for one, rows in tables.items() if all(len(row) == len(rows[0]) for row in rows)}
    shares = {one: _readable(rows, label, one) for one, rows in (even or tables).items()}
    best = [one for one, share in shares.items() if share == max(shares.values())]
    if len(best) == 2 and "," in best:
        other = next(one for one in best if one != ",")
        if any("," in field for field in _features(tables[other], label)):
            return other
    if len(best) > 1:
        fitting = " and ".join(f"{DELIMITERS[one]}s" for one in best)
        raise ValueError(
            f"{where} must be separated in one way, but {fitting} both fit: put quotes around text that holds one of "
            "them, or separate the columns by tabs and call the file .tsv"
        )
    return best[0]


def with_point(text: str) -> str | None:
    """The number that a text is if its one comma is a decimal comma, written with a point; else None."""
    changed = text.strip(" \t").replace(",", ".")
    return changed if "." not in text and text.count(",") == 1 and is_number(changed) else None


def _rows(sample: Sequence[str], delimiter: str) -> list[list[str]]:
    """The rows of the sample without blank ones, up to the first that is no csv, for which an empty one stands."""
    found: list[list[str]] = []
    reader: Iterator[list[str]] = rows_of(sample, delimiter)
    try:
        found.extend(row for row in reader if not is_blank(row))
    except csv.Error as error:
        if not str(error).startswith("unexpected end"):  # the sample may end inside quotes
            found.append([])
    return found


def is_blank(row: Sequence[str]) -> bool:
    """Whether a row comes from an empty line or one of blanks only."""
    return not row or (len(row) == 1 and not row[0].strip())


def _place(first: Sequence[str], label: str | int | None) -> int | None:
    """The column of labels in a table with this first row, the last if it is not said; None if there is none."""
    names = [text.strip(" \t") for text in first]
    if isinstance(label, str) and label in names:
        return names.index(label)
    try:
        at = -1 if label is None else int(label)
    except ValueError:
        return None
    return at % len(first) if -len(first) <= at < len(first) else None


def _features(rows: Sequence[Sequence[str]], label: str | int | None) -> list[str]:
    at = _place(rows[0], label)
    return [field for row in rows for i, field in enumerate(row) if i != at]


def _readable(rows: Sequence[Sequence[str]], label: str | int | None, delimiter: str) -> float:
    """Share of the features that are numbers."""
    fields = _features(rows, label)
    good = sum(is_number(field) or (delimiter != "," and _WITH_COMMAS.fullmatch(field) is not None) for field in fields)
    return good / max(1, len(fields))
