"""What several test modules share: small landscapes, and the engines that are held to the same behaviour."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import numpy as np
import pytest

import glassnet as gn

if TYPE_CHECKING:
    from pages import Made


def small_landscape(
    *, n_samples: int = 60, n_features: int = 4, width: int = 6, depth: int = 2, l2: float | list[float] = 1e-2
) -> gn.Landscape:
    """Gaussian inputs with random labels under a small network."""
    dataset = gn.random_dataset(n_samples, n_features, seed=3)
    return gn.Landscape(gn.Mlp(n_features, width, depth), dataset, gn.QuadraticHinge(l2=l2))


def flat_landscape(*, n_samples: int, l2: float, width: int = 8) -> gn.Landscape:
    """Inputs that are all zero: no data gradient, so the l2 bowl alone (or, at l2 = 0, nothing) acts on the weights."""
    dataset = gn.Dataset(np.zeros((n_samples, 4), np.float32), np.ones(n_samples, np.float32))
    return gn.Landscape(gn.Mlp(4, width, 2), dataset, gn.QuadraticHinge(l2=l2))


@pytest.fixture(params=["reference", "cpu"])
def engine(request: pytest.FixtureRequest) -> gn.engines.Engine:
    """Each engine in turn, the cpu one with float64 gradients so that it can be compared closely."""
    return gn.engines.Reference() if request.param == "reference" else gn.engines.Cpu(gradient="float64")


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A page of one run of every experiment."""
    from pages import every_page

    return every_page(tmp_path_factory.mktemp("report"))


@pytest.fixture(autouse=True, scope="session")
def _ctrl_c_is_heard() -> None:
    """A shell that starts the tests in the background makes them, and the processes they start, deaf to it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
