"""The original files of MNIST (IDX) and CIFAR-10 (binary batches), read and verified.

A file is checked in the order header, size, labels, SHA-256, so that the message says what is wrong; whatever
a header or a gzip stream claims, no more is read than the original holds.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Literal, cast

import numpy as np
from numpy.typing import NDArray

Name = Literal["mnist", "cifar10"]
Split = Literal["train", "test"]
Inputs = Literal["standardised", "pixel", "mnist", "whitened"]
"""How pixels become features: see :func:`glassnet.load_dataset`."""

N_SAMPLES: Final[Mapping[Name, Mapping[Split, int]]] = {
    "mnist": {"train": 60_000, "test": 10_000},
    "cifar10": {"train": 50_000, "test": 10_000},
}
N_PIXELS: Final[Mapping[Name, int]] = {"mnist": 28 * 28, "cifar10": 3 * 32 * 32}

SHA256: Final[Mapping[Name, Mapping[str, str]]] = {
    "mnist": {
        "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
    "cifar10": {
        "data_batch_1.bin": "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
        "data_batch_2.bin": "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
        "data_batch_3.bin": "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
        "data_batch_4.bin": "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
        "data_batch_5.bin": "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
        "test_batch.bin": "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
    },
}
"""SHA-256 of each original file's uncompressed content."""

POSITIVE_CLASSES: Final[Mapping[Name, tuple[int, ...]]] = {
    "mnist": (0, 2, 4, 6, 8),
    "cifar10": (0, 2, 4, 6, 8),  # airplane, bird, deer, frog, ship
}

_CHUNK: Final = 1 << 20


@dataclass(frozen=True)
class RawSplit:
    """One split as its authors published it.

    ``pixels`` is uint8 ``(n_samples, n_pixels)`` (CIFAR-10: the red, then the green, then the blue plane),
    ``classes`` is uint8 ``(n_samples,)``, 0 to 9; ``labels`` is int8, +1 for the classes of ``POSITIVE_CLASSES`` and
    -1 for the others.
    """

    pixels: NDArray[np.uint8]
    classes: NDArray[np.uint8]
    labels: NDArray[np.int8]


def read_raw(name: Name, split: Split, directory: Path) -> RawSplit:
    """Read one split from the original files in ``directory``.

    MNIST: the four IDX files, gzipped or not. CIFAR-10: the ``.bin`` files, in ``directory`` itself or in its
    subfolder ``cifar-10-batches-bin``.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file is damaged or is not the original, with its path, what it must be and what it is.
    """
    if not directory.is_dir():
        raise FileNotFoundError(f"directory must be a folder with the original files, but {directory} is not one")
    pixels, classes = (_read_mnist if name == "mnist" else _read_cifar10)(split, directory)
    labels = np.where(np.isin(classes, POSITIVE_CLASSES[name]), 1, -1).astype(np.int8)
    return RawSplit(pixels, classes, labels)


def _read_mnist(split: Split, directory: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    n_samples = N_SAMPLES["mnist"][split]
    prefix = "train" if split == "train" else "t10k"
    pixels = _read_idx(f"{prefix}-images-idx3-ubyte", directory, (n_samples, 28, 28))
    classes = _read_idx(f"{prefix}-labels-idx1-ubyte", directory, (n_samples,))
    return pixels.reshape(n_samples, -1), classes


def _read_idx(file: str, directory: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """An IDX file of unsigned bytes: magic number 0x0800 + n_dims, the dims (all big-endian), the bytes."""
    path = _find(file, directory)
    header = np.array([0x0800 + len(shape), *shape], dtype=">u4")
    with _opened(path) as stream:
        found = np.frombuffer(_read(stream, header.nbytes, path), dtype=np.uint8)
        if len(found) < header.nbytes:
            raise ValueError(f"{path} must begin with {header.nbytes} bytes of IDX header, but holds {len(found)}")
        magic, *dims = found.view(">u4").tolist()
        if magic != header[0]:
            raise ValueError(f"{path} must begin with the IDX magic number {header[0]}, but begins with {magic}")
        if dims != list(shape):
            raise ValueError(f"{path} must hold {_times(shape)} bytes, but its header promises {_times(dims)}")
        body = _read_exactly(stream, int(np.prod(shape)), path, "after its header")
    values = np.frombuffer(body, dtype=np.uint8).reshape(shape)
    if len(shape) == 1:
        _check_classes(values, path)
    _check_sha256(SHA256["mnist"][file], path, header.tobytes(), body)
    return values


def _read_cifar10(split: Split, directory: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    folder = directory / "cifar-10-batches-bin"
    folder = folder if folder.is_dir() else directory
    batches = [file for file in SHA256["cifar10"] if (file == "test_batch.bin") == (split == "test")]
    records = np.concatenate([_read_batch(file, folder) for file in batches])
    return records[:, 1:], records[:, 0]


def _read_batch(file: str, folder: Path) -> NDArray[np.uint8]:
    """10000 records of one class byte and 3072 pixel bytes."""
    path = _find(file, folder)
    shape = (10_000, 1 + N_PIXELS["cifar10"])
    with _opened(path) as stream:
        body = _read_exactly(stream, shape[0] * shape[1], path, f"({_times(shape)})")
    batch = np.frombuffer(body, dtype=np.uint8).reshape(shape)
    _check_classes(batch[:, 0], path)
    _check_sha256(SHA256["cifar10"][file], path, body)
    return batch


def _find(file: str, directory: Path) -> Path:
    for path in (directory / file, directory / f"{file}.gz"):
        if path.is_file():
            return path
    raise FileNotFoundError(f"directory must hold {file} or {file}.gz, but {directory} has neither")


def _opened(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        is_gzip = file.read(2) == b"\x1f\x8b"
    return cast("IO[bytes]", gzip.open(path, "rb")) if is_gzip else path.open("rb")


def _read(stream: IO[bytes], n_bytes: int, path: Path) -> bytearray:
    """At most ``n_bytes``, in pieces: memory follows what the file holds, not what was hoped for."""
    content = bytearray()
    try:
        while len(content) < n_bytes and (piece := stream.read(min(_CHUNK, n_bytes - len(content)))):
            content += piece
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(
            f"{path} must be a complete gzip file, but reading it failed: {str(error).rstrip('.')}; fetch it again"
        ) from error
    return content


def _read_exactly(stream: IO[bytes], n_bytes: int, path: Path, where: str) -> bytearray:
    content = _read(stream, n_bytes + 1, path)
    if len(content) != n_bytes:
        found = "more" if len(content) > n_bytes else str(len(content))
        raise ValueError(f"{path} must hold {n_bytes} bytes {where}, but holds {found}; fetch it again")
    return content


def _check_classes(classes: NDArray[np.uint8], path: Path) -> None:
    if classes.max() > 9:
        row = int(np.argmax(classes > 9))
        raise ValueError(f"{path} must hold labels from 0 to 9, but label {row} is {classes[row]}")


def _check_sha256(expected: str, path: Path, *parts: bytes | bytearray) -> None:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    if digest.hexdigest() != expected:
        raise ValueError(
            f"{path} must be the original file, whose content has SHA-256 {expected}, but its content has "
            f"{digest.hexdigest()}; fetch it again, or for other data use Dataset(features, labels)"
        )


def _times(dims: tuple[int, ...] | list[int]) -> str:
    return " x ".join(map(str, dims))
