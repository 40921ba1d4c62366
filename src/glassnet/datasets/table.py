"""Table: rows and their classes as a user has them, before anything is scaled; and which class is which side."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from glassnet.datasets.dataset import real_array

_MOST_SHOWN: Final = 20
_NO_LABELS: Final = ("nan", "na", "n/a", "null")
"""What tables write where a label is not known."""

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
    """

    features: NDArray[Any]
    codes: NDArray[np.intp]
    classes: tuple[str, ...]
    where: str
    columns: tuple[str, ...] = ()
    axes: tuple[int, ...] = ()

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
    codes, classes = coded(labels, where)
    axes = given.shape[1:] if given.ndim > 2 else ()
    return Table(given.reshape(len(given), math.prod(given.shape[1:])), codes, classes, where, axes=axes)


def coded(labels: ArrayLike, where: str) -> tuple[NDArray[np.intp], tuple[str, ...]]:
    """Labels as places in a tuple of class names.

    Raises:
        ValueError: labels of another shape, or that are neither numbers nor text, or empty, or not finite.
    """
    try:
        given = np.asarray(labels)
    except (ValueError, TypeError, RuntimeError) as error:
        raise ValueError(f"labels of {where} must be an array, but got {error}") from error
    if given.ndim == 2 and given.shape[1] == 1:
        given = given[:, 0]
    if given.ndim != 1:
        raise ValueError(f"labels of {where} must be one a row, but have shape {given.shape}")
    if given.dtype.kind == "O" and all(isinstance(label, str) for label in given):
        given = given.astype(np.str_)
    if given.dtype.kind == "S":
        given = np.char.decode(given, "utf-8", "replace")
    if given.dtype.kind not in "fiubU":
        raise ValueError(f"labels of {where} must be numbers or text, but are {given.dtype}")
    if given.dtype.kind == "f" and not np.isfinite(given).all():
        row = int(np.argmin(np.isfinite(given)))
        raise ValueError(f"labels of {where} must be finite, but that of row {row} is {given[row]}")
    values, places = np.unique(given, return_inverse=True)
    return named([str(value) for value in values.tolist()], places, where)


def named(values: Sequence[str], places: NDArray[np.intp], where: str) -> tuple[NDArray[np.intp], tuple[str, ...]]:
    """Codes and class names of labels that are places among these texts, several of which may be one class.

    Raises:
        ValueError: a label without a text.
    """
    texts = [_text(value) for value in values]
    if "" in texts:
        row = int(np.argmax(places == texts.index("")))
        raise ValueError(f"labels of {where} must not be empty, but that of row {row} is")
    if unknown := next((text for text in texts if text.lower() in _NO_LABELS), None):
        row = int(np.argmax(places == texts.index(unknown)))
        raise ValueError(f"labels of {where} must be known, but that of row {row} is {unknown!r}: drop the row")
    numbers = [_number(text) for text in texts]
    if None in numbers:
        classes = sorted(set(texts))
    else:
        texts = [_shown(number) for number in numbers if number is not None]
        classes = [_shown(number) for number in sorted({number for number in numbers if number is not None})]
    place_of = {name: place for place, name in enumerate(classes)}
    return np.array([place_of[text] for text in texts], np.intp)[places], tuple(classes)


def sides(
    read: Table, positive: Sequence[object] | str | None, negative: Sequence[object] | str | None
) -> dict[str, int]:
    """+1 or -1 for each class, without those that are left out: of two classes the second is +1.

    Raises:
        ValueError: a class that there is not, one on both sides, or more than two without a choice.
    """
    if len(read.classes) < 2:
        raise ValueError(f"{read.where} must have at least two classes, but has only {listed(read.classes)}")
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


def listed(names: Iterable[object]) -> str:
    """Names for a message, the first of them where there are many."""
    shown = [str(name) for name in names]
    more = f" and {len(shown) - _MOST_SHOWN} more" if len(shown) > _MOST_SHOWN else ""
    return ", ".join(shown[:_MOST_SHOWN]) + more


def _chosen(name: str, wanted: Sequence[object] | str | None, read: Table) -> list[str]:
    if wanted is None:
        return []
    found = []
    for one in [wanted] if np.isscalar(wanted) else wanted:
        text = _text(str(one))
        number = _number(text)
        match = text if text in read.classes or number is None else _shown(number)
        if match not in read.classes:
            raise ValueError(f"{name} must be classes of {read.where} ({listed(read.classes)}), but got {one!r}")
        found.append(match)
    return found


def _text(name: str) -> str:
    # The same letters may be written in two ways: files of macOS have accents apart, keyboards do not.
    return unicodedata.normalize("NFC", name.strip())


def _number(text: str) -> float | None:
    try:
        number = float({"True": "1", "False": "0"}.get(text, text))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _shown(number: float) -> str:
    return str(int(number)) if number.is_integer() else repr(number)


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
            raise ValueError(
                f"features of {read.where} must be finite in float32, but row {start + row}, column {name} is "
                f"{some[row, column]}. Drop or replace what is not"
            )
