"""Data frames of pandas, polars or pyarrow, column by column: each as it is, none by way of another kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassnet import _check
from glassnet.datasets.label_column import usual_column
from glassnet.datasets.labels import listed
from glassnet.datasets.table import refuse_inexact


def is_frame(values: Any) -> bool:
    """Whether it is a data frame: pandas has ``iloc``, polars ``to_series``, pyarrow's table ``column_names``."""
    return (hasattr(values, "columns") and (hasattr(values, "iloc") or hasattr(values, "to_series"))) or (
        hasattr(values, "column_names") and hasattr(values, "column")
    )


def columns_of(frame: Any) -> list[str]:
    """Names of its columns; its index is none of them."""
    return [str(name) for name in getattr(frame, "column_names", frame.columns)]


def parted(frame: Any, label: str | int | None, where: str) -> tuple[NDArray[Any], NDArray[Any], tuple[str, ...]]:
    """Features ``(row, column)`` of a frame, its labels, and the names of the features' columns.

    Args:
        frame: pandas', polars' or pyarrow's.
        label: the labels' column: its name, or its index (negative ones count from the end); None looks for one of
            ``label_column.LABEL_NAMES``.
        where: what errors call the frame.

    Raises:
        ValueError: no such column, or several; a feature that is no number; a value that is missing.
    """
    names = columns_of(frame)
    place = _label_place(frame, names, label, where)
    others = [i for i in range(len(names)) if i != place]
    labels = _values(frame, place, names[place], where)
    return joined(frame, where, others), labels, tuple(names[i] for i in others)


def _label_place(frame: Any, names: list[str], label: str | int | None, where: str) -> int:
    if label is None:
        return usual_column(where, names)
    named = [i for i, name in enumerate(getattr(frame, "column_names", frame.columns)) if _same(name, label)]
    if len(named) > 1:
        raise ValueError(f"label must be one column of {where}, but {len(named)} are called {label!r}: give an index")
    if isinstance(label, str):
        if not named:
            raise ValueError(f"label must be one of the columns of {where} ({listed(names)}), but got {label!r}")
        return named[0]
    n = len(names)
    place = _check.integer("label", label, low=-n, high=n - 1) % n if not named or -n <= label < n else named[0]
    if named and named[0] != place:
        raise ValueError(
            f"label must be one column of {where}, but {label} is the name of column {named[0]} and the place of "
            f"another, {names[place]!r}: rename them"
        )
    return place


def _same(name: Any, label: str | int) -> bool:
    return isinstance(name, str) == isinstance(label, str) and bool(name == label)


def joined(frame: Any, where: str, places: Sequence[int] | None = None) -> NDArray[Any]:
    """Columns of a frame ``(row, column)``, all of them if none are named.

    Raises:
        ValueError: a column that is no number, or lacks one.
    """
    names = columns_of(frame)
    places = range(len(names)) if places is None else places
    columns = [_numbers(_values(frame, i, names[i], where), names[i], where) for i in places]
    if not columns:
        raise ValueError(f"{where} must have columns of features beside the labels, but has only {listed(names)}")
    kind = np.result_type(*(column.dtype for column in columns))
    for place, column in zip(places, columns, strict=True):
        refuse_inexact(column[:, None], where, (names[place],))
    return np.stack([column.astype(kind, copy=False) for column in columns], axis=1)


def _values(frame: Any, place: int, name: str, where: str) -> NDArray[Any]:
    if hasattr(frame, "iloc"):
        column = frame.iloc[:, place]
        missing = column.isna()
    else:
        column = frame.to_series(place) if hasattr(frame, "to_series") else frame.column(place)
        missing = column.is_null()
    gaps = np.asarray(missing.to_numpy(), bool)
    if gaps.any():
        raise ValueError(
            f"{where}, row {int(np.argmax(gaps))}: column {name} must have a value, but it is missing: drop the row or "
            "fill it"
        )
    try:
        return np.asarray(column.to_numpy())
    except Exception:  # polars has integers of 128 bits, NumPy has none
        return np.array(column.to_list(), object)


def _numbers(values: NDArray[Any], name: str, where: str) -> NDArray[Any]:
    if values.dtype.kind == "O":
        as_numbers = np.array(values.tolist())
        if as_numbers.ndim == 1 and as_numbers.dtype.kind in "fiub" and as_numbers.tolist() == values.tolist():
            return as_numbers
    if values.ndim == 1 and values.dtype.kind in "fiub":
        return values
    kind = "text" if values.dtype.kind in "UOT" and isinstance(values.flat[0], str) else str(values.dtype)
    example = f" ({values.flat[0]!r} in row 0)" if values.size else ""
    raise ValueError(
        f"column {name} of {where} must be numbers, but is {kind}{example}: leave it out or make numbers of it"
    )
