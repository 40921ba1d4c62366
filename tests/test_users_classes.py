"""What is wrong with a user's class is said in one line, and what it says oddly is shown as it is."""

import re
from pathlib import Path

import pytest
from program import glassnet

HEAD = """
from typing import ClassVar

from glassnet.runs.experiment import Experiment
from glassnet.runs.fields import Count


class Mine(Experiment):
    experiment: ClassVar[str] = "mine"

    epochs: Count = 1
"""

POINTS = """
    def points(self):
        return (self.trained(2, 0.001, self.epochs),)
"""

TINY = ("--samples", "100", "--depth", "1", "--replicas", "1", "--threads", "1", "--output", "run")


def ran(tmp_path: Path, text: str, *options: str, name: str = "Mine") -> tuple[int, str, str]:
    (tmp_path / "mine.py").write_text(text)
    said = glassnet("run", f"mine.py:{name}", *TINY, *options, cwd=tmp_path)
    return said.returncode, said.stdout, said.stderr.strip()


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ("", "Error: Mine must define points"),
        ("    def points(self):\n        return {}['none']\n", r"Error: .*mine.py, line 1\d: KeyError: 'none'"),
        ("    def points(self):\n        return None\n", "Error: points must be a sequence of .*Point, but are None"),
        (
            "    def points(self):\n        return (1,)\n",
            r"Error: points must be a sequence of .*Point, but are \(1,\)",
        ),
        (f"    lists: ClassVar = ('epochs',)\n{POINTS}", "Error: Mine.lists must name fields that hold several values"),
        (f"    lengths: ClassVar = ('none',)\n{POINTS}", "Error: Mine.lengths must name fields, but has 'none'"),
        (
            f"{POINTS}    def facts(self):\n        raise ValueError('f')\n",
            ".*mine.py, line 1.: ValueError: f",
        ),
        (
            f"{POINTS}    def tables(self, run):\n        return 1 / 0\n",
            ".*mine.py, line 1.: ZeroDivision",
        ),
        (f"{POINTS}    def tables(self, run):\n        return None\n", r"Error: tables must be a list of .*Table"),
        (f"{POINTS}    def tables(self, run):\n        return []\n", r"Error: tables must be a list of .*Table"),
        (f"{POINTS}    def tables(self, run):\n        return [1]\n", r"Error: tables must be a list of .*Table"),
        (f"{POINTS}\nimport sys\nsys.exit(3)\n", "Error: mine.py:Mine cannot be used: SystemExit: 3"),
    ],
)
def test_one_line_says_what_is_wrong_with_a_class(added: str, said: str, tmp_path: Path) -> None:

    code, _, error = ran(tmp_path, HEAD + "\n" + added)
    assert code == 2
    assert re.match(said, error), error
    assert "\n" not in error


def test_fields_of_any_kind_are_shown_as_they_are(tmp_path: Path) -> None:
    fields = """
    names: tuple[str, ...] = ("x", "y")
    pair: tuple[int, str] = (1, "a")
    pairs: list[tuple[int, int]] = [(1, 2)]
    table: dict[str, int] = {"b": 3}
    no_flag: bool = True
    flag: bool = False
"""
    code, out, error = ran(tmp_path, HEAD + fields + POINTS, "--set", "flag=true", "--no-flag")
    assert code == 0, error
    shown = dict(line.split(maxsplit=1) for line in out.splitlines() if len(line.split(maxsplit=1)) == 2)
    assert {name: shown[name].strip() for name in ("names", "pair", "pairs", "table", "flag", "no_flag")} == {
        "names": "x, y",
        "pair": "1, a",
        "pairs": "1, 2",
        "table": "{'b': 3}",
        "flag": "True",
        "no_flag": "True",
    }
    assert "no such option --pairs" in ran(tmp_path, HEAD + fields + POINTS, "--pairs", "1")[2]


def test_modules_beside_a_file_are_found(tmp_path: Path) -> None:
    (tmp_path / "a_helper_of_mine.py").write_text("WIDTH = 2\n")
    text = f"from a_helper_of_mine import WIDTH\n{HEAD}{POINTS.replace('2, 0.001', 'WIDTH, 0.001')}"
    code, _, error = ran(tmp_path, text)
    assert code == 0, error


def test_a_class_that_lost_a_field_is_said_to_have_changed(tmp_path: Path) -> None:
    assert ran(tmp_path, HEAD + POINTS)[0] == 0
    (tmp_path / "mine.py").write_text((HEAD + POINTS).replace("epochs", "rounds"))
    said = glassnet("show", "run", "--experiment", "mine.py:Mine", cwd=tmp_path)
    assert said.returncode == 2
    assert "Mine is no longer what the run was made with: epochs must be one of" in said.stderr
    assert glassnet("show", "run", cwd=tmp_path).returncode == 0


def test_what_is_damaged_is_made_again_with_the_class(tmp_path: Path) -> None:
    mine = """
    def tables(self, run):
        from glassnet.runs.table import Table
        return [Table("mine", "Mine", [{"n": len(run.done)}])]
"""
    assert ran(tmp_path, HEAD + POINTS + mine)[0] == 0
    assert glassnet("resume", "run", cwd=tmp_path).returncode == 0
    said = glassnet("verify", "run", "--experiment", "mine.py:Mine", cwd=tmp_path)
    assert said.returncode == 1
    assert "glassnet resume run --experiment mine.py:Mine makes again" in said.stderr
    assert glassnet("resume", "run", "--experiment", "mine.py:Mine", cwd=tmp_path).returncode == 0
    assert glassnet("verify", "run", "--experiment", "mine.py:Mine", cwd=tmp_path).returncode == 0


def test_a_page_that_is_none_is_refused(tmp_path: Path) -> None:
    assert ran(tmp_path, f"{HEAD}{POINTS}    def page(self, run):\n        return 3\n")[0] == 0
    said = glassnet("report", "run", "--experiment", "mine.py:Mine", cwd=tmp_path)
    assert said.returncode == 2
    assert "Error: page must be None or a dict" in said.stderr
