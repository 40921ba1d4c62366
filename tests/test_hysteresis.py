"""Sweeps of l2: made-up spreads, branches that are known in closed form, and stages with an l2 of their own."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tiny_runs import make, planned, rows, units

import glassnet as gn
from glassnet.analysis import hysteresis as analysis
from glassnet.beyond.hysteresis import Hysteresis, way_of
from glassnet.paper.claims import evidence
from glassnet.paper.claims.evidence import gather
from glassnet.runs import registry
from glassnet.runs.condense import condense
from glassnet.runs.pictures import draw_run
from glassnet.runs.plan import plan
from glassnet.runs.point import Evolve, Point, Surface
from glassnet.runs.point_json import described, points_in
from glassnet.runs.run import open_run
from glassnet.runs.runner import run as carry_out
from glassnet.runs.starting import begin
from glassnet.store import RunDirectory
from glassnet.store.directory import unit_name

ENGINE = gn.engines.Cpu(threads=1)
SGD = gn.Sgd(1e-2, 50)
TINY: dict[str, Any] = {
    "samples": 200,
    "width": 4,
    "depth": 2,
    "replicas": 3,
    "quench_epochs": 3,
    "epochs": 4,
    "looks": 2,
    "every": 1,
    "batch_size": 50,
    "quench_rate": 1e-2,
    "l2s": [0.01, 0.02, 0.03],
    "turn": 0.02,
    "starts": [0.02, 0.5],
}


def of(**changes: Any) -> Hysteresis:
    return Hysteresis.preset("mnist", "demo", {**TINY, **changes})


# Made-up sweeps.

L2 = np.array([0.1, 0.2, 0.3, 0.4, 0.5])


def made_up(apart_until: float, *, own: float = 1e-4, seed: int = 1) -> NDArray[np.float64]:
    """Losses ``(step, look, replica)``: origins apart by 0.01 up to an l2, in one state beyond, with noise of SGD's."""
    rng = np.random.default_rng(seed)
    apart = np.where(apart_until >= L2, 0.01, 0.0)[:, None, None] * np.arange(8)
    return 0.4 + apart + rng.normal(0, own, (len(L2), 5, 8))


def unique(losses: NDArray[np.float64], away: NDArray[np.bool_] | None = None) -> analysis.Transition:
    away = np.ones((len(L2), 8), np.bool_) if away is None else away
    between, within = analysis.spread_between(losses, away), analysis.spread_within(losses, away)
    return analysis.unique_from(L2, between, within, away.sum(axis=1))


def test_spreads_that_are_put_in_are_found() -> None:
    away = np.ones((len(L2), 8), np.bool_)
    one = made_up(0.0, own=1e-3)
    assert analysis.spread_between(one, away) == pytest.approx(1e-3, rel=0.35)
    assert analysis.spread_within(one, away) == pytest.approx(1e-3, rel=0.35)
    # What moves on steadily is no noise.
    moving = one + 0.1 * np.arange(5)[:, None]
    assert analysis.spread_within(moving, away) == pytest.approx(analysis.spread_within(one, away), rel=1e-6)
    few = away & (np.arange(8) < 1)
    assert np.isnan(analysis.spread_between(one, few)).all()
    assert np.isnan(analysis.spread_within(one[:, :1], away)).all()


@pytest.mark.parametrize("seed", range(5))
def test_one_state_is_told_from_several(seed: int) -> None:
    found = unique(made_up(0.3, seed=seed))
    assert (found.low, found.high, found.outcome) == (0.3, 0.4, "found")
    assert found.value == pytest.approx(0.35)
    never = unique(made_up(1.0, seed=seed))
    assert (never.value, never.low, never.high) == (None, 0.5, None)
    assert never.outcome == "not reached: still apart at 0.5, the last step with two origins"
    always = unique(made_up(0.0, seed=seed))
    assert (always.value, always.low, always.high) == (None, 0.0, 0.1)
    assert "one state already at the first step, 0.1" in always.outcome
    # Losses that cross by chance once do not make one state.
    crossed = made_up(1.0, seed=seed)
    crossed[2] = made_up(0.0, seed=seed)[2]
    assert unique(crossed).value is None


def test_a_network_that_falls_is_no_spread() -> None:
    losses, away = made_up(0.3), np.ones((len(L2), 8), np.bool_)
    losses[3, :, 0] -= 0.2  # falling at the end of 0.4, and fallen at 0.5
    away[4, 0] = False
    assert unique(losses, away).high == 0.5
    away[:] = False
    assert unique(losses, away).outcome.startswith("cannot be told")


def test_places_of_origins_have_intervals() -> None:
    away = np.array([[1, 1, 1, 0], [1, 1, 1, 0], [0, 1, 1, 0], [0, 0, 1, 0], [0, 0, 1, 0]], dtype=bool)
    fallen = analysis.falls(L2, away)
    assert fallen.below[:2].tolist() == [0.2, 0.3]
    assert fallen.above[:2].tolist() == [0.3, 0.4]
    assert np.isnan(fallen.at[2:]).all()
    found = analysis.transition(fallen, "not up to 0.5")
    assert found.outcome == "found for 2 of 4; 1 at W = 0 from the first step on; 1 not up to 0.5"
    assert found.value == pytest.approx(0.3)
    # Student's, of two values 0.1 apart: 12.7 x 0.05; and half a step of the grid.
    assert found.high == pytest.approx(0.35 + 12.706 * 0.05, rel=1e-4)
    alone = analysis.transition(analysis.falls(L2, away[:, :1]), "")
    assert (alone.low, alone.high, alone.outcome) == (0.2, 0.3, "found")
    assert analysis.transition(analysis.falls(L2, away[:, 3:]), "").value is None


def test_a_loss_passes_one_half_where_the_line_does() -> None:
    total = np.array([[0.40, 0.40], [0.48, 0.45], [0.52, 0.5], [0.56, 0.5], [0.6, 0.5]])
    away = np.ones((5, 2), np.bool_)
    away[2:, 1] = False
    found = analysis.crossings(L2, total, away)
    assert found.at[0] == pytest.approx(0.25)
    assert np.isnan(found.at[1])
    assert analysis.transition(found, "not before the branch ends", placed=True).n_reached == 1


def test_the_effective_rank_of_equal_singular_values_is_their_number() -> None:
    values = np.array([[3.0, 3.0, 0.0], [5.0, 0.0, 0.0], [1e-200, 1e-200, 1e-200], [0.0, 0.0, 0.0]])
    assert analysis.participation_ratio(values) == pytest.approx([2.0, 1.0, 3.0, np.nan], nan_ok=True)


# Branches in closed form. Inputs are 1, nine labels of ten are +1: while all margins are below 1 the quadratic hinge is
# the squared loss, L_data = 1/2 - m s + s^2/2 with m = 0.8, s = f(1). The least |W|^2 of s is k s^(2/k) for k layers.

M = 0.8


def exact(depth: int, l2s: list[float], folder: Path, **changes: Any) -> gn.Run[Any]:
    """A sweep by full-batch steps of a network whose output is a product of depth + 1 numbers."""
    labels = np.array([1] * 9 + [-1], np.float32)
    data = gn.TrainTest(gn.Dataset(np.ones((10, 1), np.float32), labels), None)
    numbers: dict[str, Any] = {
        "width": 8,
        "depth": depth,
        "replicas": 2,
        "quench_rate": 0.1,
        "epochs": 1_500,
        "quench_epochs": 500,
    }
    numbers |= {"l2s": l2s, "starts": l2s[-2:], "looks": 2, "every": 10, "gradient": "float64"} | changes
    return make(Hysteresis.preset(data, "laptop", numbers), folder)


def test_claims_hear_the_transitions_that_a_sweep_reached(tmp_path: Path) -> None:
    run = make(of(l2s=[0.01, 0.02, 20.0], turn=0.02), tmp_path / "run")
    said = {row["name"]: row for row in rows(run, "transitions")}
    assert gather([run]).sweeps == {}  # the claims are about other depths and learning rates
    heard = evidence.sweeps(run)
    assert said["lambda_end"]["value"] == heard["lambda_end"][0].value
    assert said["lambda_end"]["low"] == heard["lambda_end"][0].low > 0.0
    assert (heard["lambda_unique"][0].low, heard["lambda_unique"][0].high) == (0.01, math.inf)
    assert "lambda_jump" not in heard
    assert all("glassnet run hysteresis" in basis.command for _, basis in heard.values())


def test_two_layers_have_a_branch_that_ends_where_it_meets_zero(tmp_path: Path) -> None:
    # L = 1/2 - m s + s^2/2 + l2 s: s = m - l2, L = 1/2 - (m - l2)^2/2, to l2 = m, where W = 0 loses its stability.
    l2s = [0.1, 0.5, 0.76, 0.84]
    run = exact(1, l2s, tmp_path / "run", turn=0.76)
    for way in ("up", "down"):
        found = way_of(run, way)
        there = found.l2 < M
        wanted = 0.5 - (M - found.l2[there]) ** 2 / 2
        assert np.abs(found.total_loss[there] - wanted[:, None, None]).max() < 1e-6
        assert found.ranks[there] == pytest.approx(1.0, abs=1e-6)
        assert found.norm2[there] == pytest.approx(2 * (M - found.l2[there])[:, None].repeat(2, axis=1), abs=1e-3)
    table = {row["name"]: row for row in rows(run, "transitions")}
    for name in ("lambda_jump", "lambda_end"):
        assert (table[name]["low"], table[name]["high"]) == (pytest.approx(0.76), pytest.approx(0.84))
    assert table["lambda_c"]["value"] is None
    assert "one state already" in table["lambda_unique"]["outcome"]


def test_three_layers_have_a_branch_that_ends_beyond_zero(tmp_path: Path) -> None:
    # s = r^3, |W|^2 = 3 r^2: l2 = m r - r^4, which is largest at r^3 = m/4; L = 1/2 where r^3 = m/2.
    end, middle = 0.75 * M * (M / 4) ** (1 / 3), M / 2 * (M / 2) ** (1 / 3)
    l2s = [0.1, 0.2, 0.28, 0.3, 0.33, 0.345, 0.357]
    run = exact(2, l2s, tmp_path / "run", turn=0.33)
    for way in ("up", "down"):
        found = way_of(run, way)
        for l2, losses in zip(found.l2[found.l2 < end], found.total_loss, strict=False):
            r = max(np.roots([1, 0, 0, -M, l2]).real[np.abs(np.roots([1, 0, 0, -M, l2]).imag) < 1e-9])
            assert losses == pytest.approx(0.5 - M * r**3 + r**6 / 2 + 1.5 * l2 * r**2, abs=1e-6)
    table = {row["name"]: row for row in rows(run, "transitions")}
    assert (table["lambda_end"]["low"], table["lambda_end"]["high"]) == (pytest.approx(0.345), pytest.approx(0.357))
    assert 0.345 < end < 0.357
    assert table["lambda_c"]["value"] == pytest.approx(middle, abs=1e-3)
    assert table["lambda_jump"]["n_reached"] == 2


def test_a_network_at_zero_stays_there(tmp_path: Path) -> None:
    run = exact(2, [5.0, 6.0, 7.0], tmp_path / "run", epochs=100)
    for way in ("up", "down"):
        found = way_of(run, way)
        assert (found.total_loss == 0.5).all()
        assert (found.norm2 == 0.0).all()
    outcomes = [row["outcome"] for row in rows(run, "transitions")]
    assert outcomes[0] == outcomes[3] == "2 at W = 0 from the first step on"
    assert not draw_run(run, tmp_path / "figures", ["png"]).failed


# A run.


def test_a_run_is_the_chain_that_the_verbs_make(tmp_path: Path) -> None:
    request = of()
    run = make(request, tmp_path / "run")
    assert "points" not in run.description
    data = gn.load_dataset("mnist", n_samples=200)
    ensemble = gn.Ensemble.random(gn.Mlp(10, 4, 2), 3)
    for l2, n_steps in ((0.01, 12), (0.01, 16), (0.02, 16), (0.01, 16)):
        landscape = gn.Landscape(ensemble.network, data, gn.QuadraticHinge(l2))
        ensemble = gn.evolve(ensemble, landscape, SGD, n_steps, engine=ENGINE)
    found = run.ensemble(request.step("down", 0.01)[-1])
    assert np.array_equal(found.weights, ensemble.weights)
    assert found.step.tolist() == [60] * 3
    losses = gn.evaluate(ensemble, landscape, engine=ENGINE)["total_loss"].values
    assert way_of(run, "down").total_loss[0, -1] == pytest.approx(losses)
    assert [(row["way"], row["l2"]) for row in rows(run, "steps")] == [
        ("up", 0.01), ("up", 0.02), ("up", 0.03), ("down", 0.01),
    ]  # fmt: skip
    drawn = draw_run(run, tmp_path / "figures", ["png", "pdf"])
    assert not drawn.failed
    assert len(drawn.files) == 2
    condense(run, tmp_path / "run.run.zip")
    small = way_of(open_run(tmp_path / "run.run.zip"), "up")
    assert small.total_loss == pytest.approx(way_of(run, "up").total_loss, rel=1e-6)
    assert small.ranks == pytest.approx(way_of(run, "up").ranks, rel=1e-2)


def test_more_replicas_and_starts_add_to_a_run(tmp_path: Path) -> None:
    before = make(of(replicas=2, starts=[0.02]), tmp_path / "run")
    n = len(before.done)
    assert planned(of(), tmp_path / "run").n_done == n
    whole, alone = make(of(), tmp_path / "run"), make(of(), tmp_path / "alone" / "run")
    assert units(whole.path) == units(alone.path)


def test_a_run_that_is_not_done_shows_what_there_is(tmp_path: Path) -> None:
    request = of()
    directory = RunDirectory(tmp_path / "run")
    work, engine = planned(request, directory.path), request.make_engine()
    from glassnet.runs.runner import run as carry_out

    begin(directory, request, engine, to_work=True)
    nothing = open_run(directory.path)
    assert {row["outcome"] for row in rows(nothing, "transitions")} == {"nothing is done yet"}
    with pytest.raises(ValueError, match="has no step of the way up yet"):
        request.pictures(nothing)
    carry_out(replace(work, blocks=work.blocks[:3]), engine, directory)
    some = open_run(directory.path)
    assert way_of(some, "up").l2.tolist() == [0.01]
    assert not draw_run(some, tmp_path / "figures", ["png"]).failed


def test_requests_are_made_by_names_and_checked() -> None:
    assert registry.request("hysteresis", dataset="cifar10", scale="laptop").numbers["width"] == 30
    assert Hysteresis.preset("mnist", "paper").turns_at == 0.065
    assert of(turn=None, l2s=[0.1, 0.2], starts=[0.1]).turns_at == 0.2
    for changes, what in (
        ({"turn": 0.5}, "turn must be one of l2s, 0.01, 0.02, 0.03, but got 0.5"),
        ({"looks": 5}, "epochs must be more than looks - 1 times every = 4, but got 4"),
        ({"looks": 11}, "looks must be an integer from 1 to 10, but got 11"),
        ({"replicas": 5_000}, "must be at most 20000 units, but are 5000 times 11"),
        ({"l2s": list(np.linspace(0.01, 0.1, 101))}, "l2s must hold at most 100 numbers, but hold 101"),
        ({"l2s": [0.0, 0.02]}, "l2s must be"),
    ):
        with pytest.raises(ValueError, match=what):
            of(**changes)


# Stages with an l2 of their own.


def point(*l2s: float | None, surface: float = 0.01, n_steps: int = 8) -> Point:
    where = Surface("mnist", "standardised", 200, 4, 2, surface)
    return Point(where, 0, "float64", tuple(Evolve(SGD, n_steps, l2=l2) for l2 in l2s), f"{l2s}")


def address(one: Point) -> str:
    return unit_name(one.identity(0, ENGINE))


def test_addresses_change_only_with_what_a_stage_depends_on() -> None:
    assert "l2" not in json.dumps(point(None).identity(0, ENGINE)["stages"])
    assert address(point(0.01)) == address(point(None))
    assert address(point(None, 0.01)) == address(point(0.01, 0.01)) == address(point(None, n_steps=16))
    assert address(point(None, 0.02, 0.02)) != address(point(None, 0.02))
    found = {address(point(None, l2)) for l2 in (None, 0.02, 0.0)}
    assert len(found) == 3
    cut, whole = point(None, 0.02, 0.02), replace(point(None, 0.02), stages=(Evolve(SGD, 8), Evolve(SGD, 16, l2=0.02)))
    assert address(cut) == address(whole)
    assert (cut.n_steps, cut.n_behind, cut.l2) == (16, 8, 0.02)


def test_points_at_several_l2_are_made_together_and_alone_to_the_same_bits(tmp_path: Path) -> None:
    quench = point(None)
    fan = [replace(quench, stages=(*quench.stages, Evolve(SGD, 8, l2=l2)), label=f"{l2}") for l2 in (0.0, 0.02, 0.3)]
    together = plan([quench, *fan], 2, ENGINE, RunDirectory(tmp_path / "run"))
    assert [len(block.members) for block in together.blocks] == [2, 6]
    # A stage that goes on with the quench is another than one that begins: they are not made together.
    goes_on = replace(quench, stages=(*quench.stages, Evolve(SGD, 8)), label="on")
    assert len(plan([quench, goes_on, *fan], 2, ENGINE, RunDirectory(tmp_path / "run")).blocks) == 3
    for name, points in (("run", [[quench, *fan]]), ("alone", [[quench], *([one] for one in fan)])):
        for some in points:
            directory = RunDirectory(tmp_path / name / "run")
            begin(directory, of(), ENGINE, to_work=True)
            carry_out(plan(some, 2, ENGINE, directory), ENGINE, directory)
    assert units(tmp_path / "run" / "run") == units(tmp_path / "alone" / "run")


def test_an_l2_of_a_stage_is_described_where_there_is_one() -> None:
    plain, own = described([point(None), point(None, 0.02)])
    assert "l2" not in plain["stages"][0]
    assert own["stages"][1]["l2"] == 0.02
    assert points_in([plain, own], 2) == (point(None), point(None, 0.02))
    own["stages"][1]["l2"] = -1.0
    with pytest.raises(ValueError, match=r"points\[0\].stages.*l2"):
        points_in([own], 2)


def test_chains_of_a_stranger_are_bounded() -> None:
    (long,) = described([replace(point(*[0.01, 0.02] * 500), label="long")])
    with pytest.raises(ValueError, match=r"at most 5000000, but points\[0\] to points\[5\] have 6000 times 1000"):
        points_in([long] * 10, 1_000)


def test_the_points_of_a_long_sweep_have_an_address_each() -> None:
    request = Hysteresis.preset("mnist", "paper")
    points = request.points()
    assert len({address(one) for one in points}) == len(points)
    known = set()
    for one in points:
        assert one.parent is None or one.parent in known
        known.add(one)
