"""The benchmarks still run: each in its smoke mode, as a process of its own."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted(path.stem for path in (ROOT / "benchmarks").glob("*.py"))


def run(script: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", f"benchmarks.{script}", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.parametrize("script", SCRIPTS)
def test_smoke_mode_prints_its_table(script: str) -> None:
    done = run(script, "--smoke")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") >= 3


@pytest.mark.parametrize(("library", "contender"), [("torch", "PyTorch bmm by hand"), ("jax", "JAX vmap")])
def test_rivals_run_where_they_are_installed(library: str, contender: str) -> None:
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    assert contender in run("performance", "--smoke").stdout


def test_a_missing_quenched_state_is_named(tmp_path: Path) -> None:
    done = run("performance", "--states", str(tmp_path), "--output", str(tmp_path))
    assert done.returncode != 0
    assert f"{tmp_path / 'mnist-regularised.zip'} must hold the quenched ensemble" in done.stderr
