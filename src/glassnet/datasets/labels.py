"""Labels of any kind as classes: two labels are one class only if they are the same number or the same text.

What became one class though it was written differently is told in the notes.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from glassnet.datasets.dataset import RowError, refuse_masked
from glassnet.datasets.numerals import NO_VALUE, exact, shown

_MOST_SHOWN: Final = 20
_MISSING: Final = ("NoneType", "NAType", "NaTType")
"""Types of Python and pandas that stand for a value that is not known."""


class Labels(NamedTuple):
    """The class of each row.

    Args:
        codes: each row's place in ``classes``.
        classes: names of the classes, in the order of their numbers where all are numbers, else of their letters.
        notes: sentences that say which labels became one class though they were written differently.
    """

    codes: NDArray[np.intp]
    classes: tuple[str, ...]
    notes: tuple[str, ...]


def coded(labels: ArrayLike, where: str, *, text: bool = False) -> Labels:
    """Classes of an array, a list or a series of labels.

    Integers of any size keep all their digits. Text is a number only if all labels are.

    Args:
        labels: numbers, truth values or text (bytes are UTF-8), shape ``(n_rows,)`` or ``(n_rows, 1)``.
        where: what the labels belong to, for messages.
        text: take numbers as text too, exactly as they are written, as names of folders are.

    Raises:
        ValueError: labels of another shape or kind, of both kinds, or one that is empty, masked or not finite.
    """
    name = f"labels of {where}"
    refuse_masked(name, labels)
    # NumPy would make text or floats of lists of several kinds.
    is_list = isinstance(labels, Sequence) and not isinstance(labels, (str, bytes))
    try:
        given = np.asarray(labels, dtype=object if is_list else None)
    except (ValueError, TypeError, RuntimeError) as error:
        raise ValueError(f"{name} must be an array, but got {error}") from error
    if given.ndim == 2 and given.shape[1] == 1:
        given = given[:, 0]
    if given.ndim != 1:
        raise ValueError(f"{name} must be one a row, but have shape {given.shape}")
    if given.dtype.kind in "OT":
        texts, places = _distinct(given.tolist(), name)
    elif given.dtype.kind in "fiubUS":
        values, rows, places = np.unique(given, return_index=True, return_inverse=True)
        texts = [_kind_and_text(*one, name)[1] for one in zip(values.tolist(), rows.tolist(), strict=True)]
    else:
        raise ValueError(f"{name} must be numbers or text, but are {given.dtype}: turn them into text by .astype(str)")
    return named(texts, places, where, text=text)


def named(texts: Sequence[str], places: NDArray[np.intp], where: str, *, text: bool = False) -> Labels:
    """Classes of labels that are given as places among these texts, several of which may be one class.

    Raises:
        ValueError: a label that is empty, or says that it is not known where all others are numbers.
    """
    name = f"labels of {where}"
    names = [unicodedata.normalize("NFC", one if text else one.strip()) for one in texts]

    def row(i: int) -> int:
        return int(np.argmax(places == i))

    if "" in names:
        first = row(names.index(""))
        raise RowError(f"{name} must not be empty, but that of row {first} is: drop the row or fill it", first)
    numbers = [exact(one) for one in names]
    known = [number for number in numbers if number is not None]
    unknown = [i for i, number in enumerate(numbers) if number is None]
    if not text and known and unknown and all(names[i].lower() in NO_VALUE for i in unknown):
        first = row(unknown[0])
        raise RowError(f"{name} must be known, but that of row {first} is {names[unknown[0]]!r}: drop the row", first)
    all_numbers = not unknown
    if all_numbers and not text:
        names = [shown(number) for number in known]

    def order(one: str) -> tuple[Decimal, str]:
        return (exact(one) if all_numbers else None) or Decimal(0), one

    classes = sorted(set(names), key=order)
    place_of = {one: place for place, one in enumerate(classes)}
    codes = np.array([place_of[one] for one in names], np.intp)[places]
    mixed = known and unknown and not text
    notes = (f"labels are text, as {names[unknown[0]]!r} is no number",) if mixed else ()
    return Labels(codes, tuple(classes), (*notes, *_merged(texts, names)))


def matching(wanted: object, classes: Sequence[str]) -> str | None:
    """The class that is meant by a number or a text; None if there is none."""
    exactly = wanted.decode("utf-8", "replace") if isinstance(wanted, bytes) else str(wanted)
    name = unicodedata.normalize("NFC", exactly)
    number = exact(name.strip())
    tried = [exactly, name, name.strip(), *([] if number is None else [shown(number)])]
    return next((one for one in tried if one in classes), None)


def listed(names: Iterable[object]) -> str:
    """Names for a message, the first of them where there are many."""
    some = [str(name) for name in names]
    more = f" and {len(some) - _MOST_SHOWN} more" if len(some) > _MOST_SHOWN else ""
    return ", ".join(some[:_MOST_SHOWN]) + more


def _merged(texts: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    written: dict[str, list[str]] = {}
    for text, name in zip(texts, names, strict=True):
        written.setdefault(name, []).append(text)
    return tuple(
        f"labels {listed(map(repr, sorted(set(some))))} are one class, {name}"
        for name, some in sorted(written.items())
        if len(set(some)) > 1
    )


def _distinct(values: Sequence[Any], name: str) -> tuple[list[str], NDArray[np.intp]]:
    """The different texts of labels that are Python's objects, and each label's place among them."""
    places: dict[str, int] = {}
    rows: dict[str, int] = {}
    codes = np.empty(len(values), np.intp)
    for row, value in enumerate(values):
        kind, text = _kind_and_text(value, row, name)
        rows.setdefault(kind, row)
        if len(rows) > 1:
            other = next(iter(rows.values()))
            raise RowError(
                f"{name} must be all numbers or all text, but row {other} has {values[other]!r} and row {row} "
                f"{value!r}: write all of them as text",
                row,
            )
        codes[row] = places.setdefault(text, len(places))
    return list(places), codes


def _kind_and_text(value: Any, row: int, name: str) -> tuple[str, str]:
    if hasattr(value, "item") and not isinstance(value, (str, bytes)):
        value = value.item()  # NumPy's and torch's scalars
    if isinstance(value, str):
        return "text", value
    if isinstance(value, bytes):
        try:
            return "text", value.decode()
        except UnicodeDecodeError:
            message = f"{name} must be text in UTF-8, but that of row {row} is {value!r}: decode it first"
            raise RowError(message, row) from None
    if type(value).__name__ in _MISSING:
        raise RowError(f"{name} must be known, but that of row {row} is {value}: drop the row", row)
    if isinstance(value, (int, float, Decimal, np.floating)):
        text = str(value)
        if exact(text) is None:
            raise RowError(f"{name} must be finite, but that of row {row} is {text}: drop the row", row)
        return "number", text
    raise RowError(
        f"{name} must be numbers or text, but that of row {row} is of type {type(value).__name__}: turn it into text",
        row,
    )
