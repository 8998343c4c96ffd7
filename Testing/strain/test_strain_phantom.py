"""Strain of the analytic heart, whose tensor, wall axes and function are known exactly."""

import numpy as np
import pytest

from CardiacMotionLib import phantom, strain


@pytest.fixture(scope="module", params=[0.0, 25.0], ids=["straight", "tilted"])
def heart(request):
    subject = phantom("cine", 3, frames=4, rows=80, columns=80, tilt=request.param)
    return subject, strain(subject.motion, subject.series.labels[0])


def test_maps_of_the_analytic_heart(heart):
    """Exact displacement, but central differences on 1.6 x 1.6 x 8 mm and directions from the labels."""
    subject, result = heart
    truth = subject.strain()
    height = (subject.voxel_points() - subject.from_heart[:3, 3]) @ subject.from_heart[:3, 2]
    above = result.wall & (height > 0.3 * subject.anatomy.length)  # at the apex motion changes within a slice
    for component, per_voxel, bias in (
        ("circumferential", 0.002, 0.001),
        ("radial", 0.03, 0.02),
        ("longitudinal", 0.015, 0.01),
    ):
        error = getattr(result, component) - truth[component]
        assert np.nanmean(np.abs(error[:, above])) < per_voxel, component
        assert np.abs(np.nanmean(error[:, above], axis=1)).max() < bias, component
        assert np.abs(np.nanmean(error[:, result.wall], axis=1)).max() < 1.5 * bias, component


def test_function_of_the_analytic_heart(heart):
    subject, result = heart
    labels = subject.series.labels
    counted = {t: np.count_nonzero(labels[t] == 3) for t in labels}
    assert result.end_systole == min(counted, key=counted.get)
    volumes = result.volumes.set_index("frame").lv_cavity_ml
    for t, count in counted.items():
        assert volumes[t] / volumes[0] == pytest.approx(count / counted[0], abs=0.06)
    np.testing.assert_allclose(result.volumes.lv_myocardium_ml, result.volumes.lv_myocardium_ml[0], rtol=0.01)
    twist = result.rotation.twist_deg
    assert (twist[1:3] > 1).all()
    assert abs(twist[3]) < 0.01  # untwisted before the atrium contracts


def test_insertions_and_segments_of_the_analytic_heart(heart):
    subject, result = heart
    known = np.asarray(subject.series.meta["rv_insertion"])
    away, axis = result.rv_insertion - known, subject.from_heart[:3, 2]
    across = away - (away @ axis)[:, None] * axis  # at which height along the insertion a point lies does not matter
    assert np.linalg.norm(across, axis=1).max() < 6
    assert set(np.unique(result.segments)) == set(range(17))
    given = strain(subject.motion, subject.series.labels[0], rv_insertion=known)
    assert np.mean(given.segments[given.wall] == result.segments[given.wall]) > 0.9
    assert not any("clockwise" in note for note in result.notes)
