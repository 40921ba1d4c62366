"""Settings of PyTorch (no gradients, another precision or device) change no number of glassnet's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import Any

import numpy as np
import pytest

import glassnet as gn
from glassnet.engines import Torch

torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install 'glassnet[torch]')")


@contextmanager
def chosen(setter: Callable[[Any], None], value: Any, before: Any) -> Iterator[None]:
    setter(value)
    try:
        yield
    finally:
        setter(before)


CONTEXTS: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "set_grad_enabled": lambda: chosen(torch.set_grad_enabled, False, True),
    "autocast to bfloat16": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "autocast to float16": lambda: torch.autocast("cpu", dtype=torch.float16),
    "default device": lambda: chosen(torch.set_default_device, "meta", None),
    "a device": lambda: torch.device("meta"),
    "deterministic algorithms": lambda: chosen(torch.use_deterministic_algorithms, True, False),
    "detect_anomaly": lambda: torch.autograd.detect_anomaly(check_nan=True),
    "matmul precision": lambda: chosen(torch.set_float32_matmul_precision, "medium", "highest"),
}


class Shifted(torch.nn.Module):  # type: ignore[name-defined,misc]
    """A module that makes tensors of its own on the way and has a branch without gradients."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = torch.nn.Linear(3, 5), torch.nn.Linear(5, 1)

    def forward(self, x: Any) -> Any:
        hidden = torch.tanh(self.first(x) + torch.linspace(0, 1, 5))
        with torch.no_grad():
            size = hidden.abs().mean(dim=1, keepdim=True)
        return self.second(hidden / (1 + size))


def numbers(network: gn.Mlp | gn.TorchNetwork) -> list[Any]:
    """All that PyTorch computes for glassnet, from the beginning."""
    landscape = gn.Landscape(network, gn.random_dataset(30, 3), gn.QuadraticHinge(1e-2))
    start = gn.Ensemble.random(network, 2)
    maker = Torch("cpu", threads=1)
    record = gn.measure(start, landscape, gn.Langevin(0.1, 0.1, batch_size=7), times=[1, 9], chi=20, engine=maker)
    after = gn.evolve(record.ensemble, landscape, gn.GradientDescent(0.1), 5, engine=maker)
    seen = gn.evaluate(after, landscape, engine=maker)
    one = after.weights[0]
    diverging = gn.evolve(start, landscape, gn.GradientDescent([1e30, 0.1]), 5, engine=maker)
    return [
        *(x.tobytes() for x in (start.weights, record.ensemble.weights, after.weights, diverging.weights)),
        record.data.moments.values.tobytes(),
        record.data.gradient_norm.values.tobytes(),
        seen.data_loss.values.tolist(),
        landscape.value(one),
        landscape.gradient(one).tobytes(),
        landscape.fingerprint,
        diverging.alive.tolist(),
        diverging.step.tolist(),
    ]


NETWORKS: dict[str, Callable[[], gn.Mlp | gn.TorchNetwork]] = {
    "mlp": lambda: gn.Mlp(3, 4, 2),
    "module": lambda: gn.TorchNetwork(Shifted),
}


@cache
def plain_numbers(network: str) -> list[Any]:
    return numbers(NETWORKS[network]())


@pytest.mark.filterwarnings("ignore:Anomaly Detection has been enabled")
@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("context", CONTEXTS)
def test_no_context_changes_a_number(context: str, network: str) -> None:
    wanted, before = plain_numbers(network), state()
    with CONTEXTS[context]():
        inside = state()
        found = numbers(NETWORKS[network]())
        assert state() == inside
    assert state() == before
    assert found == wanted


def state() -> list[Any]:
    """Settings of PyTorch that a caller may have chosen."""
    return [
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.is_autocast_enabled("cpu"),
        torch.get_autocast_dtype("cpu"),
        torch.get_default_device(),
        torch.get_default_dtype(),
        torch.are_deterministic_algorithms_enabled(),
        torch.is_anomaly_enabled(),
        torch.get_float32_matmul_precision(),
        torch.get_num_threads(),
        torch.initial_seed(),
    ]


def test_contexts_are_restored_after_errors() -> None:
    network = gn.TorchNetwork(lambda: torch.nn.Linear(3, 1))
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        before = state()
        with pytest.raises(ValueError, match="rows of 5 features"):
            gn.Landscape(network, gn.random_dataset(30, 5), gn.QuadraticHinge())
        assert state() == before


def test_a_session_made_outside_goes_on_inside() -> None:
    network = gn.TorchNetwork(Shifted)
    landscape = gn.Landscape(network, gn.random_dataset(30, 3), gn.QuadraticHinge())
    start = gn.Ensemble.random(network, 2)
    found = []
    for context in (torch.enable_grad, torch.inference_mode, torch.no_grad):
        session = Torch("cpu", threads=1).session(start, landscape, gn.Sgd(0.1, 7))
        session.advance(np.array([3, 3]))
        with context(), torch.autocast("cpu", dtype=torch.bfloat16):
            session.advance(np.array([3, 3]))
            found.append(session.observe().gradient.tobytes() + session.ensemble.weights.tobytes())
    assert len(set(found)) == 1


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
def test_another_default_dtype_changes_no_network_that_there_is(dtype: Any) -> None:
    network, mlp = gn.TorchNetwork(Shifted), gn.Mlp(3, 4, 2)
    wanted = [numbers(one) for one in (network, mlp)]
    with chosen(torch.set_default_dtype, dtype, torch.float32):
        assert [numbers(one) for one in (network, mlp)] == wanted
        assert torch.get_default_dtype() == dtype
