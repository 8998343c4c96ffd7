"""Geodesic shooting: the kernel against its formula, the geodesic against its invariants and other ways there."""

import math

import pytest
import torch
from maps import smooth_displacement

from CardiacMotionLib import fields
from CardiacMotionLib.fields import Geodesic, SobolevKernel, geodesic, shoot
from CardiacMotionLib.fields.shooting import coadjoint

KERNEL = SobolevKernel()
PLANE, SPACE = (40, 48), (10, 20, 24)


def swirl(shape, size, dtype=torch.float64):
    """Smooth initial velocity (1, *shape, d) of up to about ``size`` voxels that dies out at the border."""
    return smooth_displacement(shape, size, dtype)


@pytest.mark.parametrize("shape", [(6, 7), (4, 5, 8)])
def test_kernel_is_its_fourier_formula(shape):
    """A wave is multiplied by (alpha sum (2 - 2 cos w) + gamma)^power, and nothing else happens to it."""
    kernel = SobolevKernel(alpha=1.5, gamma=0.7, power=3)
    grid = fields.identity_grid(shape, torch.float64)
    frequencies = torch.tensor([2 * math.pi * (2 - a) / n for a, n in enumerate(reversed(shape))], dtype=torch.float64)
    wave = torch.cos(grid @ frequencies)[None, ..., None].expand(1, *shape, len(shape))
    factor = (1.5 * sum(2 - 2 * math.cos(w) for w in frequencies) + 0.7) ** 3
    torch.testing.assert_close(kernel.momentum(wave), factor * wave)


@pytest.mark.parametrize("shape", [(9, 12), (5, 6, 7)])
def test_the_kernels_undo_each_other(shape):
    noise = torch.randn(2, *shape, len(shape), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(KERNEL.velocity(KERNEL.momentum(noise)), noise)
    torch.testing.assert_close(KERNEL.momentum(KERNEL.velocity(noise)), noise)


@pytest.mark.parametrize("shape", [PLANE, SPACE])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_zero_velocity_is_the_exact_identity(shape, dtype):
    result = geodesic(torch.zeros(2, *shape, len(shape), dtype=dtype), inverse=True, padding=3)
    for part in result:
        assert part.shape == (5, 2, *shape, len(shape))
        assert part.dtype == dtype
        assert not part.any()


@pytest.mark.parametrize("shape", [(8, 9), (5, 6, 7)])
def test_coadjoint_is_the_transpose_of_the_bracket(shape):
    """<ad*_v m, w> = <m, Dv w - Dw v> on a periodic grid, with the derivatives written by rolling."""
    d = len(shape)
    v, m, w = torch.randn(3, 1, d, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))

    def along(values, by):
        slopes = [(values.roll(-1, -1 - b) - values.roll(1, -1 - b)) / 2 * by[:, b : b + 1] for b in range(d)]
        return sum(slopes)

    torch.testing.assert_close((coadjoint(v, m) * w).sum(), (m * (along(v, w) - along(w, v))).sum())


@pytest.mark.parametrize(("shape", "size"), [(PLANE, 4.0), (SPACE, 2.0)])
def test_energy_is_kept(shape, size):
    """Within a thousandth at the default steps; four times fewer steps are far from it, so that it says something."""
    start = swirl(shape, size)
    energies = KERNEL.energy(geodesic(start).velocity.flatten(0, 1))
    assert (energies / energies[0] - 1).abs().max() < 1e-3
    coarse = KERNEL.energy(geodesic(start, steps=1).velocity.flatten(0, 1))
    assert (coarse / coarse[0] - 1).abs().max() > 1e-3


@pytest.mark.parametrize(("shape", "size"), [(PLANE, 4.0), (SPACE, 1.5)])
def test_inverse_undoes_the_displacement(shape, size):
    """Within what linear interpolation of the fields leaves, at every moment."""
    result = geodesic(swirl(shape, size), inverse=True)
    for there, back in zip(result.displacement, result.inverse, strict=True):
        assert fields.compose(there, back).abs().max() < 0.08
        assert fields.compose(back, there).abs().max() < 0.08
    assert result.displacement[-1].abs().max() > size / 2
    assert fields.jacobian_determinant(result.displacement[-1]).min() > 0


def test_shooting_back_returns():
    """The geodesic from -v_1 runs back over the same velocities, to where it started."""
    start = swirl(PLANE, 4.0)
    there = geodesic(start, steps=8)
    back = geodesic(-there.velocity[-1], steps=8)
    torch.testing.assert_close(back.velocity[-1], -start, atol=2e-3, rtol=0)
    assert fields.compose(there.displacement[-1], back.displacement[-1]).abs().max() < 0.08


def test_fourth_order_in_time():
    """Half the step leaves a sixteenth of the error of the velocity."""
    start = swirl(PLANE, 3.0)
    exact = geodesic(start, steps=64).velocity[-1]
    errors = [(geodesic(start, steps=n).velocity[-1] - exact).abs().max() for n in (4, 8)]
    assert 10 < errors[0] / errors[1] < 24


def test_slow_geodesic_is_the_exponential_map():
    """EPDiff changes v at second order only: for a small one the flow is that of a stationary velocity."""
    start = swirl(PLANE, 0.1)
    difference = (shoot(start) - fields.integrate(start)).abs().max()
    assert difference < 2e-3
    assert (shoot(start) - start).abs().max() < 0.01  # and both are near v itself


def test_burgers_in_one_direction():
    """Without a Laplacian, L is gamma: a velocity along i that varies along i obeys v_t = -3 v v_x (Burgers).

    Its solution is constant along characteristics: v(x + 3 v_0(x) t, t) = v_0(x).
    """
    n = 256
    x = torch.arange(n, dtype=torch.float64)
    first = 2 * torch.sin(2 * math.pi * x / n)
    start = torch.stack((first, torch.zeros_like(first)), dim=-1).expand(1, 3, n, 2).contiguous()
    end = geodesic(start, SobolevKernel(alpha=0, gamma=1, power=1), steps=10).velocity[-1, 0, 1, :, 0]
    arrived = (x + 3 * first)[20:-20]
    at = fields.sample_at(end[None, None, None], torch.stack((arrived, torch.zeros_like(arrived)), dim=-1)[None])
    torch.testing.assert_close(at.flatten(), first[20:-20], atol=5e-3, rtol=0)


def test_a_field_constant_in_z_is_the_field_of_its_plane():
    plane = swirl(PLANE, 3.0)
    volume = torch.cat((plane, torch.zeros_like(plane[..., :1])), dim=-1)[:, None].expand(1, 4, *PLANE, 3)
    flat, deep = geodesic(plane, inverse=True), geodesic(volume, inverse=True)
    for two, three in zip(flat, deep, strict=True):
        torch.testing.assert_close(three[:, :, 2, :, :, :2], two)
        assert not three[..., 2].any()


def test_the_parts_of_a_batch_do_not_meet():
    """More frames than go through at once, and each as if it were alone."""
    shape = (128, 128)
    batch = torch.cat([swirl(shape, size, torch.float32) for size in (0.0, 1.0, 2.0, -3.0, 4.0, 5.0)])
    together = geodesic(batch, steps=1).displacement
    assert not together[-1, 0].any()
    torch.testing.assert_close(together[:, 5:], geodesic(batch[5:], steps=1).displacement)
    torch.testing.assert_close(shoot(batch, steps=1), together[-1])


def test_padding_parts_the_two_sides():
    """What moves at one border is felt at the other, through the period; a padding ends that."""
    start = torch.zeros(1, 16, 24, 2, dtype=torch.float64)
    start[:, 8, 0, 0] = 1.0
    start = SobolevKernel(power=1).velocity(start)
    start[:, :, 12:] = 0
    opposite = [shoot(start, padding=padding)[:, :, 18:].abs().max() for padding in (0, 12)]
    assert opposite[1] < 0.05 * opposite[0]


@pytest.mark.parametrize("shape", [(5, 6), (3, 4, 5)])
def test_gradient_of_the_displacement(shape):
    start = 0.3 + swirl(shape, 0.4)  # off the voxel centers, where linear interpolation has a kink
    start = start.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda v: geodesic(v, steps=2, inverse=True, padding=1)[1:], (start,), fast_mode=True
    )


def test_bad_input_is_refused():
    start = torch.zeros(1, 8, 9, 2)
    with pytest.raises(ValueError, match=r"\(B, J, I, 2\)"):
        shoot(start[..., :1])
    with pytest.raises(ValueError, match=r"got \(8, 9, 2\)"):
        shoot(start[0])
    with pytest.raises(ValueError, match="steps must be 1 or more"):
        geodesic(start, steps=0)
    with pytest.raises(ValueError, match="gamma > 0"):
        SobolevKernel(gamma=0)
    assert isinstance(geodesic(start), Geodesic)
