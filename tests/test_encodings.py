"""Our own files are UTF-8 whatever the locale is, and a name that cannot be shown is escaped."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tiny_runs import TINY, make

import glassnet as gn
from glassnet.paper.scales import preset
from glassnet.report import write_report
from glassnet.runs.run import open_run

ROOT = Path(__file__).parents[1]
SOURCES = sorted(path for folder in ("src", "tools", "benchmarks", "studies") for path in (ROOT / folder).rglob("*.py"))

_BINARY = ("os", "archive", "self._archive", "members", "self", "Image", "tarfile", "gzip")
"""Objects whose ``open`` knows no encoding."""


def nameless(source: str) -> Iterator[str]:
    """Calls that read or write text in the encoding of the locale."""
    for call in ast.walk(ast.parse(source)):
        if not isinstance(call, ast.Call) or any(keyword.arg == "encoding" for keyword in call.keywords):
            continue
        if isinstance(call.func, ast.Name):
            name, of, mode_place = call.func.id, "", 1
        elif isinstance(call.func, ast.Attribute):
            name, of, mode_place = call.func.attr, ast.unparse(call.func.value), 0
        else:
            continue
        modes = [keyword.value for keyword in call.keywords if keyword.arg == "mode"] + call.args[mode_place:][:1]
        binary = any(isinstance(mode, ast.Constant) and "b" in str(mode.value) for mode in modes)
        opens = name == "open" and of not in _BINARY and not binary
        writes = name == "write_text" and of not in ("self", "directory")  # RunDirectory's, which is UTF-8
        if name == "read_text" or writes or opens or (name == "TextIOWrapper" and of == "io"):
            yield f"line {call.lineno}: {ast.unparse(call)[:80]}"


def test_every_text_file_is_opened_with_its_encoding() -> None:
    found = {path.relative_to(ROOT): list(nameless(path.read_text(encoding="utf-8"))) for path in SOURCES}
    assert {path: calls for path, calls in found.items() if calls} == {}


def test_the_search_finds_what_it_should() -> None:
    found = list(nameless("open('a'); open('a', 'rb'); p.open(); p.open('rb'); p.read_text(); q.write_text('x')"))
    assert [line.partition(": ")[2] for line in found] == [
        "open('a')",
        "p.open()",
        "p.read_text()",
        "q.write_text('x')",
    ]


CHILD = """
import sys
from glassnet.cli import main

assert sys.flags.utf8_mode == 0 and sys.getfilesystemencoding() != "utf-8", "the locale is not what is tested"
for line in (["report", "run", "--output", "page.html"], ["show", "run"], ["show", "r\\u00fcn"]):
    sys.argv = ["glassnet", *line]
    try:
        main()
    except SystemExit as end:
        print("ended with", end.code)
"""


def test_a_terminal_of_ascii_only(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    classes = np.where(rng.random(40) < 0.5, "猫", "ñandú")
    own = gn.read_dataset((rng.normal(size=(40, 3)), classes))
    numbers = {name: value for name, value in TINY.items() if name != "samples"}
    make(preset("regularised", own, "demo", numbers), tmp_path / "run")
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "PYTHONIO"))}
    done = subprocess.run(
        [sys.executable, "-c", CHILD], cwd=tmp_path, capture_output=True, env=environment | ascii_only, check=False
    )
    said = done.stdout.decode("ascii")
    assert "Traceback" not in done.stderr.decode("ascii")
    assert said.count("ended with None") == 2
    assert "\\u732b" in said
    assert done.stderr.decode("ascii").startswith("Error: ")
    page = (tmp_path / "page.html").read_bytes().decode("utf-8")
    write_report([open_run(tmp_path / "run")], tmp_path / "here.html")
    here = (tmp_path / "here.html").read_bytes().decode("utf-8")
    assert [sign for sign in page if not sign.isascii()] == [sign for sign in here if not sign.isascii()] != []


def test_a_name_that_is_no_text_stands_escaped_in_a_report(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/r\xff"))
    numbers = {name: value for name, value in TINY.items() if name != "samples"}
    x = np.arange(40.0)[:, None] * [1.0, -1.0]
    make(preset("regularised", gn.read_dataset((x, np.arange(40) % 2)), "demo", numbers), folder)
    write_report([open_run(folder)], tmp_path / "page.html")
    assert "r\\udcff" in (tmp_path / "page.html").read_text(encoding="utf-8")
