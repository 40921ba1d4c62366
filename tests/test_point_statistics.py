"""Points with statistics in the file of a run: read without their functions, gone on with by the class alone."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from program import glassnet
from test_point_json import point
from test_user_experiments import Lengths, of, rewritten
from tiny_runs import make, units

import glassnet as gn
from glassnet.runs.condense import condense
from glassnet.runs.point import Measure, Point
from glassnet.runs.point_json import described, points_in, refuse_changed
from glassnet.runs.run import open_run
from glassnet.runs.verify import verify
from glassnet.simulate.statistic import NEEDS
from glassnet.store.directory import canonical, unit_name

identifier = st.from_regex(r"[a-z][a-z0-9_]{0,30}", fullmatch=True).map(lambda name: f"my_{name}")
statistic = st.builds(
    lambda name, version, needs, unit: gn.Statistic(name, print, version=version, needs=needs, unit=unit),
    identifier,
    st.integers(1, 2**53),
    st.sets(st.sampled_from(NEEDS), min_size=1),
    st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), max_size=20),
)
statistics = st.lists(statistic, max_size=4, unique_by=lambda one: one.name)


@given(point.filter(lambda one: isinstance(one.stage, Measure)), statistics, st.randoms())
def test_statistics_are_read_as_they_were_written(plain: Point, own: list[gn.Statistic], dice: Any) -> None:
    stage = plain.stage
    assert isinstance(stage, Measure)

    def having(given: list[gn.Statistic]) -> Point:
        return replace(plain, stages=(*plain.stages[:-1], replace(stage, statistics=tuple(given))))

    watched = having(own)
    (read,) = points_in(json.loads(canonical(described([watched]))), 3)
    assert read == watched
    assert canonical(described([read])) == canonical(described([watched]))
    assert isinstance(read.stage, Measure)
    assert canonical(read.stage.identity) == canonical(watched.stage.identity)
    assert [one.unit for one in read.stage.statistics] == [one.unit for one in sorted(own, key=lambda one: one.name)]
    # Neither the order nor units, which are for people, tell points apart; versions do.
    dice.shuffle(own)
    other = having([replace(one, unit="x") for one in own])
    assert other == watched
    refuse_changed([other], described([watched]), 3)
    if own:
        newer = having([replace(own[0], version=own[0].version % 2**53 + 1), *own[1:]])
        with pytest.raises(ValueError, match=r"points\[0\]\.stages\[\d\]\.statistics\[\d\]\.version of .* is \d+, but"):
            refuse_changed([newer], described([watched]), 3)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ([gn.Statistic("a", print), gn.Statistic("a", repr)], "'a' comes twice"),
        (gn.Statistic("a", print), "statistics must be a tuple of gn.Statistic"),
        ([print], "each of statistics must be a Statistic"),
    ],
)
def test_a_stage_says_what_is_wrong_with_its_statistics(given: Any, says: str) -> None:
    with pytest.raises((ValueError, TypeError), match=says):
        Measure(gn.Langevin(0.1, 1e-3), (0,), 10, statistics=given)


def furthest(weights: Any, reference: Any) -> float:
    return float(abs(weights - reference).max())


class Watched(Lengths):
    """Lengths that are watched."""

    experiment: ClassVar[str] = "watched_lengths"
    own: ClassVar[Any] = [gn.Statistic("furthest", furthest, unit="weight")]

    def _after(self, epochs: int) -> Point:
        plain = super()._after(epochs)
        assert isinstance(plain.stage, Measure)
        return replace(plain, stages=(*plain.stages[:-1], replace(plain.stage, statistics=self.own)))


def watched(**changes: Any) -> Watched:
    return Watched.of({**of().numbers, "epochs": [5], **changes})


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(watched(replicas=2), tmp_path_factory.mktemp("watched") / "run").path


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "away" / "run"
    (folder / "units").mkdir(parents=True)
    for path in [finished / "run.json", *(finished / "units").iterdir()]:
        os.link(path, folder / path.relative_to(finished))
    return folder


def test_without_the_class_all_is_read_and_condensed(copied: Path, tmp_path: Path) -> None:
    known, bare = open_run(copied, experiment=Watched), open_run(copied)
    assert bare.request.hash == known.request.hash
    assert not verify(copied).damaged
    (mine,), (other,) = known.records.values(), bare.records.values()
    xr.testing.assert_identical(mine.data, other.data)
    assert "statistic_furthest" in bare.request.pictures(bare)
    condense(bare, tmp_path / "run.run.zip")
    small = open_run(tmp_path / "run.run.zip")
    assert "statistic_furthest" in small.request.pictures(small)
    before = units(copied)
    assert glassnet("resume", copied).returncode == 0
    assert units(copied) == before


def _one_missing(folder: Path) -> None:
    run = open_run(folder)
    member = next(one for one in run.members if isinstance(one.point.stage, Measure))
    name = unit_name(run.identity(member))
    next(path for path in (folder / "units").iterdir() if path.name.startswith(name)).unlink()


def test_to_go_on_the_class_is_asked_for_in_one_line(copied: Path) -> None:
    _one_missing(copied)
    left = units(copied)
    said = glassnet("resume", copied)
    assert said.returncode != 0
    wanted = "the function of statistic 'furthest' is in the user's file: give --experiment FILE.py:CLASS"
    assert said.stderr.strip().splitlines()[-1] == f"Error: {wanted}"
    assert units(copied) == left
    with pytest.raises(ValueError, match="the function of statistic 'furthest' is in the user's file"):
        make(open_run(copied).request.changed({"replicas": 3}), copied)
    assert len(make(watched(replicas=3), copied).done) == 6


def _stage(description: Any) -> Any:
    return next(one["stages"][-1] for one in description["points"] if one["stages"][-1]["kind"] == "Measure")


def _say(**values: Any) -> Callable[[Any], None]:
    return lambda description: _stage(description)["statistics"][0].update(values)


def _have(statistics: Any) -> Callable[[Any], None]:
    return lambda description: _stage(description).update(statistics=statistics)


ONE: dict[str, Any] = {"name": "a", "version": 1, "needs": ["weights"], "unit": ""}
HOSTILE: dict[str, tuple[Callable[[Any], None], str]] = {
    "a function": (_say(function="os.system"), r"statistics\[0\]\.function: extra"),
    "a name that is none": (_say(name="../../x"), "name must be an identifier"),
    "a reserved name": (_say(name="data_loss"), "name must not be one that a record has"),
    "a long name": (_say(name="x" * 10**6), r"statistics\[0\]\.name"),
    "a name that steers": (_say(name="\x1b[2J"), "name must be an identifier"),
    "version 0": (_say(version=0), r"statistics\[0\]\.version"),
    "a true version": (_say(version=True), r"statistics\[0\]\.version"),
    "a version with a point": (_say(version=1.0), r"statistics\[0\]\.version"),
    "a huge version": (_say(version=2**60), r"statistics\[0\]\.version"),
    "unknown needs": (_say(needs=["os"]), "needs must be"),
    "no needs": (_say(needs=[]), "needs must be"),
    "needs twice": (_say(needs=["weights"] * 2), "needs must be"),
    "many needs": (_say(needs=["weights"] * 1_000), r"statistics\[0\]\.needs"),
    "nested needs": (_say(needs=[["weights"]]), r"statistics\[0\]\.needs"),
    "a unit that steers": (_say(unit="\x1b[2J"), "unit must be"),
    "no unit": (lambda d: _stage(d)["statistics"][0].pop("unit"), r"statistics\[0\]\.unit"),
    "a mapping": (_have({"a": 1}), r"\.statistics"),
    "text": (_have("furthest"), r"\.statistics"),
    "nothing": (_have(None), r"\.statistics"),
    "one twice": (_have([ONE, ONE]), "'a' comes twice"),
    "many": (_have([{**ONE, "name": f"a{i}"} for i in range(2_000)]), r"\.statistics"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_statistics_that_glassnet_did_not_write_are_refused(name: str, copied: Path) -> None:
    change, message = HOSTILE[name]
    with pytest.raises(ValueError, match=message) as found:
        open_run(_rewritten(copied, change))
    assert len(str(found.value)) < 1_000
    assert str(found.value).isprintable()


def _rewritten(folder: Path, change: Callable[[Any], None]) -> Path:
    content = (folder / "run.json").read_bytes()
    (folder / "run.json").unlink()  # a link to the one that all tests share
    (folder / "run.json").write_bytes(content)
    return rewritten(folder, change)


def test_units_of_other_statistics_than_are_described_are_not_those_of_the_run(copied: Path) -> None:
    run = open_run(_rewritten(copied, _say(version=2)))
    assert len(run.missing) == 2
