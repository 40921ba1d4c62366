"""PyTorch within its limits: so many threads, and an error of ours where memory ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from glassnet.landscape.torch_network import undisturbed


@contextmanager
def at_work(device: torch.device, threads: int | None, needed: int | None) -> Iterator[None]:
    """PyTorch on so many threads and undisturbed while the block runs, and what it says of memory as a MemoryError.

    Args:
        device: that it works on.
        threads: of the processor; None leaves them as they are.
        needed: bytes that the work was estimated to take; None where that is not known.

    Raises:
        MemoryError: with the estimate, and PyTorch's own numbers.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        with undisturbed(device):
            yield
    except RuntimeError as error:
        # The processor's allocator has no error of its own.
        if not isinstance(error, torch.OutOfMemoryError) and "DefaultCPUAllocator" not in str(error):
            raise
        said = str(error).partition("] ")[2] or str(error)
        wanted = "it all" if needed is None else f"about {needed / 1e9:.3g} GB"
        raise MemoryError(
            f"device {device} must hold {wanted}, but {said.splitlines()[0]}: "
            "ask for fewer replicas at once, or a smaller width"
        ) from None
    finally:
        torch.set_num_threads(before)
