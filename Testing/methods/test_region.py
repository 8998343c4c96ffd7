"""Where the methods look, at what intensities, and how what they find is put back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from CardiacMotionLib import CardiacMotionError, ImageSeries
from CardiacMotionLib.methods.region import box_around, find_region, moving_region, normalize_intensity, paste

SPACING = np.array([1.0, 2.0, 8.0])


def beating_disk(shape=(3, 60, 80), center=(36, 50), radius=(6, 10)):
    """(series, mask): a bright disk that grows and shrinks in a still pattern, and where it changes."""
    rng = np.random.default_rng(0)
    j, i = np.indices(shape[1:])
    distance = np.hypot((j - center[0]) * 2, i - center[1])
    still = rng.random(shape)
    frames = np.stack([np.where(distance < r, 2.0, still) for r in np.linspace(*radius, 4)])
    changing = (distance >= radius[0]) & (distance < radius[1])
    return ImageSeries(frames, np.diag([*SPACING, 1])), np.broadcast_to(changing, shape)


def test_labels_say_where_the_heart_is():
    series, _ = beating_disk()
    labels = np.zeros(series.shape, np.uint8)
    labels[1, 20:30, 10:30] = 2
    region = find_region(series.replace(labels={2: labels}), 2, margin_mm=6)
    assert region.source == "labels"
    assert region.box == (slice(0, 3), slice(17, 33), slice(4, 36))
    assert np.array_equal(region.labels, labels[region.box])
    assert np.allclose(region.weight[region.labels > 0], 1)
    assert region.weight.shape == region.labels.shape
    assert region.weight.min() > 0


@pytest.mark.parametrize(
    ("least", "rows", "columns"),
    [
        (0, slice(17, 33), slice(4, 36)),  # 32 mm either way
        (40, slice(15, 35), slice(0, 40)),
        (60, slice(10, 40), slice(0, 60)),  # moved to where there are images
        (100, slice(0, 50), slice(0, 80)),  # and no more than there are
    ],
)
def test_a_box_is_as_wide_as_it_is_asked_to_be(least, rows, columns):
    series, _ = beating_disk()
    labels = np.zeros(series.shape, np.uint8)
    labels[1, 20:30, 10:30] = 2
    region = find_region(series.replace(labels={0: labels}), 0, margin_mm=6, least_mm=least)
    assert region.box == (slice(0, 3), rows, columns)
    assert np.array_equal(region.labels, labels[region.box])


def test_weight_falls_off_with_the_distance_in_millimeters():
    series, _ = beating_disk()
    labels = np.zeros(series.shape, np.uint8)
    labels[1, 20:30, 10:30] = 2
    weight = find_region(series.replace(labels={0: labels}), 0, margin_mm=24, falloff_mm=12).weight
    whole = np.zeros(series.shape, np.float32)
    whole[find_region(series.replace(labels={0: labels}), 0, margin_mm=24).box] = weight
    for k, j, i, mm in ((1, 25, 41, 12.0), (1, 35, 20, 12.0), (2, 25, 20, 8.0)):
        assert whole[k, j, i] == pytest.approx(0.05 + 0.95 * np.exp(-((mm / 12) ** 2)), rel=1e-5)


@pytest.mark.parametrize("labels", [{}, {1: np.zeros((3, 60, 80), np.uint8)}])
def test_without_labels_motion_says_where_the_heart_is(labels):
    series, changing = beating_disk()
    region = find_region(series.replace(labels=labels), 1, margin_mm=10)
    assert region.source == "motion"
    assert not region.labels.any()
    inside = np.zeros(series.shape, bool)
    inside[region.box] = True
    assert inside[changing].all()
    assert not inside[:, :10].any()
    assert not inside[..., :20].any()


def test_the_largest_moving_region_wins():
    series, changing = beating_disk()
    frames = series.frames.copy()
    frames[::2, :, 3:6, 3:6] += 4  # brighter, but small
    mask = moving_region(series.replace(frames=frames))
    assert mask.any(axis=(1, 2)).all()
    assert mask[:, 36, 50].all()
    assert not mask[:, :8, :8].any()
    assert np.mean(mask[changing]) > 0.9


def test_still_images_are_looked_at_whole():
    frames = np.broadcast_to(np.random.default_rng(0).random((2, 20, 20)), (3, 2, 20, 20))
    assert moving_region(ImageSeries(frames, np.eye(4))).all()


def test_a_box_has_its_margin_in_millimeters_and_stays_in_the_image():
    mask = np.zeros((10, 60, 80), bool)
    mask[4:6, 30:33, 2:70] = True
    assert box_around(mask, SPACING, 5) == (slice(2, 8), slice(27, 36), slice(0, 75))
    assert box_around(mask, SPACING, 500) == (slice(2, 8), slice(0, 60), slice(0, 80))


def test_intensities_get_unit_range_for_all_frames_alike():
    rng = np.random.default_rng(0)
    frames = rng.random((2, 3, 30, 30)) * np.array([1.0, 0.5])[:, None, None, None] * 900 - 300
    frames[0, 0, 0, 0] = 1e6
    scaled = normalize_intensity(frames)
    assert scaled.dtype == np.float32
    assert scaled.min() == 0
    assert scaled.max() == np.float32(1.3)
    low, high = np.percentile(frames, (1, 99))
    assert scaled[0, 1, 2, 3] == pytest.approx(np.clip((frames[0, 1, 2, 3] - low) / (high - low), 0, 1.3), rel=1e-5)
    assert np.allclose(normalize_intensity(frames * 3 + 70), scaled, atol=1e-5)


def test_few_bright_voxels_are_an_image_too():
    frames = np.zeros((2, 1, 30, 30))
    frames[:, 0, 10, 10] = 5
    scaled = normalize_intensity(frames)
    assert scaled[0, 0, 10, 10] == 1
    assert scaled.sum() == 2


def test_a_frame_without_contrast_is_refused():
    frames = np.random.default_rng(0).random((4, 1, 10, 10))
    frames[2] = 0.2
    with pytest.raises(CardiacMotionError, match="frame 2 has one intensity everywhere around the heart"):
        normalize_intensity(frames)


def test_motion_is_put_back_in_its_box_and_fades_at_the_sides():
    series = ImageSeries(np.random.default_rng(0).random((2, 9, 40, 80)), np.diag([*SPACING, 1]))
    box = slice(1, 8), slice(5, 35), slice(0, 60)
    whole = paste(torch.ones(2, 7, 30, 60, 3), series, box, margin_mm=12.5)  # fades over 10 mm
    assert whole.shape == (2, 9, 40, 80, 3)
    outside = torch.ones(series.shape, dtype=torch.bool)
    outside[box] = False
    assert not whole[:, outside].any()
    assert (whole[:, ~outside] > 0).all()
    line = whole[0, 4, :, 30, 0]
    ramp = torch.arange(1, 6) / 5
    assert torch.allclose(line[5:10], ramp)
    assert torch.allclose(line[30:35], ramp.flip(0))
    assert (line[10:30] == 1).all()
    assert torch.allclose(whole[0, :, 20, 30, 2], torch.tensor([0, 1, 2, 3, 3, 3, 2, 1, 0]) / 3)
    assert (whole[0, 4, 20, :50, 1] == 1).all(), "a side of the image is no side of the box"
    assert torch.allclose(whole[0, 4, 20, 50:60, 1], torch.arange(10, 0, -1) / 10)


def test_a_box_that_is_the_image_is_not_faded():
    series = ImageSeries(np.random.default_rng(0).random((2, 1, 8, 8)), np.eye(4))
    inside = torch.randn(2, 1, 8, 8, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(paste(inside, series, (slice(0, 1), slice(0, 8), slice(0, 8)), 10.0), inside)
