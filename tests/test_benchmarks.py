"""The benchmarks still run: each in its smoke mode, as a process of its own."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from scripts import assert_smoke_mode_prints, run, scripts


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


@pytest.mark.long
def test_a_missing_quenched_state_is_named(tmp_path: Path) -> None:
    done = run("benchmarks.performance", "--states", str(tmp_path), "--output", str(tmp_path))
    assert done.returncode != 0
    assert f"{tmp_path / 'mnist-regularised.zip'} must hold the quenched ensemble" in done.stderr
