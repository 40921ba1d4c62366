"""The experiments that are known by name, and those that stand in a user's file.

An experiment registers itself with :func:`register`; a second class of one name is refused. Packages of built-in
experiments have one module for each, called as the experiment is, which is imported when it is asked for. A run's file
names an experiment, never code: a name that is not known here loads nothing.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import pkgutil
import re
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from glassnet._text import near_to

if TYPE_CHECKING:
    from glassnet.runs.experiment import Experiment
    from glassnet.runs.own_data import DataLike

Kind = TypeVar("Kind", bound="type[Experiment]")

_PACKAGES: Final[list[str]] = []
_KNOWN: Final[dict[str, type[Experiment]]] = {}
_USERS: Final = "glassnet_user_"
"""How the modules of users' files begin."""

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")


def look_in(*packages: str) -> None:
    """Have experiments looked for in packages, by their dotted names; nothing is imported yet."""
    _PACKAGES.extend(package for package in packages if package not in _PACKAGES)


def register(experiment: Kind) -> Kind:
    """Make an experiment known by its name: a class decorator.

    Raises:
        ValueError: a class without a proper name, or a second one of a name.
    """
    name = name_of(experiment)
    if _modules().get(name, experiment.__module__) != experiment.__module__:
        refuse_second(experiment)  # also where the built-in one's module was not imported yet
    known = _KNOWN.setdefault(name, experiment)
    if known is not experiment:
        raise ValueError(
            f"experiment {name!r} is {known.__module__}.{known.__qualname__} already, "
            f"so {experiment.__module__}.{experiment.__qualname__} must have another name"
        )
    return experiment


def name_of(experiment: type[Experiment]) -> str:
    """An experiment's name.

    Raises:
        ValueError: it has none, or one that cannot stand in commands and in names of folders.
    """
    return checked(getattr(experiment, "experiment", None), f"{experiment.__qualname__}.experiment")


def checked(name: Any, called: str = "experiment") -> str:
    """A name that can stand in commands and in names of folders.

    Raises:
        ValueError: it is none; ``called`` is what the message calls it.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(f"{called} must be a name of small letters, digits and _, but is {name!r:.80}")
    return name


def is_built_in(experiment: type[Experiment]) -> bool:
    """Whether a class is that of an experiment of glassnet."""
    name = getattr(experiment, "experiment", None)
    return isinstance(name, str) and is_known(name) and known(name) is experiment


def names() -> tuple[str, ...]:
    """Names of all built-in experiments, in alphabetical order; their modules need not be imported for that."""
    return tuple(sorted(_modules()))


def known(name: str) -> type[Experiment]:
    """The built-in experiment of a name.

    Raises:
        ValueError: there is none, with those that come near.
    """
    modules = _modules()
    if name not in modules:
        near = near_to(name, modules)
        meant = f"; nearest: {', '.join(near)}" if near else ""
        raise ValueError(f"experiment must be one of {', '.join(sorted(modules))}, but got {name!r:.80}{meant}")
    importlib.import_module(modules[name])
    return _KNOWN[name]


def is_known(name: str) -> bool:
    """Whether there is a built-in experiment of a name."""
    return name in _modules()


def first_line(name: str) -> str:
    """First line of the docstring of a built-in experiment; read from its file, which is not run."""
    import ast

    spec = importlib.util.find_spec(_modules()[name])
    source = Path(spec.origin).read_text(encoding="utf-8") if spec is not None and spec.origin else ""
    classes = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef) and node.decorator_list]
    return next((text.partition("\n")[0] for node in classes if (text := ast.get_docstring(node))), "")


def request(
    experiment: str,
    variant: str = "",
    dataset: DataLike = "mnist",
    scale: str = "",
    changes: Mapping[str, Any] | None = None,
) -> Experiment:
    """The request of a built-in experiment by names.

    Args:
        experiment: its name.
        variant: one of the values of its first variant, such as a phase; the first if empty.
        dataset: "mnist", "cifar10" or own data.
        scale: one of its scales, the first if empty.
        changes: other numbers for any of its fields.

    Raises:
        ValueError: an unknown name, or a number that is not allowed.
    """
    found = known(experiment)
    if variant and not found.variants:
        raise ValueError(f"{experiment} has no variants, but got {variant!r}")
    named = {next(iter(found.variants)): variant} if variant else {}
    return found.preset(dataset, scale, changes, **named)


def is_file(spec: str) -> bool:
    """Whether a text names a class in a file, ``my_file.py:MyExperiment``, and not an experiment."""
    return ".py:" in spec


def in_file(spec: str) -> type[Experiment]:
    """A user's experiment, from ``my_file.py:MyExperiment``: the file is run, as Python runs a script.

    Raises:
        ValueError: not of this form, no such class, none that is an experiment, or one with a built-in one's name.
        FileNotFoundError: no such file.
    """
    from glassnet.runs.experiment import Experiment

    file, _, name = spec.rpartition(":")
    path = Path(file)
    if not file.endswith(".py") or not name.isidentifier():
        raise ValueError(f"experiment must be a name or FILE.py:CLASS, but got {spec!r}")
    found = getattr(_module_of(path), name, None)
    if not isinstance(found, type) or not issubclass(found, Experiment):
        raise ValueError(f"{path} must have a class {name} that derives from glassnet.runs.experiment.Experiment")
    if inspect.isabstract(found):
        raise ValueError(f"{found.__qualname__} must define {', '.join(sorted(found.__abstractmethods__))}")
    refuse_second(found)
    return found


def place_in_file(error: BaseException) -> str:
    """Where in a user's file an error came from, as ``my_file.py, line 3``; empty where no such file took part."""
    frames = traceback.walk_tb(error.__traceback__)
    lines = [(f.f_code.co_filename, n) for f, n in frames if str(f.f_globals.get("__name__")).startswith(_USERS)]
    return f"{lines[-1][0]}, line {lines[-1][1]}" if lines else ""


def refuse_second(experiment: type[Experiment]) -> None:
    """Refuse a user's experiment that is called as a built-in one is.

    Raises:
        ValueError: it is.
    """
    name = name_of(experiment)
    if is_known(name) and not is_built_in(experiment):
        raise ValueError(
            f"{experiment.__qualname__}.experiment must not be {name!r}, which is an experiment of glassnet"
        )


def _modules() -> dict[str, str]:
    """Modules of built-in experiments by name."""
    found: dict[str, str] = {}
    for package in _PACKAGES:
        spec = importlib.util.find_spec(package)
        for module in pkgutil.iter_modules(spec.submodule_search_locations if spec is not None else None):
            if not module.name.startswith("_"):
                found[module.name] = f"{package}.{module.name}"
    return found


def _module_of(path: Path) -> object:
    """The module of a file, run once in a process however often it is asked for, and again where it was changed."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there: experiment must be a name or FILE.py:CLASS")
    import hashlib

    content = hashlib.sha256(os.fsencode(path.resolve()) + b"\0" + path.read_bytes())
    name = f"{_USERS}{path.stem}_{content.hexdigest()[:16]}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise ValueError(f"{path} cannot be imported")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        if (folder := str(path.resolve().parent)) not in sys.path:
            sys.path.append(folder)  # behind all others: what else stands there hides no package
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]
