"""Components of users' data: the same bits on every machine, and those of LAPACK to rounding."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import glassnet as gn
from glassnet.datasets import defined

RNG = np.random.default_rng(9)
EPS = np.finfo(np.float64).eps


@given(
    n=st.integers(1, 20),
    inner=st.integers(1, 60),
    columns=st.integers(1, 6),
    decades=st.integers(0, 12),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_product_is_that_of_float64_whatever_order_its_terms_are_in(
    n: int, inner: int, columns: int, decades: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    a, b = (
        rng.normal(size=(n, inner)) * 10.0 ** rng.integers(-decades, decades + 1, (n, 1)),
        rng.normal(size=(inner, columns)),
    )
    found = defined.product(a, b)
    # Three slices of 20 bits hold each number to 2^-60 of the largest of its row, and dropped products are as small.
    bound = 4 * inner * EPS * np.abs(a).max(axis=1, keepdims=True) * np.abs(b).max(axis=0)
    assert (np.abs(found - a @ b) <= bound).all()
    order = rng.permutation(inner)
    assert np.array_equal(defined.product(a[:, order], b[order]), found)
    assert np.array_equal(defined.product(np.asfortranarray(a), b), found)
    products = defined.gram(a)
    assert np.array_equal(products, products.T)
    assert np.array_equal(defined.gram(a[:, order]), products)
    assert (np.abs(products - a @ a.T) <= 4 * inner * EPS * np.outer(*[np.abs(a).max(axis=1)] * 2)).all()


def wilkinson(m: int) -> NDArray[np.float64]:
    """Pairs of eigenvalues that agree to many digits."""
    return np.diag(np.abs(np.arange(-m, m + 1)).astype(float)) + np.eye(2 * m + 1, k=1) + np.eye(2 * m + 1, k=-1)


def low_rank(n: int, rank: int) -> NDArray[np.float64]:
    rows = RNG.normal(size=(n, rank)) * 10.0 ** RNG.integers(-6, 6, rank)
    return np.asarray(rows @ rows.T)


MATRICES: dict[str, Any] = {
    "one number": np.array([[2.0]]),
    "nothing": np.zeros((4, 4)),
    "equal eigenvalues": np.eye(30),
    "some equal": np.kron(np.eye(4), np.ones((3, 3))),
    "two blocks": np.diag([5.0, 5, 5, 1, 1, 0, 0]),
    "all equal": np.ones((20, 20)),
    "pairs": wilkinson(10),
    "glued pairs": np.kron(np.eye(5), wilkinson(10)) + 1e-9 * (np.eye(105, k=21) + np.eye(105, k=-21)),
    "many decades": np.diag(10.0 ** -np.arange(0.0, 300, 5)),
    "tiny": 1e-200 * low_rank(6, 6),
    "low rank": low_rank(40, 7),
    "panels": low_rank(100, 100),
}


@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("part", [0.0, 0.3, 1.0])
def test_eigenvectors_are_what_they_should_be(name: str, part: float) -> None:
    a = MATRICES[name]
    n = len(a)
    count = max(1, round(part * n))
    values, vectors = defined.leading(a.copy(), count)
    size = max(np.abs(a).max() * n, 1e-300)
    # As LAPACK's: each of these is a small multiple of rounding.
    assert np.abs(values - np.linalg.eigvalsh(a)[::-1][:count]).max() <= 8 * EPS * size
    assert np.abs(vectors.T @ vectors - np.eye(count)).max() <= 40 * EPS
    assert np.abs(a @ vectors - vectors * values).max() <= 8 * EPS * size


MADE = """
import numpy as np
import glassnet as gn

rng = np.random.default_rng(0)
labels = np.arange(300) % 2
one_hot = np.tile(np.eye(30), (10, 1)) * rng.choice([-1, 1], size=(300, 1))  # all but equal eigenvalues
for rows in (one_hot, rng.normal(size=(300, 40)), rng.normal(size=(300, 20)).repeat(2, axis=1)):
    for table in (rows, rows[:25]):
        for inputs in ("standardised", "whitened", "given"):
            print(gn.read_dataset((table, labels[: len(table)]), inputs=inputs, n_features=7).train.fingerprint)
"""


@pytest.mark.long
def test_another_kernel_of_blas_makes_the_same_features() -> None:
    """OpenBLAS takes another kernel by this name; where there is another BLAS both are the same process."""
    command = [sys.executable, "-c", MADE]
    found = {
        subprocess.run(
            command, env=os.environ | {"OPENBLAS_CORETYPE": kernel}, stdout=subprocess.PIPE, check=True
        ).stdout
        for kernel in ("Haswell", "Prescott")
    }
    assert len(found) == 1


def test_components_of_ordinary_data_have_the_bits_they_had() -> None:
    """To float32 LAPACK's and these agree, but for a number in some millions that lies at a tie."""
    rows = np.random.default_rng(0).normal(size=(300, 30)) * np.linspace(1, 3, 30)
    scaled = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    _, vectors = np.linalg.eigh(scaled.T @ scaled / 300)
    vectors = vectors[:, ::-1][:, :10]
    vectors *= np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(10)])
    found = gn.read_dataset((rows, np.arange(300) % 2)).train.features
    assert np.array_equal(found, (scaled @ vectors).astype(np.float32))
