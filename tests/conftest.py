"""What several test modules share: small landscapes, and the engines that are held to the same behaviour."""

from __future__ import annotations

import platform
import signal
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

import glassnet as gn

if TYPE_CHECKING:
    from pathlib import Path

    from pages import Made
    from strangers import Members

# No property is asserted of the time that an example takes, which is the machine's and what else it does.
settings.register_profile("glassnet", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("glassnet")


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
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run of six units, to be copied by who changes it."""
    from tiny_runs import make, tiny

    return make(tiny(), tmp_path_factory.mktemp("tiny") / "run").path


@pytest.fixture(scope="session")
def condensed(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Members:
    """The members of the same run as one file."""
    from strangers import members_of

    from glassnet.runs.condense import condense
    from glassnet.runs.run import open_run

    path = tmp_path_factory.mktemp("condensed") / "small.run.zip"
    condense(open_run(tiny_run), path)
    return members_of(path)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A page of one run of every experiment."""
    from pages import every_page

    return every_page(tmp_path_factory.mktemp("report"))


@pytest.fixture(autouse=True, scope="session")
def _ctrl_c_is_heard() -> None:
    """A shell that starts the tests in the background makes them, and the processes they start, deaf to it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


# Tests that start processes

MOST_STARTERS = 25
"""Quick tests that may start processes; others call the program in their own (``program.glassnet``)."""

_STARTS = {"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.system"}
_WITH_PROCESSES = {"browser", "cluster"}
_started: list[str] = []


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _STARTS:
        _started.append(event)


platform.platform()  # it asks another program, once in a process
sys.addaudithook(_note)


def _fixtures(item: pytest.Item) -> set[str]:
    return set(getattr(item, "fixturenames", ()))


def pytest_collection_finish() -> None:
    """Forget processes that importing the tests started."""
    _started.clear()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item) -> None:
    """Say in the report of a quick test, which xdist's workers send home, that it started a process."""
    if item.get_closest_marker("long") is None and (_started or _WITH_PROCESSES & _fixtures(item)):
        item.user_properties.append(("starts a process", True))
    _started.clear()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail where too many did."""
    stats = getattr(session.config.pluginmanager.get_plugin("terminalreporter"), "stats", {})
    reports = (report for reports in stats.values() for report in reports)
    starts = ("starts a process", True)
    found = {report.nodeid for report in reports if starts in getattr(report, "user_properties", ())}
    if found:
        print(f"\n{len(found)} quick tests start processes")
    if len(found) > MOST_STARTERS:
        print(f"but at most {MOST_STARTERS} may (tests/conftest.py):", *sorted(found), sep="\n")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
