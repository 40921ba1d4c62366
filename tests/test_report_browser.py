"""The interactive page in a browser: every control does what it says, with the numbers of the observables."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pages import Made, View
from scipy.special import stdtrit

import glassnet as gn
from glassnet.paper.experiments.phase_diagram import losses
from glassnet.report import SavedRecord, write_report

pytest.importorskip("plotly", reason='a report needs plotly: pip install "glassnet[report]"')

pytestmark = pytest.mark.long

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OTHER_CHI = 111.0
"""Not recorded: between those that are."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("there is no Chromium: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        sandbox = [] if os.geteuid() else ["--no-sandbox"]
        started = driver.chromium.launch(executable_path=CHROMIUM, args=sandbox, timeout=0)
        yield started
        started.close()


@pytest.fixture
def view(browser: Any, made: Made) -> Iterator[View]:
    context = browser.new_context(viewport={"width": 1400, "height": 900}, color_scheme="light")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    context.set_default_timeout(0)  # it waits for what comes, however long that takes
    opened = View(context.new_page(), made.file)
    yield opened
    assert opened.complaints == []
    context.close()


def curve(series: dict[str, Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    return np.array(series["x"], dtype=np.float64), np.array(series["y"], dtype=np.float64)


def same_means(plotted: list[dict[str, Any]], expected: list[Any], rtol: float = 1e-12) -> None:
    """Mean curves are those of ``ensemble_mean`` at times after 0."""
    assert len(plotted) == len(expected)
    for series, one in zip(plotted, expected, strict=True):
        x, y = curve(series)
        mean = gn.ensemble_mean(one)["mean"]
        mean = mean.isel(time=mean["time"].values > 0)
        np.testing.assert_array_equal(x, mean["time"].values)
        np.testing.assert_allclose(y, mean.values, rtol=rtol)


def test_every_figure_of_every_experiment_is_drawn(view: View, made: Made) -> None:
    view.open("claims")
    for i, name in enumerate(made.runs):
        view.page.get_by_role("link", name=name, exact=True).click()
        figures = view.page.locator(f"#run-{i} figure")
        figures.first.wait_for(state="attached")
        assert figures.count() == len(made.json(f"run-{i}-data")["figures"]) > 0, name
        for position in range(figures.count()):
            figure = figures.nth(position).get_attribute("id")
            view.figure(figure)
            drawn = view.page.evaluate("name => document.querySelector(`#${name} .plot`).data.length", figure)
            said = view.page.locator(f"#{figure} .empty").inner_text()
            assert drawn or said, figure
            assert drawn or figure.endswith(("master", "ageing_tau")), figure
    timing = view.open("run-0").page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
    view.figure("run-0-overlap")
    first = view.page.evaluate("Number(document.getElementById('run-0-overlap').dataset.drawn)")
    print(f"opened after {timing:.0f} ms, first figure after {first:.0f} ms")


def test_chi_recomputes_overlap_and_relaxation_times(view: View, made: Made) -> None:
    records = list(made.runs["relaxation"].records.values())
    at = {"waiting_time": 10}
    view.open("run-0")
    shown = made.runs["relaxation"].look.chi
    same_means(view.plotted("run-0-overlap"), [gn.overlap(one, chi=shown).sel(at) for one in records])
    view.page.locator('#run-0 [data-chi="30"]').click()
    same_means(view.plotted("run-0-overlap"), [gn.overlap(one, chi=30).sel(at) for one in records])
    assert "exact" in view.page.locator("#run-0 .chi output").inner_text()
    assert view.page.locator('#run-0 [data-chi="30"]').get_attribute("aria-pressed") == "true"

    view.move("#run-0 .chi input", np.log10(OTHER_CHI))
    view.page.wait_for_function("document.querySelector('#run-0 .chi output').textContent.includes('histograms')")
    chi = 10 ** float(view.page.locator("#run-0 .chi input").input_value())  # the slider has steps
    assert chi == pytest.approx(OTHER_CHI, rel=0.01)
    expected = [gn.overlap(one, chi=chi, approximate=True).sel(at) for one in records]
    same_means(view.plotted("run-0-overlap"), expected, rtol=1e-9)

    for level, threshold in (("tau_90", 0.9), ("tau_e", float(np.exp(-1)))):
        if level == "tau_e":
            view.page.locator('#run-0-tau select[data-setting="threshold"]').select_option("tau_e")
        drawn = {series["meta"]["condition"]: series for series in view.plotted("run-0-tau", "estimate")}
        for i, one in enumerate(expected):
            tau = gn.relaxation_time(one, threshold)
            if np.isfinite(tau["estimate"]) and records[i].data.temperature[0] > 0:
                assert drawn[i]["y"] == [pytest.approx(float(tau["estimate"]), rel=1e-9)]
            else:
                assert i not in drawn
    errors = view.page.evaluate(
        "document.querySelector('#run-0-tau .plot').data.filter(({meta}) => meta.kind === 'estimate')"
        ".map(({meta, y, error_y}) => [meta.condition, y[0] - error_y?.arrayminus[0], y[0] + error_y?.array[0]])"
    )
    for i, low, high in errors:
        tau = gn.relaxation_time(expected[i], float(np.exp(-1)))
        assert low == pytest.approx(float(tau["low"]), rel=1e-6)
        assert high == pytest.approx(float(tau["high"]), rel=1e-6)


def test_bands_are_the_intervals(view: View, made: Made) -> None:
    view.open("run-0")
    record = made.runs["relaxation"].records[0.1]
    band = view.plotted("run-0-alpha", "band")[0]
    means = gn.ensemble_mean(gn.non_gaussian(record).sel(waiting_time=10))
    n = int(means["n_origins"])
    high = (means["mean"] + stdtrit(n - 1, 0.975) * means["standard_error"]).values
    np.testing.assert_allclose(band["y"][: len(high)], high, rtol=1e-5)


def test_temperatures_layers_replicas_and_waiting_times_are_chosen(view: View, made: Made) -> None:
    records = list(made.runs["relaxation"].records.values())
    view.open("run-0")
    chips = view.page.locator("#run-0 .chips input")
    chips.nth(1).click()
    assert [series["name"] for series in view.plotted("run-0-msd")] == ["T = 0.1", "T = 0"]
    view.page.get_by_role("button", name="Temperature: none").click()
    assert view.plotted("run-0-msd") == []
    assert "Nothing is chosen" in view.page.locator("#run-0-msd .empty").inner_text()
    view.page.get_by_role("button", name="Temperature: all").click()
    assert len(view.plotted("run-0-msd")) == 3

    view.choose("wait", "0")
    view.choose("layer", "7")
    expected = [gn.mean_square_displacement(one, layers=[6]).sel(waiting_time=3) for one in records]
    same_means(view.plotted("run-0-msd"), expected, rtol=1e-6)
    q = [gn.overlap(one, chi=300, layers=[6]).sel(waiting_time=3) for one in records]
    same_means(view.plotted("run-0-overlap"), q)

    view.page.get_by_label("each replica").check()
    replicas = view.plotted("run-0-overlap", "replica")
    assert len(replicas) == 9
    np.testing.assert_array_equal(curve(replicas[1])[1], q[0].isel(replica=1).values)
    assert view.plotted("run-0-overlap", "band") == view.plotted("run-0-overlap") == []


def test_axes_and_predictions_are_chosen(view: View, made: Made) -> None:
    view.open("run-0")
    view.figure("run-0-overlap")
    for axis, before in (("x", "log"), ("y", "linear")):
        assert view.layout("run-0-overlap")[f"{axis}axis"]["type"] == before
        view.page.locator(f'#run-0-overlap [data-axis="{axis}"]').click()
        after = {"log": "linear", "linear": "log"}[before]
        view.page.wait_for_function(
            "([axis, type]) => document.querySelector('#run-0-overlap .plot').layout[`${axis}axis`].type === type",
            arg=[axis, after],
        )
    record = made.runs["relaxation"].records[0.1]
    about: dict[str, Any] = {"temperature": 0.1, "learning_rate": 1e-3, "n_samples": 200}
    epsilon = record.data.epsilon_of_chi.sel(chi=300).values
    x, y = curve(view.plotted("run-0-overlap", "prediction")[0])
    free = gn.theory.brownian.overlap(x, epsilon=epsilon[:, None], **about).mean(axis=0)
    np.testing.assert_allclose(y, free, rtol=0, atol=2e-7)  # erf in the page is good to 1.2e-7
    view.choose("prediction", "bowl")
    bowl = gn.theory.quadratic_well.overlap(
        x, epsilon=epsilon[:, None], stiffness=0.01, initial_offset=0.0, waiting_time=10.0, **about
    )
    np.testing.assert_allclose(
        curve(view.plotted("run-0-overlap", "prediction")[0])[1], bowl.mean(axis=0), rtol=0, atol=2e-7
    )
    view.choose("prediction", "none")
    assert view.plotted("run-0-overlap", "prediction") == []


def test_time_and_bins_of_mobility_are_chosen(view: View, made: Made) -> None:
    view.open("run-0")
    figure = view.figure("run-0-mobility")
    figure.locator("select").select_option("1")
    view.move('#run-0-mobility [data-setting="time"]', 3)
    record = made.runs["relaxation"].records[0.1]
    time = int(record.data.sparse_time[3])
    assert f"{time} steps" in figure.inner_text()
    density = gn.ensemble_mean(gn.mobility(record).sel(waiting_time=10))["mean"].sel(time=time)
    x, y = curve(view.plotted("run-0-mobility")[0])
    first = int(np.argmin(np.abs(np.log(density["displacement"].values / x[0]))))
    np.testing.assert_allclose(x, density["displacement"].values[first : first + len(x)], rtol=1e-9)
    np.testing.assert_allclose(y, density.values[first : first + len(x)], rtol=1e-9, atol=1e-12)


def test_losses_over_the_plane_are_chosen(view: View, made: Made) -> None:
    i = list(made.runs).index("phase_diagram")
    table = losses(made.runs["phase_diagram"])
    name = f"run-{i}-l2_line"
    view.open(f"run-{i}")
    figure = view.figure(name)
    figure.locator('[data-setting="quantity"]').select_option("data_loss")
    figure.locator('[data-setting="epochs"]').select_option("0")
    data_loss = table["data_loss"].isel(epochs=0).transpose("width", "l2", "origin").values
    expected = np.exp(np.log(data_loss).mean(axis=-1))
    for width, one in enumerate(view.plotted(name)):
        np.testing.assert_allclose(curve(one)[1], expected[width], rtol=1e-9)
    view.page.locator(f"#run-{i}").get_by_label("each replica").check()
    replicas = view.plotted(name, "replica")
    np.testing.assert_allclose(curve(replicas[1])[1], data_loss[0, :, 1])


def test_claims_are_filtered_and_sorted(view: View) -> None:
    page = view.open("claims").page
    rows = page.locator("#claims-table tbody tr")
    visible = page.locator("#claims-table tbody tr:not([hidden])")
    assert rows.count() == visible.count() == 21
    page.get_by_label("Words").fill("mobility")
    assert 0 < visible.count() < 21
    page.get_by_label("Words").fill("")
    for name, verdict in (("seen", "undecided"), ("reading", "untested")):
        page.locator(f'input[name="{name}"][value="{verdict}"]').uncheck()
        assert page.locator(f'#claims-table tr[data-{name}="{verdict}"]:not([hidden])').count() == 0
        page.locator(f'input[name="{name}"][value="{verdict}"]').check()
    assert visible.count() == 21
    page.get_by_role("button", name="id").click()
    page.get_by_role("button", name="id").click()
    assert rows.first.locator("td").first.inner_text() == "C22"
    rows.first.locator("summary").click()
    assert rows.first.locator("details p").first.is_visible()


def test_every_cell_of_the_claims_stands_under_its_head(view: View) -> None:
    page = view.open("claims").page
    heads = page.locator("#claims-table thead th").all_inner_texts()
    at = {head.strip(): i for i, head in enumerate(heads)}
    for row in page.locator("#claims-table tbody tr").all():
        cells = [cell.strip() for cell in row.locator("td").all_inner_texts()]
        for name in ("seen", "reading"):
            assert cells[at[name]].endswith(row.get_attribute(f"data-{name}") or "-")
        assert re.fullmatch(r"\d+ \(\d+\)", cells[at["replicas (lost)"]])
        assert cells[at["scale"]] in ("none", "demo", "laptop", "custom")
        assert re.fullmatch(r"C\d+", cells[at["id"]])


def test_themes_commands_and_files(view: View) -> None:
    page = view.open("run-0").page

    def colours() -> tuple[str, str]:
        view.figure("run-0-overlap")
        back: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return back, view.layout("run-0-overlap")["font"]["color"]

    light = colours()
    page.get_by_label("Theme").select_option("dark")
    dark = colours()
    assert dark[0] != light[0]
    assert dark[1] != light[1]
    page.get_by_label("Theme").select_option("auto")
    assert colours() == light
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(
        "ink => document.querySelector('#run-0-overlap .plot').layout.font.color === ink", arg=dark[1]
    )
    assert colours() == dark

    command = page.locator("#run-0 .command").first
    command.get_by_role("button").click()
    command.get_by_text("Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == command.locator("code").inner_text()
    with page.expect_download() as download:
        view.figure("run-0-overlap").get_by_role("button", name="Save numbers").click()
    lines = Path(download.value.path()).read_text().splitlines()
    assert lines[0] == "series,kind,x,y"
    assert any(line.startswith('"T = 0.1",mean,1,') for line in lines)


def test_nothing_is_wider_than_the_screen(view: View, made: Made) -> None:
    view.open("claims")
    for part in ("claims", *(f"run-{i}" for i in range(len(made.runs)))):
        view.page.evaluate("part => { location.hash = part; }", part)
        view.page.locator(f"#{part}").wait_for()
        for width in (380, 1400):
            view.page.set_viewport_size({"width": width, "height": 800})
            # Pictures follow the window a moment later.
            view.page.wait_for_function("width => document.documentElement.scrollWidth <= width", arg=width)


def test_replicas_of_one_initial_condition_count_as_one(view: View, tmp_path: Path) -> None:
    landscape = gn.Landscape(gn.Mlp(4, 6, 2), gn.random_dataset(60, 4, seed=3), gn.QuadraticHinge(1e-2))
    ensemble = gn.Ensemble.random(landscape.network, 3, seed=1).repeat(noise=range(4))
    dynamics = gn.Langevin([0.5] * 6 + [0.1] * 6, 0.05)
    record = gn.measure(ensemble, landscape, dynamics, times=gn.log_times(50), waiting_times=[0], chi=[2])
    saved = SavedRecord(tmp_path / "record.zip", record)
    saved_view = View(view.page, write_report([saved], tmp_path / "page.html"))
    saved_view.open("run-0")
    band = saved_view.plotted("run-0-alpha", "band")[0]
    means = gn.ensemble_mean(gn.non_gaussian(saved.records["T = 0.5"]).sel(waiting_time=0))
    assert int(means["n_origins"]) == 3
    high = (means["mean"] + stdtrit(2, 0.975) * means["standard_error"]).values
    np.testing.assert_allclose(band["y"][: len(high)], high, rtol=1e-5)
    assert not saved_view.complaints
