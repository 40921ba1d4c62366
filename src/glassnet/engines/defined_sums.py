"""The mean data gradient summed term by term as the cpu engine sums it: what decides whether an update is finite.

Near the largest number, the order of a sum and the rounding of its products decide whether it overflows. Engines that
sum in another order ask :func:`mean_gradient` before they end a replica (CONVENTIONS.md, "Lost replicas").
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from glassnet.landscape.network import Floats, Mlp

_BLOCK: Final = 2048
"""Rows of one chain; the sums of blocks are added in float64."""

_TILE: Final = 64
"""Rows at once; no sum depends on it."""

_LANES: Final = 16


def mean_gradient(
    network: Mlp, weights: Floats, features: Floats, labels: Floats, *, precision: type[np.floating[Any]]
) -> NDArray[np.float64]:
    """Mean data gradient ``(weight,)`` of one network over the rows given; all NaN where one number is not finite.

    Args:
        network: the network.
        weights: ``(weight,)``, rounded here to the precision.
        features: ``(row, feature)``.
        labels: ``(row,)``, +1 or -1.
        precision: of every sum inside a block, float32 or float64.
    """
    n = len(labels)
    total = np.zeros(network.n_weights)
    with np.errstate(all="ignore"):
        matrices = network.unflatten(weights.astype(precision))
        for begin in range(0, n, _BLOCK):
            sums = [np.zeros(shape, precision) for shape in network.shapes]
            for first in range(begin, min(begin + _BLOCK, n), _TILE):
                rows = slice(first, min(first + _TILE, begin + _BLOCK, n))
                sums = _add_rows(sums, matrices, features[rows].astype(precision), labels[rows].astype(precision))
                # Once a chain is not finite it stays so.
                if not all(np.isfinite(chain).all() for chain in sums):
                    return np.full(network.n_weights, np.nan)
            total += network.flatten(sums)
    return total * (1.0 / n)


def may_overflow(network: Mlp, weights: Floats, longest_row: float, n_rows: int) -> bool:
    """Whether a sum of the gradient could overflow in float64, in some order.

    With x the longest row, M = prod_l max(1, |W_l|_F) and P = x M, no part of a sum is above P in an activation or
    output, (1 + P) M in a delta and n (1 + P) P in the gradient of n rows.
    """
    with np.errstate(over="ignore"):
        norms = [np.linalg.norm(matrix.astype(np.float64)) for matrix in network.unflatten(weights)]
        product = float(np.prod(np.maximum(1, norms)))
    output = longest_row * product
    return not (1 + output) * (product + n_rows * output) < 1e300


def _add_rows(sums: list[Floats], matrices: list[Floats], features: Floats, labels: Floats) -> list[Floats]:
    *inner, last = matrices
    activations = [features]
    for matrix in inner:
        # NaN is greater than nothing and passes.
        activations.append(np.maximum(_chain(activations[-1], matrix), 0))
    margin = labels * _dot(activations[-1], last[:, 0])
    awake = ~(margin >= 1)
    delta = (-labels * (1 - margin))[awake, None]
    activations = [activation[awake] for activation in activations]
    added: list[Floats] = []
    for matrix, activation, so_far in zip(reversed(matrices), reversed(activations), reversed(sums), strict=True):
        added.append(_chain(activation.T, delta, so_far))
        delta = np.where(activation > 0, _chain(delta, matrix.T), 0).astype(delta.dtype)
    return added[::-1]


def _chain(left: Floats, right: Floats, begin: Floats | None = None) -> Floats:
    """``begin + left @ right``, each number one chain of fused multiply-adds in the order of the terms."""
    total = np.zeros((left.shape[0], right.shape[1]), left.dtype) if begin is None else begin
    for column, row in zip(left.T, right, strict=True):
        total = _fma(column[:, None], row, total)
    return total


def _dot(rows: Floats, weights: Floats) -> Floats:
    """``rows @ weights``: lane l is the chain over the entries l, l + 16 and so on; lanes are added in halves."""
    lanes = np.zeros((len(rows), _LANES), rows.dtype)
    for first in range(0, rows.shape[1], _LANES):
        some = rows[:, first : first + _LANES]
        lanes[:, : some.shape[1]] = _fma(some, weights[first : first + _LANES], lanes[:, : some.shape[1]])
    while lanes.shape[1] > 1:
        half = lanes.shape[1] // 2
        lanes = lanes[:, :half] + lanes[:, half:]
    return lanes[:, 0]


def _fma(a: Floats, b: Floats, c: Floats) -> Floats:
    """a b + c with a product that cannot overflow: an infinite c stays what it is."""
    wider: Any = np.float64 if c.dtype == np.float32 else np.longdouble
    total: Floats = (a.astype(wider) * b + c).astype(c.dtype)
    return total
