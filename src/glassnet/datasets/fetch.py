"""Download of the original archives into pooch's cache, each with its SHA-256 pinned."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from glassnet.datasets.names import Name
from glassnet.datasets.raw import SHA256

MIRRORS: Final[Mapping[Name, tuple[str, ...]]] = {
    "mnist": (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    "cifar10": ("https://www.cs.toronto.edu/~kriz/",),
}
"""Where each set is published, tried in order."""

ARCHIVES: Final[Mapping[Name, Mapping[str, str]]] = {
    "mnist": {
        "train-images-idx3-ubyte.gz": "0b367032e93c5d0cea0925647cfdb18614af8ee15f83e6f2fc2ad904a6835971",
        "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    },
    "cifar10": {
        "cifar-10-binary.tar.gz": "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    },
}
"""SHA-256 of each archive as published."""


def fetch(name: Name) -> Path:
    """The folder with the original files of a set, downloaded unless the cache has them.

    Raises:
        ConnectionError: no mirror gave the archive with its pinned checksum; the message says why.
    """
    import pooch  # type: ignore[import-untyped]  # only who asks for a download waits for it

    cache = Path(pooch.os_cache("glassnet"), name)
    for file, sha256 in ARCHIVES[name].items():
        extract = pooch.Untar(members=_members(), extract_dir=".") if file.endswith(".tar.gz") else None
        failures = []
        for mirror in MIRRORS[name]:
            try:
                pooch.retrieve(mirror + file, f"sha256:{sha256}", fname=file, path=cache, processor=extract)
                break
            except (OSError, ValueError) as error:
                failures.append(f"  {mirror + file}: {error}")
        else:
            raise ConnectionError(
                "\n".join([f"{file} ({name}) could not be downloaded:", *failures])
                + "\nFetch it by other means and pass its folder as directory=."
            )
    return cache


def _members() -> list[str]:
    return [f"cifar-10-batches-bin/{file}" for file in SHA256["cifar10"]]
