"""What cannot be registered is refused in one line, by every method alike."""

from __future__ import annotations

import numpy as np
import pytest
from moving_images import contracting_series
from quick_options import EVERY_METHOD_TO_RUN, NEEDS_NO_LABELS_TO_RUN, quick

from CardiacMotionLib import CardiacMotionError, ImageSeries, register
from CardiacMotionLib.methods import methods

pytestmark = pytest.mark.usefixtures("tiny_models")


def noise(*shape):
    return np.random.default_rng(0).random(shape, dtype=np.float32)


def with_constant_frame():
    frames = noise(3, 1, 16, 16)
    frames[2] = 0.5
    return frames


@pytest.mark.parametrize("name", EVERY_METHOD_TO_RUN)
@pytest.mark.parametrize(
    ("frames", "said"),
    [
        (with_constant_frame(), "frame 2 is constant"),
        (np.ones((2, 1, 16, 16)), "frame 0 is constant"),
        (noise(2, 1, 3, 16), r"\(1, 3, 16\) are too small; at least 4 voxels"),
        (noise(2, 1, 16, 2), "too small"),
    ],
)
def test_frames_without_motion_to_find(name, frames, said):
    with pytest.raises(CardiacMotionError, match=said) as caught:
        register(ImageSeries(frames, np.eye(4)), name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", EVERY_METHOD_TO_RUN)
def test_a_single_frame_is_refused_but_by_methods_that_take_one(name):
    series = ImageSeries(noise(1, 2, 16, 16), np.eye(4))
    if methods()[name].fewest_frames == 1:
        assert len(register(series, name)) == 1
        return
    with pytest.raises(CardiacMotionError, match="one frame; motion needs at least two"):
        register(series, name)


@pytest.mark.parametrize("given", [noise(2, 1, 16, 16), None, "cine.nii.gz"])
def test_only_a_series_is_registered(given):
    with pytest.raises(CardiacMotionError, match=r"register needs an ImageSeries, got .*read_series\(path\)"):
        register(given)


def test_nan_does_not_get_as_far_as_a_method():
    frames = noise(3, 1, 16, 16)
    frames[1, 0, 3, 3] = np.nan
    with pytest.raises(CardiacMotionError, match=r"1 NaN or infinite values \(first in frames \[1\]\)"):
        ImageSeries(frames, np.eye(4))


@pytest.mark.parametrize("name", NEEDS_NO_LABELS_TO_RUN)
@pytest.mark.parametrize("empty", [1, slice(None)])
def test_a_frame_that_shows_nothing_around_the_heart(name, empty):
    """Labels that lie in an empty corner: the frame as a whole is no constant."""
    frames = noise(3, 1, 60, 60)
    frames[empty, :, :35, :35] = 0
    labels = np.zeros((1, 60, 60), np.uint8)
    labels[:, 5:12, 5:12] = 2
    series = ImageSeries(frames, np.eye(4), labels={0: labels})
    with pytest.raises(CardiacMotionError, match=r"frame \d has one intensity everywhere around the heart"):
        register(series, name, margin=10)


@pytest.mark.parametrize("name", NEEDS_NO_LABELS_TO_RUN)
@pytest.mark.parametrize("shape", [(1, 4, 4), (1, 5, 9), (2, 8, 8), (3, 12, 12)])
@pytest.mark.parametrize("labels", [True, False])
def test_the_smallest_that_is_allowed_runs(name, shape, labels):
    series, _ = contracting_series(shape=shape, spacing=(6.0, 6.0, 8.0), labels=labels)
    motion = register(series, name, reference=0 if labels else 1, **quick(name))
    assert motion.displacement.shape == (3, *shape, 3)
    assert motion.displacement.any()
    assert not motion.displacement[motion.reference].any()
