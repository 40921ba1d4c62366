"""The cost of a plan before anything is begun: steps, floating-point operations, time here, memory and disk."""

from __future__ import annotations

import math
import os
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np

from glassnet._memory import machine_memory
from glassnet.engines import Engine, Torch, Triton
from glassnet.engines.workload import Workload
from glassnet.landscape.hessian import Hessian
from glassnet.runs.plan import Block, Member, Plan
from glassnet.runs.point import Curvature, Measure, Point
from glassnet.simulate.dynamics import Langevin, batch_size
from glassnet.simulate.ensemble import Ensemble
from glassnet.simulate.grids import sparse_times
from glassnet.simulate.recording import N_BINS, N_MOMENTS
from glassnet.simulate.statistic import observed

_TRIAL_SECONDS: Final = 0.3
_TRIAL_WIDTH: Final = 100
"""A wider network is not tried out itself: its flop take as long as those of this one."""

# pandas, which xarray needs, imports pyarrow where it is installed.
_PYARROW_BYTES: Final = 62_000_000 if find_spec("pyarrow") else 0

_PROGRAM_BYTES: Final = 190_000_000 + _PYARROW_BYTES
"""A process that computes, before it holds anything of a run."""

_DRAWING_BYTES: Final = 265_000_000 + _PYARROW_BYTES
"""One that draws figures, before it holds anything of a run."""

_LEAST_SHARE: Final = 0.35
"""Share of the bytes of a unit's arrays that compression leaves; in runs of relaxation 0.43 to 0.66."""

# Measured with real processes of several widths, replicas and waiting times, and rounded up by about a tenth.
_RECORDS: Final = 3.3
"""A block's units, as often as they are held: what is gathered, the checkpoint made of it, and its file."""

_WEIGHTS: Final = 9.0
"""A block's weights in float64, as often as they are held: the engine's, and what displacements are made of."""

_UNIT: Final = 7.5
"""One unit, as often as it is held while it is written."""

_SEEN_STATISTICS: Final = 3.3
_SEEN_WEIGHTS: Final = 2.3
_KEPT: Final = 0.35
"""All measurements of a run, as often as they are held in the end, when they are looked at together and drawn; and what
the process has kept until then of what it needed for the largest block."""

_BASIS: Final = 110
"""Vectors of Lanczos' method, and copies of them."""


@dataclass(frozen=True)
class Cost:
    """The work that is left; an upper bound, since a quench may stop early.

    Args:
        networks: units to be made.
        steps: of all replicas together.
        flop: dense, 6 N rows a step.
        seconds: on this machine.
        memory: bytes that the command holds at most, all of it: at the largest block, or in the end, when all that was
            measured is drawn.
        machine_memory: bytes that this machine has.
        device_memory: bytes on the device of an engine that has one, at the largest block; 0 for the others.
        free_device_memory: bytes that are free there; None where it has no memory of its own.
        disk: bytes still to be written, before compression.
        least_disk: bytes still to be written, compressed as well as they may be.
        free_disk: bytes that are free where they would be written.
    """

    networks: int
    steps: int
    flop: float
    seconds: float
    memory: int
    machine_memory: int
    device_memory: int
    free_device_memory: int | None
    disk: int
    least_disk: int
    free_disk: int


Speeds = dict[tuple[int, int], float]
"""Flop a second of each kind of step."""


def cost(plan: Plan, engine: Engine, folder: Path, speeds: Speeds | None = None, given: Ensemble | None = None) -> Cost:
    """Estimate what is left of a plan; each kind of step is tried out for a moment, unless ``speeds`` has it.

    Args:
        plan: what is to be done.
        engine: who makes the steps.
        folder: where it would be kept; it need not exist.
        speeds: of kinds of steps tried out before; what is found is added.
        given: the replicas that the points start at, where steps are tried out too: a network that has learnt sleeps
            where a random one does not.
    """
    speeds = {} if speeds is None else speeds
    seconds = 0.0
    for block in plan.blocks:
        kind = block.point.flop_per_step, block.point.rows_per_step
        if kind not in speeds:
            speeds[kind] = _flop_per_second(block, engine, given)
        seconds += block.flop / speeds[kind]
    return Cost(
        networks=sum(len(block.members) for block in plan.blocks),
        steps=sum(block.n_replica_steps for block in plan.blocks),
        flop=plan.flop,
        seconds=seconds,
        memory=_memory_here(plan, engine),
        machine_memory=machine_memory(),
        device_memory=_device_memory(plan, engine),
        free_device_memory=_free_device_memory(engine),
        disk=_disk(plan),
        least_disk=_least_disk(plan),
        free_disk=free_disk(folder),
    )


def spread(plan: Plan, engine: Engine, folder: Path, n_threads: int, given: Ensemble | None = None) -> float:
    """Seconds that what is left takes on so many threads, each as fast as a core here, of a cluster.

    No less than the longest chain of a replica's stages, which cannot be shared out; 0 threads count as one.

    Args:
        plan: what is to be done.
        engine: with the threads of one task.
        folder: as in :func:`cost`.
        n_threads: tasks that are worked on at once.
        given: as in :func:`cost`.
    """
    speeds: Speeds = {}
    whole = cost(plan, engine, folder, speeds, given).seconds
    ends: dict[Member, float] = {}
    for block in plan.blocks:
        point = block.point
        one = block.flop / len(block.members) / speeds[point.flop_per_step, point.rows_per_step]
        for member in block.members:
            parent = member.point.parent
            before = 0.0 if parent is None else ends.get(Member(parent, member.origin), 0.0)
            ends[member] = before + one
    return max(whole / max(1, n_threads), *ends.values(), 0.0)


def refuse_too_much_memory(plan: Plan, engine: Engine) -> None:
    """Refuse what this machine's memory, or that of the engine's device, cannot hold.

    Raises:
        ValueError: with the numbers.
    """
    if not plan.blocks:
        return
    if (needed := _memory_here(plan, engine)) > (there := machine_memory()):
        raise ValueError(
            f"memory must hold about {size(needed)} for this run, but this machine has {size(there)}: "
            "ask for a smaller width, fewer replicas, waiting times or chi"
        )
    free = _free_device_memory(engine)
    if free is not None and (needed := _device_memory(plan, engine)) > free:
        raise ValueError(
            f"the device of engine {engine.name!r} must hold about {size(needed)} for this run, but has {size(free)} "
            "free: ask for a smaller width or fewer replicas"
        )


def refuse_too_small_workers(plan: Plan, engine: Engine, workers: Iterable[tuple[int, int]]) -> None:
    """Refuse workers that cannot hold as many tasks, of one unit each, as they have threads.

    Args:
        plan: what is to be done.
        engine: who makes the steps.
        workers: threads and bytes of memory of each, as far as they are known.

    Raises:
        ValueError: with the numbers.
    """
    ones = [replace(block, members=block.members[:1]) for block in plan.blocks]
    for threads, there in workers:
        needed = _memory(replace(plan, blocks=tuple(ones)), engine, at_once=threads)
        if ones and needed > there:
            raise ValueError(
                f"memory must hold about {size(needed)} for a worker with {threads} tasks at once, but one has "
                f"{size(there)}: give workers more memory or fewer threads, or ask for a smaller width"
            )


def refuse_too_much_disk(folder: Path, *plans: Plan) -> None:
    """Refuse what the disk cannot hold, compressed as well as it may be.

    Args:
        folder: where they are kept; it need not exist.
        plans: of one run or of several.

    Raises:
        ValueError: with the numbers.
    """
    if (least := sum(_least_disk(plan) for plan in plans if plan.blocks)) > (there := free_disk(folder)):
        raise ValueError(
            f"the disk of {folder} must have {size(least)} or more for this run, but has {size(there)} free: "
            "ask for a smaller width, fewer replicas, temperatures, waiting times or chi, or give another output"
        )


def free_disk(folder: Path) -> int:
    """Bytes that are free where a folder is or would be."""
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    return shutil.disk_usage(there).free


def size(n_bytes: float) -> str:
    """Bytes as people write them."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if n_bytes < 1000:
            return f"{n_bytes:.3g} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.3g} PB"


def _disk(plan: Plan) -> int:
    return sum(len(block.members) * unit_bytes(block.point) for block in plan.blocks) + _largest_block(plan)


def _least_disk(plan: Plan) -> int:
    return int(_LEAST_SHARE * _disk(plan))


def _memory(plan: Plan, engine: Engine, at_once: int = 1) -> int:
    largest = max((_block_memory(block) for block in plan.blocks), default=0)
    shared = _device_memory(plan, engine) if _free_device_memory(engine) is None else 0
    return _PROGRAM_BYTES + 2 * _data(plan) + at_once * (largest + shared)


def _data(plan: Plan) -> int:
    """Bytes of the largest data set with its test set."""
    sets = [(p.surface.data, p.surface.test) for p in plan.points]
    return max((sum(one.features.nbytes for one in both if one is not None) for both in sets), default=0)


def _memory_here(plan: Plan, engine: Engine) -> int:
    """Memory of the process that computes and, in the end, draws."""
    measured = [_held(point) for point in plan.points if isinstance(point.stage, Measure)]
    seen = sum(_SEEN_STATISTICS * statistics + _SEEN_WEIGHTS * weights for statistics, weights in measured)
    kept = _KEPT * max((_block_memory(block) for block in plan.blocks), default=0)
    return max(_memory(plan, engine), int(_DRAWING_BYTES + 2 * _data(plan) + plan.n_replicas * seen + kept))


def _block_memory(block: Block) -> int:
    n, point = len(block.members), block.point
    unit, surface = unit_bytes(point), point.surface
    one = surface.network.n_weights * 8
    if isinstance(point.stage, Curvature):
        # Activations, and the derivatives behind them, of all rows.
        return (n + _BASIS) * one + 2 * 8 * surface.n_samples * (surface.depth + 1) * surface.width
    return int(_RECORDS * n * unit + _WEIGHTS * n * one + _UNIT * unit)


def _device_memory(plan: Plan, engine: Engine) -> int:
    if not isinstance(engine, Torch | Triton):
        return 0
    return max((engine.needed_memory(work) for block in plan.blocks if (work := _workload(block))), default=0)


def _free_device_memory(engine: Engine) -> int | None:
    return engine.free_memory if isinstance(engine, Torch | Triton) else None


def _workload(block: Block) -> Workload | None:
    """Bytes that the engine holds for a block; None where it makes no steps."""
    stage, surface = block.point.stage, block.point.surface
    if isinstance(stage, Curvature):
        return None
    return Workload(
        surface.network,
        len(block.members),
        surface.n_samples,
        batch_size(stage.dynamics),
        np.dtype(block.point.dtype).itemsize,
        noisy=isinstance(stage.dynamics, Langevin),
        observed=isinstance(stage, Measure),
        n_test=0 if surface.test is None else surface.test.n_samples,
    )


def _largest_block(plan: Plan) -> int:
    return max((len(b.members) * unit_bytes(b.point) for b in plan.blocks), default=0)


def _flop_per_second(block: Block, engine: Engine, given: Ensemble | None) -> float:
    wide = block.point.surface
    point = replace(block.point, surface=replace(wide, width=min(wide.width, _TRIAL_WIDTH)))
    if isinstance(point.stage, Curvature):
        return _flop_per_second_of_products(point)
    n = min(len(block.members), len(os.sched_getaffinity(0)))
    start = point.initial(tuple(range(n)))
    if given is not None and given.network == start.network:
        start = given[: min(n, len(given))]
        n = len(start)
    session = engine.session(start, point.landscape, point.stage.dynamics)
    session.advance(np.ones(n, dtype=np.int64))
    steps, made, began = 1, 0, time.perf_counter()
    while (passed := time.perf_counter() - began) < _TRIAL_SECONDS:
        session.advance(np.full(n, steps))
        made += steps
        steps *= 2
    return made * n * point.flop_per_step / passed


def _flop_per_second_of_products(point: Point) -> float:
    """Work of the Hessian's products with a vector, two dense gradients each."""
    landscape = point.surface.landscape
    weights = point.initial((0,)).weights[0]
    hessian = Hessian(landscape, weights)
    began = time.perf_counter()
    _ = hessian @ weights
    return 2 * 6 * landscape.network.n_weights * landscape.dataset.n_samples / (time.perf_counter() - began)


def unit_bytes(point: Point) -> int:
    """One unit's arrays, before compression."""
    return sum(_held(point))


def _held(point: Point) -> tuple[int, int]:
    """Bytes of a unit's statistics, and of its weights and displacements."""
    network, stage = point.surface.network, point.stage
    weights = network.n_weights * np.dtype(point.dtype).itemsize
    if not isinstance(stage, Measure):
        return 0, weights
    waits, times, layers = len(stage.waiting_times), len(stage.times), network.depth + 1
    n_losses, per_layer = 6, N_MOMENTS + len(stage.chi) + 2
    sparse = len(sparse_times(int(stage.times[-1])))
    own = sum(math.prod(one.shape) for one in observed(stage.statistics, network, stage.dynamics))
    statistics = 8 * times * (layers * per_layer + n_losses + own) + 4 * sparse * layers * N_BINS
    displacements = 4 * len(stage.snapshots_until) * network.n_weights
    return waits * statistics, waits * (displacements + weights) + weights
