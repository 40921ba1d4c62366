"""Figures: what is drawn is what was measured, and limits are marked as limits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from conftest import small_landscape
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from matplotlib.text import Annotation
from numpy.typing import NDArray
from scipy.special import erf, erfinv
from small_records import CHI, COLD, DRAWINGS, HOT, LEARNING_RATE, MIDDLE, N_SAMPLES, WAIT, measured

import glassnet as gn
from glassnet import figures
from glassnet.analysis import (
    bowl_limit,
    bowl_mean_square_displacement,
    bowl_overlap,
    crossover,
    long_time_level,
)
from glassnet.figures import style


@pytest.fixture(scope="module")
def record() -> gn.Record:
    """Four temperatures: hot enough to be below the first save time, and T = 0, which does not reach 0.9."""
    return measured([HOT, COLD, MIDDLE, 0.0])


def x_of(line: Line2D) -> NDArray[np.float64]:
    """The line's x values."""
    return np.asarray(line.get_xdata(), dtype=np.float64)


def y_of(line: Line2D) -> NDArray[np.float64]:
    """The line's y values."""
    return np.asarray(line.get_ydata(), dtype=np.float64)


def lines(axes: Axes, **wanted: Any) -> list[Line2D]:
    """The lines of a panel with these properties."""
    return [line for line in axes.lines if all(getattr(line, f"get_{k}")() == v for k, v in wanted.items())]


def solid(axes: Axes, record: gn.Record, temperature: float) -> Line2D:
    """The line of one temperature's mean."""
    wanted = style.temperature_lines(np.unique(record.data.temperature.values).tolist())[temperature]
    kind = "-" if temperature else "--"
    found = [x for x in lines(axes, color=wanted["color"], linestyle=kind) if x.get_linewidth() > 1]
    assert len(found) == 1
    return found[0]


def mean_at(observable: xr.DataArray, temperature: float) -> xr.DataArray:
    """The mean curve of one temperature at the shown waiting time, by plain averaging."""
    rows = observable.isel(replica=observable.temperature.values == temperature)
    return rows.sel(waiting_time=WAIT).mean("replica")


def test_the_lines_of_the_overlap_are_its_means(record: gn.Record) -> None:
    q = gn.overlap(record, chi=CHI)
    figure = DRAWINGS["overlap"](record)
    for axes in figure.axes:
        for temperature in (HOT, MIDDLE, COLD, 0.0):
            line = solid(axes, record, temperature)
            np.testing.assert_array_equal(x_of(line), record.data.time)
            np.testing.assert_allclose(y_of(line), mean_at(q, temperature), rtol=1e-14)
        assert axes.get_xlim() == pytest.approx((1, 200))
        assert axes.get_xlabel() == "$t$ (steps)"
        assert axes.get_ylabel() == "$Q(t)$"
        assert len([c for c in axes.collections if isinstance(c, PolyCollection)]) == 4
    assert [axes.get_yscale() for axes in figure.axes] == ["linear", "log"]


def test_the_dashed_lines_of_the_overlap_are_free_diffusion_with_each_replicas_epsilon(
    record: gn.Record,
) -> None:
    axes = DRAWINGS["overlap"](record).axes[0]
    colour = style.temperature_lines([HOT, MIDDLE, COLD])[MIDDLE]["color"]
    (line,) = lines(axes, color=colour, gid="free")
    t = x_of(line)
    epsilon = record.data.sigma.values[record.data.temperature.values == MIDDLE] / CHI
    d = LEARNING_RATE * MIDDLE / N_SAMPLES
    np.testing.assert_allclose(y_of(line), erf(epsilon[:, None] / np.sqrt(4 * d * t)).mean(0), rtol=1e-12)


def test_relaxation_times_are_drawn_as_numbers_or_as_limits(record: gn.Record) -> None:
    found = gn.relaxation_time(gn.overlap(record, chi=CHI)).sel(waiting_time=WAIT)
    assert found.outcome_of_mean.sel(temperature=[0.0, COLD, MIDDLE, HOT]).values.tolist() == [
        "not reached",
        "not reached",
        "reached",
        "below the first save time",
    ]
    (axes,) = DRAWINGS["relaxation_time"](record).axes
    (estimate,) = lines(axes, gid="estimate")
    assert x_of(estimate) == [MIDDLE]
    assert y_of(estimate) == [float(found.estimate.sel(temperature=MIDDLE))]
    (below,) = lines(axes, gid="below the first save time")
    assert [*x_of(below), *y_of(below)] == [HOT, 1.0]
    above = lines(axes, gid="not reached")
    assert [y_of(line) for line in above] == [[200.0], [200.0]]
    assert {line.get_color() == "black" for line in above} == {True, False}
    arrows = [(a.xy[1], a.xyann[1]) for a in axes.texts if isinstance(a, Annotation) and a.arrow_patch]
    assert sorted(tip > foot for tip, foot in arrows) == [False, True, True]
    assert axes.get_ylabel() == r"$\tau_{90}$ (steps)"
    assert "slope $-1$" in [line.get_label() for line in axes.lines]


def test_an_interval_of_tau_and_the_line_at_zero_are_those_of_the_analysis() -> None:
    record = measured([MIDDLE, 1e-3, 0.0], learning_rate=1e-2)
    found = gn.relaxation_time(gn.overlap(record, chi=10)).sel(waiting_time=WAIT)
    (axes,) = figures.draw_relaxation_time(record, chi=10, waiting_time=WAIT).axes
    (zero,) = lines(axes, gid="zero")
    assert y_of(zero) == pytest.approx([float(found.estimate.sel(temperature=0.0))] * 2)
    bars = [np.sort(s[:, 1]) for c in axes.collections for s in getattr(c, "get_segments", list)()]
    drawn = sorted(bars, key=lambda bar: float(bar[0]))
    expected = sorted([float(found[k].sel(temperature=t)) for k in ("low", "high")] for t in (MIDDLE, 1e-3))
    np.testing.assert_allclose(drawn, expected, rtol=1e-12)


@pytest.mark.parametrize(("threshold", "label"), [(0.9, r"\tau_{90}"), (np.exp(-1), r"\tau_e"), (0.5, r"\tau_{50}")])
def test_the_dashed_line_of_tau_is_free_diffusion(record: gn.Record, threshold: float, label: str) -> None:
    (axes,) = figures.draw_relaxation_time(record, chi=CHI, waiting_time=WAIT, threshold=threshold).axes
    (free,) = lines(axes, gid="free")
    epsilon2 = np.mean((record.data.sigma.values / CHI) ** 2)
    d = LEARNING_RATE * x_of(free) / N_SAMPLES
    np.testing.assert_allclose(y_of(free), epsilon2 / (4 * d * erfinv(threshold) ** 2), rtol=1e-12)
    assert label in axes.get_ylabel()
    guide = lines(axes, gid="slope")[0]
    slope = np.diff(np.log(y_of(guide))) / np.diff(np.log(x_of(guide)))
    assert slope == pytest.approx(-1)


def test_t_star_is_marked_where_two_regimes_are_seen(record: gn.Record) -> None:
    bent = measured([0.1, 0.03, 0.01, 1e-3, 1e-4, 0.0], learning_rate=1e-2)
    (axes,) = figures.draw_relaxation_time(bent, chi=10, waiting_time=WAIT).axes
    found = crossover(gn.relaxation_time(gn.overlap(bent, chi=10)).sel(waiting_time=WAIT), shape="either")
    assert found.outcome == "two regimes"
    (star,) = lines(axes, gid="crossover")
    assert x_of(star).tolist() == [found.temperature.value] * 2
    # An interval that reaches beyond the axis does not take its label there.
    vague = figures.draw_relaxation_time(
        measured([0.02, 0.012, 3e-3, 1e-3, 1e-4], learning_rate=1e-2), chi=10, waiting_time=WAIT
    )
    (label,) = (text for text in vague.axes[0].texts if text.get_text() == "$T^*$")
    low, high = vague.axes[0].get_xlim()
    assert low <= label.xy[0] <= high  # type: ignore[attr-defined]
    (none,) = DRAWINGS["relaxation_time"](record).axes
    assert not lines(none, gid="crossover")


def test_what_is_left_of_q_stands_beside_the_bowl_of_its_weights(record: gn.Record) -> None:
    (_, axes) = figures.draw_collapse(record, chi=CHI, waiting_time=WAIT).axes
    warm = sorted([HOT, MIDDLE, COLD])
    (crosses,) = lines(axes, gid="G1")
    limit = bowl_limit(record, chi=CHI, waiting_time=WAIT)
    assert x_of(crosses).tolist() == warm
    np.testing.assert_allclose(y_of(crosses), [limit[limit.temperature == t].mean() for t in warm], rtol=1e-12)
    (bowl,) = lines(axes, gid="bowl")
    at_end = bowl_overlap(record, chi=CHI, waiting_time=WAIT).isel(time=-1)
    expected = [at_end[at_end.temperature == t].mean() for t in (COLD, MIDDLE)]
    # The dashed line has continuous steps and all replicas' sigma.
    np.testing.assert_allclose(np.interp(np.log([COLD, MIDDLE]), np.log(x_of(bowl)), y_of(bowl)), expected, rtol=0.05)

    found = long_time_level(gn.overlap(record, chi=CHI).sel(waiting_time=WAIT))
    at_rest = [float(t) for t in found.temperature if t > 0 and found.outcome.sel(temperature=t) == "stationary"]
    assert sorted(float(x_of(one)[0]) for one in lines(axes, gid="stationary")) == sorted(at_rest)
    assert 0 < len(at_rest) < 3

    alone = figures.draw_collapse(measured([MIDDLE]), chi=CHI, waiting_time=WAIT).axes[1]
    assert len(lines(alone, gid="G1")) == 1
    keys = [
        [text.get_text() for text in figures.draw_collapse(one, chi=CHI, waiting_time=WAIT).legends[0].get_texts()]
        for one in (record, measured([0.0]))
    ]
    assert ["Eq. G1" in key for key in keys] == [True, False]


def test_mean_square_displacements_stand_beside_free_diffusion_and_epsilon(record: gn.Record) -> None:
    msd = gn.mean_square_displacement(record)
    (axes,) = DRAWINGS["mean_square_displacement"](record).axes
    for temperature in (HOT, COLD, 0.0):
        np.testing.assert_allclose(y_of(solid(axes, record, temperature)), mean_at(msd, temperature), rtol=1e-14)
    colour = style.temperature_lines([HOT, MIDDLE, COLD])[HOT]["color"]
    (free,) = lines(axes, color=colour, linestyle="--")
    np.testing.assert_allclose(y_of(free), 2 * LEARNING_RATE * HOT / N_SAMPLES * record.data.time.values, rtol=1e-14)
    bowls = {to_rgb(line.get_color()): y_of(line) for line in lines(axes, gid="bowl")}
    assert len(bowls) == 3
    bowl = bowl_mean_square_displacement(record, waiting_time=WAIT)
    expected = bowl[bowl.temperature == HOT].mean("replica")
    np.testing.assert_allclose(bowls[to_rgb(solid(axes, record, HOT).get_color())], expected, rtol=1e-12)
    (level,) = lines(axes, gid="epsilon")
    assert y_of(level) == pytest.approx([np.mean((record.data.sigma.values / CHI) ** 2)] * 2)
    low, high = axes.get_ylim()
    assert 0 < low < float(mean_at(msd, 0.0).min())
    assert float(mean_at(msd, HOT).max()) < high < 1e3 * float(mean_at(msd, HOT).max())


def test_between_the_dashed_lines_of_alpha_2_lie_95_percent_of_gaussian_samples(record: gn.Record) -> None:
    figure = DRAWINGS["non_gaussian"](record)
    bottom, top = sorted(float(y_of(line)[0]) for line in lines(figure.axes[0], gid="gaussian"))
    n = int(record.data.n_layer_weights.sum())
    dw = np.random.default_rng(0).normal(size=(4000, 3, n))
    alpha = ((dw**4).mean(-1) / (3 * (dw**2).mean(-1) ** 2) - 1).mean(-1)
    # Standard errors: 1/sqrt(4000) of the mean and 1.1 % of the width, a little more for a skew distribution.
    assert (bottom + top) / 2 == pytest.approx(alpha.mean(), abs=4 * alpha.std() / np.sqrt(4000))
    assert (top - bottom) / 2 == pytest.approx(1.96 * alpha.std(), rel=0.06)


def test_alpha_2_is_drawn_pooled_and_within_layers(record: gn.Record) -> None:
    pooled, within = DRAWINGS["non_gaussian"](record).axes
    np.testing.assert_allclose(y_of(solid(pooled, record, 0.0)), mean_at(gn.non_gaussian(record), 0.0), rtol=1e-12)
    sizes = record.data.n_layer_weights.values
    layers = [mean_at(gn.non_gaussian(record, layers=[i]), 0.0).values for i in range(len(sizes))]
    np.testing.assert_allclose(y_of(solid(within, record, 0.0)), np.average(layers, axis=0, weights=sizes), rtol=1e-12)


def test_the_area_under_a_distribution_of_mobilities_is_one(record: gn.Record) -> None:
    whole, apart = DRAWINGS["mobility"](record).axes
    curves = [solid(whole, record, t) for t in (HOT, MIDDLE, COLD, 0.0)]
    assert len(apart.lines) == record.data.sizes["layer"]
    for line in (*curves, *apart.lines):
        assert np.sum(y_of(line)) * np.diff(np.log10(x_of(line)))[0] == pytest.approx(1)
    sizes = record.data.n_layer_weights.values
    assert sizes[-1] < sizes.min(initial=10**9, where=np.arange(len(sizes)) < len(sizes) - 1)
    assert len(x_of(apart.lines[-1])) < len(x_of(apart.lines[0]))
    assert len({line.get_linestyle() for line in apart.lines}) > 1
    colour = style.temperature_lines([HOT, MIDDLE, COLD])[HOT]["color"]
    (free,) = lines(whole, color=colour, linestyle="--")
    x, y = x_of(free), y_of(free)
    assert np.trapezoid(y, np.log10(x)) == pytest.approx(1, rel=1e-4)
    assert x[np.argmax(y)] == pytest.approx(np.sqrt(2 * LEARNING_RATE * HOT / N_SAMPLES * 200), rel=0.05)


def test_the_history_shows_each_replica_and_the_mean_change(record: gn.Record) -> None:
    level, drift, share = DRAWINGS["history"](record).axes
    loss = record.data.data_loss
    np.testing.assert_allclose(y_of(solid(level, record, HOT)), mean_at(loss, HOT), rtol=1e-14)
    change = mean_at(loss - loss.isel(time=0), HOT)
    np.testing.assert_allclose(y_of(solid(drift, record, HOT)), change, rtol=1e-12, atol=1e-15)
    assert len([line for line in level.lines if line.get_linewidth() < 1]) == 12
    assert share.get_ylim()[1] <= 1.01


@pytest.mark.parametrize("n", [1, 2, 4, 14])
def test_hotter_is_lighter_and_zero_is_black_and_broken(n: int) -> None:
    hot = (10.0 ** -np.arange(n)).tolist()
    drawn = style.temperature_lines([0.0, *hot])
    grey = [np.dot([0.2126, 0.7152, 0.0722], to_rgb(drawn[t]["color"])) for t in sorted(hot)]
    assert np.all(np.diff(grey) > 0.2 / n)
    assert all(0.02 < g < 0.8 for g in grey)
    assert drawn[0.0]["color"] == "black"
    assert drawn[0.0]["linestyle"] != "-"
    assert {drawn[t]["linestyle"] for t in hot} == {"-"}
    assert all(drawn[a]["marker"] != drawn[b]["marker"] for a, b in zip(sorted(hot), sorted(hot)[1:], strict=False))


def test_every_figure_says_what_its_intervals_are(record: gn.Record) -> None:
    for name, draw in DRAWINGS.items():
        figure = draw(record)
        texts = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
        texts += [axes.get_title(loc="left") for axes in figure.axes]
        assert any("95 %" in text and "interval" in text for text in texts), name


def test_intervals_of_alpha_2_are_those_of_the_mean_and_stay_where_it_can_be(record: gn.Record) -> None:
    pooled, _ = DRAWINGS["non_gaussian"](record).axes
    values = gn.non_gaussian(record)
    bars = {c.get_gid(): c for c in pooled.collections}
    assert set(bars) == {"interval"}
    for collection, temperature in zip(pooled.collections, (HOT, MIDDLE, COLD, 0.0), strict=True):
        for (t, low), (_, high) in collection.get_segments():  # type: ignore[attr-defined]
            rows = values.isel(replica=values.temperature.values == temperature).sel(waiting_time=WAIT, time=int(t))
            half = 4.302652729911275 * float(rows.std("replica", ddof=1)) / np.sqrt(3)
            assert high == pytest.approx(float(rows.mean()) + half)
            assert low == pytest.approx(max(float(rows.mean()) - half, -2 / 3))


EDGES: dict[str, dict[str, Any]] = {
    "a single replica": {"temperatures": [HOT, 0.0], "n_origins": 1},
    "only T = 0": {"temperatures": [0.0]},
    "one temperature, sparse losses": {"temperatures": [MIDDLE], "batch_size": 8},
    "all lost": {"temperatures": [HOT, 0.0], "overflowing": [0, 1, 2]},
    "Q of 0, cut short": {"temperatures": [1e5, 1e3, 1e-10], "until": 60, "learning_rate": 1e-2},
    "one save time after 0": {"temperatures": [HOT, 0.0], "times": [0, 10]},
}


@pytest.mark.parametrize("case", EDGES)
def test_every_figure_can_be_drawn_without_a_warning(case: str) -> None:
    edge = measured(**EDGES[case])
    for draw in DRAWINGS.values():
        figure = draw(edge)
        figure.set_dpi(40)
        figure.canvas.draw()
        for axes in figure.axes:
            assert np.isfinite([*axes.get_xlim(), *axes.get_ylim()]).all()
            assert axes.get_xlabel()
            assert axes.get_ylabel() or axes.get_title(loc="left").startswith("(b)")


def test_lost_replicas_are_counted_and_left_out() -> None:
    record = measured([HOT, 0.0], overflowing=[1])
    figure = DRAWINGS["mean_square_displacement"](record)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels[:2] == ["$10$ (2/3)", "$0$ (2/3)"]
    (axes,) = figure.axes
    kept = record.data.sigma.values[record.data.lost_at.values < 0]
    assert len(kept) == 4
    assert y_of(lines(axes, gid="epsilon")[0]) == pytest.approx([np.mean((kept / CHI) ** 2)] * 2)
    expected = gn.mean_square_displacement(record)[[0, 2], 1].mean("replica")
    np.testing.assert_allclose(y_of(solid(axes, record, HOT)), expected, rtol=1e-14)
    (tau,) = DRAWINGS["relaxation_time"](record).axes
    texts = [text.get_text() for text in tau.texts]
    assert "(2/3)" in texts
    assert "$T=0$ (2/3)" in texts
    assert tau.get_title(loc="right").endswith("$n=2$")
    (none,) = DRAWINGS["relaxation_time"](measured([HOT, 0.0], overflowing=[0, 1, 2])).axes
    assert {"(0/3)", "$T=0$ (0/3)", "no replica survived"} <= {text.get_text() for text in none.texts}
    none.figure.canvas.draw()
    for text in none.texts:
        box = text.get_window_extent()
        assert none.bbox.x0 <= box.x0 <= box.x1 <= none.bbox.x1
    assert [line.get_gid() for line in none.lines] == ["replicas"]
    assert np.isnan(y_of(none.lines[0])).all()


def test_what_cannot_be_drawn_is_refused_by_name(record: gn.Record, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"chi must be one that was recorded \(10, 100\).*7"):
        figures.draw_all(record, tmp_path / "x", chi=7, waiting_time=WAIT)
    with pytest.raises(ValueError, match=r"waiting_time must be one that was measured from \(0, 10\), but got 5"):
        figures.draw_non_gaussian(record, waiting_time=5)
    with pytest.raises(ValueError, match="formats must be any of png, pdf, but got 'gif'"):
        figures.draw_all(record, tmp_path / "x", chi=CHI, waiting_time=WAIT, formats=["gif"])
    other = measured([HOT], learning_rate=2e-3)
    two = gn.concat(
        [
            record,
            gn.Record(other.data.assign_coords(noise=other.data.noise + 9), _renamed(other), other.references),
        ]
    )
    with pytest.raises(ValueError, match=r"one learning_rate .*0\.0001, 0\.002"):
        figures.draw_history(two, waiting_time=WAIT)
    landscape = small_landscape()
    descent = gn.measure(
        gn.Ensemble.random(landscape.network, 1),
        landscape,
        gn.GradientDescent(1e-3),
        times=[1],
        engine="reference",
    )
    with pytest.raises(ValueError, match="record must be of Langevin dynamics"):
        figures.draw_mobility(descent, waiting_time=0)
    assert not (tmp_path / "x").exists()


def _renamed(record: gn.Record) -> gn.Ensemble:
    e = record.ensemble
    return gn.Ensemble(e.network, e.weights, e.seed, e.origin, e.noise + 9, e.step, e.alive)


def test_without_histograms_there_is_no_figure_of_mobility(tmp_path: Path) -> None:
    written = figures.draw_all(measured([HOT], times=[4, 11]), tmp_path, chi=CHI, waiting_time=WAIT)
    assert "mobility.png" not in [path.name for path in written]
    assert len(written) == 5


@pytest.mark.parametrize("chi", [10, CHI])
def test_the_label_of_the_master_exponent_stays_inside(record: gn.Record, chi: int) -> None:
    figure = figures.draw_collapse(record, chi=chi, waiting_time=WAIT, exponent=-0.48)
    figure.canvas.draw()
    axes = figure.axes[0]
    (label,) = (text for text in axes.texts if "paper" in text.get_text())
    box = label.get_window_extent()
    assert axes.bbox.x0 <= box.x0 < box.x1 <= axes.bbox.x1
