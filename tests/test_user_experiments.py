"""A user's own experiment: its runs are opened, shown and gone on with, with its class and without."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from tiny_runs import make, units

import glassnet as gn
from glassnet.paper.experiments.relaxation import Relaxation
from glassnet.runs import registry
from glassnet.runs.condense import condense, join
from glassnet.runs.experiment import Experiment
from glassnet.runs.fields import Count, Counts, NotNegativeNumbers, Positive, Times
from glassnet.runs.pictures import draw_run
from glassnet.runs.plan import plan
from glassnet.runs.point import Measure, Point
from glassnet.runs.point_json import described
from glassnet.runs.run import Run, open_run
from glassnet.runs.runner import run as make_all
from glassnet.runs.starting import begin
from glassnet.runs.table import Table, summary_files, usual_tables, write_summary
from glassnet.runs.verify import verify
from glassnet.runs.watch import Watch
from glassnet.store import RunDirectory

NUMBERS: dict[str, Any] = {"dataset": "mnist", "samples": 200, "depth": 2, "replicas": 3}


class Lengths(Experiment):
    """Relaxation after quenches of several lengths."""

    experiment: ClassVar[str] = "lengths"
    lists: ClassVar[tuple[str, ...]] = ("epochs",)
    lengths: ClassVar[tuple[str, ...]] = ("t_max",)

    epochs: Counts = (5, 10)
    t_max: Count = 30
    waiting_times: Times = (0, 5)
    chi: NotNegativeNumbers = (30.0, 300.0)
    rate: Positive = 1e-3

    def quench_of(self, epochs: int) -> Point:
        return self.trained(4, 1e-3, epochs, f"quench of {epochs} epochs")

    @property
    def measured(self) -> dict[int, Point]:
        return {epochs: self._after(epochs) for epochs in self.epochs}

    def _after(self, epochs: int) -> Point:
        until = self.waiting_times[-1] + self.t_max
        stage = Measure(gn.Langevin(0.1, self.rate), self.waiting_times, until, self.chi, noise=1)
        quench = self.quench_of(epochs)
        return replace(quench, stages=(*quench.stages, stage), label=f"after {epochs} epochs")

    @property
    def quench(self) -> Point:
        return self.quench_of(self.epochs[0])

    def points(self) -> tuple[Point, ...]:
        return (*map(self.quench_of, self.epochs), *self.measured.values())

    def tables(self, run: Run[Any]) -> list[Table]:
        return [Table("mine", "Mine", [{"epochs": key, "n": len(r.ensemble)} for key, r in run.records.items()])]


def of(**changes: Any) -> Lengths:
    return Lengths.of({**NUMBERS, **changes})


@pytest.fixture(scope="session")
def own_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run of 12 units, not to be changed."""
    return make(of(), tmp_path_factory.mktemp("own") / "run").path


@pytest.fixture
def copied(own_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(own_run, tmp_path / "run"))


def rewritten(path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """The run with another description."""
    description = RunDirectory(path).describe()
    change(description)
    RunDirectory(path).write_description(description)
    return path


def test_with_its_class_a_run_is_shown_as_the_class_says(own_run: Path) -> None:
    run = open_run(own_run, experiment=Lengths)
    assert isinstance(run.request, Lengths)
    assert run.request == of()
    assert list(run.records) == [5, 10]
    assert json.loads(summary_files(run)["summary.json"]) == {"mine": [{"epochs": 5, "n": 3}, {"epochs": 10, "n": 3}]}
    assert len(run.quenched) == 3


def test_without_its_class_it_has_the_same_units_and_the_usual_tables(own_run: Path, tmp_path: Path) -> None:
    run, known = open_run(own_run), open_run(own_run, experiment=Lengths)
    assert run.request.experiment == "lengths"
    assert run.request.numbers == known.request.numbers
    assert run.request.hash == known.request.hash
    assert run.request.points() == known.request.points()
    assert (run.missing, run.done) == ((), known.done)
    assert list(run.records) == ["after 5 epochs", "after 10 epochs"]
    for mine, other in zip(run.records.values(), known.records.values(), strict=True):
        assert mine.data.identical(other.data)
    conditions, others = run.request.tables(run)
    assert "t_w = 5, chi = 300" in conditions.title
    assert [row["condition"] for row in conditions.rows] == ["after 5 epochs", "after 10 epochs"]
    assert {row["point"] for row in others.rows} == {"quench of 5 epochs", "quench of 10 epochs"}
    drawn = draw_run(run, tmp_path / "figures", ["png"])
    assert not drawn.failed
    assert [path.stem for path in drawn.files] == ["overlap", "mean_square_displacement", "loss", "losses"]
    seen = run.showing(chi=30, waiting_time=0)
    assert "t_w = 0, chi = 30" in seen.request.tables(seen)[0].title
    with pytest.raises(ValueError, match=r"chi must be one that was recorded \(30, 300\), but got 31"):
        run.showing(chi=31)


def test_a_run_names_no_code(own_run: Path) -> None:
    text = (own_run / "run.json").read_text()
    assert not any(word in text for word in ("Lengths", "test_user_experiments", ".py", __name__))
    assert list(json.loads(text)["run"])[-1] == "points"


def test_a_class_in_a_file_is_one_like_any_other(own_run: Path, tmp_path: Path) -> None:
    source = Path(__file__).read_text()
    (tmp_path / "mine.py").write_text(source[: source.index("@pytest.fixture")])
    found = registry.in_file(f"{tmp_path / 'mine.py'}:Lengths")
    assert found is not Lengths
    assert open_run(own_run, experiment=found).request.hash == of().hash
    with pytest.raises(ValueError, match="must have a class Other that derives from"):
        registry.in_file(f"{tmp_path / 'mine.py'}:Other")


def test_runs_of_built_in_experiments_describe_no_points(tiny_run: Path) -> None:
    assert "points" not in RunDirectory(tiny_run).describe()


def test_another_class_is_refused(own_run: Path) -> None:
    class Others(Lengths):
        experiment: ClassVar[str] = "others"

    class Second(Lengths):
        experiment: ClassVar[str] = "relaxation"

    with pytest.raises(ValueError, match=r"run: experiment must be 'others', which .*Others is, but is 'lengths'"):
        open_run(own_run, experiment=Others)
    with pytest.raises(ValueError, match="experiment must be 'relaxation', which Relaxation is, but is 'lengths'"):
        open_run(own_run, experiment=Relaxation)
    with pytest.raises(ValueError, match="must not be 'relaxation', which is an experiment of glassnet"):
        open_run(own_run, experiment=Second)


def test_a_class_that_was_changed_since_is_refused_with_the_first_difference(copied: Path) -> None:
    class Changed(Lengths):
        def quench_of(self, epochs: int) -> Point:
            return self.trained(5, 1e-3, epochs, f"quench of {epochs} epochs")

    with pytest.raises(
        ValueError, match=r"Changed is no longer what .*points\[0\]\.surface\.width of 'quench of 5 epochs' is 4, but 5"
    ):
        open_run(copied, experiment=Changed)
    request = Changed.of(NUMBERS)
    with pytest.raises(ValueError, match="no longer what"):
        begin(RunDirectory(copied), request, request.make_engine(), to_work=True)
    assert len(open_run(copied).done) == 12


def test_labels_may_change(own_run: Path) -> None:
    class Renamed(Lengths):
        def quench_of(self, epochs: int) -> Point:
            return replace(super().quench_of(epochs), label="another label")

    assert open_run(own_run, experiment=Renamed).missing == ()


def test_a_class_with_a_built_in_name_begins_nothing(tmp_path: Path) -> None:
    class Second(Lengths):
        experiment: ClassVar[str] = "relaxation"

    with pytest.raises(ValueError, match="must not be 'relaxation'"):
        make(Second.of(NUMBERS), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_measurement_that_cannot_be_made_is_refused_before_anything_is(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"points\[2\]\.stages\[1\].*until must be at most 855"):
        make(of(t_max=900), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_is_gone_on_with_without_its_class(own_run: Path, copied: Path, tmp_path: Path) -> None:
    taken = list((copied / "units").iterdir())[::2]
    for path in taken:
        path.unlink()
    request = open_run(copied).request
    make(request, copied)
    assert units(copied) == units(own_run)
    assert RunDirectory(copied).describe()["points"] == RunDirectory(own_run).describe()["points"]
    more = make(request.changed({"replicas": 4}), copied)
    assert (len(more.done), more.missing) == (16, ())
    assert open_run(copied, experiment=Lengths).request == of(replicas=4)
    with pytest.raises(ValueError, match="t_max can be changed with the class of 'lengths' only: give --experiment"):
        request.changed({"t_max": 60})
    grown = make(of(replicas=4, epochs=[5, 10, 15]), copied)
    assert (len(grown.done), grown.missing) == (24, ())
    with pytest.raises(ValueError, match="was written by another request: epochs"):
        make(more.request, copied)
    other = type(request).described("lengths", request.numbers, described(request.points()[:1]))
    with pytest.raises(ValueError, match="has 4 points, but 1 are asked for"):
        make(other, Path(shutil.copytree(own_run, tmp_path / "other")))


def test_condensed_runs_open_in_both_ways(own_run: Path, tmp_path: Path) -> None:
    for name, experiment in (("a", None), ("b", Lengths)):
        condense(open_run(own_run, experiment=experiment), tmp_path / name / "run.run.zip")
    for path in (tmp_path / "a" / "run.run.zip", tmp_path / "b" / "run.run.zip"):
        run, known = open_run(path), open_run(path, experiment=Lengths)
        assert (run.missing, len(run.done), run.look.waiting_time) == ((), 12, 5)
        assert [len(record.ensemble) for record in run.records.values()] == [3, 3]
        assert len(known.quenched) == 3
        assert run.request.points() == known.request.points()
        assert verify(path).damaged == ()


def test_pieces_of_more_replicas_are_one_run_and_others_need_the_class(tmp_path: Path) -> None:
    requests = {"few": of(replicas=1), "more": of(replicas=2), "longer": of(replicas=1, epochs=[10, 15])}
    runs = {name: make(request, tmp_path / name / "run") for name, request in requests.items()}
    joined = join([runs["few"], runs["more"]], tmp_path / "joined.run.zip")
    assert len(joined.done) == len(open_run(tmp_path / "joined.run.zip").done) == 8
    pair = [runs["few"], runs["longer"]]
    with pytest.raises(ValueError, match=r"have other points, .* give --experiment"):
        join(pair, tmp_path / "pair.run.zip")
    join(pair, tmp_path / "pair.run.zip", Lengths)
    for experiment in (None, Lengths):
        found = open_run(tmp_path / "pair.run.zip", experiment=experiment)
        assert (len(found.done), found.missing) == (6, ())


def test_a_summary_of_the_class_is_no_damage_without_it(copied: Path) -> None:
    write_summary(open_run(copied, experiment=Lengths))
    assert verify(copied, Lengths).summary == "2 of 2 files say what the units say"
    found = verify(copied)
    assert (found.damaged, found.n_complete) == ((), 12)
    assert "not compared: the class of lengths wrote it" in found.summary
    write_summary(open_run(copied))
    assert verify(copied).summary == "2 of 2 files say what the units say"


def test_a_run_is_watched_in_both_ways(own_run: Path) -> None:
    looks = [Watch(own_run, experiment).look() for experiment in (None, Lengths)]
    assert all(look.complete and not look.problems for look in looks)
    assert looks[0].points == looks[1].points
    assert looks[0].points[-1].found.tau_90 is not None


def test_a_cluster_goes_on_with_a_run_without_its_class(own_run: Path, tmp_path: Path) -> None:
    from distributed import Client

    from glassnet.runs.distributed import run as hand_out

    shutil.copytree(own_run, tmp_path / "run", ignore=shutil.ignore_patterns("*.zarr.zip"))
    request, directory = open_run(tmp_path / "run").request, RunDirectory(tmp_path / "run")
    engine = request.make_engine(threads=1)
    work = plan(request.points(), request.replicas, engine, directory)
    with Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None) as client:
        hand_out(work, engine, directory, client)
    assert units(tmp_path / "run") == units(own_run)


def test_own_data_are_those_of_the_run(tmp_path: Path) -> None:
    data = gn.random_dataset(60, 4)
    own = gn.TrainTest(data, None)
    path = make(of(dataset=own, inputs="given", samples=60, batch_size=20), tmp_path / "run").path
    kept = units(path)
    shutil.rmtree(path / "units")
    run = make(open_run(path).request, path)
    assert units(path) == kept
    more = make(run.request.changed({"replicas": 4}), path)
    assert (more.missing, len(more.done)) == ((), 16)
    assert all(look.complete for look in [Watch(path).look()])
    description = RunDirectory(path).describe()
    description["points"][0]["surface"]["dataset"]["train"] = "0" * 64
    RunDirectory(path).write_description(description)
    with pytest.raises(ValueError, match=r"points\[0\]\.surface\.dataset must be the run's"):
        open_run(path)


def _set(*place: Any, to: Any) -> Callable[[dict[str, Any]], None]:
    def change(description: dict[str, Any]) -> None:
        value: Any = description
        for key in place[:-1]:
            value = value[key]
        value[place[-1]] = to

    return change


HOSTILE: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "no list": (_set("points", to={"a": 1}), "points must be a list"),
    "none": (_set("points", to=[]), "points must be a list of at least one"),
    "null": (_set("points", to=None), "points must be a list"),
    "too many": (lambda d: d.update(points=[{}] * 50_000), "at most 100000 units, but are 50000 times 3"),
    "no point": (_set("points", 0, to=3), r"points\[0\]"),
    "a field more": (_set("points", 0, "module", to="os"), r"points\[0\]\.module: extra"),
    "a field less": (lambda d: d["points"][0].pop("seed"), r"points\[0\]\.seed: field required"),
    "an unknown kind": (_set("points", 0, "stages", 0, "kind", to="System"), r"points\[0\]\.stages\[0\]"),
    "unknown dynamics": (_set("points", 2, "stages", 1, "dynamics", "kind", to="exec"), r"points\[2\].*dynamics"),
    "text for a number": (_set("points", 0, "seed", to="0"), r"points\[0\]\.seed"),
    "true for a number": (_set("points", 0, "surface", "width", to=True), r"points\[0\]\.surface\.width"),
    "a fraction": (_set("points", 0, "stages", 0, "n_steps", to=1.5), r"points\[0\].*n_steps"),
    "below 0": (_set("points", 0, "surface", "l2", to=-1.0), r"points\[0\]\.surface\.l2"),
    "infinitely wide": (_set("points", 0, "surface", "width", to=10**9), r"points\[0\]\.surface\.width"),
    "endless": (_set("points", 0, "stages", 0, "n_steps", to=2**60), r"points\[0\].*n_steps"),
    "every step for ever": (
        lambda d: d["points"][2]["stages"][1].update(until=2**50, grid={"every": 1, "epoch": None}),
        r"points\[2\].*at most 10000000 save times",
    ),
    "waiting times that fall": (_set("points", 2, "stages", 1, "waiting_times", to=[5, 0]), r"waiting_times must incr"),
    "a measurement in between": (
        lambda d: d["points"][2]["stages"].reverse(),
        r"points\[2\].*stages must be of kind Evolve but for the last",
    ),
    "no stage": (_set("points", 0, "stages", to=[]), r"points\[0\]\.stages"),
    "stages without end": (
        lambda d: d["points"][0].update(stages=d["points"][0]["stages"] * 2_000),
        r"points\[0\]\.stages",
    ),
    "a long label": (_set("points", 0, "label", to="x" * 10**6), r"points\[0\]\.label"),
    "other inputs": (_set("points", 0, "surface", "inputs", to="given"), "inputs must be 'given' for own data"),
    "more rows than there are": (_set("points", 0, "surface", "n_samples", to=10**6), "n_samples must be at most"),
    "too few starts": (_set("points", 0, "start", to=["0" * 64]), r"points\[0\]\.start must have one for each of 3"),
    "a start that is none": (_set("points", 0, "start", to=["../../x"] * 3), r"points\[0\]\.start\[0\]"),
    "a name that is none": (_set("experiment", to="os.system"), "experiment must be a name of small letters"),
    "replicas": (_set("request", "replicas", to=10**7), "replicas must be"),
    "a base field": (_set("request", "engine", to="other"), "engine must be one of"),
    "no request": (_set("request", to=[]), "request must be in the run's description"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_points_that_glassnet_did_not_write_are_refused(name: str, copied: Path) -> None:
    change, message = HOSTILE[name]
    with pytest.raises(ValueError, match=message) as found:
        open_run(rewritten(copied, change))
    assert len(str(found.value)) < 1_000


def test_many_alike_labels_are_numbered_at_once(copied: Path) -> None:
    def change(description: dict[str, Any]) -> None:
        point = description["points"][2]
        description["request"]["replicas"] = 1
        description["points"] = [json.loads(json.dumps(point | {"seed": seed})) for seed in range(3_000)]

    run = open_run(rewritten(copied, change))
    assert list(run.request.measured)[:2] == ["after 5 epochs (1)", "after 5 epochs (2)"]
    assert len(run.request.measured) == 3_000


def test_without_points_the_class_is_asked_for(copied: Path) -> None:
    rewritten(copied, lambda description: description.pop("points"))
    with pytest.raises(ValueError, match=r"give its class: --experiment FILE\.py:CLASS, in Python experiment=CLASS"):
        open_run(copied)
    assert len(open_run(copied, experiment=Lengths).done) == 12


def test_fields_named_as_methods_are_only_numbers(copied: Path) -> None:
    names = ("points", "measured", "quench", "make_engine", "_name", "__class__", "model_config")
    run = open_run(rewritten(copied, lambda d: d["request"].update(dict.fromkeys(names, 7))))
    assert len(run.done) == 12
    assert run.request.make_engine().name == "cpu"


# The usual figures


class Odd(Lengths):
    """Two measurements that have nothing in common."""

    experiment: ClassVar[str] = "odd"
    chi: tuple[()] = ()
    waiting_times: tuple[()] = ()
    second: bool = True

    def tables(self, run: Run[Any]) -> list[Table]:
        return usual_tables(run)

    @property
    def measured(self) -> dict[Any, Point]:
        first = self.quench
        a = Measure(gn.Sgd(self.rate, 100), (0, 7), 37, (30.0,), noise=1)
        b = Measure(gn.GradientDescent(self.rate), (3,), 33, noise=1)
        both = {"_$SGD": a} | ({("b", 1.0): b} if self.second else {})
        return {
            key: replace(first, stages=(*first.stages, stage), label=f"$after {key}") for key, stage in both.items()
        }


def texts(figure: Any) -> str:
    legend = figure.legends[0]
    return " ".join([legend.get_title().get_text(), *(text.get_text() for text in legend.get_texts())])


def drawn_of(request: Experiment, path: Path, experiment: type[Experiment] | None) -> tuple[Run[Any], dict[str, Any]]:
    make_run(request, path)
    run = open_run(path, experiment=experiment)
    return run, {name: draw() for name, draw in run.request.pictures(run).items()}


def make_run(request: Experiment, path: Path) -> None:
    engine, directory = request.make_engine(), RunDirectory(path)
    work = plan(request.points(), request.replicas, engine, directory)
    begin(directory, request, engine, to_work=True)
    make_all(work, engine, directory)


@pytest.mark.parametrize("experiment", [Odd, None])
def test_measurements_with_little_in_common_are_shown(experiment: type[Experiment] | None, tmp_path: Path) -> None:
    run, figures = drawn_of(Odd.of({**NUMBERS, "epochs": [5]}), tmp_path / "run", experiment)
    assert list(figures) == ["overlap", "mean_square_displacement", "loss", "losses"]
    shown = texts(figures["mean_square_displacement"])
    assert "$n=3$" in shown
    assert "$t_\\mathrm{w}=3$" in shown
    assert r"\$" in shown
    rows = run.request.tables(run)[0].rows
    assert [row["waiting_time"] for row in rows] == [7, 3]
    assert [row["data_loss"] is not None for row in rows] == [True, True]
    assert ["q" in row for row in rows] == [True, False]
    lines = run.request.tables(run)[0].lines
    assert [list(line) for line in lines] == [list(lines[0])] * 2
    assert not draw_run(run, tmp_path / "figures", ["png", "pdf"]).failed
    condense(run, tmp_path / "run.run.zip")
    small = open_run(tmp_path / "run.run.zip", experiment=experiment)
    assert [row["condition"] for row in small.request.tables(small)[0].rows] == [row["condition"] for row in rows]
    assert [np.isfinite(record.references).any() for record in small.records.values()] == [True, True]


def test_replicas_that_are_all_lost_are_said_to_be(tmp_path: Path) -> None:
    run = make(of(rate=1e5), tmp_path / "run")
    drawn = draw_run(run, tmp_path / "figures", ["png"])
    assert {name: str(error) for name, error in drawn.failed.items()} == dict.fromkeys(
        ("overlap", "mean_square_displacement", "loss"),
        "there is nothing to draw: no replica survived to a save time",
    )
    assert [row["n_used"] for row in run.request.tables(run)[0].rows] == [0, 0]
    assert [line["used"] for line in run.request.tables(run)[0].lines] == ["0 of 3", "0 of 3"]


@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_replicas_have_means_and_only_three_have_intervals(n: int, tmp_path: Path) -> None:
    _, figures = drawn_of(of(replicas=n), tmp_path / "run", None)
    assert f"$n={n}$" in texts(figures["overlap"])
    assert bool(figures["overlap"].axes[0].collections) == (n > 2)


def test_an_experiment_that_records_nothing_has_its_losses_drawn(tmp_path: Path) -> None:
    class Still(Lengths):
        experiment: ClassVar[str] = "still"

        @property
        def measured(self) -> dict[Any, Point]:
            return {}

    path = make(Still.of(NUMBERS), tmp_path / "run").path
    for experiment in (None, Still):
        run = open_run(path, experiment=experiment)
        assert list(run.request.pictures(run)) == ["losses"]
        assert list(run.look.__dict__.values())[:1] == [300.0 if experiment else None]
    shutil.rmtree(path / "units")
    (path / "units").mkdir()
    usual = open_run(path)
    with pytest.raises(ValueError, match="has no unit yet; to make it: glassnet resume"):
        usual.request.pictures(usual)
