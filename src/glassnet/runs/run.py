"""A run as it stands on the disk, to look at."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, Self, TypeVar, cast

from glassnet.runs.experiment import Experiment
from glassnet.runs.look import Look, kept_waiting_time
from glassnet.runs.pieces import Pieces, Source, n_pieces, pieces_in, request_in
from glassnet.runs.plan import Member
from glassnet.runs.point import EngineIdentity, Point
from glassnet.simulate.concat import concat
from glassnet.simulate.ensemble import Ensemble
from glassnet.simulate.record import Record
from glassnet.store.condensed import CondensedRun, CondensedUnit, condensed_in
from glassnet.store.directory import Identity, RunDirectory, Unit, is_run, runs_in

Request = TypeVar("Request", bound=Experiment)


@dataclass(frozen=True)
class _MadeBy:
    """The engine that made a run: its units are found whatever is installed now."""

    name: str
    version: str
    gradient: str
    full_batch_settings: Mapping[str, Any]


class Run(Generic[Request]):
    """A read-only view of a run.

    Units are read when they are asked for; one that is damaged raises ValueError, naming its file.

    Args:
        path: the run's folder, the file of a condensed run, or a folder of condensed runs that are pieces of one.
        pieces: runs that together are this one, wherever they are; ``path`` is then only its name.
        experiment: class of the run's experiment; None for one that is known by name.

    Raises:
        FileNotFoundError: no run there.
        ValueError: ``run.json`` or the file is damaged, of a later format, or of an experiment that this version does
            not know; pieces that are not of one run.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        pieces: Sequence[Run[Any]] = (),
        experiment: type[Request] | None = None,
    ) -> None:
        self.path = Path(path)
        parts: list[tuple[Path, Source]] = [(run.path, run._source) for run in pieces]
        self._source: Source = Pieces(parts, experiment) if parts else _source(self.path, experiment)
        self.description: Mapping[str, Any] = self._source.describe()
        request = request_in(self.path, self.description, experiment)
        folder = next((run.path for run in pieces or (self,) if not run.is_condensed), None)
        self.request = cast(Request, request if folder is None else request.with_data_in(folder))
        try:
            self._engine: EngineIdentity = _made_by(self.description["engine"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"{self.path}: engine must be in the run's description: {error!r}") from None
        self.look: Look = self._usual_look()

    def __repr__(self) -> str:
        counts = f"{len(self.done)} units done, {len(self.missing)} missing"
        return f"Run({str(self.path)!r}, {self.request.experiment}, {counts})"

    @property
    def is_condensed(self) -> bool:
        """Whether it is kept in condensed form, which can be read but not continued."""
        return not isinstance(self._source, RunDirectory)

    def showing(
        self, *, chi: float | None = None, waiting_time: int | None = None, temperature: float | None = None
    ) -> Self:
        """The same run as it is seen at another chi, waiting time or temperature.

        Raises:
            ValueError: one that was not recorded.
        """
        run = copy(self)
        usual = self._usual_look()
        if waiting_time is None:
            waiting_time = usual.waiting_time
        run.look = self.request.look(chi=chi, waiting_time=waiting_time, temperature=temperature)
        return run

    def _usual_look(self) -> Look:
        """The experiment's choice; of a condensed run the waiting time of which it keeps most."""
        look = self.request.look()
        kept = kept_waiting_time(self.description) if self.is_condensed else None
        return look if kept is None or look.waiting_time is None else self.request.look(waiting_time=kept)

    @property
    def sessions(self) -> list[Mapping[str, Any]]:
        """When, on which machine and with which versions the run was worked on.

        Raises:
            ValueError: the run's description does not say.
        """
        sessions = self.description.get("sessions")
        if not isinstance(sessions, list) or not sessions or not all(map(_is_session, sessions)):
            raise ValueError(f"{self.path}: sessions must say time, versions and machine, but are {sessions!r:.200}")
        return sessions

    @cached_property
    def done(self) -> tuple[tuple[str, int], ...]:
        """Units that are complete, as (label of the point, origin)."""
        return tuple((member.point.label, member.origin) for member in self.members)

    @cached_property
    def missing(self) -> tuple[tuple[str, int], ...]:
        """Units that are not complete, as (label of the point, origin)."""
        return tuple((m.point.label, m.origin) for m, complete in self._complete.items() if not complete)

    def ensemble(self, point: Point) -> Ensemble:
        """The replicas at a point, those that are done.

        Raises:
            ValueError: none is.
        """
        found = [u.value for u in self._units(point).values() if isinstance(u.value, Ensemble)]
        if not found:
            raise self.lacks(point.label)
        return concat(found)

    def lacks(self, what: str) -> ValueError:
        """The error that says what is not there yet, and the command that makes it."""
        if self.is_condensed:
            return ValueError(f"{self.path} is a condensed run and holds no {what}; the run that it was made of may")
        return ValueError(f"{self.path} has no {what} yet; to make it: glassnet resume {shlex.quote(str(self.path))}")

    def results(self, point: Point) -> dict[int, dict[str, float]]:
        """Numbers that were evaluated at a point, losses above all, by origin."""
        return {origin: unit.results for origin, unit in self._units(point).items()}

    @property
    def quenched(self) -> Ensemble:
        """The replicas at the end of the quench, those that are done.

        Raises:
            ValueError: none is, or the experiment has several quenches.
        """
        return self.ensemble(self._quench)

    @property
    def quench_results(self) -> dict[int, dict[str, float]]:
        """Losses, accuracies and the share of awake rows at the end of the quench, by origin."""
        return self.results(self._quench)

    @cached_property
    def records(self) -> dict[Any, Record]:
        """The record of each measurement, with those replicas that are done, by the keys of the request's ``measured``.

        For relaxation these are the temperatures, from hot to cold.
        """
        records = {}
        for key, point in self.request.measured.items():
            values = [unit.value for unit in self._units(point).values()]
            parts = [cut(value, point.n_steps) for value in values if isinstance(value, Record)]
            if parts:
                records[key] = concat(parts)
        return records

    @property
    def record(self) -> Record:
        """The records as one, if they can be.

        Raises:
            ValueError: there is none, or they were recorded at different times.
        """
        if not self.records:
            raise self.lacks("measurement")
        return concat(list(self.records.values()))

    @property
    def asked(self) -> tuple[Member, ...]:
        """All units that the run is to have."""
        return tuple(Member(p, origin) for p in self.request.points() for origin in range(self.request.replicas))

    @property
    def members(self) -> tuple[Member, ...]:
        """The units of :attr:`asked` that are complete."""
        return tuple(member for member, complete in self._complete.items() if complete)

    def identity(self, member: Member) -> Identity:
        """All that a unit depends on."""
        return member.point.identity(member.origin, self._engine)

    def unit(self, member: Member) -> Unit | CondensedUnit:
        """One of :attr:`members`, as it is stored."""
        return self._source.read_unit(self.identity(member))

    @property
    def _quench(self) -> Point:
        point = self.request.quench
        if point is None:
            raise ValueError(f"{self.path}: {self.request.experiment} has several quenches; ask for a point's ensemble")
        return point

    @cached_property
    def _complete(self) -> dict[Member, bool]:
        ends = {member: self._source.unit_end(self.identity(member)) for member in self.asked}
        return {member: end is not None and end >= member.point.n_steps for member, end in ends.items()}

    def _units(self, point: Point) -> dict[int, Unit | CondensedUnit]:
        members = [Member(point, origin) for origin in range(self.request.replicas)]
        return {member.origin: self.unit(member) for member in members if self._complete[member]}


def _is_session(one: Any) -> bool:
    if not isinstance(one, dict) or not all(isinstance(one.get(name), dict) for name in ("versions", "machine")):
        return False
    machine, versions = one["machine"], one["versions"]
    texts = [
        one.get("time"),
        machine.get("processor"),
        machine.get("system"),
        versions.get("glassnet"),
        *versions.values(),
    ]
    return all(isinstance(text, str) for text in texts) and type(machine.get("cores")) is int


def _made_by(engine: Mapping[str, Any]) -> _MadeBy:
    names = ("name", "version", "gradient")
    settings = {name: value for name, value in engine.items() if name not in names and value is not None}
    if not all(isinstance(engine[name], str) for name in names) or not all(type(x) is dict for x in settings.values()):
        raise ValueError(f"engine must say {', '.join(names)}, but says {engine!r:.200}")
    return _MadeBy(engine["name"], engine["version"], engine["gradient"], settings)


def _source(path: Path, experiment: type[Experiment] | None) -> Source:
    if path.is_file():
        return CondensedRun(path)
    return Pieces(found, experiment) if (found := pieces_in(path)) else RunDirectory(path)


def open_run(path: str | os.PathLike[str], *, experiment: type[Experiment] | None = None) -> Run[Any]:
    """Open a run to look at it: its folder, finished or not, its condensed file, or a folder of condensed pieces of it.

    Args:
        path: where the run is.
        experiment: class of the run's experiment, where it is a user's own; a run never names code that is loaded.

    Raises:
        FileNotFoundError: no run there.
        ValueError: ``run.json`` is damaged, of a later format, or of another experiment; a folder of condensed runs
            that are not pieces of one.
    """
    return Run(path, experiment=experiment)


def run_paths(folder: Path) -> list[Path]:
    """The runs at or in a folder, by name.

    Condensed runs in it that are pieces of one run are given as the folder, and so is each folder in it of such pieces.
    """
    if folder.is_file() or is_run(folder):
        return [folder]
    condensed = [folder] if n_pieces(folder) > 1 else [run.path for run in condensed_in(folder)]
    parts = [path for path in folder.glob("*") if path.is_dir() and n_pieces(path)]
    return sorted([*(run.path for run in runs_in(folder)), *condensed, *parts])


def cut(record: Record, until: int) -> Record:
    """The record as it would be had the run ended at ``until``; its ensemble stays where it got to."""
    data = record.data
    if record.elapsed <= until:
        return record
    last = until - int(data.waiting_time[0])
    data = data.sel(time=slice(None, last), sparse_time=slice(None, last), snapshot_time=slice(None, last))
    for name, variable in data.data_vars.items():
        clock = next(dim for dim in ("time", "sparse_time", "snapshot_time") if dim in variable.dims)
        data[name] = variable.where(data.waiting_time + data[clock] <= until)
    data = data.assign_coords(lost_at=data.lost_at.where(data.lost_at < until, -1))
    alive = data.lost_at.values < 0
    return replace(
        record,
        data=data.assign_attrs(record.data.attrs | {"until": until, "elapsed": until}),
        ensemble=replace(record.ensemble, alive=alive),
    )
