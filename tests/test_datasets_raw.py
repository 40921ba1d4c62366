"""The original files: what is read from them, what is refused, their download, and the PCA fitted to them."""

from __future__ import annotations

import contextlib
import functools
import gzip
import hashlib
import os
import sys
import tarfile
import tracemalloc
import zipfile
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glassnet.datasets import fetch, load_dataset, raw
from glassnet.datasets.pca import Scaling, fit_pca, pixel_moments
from tools import bundle_features

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def mnist() -> Path:
    """The folder with MNIST's four original files."""
    folder = Path(os.environ.get("GLASSNET_MNIST", ROOT.parent / "shared" / "data" / "mnist"))
    if not folder.is_dir():
        pytest.skip(f"needs MNIST's original files in the folder named by GLASSNET_MNIST; {folder} is none")
    return folder


@pytest.fixture(scope="session")
def cifar10() -> Path:
    """The folder with CIFAR-10's original binary batches."""
    folder = os.environ.get("GLASSNET_CIFAR10")
    if folder is None:
        pytest.skip("needs CIFAR-10's original files in the folder named by GLASSNET_CIFAR10, which is not set")
    return Path(folder)


# The original files give the bundled features


def assert_same_scores(computed: np.ndarray, bundled: np.ndarray, atol: float) -> None:
    """Equal to one rounding of float32, beside ``atol`` for the eigenvectors.

    The covariance is exact, so that two machines differ by LAPACK's rounding alone: a perturbation of about
    n_pixels eps of the largest eigenvalue turns an eigenvector by that over the relative gap to the next one, and
    moves the score of a row x by |x| as much. Of the two scalings the standardised one has the larger bound. MNIST:
    784 x 2.2e-16 / 0.024 = 7e-12, and |x| is at most 436: 4e-9. CIFAR-10: 3072 x 2.2e-16 / 0.0017 = 4e-10, and |x|
    is at most 118: 5e-8.
    """
    np.testing.assert_allclose(computed, bundled, rtol=2.0**-22, atol=atol)


@pytest.mark.parametrize(
    ("inputs", "split"),
    [
        ("standardised", "test"),
        ("mnist", "test"),
        ("whitened", "train"),
    ],
)
def test_original_mnist_gives_the_bundled_features(mnist: Path, inputs: Any, split: Any) -> None:
    computed = load_dataset("mnist", split=split, inputs=inputs, source="raw", directory=mnist)
    bundled = load_dataset("mnist", split=split, inputs=inputs)
    assert_same_scores(computed.features, bundled.features, 4e-9)
    np.testing.assert_array_equal(computed.labels, bundled.labels)
    assert str(mnist) in computed.provenance["source"]
    assert {**computed.provenance, "source": ""} == {**bundled.provenance, "source": ""}


@pytest.mark.parametrize(("inputs", "split"), [("standardised", "train"), ("pixel", "test")])
def test_original_cifar10_gives_the_bundled_features(cifar10: Path, inputs: Any, split: Any) -> None:
    computed = load_dataset("cifar10", split=split, inputs=inputs, source="raw", directory=cifar10)
    bundled = load_dataset("cifar10", split=split, inputs=inputs)
    assert_same_scores(computed.features, bundled.features, 5e-8)
    np.testing.assert_array_equal(computed.labels, bundled.labels)


def test_the_tool_makes_the_bundle(mnist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["bundle_features.py", "mnist", str(mnist), "--out", str(tmp_path)])
    bundle_features.main()
    made, bundled = tmp_path / "mnist.npz", ROOT / "src" / "glassnet" / "datasets" / "data" / "mnist.npz"
    # Nothing of the clock is in the file, so that the same arrays are the same bytes.
    with zipfile.ZipFile(made) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    with np.load(made) as ours, np.load(bundled) as theirs:
        assert ours.files == theirs.files
        for key in ours.files:
            if ours[key].dtype == np.float32:
                assert_same_scores(ours[key], theirs[key], 4e-9)


def test_fewer_and_more_components_than_are_bundled(mnist: Path) -> None:
    def load(n_features: int, inputs: Any = "standardised") -> np.ndarray:
        return load_dataset(
            "mnist", split="test", inputs=inputs, source="raw", directory=mnist, n_features=n_features
        ).features

    bundled = load_dataset("mnist", split="test").features
    assert_same_scores(load(3), bundled[:, :3], 4e-9)
    assert_same_scores(load(20)[:, :10], bundled, 4e-9)
    # 67 of the 784 pixels are constant and five follow from others in the training images.
    with pytest.raises(ValueError, match=r"n_features must be at most 712 with inputs='whitened'.*got 784"):
        load(784, "whitened")


# The transform against a plain twin


def plain_pca(pixels: np.ndarray, scaling: Scaling, test: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores of both sets and all components, from the singular values of the scaled pixels."""
    std = pixels.std(axis=0) if scaling == "standardised" else np.full(pixels.shape[1], 255.0)
    varying = std > 0
    scale = np.where(varying, std, 1.0)
    rows, test_rows = ((x - pixels.mean(axis=0)) / scale * varying for x in (pixels, test))
    _, _, components = np.linalg.svd(rows, full_matrices=False)
    largest = np.abs(components).argmax(axis=1)
    components *= np.sign(components[np.arange(len(components)), largest])[:, None]
    return rows @ components.T, test_rows @ components.T, components.T


@settings(deadline=None, max_examples=30)
@given(
    n_pixels=st.integers(2, 12),
    n_constant=st.integers(0, 3),
    seed=st.integers(0, 2**32 - 1),
    scaling=st.sampled_from(["standardised", "pixel"]),
)
def test_pca_agrees_with_singular_values(n_pixels: int, n_constant: int, seed: int, scaling: Scaling) -> None:
    rng = np.random.default_rng(seed)
    n = 5000  # more rows than one block of the sums
    mixing = rng.normal(size=(n_pixels, n_pixels))
    varied = np.clip(127 + 20 * rng.normal(size=(n + 50, n_pixels)) @ mixing, 0, 255)
    pixels = np.hstack([varied, np.full((n + 50, n_constant), 9)]).astype(np.uint8)
    # A pixel constant in training says nothing, even if it varies in the test set.
    pixels[n:, n_pixels:] = rng.integers(0, 255, size=(50, n_constant))
    train, test = pixels[:n], pixels[n:]
    pca = fit_pca(pixel_moments(train), scaling, n_pixels + n_constant)
    # Components closer than this to the next may turn into it; for the last the next is not known.
    gaps = -np.diff(pca.std**2) / pca.std[0] ** 2
    clear = int(np.argmax(np.append(gaps < 1e-3, True)))
    scores, test_scores, components = plain_pca(train, scaling, test)
    # Where the two largest entries nearly tie with opposite signs, the sign is rounding's choice.
    two = np.sort(np.abs(components[:, :clear]), axis=0)[-2:]
    decided = np.flatnonzero(two[1] - two[0] > 1e-9)
    # Float32 rounds a score by 2^-24 of its size; the rest bounds the sums of float64.
    np.testing.assert_allclose(pca.scores(train)[:, decided], scores[:, decided], rtol=2.0**-23, atol=1e-9)
    np.testing.assert_allclose(pca.scores(test)[:, decided], test_scores[:, decided], rtol=2.0**-23, atol=1e-9)
    if scaling == "standardised":
        np.testing.assert_allclose(pca.scores(test)[:, n_pixels:], 0, atol=1e-9)
    np.testing.assert_allclose(pca.std[:clear], scores[:, :clear].std(axis=0), rtol=1e-9)
    np.testing.assert_allclose(pca.variance_share.sum(), 1, rtol=1e-9)


# Damaged and wrong files


def idx(dims: tuple[int, ...], content: bytes, magic: int | None = None) -> bytes:
    header = [0x0800 + len(dims) if magic is None else magic, *dims]
    return np.array(header, dtype=">u4").tobytes() + content


BLANK_IMAGES = idx((60_000, 28, 28), bytes(60_000 * 784))
LABELS = idx((60_000,), bytes(60_000))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files of MNIST's shape, all images blank, taken for the originals."""
    for name, content in (("train-images-idx3-ubyte", BLANK_IMAGES), ("train-labels-idx1-ubyte", LABELS)):
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content, compresslevel=1))
        monkeypatch.setitem(raw.SHA256["mnist"], name, hashlib.sha256(content).hexdigest())
    return tmp_path


def test_gzipped_or_not(folder: Path) -> None:
    zipped = raw.read_raw("mnist", "train", folder)
    (folder / "train-labels-idx1-ubyte").write_bytes(LABELS)
    (folder / "train-labels-idx1-ubyte.gz").unlink()
    plain = raw.read_raw("mnist", "train", folder)
    np.testing.assert_array_equal(zipped.labels, plain.labels)
    assert zipped.pixels.shape == (60_000, 784)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("labels-idx1", b"", "must begin with 8 bytes of IDX header, but holds 0"),
        (
            "labels-idx1",
            idx((60_000,), bytes(60_000), magic=2051),
            "must begin with the IDX magic number 2049, but begins with 2051",
        ),
        ("labels-idx1", idx((10_000,), bytes(10_000)), "must hold 60000 bytes, but its header promises 10000"),
        ("labels-idx1", LABELS[:-1], "must hold 60000 bytes after its header, but holds 59999"),
        ("labels-idx1", LABELS + b"\0", "must hold 60000 bytes after its header, but holds more"),
        ("labels-idx1", LABELS[:-2] + b"\x0a\0", "must hold labels from 0 to 9, but label 59998 is 10"),
        ("labels-idx1", LABELS[:-1] + b"\x01", "must be the original file, whose content has SHA-256 .*, but"),
        ("labels-idx1", gzip.compress(LABELS)[:-9], "must be a complete gzip file"),
        ("labels-idx1", gzip.compress(LABELS)[:5], "must be a complete gzip file"),
        ("labels-idx1", gzip.compress(LABELS)[:-8] + bytes(8), "must be a complete gzip file.*CRC"),
        ("labels-idx1", gzip.compress(LABELS)[:20] + b"\xff" * 40, "must be a complete gzip file"),
        ("images-idx3", idx((60_000, 28, 27), bytes(9)), "must hold 60000 x 28 x 28 .* promises 60000 x 28 x 27"),
        ("images-idx3", idx((60_000, 28, 28), bytes(9)), "must hold 47040000 bytes after its header, but holds 9"),
    ],
    ids=[
        "empty",
        "magic number",
        "fewer promised",
        "truncated",
        "too long",
        "label",
        "other content",
        "gzip truncated",
        "gzip header truncated",
        "gzip checksum",
        "gzip damaged",
        "image size",
        "images truncated",
    ],
)
def test_a_wrong_mnist_file_is_named(folder: Path, file: str, content: bytes, message: str) -> None:
    path = folder / f"train-{file}-ubyte"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"^{path} {message}"):
        load_dataset("mnist", source="raw", directory=folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (bytes(3073), r"must hold 30730000 bytes \(10000 x 3073\), but holds 3073"),
        (bytes(30_730_001), r"must hold 30730000 bytes \(10000 x 3073\), but holds more"),
        (bytes(3073) + b"\x0b" + bytes(30_726_926), "must hold labels from 0 to 9, but label 1 is 11"),
        (bytes(30_730_000), "must be the original file, whose content has SHA-256 cee91656.*, but"),
    ],
    ids=["truncated", "too long", "label", "other content"],
)
def test_a_wrong_cifar10_file_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "data_batch_1.bin"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"^{path} {message}"):
        load_dataset("cifar10", source="raw", directory=tmp_path)


def test_a_missing_file_or_folder_is_named(folder: Path) -> None:
    with pytest.raises(FileNotFoundError, match=rf"must hold t10k-images-idx3-ubyte or .*\.gz, but {folder}"):
        load_dataset("mnist", split="test", source="raw", directory=folder)
    with pytest.raises(FileNotFoundError, match=r"must hold data_batch_1\.bin"):
        load_dataset("cifar10", source="raw", directory=str(folder))
    with pytest.raises(FileNotFoundError, match=f"directory must be a folder.*{folder / 'nowhere'}"):
        load_dataset("mnist", source="raw", directory=folder / "nowhere")


@pytest.mark.parametrize(
    ("name", "file", "content", "limit"),
    [
        # The blank images are a stream of 45 kB that unfolds to the 47 MB it should; the labels unfold to 200 MB.
        ("mnist", "train-labels-idx1-ubyte", gzip.compress(LABELS + bytes(200_000_000), 1), 120e6),
        ("mnist", "train-images-idx3-ubyte", gzip.compress(BLANK_IMAGES + bytes(200_000_000), 1), 60e6),
        ("mnist", "train-images-idx3-ubyte", idx((2**32 - 1, 2**32 - 1, 2**32 - 1), b""), 2e6),
        ("mnist", "train-images-idx3-ubyte", idx((60_000, 28, 28), b"short"), 2e6),
        ("cifar10", "data_batch_1.bin", gzip.compress(bytes(200_000_000), 1), 40e6),
        ("cifar10", "data_batch_1.bin", b"short", 2e6),
    ],
    ids=["labels bomb", "images bomb", "vast header", "short body", "batch bomb", "short batch"],
)
def test_memory_follows_what_is_there(folder: Path, name: Any, file: str, content: bytes, limit: float) -> None:
    (folder / file).write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=str(folder / file)):
            raw.read_raw(name, "train", folder)
        assert tracemalloc.get_traced_memory()[1] < limit
    finally:
        tracemalloc.stop()


# Download


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of an HTTP server on this machine that gives out the files of a folder."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_QuietHandler, directory=str(folder)))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, where pooch looks for it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "glassnet"


def test_mnist_is_downloaded_once_from_the_first_mirror_that_has_it(
    mnist: Path, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    with served(tmp_path / "empty") as empty, served(mnist) as full:
        monkeypatch.setattr(fetch, "MIRRORS", {"mnist": (empty, full)})
        fetch.fetch("mnist")
    assert {path.name for path in (cache / "mnist").iterdir()} == set(fetch.ARCHIVES["mnist"])
    downloaded = load_dataset("mnist", split="test", source="raw")
    assert_same_scores(downloaded.features, load_dataset("mnist", split="test").features, 4e-9)


def test_a_failed_download_names_every_address_and_reason(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = "train-images-idx3-ubyte.gz"
    (tmp_path / "wrong").mkdir()
    (tmp_path / "wrong" / file).write_bytes(b"something else")
    (tmp_path / "empty").mkdir()
    with served(tmp_path / "empty") as empty:
        pass
    with served(tmp_path / "wrong") as wrong, served(tmp_path / "empty") as missing:
        monkeypatch.setattr(fetch, "MIRRORS", {"mnist": (empty, missing, wrong)})
        with pytest.raises(ConnectionError) as caught:
            load_dataset("mnist", source="raw")
    lines = str(caught.value).splitlines()
    assert lines[0] == f"{file} (mnist) could not be downloaded:"
    assert empty + file in lines[1]
    assert "refused" in lines[1]
    assert missing + file in lines[2]
    assert "404" in lines[2]
    assert wrong + file in lines[3]
    assert fetch.ARCHIVES["mnist"][file] in lines[3]
    assert "directory=" in lines[4]
    assert not (cache / "mnist" / file).exists()


def test_cifar10_archive_is_unpacked_where_it_is_read(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = tmp_path / "cifar-10-batches-bin"
    batches.mkdir()
    for file in raw.SHA256["cifar10"]:
        (batches / file).write_bytes(b"stand-in")
    archive = tmp_path / "www" / "cifar-10-binary.tar.gz"
    archive.parent.mkdir()
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(batches, batches.name)
    sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
    with served(archive.parent) as address:
        monkeypatch.setattr(fetch, "MIRRORS", {"cifar10": (address,)})
        with pytest.raises(ConnectionError, match="c4a38c50a1bc5f3a"):
            load_dataset("cifar10", source="raw")
        monkeypatch.setattr(fetch, "ARCHIVES", {"cifar10": {archive.name: sha256}})
        first = cache / "cifar10" / batches.name / "data_batch_1.bin"
        with pytest.raises(ValueError, match=f"^{first} must hold 30730000 bytes .*, but holds 8"):
            load_dataset("cifar10", source="raw")
