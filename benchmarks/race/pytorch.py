"""PyTorch as a contender: one network, and ensembles by vmap, by batched matrix products, and by hand.

All keep the weights of a layer together, ``(network, fan_in, fan_out)``, inside one flat tensor, so that noise, l2 and
the update are a few operations on everything at once. Rows go through in chunks, whose gradients are added.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.race.task import Floats, Task


class Ensemble:
    """What all ways have in common: where weights stand, which rows come next, the update."""

    unit = 1

    def __init__(self, task: Task, threads: int, chunk: int | None = None, multiple: int = 1) -> None:
        self.torch: Any = importlib.import_module("torch")
        self.torch.set_num_threads(threads)
        self.task, self.n_networks = task, task.n_networks
        # With a multiple above 1, layers are widened to it by units without weights: products may be faster.
        self.shapes = [(_up(fan_in, multiple), _up(fan_out, multiple)) for fan_in, fan_out in task.shapes[:-1]]
        self.shapes.append((_up(task.numbers.width, multiple), 1))
        more_features = self.shapes[0][0] - task.features.shape[1]
        self.features = self.torch.from_numpy(np.pad(task.features, ((0, 0), (0, more_features))))
        self.labels = self.torch.from_numpy(task.labels.copy())
        self.chunk = min(chunk or task.n_rows, task.n_rows)
        n = self.n_networks * sum(fan_in * fan_out for fan_in, fan_out in self.shapes)
        self.flat, self.noise = self.torch.zeros(n), self.torch.empty(n)
        self.matrices = self.split(self.flat)
        self._units = None if multiple == 1 else self._where_weights_are()
        self._order, self._position = self.torch.empty((self.n_networks, 0), dtype=self.torch.int64), 0
        self.start(task.weights, task.numbers.learning_rate, task.numbers.temperature)

    def split(self, flat: Any) -> list[Any]:
        """Views of a flat tensor, one a layer."""
        sizes = [self.n_networks * fan_in * fan_out for fan_in, fan_out in self.shapes]
        parts = zip(flat.split(sizes), self.shapes, strict=True)
        return [part.view(self.n_networks, *shape) for part, shape in parts]

    def _where_weights_are(self) -> Any:
        places = self.torch.zeros_like(self.flat)
        for matrix in self._real(self.split(places)):
            matrix.fill_(1.0)
        return places

    def _real(self, matrices: list[Any]) -> list[Any]:
        """The task's own parts of widened matrices."""
        return [m[:, :fan_in, :fan_out] for m, (fan_in, fan_out) in zip(matrices, self.task.shapes, strict=True)]

    def start(self, weights: Floats, learning_rate: float, temperature: float) -> None:
        self.learning_rate = learning_rate
        self.std = float(np.sqrt(2.0 * learning_rate * temperature / self.task.n_rows))
        with self.torch.no_grad():
            position = 0
            for matrix, (fan_in, fan_out) in zip(self._real(self.matrices), self.task.shapes, strict=True):
                part = weights[:, position : position + fan_in * fan_out].reshape(-1, fan_in, fan_out)
                matrix.copy_(self.torch.from_numpy(part.astype(np.float32)))
                position += fan_in * fan_out

    def weights(self) -> Floats:
        parts = [m.detach().reshape(self.n_networks, -1).double().numpy() for m in self._real(self.matrices)]
        return np.concatenate(parts, axis=1)

    def counts(self) -> dict[str, Any]:
        return {}

    def chunks(self) -> Iterator[tuple[Any, Any]]:
        """Rows and labels of a step: shared ``(row, ...)`` chunks of all rows, or a batch ``(network, row, ...)``."""
        size = self.task.numbers.batch_size
        if size is None:
            yield from zip(self.features.split(self.chunk), self.labels.split(self.chunk), strict=True)
            return
        if self._position + size > self._order.shape[1]:
            orders = [self.torch.randperm(self.task.n_rows) for _ in range(self.n_networks)]
            self._order, self._position = self.torch.stack(orders), 0
        rows = self._order[:, self._position : self._position + size]
        self._position += size
        yield self.features[rows], self.labels[rows]

    def advance(self, n_steps: int) -> None:
        for _ in range(n_steps):
            self.step()

    def step(self) -> None:
        gradients: list[Any] = []
        for x, y in self.chunks():
            new = self.gradient(x, y)
            if gradients:
                self.torch._foreach_add_(gradients, new)
            else:
                gradients = list(new)
        with self.torch.no_grad():
            self.flat.mul_(1.0 - self.learning_rate * self.task.numbers.l2)
            self.torch._foreach_add_(self.matrices, gradients, alpha=-self.learning_rate)
            self.add_noise()

    def add_noise(self) -> None:
        if self.std > 0.0:
            self.noise.normal_()
            if self._units is not None:
                self.noise.mul_(self._units)
            self.flat.add_(self.noise, alpha=self.std)

    def gradient(self, x: Any, y: Any) -> Any:
        """What a chunk adds to the mean data gradient, one tensor a layer."""
        raise NotImplementedError


class Batched(Ensemble):
    """Batched matrix products and autograd; ``compiled`` by torch.compile. With one network, plain products."""

    def __init__(self, task: Task, threads: int, chunk: int | None = None, compiled: bool = False) -> None:
        super().__init__(task, threads, chunk)
        self.leaves = [(m[0] if self.n_networks == 1 else m).detach().requires_grad_() for m in self.matrices]
        loss = self._loss
        self._run: Callable[..., Any] = self.torch.compile(loss, dynamic=False) if compiled else loss

    def _loss(self, leaves: list[Any], x: Any, y: Any) -> Any:
        hidden = x
        for matrix in leaves[:-1]:
            hidden = self.torch.relu(self.torch.matmul(hidden, matrix))
        output = self.torch.matmul(hidden, leaves[-1]).squeeze(-1)
        return self.torch.relu(1.0 - y * output).square().sum() * (0.5 / self.task.rows_per_step)

    def gradient(self, x: Any, y: Any) -> Any:
        if self.n_networks == 1 and x.ndim == 3:
            x, y = x[0], y[0]
        found = self.torch.autograd.grad(self._run(self.leaves, x, y), self.leaves)
        return [g[None] for g in found] if self.n_networks == 1 else found


class Module(Ensemble):
    """One network as most people write it: a module, backward(), and an optimiser with weight decay."""

    def __init__(self, task: Task, threads: int) -> None:
        super().__init__(task, threads)
        nn, numbers = self.torch.nn, task.numbers
        layers: list[Any] = []
        for (fan_in, fan_out), matrix in zip(task.shapes, self.matrices, strict=True):
            linear = nn.Linear(fan_in, fan_out, bias=False)
            linear.weight = nn.Parameter(matrix[0].T)
            layers += [linear, nn.ReLU()]
        self._model = nn.Sequential(*layers[:-1])
        parameters = self._model.parameters()
        self._optimiser = self.torch.optim.SGD(parameters, lr=numbers.learning_rate, weight_decay=numbers.l2)

    def start(self, weights: Floats, learning_rate: float, temperature: float) -> None:
        super().start(weights, learning_rate, temperature)
        if hasattr(self, "_optimiser"):
            self._optimiser.param_groups[0]["lr"] = learning_rate

    def step(self) -> None:
        for x, y in self.chunks():
            x, y = (x[0], y[0]) if x.ndim == 3 else (x, y)
            self._optimiser.zero_grad()
            loss = 0.5 * self.torch.relu(1.0 - y * self._model(x)[:, 0]).square().mean()
            loss.backward()
            self._optimiser.step()
        with self.torch.no_grad():
            self.add_noise()


class Vmap(Ensemble):
    """torch.func: vmap over networks of grad of one network's loss."""

    def __init__(self, task: Task, threads: int, chunk: int | None = None) -> None:
        super().__init__(task, threads, chunk)
        torch = self.torch
        scale = 0.5 / task.rows_per_step

        def loss(matrices: list[Any], x: Any, y: Any) -> Any:
            for matrix in matrices[:-1]:
                x = torch.relu(x @ matrix)
            return torch.relu(1.0 - y * (x @ matrices[-1])[:, 0]).square().sum() * scale

        over = None if task.numbers.batch_size is None else 0
        self._gradient = torch.func.vmap(torch.func.grad(loss), in_dims=(0, over, over))

    def gradient(self, x: Any, y: Any) -> Any:
        return self._gradient(self.matrices, x, y)


class ByHand(Ensemble):
    """Batched matrix products with the backward pass written out, in place, into buffers made once."""

    def __init__(self, task: Task, threads: int, chunk: int | None = None, multiple: int = 1) -> None:
        super().__init__(task, threads, chunk, multiple)
        rows = self.chunk if task.numbers.batch_size is None else task.numbers.batch_size
        shape = (self.n_networks, rows, self.shapes[-1][0])
        self._hidden = [self.torch.empty(shape) for _ in range(task.numbers.depth)]
        self._deltas = [self.torch.empty(shape) for _ in range(2)]
        self._output = self.torch.empty(*shape[:2], 1)
        self._sum = self.torch.empty_like(self.flat)
        self._gradients = self.split(self._sum)

    def step(self) -> None:
        with self.torch.no_grad():
            for i, (x, y) in enumerate(self.chunks()):
                self._add_gradient(x.expand(self.n_networks, -1, -1), y, beta=float(i > 0))
            self.flat.mul_(1.0 - self.learning_rate * self.task.numbers.l2)
            self.flat.add_(self._sum, alpha=-self.learning_rate)
            self.add_noise()

    def _add_gradient(self, x: Any, y: Any, beta: float) -> None:
        torch, rows = self.torch, x.shape[1]
        hidden = [x, *(buffer[:, :rows] for buffer in self._hidden)]
        deltas = [buffer[:, :rows] for buffer in self._deltas]
        output = self._output[:, :rows]
        for below, matrix, above in zip(hidden, self.matrices, [*hidden[1:], output], strict=False):
            torch.bmm(below, matrix, out=above)
            if above is not output:
                above.relu_()
        # The loss's derivative by the output, -y max(0, 1 - y f) / rows, in place of the output.
        y = y.expand(self.n_networks, -1)[:, :, None]
        slope = output.mul_(y).neg_().add_(1.0).relu_().mul_(y).mul_(-1.0 / self.task.rows_per_step)
        delta = slope
        for layer in reversed(range(len(self.matrices))):
            gradient = self._gradients[layer]
            gradient.baddbmm_(hidden[layer].transpose(1, 2), delta, beta=beta)
            if layer == 0:
                return
            below = deltas[layer % 2]
            torch.bmm(delta, self.matrices[layer].transpose(1, 2), out=below)
            torch.ops.aten.threshold_backward.grad_input(below, hidden[layer], 0.0, grad_input=below)
            delta = below


def _up(n: int, multiple: int) -> int:
    return -(-n // multiple) * multiple
