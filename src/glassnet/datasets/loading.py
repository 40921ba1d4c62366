"""load_dataset: MNIST and CIFAR-10 as features and binary labels, bundled or from the original files."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from glassnet._check import choice, integer
from glassnet.datasets import fetch
from glassnet.datasets.dataset import Dataset
from glassnet.datasets.pca import Scaling, fit_pca, pixel_moments
from glassnet.datasets.raw import N_PIXELS, N_SAMPLES, SHA256, Inputs, Name, Split, read_raw

Source = Literal["bundled", "raw"]

N_BUNDLED: Final = 10
"""Components in the bundled files."""

_SCALING: Final[dict[Inputs, Scaling]] = {
    "standardised": "standardised",
    "pixel": "pixel",
    "mnist": "pixel",
    "whitened": "standardised",
}
_MNIST_STD: Final = 0.3081

_DESCRIPTION: Final[dict[Inputs, str]] = {
    "standardised": "pixels standardised over the training set (constant ones 0), then PCA, not whitened",
    "pixel": "pixels / 255, then PCA",
    "mnist": "(pixels / 255 - 0.1307) / 0.3081, then PCA",
    "whitened": "pixels standardised over the training set (constant ones 0), then PCA, whitened",
}


def load_dataset(
    name: Name,
    *,
    n_samples: int | None = None,
    split: Split = "train",
    inputs: Inputs = "standardised",
    source: Source = "bundled",
    directory: str | os.PathLike[str] | None = None,
    n_features: int = N_BUNDLED,
) -> Dataset:
    """MNIST or CIFAR-10: leading principal components, and +1 or -1 as label.

    The transform is fitted on the whole training set whatever ``n_samples`` and ``split`` are; the test set
    goes through it too. The label is +1 for even digits, and for airplane, bird, deer, frog and ship.

    Args:
        name: ``"mnist"`` (60000 training rows, 10000 test rows) or ``"cifar10"`` (50000 and 10000).
        n_samples: take the first rows only; None takes all.
        split: ``"train"`` or ``"test"``.
        inputs: ``"standardised"``: every pixel standardised over the training set (a constant one gives 0),
            then PCA, scores not whitened. ``"whitened"``: the same, each score over its standard deviation in
            the training set. ``"pixel"``: pixels / 255, then PCA. ``"mnist"``: (pixels / 255 - 0.1307) /
            0.3081, then PCA; not for CIFAR-10.
        source: ``"bundled"``: from the package, the definition of these data. ``"raw"``: computed from the
            original files, equal to the bundled ones but for the last bits of LAPACK's eigenvectors.
        directory: with ``source="raw"``, the folder that holds the original files (MNIST: IDX, gzipped or
            not; CIFAR-10: binary batches). None downloads them into pooch's cache: 12 MB or 170 MB.
        n_features: number of leading components; 1 to 10 from the package, up to the number of pixels (784 or
            3072) from the original files.

    Returns:
        Dataset: features float32 ``(n_samples, n_features)``, labels float32 ``(n_samples,)``.

    Raises:
        ValueError: an argument out of range; a file that is damaged or not the original.
        FileNotFoundError: ``directory`` lacks a file.
        ConnectionError: the download failed.

    Examples:
        >>> import glassnet as gn
        >>> gn.load_dataset("mnist", n_samples=6_000)
        Dataset(name='mnist', n_samples=6000, n_features=10)
    """
    choice("name", name, get_args(Name))
    choice("split", split, get_args(Split))
    choice("inputs", inputs, get_args(Inputs))
    choice("source", source, get_args(Source))
    if name != "mnist" and inputs == "mnist":
        raise ValueError(f"inputs='mnist' scales as MNIST is scaled: name must be 'mnist', but got {name!r}")
    if directory is not None and source != "raw":
        raise ValueError(f"directory needs source='raw', but source is {source!r}, directory {directory!r}")
    available = N_SAMPLES[name][split]
    rows = available if n_samples is None else integer("n_samples", n_samples, low=1, high=available)
    columns = integer("n_features", n_features, low=1, high=N_PIXELS[name])
    if source == "bundled":
        if columns > N_BUNDLED:
            raise ValueError(
                f"n_features must be an integer from 1 to {N_BUNDLED} with source='bundled', "
                f"but got {columns}; source='raw' computes more from the original files"
            )
        components = _bundled(name, split, _SCALING[inputs])
    else:
        folder = fetch.fetch(name) if directory is None else Path(directory)
        components = _computed(name, split, _SCALING[inputs], folder, columns)
    std, share = components.std[:columns], components.variance_share[:columns]
    return Dataset(
        _as_asked(inputs, components.scores[:rows, :columns], std),
        components.labels[:rows],
        name=name,
        provenance={
            "source": components.source,
            "split": split,
            "inputs": f"{inputs}: {_DESCRIPTION[inputs]}",
            "component_std": f"{_SCALING[inputs]}: " + ", ".join(f"{value:.4g}" for value in std),
            "variance_explained": f"{share.sum():.4g}",
            "raw_sha256": json.dumps(SHA256[name]),
        },
    )


@dataclass(frozen=True)
class _Components:
    """Scores of all rows of a split as PCA gives them; std and share of variance are the training set's."""

    scores: NDArray[np.float32]
    labels: NDArray[np.int8]
    std: NDArray[np.float64]
    variance_share: NDArray[np.float64]
    source: str


def _bundled(name: Name, split: Split, scaling: Scaling) -> _Components:
    path = resources.files("glassnet.datasets") / "data" / f"{name}.npz"
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return _Components(
            scores=arrays[f"{split}_{scaling}"],
            labels=arrays[f"{split}_labels"],
            std=arrays[f"{scaling}_std"],
            variance_share=arrays[f"{scaling}_variance_share"],
            source=f"bundled with glassnet; {json.loads(str(arrays['provenance']))['source']}",
        )


def _computed(name: Name, split: Split, scaling: Scaling, folder: Path, n_features: int) -> _Components:
    asked = read_raw(name, split, folder)
    train = asked if split == "train" else read_raw(name, "train", folder)
    pca = fit_pca(pixel_moments(train.pixels), scaling, n_features)
    return _Components(
        pca.scores(asked.pixels), asked.labels, pca.std, pca.variance_share, f"original files in {folder}"
    )


def _as_asked(inputs: Inputs, scores: NDArray[np.float32], std: NDArray[np.float64]) -> NDArray[np.float32]:
    if inputs == "mnist":
        return (scores / np.float64(_MNIST_STD)).astype(np.float32)
    if inputs == "whitened":
        n_varying = int(np.count_nonzero(std > 1e-6 * std[0]))
        if n_varying < len(std):
            raise ValueError(
                f"n_features must be at most {n_varying} with inputs='whitened' (the components that vary), "
                f"but got {len(std)}"
            )
        return (scores / std).astype(np.float32)
    return scores
