"""The bullseye: end-systolic values of the segments, each in its place."""

import numpy as np


def test_bullseye_cells_have_the_segments_end_systolic_values(run_with_strain):
    import slicer

    results, _, _, strain = run_with_strain
    values = slicer.util.arrayFromModelCellData(results.bullseye, "Ecc (%)")
    segments = slicer.util.arrayFromModelCellData(results.bullseye, "AHA segment")
    summary = strain.summary.query("component == 'circumferential' and measure == 'green'").set_index("region")[
        "end_systolic"
    ]
    for segment in np.unique(segments):
        np.testing.assert_allclose(values[segments == segment], 100 * summary[str(segment)], rtol=1e-5)
    assert results.bullseye_values.GetNumberOfControlPoints() == len(np.unique(segments))
    assert results.bullseye.GetDisplayNode().GetScalarRange() == (-30.0, 30.0)


def test_bullseye_has_anterior_up_septum_left_and_base_outside():
    from CardiacMotionLib.scene.bullseye import segment_sector

    middle = {
        segment: (start + end) / 2 % 360 for segment in range(1, 17) for _, _, start, end in [segment_sector(segment)]
    }
    assert middle[1] == middle[7] == middle[13] == 90  # anterior up
    assert middle[4] == middle[10] == middle[15] == 270  # inferior down
    assert middle[14] == 180  # septal on the left
    assert middle[16] == 0  # lateral on the right
    assert 90 < middle[2] < 180 < middle[3] < 270  # anteroseptal above inferoseptal, both left
    assert segment_sector(1)[0] > segment_sector(7)[0] > segment_sector(13)[0]
