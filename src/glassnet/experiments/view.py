"""A run as it stands on the disk, to look at."""

from __future__ import annotations

import os
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from glassnet._concat import concat
from glassnet.ensemble import Ensemble
from glassnet.experiments.plan import wanted
from glassnet.experiments.points import EngineIdentity, Point
from glassnet.experiments.relaxation import Relaxation
from glassnet.record import Record
from glassnet.store.directory import RunDirectory, Unit


@dataclass(frozen=True)
class _MadeBy:
    """The engine that made a run: its units are found whatever is installed now."""

    name: str
    version: str
    gradient: str
    skin_settings: Mapping[str, Any] | None


class Run:
    """A read-only view of a run of the relaxation experiment.

    Units are read when they are asked for; one that is damaged raises ValueError, naming its file.

    Args:
        path: the run's folder.

    Raises:
        FileNotFoundError: no run there.
        ValueError: ``run.json`` is damaged, of a later format, or of an experiment that this version does not know.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._directory = RunDirectory(self.path)
        self.description: Mapping[str, Any] = self._directory.describe()
        if self.description["experiment"] != Relaxation.experiment:
            raise ValueError(
                f"{self.path}: experiment must be {Relaxation.experiment!r}, but is {self.description['experiment']!r}"
            )
        self.request = Relaxation.of(self.description["request"])
        self._engine: EngineIdentity = _made_by(self.description["engine"])

    def __repr__(self) -> str:
        counts = f"{len(self.done)} units done, {len(self.missing)} missing"
        return f"Run({str(self.path)!r}, {self.request.experiment}, {counts})"

    def showing(self, *, chi: float | None = None, waiting_time: int | None = None) -> Run:
        """The same run seen at another chi or waiting time.

        Raises:
            ValueError: one that was not recorded.
        """
        shown: dict[str, float | int] = {}
        for name, value, recorded in (
            ("chi", chi, self.request.chi),
            ("waiting_time", waiting_time, self.request.waiting_times),
        ):
            if value is None:
                continue
            if value not in recorded:
                known = ", ".join(f"{one:g}" for one in recorded)
                raise ValueError(f"{name} must be one that was recorded ({known}), but got {value:g}")
            shown[f"shown_{name}"] = value
        run = copy(self)
        run.request = Relaxation.of(self.request.numbers | shown)
        return run

    @cached_property
    def done(self) -> tuple[tuple[str, int], ...]:
        """Units that are complete, as (label of the point, origin)."""
        return tuple(name for name, complete in self._complete.items() if complete)

    @cached_property
    def missing(self) -> tuple[tuple[str, int], ...]:
        """Units that are not complete, as (label of the point, origin)."""
        return tuple(name for name, complete in self._complete.items() if not complete)

    @property
    def quenched(self) -> Ensemble:
        """The replicas at the end of the quench, those that are done.

        Raises:
            ValueError: none is.
        """
        return concat([u.value for u in self._units(self.request.quench).values() if isinstance(u.value, Ensemble)])

    @property
    def quench_results(self) -> dict[int, dict[str, float]]:
        """Losses, accuracies and the share of awake rows at the end of the quench, by origin."""
        return {origin: unit.results for origin, unit in self._units(self.request.quench).items()}

    @cached_property
    def records(self) -> dict[float, Record]:
        """The record of each temperature, from hot to cold, with those replicas that are done."""
        records = {}
        for temperature, point in self.request.measured.items():
            values = [unit.value for unit in self._units(point).values()]
            parts = [cut(value, wanted(point)) for value in values if isinstance(value, Record)]
            if parts:
                records[temperature] = concat(parts)
        return records

    @property
    def record(self) -> Record:
        """The records of all temperatures as one.

        Raises:
            ValueError: no replica of any temperature is done.
        """
        if not self.records:
            raise ValueError(f"{self.path} has no temperature yet: go on with it first")
        return concat(list(self.records.values()))

    @cached_property
    def _complete(self) -> dict[tuple[str, int], bool]:
        ends = {
            (point.label, origin): (wanted(point), self._directory.unit_end(point.identity(origin, self._engine)))
            for point in self.request.points()
            for origin in range(self.request.replicas)
        }
        return {name: end is not None and end >= complete for name, (complete, end) in ends.items()}

    def _units(self, point: Point) -> dict[int, Unit]:
        origins = [origin for origin in range(self.request.replicas) if self._complete[point.label, origin]]
        return {origin: self._directory.read_unit(point.identity(origin, self._engine)) for origin in origins}


def _made_by(engine: Mapping[str, Any]) -> _MadeBy:
    return _MadeBy(engine["name"], engine["version"], engine["gradient"], engine.get("skin"))


def open_run(path: str | os.PathLike[str]) -> Run:
    """Open the folder of a run, finished or not, to look at it.

    Raises:
        FileNotFoundError: no run there.
        ValueError: ``run.json`` is damaged, of a later format, or of an unknown experiment.
    """
    return Run(path)


def cut(record: Record, until: int) -> Record:
    """What a record would be had the run ended at ``until``, but for the ensemble, which stands where it got to."""
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
