"""Principal components of pixels, or of any table: transforms that are fitted on a whole training set.

All pixel sums are integers below 2^53, so float64 holds them exactly whatever the order of summation: the
covariance is the same on every machine, and only the last bits of LAPACK's eigenvectors differ. Of a table not even
these (``defined``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.linalg.blas import dsyrk

from glassnet.datasets import defined

Scaling = Literal["standardised", "pixel"]

_ROWS: Final = 4096
_VALUES: Final = 1 << 24
"""As many rows as hold at most so many values are taken at a time."""

LARGEST_SIDE: Final = 5_000
"""Rows or columns, whichever is less, of a table whose components are found."""


@dataclass(frozen=True)
class PixelMoments:
    """Sums over a training set: of pixels ``(n_pixels,)`` and of products of two ``(n_pixels, n_pixels)``."""

    n_samples: int
    total: NDArray[np.float64]
    gram: NDArray[np.float64]


@dataclass(frozen=True)
class Pca:
    """Scores of a row x are ((x - mean) / scale) @ components; they are not whitened.

    ``components`` ``(n_pixels, n_components)`` has orthonormal columns, by falling variance. A component's
    sign is chosen so that its entry of largest magnitude (the first, if several tie) is positive.
    ``std`` is the standard deviation (ddof 0) of each score over the training set, ``variance_share`` its
    square over the sum of all pixels' variances.
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    components: NDArray[np.float64]
    std: NDArray[np.float64]
    variance_share: NDArray[np.float64]

    def scores(self, pixels: NDArray[Any]) -> NDArray[np.float32]:
        """Scores ``(n_samples, n_components)`` of pixels ``(n_samples, n_pixels)``, summed in float64."""
        result = np.empty((len(pixels), self.components.shape[1]), dtype=np.float32)
        for rows in _stretches(*pixels.shape):
            result[rows] = ((pixels[rows] - self.mean) / self.scale) @ self.components
        return result


def pixel_moments(pixels: NDArray[np.uint8]) -> PixelMoments:
    """The exact sums of pixels ``(n_samples, n_pixels)`` that both scalings need."""
    n_samples, n_pixels = pixels.shape
    upper = np.zeros((n_pixels, n_pixels), order="F")
    for start in range(0, n_samples, _ROWS):
        columns = pixels[start : start + _ROWS].astype(np.float64).T
        upper = dsyrk(1.0, columns, beta=1.0, c=upper, overwrite_c=1)
    gram = np.triu(upper) + np.triu(upper, 1).T
    return PixelMoments(n_samples, pixels.sum(axis=0, dtype=np.int64).astype(np.float64), gram)


def fit_pca(moments: PixelMoments, scaling: Scaling, n_components: int) -> Pca:
    """Fit the leading components.

    ``scaling="standardised"`` gives every pixel mean 0 and standard deviation 1 (ddof 0) over the training
    set, and 0 where it is constant there; ``"pixel"`` divides by 255.
    """
    n, n_pixels = moments.n_samples, len(moments.total)
    covariance = (n * moments.gram - np.outer(moments.total, moments.total)) / float(n * n)
    variance = np.diag(covariance)
    scale = np.full(n_pixels, 255.0)
    if scaling == "standardised":
        # An infinite scale is what sends a constant pixel to 0, in the test set too.
        scale = np.where(variance > 0, np.sqrt(variance), np.inf)
    scaled = covariance / scale / scale[:, None]
    rising, vectors = eigh(scaled, subset_by_index=[n_pixels - n_components, n_pixels - 1])
    return _pca(moments.total / n, scale, rising, vectors, float(np.trace(scaled)))


@dataclass(frozen=True)
class ColumnMoments:
    """Mean and standard deviation (ddof 0, exactly 0 where constant) of each column of a table."""

    mean: NDArray[np.float64]
    std: NDArray[np.float64]


def column_moments(table: NDArray[Any]) -> ColumnMoments:
    """In two passes, so that what the columns have in common takes no digits from how they differ."""
    n, n_columns = table.shape
    total, square = np.zeros(n_columns), np.zeros(n_columns)
    for rows in _stretches(n, n_columns):
        total += _by_rows(table[rows]).sum(axis=0, dtype=np.float64)
    mean = total / n
    for rows in _stretches(n, n_columns):
        square += ((_by_rows(table[rows]) - mean) ** 2).sum(axis=0)
    constant = table.min(axis=0) == table.max(axis=0)
    return ColumnMoments(mean, np.where(constant, 0.0, np.sqrt(square / n)))


def _by_rows(table: NDArray[Any]) -> NDArray[Any]:
    # NumPy adds along the axis that lies together in memory in another order.
    return np.ascontiguousarray(table)


def fit_table(table: NDArray[Any], moments: ColumnMoments, scale: NDArray[np.float64], n_components: int) -> Pca:
    """Fit the leading components of ``(table - mean) / scale``; a column of infinite scale counts as 0.

    Of more columns than rows, by the products of rows, which are fewer. The same bits on every machine.

    Args:
        table: numbers ``(row, column)``; rows or columns at most ``LARGEST_SIDE``.
        moments: of the table.
        scale: of each column.
        n_components: at most the rows and at most the columns.
    """
    n, n_columns = table.shape
    total = float(np.sum((moments.std / scale) ** 2))
    if n_columns <= n:
        products = np.zeros((n_columns, n_columns))
        for rows in _stretches(n, n_columns):
            products += defined.gram(((table[rows] - moments.mean) / scale).T)
        falling, vectors = defined.leading(products / n, n_components)
        return _pca(moments.mean, scale, falling[::-1], vectors[:, ::-1], total)
    products = np.zeros((n, n))
    for columns in _stretches(n_columns, n):
        products += defined.gram((table[:, columns] - moments.mean[columns]) / scale[columns])
    falling, left = defined.leading(products / n, n_components)
    vectors = np.zeros((n_columns, n_components))
    for columns in _stretches(n_columns, n):
        vectors[columns] = defined.product(((table[:, columns] - moments.mean[columns]) / scale[columns]).T, left)
    norms = np.sqrt((vectors * vectors).sum(axis=0))
    vectors /= np.where(norms > 0, norms, 1.0)
    return _pca(moments.mean, scale, falling[::-1], vectors[:, ::-1], total)


def _stretches(n_rows: int, n_columns: int) -> Iterator[slice]:
    """Slices of the rows that are small enough to be held as float64."""
    step = max(1, min(_ROWS, _VALUES // n_columns))
    yield from (slice(start, start + step) for start in range(0, n_rows, step))


def _pca(
    mean: NDArray[np.float64],
    scale: NDArray[np.float64],
    rising: NDArray[np.float64],
    vectors: NDArray[np.float64],
    total_variance: float,
) -> Pca:
    # What rounding leaves of a direction in which nothing varies is no component.
    varies = rising > len(mean) * np.finfo(np.float64).eps * rising[-1]
    eigenvalues, components = np.where(varies, rising, 0.0)[::-1], (vectors * varies)[:, ::-1]
    largest = np.argmax(np.abs(components), axis=0)
    components = components * np.sign(components[largest, np.arange(len(eigenvalues))])
    return Pca(
        mean=mean,
        scale=scale,
        components=components,
        std=np.sqrt(eigenvalues),
        variance_share=eigenvalues / total_variance,
    )
