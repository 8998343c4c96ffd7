"""Demons and free-form deformation: they find motion that is known, and repeat themselves."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from moving_images import contracting_series, moving_series, shifted, wall_error

from CardiacMotionLib import Motion, register
from CardiacMotionLib.methods import itk_images

CLASSICS = ["demons", "bspline"]


@pytest.mark.parametrize("name", CLASSICS)
@pytest.mark.parametrize(
    "geometry",
    [
        {"shape": (1, 40, 40)},
        {"shape": (1, 40, 40), "labels": False},
        {"shape": (1, 30, 50), "spacing": (1.4, 2.4, 8.0)},
        {"shape": (6, 36, 36)},
        {"shape": (3, 36, 36)},
    ],
    ids=["slice", "no labels", "oblong pixels", "stack", "three slices"],
)
def test_a_contraction_is_found(name, geometry):
    series, truth = contracting_series(**geometry)
    motion = register(series, name, reference=0)
    still = wall_error(Motion(np.zeros_like(truth), series.affine), truth, series)
    assert wall_error(motion, truth, series) < (0.3 if series.is_2d else 0.6) * still
    if series.is_2d:
        assert not motion.displacement[..., 2].any()


@pytest.mark.parametrize("name", CLASSICS)
def test_a_translation_goes_the_right_way(name):
    series = moving_series([shifted((0, 0, 0)), shifted((3, -2, 0))])
    found = register(series, name, reference=0).displacement[1][series.labels[0] > 0]
    assert np.allclose(found.mean(0), (3, -2, 0), atol=0.3)


@pytest.mark.parametrize("name", CLASSICS)
def test_every_frame_is_on_its_own(name, ring):
    """Frames do not know of each other: without the middle one the last is found the same."""
    series, _ = ring
    whole = register(series, name, reference=0)
    assert not whole.displacement[0].any()
    still = series.frames[[0, 0, 2]]
    assert not np.array_equal(still, series.frames)
    other = register(series.replace(frames=still), name, reference=0)
    assert np.abs(other.displacement[2] - whole.displacement[2]).max() < 0.5
    assert np.abs(other.displacement[1][series.labels[0] > 0]).mean() < 0.15


@pytest.mark.parametrize("name", CLASSICS)
def test_the_same_run_gives_the_same_bits(name, ring):
    first, second = (register(ring[0], name, reference=1, seed=5).displacement for _ in range(2))
    assert np.array_equal(first, second)


def test_the_seed_chooses_the_samples(ring):
    first, second = (register(ring[0], "bspline", reference=0, seed=seed).displacement for seed in (0, 1))
    assert not np.array_equal(first, second)
    assert np.abs(first - second)[:, ring[0].labels[0] > 0].mean() < 0.3


@pytest.mark.parametrize("name", CLASSICS)
def test_a_gain_does_not_change_much(name, ring):
    series, truth = ring
    motion = register(series.replace(frames=series.frames * 700 + 300), name, reference=0)
    assert wall_error(motion, truth, series) < wall_error(register(series, name, reference=0), truth, series) + 0.1


@pytest.mark.parametrize("shape", [(4, 5, 6), (1, 5, 6)])
def test_images_go_to_simpleitk_in_the_axes_of_the_voxels(shape):
    array = np.random.default_rng(0).random(shape, dtype=np.float32)
    image = itk_images.image(array, np.array([1.5, 2.0, 8.0]))
    if shape[0] == 1:
        assert image.GetSize() == (6, 5)
        assert image.GetSpacing() == (1.5, 2.0)
        assert image[4, 3] == pytest.approx(float(array[0, 3, 4]))
    else:
        assert image.GetSize() == (6, 5, 4)
        assert image.GetSpacing() == (1.5, 2.0, 8.0)
        assert image[4, 3, 2] == pytest.approx(float(array[2, 3, 4]))


@pytest.mark.parametrize("dimensions", [2, 3])
def test_displacements_come_back_in_voxels(dimensions):
    millimeters = (3.0, -4.0, 16.0)[:dimensions]
    spacing = (1.5, 2.0, 8.0)[:dimensions]
    field = sitk.Image((6, 5, 4)[:dimensions], sitk.sitkVectorFloat64, dimensions)
    field.SetSpacing(spacing)
    field[(1,) * dimensions] = millimeters
    found = itk_images.displacement(field)
    expected = torch.tensor([2.0, -2.0, 2.0 if dimensions == 3 else 0.0])
    assert found.shape == ((4, 5, 6, 3) if dimensions == 3 else (1, 5, 6, 3))
    assert torch.allclose(found[1 if dimensions == 3 else 0, 1, 1], expected)
    assert found.abs().sum() == expected.abs().sum()
