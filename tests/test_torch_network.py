"""Modules of PyTorch's as networks, other losses, and all that comes after."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import small_landscape
from hypothesis import given, settings
from hypothesis import strategies as st

import glassnet as gn
from glassnet.engines import Torch
from glassnet.random import Purpose, noise, permutation, words

torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install 'glassnet[torch]')")
nn = torch.nn

EXACT = Torch("cpu", gradient="float64")


def with_biases() -> Any:
    return nn.Sequential(nn.Linear(4, 7), nn.Tanh(), nn.Linear(7, 1))


def bias_free() -> Any:
    first, second, last = (nn.Linear(i, o, bias=False) for i, o in ((4, 6), (6, 6), (6, 1)))
    return nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), last)


def convolution() -> Any:
    return nn.Sequential(
        nn.Unflatten(1, (1, 6, 6)), nn.Conv2d(1, 3, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(12, 3)
    )


class Features(nn.Module):  # type: ignore[name-defined,misc]
    """Fixed numbers in a buffer, which are no weights."""

    def __init__(self, scale: Any) -> None:
        super().__init__()
        self.register_buffer("scale", scale)
        self.last = nn.Linear(4, 1)

    def forward(self, x: Any) -> Any:
        return self.last(torch.tanh(self.scale * x))


def three_classes(n_samples: int = 40) -> gn.Dataset:
    rng = np.random.default_rng(5)
    return gn.Dataset(rng.normal(size=(n_samples, 36)), np.arange(n_samples) % 3, n_classes=3)


def by_hand(module: Any, data: gn.Dataset, weights: np.ndarray, loss: Callable[[Any, Any], Any]) -> np.ndarray:
    """The mean gradient of one network by PyTorch's own backward pass, without torch.func."""
    module = module.double()
    with torch.no_grad():
        torch.nn.utils.vector_to_parameters(torch.from_numpy(weights.copy()), module.parameters())
    labels = torch.from_numpy(data.labels.copy())
    labels = labels.double() if data.n_classes is None else labels.long()
    loss(module(torch.from_numpy(data.features.copy()).double()), labels).backward()
    return np.concatenate([p.grad.numpy().ravel() for p in module.parameters()])


def hinge(f: Any, y: Any) -> Any:
    return 0.5 * torch.clamp(1.0 - y * f[:, 0], min=0.0).square().mean()


def test_an_mlp_as_a_module_is_the_mlp() -> None:
    """The same function by another way: module without biases, float64, against plain NumPy."""
    landscape = small_landscape(width=6, depth=2)
    ensemble = gn.Ensemble.random(landscape.network, n_replicas=3, seed=1)
    network = gn.TorchNetwork(bias_free)
    assert network.layer_names == ("0", "2", "4")
    assert network.layer_sizes == landscape.network.layer_sizes
    matrices = [np.swapaxes(m, -1, -2) for m in landscape.network.unflatten(ensemble.weights)]
    flat = network.flatten(dict(zip(("0.weight", "2.weight", "4.weight"), matrices, strict=True)))
    same = gn.Ensemble.from_weights(network, flat)
    other = gn.Landscape(network, landscape.dataset, landscape.loss)
    dynamics = gn.GradientDescent(0.05)
    found = gn.evolve(same, other, dynamics, 20, engine=EXACT)
    wanted = gn.evolve(ensemble, landscape, dynamics, 20, engine="reference")
    moved = [np.swapaxes(m, -1, -2) for m in landscape.network.unflatten(wanted.weights)]
    assert found.weights == pytest.approx(
        network.flatten(dict(zip(("0.weight", "2.weight", "4.weight"), moved, strict=True))), abs=1e-12
    )
    seen, exact = gn.evaluate(same, other, engine=EXACT), gn.evaluate(ensemble, landscape, engine="reference")
    for name in ("data_loss", "awake", "accuracy"):
        assert seen[name].values == pytest.approx(exact[name].values, rel=1e-12)


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(["tanh", "convolution", "norm"]),
    dynamics=st.sampled_from([gn.GradientDescent(0.1), gn.Sgd(0.1, 7), gn.Langevin(0.2, 0.05)]),
    l2=st.sampled_from([0.0, 0.1]),
)
def test_steps_are_those_of_the_modules_own_gradient(seed: int, kind: str, dynamics: Any, l2: float) -> None:
    rng = np.random.default_rng(seed)
    if kind == "convolution":
        make, data = convolution, three_classes()
        loss: Any = gn.CrossEntropy(l2)
        value: Any = nn.functional.cross_entropy
    else:
        make = with_biases if kind == "tanh" else lambda: nn.Sequential(with_biases(), nn.LayerNorm(1), nn.Linear(1, 1))
        data = gn.Dataset(rng.normal(size=(30, 4)), np.sign(rng.normal(size=30)))
        loss, value = gn.QuadraticHinge(l2), hinge
    network = gn.TorchNetwork(make)
    landscape = gn.Landscape(network, data, loss)
    ensemble = gn.Ensemble.random(network, n_replicas=2, seed=seed)
    after = gn.evolve(ensemble, landscape, dynamics, 1, engine=EXACT)
    rate, temperature = dynamics.learning_rate, getattr(dynamics, "temperature", 0.0)
    for r in range(2):
        w, some = ensemble.weights[r], data
        if isinstance(dynamics, gn.Sgd):
            order = permutation(words(Purpose.SGD_PERMUTATION, seed, r, 0, 0, data.n_samples))[: dynamics.batch_size]
            some = gn.Dataset(data.features[order], data.labels[order], n_classes=data.n_classes)
        wanted = w - rate * (by_hand(make(), some, w, value) + l2 * w)
        if temperature:
            xi = noise(seed, r, 0, 0, network.n_weights)
            wanted += np.sqrt(2 * rate * temperature / data.n_samples) * xi
        assert after.weights[r] == pytest.approx(wanted, abs=1e-9)
    assert landscape.gradient(ensemble.weights[0], l2=0.0) == pytest.approx(
        by_hand(make(), data, ensemble.weights[0], value), abs=1e-9
    )


def test_initial_weights_are_the_modules_own_and_follow_seed_and_origin() -> None:
    network = gn.TorchNetwork(with_biases)
    ensemble = gn.Ensemble.random(network, n_replicas=200, seed=3)
    again = gn.Ensemble.random(gn.TorchNetwork(with_biases), n_replicas=2, seed=3)
    assert np.array_equal(ensemble.weights[:2], again.weights)
    assert len(np.unique(ensemble.weights, axis=0)) == 200
    first = np.abs(network.unflatten(ensemble.weights)["0.weight"])
    assert 0.49 < first.max() <= 0.5  # PyTorch draws from +-1/sqrt(fan_in)
    other = gn.Ensemble.random(network, n_replicas=2, seed=4)
    assert not np.isin(other.weights, ensemble.weights).any()
    before = torch.initial_seed()
    gn.Ensemble.random(network, n_replicas=1)
    assert torch.initial_seed() == before
    wide = gn.Ensemble.random(network, n_replicas=50, init="normal", std=2.0)
    assert wide.weights.std() == pytest.approx(2.0, rel=0.1)


def test_everything_downstream(tmp_path: Path) -> None:
    network = gn.TorchNetwork(convolution)
    landscape = gn.Landscape(network, three_classes(), gn.CrossEntropy(1e-2))
    ensemble = gn.Ensemble.random(network, n_replicas=2, seed=2)
    dynamics = gn.Langevin(0.5, 0.05)
    asked: dict[str, Any] = {"waiting_times": [0, 3], "chi": [3.0]}
    record = gn.measure(
        ensemble, landscape, dynamics, times=[1, 2, 4], test=three_classes(9), snapshots=[4], engine="torch", **asked
    )
    path = tmp_path / "record.zip"
    gn.save(record, path)
    back = gn.load(path)
    assert isinstance(back, gn.Record)
    assert back.ensemble.network == network
    assert back.ensemble.network.layer_names == ("1", "4")
    longer = gn.extend(back, landscape, [8], test=three_classes(9), engine="torch")
    whole = gn.measure(
        ensemble, landscape, dynamics, times=[1, 2, 4, 8], test=three_classes(9), snapshots=[4], engine="torch", **asked
    )
    assert np.array_equal(longer.ensemble.weights, whole.ensemble.weights)
    assert np.allclose(gn.overlap(longer, chi=3.0), gn.overlap(whole, chi=3.0), equal_nan=True)
    assert gn.mobility(back, layers=[0]).sizes["replica"] == 2
    named = gn.mean_square_displacement(back, layers=["4"])
    assert np.array_equal(named.values, gn.mean_square_displacement(back, layers=[1]).values)
    assert np.isfinite(back.data["test_loss"].values).all()


def test_your_own_loss_moves_an_mlp_too() -> None:
    def half_square(f: Any, y: Any) -> Any:
        return 0.5 * torch.clamp(1.0 - y * f[:, 0], min=0.0) ** 2

    landscape = small_landscape(l2=0.0)
    same = gn.Landscape(landscape.network, landscape.dataset, gn.TorchLoss(half_square, name="half square"))
    ensemble = gn.Ensemble.random(landscape.network, n_replicas=2, seed=1)
    found = gn.evolve(ensemble, same, gn.Sgd(0.05, 20), 10, engine=EXACT)
    wanted = gn.evolve(ensemble, landscape, gn.Sgd(0.05, 20), 10, engine="reference")
    assert found.weights == pytest.approx(wanted.weights, abs=1e-12)
    assert same.fingerprint != landscape.fingerprint
    assert same.value(ensemble.weights[0]) == pytest.approx(landscape.value(ensemble.weights[0]), rel=1e-12)


def test_state_dicts_go_both_ways() -> None:
    network = gn.TorchNetwork(with_biases)
    module = with_biases()
    ensemble = gn.Ensemble.from_weights(network, module.state_dict())
    x = torch.randn(5, 4)
    assert network.outputs(torch.tensor(ensemble.weights[0]).float(), x) == pytest.approx(
        module(x).detach().numpy(), abs=1e-6
    )
    arrays = network.unflatten(ensemble.weights[0])
    other = with_biases()
    other.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in arrays.items()})
    assert torch.equal(other(x), module(x))


SHARED = with_biases()


@pytest.mark.parametrize(
    ("factory", "error", "message"),
    [
        (lambda: 3, TypeError, "module_factory must make a torch.nn.Module, but made a int"),
        (lambda: SHARED, ValueError, "must make a new module at each call, but made the same one twice"),
        (lambda: nn.Sequential(nn.ReLU()), ValueError, "must make modules with parameters"),
        (with_biases(), TypeError, "must be a function that makes modules, but is Sequential"),
        (lambda: nn.LazyLinear(1), ValueError, "'weight' is lazy"),
        (lambda: Features(torch.randn(4)), ValueError, "'scale' is drawn anew"),
        (lambda: nn.Linear(2, 1).requires_grad_(False), ValueError, "'weight' has requires_grad=False"),
    ],
)
def test_factories_that_make_no_networks(factory: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        gn.TorchNetwork(factory)


def test_random_numbers_from_elsewhere_are_refused() -> None:
    def own() -> Any:
        module = with_biases()
        with torch.no_grad():
            module[0].weight += float(np.random.default_rng().normal())
        return module

    with pytest.raises(ValueError, match="must draw its random numbers from PyTorch's generator only"):
        gn.TorchNetwork(own)


def test_what_does_not_fit_together_is_refused_before_any_work() -> None:
    network, data = gn.TorchNetwork(with_biases), gn.random_dataset(20, 4, seed=1)
    classes = three_classes()
    with pytest.raises(ValueError, match=r"network must take rows of 5 features, but raised RuntimeError: mat1"):
        gn.Landscape(network, gn.random_dataset(20, 5), gn.QuadraticHinge())
    with pytest.raises(ValueError, match="dataset must have n_classes for CrossEntropy"):
        gn.Landscape(network, data, gn.CrossEntropy())
    with pytest.raises(ValueError, match=r"dataset must have labels \+1 and -1 for QuadraticHinge, but has 3 classes"):
        gn.Landscape(gn.TorchNetwork(convolution), classes, gn.QuadraticHinge())
    with pytest.raises(ValueError, match=r"must have shape \(2, 1\) for 2 rows, one a row, but have shape \(2, 3\)"):
        gn.Landscape(gn.TorchNetwork(lambda: nn.Linear(4, 3)), data, gn.QuadraticHinge())
    with pytest.raises(ValueError, match="loss must give one number a row"):
        gn.Landscape(network, data, gn.TorchLoss(lambda f, y: (f[:, 0] - y).sum(), name="sum"))
    with pytest.raises(ValueError, match="name must be given"):
        gn.TorchLoss(lambda f, y: f[:, 0])
    with pytest.raises(ValueError, match=r"labels must be whole numbers from 0 to 2, but labels\[1\] is 3"):
        gn.Dataset([[1.0], [2.0]], [0, 3], n_classes=3)
    landscape = gn.Landscape(network, data, gn.QuadraticHinge())
    ensemble = gn.Ensemble.random(network, n_replicas=1)
    for engine in ("cpu", "reference"):
        with pytest.raises(ValueError, match=f"engine '{engine}' takes an Mlp under QuadraticHinge only"):
            gn.evolve(ensemble, landscape, gn.GradientDescent(0.1), 1, engine=engine)
    with pytest.raises(ValueError, match="Hessian takes an Mlp"):
        gn.Hessian(landscape, ensemble.weights[0])


def test_what_names_do_not_tell_apart_is_told_apart_by_numbers() -> None:
    """Activations in forward, buffers, and numbers inside a loss: extending goes on with the same only."""
    data = gn.random_dataset(20, 4, seed=1)
    one, other = (gn.TorchNetwork(partial(Features, torch.full((4,), scale))) for scale in (1.0, 2.0))
    landscape = gn.Landscape(one, data, gn.QuadraticHinge())
    ensemble = gn.Ensemble.random(one, n_replicas=1)
    record = gn.measure(ensemble, landscape, gn.GradientDescent(0.1), times=[1], engine="torch")
    with pytest.raises(ValueError, match="landscape must be the one the record was measured on"):
        gn.extend(record, gn.Landscape(other, data, gn.QuadraticHinge()), [2], engine="torch")
    assert gn.extend(record, landscape, [2], engine="torch").elapsed == 2

    def power(exponent: float, f: Any, y: Any) -> Any:
        return (f[:, 0] - y).abs() ** exponent

    losses = [gn.TorchLoss(partial(power, exponent), name="power") for exponent in (2.0, 3.0)]
    prints = {gn.Landscape(one, data, loss).fingerprint for loss in losses}
    assert len(prints) == 2


def test_networks_and_losses_that_couple_rows_are_refused() -> None:
    class Centred(nn.Module):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.last = nn.Linear(4, 1)

        def forward(self, x: Any) -> Any:
            return self.last(x) - self.last(x).mean(0)

    data = gn.random_dataset(20, 4, seed=1)
    with pytest.raises(ValueError, match="must take each row by itself"):
        gn.Landscape(gn.TorchNetwork(Centred), data, gn.QuadraticHinge())
    normal = gn.TorchNetwork(lambda: nn.Sequential(nn.BatchNorm1d(4, track_running_stats=False), nn.Linear(4, 1)))
    with pytest.raises(ValueError, match="must take each row by itself"):
        gn.Landscape(normal, data, gn.QuadraticHinge())
    mean = gn.TorchLoss(lambda f, y: (f[:, 0] - f[:, 0].mean() - y) ** 2, name="mean")
    with pytest.raises(ValueError, match="must take each row by itself"):
        gn.Landscape(gn.TorchNetwork(with_biases), data, mean)


def module_of(forward: Callable[[Any, Any], Any], **held: Any) -> type[Any]:
    """A linear layer ``last`` and what else it holds, as ``forward`` has it."""

    class Module(nn.Module):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.last = nn.Linear(4, 1)
            for name, make in held.items():
                setattr(self, name, make())

    Module.forward = forward
    return Module


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (module_of(lambda self, x: self.last(x).detach()), "outputs of the network must be made of its weights"),
        (module_of(lambda self, x: (self.last(x), x)), "TypeError: the module must give a tensor, but gave a tuple"),
        (module_of(lambda self, x: self.last(x.mul_(2.0))), "must leave the rows that it takes as they are"),
        (
            module_of(lambda self, x: self.last(nn.functional.dropout(x))),
            "must give the same outputs each time, but gave .* dropout must be a submodule",
        ),
        (
            module_of(lambda self, x: self.last(self.scale * x), scale=lambda: torch.randn(4, dtype=torch.float64)),
            "what is drawn and is no parameter must be drawn once, outside module_factory",
        ),
    ],
)
def test_networks_that_are_no_function_of_weights_and_rows_are_refused(module: type[Any], message: str) -> None:
    data = gn.random_dataset(20, 4, seed=1)
    with pytest.raises(ValueError, match=message):
        gn.Landscape(gn.TorchNetwork(module), data, gn.QuadraticHinge())


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (lambda f, y: (y * f[:, 0] < 0).double(), "loss must be made of the outputs by what PyTorch differentiates"),
        (lambda f, y: torch.log(-((f[:, 0] - y) ** 2)), r"loss must be finite .* but is \[nan, nan\] for outputs"),
        (lambda f, y: np.zeros(len(y)), "TypeError: it must give a tensor, but gave a ndarray"),
    ],
)
def test_losses_that_nothing_descends_are_refused(loss: Callable[[Any, Any], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gn.Landscape(gn.TorchNetwork(with_biases), gn.random_dataset(20, 4), gn.TorchLoss(loss, name="own"))


def test_what_an_engine_cannot_do_is_said_before_a_step() -> None:
    """Batches of each replica's own, and the precision of its gradients."""
    data, full = gn.random_dataset(20, 4, seed=1), gn.GradientDescent(0.1)
    asks = gn.TorchNetwork(module_of(lambda self, x: self.last(x) if x.square().sum() >= 0 else -self.last(x)))
    landscape, ensemble = gn.Landscape(asks, data, gn.QuadraticHinge()), gn.Ensemble.random(asks, n_replicas=2)
    assert gn.evolve(ensemble, landscape, full, 1, engine=EXACT).step.tolist() == [1, 1]
    with pytest.raises(ValueError, match="in float64 on cpu, each replica with a batch of its own, but raised"):
        gn.evolve(ensemble, landscape, gn.Sgd(0.1, 5), 1, engine=EXACT)
    exact = gn.TorchNetwork(
        module_of(lambda self, x: self.last(x @ self.turn), turn=lambda: torch.eye(4, dtype=torch.float64))
    )
    landscape = gn.Landscape(exact, data, gn.QuadraticHinge())
    ensemble = gn.Ensemble.random(exact, n_replicas=2)
    assert gn.evolve(ensemble, landscape, full, 1, engine=EXACT).step.tolist() == [1, 1]
    with pytest.raises(ValueError, match=r"differentiable by torch.func in float32 on cpu, but raised RuntimeError"):
        gn.evolve(ensemble, landscape, full, 1, engine=Torch("cpu"))
    with pytest.raises(ValueError, match=r"differentiable by torch.func in float32 on cpu, but raised RuntimeError"):
        gn.evaluate(ensemble, landscape, engine=Torch("cpu"))


def test_a_buffer_that_is_written_to_begins_anew_at_each_look() -> None:
    def forward(self: Any, x: Any) -> Any:
        self.looks += 1.0
        return self.last(x) * self.looks

    network = gn.TorchNetwork(module_of(forward, looks=lambda: nn.Buffer(torch.zeros(()))))
    plain = gn.TorchNetwork(lambda: nn.Linear(4, 1))
    data, loss, step = gn.random_dataset(20, 4, seed=1), gn.QuadraticHinge(), gn.GradientDescent(0.1)
    found, wanted = (
        gn.evolve(gn.Ensemble.random(one, 2), gn.Landscape(one, data, loss), step, 5, engine=Torch("cpu"))
        for one in (network, plain)
    )
    np.testing.assert_allclose(found.weights, wanted.weights, rtol=1e-5)


def test_factories_of_other_modules_at_each_call_are_refused() -> None:
    def of_width(width: int) -> Any:
        return nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 1))

    widths = iter(range(3, 9))
    with pytest.raises(ValueError, match=r"'0.weight' is of shape \(3, 4\) in one and of shape \(4, 4\) in another"):
        gn.TorchNetwork(lambda: of_width(next(widths)))
    drawn = gn.TorchNetwork(lambda: of_width(int(torch.randint(3, 30, ()))))
    with pytest.raises(ValueError, match="must make modules with the same parameters at each call"):
        gn.Ensemble.random(drawn, n_replicas=8)
    with pytest.raises(ValueError, match=r"parameters must hold numbers, but 'none' has shape \(0,\)"):
        gn.TorchNetwork(module_of(lambda self, x: self.last(x), none=lambda: nn.Parameter(torch.empty(0))))
    with pytest.raises(ValueError, match="weights must be finite, but those of replica 0 are not"):
        gn.Ensemble.random(
            gn.TorchNetwork(
                module_of(lambda self, x: x @ self.odd, odd=lambda: nn.Parameter(torch.full((4, 1), torch.nan)))
            ),
            n_replicas=1,
        )


def test_weights_that_are_shared_and_tensors_with_gradients_are_taken() -> None:
    class Tied(nn.Module):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.last = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 1)
            self.b.weight = self.a.weight

        def forward(self, x: Any) -> Any:
            return self.last(torch.tanh(self.b(torch.tanh(self.a(x)))))

    network, module = gn.TorchNetwork(Tied), Tied()
    flat = gn.Ensemble.from_weights(network, module.state_dict()).weights
    assert np.array_equal(flat, gn.Ensemble.from_weights(network, dict(module.named_parameters())).weights)


def test_a_stored_network_says_what_is_missing(tmp_path: Path) -> None:
    network = gn.TorchNetwork(with_biases)
    gn.save(gn.Ensemble.random(network, n_replicas=1), tmp_path / "e.zip")
    back = gn.load(tmp_path / "e.zip")
    assert isinstance(back, gn.Ensemble)
    assert back.network == network
    assert back.network != gn.TorchNetwork(lambda: nn.Sequential(nn.Linear(4, 7), nn.ReLU(), nn.Linear(7, 1)))
    with pytest.raises(ValueError, match="known by its layers only"):
        gn.Landscape(back.network, gn.random_dataset(20, 4), gn.QuadraticHinge())
    with pytest.raises(ValueError, match="known by its layers only"):
        gn.Ensemble.random(back.network, n_replicas=1)
