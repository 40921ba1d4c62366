"""Threads that the system refuses to start are an error that says how many were asked for and what to do."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import resource
import glassnet as gn
from glassnet.engines import Cpu

landscape = gn.Landscape(gn.Mlp(2, 2, 1), gn.random_dataset(8, 2), gn.QuadraticHinge())
start = gn.Ensemble.random(landscape.network, 400)
gn.evolve(start[:2], landscape, gn.GradientDescent(0.1), 1, engine=Cpu(2))
engine = Cpu(400)
session = engine.session(start, landscape, gn.GradientDescent(0.1))
# A thread takes megabytes of addresses for its stack.
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**28, -1))
for work in (
    lambda: session.advance(start.step + 1),
    session.observe,
    lambda: gn.evaluate(start, landscape, engine=engine),
):
    try:
        work()
    except OSError as error:
        print(error)
resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
session.advance(start.step + 1)
assert (session.ensemble.step >= 1).all()
"""


def test_refused_threads_are_named() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 3
    for line in lines:
        assert line.startswith("the system started ")
        assert " of the 400 threads asked for (Resource temporarily unavailable): ask for fewer" in line
        assert "--threads" in line
        assert "ulimit -u" in line
