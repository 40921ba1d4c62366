"""Counter-based random numbers: every draw is a function of who asks for it, not of what was drawn before.

The generator is Philox 4x32-10 (Salmon, Moraes, Dror and Shaw, SC 2011). Its key and counter are laid out here,
once, for every engine:

    key      = (seed, origin)
    counter  = (block, noise, step mod 2^32, step // 2^32 + 2^24 purpose)

Each block gives four 32-bit words; word ``i`` of a stream is word ``i % 4`` of block ``i // 4``. ``step`` is the
update about to be made, or the epoch where a whole epoch shares one draw, and 0 where time plays no role.
The same (seed, purpose, origin, noise, step, index) therefore gives the same number on any thread, in any order,
after any restart. The transforms below use additions, multiplications, divisions and square roots only, each
rounded once (no fused operations, no libm), so that every engine that follows them finds the same bits.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Words = NDArray[np.uint32]


class Purpose(IntEnum):
    """What a stream of random words is for; part of the counter, so that no two uses share a number."""

    INITIAL_WEIGHTS = 1
    NOISE = 2
    SGD_PERMUTATION = 3
    SGD_REPLACEMENT = 4
    LANGEVIN_PERMUTATION = 5
    DATASET = 6


_MULTIPLIERS: Final = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL: Final = (np.uint32(0x9E3779B9), np.uint32(0xBB67AE85))
_LOW: Final = np.uint64(0xFFFFFFFF)


def philox(counter: ArrayLike, key: ArrayLike) -> Words:
    """Philox 4x32-10 of counters ``(..., 4)`` under keys ``(..., 2)``: words ``(..., 4)``, all uint32."""
    c0, c1, c2, c3 = np.moveaxis(np.asarray(counter, dtype=np.uint32), -1, 0)
    k0, k1 = np.moveaxis(np.asarray(key, dtype=np.uint32), -1, 0)
    with np.errstate(over="ignore"):
        for _ in range(10):
            product0 = c0.astype(np.uint64) * _MULTIPLIERS[0]
            product1 = c2.astype(np.uint64) * _MULTIPLIERS[1]
            high0, low0 = (product0 >> np.uint64(32)).astype(np.uint32), (product0 & _LOW).astype(np.uint32)
            high1, low1 = (product1 >> np.uint64(32)).astype(np.uint32), (product1 & _LOW).astype(np.uint32)
            c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
            k0, k1 = k0 + _WEYL[0], k1 + _WEYL[1]
    return np.stack([c0, c1, c2, c3], axis=-1)


def words(purpose: Purpose, seed: int, origin: int, noise: int, step: int, n_words: int) -> Words:
    """The first ``n_words`` random 32-bit words of a stream, shape ``(n_words,)``."""
    counter = np.empty(((n_words + 3) // 4, 4), dtype=np.uint32)
    counter[:, 0] = np.arange(len(counter))
    counter[:, 1] = noise
    counter[:, 2] = step & 0xFFFFFFFF
    counter[:, 3] = (step >> 32) | (int(purpose) << 24)
    return philox(counter, np.array([seed, origin], dtype=np.uint32)).reshape(-1)[:n_words]


def uniform(random_words: Words) -> NDArray[np.float64]:
    """Uniform numbers in (0, 1), one a word: the centres of 2^32 equal cells, so never 0 or 1."""
    return (random_words.astype(np.float64) + 0.5) * 2.0**-32


# Taylor coefficients: on the reduced ranges below the first omitted term is under 1e-16 of the result.
ATANH: Final = tuple(1.0 / (2 * k + 1) for k in range(11))
SIN: Final = (
    1.0,
    -1.0 / 6.0,
    1.0 / 120.0,
    -1.0 / 5040.0,
    1.0 / 362880.0,
    -1.0 / 39916800.0,
    1.0 / 6227020800.0,
    -1.0 / 1307674368000.0,
)
COS: Final = (
    1.0,
    -1.0 / 2.0,
    1.0 / 24.0,
    -1.0 / 720.0,
    1.0 / 40320.0,
    -1.0 / 3628800.0,
    1.0 / 479001600.0,
    -1.0 / 87178291200.0,
    1.0 / 20922789888000.0,
)
LN2: Final = 0.6931471805599453
HALF_PI: Final = 1.5707963267948966
SQRT_HALF_BITS: Final = np.int64(0x3FE6A09E667F3BCD)


def _horner(x: NDArray[np.float64], coefficients: tuple[float, ...]) -> NDArray[np.float64]:
    result = np.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        result = result * x + coefficient
    return result


def _log(u: NDArray[np.float64]) -> NDArray[np.float64]:
    """log u for normal positive u: u = m 2^e with m in [sqrt(1/2), sqrt(2)), log m = 2 atanh((m-1)/(m+1))."""
    bits = u.view(np.int64)
    exponent = (bits - SQRT_HALF_BITS) >> np.int64(52)
    m = (bits - (exponent << np.int64(52))).view(np.float64)
    s = (m - 1.0) / (m + 1.0)
    return exponent.astype(np.float64) * LN2 + (2.0 * s) * _horner(s * s, ATANH)


def gaussian(random_words: Words) -> NDArray[np.float64]:
    """Standard normal numbers, one a word, by Box and Muller: words (2k, 2k+1) give numbers (2k, 2k+1).

    The first word gives the radius (so the largest number possible is sqrt(66 log 2) = 6.76), the second the
    angle: its top two bits choose the quadrant, the rest the angle within (-pi/4, pi/4). The count must be even.
    """
    radius_words, angle_words = random_words.reshape(-1, 2).T
    radius = np.sqrt(-2.0 * _log(uniform(radius_words)))
    quadrant = angle_words >> np.uint32(30)
    fraction = (angle_words & np.uint32(0x3FFFFFFF)).astype(np.float64)
    angle = ((fraction + 0.5) * 2.0**-30 - 0.5) * HALF_PI
    squared = angle * angle
    sine, cosine = angle * _horner(squared, SIN), _horner(squared, COS)
    swap = (quadrant & 1) == 1
    x, y = np.where(swap, sine, cosine), np.where(swap, cosine, sine)
    x = np.where((quadrant == 1) | (quadrant == 2), -x, x)
    y = np.where(quadrant >= 2, -y, y)
    return np.stack([radius * x, radius * y], axis=-1).reshape(-1)


def permutation(random_words: Words) -> NDArray[np.int64]:
    """The permutation that sorts the words, equal words in the order of their index."""
    return np.argsort(random_words, kind="stable")


def integers(random_words: Words, n: int) -> NDArray[np.int64]:
    """Integers 0 to n - 1, one a word: the high half of word times n (bias below n / 2^32)."""
    return ((random_words.astype(np.uint64) * np.uint64(n)) >> np.uint64(32)).astype(np.int64)


def noise(seed: int, origin: int, noise: int, step: int, n: int) -> NDArray[np.float64]:
    """The ``n`` standard normal numbers of one Langevin update of one replica."""
    return gaussian(words(Purpose.NOISE, seed, origin, noise, step, n + n % 2))[:n]
