"""Tables of text as people have them: headers, delimiters, decimal commas, quotes and encodings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import glassnet as gn
from glassnet.cli.commands import app
from glassnet.datasets.csv_file import read_csv
from glassnet.datasets.table import Table

RNG = np.random.default_rng(3)
X = (RNG.integers(-30_000, 30_000, (30, 2)) * 10 + 5) / 100_000
TWO = ["ab"[i % 2] for i in range(30)]


def lines(labels: Any = TWO, delimiter: str = ",", x: Any = X) -> str:
    return "".join(
        delimiter.join([*map(repr, row), str(one)]) + "\n" for row, one in zip(x.tolist(), labels, strict=True)
    )


def read(
    tmp_path: Path, text: str | bytes, label: str | int | None = -1, header: bool | None = None, name: str = "t.csv"
) -> Table:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_csv(path, label, header)


def told(found: Table) -> str:
    return "; ".join(found.notes)


# Headers


@pytest.mark.parametrize(
    ("header", "labels", "classes"),
    [
        ("0,1,2", TWO, ("a", "b")),
        ("1,2,3", [i % 10 for i in range(30)], tuple("0123456789")),
        ("2019,2020,species", TWO, ("a", "b")),
        ("2019,2020,species", [i % 2 for i in range(30)], ("0", "1")),
        ("2019,2020,2021", TWO, ("a", "b")),
        ("2019,2020,2021", [i % 3 for i in range(30)], ("0", "1", "2")),
        ('"2019","2020","species"', TWO, ("a", "b")),
        ("400.5,401.5,kind", [i % 2 for i in range(30)], ("0", "1")),
        ("T,2020,class", TWO, ("a", "b")),
        ("x,z,element", ["Na", "Cl"] * 15, ("Cl", "Na")),
        ("Na,K,label", TWO, ("a", "b")),
        ("x,y,y/n", ["y", "n"] * 15, ("n", "y")),
        ("\ufeffx,z,kind", TWO, ("a", "b")),
    ],
)
def test_a_header_is_told_from_values(tmp_path: Path, header: str, labels: list[Any], classes: tuple[str, ...]) -> None:
    found = read(tmp_path, header + "\n" + lines(labels))
    assert found.classes == classes
    assert np.array_equal(found.features, X)
    names = header.replace('"', "").replace("\ufeff", "").split(",")
    assert told(found) == f"header row taken: {', '.join(names)}"
    assert found.columns == tuple(names[:2])


@pytest.mark.parametrize(
    ("header", "x"),
    [
        ("2019,2020,species", [0, 0]),
        ("2019.5,2020,species", [0, 0]),
        ("400.5,401.5,kind", [100, 5000]),
        ("402.5,401.5,400.5,399.5,kind", [400, 401, 402, 400]),
        ("7,5,3,1,kind", [0, 1, 2, 0]),
    ],
)
def test_a_row_that_cannot_be_values_is_a_header_above_text_labels_and_whole_numbers(
    tmp_path: Path, header: str, x: list[int]
) -> None:
    rows = [[one + i * i % 11 for i, one in enumerate(x, k)] for k in range(30)]
    found = read(tmp_path, header + "\n" + lines(x=np.array(rows)))
    assert found.features.tolist() == rows
    assert told(found) == f"header row taken: {header.replace(',', ', ')}"


@pytest.mark.parametrize(
    "first",
    ["1,2,a", "2019,2020,b", "1.5,0.5,c", "1.5,1.5,c", "-1,2,a", "1e3,2,b", " 7 ,8, a"],
)
def test_a_row_of_values_is_never_a_header(tmp_path: Path, first: str) -> None:
    found = read(tmp_path, first + "\n" + lines())
    assert len(found.features) == 31
    assert found.features[0].tolist() == [float(value) for value in first.split(",")[:2]]
    assert told(found) == "no header row"


@pytest.mark.parametrize(
    ("first", "rest", "label"),
    [
        ("2019,2020,species", [f"{100 * i},{3000 - 40 * i},{TWO[i]}" for i in range(30)], -1),
        ("5,6,7,8,rare", [f"{i},{i + 1},{i + 2},{i + 3},{TWO[i]}" for i in range(30)], -1),
        ("10,20,rare", [f"{9 - i},{19 - i},{TWO[i]}" for i in range(8)], -1),
        ("0,10,rare", [f"{i + 1},{9 - i},{TWO[i]}" for i in range(8)], -1),  # sorted, with a class of one row
        ("0,1", ["1,0", "2,1", "3,0"], -1),
        ("1,2,y", ["3,4,n", "5,6,n", "7,8,m", "9,1,m"], -1),
        ("x,z,a", ["1,2,a", "3,4,b"], -1),
        ("402.5,401.5,398.5,kind", [f"{2 * i},401.5,{1000 - i},{TWO[i]}" for i in range(1, 30)], -1),
        ("2019,2020,species", ["0.5,0.25,a", "1.5,1.25,b"], -1),
        ("0,1,2,species", ["3,4,5,a", "6,7,8,b"], -1),
        ("1,2,a", ["1,2,a", "3,4,b"], "a"),
    ],
)
def test_a_row_that_may_be_either_is_asked_about(tmp_path: Path, first: str, rest: list[str], label: str | int) -> None:
    text = "\n".join([first, *rest])
    with pytest.raises(
        ValueError, match=r"t\.csv, line 1: the row .* may be a header or values: say header=True \(--hea"
    ):
        read(tmp_path, text, label)
    found = read(tmp_path, text, label, header=True)
    assert (len(found.features), told(found)) == (len(rest), f"header row taken: {', '.join(first.split(','))}")
    if "x" not in first:
        assert len(read(tmp_path, text, -1, header=False).features) == len(rest) + 1


@pytest.mark.parametrize(
    ("first", "column", "found"),
    [
        ("1.0,?,a", 1, r"'\?': drop the row"),
        ("?,?,c", 0, r"'\?': drop the row"),
        ("nan,1,a", 0, "'nan': drop the row"),
        (",1,a", 0, "empty: drop the row"),
        ("1,NA,c", 1, "'NA': drop the row"),
        ("1.O,1,a", 0, "'1.O': write digits"),
        (",0,1", 0, "empty"),
        ("1_0,1,a", 0, "'1_0'"),
        ("T,2020,species", 0, "'T': write digits"),
    ],
)
def test_a_first_row_with_what_is_no_number_is_refused_as_any_other(
    tmp_path: Path, first: str, column: int, found: str
) -> None:
    with pytest.raises(
        ValueError, match=rf"t\.csv, line 1: column {column} must be a number, but is {found}.*--header"
    ):
        read(tmp_path, first + "\n" + lines())
    with pytest.raises(ValueError, match=rf"t\.csv, line 31: column {column} must be a number, but is {found}"):
        read(tmp_path, lines() + first + "\n", header=False)


@pytest.mark.parametrize("label", ["NA", "?", "-", "nan", "inf", "", "1_0", "1.O", "-x", "\uff11"])
def test_a_first_row_whose_label_is_lacking_or_mistyped_is_no_header(tmp_path: Path, label: str) -> None:
    text = f"1.5,2.5,{label}\n" + lines([i % 2 for i in range(30)])
    with pytest.raises(ValueError, match=r"line 1: (labels of .* must|the row .* may be a header or values)"):
        read(tmp_path, text)
    if label:
        assert len(read(tmp_path, text, header=True).features) == 30


def test_the_user_says_what_the_first_row_is(tmp_path: Path) -> None:
    text = "1,2,a\n" + lines()
    assert len(read(tmp_path, text, header=False).features) == 31
    assert read(tmp_path, text, header=True).columns == ("1", "2")
    assert len(read(tmp_path, "0,1,2\n" + lines(), header=False).features) == 31
    assert read(tmp_path, "T,2020,kind\n" + lines(), header=True).columns == ("T", "2020")
    with pytest.raises(ValueError, match="label must be the index of a column with header=False, but got 'kind'"):
        read(tmp_path, "x,z,kind\n" + lines(), "kind", header=False)
    with pytest.raises(ValueError, match="line 1: column 0 must be a number, but is 'x'"):
        read(tmp_path, "x,z,kind\n" + lines(), header=False)
    with pytest.raises(ValueError, match=r"header must be given for tables only, but got True for the arrays given"):
        gn.read_dataset((X, TWO), header=True)
    np.savez(tmp_path / "a.npz", X=X, y=TWO)
    with pytest.raises(
        ValueError, match=r"header must be given for tables only \(\.csv, \.tsv, \.txt\), but got False"
    ):
        gn.read_dataset(tmp_path / "a.npz", header=False)


def test_labels_are_found_by_name_only_in_a_header(tmp_path: Path) -> None:
    text = "1,2,y\n3,4,n\n5,6,n\n7,8,y\n"
    with pytest.raises(ValueError, match="label must say which column"):
        read(tmp_path, text, None)
    assert len(read(tmp_path, text).features) == 4


def test_a_label_of_digits_is_an_index_or_a_name(tmp_path: Path) -> None:
    text = "2019,2020,2021\n" + lines()
    assert read(tmp_path, text, "2021").classes == ("a", "b")
    assert read(tmp_path, text, "2").classes == ("a", "b")
    with pytest.raises(ValueError, match=r"'2' is the name of column 1 and the index of another: say -2 or -1"):
        read(tmp_path, "1,2,3\n" + lines(), "2")
    with pytest.raises(ValueError, match=r"\(x, k, k\), but got 'k': 2 columns are called so, give the index"):
        read(tmp_path, "x,k,k\n" + lines(), "k")


def test_columns_with_numbers_for_names_are_found_by_them(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("2019,2020,label\n" + lines())
    (tmp_path / "test.csv").write_text(
        "2020,label,2019\n" + "".join(f"{z},{one},{x}\n" for (x, z), one in zip(X, TWO, strict=True))
    )
    found = gn.read_dataset(tmp_path / "train.csv", test=tmp_path / "test.csv")
    assert found.test is not None
    assert np.array_equal(found.test.features, found.train.features)
    assert found.test.provenance["reading"] == "header row taken: 2020, label, 2019"


@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("names", ["x,z,kind", "0,1,2", '"x","z","kind"'])
def test_the_numbers_of_rows_that_pandas_and_r_write_are_no_feature(tmp_path: Path, start: int, names: str) -> None:
    rows = "".join(f'"{i}",{row}\n' for i, row in enumerate(lines().splitlines(), start))
    found = read(tmp_path, f'"",{names}\n{rows}')
    assert np.array_equal(found.features, X)
    assert found.columns == tuple(names.replace('"', "").split(",")[:2])
    assert told(found).endswith("; column 0 counts the rows and is left out")


def test_a_coordinate_y_beside_a_class_is_a_feature(tmp_path: Path) -> None:
    assert read(tmp_path, "x,y,class\n" + lines(), None).columns == ("x", "y")
    assert read(tmp_path, "x,z,Y\n" + lines(), None).columns == ("x", "z")
    with pytest.raises(ValueError, match=r"label must say which column of .* \(x, class, label\)"):
        read(tmp_path, "x,class,label\n" + lines(), None)


# Delimiters, quotes, line ends


@pytest.mark.parametrize(
    ("text", "columns", "name"),
    [
        ('"T (a; b; c; d)",x,label\n' + lines(), ("T (a; b; c; d)", "x"), "t.csv"),
        ('"a, b, c";"d, e, f";label\n' + lines(delimiter=";"), ("a, b, c", "d, e, f"), "t.csv"),
        ("T, K\tp, Pa\tlabel\n" + lines(delimiter="\t"), ("T, K", "p, Pa"), "t.tsv"),
        ("T, K\tp, Pa\tlabel\n" + lines(delimiter="\t"), ("T, K", "p, Pa"), "t.txt"),
        ("T, K;p, Pa;label\n" + lines(delimiter=";"), ("T, K", "p, Pa"), "t.csv"),
        ("a;b,c;d,label\n" + lines(), ("a;b", "c;d"), "t.csv"),
        ("x, z, label\n" + lines([f' "{one}"' for one in TWO]), ("x", "z"), "t.csv"),
        ("x,z,label\n" + lines([f'   "{one}"' for one in TWO]), ("x", "z"), "t.csv"),
        ("x;z;label\n" + lines([f' "{one}"' for one in TWO], "; "), ("x", "z"), "t.csv"),
        ("x,z,label\r\n" + lines().replace("\n", "\r\n", 7), ("x", "z"), "t.csv"),
        ("x,z,label\r" + lines().replace("\n", "\r"), ("x", "z"), "t.csv"),
        ("\n\nx,z,label\n\n" + lines() + "\n  \n\n", ("x", "z"), "t.csv"),
    ],
)
def test_columns_are_separated_as_csv_says(tmp_path: Path, text: str, columns: tuple[str, ...], name: str) -> None:
    found = read(tmp_path, text, "label", name=name)
    assert (found.columns, found.classes) == (columns, ("a", "b"))
    assert np.array_equal(found.features, X)


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        (
            "x,label\n1,a\n2,b\n",
            "t.tsv",
            r"separated by , or ; or tabs \(.tsv: by tabs\), but its first line is 'x,label'",
        ),
        ("x|label\n1|a\n2|b\n", "t.csv", "but its first line is 'x|label'"),
        ('x,label\n1,"a" \n', "t.csv", r"line 2: must be comma-separated text, but ',' expected after '\"'"),
        ('x;label\n1;"a\n', "t.csv", "line 2: must be semicolon-separated text, but unexpected end of data"),
        ('x,label\n1,\t"a"\n2,b\n', "t.csv", "line 2: only spaces may stand between a delimiter and a quote"),
        (
            "# made by hand\nx,label\n1,a\n",
            "t.csv",
            "line 1: must be a row of values or names, but begins with '# made",
        ),
        ("sep=;\nx;label\n1;a\n", "t.csv", "line 1: must be a row of values or names, but begins with 'sep='"),
        ("x,label\n1,a\n,\n2,b\n", "t.csv", "line 3: column x must be a number, but is empty: drop the row"),
        ("1;2,a;b\n3;4,c;d\n", "t.csv", "t.csv, line 2: column 1 must be a number"),
    ],
)
def test_text_that_is_no_such_table_is_refused(tmp_path: Path, text: str, name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(tmp_path, text, name=name)


def test_a_row_that_is_commented_out_is_no_class(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="line 3: comments are not read, but the row begins with '#a': delete it"):
        read(tmp_path, "label,x\na,1\n#a,2\nb,3\n", 0)
    assert read(tmp_path, "colour,x\n#f00,1\n#0f0,2\n", 0).classes == ("#0f0", "#f00")
    assert read(tmp_path, "# x,label\n1,a\n2,b\n", header=True).columns == ("# x",)


# Numbers


@pytest.mark.parametrize("label", [-1, 0])
@pytest.mark.parametrize("delimiter", [";", "\t"])
@pytest.mark.parametrize("n", [1, 2])
def test_decimal_commas_are_read(tmp_path: Path, label: int, delimiter: str, n: int) -> None:
    rows = [[f"{value:.5f}".replace(".", ",") for value in row[:n]] for row in X]
    rows = [[*row, str(i % 2)] if label else [str(i % 2), *row] for i, row in enumerate(rows)]
    found = read(tmp_path, "\n".join(map(delimiter.join, rows)), label)
    assert np.array_equal(found.features, X[:, :n])
    assert found.classes == ("0", "1")
    first = f"{X[0, 0]:.5f}"
    assert told(found) == f"no header row; decimal commas taken: {first.replace('.', ',')} is {first}"


@pytest.mark.parametrize("first", ["1,5;0,5\n", "", "x;label\n", "7;0,5\n", "0,5;1,234\n"])
def test_labels_have_decimal_commas_where_numbers_have(tmp_path: Path, first: str) -> None:
    found = read(tmp_path, first + "2,5;1,5\n3,5;0,7\n4,5;0,70\n")
    more = {"1,5;0,5\n": ("0.5",), "7;0,5\n": ("0.5",), "0,5;1,234\n": ("1.234",)}.get(first, ())
    assert found.classes == tuple(sorted(("0.7", "1.5", *more)))
    assert len(found.features) == 3 + len(more)
    assert "decimal commas taken" in told(found)
    assert "labels '0.7', '0.70' are one class, 0.7" in told(found)


@pytest.mark.parametrize("text", ["1;1,234\n2;2,345\n", "1.5;0,5\n2.5;1,5\n", "1;0,5\n2;1.5\n", "1,5;0,5\n2,5;a\n"])
def test_labels_keep_commas_that_may_mean_something_else(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text, header=False).classes == tuple(sorted(line.split(";")[1] for line in text.split()))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x,label,\n1,a,\n", "column 2 must be a number, but is empty"),
        ("x,label\n1,a\n1\u00a0,b\n", r"is '1\\xa0'"),
        ("#N/A,a\n1,b\n2,a\n", "column 0 must be a number, but is '#N/A': drop the row"),
        (
            "1,234;a\n5,678;b\n",
            "line 1: column 0 must be a number, but '1,234' may have a decimal comma or one of thousands",
        ),
        ("1,5;a\n2.5;b\n", "line 1: column 0 must be a number with a decimal point, as line 2 has, but is '1,5'"),
        ("1.5;a\n1,5;b\n", "line 2: column 0 must be a number with a decimal point, as line 1 has, but is '1,5'"),
        ("1.234,5;a\n2.345,6;b\n", r"line 2: column 0 must be a number, but is '2.345,6': write digits with a decimal"),
        ("1,2,3;a\n4,5,6;b\n", "must be a number, but is '4,5,6'"),
        (
            '"1,234",a\n"2,345",b\n',
            "line 2: column 0 must be a number, but is '2,345': write digits with a decimal point",
        ),
        ("1'000,a\n2'000,b\n", "must be a number"),
        ("1 000,a\n2 000,b\n", "must be a number"),
    ],
)
def test_commas_that_may_be_of_thousands_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(tmp_path, text, 1)


@pytest.mark.parametrize(
    "value", ["１", "١", "1_0", "0x10", "nan", "inf", "-Infinity", "1e", "5%", "−1", "1\u00a0", "1d5", "\x1e1"]
)
def test_only_ascii_digits_make_numbers(tmp_path: Path, value: str) -> None:
    with pytest.raises(ValueError, match=r"line 3: column x must be a number, but is '"):
        read(tmp_path, f"x,label\n1,a\n{value},b\n")
    with pytest.raises(ValueError, match=r"line 1: column 0 must be a number, but is '"):
        read(tmp_path, f"{value},1,a\n1,1,b\n", header=False)


def test_a_number_may_have_sign_point_exponent_and_blanks(tmp_path: Path) -> None:
    found = read(tmp_path, "x,label\n+1.,a\n .5 ,b\n-1E-2,a\n1e+3\t,b\n")
    assert found.features[:, 0].tolist() == [1.0, 0.5, -0.01, 1000.0]


# Encodings


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("x,label\n1,a\n".encode("utf-16"), "must be text in UTF-8, but is UTF-16: save it as UTF-8"),
        ("x,label\n1,a\n".encode("utf-16-be"), "must be text in UTF-8, but is no text"),
        (
            "x,label\n1,a\n2,\xe9\n".encode("latin-1"),
            r"holds the byte 0xe9 in line 3 \(is it Latin-1\?\): save it as UTF-8",
        ),
    ],
)
def test_other_encodings_are_refused_by_name(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(tmp_path, content)


# The command line


def test_the_command_line_says_whether_there_is_a_header(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("2019,2020,species\n" + "".join(f"{100 * i},{3000 - 40 * i},{TWO[i]}\n" for i in range(30)))
    line = ["run", "relaxation", "--data", str(path), "--label", "-1", "--dry-run", "--output", str(tmp_path / "run")]
    asked = CliRunner().invoke(app, line)
    assert asked.exit_code == 2
    assert "may be a header or values: say header=True (--header), or header=False" in asked.output
    assert CliRunner().invoke(app, [*line, "--header"]).exit_code == 0
    refused = CliRunner().invoke(app, [*line, "--no-header"])
    assert "positive must say which classes are +1" in refused.output
    alone = CliRunner().invoke(app, ["run", "relaxation", "--no-header"])
    assert "header must be given with data only, but got False" in alone.output


def test_the_command_line_says_what_was_decided(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("2019;2020;species\n" + lines(["01", "1", "0"] * 10, ";").replace(".", ","))
    (tmp_path / "u.csv").write_text(lines([0, 1] * 15))
    line = ["run", "relaxation", "--data", str(tmp_path / "t.csv"), "--label", "-1", "--dry-run"]
    done = CliRunner().invoke(app, [*line, "--test-data", str(tmp_path / "u.csv"), "--output", str(tmp_path / "run")])
    assert done.exit_code == 0
    first = repr(float(X[0, 0]))
    assert (
        f"read: header row taken: 2019, 2020, species; decimal commas taken: {first.replace('.', ',')} is {first}; "
        "labels '01', '1' are one class, 1\ntest set read: no header row\n"
    ) in done.output


def test_blanks_around_labels_are_told_of_the_first_row_too(tmp_path: Path) -> None:
    assert told(read(tmp_path, "1,a \n2,a\n3,b\n")) == "no header row; labels 'a', 'a ' are one class, a"
