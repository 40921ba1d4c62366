"""A user's own data in a request: what tells them apart, and where to find them.

A request and the addresses of its units hold fingerprints only, as they do of given replicas. The data themselves lie
in the run's folder, so that whoever goes on with a run, verifies it or works on it elsewhere needs nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from glassnet.datasets import TrainTest
from glassnet.datasets.labels import listed
from glassnet.datasets.raw import Name as DatasetName
from glassnet.store.data import read_data, write_data
from glassnet.store.directory import RunDirectory

FILE: Final = "data.npz"
"""Where a run's folder has the data."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class OwnData(BaseModel):
    """What is known of a user's data without them; equal for the same rows, whatever file they came from.

    Args:
        train: fingerprint of what is trained on.
        test: fingerprint of the test set; None where there is none.
        n_samples: rows to train on.
        n_features: columns.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    train: Sha256
    test: Sha256 | None
    n_samples: Annotated[int, Field(ge=1, lt=2**40)]
    n_features: Annotated[int, Field(ge=1, lt=2**31)]

    def __str__(self) -> str:
        return f"own data {self.train[:8]}"


AnyData = DatasetName | OwnData

_GIVEN: Final[dict[OwnData, TrainTest]] = {}
_FILES: Final[dict[OwnData, Path]] = {}


def own_data(name: str, value: Any) -> OwnData:
    """A user's data as a request holds them, from the data or from what a request's numbers say of them.

    Raises:
        ValueError: they are neither; ``name`` is what the message calls them.
    """
    if isinstance(value, OwnData):
        return value
    if isinstance(value, TrainTest):
        return remember(value)
    try:
        return OwnData.model_validate(dict(value) if isinstance(value, Mapping) else value)
    except ValidationError as error:
        problem = error.errors()[0]
        field = ".".join(str(part) for part in (name, *problem["loc"]))
        raise ValueError(f"{field} must be what a run says of its data: {problem['msg'].lower()}") from None


def remember(data: TrainTest) -> OwnData:
    """Have the data at hand for requests of this process.

    Raises:
        ValueError: their labels are not +1 and -1, which all experiments take.
    """
    source = data.train.provenance.get("source", data.train.name)
    if data.train.n_classes is not None:
        raise ValueError(
            f"positive must say which classes are +1, as {source} has {data.train.n_classes}"
            f"{': ' + listed(data.train.classes) if data.train.classes else ''}; experiments take no others"
        )
    if data.train.regression:
        raise ValueError(f"{source} must have labels +1 and -1 for experiments, but has numbers to regress on")
    test = None if data.test is None else data.test.fingerprint
    train = data.train
    own = OwnData(train=train.fingerprint, test=test, n_samples=train.n_samples, n_features=train.n_features)
    _GIVEN[own] = data
    return own


def look_in(folder: Path, dataset: AnyData) -> None:
    """Have a run's data looked for in its folder, once they are needed."""
    if isinstance(dataset, OwnData):
        _FILES[dataset] = folder.absolute() / FILE


def recall(own: OwnData) -> TrainTest:
    """The data themselves.

    Raises:
        ValueError: they were neither given in this process nor are in a run that it opened; or their file is damaged.
    """
    if own in _GIVEN:
        return _GIVEN[own]
    if own not in _FILES:
        raise ValueError(f"dataset must be data that were given or of a run that was opened, but {own} is neither")
    return _read(_FILES[own], own)


def keep(directory: RunDirectory, dataset: AnyData) -> None:
    """Put a run's data into its folder, where they are not there and sound."""
    if not isinstance(dataset, OwnData):
        return
    path = directory.path.absolute() / FILE
    try:
        refuse_damaged(directory.path, dataset)
    except ValueError:
        write_data(path, recall(dataset))
    _FILES[dataset] = path


def refuse_damaged(folder: Path, own: OwnData) -> None:
    """Look at every byte of a run's data.

    Raises:
        ValueError: they are missing, damaged or others.
    """
    _read.__wrapped__(folder / FILE, own)


@lru_cache(maxsize=4)
def _read(path: Path, own: OwnData) -> TrainTest:
    try:
        data = read_data(path)
    except FileNotFoundError:
        raise ValueError(
            f"{path} is missing, the data of its run: the command that began it writes them again"
        ) from None
    found = (data.train.fingerprint, data.test.fingerprint if data.test else None)
    if found != (own.train, own.test):
        raise ValueError(f"{path} must hold the data of its run, {own}, but holds others")
    return data
