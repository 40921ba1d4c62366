"""What a run still has to do, found by looking at what is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from glassnet.experiments.points import EngineIdentity, Evolve, Point
from glassnet.store.directory import Checkpoint, Identity, RunDirectory, unit_name


@dataclass(frozen=True)
class Block:
    """Replicas of one point that stand at the same place: how work is handed out, and nothing else.

    Args:
        point: where they belong.
        origins: who they are.
        end: steps of the last stage that they have behind them; None where they still stand at its beginning.
        checkpoint: where their state is; None where it is in their units or their parents'.
    """

    point: Point
    origins: tuple[int, ...]
    end: int | None
    checkpoint: Path | None

    @property
    def n_steps(self) -> int:
        """Steps that each replica has before it."""
        return wanted(self.point) - (self.end or 0)

    @property
    def flop(self) -> float:
        """What they cost at most."""
        return float(self.n_steps) * len(self.origins) * self.point.flop_per_step


@dataclass(frozen=True)
class Plan:
    """What there is and what is to be done.

    Args:
        points: what is asked for, parents before their children.
        n_replicas: origins 0 to ``n_replicas`` - 1 of each.
        blocks: the work, in an order in which every block finds its parents done.
        n_done: units that are complete, here or beside this run.
        taken: files of other runs to be copied, and to where.
        notes: damaged files, each said once.
    """

    points: tuple[Point, ...]
    n_replicas: int
    blocks: tuple[Block, ...]
    n_done: int
    taken: tuple[tuple[Path, Path], ...]
    notes: tuple[str, ...]

    @property
    def n_units(self) -> int:
        """All units of the run."""
        return len(self.points) * self.n_replicas

    @property
    def flop(self) -> float:
        """What the work costs at most."""
        return sum(block.flop for block in self.blocks)


def plan(points: Sequence[Point], n_replicas: int, engine: EngineIdentity, directory: RunDirectory) -> Plan:
    """Look at this run's units and checkpoints, and at the runs in the same folder; nothing is written.

    Every byte of every unit that counts as done is checked.
    """
    search = _Search(directory)
    checkpoints = search.checkpoints()
    blocks: list[Block] = []
    n_done = 0
    for point in points:
        identities = {origin: point.identity(origin, engine) for origin in range(n_replicas)}
        ends = {origin: search.end(identity, wanted(point)) for origin, identity in identities.items()}
        missing = {origin: end for origin, end in ends.items() if end is None or end < wanted(point)}
        n_done += n_replicas - len(missing)
        names = {unit_name(identities[origin]): origin for origin in missing}
        for block in _under_way(point, names, missing, checkpoints):
            blocks.append(block)
            for origin in block.origins:
                del missing[origin]
        for end in sorted(set(missing.values()), key=lambda e: -1 if e is None else e):
            blocks.append(Block(point, tuple(o for o, e in missing.items() if e == end), end, None))
    return Plan(tuple(points), n_replicas, tuple(blocks), n_done, tuple(search.taken), tuple(search.notes))


def wanted(point: Point) -> int:
    """Steps of its last stage with which a unit is complete."""
    return point.stage.n_steps if isinstance(point.stage, Evolve) else point.stage.until


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
        """The blocks under way, the furthest first."""
        found = []
        for checkpoint in self._directory.checkpoints():
            if isinstance(checkpoint, ValueError):
                self.notes.append(f"{checkpoint}; it is not used")
            else:
                found.append(checkpoint)
        return sorted(found, key=lambda c: sum(c.ends.values()), reverse=True)


def _under_way(
    point: Point, names: dict[str, int], stored: dict[int, int | None], checkpoints: Sequence[Checkpoint]
) -> Iterator[Block]:
    """The blocks that checkpoints continue: of each checkpoint the missing replicas that stand at the same step."""
    left = dict(names)
    for checkpoint in checkpoints:
        ends = {
            left[name]: end
            for name, end in checkpoint.ends.items()
            if name in left and end >= (stored[left[name]] or 0)
        }
        for end in sorted(set(ends.values())):
            yield Block(point, tuple(o for o, e in ends.items() if e == end), end, checkpoint.path)
        left = {name: origin for name, origin in left.items() if origin not in ends}
