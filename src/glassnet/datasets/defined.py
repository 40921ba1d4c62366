"""Sums and eigenvectors that have the same bits on every machine.

BLAS and LAPACK add in an order that depends on the processor. Here a product of matrices is split into products of
whole numbers whose sums stay below 2^53, which float64 holds exactly in whatever order they are added (Ozaki, Ogita,
Oishi and Rump, Numer. Algorithms 59, 2012); and all else is single additions, multiplications, divisions and square
roots of NumPy, which IEEE 754 rounds in one way, in an order that is written down here.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from glassnet.random import Purpose, gaussian, words

Matrix = NDArray[np.float64]

_BITS: Final = 20
"""Bits of a slice: with 2^12 terms a sum of products of two slices stays below 2^53."""

_TERMS: Final = 1 << 12
_NOTHING: Final = 1e-100
_PANEL: Final = 32
_IN_CACHE: Final = 1 << 15
"""Numbers of a stretch of rows."""

_BISECTIONS: Final = 64
_ITERATIONS: Final = 4
_START: Final = 3
"""The stream of ``Purpose.DATASET`` that inverse iteration starts from; ``synthetic`` has 0 to 2."""


def product(a: Matrix, b: Matrix) -> Matrix:
    """``a @ b`` to the precision of float64."""
    result = np.zeros((a.shape[0], b.shape[1]))
    for start in range(0, a.shape[1], _TERMS):
        (high, middle, low), rows = _slices(a[:, start : start + _TERMS])
        (upper, centre, lower), columns = _slices(b[start : start + _TERMS].T)
        second = high @ centre.T + middle @ upper.T
        third = high @ lower.T + middle @ centre.T + low @ upper.T
        result += _joined(high @ upper.T, second, third) * rows * columns.T
    return result


def gram(a: Matrix) -> Matrix:
    """``a @ a.T`` to the precision of float64."""
    result = np.zeros((len(a), len(a)))
    for start in range(0, a.shape[1], _TERMS):
        (high, middle, low), rows = _slices(a[:, start : start + _TERMS])
        second, third = high @ middle.T, high @ low.T
        result += _joined(high @ high.T, second + second.T, third + third.T + middle @ middle.T) * rows * rows.T
    return result


def _slices(a: Matrix) -> tuple[list[Matrix], Matrix]:
    """Whole numbers of at most 20 bits and each row's scale: ``a`` is their sum by falling powers of 2^20, scaled."""
    exponents = np.frexp(np.abs(a).max(axis=1, keepdims=True))[1]
    rest, slices = np.ldexp(a, -exponents), []
    for _ in range(3):
        rest = rest * 2.0**_BITS
        slices.append(np.rint(rest))
        rest -= slices[-1]
    return slices, np.ldexp(1.0, exponents)


def _joined(first: Matrix, second: Matrix, third: Matrix) -> Matrix:
    return (first + (second + third * 2.0**-_BITS) * 2.0**-_BITS) * 2.0 ** (-2 * _BITS)


def leading(a: Matrix, count: int) -> tuple[Matrix, Matrix]:
    """Largest eigenvalues, falling, and their orthonormal eigenvectors ``(n, count)`` of a symmetric matrix.

    Householder's reduction to a tridiagonal matrix, bisection and inverse iteration (Golub and Van Loan, Matrix
    Computations, 8.3 to 8.4).
    """
    size = float(np.abs(a).max())
    if size == 0.0:
        return np.zeros(count), np.eye(len(a), count)
    diagonal, beside, mirrors = _tridiagonal(a / size)
    values = _largest(diagonal, beside, count)
    vectors = _inverse_iteration(diagonal, beside, values)
    for j, mirror in reversed(list(enumerate(mirrors))):
        below = vectors[j + 1 :]
        below -= mirror[:, None] * (2.0 * _down(mirror[:, None] * below))
    return values * size, vectors


def _down(terms: Matrix) -> Matrix:
    """Sum over the first axis, row after row."""
    total: Matrix = np.add.reduce(terms, axis=0)
    return total


def _across(terms: Matrix) -> Any:
    """Sum over the last axis, one after the other."""
    return np.add.accumulate(terms, axis=-1)[..., -1]


def _norm(x: Matrix) -> float:
    return float(np.sqrt(_across(x * x)))


def _tridiagonal(a: Matrix) -> tuple[Matrix, Matrix, list[Matrix]]:
    """Diagonal, entries beside it, and the unit vectors of the mirrors; the matrix changes once a panel of columns."""
    n = len(a)
    diagonal, beside, mirrors = np.zeros(n), np.zeros(n), []
    for first in range(0, n, _PANEL):
        last = min(n, first + _PANEL)
        v, w = np.zeros((2, last - first, n))
        for i, j in enumerate(range(first, last)):
            column = a[j:, j] - _down(v[:i, j:] * w[:i, j, None]) - _down(w[:i, j:] * v[:i, j, None])
            column[np.abs(column) < _NOTHING] = 0.0  # whose squares have no digits
            diagonal[j], x = column[0], column[1:]
            if j + 1 == n:
                break
            beside[j] = -np.copysign(_norm(x), x[0])
            x[0] -= beside[j]
            if (norm := _norm(x)) > 0.0:
                x /= norm
            mirrors.append(x)
            turned = _times(a[j + 1 :, j + 1 :], x)
            for one, other in ((v, w), (w, v)):
                turned -= _down(one[:i, j + 1 :] * _across(other[:i, j + 1 :] * x)[:, None])
            turned -= x * _across(x * turned)
            v[i, j + 1 :], w[i, j + 1 :] = 2.0 * x, turned
        change = product(v[:, last:].T, w[:, last:])
        a[last:, last:] -= change + change.T
    return diagonal, beside, mirrors


def _times(a: Matrix, x: Matrix) -> Matrix:
    """``a @ x`` of a symmetric matrix, by stretches of rows that stay in the cache."""
    result = np.zeros(len(x))
    rows = max(1, _IN_CACHE // len(x))
    for start in range(0, len(x), rows):
        result += _down(a[start : start + rows] * x[start : start + rows, None])
    return result


def _largest(diagonal: Matrix, beside: Matrix, count: int) -> Matrix:
    """By bisection: as many eigenvalues lie below a number as pivots of the shifted matrix are negative."""
    squares = np.concatenate([[0.0], beside[:-1] ** 2])
    radius = np.abs(diagonal) + np.abs(beside) + np.sqrt(squares)
    tiny = np.finfo(np.float64).eps ** 2 * (1.0 + float(squares.max()))
    low, high = np.full(count, np.min(diagonal - radius)), np.full(count, np.max(diagonal + radius))
    wanted = len(diagonal) - np.arange(count)
    for _ in range(_BISECTIONS):
        middle = low + (high - low) / 2.0
        below, pivot = np.zeros(count, np.int64), np.ones(count)
        for d, square in zip(diagonal.tolist(), squares.tolist(), strict=True):
            pivot = d - middle - square / pivot
            pivot[np.abs(pivot) < tiny] = -tiny
            below += pivot < 0.0
        right = below >= wanted
        high, low = np.where(right, middle, high), np.where(right, low, middle)
    return np.asarray(low + (high - low) / 2.0)


def _inverse_iteration(diagonal: Matrix, beside: Matrix, values: Matrix) -> Matrix:
    n, count = len(diagonal), len(values)
    vectors = gaussian(words(Purpose.DATASET, 0, 0, _START, 0, n * count + n * count % 2))[: n * count]
    vectors = vectors.reshape(n, count)
    for _ in range(_ITERATIONS):
        vectors = _orthonormal(_solved(diagonal, beside, values, vectors))
    return vectors


def _solved(diagonal: Matrix, beside: Matrix, values: Matrix, right: Matrix) -> Matrix:
    """x ``(n, count)`` with (T - value) x = right, by elimination with exchange of neighbouring rows."""
    n, count = right.shape
    tiny = np.finfo(np.float64).eps * max(float(np.abs(diagonal).max()), float(np.abs(beside).max()))
    pivots, seconds, thirds = np.zeros((3, n, count))
    right = right.copy()
    pivot, second = diagonal[0] - values, np.full(count, beside[0])
    for i in range(n - 1):
        below, own, after = np.full(count, beside[i]), diagonal[i + 1] - values, beside[i + 1]
        swap = np.abs(below) > np.abs(pivot)
        pivots[i] = _off_zero(np.where(swap, below, pivot), tiny)
        seconds[i], thirds[i] = np.where(swap, own, second), np.where(swap, after, 0.0)
        factor = np.where(swap, pivot, below) / pivots[i]
        pivot = np.where(swap, second, own) - factor * seconds[i]
        second = np.where(swap, 0.0, after) - factor * thirds[i]
        upper, lower = np.where(swap, right[i + 1], right[i]), np.where(swap, right[i], right[i + 1])
        right[i], right[i + 1] = upper, lower - factor * upper
    pivots[n - 1] = _off_zero(pivot, tiny)
    x = np.zeros((n + 2, count))
    for i in range(n - 1, -1, -1):
        x[i] = (right[i] - seconds[i] * x[i + 1] - thirds[i] * x[i + 2]) / pivots[i]
    return np.asarray(x[:n])


def _off_zero(pivot: Matrix, tiny: float) -> Matrix:
    moved: Matrix = np.where(np.abs(pivot) < tiny, tiny, pivot)
    return moved


def _orthonormal(vectors: Matrix) -> Matrix:
    """By Gram and Schmidt, twice."""
    rows = np.ascontiguousarray(vectors.T)
    for j, own in enumerate(rows):
        own /= np.abs(own).max()
        own /= _norm(own)
        for _ in range(2 if j else 0):
            own -= _down(rows[:j] * _across(rows[:j] * own)[:, None])
            own /= _norm(own)
    return np.ascontiguousarray(rows.T)
