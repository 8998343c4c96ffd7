"""Two results of one cine: none with itself, the length of a known shift, and words where they do not fit."""

import numpy as np
import pytest
from small_hearts import AFFINES, TIMES, drifting_heart, heart_labels, heart_motion, heart_series

import CardiacMotionLib
from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.motion import Motion
from CardiacMotionLib.scene import add_results, add_series
from CardiacMotionLib.scene.disagreement import describe_disagreement, disagreement, disagreement_layer
from CardiacMotionLib.scene.layers import add_layer
from CardiacMotionLib.scene.overlays import OUTSIDE
from CardiacMotionLib.scene.sequences import data_nodes
from CardiacMotionLib.scene.steps import finish

AFFINE = AFFINES["oblique"]
SHIFT = np.array([1.0, -2.0, 2.0])  # 3 mm long


@pytest.fixture(scope="module")
def motion():
    return heart_motion(AFFINE)


@pytest.fixture(scope="module")
def strain(motion):
    return CardiacMotionLib.strain(motion, heart_labels())


def shifted(motion) -> Motion:
    displacement = motion.displacement.copy()
    displacement[1:] += SHIFT
    return Motion(displacement, AFFINE, 0, TIMES, {"method": "other"})


def test_a_motion_does_not_disagree_with_itself(motion, strain):
    found = disagreement(motion, motion, heart_labels(), (strain, strain))
    assert found.median_mm == found.percentile95_mm == found.end_systolic_percentile95_mm == 0
    assert found.gcs_difference == found.ecc_rms == found.segmental_ecc_rms == 0
    np.testing.assert_array_equal(np.isfinite(found.distance_mm[2]), heart_labels() == 2)


def test_a_known_shift_is_its_length_and_no_strain(motion, strain):
    other = shifted(motion)
    found = disagreement(motion, other, heart_labels(), (strain, CardiacMotionLib.strain(other, heart_labels())))
    assert found.median_mm == pytest.approx(3, abs=1e-4)
    assert found.percentile95_mm == pytest.approx(3, abs=1e-4)
    assert found.end_systolic_median_mm == pytest.approx(3, abs=1e-4)
    assert abs(found.gcs_difference) < 1e-3
    assert found.segmental_ecc_rms < 1e-3
    lines = " ".join(describe_disagreement(found))
    assert "median 3.0 mm" in lines
    assert f"frame {strain.end_systole}" in lines
    assert "GCS differs by" in lines


def test_more_contraction_is_a_difference_of_strain_with_its_sign(motion, strain):
    other = Motion(1.5 * motion.displacement, AFFINE, 0, TIMES)
    theirs = CardiacMotionLib.strain(other, heart_labels())
    found = disagreement(motion, other, heart_labels(), (strain, theirs))
    at = strain.end_systole

    def gcs(of):
        rows = of.curves.query("component == 'circumferential' and region == 'global'")
        return float(rows["engineering"].iloc[at])

    assert found.gcs_difference == pytest.approx(100 * (gcs(theirs) - gcs(strain)))
    assert found.gcs_difference < -1
    length = np.linalg.norm(motion.displacement, axis=-1)[1:, heart_labels() == 2] / 2
    assert found.median_mm == pytest.approx(np.median(length), rel=1e-4)


def test_another_reference_is_brought_to_the_first(motion):
    found = disagreement(motion, motion.expressed_in(2), heart_labels())
    assert found.percentile95_mm < 0.1
    assert np.isnan(found.gcs_difference)
    assert any("not compared" in line for line in describe_disagreement(found))


def test_a_motion_from_a_canonical_space_can_be_the_second_but_not_the_first():
    series, canonical = drifting_heart(AFFINE)
    first = canonical.expressed_in(0)
    assert disagreement(first, canonical, series.labels[0]).percentile95_mm < 1e-3
    with pytest.raises(CardiacMotionError, match="canonical"):
        disagreement(canonical, first, series.labels[0])


def test_results_that_do_not_fit_are_refused_in_words(motion):
    fewer = Motion(motion.displacement[:3], AFFINE, 0, TIMES[:3])
    elsewhere = Motion(motion.displacement, AFFINES["axial"], 0, TIMES)
    later = Motion(motion.displacement, AFFINE, 0, np.array(TIMES) * 2)
    for other in (fewer, elsewhere, later):
        with pytest.raises(CardiacMotionError, match="same cine"):
            disagreement(motion, other, heart_labels())
    with pytest.raises(CardiacMotionError, match="myocardium"):
        disagreement(motion, motion, np.zeros_like(heart_labels()))


def test_the_overlay_lies_on_the_moving_wall(scene, motion):
    import slicer

    series = heart_series(AFFINE)
    sequence, _ = add_series(series, "Cine")
    results = add_results(sequence, series, motion, name="Run")
    found = disagreement(motion, shifted(motion), heart_labels())
    overlay = finish(add_layer(results, disagreement_layer(found)))
    assert results.overlays["disagreement"] is overlay
    for frame, node in enumerate(data_nodes(overlay)):
        values = slicer.util.arrayFromVolume(node)
        np.testing.assert_array_equal(values != OUTSIDE, found.walls[frame])
        np.testing.assert_allclose(values[found.walls[frame]], 0 if frame == 0 else 3, atol=1e-3)
