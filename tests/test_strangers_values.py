"""Arrays and folders of a stranger's that are well formed, and yet none that glassnet makes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_records import measured
from strangers import described, glassnet, refused, run_json
from tiny_runs import make, tiny

import glassnet as gn
from glassnet.store import RunDirectory, strict

AXES: dict[str, Any] = {
    "layer": [0, 0, 1],
    "moment": [1, 2, 3, 5],
    "bin_edge": np.linspace(0, 1, 261),
    "n_layer_weights": [1, 1, 1],
    "chi": [0.0, 100.0],
}


@pytest.mark.parametrize("name", AXES)
def test_a_record_on_other_axes_than_a_recorder_makes_is_refused(name: str, tmp_path: Path) -> None:
    record = measured([1e-3], n_origins=1)
    axis = record.data[name].dims
    gn.save(replace(record, data=record.data.assign_coords({name: (axis, AXES[name])})), tmp_path / "x.zarr.zip")
    refused(lambda: gn.load(tmp_path / "x.zarr.zip"), "x.zarr.zip", name)


def test_checkpoints_that_lead_elsewhere_are_not_removed_there(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "kept.zarr.zip").write_text("kept")
    make(tiny(epochs=1), tmp_path / "run")
    (tmp_path / "run" / "checkpoints").rmdir()
    (tmp_path / "run" / "checkpoints").symlink_to(mine)
    RunDirectory(tmp_path / "run").tidy()
    make(tiny(epochs=1, replicas=3), tmp_path / "run")
    assert [path.name for path in mine.iterdir()] == ["kept.zarr.zip"]


ENDLESS: dict[str, bytes] = {
    "a key twice after many": b"{" + b"".join(b'"%d":1,' % i for i in range(300_000)) + b'"299999":2}',
    "a text that does not end": b'"' + b'\\"' * 8_000_000,
    "a text that ends in an escape": b'"' + b'\\"' * 8_000_000 + b"\\",
    "another encoding": ("[" * 100_000).encode("utf-16"),
    "brackets behind signs that hold a quote": ("\u2222" + "[" * 100_000).encode("utf-16"),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_a_text_that_would_take_hours_is_refused(name: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        strict.parsed(ENDLESS[name])


@pytest.mark.parametrize("numbers", [{"replicas": 10**6}, {"replicas": 1000, "temperatures": list(range(1000))}])
def test_a_request_for_more_units_than_can_be_looked_for_is_refused(numbers: dict[str, Any], tmp_path: Path) -> None:
    request = tiny()
    asked = {**request.numbers, **numbers}
    description = {
        "experiment": "relaxation",
        "request": asked,
        "engine": {"name": "cpu", "version": "1", "gradient": "float32"},
    }
    said = glassnet("show", described(tmp_path / "run", run_json(description)))
    assert (said.exit_code, "at most 100000 units" in said.output) == (2, True)


def test_a_value_of_any_length_is_not_said_at_full_length(tmp_path: Path) -> None:
    said = glassnet("show", described(tmp_path / "run", run_json({"experiment": "x" * 10**6})))
    assert said.exit_code == 2
    assert len(said.output) < 20_000
