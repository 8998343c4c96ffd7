"""Methods that register all images of a slice together: elastix with the PCA metric, and GroupRegNet."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
import torch
from moving_images import contracting_series, contraction, moving_series, shifted
from progress_listener import Listener
from quick_options import quick, to_run
from scipy.spatial.transform import Rotation

from CardiacMotionLib import Cancelled, CardiacMotionError, Motion, fields, phantom, register
from CardiacMotionLib.methods import Context
from CardiacMotionLib.methods.groupregnet.network import Config, Network
from CardiacMotionLib.methods.groupwise import alignment_loss, centered, low_rank, register_slices

needs_elastix = pytest.mark.skipif(
    importlib.util.find_spec("itk") is None, reason="method pca_groupwise needs itk, which is not installed"
)
BOTH = [to_run("groupregnet"), to_run("pca_groupwise")]
SHORT = {"groupregnet": {"steps": 60}, "pca_groupwise": {"iterations": 40, "samples": 800, "step": 0.1}}
OBLIQUE = Rotation.from_euler("xyz", (20, -35, 50), degrees=True).as_matrix()


@pytest.fixture(scope="module")
def breathing():
    """A slice for a T1 map, taken in free breathing."""
    return phantom("t1", 2, sequence="stone", rows=56, columns=56, pixel_mm=2.6, breathing_mm=8.0)


def heart_error(motion, subject):
    """Mean error in mm in plane, in the heart, over all frames but the first."""
    series = subject.series
    error = motion.displacement[1:] - subject.motion.displacement[1:]
    in_plane = series.affine[:3, :2] / series.spacing[:2]
    return float(np.linalg.norm(error[:, series.labels[0] > 0] @ in_plane, axis=-1).mean())


@pytest.mark.parametrize("name", BOTH)
def test_a_breath_is_found(breathing, name):
    motion = register(breathing.series, name, **SHORT[name])
    assert motion.reference is None
    assert np.abs(motion.displacement.mean(0)).max() < 1e-4
    still = Motion(np.zeros_like(motion.displacement), motion.affine)
    assert heart_error(motion.expressed_in(0), breathing) < 0.7 * heart_error(still, breathing)
    assert (motion.jacobian_determinant() > 0).all()


@pytest.mark.parametrize("name", BOTH)
def test_a_shift_goes_the_right_way_in_oblique_slices_of_oblong_pixels(name):
    upright = moving_series([shifted((0, 0, 0)), shifted((4, -3, 0))], (2, 30, 40), (2.0, 2.6, 8.0))
    affine = upright.affine.copy()
    affine[:3] = OBLIQUE @ affine[:3]
    series = upright.replace(affine=affine)
    motion = register(series, name, **SHORT[name])
    found = motion.displacement[:, series.labels[0] > 0] @ OBLIQUE
    assert np.allclose(found[..., 2], 0, atol=1e-5)
    assert np.linalg.norm((found[1] - found[0]).mean(0) - (4, -3, 0)) < 0.35 * 5
    np.testing.assert_allclose(found[0], -found[1], atol=1e-4)
    assert any("slices were registered one by one" in note for note in motion.provenance["notes"])


@pytest.mark.parametrize("name", BOTH)
def test_one_slice_has_no_such_note_and_a_frame_can_be_asked_for(ring, name):
    motion = register(ring[0], name, reference=2, **quick(name))
    assert motion.reference == motion.provenance["reference"] == 2
    assert "notes" not in motion.provenance


@pytest.mark.parametrize("name", BOTH)
def test_the_seed_tells_all_that_is_drawn(ring, name):
    first, again, other = (register(ring[0], name, seed=seed, **quick(name)).displacement for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("name", BOTH)
def test_a_run_is_cancelled_between_slices(name):
    series = moving_series([shifted((0, 0, 0)), contraction(60.0)], (2, 24, 24), (3.0, 3.0, 8.0))
    listener = Listener(0.5)
    with pytest.raises(Cancelled):
        register(series, name, progress=listener, **quick(name))
    assert listener.texts[-1] == "slice 2 of 2"


@pytest.mark.parametrize("name", BOTH)
def test_files_and_the_seed_of_others_are_left_alone(ring, name, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    register(ring[0], name, **quick(name))
    assert torch.equal(torch.rand(3), expected)
    assert not list(tmp_path.iterdir())
    said = capfd.readouterr()
    assert not said.out
    assert "elastix" not in said.err.lower()


# ---------------------------------------------------------------------- elastix


@needs_elastix
def test_what_elastix_refuses_is_told_in_one_line(ring):
    import itk

    class Broken:
        def __getattr__(self, name):
            return lambda *arguments: None

        def UpdateLargestPossibleRegion(self):  # noqa: N802
            raise RuntimeError("itk::ERROR\nlast line of many")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(itk.ElastixRegistrationMethod, "New", lambda *images: Broken())
        with pytest.raises(CardiacMotionError, match="elastix could not register the images: last line of many"):
            register(ring[0], "pca_groupwise", **quick("pca_groupwise"))


@needs_elastix
def test_the_displacement_is_that_of_the_transform_of_elastix(tmp_path):
    import itk

    from CardiacMotionLib.methods.pca_groupwise import Options, elastix

    frames = moving_series([shifted((x, 0, 0)) for x in (-2, 0, 3)], (1, 26, 34), (2.0, 2.6, 8.0)).frames[:, 0]
    spacing = np.array([2.0, 2.6])
    transform = elastix.register_stack(frames, spacing, Options(iterations=5, samples=200), 0)
    found = elastix.displacement(transform, frames.shape, spacing).numpy()
    stack = itk.image_from_array(np.ascontiguousarray(frames))
    stack.SetSpacing([2.0, 2.6, 1.0])
    known = itk.ParameterObject.New()
    known.AddParameterMap(transform)
    oracle = itk.TransformixFilter.New(stack)
    oracle.SetTransformParameterObject(known)
    oracle.SetLogToConsole(False)
    oracle.SetOutputDirectory(str(tmp_path))
    oracle.SetComputeDeformationField(True)
    oracle.UpdateLargestPossibleRegion()
    millimeters = itk.array_from_image(oracle.GetOutputDeformationField())
    np.testing.assert_allclose(found * spacing, millimeters[..., :2], atol=1e-4)
    assert np.abs(found).max() > 0.3


# ---------------------------------------------------------------------- GroupRegNet


@pytest.mark.parametrize("count", [2, 5])
@pytest.mark.parametrize("plane", [(4, 4), (5, 9), (32, 40)])
@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_the_network_gives_displacements_whose_mean_is_zero(count, plane, kind):
    network = Network(Config(frames=count, channels=4, levels=3)).to(kind)
    found = network(torch.rand(3, count, 1, *plane, dtype=kind))
    assert found.shape == (3, count, *plane, 2)
    assert found.dtype == kind
    assert found.abs().max() > 0
    assert found.mean(1).abs().max() <= 4 * torch.finfo(kind).eps * found.abs().max()
    found.square().sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters())


def test_channels_are_in_an_order_that_matters():
    """What tells it from a set: the same images in another order are not registered the same."""
    torch.manual_seed(0)
    network, images = Network(Config(frames=3, channels=4, levels=2)), torch.rand(1, 3, 1, 16, 16)
    assert not torch.allclose(network(images.flip(1)), network(images).flip(1))


@pytest.mark.parametrize("squared", [False, True])
def test_the_objective_sees_what_is_alike_and_what_is_rough(squared):
    def loss(displacement, smoothness=0.0):
        return alignment_loss(images, displacement, spacing, smoothness=smoothness, squared=squared)

    base = moving_series([shifted((0, 0, 0))], (1, 24, 28), (1.5, 3.0, 8.0)).frames
    images = torch.from_numpy(np.concatenate((base, 3 * base, 1 + 0.5 * base))).double()
    spacing = np.array([1.5, 3.0])
    still = torch.zeros(3, 24, 28, 2, dtype=torch.float64)
    assert loss(still) < 0.05
    apart = still.clone()
    apart[0, ..., 0], apart[1, ..., 0] = 3.0, -3.0
    assert loss(apart) > 0.2
    images[2] = 2 - images[0]
    inverted = loss(still)
    assert inverted < 0.05 if squared else inverted > 0.5
    slope = still.clone()
    slope[..., 0] = 0.1 * torch.arange(24)[:, None]  # voxels of 1.5 mm along i, a voxel of 3 mm along j
    cost = loss(slope, smoothness=2.0) - loss(slope)
    assert cost.item() == pytest.approx(2 * (0.1 * 1.5 / 3) ** 2)


def test_few_images_give_a_series_of_every_contrast_but_not_what_moves():
    shared = torch.rand(2, 1, 20, 24, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    weights = torch.tensor([[1.0, 0.0], [0.3, 0.9], [-1.0, 0.5], [0.0, -1.0]], dtype=torch.float64)
    series = torch.einsum("nr,rkji->nkji", weights, shared)
    torch.testing.assert_close(low_rank(series), series)
    moved = series.clone()
    moved[1] = moved[1].roll(3, -1)
    assert (low_rank(moved)[1] - series[1]).norm() < (moved[1] - series[1]).norm()
    torch.testing.assert_close(low_rank(series[:1]), series[:1])  # one image is its own template
    assert torch.linalg.matrix_rank(low_rank(series[:2]).flatten(1)) == 1  # of two not each its own


def test_a_series_that_passes_the_null_is_alike_where_it_is_aligned():
    """The mean has one contrast and calls images on the other side of the null unlike it; few shared images do not."""
    base = torch.from_numpy(moving_series([shifted((0, 0, 0))], (1, 24, 28), (1.5, 1.5, 8.0)).frames).double()
    images = torch.cat([base, 1 - base, 0.5 + 0.0 * base + 0.2 * base, 0.8 - 0.6 * base])
    still, spacing = torch.zeros(4, 24, 28, 2, dtype=torch.float64), np.array([1.5, 1.5])
    aligned = alignment_loss(images, still, spacing, squared=False, template=low_rank)
    assert aligned < 0.05
    assert alignment_loss(images, still, spacing, squared=False) > 0.3
    apart = still.clone()
    apart[0, ..., 0], apart[1, ..., 0] = 3.0, -3.0
    assert alignment_loss(images, apart, spacing, smoothness=0.0, squared=False, template=low_rank) > aligned + 0.1


# ---------------------------------------------------------------------- slices


def test_every_slice_is_registered_where_few_are_labeled():
    """What goes into the map of a slice does not depend on whether somebody drew in its neighbor."""
    series, _ = contracting_series(shape=(7, 30, 32))
    drawn = np.zeros_like(series.labels[0])
    drawn[3] = series.labels[0][3]
    found = []

    def group(frames, spacing, part):
        found.append(frames.shape)
        u = torch.zeros(*frames.shape, 2)
        u[1:, ..., 0] = 1.0
        u[0, ..., 0] = -2.0
        return u

    motion = register_slices(series.replace(labels={0: drawn}), group, 200.0, Context(0, torch.device("cpu"), 0))
    assert len(found) == 7
    assert motion.reference is None
    of_slices = np.abs(motion.displacement[0]).max((1, 2, 3))
    np.testing.assert_allclose(of_slices, 2 * series.spacing[0], rtol=1e-5)


def test_the_canonical_space_is_brought_to_the_middle_and_the_frames_stay_to_each_other():
    generator = torch.Generator().manual_seed(0)
    u = 3 * fields.enlarge(torch.randn(4, 2, 4, 4, generator=generator), (40, 40)).movedim(1, -1) / 2 + 1.0
    found = centered(u)
    inner = (slice(None), slice(10, 30), slice(10, 30))
    assert u.mean(0)[inner[1:]].abs().max() > 1
    assert found.mean(0)[inner[1:]].abs().max() < 0.05
    # where a point of frame 0 goes in frame 1, by either
    old, new = (fields.compose(fields.invert(one[:1]), one[1:2]) for one in (u, found))
    assert (old - new)[inner].norm(dim=-1).median() < 0.05


def test_a_groupwise_motion_can_be_refined():
    series, _ = contracting_series()
    still = Motion(np.zeros((*series.frames.shape, 3), np.float32), series.affine, None)
    motion = register(series, "spline", init=still, coarse_steps=2, fine_steps=2)
    assert motion.reference == 0
