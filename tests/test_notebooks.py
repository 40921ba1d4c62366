"""What a notebook shows of values and figures, and that it is what they hold."""

from __future__ import annotations

import base64
import io
import subprocess
import sys
from html.parser import HTMLParser
from typing import Any

import nbformat
import numpy as np
import pytest
from conftest import small_landscape
from hypothesis import given
from hypothesis import strategies as st
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image

import glassnet as gn
from glassnet import _html
from glassnet._text import escaped


class Cells(HTMLParser):
    """The rows of all tables, each a list of what its cells say; refuses tags that are not closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._open: list[str] = []
        self.feed(html)
        assert not self._open, f"not closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] in ("td", "th"):
            self.rows[-1][-1] += data

    @property
    def facts(self) -> dict[str, str]:
        """Rows of two as name and value."""
        return {row[0]: row[1] for row in self.rows if len(row) == 2}


def cells(value: Any) -> Cells:
    """What a notebook shows of a value, the folded part aside."""
    return Cells(value._repr_html_().split("<details>")[0])


@given(st.dictionaries(st.text(min_size=1), st.text(), min_size=1))
def test_any_text_is_shown(rows: dict[str, str]) -> None:
    html = _html.facts("title", rows) + _html.table(list(rows), [list(rows.values())])
    expected = [list(pair) for pair in rows.items()] + [list(rows), list(rows.values())]
    # Control characters are shown by their escapes, but for line ends and tabs.
    assert Cells(html).rows == [[escaped(text, lines=True) for text in row] for row in expected]


def test_an_ensemble_says_who_its_replicas_are() -> None:
    network = gn.Mlp(3, 5, 2)
    shown = cells(gn.Ensemble.random(network, 2, seed=4).repeat(noise=[7, 9])).facts
    assert (shown["seed"], shown["origin"], shown["noise"]) == ("4", "0, 1", "7, 9")
    assert "N = 45 weights" in shown["network"]
    assert cells(gn.Ensemble.random(network, 30)).facts["origin"] == "30 from 0 to 29"


def test_a_landscape_says_what_it_is_made_of() -> None:
    landscape = small_landscape(l2=[1e-2, 0.0])
    shown = cells(landscape).facts
    labels = landscape.dataset.labels
    assert shown["labels"] == f"{np.sum(labels == -1)} of -1, {np.sum(labels == 1)} of +1"
    assert shown["l2"] == "0, 0.01"


def measured(temperature: float | list[float], **options: Any) -> gn.Record:
    landscape = small_landscape()
    temperatures = np.atleast_1d(temperature)
    start = gn.Ensemble.random(landscape.network, 3).repeat(noise=range(len(temperatures)))
    langevin = gn.Langevin(np.repeat(temperatures, 3), learning_rate=1e-2)
    return gn.measure(start, landscape, langevin, times=gn.log_times(50), waiting_times=[0, 10], **options)


def test_a_record_says_what_became_of_the_replicas_of_each_temperature() -> None:
    record = measured([1e-3, 0.0, 1e30], chi=[50])
    shown = cells(record)
    assert shown.facts["temperature"] == "0, 0.001, 1e+30"
    assert shown.facts["steps"] == "60"
    cold, warm, hot = (row for row in shown.rows if len(row) == 7 and row[0] != "temperature")
    losses = record.data.data_loss[3:6]
    first, last = losses[:, 0, 0].mean().item(), losses[:, -1, -1].mean().item()
    assert cold == ["0", "3", "3", "0", "0", f"{first:.4g}", f"{last:.4g}"]
    assert warm[:5] == ["0.001", "3", "3", "0", "0"]
    assert hot == ["1e+30", "3", "3", "3", *["not recorded"] * 3]


def test_losses_in_the_table_are_those_of_replicas_that_are_left() -> None:
    landscape = small_landscape()
    weights = gn.Ensemble.random(landscape.network, 3).weights * [[1.0], [1e150], [1.0]]
    start = gn.Ensemble.from_weights(landscape.network, weights)
    record = gn.measure(start, landscape, gn.Langevin(1e-3, learning_rate=1e-2), times=[1, 10])
    *_, row = cells(record).rows
    first, last = record.data.data_loss[[0, 2], 0].mean("replica").values
    assert row[1:] == ["3", "3", "1", "0", f"{first:.4g}", f"{last:.4g}"]


def test_a_record_of_one_start_says_that_it_gives_no_interval() -> None:
    assert any("1: no interval" in row for row in cells(measured(1e-3)[[0]]).rows)
    assert not any("1: no interval" in row for row in cells(measured(1e-3)).rows)


def test_a_record_in_progress_says_how_far_it_is() -> None:
    seen: list[gn.Record] = []
    measured(1e-3, on_progress=lambda progress: seen.append(progress.state()))
    halfway = next(record for record in seen if 20 < record.elapsed < 60)
    assert cells(halfway).facts["steps"] == f"{halfway.elapsed} of 60: still to be resumed"


def test_figures_are_at_hand_and_matplotlib_waits_for_them() -> None:
    code = "import sys, glassnet as gn; assert 'matplotlib' not in sys.modules; gn.figures.draw_overlap"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert "figures" in dir(gn)
    with pytest.raises(AttributeError, match="attribute figure"):
        gn.figure  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_notebook_shows_records_as_tables_and_figures_as_pictures() -> None:
    cells_of_code = [
        """
        import glassnet as gn
        landscape = gn.Landscape(gn.Mlp(4, 6, 2), gn.random_dataset(60, 4), gn.QuadraticHinge(l2=1e-2))
        start = gn.Ensemble.random(landscape.network, n_replicas=3)
        record = gn.measure(start, landscape, gn.Langevin(1e-3, 1e-2), times=gn.log_times(100), chi=[50])
        record
        """,
        "gn.figures.draw_overlap(record, chi=50, waiting_time=0)",
    ]
    book = new_notebook(cells=[new_code_cell("\n".join(map(str.strip, code.splitlines()))) for code in cells_of_code])
    NotebookClient(book, timeout=None).execute()
    table, picture = (nbformat.from_dict(cell.outputs[-1]) for cell in book.cells)
    assert "Record of 3 replicas" in table.data["text/html"]
    png = Image.open(io.BytesIO(base64.b64decode(picture.data["image/png"])))
    size = picture.metadata["image/png"]
    assert png.size == (2 * size["width"], 2 * size["height"])
    assert 600 < size["width"] < 1000
