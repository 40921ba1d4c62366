"""Workers of another glassnet get no task: each worker shows what it has when a run begins or when it joins.

A worker whose version, code and bundled data are those of the command is given a Dask resource that is named after
them, and every task of a run needs this resource. The scheduler itself therefore never hands a task to another worker,
and a worker that serves other runs stays as it is. A glassnet from before this check cannot answer and is refused too.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from glassnet.store.bits import FIELD, differences, identity, shown

if TYPE_CHECKING:
    from distributed import Client, Future

_PLENTY: Final = 1e6
"""Of the resource on each worker; a task needs 1, and threads are what limits tasks."""

_ANSWER_SECONDS: Final = 2.0
"""Waited for the answers of workers that are there when a run begins, so that tasks are spread over all of them."""


async def introduce(wanted: Mapping[str, str]) -> None:
    """Compare the worker that calls it with the command, and give it the resource that tasks need.

    Raises:
        ValueError: it has another glassnet; the message says what differs, with both values.
    """
    from distributed import get_worker
    from distributed.core import Status

    if other := differences(identity(), wanted):
        raise ValueError(other)
    worker, name = get_worker(), _resource(wanted)
    if name in worker.state.total_resources:
        return
    await worker.set_resources(**{name: _PLENTY})
    if worker.status == Status.running:
        # Dask looks for waiting tasks when a worker begins to run, not when it gets a resource.
        worker.status = Status.paused
        worker.status = Status.running


def _resource(wanted: Mapping[str, str]) -> str:
    return "glassnet-" + "-".join(shown(wanted[name]) for name in ("version", FIELD, "data"))


class Workers:
    """The workers of a scheduler, as a run sees them.

    Args:
        client: of the scheduler.
        on_answer: is given the future of each question once it is answered, for :meth:`hear`.
        on_refused: is told of each worker that is refused.
    """

    def __init__(
        self, client: Client, on_answer: Callable[[Future[None]], Any], on_refused: Callable[[str], Any]
    ) -> None:
        self._client, self._on_answer, self._on_refused = client, on_answer, on_refused
        self._wanted = identity()
        self._questions: dict[str, tuple[str, Future[None]]] = {}
        self._accepted: set[str] = set()
        self._refused: dict[str, str] = {}

    @property
    def needed(self) -> dict[str, float]:
        """The resources that a task needs."""
        return {_resource(self._wanted): 1.0}

    def begin(self) -> None:
        """Ask all workers that are there, and wait for their answers, but not long."""
        from distributed import wait

        self.ask(self._client.nthreads())
        with self._client.as_current(), suppress(TimeoutError):  # workers at work for others answer later
            wait([future for _, future in self._questions.values()], timeout=_ANSWER_SECONDS)

    def ask(self, addresses: Iterable[str]) -> None:
        """Ask workers which glassnet they have."""
        for address in addresses:
            self._accepted.discard(address)
            self._refused.pop(address, None)
            key = f"glassnet-introduce-{os.urandom(8).hex()}"
            future = self._client.submit(introduce, self._wanted, key=key, pure=False, workers=[address], priority=1)
            self._questions[key] = address, future
            future.add_done_callback(self._on_answer)

    def hear(self, future: Future[None]) -> bool:
        """Take a worker's answer; False for a future that is none."""
        if (asked := self._questions.pop(str(future.key), None)) is None:
            return False
        address, _ = asked
        if future.status == "finished":
            self._accepted.add(address)
        elif future.status == "error":
            self._refuse(address, future.exception())
        return True

    def is_none(self) -> bool:
        """Whether no worker that may be given tasks is there; a worker that nobody has asked is asked.

        Raises:
            ValueError: workers are there, and every one of them is refused.
            OSError: the scheduler is lost.
        """
        present = set(self._client.nthreads())
        asked = {address for address, _ in self._questions.values()}
        self.ask(present - asked - self._accepted - set(self._refused))
        if present and present <= set(self._refused):
            first = min(present)
            all_of_them = f"the worker {first} has" if len(present) == 1 else f"all {len(present)} workers have"
            raise ValueError(
                f"no worker is left: {all_of_them} another glassnet (the worker {first}: {self._refused[first]}); "
                f"{_REMEDY}; what was done is kept, and the same command goes on"
            )
        return not present & self._accepted

    def forget(self) -> None:
        """Take back what is not answered."""
        self._client.cancel([future for _, future in self._questions.values()])

    def _refuse(self, address: str, error: BaseException | None) -> None:
        from distributed import KilledWorker

        if isinstance(error, KilledWorker):
            return
        why = str(error) if isinstance(error, ValueError) else f"it cannot say which: {type(error).__name__}: {error}"
        self._refused[address] = why = " ".join(why.split())
        self._on_refused(f"The worker {address} is refused, since it has another glassnet ({why}); {_REMEDY}")


_REMEDY: Final = "install the same glassnet there as here and start the worker anew"
