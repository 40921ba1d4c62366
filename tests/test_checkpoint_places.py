"""Where the checkpoint of a verb lies, and files in its place that another has made."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import glassnet as gn
from glassnet.store import files

LANDSCAPE = gn.Landscape(gn.Mlp(4, 6, 2), gn.random_dataset(60, 4), gn.QuadraticHinge(l2=1e-2))
START = gn.Ensemble.random(LANDSCAPE.network, 2)
LANGEVIN = gn.Langevin(1e-3, 1e-3)


def evolve(path: str | Path, **more: Any) -> gn.Ensemble:
    return gn.evolve(START, LANDSCAPE, LANGEVIN, 10, checkpoint=path, **more)


def test_a_script_that_goes_to_another_folder_keeps_its_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    evolve("state.zarr.zip", on_progress=lambda progress: os.chdir(tmp_path / "elsewhere"))
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["elsewhere", "state.zarr.zip"]


def test_a_link_to_a_checkpoint_is_the_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "state.zarr.zip")
    evolve(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert isinstance(gn.load(tmp_path / "state.zarr.zip"), gn.Ensemble)


@pytest.mark.parametrize("call", [None, 1, [], {}, {"verb": 1}, {"verb": "measure"}])
def test_a_file_whose_call_is_another_is_refused(call: object, tmp_path: Path) -> None:
    files.write(tmp_path / "x", START, {"call": call})
    with pytest.raises(ValueError, match="x is of another call"):
        evolve(tmp_path / "x")


def test_a_file_with_the_call_and_another_kind_of_value_is_refused(tmp_path: Path) -> None:
    evolve(tmp_path / "x")
    record = gn.measure(START, LANDSCAPE, LANGEVIN, times=[1])
    files.write(tmp_path / "x", record, files.read_header(tmp_path / "x"))
    with pytest.raises(ValueError, match="evolve does not make Record"):
        evolve(tmp_path / "x")
