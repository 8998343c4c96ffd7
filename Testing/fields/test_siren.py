"""The sine network against its own formula, and its forward-mode derivative against two others."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from CardiacMotionLib.fields.siren import ROWS_AT_ONCE, Siren


def rows(count, inputs=4, dtype=torch.float64):
    return 2 * torch.rand(count, inputs, generator=torch.Generator().manual_seed(1), dtype=dtype) - 1


def small(**options):
    return Siren(4, 3, 16, 2, 9.0, seed=3, **options).double()


def test_size_of_the_published_network():
    assert sum(p.numel() for p in Siren().parameters()) == 133_635


def test_it_is_its_formula():
    network, x = small(), rows(7)
    first, second, last = ((layer.weight.detach().numpy(), layer.bias.detach().numpy()) for layer in network.layers)
    by_hand = np.sin(9 * (x.numpy() @ first[0].T + first[1]))
    by_hand = np.sin(9 * (by_hand @ second[0].T + second[1])) @ last[0].T + last[1]
    np.testing.assert_allclose(network(x).detach().numpy(), by_hand, atol=1e-13)


def test_weights_are_drawn_within_the_published_bounds():
    """U(+-1/in), then U(+-sqrt(6/in)/omega): filled to their ends, and of the variance of a uniform distribution."""
    network = Siren(omega=45, seed=0)
    bounds = [1 / 4, *[math.sqrt(6 / 256) / 45] * 3]
    for layer, bound in zip(network.layers, bounds, strict=True):
        assert 0.97 * bound < layer.weight.abs().max() <= bound
        assert layer.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.05)
        assert layer.bias.abs().max() <= 1 / math.sqrt(layer.in_features)
        assert layer.bias.any()


def test_activations_keep_their_spread_through_the_layers():
    """What the initialization is for (Sitzmann 2020, section 3.2): each sine gives an arcsine law of variance 1/2."""
    network, x = Siren(hidden=6, seed=0), rows(512, dtype=torch.float32)
    with torch.no_grad():
        for layer in network.layers[:-1]:
            x = torch.sin(network.omega * layer(x))
            assert x.var().item() == pytest.approx(0.5, abs=0.03)


def test_xavier_weights():
    network = Siren(initialization="xavier", seed=0)
    for layer in network.layers:
        bound = math.sqrt(6 / (layer.in_features + layer.out_features)) / network.omega  # of what a sine sees
        assert 0.97 * bound < layer.weight.abs().max() <= bound
        assert not layer.bias.any()
    with pytest.raises(ValueError, match="must be siren or xavier, got 'he'"):
        Siren(initialization="he")


def test_the_seed_alone_decides():
    before = torch.random.get_rng_state()
    first, again, other = Siren(seed=1), Siren(seed=1), Siren(seed=2)
    assert torch.equal(torch.random.get_rng_state(), before)
    for a, b in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(first.layers[1].weight, other.layers[1].weight)


@pytest.mark.parametrize("count", [1, 5, ROWS_AT_ONCE + 3])
def test_rows_do_not_know_of_each_other(count):
    """However many there are, and whatever part they are computed in."""
    network, x = small(), rows(ROWS_AT_ONCE + 3)[-count:]
    with torch.no_grad():
        assert network(x).shape == (count, 3)
        torch.testing.assert_close(network(x)[-1:], network(x[-1:]), atol=1e-13, rtol=0)
        values, slopes = network.with_gradient(x, torch.eye(4, dtype=x.dtype))
        torch.testing.assert_close(values, network(x), atol=1e-13, rtol=0)
        alone = network.with_gradient(x[-1:], torch.eye(4, dtype=x.dtype))[1]
        torch.testing.assert_close(slopes[-1:], alone, atol=1e-12, rtol=0)


def test_no_rows():
    network = small()
    assert network(rows(0)).shape == (0, 3)
    values, slopes = network.with_gradient(rows(0), torch.eye(3, 4, dtype=torch.float64))
    assert values.shape == (0, 3)
    assert slopes.shape == (0, 3, 3)


def test_derivative_is_that_of_backpropagation_and_of_differences():
    network, x = small(), rows(6)
    slopes = network.with_gradient(x, torch.eye(4, dtype=x.dtype))[1].detach()
    assert slopes.shape == (6, 3, 4)
    backward = torch.stack([torch.autograd.functional.jacobian(lambda one: network(one[None])[0], one) for one in x])
    torch.testing.assert_close(slopes, backward, atol=1e-12, rtol=0)
    step = 1e-5
    for axis in range(4):
        shift = step * torch.eye(4, dtype=x.dtype)[axis]
        difference = (network(x + shift) - network(x - shift)).detach() / (2 * step)
        torch.testing.assert_close(slopes[..., axis], difference, atol=1e-7, rtol=0)


def test_derivative_along_directions_of_each_row():
    network, x = small(), rows(600)
    whole = network.with_gradient(x, torch.eye(4, dtype=x.dtype))[1]
    directions = rows(2 * 600, 4).reshape(2, 600, 4)
    along = network.with_gradient(x, directions)[1]
    torch.testing.assert_close(along, torch.einsum("noi,dni->nod", whole, directions), atol=1e-11, rtol=0)


def test_derivative_has_a_derivative():
    """A penalty on it reaches the weights: the same as backpropagation through backpropagation."""
    network, x = small(), rows(5)
    found = torch.autograd.grad(
        network.with_gradient(x, torch.eye(4, dtype=x.dtype))[1].square().sum(), network.layers[0].weight
    )[0]

    def penalty():
        columns = []
        for output in range(3):
            inputs = x.clone().requires_grad_()
            columns.append(torch.autograd.grad(network(inputs)[:, output].sum(), inputs, create_graph=True)[0])
        return torch.stack(columns).square().sum()

    expected = torch.autograd.grad(penalty(), network.layers[0].weight)[0]
    assert expected.abs().max() > 1
    torch.testing.assert_close(found, expected, atol=1e-9, rtol=1e-9)


@pytest.mark.gpu
def test_every_device_starts_from_the_same_network():
    if not torch.cuda.is_available():
        pytest.skip("no GPU that torch can use")
    there = Siren(seed=4).to("cuda")
    x = rows(3000, dtype=torch.float32)
    torch.testing.assert_close(there(x.to("cuda")).cpu(), Siren(seed=4)(x), atol=1e-4, rtol=1e-4)
