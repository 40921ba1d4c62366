"""One tile of rows through a network of more than 64 units a layer and back, in float32 on the tensor cores.

As in :mod:`glassnet.engines.gpu.narrow`, but WP is a multiple of CB = 32, and matrices and tiles go through registers
in blocks of CB columns. ``scratch`` holds two tiles more: the deltas of a layer and of the one below.
"""

from __future__ import annotations

import triton
import triton.language as tl

from glassnet.engines.gpu.narrow import relu


@triton.jit
def forward(
    x,
    weights,
    scratch,
    BM: tl.constexpr,
    DP: tl.constexpr,
    WP: tl.constexpr,
    CB: tl.constexpr,
    DEPTH: tl.constexpr,
):
    """Outputs (BM,) for inputs ``x`` (BM, DP); all activations go to ``scratch``."""
    unit = tl.arange(0, CB)
    tile = tl.arange(0, BM)[:, None] * WP + unit[None, :]
    square = unit[:, None] * WP + unit[None, :]
    inward = tl.arange(0, DP)[:, None] * WP + unit[None, :]
    for column in tl.range(0, WP, CB, disable_licm=True):
        h = relu(tl.dot(x, tl.load(weights + inward + column), input_precision="tf32x3"))
        tl.store(scratch + tile + column, h)
    for layer in tl.range(1, DEPTH, disable_licm=True):
        tl.debug_barrier()
        below = scratch + (layer - 1) * BM * WP
        matrix = weights + (DP + (layer - 1) * WP) * WP
        for column in tl.range(0, WP, CB, disable_licm=True):
            total = tl.zeros((BM, CB), tl.float32)
            for row in tl.range(0, WP, CB, disable_licm=True):
                h = tl.load(below + tile + row)
                total = tl.dot(h, tl.load(matrix + row * WP + column + square), acc=total, input_precision="tf32x3")
            tl.store(below + BM * WP + tile + column, relu(total))
    tl.debug_barrier()
    f = tl.zeros((BM,), tl.float32)
    for column in tl.range(0, WP, CB, disable_licm=True):
        h = tl.load(scratch + (DEPTH - 1) * BM * WP + tile + column)
        f += tl.sum(h * tl.load(weights + (DP + (DEPTH - 1) * WP) * WP + column + unit)[None, :], axis=1)
    return f


@triton.jit
def backward(
    x,
    slope,
    weights,
    scratch,
    gradient,
    BM: tl.constexpr,
    DP: tl.constexpr,
    WP: tl.constexpr,
    CB: tl.constexpr,
    DEPTH: tl.constexpr,
):
    """Add the tile's part to ``gradient``; ``slope`` (BM,) is dL/df of the rows that :func:`forward` has seen last."""
    unit = tl.arange(0, CB)
    tile = tl.arange(0, BM)[:, None] * WP + unit[None, :]
    square = unit[:, None] * WP + unit[None, :]
    above = scratch + DEPTH * BM * WP
    other = above + BM * WP
    for column in tl.range(0, WP, CB, disable_licm=True):
        last = (DP + (DEPTH - 1) * WP) * WP + column + unit
        h = tl.load(scratch + (DEPTH - 1) * BM * WP + tile + column)
        tl.store(gradient + last, tl.load(gradient + last) + tl.sum(h * slope[:, None], axis=0))
        delta = tl.where(h > 0.0, slope[:, None] * tl.load(weights + last)[None, :], 0.0)
        tl.store(above + tile + column, delta)
    for i in tl.range(1, DEPTH, disable_licm=True):
        tl.debug_barrier()
        layer = DEPTH - 1 - i
        matrix = (DP + layer * WP) * WP
        for row in tl.range(0, WP, CB, disable_licm=True):
            h = tl.load(scratch + layer * BM * WP + tile + row)
            passed = tl.zeros((BM, CB), tl.float32)
            for column in tl.range(0, WP, CB, disable_licm=True):
                delta = tl.load(above + tile + column)
                here = matrix + row * WP + column + square
                part = tl.dot(tl.trans(h), delta, acc=tl.load(gradient + here), input_precision="tf32x3")
                tl.store(gradient + here, part)
                passed = tl.dot(delta, tl.trans(tl.load(weights + here)), acc=passed, input_precision="tf32x3")
            tl.store(other + tile + row, tl.where(h > 0.0, passed, 0.0))
        above, other = other, above
    tl.debug_barrier()
    inward = tl.arange(0, DP)[:, None] * WP + unit[None, :]
    for column in tl.range(0, WP, CB, disable_licm=True):
        delta = tl.load(above + tile + column)
        here = gradient + inward + column
        tl.store(here, tl.dot(tl.trans(x), delta, acc=tl.load(here), input_precision="tf32x3"))
    tl.debug_barrier()
