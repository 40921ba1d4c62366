"""Held-out splits: drawn class by class, the same everywhere, and never seen by what is fitted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import glassnet as gn
from glassnet.cli.commands import app
from glassnet.datasets.split import trained_on

RNG = np.random.default_rng(6)
X = RNG.normal(size=(60, 12))
Y = np.array(["ant", "bee", "cow"] * 20)


def given_as_is(source: Any, **options: Any) -> gn.TrainTest:
    return gn.read_dataset(source, inputs="given", n_features="all", **options)


@given(
    sizes=st.lists(st.integers(1, 30), min_size=1, max_size=5),
    split=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**32 - 1),
)
def test_each_class_is_drawn_by_its_share_and_none_is_without_rows(sizes: list[int], split: float, seed: int) -> None:
    strata = np.repeat(np.arange(len(sizes)), sizes)
    chosen = trained_on(strata, split, seed)
    assert np.array_equal(chosen, trained_on(strata, split, seed))
    for stratum, size in enumerate(sizes):
        n = int(chosen[strata == stratum].sum())
        assert n == 1 if size == 1 else 1 <= n < size
        assert abs(n - split * size) <= 1


def test_the_draw_is_the_same_on_every_machine() -> None:
    # Made once; of the counter-based numbers, which are the same everywhere.
    assert np.flatnonzero(trained_on(np.zeros(12, np.intp), 0.5, 7)).tolist() == [1, 2, 3, 5, 9, 10]


def test_both_parts_are_the_rows_in_order_and_no_row_is_in_both() -> None:
    train, test = given_as_is((X, Y), split=0.75, seed=3)
    assert test is not None
    assert (train.n_samples, test.n_samples) == (45, 15)
    places = [int(np.flatnonzero((X.astype(np.float32) == row).all(axis=1))[0]) for row in train.features]
    held = [int(np.flatnonzero((X.astype(np.float32) == row).all(axis=1))[0]) for row in test.features]
    assert places == sorted(places)
    assert held == sorted(held)
    assert sorted(places + held) == list(range(60))
    assert train.labels.tolist() == [float("abc".index(Y[i][0])) for i in places]
    assert np.bincount(train.labels.astype(int)).tolist() == [15, 15, 15]
    other = given_as_is((X, Y), split=0.75, seed=4).train
    assert other.fingerprint != train.fingerprint


@pytest.mark.parametrize("inputs", ["standardised", "whitened"])
def test_what_is_fitted_has_seen_the_training_rows_only(inputs: Any) -> None:
    train, test = gn.read_dataset((X, Y), positive="bee", inputs=inputs, split=0.5)
    assert test is not None
    plain = given_as_is((X, Y), positive="bee", split=0.5)
    assert plain.test is not None
    rows, sides = plain.train.features, plain.train.labels
    alone = gn.read_dataset((rows, sides), inputs=inputs, test=(plain.test.features, plain.test.labels))
    assert alone.test is not None
    np.testing.assert_allclose(train.features, alone.train.features, atol=1e-5)
    np.testing.assert_allclose(test.features, alone.test.features, atol=1e-5)


def test_rows_that_are_tested_and_trained_on_are_said() -> None:
    train = gn.read_dataset((X, Y), test=(X[:7] + 1e-3, Y[:7])).train
    assert train.provenance["rows"] == "60 rows to train on, 7 rows to test on"
    train = gn.read_dataset((X, Y), test=(X[50:], Y[50:])).train
    assert train.provenance["rows"] == "60 rows to train on, 10 rows to test on, 10 of which are rows to train on too"
    train = gn.read_dataset((X, Y), test=(X[50:], Y[50:]), n_samples=55).train
    assert train.provenance["rows"].endswith(
        "(the first of 60), 10 rows to test on, 5 of which are rows to train on too"
    )
    assert gn.read_dataset((X, Y)).train.provenance["rows"] == "60 rows to train on, no test set"


def test_the_first_rows_of_the_part_to_train_on_may_be_taken() -> None:
    whole, test = given_as_is((X, Y), positive="bee", split=0.5)
    some, same = given_as_is((X, Y), positive="bee", split=0.5, n_samples=10)
    assert test is not None
    assert same is not None
    assert np.array_equal(some.features, whole.features[:10])
    assert same.fingerprint == test.fingerprint


def test_numbers_to_regress_on_are_one_stratum() -> None:
    train, test = given_as_is((X, X[:, 0] / 3), split=0.8, regression=True)
    assert test is not None
    assert (train.n_samples, test.n_samples) == (48, 12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": 1}, "split must be the share of rows to train on, between 0 and 1, but got 1"),
        ({"split": 80}, "split must be the share of rows to train on, between 0 and 1, but got 80"),
        ({"split": 0}, "split must be a finite number > 0, but got 0"),
        ({"split": -0.5}, "split must be a finite number > 0, but got -0.5"),
        ({"split": float("nan")}, "split must be a finite number > 0, but got nan"),
        ({"split": 0.5, "seed": 2**32}, "seed must be an integer from 0 to 4294967295, but got 4294967296"),
        ({"seed": 1}, "seed must be given with split only, but got 1"),
        ({"split": 0.5, "test": (X, Y)}, "split must not be given where there is a test set, but test is one"),
        ({"split": 0.5, "n_samples": 31}, "n_samples must be an integer from 1 to 30, but got 31"),
        (
            {"split": 0.5, "n_samples": 1},
            r"all classes among the 1 rows to train on, but lacks .*: take",
        ),
    ],
)
def test_wrong_splits(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gn.read_dataset((X, Y), **options)


def test_a_file_with_a_test_set_is_not_split_and_one_row_a_class_leaves_none(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", X=X, y=Y, X_test=X, y_test=Y)
    with pytest.raises(ValueError, match=r"split must not be given where there is a test set, but .*a\.npz has one"):
        gn.read_dataset(tmp_path / "a.npz", split=0.5)
    with pytest.raises(ValueError, match="split must leave rows to test on, but the arrays given has 2 rows only"):
        gn.read_dataset((X[:2], Y[:2]), split=0.5)


def test_the_command_line_splits_and_says_what_it_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", X=X, y=Y)
    line = ["run", "relaxation", "--width", "4", "--epochs", "20", "--dry-run", "--output", str(tmp_path / "run")]
    own = ["--data", str(tmp_path / "a.npz"), "--positive", "ant"]
    said = CliRunner().invoke(app, [*line, *own, "--split", "0.8", "--split-seed", "5"])
    assert said.exit_code == 0, said.output
    first, second, *_ = said.stdout.splitlines()
    assert first.startswith(f"{tmp_path / 'a.npz'}: 48 rows to train on, 12 rows to test on (split 0.8, seed 5); ")
    assert first.partition("; ")[2].startswith("12 columns, 10 components kept, 9")
    assert first.endswith(" % of the variance")
    assert second == "labels: +1: ant (16); -1: bee (16), cow (16)"
    for options, message in (
        (["--split", "0.8"], "split must be given with data only, but got 0.8"),
        ([*own, "--split", "80"], "split must be the share of rows to train on, between 0 and 1, but got 80.0"),
        ([*own, "--split-seed", "2"], "seed must be given with split only, but got 2"),
        (own[:2], f"positive must say which classes are +1, as {tmp_path / 'a.npz'} has 3: ant, bee, cow"),
    ):
        refused = CliRunner().invoke(app, [*line, *options])
        assert refused.exit_code == 2
        assert refused.stderr.startswith(f"Error: {message}")
        assert refused.stdout == ""
