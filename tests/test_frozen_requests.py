"""A request means the same in any process, and what a process did before changes nothing."""

from __future__ import annotations

import copy
import json
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_runs import TINY, make, planned, units

import glassnet as gn
from glassnet.paper.experiments.ageing import Ageing
from glassnet.paper.experiments.relaxation import Relaxation
from glassnet.runs import registry
from glassnet.runs.condense import condense
from glassnet.runs.own_data import FILE, OwnData
from glassnet.runs.run import Run, open_run
from glassnet.runs.starting import begin
from glassnet.runs.tasks import Task, opened
from glassnet.store import RunDirectory
from glassnet.store.data import write_data

SMALLER = {"epochs": 2, "replicas": 1, "temperatures": [0.1], "waiting_times": [3], "t_max": 4, "chi": [30]}
NUMBERS = {name: value for name, value in TINY.items() if name != "samples"} | SMALLER


def data(seed: int = 0, test: bool = True) -> gn.TrainTest:
    x = np.random.default_rng(seed).normal(size=(90, 4))
    return gn.read_dataset((x, x[:, 0] > 0), test=(x[60:] + 0.1, x[60:, 0] > 0) if test else None)


def tiny(own: Any, **changes: Any) -> Relaxation:
    return Relaxation.preset(own, "demo", {**NUMBERS, **changes}, phase="regularised")


def addresses(request: Relaxation) -> list[Any]:
    engine = request.make_engine(1)
    return [point.identity(origin, engine) for point in request.points() for origin in range(request.replicas)]


COPIES: dict[str, Callable[[Relaxation, Path], Relaxation]] = {
    "pickle": lambda request, _: pickle.loads(pickle.dumps(request)),
    "copy": lambda request, _: copy.copy(request),
    "deepcopy": lambda request, _: copy.deepcopy(request),
    "model_copy": lambda request, _: request.model_copy(),
    "the same numbers": lambda request, _: Relaxation.of(dict(request) | {"seed": request.seed}),
    "in its folder": lambda request, folder: request.with_data_in(folder),
    "its run": lambda _, folder: open_run(folder).request,
    "pickle of its run": lambda _, folder: pickle.loads(pickle.dumps(open_run(folder).request)),
}


@pytest.mark.parametrize("kind", COPIES)
def test_a_copy_is_equal_and_has_the_data(kind: str, tmp_path: Path) -> None:
    own = data()
    request = tiny(own)
    begin(RunDirectory(tmp_path / "run"), request, request.make_engine(1), to_work=True)
    found = COPIES[kind](request, tmp_path / "run")
    assert (found, hash(found), found.hash, found.numbers) == (request, hash(request), request.hash, request.numbers)
    assert addresses(found) == addresses(request)
    surface = found.quench.surface
    assert surface == request.quench.surface
    assert np.array_equal(surface.data.features, own.train.features)
    assert surface.test is not None
    assert own.test is not None
    assert surface.test.fingerprint == own.test.fingerprint


OPENED = """
import json, pickle, sys
from pathlib import Path
found = {}
for path in map(Path, sys.argv[1:]):
    request = pickle.loads(path.read_bytes())
    engine = request.make_engine(1)
    about = [point.identity(origin, engine) for point in request.points() for origin in range(request.replicas)]
    try:
        surface = request.quench.surface
        said = [surface.data.fingerprint, surface.test.fingerprint]
    except ValueError as error:
        said = str(error)
    found[path.name] = [request.hash, about, said]
print(json.dumps(found))
"""


def test_another_process_has_the_same_points_and_data_or_says_what_to_do(tmp_path: Path) -> None:
    own = data()
    request = tiny(own)
    begin(RunDirectory(tmp_path / "run"), request, request.make_engine(1), to_work=True)
    asked = {
        "given": request,
        "opened": open_run(tmp_path / "run").request,
        "gone": request.with_data_in(tmp_path / "gone"),
        "numbers": Relaxation.of(request.numbers),
    }
    for name, one in asked.items():
        (tmp_path / name).write_bytes(pickle.dumps(one))
    command = [sys.executable, "-c", OPENED, *(str(tmp_path / name) for name in asked)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert all(one[:2] == [request.hash, json.loads(json.dumps(addresses(request)))] for one in found.values())
    assert own.test is not None
    assert found["given"][2] == found["opened"][2] == [own.train.fingerprint, own.test.fingerprint]
    assert found["gone"][2].startswith(f"{tmp_path / 'gone' / FILE} is missing, the data of its run: open the run")
    assert "give the data as dataset, or open the folder of their run" in found["numbers"][2]


def test_data_that_were_never_given_are_not_found_by_those_that_were(tmp_path: Path) -> None:
    for name in ("run", "twin"):
        begin(RunDirectory(tmp_path / name), tiny(data()), tiny(data()).make_engine(1), to_work=True)
    with pytest.raises(ValueError, match="dataset must be data that were given or of a run that was opened, but own"):
        _ = Relaxation.of(tiny(data()).numbers).quench.surface.data
    one, other = (open_run(tmp_path / name).request.quench.surface for name in ("run", "twin"))
    assert one.data.fingerprint == other.data.fingerprint
    (tmp_path / "run" / FILE).unlink()
    with pytest.raises(ValueError, match=r"run/data.npz is missing, the data of its run"):
        _ = one.data
    assert other.data.fingerprint == data().train.fingerprint


def test_a_file_that_became_another_is_refused(tmp_path: Path) -> None:
    begin(RunDirectory(tmp_path / "run"), tiny(data()), tiny(data()).make_engine(1), to_work=True)
    request = open_run(tmp_path / "run").request
    assert request.quench.surface.data.n_samples == 90
    write_data(tmp_path / "run" / FILE, data(1))
    with pytest.raises(ValueError, match=r"data.npz must hold the data of its run, own data .* but holds others"):
        _ = request.quench.surface.data


def test_runs_on_different_data_in_one_process_never_mix(tmp_path: Path) -> None:
    owns = {"a": data(1), "b": data(2, test=False)}
    for name, own in owns.items():
        make(tiny(own), tmp_path / "together" / name)
    for name in ("b", "a"):  # each is gone on with from its folder, after the other
        found = open_run(tmp_path / "together" / name)
        make(type(found.request).of(dict(found.request) | {"replicas": found.request.replicas + 1}), found.path)
    for name, own in owns.items():
        found = open_run(tmp_path / "together" / name)
        landscape = gn.Landscape(gn.Mlp(4, 4, 6), own.train, gn.QuadraticHinge(l2=1e-2))
        start = gn.Ensemble.random(landscape.network, found.request.replicas)
        quenched = gn.evolve(start, landscape, gn.Sgd(1e-3, 90), 2)
        assert np.array_equal(found.quenched.weights, quenched.weights)
        assert ("test_loss" in found.record.data) == (own.test is not None)


def test_a_moved_run_goes_on_and_needs_neither_its_old_place_nor_the_original(tmp_path: Path) -> None:
    own = data()
    np.savez(tmp_path / "own.npz", features=own.train.features, labels=own.train.labels)
    read = gn.read_dataset(tmp_path / "own.npz", inputs="given")
    make(tiny(read), tmp_path / "here" / "run")
    old = open_run(tmp_path / "here" / "run").request
    (tmp_path / "own.npz").unlink()
    shutil.move(tmp_path / "here", tmp_path / "there")
    with pytest.raises(ValueError, match="open the run where it is now if it was moved"):
        _ = old.quench.surface.data
    found = open_run(tmp_path / "there" / "run").request
    assert found == old
    make(Relaxation.of(dict(found) | {"replicas": 2}), tmp_path / "there" / "run")
    make(tiny(read, replicas=2), tmp_path / "whole" / "run")
    assert units(tmp_path / "there" / "run") == units(tmp_path / "whole" / "run")


def test_pieces_of_a_run_have_the_data_of_a_folder_among_them(tmp_path: Path) -> None:
    found = make(tiny(data()), tmp_path / "run")
    condense(found, tmp_path / "one.run.zip")
    begin(RunDirectory(tmp_path / "more"), tiny(data(), temperatures=[0.2]), found.request.make_engine(1), to_work=True)
    pieces = [open_run(tmp_path / "one.run.zip"), open_run(tmp_path / "more")]
    whole: Run[Relaxation] = Run(tmp_path / "whole", pieces=pieces)
    assert whole.request.temperatures == (0.1, 0.2)
    assert whole.request.quench.surface.data.fingerprint == data().train.fingerprint
    with pytest.raises(ValueError, match="as numbers and condensed runs hold fingerprints only: give the data"):
        _ = pieces[0].request.quench.surface.data


def test_tasks_for_workers_are_small_whatever_the_data(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(100_000, 10))
    request = tiny(gn.Dataset(x, np.where(x[:, 0] > 0, 1, -1)))
    (block,) = planned(request, tmp_path / "run").blocks[:1]
    task = Task("key", tmp_path / "run", block, request.make_engine(1), 10.0, 1.0)
    assert len(pickle.dumps(task)) < 10_000
    assert task.block == block
    begin(RunDirectory(tmp_path / "run"), request, request.make_engine(1), to_work=True)
    there = opened(pickle.loads(pickle.dumps(task)).block).point.surface
    assert there.data.fingerprint == request.dataset.train  # type: ignore[union-attr]


@pytest.mark.parametrize("experiment", registry.names())
def test_presets_take_data_as_they_are_read(experiment: str) -> None:
    own = data()
    assert own.test is not None
    found = registry.request(experiment, dataset=own)
    assert found.dataset == OwnData.of(own)
    assert found == registry.request(experiment, dataset=OwnData.of(own))
    assert registry.request(experiment, dataset=own.train).dataset == OwnData.of(gn.TrainTest(own.train, None))
    (surface,) = {point.surface.dataset for point in found.points()}
    assert isinstance(surface, OwnData)
    assert surface.data is own


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            (np.eye(3), [1, -1, 1]),
            "dataset must be 'mnist', 'cifar10', or data as read_dataset gives them, but got tuple",
        ),
        ("iris", "dataset must be one of 'mnist', 'cifar10', but got 'iris'"),
        (gn.Dataset(np.eye(3), [0, 1, 2], n_classes=3), "positive must say which classes are \\+1, as custom has 3"),
    ],
)
def test_what_is_no_data_set_is_named(wrong: Any, message: str) -> None:
    for kind in (Relaxation, Ageing):
        with pytest.raises(ValueError, match=message):
            kind.preset(wrong, "demo")


# Experiments

MINE = """
from glassnet.paper.experiments.relaxation import Relaxation

class Mine(Relaxation):
    experiment = "mine"
    about = "{about}"
"""


def test_a_changed_file_of_an_experiment_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(MINE.format(about="first"))
    first = registry.in_file(f"{file}:Mine")
    assert registry.in_file(f"{file}:Mine") is first
    file.write_text(MINE.format(about="second"))
    assert [registry.in_file(f"{file}:Mine").about, first.about] == ["second", "first"]


@pytest.mark.long
def test_a_built_in_experiments_name_is_taken_before_it_is_imported() -> None:
    code = """
from glassnet.runs import registry
class Mine:
    experiment = "ageing"
try:
    registry.register(Mine)
except ValueError as error:
    print(error)
print(registry.known("ageing").__module__)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "Mine.experiment must not be 'ageing', which is an experiment of glassnet",
        "glassnet.paper.experiments.ageing",
    ]
