"""The table of claims: from runs on the disk to JSON and Markdown, and what is said where runs are lacking."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from claims_law import drifting, evidence, free, relaxed
from command_line import asked_by
from conftest import small_landscape
from program import glassnet
from tiny_runs import make

import glassnet as gn
from glassnet.analysis import live_weights
from glassnet.analysis.measured import Measured
from glassnet.paper.claims import (
    RULES,
    Claim,
    assess,
    cifar10,
    commands,
    open_runs,
    to_json,
    to_markdown,
    transitions,
)
from glassnet.paper.claims.claim import Basis, Finding, Null, together
from glassnet.paper.claims.evidence import Evidence, Losses, gather, phase_of
from glassnet.paper.experiments.relaxation import Relaxation
from glassnet.paper.figures import choose
from glassnet.paper.numbers import PHASES
from glassnet.paper.scales import SCALES
from glassnet.runs.commands import command
from glassnet.runs.own_data import OwnData
from glassnet.runs.plan import plan
from glassnet.runs.registry import request
from glassnet.runs.runner import run
from glassnet.runs.starting import begin
from glassnet.store import RunDirectory

SEEN, READING = {"yes", "no", "undecided"}, {"stands", "explained", "untested"}
IDS = [f"C{k}" for k in range(1, 23) if k != 21]
NUMBERS = {
    "samples": 200,
    "width": 4,
    "replicas": 2,
    "waiting_times": (5,),
    "epochs": 20,
    "temperatures": (0.1, 0.001, 0.0),
}
BASIS = Basis("laptop", 4, 1, "made")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two regularised runs, the second one longer."""
    folder = tmp_path_factory.mktemp("claims")
    for name, t_max in (("short", 40), ("long", 300)):
        asked = Relaxation.preset("mnist", "demo", {**NUMBERS, "t_max": t_max})
        directory, maker = RunDirectory(folder / name), asked.make_engine()
        with directory.locked():
            work = plan(asked.points(), asked.replicas, maker, directory)
            begin(directory, asked, maker, to_work=True)
            run(work, maker, directory)
    return folder


def test_the_command_prints_and_writes_the_table(runs: Path) -> None:
    done = glassnet("claims", ".", "--output", "table", cwd=runs)
    assert (done.returncode, done.stderr) == (0, "")
    rows = json.loads((runs / "table" / "claims.json").read_text())
    assert [row["id"] for row in rows] == IDS
    names = ["id", "sentence", "paper", "value", "low", "high", "unit", "seen", "null", "null_value", "reading"]
    names += ["scale", "n_replicas", "n_lost", "rule", "command"]
    for row in rows:
        assert list(row) == names
        assert row["seen"] in SEEN
        assert row["reading"] in READING
        assert row["command"].startswith(("glassnet ", "pip "))
        assert all(row[name] is None or isinstance(row[name], float) for name in ("value", "low", "high", "null_value"))
        assert "Found: " in row["rule"]
        assert f"{row['id']}, seen: {row['seen']}, reading: {row['reading']}" in done.stdout
    third = rows[2]
    assert (third["scale"], third["n_replicas"], third["n_lost"]) == ("custom", 2, 0)
    markdown = (runs / "table" / "claims.md").read_text().splitlines()
    assert len(markdown) == 25
    assert len({line.replace("\\|", "").count("|") for line in markdown[:23]}) == 1
    assert markdown[-1].startswith("C21 is withdrawn.")


def test_the_largest_run_speaks(runs: Path) -> None:
    found = gather(open_runs([runs])).relaxed("regularised")
    assert found is not None
    assert found.request.t_max == 300
    assert command(found.request) == found.command
    options = shlex.split(found.command)
    assert options[options.index("--t-max") + 1] == "300"
    assert options.count("--temperature") == 3
    assert found.live.shape == found.record.ensemble.weights.shape


def test_without_runs_nothing_is_decided(tmp_path: Path) -> None:
    assert {(claim.seen, claim.reading) for claim in assess([])} == {("undecided", "untested")}
    refused = glassnet("claims", ".", cwd=tmp_path)
    assert refused.returncode == 2
    assert "or folders that hold some, but . holds none" in refused.stderr


def test_every_command_that_would_decide_can_be_given(runs: Path) -> None:
    some = [claim for found in ([], open_runs([runs])) for claim in assess(found)]
    for text in {one for claim in some for one in claim.command.split(" && ")}:
        if text.startswith("glassnet run"):
            assert asked_by(text).points()
        else:
            program, verb, figure, option, scale = shlex.split(text)
            assert (program, verb, option) == ("glassnet", "reproduce", "--scale")
            assert choose([figure])
            assert scale in SCALES


def test_networks_that_diverged_are_counted(tmp_path: Path) -> None:
    numbers = {"samples": 200, "widths": [3], "l2s": [0.0, 1e4], "epochs": [1, 400], "replicas": 2, "descent": 2}
    found = make(request("phase_diagram", "plane", "mnist", "demo", numbers), tmp_path / "run")
    (lines,) = gather([found]).losses
    last = lines.table["data_loss"].sel(l2=1e4, epochs=400)
    assert not np.isfinite(last).all()
    assert (lines.basis.n_replicas, lines.basis.n_lost) == (2, 2)


def test_runs_that_say_nothing_of_the_paper_are_named(tmp_path: Path) -> None:
    columns = np.random.default_rng(0).standard_normal((60, 3))
    own = gn.read_dataset((columns, np.arange(60) % 2))
    few = {**NUMBERS, "samples": 60, "batch_size": 20, "epochs": 1, "t_max": 4}
    for name, data, changes in (("own", OwnData.of(own), {}), ("pixel", "mnist", {"inputs": "pixel"})):
        make(Relaxation.preset(data, "demo", {**few, **changes}), tmp_path / name)
    done = glassnet("claims", ".", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "seen: 21 undecided" in done.stdout
    assert "Left out: own: the claims are about MNIST and CIFAR-10, this is about own data.\n" in done.stdout
    assert "Left out: pixel: the claims are about inputs = standardised, this has pixel.\n" in done.stdout
    assert "inputs as prepared" in glassnet("show", "own", cwd=tmp_path).stdout


def test_names_of_scales_and_phases() -> None:
    laptop = Relaxation.preset("mnist", "laptop")
    assert commands.scale_of(laptop) == "laptop"
    assert commands.scale_of(Relaxation.preset("mnist", "laptop", {"skin": True, "seed": 3})) == "laptop"
    assert commands.scale_of(Relaxation.preset("mnist", "laptop", {"t_max": 10_000})) == "custom"
    larger = commands.larger(Relaxation.preset("mnist", "paper"), "regularised")
    assert larger == "glassnet run relaxation --phase regularised --scale paper --replicas 100"
    for phase in PHASES:
        for dataset in ("mnist", "cifar10"):
            assert {phase_of(Relaxation.preset(dataset, scale, phase=phase)) for scale in ("demo", "paper")} == {phase}
    assert phase_of(Relaxation.preset("mnist", "demo", {"l2": 0.1})) is None


def test_a_claim_about_several_phases() -> None:
    good = Finding("yes", "fine", (BASIS,), Measured(-1.0, -1.1, -0.9, 4), null=Null("drift", -1.1, "stands", "near"))
    lacking = Finding("undecided", "nothing", (), decides="glassnet run it")
    explained = replace(good, null=Null("drift", -1.0, "explained"))
    wrong = Finding("no", "wrong")

    def verdicts(*several: Finding) -> tuple[str, str]:
        whole = together([("a", one) for one in several])
        return whole.seen, whole.null.reading

    assert verdicts(good, good) == ("yes", "stands")
    assert verdicts(good, lacking) == ("undecided", "untested")
    assert verdicts(good, replace(lacking, seen="yes")) == ("yes", "stands")  # it has no null
    assert verdicts(good, explained) == ("yes", "explained")
    assert verdicts(lacking, wrong, explained) == ("no", "explained")
    assert verdicts(wrong, wrong) == ("no", "untested")
    assert together([("a", good), ("b", lacking)]).decides == "glassnet run it"
    whole = together([("a", good), ("b", replace(good, seen="undecided"))])
    claim = Claim.of("C3", "So it is.", "-1", "slope", "A rule.", whole)
    assert (claim.value, claim.n_replicas, claim.n_lost, claim.scale) == (-1.0, 4, 1, "laptop")
    assert (claim.sentence, claim.null, claim.null_value) == ("So it is.", "drift", -1.1)
    assert claim.rule == "A rule. Found: a: fine; b: fine. Null: a: near; b: near."
    infinite = Claim.of("C1", "N*", "", "", "", Finding("undecided", "", measured=Measured(np.nan, 0.0, np.inf, 0)))
    assert json.loads(to_json([infinite]))[0]["high"] is None
    assert to_markdown([infinite]).splitlines()[2].startswith("| C1 | N\\* |")


def test_every_rule_is_stated_once() -> None:
    assert len({rule.id for rule in RULES}) == 21
    assert [rule.id for rule in RULES if not rule.rule.endswith(".")] == []


def _table(losses: dict[int, dict[float, list[float]]], lengths: dict[int, float], dataset: str = "mnist") -> Losses:
    """Losses by width and l2, and by what length of SGD multiplies them."""
    widths, l2s = list(losses), list(next(iter(losses.values())))
    values = np.array([[losses[width][l2] for l2 in l2s] for width in widths])
    data = np.stack([values * factor for factor in lengths.values()])
    coords = {"epochs": list(lengths), "width": widths, "l2": l2s, "origin": np.arange(data.shape[-1])}
    table = xr.Dataset(
        {"data_loss": (tuple(coords), data), "alive": (tuple(coords), np.ones_like(data))},
        {**coords, "ratio": ("width", np.array(widths) / 250.0)},
        {"dataset": dataset},
    )
    return Losses(table, BASIS)


def _falling(*at: int) -> dict[int, dict[float, list[float]]]:
    """Zero loss from each initial condition's own width on."""
    return {width: {0.0: [1e-9 if width >= one else 0.01 for one in at]} for width in (30, 36, 39, 42, 45, 48, 54, 90)}


SLOWER = (48, 54, 90, 48, 54, 90, 45, 54)


def test_zero_loss() -> None:
    def judged(*tables: Losses) -> Finding:
        return transitions.zero_loss(Evidence(losses=tables))

    scattered = (42, 48, 54, 42, 48, 54, 39, 48)
    stays = judged(_table(_falling(*scattered), {7000: 1.0, 17_000: 1.0}))
    assert (stays.seen, stays.null.reading) == ("yes", "stands")
    assert stays.measured.low < 0.18 < stays.measured.high
    moves = judged(_table(_falling(*scattered), {7000: 1e6, 17_000: 1.0}))
    assert (moves.seen, moves.null.name, moves.null.reading) == ("yes", "the length of training", "explained")
    # Some sizes reach zero loss sooner than others: N* may have moved, and is not known to have stayed.
    longer, shorter = (_table(_falling(*at), {7000: 1.0, 17_000: 1.0}).table for at in (scattered, SLOWER))
    moved = judged(Losses(xr.concat([shorter.isel(epochs=[0]), longer.isel(epochs=[1])], "epochs"), BASIS))
    assert (moved.seen, moved.null.reading) == ("yes", "untested")
    assert judged(_table(_falling(90, 90, 90, 90), {7000: 1.0, 17_000: 1.0})).seen == "undecided"
    assert judged(_table(_falling(45, 45, 45, 45), {7000: 1.0, 17_000: 1.0})).seen == "undecided"
    # Where the widths end too early to say where N* was before, it may have moved.
    half = _falling(54, 54, 54, 54, 90, 90, 90, 90)
    parts = [_table(one, {length: 1.0}).table for one, length in ((half, 7000), (_falling(*scattered), 17_000))]
    unknown = judged(Losses(xr.concat(parts, "epochs").sel(width=slice(54)), BASIS))
    assert (unknown.seen, unknown.null.reading) == ("yes", "untested")
    narrow, both = Losses(longer.sel(width=slice(42)), BASIS), Losses(longer, BASIS)
    assert judged(narrow, both).measured == judged(both, narrow).measured == judged(both).measured
    early = judged(_table(_falling(30, 36, 36, 36), {7000: 1.0, 17_000: 1.0}))
    assert early.seen == "undecided"
    assert judged(_table(_falling(30, 30, 30, 30), {7000: 1.0, 17_000: 1.0})).seen == "no"
    assert judged(_table(_falling(*scattered), {7000: 1.0})).seen == "undecided"
    narrow = _table({width: one for width, one in _falling(90).items() if width < 60}, {7000: 1.0, 17_000: 1.0})
    assert judged(narrow).decides == judged().decides
    assert judged().decides.endswith("--set 'widths=[36, 39, 42, 45, 48, 54, 72, 90]' --set replicas=20")


LAMBDAS = (0.005, 0.01, 0.015, 0.02, 0.025, 0.03, 0.035, 0.04, 0.08, 0.15)


def _rising(at: dict[int, float], kink: float = 0.1) -> dict[int, dict[float, list[float]]]:
    """Data loss 1/2 from each width's own lambda on."""
    return {w: {l2: [0.5 if l2 > one else kink] * 4 for l2 in LAMBDAS} for w, one in at.items()}


def test_collapse() -> None:
    def judged(*tables: Losses) -> Finding:
        return transitions.collapse(Evidence(losses=tables))

    found = judged(_table(_rising({30: 0.021, 60: 0.036}, kink=0.32), {1000: 1.0}))
    assert found.seen == "yes"
    assert found.measured.low == pytest.approx(0.02)
    assert "4 seen in a state of loss 0.3 to 0.35" in found.found
    assert judged(_table(_rising({30: 0.1}), {1000: 1.0})).seen == "no"
    assert judged(_table(_rising({30: 0.021}), {1000: 1.0})).seen == "undecided"
    ramp = {w: {l2: [min(0.5, 0.05 + 0.4 * l2 / one)] * 4 for l2 in LAMBDAS} for w, one in ((30, 0.02), (60, 0.03))}
    assert "0% jump" in (found := judged(_table(ramp, {1000: 1.0}))).found
    assert found.seen == "undecided"
    apart = [_table(_rising({w: at}), {length: 1.0}) for w, at, length in ((30, 0.021, 1000), (60, 0.036, 300))]
    assert "no transition at two widths trained for as long" in judged(*apart).found
    many = _table(_rising({30: 0.021, 60: 0.036}, kink=0.32), {300: 1.0})
    few = Losses(_table(_rising({30: 0.026, 60: 0.026}), {1000: 1.0}).table.isel(origin=slice(3)), BASIS)
    for both in ((many, few), (few, many)):
        assert judged(*both).seen == "yes"
        assert judged(*both).measured.low == pytest.approx(0.02)
    assert judged(_table(_rising({30: 0.021, 60: 0.021}), {1000: 1.0})).seen == "undecided"
    assert "--set 'widths=[30, 60]' --set replicas=20" in judged().decides


def test_cifar10() -> None:
    runs = [relaxed(drifting, phase, dataset="cifar10", loss=0.1) for phase in PHASES[:2]]
    flat = relaxed(free, PHASES[2], dataset="cifar10")
    losses = (
        _table(_falling(42, 48, 54, 42), {7000: 1.0, 17_000: 1.0}, "cifar10"),
        _table(_rising({30: 0.021}), {1000: 1.0}, "cifar10"),
    )
    whole = replace(evidence(*runs, flat), losses=losses)
    assert cifar10.same(whole).seen == "yes"
    assert cifar10.same(replace(whole, losses=losses[:1])).seen == "undecided"
    bent = relaxed(drifting, PHASES[2], dataset="cifar10")
    assert cifar10.same(replace(evidence(*runs, bent), losses=losses)).seen == "no"


def test_live_weights() -> None:
    landscape = small_landscape()
    network = landscape.network
    ensemble = gn.Ensemble.random(network, 3)
    first, second, last = (matrix.copy() for matrix in network.unflatten(ensemble.weights))
    rows = landscape.dataset.features
    first[0][:, 2] = 0.0  # silent unit of the first layer
    second[1][:, 4] = -np.abs(second[1][:, 4])  # non-negative inputs, weights below 0
    changed = gn.Ensemble.from_weights(network, [first, second, last])
    live = live_weights(changed, landscape)
    masks = network.unflatten(live.astype(np.float64))
    assert not masks[0][0][:, 2].any()
    assert not masks[1][0][2].any()
    assert not masks[1][1][:, 4].any()
    assert not masks[2][1][4].any()
    # The data has no gradient where units are dead, and here wherever it has none a unit is.
    for weights, mask in zip(changed.weights, live, strict=True):
        gradient = landscape.gradient(weights, l2=0.0)
        assert not gradient[~mask].any()
    assert live[2].all() == all((np.maximum(rows @ first[2], 0.0) > 0).any(axis=0))
    with pytest.raises(ValueError, match="ensemble must be of"):
        live_weights(gn.Ensemble.random(gn.Mlp(4, 5, 2), 1), landscape)


def test_a_longer_run_at_rest_alone_does_not_speak(tmp_path: Path, runs: Path) -> None:
    """As the pieces of a long run are before the others are there."""
    numbers = NUMBERS | {"t_max": 1000, "temperatures": (0.0,)}
    make(Relaxation.preset("mnist", "demo", numbers), tmp_path / "T-0")
    alone = gather(open_runs([tmp_path])).relaxed("regularised")
    assert alone is not None
    assert alone.request.t_max == 1000
    assert alone.null() is not None
    beside = gather(open_runs([runs, tmp_path])).relaxed("regularised")
    assert beside is not None
    assert beside.request.t_max == 300
    assert {claim.id for claim in assess(open_runs([tmp_path]))} == set(IDS)


@pytest.mark.parametrize(
    ("unique", "reading"), [((0.04, 0.045), "explained"), ((0.019, 0.026), "stands"), (None, "untested")]
)
def test_where_all_networks_end_in_one_state_is_the_reading_of_lambda(
    unique: tuple[float, float] | None, reading: str
) -> None:
    tables = (_table(_rising({30: 0.021, 60: 0.036}, kink=0.32), {1000: 1.0}),)
    swept = {} if unique is None else {"lambda_unique": (Measured(sum(unique) / 2, *unique, 4), BASIS)}
    found = transitions.collapse(Evidence(losses=tables, sweeps=swept))
    assert (found.seen, found.null.reading) == ("yes", reading)
    assert found.open == (unique is None)
