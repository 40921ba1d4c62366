"""The studies: smoke modes, results that are kept, pages that follow from committed results, and their formulas."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest
from conftest import small_landscape
from scripts import ROOT, assert_smoke_mode_prints, scripts

import studies.open_questions.__main__ as open_questions
import studies.precision.__main__ as precision
from studies import results
from studies.open_questions import page as open_questions_page
from studies.open_questions.cases import CASES, input_norm, no_return
from studies.open_questions.transitions import not_collapsed
from studies.pages import replace_tables
from studies.precision import page as precision_page
from studies.precision.float_grid import rounded_variance


@pytest.mark.long
@pytest.mark.parametrize("script", [name for name in scripts("studies") if name != "campaign"])  # test_campaign.py
def test_smoke_mode_prints_its_table(script: str) -> None:
    assert_smoke_mode_prints("studies", script)


def test_studies_know_nothing_of_benchmarks() -> None:
    for path in (ROOT / "studies").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            named = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            named += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert not any(name.split(".")[0] == "benchmarks" for name in named), path


def test_a_question_is_measured_once(tmp_path: Path) -> None:
    calls: list[int] = []

    def measure() -> results.Found:
        calls.append(1)
        return {"loss": np.array([0.5, np.nan, np.inf])}

    asked = {"l2": (0.01, np.float64(1 / 3)), "steps": 10}
    first = results.Question("first", "case", asked, measure)
    assert results.there([first], tmp_path) == {}
    results.answer([first, first], tmp_path)
    assert calls == [1]
    found = results.there([first, results.Question("second", "other", asked, measure)], tmp_path)
    assert list(found) == ["first"]
    np.testing.assert_array_equal([float(x) for x in found["first"]["loss"]], [0.5, np.nan, np.inf])
    with pytest.raises(ValueError, match="remove it, or give another folder"):
        results.answer([results.Question("first", "case", asked | {"steps": 20}, measure)], tmp_path)


def test_committed_results_give_the_tables_of_the_page_on_open_questions() -> None:
    committed = (ROOT / "docs" / "open-questions.md").read_text(encoding="utf-8")
    raw = ROOT / open_questions.RAW
    at, sizes, relaxed = (
        {case: found for (_, case), found in results.there(questions, raw).items()}
        for questions in ([open_questions.question(q, case) for case in CASES] for q in open_questions.FULL)
    )
    assert len(at) == len(sizes) == len(relaxed) == len(CASES)
    assert open_questions_page.lambda_table(at) in committed
    assert open_questions_page.n_table(sizes) in committed
    assert open_questions_page.tau_table(relaxed, open_questions.FULL[2].n_samples) in committed


def test_committed_results_give_the_table_of_the_page_on_precision() -> None:
    questions = [
        precision.question(precision.Run(), arm, temperature)
        for temperature in precision.TEMPERATURES
        for arm in precision.ARMS
    ]
    table = precision_page.table(results.there(questions, ROOT / precision.RAW))
    assert table in (ROOT / "docs" / "precision.md").read_text(encoding="utf-8")


def test_a_table_is_replaced_between_its_markers_only(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- table x -->\nold\n<!-- end x -->\nb\n", encoding="utf-8")
    replace_tables({"x": "new \\1"}, page)
    assert page.read_text(encoding="utf-8") == "a\n<!-- table x -->\nnew \\1\n<!-- end x -->\nb\n"
    with pytest.raises(ValueError, match="must have the markers <!-- table y -->"):
        replace_tables({"y": "new"}, page)


def test_below_the_norm_of_no_return_weights_shrink() -> None:
    l2 = 0.1
    landscape = small_landscape(n_features=3, width=4, depth=3, n_samples=20, l2=l2)
    limit = no_return(l2, len(landscape.network.layer_sizes), input_norm(landscape.dataset))
    rng = np.random.default_rng(0)
    for weights in rng.normal(size=(50, landscape.network.n_weights)):
        weights *= np.sqrt(0.999 * limit / (weights @ weights))
        assert weights @ landscape.gradient(weights) > 0.0


def test_a_network_that_has_not_begun_is_told_from_one_that_collapsed() -> None:
    probes = [
        {"l2": l2, "origin": origin, "data_loss": loss, "weight_norm2": norm2, "alive": True}
        for origin, l2, loss, norm2 in [(0, 0.01, 0.1, 17.0), (0, 0.02, 0.5, 40.0), (1, 0.01, 0.1, 17.0)]
    ]
    probes.append({"l2": 0.02, "origin": 1, "data_loss": 0.5, "weight_norm2": 1e-4, "alive": True})
    assert not_collapsed({"input_norm": 13.0, "probes": probes}) == 1


@pytest.mark.parametrize("noise", [0.2, 0.5, 0.99, 1.01, 3.0])
def test_rounded_noise_has_the_variance_that_the_formula_says(noise: float) -> None:
    spacing = 0.25
    n = 200_000
    squares = (spacing * np.round(noise * spacing * np.random.default_rng(1).normal(size=n) / spacing)) ** 2
    error = squares.std() / np.sqrt(n)
    assert rounded_variance(np.array([spacing]), noise * spacing)[0] == pytest.approx(squares.mean(), abs=4 * error)
