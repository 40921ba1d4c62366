"""Pages for the tests of reports: a run of every experiment, the page of them all, and that page in a browser."""

from __future__ import annotations

import base64
import json
import re
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tiny_runs import make, tiny

from glassnet.report import write_report
from glassnet.runs.experiment import Experiment
from glassnet.runs.registry import request
from glassnet.runs.run import Run

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
            {**SMALL, "width": 4, "t_max": 30, "waiting_times": [3, 10]},
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


def every_page(folder: Path) -> Made:
    """A page of one run of every experiment."""
    runs = {name: make(asked, folder / name) for name, asked in every_kind().items()}
    return Made(write_report(runs.values(), folder / "page.html"), runs)


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
