"""The work that a run still has to do, found by looking at the units that are there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

from glassnet.runs.point import EngineIdentity, Evolve, Measure, Point
from glassnet.store.directory import Checkpoint, Identity, RunDirectory, unit_name


@dataclass(frozen=True)
class Member:
    """One unit: a replica at a point."""

    point: Point
    origin: int


@dataclass(frozen=True)
class Block:
    """Units that are made together: how work is handed out, and nothing else.

    Args:
        members: replicas of one network and one stage; their points differ in l2 at most.
        end: steps of :attr:`Point.whole` that they have behind them; None where they still stand at its beginning.
        checkpoint: where their state is; None where it is in their units or their parents'.
    """

    members: tuple[Member, ...]
    end: int | None
    checkpoint: Path | None

    @property
    def point(self) -> Point:
        """The point of the first; it stands for all where l2 does not matter."""
        return self.members[0].point

    @property
    def origins(self) -> tuple[int, ...]:
        """The origins of the members."""
        return tuple(member.origin for member in self.members)

    @property
    def starts_at_given(self) -> bool:
        """Whether it needs the given replicas themselves: they are not stored yet."""
        return self.point.parent is None and self.point.start is not None and self.checkpoint is None

    @property
    def label(self) -> str:
        """The points that are made, for people."""
        first, last = self.point.label, self.members[-1].point.label
        return first if first == last else f"{first} to {last}"

    @property
    def n_steps(self) -> int:
        """Steps that each replica has before it."""
        return self.point.n_steps - (self.point.n_behind if self.end is None else self.end)

    @property
    def n_replica_steps(self) -> int:
        """Steps of all replicas together."""
        return self.n_steps * len(self.members)

    @property
    def flop(self) -> float:
        """Floating-point operations at most."""
        return float(self.n_replica_steps) * self.point.flop_per_step

    def with_data_in(self, folder: Path) -> Block:
        """The same block, whose own data, if any, are read from the run's folder, so that a copy of it is small."""
        points = {m.point: replace(m.point, surface=m.point.surface.with_data_in(folder)) for m in self.members}
        return replace(self, members=tuple(replace(m, point=points[m.point]) for m in self.members))


@dataclass(frozen=True)
class Plan:
    """The units that are there, and the work that is to be done.

    Args:
        points: what is asked for, parents before their children.
        n_replicas: origins 0 to ``n_replicas`` - 1 of each.
        blocks: the work, in an order in which every block finds its parents done.
        n_done: units that are complete, here or beside this run.
        n_awaited: units that another run makes before this one begins.
        taken: files of other runs to be copied, and to where.
        notes: damaged files, each said once.
    """

    points: tuple[Point, ...]
    n_replicas: int
    blocks: tuple[Block, ...]
    n_done: int
    n_awaited: int
    taken: tuple[tuple[Path, Path], ...]
    notes: tuple[str, ...]

    @property
    def n_units(self) -> int:
        """All units of the run."""
        return len(self.points) * self.n_replicas

    @property
    def flop(self) -> float:
        """Floating-point operations of the work at most."""
        return sum(block.flop for block in self.blocks)


def plan(
    points: Sequence[Point],
    n_replicas: int,
    engine: EngineIdentity,
    directory: RunDirectory,
    awaited: Mapping[str, int] | None = None,
) -> Plan:
    """Look at this run's units and checkpoints, and at the runs in the same folder; nothing is written.

    Every byte of every unit that counts as done is checked.

    Args:
        points: what is asked for, parents before their children.
        n_replicas: how many origins of each.
        engine: who is to make them.
        directory: of the run.
        awaited: units by name, and how far, that runs in the same folder will have made before this one begins.

    Raises:
        ValueError: what is asked for are no points.
    """
    if not isinstance(points, Sequence) or not all(isinstance(point, Point) for point in points):
        raise ValueError(f"points must be a sequence of glassnet.runs.point.Point, but are {points!r:.200}")
    search = _Search(directory)
    checkpoints = search.checkpoints()
    blocks: list[Block] = []
    n_done = n_awaited = 0
    for _, kin in groupby(points, key=_but_for_l2):
        names: dict[str, Member] = {}
        missing: dict[Member, int | None] = {}
        for point in kin:
            for origin in range(n_replicas):
                member, identity = Member(point, origin), point.identity(origin, engine)
                name, end = unit_name(identity), search.end(identity, point.n_steps)
                if end is not None and end >= point.n_steps:
                    n_done += 1
                elif (awaited or {}).get(name, -1) >= point.n_steps:
                    n_awaited += 1
                else:
                    names[name], missing[member] = member, end
        blocks += _blocks(names, missing, checkpoints)
    return Plan(tuple(points), n_replicas, tuple(blocks), n_done, n_awaited, tuple(search.taken), tuple(search.notes))


def left(block: Block, engine: EngineIdentity, directory: RunDirectory) -> list[Block]:
    """The part of a block that is still to be made, and from where, if others went on with it since it was planned.

    Only its own files are looked at: units, the checkpoint it was planned with, and those of all or the missing ones.
    """
    identities = {member: member.point.identity(member.origin, engine) for member in block.members}
    names = {unit_name(identity): member for member, identity in identities.items()}
    ends: dict[Member, int | None] = {}
    for member, identity in identities.items():
        try:
            ends[member] = directory.unit_end(identity)
        except ValueError:  # damaged, and made again
            ends[member] = None
    missing = {member: end for member, end in ends.items() if end is None or end < member.point.n_steps}
    paths = {directory.checkpoint_path(names), directory.checkpoint_path(n for n, m in names.items() if m in missing)}
    found = []
    for path in sorted(paths | ({block.checkpoint} if block.checkpoint else set())):
        with suppress(FileNotFoundError, ValueError):  # none, or damaged
            found.append(directory.checkpoint(path))
    return _blocks({n: m for n, m in names.items() if m in missing}, missing, found)


def _blocks(
    names: Mapping[str, Member], missing: Mapping[Member, int | None], checkpoints: Sequence[Checkpoint]
) -> list[Block]:
    """Kin that is missing as blocks: under way, begun and stored, and not begun."""
    blocks = list(_under_way(names, missing, checkpoints))
    taken = {member for block in blocks for member in block.members}
    rest = {member: end for member, end in missing.items() if member not in taken}
    for end in sorted(set(rest.values()), key=lambda e: -1 if e is None else e):
        blocks.append(Block(tuple(m for m, e in rest.items() if e == end), end, None))
    return blocks


def _but_for_l2(point: Point) -> tuple[Point, int]:
    """Key that neighbours in a list of points must share to be made together; a record has one l2 only."""
    if isinstance(point.stage, Measure):
        return point, point.n_behind
    stages = tuple(replace(stage, l2=None) if isinstance(stage, Evolve) else stage for stage in point.stages)
    return replace(point, surface=replace(point.surface, l2=0.0), stages=stages), point.n_behind


class _Search:
    """Finds units in this run and in those beside it, and remembers what is to be copied or was damaged."""

    def __init__(self, directory: RunDirectory) -> None:
        self._directory = directory
        self._siblings = directory.siblings()
        self.taken: list[tuple[Path, Path]] = []
        self.notes: list[str] = []

    def end(self, identity: Identity, complete: int) -> int | None:
        """How far the best copy of a unit got; None where there is none."""
        best = self._end_in(self._directory, identity)
        source = self._directory
        for sibling in self._siblings:
            if best is not None and best >= complete:
                break
            end = self._end_in(sibling, identity)
            if end is not None and (best is None or end > best):
                best, source = end, sibling
        if source is not self._directory:
            self.taken.append((source.unit_path(identity), self._directory.unit_path(identity)))
        return best

    def _end_in(self, directory: RunDirectory, identity: Identity) -> int | None:
        try:
            return directory.unit_end(identity)
        except ValueError as error:
            self.notes.append(f"{error}; it is not used")
            return None

    def checkpoints(self) -> list[Checkpoint]:
        """The blocks under way."""
        found = []
        for checkpoint in self._directory.checkpoints():
            if isinstance(checkpoint, ValueError):
                self.notes.append(f"{checkpoint}; it is not used")
            else:
                found.append(checkpoint)
        return found


def _under_way(
    names: Mapping[str, Member], stored: Mapping[Member, int | None], checkpoints: Sequence[Checkpoint]
) -> Iterator[Block]:
    """The blocks that checkpoints continue: the replicas that stand furthest in the same one, at the same step."""
    together: dict[tuple[Path, int], list[Member]] = {}
    for name, member in names.items():
        found = [(c.ends[name], c.path) for c in checkpoints if c.ends.get(name, -1) >= (stored[member] or 0)]
        if found:
            end, path = max(found, key=lambda one: one[0])
            together.setdefault((path, end), []).append(member)
    for (path, end), members in together.items():
        yield Block(tuple(members), end, path)
