"""Coverage-guided fuzzing of the readers of files (tests/fuzz_targets.py), each for so many seconds.

    python tools/fuzz.py [--seconds 60] [TARGET ...]

Inputs that were found are kept in build/fuzz and begun from the next time; one that breaks a reader stays there as
``TARGET/crash-...``, or ``timeout-`` and ``oom-``, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType

ROOT = Path(__file__).parents[1]
CORPUS = ROOT / "build" / "fuzz"
sys.path.insert(0, str(ROOT / "tests"))

from fuzz_targets import TARGETS, feed  # noqa: E402


def main() -> int:
    """Fuzz each target in a process of its own, since the fuzzer ends the one it runs in; print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    # An empty list, too, is held against the choices.
    parser.add_argument("targets", nargs="*", metavar="TARGET", choices=[[], *TARGETS], default=[])
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        fuzz(options.targets[0], options.seconds)
    broken = 0
    for target in options.targets or TARGETS:
        command = [sys.executable, __file__, target, "--seconds", str(options.seconds), "--inside"]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        runs = re.findall(r"(?:Done |stat::number_of_executed_units:\s*)(\d+)", done.stderr)
        print(
            f"{target:10} {runs[-1] if runs else '?':>9} executions, {'a finding' if done.returncode else 'no finding'}"
        )
        if done.returncode:
            broken += 1
            print(done.stdout[-3000:], done.stderr[-3000:], sep="\n")
    return min(broken, 1)


def fuzz(target: str, seconds: int) -> None:
    """Fuzz one target and end the process."""
    atheris = importlib.import_module("atheris")
    # Not by atheris' importer, past which an editable install's own goes.
    for function in functions("glassnet"):
        atheris.instrument_func(function)
    corpus = CORPUS / target / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for i, seed in enumerate(TARGETS[target].seeds()):
        (corpus / f"seed-{i}").write_bytes(seed)
    limits = [f"-max_total_time={seconds}", "-timeout=20", "-rss_limit_mb=1536", "-max_len=20000"]
    arguments = [sys.argv[0], *limits, "-print_final_stats=1", f"-artifact_prefix={CORPUS / target}/", str(corpus)]
    atheris.Setup(arguments, lambda data: feed(target, data))
    atheris.Fuzz()


def functions(package: str) -> Iterator[FunctionType]:
    """All functions and methods of a package's modules that have been imported."""
    modules = [module for name, module in sys.modules.items() if name.split(".")[0] == package]
    for module in modules:
        for value in list(vars(module).values()):
            members = vars(value).values() if isinstance(value, type) else [value]
            for member in members:
                found = inspect.unwrap(getattr(member, "fget", None) or getattr(member, "__func__", member))
                if isinstance(found, FunctionType) and found.__module__ == module.__name__:
                    yield found


if __name__ == "__main__":
    sys.exit(main())
