"""Condensed pieces of one run: joined in a file, or read together from a folder, they are the run they make up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import xarray as xr
from tiny_runs import make
from typer.testing import CliRunner, Result

from glassnet.cli.commands import app
from glassnet.paper.claims import assess, open_runs
from glassnet.paper.experiments.relaxation import Relaxation
from glassnet.runs.condense import condense, join
from glassnet.runs.quench import start_from
from glassnet.runs.registry import request
from glassnet.runs.run import Run, open_run, run_paths
from glassnet.store.condensed import write_condensed

NUMBERS: dict[str, Any] = {
    "samples": 200,
    "width": 4,
    "epochs": 20,
    "waiting_times": [3, 10],
    "t_max": 100,
    "snapshots": [10, 100],
}
TEMPERATURES = (1e-3, 1e-5, 0.0)


def relaxation(folder: Path, *, experiment: str = "relaxation", **others: Any) -> Run[Any]:
    numbers = {**NUMBERS, "temperatures": TEMPERATURES, "replicas": 2, **others}
    return make(request(experiment, "regularised", "mnist", "demo", numbers), folder)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run[Any]:
    """The run of all temperatures, condensed as one."""
    folder = tmp_path_factory.mktemp("whole")
    condense(relaxation(folder / "run"), folder / "run.run.zip")
    return open_run(folder / "run.run.zip")


@pytest.fixture(scope="module")
def pieces(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Each temperature by itself; the coldest with one replica in one piece and with two in another."""
    folder, made = tmp_path_factory.mktemp("pieces") / "kept", tmp_path_factory.mktemp("runs")
    each: list[tuple[str, dict[str, Any]]] = [(f"T{i}", {"temperatures": [T]}) for i, T in enumerate(TEMPERATURES)]
    for name, numbers in [("few", {"temperatures": [0.0], "replicas": 1}), *each]:
        condense(relaxation(made / name, **numbers), folder / f"{name}.run.zip")
    return [folder / f"{name}.run.zip" for name in ("few", *(name for name, _ in each))]


def glassnet(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


def same(one: Run[Any], other: Run[Any]) -> None:
    """Two runs that hold the same units."""
    assert one.request == other.request
    assert one.done == other.done
    assert not one.missing
    assert one.quench_results == other.quench_results
    for temperature, record in other.records.items():
        # Files keep histograms of later waiting times at T = 0 only, in pieces as in the whole.
        xr.testing.assert_identical(one.records[temperature].data, record.data)


def test_a_folder_of_pieces_and_a_joined_file_are_the_whole_run(
    whole: Run[Any], pieces: list[Path], tmp_path: Path
) -> None:
    folder = pieces[0].parent
    assert run_paths(folder) == [folder]
    same(open_run(folder), whole)
    done = glassnet("condense", *pieces[::-1], "--output", tmp_path / "joined.run.zip")
    assert done.exit_code == 0, done.output
    assert "8 units" in done.output
    same(open_run(tmp_path / "joined.run.zip"), whole)


def test_folders_and_condensed_pieces_are_joined_alike(whole: Run[Any], pieces: list[Path], tmp_path: Path) -> None:
    parts = [relaxation(tmp_path / "hot", temperatures=[1e-3]), open_run(pieces[2]), open_run(pieces[3])]
    join(parts, tmp_path / "joined.run.zip")
    same(open_run(tmp_path / "joined.run.zip"), whole)


def test_all_that_looks_at_runs_looks_at_a_folder_of_pieces(
    whole: Run[Any], pieces: list[Path], tmp_path: Path
) -> None:
    folder = pieces[0].parent
    shown, as_one = glassnet("show", folder), glassnet("show", whole.path)
    assert shown.exit_code == 0
    assert shown.output.partition("relaxation: t_w")[2] == as_one.output.partition("relaxation: t_w")[2] != ""
    assert glassnet("verify", folder).exit_code == 0
    assert glassnet("figures", folder, "--output", tmp_path / "figures").exit_code == 0
    assert (tmp_path / "figures" / "relaxation_time.png").is_file()
    found, wanted = (assess(open_runs([path])) for path in (folder, whole.path))
    assert [(one.seen, one.value) for one in found] == [(one.seen, one.value) for one in wanted]
    # Beside other runs, in a folder of its own, it is one run too.
    assert open_runs([folder.parent])[0].done == whole.done
    assert glassnet("report", folder, "--output", tmp_path / "page.html").exit_code == 0
    for command in ("resume", "watch"):
        refused = glassnet(command, folder)
        assert refused.exit_code == 2
        assert "is condensed" in refused.output


@pytest.mark.parametrize("where", [".", "relaxation-mnist-regularised-demo"])
def test_a_figure_is_drawn_from_a_folder_of_pieces(where: str, tmp_path: Path) -> None:
    numbers: dict[str, Any] = {
        "samples": 6_000,
        "width": 30,
        "epochs": 1,
        "t_max": 3,
        "waiting_times": [1],
    }
    for name, temperature in (("hot", 0.1), ("cold", 0.0)):
        found = relaxation(tmp_path / name, temperatures=[temperature], replicas=1, **numbers)
        condense(found, tmp_path / "kept" / where / f"{name}.run.zip")
    drawn = glassnet("reproduce", "fig5a", "--condensed", tmp_path / "kept", "--output", tmp_path / "all")
    assert drawn.exit_code == 0, drawn.output
    assert [path.name for path in (tmp_path / "all").iterdir()] == ["figures"]


@pytest.mark.parametrize(
    ("others", "named"),
    [
        ({"t_max": 50}, "t_max"),
        ({"seed": 1}, "seed"),
        ({"l2": 0.02}, "l2"),
        ({"gradient": "float64"}, "gradient"),
        ({"experiment": "ageing"}, "experiment"),
    ],
)
def test_pieces_of_different_runs_are_refused(
    others: dict[str, Any], named: str, pieces: list[Path], tmp_path: Path
) -> None:
    relaxation(tmp_path / "other", **{"temperatures": [1e-3], **others})
    done = glassnet("condense", pieces[1], tmp_path / "other", "--output", tmp_path / "joined.run.zip")
    assert done.exit_code == 2
    assert f"but {named}" in " ".join(done.output.split())
    assert not (tmp_path / "joined.run.zip").exists()


def test_a_folder_of_different_runs_is_none_and_names_what_differs(pieces: list[Path], tmp_path: Path) -> None:
    kept = tmp_path / "mixed"
    kept.mkdir()
    for name, path in (("a", pieces[1]), ("b", pieces[2])):
        (kept / f"{name}.run.zip").write_bytes(path.read_bytes())
    condense(relaxation(tmp_path / "other", t_max=50, temperatures=[0.0]), kept / "other.run.zip")
    assert len(run_paths(kept)) == 3
    refused = glassnet("show", kept)
    assert refused.exit_code == 2
    assert "other.run.zip is no piece of the run" in " ".join(refused.output.split())


def test_given_replicas_of_a_smaller_piece_are_the_first_of_a_larger(tmp_path: Path) -> None:
    start = relaxation(tmp_path / "quench", temperatures=[0.1]).quenched
    for name, n, T in (("few", 1, 0.1), ("more", 2, 0.0)):
        numbers = {**NUMBERS, "temperatures": [T], "replicas": n}
        asked = start_from(Relaxation.preset("mnist", "demo", numbers, phase="regularised"), start)
        condense(make(asked, tmp_path / name, given=start), tmp_path / "kept" / f"{name}.run.zip")
    run = open_run(tmp_path / "kept")
    assert (run.request.replicas, run.request.temperatures) == (2, (0.0, 0.1))
    assert len(run.request.quenched) == 2
    assert run.missing == (("Langevin T = 0.1", 1),)


def test_at_zero_temperature_histograms_of_all_waiting_times_are_kept(whole: Run[Any]) -> None:
    cold, warm = (whole.records[T].data["histogram"].sel(waiting_time=3) for T in (0.0, 1e-3))
    assert cold.sel(sparse_time=10).notnull().all()
    assert warm.isnull().all()


def test_pieces_of_experiments_that_take_no_given_replicas_differ_in_replicas_and_widths(tmp_path: Path) -> None:
    numbers: dict[str, Any] = {"samples": 200, "epochs": 2, "descent": 1}
    width = {**numbers, "widths": [3]}
    lengths = {**numbers, "width": 3, "eigenvalues": 1}
    for kind, variant, pieces in (
        ("phase_diagram", "width", [{**width, "replicas": 1}, {**width, "replicas": 2}, {**width, "widths": [4]}]),
        ("minima", "", [{**lengths, "replicas": 1}, {**lengths, "replicas": 2}]),
    ):
        kept = tmp_path / kind
        for i, asked in enumerate(pieces):
            run = make(request(kind, variant, "mnist", "demo", {"replicas": 2, **asked}), tmp_path / f"{kind}-{i}")
            condense(run, kept / f"{i}.run.zip")
        found = open_run(kept)
        assert (found.request.replicas, found.missing) == (2, ())
        done = glassnet("condense", kept, "--output", tmp_path / f"{kind}.run.zip")
        assert done.exit_code == 0, done.output
        assert open_run(tmp_path / f"{kind}.run.zip").done == found.done


@pytest.mark.parametrize(
    "changes",
    [
        {"experiment": None},
        {"request": []},
        {"request": {}},
        {"engine": 3},
        {"numbers": {"temperatures": [[1]]}},
        {"numbers": {"replicas": "many"}},
        {"numbers": {"quenched": 5}},
    ],
    ids=str,
)
def test_a_foreign_description_beside_pieces_is_refused_and_hides_none(
    changes: dict[str, Any], pieces: list[Path], tmp_path: Path
) -> None:
    told = dict(open_run(pieces[1]).description)
    numbers = {**told["request"], **changes.pop("numbers", {})}
    for path in pieces[1:3]:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    write_condensed(tmp_path / "foreign.run.zip", {**told, "request": numbers, **changes}, [])
    assert len(run_paths(tmp_path)) == 3
    with pytest.raises(ValueError, match=r"must be|no piece|field required"):
        open_run(tmp_path)


@pytest.mark.parametrize("what", ["link", "folder"])
def test_what_is_no_file_beside_pieces_hides_none(what: str, pieces: list[Path], tmp_path: Path) -> None:
    (tmp_path / pieces[1].name).write_bytes(pieces[1].read_bytes())
    other = tmp_path / "other.run.zip"
    other.mkdir() if what == "folder" else other.symlink_to(tmp_path / "nowhere")
    assert len(run_paths(tmp_path)) == 2
    with pytest.raises((ValueError, OSError)):
        open_runs([tmp_path])
    bad: list[Path] = []
    assert len(open_runs([tmp_path], lambda path, why: bad.append(path))) == 1
    assert bad == [other]


def test_other_runs_beside_pieces_and_folders_of_one_piece_are_found(pieces: list[Path], tmp_path: Path) -> None:
    for path in pieces[1:3]:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    relaxation(tmp_path / "whole", temperatures=[1e-3], replicas=1)
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / pieces[1].name).write_bytes(pieces[1].read_bytes())
    assert set(run_paths(tmp_path)) == {tmp_path, tmp_path / "whole", tmp_path / "begun"}
    assert len(open_runs([tmp_path])) == 3


def test_links_to_pieces_find_the_units_that_other_pieces_hold(pieces: list[Path], tmp_path: Path) -> None:
    (tmp_path / pieces[1].name).symlink_to(pieces[1])
    assert open_run(tmp_path / pieces[1].name).missing == ()


def test_joining_says_what_is_missing_and_names_each_session_once(pieces: list[Path], tmp_path: Path) -> None:
    alone = tmp_path / pieces[2].name  # its quench stands in the first piece, which is not here
    alone.write_bytes(pieces[2].read_bytes())
    done = glassnet("condense", alone, alone, "--output", tmp_path / "joined.run.zip")
    assert done.exit_code == 0, done.output
    run = open_run(tmp_path / "joined.run.zip")
    assert run.missing
    assert f"{len(run.done)} of {len(run.done) + len(run.missing)} units" in done.output
    assert len(run.sessions) == 1
    assert "to be made by the same command" not in glassnet("show", tmp_path / "joined.run.zip").output
