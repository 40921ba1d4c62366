"""The command line, as real processes: what is printed, exit codes, and runs that are stopped or killed."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from glassnet.experiments import open_run

GLASSNET = Path(sys.executable).parent / "glassnet"
NUMBERS = ["--samples", "200", "--width", "4", "--replicas", "2", "--waiting-time", "5"]
TINY = [*NUMBERS, "--epochs", "20", "--t-max", "40", "--temperature", "0.1", "--temperature", "0"]
LONG = [
    *NUMBERS,
    "--epochs",
    "4000",
    "--t-max",
    "20000",
    "--chi",
    "300",
    "--temperature",
    "0.1",
    "--checkpoint-every",
    "0",
]


def glassnet(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([GLASSNET, *arguments], cwd=cwd, capture_output=True, text=True, timeout=120, check=False)


def units(run: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted((run / "units").iterdir())}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with a finished run called ``run``, and what was printed."""
    folder = tmp_path_factory.mktemp("finished")
    done = glassnet("run", "relaxation", *TINY, "--output", "run", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return folder, done.stdout


def test_a_run_prints_and_keeps_its_summary(finished: tuple[Path, str]) -> None:
    folder, printed = finished
    assert "6 units: 0 done, 6 to make" in printed
    assert "tau_90" in printed
    assert "2 of 2" in printed
    run = folder / "run"
    tables = json.loads((run / "summary.json").read_text())
    assert [row["temperature"] for row in tables["temperatures"]] == [0.1, 0.0]
    assert len(tables["quench"]) == 2
    rows = list(csv.DictReader((run / "summary.csv").open()))
    assert [row["outcome"] for row in rows] == [row["outcome"] for row in tables["temperatures"]]
    assert {p.name for p in (run / "figures").iterdir()} >= {"overlap.png", "relaxation_time.png"}
    description = json.loads((run / "run.json").read_text())["run"]
    assert description["request"]["samples"] == 200
    assert set(description["sessions"][0]) == {"time", "versions", "machine"}


def test_the_same_command_finds_it_done(finished: tuple[Path, str]) -> None:
    folder, _ = finished
    before = units(folder / "run")
    stamps = [p.stat().st_mtime_ns for p in (folder / "run" / "units").iterdir()]
    again = glassnet("run", "relaxation", *TINY, "--output", "run", cwd=folder)
    assert (again.returncode, again.stderr) == (0, "")
    assert "6 units: 6 done, 0 to make" in again.stdout
    assert units(folder / "run") == before
    assert [p.stat().st_mtime_ns for p in (folder / "run" / "units").iterdir()] == stamps
    assert len(open_run(folder / "run").description["sessions"]) == 1


def test_a_run_with_a_skin_says_so_and_shares_the_quench(finished: tuple[Path, str]) -> None:
    folder, _ = finished
    done = glassnet("run", "relaxation", *TINY, "--skin", "--output", "skin", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "6 units: 2 done, 4 to make, 2 taken from other runs" in done.stdout
    assert "missed" in done.stdout
    tables = json.loads((folder / "skin" / "summary.json").read_text())
    assert all(row["missed_wakings"] >= 0 for row in tables["temperatures"])
    assert open_run(folder / "skin").description["engine"]["skin"]["interval"] == 100


def test_show_list_and_figures_look_without_computing(finished: tuple[Path, str]) -> None:
    folder, _ = finished
    shown = glassnet("show", "run", cwd=folder)
    assert "6 of 6 done" in shown.stdout
    assert "MSD" in shown.stdout
    listed = glassnet("list", "--runs", ".", cwd=folder)
    for name in ("relaxation", "overparameterised", "cifar10", "workstation", "6 of 6"):
        assert name in listed.stdout
    drawn = glassnet("figures", "run", "--output", "pictures", "--format", "pdf", cwd=folder)
    assert (folder / "pictures" / "overlap.pdf").stat().st_size > 1000
    assert [shown.returncode, listed.returncode, drawn.returncode] == [0, 0, 0]


def test_a_dry_run_says_the_cost_and_writes_nothing(tmp_path: Path) -> None:
    said = glassnet("run", "relaxation", *TINY, "--dry-run", cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    for name in ("units", "networks", "steps", "flop", "time here", "memory", "disk", "relaxation-mnist-regularised"):
        assert name in said.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "relaxation", "--phase", "solid"], "phase must be one of 'regularised', 'underparameterised'"),
        (["run", "relaxation", "--replicas", "0"], "replicas must be an integer >= 1, but got 0"),
        (["run", "relaxation", "--temperature", "-1"], "temperatures must be a finite number >= 0, but got -1.0"),
        (["run", "relaxation", "--output", "file"], "file must be the folder of a run, but is a file"),
        (["run", "relaxation", "--output", "/proc/none"], "/proc/none: No such file or directory"),
        (["run", "relaxation", "--steps", "3"], "No such option"),
        (["show", "nothing"], "nothing is not the folder of a run: it has no run.json"),
    ],
)
def test_errors_are_one_message(tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "file").touch()
    refused = glassnet(*arguments, cwd=tmp_path)
    assert refused.returncode == 2
    assert message in refused.stderr
    assert "Traceback" not in refused.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_another_request_and_a_damaged_file_are_refused(finished: tuple[Path, str], tmp_path: Path) -> None:
    folder, _ = finished
    other = glassnet("run", "relaxation", *TINY, "--l2", "0.5", "--output", "run", cwd=folder)
    assert other.returncode == 2
    assert other.stderr == (
        "Error: run was written by another request: l2 is 0.01 there, but 0.5 was asked for; choose another folder\n"
    )
    (tmp_path / "run").mkdir()
    whole = (folder / "run" / "run.json").read_text()
    (tmp_path / "run" / "run.json").write_text(whole.replace("200", "300", 1))
    damaged = glassnet("show", "run", cwd=tmp_path)
    assert (damaged.returncode, "run/run.json is damaged" in damaged.stderr) == (2, True)


def started(folder: Path) -> subprocess.Popen[str]:
    command = [str(GLASSNET), "run", "relaxation", *LONG, "--output", "run"]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_until_under_way(process: subprocess.Popen[str], run: Path, n_units: int) -> None:
    """Until so many units are stored and this process has written a checkpoint."""
    before = checkpoints(run)
    while len(list(run.glob("units/*.zip"))) < n_units or not checkpoints(run) - before:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


def checkpoints(run: Path) -> set[tuple[str, int]]:
    return {(p.name, p.stat().st_ino) for p in run.glob("checkpoints/*.zip")}


def test_a_run_killed_and_stopped_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir()
    broken.mkdir()
    with started(whole) as process:
        process.communicate()
    assert process.returncode == 0
    for n_units in (0, 2):
        with started(broken) as process:
            wait_until_under_way(process, broken / "run", n_units)
            process.kill()
    assert open_run(broken / "run").missing
    with started(broken) as process:
        wait_until_under_way(process, broken / "run", 2)
        process.send_signal(signal.SIGINT)
        _, complaint = process.communicate()
    assert process.returncode == 130
    assert f"to go on: glassnet run relaxation {' '.join(LONG)} --output run" in complaint
    assert "Traceback" not in complaint
    with started(broken) as process:
        process.communicate()
    assert process.returncode == 0
    assert units(whole / "run") == units(broken / "run")
    assert list((broken / "run" / "checkpoints").iterdir()) == []
