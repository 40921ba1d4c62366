"""Requests: what they allow, and that the address of a unit depends on what was asked for and on nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from tiny_runs import preset, tiny

from glassnet.paper.experiments.relaxation import Relaxation, noise_of
from glassnet.paper.numbers import PHASES
from glassnet.paper.scales import DATASETS, SCALES
from glassnet.store.directory import unit_name


def test_every_preset_is_allowed_and_says_what_the_tables_say() -> None:
    for phase in PHASES:
        for dataset in DATASETS:
            for scale in SCALES:
                preset(phase, dataset, scale)
    demo = preset("regularised", "mnist", "demo")
    assert (demo.samples, demo.width, demo.l2, demo.replicas, demo.epochs) == (6000, 30, 1e-2, 4, 5000)
    assert (demo.waiting_times, demo.t_max, demo.temperatures) == ((300,), 3000, (0.0, 1e-4, 1e-3, 1e-2))
    assert [preset(p, "mnist", "demo").width for p in PHASES[1:]] == [9, 22]
    over = preset("overparameterised", "mnist", "laptop")
    assert (over.width, over.epochs, over.stop_loss, over.check_epochs) == (72, 17_000, 1e-6, 100)
    assert preset("overparameterised", "mnist", "demo").stop_loss is None
    night = preset("overparameterised", "cifar10", "laptop")
    assert (night.width, night.replicas, night.t_max, night.stop_loss) == (80, 2, 5000, None)
    paper = preset("underparameterised", "mnist", "paper")
    assert (len(paper.temperatures), paper.replicas, paper.waiting_times[-1]) == (12, 50, 150_000)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"replicas": 0}, "replicas must be an integer from 1 to 1000000, but got 0"),
        ({"replicas": 1.5}, "replicas must be an integer from 1 to 1000000, but got 1.5"),
        ({"temperatures": [0.1, -1]}, "temperatures must be a finite number >= 0, but got -1"),
        ({"temperatures": [0.1, 0.1]}, "temperatures must hold at least one number and each once"),
        ({"temperatures": "hot"}, "temperatures must be a finite number >= 0, but got .hot."),
        ({"chi": [0]}, "chi must be a finite number > 0, but got 0"),
        ({"l2": float("nan")}, "l2 must be a finite number >= 0, but got nan"),
        ({"t_max": 201}, "t_max must be a save time, the nearest of which are 200 and 220, but got 201"),
        ({"waiting_times": [5, 3]}, "waiting_times must increase"),
        ({"samples": 60_001}, "samples must be at most 60000, the rows of mnist, but got 60001"),
        ({"samples": 99}, "batch_size must be at most samples = 99, but got 100"),
        ({"seed": -1}, "seed must be an integer from 0 to 4294967295, but got -1"),
        ({"stop_loss": 0.1}, "stop_loss and check_epochs must be given together"),
        ({"engine": "gpu"}, "engine must be one of 'cpu', 'reference', 'torch', 'triton', but got 'gpu'"),
        ({"engine": "reference", "gradient": "float32"}, "gradient must be 'float64' with engine 'reference'"),
        ({"dataset": "cifar10", "inputs": "mnist"}, "inputs must not be 'mnist' for cifar10"),
        ({"shown_chi": 7}, "shown_chi must be one of"),
        ({"tempratures": [1]}, "tempratures must be one of replicas, seed"),
    ],
)
def test_wrong_numbers_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tiny(**changes)


def test_unknown_names_name_the_known() -> None:
    for arguments in (("solid", "mnist", "demo"), ("regularised", "cifar", "demo"), ("regularised", "mnist", "huge")):
        with pytest.raises(ValueError, match=r"must be one of '.*, but got '(solid|cifar|huge)'"):
            preset(*arguments)


def test_a_request_is_a_value() -> None:
    assert tiny() == tiny(temperatures=(0, 0.1), seed=0)
    assert tiny().hash == Relaxation.of(tiny().numbers).hash
    assert len({tiny().hash, tiny(seed=1).hash, tiny(t_max=50).hash}) == 3
    with pytest.raises(ValidationError):
        tiny().seed = 3  # type: ignore[misc]


def unit_names(request: Relaxation) -> list[str]:
    engine = request.make_engine()
    return [unit_name(point.identity(origin, engine)) for point in request.points() for origin in range(2)]


@pytest.mark.parametrize(
    "change",
    [
        {"samples": 300},
        {"inputs": "pixel"},
        {"width": 5},
        {"depth": 5},
        {"l2": 0.02},
        {"epochs": 21},
        {"quench_rate": 2e-3},
        {"batch_size": 50, "epochs": 10},
        {"stop_loss": 1e-6, "check_epochs": 1},
        {"seed": 1},
        {"dtype": "float32"},
        {"gradient": "float64"},
        {"engine": "reference"},
    ],
)
def test_all_that_a_unit_depends_on_is_in_its_address(change: dict[str, Any]) -> None:
    assert not set(unit_names(tiny())) & set(unit_names(tiny(**change)))


@pytest.mark.parametrize(
    "change", [{"waiting_times": [3]}, {"chi": [30]}, {"snapshots": [10]}, {"learning_rate": 2e-3}, {"skin": True}]
)
def test_temperatures_share_a_quench(change: dict[str, Any]) -> None:
    mine, other = unit_names(tiny()), unit_names(tiny(**change))
    assert mine[:2] == other[:2]
    assert not set(mine[2:]) & set(other[2:])


def test_what_a_unit_does_not_depend_on_is_not_in_its_address() -> None:
    other = tiny(t_max=100, replicas=5, temperatures=[0.1, 0.01, 0.0])
    assert set(unit_names(tiny())) < set(unit_names(other))


def test_noise_goes_by_the_value_of_a_temperature() -> None:
    stages = {t: point.stage.noise for t, point in tiny(temperatures=[1, 0.1, 0]).measured.items()}
    assert stages == {t: noise_of(t) for t in (1.0, 0.1, 0.0)}
    assert len(set(stages.values())) == 3
