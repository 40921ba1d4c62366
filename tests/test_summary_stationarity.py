"""Summaries say whether what was measured is stationary, and those that older versions wrote are no damage."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import pytest

import glassnet as gn
from glassnet.analysis.stationarity import stationarity_row
from glassnet.report.saved import SavedRecord
from glassnet.runs.run import open_run
from glassnet.runs.table import write_summary
from glassnet.runs.verify import verify

RUNS = Path(__file__).parents[1] / "docs/reproduction/runs"
NUMBERS = ("msd_ratio", "net_displacement", "loss_drift", "drift_share")
ADDED = [*(f"{name}{end}" for name in NUMBERS for end in ("", "_low", "_high")), "stationarity"]


@pytest.fixture
def finished(tiny_run: Path, tmp_path: Path) -> Path:
    """A finished run with its summary."""
    path = shutil.copytree(tiny_run, tmp_path / "run")
    write_summary(open_run(path))
    return path


def test_each_temperature_has_the_numbers_of_stationarity(finished: Path) -> None:
    run = open_run(finished)
    rows = json.loads((finished / "summary.json").read_text())["temperatures"]
    with (finished / "summary.csv").open() as file:
        texts = list(csv.DictReader(file))
    for row, text, record in zip(rows, texts, run.records.values(), strict=True):
        wanted = stationarity_row(record, waiting_time=run.look.waiting_time or 0)
        assert {name: row[name] for name in ADDED} == wanted
        assert text["stationarity"] == row["stationarity"]
    lines = run.request.tables(run)[0].lines
    assert [line["state"] for line in lines] == [row["stationarity"] for row in rows]


def test_experiments_without_a_table_of_conditions_say_it_of_their_langevin_records() -> None:
    for name, labels in (("protocol-mnist-regularised-laptop", ["langevin"]), ("sgd_displacement-mnist-laptop", [])):
        run = open_run(RUNS / f"{name}.run.zip")
        tables = {table.name: table for table in run.request.tables(run)}
        rows = tables["stationarity"].rows if labels else []
        assert [row["condition"] for row in rows] == labels
        assert all(list(row)[2:] == ADDED for row in rows)
        assert ("stationarity" in tables) == bool(labels)


def test_a_saved_record_says_it_too(finished: Path) -> None:
    record = open_run(finished).record
    assert all(set(ADDED) <= set(row) for row in SavedRecord(finished, record).rows)


def test_a_summary_of_an_older_version_is_older_and_not_damaged(finished: Path) -> None:
    as_written(finished, without=ADDED)
    found = verify(finished)
    assert found.damaged == ()
    assert found.summary.startswith("2 of 2 files say what the units say")
    for name in ("summary.json", "summary.csv"):
        assert f"{name} is older: lacks msd_ratio, " in found.summary


def test_an_older_summary_of_other_numbers_is_damaged(finished: Path) -> None:
    as_written(finished, without=ADDED, changed="msd")
    assert [Path(one.split()[0]).name for one in verify(finished).damaged] == ["summary.json", "summary.csv"]


def test_a_row_that_lacks_what_others_have_is_damaged(finished: Path) -> None:
    tables = json.loads((finished / "summary.json").read_text())
    del tables["temperatures"][0]["stationarity"]
    (finished / "summary.json").write_text(json.dumps(tables))
    assert [Path(one.split()[0]).name for one in verify(finished).damaged] == ["summary.json"]


def test_a_summary_without_a_whole_table_is_older(finished: Path) -> None:
    tables = json.loads((finished / "summary.json").read_text())
    del tables["quench"]
    (finished / "summary.json").write_text(json.dumps(tables))
    found = verify(finished)
    assert found.damaged == ()
    assert "summary.json is older: lacks quench" in found.summary


@pytest.mark.parametrize("content", [b"{}", b"[]", b"", b'{"temperatures": 1}', b'{"temperatures": [1]}', b'"text"'])
def test_what_is_no_summary_is_damaged(finished: Path, content: bytes) -> None:
    for name in ("summary.json", "summary.csv"):
        (finished / name).write_bytes(content)
    assert len(verify(finished).damaged) == 2


def as_written(path: Path, without: list[str], changed: str = "") -> None:
    """Write both files as a version did that had not some of the columns; ``changed`` is off in the first row."""
    tables = json.loads((path / "summary.json").read_text())
    rows = tables["temperatures"]
    rows[0] |= {changed: rows[0][changed] * 1.01} if changed else {}
    for row in rows:
        for name in without:
            del row[name]
    (path / "summary.json").write_text(json.dumps(tables, indent=2))
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    (path / "summary.csv").write_text(text.getvalue())


def test_networks_on_their_way_down_are_said_to_drift() -> None:
    run = gn.open_run(RUNS / "relaxation-mnist-regularised-laptop.run.zip")
    states = {row["temperature"]: row["stationarity"] for row in run.request.tables(run)[0].rows}
    assert states[0.0] == states[1e-6] == "drifts"
