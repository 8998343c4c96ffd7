"""AHA segments without a motion are those that strain has."""

import numpy as np
import pytest

import CardiacMotionLib as cm
from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.strain import find_segments


@pytest.fixture(scope="module")
def heart():
    return cm.phantom("cine", 4, frames=2, slices=6, rows=64, columns=64, pixel_mm=2.5, thickness_mm=14)


def test_segments_are_those_of_strain(heart):
    labels = heart.series.labels[0]
    segments, notes = find_segments(labels, heart.series.affine)
    expected = cm.strain(heart.motion, labels)
    np.testing.assert_array_equal(segments, expected.segments)
    assert set(np.unique(segments)) == set(range(17))
    assert any("RV insertions found" in note for note in notes)
    given, _ = find_segments(np.where(labels == 1, 0, labels), heart.series.affine, expected.rv_insertion)
    assert (given == segments).mean() > 0.98


def test_without_an_rv_or_a_cavity_there_are_none_and_it_is_said(heart):
    labels, affine = heart.series.labels[0], heart.series.affine
    for kept, reason in (((2, 3), "the labels have no RV"), ((2,), "no LV wall (2) with its cavity (3)")):
        segments, notes = find_segments(np.where(np.isin(labels, kept), labels, 0), affine)
        assert not segments.any()
        assert any(reason in note for note in notes)


def test_labels_that_are_none_are_refused(heart):
    with pytest.raises(CardiacMotionError, match=r"shape \(K, J, I\)"):
        find_segments(heart.series.labels[0][0], heart.series.affine)
    with pytest.raises(CardiacMotionError, match="hold values"):
        find_segments(heart.series.labels[0] * 5, heart.series.affine)
