"""``glassnet run``: the command of an experiment is made from its class, built-in or in a user's file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from program import glassnet
from typer.testing import CliRunner

import glassnet as gn
from glassnet.cli.commands import app
from glassnet.cli.numbers import number_options
from glassnet.cli.run import command_of
from glassnet.runs import registry
from glassnet.runs.run import open_run

KICKS = '''
"""Networks that noise moves away from their random weights."""

from glassnet.runs.experiment import Experiment
from glassnet.runs.fields import Count, NotNegativeNumbers, PositiveNumbers, Times
from glassnet.runs.point import Measure, Point
from glassnet.simulate.dynamics import Langevin


class Kicks(Experiment):
    """Follow random networks under noise.

    Args:
        width: units in each hidden layer.
        temperatures: T of the noise, as in
            :class:`glassnet.Langevin`.
        waiting_times: t_w, steps.
        t_max: steps after the last of ``waiting_times``.
        chi: sensitivities.
        output: a number that is called as an option of all commands is.
    """

    experiment = "kicks"
    lists = ("temperatures",)
    lengths = ("t_max",)

    width: Count = 4
    temperatures: NotNegativeNumbers = (0.1, 1.0)
    waiting_times: Times = (0, 5)
    t_max: Count = 20
    chi: PositiveNumbers = (30.0, 300.0)
    output: Count = 1

    @property
    def measured(self):
        return {temperature: self._at(temperature) for temperature in self.temperatures}

    def points(self):
        return tuple(self.measured.values())

    def _at(self, temperature):
        until = self.waiting_times[-1] + self.t_max
        stage = Measure(Langevin(temperature, 1e-3), self.waiting_times, until, self.chi)
        surface = self.surface_of(self.width, 0.01)
        return Point(surface, self.seed, self.dtype, (stage,), f"T = {temperature:g}")


class Broken:
    pass
'''

TINY = ["--samples", "200", "--width", "4", "--epochs", "2", "--waiting-time", "5", "--t-max", "20", "--chi", "300"]


@pytest.fixture
def kicks(tmp_path: Path) -> Path:
    """A folder with a file of a user's own experiment, ``kicks.py``."""
    (tmp_path / "kicks.py").write_text(KICKS)
    return tmp_path


def squeezed(text: str) -> str:
    return " ".join(text.replace("│", " ").split())


def test_a_larger_request_adds_to_the_run_and_a_smaller_one_stands_beside_it(tmp_path: Path) -> None:
    def made(*more: str) -> str:
        said = glassnet("run", "relaxation", *TINY, *more, cwd=tmp_path)
        assert (said.returncode, said.stderr) == (0, "")
        return said.stdout

    made("--replicas", "2", "--temperature", "0.1")
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.startswith("relaxation-mnist-regularised-demo-")
    for more, line in (
        (["--replicas", "3", "--temperature", "0.1"], "6 units: 4 done, 2 to make"),
        (["--replicas", "3", "--temperature", "0.1", "--temperature", "0"], "9 units: 6 done, 3 to make"),
        (["--replicas", "3", "--temperature", "0.1", "--temperature", "0", "--t-max", "30"], "9 units: 3 done"),
    ):
        assert line in made(*more)
        assert list((tmp_path / "runs").iterdir()) == [folder]
    small = made("--replicas", "1", "--temperature", "0.1")
    assert "2 units: 2 done, 0 to make, 2 taken from other runs" in small
    (beside,) = {*(tmp_path / "runs").iterdir()} - {folder}
    assert beside.name == f"{folder.name}-{open_run(beside).request.hash[:8]}"
    assert open_run(folder).request.replicas == 3
    assert made("--replicas", "1", "--temperature", "0.1").count("0 to make") == 1
    assert len(list((tmp_path / "runs").iterdir())) == 2


def test_more_of_the_given_replicas_add_to_the_run(tmp_path: Path) -> None:
    landscape = gn.Landscape(gn.Mlp(10, 4, 6), gn.load_dataset("mnist", n_samples=200), gn.QuadraticHinge(0.01))
    gn.save(gn.evolve(gn.Ensemble.random(landscape.network, 3), landscape, gn.Sgd(1e-3, 100), 4), tmp_path / "q.zip")
    for n, line in (("2", "0 done, 4 to make"), ("3", "4 done, 2 to make"), ("1", "2 taken from other runs")):
        numbers = [word for word in TINY if word not in ("--epochs", "2")]
        said = glassnet(
            *("run", "relaxation", *numbers, "--temperature", "0.1", "--replicas", n, "--quenched", "q.zip"),
            cwd=tmp_path,
        )
        assert (said.returncode, said.stderr) == (0, "")
        assert line in said.stdout
    assert len(list((tmp_path / "runs").iterdir())) == 2


def test_a_users_own_experiment_does_all_that_a_built_in_one_does(kicks: Path) -> None:
    own, spec = ["--experiment", "kicks.py:Kicks"], "kicks.py:Kicks"
    command = ["run", spec, "--set", "samples=200", "--replicas", "2"]
    said = glassnet(*command, "--temperature", "0.1", cwd=kicks)
    assert (said.returncode, said.stderr) == (0, "")
    assert "2 units: 0 done, 2 to make" in said.stdout
    (folder,) = (kicks / "runs").iterdir()
    assert folder.name.startswith("kicks-mnist-")
    grown = glassnet(*command, cwd=kicks)
    assert (grown.returncode, "4 units: 2 done, 2 to make" in grown.stdout) == (0, True)
    run = f"runs/{folder.name}"
    assert list(json.loads((folder / "summary.json").read_text())) == ["conditions"]
    done = {
        words[0]: glassnet(words[0], run, *words[1:], *own, cwd=kicks)
        for words in (["show"], ["watch"], ["figures"], ["verify"], ["resume"], ["condense"], ["report"])
    }
    assert {name: (said.returncode, said.stderr) for name, said in done.items()} == dict.fromkeys(done, (0, ""))
    assert "4 of 4 done" in done["show"].stdout
    assert "complete" in done["watch"].stdout
    assert (folder / "figures" / "overlap.png").is_file()
    assert "4 of 4 complete and sound" in done["verify"].stdout
    assert "0 to make" in done["resume"].stdout
    assert "4 units in" in done["condense"].stdout
    assert (kicks / "report.html").is_file()
    again = glassnet("show", f"{run}.run.zip", *own, cwd=kicks)
    lines = [[line.split()[:3] for line in said.stdout.splitlines()[-4:]] for said in (again, done["show"])]
    assert lines[0] == lines[1]
    other = glassnet("show", run, "--experiment", "relaxation", cwd=kicks)
    assert (other.returncode, "experiment must be 'relaxation'" in other.stderr) == (2, True)


def test_the_name_of_a_built_in_experiment_is_taken_where_it_is_the_runs(tmp_path: Path) -> None:
    assert glassnet("run", "relaxation", *TINY, "--output", "run", cwd=tmp_path).returncode == 0
    for command in ("show", "watch", "figures", "verify", "resume", "condense", "report"):
        said = glassnet(command, "run", "--experiment", "relaxation", cwd=tmp_path)
        assert (said.returncode, said.stderr) == (0, "")
        wrong = glassnet(command, "run", "--experiment", "minima", cwd=tmp_path)
        assert (wrong.returncode, "minima" in wrong.stderr) == (2, True)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("none.py:Kicks", "none.py is not there: experiment must be a name or FILE.py:CLASS"),
        ("kicks.py", "experiment must be a name or FILE.py:CLASS, but got 'kicks.py'"),
        ("kicks.py:", "experiment must be a name or FILE.py:CLASS, but got 'kicks.py:'"),
        ("kicks.py:No", "kicks.py must have a class No that derives from"),
        ("kicks.py:Broken", "kicks.py must have a class Broken that derives from"),
        ("syntax.py:Kicks", "syntax.py:Kicks cannot be used: SyntaxError: invalid syntax (line 2)"),
        ("fails.py:Kicks", "fails.py:Kicks cannot be used: ZeroDivisionError: division by zero (line 3)"),
        ("refuses.py:Kicks", "refuses.py:Kicks cannot be used: ValueError: not today (line 1)"),
        (
            "imports.py:Kicks",
            "imports.py:Kicks cannot be used: ModuleNotFoundError: No module named 'no_such' (line 1)",
        ),
        ("named.py:Kicks", "Kicks.experiment must not be 'relaxation', which is an experiment of glassnet"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_a_line(kicks: Path, spec: str, message: str) -> None:
    (kicks / "syntax.py").write_text("\nclass Kicks(:\n")
    (kicks / "fails.py").write_text("\n\nclass Kicks: x = 1 / 0\n")
    (kicks / "refuses.py").write_text("raise ValueError('not today')\n")
    (kicks / "imports.py").write_text("import no_such\n")
    (kicks / "named.py").write_text(KICKS.replace('"kicks"', '"relaxation"'))
    for command in (["run", spec], ["show", "none", "--experiment", spec]):
        said = glassnet(*command, cwd=kicks)
        assert (said.returncode, said.stderr.count("\n")) == (2, 1)
        assert message in said.stderr


def test_the_help_says_what_the_class_says(kicks: Path) -> None:
    said = squeezed(glassnet("run", "kicks.py:Kicks", "--help", cwd=kicks).stdout)
    for words in (
        "Follow random networks under noise.",
        "with more replicas or temperatures, or a larger t_max, it adds to what is there",
        "T of the noise, as in glassnet.Langevin; may be given several times.",
        "steps after the last of waiting_times.",
        "Names for --set: replicas, seed, engine,",
    ):
        assert words in said
    assert "--scale" not in said
    assert "--quenched" not in said
    assert said.count("--output") == 1


def test_every_experiment_has_an_option_for_each_number(kicks: Path) -> None:
    named = {name: registry.known(name) for name in registry.names()}
    for name, experiment in {**named, "kicks": registry.in_file(f"{kicks / 'kicks.py'}:Kicks")}.items():
        command = command_of(name, experiment)
        flags = [flag for one in command.params for flag in (*one.opts, *one.secondary_opts)]
        assert len(flags) == len(set(flags))
        assert {f"--{variant}" for variant in experiment.variants} <= set(flags)
        assert ("--scale" in flags) == bool(experiment.scales)
        assert ("--quenched" in flags) == ("quenched" in experiment.model_fields)
        options = number_options(experiment)
        assert all(option.about for option in options if option.field != "output")
    relaxation = {one.field: one.flag for one in number_options(named["relaxation"])}
    known = {"temperatures": "--temperature", "waiting_times": "--waiting-time", "t_max": "--t-max", "chi": "--chi"}
    assert known.items() <= relaxation.items()
    batches = {one.field: one.flag for one in number_options(named["sgd_displacement"])}
    assert (batches["batch_size"], batches["batch_sizes"]) == ("--batch-size", "--batch-sizes")
    plane = {one.field: one.flag for one in number_options(named["phase_diagram"])}
    assert {"widths": "--width", "l2s": "--l2", "epochs": "--epochs"}.items() <= plane.items()


def test_the_list_of_experiments_has_a_line_of_each_class() -> None:
    said = squeezed(CliRunner().invoke(app, ["run", "--help"]).output)
    for name in registry.names():
        line = (registry.known(name).__doc__ or "").splitlines()[0]
        assert f"{name} {line}" in said
