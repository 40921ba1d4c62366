"""The triton engine: fused kernels for NVIDIA GPUs, whole ensembles at once."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from glassnet import _check
from glassnet.engines.base import Evaluation, Precision
from glassnet.engines.torch import find_device, free_memory
from glassnet.engines.workload import Workload, workload
from glassnet.landscape.network import Floats
from glassnet.landscape.surface import Landscape
from glassnet.simulate.dynamics import Dynamics
from glassnet.simulate.ensemble import Ensemble

if TYPE_CHECKING:
    import torch

    from glassnet.engines.gpu.session import TritonSession


@dataclass(frozen=True)
class Triton:
    """The engine for NVIDIA GPUs.

    Data gradients are float32; every sum has a fixed order, so that a replica's bits on one kind of GPU depend on
    nothing but itself.

    Args:
        device: "cuda", the GPU that is PyTorch's current one (``CUDA_VISIBLE_DEVICES`` chooses); "cpu" for Triton's
            interpreter.

    Raises:
        ImportError: PyTorch or Triton is missing.
        ValueError: there is no such device.
    """

    device: str = "cuda"

    name: ClassVar[str] = "triton"
    gradient: ClassVar[Precision] = "float32"
    full_batch_settings: ClassVar[Mapping[str, Any]] = {}

    def __post_init__(self) -> None:
        _check.choice("device", self.device, ("cuda", "cpu"))
        find_device("triton", self.device)
        if importlib.util.find_spec("triton") is None:
            raise ImportError("engine 'triton' needs Triton, which PyTorch's builds for CUDA bring: pip install triton")

    @property
    def version(self) -> str:
        """With the kind of GPU, on which bits depend.

        Raises:
            ValueError: there is none here; the engine came from a machine that has one.
        """
        device = self._torch_device
        import torch

        return f"1 {torch.cuda.get_device_name(device) if self.device == 'cuda' else 'interpreter'}"

    def needed_memory(self, work: Workload) -> int:
        """Bytes of the device's memory that so much work takes, about."""
        from glassnet.engines.gpu import footprint

        return footprint.needed(work)

    @property
    def free_memory(self) -> int | None:
        """Bytes that are free on the device; None where it has no memory of its own."""
        return free_memory(self._torch_device)

    @property
    def _torch_device(self) -> torch.device:
        return find_device("triton", self.device)

    def session(self, ensemble: Ensemble, landscape: Landscape, dynamics: Dynamics) -> TritonSession:
        """Begin with a copy of the ensemble's state.

        Raises:
            MemoryError: the device cannot hold it, here or while it works.
        """
        from glassnet.engines.gpu.session import TritonSession

        landscape.mlp("engine 'triton'")
        work = workload(ensemble, landscape, dynamics)
        assert work is not None
        needed = self.needed_memory(work)
        return TritonSession(self._torch_device, needed, ensemble, landscape, dynamics)

    def evaluate(self, weights: Floats, landscape: Landscape) -> Evaluation:
        """Evaluate networks ``(replica, weight)`` on the landscape's data."""
        from glassnet.engines.gpu import footprint
        from glassnet.engines.gpu.session import evaluate
        from glassnet.engines.tensors.limits import at_work

        network, data = landscape.mlp("engine 'triton'"), landscape.dataset
        with at_work(self._torch_device, None, footprint.evaluation(network, len(weights), data.n_samples)):
            return evaluate(weights, network, data, self._torch_device)
