"""The program, which before each update of a run says so on one pipe and waits on another to be let on."""

from __future__ import annotations

import os
import sys
from typing import Any

from glassnet.cli import main
from glassnet.runs import runner

SAYS, LEAVE = (int(descriptor) for descriptor in sys.argv[1:3])
del sys.argv[1:3]

hear = runner._Worker._hear


def say_and_wait(self: Any, done: int, latest: Any) -> None:
    os.write(SAYS, f"{self._block.label}\t{done}\t{self._block.n_replica_steps}\n".encode())
    if not os.read(LEAVE, 1):  # nobody is to be waited for any more
        runner._Worker._hear = hear  # type: ignore[method-assign]
    hear(self, done, latest)


runner._Worker._hear = say_and_wait  # type: ignore[method-assign]
main()
