"""Where the work of a command is done, if not here: on the workers of a Dask scheduler, or of a batch system's jobs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from glassnet._words import counted

if TYPE_CHECKING:
    from distributed import Client
    from rich.console import Console


def _elsewhere(name: str, about: str) -> Any:
    return typer.Option(name, help=about, show_default=False, rich_help_panel="On other machines")


SchedulerAddress = Annotated[
    str | None, _elsewhere("--scheduler", "tcp://HOST:PORT of a Dask scheduler whose workers do it.")
]
ClusterName = Annotated[
    str | None, _elsewhere("--cluster", "slurm: have it done by jobs such as jobqueue.yaml describes.")
]
WorkerCount = Annotated[int | None, _elsewhere("--workers", "How many workers the cluster is asked for.")]

_CONNECT_SECONDS: Final = 5


@dataclass(frozen=True)
class Scheduler:
    """A scheduler that is running already."""

    address: str

    @contextmanager
    def client(self) -> Iterator[Client]:
        """Connected to it.

        Raises:
            ConnectionError: it does not answer.
        """
        from distributed import Client

        try:
            client = Client(self.address, timeout=_CONNECT_SECONDS, set_as_default=False)
        except OSError as error:
            raise ConnectionError(_wrong_address(self.address, error)) from None
        with client:
            yield client

    def threads(self) -> tuple[int, int]:
        """Workers, and threads of all of them together."""
        with self.client() as client:
            found = client.nthreads()
        return len(found), sum(found.values())

    def memory(self) -> list[tuple[int, int]]:
        """Threads and bytes of memory of each worker that has a limit."""
        with self.client() as client:
            found = client.scheduler_info(n_workers=-1)["workers"].values()
        return [(one["nthreads"], one["memory_limit"]) for one in found if one["memory_limit"]]

    @property
    def job_script(self) -> str:
        """Its workers run already."""
        return ""


@dataclass(frozen=True)
class Slurm:
    """Jobs of a Slurm cluster, under a scheduler in this process."""

    n_workers: int

    @contextmanager
    def client(self) -> Iterator[Client]:
        """Connected to the scheduler; the jobs end with it.

        Raises:
            ValueError: Slurm is not there, or jobs are not described.
        """
        from dask_jobqueue.slurm import SLURMCluster
        from distributed import Client

        if shutil.which(SLURMCluster.job_cls.submit_command) is None:
            raise ValueError("cluster must be reached from a machine that has Slurm, but sbatch is not found here")
        self._job()
        with SLURMCluster() as cluster, Client(cluster, set_as_default=False) as client:
            cluster.scale(self.n_workers)
            yield client

    def threads(self) -> tuple[int, int]:
        """Workers, in whole jobs, and threads of all of them together."""
        job = self._job()
        n_workers = -(-self.n_workers // job.worker_processes) * job.worker_processes
        return n_workers, n_workers * job.worker_process_threads

    def memory(self) -> list[tuple[int, int]]:
        """Threads and bytes of memory of a worker."""
        job = self._job()
        return [(job.worker_process_threads, int(job.worker_memory) // job.worker_processes)]

    @property
    def job_script(self) -> str:
        """What Slurm is given for each job."""
        return str(self._job().job_script())

    def _job(self) -> Any:
        from dask_jobqueue.slurm import SLURMCluster

        try:
            return SLURMCluster.job_cls(scheduler="tcp://SCHEDULER:PORT", name="WORKER")
        except ValueError as error:
            raise ValueError(
                "cluster slurm needs jobqueue.slurm.cores and jobqueue.slurm.memory, those of a job, "
                f"in ~/.config/dask/jobqueue.yaml: {str(error).partition(', for example:')[0]}"
            ) from None


Place = Scheduler | Slurm

Where = tuple[str | None, str | None, int | None]
"""What the options --scheduler, --cluster and --workers say."""


def place(where: Where) -> Place | None:
    """Where the options say that the work is done; None for here.

    Raises:
        ValueError: options that do not go together, or a package that is missing.
    """
    from glassnet import _check

    scheduler, cluster, workers = where
    if scheduler is not None and cluster is not None:
        raise ValueError(f"scheduler and cluster must not both be given, but got {scheduler} and {cluster}")
    if workers is not None and cluster is None:
        raise ValueError(f"workers must be given with --cluster only, but got {workers}")
    if scheduler is None and cluster is None:
        return None
    if find_spec("distributed") is None or find_spec("dask_jobqueue") is None:
        option = "cluster" if scheduler is None else "scheduler"
        raise ValueError(f'{option} needs distributed and dask-jobqueue: pip install "glassnet[distributed]"')
    if scheduler is not None:
        from distributed.comm.addressing import get_address_host_port

        try:
            get_address_host_port(scheduler)
        except ValueError as error:
            raise ValueError(_wrong_address(scheduler, error)) from None
        return Scheduler(scheduler)
    _check.choice("cluster", str(cluster), ("slurm",))
    if workers is None:
        raise ValueError("workers must say how many the cluster is asked for")
    return Slurm(_check.integer("workers", workers, low=1))


def _wrong_address(address: str, error: Exception) -> str:
    return (
        f"scheduler must be the address of a running Dask scheduler, but got {address}: {error}; "
        "the command `dask scheduler` starts one and says its address"
    )


@contextmanager
def connected(workers: Place | None, console: Console) -> Iterator[Client | None]:
    """Connected to the workers; None for this machine."""
    if workers is None:
        yield None
        return
    with workers.client() as client:
        console.print(f"On workers: {_counted(client)}", highlight=False, soft_wrap=True)
        yield client


def _counted(client: Client) -> str:
    threads = client.nthreads()
    if not threads:
        return "none yet, waiting for the first"
    return f"{len(threads)}, with {counted(sum(threads.values()), 'thread')} together"
