"""The program: called in this process, or as a process of its own that can be held where a test wants it."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from glassnet.cli import main

GLASSNET = Path(sys.executable).parent / "glassnet"
PACED = Path(__file__).with_name("paced.py")


@dataclass(frozen=True)
class Said:
    """How a command ended, and what it printed."""

    returncode: int
    stdout: str
    stderr: str


def glassnet(*arguments: str | Path, cwd: Path | None = None) -> Said:
    """A command, called in this process: no other is started."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    words, on_terminate = sys.argv, signal.getsignal(signal.SIGTERM)
    sys.argv = ["glassnet", *map(str, arguments)]
    try:
        with contextlib.chdir(cwd or Path.cwd()), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.argv = words
        signal.signal(signal.SIGTERM, on_terminate)
    return Said(code, out.getvalue(), err.getvalue())


def started(*arguments: str | Path, cwd: Path | None = None, **options: Any) -> subprocess.Popen[str]:
    """A command as a process, which runs as it likes."""
    pipe = subprocess.PIPE
    words = [str(GLASSNET), *map(str, arguments)]
    return subprocess.Popen(words, cwd=cwd, text=True, **{"stdout": pipe, "stderr": pipe, **options})


def until(true: Callable[[], bool]) -> None:
    """Wait for what no pipe tells, such as a file of another process, however long that takes."""
    while not true():
        time.sleep(0.02)


class Update(NamedTuple):
    """Where a run stands that waits: the block, and how many of its replica-steps are made."""

    label: str
    done: int
    total: int


class Paced:
    """A command as a process that makes steps only when it is let on.

    It waits before each update of its run, whose checkpoint, if one is due, is then not written yet. As a context it
    ends with the process.
    """

    def __init__(self, *arguments: str | Path, cwd: Path | None = None) -> None:
        self._heard, says = os.pipe()
        leave, self._leave = os.pipe()
        words = [sys.executable, str(PACED), str(says), str(leave), *map(str, arguments)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(words, cwd=cwd, stdout=pipe, stderr=pipe, text=True, pass_fds=(says, leave))
        os.close(says)
        os.close(leave)
        self._lines = os.fdopen(self._heard, encoding="utf-8")
        self._at: Update | None = None
        self._said: Said | None = None

    def __enter__(self) -> Paced:
        return self

    def __exit__(self, *problem: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.ended()

    def update(self) -> Update | None:
        """The update it waits before; None where it has ended."""
        line = self._lines.readline()
        if not line:
            return None
        label, done, total = line.rstrip("\n").split("\t")
        self._at = Update(label, int(done), int(total))
        return self._at

    def let_on(self, n_updates: int = 1) -> None:
        """Let it make updates."""
        self._at = None
        os.write(self._leave, bytes(n_updates))

    def hold_in(self, label: str, share: float = 0.0) -> Update:
        """Let it on until it waits before an update of a block so labelled, of which more than this share is made."""
        while found := self._at or self.update():
            if label in found.label and found.done > share * found.total:
                return found
            self.let_on()
        raise AssertionError(f"it ended before {label!r}: {self.ended()}")

    def ended(self) -> Said:
        """Let it on to its end, and hear what it said."""
        if self._said is None:
            os.close(self._leave)
            out, err = self.process.communicate()
            self._lines.close()
            self._said = Said(self.process.returncode, out, err)
        return self._said
