"""The command line: what is printed, exit codes, and runs that are stopped or killed."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest
from program import GLASSNET, Paced, glassnet, started
from tiny_runs import preset

import glassnet as gn
from glassnet.runs.plan import plan
from glassnet.runs.run import open_run
from glassnet.runs.runner import run
from glassnet.runs.starting import begin
from glassnet.store import RunDirectory

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


def units(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted((folder / "units").iterdir())}


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
    made = folder / "run"
    tables = json.loads((made / "summary.json").read_text())
    assert [row["temperature"] for row in tables["temperatures"]] == [0.1, 0.0]
    assert len(tables["quench"]) == 2
    rows = list(csv.DictReader((made / "summary.csv").read_text().splitlines()))
    assert [row["outcome"] for row in rows] == [row["outcome"] for row in tables["temperatures"]]
    assert {p.name for p in (made / "figures").iterdir()} >= {"overlap.png", "relaxation_time.png"}
    description = json.loads((made / "run.json").read_text())["run"]
    assert description["request"]["samples"] == 200
    assert set(description["sessions"][0]) == {"time", "versions", "machine", "bits"}


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


def test_it_is_a_program(tmp_path: Path) -> None:
    said = subprocess.run([GLASSNET, "--version"], capture_output=True, text=True, check=True)
    assert (said.stdout, said.stderr) == (f"{version('glassnet')}\n", "")
    refused = subprocess.run([GLASSNET, "show", "none"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == "Error: none is not the folder of a run: it is not there\n"


def test_another_chi_is_shown_and_one_that_was_not_recorded_refused(finished: tuple[Path, str]) -> None:
    folder, _ = finished
    assert "chi = 50;" in glassnet("show", "run", "--chi", "50", "--waiting-time", "5", cwd=folder).stdout
    drawn = glassnet("figures", "run", "--chi", "50", "--output", "at50", cwd=folder)
    assert b"chi = 50" in (folder / "at50" / "overlap.png").read_bytes()
    assert drawn.returncode == 0
    for command in ("show", "figures"):
        refused = glassnet(command, "run", "--chi", "7", cwd=folder)
        assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
        assert "chi must be one that was recorded (20, 50, 100" in refused.stderr


def test_a_damaged_run_is_listed_by_its_whole_name(finished: tuple[Path, str], tmp_path: Path) -> None:
    folder, _ = finished
    name = "a-run-whose-name-is-long-" + 4 * "very-" + "and-which-is-damaged"
    (tmp_path / name).mkdir()
    (tmp_path / name / "run.json").write_bytes((folder / "run" / "run.json").read_bytes()[:-9])
    listed = glassnet("list", "--runs", tmp_path, cwd=tmp_path)
    row, problem = [line for line in listed.stdout.splitlines() if name in line]
    assert row.split() == [name, "damaged"]
    assert problem == (
        f"{tmp_path / name}/run.json is damaged or was not written by glassnet: "
        "give another folder beside it; what is done is taken from it"
    )


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
        (["run", "relaxation", "--replicas", "0"], "replicas must be an integer from 1 to 1000000, but got 0"),
        (["run", "relaxation", "--output", "file"], "file must be the folder of a run, but is a file"),
        (["run", "relaxation", "--output", "/proc/none"], "/proc/none: No such file or directory"),
        (["run", "relaxation", "--steps", "3"], "Error: no such option --steps; --help names all\n"),
        (
            ["run", "relaxation", "--temperatures", "0.1"],
            "Error: no such option --temperatures; there is --temperature\n",
        ),
        (["run", "relaxation", "--waiting-times", "1"], "there is --waiting-time\n"),
        (["run", "sgd_displacement", "--batch-size", "a"], "batch_size must be an integer, but got 'a'\n"),
        (["run", "relaxation", "--temperature", "0.1,1"], "but got '0.1,1'; for several, give it several times\n"),
        (["run", "relaxation", "--quench_rate", "3"], "there is --quench-rate\n"),
        (["run", "relaxation", "--set", "width=99999999999999999999"], "width must be an integer from 1 to 1000"),
        (["run", "relaxation", "--set", "depth=100000"], "depth must be an integer from 1 to 1000, but got 100000"),
        (["relaxation"], "there is glassnet run relaxation\n"),
        (["step-size"], "Error: no such command step-size; there is glassnet run step_size\n"),
        (["run", "step-size"], "Error: no such command step-size; there is step_size; your own: FILE.py:CLASS\n"),
        (["run", "phase"], "Error: no such command phase; there is phase_diagram; your own: FILE.py:CLASS\n"),
        (
            ["run", "melt"],
            "no such command melt; there is ageing, hysteresis, minima, phase_diagram, protocol, relaxation",
        ),
        (["run", "--scale", "demo", "relaxation"], "no such option --scale here; options come after the command"),
        (["run", "relaxation", "--set", "replica=2"], "chi, snapshots; nearest: replicas\n"),
        (["run", "relaxation", "--set", "skin=abc"], "Error: skin must be true or false, but got 'abc'\n"),
        (["run", "relaxation", "--replicas", "abc"], "Error: replicas must be an integer, but got 'abc'"),
        (["run", "relaxation", "--l2", "much"], "Error: l2 must be a number, but got 'much'"),
        (["run", "relaxation", "--width", "100000"], "Error: memory must hold about 66.7 TB for this run, but this"),
        (["show"], "Error: Missing argument"),
        (["show", "nothing"], "nothing is not the folder of a run: it is not there"),
    ],
)
def test_errors_are_one_message(tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "file").touch()
    refused = glassnet(*arguments, cwd=tmp_path)
    assert refused.returncode == 2
    assert message in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
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


def test_resume_takes_the_replicas_that_a_run_began_with(finished: tuple[Path, str], tmp_path: Path) -> None:
    folder, _ = finished
    gn.save(open_run(folder / "run").quenched, tmp_path / "quenched.zip")
    gn.save(gn.Ensemble.random(open_run(folder / "run").quenched.network, 2), tmp_path / "others.zip")
    begun = glassnet("run", "relaxation", *TINY, "--quenched", "quenched.zip", "--output", "run", cwd=tmp_path)
    assert begun.returncode == 0, begun.stderr
    whole, description = units(tmp_path / "run"), (tmp_path / "run" / "run.json").read_bytes()
    for path in (tmp_path / "run" / "units").iterdir():
        path.unlink()
    for options in ([], ["--quenched", "others.zip"]):
        refused = glassnet("resume", "run", *options, cwd=tmp_path)
        assert refused.returncode == 2
        assert refused.stderr == (
            "Error: quenched must be the ensemble that the run began with: its origin 0 is needed\n"
        )
    assert (tmp_path / "run" / "run.json").read_bytes() == description
    again = glassnet("resume", "run", "--quenched", "quenched.zip", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert units(tmp_path / "run") == whole
    at_random = glassnet("resume", folder / "run", "--quenched", "quenched.zip", cwd=tmp_path)
    assert "Error: quenched must not be given for a run that begins at random weights, but got" in at_random.stderr


COMMAND = ["run", "relaxation", *LONG, "--output", "run"]


def n_units(folder: Path) -> int:
    return len(list(folder.glob("units/*.zip")))


def test_a_second_process_waits_and_readers_do_not(tmp_path: Path) -> None:
    command = ["run", "relaxation", *TINY, "--output", "run"]
    with Paced(*command, cwd=tmp_path) as first:
        first.hold_in("quench")
        with started(*command, cwd=tmp_path) as second:
            assert second.stderr is not None
            waiting = second.stderr.readline()
            shown, ended = glassnet("show", "run", cwd=tmp_path), second.poll()
            done = first.ended()
            printed, complaint = second.communicate()
    assert (shown.returncode, ended) == (0, None)
    assert (done.returncode, second.returncode) == (0, 0)
    assert f"run is being worked on by process {first.process.pid}; waiting for it, then going on with what" in waiting
    assert (done.stderr, complaint) == ("", "")
    assert "6 units: 0 done, 6 to make" in done.stdout
    assert "6 units: 6 done, 0 to make" in printed
    assert not (tmp_path / "run" / "lock").exists()


@pytest.mark.long
def test_a_run_killed_and_stopped_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    whole, broken = RunDirectory(tmp_path / "whole" / "run"), tmp_path / "broken"
    broken.mkdir()
    numbers = {"samples": 200, "width": 4, "replicas": 2, "waiting_times": [5], "epochs": 4000, "t_max": 20000}
    request = preset("regularised", "mnist", "demo", {**numbers, "chi": [300], "temperatures": [0.1]})
    engine = request.make_engine()
    begin(whole, request, engine, to_work=True)
    run(plan(request.points(), request.replicas, engine, whole), engine, whole)
    for label, so_far in (("quench", 0), ("Langevin", 2)):
        with Paced(*COMMAND, cwd=broken) as process:
            process.hold_in(label, 0.1)
            assert n_units(broken / "run") == so_far
            process.let_on()
            process.process.kill()
    assert open_run(broken / "run").missing
    with Paced(*COMMAND, cwd=broken) as process:
        process.hold_in("Langevin", 0.1)
        process.let_on()
        process.process.send_signal(signal.SIGINT)
        stopped = process.ended()
    assert stopped.returncode == 130
    assert f"to go on: glassnet run relaxation {' '.join(LONG)} --output run" in stopped.stderr
    assert "Traceback" not in stopped.stderr
    with started(*COMMAND, cwd=broken) as process_:
        process_.communicate()
    assert process_.returncode == 0
    assert units(whole.path) == units(broken / "run")
    assert list((broken / "run" / "checkpoints").iterdir()) == []
