"""How far a run is said to be: running sums that agree with sums over all blocks."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from tiny_runs import planned, tiny

from glassnet.cli.progress import Pace, shown
from glassnet.runs.runner import Update

WORK = planned(tiny(replicas=5, epochs=3000, t_max=30_000), Path("nowhere"))
EVENTS = st.lists(st.tuples(st.integers(0, len(WORK.blocks) - 1), st.floats(0.0, 1.0)), max_size=20)


@given(EVENTS)
def test_what_is_left_is_the_sum_over_all_blocks(events: list[tuple[int, float]]) -> None:
    pace, done = Pace(WORK), [0.0] * len(WORK.blocks)
    for i, share in events:
        total = WORK.blocks[i].n_replica_steps
        done[i] = max(done[i], int(share * total) / total)
        pace.hear(Update(i, WORK.blocks[i], round(done[i] * total), total, stored=False))
    made = sum(block.flop * share for block, share in zip(WORK.blocks, done, strict=True))
    assert pace.share == pytest.approx(made / WORK.flop, abs=1e-12)
    assert (pace.seconds_left is None) == (made <= 0.0)
    assert pace.seconds_left is None or pace.seconds_left >= 0.0


def test_all_that_is_done_leaves_nothing() -> None:
    pace = Pace(WORK)
    for i, block in enumerate(WORK.blocks):
        pace.hear(Update(i, block, block.n_replica_steps, block.n_replica_steps, stored=True))
    assert (pace.share, pace.seconds_left) == (1.0, 0.0)


def test_a_block_that_went_further_since_it_was_planned_is_counted_as_it_stands() -> None:
    pace, block = Pace(WORK), WORK.blocks[0]
    later = replace(block, end=block.n_steps // 2)
    pace.hear(Update(0, later, 0, later.n_replica_steps, stored=False))
    assert pace.share == pytest.approx(0.5 * block.flop / WORK.flop)


def test_nothing_is_promised_of_a_giant_run_before_its_first_step() -> None:
    giant = planned(tiny(replicas=5, t_max=10**12, chi=[300]), Path("nowhere"))
    screen = Console(file=io.StringIO(), force_terminal=True, width=200)
    with shown(giant, screen) as listener:
        listener(Update(0, giant.blocks[0], 0, giant.blocks[0].n_replica_steps, stored=False))
    assert isinstance(screen.file, io.StringIO)
    assert "no step yet" in screen.file.getvalue()
