"""The request of a user's own experiment whose class is not at hand: its numbers as they are, and its stored points.

It is shown by the usual tables and figures, and is gone on with, verified and condensed as any other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from pydantic import ConfigDict, PrivateAttr, ValidationError

from glassnet.runs.experiment import Experiment, message
from glassnet.runs.own_data import OwnData
from glassnet.runs.point import Measure, Point
from glassnet.runs.point_json import described, points_in, refuse_changed
from glassnet.store.directory import canonical


class Unknown(Experiment):
    """A request as a run's file holds it.

    The fields that all experiments have are checked as theirs are; other numbers are kept, and nothing depends on them.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    generic = True

    _name: str = PrivateAttr("")
    _points: tuple[Point, ...] = PrivateAttr(())
    _measured: dict[str, Point] = PrivateAttr({})

    @classmethod
    def described(cls, name: str, numbers: Mapping[str, Any], points: Any) -> Self:
        """The request of a run.

        Args:
            name: of the experiment.
            numbers: of the request.
            points: as :func:`glassnet.runs.point_json.described` gives them.

        Raises:
            ValueError: they are not what they must be; the message names the field.
        """
        try:
            request = cls.model_validate(dict(numbers))
        except ValidationError as error:
            raise ValueError(message(error)) from None
        canonical(request.numbers)
        request._name = name
        found = points_in(points, request.replicas)
        for i, dataset in enumerate(point.surface.dataset for point in found):
            if isinstance(dataset, OwnData) and dataset != request.dataset:
                raise ValueError(f"points[{i}].surface.dataset must be the run's, {request.dataset}, but is {dataset}")
        request._take(found)
        return request

    def _take(self, points: Sequence[Point]) -> None:
        """Have these points, with the data that this request has at hand."""
        self._points = tuple(
            replace(point, surface=replace(point.surface, dataset=self.dataset))
            if isinstance(point.surface.dataset, OwnData)
            else point
            for point in points
        )
        self._measured = _by_label(self._points)

    def with_data_in(self, folder: Path) -> Self:
        """The same request, whose own data, if any, are read from the folder of a run, at all points."""
        request = super().with_data_in(folder)
        request._take(self._points)
        return request

    @property
    def experiment(self) -> str:  # type: ignore[override]
        """The name that the run's file has."""
        return self._name

    def changed(self, changes: Mapping[str, Any]) -> Self:
        """The same points with more or fewer replicas; what else changes points, only their class knows.

        Raises:
            ValueError: another number.
        """
        other = [name for name, value in changes.items() if name != "replicas" and self.numbers.get(name) != value]
        if other:
            raise ValueError(
                f"{other[0]} can be changed with the class of {self.experiment!r} only: give --experiment FILE.py:CLASS"
            )
        numbers = {**self.numbers, "dataset": self.dataset, **changes}
        return self.described(self._name, numbers, described(self._points))

    def refuse_to_replace(self, stored: Experiment, where: str) -> None:
        """Refuse another request, and other points.

        Raises:
            ValueError: naming what differs.
        """
        super().refuse_to_replace(stored, where)
        try:
            refuse_changed(self._points, described(stored.points()), stored.replicas)
        except ValueError as error:
            raise ValueError(f"{where} was written by another request: {error}; choose another folder") from None

    def points(self) -> tuple[Point, ...]:
        """The points that the run's file describes."""
        return self._points

    @property
    def measured(self) -> Mapping[str, Point]:
        """The points whose last stage is recorded, by their labels; labels that are alike are numbered."""
        return self._measured

    @property
    def replicas_shown(self) -> tuple[Point, ...]:
        """All that are not recorded: the experiment's class may show the weights of any."""
        return tuple(point for point in self._points if not isinstance(point.stage, Measure))


def _by_label(points: Sequence[Point]) -> dict[str, Point]:
    measured = list(dict.fromkeys(point for point in points if isinstance(point.stage, Measure)))
    n = Counter(point.label for point in measured)
    place: Counter[str] = Counter()
    found = {}
    for point in measured:
        place[point.label] += 1
        found[point.label if n[point.label] == 1 else f"{point.label} ({place[point.label]})"] = point
    return found
