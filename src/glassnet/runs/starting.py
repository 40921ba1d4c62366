"""Begin a run in a folder, or go on with the one that is there."""

from __future__ import annotations

from typing import Any

from glassnet.engines import Engine
from glassnet.runs.experiment import Experiment
from glassnet.runs.look import without_looks
from glassnet.runs.own_data import keep
from glassnet.runs.point import engine_identity
from glassnet.store.directory import RunDirectory, first_difference
from glassnet.store.provenance import provenance


def refuse_misfit(directory: RunDirectory, request: Experiment, engine: Engine) -> None:
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
    request.refuse_to_replace(type(request).of(without_looks(stored["request"])), where)
    if (difference := first_difference(stored["engine"], engine_identity(engine), "engine")) is not None:
        raise ValueError(f"{where} was made with {difference}; choose another folder")


def begin(directory: RunDirectory, request: Experiment, engine: Engine, *, to_work: bool) -> None:
    """Write ``run.json``; where it is there already, with the perhaps larger request. Beside it, a user's own data.

    Args:
        directory: where the run is or will be.
        request: what is asked for now.
        engine: who makes the steps.
        to_work: whether anything will be made; if so, that this machine goes on now is added.

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
            "engine": engine_identity(engine),
            "sessions": [*sessions, provenance()] if to_work or not sessions else sessions,
        }
    )
    try:
        keep(directory, request.dataset)
    except ValueError:
        # A run that is done needs its data no more; what is wrong with them verify says.
        if to_work or not sessions:
            raise
