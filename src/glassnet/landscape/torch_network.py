"""Any module of PyTorch's as the landscape's network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from glassnet.landscape.network import Floats, StoredNetwork
from glassnet.random import Purpose, gaussian, words

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


@contextmanager
def undisturbed(device: torch.device | None = None) -> Iterator[None]:
    """PyTorch computes plainly while the block runs, whatever the caller has asked it for.

    Gradients are recorded (not so under ``no_grad`` and ``inference_mode``), in the precision of their tensors (not so
    under ``autocast`` and ``set_float32_matmul_precision``); NaN is no error (as it is under ``detect_anomaly``: a
    replica may diverge). All is as it was afterwards.

    Args:
        device: where new tensors are made if the caller has chosen another default; None for the processor.
    """
    import torch

    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        if torch.is_anomaly_enabled():
            stack.enter_context(torch.autograd.set_detect_anomaly(False))
        for kind in ("cpu", "cuda", "mps"):
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu") if device is None else device)
        if (found := _matmul_precision()) != "highest":
            stack.callback(torch.set_float32_matmul_precision, found)
            torch.set_float32_matmul_precision("highest")
        yield


@contextmanager
def _default_dtype(dtype: torch.dtype) -> Iterator[None]:
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def _matmul_precision() -> str:
    import torch

    try:
        return str(torch.get_float32_matmul_precision())
    except RuntimeError:  # chosen by the newer torch.backends.fp32_precision, which is then left alone
        return "highest"


class TorchNetwork(StoredNetwork):
    """Networks that are modules of PyTorch's: biases, other activations, convolutions, several outputs.

        gn.TorchNetwork(lambda: nn.Sequential(nn.Linear(10, 30), nn.Tanh(), nn.Linear(30, 1)))

    The flat vector of weights has the module's parameters in their order. A layer is what one submodule owns, weight
    and bias together, and has its name. Engine "torch" moves them; loss and gradient are those of the module in
    evaluation mode: no dropout, and batch normalisation by the buffers that it was made with. ``torch.no_grad``,
    ``inference_mode``, ``autocast`` and ``detect_anomaly`` around a call of glassnet's change none of its numbers;
    PyTorch's default dtype is for the network the one in which it was made.

    Args:
        module_factory: makes a module with random weights, a new one at each call, which takes rows
            ``(row, feature)``, unflattened by itself where it wants images, and gives outputs ``(row,)`` or
            ``(row, output)``. Its random numbers must come from PyTorch's generator, which is seeded by a replica's
            seed and origin.

    Raises:
        ImportError: PyTorch is missing.
        TypeError: the factory makes something else than modules.
        ValueError: a module without parameters, with empty or frozen ones or others than real numbers, the same
            module twice, modules with other parameters, or random numbers from elsewhere.
    """

    def __init__(self, module_factory: Callable[[], nn.Module]) -> None:
        try:
            import torch
            from torch import nn
        except ImportError:
            raise ImportError("TorchNetwork needs PyTorch: pip install 'glassnet[torch]'") from None
        if isinstance(module_factory, nn.Module) or not callable(module_factory):
            raise TypeError(f"module_factory must be a function that makes modules, but is {module_factory!r}")
        self._factory = module_factory
        self._dtype = torch.get_default_dtype()
        module, again = self._made(0, 0), self._made(0, 0)
        if not isinstance(module, nn.Module):
            raise TypeError(f"module_factory must make a torch.nn.Module, but made a {type(module).__name__}")
        if module is again:
            raise ValueError("module_factory must make a new module at each call, but made the same one twice")
        parameters = dict(module.named_parameters())
        unmade = next(
            (name for name, value in parameters.items() if nn.parameter.is_lazy(value) or value.is_meta), None
        )
        if unmade is not None:
            raise ValueError(f"parameters must have values, but {unmade!r} is lazy or on device 'meta'")
        if not parameters:
            raise ValueError(f"module_factory must make modules with parameters, but made {module}")
        odd = next((name for name, value in parameters.items() if not value.is_floating_point()), None)
        if odd is not None:
            raise ValueError(f"parameters must be real numbers, but {odd!r} is {parameters[odd].dtype}")
        frozen = next((name for name, value in parameters.items() if not value.requires_grad), None)
        if frozen is not None:
            raise ValueError(f"parameters must all move, but {frozen!r} has requires_grad=False: make it a buffer")
        empty = next((name for name, value in parameters.items() if not value.numel()), None)
        if empty is not None:
            raise ValueError(f"parameters must hold numbers, but {empty!r} has shape {tuple(parameters[empty].shape)}")
        self._shapes = shapes = _shapes(module)
        self._refuse_other_shapes(again)
        # Weights that are not numbers are refused by the ensemble that they come into, which says whose they are.
        if not np.array_equal(_flat(module), _flat(again), equal_nan=True):
            raise ValueError("module_factory must draw its random numbers from PyTorch's generator only")
        self._module = module.eval()
        self._buffers = dict(module.named_buffers())
        others = dict(self._made(0, 1).named_buffers())
        differs = next((name for name, value in self._buffers.items() if not torch.equal(value, others[name])), None)
        if differs is not None:
            raise ValueError(
                f"buffers must be the same in every module, but {differs!r} is drawn anew: all replicas share the "
                "landscape; draw it once outside the factory, or make it a parameter"
            )
        layers = {owner: sum(int(np.prod(shapes[name])) for name in names) for owner, names in groupby(shapes, _owner)}
        text = f"{module}, {', '.join(f'{name} {shape}' for name, shape in shapes.items())}"
        super().__init__(text, tuple(layers), tuple(layers.values()))

    def __repr__(self) -> str:
        return f"TorchNetwork({self.n_weights} weights in {', '.join(self.layer_names)})"

    def initial_weights(self, seed: int, origin: int, *, std: float | None = None) -> NDArray[np.float64]:
        """One network's random initial weights ``(weight,)``: those of a module that the factory makes.

        They depend on (seed, origin), the version of PyTorch and its default dtype when the network was made. ``std``
        asks for normal ones instead, of that standard deviation, of every parameter.
        """
        if std is None:
            module = self._made(seed, origin)
            self._refuse_other_shapes(module)
            return _flat(module)
        n = self.n_weights
        return std * gaussian(words(Purpose.INITIAL_WEIGHTS, seed, origin, 0, 0, n + n % 2))[:n]

    def flatten(self, weights: Any) -> Floats:
        """The flat weights ``([replica,] weight)`` of parameters by name, as in a ``state_dict``; undoes unflatten.

        Raises:
            ValueError: a parameter is missing, unknown or of another shape.
        """
        arrays = {name: _array(value) for name, value in dict(weights).items() if name not in self._not_weights}
        if set(arrays) != set(self._shapes):
            raise ValueError(f"weights must hold {', '.join(self._shapes)}, but hold {', '.join(arrays)}")
        found = {name: arrays[name].shape for name in self._shapes}
        lead = next(found[name][: len(found[name]) - len(shape)] for name, shape in self._shapes.items())
        for name, shape in self._shapes.items():
            if found[name] != (*lead, *shape):
                raise ValueError(f"weights must hold {name!r} of shape {(*lead, *shape)}, but got {found[name]}")
        return np.concatenate([arrays[name].reshape(*lead, -1) for name in self._shapes], axis=-1)

    def unflatten(self, weights: Floats) -> dict[str, Floats]:
        """The parameters by name of flat weights ``(..., weight)``; one network's go into ``load_state_dict``.

        Raises:
            ValueError: the last axis is not of this network's length.
        """
        weights = np.asarray(weights)
        if weights.ndim == 0 or weights.shape[-1] != self.n_weights:
            raise ValueError(
                f"weights must have {self.n_weights} entries on their last axis, but got shape {weights.shape}"
            )
        lead = weights.shape[:-1]
        return {name: weights[..., where].reshape(*lead, *shape) for name, where, shape in self._parts}

    def outputs(self, weights: Tensor, features: Tensor) -> Tensor:
        """f(x, W) of one network ``(weight,)`` for rows ``(row, feature)``: ``(row, output)``, differentiable."""
        return self._outputs_of(self._module, weights, features)

    def outputs_of_another(self, weights: Tensor, features: Tensor) -> Tensor:
        """What :meth:`outputs` gives, by a module of the factory's own that holds the same weights and buffers."""
        return self._outputs_of(self._made(0, 1).eval(), weights, features)

    def _outputs_of(self, module: nn.Module, weights: Tensor, features: Tensor) -> Tensor:
        import torch
        from torch.func import functional_call

        values = {name: weights[where].view(shape) for name, where, shape in self._parts}
        # Copies, as a module may count or average in its buffers.
        buffers = {
            name: value.to(weights.device, weights.dtype if value.is_floating_point() else None, copy=True)
            for name, value in self._buffers.items()
        }
        with _default_dtype(self._dtype):
            f = functional_call(module, values | buffers, (features,))
        if not isinstance(f, torch.Tensor):
            raise TypeError(f"the module must give a tensor, but gave a {type(f).__name__}")
        return f[:, None] if f.ndim == 1 else f

    @cached_property
    def _not_weights(self) -> set[str]:
        """What a state_dict has beside the weights: buffers, and other names of weights that are shared."""
        return set(self._module.state_dict()) - set(self._shapes)

    @cached_property
    def _parts(self) -> list[tuple[str, slice, tuple[int, ...]]]:
        """Name, place in the flat vector, and shape of each parameter."""
        ends = np.cumsum([int(np.prod(shape)) for shape in self._shapes.values()]).tolist()
        places = (slice(first, end) for first, end in pairwise([0, *ends]))
        return [(name, place, shape) for (name, shape), place in zip(self._shapes.items(), places, strict=True)]

    def _refuse_other_shapes(self, module: nn.Module) -> None:
        shapes, found = self._shapes, _shapes(module)
        odd = next((name for name in {**shapes, **found} if shapes.get(name) != found.get(name)), None)
        if odd is not None:
            raise ValueError(
                "module_factory must make modules with the same parameters at each call, but "
                f"{odd!r} is {_told(shapes.get(odd))} in one and {_told(found.get(odd))} in another"
            )

    def _made(self, seed: int, origin: int) -> nn.Module:
        import torch

        low, high = words(Purpose.INITIAL_WEIGHTS, seed, origin, 0, 0, 2).tolist()
        with undisturbed(), _default_dtype(self._dtype), torch.random.fork_rng(devices=[]):
            torch.manual_seed(high << 32 | low)
            return self._factory()


def _array(value: Any) -> NDArray[Any]:
    return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)


def _owner(parameter: str) -> str:
    return parameter.rpartition(".")[0] or parameter


def _shapes(module: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in module.named_parameters()}


def _told(shape: tuple[int, ...] | None) -> str:
    return "missing" if shape is None else f"of shape {shape}"


def _flat(module: nn.Module) -> NDArray[np.float64]:
    return np.concatenate([p.detach().cpu().double().numpy().ravel() for p in module.parameters()])
