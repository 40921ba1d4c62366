"""Dataset, the bundled features, load_dataset's arguments, random_dataset."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glassnet import random
from glassnet.datasets import Dataset, load_dataset, random_dataset

FEATURES = np.arange(6.0).reshape(3, 2)
LABELS = [1, -1, 1]


# Dataset


def test_dataset_converts_copies_and_freezes() -> None:
    given_features = np.asfortranarray(FEATURES)
    dataset = Dataset(given_features, LABELS)
    given_features[:] = 0
    assert dataset.features.dtype == dataset.labels.dtype == np.float32
    assert dataset.features.flags.c_contiguous
    np.testing.assert_array_equal(dataset.features, FEATURES)
    np.testing.assert_array_equal(dataset.labels, LABELS)
    assert (dataset.n_samples, dataset.n_features, dataset.name) == (3, 2, "custom")
    with pytest.raises(ValueError, match="read-only"):
        dataset.features[0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        dataset.labels[0] = 1
    with pytest.raises(AttributeError):
        dataset.name = "other"  # type: ignore[misc]


def test_fingerprint_is_of_shape_features_and_labels_only() -> None:
    dataset = Dataset(FEATURES, LABELS)
    assert dataset.fingerprint == Dataset(FEATURES.astype(np.float32), LABELS, name="x").fingerprint
    others = [
        Dataset(FEATURES.reshape(2, 3), LABELS[:2]),
        Dataset(FEATURES + 1e-5, LABELS),
        Dataset(FEATURES, [1, 1, 1]),
    ]
    assert len({dataset.fingerprint, *(other.fingerprint for other in others)}) == 4


def test_dataset_survives_pickle_and_copy_read_only() -> None:
    dataset = Dataset(FEATURES, LABELS, name="mine", provenance={"source": "here"})
    for twin in (pickle.loads(pickle.dumps(dataset)), copy.deepcopy(dataset)):
        assert twin.fingerprint == dataset.fingerprint
        assert (twin.name, twin.provenance) == ("mine", {"source": "here"})
        assert not twin.features.flags.writeable


@pytest.mark.parametrize(
    ("features", "labels", "message"),
    [
        (np.zeros(3), LABELS, r"features must have shape \(n_samples, n_features\).*got shape \(3,\)"),
        (np.zeros((0, 2)), [], r"features must have shape.*at least 1.*got shape \(0, 2\)"),
        ([[0.0, 1.0], [2.0]], [1, 1], "features must be an array of numbers"),
        (np.array([["a", "b"]]), [1], "features must be real numbers, but got dtype <U1"),
        (np.zeros((1, 2), complex), [1], "features must be real numbers, but got dtype complex128"),
        ([[0.0, 1.0], [2.0, np.nan]], [1, -1], r"features must be finite.*features\[1, 1\] is nan; 1 of 4"),
        ([[0.0, 1e39]], [1], r"features must be finite in float32, but features\[0, 1\] is 1e\+39"),
        (FEATURES, [1, -1], r"labels must have shape \(3,\).*got shape \(2,\)"),
        (FEATURES, [[1], [-1], [1]], r"labels must have shape \(3,\).*got shape \(3, 1\)"),
        (FEATURES, [1, 0, 1], r"labels must be \+1 or -1, but labels\[1\] is 0;.*2 \* labels - 1"),
        (FEATURES, [1, -1, np.nan], r"labels must be \+1 or -1, but labels\[2\] is nan"),
        (FEATURES, [True, False, True], r"labels must be \+1 or -1, but labels\[1\] is False"),
    ],
)
def test_dataset_refuses(features: Any, labels: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Dataset(features, labels)


# The bundled features


@pytest.mark.parametrize(
    ("name", "inputs", "std"),
    [
        ("mnist", "standardised", [6.36, 5.41, 5.18, 4.55, 4.25, 3.97, 3.71, 3.54, 3.32, 3.17]),
        ("cifar10", "standardised", [28.8, 18.7, 14.8, 10.9, 10.5, 9.5, 9.3, 8.1, 8.0, 6.8]),
        ("mnist", "whitened", [1.0] * 10),
        ("cifar10", "whitened", [1.0] * 10),
    ],
)
def test_training_scores_are_centred_uncorrelated_and_as_wide_as_published(
    name: Any, inputs: Any, std: list[float]
) -> None:
    dataset = load_dataset(name, inputs=inputs)
    assert dataset.features.shape == ({"mnist": 60_000, "cifar10": 50_000}[name], 10)
    scores = dataset.features.astype(np.float64)
    covariance = scores.T @ scores / len(scores)
    measured = np.sqrt(np.diag(covariance))
    # The figures quoted have two decimals (MNIST) or one.
    np.testing.assert_allclose(measured, std, atol=0.0051 if name == "mnist" else 0.051)
    # Rounding a score to float32 moves it by 2^-24 of its size, and their mean by at most that of the mean size.
    np.testing.assert_allclose(scores.mean(axis=0) / measured, 0, atol=2.0**-24)
    correlation = covariance / np.outer(measured, measured)
    np.testing.assert_allclose(correlation, np.eye(10), atol=2.0**-23)


@pytest.mark.parametrize("split", ["train", "test"])
def test_four_inputs_come_from_two_arrays(split: Any) -> None:
    mnist = {
        inputs: load_dataset("mnist", split=split, inputs=inputs).features.astype(np.float64)
        for inputs in ("standardised", "whitened", "pixel", "mnist")
    }
    one_rounding = 2.0**-23
    np.testing.assert_allclose(mnist["mnist"] * 0.3081, mnist["pixel"], rtol=one_rounding)
    std = load_dataset("mnist").features.astype(np.float64).std(axis=0)
    np.testing.assert_allclose(mnist["whitened"] * std, mnist["standardised"], rtol=2 * one_rounding)


def test_labels() -> None:
    # The first digits are 5 0 4 1 9 2 1 3 1 4 and 7 2 1 0 4 1 4 9 5 9.
    mnist = load_dataset("mnist")
    assert mnist.labels[:10].tolist() == [-1, 1, 1, -1, -1, 1, -1, -1, -1, 1]
    assert load_dataset("mnist", split="test").labels[:10].tolist() == [-1, 1, -1, 1, 1, -1, 1, -1, -1, -1]
    assert np.count_nonzero(mnist.labels == 1) == 29_492
    # The first images are frog, truck, truck, deer, car and cat, ship, ship, airplane, frog.
    cifar10 = load_dataset("cifar10")
    assert cifar10.labels[:5].tolist() == [1, -1, -1, 1, -1]
    assert load_dataset("cifar10", split="test").labels[:5].tolist() == [-1, 1, 1, 1, 1]
    assert np.count_nonzero(cifar10.labels == 1) == 25_000


def test_first_rows_and_leading_components_are_taken() -> None:
    whole = load_dataset("mnist", split="test")
    part = load_dataset("mnist", split="test", n_samples=np.int64(7), n_features=3)  # type: ignore[arg-type]
    np.testing.assert_array_equal(part.features, whole.features[:7, :3])
    np.testing.assert_array_equal(part.labels, whole.labels[:7])


def test_provenance_says_where_the_numbers_come_from() -> None:
    dataset = load_dataset("cifar10", inputs="whitened", n_features=2)
    assert dataset.name == "cifar10"
    assert "Krizhevsky" in dataset.provenance["source"]
    assert dataset.provenance["inputs"].startswith("whitened")
    assert "28.76, 18.69" in dataset.provenance["component_std"]
    assert "data_batch_5.bin" in dataset.provenance["raw_sha256"]


@pytest.mark.parametrize(
    ("name", "split", "fingerprint"),
    [
        ("mnist", "train", "f29a5c7119958562f7ba7ce56b27bb5704363063ebcf1a2604f57473d27cacd4"),
        ("mnist", "test", "5e7e4a1d97277cee17255962c5f8316c2f3f97e4423f32b5df24e2fb52eda48b"),
        ("cifar10", "train", "abe0c9eeccef7214a8e8161469c8e71ee278c66205f04a7af41328b63a300859"),
        ("cifar10", "test", "cf9f34184d83c68a80936769d2b823f55adf03dfc5f9c65d7546bfb15d693460"),
    ],
)
def test_bundled_features_never_change(name: Any, split: Any, fingerprint: str) -> None:
    assert load_dataset(name, split=split).fingerprint == fingerprint


def test_bundled_data_need_no_download_library() -> None:
    code = "import sys, glassnet.datasets as d; d.load_dataset('mnist'); sys.exit('pooch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "MNIST"}, "name must be one of 'mnist', 'cifar10', but got 'MNIST'"),
        ({"split": "validation"}, "split must be one of 'train', 'test', but got 'validation'"),
        ({"inputs": "raw"}, "inputs must be one of 'standardised', 'pixel', 'mnist', 'whitened', but got 'raw'"),
        ({"source": "web"}, "source must be one of 'bundled', 'raw', but got 'web'"),
        ({"name": "cifar10", "inputs": "mnist"}, "inputs='mnist' .* name must be 'mnist', but got 'cifar10'"),
        ({"n_samples": 0}, "n_samples must be an integer from 1 to 60000, but got 0"),
        ({"n_samples": 60_001}, "n_samples must be an integer from 1 to 60000, but got 60001"),
        ({"split": "test", "n_samples": 10_001}, "n_samples must be an integer from 1 to 10000, but got 10001"),
        ({"name": "cifar10", "n_samples": 60_000}, "n_samples must be an integer from 1 to 50000"),
        ({"n_features": 0}, "n_features must be an integer from 1 to 784, but got 0"),
        ({"n_features": 11}, "n_features must be an integer from 1 to 10 with source='bundled'.*got 11.*'raw'"),
        ({"n_features": 785, "source": "raw"}, "n_features must be an integer from 1 to 784, but got 785"),
        ({"directory": "."}, "directory needs source='raw', but source is 'bundled'"),
    ],
)
def test_load_dataset_refuses(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_dataset(**{"name": "mnist", **arguments})


# Random data


@given(
    n_samples=st.integers(1, 40),
    n_features=st.integers(1, 12),
    seed=st.integers(0, 2**32 - 1),
    labels=st.sampled_from(["random", "teacher"]),
)
def test_random_data_begin_alike_and_depend_on_the_seed(
    n_samples: int, n_features: int, seed: int, labels: Any
) -> None:
    few = random_dataset(n_samples, n_features, seed=seed, labels=labels)
    many = random_dataset(n_samples + 5, n_features, seed=seed, labels=labels)
    assert few.features.shape == (n_samples, n_features)
    np.testing.assert_array_equal(few.features, many.features[:n_samples])
    np.testing.assert_array_equal(few.labels, many.labels[:n_samples])
    other = random_dataset(n_samples, n_features, seed=(seed + 1) % 2**32, labels=labels)
    assert not np.array_equal(few.features, other.features)


def test_inputs_chance_labels_and_teacher_have_streams_of_their_own() -> None:
    def stream(number: int, count: int) -> np.ndarray:
        return random.words(random.Purpose.DATASET, 3, 0, number, 0, count)

    chance, taught = random_dataset(6, 3, seed=3), random_dataset(6, 3, seed=3, labels="teacher")
    inputs = random.gaussian(stream(0, 18)).reshape(6, 3).astype(np.float32)
    np.testing.assert_array_equal(chance.features, inputs)
    np.testing.assert_array_equal(taught.features, inputs)
    np.testing.assert_array_equal(chance.labels, 2 * random.integers(stream(1, 6), 2) - 1)
    np.testing.assert_array_equal(taught.labels, np.sign(inputs @ random.gaussian(stream(2, 4))[:3]))


def test_random_inputs_are_gaussian_and_chance_labels_know_nothing_of_them() -> None:
    n, d = 20_000, 4
    dataset = random_dataset(n, d, seed=1)
    x, y = dataset.features.astype(np.float64), dataset.labels.astype(np.float64)
    # Standard errors: of a mean 1/sqrt(n), of a variance sqrt(2/n), of a product of independents 1/sqrt(n).
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=5 / np.sqrt(n))
    np.testing.assert_allclose(np.cov(x.T), np.eye(d), atol=5 * np.sqrt(2 / n))
    assert abs(y.mean()) < 5 / np.sqrt(n)
    np.testing.assert_allclose(x.T @ y / n, 0, atol=5 / np.sqrt(n))


def test_default_teacher_is_a_direction() -> None:
    n, d = 20_000, 5
    dataset = random_dataset(n, d, seed=2, labels="teacher")
    x, y = dataset.features.astype(np.float64), dataset.labels.astype(np.float64)
    # For Gaussian x, the mean of y x is sqrt(2/pi) along the teacher's direction: it separates all but the rows
    # within its error of the plane, an angle of about sqrt(d / n) sqrt(pi/2) out of pi.
    direction = x.T @ y / n
    assert abs(np.linalg.norm(direction) - np.sqrt(2 / np.pi)) < 5 / np.sqrt(n)
    share_wrong = np.mean(np.sign(x @ direction) != y)
    assert share_wrong < 3 * np.sqrt(d / n) * np.sqrt(np.pi / 2) / np.pi
    assert not np.array_equal(y, random_dataset(n, d, seed=2).labels)


def test_a_given_teacher_sees_the_inputs_and_sets_the_labels() -> None:
    dataset = random_dataset(50, 2, labels="teacher", teacher=lambda x: x[:, 0] * x[:, 1])
    np.testing.assert_array_equal(dataset.labels, np.sign(dataset.features[:, 0] * dataset.features[:, 1]))
    silent = random_dataset(4, 2, labels="teacher", teacher=lambda x: np.zeros(len(x)))
    assert silent.labels.tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_samples": 0}, "n_samples must be an integer >= 1, but got 0"),
        ({"n_features": -1}, "n_features must be an integer >= 1, but got -1"),
        ({"seed": 2**32}, "seed must be an integer from 0 to 4294967295, but got 4294967296"),
        ({"labels": "noise"}, "labels must be one of 'random', 'teacher', but got 'noise'"),
        ({"teacher": lambda x: x[:, 0]}, "teacher needs labels='teacher', but labels is 'random'"),
        ({"labels": "teacher", "teacher": lambda x: x}, r"outputs of shape \(3,\), but gave \(3, 2\)"),
        ({"labels": "teacher", "teacher": lambda x: x[:, 0] * np.nan}, "but gave NaN for 3 rows"),
    ],
)
def test_random_dataset_refuses(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        random_dataset(**{"n_samples": 3, "n_features": 2, **arguments})
