"""The page's null of drift plus diffusion is that of gn.theory.drift_null, and its reader can switch it off."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pages import Made, View
from small_records import measured
from test_report_browser import browser, view  # noqa: F401  (fixtures)

import glassnet as gn
from glassnet.report.arrays import Arrays
from glassnet.report.curves import DETAILS, curves
from glassnet.report.null import nulls
from glassnet.theory import drift_null

pytest.importorskip("plotly", reason='a report needs plotly: pip install "glassnet[report]"')


def expected(made: Made, temperature: float, chi: float = 300.0) -> Any:
    """The null's replicas at one temperature of the run."""
    null = drift_null(made.runs["relaxation"].record, chi=chi, mobility=False)
    return null.isel(replica=null.temperature.values == temperature)


def test_means_and_times_of_the_null_are_in_the_page(made: Made) -> None:
    conditions = made.json("run-0-data")["conditions"]
    assert [bool(one["predictions"].get("null_msd")) for one in conditions] == [True, True, False]
    for condition in conditions[:2]:
        kept, temperature = condition["predictions"], condition["temperature"]
        plain = expected(made, temperature)
        for name, of in (("null_msd", "mean_square_displacement"), ("null_alpha", "non_gaussian")):
            mean = plain[of].mean("replica").transpose("waiting_time", "time")
            np.testing.assert_allclose(made.array(kept[name]), mean, rtol=1e-6, atol=1e-9)
        for k, chi in enumerate(condition["chi"]):
            q = expected(made, temperature, chi).overlap
            np.testing.assert_allclose(made.array(kept["null_overlap"])[k], q.mean("replica"), rtol=1e-6)
            for level, threshold in enumerate((0.9, np.exp(-1))):
                tau = gn.relaxation_time(q, threshold).estimate
                np.testing.assert_allclose(made.array(kept["null_tau"])[k, :, level], tau, rtol=1e-6)


def test_a_page_of_one_waiting_time_has_the_null_of_that_one(made: Made) -> None:
    payload = curves(made.runs["relaxation"], Arrays(), DETAILS[-1])
    assert payload["conditions"][0]["predictions"]["null_msd"]["shape"][0] == 1
    assert payload["conditions"][0]["predictions"]["null_overlap"]["shape"][:2] == [2, 1]


def test_without_partners_at_t_0_a_page_has_no_null(made: Made) -> None:
    records = dict(made.runs["relaxation"].records)
    del records[0.0]
    assert nulls(records) == {}
    assert nulls({}) == {}


def test_records_of_different_times_have_no_null() -> None:
    assert nulls({"one": measured([0.1, 0.0]), "other": measured([0.1, 0.0], times=[1, 2])}) == {}


@pytest.mark.long
def test_the_null_is_drawn_and_switched_off(view: View, made: Made) -> None:  # noqa: F811
    view.open("run-0")
    hottest = made.json("run-0-data")["conditions"][0]
    at, places = {"waiting_time": 10}, {"run-0-overlap": "overlap", "run-0-msd": "mean_square_displacement"}
    for figure, name in (places | {"run-0-alpha": "non_gaussian"}).items():
        drawn = view.plotted(figure, "null")
        assert [one["meta"]["condition"] for one in drawn] == [0, 1]
        wanted = expected(made, hottest["temperature"])[name].sel(at).mean("replica")
        np.testing.assert_allclose(drawn[0]["y"], wanted, rtol=1e-6, atol=1e-9)
        np.testing.assert_array_equal(drawn[0]["x"], hottest["sparse"])
    shown = [(t, float(gn.relaxation_time(expected(made, t).overlap).estimate.sel(at))) for t in (1e-3, 0.1)]
    known = [list(one) for one in shown if np.isfinite(one[1])]
    drawn = view.plotted("run-0-tau", "null")
    assert len(drawn) == bool(known)
    for line in drawn:
        np.testing.assert_allclose(np.transpose([line["x"], line["y"]]), known, rtol=1e-6)
    view.move("#run-0 .chi input", np.log10(111.0))
    view.page.wait_for_function("document.querySelector('#run-0 .chi output').textContent.includes('histograms')")
    for figure in ("run-0-overlap", "run-0-tau"):
        assert view.plotted(figure, "null") == []
    view.page.locator('#run-0 [data-chi="300"]').click()
    assert len(view.plotted("run-0-overlap", "null")) == 2
    view.page.locator('#run-0 [data-control="null"]').uncheck()
    for figure in ("run-0-overlap", "run-0-msd", "run-0-alpha", "run-0-tau"):
        assert view.plotted(figure, "null") == []
