"""Similarities: known values, invariances, weights, gradients that stay finite."""

from __future__ import annotations

import math

import pytest
import torch
from maps import SHAPES, random_images
from torch.nn.functional import avg_pool2d

from CardiacMotionLib import fields

CORRELATIONS = [fields.global_ncc, fields.local_ncc]
ALL = [fields.mse, fields.global_ncc, fields.local_ncc, fields.nmi]


def smooth_pair(dimensions, dtype=torch.float64, seed=0):
    """Two related smooth images (2, 1, *shape) each, the items of the batch different."""
    images = torch.cat([random_images(dimensions, dtype=dtype, seed=seed + n) for n in range(2)])
    return images, 0.6 * images + 0.4 * torch.cat(
        [random_images(dimensions, dtype=dtype, seed=seed + 7 + n) for n in range(2)]
    )


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_an_image_is_most_like_itself(dimensions, dtype):
    first, second = smooth_pair(dimensions, dtype)
    assert not fields.mse(first, first).any()
    for similarity in (*CORRELATIONS, fields.nmi):
        alike, less = similarity(first, first), similarity(first, second)
        assert alike.shape == (2,)
        assert alike.dtype == dtype
        assert (alike > less).all()
    assert torch.allclose(fields.global_ncc(first, first), torch.ones(2, dtype=dtype), atol=1e-5)
    assert torch.allclose(fields.local_ncc(first, first), torch.ones(2, dtype=dtype), atol=0.04)
    assert torch.allclose(fields.global_ncc(first, -first), -torch.ones(2, dtype=dtype), atol=1e-5)
    assert torch.allclose(fields.local_ncc(first, -first), -torch.ones(2, dtype=dtype), atol=0.04)


def test_mse_and_global_ncc_are_their_definitions():
    first, second = smooth_pair(3)
    assert torch.allclose(fields.mse(first, second), (first - second).square().flatten(1).mean(1))
    expected = torch.stack(
        [torch.corrcoef(torch.stack((a.flatten(), b.flatten())))[0, 1] for a, b in zip(first, second, strict=True)]
    )
    assert torch.allclose(fields.global_ncc(first, second), expected, atol=1e-6)


def test_local_ncc_is_the_correlation_within_each_window():
    first, second = smooth_pair(2)
    window = 5

    def correlation(a, b):  # of every full window, item by item
        a, b = (x.unfold(2, window, 1).unfold(3, window, 1).flatten(-2) for x in (a, b))
        a, b = a - a.mean(-1, keepdim=True), b - b.mean(-1, keepdim=True)
        return (a * b).sum(-1) / (a.square().sum(-1) * b.square().sum(-1)).sqrt()

    inner = torch.zeros_like(first)
    inner[..., 2:-2, 2:-2] = 1
    expected = correlation(first, second).flatten(1).mean(1)
    assert torch.allclose(fields.local_ncc(first, second, window, weight=inner), expected, atol=0.02)


@pytest.mark.parametrize("similarity", [fields.global_ncc, fields.local_ncc, fields.nmi])
@pytest.mark.parametrize(("gain", "offset"), [(1e-4, 0), (300, 5000), (1, 1000), (2000, -7)])
def test_gain_and_offset_do_not_matter(similarity, gain, offset):
    first, second = smooth_pair(3, torch.float32)
    assert torch.allclose(similarity(first, gain * second + offset), similarity(first, second), atol=2e-3)


def test_nmi_knows_remapped_contrast_where_correlation_does_not():
    """A remapping that is not monotone keeps the information; noise takes it away, the more the less is left."""
    generator = torch.Generator().manual_seed(0)
    first = torch.rand(1, 1, 12, 40, 40, generator=generator, dtype=torch.float64)
    remapped = (first - 0.5).abs()
    assert fields.global_ncc(first, remapped).abs() < 0.1
    noise = torch.rand(first.shape, generator=generator, dtype=torch.float64)
    values = [float(fields.nmi(first, (1 - n) * remapped + n * noise)) for n in (0.0, 0.2, 0.5, 1.0)]
    assert values == sorted(values, reverse=True)
    assert values[0] > 1.2
    assert values[-1] == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("similarity", ALL)
def test_weight_selects_voxels(similarity):
    """What lies outside the weight may be anything within the range; an even weight is no weight."""
    first, second = smooth_pair(2)
    even = torch.full_like(first, 0.3)
    assert torch.allclose(similarity(first, second, weight=even), similarity(first, second), atol=1e-6)
    half = torch.zeros_like(first)
    half[..., : SHAPES[2][1] // 2] = 1
    spoiled = second.clone()
    spoiled[..., SHAPES[2][1] // 2 + 4 :] = second.flip(-1)[..., SHAPES[2][1] // 2 + 4 :]
    spoiled[..., -1, -1], spoiled[..., -1, -2] = second.flatten(1).amin(1)[:, None], second.flatten(1).amax(1)[:, None]
    window = {"window": 5} if similarity is fields.local_ncc else {}
    kept, whole = (similarity(first, second, weight=half, **window), similarity(first, spoiled, weight=half, **window))
    assert torch.allclose(kept, whole, atol=1e-5)
    assert not torch.allclose(similarity(first, spoiled), similarity(first, second), atol=1e-3)


@pytest.mark.parametrize("similarity", ALL)
def test_nothing_weighted_is_finite(similarity):
    first, second = smooth_pair(2)
    assert torch.isfinite(similarity(first, second, weight=torch.zeros_like(first))).all()


@pytest.mark.parametrize("similarity", ALL)
@pytest.mark.parametrize("level", [0.0, 1.0, 1234.5])
def test_constant_images_have_a_value_and_a_finite_gradient(similarity, level):
    image = random_images(3, dtype=torch.float32)
    constant = torch.full_like(image, level).requires_grad_(True)
    value = similarity(constant, image)
    value.sum().backward()
    assert torch.isfinite(value).all()
    assert torch.isfinite(constant.grad).all()
    if similarity in CORRELATIONS:
        assert value.abs() < 1e-3
    both = similarity(torch.full_like(image, level), torch.full_like(image, 3.0))
    assert torch.isfinite(both).all()


@pytest.mark.parametrize("level", [1.0, 1000.0, 30000.0])
def test_float32_local_ncc_in_flat_regions(level):
    """An image that is flat but for one corner: rounding in the flat part must not look like a correlation."""
    image = torch.full((1, 1, 40, 40), level)
    image[..., :8, :8] += 0.5 * level * torch.rand(8, 8, generator=torch.Generator().manual_seed(0))
    other = image.flip(-1) * 0.7
    flat = torch.zeros_like(image)
    flat[..., 20:, 12:28] = 1
    assert fields.local_ncc(image, other, weight=flat).abs() < 1e-3
    exact = fields.local_ncc(image.double(), other.double())
    assert torch.allclose(fields.local_ncc(image, other).double(), exact, atol=1e-3)
    assert float(fields.local_ncc(image, image)) <= 1 + 1e-5


@pytest.mark.parametrize("similarity", ALL)
def test_gradients_are_those_of_the_function(similarity):
    """Against differences in float64; extreme voxels are left out as their range is a constant of the gradient."""
    first, second = (x[:1, :, :6, :7].clone() for x in smooth_pair(2))
    free = first.clone().requires_grad_(True)
    similarity(free, second).sum().backward()
    for voxel in [(0, 0, 2, 3), (0, 0, 5, 1), (0, 0, 1, 6)]:
        if first[voxel] in (first.min(), first.max()):
            continue
        step = torch.zeros_like(first)
        step[voxel] = 1e-5
        slope = (similarity(first + step, second) - similarity(first - step, second)).sum() / 2e-5
        assert float(free.grad[voxel]) == pytest.approx(float(slope), rel=1e-3, abs=1e-7)


def test_window_per_axis_and_on_short_axes():
    first, second = smooth_pair(3)
    assert torch.allclose(fields.local_ncc(first, second, 9), fields.local_ncc(first, second, (9, 9, 9)))
    assert not torch.allclose(fields.local_ncc(first, second, (1, 9, 9)), fields.local_ncc(first, second, 9), atol=1e-3)
    single = first[:, :, :1], second[:, :, :1]
    plane = first[:, :, 0], second[:, :, 0]
    assert torch.allclose(fields.local_ncc(*single, 9), fields.local_ncc(*plane, 9), atol=1e-10)
    with pytest.raises(ValueError, match="window must be odd"):
        fields.local_ncc(first, second, 4)


def test_similarity_peaks_where_the_images_fit():
    image = avg_pool2d(random_images(2), 5, stride=1, padding=2)
    for similarity in (*CORRELATIONS, fields.nmi, lambda a, b: -fields.mse(a, b)):
        values = [float(similarity(image[..., 3:-3], image.roll(shift, -1)[..., 3:-3])) for shift in range(-3, 4)]
        assert max(range(7), key=values.__getitem__) == 3


# ---------------------------------------------------------------------- conditional entropy


def levels(*values):
    """An image (1, 1, 8, N) of whole levels, which fall on the centers of bins."""
    return torch.tensor(values, dtype=torch.float64).repeat(8, 16)[None, None]


def test_conditional_entropy_in_closed_form():
    """Of four equally likely levels a template that knows them leaves nothing new, one that halves them ln 2.

    Every level lies on the center of a bin; the Parzen window spreads it over three, which adds the entropy of that.
    """
    image, halves, none = levels(0, 1, 2, 3), levels(0, 0, 3, 3), levels(0, 3, 0, 3)
    known, half, crossed = (fields.conditional_entropy(image, of, 14).item() for of in (image, halves, none))
    spread = math.log(6) / 3 + 2 / 3 * math.log(3 / 2)
    assert known == pytest.approx(spread)
    assert half == crossed == pytest.approx(spread + math.log(2))
    assert fields.conditional_entropy(image, 5 - 2 * image, 14).item() == pytest.approx(spread)


def test_conditional_entropy_is_that_of_the_image_where_the_template_is_constant():
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(1, 1, 60, 60, generator=generator)
    flat, noise = torch.ones(1, 1, 60, 60), torch.rand(1, 1, 60, 60, generator=generator)
    alone = fields.conditional_entropy(image, flat, 12)
    assert alone > 1.5
    assert alone.item() == pytest.approx(fields.conditional_entropy(image, noise, 12).item(), rel=0.02)


def test_conditional_entropy_has_gradients():
    image = torch.rand(1, 1, 12, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    image[0, 0, 0, 0], image[0, 0, 0, 1] = 0, 1  # which are the range, and stay so
    template = image.flip(-1)
    inner = image[..., 2:, 2:].clone().requires_grad_()

    def entropy(values):
        whole = image.clone()
        whole[..., 2:, 2:] = values
        return fields.conditional_entropy(whole, template, 8)

    assert torch.autograd.gradcheck(entropy, (inner,), atol=1e-6)
