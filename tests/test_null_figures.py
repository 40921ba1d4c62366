"""Drift plus diffusion is drawn beside what it threatens: its lines have the values of gn.theory.drift_null."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from small_records import CHI, WAIT, measured

import glassnet as gn
from glassnet import figures
from glassnet.theory import drift_null, power_curvature

WARM = (0.1, 1e-3)

DRAWN: dict[str, Callable[[gn.Record], Figure]] = {
    "overlap": lambda r: figures.draw_overlap(r, chi=CHI, waiting_time=WAIT),
    "relaxation_time": lambda r: figures.draw_relaxation_time(r, chi=10, waiting_time=WAIT),
    "collapse": lambda r: figures.draw_collapse(r, chi=10, waiting_time=WAIT),
    "mean_square_displacement": lambda r: figures.draw_mean_square_displacement(r, chi=CHI, waiting_time=WAIT),
    "non_gaussian": lambda r: figures.draw_non_gaussian(r, waiting_time=WAIT),
    "mobility": lambda r: figures.draw_mobility(r, waiting_time=WAIT),
    "ageing": lambda r: figures.draw_ageing(r, chi=10, temperature=WARM[0]),
    "sensitivity": lambda r: figures.draw_sensitivity(r, waiting_time=WAIT),
}


@pytest.fixture(scope="module")
def record() -> gn.Record:
    """Two temperatures that relax within the run, and T = 0 from the same starts."""
    return measured([*WARM, 0.0], learning_rate=1e-2)


def nulls(axes: Axes) -> list[Line2D]:
    """The lines of the null in a panel."""
    return [line for line in axes.lines if line.get_gid() == "null"]


def xy(line: Line2D) -> np.ndarray[Any, Any]:
    """What a line goes through, ``(2, point)``."""
    return np.asarray(line.get_data(), dtype=np.float64)


def expected(record: gn.Record, name: str, temperature: float, chi: float = CHI, **options: Any) -> Any:
    """The mean of the null over the replicas of one temperature."""
    null = drift_null(record, chi=chi, **options).sel(waiting_time=WAIT)
    return null[name].isel(replica=null.temperature.values == temperature).mean("replica").values


@pytest.mark.parametrize(
    ("figure", "name", "panels"),
    [("overlap", "overlap", 2), ("mean_square_displacement", "mean_square_displacement", 1)],
)
def test_curves_against_time_are_the_means_of_the_null(record: gn.Record, figure: str, name: str, panels: int) -> None:
    drawn = DRAWN[figure](record)
    assert len(drawn.axes) == panels
    for axes in drawn.axes:
        assert len(nulls(axes)) == len(WARM)
        for line, temperature in zip(nulls(axes), WARM, strict=True):
            np.testing.assert_array_equal(xy(line)[0], record.data.sparse_time)
            np.testing.assert_allclose(xy(line)[1], expected(record, name, temperature), rtol=1e-12)


def test_alpha_2_is_of_all_weights_and_within_layers(record: gn.Record) -> None:
    pooled, within = DRAWN["non_gaussian"](record).axes
    sizes = record.data["n_layer_weights"].values
    for k, temperature in enumerate(WARM):
        np.testing.assert_allclose(xy(nulls(pooled)[k])[1], expected(record, "non_gaussian", temperature), rtol=1e-12)
        parts = [expected(record, "non_gaussian", temperature, layers=[layer]) for layer in range(len(sizes))]
        np.testing.assert_allclose(xy(nulls(within)[k])[1], np.average(parts, axis=0, weights=sizes), rtol=1e-10)


def test_the_mobility_is_that_of_the_null_at_the_last_time(record: gn.Record) -> None:
    whole, _ = DRAWN["mobility"](record).axes
    for line, temperature in zip(nulls(whole), WARM, strict=True):
        by_bin = expected(record, "mobility", temperature)[-1]
        np.testing.assert_allclose(xy(line)[1], by_bin.reshape(-1, 2).mean(axis=1), rtol=1e-10, atol=1e-12)


def test_relaxation_times_and_their_power_are_those_of_the_null(record: gn.Record) -> None:
    found = gn.relaxation_time(drift_null(record, chi=10).overlap).sel(waiting_time=WAIT).estimate
    wanted = [[t, float(found.sel(temperature=t))] for t in sorted(WARM)]
    assert np.isfinite(wanted).all()
    figure = DRAWN["relaxation_time"](record)
    (line,) = nulls(figure.axes[0])
    np.testing.assert_allclose(xy(line).T, wanted, rtol=1e-12)
    hottest = float(power_curvature(wanted[-1][1], learning_rate=1e-2))
    assert f"{hottest:.3g}" in figure.get_supxlabel()
    for panel in (DRAWN["sensitivity"](record).axes[0], DRAWN["ageing"](record).axes[2]):
        assert any(np.allclose(xy(one).T, wanted, rtol=1e-12) for one in nulls(panel))


def test_ageing_shows_the_null_from_each_waiting_time(record: gn.Record) -> None:
    curves, times, _ = DRAWN["ageing"](record).axes
    found = drift_null(record, chi=10).overlap
    tau = gn.relaxation_time(found).estimate.sel(temperature=WARM[0])
    of_one = found.isel(replica=found.temperature.values == WARM[0]).mean("replica")
    for line, wait in zip(nulls(curves), (0, WAIT), strict=True):
        np.testing.assert_allclose(xy(line)[1], of_one.sel(waiting_time=wait), rtol=1e-12)
    (across,) = nulls(times)
    np.testing.assert_allclose(xy(across)[1], tau.values, rtol=1e-12)


def test_ageing_says_from_which_waiting_times_alone_there_is_a_null(record: gn.Record) -> None:
    assert DRAWN["ageing"](record).get_supxlabel() == ""
    kept = record.data["histogram"].where(record.data.waiting_time == WAIT)
    condensed = gn.Record(record.data.assign(histogram=kept), record.ensemble, record.references)
    figure = DRAWN["ageing"](condensed)
    assert f"from t_w = {WAIT} only" in figure.get_supxlabel()
    assert len(nulls(figure.axes[0])) == len(nulls(figure.axes[2])) == 1


def test_the_collapse_has_the_null_over_its_own_time_and_at_the_end(record: gn.Record) -> None:
    scaled, left = DRAWN["collapse"](record).axes
    (end,) = nulls(left)
    wanted = [(t, expected(record, "overlap", t, chi=10)[-1]) for t in sorted(WARM)]
    np.testing.assert_allclose(xy(end).T, wanted, rtol=1e-12)
    assert nulls(scaled)
    tau = gn.relaxation_time(drift_null(record, chi=10).overlap, np.exp(-1)).tau_of_mean.sel(waiting_time=WAIT)
    for line, temperature in zip(nulls(scaled), WARM, strict=False):
        at = float(tau.sel(temperature=temperature))
        assert np.isfinite(at)
        np.testing.assert_allclose(xy(line)[0], record.data.sparse_time.values / at, rtol=1e-9)


@pytest.mark.parametrize("name", DRAWN)
def test_without_t_0_no_null_is_drawn_and_the_figure_says_what_adds_it(record: gn.Record, name: str) -> None:
    warm = record[record.data.temperature.values > 0]
    for of, there in ((record, True), (warm, False)):
        figure = DRAWN[name](of)
        assert any(map(nulls, figure.axes)) == there
        assert ("--temperature 0" in figure.get_supxlabel()) != there
        entries = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
        assert [one.replace("\n", " ") for one in entries].count("drift + diffusion") == there


def test_one_missing_partner_is_enough_to_draw_no_null(record: gn.Record) -> None:
    data = record.data
    kept = ~((data.temperature.values == 0) & (data.origin.values == 1))
    figure = DRAWN["overlap"](record[kept])
    assert not any(map(nulls, figure.axes))
    assert f"{len(WARM)} of {kept.sum()} replicas" in figure.get_supxlabel()


def test_without_histograms_the_figure_says_so() -> None:
    figure = DRAWN["overlap"](measured([0.1, 0.0], times=[11, 13, 17]))
    assert not any(map(nulls, figure.axes))
    assert "no histogram was recorded" in figure.get_supxlabel()
