"""Workers of another glassnet get no task: each worker shows what it has when a run begins or when it joins.

A worker whose version, code and bundled data are those of the command is given a Dask resource that is named after
them, and every task of a run needs this resource. The scheduler itself therefore never hands a task to another worker,
and a worker that serves other runs stays as it is. A glassnet from before this check cannot answer and is refused too.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from glassnet.store.bits import FIELD, differences, identity, shown

if TYPE_CHECKING:
    from distributed import Client, Worker

_PLENTY: Final = 1e6
"""Amount of the resource on each worker; a task needs 1, and only threads limit tasks."""

_ANSWER_SECONDS: Final = 2.0
"""Waited for the answers of workers that are there when a run begins, so that tasks are spread over all of them."""


async def introduce(wanted: Mapping[str, str], *, dask_worker: Worker) -> None:
    """Compare the worker that calls it with the command, and give it the resource that tasks need.

    Raises:
        ValueError: it has another glassnet; the message says what differs, with both values.
    """
    from distributed.core import Status

    try:
        found = identity()
    except OSError as error:
        raise ValueError(f"its files cannot be read: {error}") from None
    if other := differences(found, wanted):
        raise ValueError(other)
    name = _resource(wanted)
    if name in dask_worker.state.total_resources:
        return
    await dask_worker.set_resources(**{name: _PLENTY})
    if dask_worker.status == Status.running:
        # Dask looks for waiting tasks when a worker begins to run, not when it gets a resource.
        dask_worker.status = Status.paused
        dask_worker.status = Status.running


def _resource(wanted: Mapping[str, str]) -> str:
    return "glassnet-" + "-".join(shown(wanted[name]) for name in ("version", FIELD, "data"))


@dataclass(frozen=True)
class Answer:
    """Answer of a worker; ``error`` is None where it has the same glassnet."""

    address: str
    error: BaseException | None


class Workers:
    """The workers of a scheduler, as a run sees them.

    Args:
        client: of the scheduler.
        on_answer: is given the answer of each worker, in another thread, for :meth:`hear`.
        on_refused: is told of each worker that is refused.
    """

    def __init__(self, client: Client, on_answer: Callable[[Answer], Any], on_refused: Callable[[str], Any]) -> None:
        self._client, self._on_answer, self._on_refused = client, on_answer, on_refused
        self._wanted = identity()
        self._asked: dict[str, concurrent.futures.Future[None]] = {}
        self._accepted: set[str] = set()
        self._refused: dict[str, str] = {}

    @property
    def needed(self) -> dict[str, float]:
        """The resources that a task needs."""
        return {_resource(self._wanted): 1.0}

    def begin(self) -> None:
        """Ask all workers that are there, and wait for their answers, but not long: some may hang."""
        self.ask(self._client.nthreads())
        concurrent.futures.wait(self._asked.values(), timeout=_ANSWER_SECONDS)

    def ask(self, addresses: Iterable[str]) -> None:
        """Ask workers which glassnet they have."""
        loop: Any = self._client.loop
        for address in addresses:
            self._accepted.discard(address)
            self._refused.pop(address, None)
            self._asked[address] = asyncio.run_coroutine_threadsafe(self._ask(address), loop.asyncio_loop)

    def hear(self, answer: Answer) -> None:
        """Take a worker's answer."""
        address, error = answer.address, answer.error
        if error is None:
            self._accepted.add(address)
        elif not isinstance(error, OSError):  # an OSError is of a worker that is gone
            why = (
                str(error) if isinstance(error, ValueError) else f"it cannot say which, {type(error).__name__}: {error}"
            )
            self._refused[address] = why = " ".join(why.split())
            self._on_refused(f"The worker {address} is refused, since it has another glassnet ({why}); {_REMEDY}")

    def is_none(self) -> bool:
        """Whether no worker is there that may be given tasks or has yet to answer; one that nobody asked is asked.

        Raises:
            ValueError: workers are there, and every one of them is refused.
            OSError: the scheduler is lost.
        """
        present = set(self._client.nthreads())
        waited_for = {address for address, question in self._asked.items() if not question.done()}
        self.ask(present - waited_for - self._accepted - set(self._refused))
        if present and present <= set(self._refused):
            first = min(present)
            all_of_them = f"the worker {first} has" if len(present) == 1 else f"all {len(present)} workers have"
            raise ValueError(
                f"no worker is left: {all_of_them} another glassnet (the worker {first}: {self._refused[first]}); "
                f"{_REMEDY}; what was done is kept, and the same command goes on"
            )
        return not present & (self._accepted | waited_for)

    async def _ask(self, address: str) -> None:
        """Ask one worker, past its tasks; what it cannot unpickle harms it no more than a wrong answer."""
        try:
            question = self._client.run(
                introduce, self._wanted, workers=[address], on_error="return", asynchronous=True
            )
            error = (await question).get(address)
        except Exception as found:  # whatever it is, this worker is not accepted
            error = found
        self._on_answer(Answer(address, error))


_REMEDY: Final = "install the same glassnet there as here and start the worker anew"
