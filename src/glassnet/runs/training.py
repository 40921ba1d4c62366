"""What all experiments that train networks have in common: the data, the network's depth, and the quench by SGD."""

from __future__ import annotations

from typing import Annotated, Any, Final, Self, get_args

from pydantic import model_validator

from glassnet import _check
from glassnet.datasets.raw import N_SAMPLES
from glassnet.datasets.raw import Name as DatasetName
from glassnet.runs.experiment import Count, Experiment, Positive, by_name, one_of
from glassnet.runs.own_data import AnyData, OwnData, own_data
from glassnet.runs.point import Dtype, Evolve, Point, PreparedInputs, Surface
from glassnet.simulate.dynamics import Sgd

_LIKE: Final[DatasetName] = "mnist"
_BATCH: Final = 100
_MOST_LAYERS: Final = 1_000


def _dataset(name: str, value: Any) -> AnyData:
    if isinstance(value, str):
        return _check.choice(name, value, get_args(DatasetName))  # type: ignore[return-value]
    return own_data(name, value)


def _layers(name: str, value: Any) -> int:
    return _check.integer(name, value, low=1, high=_MOST_LAYERS)


def _inputs(name: str, value: Any) -> Any:
    return _check.choice(name, value, [one for kind in get_args(PreparedInputs) for one in get_args(kind)])


class Training(Experiment):
    """Networks that SGD trains from random weights.

    Args:
        dataset: "mnist", "cifar10", or a user's own; its test set, if any, is followed beside the training set.
        inputs: how pixels become features, see :func:`glassnet.load_dataset`; "given" for own data.
        samples: P_D, the first rows of the training set; of own data all.
        depth: hidden layers.
        dtype: of the weights.
        quench_rate: learning rate of SGD.
        batch_size: rows a step of SGD.
    """

    dataset: Annotated[AnyData, by_name(_dataset)]
    inputs: Annotated[PreparedInputs, by_name(_inputs)] = "standardised"
    samples: Count
    depth: Annotated[int, by_name(_layers)] = 6
    dtype: Annotated[Dtype, one_of(Dtype)] = "float64"
    quench_rate: Positive = 1e-3
    batch_size: Count = _BATCH

    @model_validator(mode="after")
    def _data_fit(self) -> Self:
        if isinstance(self.dataset, OwnData):
            if self.samples != self.dataset.n_samples:
                raise ValueError(
                    f"samples must be {self.dataset.n_samples}, the rows of {self.dataset}, but got {self.samples}"
                )
        elif self.samples > (available := N_SAMPLES[self.dataset]["train"]):
            raise ValueError(f"samples must be at most {available}, the rows of {self.dataset}, but got {self.samples}")
        if self.batch_size > self.samples:
            raise ValueError(f"batch_size must be at most samples = {self.samples}, but got {self.batch_size}")
        if self.inputs == "mnist" and self.dataset != "mnist":
            raise ValueError(f"inputs must not be 'mnist' for {self.dataset}")
        if (self.inputs == "given") != isinstance(self.dataset, OwnData):
            raise ValueError(f"inputs must be 'given' for own data and no others, but is {self.inputs!r}")
        return self

    @property
    def epoch(self) -> int:
        """Steps an epoch of the quench."""
        return self.samples // self.batch_size

    def surface_of(self, width: int, l2: float) -> Surface:
        """The landscape of networks of this width under this l2."""
        return Surface(self.dataset, self.inputs, self.samples, width, self.depth, l2)

    def sgd(self, epochs: int) -> Evolve:
        """A stage of so many epochs of the quench."""
        return Evolve(Sgd(self.quench_rate, self.batch_size), epochs * self.epoch)

    def trained(self, width: int, l2: float, epochs: int, label: str = "quench") -> Point:
        """The point after so many epochs from random weights."""
        return Point(self.surface_of(width, l2), self.seed, self.dtype, (self.sgd(epochs),), label)


def like(dataset: str | OwnData) -> DatasetName:
    """The built-in set whose numbers a scale has for a data set: MNIST's for a user's own.

    Raises:
        ValueError: an unknown name.
    """
    if isinstance(dataset, OwnData):
        return _LIKE
    return _check.choice("dataset", dataset, get_args(DatasetName))  # type: ignore[return-value]


def data_numbers(dataset: str | OwnData, samples: int | None) -> dict[str, Any]:
    """The numbers of a request that go with its data: so many rows, None for all; of own data all in any case."""
    if isinstance(dataset, OwnData):
        n = dataset.n_samples
        return {"dataset": dataset, "inputs": "given", "samples": n, "batch_size": min(_BATCH, n)}
    return {"dataset": dataset, "samples": samples or N_SAMPLES[like(dataset)]["train"]}
