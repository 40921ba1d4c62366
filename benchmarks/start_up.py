"""Processor time of starting: ``import glassnet`` and the command line beside what they are built on, in turns.

python -m benchmarks.start_up [--smoke]
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Final

from studies.campaign_lock import quiet
from studies.options import options

_GLASSNET: Final = str(Path(sys.executable).parent / "glassnet")

COMMANDS: Final[dict[str, list[str]]] = {
    "import numpy": [sys.executable, "-c", "import numpy"],
    "import glassnet": [sys.executable, "-c", "import glassnet"],
    "import typer, rich": [sys.executable, "-c", "import typer, rich"],
    "glassnet --help": [_GLASSNET, "--help"],
    **{
        f"glassnet {words} (refused)": [_GLASSNET, *words.split()]
        for words in ("run relaxation --bogus", "run relaxation --set bogus=1", "run bogus", "show --bogus")
    },
}


def seconds(command: list[str]) -> float:
    """Processor time of a process, user and system."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print a line a command: median and range."""
    smoke = quiet(options(__doc__)).smoke
    found: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(1 if smoke else 15):
        for name, command in COMMANDS.items():
            found[name].append(seconds(command))
    for name, times in found.items():
        print(f"{name:<50} {statistics.median(times):.3f} s ({min(times):.3f} to {max(times):.3f})")


if __name__ == "__main__":
    main()
