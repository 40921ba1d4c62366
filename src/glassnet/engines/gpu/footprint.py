"""Bytes on the GPU that the triton engine takes, from the sizes of its buffers."""

from __future__ import annotations

from typing import Final

from glassnet.engines.gpu.layout import TILE, Padded, n_chunks, tile_of
from glassnet.engines.workload import Workload
from glassnet.landscape.network import Mlp

_ORDER_BYTES: Final = 72
"""Of a row of an epoch's permutation while it is made: random words and what they are made of, the sorted words, their
order, what sorting takes, and the order before."""

_REPLICA_BYTES: Final = 120
"""Names, numbers, step and flags."""


def needed(work: Workload) -> int:
    """The most that a session takes together with evaluations on the way or after it."""
    network, n = work.network, work.n_replicas
    evaluations = [evaluation(network, n, rows) for rows in (work.n_rows, work.n_test) if rows]
    if work.observed:
        return session(work) + (evaluation(network, n, work.n_test) if work.n_test else 0)
    return max(session(work), *evaluations)


def session(work: Workload) -> int:
    """What a session takes."""
    network, n = work.network, work.n_replicas
    padded = Padded(network)
    size = n * padded.size
    single = 4 if work.weight_bytes != 4 else 0  # float32 weights serve as their own single precision
    state = _rows(padded, work.n_rows) + 2 * size * (work.weight_bytes + single) + 4 * padded.size
    state += 8 * network.n_weights + n * _REPLICA_BYTES
    moving = _sums(padded, n, work.n_rows, back=True) if work.batch is None or work.observed else 0
    if work.batch is not None:
        moving += 4 * padded.scratch(n, tile_of(work.batch)) + 4 * size + n * work.n_rows * _ORDER_BYTES
    gradient = 8 * (size + work.n_all_weights) if work.observed else 0
    copied = work.weight_bytes * (size + work.n_all_weights)
    return state + moving + max(gradient, copied)


def evaluation(network: Mlp, n_replicas: int, n_rows: int) -> int:
    """What evaluating networks on so many rows takes."""
    padded = Padded(network)
    weights = 4 * n_replicas * (2 * padded.size + network.n_weights) + 8 * network.n_weights
    return _rows(padded, n_rows) + weights + _sums(padded, n_replicas, n_rows, back=False)


def _rows(padded: Padded, n_rows: int) -> int:
    return 4 * n_rows * (padded.features + 1)


def _sums(padded: Padded, n_replicas: int, n_rows: int, *, back: bool) -> int:
    programs = n_replicas * n_chunks(n_rows)
    return 4 * padded.scratch(programs, TILE) + (4 * programs * padded.size if back else 4) + 32 * programs
