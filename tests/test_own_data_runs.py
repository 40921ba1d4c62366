"""Runs on a user's own data: addressed by what is trained on, kept with the run, and made again from there."""

from __future__ import annotations

import contextlib
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from glassnet.paper.requests import KINDS, request
from program import Said
from program import glassnet as program
from tiny_runs import TINY, make, planned, units

import glassnet as gn
from glassnet.cli.data import Own, chosen
from glassnet.paper.experiments.relaxation import Relaxation
from glassnet.paper.scales import preset
from glassnet.report import again as report_again
from glassnet.runs.condense import condense
from glassnet.runs.own_data import FILE, OwnData
from glassnet.runs.quench import start_from
from glassnet.runs.run import open_run
from glassnet.runs.starting import begin, refuse_misfit
from glassnet.runs.table import quench_rows, temperature_rows
from glassnet.runs.verify import verify
from glassnet.store import RunDirectory
from glassnet.store.data import read_data, write_data

DOCS = Path(__file__).parents[1] / "docs"
RNG = np.random.default_rng(8)
X = RNG.normal(size=(90, 4))
Y = np.where(X[:, 0] + 0.3 * RNG.normal(size=90) > 0, "up", "down")
NUMBERS = {name: value for name, value in TINY.items() if name != "samples"}


def data(n: int = 90, test: bool = False) -> gn.TrainTest:
    return gn.read_dataset((X[:n], Y[:n]), test=(X[60:] + 0.1, Y[60:]) if test else None)


def tiny(own: gn.TrainTest, **changes: Any) -> Relaxation:
    return Relaxation.preset(own, "demo", {**NUMBERS, **changes}, phase="regularised")


def elsewhere(code: str, *arguments: str | Path) -> str:
    """What another process prints, which was never given the data."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_run_is_what_the_verbs_make(tmp_path: Path) -> None:
    own = data(test=True)
    found = make(tiny(own), tmp_path / "run")
    landscape = gn.Landscape(gn.Mlp(4, 4, 6), own.train, gn.QuadraticHinge(l2=1e-2))
    # 90 rows are one batch, an epoch one step.
    quenched = gn.evolve(gn.Ensemble.random(landscape.network, 2), landscape, gn.Sgd(1e-3, 90), 20)
    assert np.array_equal(found.quenched.weights, quenched.weights)
    seen = gn.evaluate(quenched, landscape, test=own.test)
    assert [row["test_accuracy"] for row in quench_rows(found)] == seen.test_accuracy.values.tolist()
    assert found.record.data.attrs["test"] == own.test.fingerprint  # type: ignore[union-attr]


def test_without_a_test_set_its_columns_are_left_out(tmp_path: Path) -> None:
    found = make(tiny(data()), tmp_path / "run")
    assert "test_loss" not in temperature_rows(found)[0]
    assert "test_loss" not in quench_rows(found)[0]
    assert "test_loss" not in found.record.data


def test_the_same_data_share_units_and_other_data_do_not(tmp_path: Path) -> None:
    make(tiny(data()), tmp_path / "run")
    np.savez(tmp_path / "same.npz", X=X, y=Y == "up")
    again = gn.read_dataset(tmp_path / "same.npz")
    assert planned(tiny(again, replicas=3), tmp_path / "again").n_done == 6
    for other in (data(80), data(test=True), gn.read_dataset((X, Y), inputs="given"), gn.read_dataset((-X, Y))):
        assert planned(tiny(other), tmp_path / "other").n_done == 0


@pytest.mark.long
def test_the_folder_alone_is_enough(tmp_path: Path) -> None:
    path = tmp_path / "run"
    whole = make(tiny(data(test=True)), tmp_path / "whole" / "run")
    with pytest.raises(KeyboardInterrupt):
        make(tiny(data(test=True)), path, lambda update: (_ for _ in ()).throw(KeyboardInterrupt))
    code = (
        "import sys, tiny_runs; from pathlib import Path; from glassnet.experiments import open_run;"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r});"
        "path = Path(sys.argv[1]); tiny_runs.make(open_run(path).request, path)"
    )
    elsewhere(f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); {code}", path)
    assert units(path) == units(whole.path)
    assert verify(path).damaged == ()


def test_data_are_kept_bit_for_bit_and_read_as_any_arrays(tmp_path: Path) -> None:
    own = data(test=True)
    write_data(tmp_path / "data.npz", own)
    kept = read_data(tmp_path / "data.npz")
    assert own.test is not None
    assert kept.test is not None
    assert (kept.train.fingerprint, kept.test.fingerprint) == (own.train.fingerprint, own.test.fingerprint)
    assert (kept.train.name, kept.train.provenance) == (own.train.name, own.train.provenance)
    read = gn.read_dataset(tmp_path / "data.npz", inputs="given", n_features="all")
    assert read.train.fingerprint == own.train.fingerprint
    with np.load(tmp_path / "data.npz", allow_pickle=False) as arrays:
        assert np.array_equal(arrays["test_features"], own.test.features)


def test_damaged_or_missing_data_are_named_and_written_again(tmp_path: Path) -> None:
    path = tmp_path / "run"
    make(tiny(data()), path)
    sound = (path / FILE).read_bytes()
    for place in range(0, len(sound), len(sound) // 5):
        (path / FILE).write_bytes(sound[:place] + bytes([sound[place] ^ 1]) + sound[place + 1 :])
        (problem,) = verify(path).damaged
        assert problem.startswith(f"{path / FILE} ")
    write_data(path / FILE, data(80))
    assert verify(path).damaged == (
        f"{path / FILE} must hold the data of its run, {OwnData.of(data())}, but holds others",
    )
    make(tiny(data()), path)
    assert (path / FILE).read_bytes() == sound
    (path / FILE).unlink()
    assert f"{path / FILE} is missing" in verify(path).damaged[0]
    assert len(open_run(path).done) == 6


@pytest.mark.long
def test_a_run_that_is_done_goes_on_without_its_data_and_gets_them_back_from_who_knows_them(tmp_path: Path) -> None:
    path = tmp_path / "run"
    make(tiny(data()), path)
    sound = (path / FILE).read_bytes()
    (path / FILE).unlink()
    code = """
import sys
from pathlib import Path
from glassnet.experiments import open_run
from glassnet.experiments.starting import begin
from glassnet.store import RunDirectory
request = open_run(sys.argv[1]).request
begin(RunDirectory(Path(sys.argv[1])), request, request.make_engine(1), to_work=False)
"""
    elsewhere(code, path)
    assert not (path / FILE).exists()
    with pytest.raises(ValueError, match=r"data.npz is missing, the data of its run: "):
        _ = open_run(path).request.quench.surface.data
    begin(RunDirectory(path), tiny(data()), tiny(data()).make_engine(1), to_work=False)
    assert (path / FILE).read_bytes() == sound


@pytest.mark.long
def test_a_condensed_run_and_given_replicas(tmp_path: Path) -> None:
    found = make(tiny(data()), tmp_path / "run")
    condense(found, tmp_path / "small.run.zip")
    code = "import sys; from glassnet.experiments import open_run; print(len(open_run(sys.argv[1]).done))"
    assert elsewhere(code, tmp_path / "small.run.zip") == "6\n"
    assert start_from(tiny(data()), found.quenched).quenched is not None
    with pytest.raises(ValueError, match="quenched must hold networks"):
        start_from(preset("regularised", "mnist", "demo", TINY), found.quenched)


@pytest.mark.parametrize("kind", KINDS)
def test_every_experiment_takes_own_data_with_mnists_other_numbers(kind: str) -> None:
    own = OwnData.of(data())
    found = request(kind, "", own, "laptop")
    named = request(kind, "", "mnist", "laptop")
    differ = {name for name, value in found.numbers.items() if value != named.numbers[name]}
    assert differ <= {"dataset", "inputs", "samples", "batch_size", "batch_sizes", "controls"}
    assert (found.numbers["samples"], found.numbers["batch_size"], found.numbers["inputs"]) == (90, 90, "given")
    assert type(found).of(found.numbers) == found
    assert all(point.surface.network.n_features == 4 for point in found.points())


def test_wrong_numbers_are_named(tmp_path: Path) -> None:
    own = OwnData.of(data())
    about = own.model_dump()
    for changes, message in (
        ({"samples": 80}, f"samples must be 90, the rows of own data {own.train[:8]}, but got 80"),
        ({"inputs": "pixel"}, "inputs must be 'given' for own data and no others, but is 'pixel'"),
        ({"dataset": about | {"train": "abc"}}, "dataset.train must be what a run says of its data: "),
        ({"dataset": about | {"n_features": 0}}, "dataset.n_features must be what a run says of its data: "),
        ({"dataset": about | {"path": "x"}}, "dataset.path must be what a run says of its data: "),
        ({"dataset": 3}, "dataset must be 'mnist', 'cifar10', or data as read_dataset gives them, but got int"),
        ({"dataset": "iris"}, "dataset must be one of 'mnist', 'cifar10', but got 'iris'"),
    ):
        with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
            preset("regularised", own, "demo", changes)
    with pytest.raises(ValueError, match="inputs must be 'given' for own data and no others, but is 'given'"):
        preset("regularised", "mnist", "demo", {"inputs": "given"})
    make(tiny(data()), tmp_path / "run")
    other = tiny(data(80))
    with pytest.raises(ValueError, match="was written by another request: "):
        refuse_misfit(RunDirectory(tmp_path / "run"), other, other.make_engine())
    unknown = OwnData.model_validate(about | {"train": "0" * 64})
    with pytest.raises(ValueError, match="dataset must be data that were given or of a run that was opened"):
        _ = tiny(data()).of(tiny(data()).numbers | {"dataset": unknown}).quench.surface.data


def test_the_command_that_a_report_gives_takes_the_same_data(tmp_path: Path) -> None:
    wide = np.hstack([X, X**2, X**3])
    own = gn.read_dataset((wide, Y), n_features="all")
    found = make(tiny(own), tmp_path / "run")
    words = shlex.split(dict(report_again.commands(found))["Make it again"])
    options = {name: words[words.index(f"--{name}") + 1] for name in ("data", "inputs", "components")}
    asked = Own(Path(options["data"]), None, None, None, options["inputs"], options["components"], None)
    assert chosen(asked, "mnist", None, None)[0] == found.request.dataset
    condense(found, tmp_path / "kept" / "small.run.zip")
    small = open_run(tmp_path / "kept" / "small.run.zip")
    assert "--data DATA.npz --inputs given --components all" in dict(report_again.commands(small))["Make it again"]


# The command line

SMALL = "--width 4 --replicas 2 --waiting-time 5 --epochs 20 --t-max 40 --temperature 0.1"


def glassnet(line: str, cwd: Path) -> Said:
    return program(*shlex.split(line), cwd=cwd)


def test_the_command_line_needs_the_file_once(tmp_path: Path) -> None:
    table = "\n".join(["a,b,c,d,kind", *(",".join([*map(repr, x.tolist()), y]) for x, y in zip(X, Y, strict=True))])
    (tmp_path / "ups.csv").write_text(table)
    line = f"run relaxation {SMALL} --data ups.csv --label kind --samples 70 --test-data ups.csv"
    done = glassnet(f"{line} --output run", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"own data [0-9a-f]{8}, 70 rows", done.stdout)
    (tmp_path / "moved").mkdir()
    shutil.move(tmp_path / "ups.csv", tmp_path / "moved" / "downs.csv")
    again = glassnet(f"{line.replace('ups.csv', 'moved/downs.csv')} --output run", tmp_path)
    assert "4 units: 4 done, 0 to make" in again.stdout, again.stderr
    shutil.rmtree(tmp_path / "moved")
    (unit, *_) = (tmp_path / "run" / "units").iterdir()
    unit.unlink()
    mended = glassnet("resume run", tmp_path)
    assert "4 units: 3 done, 1 to make" in mended.stdout, mended.stderr
    for command, said in (
        ("verify run", "4 of 4 complete"),
        ("show run", "+1: up; -1: down"),
        ("figures run", "overlap"),
    ):
        assert said in glassnet(command, tmp_path).stdout


def test_a_run_goes_on_with_its_data_where_a_machine_rounds_otherwise(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", X=X, y=Y)
    train = gn.read_dataset(tmp_path / "a.npz").train
    rounded = gn.Dataset(np.nextafter(train.features, np.float32(9)), train.labels, train.name, train.provenance)
    write_data(tmp_path / FILE, gn.TrainTest(rounded, None))
    options = Own(tmp_path / "a.npz", *[None] * 6)
    assert chosen(options, "mnist", None, tmp_path) == (OwnData.of(gn.TrainTest(rounded, None)), "a")
    others = chosen(options._replace(components="2"), "mnist", None, tmp_path)[0]
    assert isinstance(others, OwnData)
    assert others.n_features == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--data none.csv", "Error: none.csv must be a file or a folder, but is not there"),
        ("--positive up", "Error: positive must be given with data only, but got up"),
        ("--data a.npz --dataset cifar10", "Error: dataset must not be given beside data, but got cifar10"),
        ("--data a.npz --components few", "Error: components must be an integer or all, but got 'few'"),
        ("--data a.npz --components 9", "Error: n_features must be an integer from 1 to 4, but got 9: "),
        ("--data a.npz --samples 99", "Error: n_samples must be an integer from 1 to 90, but got 99"),
        ("--data a.npz --positive left", "Error: positive must be classes of a.npz (down, up), but got 'left'"),
    ],
)
def test_wrong_options_are_one_line(tmp_path: Path, options: str, message: str) -> None:
    np.savez(tmp_path / "a.npz", X=X, y=Y)
    done = glassnet(f"run relaxation {SMALL} {options}", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_the_page_about_it_says_what_works(tmp_path: Path) -> None:
    text = (DOCS / "own-data.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    with contextlib.chdir(tmp_path):
        exec(code, {})
    (lines,) = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    for line in lines.splitlines():
        done = glassnet(line.removeprefix("glassnet "), tmp_path)
        assert done.returncode == 0, done.stderr
