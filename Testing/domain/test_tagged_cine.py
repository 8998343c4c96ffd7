"""Tagged slices in a cine: their place, their phase, their intensities; against a pattern known in the world."""

import numpy as np
import pytest
import torch

from CardiacMotionLib import CardiacMotionError, ImageSeries, compose_tagged_cine, fields, phantom
from CardiacMotionLib.tagged_cine import frame_positions

PERIOD = 6.0  # mm between tags
TURN = np.linalg.qr(np.array([[1.0, 0.4, 0.2], [-0.3, 1.0, 0.5], [0.1, -0.6, 1.0]]))[0]
SHAPE = (5, 40, 36)  # (K, J, I) of the cine


def affine_of(spacing, middle, shape, turn=TURN) -> np.ndarray:
    """A grid of (K, J, I) voxels whose middle is at ``middle`` (3,) RAS mm."""
    affine = np.eye(4)
    affine[:3, :3] = turn * np.array(spacing)
    affine[:3, 3] = middle - affine[:3, :3] @ ((np.array(shape[::-1]) - 1) / 2)
    return affine


def about_normal(degrees: float) -> np.ndarray:
    """Axes of slices that are turned in their plane."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return TURN @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def tags_at(affine: np.ndarray, shape: tuple[int, int, int], shift_mm: np.ndarray) -> np.ndarray:
    """(T, K, J, I) pattern of the world, lines along neither axis of the cine, ``shift_mm`` (T,) further each frame."""
    k, j, i = np.indices(shape)
    points = np.stack((i, j, k), -1) @ affine[:3, :3].T + affine[:3, 3]
    along = points @ TURN[:, :2] @ [0.8, 0.6]
    return np.cos(2 * np.pi / PERIOD * (along - shift_mm[:, None, None, None]))


@pytest.fixture
def cine() -> ImageSeries:
    """Ten frames over 900 ms whose pixels say slice and frame, with a heart in the middle slices."""
    affine = affine_of((1.6, 1.6, 8.0), (12.5, -40.25, 33.0), SHAPE)
    frames = np.random.default_rng(0).uniform(100, 200, (10, *SHAPE)) + 10 * np.arange(10)[:, None, None, None]
    labels = np.zeros(SHAPE, np.uint8)
    labels[1:4, 10:30, 8:28] = 2
    meta = {"name": "somebody", "notes": ["a note"]}
    return ImageSeries(frames, affine, 90.0 * np.arange(10), {0: labels, 4: labels}, meta)


def tagged_slice(cine, number=2, *, off_mm=0.0, spacing=(1.3, 1.2, 6.0), turn=TURN, shape=(1, 72, 64), times=None):
    """One tagged slice ``off_mm`` above a slice of the cine, in a grid of its own; its tags move 0.01 mm a ms."""
    times = 45.0 * np.arange(20) if times is None else np.asarray(times, float)
    middle = cine.affine[:3] @ [*((np.array(cine.shape[:0:-1]) - 1) / 2), number, 1] + off_mm * TURN[:, 2]
    affine = affine_of(spacing, middle, shape, turn)
    return ImageSeries(tags_at(affine, shape, 0.01 * times), affine, times, meta={"name": "tags"})


def correlation(a, b) -> float:
    return float(np.corrcoef(np.ravel(a), np.ravel(b))[0, 1])


GRIDS = {
    "its own pixels": {},
    "turned in its plane": {"turn": about_normal(37)},
    "left-handed": {"turn": TURN * (1, -1, 1)},
    "seen from below": {"turn": TURN * (-1, 1, -1)},
    "finer": {"spacing": (0.8, 0.7, 6.0), "shape": (1, 120, 110)},
}


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_the_tags_stand_where_they_are_in_the_world(cine, grid):
    composed = compose_tagged_cine(cine, tagged_slice(cine, 2, off_mm=1.5, **grid))
    expected = tags_at(cine.affine, cine.shape, 0.01 * cine.times)[:, 2]
    assert all(correlation(composed.frames[t, 2], expected[t]) > 0.995 for t in range(10))
    (replaced,) = composed.meta["tagged_slices"]
    assert (replaced["slice"], replaced["tagged_slice"], replaced["series"]) == (2, 0, "tags")
    assert replaced["distance_mm"] == pytest.approx(1.5)
    assert replaced["tilt_degrees"] == pytest.approx(0, abs=1e-5)
    assert (replaced["frames"], replaced["seen"]) == (list(range(10)), 1.0)
    assert composed.meta["notes"] == ["a note", "Slice 2 was replaced by tags, 1.5 mm away."]


def test_everything_else_is_the_cine(cine):
    before = cine.frames.copy()
    composed = compose_tagged_cine(cine, [tagged_slice(cine, 1), tagged_slice(cine, 3)])
    np.testing.assert_array_equal(composed.frames[:, [0, 2, 4]], before[:, [0, 2, 4]])
    np.testing.assert_array_equal(cine.frames, before)
    np.testing.assert_array_equal(composed.affine, cine.affine)
    np.testing.assert_array_equal(composed.times, cine.times)
    assert list(composed.labels) == [0, 4]
    assert [one["slice"] for one in composed.meta["tagged_slices"]] == [1, 3]
    assert "tagged_slices" not in cine.meta


def test_a_stack_of_tagged_slices_goes_slice_by_slice(cine):
    tagged = tagged_slice(cine, 2, spacing=(1.3, 1.3, 14.0), shape=(3, 60, 60))  # at slices 0.25, 2 and 3.75
    replaced = compose_tagged_cine(cine, tagged).meta["tagged_slices"]
    assert [(one["slice"], one["tagged_slice"]) for one in replaced] == [(0, 0), (2, 1), (4, 2)]
    np.testing.assert_allclose([one["distance_mm"] for one in replaced], [2, 0, 2], atol=1e-6)


def test_one_slice_of_cine(cine):
    middle = cine.crop((slice(2, 3), slice(None), slice(None)))
    composed = compose_tagged_cine(middle, tagged_slice(cine, 2, off_mm=-2))
    assert composed.frames.shape == (10, 1, 40, 36)
    assert correlation(composed.frames[:, 0], tags_at(cine.affine, cine.shape, 0.01 * cine.times)[:, 2]) > 0.99


def test_of_two_slices_at_one_place_the_nearer_is_taken(cine):
    far = tagged_slice(cine, 2, off_mm=3).replace(meta={"name": "far"})
    near = tagged_slice(cine, 2, off_mm=-1).replace(meta={"name": "near"})
    composed = compose_tagged_cine(cine, [far, near])
    assert [one["series"] for one in composed.meta["tagged_slices"]] == ["near"]
    assert "far was left aside: near is nearer to slice 2 of the cine." in composed.meta["notes"]


def test_what_tagging_does_not_show_is_the_cine(cine):
    composed = compose_tagged_cine(cine, tagged_slice(cine, 2, shape=(1, 72, 20)))  # 26 of 58 mm
    same = (composed.frames[:, 2] == cine.frames[:, 2]).all(0)
    columns = same.all(0)
    assert 0.4 < columns.mean() < 0.7
    assert columns[0]
    assert columns[-1]
    assert not same[:, 14:22].any()
    assert 0.5 < composed.meta["tagged_slices"][0]["seen"] < 1
    assert any("of the heart; the rest is from the cine." in note for note in composed.meta["notes"])


# ---------------------------------------------------------------------- time


def test_halfway_between_tagged_frames_the_tags_stand_in_the_middle(cine):
    tagged = tagged_slice(cine, 2, times=60.0 * np.arange(15))  # 0.6 mm from frame to frame
    composed = compose_tagged_cine(cine, tagged)
    expected = tags_at(cine.affine, cine.shape, 0.01 * cine.times)[:, 2]
    assert cine.times[1] == 90
    assert correlation(composed.frames[1, 2], expected[1]) > 0.998


def test_a_cine_that_begins_at_another_phase(cine):
    rolled = cine.replace(frames=np.roll(cine.frames, 3, axis=0), labels={}, meta={"end_diastole": 3})
    plain = compose_tagged_cine(cine.replace(labels={}), tagged_slice(cine, 2)).frames
    np.testing.assert_allclose(
        compose_tagged_cine(rolled, tagged_slice(cine, 2)).frames, np.roll(plain, 3, axis=0), rtol=1e-4
    )


def test_frames_later_than_tagging_stay_as_they_are(cine):
    tagged = tagged_slice(cine, 2, times=20 + 45.0 * np.arange(13))  # to 560 ms after the R wave
    composed = compose_tagged_cine(cine, tagged)
    assert composed.meta["tagged_slices"][0]["frames"] == [0, 1, 2, 3, 4, 5, 6]
    np.testing.assert_array_equal(composed.frames[7:], cine.frames[7:])
    assert "in 7 of 10 frames" in composed.meta["notes"][1]
    np.testing.assert_allclose(frame_positions(cine, tagged)[:3], [0, 70 / 45, 160 / 45])


def test_known_cycles_are_matched_by_their_share(cine):
    tagged = tagged_slice(cine, 2, times=50.0 * np.arange(20))
    np.testing.assert_allclose(frame_positions(cine, tagged, 900, 1000), 2 * np.arange(10))
    in_meta = tagged.replace(meta={"cycle_ms": 1000})
    np.testing.assert_allclose(frame_positions(cine.replace(meta={"cycle_ms": 900}), in_meta), 2 * np.arange(10))
    np.testing.assert_allclose(frame_positions(cine, tagged), 1.8 * np.arange(10))  # ms where they are not known


def test_series_without_times_are_taken_to_cover_the_cycle(cine):
    np.testing.assert_allclose(frame_positions(cine.replace(times=None), tagged_slice(cine)), 2 * np.arange(10))
    composed = compose_tagged_cine(cine, tagged_slice(cine).replace(times=None))
    assert any("have no times" in note for note in composed.meta["notes"])


# ---------------------------------------------------------------------- pixels


def test_the_heart_has_the_intensities_of_the_slice_it_replaces(cine):
    heart = cine.labels[0][2] > 0
    tagged = tagged_slice(cine, 2)
    composed = compose_tagged_cine(cine, tagged).frames
    for percentile in (2, 98):
        expected = np.percentile(cine.frames[:, 2][:, heart], percentile)
        assert np.percentile(composed[:, 2][:, heart], percentile) == pytest.approx(expected, rel=1e-4)
    brighter = compose_tagged_cine(cine, tagged.replace(frames=2048 + 700 * tagged.frames)).frames
    np.testing.assert_allclose(brighter, composed, atol=0.02)


def test_tags_fade_as_they_did(cine):
    tagged = tagged_slice(cine, 2)
    fade = np.exp(-tagged.times / 600)[:, None, None, None]
    spread = compose_tagged_cine(cine, tagged.replace(frames=fade * tagged.frames)).frames[:, 2].std((1, 2))
    np.testing.assert_allclose(spread / spread[0], np.exp(-cine.times / 600), rtol=0.03)


def test_lines_finer_than_the_pixels_do_not_come_back_as_others(cine):
    fine = tagged_slice(cine, 2, spacing=(0.4, 0.4, 6.0), shape=(1, 200, 200))
    along = 0.4 * np.arange(200)
    lines = np.cos(2 * np.pi * along / 2.0)  # 2 mm apart: pixels of 1.6 mm would show them 8 mm apart
    composed = compose_tagged_cine(cine, fine.replace(frames=fine.frames + lines))
    expected = tags_at(cine.affine, cine.shape, 0.01 * cine.times)[:, 2]
    assert correlation(composed.frames[:, 2, 4:-4, 4:-4], expected[:, 4:-4, 4:-4]) > 0.98


# ---------------------------------------------------------------------- hearts


@pytest.mark.parametrize("technique", ["spamm", "cspamm"])
def test_the_tags_of_a_person_move_as_the_heart_of_the_cine_does(technique):
    """Drawn in end-diastole by the true motion of the cine, the tags in the wall are those of end-diastole again."""
    heart = {"seed": 3, "group": "average", "shortening": 0.0}  # so that tissue stays in its slice
    person = phantom("cine", **heart, frames=8, slices=6)
    tagged = phantom("tagged", **heart, frames=8, technique=technique, noise=1.0)
    composed = compose_tagged_cine(person.series, tagged.series)
    places = [one["slice"] for one in composed.meta["tagged_slices"]]
    assert len(places) == 3
    end_systole = person.meta["truth"]["end_systole"]
    warped = person.motion.warp(composed)[end_systole]
    for k in places:
        wall = person.series.labels[0][k] == 2
        still, moved = composed.frames[end_systole, k], composed.frames[0, k]
        assert correlation(warped[k][wall], moved[wall]) > 0.5
        assert correlation(still[wall], moved[wall]) < 0.2


def test_tags_hold_a_rotation_that_the_cine_does_not_see():
    heart = {"seed": 3, "group": "average", "shortening": 0.0}
    person = phantom("cine", **heart, frames=4, slices=6, texture=0.0)
    composed = compose_tagged_cine(person.series, phantom("tagged", **heart, frames=4).series)
    wall = torch.from_numpy(person.series.labels[0] == 2)[None, None].float()
    _, j, i = np.nonzero(person.series.labels[0] >= 2)
    grid = fields.identity_grid(person.series.shape)
    middle = torch.tensor([i.mean(), j.mean(), 0.0]).float()

    def turned(series: ImageSeries, degrees: float) -> float:
        """Correlation of frame 1 and frame 0 in the wall for the true motion after a wrong turn."""
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        turn = torch.tensor([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]]).float()
        wrong = ((grid - middle) @ turn.T + middle - grid)[None]
        images = torch.from_numpy(series.frames)[:2, None, None]
        moved = fields.warp(images[1], fields.compose(wrong, person.motion.voxels(1)))
        return float(fields.global_ncc(moved, images[0], wall))

    lost = {name: turned(one, 0) - turned(one, 4) for name, one in (("cine", person.series), ("tagged", composed))}
    assert lost["tagged"] > 5 * abs(lost["cine"])


# ---------------------------------------------------------------------- what is refused


def tilted(degrees: float) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return TURN @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def test_a_tilted_slice_is_told_and_one_too_much_refused(cine):
    composed = compose_tagged_cine(cine, tagged_slice(cine, turn=tilted(5)))
    assert composed.meta["tagged_slices"][0]["tilt_degrees"] == pytest.approx(5)
    assert "tags is tilted by 5.0 degrees against the cine." in composed.meta["notes"]
    with pytest.raises(CardiacMotionError, match=r"tags is tilted by 14\.0 degrees .* within 10 degrees"):
        compose_tagged_cine(cine, tagged_slice(cine, turn=tilted(14)))


def test_slices_beside_the_stack(cine):
    with pytest.raises(CardiacMotionError, match=r"slice 0 is 9\.0 mm from slice 4 .* half a slice distance \(4\.0 mm"):
        compose_tagged_cine(cine, tagged_slice(cine, 4, off_mm=9))
    one_outside = tagged_slice(cine, 3, spacing=(1.3, 1.3, 14.0), shape=(3, 60, 60))  # at slices 1.25, 3 and 4.75
    composed = compose_tagged_cine(cine, one_outside)
    assert [one["slice"] for one in composed.meta["tagged_slices"]] == [1, 3]
    assert any("slice 2 is 6.0 mm from slice 4 of the cine, the nearest" in note for note in composed.meta["notes"])


def moved(series: ImageSeries, mm) -> ImageSeries:
    affine = series.affine.copy()
    affine[:3, 3] += mm
    return series.replace(affine=affine)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: [], "tagged is empty"),
        (lambda s: None, "tagged must be an ImageSeries, got NoneType"),
        (lambda s: [s.frames], "tagged must be an ImageSeries, got ndarray"),
        (lambda s: s.replace(frames=s.frames[:1], times=None), "the tagged tags has one frame"),
        (lambda s: s.replace(frames=np.ones_like(s.frames)), "tags has one intensity everywhere in the heart"),
        (lambda s: s.replace(times=s.times + 5000), "tags has no frame in the cycle of the cine"),
        (lambda s: moved(s, 150 * TURN[:, 0]), "tags does not show the heart of the cine"),
        (lambda s: s.replace(meta={"cycle_ms": -1}), "cycle must be above 0 ms, got -1"),
    ],
)
def test_bad_input_is_said(cine, change, message):
    with pytest.raises(CardiacMotionError, match=message) as told:
        compose_tagged_cine(cine, change(tagged_slice(cine)))
    assert "\n" not in str(told.value)
