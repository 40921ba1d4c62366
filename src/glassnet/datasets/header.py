"""Whether the first row of a table is a header of names or a row of values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassnet.datasets.label_column import LABEL_NAMES
from glassnet.datasets.numerals import NO_VALUE, is_number


def is_header(
    first: Sequence[str], at: int, *, named: bool, counts: Mapping[str, int], features: NDArray[Any]
) -> bool | None:
    """True for names, False for values, None where the row may be either.

    A row is a header where its label occurs nowhere else and the other labels are of another kind (numbers beside
    text), where it counts its columns (0 to n - 1 or 1 to n; after an empty one above the rows' numbers), and where its
    features are names and no numbers. Above text, numbers that cannot be values of their columns are names too.

    Args:
        first: the row, without blanks around its fields.
        at: the column of labels.
        named: the user gave ``first[at]`` as the name of that column.
        counts: how often each label occurs in the other rows.
        features: numbers of the other rows ``(row, column)``.
    """
    if first[0] == "" and at != 0 and counts_rows(features[:, 0]) and _counts(first[1:]):
        return True
    label = first[at]
    others = [text for i, text in enumerate(first) if i != at]
    numbers = [is_number(text) for text in others]
    unknown = [text.lower() in NO_VALUE for text in others]
    alone = label not in counts
    many_rows = min(counts.values(), default=0) > 1
    another_kind = bool(counts) and not any(is_number(one) == is_number(label) for one in counts)
    if another_kind and not is_number(label) and any(numbers) and not named:
        # A label that is lacking or mistyped is no name.
        if label.lower() in NO_VALUE:
            return False
        if re.match(r"[-+.\d]", label):
            return None
    # A class may be called y where it is one of several texts.
    known = alone and label.lower() in LABEL_NAMES and (label.lower() != "y" or another_kind or not any(numbers))
    if not any(numbers):
        if all(unknown):
            return named or known or another_kind
        return True if named or known or alone or label.lower() in LABEL_NAMES else None
    if not all(numbers):
        return named or ((known or another_kind) and not any(unknown))
    if named or known or another_kind:
        return True if alone else None
    if _counts(first):
        return True if alone or len(first) > 2 or _have_fractions(features).all() else None
    if not alone or len(counts) < 2:
        return False
    if (
        len(others) > 1
        and _are_plain(others)
        and (_have_fractions(features).all() or (len(others) > 2 and _counts(others)))
    ):
        return True if many_rows else None
    if not is_number(label) and _are_no_values(np.array(others, np.float64), features):
        return True if 2 * len(counts) <= len(features) else None
    return None if many_rows and (_are_plain(others) or _are_in_order(others)) else False


def counts_rows(column: NDArray[Any]) -> bool:
    """Whether a column counts the rows from 0 or 1, as the index does that pandas and R write before the others."""
    return len(column) > 0 and any(np.array_equal(column, np.arange(len(column)) + start) for start in (0, 1))


def _counts(texts: Sequence[str]) -> bool:
    return any(list(texts) == [str(i + start) for i in range(len(texts))] for start in (0, 1))


def _are_plain(texts: Sequence[str]) -> bool:
    """Whether the texts are different whole numbers without a sign, as years and positions are."""
    return len(set(texts)) == len(texts) and all(text.isascii() and text.isdigit() for text in texts)


def _are_in_order(texts: Sequence[str]) -> bool:
    """Whether two numbers rise, or more rise or fall throughout, as wavelengths do."""
    steps = np.diff([float(text) for text in texts])
    return len(steps) > 0 and bool((steps > 0).all() or (len(steps) > 1 and (steps < 0).all()))


def _have_fractions(features: NDArray[Any]) -> NDArray[np.bool_]:
    """Which columns have a number that is not whole."""
    return np.asarray((features % 1 != 0).any(axis=0))


def _are_no_values(row: NDArray[np.float64], features: NDArray[Any]) -> bool:
    """Whether two numbers or more are unlike their columns, or four or more are evenly spaced as no other row is.

    A number is unlike its column where it lies further from all values than these lie apart, as a year above counts
    does, and where it is whole and not all of the values are.
    """
    if len(row) > 3 and _are_even(row[None])[0] and not _are_even(features).any():
        return True
    low, high = features.min(axis=0), features.max(axis=0)
    far = (row > 2 * high - low) | (row < 2 * low - high)
    return len(row) > 1 and bool((far | ((row % 1 == 0) & _have_fractions(features))).all())


def _are_even(rows: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which rows are evenly spaced."""
    steps = np.diff(rows, axis=1)
    return np.asarray((steps[:, 0] != 0) & np.isclose(steps, steps[:, :1], rtol=1e-6, atol=0).all(axis=1))
