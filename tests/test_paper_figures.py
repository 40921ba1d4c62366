"""Figures as the paper's captions have them, and the line under each that says what differs from its protocol."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_records import CHI, WAIT, measured

import glassnet as gn
from glassnet import figures
from glassnet.analysis import bowl_limit
from glassnet.paper.differences import differences, own_look, shown_look
from glassnet.paper.figures import FIGURES, Need, draw
from glassnet.runs.run import Run, open_run
from glassnet.theory import drift_null, quadratic_well

RUNS = Path(__file__).parents[1] / "docs/reproduction/runs"
REGULARISED = Need("relaxation", "regularised")


def committed(need: Need) -> Run[Any]:
    """The committed run of a need."""
    return open_run(RUNS / f"{need.folder('laptop')}.run.zip")


def test_the_line_has_ours_and_the_papers_numbers() -> None:
    run, paper = committed(REGULARISED), REGULARISED.request("paper")
    assert differences(run, paper, {}) == (
        "Other than the paper's (its numbers in brackets): 4 replicas (50), 700 epochs of SGD (7000), "
        "9 temperatures (14), t to 20000 (300000), t_w = 2000 (20000)."
    )
    assert differences(run, run.request, {}) == "The paper's protocol."
    wider = paper.changed({"width": 72, "replicas": 49})
    assert "width 30 (72), 4 replicas (49)" in differences(run, wider, {})


def test_a_figure_with_chi_and_waiting_time_of_its_own_is_held_against_these() -> None:
    run, paper = committed(REGULARISED), REGULARISED.request("paper")
    own = own_look("fig2b", "mnist", "regularised")
    assert shown_look(run, own) == {"chi": 400.0, "waiting_time": 5000}
    assert "t_w" not in differences(run, paper, own)
    assert "chi = 300 (333), t_w = 2000 (7)" in differences(run, paper, {"chi": 333.0, "waiting_time": 7})
    assert own_look("fig4", "mnist", "regularised") == {"chi": 500.0}
    assert own_look("figA6", "mnist", "underparameterised") == {"chi": 1000.0}
    assert own_look("fig3", "mnist", "regularised") == {}


def test_each_part_of_a_figure_has_the_line_of_its_own_run() -> None:
    needs = FIGURES["fig1a"].needs("mnist")
    (figure,) = (made() for made in draw("fig1a", "mnist", {need: committed(need) for need in needs}).values())
    assert "9 widths (18)" in " ".join(figure.get_supxlabel().split())
    runs = {need: committed(need) for need in FIGURES["fig3"].needs("mnist")}
    parts = draw("fig3", "mnist", runs)
    said = {phase: parts[f"fig3_{phase}_overlap"]().get_supxlabel() for phase in ("regularised", "overparameterised")}
    assert "700 epochs" in " ".join(said["regularised"].split())
    assert "29700 epochs of SGD (17000)" in " ".join(said["overparameterised"].split())
    assert all(one.count("brackets") == 1 for one in said.values())


@pytest.fixture(scope="module")
def record() -> gn.Record:
    """Two temperatures and T = 0, from the same starts."""
    return measured([0.1, 1e-3, 0.0], learning_rate=1e-2, snapshots=[200])


def test_pooled_mobility_counts_the_weights_of_all_replicas_in_100_logarithmic_bins(record: gn.Record) -> None:
    (axes,) = figures.draw_pooled_mobility(record, waiting_time=WAIT).axes
    pooled = [line for line in axes.lines if line.get_gid() == "pooled"]
    assert len(pooled) == 3
    data = record.data.sel(waiting_time=WAIT, snapshot_time=200)
    moved = np.abs(data.displacement.values[data.temperature.values == 0.1].astype(np.float64)).ravel()
    counts, edges = np.histogram(np.log10(moved[moved > 0]), bins=100)
    x, y = np.asarray(pooled[0].get_data(), dtype=np.float64)
    np.testing.assert_allclose(np.log10(x), (edges[1:] + edges[:-1]) / 2, rtol=1e-9)
    np.testing.assert_allclose(y, counts / counts.max())


def test_without_displacements_pooled_mobility_is_that_of_the_records_bins() -> None:
    record = measured([0.1, 0.0], learning_rate=1e-2, snapshots=[])
    (axes,) = figures.draw_pooled_mobility(record, waiting_time=WAIT).axes
    (hot, _), (null,) = (
        [np.asarray(line.get_data(), dtype=np.float64) for line in axes.lines if line.get_gid() == gid]
        for gid in ("pooled", "null")
    )
    at = {"waiting_time": WAIT, "time": 200}
    density = gn.mobility(record).sel(at)
    density = density.isel(replica=density.temperature.values == 0.1).mean("replica")
    np.testing.assert_allclose(hot[1], density / density.max(), rtol=1e-12)
    expected = drift_null(record, chi=1).mobility.sel(at)
    expected = expected.isel(replica=expected.temperature.values == 0.1).mean("replica")
    np.testing.assert_allclose(null[1], expected / expected.max(), rtol=1e-9, atol=1e-12)


def test_the_bowl_starts_at_the_measured_distance() -> None:
    record = measured([0.1, 0.0], learning_rate=1e-2)
    (axes,) = figures.draw_bowl(record, chi=CHI, waiting_time=WAIT).axes
    data = record.data
    w2 = data.weight_norm2.sel(waiting_time=WAIT).isel(time=0).sum("layer") / data.n_layer_weights.sum()
    offset = float(np.sqrt(w2.mean()))
    (line,) = [one for one in axes.lines if "measured" in str(one.get_label())]
    assert f"{offset:.3g}" in str(line.get_label())
    x, y = np.asarray(line.get_data(), dtype=np.float64)
    expected = quadratic_well.overlap(
        np.inf,
        epsilon=float(data.sigma.mean()) / CHI,
        stiffness=float(data.l2[0]),
        temperature=x,
        learning_rate=1e-2,
        n_samples=data.attrs["n_samples"],
        initial_offset=offset,
        waiting_time=0.0,
    )
    np.testing.assert_allclose(y, expected, rtol=1e-12)
    limit = bowl_limit(record, chi=CHI, waiting_time=WAIT)
    limit = limit[limit.temperature.values == 0.1].mean("replica")
    (cross,) = [one for one in axes.lines if one.get_gid() == "G1"]
    assert float(cross.get_ydata()[0]) == pytest.approx(float(limit))  # type: ignore[index, arg-type]


def test_the_loss_goes_through_three_marked_stages() -> None:
    need = Need("protocol", "regularised")
    run = committed(need)
    (figure,) = (made() for made in draw("fig2a", "mnist", {need: run}).values())
    titles = [axes.get_title(loc="right") for axes in figure.axes]
    assert [one.split(":")[0] for one in titles] == ["quench", "transient", "measurement"]
    langevin = run.records["langevin"].data["data_loss"].isel(waiting_time=0)
    times = langevin["time"].values
    for axes, kept, start in ((figure.axes[1], times <= 2000, 0), (figure.axes[2], times >= 2000, 2000)):
        line = next(one for one in axes.lines if one.get_gid() == "data_loss")
        x, y = np.asarray(line.get_data(), dtype=np.float64)
        wanted = langevin.isel(replica=0).values[kept]
        np.testing.assert_array_equal(x, times[kept][np.isfinite(wanted)] - start)
        np.testing.assert_array_equal(y, wanted[np.isfinite(wanted)])
    assert len({axes.get_ylim() for axes in figure.axes}) == 1
