"""Runs the Python on pages of the documentation, each page from its first block to its last, and checks what is shown.

A block marked ``text`` is what the Python block before it prints. ``python -m tools.pages docs/tutorial.md`` makes the
pictures of a page anew, beside it.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from unittest import SkipTest

import matplotlib
from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser, SkipParser
from sybil.typing import Parser


def run(page: Path, folder: Path) -> list[str]:
    """Run a page in a folder, in which its relative paths are looked up.

    Returns:
        Why blocks were skipped, those that were.

    Raises:
        AssertionError: a block prints something else than the page shows.
        Exception: whatever a block raises.
    """
    parsers: list[Parser] = [
        PythonCodeBlockParser(),
        CodeBlockParser(language="text", evaluator=_shows),
        SkipParser(),
    ]
    document = Sybil(parsers=parsers, path=str(page.parent)).parse(page)
    document.namespace["missing"] = lambda module: find_spec(module) is None
    skipped = []
    matplotlib.use("agg")
    with contextlib.chdir(folder):
        for example in document.examples():
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                try:
                    example.evaluate()
                except SkipTest as reason:
                    skipped.append(str(reason))
                    continue
            if printed.getvalue():
                document.namespace["_printed"] = printed.getvalue()
    return skipped


def _shows(example: Example) -> None:
    printed = example.namespace.pop("_printed", "")
    assert printed.strip() == str(example.parsed).strip(), (
        f"{example.path}:{example.line}: the page shows\n{example.parsed}\nbut its code prints\n{printed}"
    )


if __name__ == "__main__":
    os.environ.setdefault("MPLBACKEND", "agg")
    for name in sys.argv[1:]:
        print(name, *run(Path(name).resolve(), Path(name).resolve().parent))
