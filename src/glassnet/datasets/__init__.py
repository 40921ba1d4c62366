"""Data sets: MNIST, CIFAR-10, random data, and a user's own rows with two sides, several classes or numbers."""

from glassnet.datasets.dataset import Dataset
from glassnet.datasets.loading import load_dataset
from glassnet.datasets.own import TrainTest, read_dataset
from glassnet.datasets.synthetic import random_dataset

__all__ = ["Dataset", "TrainTest", "load_dataset", "random_dataset", "read_dataset"]
