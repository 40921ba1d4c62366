"""What handing work to Dask costs, and what it means for 10 to 10,000 workers.

    python -m benchmarks.scaling [--smoke]

Measured here: tasks that only sleep, on one and two workers; events in which workers say how far they are; units of a
tiny run, by one process and by workers; and how fast unit files are written. Scheduler and client are one process,
as with ``--cluster slurm``; its processor time a task is what bounds a large cluster, and does not depend on who else
uses the machine. Calculated from these, and marked so: what many workers ask of the scheduler and of the store.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from distributed import Client, LocalCluster, get_worker

import glassnet as gn
from glassnet.paper.experiments.relaxation import Relaxation
from glassnet.runs import distributed, runner
from glassnet.runs.cost import size, unit_bytes
from glassnet.runs.plan import Plan, plan
from glassnet.runs.starting import begin
from glassnet.runs.tasks import TOPIC, Task
from glassnet.store import RunDirectory, files
from glassnet.store.provenance import processor
from studies.campaign_lock import quiet
from studies.options import options
from studies.pages import markdown

WORKERS: Final = (10, 100, 1000, 10_000)
UNIT_SECONDS: Final = (10, 600, 36_000)
CHECKPOINT_SECONDS: Final = (10, 60, 600)
TINY: Final = {"samples": 200, "width": 4, "epochs": 20, "temperatures": [0.1, 0.0], "waiting_times": [3], "t_max": 40}


@dataclass(frozen=True)
class Spent:
    """Wall and processor seconds of the process of client and scheduler."""

    wall: float
    processor: float


class Watch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._wall, self._processor = time.perf_counter(), time.process_time()

    def read(self) -> Spent:
        return Spent(time.perf_counter() - self._wall, time.process_time() - self._processor)


def idle(task: Task, seconds: float) -> None:
    """A task as large as a real one, that does nothing."""
    time.sleep(seconds)


def report(n: int) -> None:
    """Say so often how far one is."""
    for left in range(n):
        get_worker().log_event(TOPIC, {"key": "glassnet-0123456789abcdef-0-0", "left": left})


def planned(request: Relaxation, path: Path) -> Plan:
    """All that the request asks for."""
    return plan(request.points(), request.replicas, request.make_engine(1), RunDirectory(path))


def a_task(folder: Path) -> Task:
    """One replica's measurement at the paper's scale."""
    request = Relaxation.preset("mnist", "paper", phase="regularised")
    block = planned(request, folder / "paper").blocks[-1]
    one = replace(block, members=block.members[:1])
    return Task("glassnet-0123456789abcdef-0-0", folder / "paper", one, request.make_engine(1), 10.0, 0.5)


def handed_out(client: Client, task: Task, seconds: float, n: int) -> Spent:
    """What so many tasks took."""
    watch = Watch()
    futures = [client.submit(idle, task, seconds, key=f"idle-{seconds}-{n}-{i}", pure=False) for i in range(n)]
    client.gather(futures)
    return watch.read()


def events(client: Client, n: int) -> Spent:
    """What so many events took until all were heard of."""
    heard: list[object] = []
    client.subscribe_topic(TOPIC, heard.append)
    watch = Watch()
    done = client.submit(report, n, pure=False)
    while len(heard) < n:
        time.sleep(0.01)
    done.result()
    client.unsubscribe_topic(TOPIC)
    return watch.read()


def a_run(request: Relaxation, path: Path, client: Client | None) -> Spent:
    """What a whole run took, here or on workers."""
    watch, work, engine, directory = Watch(), planned(request, path), request.make_engine(1), RunDirectory(path)
    begin(directory, request, engine, to_work=True)
    if client is None:
        runner.run(work, engine, directory)
    else:
        distributed.run(work, engine, directory, client)
    return watch.read()


def written(folder: Path, width: int, n: int) -> tuple[int, float]:
    """Bytes of the file of one network, and wall seconds that writing it took."""
    one = gn.Ensemble.random(gn.Mlp(10, width, 6), 1)
    watch = Watch()
    for i in range(n):
        files.write(folder / f"{width}-{i}.zarr.zip", one, {})
    return (folder / f"{width}-0.zarr.zip").stat().st_size, watch.read().wall / n


def table(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table in Markdown."""
    print(f"\n{title}\n")
    print(markdown(heads, rows))


def measured(folder: Path, smoke: bool) -> Spent:
    """Print what is measured; what a task takes is given back."""
    task, rows, each = a_task(folder), [], Spent(0.0, 0.0)
    counts = {0.0: 20, 0.1: 2, 1.0: 1} if smoke else {0.0: 500, 0.1: 100, 1.0: 10}
    for n_workers in (1, 2):
        with (
            LocalCluster(n_workers=n_workers, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster,
            Client(cluster) as client,
        ):
            for seconds, n in counts.items():
                spent = handed_out(client, task, seconds, n * n_workers)
                each = Spent(spent.wall / (n * n_workers), spent.processor / (n * n_workers))
                if seconds == 0.0:
                    a_task_of_none = each
                rate, share = 1 / each.wall, seconds / (each.wall * n_workers)
                rows.append([f"{seconds:g} s", f"{n_workers}", f"{rate:.3g}", f"{share:.0%}", _ms(each.processor)])
            if n_workers == 2:
                n_events = 50 if smoke else 2000
                an_event = events(client, n_events).processor / n_events
                request = Relaxation.preset(
                    "mnist", "demo", {**TINY, "replicas": 2 if smoke else 20}, phase="regularised"
                )
                here, there = (a_run(request, folder / name / "run", on) for name, on in (("a", None), ("b", client)))
                n_units = planned(request, folder / "c" / "run").n_units
    heads = ["length of a task", "workers", "tasks a second", "share of the time at work", "scheduler and client, CPU"]
    table("Measured: tasks that sleep", heads, rows)
    print(f"\nMeasured: an event takes scheduler and client {_ms(an_event)} of CPU.")
    runs = [("one process", here), ("2 workers", there)]
    table(
        f"Measured: {n_units} units of a tiny run",
        ["made by", "wall, each", "CPU of this process, each"],
        [[name, _ms(spent.wall / n_units), _ms(spent.processor / n_units)] for name, spent in runs],
    )
    sizes = [(width, *written(folder, width, 2 if smoke else 50)) for width in (30, 82)]
    table(
        f"Measured: files of one network on {os.fspath(folder)}",
        ["width", "bytes", "wall, each"],
        [[f"{width}", size(n_bytes), _ms(seconds)] for width, n_bytes, seconds in sizes],
    )
    return a_task_of_none


def calculated(each: Spent) -> None:
    """Print what follows for many workers of one thread each, from a task's processor time and sizes of units."""
    limit = 1 / each.processor
    table(
        f"Calculated: share of the scheduler's time, at {limit:.3g} tasks a second",
        ["workers", *(f"units of {seconds} s" for seconds in UNIT_SECONDS)],
        [[f"{n}", *(f"{n / seconds / limit:.2g}" for seconds in UNIT_SECONDS)] for n in WORKERS],
    )
    request = Relaxation.preset("mnist", "paper", phase="regularised")
    a_unit = unit_bytes(request.points()[-1])
    table(
        f"Calculated: the store, units of {size(a_unit)} (relaxation at scale paper), checkpoints as large",
        ["workers", *(f"a checkpoint every {s} s" for s in CHECKPOINT_SECONDS), "files a second, every 10 s"],
        [[f"{n}", *(f"{size(n * a_unit / s)}/s" for s in CHECKPOINT_SECONDS), f"{n / 10:g}"] for n in WORKERS],
    )


def _ms(seconds: float) -> str:
    return f"{1e3 * seconds:.3g} ms"


def main() -> None:
    smoke = quiet(options(__doc__)).smoke
    load = os.getloadavg()[0]
    print(f"{processor()}, {len(os.sched_getaffinity(0))} cores, load of the machine {load:.1f} before")
    with tempfile.TemporaryDirectory() as folder:
        each = measured(Path(folder), smoke)
    calculated(each)


if __name__ == "__main__":
    main()
