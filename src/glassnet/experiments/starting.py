"""Begin a run in a folder, or go on with the one that is there."""

from __future__ import annotations

from typing import Any

from glassnet.engines import Engine
from glassnet.experiments.relaxation import Relaxation
from glassnet.store.directory import RunDirectory, first_difference
from glassnet.store.provenance import provenance


def refuse_misfit(directory: RunDirectory, request: Relaxation, engine: Engine) -> None:
    """Refuse a folder that holds something else.

    Raises:
        ValueError: other things, a damaged ``run.json``, a run of another request or of another engine's version.
    """
    if not directory.exists:
        return
    stored = directory.describe()
    where = str(directory.path)
    if stored["experiment"] != request.experiment:
        raise ValueError(f"{where} holds the experiment {stored['experiment']!r}; choose another folder")
    request.refuse_to_replace(type(request).of(stored["request"]), where)
    if (difference := first_difference(stored["engine"], _identity(engine), "engine")) is not None:
        raise ValueError(f"{where} was made with {difference}; choose another folder")


def begin(directory: RunDirectory, request: Relaxation, engine: Engine) -> None:
    """Write ``run.json``, or add to it that the run goes on now, perhaps elsewhere or with a larger request.

    Raises:
        ValueError: as :func:`refuse_misfit`.
    """
    refuse_misfit(directory, request, engine)
    sessions: list[Any] = list(directory.describe()["sessions"]) if directory.exists else []
    directory.write_description(
        {
            "experiment": request.experiment,
            "request": request.numbers,
            "request_sha256": request.hash,
            "seed": request.seed,
            "engine": _identity(engine),
            "sessions": [*sessions, provenance()],
        }
    )


def _identity(engine: Engine) -> dict[str, str]:
    return {"name": engine.name, "version": engine.version, "gradient": engine.gradient}
