"""Options that have the work done elsewhere: on the workers of a Dask scheduler, or of a batch system's jobs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import typer

from glassnet._text import counted
from glassnet.cli.slurm import Slurm

if TYPE_CHECKING:
    from distributed import Client
    from rich.console import Console


def _elsewhere(name: str, about: str) -> Any:
    return typer.Option(name, help=about, show_default=False, rich_help_panel="On other machines")


class Where(NamedTuple):
    """The workers, as the options say."""

    scheduler: Annotated[
        str | None, _elsewhere("--scheduler", "tls://HOST:PORT or tcp://HOST:PORT of a Dask scheduler.")
    ] = None
    cluster: Annotated[
        str | None, _elsewhere("--cluster", "slurm: have it done by jobs such as jobqueue.yaml describes.")
    ] = None
    workers: Annotated[int | None, _elsewhere("--workers", "How many workers the cluster is asked for.")] = None


_CONNECT_SECONDS: Final = 5

_FOR_SCHEDULER: Final = ("distributed", "dask-jobqueue")
_FOR_CLUSTER: Final = (*_FOR_SCHEDULER, "cryptography")

_AUTHENTICATED: Final = ("tls", "wss")
"""Protocols in which both sides show a certificate."""


@dataclass(frozen=True)
class Scheduler:
    """A scheduler that is running already."""

    address: str

    @contextmanager
    def client(self, folder: Path) -> Iterator[Client]:
        """Connected to it.

        Raises:
            ConnectionError: it does not answer, or not as Dask's configuration of TLS wants it.
        """
        with self._connected() as client:
            yield client

    @property
    def warning(self) -> str:
        """One line of warning for its users; empty for a scheduler that asks for certificates."""
        if self._protocol in _AUTHENTICATED:
            return ""
        return (
            f"Scheduler {self.address} is not encrypted and asks for no certificate: whoever reaches that port can run "
            "code as you. With certificates it is tls:// (see Security in the documentation)."
        )

    def threads(self) -> tuple[int, int]:
        """Workers, and threads of all of them together."""
        with self._connected() as client:
            found = client.nthreads()
        return len(found), sum(found.values())

    def memory(self) -> list[tuple[int, int]]:
        """Threads and bytes of memory of each worker that has a limit."""
        with self._connected() as client:
            found = client.scheduler_info(n_workers=-1)["workers"].values()
        return [(one["nthreads"], one["memory_limit"]) for one in found if one["memory_limit"]]

    @property
    def job_script(self) -> str:
        """Its workers run already."""
        return ""

    @property
    def _protocol(self) -> str:
        from distributed.comm.addressing import parse_address

        return str(parse_address(self.address)[0])

    @contextmanager
    def _connected(self) -> Iterator[Client]:
        from distributed import Client
        from distributed.security import Security

        try:
            security: Any = Security()
            authenticated = self._protocol in _AUTHENTICATED
            if security.require_encryption and not authenticated:
                raise ValueError("Dask's configuration wants distributed.comm.require-encryption, as tls:// has it")
            if authenticated and not (security.tls_ca_file and security.tls_client_cert):
                raise ValueError(
                    "its certificates must stand in Dask's configuration, as distributed.comm.tls.ca-file and "
                    ".client.cert and .client.key"
                )
            client = Client(self.address, security=security, timeout=_CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError) as error:
            raise ConnectionError(_wrong_address(self.address, error)) from None
        with client:
            yield client


Place = Scheduler | Slurm


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
    option, needed = ("cluster", _FOR_CLUSTER) if scheduler is None else ("scheduler", _FOR_SCHEDULER)
    if any(find_spec(name.replace("-", "_")) is None for name in needed):
        names = f"{', '.join(needed[:-1])} and {needed[-1]}"
        raise ValueError(f'{option} needs {names}: pip install "glassnet[distributed]"')
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


def placed(where: Where, console: Console) -> Place | None:
    """As :func:`place`; what the user should know of the scheduler is said."""
    found = place(where)
    if found is not None and found.warning:
        console.print(found.warning, highlight=False, markup=False, soft_wrap=True)
    return found


def _wrong_address(address: str, error: Exception) -> str:
    return (
        f"scheduler must be the address of a running Dask scheduler, but got {address}: {error}; "
        "the command `dask scheduler` starts one and says its address"
    )


@contextmanager
def connected(workers: Place | None, console: Console, folder: Path) -> Iterator[Client | None]:
    """Connected to the workers; None for this machine.

    Args:
        workers: where the work is done.
        console: where it is said how many they are.
        folder: one that workers see, for what jobs must find.
    """
    if workers is None:
        yield None
        return
    with workers.client(folder) as client:
        console.print(f"On workers: {_counted(client)}", highlight=False, soft_wrap=True)
        yield client


def _counted(client: Client) -> str:
    threads = client.nthreads()
    if not threads:
        return "none yet, waiting for the first"
    return f"{len(threads)}, with {counted(sum(threads.values()), 'thread')} together"
