"""The four walks of ARCHITECTURE.md: their functions are there, and are called in the order of the page."""

from __future__ import annotations

import functools
import importlib
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest
from program import glassnet

import glassnet as gn

ROOT = Path(__file__).parents[1]
PACKAGE = Path(gn.__file__).parent
TEXT = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").split("## Four walks")[1].split("\n## ")[0]
WALKS = re.split(r"^\*\*\d\. ", TEXT, flags=re.MULTILINE)[1:]


def _functions(walk: int) -> list[str]:
    """The Python functions of a walk, by their dotted names."""
    lines = re.findall(r"^\d+\. .*", WALKS[walk], flags=re.MULTILINE)
    return [name for line in lines for name in re.findall(r"^\d+\. `([\w.]+)`", line) if ":" not in name]


def _code(name: str) -> CodeType:
    """The code of a function, a method, a property, or of the making of a class."""
    parts = ["glassnet", *name.split(".")]
    for n in range(len(parts) - 1, 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:n]))
        except ModuleNotFoundError:
            continue
        for part in parts[n:]:
            found = inspect.getattr_static(found, part)
        break
    if isinstance(found, type):
        found = inspect.getattr_static(found, "__init__")
    if isinstance(found, functools.cached_property):
        found = found.func
    if isinstance(found, property):
        found = found.fget
    code = inspect.unwrap(getattr(found, "__func__", found)).__code__
    assert isinstance(code, CodeType), name
    return code


@contextmanager
def _walked(walk: int) -> Iterator[None]:
    """What is done inside calls the functions of a walk one after the other."""
    names = _functions(walk)
    left = [_code(name) for name in names]

    def see(frame: FrameType, event: str, _: Any) -> None:
        if left and frame.f_code is left[0]:
            del left[0]

    before = sys.gettrace()
    sys.settrace(see)
    try:
        yield
    finally:
        sys.settrace(before)
    assert not left, f"{names[len(names) - len(left)]} is not called after {names[: len(names) - len(left)]}"


def test_the_functions_of_four_walks_are_there() -> None:
    assert len(WALKS) == 4
    assert all(_code(name) for walk in range(4) for name in _functions(walk))


@pytest.mark.parametrize(("file", "name"), sorted(set(re.findall(r"`([a-z_]+\.[a-z]+):(\w+)`", TEXT))))
def test_functions_of_other_languages_are_there(file: str, name: str) -> None:
    folder = PACKAGE / "report" / "browser" if file.endswith(".js") else ROOT / "src" / "cpp"
    # At the beginning of a line, after words and types only: where it is defined.
    assert re.search(
        rf"^[\w\s:<>*&]*\b{name}\(.*\{{$|^[\w\s:<>*&]*\b{name}\([^;{{]*\{{$", (folder / file).read_text(), re.M
    )


def test_a_weight_to_the_kernel() -> None:
    landscape = gn.Landscape(gn.Mlp(4, 6, 2), gn.random_dataset(60, 4), gn.QuadraticHinge())
    with _walked(0):
        gn.evolve(gn.Ensemble.random(landscape.network, 2), landscape, gn.Sgd(1e-2, 10), 20)


@pytest.mark.long
def test_from_the_command_line_to_noise_figures_and_the_slider(tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    numbers = ["samples=200", "width=4", "epochs=20", "replicas=2", "waiting_times=3", "t_max=40", "chi=[30,300]"]
    changes = [word for number in numbers for word in ("--set", number)]
    commands: list[tuple[int, Callable[[], Any]]] = [
        (1, lambda: glassnet("run", "relaxation", "--temperature", "0.1", *changes, "--output", "run", cwd=tmp_path)),
        (2, lambda: glassnet("figures", "run", cwd=tmp_path)),
        (3, lambda: glassnet("report", "run", "--chi", "30", cwd=tmp_path)),
    ]
    for walk, command in commands:
        with _walked(walk):
            said = command()
        assert said.returncode == 0, said.stderr
    assert '"chi":30.0,"wait"' in (tmp_path / "report.html").read_text(encoding="utf-8")
