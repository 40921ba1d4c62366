"""Pieces of a run: condensed runs that differ in temperatures or replicas only, read as the run that they make up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any, Final

from glassnet.store.condensed import CondensedRun, CondensedUnit, condensed_in
from glassnet.store.directory import Identity, RunDirectory, Unit, canonical, first_difference, is_run

_UNITED: Final = ("temperatures", "widths", "batch_sizes", "controls")
"""Fields that list points: the run has the points of all its pieces."""

_FREE: Final = ("shown_chi", "shown_temperature")
"""Fields that change nothing that a condensed run keeps: the first piece's values stand."""


class Pieces:
    """Several runs, read as :class:`RunDirectory` reads one.

    Args:
        runs: each with its path, for messages.

    Raises:
        FileNotFoundError: one of them is not there.
        ValueError: a damaged file, or runs that differ in more than temperatures, replicas and other lists of points.
    """

    def __init__(self, runs: Sequence[tuple[Path, Source]]) -> None:
        self._sources = [source for _, source in runs]
        described: list[_Described] = [(path, source.describe()) for path, source in runs]
        self._description = reduce(_joined, described)[1]

    def describe(self) -> dict[str, Any]:
        """What the run says about itself, with the points and replicas of all pieces."""
        return dict(self._description)

    def unit_end(self, identity: Identity) -> int | None:
        """How far a unit got in the piece that has most of it, in steps of its last stage; None where none has any."""
        return max((end for source in self._sources if (end := source.unit_end(identity)) is not None), default=None)

    def read_unit(self, identity: Identity) -> Unit | CondensedUnit:
        """A unit, from the piece that has most of it; of equal ones the first that kept its value.

        Raises:
            FileNotFoundError: no piece has it.
            ValueError: it is damaged.
        """
        end = self.unit_end(identity)
        found = [source.read_unit(identity) for source in self._sources if source.unit_end(identity) == end is not None]
        if not found:
            raise FileNotFoundError("no piece holds the unit")
        return next((unit for unit in found if unit.value is not None), found[0])


Source = RunDirectory | CondensedRun | Pieces
"""Whatever units are read from."""


def pieces_in(folder: Path) -> list[tuple[Path, Source]]:
    """The condensed runs in a folder that is not a run's own; none where there is no such folder."""
    return [] if is_run(folder) else [(run.path, run) for run in condensed_in(folder)]


def are_pieces(folder: Path) -> bool:
    """Whether a folder holds several condensed runs, all sound, that make up one."""
    try:
        described: list[_Described] = [(path, source.describe()) for path, source in pieces_in(folder)]
        reduce(_joined, described[1:], described[0])
    except (IndexError, ValueError):
        return False
    return len(described) > 1


_Described = tuple[Path, Mapping[str, Any]]


def _joined(one: _Described, other: _Described) -> _Described:
    """The description of two pieces together, under the first one's name."""
    (path, a), (next_path, b) = one, other
    numbers, others = dict(a["request"]), dict(b["request"])
    for name in _UNITED:
        if isinstance(numbers.get(name), list) and isinstance(others.get(name), list):
            numbers[name] = others[name] = sorted({*numbers[name], *others[name]})
    if canonical(numbers.get("quenched")) == canonical((others.get("quenched") or [])[: numbers["replicas"]] or None):
        numbers["quenched"] = others.get("quenched")
    elif canonical(others.get("quenched")) == canonical((numbers.get("quenched") or [])[: others["replicas"]] or None):
        others["quenched"] = numbers.get("quenched")
    numbers["replicas"] = others["replicas"] = max(numbers["replicas"], others["replicas"])
    others |= {name: numbers[name] for name in _FREE if name in numbers}
    for name, mine, theirs in (
        ("experiment", a["experiment"], b["experiment"]),
        ("", numbers, others),
        ("engine", a["engine"], b["engine"]),
    ):
        if (difference := first_difference(mine, theirs, name)) is not None:
            raise ValueError(
                f"{next_path} is no piece of the run of {path}: pieces may differ in temperatures and replicas only, "
                f"but {difference}"
            )
    return path, {**a, "request": numbers, "sessions": [*a["sessions"], *b["sessions"]]}
