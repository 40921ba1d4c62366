"""Arrays and folders of a stranger's that are well formed, and yet none that glassnet makes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_records import measured
from strangers import refused
from tiny_runs import make, tiny

import glassnet as gn
from glassnet.store import RunDirectory

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
