"""The package as a whole: imports point one way, and the public names are these."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import glassnet as gn

PACKAGE = Path(gn.__file__).parent

# A module imports only from its own row and the rows above it; simulate's files stand in several rows.
ORDER = [
    ["_memory"],
    ["_text"],
    ["_check", "_html", "_version", "_zip"],
    ["random"],
    ["datasets"],
    ["landscape"],
    ["simulate.axes", "simulate.state"],
    ["simulate.ensemble"],
    ["simulate.dynamics", "simulate.grids"],
    ["simulate.labelled", "simulate.noise_sum"],
    ["simulate.statistic"],
    ["engines"],
    ["simulate.recording"],
    ["simulate.record"],
    ["simulate.concat", "simulate.measurement"],
    ["simulate.continuing"],
    ["store"],
    ["simulate.verbs"],
    ["observables", "theory"],
    ["analysis"],
    ["figures"],
    ["runs"],
    ["paper"],
    ["beyond"],
    ["report"],
    ["cli"],
]
RANK = {module: rank for rank, row in enumerate(ORDER) for module in row}

FILES = [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]


def _module(dotted: list[str]) -> str:
    """The entry of ORDER that a module belongs to, from its path below the package."""
    return ".".join(dotted[: 2 if dotted[0] == "simulate" else 1])


def _imports(path: Path) -> set[str]:
    """The entries of ORDER that a file imports, at any depth."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module in ("glassnet", "glassnet.simulate"):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        else:
            continue
        found |= {_module(name.split(".")[1:]) for name in names if name.startswith("glassnet.")}
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path: Path) -> None:
    if path == PACKAGE / "simulate" / "__init__.py":
        return
    module = _module(list(path.relative_to(PACKAGE).with_suffix("").parts))
    for other in _imports(path) - {"_cpu", module}:
        assert RANK[other] <= RANK[module], f"{module} must not import {other}"


def test_public_names() -> None:
    expected = """
        CrossEntropy Dataset Ensemble GradientDescent Hessian Landscape Langevin Mlp Progress QuadraticHinge Record
        Run Sgd Statistic TorchLoss TorchNetwork TrainTest analysis concat engines ensemble_mean epoch_times evaluate
        evolve extend figures linear_times load load_dataset log_times mean_square_displacement measure mobility
        non_gaussian open_run overlap paper_times random_dataset read_dataset relaxation_time resume save sparse_times
        theory
    """
    assert sorted(gn.__all__) == sorted(expected.split())
    for name in gn.__all__:
        assert getattr(gn, name) is not None
