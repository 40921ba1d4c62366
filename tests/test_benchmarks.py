"""The benchmarks still run: each in its smoke mode, as a process of its own."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from scripts import assert_smoke_mode_prints, run, scripts

from benchmarks import performance


@pytest.mark.long
@pytest.mark.parametrize("script", scripts("benchmarks"))
def test_smoke_mode_prints_its_table(script: str) -> None:
    assert_smoke_mode_prints("benchmarks", script)


@pytest.mark.long
@pytest.mark.parametrize(("library", "contender"), [("torch", "PyTorch bmm by hand"), ("jax", "JAX vmap")])
def test_rivals_run_where_they_are_installed(library: str, contender: str) -> None:
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    assert contender in run("benchmarks.performance", "--smoke").stdout


def test_a_missing_quenched_state_is_named_before_anything_is_measured(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="must hold the quenched ensemble of the regularised phase") as refused:
        performance.measure(tmp_path, smoke=False, effort=1.0, rows=60_000)
    assert str(tmp_path / "mnist-regularised.zip") in str(refused.value)
