"""Tasks of a Dask cluster's workers: a few units each, made by the ordinary runner on one thread.

A task may be done again, or twice at once, at any time: it looks at what is stored and goes on from there, and the
bits are the same. Workers read and write the run's folder themselves, a user's own data too; nothing but names
travels.
"""

from __future__ import annotations

import math
import pickle
import sys
import time
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any, Final

from glassnet.engines import Engine
from glassnet.runs.plan import Block, left
from glassnet.runs.point import Measure, engine_identity
from glassnet.runs.runner import Update, make
from glassnet.store.directory import RunDirectory, first_difference

TOPIC: Final = "glassnet"
"""Topic of the events in which workers say how far they are: the task's key, and the replica-steps that it has left."""


@dataclass(frozen=True)
class Task:
    """Units that are made together.

    Args:
        key: names the task; unlike those of any other run or attempt.
        path: the run's folder, the same for every worker.
        block: the units, as they were when the run was planned.
        engine: who makes the steps.
        checkpoint_every: seconds.
        report_every: seconds.
    """

    key: str
    path: Path
    block: Block
    engine: Engine
    checkpoint_every: float
    report_every: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "block", self.block.with_data_in(self.path))

    def __getstate__(self) -> dict[str, Any]:
        """As it travels: the units as bytes, which :func:`work_on` opens.

        A worker that cannot open a task as a whole, as it cannot import a user's function, would try again for ever.
        """
        # The scheduler passes it on as it came.
        return {**vars(self), "block": packed(self.block) if isinstance(self.block, Block) else self.block}


def packed(block: Block) -> bytes:
    """Units as bytes; functions in files that no worker can import by name travel as they are.

    Raises:
        ValueError: the function of a statistic cannot be sent.
    """
    import cloudpickle  # type: ignore[import-untyped]

    stage = block.point.stage
    for statistic in stage.statistics if isinstance(stage, Measure) else ():
        name = getattr(statistic.function, "__module__", None) or "__main__"
        if name in sys.modules and PathFinder.find_spec(name.partition(".")[0]) is None and name != "__main__":
            cloudpickle.register_pickle_by_value(sys.modules[name])
        try:
            cloudpickle.dumps(statistic)
        except Exception as error:
            raise ValueError(
                f"function of statistic {statistic.name!r} must be one that can be sent to workers, but it cannot "
                f"({error}): put it at the top of a module, and let it hold no files or locks"
            ) from error
    content: bytes = cloudpickle.dumps(block)
    return content


def opened(block: Block | bytes) -> Block:
    """Units that have travelled.

    Raises:
        ValueError: a function of theirs is in a module that this worker cannot import.
    """
    if isinstance(block, Block):
        return block
    try:
        found: Block = pickle.loads(block)
    except Exception as error:
        raise ValueError(
            f"every worker must be able to import what a run needs, but this one cannot ({type(error).__name__}: "
            f"{error}): install it where the workers are, or put the functions of statistics in one file"
        ) from error
    return found


def work_on(task: Task, before: list[None]) -> None:
    """Make what a task still lacks, on the worker that calls it.

    Args:
        task: what is to be made.
        before: results of the tasks whose units it starts from.

    Raises:
        ValueError: the worker does not see the run's folder, or has another version of the engine.
        OSError: as :func:`glassnet.runs.runner.run`.
    """
    from distributed import Reschedule, get_worker
    from distributed.core import Status

    worker, directory = get_worker(), RunDirectory(task.path)
    _refuse_misfit(directory, task.engine, worker.address)
    units = opened(task.block)
    to_come = 0
    reported = -math.inf  # that it has begun is worth saying

    def listen(update: Update) -> None:
        nonlocal reported
        state = worker.state.tasks.get(task.key)
        if worker.status == Status.closing or state is None or state.state == "cancelled":
            raise KeyboardInterrupt
        if time.monotonic() - reported >= task.report_every:
            reported = time.monotonic()
            worker.log_event(TOPIC, {"key": task.key, "left": to_come - update.done})

    def make_what_is_left() -> None:
        nonlocal to_come
        blocks = left(units, task.engine, directory)
        to_come = sum(block.n_replica_steps for block in blocks)
        for block in blocks:
            make(block, task.engine, directory, on_update=listen, checkpoint_every=task.checkpoint_every)
            to_come -= block.n_replica_steps

    try:
        try:
            make_what_is_left()
        except FileNotFoundError:
            # The checkpoint of a twin that has just stored the unit; anything else is missing the second time too.
            make_what_is_left()
    except KeyboardInterrupt:
        # Heard only by a scheduler that wants the task after all: a plain return would tell it that the units are done.
        raise Reschedule from None


def _refuse_misfit(directory: RunDirectory, engine: Engine, worker: str) -> None:
    try:
        stored = directory.describe()["engine"]
    except FileNotFoundError:
        raise ValueError(
            f"output must be a folder that every worker sees, but the worker {worker} finds no run in "
            f"{directory.path}: give one on a file system that they share"
        ) from None
    try:
        found = engine_identity(engine)
    except (ValueError, ImportError) as error:
        raise ValueError(
            f"every worker must be able to use the engine of the run, but the worker {worker} cannot: {error}"
        ) from None
    if (difference := first_difference(stored, found, "engine")) is not None:
        raise ValueError(
            f"every worker must have the glassnet of the run, and for the engines torch and triton its kind of device, "
            f"but for the worker {worker} it has {difference}: install the same version everywhere, and run the "
            "command where the device is that of the workers"
        )
