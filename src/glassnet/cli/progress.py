"""How far a run is: a bar on a terminal, a plain line from time to time elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from glassnet._text import counted, duration
from glassnet.runs.plan import Block, Plan
from glassnet.runs.runner import Listener, Update

LINE_SECONDS: Final = 10.0


@dataclass
class Pace:
    """Speeds seen so far and what they say about the rest.

    Work is counted in dense flop. Kinds of steps differ in speed (a batch of 100 rows, all rows), so each has its own.
    """

    plan: Plan
    _left: list[float] = field(init=False)
    _left_of: dict[int, float] = field(init=False)
    _whole: float = field(init=False)
    _flop: dict[int, float] = field(default_factory=dict)
    _seconds: dict[int, float] = field(default_factory=dict)
    _now: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        # By index, and summed by kind as it changes: blocks have thousands of members, and workers send many updates.
        self._left = [block.flop for block in self.plan.blocks]
        self._left_of = {block.point.rows_per_step: 0.0 for block in self.plan.blocks}
        for block, flop in zip(self.plan.blocks, self._left, strict=True):
            self._left_of[block.point.rows_per_step] += flop
        self._whole = self.plan.flop

    def hear(self, update: Update) -> None:
        """Take in an update."""
        block, now = update.block, time.monotonic()
        left = block.flop * (1.0 - update.done / update.total) if update.total else 0.0
        kind, made = block.point.rows_per_step, self._left[update.index] - left
        self._flop[kind] = self._flop.get(kind, 0.0) + made
        self._seconds[kind] = self._seconds.get(kind, 0.0) + now - self._now
        self._left_of[kind] -= made
        self._left[update.index], self._now = left, now

    @property
    def share(self) -> float:
        """Share of the work that is done."""
        return 1.0 - sum(self._left_of.values()) / self._whole if self._whole else 1.0

    def steps_per_second(self, block: Block) -> float:
        """Steps a second of all replicas together, on average over blocks of this kind."""
        return self._speed(block.point.rows_per_step) / block.point.flop_per_step

    @property
    def seconds_left(self) -> float | None:
        """At the speeds seen so far; None before any work was done."""
        if sum(self._flop.values()) <= 0.0:
            return None
        return sum(max(0.0, left) / self._speed(kind) for kind, left in self._left_of.items())

    def _speed(self, kind: int) -> float:
        """Flop a second of steps that take so many rows; as fast as the others before any was seen."""
        if self._flop.get(kind, 0.0) > 0.0 and self._seconds[kind] > 0.0:
            return self._flop[kind] / self._seconds[kind]
        return max(sum(self._flop.values()), 1.0) / max(sum(self._seconds.values()), 1e-9)


@contextmanager
def shown(plan: Plan, console: Console) -> Iterator[Listener]:
    """Show the progress of a plan; what is given takes the runner's updates."""
    pace = Pace(plan)
    if not console.is_terminal:
        yield _Lines(pace, console)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TaskProgressColumn(),
        TextColumn("{task.fields[speed]}"),
    )
    with Progress(*columns, console=console, transient=True, expand=True) as bar:
        task = bar.add_task("starting", total=1.0, speed="")

        def listen(update: Update) -> None:
            pace.hear(update)
            bar.update(task, description=_what(update), completed=pace.share, speed=_how_fast(pace, update))

        yield listen


class _Lines:
    """Prints a line about every ten seconds."""

    def __init__(self, pace: Pace, console: Console) -> None:
        self._pace, self._console = pace, console
        self._printed = time.monotonic()

    def __call__(self, update: Update) -> None:
        self._pace.hear(update)
        if time.monotonic() - self._printed < LINE_SECONDS:
            return
        self._printed = time.monotonic()
        share = f"{100 * self._pace.share:3.0f} %"
        line = f"{share}  {_what(update)}, {_how_fast(self._pace, update)}"
        self._console.print(line, highlight=False, soft_wrap=True)


def _what(update: Update) -> str:
    block = update.block
    n, whole = len(block.members), block.point.n_steps
    behind = whole - block.n_steps + update.done // n
    return f"{block.label}, {counted(n, 'replica')}: step {behind} of {whole}"


def _how_fast(pace: Pace, update: Update) -> str:
    left = pace.seconds_left
    if left is None:
        return "no step yet"
    speed = float(f"{pace.steps_per_second(update.block):.3g}")
    return f"{speed:,g} steps/s, {duration(left)} left"
