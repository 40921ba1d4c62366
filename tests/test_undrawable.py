"""Runs whose figures cannot all be drawn: the others are, what cannot be is said, and the run is complete."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_records import CHI, HOT, WAIT, measured
from tiny_runs import make, tiny
from typer.testing import CliRunner

from glassnet import figures
from glassnet.analysis import bowl_mean_square_displacement, bowl_overlap
from glassnet.cli.commands import app
from glassnet.figures import relaxation
from glassnet.paper.claims import assess
from glassnet.report import write_report
from glassnet.runs.registry import request
from glassnet.runs.run import Run
from glassnet.runs.table import summary_files

FIGURES = {"overlap", "relaxation_time", "mean_square_displacement", "non_gaussian", "mobility", "history"}

PLANE = ["run", "phase_diagram", "--part", "width"]
PLANE += [
    word for number in ("samples=200", "widths=3", "epochs=1", "l2s=0.01", "replicas=2") for word in ("--set", number)
]
LOST = [*PLANE, "--set", "quench_rate=1e6"]
"""Every network diverges at once."""

CASES: dict[str, dict[str, Any]] = {
    "steps lead out of the bowl": {"l2": 3.0, "learning_rate": 1.0, "quench_rate": 0.01},
    "all lost in the quench": {"l2": 1.0, "quench_rate": 1e6},
    "one at T = 0 alone": {"temperatures": [0.0], "replicas": 1},
    "infinite before they are lost": {"l2": 2.2, "learning_rate": 1.0, "quench_rate": 0.01, "t_max": 3000},
    "one replica": {"replicas": 1},
    "T = 0 alone": {"temperatures": [0.0]},
}


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=pytest.mark.long if i > 2 else ()) for i, case in enumerate(CASES)]
)
def test_all_figures_tables_and_claims_of_what_can_be_lost(case: str, tmp_path: Path) -> None:
    run = make(tiny(**{"epochs": 2, "t_max": 30, **CASES[case]}), tmp_path / "run")
    assert not run.missing
    for draw in run.request.pictures(run).values():
        draw()
    assert set(run.request.pictures(run)) == FIGURES
    assert set(summary_files(run)) == {"summary.json", "summary.csv"}
    assert len(assess([run])) == 21
    write_report([run], tmp_path / "page.html")


def test_there_is_no_bowl_where_steps_lead_out_of_it() -> None:
    record = measured([HOT])
    bent = record.data.assign_coords(l2=("replica", np.full(len(record.ensemble), 3.0 / 1e-3)))
    lost = type(record)(
        bent.assign_coords(learning_rate=bent.learning_rate * 0 + 1e-3), record.ensemble, record.references
    )
    assert np.isnan(bowl_overlap(lost, chi=CHI, waiting_time=WAIT)).all()
    assert np.isnan(bowl_mean_square_displacement(lost, waiting_time=WAIT)).all()


def test_one_figure_that_fails_does_not_take_the_others_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make(tiny(epochs=2), tmp_path / "run")
    whole = relaxation.drawings_of

    def drawn(*arguments: Any, **more: Any) -> dict[str, Any]:
        def fail() -> Any:
            raise IndexError("a mistake of ours")

        found = {name: draw for name, draw in whole(*arguments, **more).items() if name in ("overlap", "history")}
        return {"broken": fail, **found}

    monkeypatch.setattr(relaxation, "drawings_of", drawn)
    done = CliRunner().invoke(app, ["figures", str(run.path)])
    assert done.exit_code == 0
    assert "overlap.png, history.png" in done.stdout
    assert done.stderr == "Not drawn: broken: IndexError: a mistake of ours\n"
    assert {path.name for path in (run.path / "figures").iterdir()} == {"overlap.png", "history.png"}


def test_draw_all_writes_what_can_be_drawn_and_names_what_cannot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise ValueError("no such thing")

    monkeypatch.setattr(relaxation, "draw_overlap", fail)
    with pytest.raises(ValueError, match=r"not all be drawn, and the others are in .*: overlap: no such thing$"):
        figures.draw_all(measured([HOT]), tmp_path, chi=CHI, waiting_time=WAIT)
    assert {path.stem for path in tmp_path.iterdir()} == FIGURES - {"overlap"}


def test_a_run_that_has_nothing_to_draw_is_complete_and_says_so(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, [*LOST, "--output", str(tmp_path / "run")])
    assert done.exit_code == 0, done.output
    assert done.stderr.splitlines() == [
        f"No figures: {tmp_path}/run has no loss to draw: every network diverged",
        f"The run is complete: all 6 units are in {tmp_path}/run",
    ]
    assert (tmp_path / "run" / "summary.csv").exists()
    drawn = CliRunner().invoke(app, ["figures", str(tmp_path / "run")])
    assert drawn.exit_code == 2
    assert drawn.stderr == f"Error: {tmp_path}/run has no loss to draw: every network diverged\n"


def test_a_folder_for_figures_that_cannot_be_written_does_not_spoil_the_run(tmp_path: Path) -> None:
    target = tmp_path / "run"
    made = CliRunner().invoke(app, [*PLANE, "--output", str(target)])
    assert made.exit_code == 0, made.output
    (target / "figures" / "l2_line.png").unlink()
    (target / "figures").rmdir()
    (target / "figures").touch()  # nobody, not even root, can write into it
    again = CliRunner().invoke(app, [*PLANE, "--output", str(target)])
    assert again.exit_code == 0
    assert again.stderr.splitlines() == [
        f"Not drawn: l2_line: {target}/figures: File exists",
        f"The run is complete: all 6 units are in {target}",
    ]
    drawn = CliRunner().invoke(app, ["figures", str(target)])
    assert drawn.exit_code == 2


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Run[Any]:
    folder = tmp_path_factory.mktemp("plain")
    numbers = {"samples": 200, "widths": [3], "epochs": [1], "l2s": [0.01], "replicas": 1}
    return make(request("phase_diagram", "width", "mnist", "demo", numbers), folder / "run")


@pytest.mark.long
@pytest.mark.parametrize(
    "environment",
    [
        {"MPLBACKEND": "nonsense"},
        {"MPLBACKEND": "module://not_there", "HOME": "/proc/none", "MPLCONFIGDIR": "/proc/none"},
    ],
    ids=["unknown backend", "missing backend, no cache"],
)
def test_figures_depend_neither_on_backends_nor_on_caches(
    environment: dict[str, str], plain: Run[Any], tmp_path: Path
) -> None:
    words = [str(Path(sys.executable).parent / "glassnet"), "figures", str(plain.path), "--output", str(tmp_path / "f")]
    done = subprocess.run(words, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (tmp_path / "f").iterdir()] == ["l2_line.png"]


def test_one_damaged_run_of_a_folder_is_left_out_by_claims_and_reports(plain: Run[Any], tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    for name in ("a", "b", "c"):
        make(plain.request, runs / name)
    (runs / "a" / "run.json").write_text("{")
    unit = sorted((runs / "b" / "units").iterdir())[0]
    unit.unlink()  # a second name of the others' file
    unit.write_bytes(b"PK")
    judged = CliRunner().invoke(app, ["claims", str(runs), "--output", str(tmp_path)])
    assert judged.exit_code == 0, judged.output
    assert (tmp_path / "claims.json").exists()
    told = judged.stderr.splitlines()
    assert [line.partition(": ")[0] for line in told] == ["Left out", "Left out"]
    assert f"{runs}/a/run.json is damaged" in told[0]
    assert str(unit) in told[1]
    page = CliRunner().invoke(app, ["report", str(runs), "--output", str(tmp_path / "page.html")])
    assert page.exit_code == 0, page.output
    assert page.stderr.count("Left out: ") == 2
    named = CliRunner().invoke(app, ["claims", str(runs / "a"), str(runs / "c"), "--output", str(tmp_path)])
    assert named.exit_code == 2  # who names a run wants it
