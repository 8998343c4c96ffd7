"""ANTs SyN and elastix, where they are installed: they find motion that is known, in the axes of the voxels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from moving_images import contracting_series, moving_series, shifted, wall_error
from quick_options import quick, to_run
from scipy.spatial.transform import Rotation

from CardiacMotionLib import CardiacMotionError, Motion, register
from CardiacMotionLib.methods import methods
from CardiacMotionLib.methods.pairwise import continued

BASELINES = [to_run("syn"), to_run("elastix")]
SHORT = {"syn": {}, "elastix": {"iterations": 100, "samples": 500, "knot_spacing": 16.0}}


@pytest.mark.parametrize("name", BASELINES)
def test_a_contraction_is_found_in_a_slice(name):
    series, truth = contracting_series()
    motion = register(series, name, reference=0, **SHORT[name])
    still = wall_error(Motion(np.zeros_like(truth), series.affine), truth, series)
    assert wall_error(motion, truth, series) < 0.3 * still
    assert not motion.displacement[..., 2].any()
    assert not motion.displacement[0].any()


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("shape", [(1, 30, 40), (4, 30, 40)])
def test_a_shift_goes_the_right_way_in_oblique_slices_of_oblong_pixels(name, shape):
    upright = moving_series([shifted((0, 0, 0)), shifted((4, -3, 0))], shape, (1.8, 2.6, 8.0))
    affine = upright.affine.copy()
    turn = Rotation.from_euler("xyz", (20, -35, 50), degrees=True).as_matrix()
    affine[:3] = turn @ affine[:3]
    series = upright.replace(affine=affine)
    found = register(series, name, reference=0, **SHORT[name]).displacement[1][series.labels[0] > 0] @ turn
    assert np.linalg.norm(found.mean(0) - (4, -3, 0)) < 0.3 * 5


@pytest.mark.parametrize("name", ["syn", "elastix"])
def test_without_its_package_it_says_what_to_install(name, ring, monkeypatch):
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda package: None)
    (package,) = methods()[name].requires
    with pytest.raises(CardiacMotionError, match=f"{name} needs the package {package}, which is not installed"):
        register(ring[0], name)


def test_the_displacement_is_that_of_the_transform_of_elastix(tmp_path):
    itk = pytest.importorskip("itk", reason="method elastix needs itk-elastix, which is not installed")
    from CardiacMotionLib.methods import elastix_runs
    from CardiacMotionLib.methods.elastix import Options, pairs

    frames = moving_series([shifted((0, 0, 0)), shifted((3, -1, 0))], (8, 26, 34), (2.0, 2.6, 8.0)).frames
    spacing = np.array([2.0, 2.6, 8.0])
    images = [elastix_runs.image(frame, spacing) for frame in frames]
    options = Options(iterations=5, samples=200)
    transform = elastix_runs.run_elastix(*images, pairs.parameters(spacing, options, 0), "elastix")
    found = pairs.displacement(transform, frames.shape[1:], spacing).numpy()
    known = itk.ParameterObject.New()
    known.AddParameterMap(transform)
    oracle = itk.TransformixFilter.New(images[1])
    oracle.SetTransformParameterObject(known)
    oracle.SetLogToConsole(False)
    oracle.SetOutputDirectory(str(tmp_path))
    oracle.SetComputeDeformationField(True)
    oracle.UpdateLargestPossibleRegion()
    np.testing.assert_allclose(found * spacing, itk.array_from_image(oracle.GetOutputDeformationField()), atol=1e-4)
    assert np.abs(found).max() > 0.3


def test_a_displacement_of_ants_becomes_one_of_voxels():
    pytest.importorskip("ants", reason="method syn needs antspyx, which is not installed")
    from CardiacMotionLib.methods.syn import pairs

    spacing = np.array([1.5, 2.0, 8.0])
    millimeters = np.zeros((6, 5, 4, 3), np.float32)
    millimeters[4, 3, 2] = (3.0, -4.0, 16.0)
    found = pairs.displacement(millimeters, spacing)
    assert found.shape == (4, 5, 6, 3)
    torch.testing.assert_close(found[2, 3, 4], torch.tensor([2.0, -2.0, 2.0]))
    flat = pairs.displacement(millimeters[:, :, 2, :2], spacing)
    assert flat.shape == (1, 5, 6, 3)
    torch.testing.assert_close(flat[0, 3, 4], torch.tensor([2.0, -2.0, 0.0]))
    image = pairs.image(np.arange(120.0).reshape(4, 5, 6), spacing)
    assert (image.shape, image.spacing) == ((6, 5, 4), (1.5, 2.0, 8.0))
    assert image[4, 3, 2] == 2 * 30 + 3 * 6 + 4


@pytest.mark.parametrize("name", BASELINES)
def test_files_are_left_alone(ring, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    register(ring[0], name, **quick(name))
    assert not list(tmp_path.iterdir())


def test_small_images_are_continued_by_their_edges_and_a_slice_stays_one():
    array = np.arange(2.0 * 3 * 9).reshape(2, 3, 9)
    found = continued(array, 4)
    assert found.shape == (4, 4, 9)
    np.testing.assert_array_equal(found[:2, :3], array)
    np.testing.assert_array_equal(found[3, 3], array[1, 2])
    assert continued(array[:1], 4).shape == (1, 4, 9)
