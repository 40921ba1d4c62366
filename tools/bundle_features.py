"""Make the feature files that glassnet bundles, from the original files of MNIST or CIFAR-10.

    python tools/bundle_features.py mnist DIRECTORY
    python tools/bundle_features.py cifar10 DIRECTORY

Run again on the same machine it writes the same bytes.
"""

from __future__ import annotations

import argparse
import json
import zipfile
from pathlib import Path
from typing import Any, get_args

import numpy as np
import scipy
from numpy.typing import NDArray

from glassnet.datasets.loading import N_BUNDLED
from glassnet.datasets.names import Name, Split
from glassnet.datasets.pca import Scaling, fit_pca, pixel_moments
from glassnet.datasets.raw import SHA256, read_raw

DATA = Path(__file__).parents[1] / "src" / "glassnet" / "datasets" / "data"

SOURCE = {
    "mnist": "The MNIST database of handwritten digits (Y. LeCun, C. Cortes and C. J. C. Burges, 1998)",
    "cifar10": "CIFAR-10, binary version (A. Krizhevsky, Learning multiple layers of features from tiny images, 2009)",
}
LABELS = {
    "mnist": "+1 for even digits, -1 for odd ones",
    "cifar10": "+1 for airplane, bird, deer, frog and ship, -1 for the other classes",
}
SCALINGS: dict[Scaling, str] = {
    "standardised": "every pixel standardised over the training set (ddof 0; constant ones give 0), then PCA",
    "pixel": "pixels / 255, then PCA",
}


def bundle(name: Name, directory: Path) -> dict[str, NDArray[Any]]:
    """The arrays of one bundled file."""
    splits = {split: read_raw(name, split, directory) for split in get_args(Split)}
    moments = pixel_moments(splits["train"].pixels)
    arrays: dict[str, NDArray[Any]] = {f"{split}_labels": raw.labels for split, raw in splits.items()}
    provenance: dict[str, Any] = {
        "source": SOURCE[name],
        "raw_sha256": SHA256[name],
        "labels": LABELS[name],
        "components": "eigenvectors of the training set's covariance by falling variance, each with its "
        "entry of largest magnitude positive; both splits centred and scaled as the training set is; not whitened",
        "made_by": f"tools/bundle_features.py, NumPy {np.__version__}, SciPy {scipy.__version__}",
    }
    for scaling, description in SCALINGS.items():
        pca = fit_pca(moments, scaling, N_BUNDLED)
        arrays |= {f"{split}_{scaling}": pca.scores(raw.pixels) for split, raw in splits.items()}
        std, share = rounded(pca.std), rounded(pca.variance_share)
        arrays |= {f"{scaling}_std": np.array(std), f"{scaling}_variance_share": np.array(share)}
        provenance[scaling] = {"inputs": description, "component_std": std, "variance_explained": share}
    arrays["provenance"] = np.array(json.dumps(provenance, indent=1))
    return arrays


def rounded(values: NDArray[np.float64]) -> list[float]:
    """To nine digits: the last bits of LAPACK's eigenvalues depend on the number of threads."""
    return [float(f"{value:.9g}") for value in values]


def write_npz(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """As ``np.savez_compressed`` does, but with a fixed time stamp in place of the clock's."""
    with zipfile.ZipFile(path, "w") as archive:
        for key, array in arrays.items():
            entry = zipfile.ZipInfo(f"{key}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(entry, "w") as file:
                np.lib.format.write_array(file, array, allow_pickle=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=get_args(Name))
    parser.add_argument("directory", type=Path, help="folder with the original files")
    parser.add_argument("--out", type=Path, default=DATA, help="folder to write to (default: the package's)")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / f"{arguments.name}.npz"
    write_npz(path, bundle(arguments.name, arguments.directory))
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
