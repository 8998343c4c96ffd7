import numpy as np
import pytest
from PIL import Image

import CardiacMotionLib as cm
from CardiacMotionLib import CardiacMotionError, report
from CardiacMotionLib.report.bullseye import draw_bullseye, segment_values
from CardiacMotionLib.report.cine import choose_slices, cine_frames, display, frame_duration, pixel_aspect
from CardiacMotionLib.report.curves import draw_curves


def lines(axis):
    return {line.get_label(): line for line in axis.get_lines()}


def test_curves_show_engineering_strain_in_percent_over_milliseconds(its_strain):
    axes = draw_curves(its_strain).axes
    shown = lines(axes[0])["global"]
    rows = its_strain.curves.query("component == 'circumferential' and region == 'global'")
    np.testing.assert_allclose(shown.get_ydata(), 100 * rows["engineering"])
    np.testing.assert_allclose(shown.get_xdata(), its_strain.times)
    assert "engineering strain (%)" in axes[0].get_ylabel()


def test_curves_mark_end_systole(its_strain):
    time = its_strain.times[its_strain.end_systole]
    for axis in draw_curves(its_strain).axes:
        assert lines(axis)[f"end-systole, {time:.0f} ms"].get_xdata()[0] == time


def test_curves_of_layers_carry_their_names(its_strain):
    axis = draw_curves(its_strain, "green").axes[len(its_strain.components)]
    assert {"endo", "mid", "epi"} <= set(lines(axis))
    assert "Green-Lagrange" in axis.get_ylabel()


@pytest.mark.parametrize(
    ("segment", "middle"),
    [
        (1, 90),
        (2, 150),
        (3, 210),
        (4, 270),
        (5, 330),
        (6, 30),
        (7, 90),
        (10, 270),
        (13, 90),
        (14, 180),
        (15, 270),
        (16, 0),
    ],
)
def test_bullseye_has_anterior_on_top_and_septum_at_the_left(its_strain, segment, middle):
    wedge = draw_bullseye(its_strain, ("radial",)).axes[0].patches[segment - 1]
    assert (wedge.theta1 + wedge.theta2) / 2 % 360 == middle


def test_bullseye_prints_the_value_of_every_segment(its_strain):
    values = segment_values(its_strain, "circumferential", "engineering")
    axis = draw_bullseye(its_strain, ("circumferential",)).axes[0]
    texts = [text.get_text() for text in axis.texts]
    for segment in range(1, 17):
        assert texts[texts.index(str(segment)) - 1] == str(round(values[str(segment)]))
    assert f"global\n{its_strain.function['GCS_percent']:.1f} %" in texts


def test_bullseye_of_a_component_that_is_not_there(its_strain, tmp_path):
    with pytest.raises(CardiacMotionError, match="no component 'shear'; it has circumferential"):
        report.plot_bullseye(its_strain, "shear", tmp_path / "x.png")


def test_pictures_are_written_as_named(its_strain, tmp_path):
    for path in (
        report.plot_curves(its_strain, tmp_path / "c.png"),
        report.plot_bullseye(its_strain, None, tmp_path / "b.png"),
    ):
        image = np.asarray(Image.open(path).convert("RGB"))
        assert image.std() > 10  # something was drawn
    with pytest.raises(CardiacMotionError, match=r"use a name ending in .png"):
        report.plot_curves(its_strain, tmp_path / "curves.xyz")


def test_cine_has_a_picture_a_frame_and_the_wall_moves_in_it(a_subject, its_strain):
    pictures = [np.asarray(frame, dtype=float) for frame in cine_frames(a_subject.series, a_subject.motion, its_strain)]
    assert len(pictures) == len(a_subject.series)
    blue = [int(((p[..., 2] - p[..., 0]) > 25).sum()) for p in pictures]  # shortening is blue
    colorbar = blue[its_strain.reference]  # no strain in the reference: only the scale is colored
    assert blue[its_strain.end_systole] > colorbar + 500


def test_one_frame_is_shown_for_a_moment():
    assert frame_duration(cm.Motion(np.zeros((1, 2, 2, 2, 3), np.float32), np.eye(4), 0, [0.0])) == 50


def test_slices_go_from_base_to_apex(its_strain):
    slices = choose_slices(its_strain)
    heights = [float(its_strain.affine[:3, 2] @ its_strain.axis) * k for k in slices]
    assert heights == sorted(heights, reverse=True)
    assert len(slices) == 3


@pytest.mark.parametrize("flips", [(1, 1), (-1, 1), (1, -1), (-1, -1)])
@pytest.mark.parametrize("swapped", [False, True])
def test_slices_are_shown_with_patient_left_at_the_right_and_anterior_on_top(flips, swapped):
    axes = np.diag([flips[0], flips[1], 1.0])  # i to the right or left, j to anterior or posterior
    if swapped:
        axes = axes[:, [1, 0, 2]]
    affine = np.eye(4)
    affine[:3, :3] = axes
    j, i = np.indices((7, 5))
    world = np.stack([i, j, np.zeros_like(i)], -1) @ axes.T
    right, anterior = display(world[..., 0], affine), display(world[..., 1], affine)
    assert (np.diff(right, axis=1) < 0).all()
    assert (np.diff(anterior, axis=0) < 0).all()


@pytest.mark.parametrize("turned", [False, True])
def test_pixels_that_are_not_square_keep_their_shape(turned):
    """A square of 12 mm is one in the picture, too."""
    affine = np.diag([-1.0, -1.5, 8.0, 1.0])
    square = np.zeros((24, 24))
    square[4:12, 4:16] = 1
    if turned:
        affine, square = affine[:, [1, 0, 2, 3]], square.T
    rows, columns = display(square, affine).nonzero()
    assert np.ptp(rows) + 1 == 8
    assert (np.ptp(rows) + 1) * pixel_aspect(affine) == pytest.approx(np.ptp(columns) + 1)


def test_animation_runs_at_the_speed_of_the_heart(a_subject, its_strain, tmp_path):
    path = report.write_cine(a_subject.series, a_subject.motion, its_strain, tmp_path / "cine.gif")
    with Image.open(path) as movie:
        assert movie.n_frames == len(a_subject.series)
        assert movie.info["duration"] == pytest.approx(np.diff(a_subject.series.times).mean(), abs=10)
