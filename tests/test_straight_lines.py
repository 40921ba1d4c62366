"""The loss along straight lines between minima: exact cases, its interval, and a tiny run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import small_landscape
from hypothesis import given
from hypothesis import strategies as st
from tiny_runs import make, planned

import glassnet as gn
from glassnet.beyond.straight_lines import (
    StraightLines,
    along_lines,
    barrier,
    barrier_row,
    both_ways,
    lines_of,
    over_origins,
)
from glassnet.runs import registry
from glassnet.runs.condense import condense
from glassnet.runs.pictures import draw_run
from glassnet.runs.run import open_run
from glassnet.runs.table import summary_files

TINY: dict[str, Any] = {"samples": 200, "width": 4, "depth": 2, "epochs": 3, "descent": 2, "replicas": 3}


def of(**changes: Any) -> StraightLines:
    return StraightLines.preset("mnist", "demo", {**TINY, "l2s": [0.0, 1e-2], "intervals": 4, **changes})


def two_points(*, l2: float = 0.0) -> gn.Landscape:
    """Inputs +1 and -1 with labels +1 and -1 under two hidden units."""
    data = gn.Dataset(np.array([[1.0], [-1.0]], np.float32), np.array([1, -1], np.float32))
    return gn.Landscape(gn.Mlp(1, 2, 1), data, gn.QuadraticHinge(l2))


def test_a_network_and_itself_have_no_barrier() -> None:
    landscape = small_landscape()
    network = gn.Ensemble.random(landscape.network, 1)
    pair = gn.Ensemble.from_weights(landscape.network, np.repeat(network.weights, 2, axis=0))
    lines = along_lines(pair, landscape, 10)
    for name in ("data_loss", "total_loss"):
        assert barrier(lines[name].values, lines["fraction"].values) == pytest.approx(0.0, abs=1e-15)
    assert lines["distance"].item() == 0.0


def test_a_pair_made_by_hand_has_the_barrier_that_is_calculated() -> None:
    # f(x) = relu(c x) d - relu(-c x) d = c d x, and the same with its units permuted; between them all weights are
    # multiplied by 1 - 2 s, so that f = (1 - 2 s)^2 c d x: halfway the network is dead, and the loss is 1/2.
    c = 2.0
    one, permuted = [c, -c, c, -c], [-c, c, -c, c]
    pair = gn.Ensemble.from_weights(two_points().network, np.array([one, permuted]))
    lines = along_lines(pair, two_points(), 20)
    s = lines["fraction"].values
    margin = (1 - 2 * s) ** 2 * c**2
    assert lines["data_loss"].values[0] == pytest.approx(0.5 * np.maximum(0, 1 - margin) ** 2, abs=1e-12)
    assert barrier(lines["data_loss"].values, s) == pytest.approx(0.5)
    assert lines["distance"].item() == pytest.approx(2 * c)
    # The L2 term is l2/2 |W|^2 = l2/2 (1 - 2 s)^2 4 c^2: it is convex, and lowers the barrier by what it lacks halfway.
    l2 = 1e-2
    total = along_lines(pair, two_points(l2=l2), 20)["total_loss"].values
    assert barrier(total, s) == pytest.approx(0.5 - l2 / 2 * 4 * c**2)


def test_where_the_network_is_linear_there_is_no_barrier() -> None:
    # Positive weights on positive inputs: the output layer alone is moved, on which the loss is convex.
    rng = np.random.default_rng(1)
    data = gn.Dataset(rng.random((50, 3)).astype(np.float32), np.where(rng.random(50) < 0.5, 1, -1).astype(np.float32))
    landscape = gn.Landscape(gn.Mlp(3, 4, 1), data, gn.QuadraticHinge(1e-2))
    weights = np.repeat(rng.random((1, landscape.network.n_weights)), 4, axis=0)
    weights[:, -4:] = 3 * rng.normal(size=(4, 4))
    lines = along_lines(gn.Ensemble.from_weights(landscape.network, weights), landscape, 10)
    for name in ("data_loss", "total_loss"):
        assert np.abs(barrier(lines[name].values, lines["fraction"].values)).max() < 1e-12
        assert lines[name].values[:, 5].mean() < lines[name].values[:, [0, -1]].mean()


@given(st.lists(st.floats(0, 10), min_size=3, max_size=20), st.floats(-5, 5), st.floats(-5, 5))
def test_a_barrier_is_not_negative_and_a_straight_line_changes_nothing(
    losses: list[float], start: float, slope: float
) -> None:
    s = np.linspace(0, 1, len(losses))
    height = barrier(np.array(losses), s)
    assert height >= 0
    assert barrier(np.array(losses) + start + slope * s, s) == pytest.approx(height, abs=1e-9)
    assert barrier(np.array(losses[::-1]), s) == pytest.approx(height, abs=1e-9)


def test_pairs_that_share_networks_are_not_independent() -> None:
    # Half the sum of two networks' own values: its mean over pairs is the mean over networks, and so is its error.
    rng = np.random.default_rng(5)
    own = rng.normal(size=9)
    first, second = np.triu_indices(9, 1)
    found = over_origins((own[first] + own[second]) / 2, first, second)
    assert found.n_origins == 9
    assert found.mean == pytest.approx(own.mean())
    assert found.standard_error == pytest.approx(own.std(ddof=1) / 3)
    assert np.isnan(over_origins(own[:1], first[:1], second[:1]).standard_error)


@pytest.mark.long
def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    # |x - y| of independent normal x, y has mean 2 / sqrt(pi).
    rng = np.random.default_rng(11)
    first, second = np.triu_indices(8, 1)
    held = 0
    for own in rng.normal(size=(2_000, 8)):
        low, high = over_origins(np.abs(own[first] - own[second]), first, second).interval
        held += bool(low < 2 / np.sqrt(np.pi) < high)
    assert 0.92 < held / 2_000 < 0.98


def test_networks_that_diverged_have_no_line() -> None:
    landscape = small_landscape()
    ensemble = gn.Ensemble.random(landscape.network, 3)
    lost = gn.Ensemble(
        ensemble.network,
        ensemble.weights,
        ensemble.seed,
        ensemble.origin,
        ensemble.noise,
        ensemble.step,
        np.array([True, False, True]),
    )
    lines = along_lines(lost, landscape, 4)
    assert (lines["first"].values.tolist(), lines["second"].values.tolist()) == ([0], [2])
    assert barrier_row(lines)["data_loss_low"] is None
    with pytest.raises(ValueError, match="at least two networks that did not diverge, but hold 1"):
        along_lines(lost[[0, 1]], landscape, 4)


def test_which_end_comes_first_means_nothing() -> None:
    values = np.array([[0.0, 3.0, 1.0]])
    assert both_ways(values).tolist() == both_ways(values[:, ::-1]).tolist() == [[0.5, 3.0, 0.5]]


def test_a_run_has_its_barriers_condensed_or_not(tmp_path: Path) -> None:
    request = of()
    assert planned(request, tmp_path / "run").n_units == 12
    run = make(request, tmp_path / "run")
    assert isinstance(run.request, StraightLines)
    assert "points" not in run.description
    tables = json.loads(summary_files(run)["summary.json"])
    assert [(row["l2"], row["n_networks"], row["n_pairs"]) for row in tables["barriers"]] == [(0.0, 3, 3), (1e-2, 3, 3)]
    assert [row["fraction"] for row in tables["lines"]] == [0.0, 0.25, 0.5, 0.75, 1.0] * 2
    point = request.minimum(0.0)
    losses = [one["data_loss"] for one in run.results(point).values()]
    lines = lines_of(run)[0.0]
    assert lines["data_loss"].values[0, [0, -1]] == pytest.approx(losses[:2], rel=1e-6)
    assert tables["lines"][0]["data_loss"] == pytest.approx(np.mean(losses), rel=1e-6)
    drawn = draw_run(run, tmp_path / "figures", ["png", "pdf"])
    assert not drawn.failed
    assert len(drawn.files) == 2
    condense(run, tmp_path / "run.run.zip")
    small = lines_of(open_run(tmp_path / "run.run.zip"))[0.0]
    assert small["data_loss"].values == pytest.approx(lines["data_loss"].values, abs=1e-3)


def test_a_run_of_which_nothing_is_done_says_so(tmp_path: Path) -> None:
    run = make(of(l2s=[0.0], quench_rate=1e30, epochs=1, descent=0), tmp_path / "run")
    assert run.request.tables(run)[0].rows == []
    with pytest.raises(ValueError, match="fewer than two networks of each l2 survived"):
        run.request.pictures(run)


def test_requests_are_made_by_names_and_checked() -> None:
    assert registry.request("straight_lines", dataset="cifar10", scale="laptop").numbers["intervals"] == 10
    with pytest.raises(ValueError, match="intervals must be even, so that halfway is looked at, but got 5"):
        of(intervals=5)
    with pytest.raises(ValueError, match="replicas must be an integer from 2 to 64, but got 1"):
        of(replicas=1)
