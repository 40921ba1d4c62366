"""Cells: the features of a table's rows as numbers, one row of text after the other."""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from glassnet.datasets.delimiter import with_point
from glassnet.datasets.numerals import NO_VALUE, is_number

_IN_NUMBERS: Final = b"0123456789+-.eE \t"
"""All that a number may hold: text of these is a number just where Python's ``float`` takes it."""

_LIKE_THOUSANDS: Final = re.compile(r"[+-]?[1-9][0-9]{0,2},[0-9]{3}")


class Cells:
    """Numbers ``(row, column)`` in float64, eight bytes each; the first row is left free.

    Args:
        where: the table's name, for messages.
        names: what the columns are called there.
        commas: whether a comma in a number may be a decimal comma. It is one if no number of the table has a point,
            and at least one of those with a comma cannot be thousands, as 1,234 can.
    """

    def __init__(self, where: str, names: Sequence[str], *, commas: bool) -> None:
        self._where, self._names, self._commas = where, names, commas
        self._values = array("d", bytes(8 * len(names)))
        self._point_line = 0
        self._comma: tuple[int, str, str] | None = None
        self._surely_decimal = False

    def add(self, row: Sequence[str], line: int) -> None:
        """Take the next row, which stands on this line of the file.

        Raises:
            ValueError: a cell that is no number, with line, column and what it holds.
        """
        self._values.extend(self._numbers(row, line))

    def add_all(self, rows: NDArray[np.float64]) -> None:
        """Take all rows after the first, ``(row, column)``; no number among them has a comma."""
        self._values.frombytes(rows.tobytes())

    def set_first(self, row: Sequence[str], line: int, places: Sequence[int]) -> None:
        """Take the row before all others; raises as :meth:`add` does, with places for names."""
        self._names = [str(i) for i in places]
        self._values[: len(self._names)] = array("d", self._numbers(row, line))

    def all_rows(self) -> NDArray[np.float64]:
        """The rows, with the first one, which is 0 if it was not set.

        Raises:
            ValueError: numbers with commas that may not be decimal commas.
        """
        if self._comma is not None:
            line, name, text = self._comma
            if self._point_line:
                raise ValueError(
                    f"{self._where}, line {line}: column {name} must be a number with a decimal point, as line "
                    f"{self._point_line} has, but is {text!r}: write all numbers in one way, without separators of "
                    "thousands"
                )
            if not self._surely_decimal:
                raise ValueError(
                    f"{self._where}, line {line}: column {name} must be a number, but {text!r} may have a decimal "
                    "comma or one of thousands: write it with a decimal point or without a comma"
                )
        return np.frombuffer(self._values, np.float64).reshape(-1, len(self._names))

    def labels(self, texts: Sequence[str]) -> list[str]:
        """Labels with points for decimal commas, if all are numbers then and nothing speaks for another meaning."""
        pointed = [with_point(text) or text for text in texts]
        first = next((text.strip() for text in texts if with_point(text)), None)
        plain = not self._commas or self._point_line or any("." in text for text in texts)
        if first is None or plain or not all(map(is_number, pointed)):
            return list(texts)
        if not self._surely_decimal and all(_LIKE_THOUSANDS.fullmatch(text.strip()) for text in texts if "," in text):
            return list(texts)
        self._comma = self._comma or (0, "", first)
        return pointed

    @property
    def rows_after_first(self) -> NDArray[np.float64]:
        """The rows without the first one."""
        return np.array(self._values[len(self._names) :]).reshape(-1, len(self._names))

    @property
    def notes(self) -> tuple[str, ...]:
        """Says that commas were read as decimal commas, if they were."""
        if self._comma is None:
            return ()
        return (f"decimal commas taken: {self._comma[2]} is {with_point(self._comma[2])}",)

    def _numbers(self, row: Sequence[str], line: int) -> list[float]:
        joined = "".join(row)
        if joined.encode("utf-8", "replace").translate(None, _IN_NUMBERS):
            row = [self._with_point(i, text, line) for i, text in enumerate(row)]
        elif self._commas and not self._point_line and "." in joined:
            self._point_line = line
        try:
            return list(map(float, row))
        except ValueError:
            column = next(i for i, text in enumerate(row) if not is_number(text))
            raise self._no_number(column, row[column], line) from None

    def _with_point(self, column: int, text: str, line: int) -> str:
        if is_number(text):
            self._point_line = self._point_line or (line if "." in text else 0)
            return text
        pointed = with_point(text) if self._commas else None
        if pointed is None:
            raise self._no_number(column, text, line)
        if self._comma is None or line < self._comma[0]:
            self._comma = line, self._names[column], text.strip()
        self._surely_decimal |= _LIKE_THOUSANDS.fullmatch(text.strip()) is None
        return pointed

    def _no_number(self, column: int, text: str, line: int) -> ValueError:
        text = text.strip(" \t")
        found = repr(text[:80]) if text else "empty"
        remedy = "write digits with a decimal point and no other signs between them"
        if text.lower() in NO_VALUE:
            remedy = "drop the row or fill it"
        return ValueError(
            f"{self._where}, line {line}: column {self._names[column]} must be a number, but is {found}: {remedy}"
        )
