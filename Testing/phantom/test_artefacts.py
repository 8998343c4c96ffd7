"""Artefacts: the statistics and energies they promise, on small images."""

import math

import numpy as np
import pytest
import torch

from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.phantom import artefacts


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def square(shape=(1, 1, 64, 64), low=28, high=36):
    image = torch.zeros(shape)
    image[..., low:high, low:high] = 1
    return image


RANDOM = {
    "smooth_noise": lambda g: artefacts.smooth_noise((2, 3, 16, 16), 4, g),
    "rician_noise": lambda g: artefacts.rician_noise(torch.ones(2, 1, 8, 8), 0.1, g),
    "complex_noise": lambda g: artefacts.complex_noise(torch.ones(2, 1, 8, 8), 0.1, g).abs(),
    "bias_field": lambda g: artefacts.bias_field((2, 16, 16), 0.3, g),
    "off_resonance": lambda g: artefacts.off_resonance((2, 16, 16), 40, g),
    "ghosting": lambda g: artefacts.ghosting(square(), square(), 0.2, g),
    "inflow": lambda g: artefacts.inflow(square((4, 1, 64, 64)), square(), 0.2, 0.5, g),
}


@pytest.mark.parametrize("name", RANDOM)
def test_the_generator_decides(name):
    draw = RANDOM[name]
    assert torch.equal(draw(generator(1)), draw(generator(1)))
    assert not torch.equal(draw(generator(1)), draw(generator(2)))


@pytest.mark.parametrize("grain", [1, 4, (math.inf, 8)])
def test_smooth_noise_has_variance_one_everywhere(grain):
    g = generator()
    fields = torch.stack([artefacts.smooth_noise((12, 24), grain, g) for _ in range(3000)])
    assert fields.mean(0).abs().max() < 0.1
    assert (fields.var(0) - 1).abs().max() < 0.15


def test_smooth_noise_is_as_smooth_as_its_grain():
    def neighbors(grain):
        field = artefacts.smooth_noise((200, 200), grain, generator())
        return ((field[1:] * field[:-1]).mean() / field.square().mean()).item()

    assert abs(neighbors(1)) < 0.02
    assert 0.8 < neighbors(4) < neighbors(16)
    assert neighbors(16) > 0.97
    constant = artefacts.smooth_noise((5, 40), (math.inf, 4), generator())
    assert torch.allclose(constant, constant[:1].expand(5, -1))


def test_rician_noise_has_the_moments_of_rice():
    sd, signal = 0.05, torch.zeros(1, 1, 400, 400)
    signal[..., 200:] = 1.0
    noisy = artefacts.rician_noise(signal, sd, generator())
    air, blood = noisy[..., :200], noisy[..., 200:]
    assert air.mean().item() == pytest.approx(sd * math.sqrt(math.pi / 2), rel=0.01)
    assert air.std().item() == pytest.approx(sd * math.sqrt(2 - math.pi / 2), rel=0.01)
    assert (blood.mean() / blood.std()).item() == pytest.approx(1 / sd, rel=0.01)
    assert blood.mean().item() == pytest.approx(math.sqrt(1 + sd**2), rel=1e-3)


def test_complex_noise_is_alike_in_both_channels():
    phase = torch.full((1, 1, 300, 300), 1.2)
    images = torch.polar(torch.full_like(phase, 0.6), phase)
    noisy = artefacts.complex_noise(images, 0.03, generator()) - images
    assert noisy.real.std().item() == pytest.approx(0.03, rel=0.02)
    assert noisy.imag.std().item() == pytest.approx(0.03, rel=0.02)
    assert abs((noisy.real * noisy.imag).mean().item()) < 3e-5
    assert artefacts.complex_noise(torch.ones(1, 1, 2, 2), 0.0, generator()).tolist() == [[[[1, 1], [1, 1]]]]


def test_complex_images_of_either_precision_keep_it():
    for dtype in (torch.complex64, torch.complex128):
        images = torch.full((1, 1, 12, 12), 1j, dtype=dtype)
        assert artefacts.complex_noise(images, 0.1, generator()).dtype == dtype
        assert artefacts.complex_noise(images.imag, 0.1, generator()).dtype == dtype
        assert torch.allclose(artefacts.truncate(images, 7, 9), images, atol=1e-5)


def test_bias_field_has_mean_one_and_grows_with_its_strength():
    weak, strong = (artefacts.bias_field((3, 64, 48), s, generator(4)) for s in (0.1, 0.4))
    assert weak.mean().item() == pytest.approx(1, abs=1e-5)
    assert strong.mean().item() == pytest.approx(1, abs=1e-5)
    assert 2.5 < strong.log().std() / weak.log().std() < 5.5
    assert strong.min() > 0
    assert strong.log().diff(dim=-1).abs().max() < 0.1  # smooth
    assert artefacts.bias_field((3, 64, 48), 0.0, generator()).std() == 0


def test_spread_of_the_bias_field_is_its_strength():
    spreads = [artefacts.bias_field((1, 48, 48), 0.3, generator(seed)).log().std().item() for seed in range(200)]
    assert np.mean(spreads) == pytest.approx(0.3, rel=0.25)


def test_bands_lie_where_the_field_turns_half_around_in_tr():
    hertz = torch.linspace(-400, 400, 801).expand(1, 2, 801)
    images = artefacts.banding(torch.ones(3, 1, 2, 801), hertz, tr_ms=2.5)
    assert images.shape == (3, 1, 2, 801)
    assert images[0, 0, 0, 400].item() == pytest.approx(1, abs=1e-5)
    assert images[0, 0, 0].topk(2, largest=False).indices.sort().values.tolist() == [200, 600]
    assert images.min() < 0.3
    assert (images[..., 370:431] - 1).abs().max() < 0.05  # a pass band


def test_off_resonance_is_shimmed():
    field = artefacts.off_resonance((4, 64, 64), 50.0, generator())
    assert field.mean().abs() < 1e-3
    assert 20 < field.std() < 90


@pytest.mark.parametrize("seed", [0, 1, 2, 4, 5])
def test_ghosts_have_the_energy_of_their_modulation(seed):
    """Two replicas of depth / 2 about the object: depth^2 / 2 of the energy of what moves, along j alone."""
    image = square((1, 1, 128, 16), 8, 10).roll(54, -2)  # rows 62 and 63
    ghost = artefacts.ghosting(image, image, 0.3, generator(seed)) - image
    assert ghost.square().sum().item() == pytest.approx(0.3**2 / 2 * image.square().sum().item(), rel=1e-4)
    assert ghost[..., 8:10].square().sum() == ghost.square().sum()
    rows = ghost[0, 0].amax(1).nonzero().flatten()
    assert rows.tolist() == [*(125 - rows[2:]).flip(0).tolist(), *rows[2:].tolist()]  # symmetric about the object
    assert 128 / 6 - 1 <= rows[2] - 62 <= 128 / 2


def test_nothing_moving_leaves_no_ghost():
    image = torch.rand(2, 1, 16, 16)
    assert torch.allclose(artefacts.ghosting(image, torch.zeros_like(image), 0.5, generator()), image)


def fourier_truncated(image, lines, columns):
    """The oracle: the same in numpy, by a transform and a mask."""
    rows, width = image.shape
    spectrum = np.fft.fft2(image)
    n, m = np.fft.fftfreq(rows, 1 / rows), np.fft.fftfreq(width, 1 / width)
    spectrum[~((n >= -(lines // 2)) & (n < (lines + 1) // 2))] = 0
    spectrum[:, ~((m >= -(columns // 2)) & (m < (columns + 1) // 2))] = 0
    return np.fft.ifft2(spectrum)


@pytest.mark.parametrize(("lines", "columns"), [(31, 25), (47, 33)])
def test_truncation_is_a_mask_in_k_space(lines, columns):
    image = torch.rand(1, 1, 48, 40)
    found = artefacts.truncate(image, lines, columns)
    assert np.allclose(found[0, 0].numpy(), fourier_truncated(image[0, 0].numpy(), lines, columns).real, atol=1e-5)


def test_truncation_with_every_line_changes_nothing():
    image = torch.rand(2, 1, 33, 40)
    assert torch.allclose(artefacts.truncate(image, 33, 40), image, atol=1e-5)


def test_edges_ring_by_nine_percent_unless_tapered():
    image = torch.zeros(1, 1, 128, 128)
    image[..., 32:96, :] = 1
    ringing = artefacts.truncate(image, 41, 128).max().item() - 1
    assert 0.05 < ringing < 0.13
    assert artefacts.truncate(image, 41, 128, taper=1.0).max().item() - 1 < ringing / 3


def test_zero_filling_keeps_a_wave_and_the_field_of_view():
    def wave(size):
        return torch.cos(2 * math.pi * 3 * (torch.arange(size) + 0.5) / size)[None, None, :, None].expand(1, 1, size, 8)

    assert torch.allclose(artefacts.truncate(wave(32), 31, 7, size=(80, 8)), wave(80), atol=1e-5)


def test_lines_that_are_not_there_are_named():
    with pytest.raises(CardiacMotionError, match="from 1 to 16, got 17"):
        artefacts.truncate(torch.zeros(1, 1, 16, 20), 17, 20)


def test_a_share_of_k_space_is_the_middle_of_it_for_real_and_complex_images():
    image = torch.rand(2, 1, 20, 30)
    assert artefacts.limited(image, 1.0) is image
    real = artefacts.limited(image, 0.5)
    assert torch.allclose(real, artefacts.truncate(image, 10, 15, taper=artefacts.ROLL_OFF))
    turned = artefacts.limited(torch.complex(image, 2 * image), 0.5)
    assert torch.allclose(turned, torch.complex(real, 2 * real), atol=1e-6)


def test_flow_changes_blood_alone_and_is_periodic():
    images = 0.5 + square((20, 2, 64, 64)) / 2
    blood = square((1, 1, 64, 64), 16, 48)
    changed = artefacts.inflow(images, blood, 0.1, 0.0, generator())
    factor = changed / images
    assert torch.equal(factor[..., :16], torch.ones_like(factor[..., :16]))
    inside = factor[..., 16:48, 16:48]
    assert inside.std().item() == pytest.approx(0.1, rel=0.5)
    steps = (inside.roll(-1, 0) - inside).abs().mean((1, 2, 3))
    assert steps[-1] < 2 * steps[:-1].max()  # the last frame leads to the first


def test_jets_are_voids():
    images = torch.ones(20, 1, 96, 96)
    voids = artefacts.inflow(images, images, 0.0, 1.0, generator(1))
    assert voids.max() == 1
    assert voids.min() < 0.6
    assert (voids < 0.99).float().mean() < 0.15


@pytest.mark.parametrize("shape", [(30, 1, 144, 144), (2, 3, 20, 24)])
def test_shapes_and_types_stay(shape):
    images, g = torch.rand(shape), generator()
    for changed in (
        artefacts.rician_noise(images, 0.02, g),
        images * artefacts.bias_field(shape[1:], 0.3, g),
        artefacts.banding(images, artefacts.off_resonance(shape[1:], 40, g)),
        artefacts.ghosting(images, images - images.mean(0), 0.3, g),
        artefacts.truncate(images, shape[2] - 3, shape[3] - 3, taper=0.3),
        artefacts.limited(images, 0.75),
        artefacts.inflow(images, images, 0.1, 0.5, g),
    ):
        assert changed.shape == images.shape
        assert changed.dtype == images.dtype
        assert torch.isfinite(changed).all()
