"""Which column of a table has the labels, by name or by index."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from glassnet.datasets.labels import listed

LABEL_NAMES: Final = ("label", "labels", "class", "target", "y")
"""Columns that are taken for the labels unless another is named; y, which may be a coordinate, if it is alone."""


class LabelColumn(NamedTuple):
    """The column of labels.

    Args:
        at: its index.
        by_name: whether the user gave its name.
        namesake: index of another column that has the text of the given index as its name.
    """

    at: int
    by_name: bool = False
    namesake: int | None = None


def label_column(where: str, first: Sequence[str], label: str | int | None) -> LabelColumn:
    """The column of labels of a table with this first row.

    A text of digits is an index if there is such a column, else a name.

    Raises:
        ValueError: there is no such column, there are two, or it is not said which.
    """
    if label is None:
        return LabelColumn(usual_column(where, first))
    n, name = len(first), str(label)
    named = [i for i, text in enumerate(first) if text == name] if isinstance(label, str) else []
    if not isinstance(label, str) or re.fullmatch("-?[0-9]{1,9}", name):
        at = int(label)
        if -n <= at < n:
            other = named[0] if named and named[0] != at % n else None
            return LabelColumn(at % n, namesake=other)
        if not named:
            raise ValueError(f"label must be a column of {where}, from 0 to {n - 1}, but got {at}")
    if len(named) != 1:
        twice = f": {len(named)} columns are called so, give the index" if named else ""
        raise ValueError(f"label must be one of the columns of {where} ({listed(first)}), but got {label!r}{twice}")
    return LabelColumn(named[0], by_name=True)


def usual_column(where: str, names: Sequence[str]) -> int:
    """The one column that has one of ``LABEL_NAMES``.

    Raises:
        ValueError: there is none, or there are several.
    """
    called = [name.lower() for name in names]
    found = [i for i, name in enumerate(called) if name in LABEL_NAMES[:-1]] or [
        i for i, name in enumerate(called) if name == LABEL_NAMES[-1]
    ]
    if len(found) != 1:
        raise label_not_said(where, names)
    return found[0]


def label_not_said(where: str, first: Sequence[str]) -> ValueError:
    """The error that asks for the column of labels."""
    return ValueError(
        f"label must say which column of {where} has the labels, by name ({listed(first)}) or by index "
        f"(0 to {len(first) - 1})"
    )
