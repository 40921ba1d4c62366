"""The runner: make what a plan says is missing, block by block, whatever the experiment.

A block's state is kept from time to time, so that a run that was stopped or killed goes on from there. Neither blocks
nor interruptions can be seen in the bits of a unit, but on the torch engine, whose bits may depend on neighbours.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from glassnet.engines import Engine
from glassnet.landscape.hessian import Hessian
from glassnet.landscape.loss import QuadraticHinge
from glassnet.landscape.surface import Landscape
from glassnet.runs.plan import Block, Member, Plan
from glassnet.runs.point import Curvature, Evolve, Measure
from glassnet.runs.quench import taken
from glassnet.simulate import verbs as simulate
from glassnet.simulate.concat import concat
from glassnet.simulate.ensemble import Ensemble, join
from glassnet.simulate.measurement import Progress
from glassnet.simulate.record import Record
from glassnet.store import files, placing
from glassnet.store.belonging import refuse_another
from glassnet.store.directory import RunDirectory, Unit, unit_name
from glassnet.store.values import Value

CHECKPOINT_SECONDS: Final = 10.0
"""How often a block's state is kept."""

_CHECKPOINT_SHARE: Final = 0.02

State = TypeVar("State", Ensemble, Record)


@dataclass(frozen=True)
class Update:
    """How far a block is.

    Args:
        index: its place among the blocks of the plan.
        block: as it stands, which may be further than when it was planned.
        done: replica-steps made since it was taken up.
        total: replica-steps that it then had before it.
        stored: whether its units are on the disk.
    """

    index: int
    block: Block
    done: int
    total: int
    stored: bool


Listener = Callable[[Update], None]


def run(
    plan: Plan,
    engine: Engine,
    directory: RunDirectory,
    *,
    given: Ensemble | None = None,
    on_update: Listener = lambda update: None,
    checkpoint_every: float = CHECKPOINT_SECONDS,
) -> None:
    """Copy what other runs have and make what is missing.

    Args:
        plan: what is to be done in ``directory``, whose ``run.json`` has been written.
        engine: who makes the steps, the same as in the plan.
        directory: where everything is kept.
        given: the replicas that the points start at, where they do not start at random weights; needed only until
            they are stored.
        on_update: hears of progress, about twice a second.
        checkpoint_every: seconds; more where writing a checkpoint would take over 2 % of the time.

    Raises:
        KeyboardInterrupt: stopped by the user; what was done is kept.
        OSError: the disk is full, or the folder cannot be written.
        ValueError: given replicas are needed, but missing or others.
    """
    for source, target in plan.taken:
        placing.take(source, target)
    for i, block in enumerate(plan.blocks):
        make(block, engine, directory, index=i, given=given, on_update=on_update, checkpoint_every=checkpoint_every)
    directory.tidy()


def make(
    block: Block,
    engine: Engine,
    directory: RunDirectory,
    *,
    index: int = 0,
    given: Ensemble | None = None,
    on_update: Listener = lambda update: None,
    checkpoint_every: float = CHECKPOINT_SECONDS,
) -> None:
    """Bring one block to its end, whose parents are stored; arguments and errors as of :func:`run`.

    Updates have the block's ``index`` in its plan. A KeyboardInterrupt that ``on_update`` raises stops it as the user's
    does.
    """
    _Worker(block, index, engine, directory, given, on_update, checkpoint_every).work()


class _Worker:
    """Brings one block to its end."""

    def __init__(
        self,
        block: Block,
        index: int,
        engine: Engine,
        directory: RunDirectory,
        given: Ensemble | None,
        on_update: Listener,
        checkpoint_every: float,
    ) -> None:
        self._block, self._point, self._engine, self._directory = block, block.point, engine, directory
        self._index, self._given = index, given
        self._identities = [member.point.identity(member.origin, engine) for member in block.members]
        self._names = [unit_name(identity) for identity in self._identities]
        self._landscape, self._test = _landscape(block), block.point.surface.test
        self._on_update, self._every = on_update, checkpoint_every
        self._latest: Callable[[], tuple[list[int], Value]] | None = None
        self._written, self._cost = time.monotonic(), 0.0

    def work(self) -> None:
        """Compute, keep checkpoints, store the units."""
        try:
            stage = self._point.stage
            if isinstance(stage, Evolve):
                self._evolve(stage)
            elif isinstance(stage, Measure):
                self._measure(stage)
            else:
                self._look(stage)
        except (KeyboardInterrupt, MemoryError, ValueError):  # the user's, or of the function of a statistic
            self._checkpoint()
            raise
        self._directory.drop_checkpoint(self._names)
        total = self._block.n_replica_steps
        self._on_update(Update(self._index, self._block, total, total, stored=True))

    def _evolve(self, stage: Evolve) -> None:
        start = self._start() if self._block.checkpoint is None else self._under_way(Ensemble)
        target, whole = start.step + self._block.n_steps, self._point.n_steps

        def listen(progress: Progress[Ensemble]) -> None:
            def latest() -> tuple[list[int], Value]:
                now = progress.state()
                return (whole - (target - now.step)).tolist(), now

            self._hear(progress.done, latest)

        quenched = simulate.evolve(
            start,
            self._landscape,
            stage.dynamics,
            self._block.n_steps,
            stop_loss=stage.stop_loss,
            check_every=stage.check_every,
            engine=self._engine,
            on_progress=listen,
        )
        seen = simulate.evaluate(quenched, self._landscape, test=self._test, engine=self._engine)
        for i, identity in enumerate(self._identities):
            results = {str(name): float(values[i]) for name, values in seen.data_vars.items()}
            self._directory.write_unit(identity, Unit(quenched[i], whole, results))

    def _measure(self, stage: Measure) -> None:
        n = len(self._block.members)

        def listen(progress: Progress[Record]) -> None:
            def latest() -> tuple[list[int], Value]:
                now = progress.state()
                return [now.elapsed] * n, now

            self._hear(progress.done - (self._block.end or 0) * n, latest)

        if self._block.end is None:
            record = simulate.measure(
                self._start(),
                self._landscape,
                stage.dynamics,
                waiting_times=stage.waiting_times,
                times=stage.times,
                until=stage.until,
                chi=stage.chi,
                snapshots=stage.snapshots_until,
                test=self._test,
                statistics=stage.statistics,
                engine=self._engine,
                on_progress=listen,
            )
        else:
            so_far = self._stored() if self._block.checkpoint is None else self._under_way(Record)
            record = simulate.extend(
                _with_snapshots(so_far, stage.snapshots_until),
                self._landscape,
                np.setdiff1d(stage.times, so_far.plan.times),
                until=stage.until,
                test=self._test,
                statistics=stage.statistics,
                engine=self._engine,
                on_progress=listen,
            )
        for i, identity in enumerate(self._identities):
            self._directory.write_unit(identity, Unit(record[i], stage.until, {}))

    def _look(self, stage: Curvature) -> None:
        """One replica after another, each stored at once."""
        start = self._start()
        for i, identity in enumerate(self._identities):
            l2 = self._block.members[i].point.l2
            self._directory.write_unit(identity, Unit(start[i], 1, _spectrum(self._landscape, start[i], l2, stage)))
            self._on_update(Update(self._index, self._block, i + 1, len(self._identities), stored=False))

    def _start(self) -> Ensemble:
        """The replicas where the last stage begins."""
        replicas = [self._before(member) for member in self._block.members]
        return replace(join(replicas), noise=np.full(len(replicas), self._point.stage.noise))

    def _before(self, member: Member) -> Ensemble:
        parent = member.point.parent
        if parent is None and member.point.start is not None:
            return taken(self._given, member.origin, member.point.start[member.origin], member.point.dtype)
        if parent is None:
            return member.point.initial((member.origin,))
        return _ensemble(self._directory.read_unit(parent.identity(member.origin, self._engine)).value)

    def _stored(self) -> Record:
        """The units as they were when they ended earlier."""
        values = [self._directory.read_unit(identity).value for identity in self._identities]
        return concat([value for value in values if isinstance(value, Record)])

    def _under_way(self, kind: type[State]) -> State:
        """The block's replicas from its checkpoint, and the block from where they now stand.

        Whoever seemed dead may have gone on with the file since the block was planned.
        """
        path = self._block.checkpoint
        assert path is not None
        value, header = files.read(path)
        if not isinstance(value, kind):
            raise ValueError(f"{path} must hold {kind.__name__}, but holds {type(value).__name__}")
        places = [header["units"].index(name) for name in self._names]
        ends = {int(header["ends"][place]) for place in places}
        if len(ends) > 1:
            raise ValueError(f"{path} was changed by another process: the same command goes on from what it holds")
        self._block = replace(self._block, end=ends.pop())
        for place, identity in zip(places, self._identities, strict=True):
            try:
                refuse_another(value[[place]], identity, header["ends"][place])
            except ValueError as error:
                raise ValueError(f"{path} is not of this run: {error}; remove it to begin the block again") from error
        return value[places]

    def _hear(self, done: int, latest: Callable[[], tuple[list[int], Value]]) -> None:
        self._latest = latest
        if time.monotonic() - self._written > max(self._every, self._cost / _CHECKPOINT_SHARE):
            self._checkpoint()
        self._on_update(Update(self._index, self._block, done, self._block.n_replica_steps, stored=False))

    def _checkpoint(self) -> None:
        if self._latest is None:
            return
        began = time.monotonic()
        ends, value = self._latest()
        self._directory.write_checkpoint(dict(zip(self._names, ends, strict=True)), value)
        self._written = time.monotonic()
        self._cost = self._written - began


def _spectrum(landscape: Landscape, replica: Ensemble, l2: float, stage: Curvature) -> dict[str, float]:
    """Both ends of the spectrum, numbered from the outside; nothing but ``converged`` 0 where they were not found."""
    try:
        found = Hessian(landscape, replica.weights[0], l2=l2).extremes(stage.n_eigenvalues)
    except RuntimeError:
        return {"converged": 0.0}
    smallest = {f"smallest_{k}": float(value) for k, value in enumerate(found.smallest)}
    largest = {f"largest_{k}": float(value) for k, value in enumerate(found.largest)}
    return {"converged": 1.0, "residual": found.residual, **smallest, **largest}


def _landscape(block: Block) -> Landscape:
    """The landscape of the replicas of a block, each with the l2 of its own point."""
    l2 = [member.point.l2 for member in block.members]
    return replace(block.point.surface.landscape, loss=QuadraticHinge(l2[0] if len(set(l2)) == 1 else l2))


def _ensemble(value: Value) -> Ensemble:
    return value if isinstance(value, Ensemble) else value.ensemble


def _with_snapshots(record: Record, times: NDArray[np.int64]) -> Record:
    """The record with room for displacements at later times, such as a longer run has from its beginning."""
    return replace(record, data=record.data.reindex(snapshot_time=times))
