"""Tests stay quick: none waits for a moment of time, which a loaded machine would miss."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

FILES = sorted(Path(__file__).parent.glob("*.py"))
CLOCKS = {"sleep", "monotonic", "perf_counter", "process_time", "time_ns"}
WAITS = {("program.py", "sleep")}
"""Between two looks for what no pipe tells."""

LIMITS = {("test_security.py", 2)}
"""A client of Dask's that is refused tries again until its own limit; when that is does not matter."""


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_test_waits_for_a_moment_or_asserts_one(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            for limit in (keyword.value for keyword in node.keywords if keyword.arg == "timeout"):
                value = getattr(limit, "value", limit)
                assert not value or (path.name, value) in LIMITS, f"{path.name}:{node.lineno}: timeout"
        if isinstance(node, ast.ImportFrom) and node.module in ("time", "asyncio"):
            assert not CLOCKS & {alias.name for alias in node.names}, node.lineno
        if isinstance(node, ast.Attribute) and node.attr in CLOCKS:
            assert (path.name, node.attr) in WAITS, f"{path.name}:{node.lineno}: {node.attr}"
