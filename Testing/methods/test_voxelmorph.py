"""The U-Net of VoxelMorph: its sizes, its first answer, what it can learn."""

from __future__ import annotations

import pytest
import torch
from blobs import blobs, learn

from CardiacMotionLib.methods.voxelmorph import METHOD
from CardiacMotionLib.methods.voxelmorph.network import Config, Network
from CardiacMotionLib.training.recipe import load_recipe

SMALL = {2: (48, 40), 3: (5, 32, 40)}
SHIFT = {2: (2.0, -1.5), 3: (1.5, -1.5, 0.0)}


@pytest.fixture
def network(request):
    torch.manual_seed(0)
    return Network(Config(**request.param))


def parameters(network: torch.nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_as_many_parameters_as_the_papers_say():
    assert parameters(Network(load_recipe(METHOD, "paper").network)) == 254_914  # 254k in paper 004
    assert parameters(Network(Config(dims=3, convolutions=1))) == 320_435  # 327k in Balakrishnan 2019, one level less


@pytest.mark.parametrize("network", [{"dims": 2}, {"dims": 3, "convolutions": 1}], indirect=True, ids=["2d", "3d"])
@pytest.mark.parametrize("extra", [0, 1])
def test_first_answer_is_next_to_nothing_and_fits_images_of_any_size(network, extra):
    shape = tuple(n + extra for n in SMALL[network.dims])
    fixed, moving = torch.rand(2, 2, 1, *shape)
    (found,) = network(fixed, moving)
    assert found.shape == (2, *shape, network.dims)
    assert 0 < found.abs().max() < 0.05


@pytest.mark.parametrize("network", [{"dims": 2}, {"dims": 3}], indirect=True, ids=["2d", "3d"])
def test_every_parameter_is_learned(network):
    fixed, moving = torch.rand(2, 1, 1, *SMALL[network.dims])
    network(fixed, moving)[-1].square().sum().backward()
    assert [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize("network", [{"dims": 2, "convolutions": 1}, {"dims": 3, "convolutions": 1}], indirect=True)
def test_learns_a_shift_by_heart(network):
    shape, shift = SMALL[network.dims], SHIFT[network.dims]
    fixed, moving = blobs(shape, (0.0,) * len(shape)), blobs(shape, shift)
    assert learn(network, fixed, moving, 50) < 0.15
    with torch.no_grad():
        found = network(fixed, moving)[-1]
    inside = fixed[0, 0] > 0.5  # where there is something to see
    assert found[0][inside].mean(0)[:2].sub(torch.tensor(shift[:2])).abs().max() < 0.7


@pytest.mark.parametrize("network", [{"dims": 2}], indirect=True)
def test_double_precision_gives_the_same(network):
    fixed, moving = torch.rand(2, 1, 1, 32, 32)
    with torch.no_grad():
        single = network(fixed, moving)[-1]
        double = network.double()(fixed.double(), moving.double())[-1]
    assert double.dtype == torch.float64
    torch.testing.assert_close(double.float(), single, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("pool_slices", [False, True])
def test_slices_are_halved_only_where_that_is_asked_for(pool_slices):
    """What a slice far away shows reaches this one by halving only: 15 slices above it are beyond the convolutions."""
    torch.manual_seed(0)
    network = Network(Config(dims=3, convolutions=1, pool_slices=pool_slices))
    fixed = torch.rand(1, 1, 40, 8, 8, requires_grad=True)
    network(fixed, fixed.detach())[-1][0, 0].sum().backward()
    reached = fixed.grad[0, 0].flatten(1).any(1).nonzero().max()
    assert (reached > 15) == pool_slices


def test_mixed_precision_gives_about_the_same():
    torch.manual_seed(0)
    network = Network(Config(dims=2))
    torch.nn.init.constant_(network.displacement.bias, 2.0)
    fixed, moving = blobs((32, 32), (0.0, 0.0)), blobs((32, 32), (2.0, 0.0))
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        mixed = network(fixed, moving)[-1]
    with torch.no_grad():
        torch.testing.assert_close(mixed, network(fixed, moving)[-1], rtol=0.02, atol=0.02)


def test_equal_images_of_the_batch_get_equal_answers():
    torch.manual_seed(0)
    network = Network(Config(dims=2))
    fixed, moving = torch.rand(2, 1, 1, 32, 32)
    with torch.no_grad():
        alone = network(fixed, moving)[-1]
        together = network(torch.cat((moving, fixed)), torch.cat((fixed, moving)))[-1][1:]
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-7)
