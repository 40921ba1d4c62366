from .dataset import Dataset
from .loading import load_dataset
from .own import TrainTest, read_dataset
from .synthetic import random_dataset

__all__ = ["Dataset", "TrainTest", "load_dataset", "random_dataset", "read_dataset"]
