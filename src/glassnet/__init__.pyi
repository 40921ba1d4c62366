from . import analysis, engines, figures, theory
from ._version import __version__ as __version__
from .analysis import ensemble_mean, relaxation_time
from .datasets import Dataset, TrainTest, load_dataset, random_dataset, read_dataset
from .landscape.hessian import Hessian
from .landscape.loss import CrossEntropy, QuadraticHinge, TorchLoss
from .landscape.network import Mlp
from .landscape.surface import Landscape
from .landscape.torch_network import TorchNetwork
from .observables import mean_square_displacement, mobility, non_gaussian, overlap
from .runs.run import Run, open_run
from .simulate.concat import concat
from .simulate.dynamics import GradientDescent, Langevin, Sgd
from .simulate.ensemble import Ensemble
from .simulate.grids import epoch_times, linear_times, log_times, paper_times, sparse_times
from .simulate.measurement import Progress
from .simulate.record import Record
from .simulate.statistic import Statistic
from .simulate.verbs import evaluate, evolve, extend, measure, resume
from .store.files import load, save

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
    "Statistic",
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
