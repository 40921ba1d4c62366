"""Grids of save times."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import glassnet as gn


@given(st.integers(1, 10**7), st.integers(1, 10**7))
def test_a_shorter_grid_is_the_beginning_of_a_longer_one(a: int, b: int) -> None:
    short, long = sorted((a, b))
    for grid in (gn.log_times, gn.sparse_times):
        assert np.array_equal(grid(short), grid(long)[grid(long) <= short])


def test_log_grid_holds_round_numbers_and_is_even() -> None:
    times = gn.log_times(10**6)
    assert {m * 10**n for m in (1, 2, 3, 5) for n in range(6)} <= set(times.tolist())
    assert np.sum((times >= 10**4) & (times < 10**5)) == 24
    late = times[times >= 100]
    assert (late[1:] / late[:-1]).max() < 1.13


def test_sparse_times_are_log_times_six_a_decade() -> None:
    sparse = gn.sparse_times(10**5)
    assert set(sparse.tolist()) <= set(gn.log_times(10**5).tolist())
    assert np.sum((sparse >= 1000) & (sparse < 10_000)) == 6


def test_paper_times_are_dense_then_sparse() -> None:
    times = gn.paper_times(3000)
    assert np.array_equal(np.diff(times[:100]), np.ones(99))
    assert set(np.diff(times[(times >= 100) & (times <= 1000)])) == {10}
    assert set(np.diff(times[times >= 1000])) == {100}


def test_linear_times() -> None:
    assert gn.linear_times(10, 3).tolist() == [3, 6, 9]
    with pytest.raises(ValueError, match="every must be <= t_max = 2"):
        gn.linear_times(2, 3)
