"""Pictures without a screen: the overlay lies on the wall, contours and arrows are drawn, the scene is as before."""

import numpy as np
import pytest
from small_hearts import AFFINES, SHAPE, heart_labels, heart_motion, heart_series, node_names

import CardiacMotionLib
from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.scene import add_results, add_series, render_3d, render_slice


@pytest.fixture(scope="module")
def run():
    from CardiacMotionLib.scene.headless import headless_scene

    headless_scene(fresh=True)
    affine = AFFINES["oblique"]
    series, motion = heart_series(affine), heart_motion(affine)
    carried = np.stack([motion.warp_labels(heart_labels(), frame) for frame in range(4)])
    series = series.replace(frames=20 + 40.0 * carried)  # a cine that moves as the motion says
    strain = CardiacMotionLib.strain(motion, series.labels[0])
    sequence, _ = add_series(series, "Cine")
    return add_results(sequence, series, motion, strain)


def picture(path) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.open(path).convert("RGB")).astype(int)


def colored(image) -> np.ndarray:
    """Pixels that are not grey."""
    return np.ptp(image, axis=-1) > 30


def test_overlay_covers_the_wall_and_only_the_wall(run, tmp_path):
    size = (300, 300)
    bare = picture(
        render_slice(run, tmp_path / "bare.png", overlay=None, contours=False, frame=0, slice_index=2, size=size)
    )
    shown = picture(render_slice(run, tmp_path / "shown.png", frame=2, slice_index=2, contours=False, size=size))
    moving = picture(
        render_slice(run, tmp_path / "moving.png", overlay=None, frame=2, slice_index=2, contours=False, size=size)
    )
    assert not colored(bare).any()
    changed = np.abs(shown - moving).max(axis=-1) > 8
    changed[:, 230:] = False  # the legend
    grey = moving[..., 0].astype(float)
    wall = np.abs(grey - np.median(grey[changed])) < 25  # in this cine every structure has an intensity of its own
    wall[:, 230:] = False
    assert 2 * (changed & wall).sum() / (changed.sum() + wall.sum()) > 0.9
    blue = shown[changed]
    assert (blue[:, 2] >= blue[:, 0]).mean() > 0.9  # contraction is blue


def test_legend_contours_and_arrows_are_drawn(run, tmp_path):
    size = (300, 300)
    plain = picture(render_slice(run, tmp_path / "a.png", overlay=None, contours=False, frame=2, size=size))
    contours = picture(render_slice(run, tmp_path / "b.png", overlay=None, frame=2, size=size))
    arrows = picture(
        render_slice(run, tmp_path / "c.png", overlay=None, contours=False, arrows=True, frame=2, size=size)
    )
    legend = picture(render_slice(run, tmp_path / "d.png", contours=False, frame=2, size=size))
    assert not colored(plain).any()
    for hue in ((0, 1, 0), (0, 0, 1)):  # green wall, blue RV
        strongest = contours.argmax(axis=-1)
        assert (colored(contours) & (strongest == int(np.argmax(hue)))).sum() > 50
    yellow = colored(arrows) & (arrows[..., 0] > 150) & (arrows[..., 1] > 150) & (arrows[..., 2] < 120)
    assert yellow.sum() > 50
    right = legend[:, 250:]
    assert (right[..., 0] - right[..., 2] > 80).any()  # red end of the bar
    assert (right[..., 2] - right[..., 0] > 80).any()  # blue end


def test_arrows_start_on_the_reference_wall(run):
    import slicer

    from CardiacMotionLib.scene.arrows import hide_arrows, show_arrows

    display = show_arrows(run, spacing_mm=4.5).GetDisplayNode()
    points = slicer.util.arrayFromMarkupsControlPoints(display.GetGlyphPointsNode())
    voxels = np.round((points - AFFINES["oblique"][:3, 3]) @ np.linalg.inv(AFFINES["oblique"][:3, :3]).T).astype(int)
    assert len(points) > 30
    assert (heart_labels()[voxels[:, 2], voxels[:, 1], voxels[:, 0]] == 2).all()
    assert display.GetVisibility2D()
    hide_arrows(run)
    assert not display.GetVisibility()


def test_3d_view_shows_wall_and_bullseye(run, tmp_path):
    image = picture(render_3d(run, tmp_path / "3d.png", frame=2, size=(400, 300)))
    found = colored(image)
    assert found[:, :180].sum() > 500
    assert found[:, 180:].sum() > 500


def test_pictures_leave_the_scene_as_it_was(run, tmp_path):
    from CardiacMotionLib.scene.headless import headless_scene

    scene = headless_scene().scene
    render_slice(run, tmp_path / "a.png", arrows=True, size=(100, 100))
    before = node_names(scene)
    render_slice(run, tmp_path / "a.png", frame=3, arrows=True, size=(100, 100))
    render_3d(run, tmp_path / "b.png", frame=1, size=(100, 100))
    assert node_names(scene) == before
    assert run.browser.GetSelectedItemNumber() == 0
    assert headless_scene().application_logic.GetSliceLogics().GetNumberOfItems() == 0


def test_what_cannot_be_drawn_is_refused(run, tmp_path):
    for options, message in (
        ({"overlay": "T1"}, "has no overlay 'T1'; it has circumferential"),
        ({"frame": 4}, "frame must be from 0 to 3"),
        ({"slice_index": SHAPE[0]}, "slice_index must be from 0 to 4"),
    ):
        with pytest.raises(CardiacMotionError, match=message):
            render_slice(run, tmp_path / "a.png", **options)
    with pytest.raises(CardiacMotionError, match="does not exist; make it first"):
        render_slice(run, tmp_path / "nowhere" / "a.png", size=(50, 50))
