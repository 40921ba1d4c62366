"""Pieces of a run: condensed runs that differ in temperatures or replicas only, read as the run that they make up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial, reduce
from pathlib import Path
from typing import Any

from glassnet.runs import registry
from glassnet.runs.experiment import Experiment
from glassnet.runs.look import kept_waiting_time, without_looks
from glassnet.runs.point_json import described, refuse_changed
from glassnet.runs.unknown import Unknown
from glassnet.store.condensed import CondensedRun, CondensedUnit, condensed_in
from glassnet.store.directory import Identity, RunDirectory, Unit, first_difference, is_run


class Pieces:
    """Several runs, read as :class:`RunDirectory` reads one.

    Args:
        runs: each with its path, for messages.
        experiment: class of the run's experiment; None for one that is known by name.

    Raises:
        FileNotFoundError: one of them is not there.
        ValueError: a damaged file, or runs that differ in more than temperatures, replicas and other lists of points.
    """

    def __init__(self, runs: Iterable[tuple[Path, Source]], experiment: type[Experiment] | None = None) -> None:
        runs = list(runs)
        self._sources = [source for _, source in runs]
        described: Iterable[_Described] = ((path, source.describe()) for path, source in runs)
        self._description = reduce(partial(_joined, experiment=experiment), described)[1]

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


def request_in(path: Path, description: Mapping[str, Any], experiment: type[Experiment] | None = None) -> Experiment:
    """The request that the description of a run holds.

    Args:
        path: the run, for messages.
        description: what the run says about itself.
        experiment: class of its experiment; None for one that is known by name.

    Returns:
        A request of that class. Without one, of the built-in experiment of that name; and else, if the description has
        the points, one that is shown in the usual way.

    Raises:
        ValueError: another experiment, numbers that it does not know, or points that are no longer those of the class.
    """
    name, numbers = description.get("experiment"), description.get("request")
    if not isinstance(numbers, dict):
        raise ValueError(f"{path}: request must be in the run's description, but is {numbers!r:.200}")
    try:
        if experiment is not None:
            return _of_class(experiment, name, numbers, description)
        if isinstance(name, str) and "points" in description:
            return Unknown.described(registry.checked(name), numbers, description["points"])
        if isinstance(name, str) and registry.is_known(name):
            return registry.known(name).of(without_looks(numbers))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    raise ValueError(
        f"{path}: experiment must be one of {', '.join(registry.names())}, but is {name!r:.200}; for an experiment of "
        "your own whose points are not described there, give its class: --experiment FILE.py:CLASS, in Python "
        "experiment=CLASS"
    )


def _of_class(
    experiment: type[Experiment], name: Any, numbers: Mapping[str, Any], description: Mapping[str, Any]
) -> Experiment:
    registry.refuse_second(experiment)
    if experiment.experiment != name:
        raise ValueError(
            f"experiment must be {experiment.experiment!r}, which {experiment.__qualname__} is, but is {name!r:.200}"
        )
    if "points" in description:
        try:
            request = experiment.of(without_looks(numbers))
            refuse_changed(request.points(), description["points"], request.replicas)
        except ValueError as error:
            raise ValueError(
                f"{experiment.__qualname__} is no longer what the run was made with: {error}; without the class the "
                "run opens with the usual tables and figures"
            ) from None
        return request
    return experiment.of(without_looks(numbers))


_Described = tuple[Path, Mapping[str, Any]]


def _joined(one: _Described, other: _Described, experiment: type[Experiment] | None) -> _Described:
    """The description of two pieces together, under the first one's path."""
    (path, a), (next_path, b) = one, other
    mine, theirs = (request_in(*described, experiment) for described in (one, other))
    numbers, others = ({"experiment": r.experiment, **r.numbers} for r in (mine, theirs))
    if mine.experiment == theirs.experiment:
        if mine.generic and described(mine.points()) != described(theirs.points()):
            raise ValueError(
                f"{next_path} and {path} have other points, and whether they are pieces of one run only their class "
                "knows: give --experiment FILE.py:CLASS, in Python experiment=CLASS"
            )
        _unite(numbers, others, mine.lists)
    for name, first, second in (
        ("experiment", numbers.pop("experiment"), others.pop("experiment")),
        ("", numbers, others),
        ("engine", a.get("engine"), b.get("engine")),
        ("the waiting time kept", *_kept(a, b)),
    ):
        if (difference := first_difference(first, second, name)) is not None:
            raise ValueError(
                f"{next_path} is no piece of the run of {path}: pieces may differ in temperatures and replicas only, "
                f"but {difference:.400}"
            )
    sessions = [session for run in (a, b) for session in _listed(run.get("sessions"))]
    distinct = [session for i, session in enumerate(sessions) if session not in sessions[:i]]
    rounded = next(({"condensed": run["condensed"]} for run in (a, b) if "condensed" in run), {})
    old = {name: run["request"][name] for run in (a, b) for name in run["request"] if name not in numbers}
    joined = {**a, **rounded, "request": old | numbers, "sessions": distinct}
    if "points" in joined and not mine.generic:
        joined["points"] = described(mine.of(without_looks(joined["request"])).points())
    return path, joined


def _kept(a: Mapping[str, Any], b: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """The waiting times of which two pieces keep most; a folder keeps all of every one."""
    kept, other = kept_waiting_time(a), kept_waiting_time(b)
    return (kept, other) if kept is not None and other is not None else (None, None)


def _unite(one: dict[str, Any], other: dict[str, Any], lists: tuple[str, ...]) -> None:
    """Give the numbers of both pieces the values of their run, where pieces may differ."""
    for name in lists:
        one[name] = other[name] = sorted({*one[name], *other[name]})
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
