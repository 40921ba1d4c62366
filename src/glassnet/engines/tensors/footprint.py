"""Bytes on its device that the torch engine takes, from the tensors that live at once; nothing here needs PyTorch."""

from __future__ import annotations

from typing import Final

from glassnet.engines.workload import Workload
from glassnet.landscape.network import Mlp

_ORDER_BYTES: Final = 72
"""As of the triton engine, whose permutations are the same."""

_NOISE_BYTES: Final = 64
"""Of a normal number while it is made: words, radius, angle, its sine and cosine."""

_UPDATE_TENSORS: Final = 6
"""Weights kept, moving, with the decay, with its rate, new, and one between."""


def block_on(kind: str) -> int:
    """Rows that go through the networks at once on a kind of device."""
    return 2048 if kind == "cpu" else 16384


def needed(work: Workload, precision_bytes: int, block: int) -> int:
    """The most that a session takes, and evaluations on the way or after it.

    Args:
        work: what is asked for.
        precision_bytes: of a number of the data gradient.
        block: rows at once.
    """
    network, n, weights = work.network, work.n_replicas, work.n_all_weights
    updating = weights * (_UPDATE_TENSORS * work.weight_bytes + precision_bytes)
    updating += weights * _NOISE_BYTES if work.noisy else 0
    stepping = _look(network, n, work.n_rows, precision_bytes, block)
    if work.batch is not None:
        stepping = _look(network, n, work.batch, precision_bytes, work.batch)
        stepping += n * work.batch * (network.n_features + 2) * precision_bytes + n * work.n_rows * _ORDER_BYTES
    looking = [
        _data(network, rows, precision_bytes)
        + weights * precision_bytes
        + _look(network, n, rows, precision_bytes, block)
        for rows in (work.n_rows, work.n_test)
        if rows
    ]
    kept = _data(network, work.n_rows, precision_bytes) + 2 * weights * work.weight_bytes
    return kept + max(updating, stepping, *looking)


def _data(network: Mlp, n_rows: int, precision_bytes: int) -> int:
    return n_rows * (network.n_features + 1) * precision_bytes


def _look(network: Mlp, n_replicas: int, n_rows: int, precision_bytes: int, block: int) -> int:
    """Activations of a block and what goes back through them, and the gradients of all blocks until they are summed."""
    rows, n_blocks = min(block, n_rows), -(-n_rows // block)
    width = max(network.width, network.n_features)
    activations = n_replicas * rows * (precision_bytes * (network.depth * network.width + 3 * width) + width + 40)
    gradients = n_replicas * network.n_weights * (2 * precision_bytes + n_blocks * (precision_bytes + 8))
    return activations + gradients
