"""Tables in any dialect, labels of any kind, arrays of any dtype and layout: read as written, or refused by place."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glassnet.datasets import arrow
from glassnet.datasets.csv_file import read_csv
from glassnet.datasets.npz_file import read_npz
from glassnet.datasets.table import Table, table

quick = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=100,
    deadline=None,
    derandomize=True,
)

LARGE = st.integers(2**53 - 2, 2**53 + 2) | st.integers(2**63 - 2, 2**63 + 2) | st.integers(-(2**70), 2**70)
DECIMALS = st.decimals(-1000, 1000, places=3, allow_nan=False).map(str)
LABELS = {
    "words": st.text("abcxyzé", min_size=1, max_size=2),
    "chemistry": st.sampled_from(["Na", "NA", "nan", "None", "Cl", "null"]),
    "integers": st.integers(-3, 3).map(str) | LARGE.map(str),
    "decimals": DECIMALS | st.sampled_from(["1e1", "10", "01", "+1", "1.", "1", ".5", "0.50"]),
    "odd": st.text("ab\"',; \t\n#1_0é\u0301", min_size=1, max_size=4),
}
CELLS = st.floats(-1e30, 1e30, allow_subnormal=False).map(repr) | st.integers(-(2**60), 2**60).map(str)
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


@dataclass(frozen=True)
class Written:
    """A table as it was written, and how."""

    cells: list[list[str]]
    labels: list[str]
    at: int
    header: bool
    text: bytes
    suffix: str

    @property
    def features(self) -> Any:
        return np.array([[float(cell) for cell in row] for row in self.cells])


@st.composite
def tables(draw: st.DrawFn, kinds: tuple[str, ...]) -> Written:
    n, kind = draw(st.integers(1, 3)), draw(st.sampled_from(kinds))
    rows = draw(st.lists(st.tuples(st.lists(CELLS, min_size=n, max_size=n), LABELS[kind]), min_size=1, max_size=8))
    cells, labels = [row for row, _ in rows], [label for _, label in rows]
    at, header = draw(st.integers(0, n)), draw(st.booleans())
    delimiter, suffix = draw(st.sampled_from([(",", "csv"), (";", "csv"), ("\t", "tsv"), ("\t", "csv"), (",", "txt")]))
    names = draw(st.permutations(["T (K)", "p; in, Pa", "k"]))[:n]
    lines = [[*row[:at], label, *row[at:]] for row, label in rows]
    lines = [[*names[:at], "species", *names[at:]], *lines] if header else lines
    buffer = io.StringIO()
    writer = csv.writer(
        buffer,
        delimiter=delimiter,
        quoting=draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])),
        lineterminator=draw(st.sampled_from(["\n", "\r\n", "\r"])),
    )
    writer.writerows(lines)
    content = buffer.getvalue()
    if kind != "odd" and draw(st.booleans()):
        content = content.replace(delimiter, delimiter + " ")
    text = content.encode("utf-8-sig" if draw(st.booleans()) else "utf-8")
    return Written(cells, labels, at, header, text, suffix)


def same_classes(labels: list[str]) -> list[Any]:
    """Meaning of each label: a number where all are, else a text."""
    texts = [unicodedata.normalize("NFC", label.strip()) for label in labels]
    return [Fraction(text) for text in texts] if all(NUMBER.fullmatch(text) for text in texts) else texts


def demand_as_written(found: Table, written: Written) -> None:
    assert np.array_equal(found.features, written.features)
    expected = same_classes(written.labels)
    assert len(found.classes) == len(set(expected))
    by_code = dict(zip(found.codes.tolist(), expected, strict=True))
    assert [by_code[code] for code in found.codes.tolist()] == expected
    for code, one in by_code.items():
        assert (Fraction(found.classes[code]) if isinstance(one, Fraction) else found.classes[code]) == one
    # Spaces after a delimiter are no part of a label that has no quotes.
    told = len([note for note in found.notes if "one class" in note])
    assert (
        n_merged([label.lstrip(" ") for label in written.labels], expected)
        <= told
        <= n_merged(written.labels, expected)
    )


def n_merged(labels: list[str], classes: list[Any]) -> int:
    """How many classes have labels that are written differently."""
    return sum(
        len({label for label, one in zip(labels, classes, strict=True) if one == that}) > 1 for that in set(classes)
    )


def read_or_refusal(path: Path, label: str | int, header: bool | None = None) -> Table | str:
    try:
        return read_csv(path, label, header)
    except ValueError as error:
        return str(error)


def put(tmp_path: Path, written: Written) -> Path:
    path = tmp_path / f"t.{written.suffix}"
    path.write_bytes(written.text)
    return path


@quick
@given(tables(("words", "chemistry", "integers", "decimals")))
def test_what_is_written_is_read(tmp_path: Path, written: Written) -> None:
    path = put(tmp_path, written)
    demand_as_written(read_csv(path, written.at, written.header), written)
    if written.header:
        demand_as_written(read_csv(path, "species"), written)


@quick
@given(tables(("words", "integers", "decimals")))
def test_a_header_is_found_or_asked_about(tmp_path: Path, written: Written) -> None:
    first = [*written.cells[0][: written.at], written.labels[0], *written.cells[0][written.at :]]
    if not written.header and first in ([str(i + start) for i in range(len(first))] for start in (0, 1)):
        return  # by rule a header
    found = read_or_refusal(put(tmp_path, written), written.at)
    if isinstance(found, str):
        assert "line 1: the row" in found
        assert "may be a header or values: say header=True" in found
        return
    demand_as_written(found, written)
    assert ("header row taken" in found.notes[0]) == written.header


@quick
@given(tables(("odd",)), st.booleans())
def test_labels_with_anything_in_them_are_read_or_refused(tmp_path: Path, written: Written, by_name: bool) -> None:
    path = put(tmp_path, written)
    by_name = by_name and written.header
    found = read_or_refusal(path, "species" if by_name else written.at, None if by_name else written.header)
    if isinstance(found, str):
        assert found.startswith(str(path))
        assert re.search(r"line \d+|separated in one way", found)
        return
    demand_as_written(found, written)


@quick
@given(
    tables(("words", "integers")),
    st.integers(0, 99),
    st.integers(0, 2),
    st.sampled_from(["?", "", "NA", "nan", "inf", "1_0", "１", "x", "1 2", "1.2.3", "0x1", "--1", "1e", "1e400"]),
)
def test_what_is_no_number_is_named_with_its_place(
    tmp_path: Path, written: Written, row: int, column: int, value: str
) -> None:
    row, column = row % len(written.cells), column % len(written.cells[0])
    lines = [
        [*cells[: written.at], label, *cells[written.at :]]
        for cells, label in zip(written.cells, written.labels, strict=True)
    ]
    place = column + (column >= written.at)
    lines[row][place] = value
    names = [f"c{i}" for i in range(len(lines[0]))]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(map(",".join, [names, *lines] if written.header else lines)), encoding="utf-8")
    with pytest.raises(ValueError, match=r"t\.csv, line ") as caught:
        read_csv(path, written.at, written.header)
    said = str(caught.value)
    assert f"line {row + 1 + written.header}:" in said
    assert f"column {names[place] if written.header else column if value == '1e400' else place}" in said
    assert repr(value) in said if value not in ("", "1e400") else ("empty" in said or "is inf" in said)


# pyarrow


def both_ways(path: Path, label: str | int, header: bool | None) -> tuple[Table | str, Table | str]:
    """Result or refusal of csv, and of pyarrow where it may read."""
    found = []
    for least in (1 << 60, 0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(arrow, "LEAST_BYTES", least)
            found.append(read_or_refusal(path, label, header))
    return found[0], found[1]


def demand_equal(by_csv: Table | str, by_arrow: Table | str) -> None:
    if isinstance(by_csv, str) or isinstance(by_arrow, str):
        assert by_csv == by_arrow
        return
    assert by_csv.features.tobytes() == by_arrow.features.tobytes()
    assert np.array_equal(by_csv.codes, by_arrow.codes)
    for name in ("classes", "columns", "notes"):
        assert getattr(by_csv, name) == getattr(by_arrow, name)


@quick
@given(tables(tuple(LABELS)), st.sampled_from([None, True, False]))
def test_pyarrow_reads_what_csv_reads(tmp_path: Path, written: Written, header: bool | None) -> None:
    pytest.importorskip("pyarrow")
    demand_equal(*both_ways(put(tmp_path, written), written.at, header))


LONG = st.from_regex(r"[+-]?[0-9]{1,40}(\.[0-9]{0,40})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)
ODD = st.sampled_from(
    ["nan", "inf", "1_0", "0x1", "1e400", "4.9e-324", "", " 1", "1 ", "\t1", "+1", ".5", "1.", "1\x0b", "NA"]
)


@quick
@given(
    st.lists(st.tuples(LONG | LONG | LONG | ODD, st.text("ab1 ,;\r\n\x85\u2028#", max_size=3)), min_size=1, max_size=6),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["\n", "\r\n", "\r", "\n\n", "\n \n"]),
)
def test_pyarrow_reads_any_numbers_as_csv_does(
    tmp_path: Path, rows: list[tuple[str, str]], delimiter: str, end: str
) -> None:
    pytest.importorskip("pyarrow")
    path = tmp_path / "t.csv"
    path.write_text(
        end.join(["x" + delimiter + "label", *(cell + delimiter + label for cell, label in rows)]), "utf-8", newline=""
    )
    demand_equal(*both_ways(path, "label", None))


def test_pyarrow_is_what_reads_large_plain_tables(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    path = tmp_path / "t.csv"
    path.write_text("\ufeffx,label,z\n1,a,2.5\n\n-3,b,1e5\r\n5,a,6", encoding="utf-8", newline="")
    found = arrow.plain_rows(path, 3 + len("x,label,z\n"), ",", 3, 1)
    assert found is not None
    assert (found.features.tolist(), found.codes.tolist()) == ([[1, 2.5], [-3, 1e5], [5, 6]], [0, 1, 0])
    path.write_text("x,label\n" + "1.5,a\n2.5,b\n" * 100_000)
    by_csv, by_arrow = both_ways(path, "label", None)
    demand_equal(by_csv, by_arrow)
    with path.open("a") as file:
        file.write("?,a\n")
    assert (
        both_ways(path, "label", None)[1]
        == f"{path}, line 200002: column x must be a number, but is '?': drop the row or fill it"
    )


# Arrays

DTYPES = ["<f2", ">f4", "<f8", ">f8", "g", "|i1", "|u1", ">i2", "<u4", ">i8", "|b1"]


def laid_out(array: Any, layout: str) -> Any:
    if layout == "columns":
        return np.asfortranarray(array)
    if layout == "strided":
        wide = np.zeros((2 * len(array), *(2 * n for n in array.shape[1:])), array.dtype)
        wide[tuple(slice(None, None, 2) for _ in array.shape)] = array
        return wide[tuple(slice(None, None, 2) for _ in array.shape)]
    if layout == "backwards":
        return np.ascontiguousarray(array[::-1])[::-1]
    array = np.array(array)
    array.flags.writeable = layout != "read-only"
    return array


@quick
@given(
    st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100), st.integers(0, 4)), min_size=1, max_size=8),
    st.sampled_from(DTYPES),
    st.sampled_from(["<i8", ">u8", "|u1", "<f4", "g", "U", "S", "O", "list", "masked"]),
    st.sampled_from(["rows", "columns", "strided", "backwards", "read-only"]),
    st.booleans(),
)
def test_arrays_of_any_dtype_and_layout_are_read_as_they_are(
    tmp_path: Path, rows: list[tuple[int, int, int]], kind: str, label_kind: str, layout: str, large: bool
) -> None:
    features = laid_out(np.array([row[:2] for row in rows]).astype(kind), layout)
    offset = 2**53 if large and label_kind in ("<i8", ">u8", "U", "S", "O", "list", "masked") else 0
    numbers = [offset + row[2] for row in rows]
    labels: Any = numbers
    if label_kind == "masked":
        labels = np.ma.array(numbers, mask=[False] * len(numbers))
    elif label_kind != "list":
        labels = laid_out(np.array(numbers).astype(label_kind), layout)
    found = [table(features, labels, "t")]
    if label_kind not in ("O", "list", "masked"):
        np.savez(tmp_path / "t.npz", X=features, y=labels)
        found.append(read_npz(tmp_path / "t.npz", None)[0])
    for one in found:
        assert np.array_equal(one.features, np.array([row[:2] for row in rows]).astype(kind))
        assert [int(one.classes[code]) for code in one.codes] == numbers


@quick
@given(st.data())
def test_a_masked_or_infinite_value_is_named_with_its_place(data: st.DataObject) -> None:
    n, n_columns = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 4))
    row, column = data.draw(st.integers(0, n - 1)), data.draw(st.integers(0, n_columns - 1))
    mask = np.zeros((n, n_columns), bool)
    mask[row, column] = True
    features = np.arange(float(n * n_columns)).reshape(n, n_columns)
    with pytest.raises(
        ValueError, match=f"features of t must be known, but the value in row {row} and column {column} is"
    ):
        table(np.ma.array(features, mask=mask), list("abcde")[:n], "t")
    labels = np.ma.array(np.arange(n), mask=mask[:, column])
    with pytest.raises(ValueError, match=f"labels of t must be known, but the value in row {row} is masked"):
        table(features, labels, "t")
    features[row, column] = data.draw(st.sampled_from([np.inf, -np.inf, np.nan, 1e39]))
    with pytest.raises(
        ValueError, match=rf"finite in float32, but row {row}, column {column} is .*: drop the row|Drop"
    ):
        table(features, list("abcde")[:n], "t")
