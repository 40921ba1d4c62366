"""Pieces of a run: condensed runs that differ in temperatures or replicas only, read as the run that they make up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce
from pathlib import Path
from typing import Any, Final

from glassnet.paper.catalogue import EXPERIMENTS
from glassnet.runs.experiment import Experiment
from glassnet.store.condensed import CondensedRun, CondensedUnit, condensed_in
from glassnet.store.directory import Identity, RunDirectory, Unit, first_difference, is_run

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

    def __init__(self, runs: Iterable[tuple[Path, Source]]) -> None:
        runs = list(runs)
        self._sources = [source for _, source in runs]
        described: Iterable[_Described] = ((path, source.describe()) for path, source in runs)
        self._description = reduce(_joined, described)[1]

    def describe(self) -> dict[str, Any]:
        """Description of the run, with the points and replicas of all pieces."""
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


def n_pieces(folder: Path) -> int:
    """How many condensed runs a folder holds, if all are sound and make up one run; 0 otherwise."""
    try:
        found = pieces_in(folder)
        if found:
            Pieces(found)
    except (OSError, ValueError):
        return 0
    return len(found)


def request_in(path: Path, description: Mapping[str, Any]) -> Experiment:
    """The request that the description of a run holds.

    Args:
        path: the run, for messages.
        description: what the run says about itself.

    Raises:
        ValueError: an experiment or numbers that this version does not know.
    """
    name, numbers = description.get("experiment"), description.get("request")
    if not isinstance(name, str) or name not in EXPERIMENTS:
        raise ValueError(f"{path}: experiment must be one of {', '.join(EXPERIMENTS)}, but is {name!r}")
    if not isinstance(numbers, dict):
        raise ValueError(f"{path}: request must be in the run's description, but is {numbers!r:.200}")
    try:
        return EXPERIMENTS[name].of(numbers)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


_Described = tuple[Path, Mapping[str, Any]]


def _joined(one: _Described, other: _Described) -> _Described:
    """The description of two pieces together, under the first one's path."""
    (path, a), (next_path, b) = one, other
    numbers, others = ({"experiment": r.experiment, **r.numbers} for r in (request_in(path, a), request_in(*other)))
    if numbers["experiment"] == others["experiment"]:
        _unite(numbers, others)
    for name, mine, theirs in (
        ("experiment", numbers.pop("experiment"), others.pop("experiment")),
        ("", numbers, others),
        ("engine", a.get("engine"), b.get("engine")),
    ):
        if (difference := first_difference(mine, theirs, name)) is not None:
            raise ValueError(
                f"{next_path} is no piece of the run of {path}: pieces may differ in temperatures and replicas only, "
                f"but {difference:.400}"
            )
    sessions = [session for run in (a, b) for session in _listed(run.get("sessions"))]
    distinct = [session for i, session in enumerate(sessions) if session not in sessions[:i]]
    return path, {**a, "request": numbers, "sessions": distinct}


def _unite(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Give the numbers of both pieces the values of their run, where pieces may differ."""
    for name in _UNITED:
        if name in one:
            one[name] = other[name] = sorted({*one[name], *other[name]})
    for name in _FREE:
        if name in one:
            other[name] = one[name]
    if "quenched" in one:
        # The given replicas of a smaller piece are the first ones of a larger.
        longest = max(one["quenched"] or [], other["quenched"] or [], key=len)
        for numbers in (one, other):
            if numbers["quenched"] == longest[: numbers["replicas"]]:
                numbers["quenched"] = longest
    one["replicas"] = other["replicas"] = max(one["replicas"], other["replicas"])


def _listed(value: Any) -> list[Any]:
    """A list as it is; anything else as the only entry of one, which whoever reads it refuses."""
    return value if isinstance(value, list) else [value]
