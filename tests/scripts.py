"""The scripts of ``benchmarks/`` and ``studies/``, run as processes."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

NEEDED = {"gpu": "triton", "own_networks": "torch"}
"""Optional packages without which a script cannot run."""


def scripts(folder: str) -> list[str]:
    """Names of all that ``python -m FOLDER.NAME`` runs: files with a main part, and packages."""
    files = [path for path in (ROOT / folder).glob("*.py") if "__main__" in path.read_text(encoding="utf-8")]
    return sorted([path.stem for path in files] + [path.parent.name for path in (ROOT / folder).glob("*/__main__.py")])


def run(module: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", module, *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def assert_smoke_mode_prints(folder: str, script: str) -> None:
    """The script ends well and prints its table, or the test is skipped where a package is missing."""
    needed = NEEDED.get(script)
    if needed is not None and importlib.util.find_spec(needed) is None:
        pytest.skip(f"{needed} is not installed")
    done = run(f"{folder}.{script}", "--smoke")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") >= 3
