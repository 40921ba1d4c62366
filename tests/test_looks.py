"""What is looked at: chi, waiting time and temperature are options of whatever shows a run, with one meaning."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from program import glassnet
from tiny_runs import make, preset, tiny

from glassnet.runs.look import kept_waiting_time
from glassnet.runs.registry import request
from glassnet.runs.run import open_run

COMMANDS = ("show", "figures", "report", "condense", "watch")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the runs ``relaxation``, ``ageing`` and, without anything to choose from, ``minima``."""
    folder = tmp_path_factory.mktemp("looks")
    make(tiny(), folder / "relaxation")
    numbers = {**tiny().numbers, "temperatures": [0.1, 0.01], "chi": [50, 300]}
    make(request("ageing", "regularised", "mnist", "demo", numbers), folder / "ageing")
    small = {"samples": 200, "width": 4, "epochs": 1, "replicas": 2, "l2s": [0.01], "descent": 2, "eigenvalues": 1}
    make(request("minima", "", "mnist", "demo", small), folder / "minima")
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_what_was_not_recorded_is_refused_everywhere_in_the_same_words(runs: Path, command: str) -> None:
    for option, value, recorded in (
        ("chi", "7", "30, 300"),
        ("waiting-time", "4", "3, 10"),
        ("temperature", "0.5", "0, 0.1"),
    ):
        said = glassnet(command, "relaxation", f"--{option}", value, cwd=runs)
        name = option.replace("-", "_")
        assert said.returncode == 2
        assert said.stderr == f"Error: {name} must be one that was recorded ({recorded}), but got {value}\n"
    said = glassnet(command, "minima", "--chi", "30", cwd=runs)
    assert (said.returncode, "chi must not be given: minima has none" in said.stderr) == (2, True)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_each_says_the_same(command: str) -> None:
    said = " ".join(glassnet(command, "--help").stdout.replace("│", " ").split())
    assert "Sensitivity chi of the overlap at which the run is shown, one that was recorded" in said
    assert "--experiment FILE.py:CLASS" in said


def test_a_look_is_shown(runs: Path) -> None:
    for chi, wait in (("30", "3"), ("300", "10")):
        shown = glassnet("show", "relaxation", "--chi", chi, "--waiting-time", wait, cwd=runs).stdout
        assert f"t_w = {wait}, chi = {chi};" in shown
    quoted = [
        glassnet("watch", "relaxation", "--chi", chi, cwd=runs).stdout.splitlines()[-2].split() for chi in ("30", "300")
    ]
    assert quoted[0] != quoted[1]
    for temperature in ("0.1", "0.01"):
        glassnet("figures", "ageing", "--temperature", temperature, "--output", temperature, cwd=runs)
    one, other = ((runs / name / "ageing.png").read_bytes() for name in ("0.1", "0.01"))
    assert one != other


def test_a_condensed_run_keeps_the_waiting_time_that_is_looked_at(runs: Path) -> None:
    for wait in (3, 10):
        file = runs / f"at{wait}" / "one.run.zip"
        said = glassnet("condense", "relaxation", "--waiting-time", str(wait), "--output", file, cwd=runs)
        assert (said.returncode, said.stderr) == (0, "")
        run = open_run(file)
        assert (kept_waiting_time(run.description), run.look.waiting_time) == (wait, wait)
        record = run.records[0.1]
        kept = np.isfinite(record.references).all(axis=(1, 2))
        assert record.data["waiting_time"].values[kept].tolist() == [wait]
    hot, cold = (
        make(preset("regularised", changes={**tiny().numbers, "temperatures": [t]}), runs / f"T{t}") for t in (0.1, 0.0)
    )
    said = glassnet(
        *("condense", hot.path, cold.path, "--waiting-time", "3", "--output", runs / "joined" / "both.run.zip")
    )
    assert (said.returncode, said.stderr) == (0, "")
    joined = open_run(runs / "joined" / "both.run.zip")
    assert (kept_waiting_time(joined.description), sorted(joined.records)) == (3, [0.0, 0.1])


def test_a_report_looks_so_at_the_runs_that_recorded_it(runs: Path) -> None:
    both = glassnet("report", "relaxation", "ageing", "minima", "--chi", "30", "--output", "page.html", cwd=runs)
    assert (both.returncode, both.stderr) == (0, "")
    none = glassnet("report", "relaxation", "ageing", "--chi", "7", "--output", "none.html", cwd=runs)
    assert (none.returncode, "chi must be one that was recorded" in none.stderr) == (2, True)
    assert not (runs / "none.html").exists()


def test_what_is_looked_at_changes_no_folder_and_is_no_number_of_a_run(runs: Path) -> None:
    said = glassnet("run", "relaxation", "--set", "shown_chi=300", cwd=runs)
    assert said.returncode == 2
    assert said.stderr == (
        "Error: set must not be given shown_chi: it is chosen when a run is shown, by --chi of show, figures, report, "
        "condense and watch\n"
    )
    before = (runs / "relaxation" / "run.json").read_bytes()
    glassnet("show", "relaxation", "--chi", "30", cwd=runs)
    assert (runs / "relaxation" / "run.json").read_bytes() == before
