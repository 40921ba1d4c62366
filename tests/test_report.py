"""The interactive page: its numbers are those of the observables, and in a browser every control does what it says."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import stdtrit
from tiny_runs import make, tiny

import glassnet as gn
from glassnet.experiments import Experiment, Run
from glassnet.experiments.losses import losses
from glassnet.experiments.requests import request
from glassnet.report import SavedRecord, open_shown, write_report
from glassnet.report.arrays import Arrays
from glassnet.report.curves import DETAILS, curves

pytest.importorskip("plotly", reason='a report needs plotly: pip install "glassnet[report]"')

GLASSNET = Path(sys.executable).with_name("glassnet")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OTHER_CHI = 111.0
"""Not recorded: between those that are."""

SMALL: dict[str, Any] = {"samples": 200, "epochs": 3, "replicas": 2}
LOST: dict[str, Any] = {"quench_rate": 100.0, "l2": 0.0, "epochs": 2, "replicas": 6}
"""Steps so large that some networks diverge."""


def relaxed() -> Experiment:
    return tiny(replicas=3, temperatures=[0.1, 1e-3, 0.0], t_max=100)


def every_kind() -> dict[str, Experiment]:
    """A request of a second of each experiment, and one of replicas that diverge."""
    dataset, scale = "mnist", "demo"
    return {
        "relaxation": relaxed(),
        "ageing": request(
            "ageing",
            "",
            dataset,
            scale,
            {**SMALL, "width": 4, "t_max": 30, "waiting_times": [3, 10], "shown_waiting_time": 10},
        ),
        "phase_diagram": request(
            "phase_diagram", "plane", dataset, scale, {**SMALL, "widths": [3, 5], "l2s": [0.0, 0.01], "epochs": [1, 3]}
        ),
        "sgd": request(
            "sgd_displacement",
            "",
            dataset,
            scale,
            {**SMALL, "width": 4, "batch_sizes": [10, 50], "controls": [10], "t_max": 100},
        ),
        "minima": request("minima", "", dataset, scale, {**SMALL, "width": 3, "descent": 5, "eigenvalues": 2}),
        "protocol": request("protocol", "", dataset, scale, {**SMALL, "width": 4, "waiting_time": 5, "t_max": 30}),
        "step_size": request("step_size", "", dataset, scale, {**SMALL, "width": 4, "settling": 5, "length": 0.01}),
        "lost": tiny(**LOST),
    }


@dataclass
class Made:
    """A page and what it was made of."""

    file: Path
    runs: dict[str, Run[Any]]
    text: str = field(init=False)

    def __post_init__(self) -> None:
        self.text = self.file.read_text()

    def json(self, name: str) -> Any:
        found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', self.text, re.DOTALL)
        assert found is not None
        return json.loads(found[1])

    def array(self, reference: dict[str, Any]) -> np.ndarray[Any, Any]:
        found = re.search(rf'id="array-{reference["at"]}">([^<]*)</script>', self.text)
        assert found is not None
        values = np.frombuffer(zlib.decompress(base64.b64decode(found[1])), f"<{reference['type']}")
        return values.reshape(reference["shape"])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A page of one run of every experiment."""
    folder = tmp_path_factory.mktemp("report")
    runs = {name: make(asked, folder / name) for name, asked in every_kind().items()}
    return Made(write_report(runs.values(), folder / "page.html"), runs)


def test_a_page_is_one_small_file_with_the_observables_values(made: Made) -> None:
    assert made.file.stat().st_size < 15e6
    assert not re.search(r'(?:src|href)="(?!#|data:)', made.text)
    payload = made.json("run-0-data")
    for condition, record in zip(payload["conditions"], made.runs["relaxation"].records.values(), strict=True):
        arrays = condition["arrays"]
        msd, alpha = (made.array(arrays[name]) for name in ("msd", "alpha"))
        for layer in range(8):
            chosen = None if layer == 0 else [layer - 1]
            # float32 keeps 24 binary digits.
            np.testing.assert_allclose(msd[layer], gn.mean_square_displacement(record, layers=chosen), rtol=6e-8)
            np.testing.assert_allclose(alpha[layer], gn.non_gaussian(record, layers=chosen), rtol=6e-8)
        within = made.array(arrays["within"]).sum(axis=1) / sum(condition["n_weights"])
        exact = gn.overlap(record, chi=condition["chi"]).transpose("chi", "replica", "waiting_time", "time")
        np.testing.assert_array_equal(np.where(np.isnan(exact), 0, within), np.nan_to_num(exact))
        assert np.isnan(exact).sum() == (made.array(arrays["within"])[:, 0] == 65535).sum()
        counts = made.array(arrays["histogram"])
        first = arrays["histogram"]["first"]
        stored = record.data["histogram"].transpose("layer", "replica", "waiting_time", "sparse_time", "bin").values
        kept = stored[..., first : first + counts.shape[-1]]
        np.testing.assert_array_equal(np.where(np.isnan(kept), 65535, kept), counts)
        assert np.nansum(stored) == np.nansum(kept)
    # The record of one temperature and waiting times is the same in both.
    assert made.text.count(f'id="array-{payload["conditions"][0]["arrays"]["msd"]["at"]}"') == 1


def test_a_large_page_leaves_out_what_it_says(made: Made) -> None:
    sizes = []
    for detail in DETAILS:
        arrays = Arrays()
        payload = curves(made.runs["relaxation"], arrays, detail)
        sizes.append(sum(map(len, arrays.texts.values())))
        first = payload["conditions"][0]
        assert first["arrays"]["msd"]["shape"][0] == (8 if detail.layers else 1)
        assert len(first["waits"]) == (2 if detail.all_waits else 1)
        assert bool(detail.left_out) == (detail is not DETAILS[0])
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == len(sizes)


def test_lost_replicas_and_commands_are_said_in_words(made: Made) -> None:
    names = list(made.runs)
    part = unescape(re.findall(r"<section class=\"view run\".*?</section>", made.text, re.DOTALL)[names.index("lost")])
    gone = [found["alive"] == 0 for found in made.runs["lost"].quench_results.values()]
    assert 0 < sum(gone) <= 6
    assert f"quench: {sum(gone)} of 6" in part
    assert f"of 6 (origin {gone.index(True)}" in part
    assert "--set quench_rate=100.0" in part
    # The command is the run's own: it asks for the same request.
    command = re.findall(r"<code>(glassnet run phase_diagram [^<]*)</code>", made.text)
    assert len(command) == 1
    again = unescape(command[0])
    assert "--set 'widths=[3, 5]'" in again
    assert "--set epochs='[1, 3]'" in again or "'epochs=[1, 3]'" in again


def test_a_run_that_is_hardly_begun_has_a_page(tmp_path: Path) -> None:
    class StopError(Exception):
        pass

    def stop(update: Any) -> None:
        if update.block.label.startswith("Langevin"):
            raise StopError

    with pytest.raises(StopError):
        make(relaxed(), tmp_path / "run", stop)
    page = Made(write_report([gn.open_run(tmp_path / "run")], tmp_path / "page.html"), {})
    assert "9 of 12 units are not made yet" in page.text
    assert f"glassnet resume {tmp_path / 'run'}" in page.text
    assert "Nothing that can be drawn is done yet" in page.text
    assert "Replicas at the end of the quench" in page.text


def test_what_cannot_be_a_report_is_refused(made: Made, tmp_path: Path) -> None:
    def report(*arguments: object) -> subprocess.CompletedProcess[str]:
        words = [str(GLASSNET), "report", *map(str, arguments)]
        return subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)

    run = made.runs["protocol"].path
    bad = report(run, "--output", "page.pdf")
    assert (bad.returncode, bad.stderr) == (2, "Error: output must be a file NAME.html, but got page.pdf\n")
    (tmp_path / "empty").mkdir()
    assert "but empty holds none" in report("empty").stderr
    existing = tmp_path / "new" / "page.html"
    good = report(run, "--output", existing)
    assert (good.returncode, good.stderr) == (0, "")
    existing.write_text("replaced")
    write_report([made.runs["protocol"]], existing)
    assert existing.read_text().startswith("<!doctype html>")
    with pytest.raises(ValueError, match="at least one run"):
        write_report([], existing)


# In a browser.


class View:
    """The page in a browser, and all that it complains of or asks a network for."""

    def __init__(self, page: Any, file: Path) -> None:
        self.page, self.file = page, file
        self.complaints: list[str] = []
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._asked)

    def _asked(self, asked: Any) -> None:
        if not asked.url.startswith(("file:", "blob:", "data:")):
            self.complaints.append(asked.url)

    def open(self, part: str) -> View:
        self.page.goto("about:blank")
        self.page.goto(f"{self.file.as_uri()}#{part}")
        return self

    def figure(self, name: str) -> Any:
        """A figure, brought into view and drawn as the controls have it."""
        figure = self.page.locator(f"#{name}")
        figure.scroll_into_view_if_needed()
        self.page.wait_for_function("name => document.getElementById(name).ariaBusy === 'false'", arg=name)
        return figure

    def plotted(self, name: str, kind: str = "mean") -> list[dict[str, Any]]:
        """The series of one kind of a figure, as the browser has them."""
        self.figure(name)
        found: list[dict[str, Any]] = self.page.evaluate(
            "name => document.querySelector(`#${name} .plot`).data.map(({name, meta, x, y}) => ({name, meta, x, y}))",
            name,
        )
        return [series for series in found if series["meta"]["kind"] == kind]

    def layout(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.page.evaluate("name => document.querySelector(`#${name} .plot`).layout", name)
        return found

    def move(self, selector: str, value: float) -> None:
        """Move a slider."""
        self.page.locator(selector).evaluate(
            "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input', {bubbles: true})); }",
            value,
        )

    def choose(self, control: str, value: str, part: str = "#run-0") -> None:
        self.page.locator(f'{part} select[data-control="{control}"]').select_option(value)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("there is no Chromium: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        sandbox = [] if os.geteuid() else ["--no-sandbox"]
        started = driver.chromium.launch(executable_path=CHROMIUM, args=sandbox)
        yield started
        started.close()


@pytest.fixture
def view(browser: Any, made: Made) -> Iterator[View]:
    context = browser.new_context(viewport={"width": 1400, "height": 900}, color_scheme="light")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    context.set_default_timeout(60_000)
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
    shown = made.runs["relaxation"].request.shown_chi
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
    assert rows.count() == visible.count() == 22
    page.get_by_label("Words").fill("mobility")
    assert 0 < visible.count() < 22
    page.get_by_label("Words").fill("")
    page.locator('input[value="not decided"]').uncheck()
    assert page.locator('#claims-table tr[data-verdict="not decided"]:not([hidden])').count() == 0
    page.locator('input[value="not decided"]').check()
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
        assert cells[at["verdict"]].endswith(row.get_attribute("data-verdict") or "-")
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


def test_what_is_called_alike_is_told_apart_by_its_path(tmp_path: Path) -> None:
    landscape = gn.Landscape(gn.Mlp(4, 4, 2), gn.random_dataset(20, 4), gn.QuadraticHinge())
    ensemble = gn.Ensemble.random(landscape.network, n_replicas=1)
    record = gn.measure(ensemble, landscape, gn.Langevin(0.1, 0.1), times=[1, 2], chi=10)
    paths = [tmp_path / name for name in ("one/same.zip", "other/same.zip", "third.zip")]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        gn.save(record, path)
    page = write_report(open_shown(paths), tmp_path / "page.html").read_text()
    titles = re.findall(r'<h2 id="run-\d-title">(.*?)</h2>', page)
    assert titles == [str(paths[0]), str(paths[1]), "third.zip"]
    assert all(f">{title}</a>" in page for title in titles)


def test_a_saved_record_is_shown_as_runs_are(tmp_path: Path) -> None:
    landscape = gn.Landscape(gn.Mlp(4, 6, 2), gn.random_dataset(60, 4, seed=3), gn.QuadraticHinge(1e-2))
    ensemble = gn.Ensemble.random(landscape.network, 2, seed=1).repeat(noise=[0, 1])
    dynamics = gn.Langevin([0.5, 0.5, 0.0, 0.0], 0.05)
    record = gn.measure(ensemble, landscape, dynamics, times=gn.log_times(20), waiting_times=[0, 5], chi=[2, 5])
    gn.save(record, tmp_path / "record.zip")
    file = tmp_path / "page.html"
    command = [str(GLASSNET), "report", str(tmp_path / "record.zip"), "--output", str(file)]
    subprocess.run(command, check=True, capture_output=True, timeout=200)
    page = Made(file, {})
    found = page.json("run-0-data")
    assert [one["label"] for one in found["conditions"]] == ["T = 0.5", "T = 0"]
    assert found["conditions"][0]["layer_names"] == ["layer 1", "layer 2", "output"]
    assert found["shown"]["chi"] == 5.0
    assert "saved record, Mlp(n_features=4, width=6, depth=2)" in unescape(page.text)
    gn.save(ensemble, tmp_path / "ensemble.zip")
    with pytest.raises(ValueError, match=r"ensemble.zip holds an ensemble: a report shows runs and saved records"):
        open_shown([tmp_path / "ensemble.zip"])


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


def test_conditions_that_differ_are_told_apart_in_saved_records(tmp_path: Path) -> None:
    landscape = gn.Landscape(gn.Mlp(4, 6, 2), gn.random_dataset(60, 4, seed=3), gn.QuadraticHinge([0.0, 0.0, 1.0, 1.0]))
    ensemble = gn.Ensemble.random(landscape.network, 2, seed=1).repeat(noise=[0, 1])
    for dynamics, labels in (
        (gn.Langevin(0.5, 0.05), ["T = 0.5, l2 = 1", "T = 0.5, l2 = 0"]),
        (gn.Sgd(0.05, 20), ["l2 = 1", "l2 = 0"]),
    ):
        record = gn.measure(ensemble, landscape, dynamics, times=[1, 4], chi=[2])
        saved = SavedRecord(tmp_path / "record.zip", record)
        assert list(saved.records) == labels
        assert [row["n_replicas"] for row in saved.rows] == [2, 2]
        write_report([saved], tmp_path / "page.html")
