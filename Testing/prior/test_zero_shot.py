"""What weights show before any step, and its scores against heart and truth."""

import numpy as np
import pytest
import torch
from moving_images import contracting_series
from rings import SHAPE
from scipy.spatial.transform import Rotation

from CardiacMotionLib import CardiacMotionError, ImageSeries, phantom
from CardiacMotionLib.methods.inr.prior import Prior, PriorSettings, shipped
from CardiacMotionLib.prior.zero_shot import Scores, end_systole, inspect_prior, score

SETTINGS = PriorSettings(1, "siren", 30.0, 8, 2, True)


def a_prior(scale=1.0):
    return Prior(SETTINGS, {n: scale * v for n, v in SETTINGS.network().state_dict().items()})


@pytest.fixture(scope="module")
def heart():
    return phantom("cine", 0, frames=4, slices=10, rows=64, columns=64, pixel_mm=2.2)


def test_scores_of_a_known_field():
    labels = np.zeros((1, 2, 4), np.uint8)
    labels[0, 0] = 2
    truth = np.zeros((1, 2, 4, 3))
    truth[0, 0] = (0, 3, 0)
    field = truth / 2
    field[0, 1] = (0, 0, 0.5)
    assert score(field, labels, truth) == Scores(1.5, 0.5, pytest.approx(1))
    assert score(field, labels, truth).ratio == 3
    assert score(-field, labels, truth).agreement == pytest.approx(-1)
    sideways = np.roll(truth, 1, axis=-1)
    assert score(sideways, labels, truth).agreement == pytest.approx(0)
    assert score(np.zeros_like(truth), labels, truth).agreement == 0
    assert score(field, labels).agreement is None


def test_what_hardly_moves_has_no_direction():
    labels = np.array([[[2, 2, 0]]], np.uint8)
    truth = np.array([[[[2.0, 0, 0], [0, 0.5, 0], [0, 0, 0]]]])
    field = np.array([[[[1.0, 0, 0], [1.0, 0, 0], [1.0, 0, 0]]]])
    assert score(field, labels, truth).agreement == pytest.approx(1)


def test_the_fields_are_those_of_the_networks(heart):
    """At every voxel of the box, however far from the heart."""
    found = inspect_prior(a_prior(2.0), heart)
    assert list(found.fields) == ["prior", "drawn weights", "truth"]
    assert {field.shape for field in found.fields.values()} == {(*found.series.shape, 3)}
    assert found.frame == heart.meta["truth"]["end_systole"]
    assert np.linalg.norm(found.fields["prior"], axis=-1).min() > 0
    whole = heart.motion.displacement[found.frame][heart.series.labels[0] > 0]
    np.testing.assert_array_equal(found.fields["truth"][found.labels > 0], whole)
    assert found.scores["truth"].agreement == pytest.approx(1)
    assert found.scores["truth"].ratio > 1.5


def test_drawn_weights_are_a_prior_without_a_fit(heart):
    found = inspect_prior(a_prior(), heart)
    np.testing.assert_array_equal(found.fields["prior"], found.fields["drawn weights"])


def test_weights_of_zero_move_nothing(heart):
    found = inspect_prior(a_prior(0.0), heart)
    assert found.scores["prior"] == Scores(0.0, 0.0, 0.0)
    assert found.scores["prior"].ratio == np.inf


def lying_otherwise(series, turn, axes, **meta):
    """The same heart turned in the scanner, and stored from the other end along ``axes`` of (k, j, i)."""
    pose, ends = np.eye(4), np.eye(4)
    pose[:3, :3], pose[:3, 3] = turn, (100, -50, 20)
    for axis in axes:
        ends[2 - axis, [2 - axis, 3]] = -1, series.shape[axis] - 1
    frames, labels = np.flip(series.frames, [1 + axis for axis in axes]), np.flip(series.labels[0], axes)
    return ImageSeries(frames, pose @ series.affine @ ends, series.times, {0: labels}, meta)


@pytest.mark.parametrize("name", shipped())
def test_what_ships_moves_as_the_heart_does_however_it_lies(heart, name):
    """It tells axes that are no longer those in which the weights were learned."""
    prior, turn = Prior.load(name), Rotation.from_euler("xyz", (20, -35, 50), degrees=True).as_matrix()
    plain = inspect_prior(prior, heart)
    assert plain.scores["prior"].agreement > 0.7
    for axes in ((), (2,), (0, 2)):  # as it is, left-handed, upside down
        found = inspect_prior(prior, lying_otherwise(heart.series, turn, axes, end_systole=plain.frame))
        back = np.flip(found.fields["prior"], axes) @ turn
        np.testing.assert_allclose(back, plain.fields["prior"], atol=1e-2)


def test_a_series_has_no_truth(heart):
    found = inspect_prior(a_prior(), heart.series)
    assert list(found.fields) == ["prior", "drawn weights"]
    assert found.scores["prior"].agreement is None


def test_a_heart_without_labels_is_refused(heart):
    with pytest.raises(CardiacMotionError, match="frame 0 has no labels of the wall"):
        inspect_prior(a_prior(), heart.series.replace(labels={}))


def test_end_systole_is_what_is_known_of_it():
    series, _ = contracting_series(**SHAPE)
    assert end_systole(series, 0) == 1
    smaller = np.where(series.labels[0] == 3, 0, series.labels[0]).astype(np.uint8)
    assert end_systole(series.replace(labels={0: series.labels[0], 1: series.labels[0], 2: smaller}), 0) == 2
    assert end_systole(series.replace(meta={"end_systole": 2}), 0) == 2


def test_random_state_is_left_alone(heart):
    before = torch.random.get_rng_state()
    inspect_prior(a_prior(), heart)
    assert torch.equal(torch.random.get_rng_state(), before)
