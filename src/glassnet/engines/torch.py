"""The torch engine: whole ensembles in PyTorch, on any device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from glassnet import _check
from glassnet.engines.base import Evaluation, Precision
from glassnet.engines.workload import Workload, workload
from glassnet.landscape.network import Floats, Mlp
from glassnet.landscape.surface import Landscape
from glassnet.simulate.dynamics import Dynamics
from glassnet.simulate.ensemble import Ensemble

if TYPE_CHECKING:
    import torch

    from glassnet.engines.tensors.session import TorchSession


@dataclass(frozen=True)
class Torch:
    """All replicas at once in PyTorch, with the random numbers of every engine.

    Results agree with those of the other engines to rounding. How PyTorch multiplies matrices may depend on how many
    replicas stand side by side, and on the threads, so that bits, unlike the other engines', may depend on a replica's
    neighbours and on the machine.

    Args:
        device: as PyTorch names it, "cpu", "cuda", "cuda:1", "mps"; None for the fastest kind there is.
        gradient: precision of the data gradient, "float32" or "float64". Weights and updates keep the ensemble's.
        threads: of the processor, while the engine works; None leaves PyTorch's own number. No other device has any.

    Raises:
        ImportError: PyTorch is missing.
        ValueError: no such device here, float64 asked of one that has none, or threads below 1.
    """

    device: str | None = None
    gradient: Precision = "float32"
    threads: int | None = None

    name: ClassVar[str] = "torch"
    full_batch_settings: ClassVar[Mapping[str, Any]] = {}

    def __post_init__(self) -> None:
        _check.choice("gradient", self.gradient, ("float32", "float64"))
        if self.threads is not None:
            _check.integer("threads", self.threads, low=1)
        if self._torch_device.type == "mps" and self.gradient == "float64":
            raise ValueError("gradient must be 'float32' on device 'mps', which has no float64")

    @property
    def version(self) -> str:
        """With the kind of device, on which bits depend."""
        return f"1 {self._torch_device.type}"

    def needed_memory(self, work: Workload) -> int:
        """Bytes of the device's memory that so much work takes, about."""
        from glassnet.engines.tensors import footprint

        block = footprint.block_on(self._torch_device.type)
        return footprint.needed(work, 4 if self.gradient == "float32" else 8, block)

    @property
    def free_memory(self) -> int | None:
        """Bytes that are free on the device; None where it has no memory of its own."""
        return free_memory(self._torch_device)

    @property
    def _torch_device(self) -> torch.device:
        return find_device("torch", self.device)

    @property
    def _precision(self) -> torch.dtype:
        import torch

        return torch.float32 if self.gradient == "float32" else torch.float64

    def session(self, ensemble: Ensemble, landscape: Landscape, dynamics: Dynamics) -> TorchSession:
        """Begin with a copy of the ensemble's state.

        Raises:
            ValueError: float64 weights on a device that has no float64.
            MemoryError: the device cannot hold it, here or while it works.
        """
        from glassnet.engines.tensors.session import TorchSession

        if self._torch_device.type == "mps" and ensemble.weights.dtype != "float32":
            raise ValueError(f"weights must be float32 on device 'mps', but are {ensemble.weights.dtype}")
        work = workload(ensemble, landscape, dynamics)
        needed = None if work is None else self.needed_memory(work)
        return TorchSession(self._torch_device, self._precision, self.threads, needed, ensemble, landscape, dynamics)

    def evaluate(self, weights: Floats, landscape: Landscape) -> Evaluation:
        """Evaluate networks ``(replica, weight)`` on the landscape's data."""
        from glassnet.engines.tensors.limits import at_work
        from glassnet.engines.tensors.session import evaluate

        network, n_rows = landscape.network, landscape.dataset.n_samples
        needed = None
        if isinstance(network, Mlp):
            needed = self.needed_memory(Workload(network, len(weights), n_rows, None, weights.itemsize))
        with at_work(self._torch_device, self.threads, needed):
            return evaluate(weights, landscape, self._torch_device, self._precision)


def free_memory(device: torch.device) -> int | None:
    """Bytes that this process may still have of a GPU's memory; None where the device shares the machine's."""
    if device.type != "cuda":
        return None
    import torch

    free, _ = torch.cuda.mem_get_info(device)
    return int(free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device))


def find_device(engine: str, name: str | None) -> torch.device:
    """PyTorch's device of that name; None for the fastest kind there is.

    Raises:
        ImportError: PyTorch is missing.
        ValueError: there is no such device here.
    """
    try:
        import torch
    except ImportError:
        raise ImportError(f"engine {engine!r} needs PyTorch: pip install 'glassnet[torch]'") from None
    there = [kind for kind in ("cuda", "mps") if getattr(torch, kind).is_available()] + ["cpu"]
    try:
        device = torch.device(there[0] if name is None else name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, TypeError) as error:
        found = str(error).splitlines()[0]
        raise ValueError(f"device must be one of {', '.join(there)} here, but got {name!r}: {found}") from None
    return device
