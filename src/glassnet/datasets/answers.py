"""Answers that a network is trained on: sides +1 and -1, classes 0 to k - 1, or numbers to regress on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassnet.datasets.labels import listed
from glassnet.datasets.numerals import exact
from glassnet.datasets.table import Table, sides


@dataclass(frozen=True)
class Answers:
    """A label for each class; classes without one are left out.

    Args:
        value_of: the label of each class of the training set.
        kind: ``"sides"``, ``"classes"`` or ``"regression"``.
    """

    value_of: Mapping[str, float]
    kind: str

    @property
    def told(self) -> dict[str, Any]:
        """Part of the fingerprint of the preparation; for sides the same as in earlier versions."""
        return {"sides": dict(self.value_of)} if self.kind == "sides" else {self.kind: True}

    @property
    def about(self) -> str:
        """Which class has which label."""
        if self.kind == "regression":
            return "numbers as they are"
        if self.kind == "classes":
            return "; ".join(f"{place}: {name}" for place, name in enumerate(self.value_of))
        return f"+1: {self._side(1)}; -1: {self._side(-1)}"

    @property
    def options(self) -> dict[str, Any]:
        """Arguments of a data set that describe its labels."""
        if self.kind == "classes":
            return {"n_classes": len(self.value_of), "classes": tuple(self.value_of)}
        return {"regression": True} if self.kind == "regression" else {}

    def kept(self, rows: Table) -> Table:
        """The rows whose classes have a label.

        Raises:
            ValueError: there are none.
        """
        if self.kind == "regression":
            return rows
        keep = np.array([name in self.value_of for name in rows.classes])[rows.codes]
        if not keep.any():
            raise ValueError(f"{rows.where} must have rows of the classes {listed(self.value_of)}, but has none")
        return rows if keep.all() else taken(rows, keep)

    def labels(self, rows: Table) -> NDArray[np.float64]:
        """One entry a row."""
        value_of = numbers(rows) if self.kind == "regression" else self.value_of
        return np.array([value_of.get(name, 0.0) for name in rows.classes], np.float64)[rows.codes]

    def counted(self, rows: Table) -> str:
        """Which class has which label, and how many rows."""
        if self.kind == "regression":
            labels = self.labels(rows)
            return f"labels are numbers from {labels.min():g} to {labels.max():g}"
        n_rows = dict(zip(rows.classes, np.bincount(rows.codes, minlength=len(rows.classes)).tolist(), strict=True))
        of = {name: f"{name} ({n_rows.get(name, 0)})" for name in self.value_of}
        if self.kind == "classes":
            return "; ".join(f"{place}: {of[name]}" for place, name in enumerate(self.value_of))
        return "; ".join(
            f"{side:+d}: {listed(of[name] for name, value in self.value_of.items() if value == side)}"
            for side in (1, -1)
        )

    def refuse_one_sided(self, rows: Table, n: int) -> None:
        """Refuse to train on the first ``n`` rows where they lack a side or a class.

        Raises:
            ValueError: with what is lacking.
        """
        if self.kind == "regression":
            return
        there = set(self.labels(rows)[:n].tolist())
        if self.kind == "sides" and len(there) < 2:
            raise ValueError(
                f"{rows.where} must have both sides among the {n} rows to train on, but all are "
                f"{'+1' if there == {1.0} else '-1'}: take more or shuffle them"
            )
        missing = [name for name, value in self.value_of.items() if value not in there]
        if self.kind == "classes" and missing:
            raise ValueError(
                f"{rows.where} must have all classes among the {n} rows to train on, but lacks {listed(missing)}: "
                "take more or shuffle them"
            )

    def _side(self, side: int) -> str:
        return listed(name for name, value in self.value_of.items() if value == side)


def answers(
    rows: Table, positive: Sequence[object] | str | None, negative: Sequence[object] | str | None, regression: bool
) -> Answers:
    """Answers made of the labels of these rows.

    Raises:
        ValueError: classes that there are not, one only, or labels that look like numbers to regress on.
    """
    if regression:
        if positive is not None or negative is not None:
            raise ValueError("regression must not be given with positive or negative, which are of classes")
        return Answers(numbers(rows), "regression")
    if positive is not None or negative is not None or len(rows.classes) <= 2:
        return Answers(sides(rows, positive, negative), "sides")
    fractions = [name for name in rows.classes if not _is_whole(name)]
    if fractions or len(rows.classes) == len(rows.codes):
        why = f"numbers such as {fractions[0]}" if fractions else "another for every row"
        raise ValueError(
            f"positive must say which classes are +1, as {rows.where} has {len(rows.classes)}: {listed(rows.classes)}; "
            f"labels are {why}, so that they are not taken for classes 0 to {len(rows.classes) - 1}: "
            "for numbers to regress on say regression=True"
        )
    return Answers({name: place for place, name in enumerate(rows.classes)}, "classes")


def numbers(rows: Table) -> dict[str, float]:
    """The number that each class is.

    Raises:
        ValueError: one is none.
    """
    found = {}
    for place, name in enumerate(rows.classes):
        if (number := exact(name)) is None:
            row = int(np.argmax(rows.codes == place))
            raise ValueError(
                f"labels of {rows.where} must be numbers with regression, but that of row {row} is {name!r}"
            )
        found[name] = float(number)
    return found


def taken(rows: Table, which: NDArray[np.bool_]) -> Table:
    """Some of the rows."""
    return replace(rows, features=rows.features[which], codes=rows.codes[which])


def _is_whole(name: str) -> bool:
    number = exact(name)
    return number is None or number == number.to_integral_value()
