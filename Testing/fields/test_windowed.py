"""Windowed correlation: its window is a mean, its value is the definition, and noise does not count."""

from __future__ import annotations

import math

import pytest
import torch
from maps import random_images

from CardiacMotionLib.fields import WindowedNCC, gaussian_window
from CardiacMotionLib.fields.windowed import window_mean

SHAPES = {2: (1, 13, 17), 3: (5, 13, 17)}


def windows_of(shape, sigma=2.0):
    return [gaussian_window(n, sigma).double() for n in shape]


def images_of(dimensions, seed=0):
    """Noise (1, K, J, I), with one slice in two dimensions."""
    noise = random_images(3, seed=seed)[:, 0]
    return noise[:, : SHAPES[dimensions][0], :13, :17].contiguous()


@pytest.mark.parametrize("sigma", [0.0, 0.4, 2.0, 100.0])
def test_rows_weigh_to_one_and_peak_on_their_own_voxel(sigma):
    window = gaussian_window(9, sigma)
    assert window.shape == (9, 9)
    assert torch.allclose(window.sum(1), torch.ones(9))
    assert torch.equal(window.argmax(1), torch.arange(9)) or sigma == 100.0
    assert (window >= 0).all()


def test_limits_of_the_width():
    assert torch.equal(gaussian_window(6, 0.0), torch.eye(6))
    assert torch.allclose(gaussian_window(6, 1e4), torch.full((6, 6), 1 / 6), atol=1e-6)


def test_weights_fall_off_as_a_gaussian():
    window = gaussian_window(21, 2.5)
    assert torch.allclose(window[10, 13] / window[10, 10], torch.tensor(math.exp(-0.5 * (3 / 2.5) ** 2)))


@pytest.mark.parametrize("dimensions", [2, 3])
def test_window_mean_is_the_weighted_sum_over_all_axes(dimensions):
    values, windows = images_of(dimensions), windows_of(SHAPES[dimensions])
    expected = torch.einsum("bkji,ak,cj,di->bacd", values, *windows)
    assert torch.allclose(window_mean(values, windows), expected)
    assert torch.allclose(window_mean(torch.full_like(values, 3.0), windows), torch.full_like(values, 3.0))


@pytest.mark.parametrize("dimensions", [2, 3])
def test_value_is_the_weighted_correlation_around_a_voxel(dimensions):
    first, second = images_of(dimensions, 0), images_of(dimensions, 1)
    windows = windows_of(SHAPES[dimensions])
    k, j, i = SHAPES[dimensions][0] // 2, 4, 16
    weight = torch.einsum("k,j,i->kji", windows[0][k], windows[1][j], windows[2][i])
    a, b = (x[0] - (weight * x[0]).sum() for x in (first, second))
    expected = (weight * a * b).sum() / ((weight * a * a).sum() * (weight * b * b).sum()).sqrt()
    found = WindowedNCC(first, windows, noise=0.0)(second)
    assert found.shape == second.shape
    assert torch.allclose(found[0, k, j, i], expected)


def test_signed_and_blind_to_gain_and_offset():
    image = images_of(3)
    ncc = WindowedNCC(image, windows_of(SHAPES[3]), noise=1e-9)
    assert torch.allclose(ncc(2.5 * image + 7), torch.ones_like(image), atol=1e-5)
    assert torch.allclose(ncc(-image), -torch.ones_like(image), atol=1e-5)


def test_contrast_below_the_noise_does_not_count():
    image = images_of(3)
    windows = windows_of(SHAPES[3])
    faint = 1e-4 * image
    assert WindowedNCC(faint, windows, noise=1e-4)(faint).abs().max() < 1e-3
    flat = torch.full_like(image, 0.3)
    assert torch.allclose(WindowedNCC(flat, windows)(image), torch.zeros_like(image), atol=1e-4)


def test_every_image_of_a_batch_is_on_its_own():
    ncc = WindowedNCC(images_of(3), windows_of(SHAPES[3]))
    first, second = images_of(3, 1), images_of(3, 2)
    together = ncc(torch.cat((first, second)))
    assert torch.allclose(together, torch.cat((ncc(first), ncc(second))))


def test_gradient_is_the_derivative():
    fixed, moving = images_of(2, 0)[..., :5, :6], images_of(2, 1)[..., :5, :6].clone().requires_grad_()
    ncc = WindowedNCC(fixed, windows_of((1, 5, 6)))
    assert torch.autograd.gradcheck(ncc, (moving,))
