"""Workers in jobs of a Slurm cluster, under a scheduler in this process; nobody else is let in."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from distributed import Client

_TLS: Final = "tls://"
_LOOPBACK: Final = "127.0.0.1"
_DASHBOARD_PORT: Final = 8787


@dataclass(frozen=True)
class Slurm:
    """Jobs of a Slurm cluster, under a scheduler in this process."""

    n_workers: int

    @contextmanager
    def client(self, folder: Path) -> Iterator[Client]:
        """Connected to the scheduler; the jobs end with it.

        Scheduler, workers and client show each other a certificate that is made here and is worth nothing afterwards.

        Args:
            folder: jobs find the certificate below it, unless jobqueue.slurm.shared-temp-directory is another one.

        Raises:
            ValueError: Slurm is not there, or jobs are not described.
            OSError: the certificate cannot be written.
        """
        from dask_jobqueue.slurm import SLURMCluster
        from distributed import Client

        from glassnet.cli.certificates import certificates

        if shutil.which(SLURMCluster.job_cls.submit_command) is None:
            raise ValueError("cluster must be reached from a machine that has Slurm, but sbatch is not found here")
        self._job()
        shared = _configured("shared-temp-directory")
        place = folder if shared is None else Path(os.path.expandvars(shared)).expanduser()
        with certificates(place) as security:
            cluster = SLURMCluster(
                security=security,
                protocol=_TLS,
                worker_extra_args=_worker_arguments(),
                scheduler_cls=_scheduler_class(),
                scheduler_options=_scheduler_options() | {"security": security, "protocol": _TLS},
            )
            with cluster, Client(cluster, set_as_default=False) as client:
                cluster.scale(self.n_workers)
                yield client

    @property
    def warning(self) -> str:
        """Nothing: its scheduler asks for certificates."""
        return ""

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
        """Job script for Slurm, without the names that are known only when jobs start."""
        return str(self._job().job_script())

    def _job(self) -> Any:
        from dask_jobqueue.slurm import SLURMCluster
        from distributed.security import Security

        security = Security(tls_ca_file="CERTIFICATE", tls_worker_cert="CERTIFICATE", tls_worker_key="KEY")
        try:
            return SLURMCluster.job_cls(
                scheduler="tls://SCHEDULER:PORT",
                name="WORKER",
                protocol=_TLS,
                security=security,
                worker_extra_args=_worker_arguments(),
            )
        except ValueError as error:
            raise ValueError(
                "cluster slurm needs jobqueue.slurm.cores and jobqueue.slurm.memory, those of a job, "
                f"in ~/.config/dask/jobqueue.yaml: {str(error).partition(', for example:')[0]}"
            ) from None


def _configured(name: str, default: Any = None) -> Any:
    import dask

    return dask.config.get(f"jobqueue.slurm.{name}", default)


def _worker_arguments() -> list[str]:
    """Arguments of a job's workers, the user's own first: their page of health and counters is on loopback."""
    return [*_configured("worker-extra-args", []), "--no-dashboard", "--dashboard-address", f"{_LOOPBACK}:0"]


def _scheduler_options() -> dict[str, Any]:
    """The user's options of the scheduler; a dashboard that they ask for is on loopback, at their port."""
    options = dict(_configured("scheduler-options", {}))
    asked = options.get("dashboard_address") or (_DASHBOARD_PORT if options.get("dashboard") else None)
    if asked is not None:
        asked = f"{_LOOPBACK}:{str(asked).rpartition(':')[2]}"
    # Jupyter in the scheduler's page would run code for everyone on this machine.
    return options | {"dashboard": asked is not None, "dashboard_address": asked, "jupyter": False}


def _scheduler_class() -> type:
    from distributed import Scheduler

    class Quiet(Scheduler):
        """A scheduler that opens no port for pages unless a dashboard is asked for."""

        def start_http_server(self, routes: Any, dashboard_address: Any, *args: Any, **kwargs: Any) -> None:
            if dashboard_address is not None:
                super().start_http_server(routes, dashboard_address, *args, **kwargs)  # type: ignore[no-untyped-call]

    return Quiet
