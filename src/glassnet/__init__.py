"""glassnet measures how glassy neural networks are."""

from importlib import import_module
from importlib.metadata import version
from types import ModuleType
from typing import TYPE_CHECKING

from glassnet import analysis, engines, theory
from glassnet._concat import concat
from glassnet.analysis import ensemble_mean, relaxation_time
from glassnet.datasets import Dataset, TrainTest, load_dataset, random_dataset, read_dataset
from glassnet.dynamics import GradientDescent, Langevin, Sgd
from glassnet.ensemble import Ensemble
from glassnet.experiments.view import Run, open_run
from glassnet.hessian import Hessian
from glassnet.landscape import Landscape
from glassnet.loss import CrossEntropy, QuadraticHinge, TorchLoss
from glassnet.measurement import Progress
from glassnet.network import Mlp
from glassnet.observables import mean_square_displacement, mobility, non_gaussian, overlap
from glassnet.protocol import epoch_times, linear_times, log_times, paper_times, sparse_times
from glassnet.record import Record
from glassnet.simulate import evaluate, evolve, extend, measure, resume
from glassnet.store.files import load, save
from glassnet.torch_network import TorchNetwork

if TYPE_CHECKING:
    from glassnet import figures

__version__ = version("glassnet")

__all__ = [
    "CrossEntropy",
    "Dataset",
    "Ensemble",
    "GradientDescent",
    "Hessian",
    "Landscape",
    "Langevin",
    "Mlp",
    "Progress",
    "QuadraticHinge",
    "Record",
    "Run",
    "Sgd",
    "TorchLoss",
    "TorchNetwork",
    "TrainTest",
    "analysis",
    "concat",
    "engines",
    "ensemble_mean",
    "epoch_times",
    "evaluate",
    "evolve",
    "extend",
    "figures",
    "linear_times",
    "load",
    "load_dataset",
    "log_times",
    "mean_square_displacement",
    "measure",
    "mobility",
    "non_gaussian",
    "open_run",
    "overlap",
    "paper_times",
    "random_dataset",
    "read_dataset",
    "relaxation_time",
    "resume",
    "save",
    "sparse_times",
    "theory",
]


def __getattr__(name: str) -> ModuleType:
    # Matplotlib is imported by who draws.
    if name == "figures":
        return import_module("glassnet.figures")
    raise AttributeError(f"module 'glassnet' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
