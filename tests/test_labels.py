"""Labels become classes without loss: equal ones are one class, others never are, and unknown ones are refused."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import pytest
from PIL import Image

import glassnet as gn
from glassnet.datasets.images import read_images
from glassnet.datasets.labels import coded
from glassnet.datasets.table import table

LARGE = 2**53
NINES = "9" * 50


def classes(labels: Any) -> tuple[str, ...]:
    return coded(labels, "y").classes


@pytest.mark.parametrize(
    "values",
    [
        [LARGE, LARGE + 1],
        np.array([LARGE, LARGE + 1]),
        np.array([LARGE, LARGE + 1], ">i8"),
        np.array([2**63, 2**63 + 1], np.uint64),
        [-1, 2**63, 2**63 + 1],
        [2**70, 2**70 + 1],
        np.array([2**70, 2**70 + 1], object),
        pd.Series([2**63, 2**63 + 1], dtype="uint64"),
    ],
)
def test_integers_keep_all_their_digits(values: Any) -> None:
    assert classes(values) == tuple(str(value) for value in sorted(map(int, values)))
    texts = [str(value) for value in values]
    assert classes(texts) == classes(values)
    assert classes(np.array(texts).astype("S")) == classes(values)


def test_a_list_of_several_kinds_of_numbers_is_not_made_one_kind() -> None:
    assert classes([LARGE + 1, 0.5, np.int64(LARGE), Decimal("0.10")]) == ("0.1", "0.5", str(LARGE), str(LARGE + 1))


@pytest.mark.parametrize(
    ("labels", "names", "notes"),
    [
        (
            ["1e1", "10", "01", "1"],
            ("1", "10"),
            ("labels '01', '1' are one class, 1", "labels '10', '1e1' are one class, 10"),
        ),
        (["1_0", "10"], ("10", "1_0"), ("labels are text, as '1_0' is no number",)),
        (["１", "1"], ("1", "１"), ("labels are text, as '１' is no number",)),
        (["0x10", "16"], ("0x10", "16"), ("labels are text, as '0x10' is no number",)),
        (
            ["1.", "+1", "-0", "0"],
            ("0", "1"),
            ("labels '-0', '0' are one class, 0", "labels '+1', '1.' are one class, 1"),
        ),
        (
            ["1e99999999999999999999", "1"],
            ("1", "1e99999999999999999999"),
            ("labels are text, as '1e99999999999999999999' is no number",),
        ),
        (["1e999999999", "1e999999998"], ("1E+999999998", "1E+999999999"), ()),
        (
            [NINES, NINES + "8", NINES + "8.0"],
            (NINES, NINES + "8"),
            (f"labels '{NINES}8', '{NINES}8.0' are one class, {NINES}8",),
        ),
        (["0.1", "0.10000000000000001"], ("0.1", "0.10000000000000001"), ()),
        (["Na", "NA", "nan", "None", "null"], ("NA", "Na", "None", "nan", "null"), ()),
        ([" a", "a"], ("a",), ("labels ' a', 'a' are one class, a",)),
        (["e\u0301", "\u00e9"], ("\u00e9",), ("labels 'e\u0301', '\u00e9' are one class, \u00e9",)),
        ([True, False], ("0", "1"), ()),
        ([True, 1, 0], ("0", "1"), ("labels '1', 'True' are one class, 1",)),
        (np.array(["True", "False"]), ("0", "1"), ()),
        (np.array([0.1, 1e22, -2.0]), ("-2", "0.1", "10000000000000000000000"), ()),
        (np.array([0.1], np.float16), ("0.0999755859375",), ()),
        (np.array([1, 1], np.longdouble) + np.array([0, 2.0**-60], np.longdouble), ("1", "1.0000000000000000009"), ()),
        (np.array(["b", "a"], np.dtypes.StringDType()), ("a", "b"), ()),
        (np.array([b"a", "é".encode()]), ("a", "é"), ()),
        (pd.Categorical(["b", "a"]), ("a", "b"), ()),
        (np.array(["a\0b", "a\0c"]), ("a\0b", "a\0c"), ()),
    ],
)
def test_what_is_one_class_is_told(labels: Any, names: tuple[str, ...], notes: tuple[str, ...]) -> None:
    found = coded(labels, "y")
    assert (found.classes, found.notes) == (names, notes)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            np.ma.array([0, 1, 0], mask=[False, False, True]),
            "labels of y must be known, but the value in row 2 is masked",
        ),
        ([0, np.ma.masked], "labels of y must be known, but the value in row 1 is masked"),
        ([1.0, float("nan")], "labels of y must be finite, but that of row 1 is nan"),
        (np.array([1.0, np.inf]), "labels of y must be finite, but that of row 1 is inf"),
        (["a", None], "labels of y must be known, but that of row 1 is None: drop the row"),
        (["a", pd.NA], "labels of y must be known, but that of row 1 is <NA>"),
        (["a", float("nan")], "labels of y must be finite, but that of row 1 is nan"),
        ([pd.NaT], "labels of y must be known, but that of row 0 is NaT"),
        (["1", 1], "labels of y must be all numbers or all text, but row 0 has '1' and row 1 1"),
        (np.array([1, "a"], object), "labels of y must be all numbers or all text, but row 0 has 1 and row 1 'a'"),
        ([1, "1"], "labels of y must be all numbers or all text"),
        (np.array([b"\xe9", b"\xe8"]), r"labels of y must be text in UTF-8, but that of row 1 is b'\\xe8'"),
        ([b"\xe9"], r"labels of y must be text in UTF-8, but that of row 0 is b'\\xe9'"),
        (["1", "2", "NA"], "labels of y must be known, but that of row 2 is 'NA': drop the row"),
        (["1", "2", "?"], r"labels of y must be known, but that of row 2 is '\?'"),
        (["1", " "], "labels of y must not be empty, but that of row 1 is: drop the row or fill it"),
        (np.array([1j, 2]), "labels of y must be numbers or text, but are complex128"),
        (np.array(["2020-01-01"], "datetime64[D]"), "labels of y must be numbers or text, but are datetime64"),
        (np.array([(1, 2)], [("a", int), ("b", int)]), "labels of y must be numbers or text, but are"),
        ([1 + 2j], "labels of y must be numbers or text, but that of row 0 is of type complex"),
        ([[1, 2], [3]], "labels of y must be"),
        ([[1, 2], [3, 4]], r"labels of y must be one a row, but have shape \(2, 2\)"),
    ],
)
def test_labels_that_are_not_known_or_of_no_kind_are_refused(labels: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        coded(labels, "y")


@pytest.mark.parametrize(
    "features",
    [
        np.ma.array([[1.0, 2.0], [3.0, 4.0]], mask=[[False, False], [False, True]]),
        [np.ma.array([1.0, 2.0]), np.ma.array([3.0, 4.0], mask=[False, True])],
        [[1.0, 2.0], [3.0, np.ma.masked]],
    ],
)
def test_a_masked_feature_is_refused_by_its_place(features: Any) -> None:
    with pytest.raises(ValueError, match="features of t must be known, but the value in row 1 and column 1 is masked"):
        table(features, ["a", "b"], "t")
    with pytest.raises(ValueError, match="features must be known, but the value in row 1 and column 1 is masked"):
        gn.Dataset(features, [1, -1])
    with pytest.raises(ValueError, match="labels must be known, but the value in row 1 is masked"):
        gn.Dataset([[1.0], [2.0]], np.ma.array([1, -1], mask=[False, True]))


def test_arrays_without_masked_values_are_read() -> None:
    features = np.ma.array([[1.0, 2.0], [3.0, 4.0]])
    assert table(features, np.ma.array([5, 6]), "t").classes == ("5", "6")


def test_classes_that_float32_cannot_tell_apart_are_refused() -> None:
    with pytest.raises(ValueError, match="n_classes must be an integer from 2 to 16777216"):
        gn.Dataset([[1.0]], [0], n_classes=2**25)


def test_sides_are_chosen_by_number_or_text() -> None:
    x = np.arange(6.0).reshape(3, 2)
    cases: list[tuple[Any, Any, list[int]]] = [
        ([LARGE, LARGE + 1, LARGE], LARGE + 1, [-1, 1, -1]),
        (["01", "x", "1"], ["1", "x"], [-1, 1, 1]),
        ([1, 2, 1], "2.0", [-1, 1, -1]),
        ([False, True, True], True, [-1, 1, 1]),
        ([False, True, True], "True", [-1, 1, 1]),
        (["False", "True", "True"], 1, [-1, 1, 1]),
    ]
    for labels, positive, expected in cases:
        found = gn.read_dataset((x, labels), positive=positive, inputs="given").train
        assert found.labels.tolist() == expected


def test_what_was_merged_stands_with_the_data() -> None:
    x = np.arange(6.0).reshape(3, 2)
    reading = gn.read_dataset((x, ["1", "0", "01"])).train.provenance["reading"]
    assert reading == "labels '01', '1' are one class, 1"


@pytest.mark.parametrize("names", [("01", "1"), ("1_0", "10"), ("10", "1e1"), ("NA", "nan"), ("0", "NA"), ("a", "a ")])
def test_names_of_folders_are_text(tmp_path: Path, names: tuple[str, str]) -> None:
    for i, name in enumerate(names):
        (tmp_path / name).mkdir()
        for grey in range(3):
            Image.new("L", (2, 2), 10 * grey + i).save(tmp_path / name / f"{grey}.png")
    found = read_images(tmp_path)
    assert set(found.classes) == set(names)
    assert sorted(found.codes.tolist()) == [0, 0, 0, 1, 1, 1]
    chosen = gn.read_dataset(tmp_path, positive=names[1], inputs="given", n_features="all").train
    assert chosen.labels.tolist() == [1.0 if pixel % 10 else -1.0 for pixel in chosen.features[:, 0].tolist()]


def test_folders_of_numbers_stay_in_the_order_of_numbers(tmp_path: Path) -> None:
    for name in ("9", "10"):
        (tmp_path / name).mkdir()
        Image.new("L", (2, 2)).save(tmp_path / name / "0.png")
    assert read_images(tmp_path).classes == ("9", "10")
