"""The random numbers of :mod:`glassnet.random` in Triton: the same bits.

Every floating-point operation is rounded once, so kernels that use these must be compiled with
``enable_fp_fusion=False``.
"""

from __future__ import annotations

import triton
import triton.language as tl

from glassnet import random
from glassnet.random import Purpose

_NOISE = tl.constexpr(int(Purpose.NOISE) << 24)
_REPLACEMENT = tl.constexpr(int(Purpose.SGD_REPLACEMENT) << 24)
_LN2 = tl.constexpr(random.LN2)
_HALF_PI = tl.constexpr(random.HALF_PI)
_SQRT_HALF_BITS = tl.constexpr(int(random.SQRT_HALF_BITS))
_ATANH = tl.constexpr(random.ATANH)
_SIN = tl.constexpr(random.SIN)
_COS = tl.constexpr(random.COS)
_N_ATANH = tl.constexpr(len(random.ATANH))
_N_SIN = tl.constexpr(len(random.SIN))
_N_COS = tl.constexpr(len(random.COS))


@triton.jit
def philox(c0, c1, c2, c3, k0, k1):
    """Philox 4x32-10 of a counter under a key, element by element, all uint32."""
    for _ in tl.static_range(10):
        high0 = tl.umulhi(c0, 0xD2511F53)
        low0 = c0 * 0xD2511F53
        high1 = tl.umulhi(c2, 0xCD9E8D57)
        low1 = c2 * 0xCD9E8D57
        c0 = high1 ^ c1 ^ k0
        c1 = low1
        c2 = high0 ^ c3 ^ k1
        c3 = low0
        k0 = k0 + 0x9E3779B9
        k1 = k1 + 0xBB67AE85
    return c0, c1, c2, c3


@triton.jit
def block(index, purpose: tl.constexpr, seed, origin, noise, step):
    """Four random words of block ``index`` of a stream; seed, origin, noise and step are int64 scalars."""
    zero = index.to(tl.uint32) * 0
    low = (step & 0xFFFFFFFF).to(tl.uint32)
    high = ((step >> 32) | purpose).to(tl.uint32)
    return philox(
        index.to(tl.uint32),
        zero + noise.to(tl.uint32),
        zero + low,
        zero + high,
        zero + seed.to(tl.uint32),
        zero + origin.to(tl.uint32),
    )


@triton.jit
def _horner(x, coefficients: tl.constexpr, n: tl.constexpr):
    result = tl.full(x.shape, coefficients[n - 1], tl.float64)
    for k in tl.static_range(1, n):
        result = result * x + coefficients[n - 1 - k]
    return result


@triton.jit
def _log(u):
    bits = u.to(tl.int64, bitcast=True)
    exponent = (bits - _SQRT_HALF_BITS) >> 52
    m = (bits - (exponent << 52)).to(tl.float64, bitcast=True)
    s = (m - 1.0) / (m + 1.0)
    return exponent.to(tl.float64) * _LN2 + (2.0 * s) * _horner(s * s, _ATANH, _N_ATANH)


@triton.jit
def noise_at(index, seed, origin, noise, step):
    """The standard normal numbers of weights ``index`` in one Langevin update, float64."""
    w0, w1, w2, w3 = block(index // 4, _NOISE, seed, origin, noise, step)
    late = (index // 2) % 2 == 1
    radius_word = tl.where(late, w2, w0)
    angle_word = tl.where(late, w3, w1)
    radius = tl.sqrt(-2.0 * _log((radius_word.to(tl.float64) + 0.5) * 2.0**-32))
    quadrant = angle_word >> 30
    fraction = (angle_word & 0x3FFFFFFF).to(tl.float64)
    angle = ((fraction + 0.5) * 2.0**-30 - 0.5) * _HALF_PI
    squared = angle * angle
    sine = angle * _horner(squared, _SIN, _N_SIN)
    cosine = _horner(squared, _COS, _N_COS)
    swap = (quadrant & 1) == 1
    x = tl.where(swap, sine, cosine)
    y = tl.where(swap, cosine, sine)
    x = tl.where((quadrant == 1) | (quadrant == 2), -x, x)
    y = tl.where(quadrant >= 2, -y, y)
    return radius * tl.where(index % 2 == 0, x, y)


@triton.jit
def drawn_rows(index, n_rows, seed, origin, noise, step):
    """The rows that the draws ``index`` of one SGD update with replacement take."""
    w0, w1, w2, w3 = block(index // 4, _REPLACEMENT, seed, origin, noise, step)
    place = index % 4
    word = tl.where(place == 0, w0, tl.where(place == 1, w1, tl.where(place == 2, w2, w3)))
    return ((word.to(tl.uint64) * n_rows.to(tl.uint64)) >> 32).to(tl.int64)
