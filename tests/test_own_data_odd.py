"""Sources that are rarely seen: integers of 128 bits, sparse vectors, and classes that became one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

import glassnet as gn

X = np.random.default_rng(5).normal(size=(6, 2))


def test_integers_of_128_bits_keep_their_digits() -> None:
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"x": X[:, 0], "label": polars.Series([2**64, 2**64 + 1] * 3)})
    assert gn.read_dataset(frame).train.provenance["classes"] == f"+1: {2**64 + 1}; -1: {2**64}"
    features = polars.DataFrame({"x": polars.Series([2**64 + i for i in range(6)]), "label": [0, 1] * 3})
    with pytest.raises(ValueError, match=r"column x of the frame given must be numbers, but is object \(18446744"):
        gn.read_dataset(features)


def test_a_sparse_vector_is_no_table() -> None:
    with pytest.raises(ValueError, match="must have a row and a column axis, but have shape"):
        gn.read_dataset((sparse.coo_array(X[:, 0]), [0, 1] * 3))


def test_one_class_only_is_told_with_what_it_was_made_of() -> None:
    with pytest.raises(ValueError, match=r"but has only 1 \(labels '01', '1' are one class, 1\)"):
        gn.read_dataset((X, ["01", "1"] * 3))
