"""The benchmarks still run: each in its smoke mode, as a process of its own."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import small_landscape

from benchmarks.studies import results
from benchmarks.studies.cases import input_norm, no_return
from benchmarks.studies.float_grid import rounded_variance
from benchmarks.studies.transitions import not_collapsed

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted(
    path.stem for path in (ROOT / "benchmarks").glob("*.py") if "__main__" in path.read_text(encoding="utf-8")
)


def run(script: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", f"benchmarks.{script}", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.long
@pytest.mark.parametrize("script", SCRIPTS)
def test_smoke_mode_prints_its_table(script: str) -> None:
    needed = {"gpu": "triton", "own_networks": "torch"}.get(script)
    if needed is not None and importlib.util.find_spec(needed) is None:
        pytest.skip(f"{needed} is not installed")
    done = run(script, "--smoke")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") >= 3


@pytest.mark.long
@pytest.mark.parametrize(("library", "contender"), [("torch", "PyTorch bmm by hand"), ("jax", "JAX vmap")])
def test_rivals_run_where_they_are_installed(library: str, contender: str) -> None:
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    assert contender in run("performance", "--smoke").stdout


@pytest.mark.long
def test_a_missing_quenched_state_is_named(tmp_path: Path) -> None:
    done = run("performance", "--states", str(tmp_path), "--output", str(tmp_path))
    assert done.returncode != 0
    assert f"{tmp_path / 'mnist-regularised.zip'} must hold the quenched ensemble" in done.stderr


def test_what_is_there_is_not_run_again(tmp_path: Path) -> None:
    question = {"l2": (0.01, np.float64(1 / 3)), "steps": 10}
    results.save(tmp_path / "case.json", question, {"loss": np.array([0.5, np.nan, np.inf])})
    found = results.load(tmp_path / "case.json", question)
    assert found is not None
    np.testing.assert_array_equal([float(x) for x in found["loss"]], [0.5, np.nan, np.inf])
    with pytest.raises(ValueError, match="remove it, or give another folder"):
        results.load(tmp_path / "case.json", question | {"steps": 20})


def test_below_the_norm_of_no_return_weights_shrink() -> None:
    l2 = 0.1
    landscape = small_landscape(n_features=3, width=4, depth=3, n_samples=20, l2=l2)
    limit = no_return(l2, len(landscape.network.layer_sizes), input_norm(landscape.dataset))
    rng = np.random.default_rng(0)
    for weights in rng.normal(size=(50, landscape.network.n_weights)):
        weights *= np.sqrt(0.999 * limit / (weights @ weights))
        assert weights @ landscape.gradient(weights) > 0.0


def test_a_network_that_has_not_begun_is_told_from_one_that_collapsed() -> None:
    probes = [
        {"l2": l2, "origin": origin, "data_loss": loss, "weight_norm2": norm2, "alive": True}
        for origin, l2, loss, norm2 in [(0, 0.01, 0.1, 17.0), (0, 0.02, 0.5, 40.0), (1, 0.01, 0.1, 17.0)]
    ]
    probes.append({"l2": 0.02, "origin": 1, "data_loss": 0.5, "weight_norm2": 1e-4, "alive": True})
    assert not_collapsed({"input_norm": 13.0, "probes": probes}) == 1


@pytest.mark.parametrize("noise", [0.2, 0.5, 0.99, 1.01, 3.0])
def test_rounded_noise_has_the_variance_that_the_formula_says(noise: float) -> None:
    spacing = 0.25
    n = 200_000
    squares = (spacing * np.round(noise * spacing * np.random.default_rng(1).normal(size=n) / spacing)) ** 2
    error = squares.std() / np.sqrt(n)
    assert rounded_variance(np.array([spacing]), noise * spacing)[0] == pytest.approx(squares.mean(), abs=4 * error)
