"""Begin a run in a folder, or go on with the one that is there."""

from __future__ import annotations

import json
from typing import Any, Final

from glassnet.engines import Engine
from glassnet.runs import registry
from glassnet.runs.experiment import Experiment
from glassnet.runs.own_data import keep
from glassnet.runs.pieces import request_in
from glassnet.runs.point import engine_identity
from glassnet.runs.point_json import described, refuse_changed
from glassnet.store.directory import RunDirectory, canonical, first_difference
from glassnet.store.provenance import provenance
from glassnet.store.strict import MOST_BYTES

_MOST_BYTES: Final = MOST_BYTES // 2
"""Largest description of points; a run with a larger one goes without, and opens with its class only."""


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
        raise ValueError(f"{where} holds the experiment {stored['experiment']!r:.80}; choose another folder")
    same = None if registry.is_built_in(type(request)) or request.generic else type(request)
    request.refuse_to_replace(request_in(directory.path, stored, same), where)
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
    points = _points_of(request)
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
            **points,
        }
    )
    try:
        keep(directory, request.dataset)
    except ValueError:
        # A run that is done needs its data no more; what is wrong with them verify says.
        if to_work or not sessions:
            raise


def _refuse_unreadable(request: Experiment) -> None:
    """Refuse a request of which ``run.json`` would be read as another one.

    Raises:
        ValueError: naming the field.
    """
    numbers = request.numbers
    read = type(request).of(json.loads(canonical(numbers))).numbers
    for name, value in numbers.items():
        if canonical(value) != canonical(read[name]):
            kind = type(request).__qualname__
            raise ValueError(f"{kind}: {name} is {value!r:.80}, but is read back as {read[name]!r:.80}")


def _points_of(request: Experiment) -> dict[str, Any]:
    """Description of the points of a user's own experiment, by which the run can be read without its class.

    Raises:
        ValueError: the experiment is called as a built-in one is, or its points are not such as can be read again.
    """
    if registry.is_built_in(type(request)):
        return {}
    if not request.generic:
        registry.refuse_second(type(request))
        _refuse_unreadable(request)
    found = described(request.points())
    refuse_changed(request.points(), found, request.replicas)
    return {"points": found} if len(json.dumps(found, indent=2)) <= _MOST_BYTES else {}
