"""What is around a network for clips: slices on their way to it and back, in mm; labels of all frames; samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from progress_listener import Listener
from tiny_learned import tiny_weights

from CardiacMotionLib import CardiacMotionError, ImageSeries, Motion, phantom, register, strain
from CardiacMotionLib.fields import warp
from CardiacMotionLib.methods import Context, clips, option
from CardiacMotionLib.methods.clips import (
    CARRIED,
    LATER,
    WALL_ONLY,
    ClipNetwork,
    ClipSlice,
    clip_slices,
    frames_from,
    seen_from_apex,
    wall_error,
    walls_of_all,
)
from CardiacMotionLib.methods.learned import IN_PLANE
from CardiacMotionLib.weights import FOLDER

HEART = {"frames": 4, "slices": 2, "rows": 56, "columns": 60, "pixel_mm": 2.0, "thickness_mm": 20.0}


@pytest.fixture(scope="module")
def heart():
    return phantom("cine", 3, **HEART)


def smooth_field(frames: int, shape: tuple[int, int]) -> torch.Tensor:
    """(T, J, I, 2) linear in place, so that resizing keeps it; 0 in frame 0."""
    j, i = torch.meshgrid(*(torch.arange(n, dtype=torch.float32) for n in shape), indexing="ij")
    one = torch.stack((0.05 * i - 0.03 * j + 0.4, 0.04 * i + 0.02 * j - 1.0), -1)
    return torch.arange(frames)[:, None, None, None] / frames * one


def ring(shape: tuple[int, int], middle: tuple[float, float], radii: tuple[float, float]) -> np.ndarray:
    j, i = np.indices(shape)
    distance = np.hypot(j - middle[0], i - middle[1])
    return (distance > radii[0]) & (distance < radii[1])


# ---------------------------------------------------------------------- one slice


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize(("spacing", "pixel_mm"), [((1.5, 1.5, 8.0), 1.5), ((1.2, 1.8, 8.0), 2.0)])
def test_a_displacement_of_the_wall_comes_back(mirrored, spacing, pixel_mm):
    shape = (70, 64)
    wall = ring(shape, (30, 36), (8, 14))
    one = ClipSlice(np.zeros((3, *shape)), wall, np.array(spacing), pixel_mm, 48, mirrored)
    truth = smooth_field(3, shape)
    back = one.back(one.cut_displacement(truth))
    assert back.shape == truth.shape
    assert (back - truth)[:, wall].abs().max() < 0.02
    assert not back[0].any()


def test_a_slice_is_cut_around_the_wall_also_at_the_edge_of_the_image():
    wall = ring((40, 40), (8, 31), (3, 6))
    one = ClipSlice(wall[None].astype(float), wall, np.array([2.0, 2.0, 8.0]), 2.0, 32, False)
    seen = one.frames[0, 0]
    j, i = np.argwhere(seen.numpy() > 0.5).mean(0)
    assert seen.shape == (32, 32)
    assert (j, i) == pytest.approx((15.5, 15.5), abs=0.6)
    assert seen.sum() == wall.sum()


@pytest.mark.parametrize("mirrored", [False, True])
def test_what_a_network_sees_moves_as_it_is_told(mirrored):
    """Frame 1 drawn through the displacement, both cut out, is frame 0."""
    shape = (60, 60)
    wall = ring(shape, (28, 30), (8, 14))
    j, i = np.indices(shape)
    shift = (3.0, -2.0)  # i, j: what is at x in frame 0 is at x + shift in frame 1
    frames = [np.exp(-((j - 28 - n * shift[1]) ** 2 + (i - 33 - n * shift[0]) ** 2) / 50) for n in (0, 1)]
    one = ClipSlice(np.stack(frames), wall, np.array([1.5, 1.5, 8.0]), 1.5, 40, mirrored)
    moved = torch.zeros(2, *shape, 2)
    moved[1] = torch.tensor(shift)
    drawn = warp(one.frames[1:], one.cut_displacement(moved)[1:])
    assert (drawn - one.frames[:1])[..., 5:-5, 5:-5].abs().max() < 1e-3


def test_frames_are_counted_from_the_reference():
    assert frames_from(2, 5).tolist() == [2, 3, 4, 0, 1]


def test_mean_squared_error_counts_in_the_wall_only():
    found = torch.zeros(1, 2, 3, 3, 2)
    found[0, 1, 0, 0] = torch.tensor([3.0, 4.0])
    found[0, 1, 2, 2] = 100
    wall = torch.zeros(1, 3, 3)
    wall[0, 0, :2] = 1
    assert wall_error(found, torch.zeros_like(found), wall) == pytest.approx(25 / 2 / 2)


# ---------------------------------------------------------------------- how a slice lies


def test_slices_stored_from_the_other_side_look_the_same(heart):
    """Rows of pixels reversed, or slices: the heart is where it was, and the network sees the same."""
    series = heart.series
    mirrored = ImageSeries(
        series.frames[..., ::-1],
        series.affine @ np.array([[-1, 0, 0, series.shape[2] - 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]),
        series.times,
        {t: labels[..., ::-1] for t, labels in series.labels.items()},
    )
    upside_down = ImageSeries(
        series.frames[:, ::-1],
        series.affine @ np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, -1, series.shape[0] - 1], [0, 0, 0, 1.0]]),
        series.times,
        {t: labels[::-1] for t, labels in series.labels.items()},
    )

    def seen(one: ImageSeries) -> dict[int, ClipSlice]:
        labels = np.stack([one.labels[t] for t in range(len(one))])
        return clip_slices(one, labels == 2, 0, 2.0, 48, [])

    assert seen_from_apex(series.labels[0], series)[0] != seen_from_apex(mirrored.labels[0], mirrored)[0]
    first, second, third = seen(series), seen(mirrored), seen(upside_down)
    for k in first:
        assert torch.equal(first[k].frames, third[series.shape[0] - 1 - k].frames)
        other = second[k].frames  # its middle may be rounded to the next pixel
        assert min((first[k].frames - other.roll(n, -1)).abs().mean() for n in (-1, 0, 1)) < 0.01


def test_slices_without_wall_are_left_alone_and_none_with_it_is_refused(heart):
    labels = heart.series.labels[0].copy()
    seen = np.stack([heart.series.labels[t] for t in range(len(heart.series))]) == 2
    labels[1] = 0
    assert list(clip_slices(heart.series.replace(labels={0: labels}), seen, 0, 2.0, 48, [])) == [0]
    nothing = heart.series.replace(labels={0: 0 * labels})
    with pytest.raises(CardiacMotionError, match=r"no slice has 12 pixels of LV myocardium \(label 2\) in .* frame 0"):
        clip_slices(nothing, seen, 0, 2.0, 48, [])
    with pytest.raises(CardiacMotionError, match=r"the LV wall in slice 0 .* is wider than the 32 mm that the network"):
        clip_slices(heart.series, seen, 0, 2.0, 16, [])


def test_what_was_guessed_of_the_orientation_is_told(heart):
    labels = heart.series.labels[0].copy()
    labels[1] = labels[0]
    notes: list[str] = []
    clip_slices(heart.series.replace(labels={0: labels}), heart.series.frames, 0, 2.0, 48, notes)
    assert notes
    assert notes[0].startswith("Apex and base look alike")


# ---------------------------------------------------------------------- labels of all frames


def test_given_labels_are_taken_and_others_carried(heart):
    context = Context(0, torch.device("cpu"), 0)
    labels = [heart.series.labels[t] for t in range(4)]
    given = np.stack(labels) == 2
    assert np.array_equal(walls_of_all(heart.series, "demons", context), given)
    assert not context.facts
    some = heart.series.replace(labels={t: labels[t] for t in (0, 2)})
    found = walls_of_all(some, "demons", context)
    assert np.array_equal(found[[0, 2]], given[[0, 2]])
    assert (found[1] & given[1]).sum() > 0.7 * given[1].sum()
    assert not np.array_equal(found[1], given[0])
    assert context.facts["carried_by"] == "demons"
    assert context.facts["notes"] == [CARRIED.format(given=2, all=4, method="demons")]


def test_the_wall_is_carried_into_slices_where_only_the_cavity_was_drawn(heart):
    context = Context(0, torch.device("cpu"), 0)
    labels = dict(heart.series.labels)
    labels[2] = labels[2].copy()
    labels[2][1][labels[2][1] == 2] = 0
    found = walls_of_all(heart.series.replace(labels=labels), "demons", context)
    given = np.stack([heart.series.labels[t] for t in range(4)]) == 2
    assert np.array_equal(found[[0, 1, 3]], given[[0, 1, 3]])
    assert np.array_equal(found[2, 0], given[2, 0])
    assert (found[2, 1] & given[2, 1]).sum() > 0.7 * given[2, 1].sum()
    assert context.facts["notes"] == [CARRIED.format(given=3, all=4, method="demons")]


# ---------------------------------------------------------------------- a series through a network


@dataclass(frozen=True)
class Config:
    dims: int = option(2, "Dimensions", choices=(2,))
    inputs: str = option("wall", "What is seen", choices=("wall", "image"))


class Told(ClipNetwork):
    """Says that everything moves right and down, in proportion to the time, and by chance."""

    Config = Config
    seen: list[torch.Tensor] = []  # noqa: RUF012

    def __init__(self, config):
        super().__init__(config)
        self.step = torch.nn.Parameter(torch.tensor([1.0, 0.5]))

    def forward(self, clips):
        Told.seen.append(clips)
        b, t, _, j, i = clips.shape
        return (torch.arange(t)[:, None, None, None] * self.step).expand(b, t, j, i, 2)

    def draw(self, clips, generator, **call):
        return self(clips) * (1 + 0.1 * torch.randn((), generator=generator))


@pytest.fixture
def told(tmp_path, monkeypatch):
    """The method strainnet with a network that says what it was told, and lamod that draws samples of it."""
    monkeypatch.setenv(FOLDER, str(tmp_path))
    monkeypatch.setattr(clips, "load_network", lambda *_: Told(Config()))
    Told.seen.clear()
    for name in ("strainnet", "lamod"):
        tiny_weights(name, tmp_path / f"a_{name}.safetensors")


@pytest.mark.usefixtures("told")
def test_what_the_network_says_arrives_in_mm_from_the_reference(heart):
    series, listener = heart.series, Listener()
    motion = register(series, "lamod", reference=1, seed=5, progress=listener)
    wall = series.labels[1] == 2
    clip = Told.seen[0]
    assert clip.shape[:3] == (1, 4, 1)
    assert set(np.unique(clip.numpy().round(2))) <= set(np.linspace(0, 1, 101).round(2))
    voxels = torch.cat([motion.voxels(t) for t in range(4)]).numpy()
    mirror = -1 if seen_from_apex(series.labels[1], series)[0] else 1
    for k in range(2):  # a slice is a draw of its own
        scale = np.abs(voxels[2, k][wall[k]][0, 0])
        assert scale == pytest.approx(2.0 / HEART["pixel_mm"], rel=0.5)
        for t, time in ((1, 0), (2, 1), (3, 2), (0, 3)):
            expected = np.array([mirror * time * scale, time * scale / 2, 0])
            assert np.allclose(voxels[t, k][wall[k]], expected, atol=1e-3)
    assert motion.provenance["notes"] == [WALL_ONLY, IN_PLANE, LATER.format(reference=1, first=0)]
    assert motion.provenance["weights"] == "a_lamod"
    assert listener.fractions == sorted(listener.fractions)


@pytest.mark.usefixtures("told")
def test_of_many_samples_the_mean_is_the_motion_and_strain_has_their_spread(heart, tmp_path):
    motion = register(heart.series, "lamod", samples=4, seed=1)
    drawn = np.stack([one.displacement for one in motion.samples])
    assert len(drawn) == 4
    assert np.allclose(drawn.mean(0), motion.displacement, atol=1e-4)
    assert np.ptp(drawn[:, 2].reshape(4, -1).max(1)) > 0.05
    again = register(heart.series, "lamod", samples=4, seed=1)
    assert np.array_equal(again.samples[3].displacement, drawn[3])
    first = register(heart.series, "lamod", samples=1, seed=1)
    assert first.samples == ()
    assert (motion.provenance["drawn"], first.provenance["drawn"]) == (4, 1)
    assert np.array_equal(first.displacement, drawn[0])
    loaded = Motion.load(motion.save(tmp_path / "a.npz"))
    assert np.array_equal(loaded.samples[2].displacement, drawn[2])
    assert not Motion.load(motion.save(tmp_path / "a.seq.nrrd")).samples
    moved = motion.expressed_in(1)
    assert len(moved.samples) == 4
    assert np.array_equal(moved.samples[3].displacement, motion.samples[3].expressed_in(1).displacement)


def test_the_spread_of_strain_is_that_of_the_samples(heart):
    stretches = (0.9, 1.0, 1.1)
    u = heart.motion.displacement
    samples = [Motion(a * u, heart.motion.affine, 0, heart.motion.times) for a in stretches]
    motion = Motion(u, heart.motion.affine, 0, heart.motion.times, samples=samples)
    labels = heart.series.labels[0]
    found = strain(motion, labels)
    assert np.allclose(motion.spread(), 0.1 * np.abs(u), atol=1e-5)
    with pytest.raises(CardiacMotionError, match=r"has 0 samples; its spread needs two"):
        heart.motion.spread()
    each = np.stack([strain(one, labels).circumferential for one in samples])
    assert np.allclose(found.spread("circumferential"), each.std(0, ddof=1), atol=1e-6, equal_nan=True)
    assert np.nanmax(found.spread("radial")[2]) > 0.01
    with pytest.raises(CardiacMotionError, match=r"the spread of 'radial' is not known; .* more than one sample"):
        strain(heart.motion, labels).spread("radial")


def test_a_sample_must_be_of_the_same_grid(heart):
    small = Motion(np.zeros((4, 1, 4, 4, 3)), heart.motion.affine, 0)
    with pytest.raises(CardiacMotionError, match=r"a sample is Motion\(.*\); expected one of shape \(4, 2, 56"):
        Motion(heart.motion.displacement, heart.motion.affine, 0, samples=[small])


@pytest.mark.usefixtures("told")
def test_slices_without_wall_move_as_the_nearest_that_has_one(heart):
    labels = {
        t: np.where(np.arange(2)[:, None, None] == 1, 0, a).astype(np.uint8) for t, a in heart.series.labels.items()
    }
    motion = register(heart.series.replace(labels=labels), "lamod", reference=0)
    assert np.array_equal(motion.displacement[:, 1], motion.displacement[:, 0])
    assert motion.displacement[2, 1].any()


@pytest.mark.parametrize("sampler", ["none", "registration"])
def test_what_knows_of_one_motion_is_not_asked_for_more(heart, sampler):
    with pytest.raises(CardiacMotionError, match=rf"option samples must be 1 with sampler {sampler}, .*; got 3"):
        register(heart.series, "lamod", samples=3, sampler=sampler)
