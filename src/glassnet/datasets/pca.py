"""Principal components of pixels: two transforms, fitted on a whole training set.

All pixel sums are integers below 2^53, so float64 holds them exactly whatever the order of summation: the
covariance is the same on every machine, and only the last bits of LAPACK's eigenvectors differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.linalg.blas import dsyrk

Scaling = Literal["standardised", "pixel"]

_ROWS: Final = 4096


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

    def scores(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Scores ``(n_samples, n_components)`` of pixels ``(n_samples, n_pixels)``, summed in float64."""
        result = np.empty((len(pixels), self.components.shape[1]), dtype=np.float32)
        for start in range(0, len(pixels), _ROWS):
            rows = slice(start, start + _ROWS)
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
    eigenvalues, components = np.maximum(rising[::-1], 0.0), vectors[:, ::-1]
    largest = np.argmax(np.abs(components), axis=0)
    components = components * np.sign(components[largest, np.arange(n_components)])
    return Pca(
        mean=moments.total / n,
        scale=scale,
        components=components,
        std=np.sqrt(eigenvalues),
        variance_share=eigenvalues / np.trace(scaled),
    )
