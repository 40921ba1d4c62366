"""Labels of users: several classes, numbers to regress on; and features as frames, sparse, whole numbers or bools."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import pytest
from scipy import sparse

import glassnet as gn
from glassnet.datasets.frames import columns_of
from glassnet.runs.own_data import OwnData

RNG = np.random.default_rng(5)
X = RNG.normal(size=(30, 3))
Y = np.array(["ant", "bee", "cow"] * 10)
FRAME = pd.DataFrame(X, columns=["p", "q", "r"], index=np.arange(100, 130)).assign(kind=Y)


def as_given(source: Any, **options: Any) -> gn.Dataset:
    return gn.read_dataset(source, inputs="given", n_features="all", **options).train


# Classes


def test_several_classes_are_numbered_with_their_names_kept() -> None:
    train, test = gn.read_dataset((X, Y), test=(X[1:3], Y[1:3]))
    assert test is not None
    assert (train.n_classes, train.classes) == (3, ("ant", "bee", "cow"))
    assert (test.n_classes, test.classes, test.labels.tolist()) == (3, train.classes, [1.0, 2.0])
    assert train.labels.tolist() == [0.0, 1.0, 2.0] * 10
    assert train.provenance["classes"] == "0: ant; 1: bee; 2: cow"
    assert train.provenance["counts"] == "0: ant (10); 1: bee (10); 2: cow (10)"
    again = pickle.loads(pickle.dumps(train))
    assert (again.fingerprint, again.classes) == (train.fingerprint, train.classes)
    assert train.fingerprint == gn.Dataset(train.features, train.labels, n_classes=3).fingerprint
    assert gn.read_dataset((X, np.arange(30) % 11)).train.classes == tuple(map(str, range(11)))


def test_two_classes_stay_sides() -> None:
    found = gn.read_dataset((X, np.arange(30) % 2)).train
    assert (found.n_classes, found.classes, set(found.labels.tolist())) == (None, (), {1.0, -1.0})
    assert found.provenance["counts"] == "+1: 1 (15); -1: 0 (15)"


def test_cross_entropy_learns_several_classes() -> None:
    nn = pytest.importorskip("torch").nn
    train, test = gn.read_dataset((X + 3 * (np.arange(30) % 3)[:, None], Y), split=0.8)
    network = gn.TorchNetwork(lambda: nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 3)))
    landscape = gn.Landscape(network, train, gn.CrossEntropy(1e-3))
    quenched = gn.evolve(gn.Ensemble.random(network, 2), landscape, gn.Sgd(0.5, 24), 40, engine="torch")
    found = gn.evaluate(quenched, landscape, test=test, engine="torch")
    assert found.test_accuracy.values.min() > 0.6
    assert "8 of class ant" in landscape._repr_html_()
    with pytest.raises(ValueError, match=r"labels \+1 and -1 for QuadraticHinge, but has 3 classes: .* positive="):
        gn.Landscape(gn.Mlp(3, 4, 2), train, gn.QuadraticHinge())
    assert test is not None
    renamed = gn.Dataset(test.features, test.labels, n_classes=3, classes=("bee", "ant", "cow"))
    with pytest.raises(ValueError, match="test must have the classes of the dataset"):
        gn.evaluate(quenched, landscape, test=renamed, engine="torch")


def test_experiments_ask_for_sides() -> None:
    with pytest.raises(ValueError, match=r"positive must say which classes are \+1, as .* has 3: ant, bee, cow"):
        OwnData.of(gn.read_dataset((X, Y)))
    with pytest.raises(ValueError, match=r"must have labels \+1 and -1 for experiments, but has numbers to regress on"):
        OwnData.of(gn.read_dataset((X, X[:, 0]), regression=True))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.arange(30) / 4, r"positive must say .* labels are numbers such as 0.25, .* say regression=True"),
        (np.arange(30), r"positive must say .* labels are another for every row, .* say regression=True"),
        ([f"id{i}" for i in range(30)], r"positive must say .* labels are another for every row"),
    ],
)
def test_what_are_hardly_classes_are_not_taken_for_them(labels: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gn.read_dataset((X, labels))


def test_rows_to_train_on_have_all_classes() -> None:
    with pytest.raises(ValueError, match="must have all classes among the 2 rows to train on, but lacks cow: take"):
        gn.read_dataset((X, Y), n_samples=2)


def test_names_of_classes_fit() -> None:
    with pytest.raises(ValueError, match="classes must be the names of 3 classes, but got 2"):
        gn.Dataset(X, np.arange(30) % 3, n_classes=3, classes=("a", "b"))
    with pytest.raises(ValueError, match="n_classes must not be given with regression, but got 3"):
        gn.Dataset(X, np.arange(30) % 3, n_classes=3, regression=True)


# Numbers to regress on


@pytest.mark.parametrize(
    "labels", [X[:, 0] / 3, (X[:, 0] / 3).astype(np.float32), 20_000_001 + np.arange(30), [0.1] * 30]
)
def test_numbers_to_regress_on_stay_as_they_are(labels: Any) -> None:
    found = gn.read_dataset((X, labels), regression=True).train
    assert found.regression
    assert found.labels.dtype == np.float64
    assert np.array_equal(found.labels, np.asarray(labels, np.float64))
    assert pickle.loads(pickle.dumps(found)).fingerprint == found.fingerprint


def test_a_loss_of_ones_own_regresses() -> None:
    nn = pytest.importorskip("torch").nn
    train, test = gn.read_dataset((X, X @ [1.0, -2.0, 0.5]), regression=True, split=0.8)
    network = gn.TorchNetwork(lambda: nn.Linear(3, 1))
    landscape = gn.Landscape(network, train, gn.TorchLoss(lambda f, y: 0.5 * (f[:, 0] - y) ** 2, name="squared"))
    quenched = gn.evolve(gn.Ensemble.random(network, 2), landscape, gn.Sgd(0.3, 24), 400, engine="torch")
    found = gn.evaluate(quenched, landscape, test=test, engine="torch")
    assert found.test_loss.values.max() < 1e-6
    assert np.isnan(found.accuracy.values).all()  # numbers have no right side
    assert np.isnan(found.test_accuracy.values).all()
    for loss in (gn.QuadraticHinge(), gn.CrossEntropy()):
        with pytest.raises(ValueError, match=r"dataset must have .*, but has numbers to regress on"):
            gn.Landscape(network, train, loss)
    assert test is not None
    sides = gn.Dataset(test.features, np.ones(test.n_samples))
    with pytest.raises(ValueError, match="test must have regression True as the dataset has, but has False"):
        gn.evaluate(quenched, landscape, test=sides, engine="torch")


def test_wrong_numbers_to_regress_on() -> None:
    with pytest.raises(ValueError, match="must be numbers with regression, but that of row 0 is 'ant'"):
        gn.read_dataset((X, Y), regression=True)
    with pytest.raises(ValueError, match="regression must not be given with positive or negative"):
        gn.read_dataset((X, Y), regression=True, positive="ant")
    with pytest.raises(ValueError, match=r"labels must be finite numbers, but labels\[2\] is nan"):
        gn.Dataset(X[:3], [1, 2, np.nan], regression=True)
    with pytest.raises(TypeError, match="regression must be true or false, but got 'yes'"):
        gn.read_dataset((X, X[:, 0]), regression="yes")  # type: ignore[arg-type]


# Frames


def frames() -> list[Any]:
    found = [FRAME, FRAME.convert_dtypes(), FRAME.astype({"kind": "category"}), FRAME.iloc[:, [3, 0, 1, 2]]]
    try:
        import polars as pl  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        return found
    polars = pl.DataFrame({name: FRAME[name].to_numpy() for name in FRAME})
    found += [polars, polars.with_columns(pl.col("kind").cast(pl.Categorical))]
    try:
        return [*found, polars.to_arrow()]
    except ImportError:
        return found


def test_frames_are_read_by_their_column_of_labels_and_the_index_is_none_of_them() -> None:
    one = as_given((X, Y), positive="ant")
    for frame in frames():
        place = columns_of(frame).index("kind")
        for label in ("kind", place, place - 4):
            assert as_given(frame, label=label, positive="ant").fingerprint == one.fingerprint
    assert as_given(FRAME.rename(columns={"kind": "Target"}), positive="ant").fingerprint == one.fingerprint


def test_columns_of_frames_are_found_by_their_names() -> None:
    train, test = gn.read_dataset(FRAME, label="kind", test=FRAME[["r", "kind", "q", "p"]])
    assert test is not None
    assert test.fingerprint == train.fingerprint
    mixed = gn.read_dataset(FRAME, label="kind", test=(FRAME[["r", "q", "p"]], Y))
    assert mixed.test is not None
    assert mixed.test.fingerprint == train.fingerprint
    pair = gn.read_dataset((FRAME[["p", "q", "r"]], Y), test=(FRAME[["r", "q", "p"]], Y))
    assert pair.test is not None
    assert pair.test.fingerprint == pair.train.fingerprint


@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.float32, np.float64, bool, "Int32", "boolean", object])
def test_columns_of_any_numbers(kind: Any) -> None:
    numbers = np.arange(30) % 2
    frame = FRAME.assign(n=pd.Series(numbers, index=FRAME.index).astype(kind))
    found = as_given(frame, label="kind", positive="ant").features
    assert np.array_equal(found, np.column_stack([X, numbers]).astype(np.float32))


@pytest.mark.parametrize(
    ("frame", "label", "message"),
    [
        (FRAME, "sort", r"label must be one of the columns of the frame given \(p, q, r, kind\), but got 'sort'"),
        (FRAME, 4, "label must be an integer from -4 to 3, but got 4"),
        (FRAME, None, r"label must say which column of the frame given has the labels, by name \(p, q, r, kind\)"),
        (FRAME.assign(town="Rome"), "kind", r"column town of the frame given must be numbers, but is text \('Rome'"),
        (FRAME.assign(day=pd.Timestamp("2020-01-01")), "kind", "column day of .* must be numbers, but is datetime64"),
        (FRAME.assign(q=[None, *range(29)]), "kind", "row 0: column q must have a value, but it is missing: drop"),
        (FRAME.assign(q=pd.array([1, None] * 15)), "kind", "row 1: column q must have a value, but it is missing"),
        (FRAME.assign(kind=[*Y[:29], None]), "kind", "row 29: column kind must have a value, but it is missing"),
        (FRAME.assign(n=2**53 + np.arange(30)), "kind", "row 1, column n is 9007199254740993: take away"),
        (FRAME[["kind"]], "kind", "must have columns of features beside the labels, but has only kind"),
        (FRAME.set_axis(["p", "p", "r", "kind"], axis=1), "p", "must be one column .*, but 2 are called 'p'"),
        (FRAME.set_axis([2, 0, 1, 3], axis=1), 0, "0 is the name of column 1 and the place of another, '2': rename"),
    ],
)
def test_wrong_frames(frame: Any, label: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gn.read_dataset(frame, label=label)


# Other kinds of numbers


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csc_array, sparse.coo_array])
def test_sparse_features(kind: Any) -> None:
    rows = np.round(np.abs(X))
    assert as_given((kind(rows), Y), positive="ant").fingerprint == as_given((rows, Y), positive="ant").fingerprint
    assert gn.Dataset(kind(rows), np.ones(30)).fingerprint == gn.Dataset(rows, np.ones(30)).fingerprint
    with pytest.raises(ValueError, match=r"must fit into memory .*, but 10000000 x 100000 numbers take 8e\+03 GB"):
        gn.read_dataset((sparse.csr_matrix((10**7, 10**5)), Y))


@pytest.mark.parametrize("kind", [bool, np.int8, np.uint16, np.int64, np.uint64, np.float16, ">i4"])
@pytest.mark.parametrize("n_features", ["all", 2])
def test_whole_numbers_and_bools(kind: Any, n_features: Any) -> None:
    rows = np.array(RNG.integers(0, 2, (30, 3)), kind)
    found = gn.read_dataset((rows, Y), n_features=n_features).train
    assert found.fingerprint == gn.read_dataset((rows.astype(np.float64), Y), n_features=n_features).train.fingerprint


def test_whole_numbers_that_float64_does_not_hold_are_refused() -> None:
    for value, kind in ((2**53 + 1, np.int64), (-(2**53) - 1, np.int64), (2**64 - 1, np.uint64)):
        rows = np.array(RNG.integers(0, 9, (30, 3)), kind)
        rows[4, 1] = 2**60
        assert gn.read_dataset((rows, Y)).train.n_samples == 30
        rows[5, 2] = value
        with pytest.raises(ValueError, match=f"row 5, column 2 is {value}: take away what the column has in common"):
            gn.read_dataset((rows, Y))


@pytest.mark.parametrize("n_features", ["all", 12])
def test_rows_are_the_same_however_they_lie_in_memory(n_features: Any) -> None:
    rows = RNG.normal(size=(3000, 12)) * 1e3 + 1e6
    labels = np.arange(3000) % 2
    one = gn.read_dataset((rows, labels), n_features=n_features).train
    for other in (np.asfortranarray(rows), np.hstack([rows, rows])[:, :12], rows[::-1][::-1]):
        found = gn.read_dataset((other, labels), n_features=n_features).train
        assert found.fingerprint == one.fingerprint
