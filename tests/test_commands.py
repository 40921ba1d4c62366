"""Commands rebuilt from requests: the command line reads each as the request that it was made from."""

from __future__ import annotations

import json
import shlex
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import asked_by
from hypothesis import given, settings
from hypothesis import strategies as st
from pages import Made
from tiny_runs import make

import glassnet as gn
from glassnet.cli.run import command_of
from glassnet.paper.experiments.relaxation import Relaxation
from glassnet.report import open_shown, write_report
from glassnet.runs import registry
from glassnet.runs.commands import _TAKEN, command, names_of, options_of
from glassnet.runs.experiment import Experiment
from glassnet.runs.own_data import OwnData
from glassnet.runs.run import Run

CHANGES: dict[str, Any] = {
    "replicas": st.integers(1, 9),
    "seed": st.integers(0, 9),
    "engine": st.sampled_from(["cpu", "torch", "reference"]),
    "skin": st.booleans(),
    "inputs": st.sampled_from(["standardised", "pixel"]),
    "dtype": st.just("float32"),
    "depth": st.integers(1, 7),
    "quench_rate": st.sampled_from([1e-3, 3e-4]),
    "width": st.integers(3, 30),
    "widths": st.lists(st.integers(3, 30), min_size=1, max_size=3, unique=True),
    "l2": st.sampled_from([0.0, 1e-2, 1 / 3]),
    "l2s": st.lists(st.sampled_from([0.0, 1e-5, 0.04]), min_size=1, unique=True),
    "epochs": st.sampled_from([20, 7_000]),
    "stop_loss": st.none(),
    "check_epochs": st.none(),
    "temperatures": st.lists(st.sampled_from([0.0, 1e-6, 0.1]), min_size=1, unique=True),
    "learning_rates": st.just([1e-3]),
    "waiting_times": st.just([300, 500]),
    "t_max": st.sampled_from([3_000, 20_000, 100_000]),
    "batch_size": st.just(50),
    "batch_sizes": st.just([1, 50]),
    "chi": st.just([300.0]),
    "snapshots": st.just([]),
}


@st.composite
def requests(draw: st.DrawFn) -> Experiment:
    """Any built-in request, with some of its numbers changed."""
    experiment = registry.known(draw(st.sampled_from(registry.names())))
    variant, scale = draw(st.sampled_from(list(names_of(experiment))))
    known = {name: values for name, values in CHANGES.items() if name in experiment.model_fields}
    changes = draw(st.fixed_dictionaries({}, optional=known))
    try:
        return experiment.preset(draw(st.sampled_from(["mnist", "cifar10"])), scale, changes, **variant)
    except ValueError:  # not all numbers go together
        return Relaxation.preset(scale="demo")


@settings(max_examples=60, deadline=None)
@given(requests())
def test_a_command_asks_for_the_request_that_it_was_made_from(request: Experiment) -> None:
    assert asked_by(command(request)) == request


@pytest.mark.parametrize("name", registry.names())
def test_every_variant_and_scale_is_said_by_its_name_alone(name: str) -> None:
    experiment = registry.known(name)
    for variant, scale in names_of(experiment):
        try:
            request = experiment.preset("mnist", scale, None, **variant)
        except ValueError:  # not every phase has every experiment
            continue
        words = shlex.split(command(request))[3:]
        assert {*words[::2]} <= {"--scale", *(f"--{one}" for one in experiment.variants)}
        assert asked_by(command(request)) == request


@pytest.mark.parametrize("name", registry.names())
def test_options_are_those_of_the_command_line(name: str) -> None:
    experiment = registry.known(name)
    its = command_of(name, experiment)
    for field, option in options_of(experiment).items():
        assert its.flags[field] == option.flag
    others = [one for one in its.params if not str(one.name).startswith("number_")]
    words = {word for one in others for word in (*one.opts, *one.secondary_opts)}
    assert words <= _TAKEN | {f"--{one}" for one in experiment.variants}


def test_the_shortest_command_is_taken() -> None:
    laptop = Relaxation.preset("mnist", "laptop")
    assert command(laptop) == "glassnet run relaxation --phase regularised --scale laptop"
    other = Relaxation.preset("mnist", "laptop", {"learning_rate": 2e-3, "depth": 3, "skin": True})
    assert command(other).endswith("--scale laptop --skin --depth 3 --learning-rate 0.002")
    # The reference engine has no other precision, and no skin.
    exact = Relaxation.preset("mnist", "laptop", {"engine": "reference"}, phase="overparameterised")
    assert command(exact) == "glassnet run relaxation --phase overparameterised --scale laptop --engine reference"
    # Another engine would have brought a shorter run there.
    long = Relaxation.preset("mnist", "laptop", {"engine": "torch", "t_max": 100_000}, phase="overparameterised")
    assert command(long).endswith("--scale laptop --engine torch --t-max 100000")
    plane = registry.request("phase_diagram", "plane", "mnist", "laptop", {"widths": [30, 60], "replicas": 14})
    assert (
        command(plane) == "glassnet run phase_diagram --part plane --scale laptop --replicas 14 --width 30 --width 60"
    )


def test_given_replicas_and_own_data_are_named() -> None:
    asked = Relaxation.preset("mnist", "demo", {"samples": 200, "width": 4, "epochs": 3, "seed": 4})
    begun = gn.Ensemble.random(asked.quench.surface.network, n_replicas=2, seed=7)
    started = asked.started_from(begun)
    text = command(started, quenched="its own.zip")
    assert text.endswith("--quenched 'its own.zip'")
    assert "--seed" not in text
    assert "--epochs" not in text
    assert asked_by(text).started_from(begun) == started

    columns = np.random.default_rng(0).standard_normal((60, 3))
    data = OwnData.of(gn.read_dataset((columns, np.arange(60) % 2)))
    own = Relaxation.preset(data, "demo", {"epochs": 1})
    assert " --data d.npz --inputs given --components all --scale demo --epochs 1" in command(own, data="d.npz")
    assert asked_by(command(own), data) == own


USERS = '''
from typing import ClassVar
from glassnet.runs.experiment import Experiment
from glassnet.runs.fields import Count, Positive
from glassnet.runs.point import Measure, Point
from glassnet.simulate.dynamics import Langevin


class Mine(Experiment):
    """A user's own: without names for its numbers, and with one called as an option of the command is."""

    experiment: ClassVar[str] = "mine"

    steps: Count
    split: Positive = 0.5
    words: str = "some"

    @property
    def measured(self):
        return {name: self.at(name, t) for name, t in (("hot", 0.1), ("cold", 0.0))}

    def points(self):
        return tuple(self.measured.values())

    def at(self, name, temperature):
        stage = Measure(Langevin(temperature, 1e-3), (0,), self.steps, (300.0,))
        return Point(self.surface_of(3, 0.0), self.seed, self.dtype, (stage,), name)
'''


def test_a_users_experiment_is_named_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "my file.py").write_text(USERS)
    experiment = registry.in_file(f"{tmp_path / 'my file.py'}:Mine")
    request = experiment.preset("mnist", "", {"replicas": 2, "steps": 5, "split": 0.25, "words": "a b"})
    text = command(request)
    assert text.startswith(f"glassnet run '{tmp_path / 'my file.py'}:Mine' --replicas 2 ")
    assert {"--steps 5", "--set split=0.25"} <= {" ".join(pair) for pair in _pairs(shlex.split(text)[3:])}
    assert asked_by(text) == request


def test_a_users_experiment_has_a_page_without_a_line_about_pages(tmp_path: Path) -> None:
    pytest.importorskip("plotly", reason='a report needs plotly: pip install "glassnet[report]"')
    (tmp_path / "mine.py").write_text(USERS)
    experiment = registry.in_file(f"{tmp_path / 'mine.py'}:Mine")
    make(experiment.preset("mnist", "", {"replicas": 2, "steps": 5, "samples": 200}), tmp_path / "run")
    (run,) = open_shown([tmp_path / "run"], experiment=experiment)
    assert isinstance(run, Run)
    page = Made(write_report([run], tmp_path / "page.html"), {})
    payload = page.json("run-0-data")
    assert [one["label"] for one in payload["conditions"]] == ["T = 0.1", "T = 0"]
    assert {"overlap", "tau", "msd", "history"} <= set(payload["figures"])
    assert command(run.request) in unescape(page.text)
    for verb in ("figures", "verify"):
        assert f"glassnet {verb} {tmp_path / 'run'} --experiment {tmp_path / 'mine.py'}:Mine" in page.text
    assert "<td>hot</td>" in page.text
    # Without its class the same numbers are shown, and no command that would need it.
    other = Made(write_report(open_shown([tmp_path / "run"]), tmp_path / "other.html"), {})
    labels = [one["label"] for one in other.json("run-0-data")["conditions"]]
    assert labels == ["T = 0.1", "T = 0"]
    assert "glassnet run mine" not in other.text
    assert "--experiment" not in other.text


def _pairs(words: list[str]) -> list[tuple[str, str]]:
    return list(zip(words[::2], words[1::2], strict=True))


def test_what_committed_claims_name_can_still_be_given() -> None:
    committed = Path(__file__).parents[1] / "docs" / "reproduction" / "claims.json"
    commands = {one for claim in json.loads(committed.read_text()) for one in claim["command"].split(" && ")}
    for text in commands:
        if text.startswith("glassnet run"):
            assert asked_by(text).points()
