"""Statistics that do what a user may do by mistake: what cannot be recorded is refused in one line, before any step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import xarray as xr
from conftest import small_landscape
from numpy.typing import NDArray

import glassnet as gn
from glassnet.engines import EngineState, Reference
from glassnet.engines.reference import ReferenceSession

LANDSCAPE = small_landscape()
START = gn.Ensemble.random(LANDSCAPE.network, 2)
LANGEVIN = gn.Langevin(1e-3, 1e-2)


def measure(function: Callable[..., Any], **changes: Any) -> gn.Record:
    own = gn.Statistic("s", function, needs=["weights"])
    asked: dict[str, Any] = {"times": [1, 5], "statistics": [own], "engine": Reference()} | changes
    return gn.measure(START, LANDSCAPE, LANGEVIN, **asked)


class Mute:
    def __repr__(self) -> str:
        raise RuntimeError("no words")

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError("no numbers")


class MuteError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


def raising(error: BaseException) -> Callable[..., Any]:
    def function(weights: Any) -> float:
        raise error

    return function


ODD: dict[str, Callable[..., Any]] = {
    "an object without words": lambda weights: Mute(),
    "a list of such": lambda weights: [Mute()],
    "an error without words": raising(MuteError()),
    "an end of the program": raising(SystemExit(3)),
    "an error of many lines": raising(ValueError("a\nb\x1b[2J\n" * 1000)),
    "labels of dates": lambda weights: xr.DataArray([1.0], dims="d", coords={"d": np.array(["2020"], "M8[D]")}),
    "a data set": lambda weights: xr.Dataset({"a": 1.0}),
    "a long list": lambda weights: ["x"] * 10**6,
    "labels of another axis": lambda weights: xr.DataArray([1.0], dims="d", coords={"e": ("d", [1])}),
}


@pytest.mark.parametrize("odd", ODD)
def test_what_cannot_be_recorded_is_refused_in_one_line(odd: str) -> None:
    with pytest.raises(ValueError, match="statistic 's'") as caught:
        measure(ODD[odd])
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("dim", ["skin_rows", "skin_tag", "engine_state_a_b", "engine_count_a_b", "missed_wakings"])
@pytest.mark.parametrize("labels", [None, [1], ["a"]])
def test_axes_that_a_file_has_another_meaning_for_are_refused_before_the_first_step(dim: str, labels: Any) -> None:
    coords = None if labels is None else {dim: labels}
    with pytest.raises(ValueError, match=f"axes with names of their own.*{dim}"):
        measure(lambda weights: xr.DataArray(weights[:1], dims=dim, coords=coords))


@dataclass(frozen=True)
class Counting(Reference):
    """The reference engine with a count of its own."""

    name: ClassVar[str] = "counting"
    count: str = "pushes"

    def session(self, *args: Any) -> CountingSession:
        return CountingSession(self.count, *args)


class CountingSession(ReferenceSession):
    def __init__(self, count: str, *args: Any) -> None:
        super().__init__(*args)
        self._count = count

    @property
    def ensemble(self) -> gn.Ensemble:
        bare = super().ensemble
        axis = np.zeros((len(bare), 3, 2))
        state = EngineState(np.full(len(bare), "x"), {"lists": axis}, {self._count: bare.step})
        return replace(bare, state={"counting": state})


def test_an_axis_called_as_a_count_of_the_engine_is_refused_before_the_first_step() -> None:
    def never(progress: Any) -> None:
        raise AssertionError("nothing may be made")

    with pytest.raises(ValueError, match=r"an axis 'pushes'.*count of the engine"):
        measure(lambda weights: xr.DataArray(weights[:3], dims="pushes"), engine=Counting(), on_progress=never)


def test_axes_beside_those_of_an_engines_state_are_kept(tmp_path: Path) -> None:
    dim = "axis_1_of_engine_state_counting_lists"
    with pytest.raises(ValueError, match="axes with names of their own"):
        measure(lambda weights: weights[0] * xr.DataArray(np.ones(2), dims=dim), engine=Counting())
    record = measure(lambda weights: xr.DataArray(weights[:2], dims="axis_1"), engine=Counting())
    gn.save(record, tmp_path / "x.zip")
    loaded = gn.load(tmp_path / "x.zip")
    assert isinstance(loaded, gn.Record)
    xr.testing.assert_identical(loaded.data, record.data)


@pytest.mark.parametrize("count", ["sigma", "temperature", "lost_at", "time", "moments", "statistic_s", "label_a"])
def test_a_count_called_as_something_in_a_record_is_refused(count: str) -> None:
    with pytest.raises(ValueError, match=f"count.*'{count}'"):
        EngineState(np.array(["x"]), {}, {count: np.array([1])})


def test_functions_that_change_or_keep_what_they_get_change_nothing() -> None:
    kept: list[NDArray[Any]] = []
    buffer = np.zeros(3)

    def rude(weights: Any) -> Any:
        kept.append(weights)
        buffer[:] = weights[:3]
        weights[:] = np.nan
        np.random.seed(0)  # noqa: NPY002
        return buffer

    plain = gn.Statistic("plain", lambda weights: weights[:3].copy(), needs=["weights"])
    own = [gn.Statistic("a_rude", rude, needs=["weights"]), plain]
    found, bare = measure(rude, statistics=own), measure(rude, statistics=[])
    for one in kept:
        one[:] = np.inf
    buffer[:] = np.inf
    np.testing.assert_array_equal(found.data.statistic_a_rude, found.data.statistic_plain)
    assert found.ensemble.weights.tobytes() == bare.ensemble.weights.tobytes()
    xr.testing.assert_identical(
        found.data.drop_vars(["statistic_a_rude", "statistic_plain"]).drop_attrs(), bare.data.drop_attrs()
    )
