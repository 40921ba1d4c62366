"""read_dataset: tables, arrays and images of users become what is trained on, or a clear error says why not."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import pytest
from PIL import Image
from sklearn.datasets import load_breast_cancer  # type: ignore[import-untyped]

import glassnet as gn
from glassnet.datasets.pca import fit_pca, pixel_moments

RNG = np.random.default_rng(5)
X = RNG.normal(size=(12, 3)) * [1.0, 20.0, 1e-3] + [1e6, 0.0, -2.0]
Y = np.array(["ant", "bee", "cow"] * 4)
CSV = "a,b,kind\n1,2,x\n3,4.5,y\n-1e2,0,x\n"


def as_given(source: Any, **options: Any) -> gn.Dataset:
    return gn.read_dataset(source, inputs="given", n_features="all", **options).train


# What comes out


def test_columns_are_standardised_over_all_rows_and_the_test_set_with_them() -> None:
    train, test = gn.read_dataset((X, Y), positive=["bee"], n_samples=7, test=(X[:2] + 1, Y[:2]))
    mean, std = X.mean(axis=0), X.std(axis=0)
    np.testing.assert_allclose(train.features, ((X - mean) / std)[:7], atol=1e-6)
    assert train.labels.tolist() == [1.0 if y == "bee" else -1.0 for y in Y[:7]]
    assert test is not None
    np.testing.assert_allclose(test.features, (X[:2] + 1 - mean) / std, rtol=1e-5, atol=1e-6)
    assert test.labels.tolist() == [-1, 1]
    assert train.provenance["classes"] == "+1: bee; -1: ant, cow"


def test_a_constant_column_is_0_in_the_test_set_too() -> None:
    x = np.column_stack([X, np.full(12, 0.1)])
    train, test = gn.read_dataset((x, Y), positive="bee", test=(x + 1, Y))
    assert test is not None
    assert not train.features[:, 3].any()
    assert not test.features[:, 3].any()


@pytest.mark.parametrize("shape", [(40, 12), (11, 30)], ids=["more rows", "more columns"])
def test_components_are_those_of_the_built_in_sets(shape: tuple[int, int]) -> None:
    pixels = RNG.integers(0, 256, shape, dtype=np.uint8)
    pixels[:, 3] = 7
    labels = np.arange(len(pixels)) % 2
    fitted = fit_pca(pixel_moments(pixels), "standardised", 10)
    found = gn.read_dataset((pixels, labels)).train
    # Rounding of float64 in covariances whose eigenvalues lie at least 1e-2 apart here, then of float32.
    np.testing.assert_allclose(found.features, fitted.scores(pixels), atol=1e-5)
    whitened = gn.read_dataset((pixels, labels), inputs="whitened", n_features=4).train.features
    np.testing.assert_allclose(whitened.std(axis=0), 1.0, atol=1e-5)
    np.testing.assert_allclose(whitened * fitted.std[:4], fitted.scores(pixels)[:, :4], atol=1e-5)


def test_what_few_columns_have_in_common_takes_no_digits() -> None:
    x = X + 1e9
    z = x - x.mean(axis=0)
    found = gn.read_dataset((x, Y), positive="ant", inputs="given", n_features=3).train.features
    # Rotated and no more: distances between rows are as they were, to the rounding of numbers near 1e9 and of float32.
    apart = np.linalg.norm(z[:, None] - z[None], axis=2)
    np.testing.assert_allclose(np.linalg.norm(found[:, None] - found[None], axis=2), apart, rtol=1e-5, atol=1e-5)


def test_ten_components_are_taken_of_more_columns_and_few_columns_stay() -> None:
    wide = RNG.normal(size=(30, 25))
    sizes = {n: gn.read_dataset((wide, np.arange(30) % 2), n_features=n).train.n_features for n in (None, 25, "all", 1)}
    assert sizes == {None: 10, 25: 25, "all": 25, 1: 1}
    assert gn.read_dataset((wide[:6], np.arange(6) % 2)).train.n_features == 6
    assert gn.read_dataset((X, Y), positive="ant").train.n_features == 3


def test_two_classes_need_no_choice_and_sides_may_leave_classes_out() -> None:
    assert as_given((X, np.arange(12) % 2)).labels.tolist() == [-1, 1] * 6
    assert as_given((X, np.array([10, 9] * 6))).labels.tolist() == [1, -1] * 6
    assert as_given((X, np.arange(12) % 2 == 1)).labels.tolist() == [-1, 1] * 6
    some = as_given((X, Y), positive=["cow"], negative=["ant"])
    assert some.labels.tolist() == [-1, 1] * 4
    assert np.array_equal(some.features, X[Y != "bee"].astype(np.float32))
    assert as_given((X, Y), negative=["cow"]).labels.tolist() == [1, 1, -1] * 4
    assert as_given((X, np.arange(12.0) % 3), positive=[0, "2"]).labels.tolist() == [1, -1, 1] * 4


# Where it comes from


def test_bunches_frames_and_images_as_arrays() -> None:
    class Bunch(dict[str, Any]):
        """As scikit-learn's."""

    one = as_given((X, Y), positive="ant")
    frame = pd.DataFrame(X)
    for source in (
        Bunch(data=X, target=Y, feature_names=["a"]),
        {"data": frame, "target": pd.Series(Y, dtype="category")},
        [X.tolist(), Y.tolist()],
        (X.reshape(12, 3, 1), Y[:, None]),
    ):
        assert as_given(source, positive="ant").fingerprint == one.fingerprint
    labels = np.where(Y == "ant", 1, -1)
    assert gn.Dataset(frame, labels).fingerprint == one.fingerprint


def test_scikit_learns_bunches() -> None:
    found = gn.read_dataset(load_breast_cancer()).train
    assert (found.n_samples, found.n_features) == (569, 10)
    framed = gn.read_dataset(load_breast_cancer(as_frame=True)).train
    assert framed.fingerprint == found.fingerprint


def test_torch_tensors() -> None:
    torch = pytest.importorskip("torch")
    x, labels = torch.tensor(X), torch.arange(12) % 2
    assert as_given((x, labels)).fingerprint == as_given((X, np.arange(12) % 2)).fingerprint
    assert gn.Dataset(x, 2 * labels - 1).fingerprint == as_given((x, labels)).fingerprint
    with pytest.raises(ValueError, match="features must be an array of numbers, but got Can't call numpy"):
        gn.Dataset(x.requires_grad_(), 2 * labels - 1)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        (CSV, "kind"),
        (CSV, 2),
        (CSV, "-1"),
        ("kind;a;b\nx;1;2\n\ny;3;4.5\nx;-100;0", "kind"),
        ("1\t2\tx\n3\t4.5\ty\n-1e2\t0\tx\n", 2),
        ("﻿target,a,b\r\nx,1,2\r\ny,3,4.5\r\n x ,-100,0\r\n", None),
        ('a,"b, in m",label\n"1",2,x\n3, 4.5 ,y\n-100,0,x\n', None),
        ("0,1,2\n1,2,x\n3,4.5,y\n-1e2,0,x\n", 2),
    ],
)
def test_tables(tmp_path: Path, text: str, label: str | int | None) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8", newline="")
    found = as_given(path, label=label)
    assert found.features.tolist() == [[1, 2], [3, 4.5], [-100, 0]]
    assert found.labels.tolist() == [-1, 1, -1]
    assert found.name == "t"


def test_arrays_by_usual_names_or_by_the_labels_name(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    one = as_given((X, Y), positive="ant")
    for save in (np.savez, np.savez_compressed):
        for names in (("features", "labels"), ("X", "y"), ("data", "target")):
            arrays: dict[str, Any] = dict(zip(names, (np.asfortranarray(X), Y), strict=True))
            save(path, **arrays)
            assert as_given(path, positive="ant").fingerprint == one.fingerprint
    np.savez(path, images=X.reshape(12, 1, 3).astype(">f8"), names=Y)
    assert as_given(path, label="names", positive="ant").fingerprint == one.fingerprint
    np.savez(path, x_train=X, y_train=Y, x_test=X[:5], y_test=Y[:5])
    test = gn.read_dataset(path, positive="ant", inputs="given").test
    assert test is not None
    assert np.array_equal(test.features, one.features[:5])


def images(
    folder: Path, mode: str = "L", size: tuple[int, int] = (4, 3), n: int = 6
) -> dict[str, np.ndarray[Any, Any]]:
    """A folder of two classes with so many images each; their pixels by path."""
    found = {}
    for name in ("cats", "dogs"):
        (folder / name).mkdir(parents=True)
        for i in range(n):
            pixels = RNG.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
            image = Image.fromarray(pixels).convert(mode)
            image.save(folder / name / f"{i}.png")
            found[f"{name}/{i}"] = np.asarray(image)
    return found


@pytest.mark.parametrize(("mode", "n_values"), [("L", 12), ("RGB", 36)])
def test_a_folder_of_images(tmp_path: Path, mode: str, n_values: int) -> None:
    pixels = images(tmp_path / "pets", mode)
    (tmp_path / "pets" / ".hidden").write_text("")
    found = as_given(tmp_path / "pets")
    assert found.features.shape == (12, n_values)
    # The classes take turns, so that the first rows are of both.
    assert found.labels.tolist() == [-1, 1] * 6
    assert np.array_equal(found.features[3], pixels["dogs/1"].ravel())
    assert gn.read_dataset(tmp_path / "pets").train.n_features == 10


@pytest.mark.parametrize("shape", [(40, 60), (60, 40), (8, 50)])
def test_components_in_which_nothing_varies_are_zero(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(4)
    rank = 3
    table = rng.normal(size=(shape[0], rank)) @ rng.normal(size=(rank, shape[1]))
    features = gn.read_dataset((table, np.arange(shape[0]) % 2), n_features=6).train.features.astype(np.float64)
    assert np.all(features[:, rank:] == 0.0)
    assert np.all(features[:, :rank].std(axis=0) > 0.1)
    products = features[:, :rank].T @ features[:, :rank]
    assert np.abs(products - np.diag(np.diag(products))).max() < 1e-4 * products.max()


def test_whitened_components_are_those_that_vary_unless_a_number_is_asked_for() -> None:
    columns = RNG.normal(size=(40, 10))
    columns[:, 9] = columns[:, 8]
    source = (columns, np.arange(40) % 2)
    found = gn.read_dataset(source, inputs="whitened").train
    assert found.n_features == 9
    np.testing.assert_allclose(found.features.std(axis=0), 1.0, atol=1e-5)
    with pytest.raises(ValueError, match="n_features must be at most 9 with inputs='whitened'"):
        gn.read_dataset(source, inputs="whitened", n_features=10)


def test_a_letter_is_the_same_however_it_is_written() -> None:
    apart, joined = "ne\u0301", "n\u00e9"
    found = gn.read_dataset((X[:4], [apart, "oui", joined, "non"]), positive=[joined], negative=["oui"]).train
    assert found.labels.tolist() == [1, -1, 1]


def test_columns_of_a_test_set_are_found_by_their_names(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("a,b,label\n1,10,0\n2,30,1\n4,20,0\n3,50,1\n")
    (tmp_path / "test.csv").write_text("b,label,a\n10,0,1\n50,1,3\n")
    found = gn.read_dataset(tmp_path / "train.csv", test=tmp_path / "test.csv")
    assert found.test is not None
    assert np.array_equal(found.test.features, found.train.features[[0, 3]])
    (tmp_path / "test.csv").write_text("b,label,c\n10,0,1\n50,1,3\n")
    with pytest.raises(ValueError, match=r"test.csv must have the columns of the training set \(a, b\).*'a' is not"):
        gn.read_dataset(tmp_path / "train.csv", test=tmp_path / "test.csv")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x,label\n1,0\n2,nan\n3,1\n", "labels of .* must be known, but that of row 1 is 'nan'"),
        ("x,label\n1,0\n1_0,1\n", "line 3: column x must be a number, but is '1_0'"),
    ],
)
def test_what_is_no_value_is_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        gn.read_dataset(tmp_path / "table.csv", positive=["1"])


def test_a_header_of_numbers_with_a_name_for_the_label_is_a_header(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("label,0,1\n3,1,2\n5,2,1\n3,2,2\n")
    found = gn.read_dataset(tmp_path / "table.csv", label=0, positive=[3]).train
    assert found.n_samples == 3
    assert found.labels.tolist() == [1.0, -1.0, 1.0]


# What is refused


@pytest.mark.parametrize(
    ("text", "label", "message"),
    [
        ("", "kind", "must begin with a row"),
        ("a\n1\n", "a", "must have a column of labels and at least one of features"),
        (
            CSV,
            None,
            r"label must say which column of .*t.csv has the labels, by name \(a, b, kind\) or by index \(0 to 2",
        ),
        (CSV, "sort", r"label must be one of the columns of .*t.csv \(a, b, kind\), but got 'sort'"),
        (CSV, 3, "label must be a column of .*t.csv, from 0 to 2, but got 3"),
        ("a,b,kind\n", "kind", "must have rows and columns of features, but has 0 rows"),
        (CSV + "1,2\n", "kind", "line 5: rows must have 3 columns as the first has, but this one has 2"),
        (CSV + "1,2,x,4\n", "kind", "line 5: rows must have 3 columns as the first has, but this one has 4"),
        (CSV + "1,two,x\n", "kind", "line 5: column b must be a number, but is 'two'"),
        (CSV + "1,,x\n", "kind", "line 5: column b must be a number, but is empty"),
        (CSV + "1,2,\n", "kind", "labels of .*t.csv must not be empty, but that of row 3 is"),
        (CSV + "nan,2,x\n", "kind", "line 5: column a must be a number, but is .nan.: drop the row or fill it"),
        (CSV + "1,1e39,x\n", "kind", r"line 5: features .* but row 3, column b is 1e\+39"),
        ("a,b,kind\n1,2,x\n3,4,x\n", "kind", "must have at least two classes, but has only x"),
        (",a,kind\n0,1,x\n2,2,y\n", "kind", "columns must have names .* but column 0 has none and does not count"),
        ("a,,kind\n1,0,x\n2,1,y\n", "kind", "columns must have names .* but column 1 has none and does not count"),
        (CSV + '1,"2,x\n', "kind", "must be comma-separated text, but unexpected end of data"),
        (CSV + "1," + "2" * 140_000 + ",x\n", "kind", "field larger than field limit"),
    ],
)
def test_wrong_tables(tmp_path: Path, text: str, label: str | int | None, message: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        gn.read_dataset(path, label=label)


def test_a_table_in_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(CSV.encode() + b"1,2,\xe9\n")
    with pytest.raises(ValueError, match=r"t.csv must be text in UTF-8, but holds the byte 0xe9"):
        gn.read_dataset(path, label="kind")


@pytest.mark.parametrize(
    ("arrays", "label", "message"),
    [
        ({"a": X, "b": Y, "c": Y}, None, "must hold arrays features and labels or .*, but holds a, b, c"),
        ({"a": X, "b": Y}, "kind", r"label must be an array of .* \(a, b\), but got 'kind'"),
        ({"a": X, "b": Y, "c": Y}, "b", "must hold features beside b, .*, but holds a, b, c"),
        ({"X": X, "y": Y[:5]}, None, "must have one label a row, but has 5 labels and 12 rows"),
        ({"X": X[:, 0], "y": Y}, None, r"must have a row and a column axis, but have shape \(12,\)"),
        ({"X": X.astype(str), "y": Y}, None, "features of .* must be real numbers, but got dtype"),
        ({"X": X[:0], "y": Y[:0]}, None, "but has 0 rows"),
        ({"X": X, "y": np.zeros((12, 2))}, None, r"labels of .* must be one a row, but have shape \(12, 2\)"),
        ({"X": X, "y": np.full(12, np.nan)}, None, "labels of .* must be finite, but that of row 0 is nan"),
        ({"X": X, "y": X[:, 0]}, None, "positive must say which classes are \\+1, as .* has 12"),
        (
            {"X": np.where(np.arange(36).reshape(12, 3) == 11, np.inf, X), "y": Y},
            None,
            "must be finite in float32, but row 3, column 2 is inf",
        ),
        ({"X": np.ones((12, 3)), "y": Y == "ant"}, None, "must vary, but every column is constant"),
        ({"X": X, "y": Y, "X_test": X}, None, "must hold both X_test and y_test or none of them, but holds X_test$"),
    ],
)
def test_wrong_arrays(tmp_path: Path, arrays: dict[str, Any], label: str | None, message: str) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match=message):
        gn.read_dataset(path, label=label)


def test_python_objects_are_never_unpickled(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, X=np.array([[SimpleNamespace()]], object), y=Y[:1])
    with pytest.raises(ValueError, match=r"a.npz: the array X cannot be read: it must hold numbers or text"):
        gn.read_dataset(path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"positive": ["dog"]}, r"positive must be classes of the arrays given \(ant, bee, cow\), but got 'dog'"),
        ({"positive": ["ant"], "negative": ["ant"]}, "positive and negative must share no class, but both have 'ant'"),
        ({"positive": ["ant", "bee", "cow"]}, "negative must be left some of the classes"),
        ({"positive": "ant", "n_samples": 13}, "n_samples must be an integer from 1 to 12, but got 13"),
        ({"positive": "ant", "n_samples": 1}, r"must have both sides among the 1 rows to train on, but all are \+1"),
        ({"positive": "ant", "n_features": 4}, "n_features must be an integer from 1 to 3, but got 4: .* 3 columns"),
        ({"positive": "ant", "n_features": 0}, "n_features must be an integer from 1 to 3, but got 0"),
        ({"positive": "ant", "n_features": "ten"}, "n_features must be an integer or 'all', but got 'ten'"),
        ({"positive": "ant", "inputs": "whitened", "n_features": "all"}, "n_features must be a number"),
        ({"positive": "ant", "inputs": "pixel"}, "inputs must be one of 'standardised', 'whitened', 'given'"),
        ({"positive": "ant", "label": "y"}, "label must be given for files only"),
        (
            {"positive": "ant", "test": (X[:, :2], Y)},
            "must have 3 columns of features as the training set has, but has 2",
        ),
        ({"positive": "ant", "test": (X[:1], ["dog"])}, r"must have classes of the training set only .*, but has dog"),
        ({"positive": "ant", "negative": "bee", "test": (X[:1], ["cow"])}, "must have rows of the classes ant, bee"),
    ],
)
def test_wrong_choices(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gn.read_dataset((X, Y), **options)


def test_wrong_sources(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.csv must be a file or a folder, but is not there"):
        gn.read_dataset(tmp_path / "none.csv")
    (tmp_path / "a.parquet").write_bytes(b"")
    with pytest.raises(ValueError, match=r"a\.parquet must end with \.npz, \.csv"):
        gn.read_dataset(tmp_path / "a.parquet")
    with pytest.raises(TypeError, match=r"source must be a file, a folder, a bunch .*, but got int"):
        gn.read_dataset(3)


def test_a_test_set_of_images_that_are_turned_is_refused(tmp_path: Path) -> None:
    images(tmp_path / "pets")
    for name in ("cats", "dogs"):
        (tmp_path / "turned" / name).mkdir(parents=True)
        for file in (tmp_path / "pets" / name).iterdir():
            Image.open(file).transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned" / name / file.name)
    with pytest.raises(ValueError, match=r"turned must have rows of shape \(3, 4\) .*, but has \(4, 3\)"):
        gn.read_dataset(tmp_path / "pets", test=tmp_path / "turned")
    labels = np.arange(8) % 2
    with pytest.raises(ValueError, match=r"must have rows of shape \(2, 3\) as the training set has, but has \(3, 2\)"):
        gn.read_dataset((np.eye(8, 6).reshape(8, 2, 3), labels), test=(np.eye(8, 6).reshape(8, 3, 2), labels))


def test_wrong_images(tmp_path: Path) -> None:
    pets = tmp_path / "pets"
    pets.mkdir()

    def refused(message: str) -> None:
        with pytest.raises(ValueError, match=message):
            gn.read_dataset(pets)

    refused("pets must hold a folder of images a class, but is empty")
    images(pets)
    whole = (pets / "cats" / "0.png").read_bytes()
    Image.new("L", (5, 3)).save(pets / "cats" / "0.png")
    refused(r"images must all have one size, but .*cats/0.png has 5 x 3 and .*dogs/0.png 4 x 3 pixels")
    Image.new("F", (4, 3)).save(pets / "cats" / "0.tiff")
    refused(r"cats/0.tiff must be of kind 1, L, .*, but is F")
    (pets / "cats" / "0.tiff").unlink()
    (pets / "cats" / "0.png").write_bytes(whole[:-25])
    refused(r"cats/0.png is damaged: ")
    (pets / "cats" / "0.png").write_text("meow")
    refused(r"cats/0.png must be an image \(PNG, .*\), but is none")
    (pets / "readme.txt").write_text("")
    refused(r"pets must hold a folder of images a class, but holds the file readme.txt")
    (pets / "readme.txt").unlink()
    (pets / "empty").mkdir()
    refused(r"empty must hold images, but is empty")
    (pets / "empty" / "inner").mkdir()
    refused(r"empty must hold images, but holds the folder inner")
