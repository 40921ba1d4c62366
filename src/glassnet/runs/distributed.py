"""The runner on the workers of a Dask cluster, whatever the experiment.

Dask decides where and when. glassnet says what there is to do and what comes before it: a task is a few units of one
point, and its future depends on those of the units that it starts from.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final, Union

from glassnet.engines import Engine
from glassnet.runs.joining import Answer, Workers
from glassnet.runs.plan import Block, Plan
from glassnet.runs.point import Point
from glassnet.runs.runner import CHECKPOINT_SECONDS, Listener, Update, make
from glassnet.runs.tasks import TOPIC, Task, packed, work_on
from glassnet.simulate.ensemble import Ensemble
from glassnet.store import placing
from glassnet.store.directory import RunDirectory

if TYPE_CHECKING:
    from distributed import Client, Future

_TASK_FLOP: Final = 1e9
"""Units of a point are put together up to so many: a hundredth of a second, ten times what handing them out takes."""

_REPORT_SECONDS: Final = 0.5
_REPORTS_PER_SECOND: Final = 200
"""Limit for all workers together, since every one passes through the scheduler."""

_TOPICS: Final = (TOPIC, "all")
"""Events that are listened to; in the second the scheduler says which workers join."""

_WAIT_SECONDS: Final = 4.0
"""Without a worker until it is said for the first time; then twice as long each time."""


def run(
    plan: Plan,
    engine: Engine,
    directory: RunDirectory,
    client: Client,
    *,
    given: Ensemble | None = None,
    on_update: Listener = lambda update: None,
    on_waiting: Callable[[float], None] = lambda seconds: None,
    on_refused: Callable[[str], Any] = warnings.warn,
    checkpoint_every: float = CHECKPOINT_SECONDS,
) -> None:
    """Copy what other runs have, and have workers make what is missing: :func:`glassnet.runs.runner.run`.

    Args:
        plan: what is to be done in ``directory``, whose ``run.json`` has been written.
        engine: who makes the steps, the same as in the plan. A worker does as many tasks at once as it has threads,
            each with the threads of this engine: one is right, unless the workers have been given one themselves.
        directory: where everything is kept; the workers must see it under the same path.
        client: of the scheduler. Workers that have another glassnet than this process are refused and get no task.
        given: the replicas that the points start at; they are stored here, before anything is handed out.
        on_update: hears of progress, in this thread.
        on_waiting: is told for how many seconds there has been no worker, ever more rarely.
        on_refused: is told of each worker that is refused, and why.
        checkpoint_every: seconds.

    Raises:
        KeyboardInterrupt: stopped by the user; workers keep checkpoints and stop within a second or so.
        ConnectionError: the scheduler was lost.
        ChildProcessError: too many workers died of one task.
        OSError: the disk is full, or the folder cannot be written.
        ValueError: a worker does not see the folder, or has another version of the engine; every worker has another
            glassnet; given replicas are needed, but missing or others; a statistic's function cannot be sent.
    """
    for block in plan.blocks:
        packed(block)  # before anything is made
    for source, target in plan.taken:
        placing.take(source, target)
    handed_out: dict[int, Block] = {}
    for i, block in enumerate(plan.blocks):
        if block.starts_at_given:
            make(block, engine, directory, index=i, given=given, on_update=on_update)
        else:
            handed_out[i] = block
    pieces = {i: list(_pieces(block)) for i, block in handed_out.items()}
    every = _report_every(sum(map(len, pieces.values())), client)
    session, path = os.urandom(8).hex(), directory.path.absolute()
    tasks = {
        i: [
            Task(f"glassnet-{session}-{i}-{j}", path, piece, engine, checkpoint_every, every)
            for j, piece in enumerate(its)
        ]
        for i, its in pieces.items()
    }
    _Handing(client, handed_out, tasks, on_update, on_waiting, on_refused).work()
    directory.tidy()


def _pieces(block: Block) -> Iterator[Block]:
    """The block in parts: one unit each, more only where they are short."""
    one = block.flop / len(block.members)
    size = len(block.members) if one == 0.0 else max(1, int(_TASK_FLOP / one))
    checkpoint = block.checkpoint and block.checkpoint.absolute()
    for first in range(0, len(block.members), size):
        yield replace(block, members=block.members[first : first + size], checkpoint=checkpoint)


def _report_every(n_tasks: int, client: Client) -> float:
    """Seconds between a task's reports; where the workers are still to come, as if there were one a task."""
    n_at_once = min(n_tasks, sum(client.nthreads().values()) or n_tasks)
    return max(_REPORT_SECONDS, n_at_once / _REPORTS_PER_SECOND)


_Heard = Union[dict[str, Any], "Future[None]", Answer]
"""An event, a task's future that is done, or the answer of a worker that was asked which glassnet it has."""


class _Handing:
    """Hands tasks out, and tells a listener about the blocks that they are parts of."""

    def __init__(
        self,
        client: Client,
        blocks: Mapping[int, Block],
        tasks: Mapping[int, list[Task]],
        on_update: Listener,
        on_waiting: Callable[[float], None],
        on_refused: Callable[[str], Any],
    ) -> None:
        self._client, self._blocks, self._tasks = client, blocks, tasks
        self._on_update, self._on_waiting = on_update, on_waiting
        self._index = {task.key: i for i, its in tasks.items() for task in its}
        self._left = {task.key: task.block.n_replica_steps for its in tasks.values() for task in its}
        # Thousands of tasks say how far they are again and again: what blocks have left is not added up each time.
        self._left_of = {i: block.n_replica_steps for i, block in blocks.items()}
        self._open = {i: len(its) for i, its in tasks.items()}
        self._futures: dict[str, Future[None]] = {}
        self._heard: SimpleQueue[_Heard] = SimpleQueue()
        self._workers = Workers(client, self._heard.put, on_refused)

    def work(self) -> None:
        """Until every task is done, or one cannot be."""
        for topic in _TOPICS:
            self._client.subscribe_topic(topic, lambda event: self._heard.put(event[1]))
        try:
            self._workers.begin()
            self._submit()
            while self._futures:
                heard = self._next()
                if isinstance(heard, Answer):
                    self._workers.hear(heard)
                    continue
                if isinstance(heard, dict) and "action" in heard:
                    if heard["action"] == "add-worker":
                        self._workers.ask([heard["worker"]])
                    continue
                key, left = (heard["key"], heard["left"]) if isinstance(heard, dict) else (heard.key, 0)
                if key not in self._futures:  # of another run, or late
                    continue
                if not isinstance(heard, dict):
                    self._refuse_failed(heard)
                    # A result that is kept would be made again wherever the worker that has it is lost.
                    del self._futures[key], heard
                    self._open[self._index[key]] -= 1
                self._tell(key, left)
        finally:
            if self._client.status == "running":
                for topic in _TOPICS:
                    self._client.unsubscribe_topic(topic)
                self._client.cancel(list(self._futures.values()))

    def _next(self) -> _Heard:
        """The next message; where there is no worker to hear from, that is said."""
        alone, patience = 0.0, _WAIT_SECONDS
        while True:
            try:
                return self._heard.get(timeout=patience)
            except Empty:
                if self._no_worker():
                    alone += patience
                    patience *= 2
                    self._on_waiting(alone)
                else:
                    alone, patience = 0.0, _WAIT_SECONDS

    def _no_worker(self) -> bool:
        try:
            return self._workers.is_none()
        except OSError:  # the scheduler is gone, which the futures will say
            return False

    def _submit(self) -> None:
        makers: dict[tuple[Point, int], Future[None]] = {}
        for task in (task for its in self._tasks.values() for task in its):
            members = task.block.members
            starts = {(member.point.parent, member.origin) for member in members}
            before = {makers[start] for start in starts if start in makers}
            future = self._client.submit(
                work_on, task, list(before), key=task.key, pure=False, resources=self._workers.needed
            )
            makers |= {(member.point, member.origin): future for member in members}
            self._futures[task.key] = future
            future.add_done_callback(self._heard.put)

    def _tell(self, key: str, left: int) -> None:
        i = self._index[key]
        self._left_of[i] += left - self._left[key]
        self._left[key] = left
        total = self._blocks[i].n_replica_steps
        self._on_update(Update(i, self._blocks[i], total - self._left_of[i], total, stored=not self._open[i]))

    def _refuse_failed(self, future: Future[None]) -> None:
        from distributed import KilledWorker

        if future.cancelled():
            raise ConnectionError(
                "the scheduler was lost: what was done is kept, "
                "and the same command goes on, with this scheduler, another one or none"
            )
        if future.status != "error":
            return
        error = future.exception()
        if isinstance(error, KilledWorker):
            what = self._blocks[self._index[str(future.key)]].label
            raise ChildProcessError(
                f"{error.allowed_failures + 1} workers died while they worked on {what}, for want of memory or at the "
                "end of their time: what was done is kept, and the same command goes on; a larger "
                "distributed.scheduler.allowed-failures in the scheduler's configuration lets it go on by itself"
            )
        raise error.with_traceback(future.traceback())
