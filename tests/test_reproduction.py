"""Every figure of the paper from tiny runs: what is shared, what is said, and that a stopped reproduction goes on."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.text import Text
from rich.console import Console
from tiny_runs import make
from typer.testing import CliRunner, Result

import glassnet as gn
from glassnet.cli.commands import app
from glassnet.cli.tables import about
from glassnet.figures import (
    draw_l2_line,
    draw_sgd_displacement,
    draw_width_line,
)
from glassnet.paper import figures as reproduction
from glassnet.paper.experiments.ageing import Ageing
from glassnet.paper.experiments.phase_diagram import losses, transitions
from glassnet.paper.figures import FIGURES, Need, choose, needs_of
from glassnet.runs import runner
from glassnet.runs.plan import plan
from glassnet.runs.registry import known, names, request
from glassnet.runs.runner import Update, run
from glassnet.runs.starting import begin
from glassnet.store import RunDirectory

SMALL = {"samples": 200, "width": 4, "epochs": 20, "replicas": 2}
MEASURED = {"waiting_times": [3, 10], "t_max": 40, "temperatures": [1e-3, 1e-4, 1e-6, 0.0]}
LINE = {"samples": 200, "replicas": 2, "descent": 2}

TINY: Mapping[tuple[str, str], dict[str, Any]] = {
    ("phase_diagram", "plane"): {**LINE, "widths": [3, 4], "l2s": [0.0, 0.01, 0.1], "epochs": [5]},
    ("phase_diagram", "width"): {**LINE, "widths": [3, 4], "epochs": [5, 10]},
    ("phase_diagram", "l2"): {**LINE, "widths": [4], "l2s": [0.01, 0.04], "epochs": [5]},
    ("relaxation", ""): {**SMALL, **MEASURED},
    ("ageing", ""): {**SMALL, **MEASURED},
    ("sgd_displacement", ""): {
        **SMALL,
        "batch_sizes": [10, 100],
        "controls": [10],
        "waiting_times": [0, 50],
        "t_max": 200,
    },
    ("minima", ""): SMALL,
    ("protocol", ""): {**SMALL, "t_max": 40, "waiting_time": 10},
    ("step_size", ""): {**SMALL, "settling": 5, "length": 0.01},
}


def tiny(experiment: str, variant: str = "", dataset: str = "mnist", changes: Mapping[str, Any] | None = None) -> Any:
    small = TINY.get((experiment, variant)) or TINY[experiment, ""]
    return request(experiment, variant, dataset, "demo", {**small, **(changes or {})})


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """All scales are tiny."""
    monkeypatch.setattr(reproduction, "request", lambda name, variant, dataset, _: tiny(name, variant, dataset))


def test_every_request_is_allowed() -> None:
    for name in names():
        for variant in next(iter(known(name).variants.values()), ("",)):
            for dataset in ("mnist", "cifar10"):
                for scale in known(name).scales:
                    if (name, variant) in (("protocol", "overparameterised"), ("step_size", "overparameterised")):
                        continue
                    assert request(name, variant, dataset, scale).experiment == name


def test_laptop_has_the_numbers_of_its_table() -> None:
    plane, width, l2 = (request("phase_diagram", part, "mnist", "laptop") for part in ("plane", "width", "l2"))
    numbers = plane.numbers
    assert (len(numbers["widths"]), len(numbers["l2s"]), numbers["replicas"], numbers["epochs"]) == (9, 16, 3, [300])
    assert width.numbers["widths"] == [36, 39, 42, 45, 48, 54]
    assert width.numbers["epochs"][-1] * 600 == 10_200_000
    assert (width.replicas, l2.replicas, len(l2.numbers["l2s"]), l2.numbers["epochs"]) == (4, 10, 20, [1000])
    assert request("sgd_displacement", "", "mnist", "laptop").replicas == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("ice", "", "mnist", "demo"), "experiment must be one of ageing, hysteresis, minima, phase_diagram, protocol"),
        (("phase_diagram", "sky", "mnist", "demo"), "part must be one of 'plane', 'width', 'l2', but got 'sky'"),
        (("ageing", "solid", "mnist", "demo"), "phase must be one of 'regularised'"),
        (("minima", "", "letters", "demo"), "dataset must be one of 'mnist', 'cifar10', but got 'letters'"),
        (("minima", "", "mnist", "huge"), "scale must be one of 'demo', 'laptop'"),
        (("minima", "", "mnist", "demo", {"widht": 3}), "widht must be one of replicas, seed"),
        (("step_size", "overparameterised", "mnist", "laptop"), "phase must be regularised or underparameterised"),
        (
            ("phase_diagram", "plane", "mnist", "demo", {"widths": [3, 3]}),
            "widths must hold at least one number",
        ),
        (("sgd_displacement", "", "mnist", "demo", {"controls": [7000]}), "controls must be at most samples = 6000"),
    ],
)
def test_wrong_names_and_numbers_are_named(arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        request(*arguments)


def test_the_waiting_time_shown_is_one_of_those_asked_for() -> None:
    for waits in ("paper", "scripts"):
        asked = Ageing.preset("mnist", "demo", {"waiting_times": [3, 10], "chi": [20.0]}, waits=waits)
        assert (asked.look().waiting_time, asked.look().chi) == (10, 20.0)
    with pytest.raises(ValueError, match="waiting_time must be one that was recorded"):
        asked.look(waiting_time=5)


def test_figures_are_chosen_by_name() -> None:
    assert choose(["fig3", "A1"]) == ["fig3", "figA1"]
    assert choose(["fig5"]) == ["fig5a", "fig5b", "fig5c", "fig5d"]
    assert choose(["fig1"]) == ["fig1a", "fig1b", "fig1c"]
    assert choose(["a1"]) == ["figA1"]
    assert choose(["all"]) == list(FIGURES)
    with pytest.raises(ValueError, match=r"figure must be one of fig1a, .*minima, all, but got '9\('"):
        choose(["9("])


def test_runs_come_in_an_order_that_shares_work() -> None:
    needs = needs_of(FIGURES, "mnist")
    assert len(set(needs)) == len(needs)
    assert needs[:3] == [
        Need("relaxation", phase) for phase in ("regularised", "underparameterised", "overparameterised")
    ]
    assert needs.index(Need("relaxation", "regularised")) < needs.index(Need("ageing", "regularised"))


def test_a_second_experiment_finds_the_quench_of_the_first(tmp_path: Path) -> None:
    first = make(tiny("relaxation", "regularised"), tmp_path / "first")
    for name in ("sgd_displacement", "protocol", "step_size", "minima", "ageing"):
        asked = tiny(name, changes={"l2s": [0.01]} if name == "minima" else None)
        work = plan(asked.points(), asked.replicas, asked.make_engine(), RunDirectory(tmp_path / name))
        quenched = first.quenched.origin.tolist()
        assert not any(block.label.startswith("quench") for block in work.blocks), name
        assert len(work.taken) >= len(quenched), name
    aged = make(tiny("ageing", "regularised"), tmp_path / "ageing")
    assert aged.path.joinpath("units").stat().st_nlink >= 1
    assert np.array_equal(aged.quenched.weights, first.quenched.weights)
    assert plan(aged.request.points(), 2, aged.request.make_engine(), RunDirectory(tmp_path / "new")).blocks == ()


def test_a_plane_is_what_the_verbs_make_whatever_is_made_together(tmp_path: Path) -> None:
    found = make(tiny("phase_diagram", "plane"), tmp_path / "run")
    asked = found.request
    together = plan(asked.points(), 2, asked.make_engine(), RunDirectory(tmp_path / "else" / "run"))
    assert max(len(block.members) for block in together.blocks) == 6
    landscape = gn.Landscape(gn.Mlp(10, 4, 6), gn.load_dataset("mnist", n_samples=200), gn.QuadraticHinge(l2=0.1))
    ensemble = gn.evolve(gn.Ensemble.random(landscape.network, 2), landscape, gn.Sgd(1e-3, 100), 10)
    for rate in (1e-3, 1e-4):
        ensemble = gn.evolve(ensemble, landscape, gn.GradientDescent(rate), 2)
    point = asked.minimum(4, 0.1, 5)
    assert np.array_equal(found.ensemble(point).weights, ensemble.weights)
    seen = gn.evaluate(ensemble, landscape)
    assert [one["total_loss"] for one in found.results(point).values()] == seen.total_loss.values.tolist()


def test_given_replicas_are_said_in_a_line() -> None:
    given = [f"{i:064x}" for i in range(4)]
    asked = request("sgd_displacement", "", "mnist", "demo", {"replicas": 4, "quenched": given})
    console = Console(file=io.StringIO(), width=200)
    console.print(about(asked))
    assert isinstance(console.file, io.StringIO)
    lines = [" ".join(line.split()) for line in console.file.getvalue().splitlines()]
    assert f"quenched 4 replicas, first fingerprint {given[0][:16]}" in lines


def test_transitions_that_are_reported_of_mnist_are_marked_in_its_figures_only(tmp_path: Path) -> None:
    table = losses(make(tiny("phase_diagram", "plane"), tmp_path / "run"))
    for draw, text in ((draw_l2_line, r"$\lambda^*$, paper"), (draw_width_line, "$N^*/P_D$, paper")):
        for dataset, marked in (("mnist", True), ("cifar10", False)):
            texts = draw(table, **transitions(dataset)).findobj(Text)
            assert (text in {one.get_text() for one in texts}) == marked


@pytest.mark.parametrize("ratios", [(0.11, 0.25), (0.11, 0.7), (0.02, 0.19)])
def test_the_name_of_the_transition_stays_inside(tmp_path: Path, ratios: tuple[float, float]) -> None:
    table = losses(make(tiny("phase_diagram", "plane"), tmp_path / "run"))
    for epochs in ([5], [5, 6]):
        again = table.isel(epochs=[0] * len(epochs)).assign_coords(epochs=epochs, ratio=("width", list(ratios)))
        figure = draw_width_line(again, **transitions("mnist"))
        figure.canvas.draw()
        for axes in figure.axes:
            (name,) = (text for text in axes.texts if "paper" in text.get_text())
            box = name.get_window_extent()
            assert axes.bbox.x0 <= box.x0 < box.x1 <= axes.bbox.x1


def test_what_the_scripts_find_is_named_in_figures_of_mnist_only(tmp_path: Path) -> None:
    for dataset, marked in (("mnist", 2), ("cifar10", 0)):
        found = make(tiny("minima", dataset=dataset), tmp_path / dataset)
        figure = found.request.pictures(found)["minima"]()
        assert [one.get_text() for one in figure.findobj(Text)].count("scripts") == marked


def test_networks_that_diverged_are_seen_whatever_their_loss(tmp_path: Path) -> None:
    table = losses(make(tiny("phase_diagram", "width"), tmp_path / "run"))
    lost = table["alive"].where(table["width"] == 3, 0.0)
    for last in (np.nan, np.inf, 1e200, 1e-3):
        figure = draw_width_line(table.assign(alive=lost, data_loss=table["data_loss"].where(lost == 1, last)))
        for axes in figure.axes:
            low, high = axes.get_ylim()
            assert high < 10.0
            (crosses,) = (line for line in axes.lines if line.get_gid() == "lost")
            y = np.asarray(crosses.get_ydata(), dtype=np.float64)
            assert len(y) == 2
            assert (y == (low if last == 1e-3 else high)).all()


def test_a_quench_cut_in_two_is_the_same_quench(tmp_path: Path) -> None:
    both = make(tiny("phase_diagram", "width"), tmp_path / "both")
    one = tiny("phase_diagram", "width", changes={"epochs": [10]})
    assert plan(one.points(), 2, one.make_engine(), RunDirectory(tmp_path / "one")).blocks == ()
    alone = make(one, tmp_path / "elsewhere" / "one")
    for width in (3, 4):
        point = one.minimum(width, 0.0, 10)
        assert np.array_equal(
            alone.ensemble(point).weights, both.ensemble(both.request.minimum(width, 0.0, 10)).weights
        )
        assert alone.ensemble(point).step.tolist() == [24, 24]


def test_references_of_sgd_stand_at_the_start_of_an_epoch(tmp_path: Path) -> None:
    found = make(tiny("sgd_displacement", changes={"batch_sizes": [30, 100], "epochs": 11}), tmp_path / "run")
    record = found.records["permutation", 30]
    entry = record.data["entry_step"].values[0]
    epoch = 200 // 30
    assert [(entry + wait) % epoch for wait in record.data["waiting_time"].values] == [0, 0]
    times = record.data["time"].values
    assert {epoch, epoch // 2, epoch + epoch // 2} <= set(times.tolist())


def test_all_rows_at_once_are_gradient_descent_from_the_same_quench(tmp_path: Path) -> None:
    asked = tiny("sgd_displacement")
    found = make(asked, tmp_path / "run")
    record = found.records["permutation", 200]
    start, surface = found.ensemble(asked.quench), asked.quench.surface
    steps = int(record.data["time"][-1])
    descended = gn.evolve(start, surface.landscape, gn.GradientDescent(asked.quench_rate), steps)
    moved = ((descended.weights - start.weights) ** 2).mean(axis=1)
    msd = gn.mean_square_displacement(record).isel(waiting_time=0, time=-1)
    assert np.allclose(msd.values, moved, rtol=1e-5)
    drawn = draw_sgd_displacement(found.records)
    assert "all" in [text.get_text() for legend in drawn.legends for text in legend.get_texts()]
    for levels, n_levels in (((1e-4, 1e-3), 6), (None, 0)):
        drawn = draw_sgd_displacement(found.records, levels=levels)
        assert len(drawn.findobj(lambda artist: artist.get_gid() == "level")) == n_levels
    with pytest.raises(ValueError, match=r"batches must be records on one number of rows, but are on none"):
        draw_sgd_displacement({})
    descent = gn.measure(start, surface.landscape, gn.GradientDescent(asked.quench_rate), times=[1, 2])
    with pytest.raises(ValueError, match="batches must be records of Sgd, but got one of GradientDescent"):
        draw_sgd_displacement({("permutation", 200): descent})


def test_the_hessian_of_a_minimum_is_kept_with_it(tmp_path: Path) -> None:
    found = make(tiny("minima"), tmp_path / "run")
    for l2 in (0.01, 0.04):
        point = found.request.hessian(l2)
        landscape = point.surface.landscape
        for origin, results in found.results(point).items():
            whole = gn.Hessian(landscape, found.ensemble(point)[origin].weights[0])
            spectrum = np.linalg.eigvalsh(np.stack([whole @ unit for unit in np.eye(landscape.network.n_weights)]))
            assert results["converged"] == 1.0
            ends = results["smallest_0"], results["largest_0"]
            assert np.allclose(ends, (spectrum[0], spectrum[-1]), rtol=0, atol=results["residual"] + 1e-12)


def reproduce(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["reproduce", *map(str, arguments)])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--format", "gif"), "formats must be any of png, pdf, but got 'gif'"),
        (("--checkpoint-every", "-1"), "checkpoint_every must be a finite number >= 0, but got -1"),
    ],
)
@pytest.mark.usefixtures("small")
def test_what_cannot_be_done_at_the_end_is_refused_before_the_beginning(
    arguments: tuple[str, str], message: str, tmp_path: Path
) -> None:
    refused = reproduce("figA2", *arguments, "--output", tmp_path / "a")
    assert refused.exit_code == 2
    assert message in refused.output
    assert not (tmp_path / "a").exists()


def is_drawn(name: str, folder: Path) -> bool:
    return any(re.match(rf"{name}(_|$)", path.stem) for path in (folder / "figures").iterdir())


SOME = ("fig1c", "fig5a", "fig5d", "figA9", "figA5")


@pytest.mark.usefixtures("small")
def test_figures_are_reproduced_and_stopping_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "a"
    said = reproduce(*SOME, "--output", folder, "--dry-run")
    assert said.exit_code == 0, said.output
    assert "all together" in said.output
    assert "on networks that have not learnt" in " ".join(said.output.split())
    assert not folder.exists()
    aged = next(line for line in said.output.splitlines() if "ageing-mnist-regularised" in line)
    assert aged.split()[1:5] == ["10", "0", "10", "0"]

    work, left = runner._Worker.work, [5]

    def stop(self: Any) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        work(self)

    monkeypatch.setattr(runner._Worker, "work", stop)
    stopped = reproduce(*SOME, "--output", folder)
    assert stopped.exit_code == 130, stopped.output
    assert "to go on: glassnet" in stopped.output
    monkeypatch.setattr(runner._Worker, "work", work)
    done = reproduce(*SOME, "--output", folder)
    assert done.exit_code == 0, done.output
    assert "10 taken from other runs" in done.output
    assert all(is_drawn(name, folder) for name in SOME)
    again = reproduce(*SOME, "--output", folder, "--dry-run")
    assert again.output.splitlines()[-1].split()[5] == "0"


@pytest.mark.long
@pytest.mark.usefixtures("small")
def test_everything_is_reproduced(tmp_path: Path) -> None:
    done = reproduce("all", "--output", tmp_path)
    assert done.exit_code == 0, done.output
    assert all(is_drawn(name, tmp_path) for name in FIGURES)


def test_a_run_that_lacks_what_a_figure_needs_names_the_command(tmp_path: Path) -> None:
    asked = tiny("sgd_displacement")
    directory, engine = RunDirectory(tmp_path / "run"), asked.make_engine()
    begin(directory, asked, engine, to_work=True)
    refused = CliRunner().invoke(app, ["figures", str(tmp_path / "run")])
    assert refused.exit_code == 2
    assert f"run has no SGD b = 200 yet; to make it: glassnet resume {tmp_path / 'run'}" in refused.output.replace(
        "\n", ""
    )
    resumed = CliRunner().invoke(app, ["resume", str(tmp_path / "run")])
    assert resumed.exit_code == 0, resumed.output
    assert (tmp_path / "run" / "figures" / "sgd_displacement.png").exists()


def test_numbers_of_any_experiment_can_be_set(tmp_path: Path) -> None:
    path = str(tmp_path / "run")
    settings = ["samples=200", "width=4", "epochs=5", "replicas=2", "l2s=[0.01]", "eigenvalues=1"]
    options = [word for setting in settings for word in ("--set", setting)]
    done = CliRunner().invoke(app, ["run", "minima", *options, "--output", path])
    assert done.exit_code == 0, done.output
    assert "Hessian, l2 = 0.01" in done.output
    for wrong, message in (
        ("width", "set must be NAME=VALUE, but got 'width'"),
        ("width=big", "width must be an int"),
        ("dataset=cifar10", "dataset must be given as --dataset"),
    ):
        refused = CliRunner().invoke(app, ["run", "minima", "--set", wrong])
        assert refused.exit_code == 2
        assert message in refused.output


def test_relaxation_s_options_are_short_for_its_settings() -> None:
    def asked(*options: str) -> str:
        said = CliRunner().invoke(
            app, ["run", "relaxation", "--samples", "200", "--epochs", "5", "--dry-run", *options]
        )
        assert said.exit_code == 0, said.output
        return said.output.splitlines()[0]

    options = ["--temperature", "0.1", "--temperature", "0.01", "--waiting-time", "5", "--replicas", "2", "--skin"]
    settings = ["temperatures=0.1,0.01", "waiting_times=5", "replicas=2", "skin=true"]
    also = ["temperatures=.1,1e-2", "waiting_times=5e0", "replicas=2e0", "skin=true"]
    for one in (settings, also):
        assert asked(*options) == asked(*(word for setting in one for word in ("--set", setting)))
    twice = CliRunner().invoke(app, ["run", "relaxation", "--replicas", "2", "--set", "replicas=3"])
    assert (twice.exit_code, "replicas must be given once" in twice.output) == (2, True)


@pytest.mark.parametrize("experiment", names())
def test_the_help_of_an_experiment_names_what_can_be_set(experiment: str) -> None:
    said = CliRunner().invoke(app, ["run", experiment, "-h"]).output
    can_be_set = said.rpartition("Names for --set: ")[2].replace("\n", " ").strip(" .").split(",")
    fields = request(experiment, "", "mnist", "demo").numbers
    assert {name.strip() for name in can_be_set} == set(fields) - {"dataset", "quenched"}


@pytest.mark.parametrize("value", ["0.001", "a,b", "[]", "{}"])
def test_what_stands_where_several_numbers_do_is_taken_or_refused_in_words(value: str) -> None:
    said = CliRunner().invoke(app, ["run", "ageing", "--set", f"temperatures={value}", "--scheduler", "nowhere"])
    assert said.exit_code == 2
    assert said.output.startswith("Error: scheduler must" if value == "0.001" else "Error: temperatures must")


def test_updates_of_a_block_of_many_l2_say_so(tmp_path: Path) -> None:
    asked = tiny("phase_diagram", "plane")
    directory, engine = RunDirectory(tmp_path / "run"), asked.make_engine()
    begin(directory, asked, engine, to_work=True)
    heard: list[Update] = []
    run(plan(asked.points(), 2, engine, directory), engine, directory, on_update=heard.append)
    assert heard[-1].block.label == "slow descent, width 4, l2 = 0 to slow descent, width 4, l2 = 0.1"
    assert sum(update.stored for update in heard) == 6
