"""Table: rows and their classes as a user has them, before anything is scaled; and which class is which side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from glassnet.datasets.dataset import RowError, real_array
from glassnet.datasets.labels import coded, listed, matching

_FLOAT32_MAX: Final = float(np.finfo(np.float32).max)
_EXACT: Final = 2**53
_VALUES_AT_ONCE: Final = 1 << 22


@dataclass(frozen=True)
class Table:
    """Rows with a class each.

    Args:
        features: real numbers ``(row, column)``, finite in float32.
        codes: each row's place in ``classes``.
        classes: names of the classes there are, in the order of their numbers where all are numbers, else of their
            letters.
        where: what the rows were read from, for messages.
        columns: names of the columns, where they have any.
        axes: lengths of the axes of a row before it was flattened, where it had several, as images have.
        notes: what was decided in reading, as sentences.
    """

    features: NDArray[Any]
    codes: NDArray[np.intp]
    classes: tuple[str, ...]
    where: str
    columns: tuple[str, ...] = ()
    axes: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if 0 in self.features.shape:
            n_rows, n_columns = self.features.shape
            raise ValueError(
                f"{self.where} must have rows and columns of features, but has {n_rows} rows and {n_columns} columns"
            )
        if len(self.codes) != len(self.features):
            raise ValueError(
                f"{self.where} must have one label a row, but has {len(self.codes)} labels and "
                f"{len(self.features)} rows of features"
            )
        _refuse_not_finite(self)
        refuse_inexact(self.features, self.where, self.columns)


def table(features: ArrayLike, labels: ArrayLike, where: str) -> Table:
    """The table of two arrays: features of any number of axes, whose first is the row's, and labels of any kind.

    Raises:
        ValueError: arrays of another kind or shape, or numbers that are not finite.
    """
    given = real_array(f"features of {where}", features)
    if given.ndim < 2:
        raise ValueError(f"features of {where} must have a row and a column axis, but have shape {given.shape}")
    codes, classes, notes = coded(labels, where)
    axes = given.shape[1:] if given.ndim > 2 else ()
    rows = given.reshape(len(given), math.prod(given.shape[1:]))
    return Table(rows, codes, classes, where, axes=axes, notes=notes)


def sides(
    read: Table, positive: Sequence[object] | str | None, negative: Sequence[object] | str | None
) -> dict[str, int]:
    """+1 or -1 for each class, without those that are left out: of two classes the second is +1.

    Raises:
        ValueError: a class that there is not, one on both sides, or more than two without a choice.
    """
    if len(read.classes) < 2:
        notes = f" ({'; '.join(read.notes)})" if read.notes else ""
        raise ValueError(f"{read.where} must have at least two classes, but has only {listed(read.classes)}{notes}")
    if positive is None and negative is None:
        if len(read.classes) > 2:
            raise ValueError(
                f"positive must say which classes are +1, as {read.where} has {len(read.classes)}: "
                f"{listed(read.classes)}"
            )
        return dict(zip(read.classes, (-1, 1), strict=True))
    plus, minus = (_chosen(name, one, read) for name, one in (("positive", positive), ("negative", negative)))
    if both := set(plus) & set(minus):
        raise ValueError(f"positive and negative must share no class, but both have {sorted(both)[0]!r}")
    rest = [name for name in read.classes if name not in {*plus, *minus}]
    plus, minus = plus or (rest if positive is None else []), minus or (rest if negative is None else [])
    for name, chosen in (("positive", plus), ("negative", minus)):
        if not chosen:
            raise ValueError(f"{name} must be left some of the classes of {read.where}: {listed(read.classes)}")
    return dict.fromkeys(plus, 1) | dict.fromkeys(minus, -1)


def _chosen(name: str, wanted: Sequence[object] | str | None, read: Table) -> list[str]:
    if wanted is None:
        return []
    found = []
    for one in [wanted] if np.isscalar(wanted) else wanted:
        match = matching(one, read.classes)
        if match is None:
            raise ValueError(f"{name} must be classes of {read.where} ({listed(read.classes)}), but got {one!r}")
        found.append(match)
    return found


def refuse_inexact(features: NDArray[Any], where: str, columns: Sequence[str] = ()) -> None:
    """Refuse whole numbers that float64, in which all is computed, does not hold.

    Raises:
        ValueError: with the first of them.
    """
    if features.dtype.kind not in "iu" or features.itemsize < 8 or not features.size:
        return
    if int(features.max()) <= _EXACT and int(features.min()) >= -_EXACT:
        return
    for row, values in enumerate(features.tolist()):
        wrong = next((i for i, value in enumerate(values) if int(float(value)) != value), None)
        if wrong is not None:
            raise ValueError(
                f"features of {where} must be whole numbers that float64 holds, but row {row}, column "
                f"{columns[wrong] if columns else wrong} is {values[wrong]}: take away what the column has in common"
            )


def _refuse_not_finite(read: Table) -> None:
    if read.features.dtype.kind != "f":
        return
    rows = max(1, _VALUES_AT_ONCE // read.features.shape[1])
    for start in range(0, len(read.features), rows):
        some = read.features[start : start + rows]
        # Comparisons with NaN are False.
        wrong = ~(np.abs(some) <= _FLOAT32_MAX) if some.itemsize > 4 else ~np.isfinite(some)
        if wrong.any():
            row, column = np.argwhere(wrong)[0].tolist()
            name = read.columns[column] if read.columns else column
            raise RowError(
                f"features of {read.where} must be finite in float32, but row {start + row}, column {name} is "
                f"{some[row, column]}. Drop or replace what is not",
                start + row,
            )
