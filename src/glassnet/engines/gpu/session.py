"""An ensemble under one dynamics on a GPU."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from glassnet import _check
from glassnet.datasets import Dataset
from glassnet.engines import second_look
from glassnet.engines.base import Evaluation, Observation
from glassnet.engines.gpu import kernels
from glassnet.engines.gpu.layout import CHUNK, TILE, Padded, n_chunks, tile_of
from glassnet.engines.tensors import batches
from glassnet.engines.tensors.limits import at_work
from glassnet.landscape.network import Floats, Mlp
from glassnet.landscape.surface import Landscape
from glassnet.simulate.dynamics import Dynamics, Langevin, batch_size
from glassnet.simulate.ensemble import Ensemble

_GRAPH_STEPS: Final = 16
"""Full-batch steps that the device makes without hearing from the host."""

_BATCH_BLOCK: Final = 1024
"""Weights that a program of batches updates at once."""


class Rows:
    """A data set on the device, its features padded."""

    def __init__(self, dataset: Dataset, width: int, device: torch.device) -> None:
        padded = np.zeros((dataset.n_samples, width), np.float32)
        padded[:, : dataset.n_features] = dataset.features
        self.n = dataset.n_samples
        self.features = torch.from_numpy(padded).to(device)
        self.labels = torch.from_numpy(dataset.labels.astype(np.float32)).to(device)
        self.n_chunks = n_chunks(self.n)


class Sums:
    """The gradient kernel with the buffers that it writes to."""

    def __init__(self, network: Mlp, rows: Rows, n_replicas: int, device: torch.device, *, back: bool) -> None:
        self._network, self._rows, self._n, self._back = Padded(network), rows, n_replicas, back
        padded, programs = self._network, n_replicas * rows.n_chunks
        self.scratch = torch.empty(padded.scratch(programs, TILE), dtype=torch.float32, device=device)
        self.partial = torch.empty(programs * padded.size if back else 1, dtype=torch.float32, device=device)
        self.seen = torch.zeros((n_replicas, rows.n_chunks, 4), dtype=torch.float64, device=device)

    def launch(self, weights: torch.Tensor, current: torch.Tensor, wanted: torch.Tensor) -> None:
        """Sum over all rows at ``weights`` (2, replica, size) float32."""
        network = self._network.network
        kernels.gradient_kernel[(self._rows.n_chunks, self._n)](
            self._rows.features,
            self._rows.labels,
            weights,
            current,
            wanted,
            self.scratch,
            self.partial,
            self.seen,
            self._rows.n,
            CHUNK // TILE,
            DP=self._network.features,
            WP=self._network.width,
            CB=self._network.block,
            DEPTH=network.depth,
            BM=TILE,
            BACK=self._back,
            num_warps=4,
            num_stages=1,
        )

    def evaluation(self) -> Evaluation:
        """What was seen of the rows."""
        loss, awake, right, nonzero = np.moveaxis(self.seen.cpu().numpy().sum(axis=1), -1, 0)
        return Evaluation(loss / self._rows.n, awake / self._rows.n, right / self._rows.n, nonzero == 0)


class TritonSession:
    """An ensemble under one dynamics on a GPU."""

    def __init__(
        self, device: torch.device, needed: int, ensemble: Ensemble, landscape: Landscape, dynamics: Dynamics
    ) -> None:
        self._device, self._needed = device, needed
        with self._at_work():
            self._begin(ensemble, landscape, dynamics)

    def _begin(self, ensemble: Ensemble, landscape: Landscape, dynamics: Dynamics) -> None:
        n, device, network = len(ensemble), self._device, landscape.mlp("engine 'triton'")
        warmth = dynamics.temperature if isinstance(dynamics, Langevin) else 0.0
        rate = _check.spread("learning_rate", dynamics.learning_rate, n)
        temperature = _check.spread("temperature", warmth, n)
        self._start, self._landscape, self._dynamics = ensemble, landscape, dynamics
        self._padded = Padded(network)
        self._rows = Rows(landscape.dataset, self._padded.features, device)
        self._batch = batch_size(dynamics)
        n_samples = landscape.dataset.n_samples
        numbers = np.stack(
            [
                rate,
                _check.spread("l2", landscape.loss.l2, n),
                np.sqrt(2.0 * rate * temperature / n_samples),
                np.full(n, 1.0 / (self._batch or n_samples)),
            ],
            axis=1,
        )
        self._noisy = bool((temperature > 0).any())
        self._numbers = self._put(numbers)
        self._names = self._put(np.stack([ensemble.seed, ensemble.origin, ensemble.noise], axis=1).astype(np.int64))
        self._slots = self._put(self._padded.slots)
        place = torch.full((self._padded.size,), -1, dtype=torch.int32, device=device)
        place[self._slots] = torch.arange(network.n_weights, dtype=torch.int32, device=device)
        self._place = place
        kept = self._put(ensemble.weights)
        self._weights = torch.zeros((2, n, self._padded.size), dtype=kept.dtype, device=device)
        self._weights[0, :, self._slots] = kept
        self._single = self._weights.to(torch.float32)
        self._current = torch.zeros(n, dtype=torch.int32, device=device)
        self._left = torch.zeros(n, dtype=torch.int32, device=device)
        self._alive = self._put(ensemble.alive.astype(np.int32))
        self._broken = torch.zeros(n, dtype=torch.int32, device=device)
        self._step = self._put(ensemble.step.astype(np.int64))
        # Triton's interpreter, which tests use, pays by the program, a GPU for idle processors.
        self._block = 128 if device.type == "cuda" else 4096
        self._sums: Sums | None = None
        self._graph: Any = None

    @property
    def ensemble(self) -> Ensemble:
        """The state now, as a value of its own."""
        start = self._start
        now = self._weights[self._current.long(), torch.arange(len(start), device=self._device)]
        weights = now[:, self._slots].cpu().numpy()
        step, alive = self._step.cpu().numpy().copy(), self._alive.cpu().numpy() > 0
        return Ensemble(start.network, weights, start.seed, start.origin, start.noise, step, alive)

    def advance(self, n_steps: NDArray[np.int64]) -> None:
        """Make ``n_steps[r]`` updates of replica r, fewer where it diverges."""
        second_look.advance(self, n_steps, self._landscape, self._dynamics, "float32")

    def standing(self) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Step of each replica, and whether it is alive."""
        return self._step.cpu().numpy().copy(), self._alive.cpu().numpy() > 0

    def hurry(self, n_steps: NDArray[np.int64]) -> None:
        """Make so many updates of each replica that is alive, fewer where one is not finite."""
        alive = self._alive.cpu().numpy() > 0
        asked = np.where(alive, n_steps, 0)
        if not asked.any():
            return
        with self._at_work():
            self._left.copy_(self._put(asked.astype(np.int32)))
            if self._batch is None:
                self._advance_with_all_rows(int(asked.max()))
            else:
                self._advance_with_batches(asked, self._batch)
            self._synchronize()

    def revive(self, r: int, weights: Floats) -> None:
        """Replica r is alive, one step further, at these weights ``(weight,)``."""
        with np.errstate(over="ignore"):
            both = ((self._weights, weights), (self._single, weights.astype(np.float32)))
        current = int(self._current[r])
        for kept, new in both:
            kept[current, r, self._slots] = self._put(new)
        self._step[r] += 1
        self._alive[r] = 1

    def observe(self) -> Observation:
        """Loss and gradient at the current weights."""
        with self._at_work():
            return self._observe()

    def _at_work(self) -> AbstractContextManager[None]:
        return at_work(self._device, None, self._needed)

    def _observe(self) -> Observation:
        sums = self._all_rows()
        wanted = torch.ones_like(self._left)
        sums.launch(self._single, self._current, wanted)
        n, size = len(self._start), self._padded.size
        out = torch.empty((n, size), dtype=torch.float64, device=self._device)
        share = self._put(np.array([1.0 / self._rows.n]))
        kernels.sum_kernel[(-(-size // self._block), n)](
            sums.partial, out, self._rows.n_chunks, share, SIZE=size, BLOCK=self._block
        )
        seen = sums.evaluation()
        gradient = second_look.gradients(out[:, self._slots].cpu().numpy(), self, self._landscape, "float32")
        return Observation(seen.data_loss, seen.awake, seen.accuracy, seen.dead, gradient)

    def _all_rows(self) -> Sums:
        if self._sums is None:
            self._sums = Sums(self._padded.network, self._rows, len(self._start), self._device, back=True)
        return self._sums

    def _advance_with_all_rows(self, n_steps: int) -> None:
        """Steps from a graph of several, which the device starts itself; what is too many does nothing."""
        if self._device.type != "cuda":
            for _ in range(n_steps):
                self._step_with_all_rows()
            return
        if self._graph is None:
            # The first launch compiles, which a capture must not.
            self._step_with_all_rows()
            n_steps -= 1
            self._synchronize()
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph, capture_error_mode="thread_local"):
                for _ in range(_GRAPH_STEPS):
                    self._step_with_all_rows()
        for _ in range(-(-n_steps // _GRAPH_STEPS)):
            self._graph.replay()

    def _step_with_all_rows(self) -> None:
        n, size, sums = len(self._start), self._padded.size, self._all_rows()
        sums.launch(self._single, self._current, self._left)
        kernels.update_kernel[(-(-size // self._block), n)](
            self._weights,
            self._single,
            self._place,
            sums.partial,
            self._names,
            self._numbers,
            self._step,
            self._current,
            self._left,
            self._broken,
            self._rows.n_chunks,
            SIZE=size,
            BLOCK=self._block,
            NOISY=self._noisy,
            enable_fp_fusion=False,
        )
        kernels.commit_kernel[(n,)](self._step, self._current, self._left, self._alive, self._broken, num_warps=1)

    def _advance_with_batches(self, asked: NDArray[np.int64], batch: int) -> None:
        n, padded = len(self._start), self._padded
        per_epoch = self._rows.n // batch
        replacement = batches.replaces(self._dynamics)
        tile = tile_of(batch)
        step, left = self._step.cpu().numpy().copy(), asked.copy()
        scratch = torch.empty(padded.scratch(n, tile), dtype=torch.float32, device=self._device)
        gradient = torch.empty(n * padded.size, dtype=torch.float32, device=self._device)
        none = torch.zeros(1, dtype=torch.int32, device=self._device)
        order, order_of = none, none
        while left.any():
            made = left.copy()
            if not replacement:
                epoch = step // per_epoch
                # Who is done follows anyone's.
                epoch = np.where(left > 0, epoch, epoch[left > 0][0])
                order, order_of = batches.orders(self._start, self._dynamics, epoch, self._rows.n, self._device)
                made = np.minimum(left, per_epoch - step % per_epoch)
            kernels.batches_kernel[(n,)](
                self._rows.features,
                self._rows.labels,
                self._weights,
                self._single,
                self._place,
                order,
                order_of,
                scratch,
                gradient,
                self._names,
                self._numbers,
                self._step,
                self._current,
                self._left,
                self._alive,
                int(made.max()),
                self._rows.n,
                batch,
                per_epoch,
                DP=padded.features,
                WP=padded.width,
                CB=padded.block,
                DEPTH=padded.network.depth,
                BM=tile,
                BLOCK=_BATCH_BLOCK,
                NOISY=self._noisy,
                REPLACEMENT=replacement,
                num_warps=4,
                num_stages=1,
                enable_fp_fusion=False,
            )
            step, left = step + made, left - made

    def _put(self, array: NDArray[Any]) -> torch.Tensor:
        return torch.from_numpy(np.array(array)).to(self._device)

    def _synchronize(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.current_stream(self._device).synchronize()


def evaluate(weights: Floats, network: Mlp, dataset: Dataset, device: torch.device) -> Evaluation:
    """Evaluate networks ``(replica, weight)`` on any data set."""
    padded, n = Padded(network), len(weights)
    rows = Rows(dataset, padded.features, device)
    single = torch.zeros((2, n, padded.size), dtype=torch.float32, device=device)
    with np.errstate(over="ignore"):
        single[0, :, torch.from_numpy(padded.slots).to(device)] = torch.from_numpy(weights.astype(np.float32)).to(
            device
        )
    sums = Sums(network, rows, n, device, back=False)
    zero = torch.zeros(n, dtype=torch.int32, device=device)
    sums.launch(single, zero, zero + 1)
    return sums.evaluation()
