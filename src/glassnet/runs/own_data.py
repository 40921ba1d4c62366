"""A user's own data in a request: what tells them apart, and where to find them.

A request and the addresses of its units hold fingerprints only, as they do of given replicas. The data themselves lie
in the run's folder, so that whoever goes on with a run, verifies it or works on it elsewhere needs nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias, get_args

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

from glassnet.datasets.names import Name as DatasetName

if TYPE_CHECKING:
    from glassnet.datasets import Dataset, TrainTest
    from glassnet.store.directory import RunDirectory

FILE: Final = "data.npz"
"""Where a run's folder has the data."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class OwnData(BaseModel):
    """A user's data as a request holds them: fingerprints, equal for the same rows, whatever file they came from.

    It carries the data, or the path of the run's folder that keeps them, or neither where it was made of numbers. That
    is no part of its value: neither equality nor hash nor JSON depend on it, but a copy has it, in any process.

    Args:
        train: fingerprint of what is trained on.
        test: fingerprint of the test set; None where there is none.
        n_samples: rows to train on.
        n_features: columns.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)

    train: Sha256
    test: Sha256 | None
    n_samples: Annotated[int, Field(ge=1, lt=2**40)]
    n_features: Annotated[int, Field(ge=1, lt=2**31)]

    _where: TrainTest | Path | None = PrivateAttr(default=None)

    def __str__(self) -> str:
        return f"own data {self.train[:8]}"

    def __eq__(self, other: object) -> bool:
        return dict(self) == dict(other) if isinstance(other, OwnData) else NotImplemented

    @classmethod
    def of(cls, data: TrainTest) -> OwnData:
        """Data as a request holds them, carried in memory; a copy for another process takes them along.

        Raises:
            ValueError: their labels are not +1 and -1, which all experiments take.
        """
        from glassnet.datasets.labels import listed

        train, test = data
        source = train.provenance.get("source", train.name)
        if train.n_classes is not None:
            raise ValueError(
                f"positive must say which classes are +1, as {source} has {train.n_classes}"
                f"{': ' + listed(train.classes) if train.classes else ''}; experiments take no others"
            )
        if train.regression:
            raise ValueError(f"{source} must have labels +1 and -1 for experiments, but has numbers to regress on")
        own = cls(
            train=train.fingerprint,
            test=None if test is None else test.fingerprint,
            n_samples=train.n_samples,
            n_features=train.n_features,
        )
        own._where = data
        return own

    def kept_in(self, folder: Path) -> OwnData:
        """The same data, to be read from the folder of a run once they are needed."""
        own = self.model_copy()
        own._where = folder.absolute() / FILE
        return own

    @property
    def data(self) -> TrainTest:
        """The data themselves.

        Raises:
            ValueError: they are nowhere, or their file is missing, damaged or of other data.
        """
        if self._where is None:
            raise ValueError(
                f"dataset must be data that were given or of a run that was opened, but {self} is neither, as numbers "
                "and condensed runs hold fingerprints only: give the data as dataset, or open the folder of their run"
            )
        if not isinstance(self._where, Path):
            return self._where
        try:
            about = self._where.stat()
        except (FileNotFoundError, NotADirectoryError):
            return _read(self._where, self)  # which says what to do
        return _read_once(self._where, self, (about.st_ino, about.st_size, about.st_mtime_ns))


AnyData = DatasetName | OwnData
"""A data set as a request holds it."""

DataLike: TypeAlias = "str | Dataset | TrainTest | OwnData"
"""Data that presets take: the name of a built-in set, or a user's own."""


def own_data(name: str, value: Any) -> OwnData:
    """A user's data as a request holds them, from the data or from what a request's numbers say of them.

    Raises:
        ValueError: they are neither; ``name`` is what the message calls them.
    """
    if isinstance(value, OwnData):
        return value
    from glassnet.datasets import Dataset, TrainTest

    if isinstance(value, (TrainTest, Dataset)):
        return OwnData.of(value if isinstance(value, TrainTest) else TrainTest(value, None))
    if not isinstance(value, Mapping):
        names = ", ".join(map(repr, get_args(DatasetName)))
        raise ValueError(f"{name} must be {names}, or data as read_dataset gives them, but got {type(value).__name__}")
    try:
        return OwnData.model_validate(dict(value))
    except ValidationError as error:
        problem = error.errors()[0]
        field = ".".join(str(part) for part in (name, *problem["loc"]))
        raise ValueError(f"{field} must be what a run says of its data: {problem['msg'].lower()}") from None


def keep(directory: RunDirectory, dataset: AnyData) -> None:
    """Put a run's data into its folder, where they are not there and sound.

    Raises:
        ValueError: they are needed, but as :attr:`OwnData.data`.
    """
    from glassnet.store.data import write_data

    if not isinstance(dataset, OwnData):
        return
    try:
        refuse_damaged(directory.path, dataset)
    except ValueError:
        write_data(directory.path / FILE, dataset.data)


def refuse_damaged(folder: Path, own: OwnData) -> None:
    """Look at every byte of a run's data.

    Raises:
        ValueError: they are missing, damaged or others.
    """
    _read(folder / FILE, own)


@lru_cache(maxsize=4)
def _read_once(path: Path, own: OwnData, version: tuple[int, ...]) -> TrainTest:
    """The data in a file, read again where it was changed."""
    return _read(path, own)


def _read(path: Path, own: OwnData) -> TrainTest:
    from glassnet.store.data import read_data

    try:
        data = read_data(path)
    except (FileNotFoundError, NotADirectoryError):
        raise ValueError(
            f"{path} is missing, the data of its run: open the run where it is now if it was moved; "
            "the command that began it writes them again"
        ) from None
    found = (data.train.fingerprint, data.test.fingerprint if data.test else None)
    if found != (own.train, own.test):
        raise ValueError(f"{path} must hold the data of its run, {own}, but holds others")
    return data
