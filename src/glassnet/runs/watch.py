"""A run that is being made, seen from outside: how far each point is, and what it has found so far.

Only the store is looked at, files of units and checkpoints; whoever works on the run, here or elsewhere, is not asked
and not hindered. A checkpoint is written every ten seconds or so, which is how old what is seen may be.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

import numpy as np

from glassnet.analysis.conditions import condition_row
from glassnet.engines import Cpu
from glassnet.runs.experiment import Experiment
from glassnet.runs.plan import Member
from glassnet.runs.point import Measure, Point
from glassnet.runs.run import Run
from glassnet.runs.table import chi_of, waiting_time_of
from glassnet.simulate import verbs as simulate
from glassnet.simulate.concat import concat
from glassnet.simulate.ensemble import Ensemble, join
from glassnet.simulate.record import Record
from glassnet.store import files
from glassnet.store.directory import RunDirectory, unit_name
from glassnet.store.values import Value

_REMEMBERED: Final = 30
"""Observations that the speed is taken from."""

_LOOK_FLOP: Final = 2e9
"""Most work spent to find the loss of a quench under way: a tenth of a second of one core."""

MOST_POINTS: Final = 24
"""Number of points beyond which only those under way are looked into."""


@dataclass(frozen=True)
class Found:
    """Means over the replicas of a point so far, at the last time ``t``.

    Means over the replicas that were not lost; None where nothing is known yet. ``overlap`` and ``tau_90`` are of
    relaxation, at the waiting time and chi that the run shows; ``tau_90`` is "> t" while it has not been reached.

    Args:
        data_loss: of the training data; while a quench is under way perhaps of its first replicas only.
        t: steps since the reference.
        msd: mean square displacement.
        overlap: Q.
        tau_90: steps, or where it lies.
        n_lost: replicas that diverged.
    """

    data_loss: float | None = None
    t: int | None = None
    msd: float | None = None
    overlap: float | None = None
    tau_90: float | str | None = None
    n_lost: int = 0


@dataclass(frozen=True)
class Standing:
    """How a point stands.

    Args:
        label: of the point.
        n_replicas: how many it is to have.
        step: of the last stage, of the replica that is furthest behind among those begun; 0 where none is.
        n_steps: that a replica makes there.
        share: of the work that is done, 0 to 1.
        found: what has been seen; of a run with more than ``MOST_POINTS`` points only while they are under way.
    """

    label: str
    n_replicas: int
    step: int
    n_steps: int
    share: float
    found: Found


@dataclass(frozen=True)
class Status:
    """The state of a run at one moment.

    Args:
        points: each with how it stands, in the run's order.
        share: of the work of all, 0 to 1.
        seconds_left: at the speed seen while watching; None before it has been seen.
        worker: the process that works on the run, None where none does.
        problems: files that cannot be read.
    """

    points: tuple[Standing, ...]
    share: float
    seconds_left: float | None
    worker: str | None
    problems: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether all is done."""
        return self.share >= 1.0


class Watch:
    """Looks at a run's folder again and again; what has not changed is not read again.

    Args:
        path: the folder of a run, begun or finished.
        experiment: class of its experiment, where it is a user's own.

    Raises:
        FileNotFoundError: no run there.
        ValueError: a condensed run, which nobody works on, or a damaged description.
    """

    def __init__(self, path: Path, experiment: type[Experiment] | None = None) -> None:
        self._run: Run[Any] = Run(path, experiment=experiment)
        if self._run.is_condensed:
            raise ValueError(f"run must be the folder of a run, but {path} is condensed, and nobody works on it")
        self._directory = RunDirectory(path)
        members = [Member(p, o) for p in self._run.request.points() for o in range(self._run.request.replicas)]
        self._names = {unit_name(self._run.identity(member)): member for member in members}
        self._seen: dict[Path, tuple[int, dict[str, int], dict[str, float]]] = {}
        self._found: dict[tuple[Point, tuple[tuple[Path, int], ...]], Found] = {}
        self._speeds: deque[tuple[float, float]] = deque(maxlen=_REMEMBERED)

    def showing(self, **chosen: Any) -> Self:
        """The same at another chi, waiting time or temperature, as :meth:`Run.showing` has them."""
        self._run = self._run.showing(**chosen)
        return self

    def look(self) -> Status:
        """See how it stands now."""
        problems: list[str] = []
        ends: dict[Member, int] = {}
        files_of: dict[Point, dict[Path, list[str]]] = {}
        for path, names in self._files(problems):
            for name, end in names.items():
                member = self._names.get(name)
                # Of a unit and an older checkpoint of it the further one counts.
                if member is None or end < ends.get(member, -1):
                    continue
                ends[member] = end
                for others in files_of.setdefault(member.point, {}).values():
                    if name in others:
                        others.remove(name)
                files_of[member.point].setdefault(path, []).append(name)
        points = tuple(self._standing(point, ends, files_of.get(point, {})) for point in self._run.request.points())
        works = [_work(point) * self._run.request.replicas for point in self._run.request.points()]
        whole = sum(works)
        done = sum(work * standing.share for work, standing in zip(works, points, strict=True))
        complete = all(standing.share >= 1.0 for standing in points)
        share = 1.0 if complete else min(done / whole, 0.9999) if whole else 0.0
        return Status(points, share, self._seconds_left(done, whole), self._directory.holder(), tuple(problems))

    def _files(self, problems: list[str]) -> Iterator[tuple[Path, dict[str, int]]]:
        """Units and checkpoints: the file, and how far each replica in it is."""
        # A block's checkpoint goes when its units are there: looked for first, neither is missed.
        paths = [p for folder in ("checkpoints", "units") for p in sorted((self._run.path / folder).glob("*.zarr.zip"))]
        for path in paths:
            with suppress(FileNotFoundError):  # whoever worked on it is done with it
                stamp = path.stat().st_mtime_ns
                if path not in self._seen or self._seen[path][0] != stamp:
                    try:
                        header = files.read_header(path)
                        names = header["units"] if "units" in header else [path.name.removesuffix(".zarr.zip")]
                        ends = header["ends"] if "units" in header else [header["end"]]
                        results = header.get("results", {})
                        self._seen[path] = stamp, dict(zip(names, ends, strict=True)), results
                    except (ValueError, KeyError, TypeError) as error:
                        problems.append(str(error))
                        continue
                yield path, self._seen[path][1]

    def _standing(self, point: Point, ends: dict[Member, int], where: dict[Path, list[str]]) -> Standing:
        n, behind = self._run.request.replicas, point.n_behind
        whole = point.n_steps - behind
        begun = [ends[m] - behind for m in (Member(point, origin) for origin in range(n)) if m in ends]
        steps = [min(max(step, 0), whole) for step in begun]
        share = sum(steps) / (n * whole) if whole else len(steps) / n
        found = Found()
        if len(self._run.request.points()) <= MOST_POINTS or 0.0 < share < 1.0:
            key = point, tuple((path, self._seen[path][0]) for path in sorted(where) if where[path])
            if key not in self._found:
                self._found = {old: found for old, found in self._found.items() if old[0] != point}
                self._found[key] = self._look_into(point, {path: names for path, names in where.items() if names})
            found = self._found[key]
        return Standing(point.label, n, min(steps, default=0), whole, share, found)

    def _look_into(self, point: Point, where: dict[Path, list[str]]) -> Found:
        if not isinstance(point.stage, Measure) and all(self._seen[path][2] for path in where):
            results = [self._seen[path][2] for path in where]
            alive = [found for found in results if found.get("alive", 1.0)]
            losses = [found["data_loss"] for found in alive if "data_loss" in found]
            return Found(float(np.mean(losses)) if losses else None, n_lost=len(results) - len(alive))
        values: list[Value] = []
        for path, names in where.items():
            with suppress(FileNotFoundError, ValueError):  # gone or changed since: the next look will see
                value, header = files.read(path)
                values.append(value[[header["units"].index(name) for name in names]] if "units" in header else value)
        records = [value for value in values if isinstance(value, Record)]
        if isinstance(point.stage, Measure) and records:
            # Blocks stand at different steps: the largest is looked at.
            by_step: dict[int, list[Record]] = {}
            for record in records:
                by_step.setdefault(record.elapsed, []).append(record)
            most = max(by_step.values(), key=lambda group: sum(len(record.ensemble) for record in group))
            return replace(_of_record(concat(most), self._run), n_lost=sum(record.n_lost for record in records))
        ensembles = [value for value in values if isinstance(value, Ensemble)]
        if not ensembles:
            return Found()
        together = join(ensembles)
        still = np.flatnonzero(together.alive)
        n_lost = len(together) - len(still)
        if not len(still):
            return Found(n_lost=n_lost)
        one = 2.0 * point.surface.network.n_weights * point.surface.n_samples
        some = still[: max(1, int(_LOOK_FLOP / one))]
        # One thread, so that who works on the run keeps the others.
        seen = simulate.evaluate(together[some], point.landscape, engine=Cpu(threads=1))
        return Found(data_loss=float(seen["data_loss"].mean()), n_lost=n_lost)

    def _seconds_left(self, done: float, whole: float) -> float | None:
        """At the mean speed since the first of the remembered observations."""
        if not self._speeds or done != self._speeds[-1][1]:
            self._speeds.append((time.monotonic(), done))
        (began, then), (_, now) = self._speeds[0], self._speeds[-1]
        seconds = time.monotonic() - began
        return (whole - done) * seconds / (now - then) if now > then else None


def _work(point: Point) -> float:
    return float(point.n_steps - point.n_behind) * point.flop_per_step


def _of_record(record: Record, run: Run[Any]) -> Found:
    data = record.data
    found: dict[str, Any] = {"n_lost": record.n_lost}
    losses = data["data_loss"].mean("replica").stack(seen=("waiting_time", "time")).dropna("seen")
    if losses.size:
        when = (losses["waiting_time"] + losses["time"]).values
        found["data_loss"] = float(losses[int(np.argmax(when))])
    times, shown = data["time"].values, waiting_time_of(run, record)
    if record.elapsed < shown:
        return Found(**found)
    chi = chi_of(run, record)
    row = condition_row(record, chi=chi, waiting_time=shown)
    found |= {"t": row["t"], "msd": _finite(row["msd"])}
    if chi is not None:
        found["overlap"] = _finite(row["q"])
        if row["t"]:
            where = {"below the first save time": f"< {times[times > 0][0]}", "not reached": f"> {row['t']}"}
            number = _finite(row["tau_90"])
            found["tau_90"] = where.get(str(row["outcome"])) if number is None else number
    return Found(**found)


def _finite(value: Any) -> float | None:
    return value if isinstance(value, float) and math.isfinite(value) else None
