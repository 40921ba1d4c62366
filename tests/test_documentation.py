"""The documentation: its code runs and prints what it shows, its commands are there, its pages are built."""

from __future__ import annotations

import doctest
import importlib
import importlib.util
import inspect
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
from matplotlib.testing.compare import compare_images
from typer.testing import CliRunner

import glassnet as gn
from glassnet import figures
from glassnet.cli.commands import app
from glassnet.runs import registry
from tools import pages

ROOT = Path(__file__).parents[1]
PACKAGE = Path(gn.__file__).parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
NEEDS_TORCH = {"own_network.ipynb"}
TAKES_LONG = {"own-network.md"}

# One core a process, as there are several.
ALONE = os.environ | {"OMP_NUM_THREADS": "1", "NO_MKDOCS_2_WARNING": "1"}

# Words that stand for something on pages, and what they may stand for.
PLACEHOLDERS = {
    "EXPERIMENT": "relaxation",
    "my_file.py:MyExperiment": "relaxation",
    "quench_length.py:QuenchLength": "relaxation",
    "ADDRESS": "tcp://127.0.0.1:8786",
    "tcp://HOST:PORT": "tcp://127.0.0.1:8786",
    "N": "2",
    "FIGURE...": "fig3",
    "RUN...": "run",
}


def _named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=pytest.mark.long) if page.name in TAKES_LONG else page
        for page in PAGES
        if "```python" in page.read_text()
    ],
    ids=_named,
)
def test_the_code_of_a_page_runs_and_prints_what_it_shows(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    skipped = pages.run(page, tmp_path)
    for picture in sorted(tmp_path.glob("images/**/*.png")):
        name = picture.relative_to(tmp_path)
        assert f"]({name})" in page.read_text(), f"{name} is made and not shown"
        kept = shutil.copy(page.parent / name, tmp_path / "kept.png")
        # A curve moved by 1 % is 20 or more; fonts drawn by another version of matplotlib's are less.
        different = compare_images(str(kept), str(picture), tol=10.0)
        assert different is None, f"{different}\nmake pictures draws it anew"
    if skipped:
        pytest.skip("; ".join(skipped))


def test_a_page_that_shows_something_else_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```python\nprint(1 + 1)\n```\n\n```text\n3\n```\n")
    with pytest.raises(AssertionError, match=r"page.md:5: the page shows\n3\n\nbut its code prints\n2"):
        pages.run(page, tmp_path)


def test_every_figure_is_in_the_gallery_beside_a_picture_that_is_there() -> None:
    page = (ROOT / "docs/gallery.md").read_text()
    for name in figures.__all__:
        assert f"[glassnet.figures.{name}]" in page or f"gn.figures.{name}(" in page, f"{name} is missing"
    shown = re.findall(r"\]\(([^)]+\.png)\)", page)
    assert len(shown) > 10
    assert all((ROOT / "docs" / path).exists() for path in shown)


EXAMPLES = sorted(path for path in PACKAGE.rglob("*.py") if ">>> " in path.read_text())


@pytest.mark.parametrize("path", EXAMPLES, ids=_named)
def test_the_examples_of_docstrings_print_what_they_show(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts))
    runner, said = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE), io.StringIO()
    for example in doctest.DocTestFinder(exclude_empty=True).find(module, globs={}):
        runner.run(example, out=said.write)
    assert runner.tries > 0
    assert runner.failures == 0, said.getvalue()


@pytest.mark.parametrize(
    "thing",
    [
        *(gn.load_dataset, gn.Ensemble.random, gn.evolve, gn.measure, gn.extend, gn.evaluate, gn.save, gn.log_times),
        *(gn.overlap, gn.mean_square_displacement, gn.non_gaussian, gn.mobility),
        *(gn.ensemble_mean, gn.relaxation_time, gn.analysis.crossover, gn.theory.brownian.relaxation_time),
    ],
    ids=lambda thing: thing.__qualname__,
)
def test_what_is_used_first_has_an_example(thing: Callable[..., Any]) -> None:
    assert "Examples:\n" in (inspect.getdoc(thing) or "")


def _commands(page: Path) -> list[str]:
    """The lines of a page that begin with glassnet, in blocks of the shell."""
    text = re.sub(r"^```sh\n(.*?)^```$", lambda block: indent(block[1], "    "), page.read_text(), flags=re.M | re.S)
    lines = re.findall(r"^ {4}(glassnet .+?)(?:\s+# .*)?$", text, flags=re.MULTILINE)
    return [part for line in lines for part in line.split(" && ")]


@pytest.mark.parametrize("page", [page for page in PAGES if _commands(page)], ids=_named)
def test_commands_on_pages_are_known_with_their_options(page: Path) -> None:
    for line in _commands(page):
        words = [PLACEHOLDERS.get(word, word) for word in shlex.split(line)[1:] if word != "..."]
        asked = CliRunner().invoke(app, [*words, "--help"])
        assert asked.exit_code == 0, f"{line}\n{asked.output}"


def test_targets_on_pages_are_in_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for page in PAGES:
        for target in re.findall(r"(?:^ {4}|`)make ([a-z][a-z-]*)", page.read_text(), flags=re.MULTILINE):
            assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), f"{page}: make {target}"


@pytest.mark.long
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=_named)
def test_notebooks_are_kept_without_outputs_and_run(notebook: Path, tmp_path: Path) -> None:
    cells = json.loads(notebook.read_text())["cells"]
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in cells if cell["cell_type"] == "code")
    if notebook.name in NEEDS_TORCH and importlib.util.find_spec("torch") is None:
        pytest.skip("PyTorch is not installed")
    execute = [Path(sys.executable).parent / "jupyter-execute", shutil.copy(notebook, tmp_path)]
    done = subprocess.run(execute, cwd=tmp_path, env=ALONE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.long
def test_the_site_is_built_without_warnings_and_has_every_public_name(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(build, cwd=ROOT, env=ALONE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr

    inventory = zlib.decompress((tmp_path / "objects.inv").read_bytes().split(b"\n", 4)[4]).decode()
    documented = {line.split(" ", 1)[0] for line in inventory.splitlines()}
    packages = ("analysis", "engines", "figures", "observables", "store")
    for module in ("glassnet", *(f"glassnet.{name}" for name in packages)):
        for name in importlib.import_module(module).__all__:
            thing = getattr(importlib.import_module(module), name)
            own = f"{getattr(thing, '__module__', '')}.{getattr(thing, '__qualname__', '')}"
            is_page = (tmp_path / "api" / f"{name}.html").exists()
            assert {f"{module}.{name}", own} & documented or is_page, f"{module}.{name} is not in the reference"
    for experiment in map(registry.known, registry.names()):
        assert f"{experiment.__module__}.{experiment.__qualname__}" in documented
    for name in ("brownian", "drift", "mode_coupling", "quadratic_well"):
        source = (ROOT / "src/glassnet/theory" / f"{name}.py").read_text()
        for function in re.findall(r"^def ([a-z]\w*)", source, flags=re.MULTILINE):
            assert f"glassnet.theory.{name}.{function}" in documented

    for page in tmp_path.rglob("*.html"):
        html = page.read_text()
        fetched = re.findall(r'<(?:script|img|link[^>]*stylesheet)[^>]*(?:src|href)="(?:https?:)?//[^"]*"', html)
        assert not fetched, f"{page.name} fetches {fetched}"
        text = re.sub(r"<(pre|code|script|math)\b.*?</\1>", "", html, flags=re.DOTALL)
        left = re.search(r".*(``|\$\$|:(?:func|class|meth|mod|attr):).*", text)
        assert left is None, f"{page.name} shows markup: {left[0]}"
        swallowed = re.search(r"<[a-z]+[\^_=].*", text)
        assert swallowed is None, f"{page.name} has a formula that browsers take for a tag: {swallowed[0]}"
