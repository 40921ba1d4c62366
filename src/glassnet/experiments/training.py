"""What all experiments that train networks have in common: the data, the network's depth, and the quench by SGD."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import model_validator

from glassnet.datasets.loading import Inputs
from glassnet.datasets.raw import N_SAMPLES
from glassnet.datasets.raw import Name as DatasetName
from glassnet.dynamics import Sgd
from glassnet.experiments.experiment import Count, Experiment, Positive, one_of
from glassnet.experiments.points import Dtype, Evolve, Point, Surface


class Training(Experiment):
    """Networks that SGD trains from random weights.

    Args:
        dataset: "mnist" or "cifar10"; its test set is followed beside the training set.
        inputs: how pixels become features, see :func:`glassnet.load_dataset`.
        samples: P_D, the first rows of the training set.
        depth: hidden layers.
        dtype: of the weights.
        quench_rate: learning rate of SGD.
        batch_size: rows a step of SGD.
    """

    dataset: Annotated[DatasetName, one_of(DatasetName)]
    inputs: Annotated[Inputs, one_of(Inputs)] = "standardised"
    samples: Count
    depth: Count = 6
    dtype: Annotated[Dtype, one_of(Dtype)] = "float64"
    quench_rate: Positive = 1e-3
    batch_size: Count = 100

    @model_validator(mode="after")
    def _data_fit(self) -> Self:
        available = N_SAMPLES[self.dataset]["train"]
        if self.samples > available:
            raise ValueError(f"samples must be at most {available}, the rows of {self.dataset}, but got {self.samples}")
        if self.batch_size > self.samples:
            raise ValueError(f"batch_size must be at most samples = {self.samples}, but got {self.batch_size}")
        if self.inputs == "mnist" and self.dataset != "mnist":
            raise ValueError(f"inputs must not be 'mnist' for {self.dataset}")
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
