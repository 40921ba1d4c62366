"""One tile of rows through a network of at most 64 units a layer and back, in float32 on the tensor cores.

The matrices of a replica stand one after another, padded with zeros to ``(DP, WP)``, ``(WP, WP)`` ... and ``(WP,)``,
DP and WP powers of two: ``SIZE`` numbers, which the kernels' flat index ``j`` counts. Each product is made from three
TF32 products, which keeps the precision of float32.

All activations lie in ``scratch``, the program's own: ``DEPTH`` tiles (BM, WP). What one thread wrote another reads,
hence the barriers.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def relu(a):
    """max(0, a), which passes on what is not a number."""
    return tl.maximum(a, 0.0, propagate_nan=tl.PropagateNan.ALL)


@triton.jit
def forward(x, weights, scratch, BM: tl.constexpr, DP: tl.constexpr, WP: tl.constexpr, DEPTH: tl.constexpr):
    """Outputs (BM,) for inputs ``x`` (BM, DP); all activations go to ``scratch``."""
    unit = tl.arange(0, WP)
    tile = tl.arange(0, BM)[:, None] * WP + unit[None, :]
    square = unit[:, None] * WP + unit[None, :]
    inward = tl.load(weights + tl.arange(0, DP)[:, None] * WP + unit[None, :])
    h = relu(tl.dot(x, inward, input_precision="tf32x3"))
    tl.store(scratch + tile, h)
    for layer in range(1, DEPTH):
        matrix = tl.load(weights + (DP + (layer - 1) * WP) * WP + square)
        h = relu(tl.dot(h, matrix, input_precision="tf32x3"))
        tl.store(scratch + layer * BM * WP + tile, h)
    output = tl.load(weights + (DP + (DEPTH - 1) * WP) * WP + unit)
    return tl.sum(h * output[None, :], axis=1)


@triton.jit
def backward(
    x, slope, weights, scratch, gradient, BM: tl.constexpr, DP: tl.constexpr, WP: tl.constexpr, DEPTH: tl.constexpr
):
    """Add the tile's part to ``gradient``; ``slope`` (BM,) is dL/df of the rows that :func:`forward` has seen last."""
    tl.debug_barrier()
    unit = tl.arange(0, WP)
    tile = tl.arange(0, BM)[:, None] * WP + unit[None, :]
    square = unit[:, None] * WP + unit[None, :]
    last = (DP + (DEPTH - 1) * WP) * WP + unit
    h = tl.load(scratch + (DEPTH - 1) * BM * WP + tile)
    tl.store(gradient + last, tl.load(gradient + last) + tl.sum(h * slope[:, None], axis=0))
    delta = tl.where(h > 0.0, slope[:, None] * tl.load(weights + last)[None, :], 0.0)
    for i in range(1, DEPTH):
        layer = DEPTH - 1 - i
        h = tl.load(scratch + layer * BM * WP + tile)
        here = (DP + layer * WP) * WP + square
        total = tl.dot(tl.trans(h), delta, acc=tl.load(gradient + here), input_precision="tf32x3")
        tl.store(gradient + here, total)
        matrix = tl.load(weights + here)
        delta = tl.where(h > 0.0, tl.dot(delta, tl.trans(matrix), input_precision="tf32x3"), 0.0)
    inward = tl.arange(0, DP)[:, None] * WP + unit[None, :]
    total = tl.dot(tl.trans(x), delta, acc=tl.load(gradient + inward), input_precision="tf32x3")
    tl.store(gradient + inward, total)
    tl.debug_barrier()
