"""Defaults of a user's own experiment are checked as given numbers are, and a request is read back as it was."""

from pathlib import Path
from typing import Any, ClassVar

import pytest
from program import glassnet
from pydantic import field_validator
from tiny_runs import make

from glassnet.runs.experiment import Experiment
from glassnet.runs.fields import Count
from glassnet.runs.point import Point

NUMBERS: dict[str, Any] = {"dataset": "mnist", "samples": 100, "depth": 1, "replicas": 1}

FILE = """
from typing import ClassVar

from glassnet.runs.experiment import Experiment
from glassnet.runs.fields import Counts, NotNegative, NotNegativeNumbers


class Unsorted(Experiment):
    experiment: ClassVar[str] = "unsorted"
    lists: ClassVar[tuple[str, ...]] = ("widths",)

    widths: Counts = (3, 2)
    l2s: NotNegativeNumbers = (1, 0)
    temperature: NotNegative = 0

    def points(self):
        return tuple(self.trained(width, l2, 1, f"{width}, {l2:g}") for width in self.widths for l2 in self.l2s)
"""


def test_a_run_of_unsorted_defaults_opens_and_goes_on(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(FILE)
    numbers = ("--samples", "100", "--depth", "1", "--output", "run")
    for replicas, done in ("1", "4 units: 0 done"), ("1", "4 units: 4 done"), ("2", "8 units: 4 done"):
        said = glassnet("run", "mine.py:Unsorted", *numbers, "--replicas", replicas, cwd=tmp_path)
        assert said.returncode == 0, said.stderr
        assert done in said.stdout
    shown = glassnet("show", "run", "--experiment", "mine.py:Unsorted", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr


class Wrong(Experiment):
    experiment: ClassVar[str] = "wrong"

    width: Count = 0

    def points(self) -> tuple[Point, ...]:
        return (self.trained(self.width, 0.0, 1),)


class Counting(Experiment):
    experiment: ClassVar[str] = "counting"

    width: Count = 2

    @field_validator("width")
    @classmethod
    def _next(cls, value: int) -> int:
        return value + 1

    def points(self) -> tuple[Point, ...]:
        return (self.trained(self.width, 0.0, 1),)


def test_a_default_that_is_not_allowed_is_refused() -> None:
    with pytest.raises(ValueError, match=r"width must be an integer .*, but got 0"):
        Wrong.of(NUMBERS)


def test_a_request_that_is_not_read_back_begins_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"Counting: width is 3, but is read back as 4"):
        make(Counting.of(NUMBERS), tmp_path / "run")
    assert not (tmp_path / "run" / "run.json").exists()
