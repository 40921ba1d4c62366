"""The stored format is open: the code on its page, which knows zarr and json only, reads what glassnet wrote."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_runs import make, tiny
from typer.testing import CliRunner

import glassnet as gn
from glassnet.cli.commands import app
from glassnet.runs.condense import condense
from glassnet.runs.run import Run, open_run
from glassnet.store.directory import unit_name

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def page() -> dict[str, Any]:
    """Functions that the page's code defines."""
    defined: dict[str, Any] = {}
    text = (ROOT / "docs" / "format.md").read_text(encoding="utf-8")
    for block in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL):
        assert "glassnet" not in re.sub(r'"glassnet"', "", block)
        exec(block, defined)
    return defined


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run[Any]:
    return make(tiny(temperatures=[1e-3]), tmp_path_factory.mktemp("runs") / "run")


def test_a_unit_is_read_with_zarr_and_json_alone(page: dict[str, Any], run: Run[Any]) -> None:
    for path in (run.path / "units").iterdir():
        arrays, about = page["read_unit"](path)
        assert unit_name(about["header"]["identity"]) == path.name.partition(".")[0]
        if about["kind"] == "record":
            origin = int(arrays["origin"][0])
            record = run.records[1e-3][[origin]]
            np.testing.assert_array_equal(arrays["moments"], record.data["moments"].values)
            np.testing.assert_array_equal(arrays["final_weights"], record.ensemble.weights)
        else:
            np.testing.assert_array_equal(arrays["weights"][0], run.quenched.weights[int(arrays["origin"][0])])


def test_a_condensed_run_is_read_with_zarr_and_json_alone(page: dict[str, Any], run: Run[Any], tmp_path: Path) -> None:
    condense(run, tmp_path / "small.run.zip")
    small = open_run(tmp_path / "small.run.zip")
    index, arrays_of = page["read_condensed"](tmp_path / "small.run.zip")
    assert index["run"]["request"] == run.request.numbers
    read = 0
    for unit in index["units"]:
        if unit["kind"] == "record":
            arrays = arrays_of(unit)
            record = small.records[1e-3][[int(arrays["origin"][0])]]
            np.testing.assert_array_equal(arrays["moments"], record.data["moments"].values)
            np.testing.assert_array_equal(arrays["within_chi"], record.data["within_chi"].values)
            read += 1
    assert read == 2


def test_committed_runs_are_read_too(page: dict[str, Any]) -> None:
    index, arrays_of = page["read_condensed"](ROOT / "docs/reproduction/runs/protocol-mnist-regularised-laptop.run.zip")
    assert index["run"]["experiment"] == "protocol"
    kept = [unit for unit in index["units"] if unit.get("kind") == "ensemble"]
    assert arrays_of(kept[0])["weights"].shape == (1, 4830)


def test_the_units_of_a_run_are_listed(run: Run[Any], tmp_path: Path) -> None:
    shown = CliRunner().invoke(app, ["show", str(run.path), "--units"])
    assert shown.exit_code == 0
    for path in (run.path / "units").iterdir():
        assert path.name in shown.output
    (run.path / "units").joinpath(path.name).rename(tmp_path / path.name)
    try:
        assert "to be made" in CliRunner().invoke(app, ["show", str(run.path), "--units"]).output
    finally:
        (tmp_path / path.name).rename(run.path / "units" / path.name)
    condense(run, tmp_path / "small.run.zip")
    listed = CliRunner().invoke(app, ["show", str(tmp_path / "small.run.zip"), "--units"]).output
    assert listed.count("Langevin T = 0.001") == 2
    assert gn.open_run(tmp_path / "small.run.zip").done
