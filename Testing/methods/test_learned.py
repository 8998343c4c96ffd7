"""What is around a network for pairs: a series through it, in mm; which weights are taken."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from maps import oblique_affine
from moving_images import contracting_series
from progress_listener import Listener
from tiny_learned import LEARNED, PAIRS_AND_GROUPS, tiny_weights

from CardiacMotionLib import Cancelled, CardiacMotionError, ImageSeries, Motion, fields, phantom, register
from CardiacMotionLib.methods import Context, learned, methods, option
from CardiacMotionLib.methods.learned import (
    IN_PLANE,
    PairNetwork,
    build_network,
    choose_weights,
    register_series,
    run_pairs,
    smoothed,
)
from CardiacMotionLib.methods.region import find_region
from CardiacMotionLib.weights import FOLDER, Weights

WHOLE = 200.0  # mm of margin that no image here has: the region is all of it
MATRIX = torch.tensor([[0.06, -0.04, 0.02], [0.03, -0.05, 0.01], [-0.02, 0.04, 0.03]])
SHIFT = torch.tensor([0.8, -1.3, 0.2])


@dataclasses.dataclass(frozen=True)
class Config:
    dims: int = option(2, "Dimensions", choices=(2, 3))


class Known(PairNetwork):
    """Finds what it was told: in voxels of the grid that it is given, u(x) = MATRIX x + SHIFT; keeps what it saw."""

    Config = Config

    def __init__(self, dims: int = 2, linear: bool = True) -> None:
        super().__init__(Config(dims))
        self.matrix = torch.nn.Parameter(MATRIX[:dims, :dims] * linear)
        self.seen: list[tuple[torch.Tensor, torch.Tensor]] = []

    def forward(self, fixed, moving, steps=None):
        self.seen.append((fixed, moving))
        grid = fields.identity_grid(fixed.shape[2:])
        u = grid @ self.matrix.T + SHIFT[: self.dims]
        return [torch.zeros_like(u)[None].expand(len(fixed), *u.shape), u[None].expand(len(fixed), *u.shape)]


def noise(frames: int, *shape: int, affine=None, labels: bool = False) -> ImageSeries:
    values = np.random.default_rng(0).random((frames, *shape), dtype=np.float32)
    drawn = np.zeros(shape, np.uint8)
    drawn[:, shape[1] // 2 - 3 : shape[1] // 2 + 4, shape[2] // 2 - 2 : shape[2] // 2 + 5] = 2
    affine = np.eye(4) if affine is None else np.asarray(affine)
    return ImageSeries(values, affine, labels=dict.fromkeys(range(frames), drawn) if labels else None)


def through(series, network, pixel_mm=2.0, reference=0, margin=WHOLE, progress=None):
    context = Context(reference, torch.device("cpu"), 0, progress)
    displacement, labels = register_series(series, network, pixel_mm, margin, context)
    return Motion.from_voxels(displacement, series, reference, labels=labels), context


def expected(series, network, pixel_mm, box=None):
    """Displacement (K, J, I, 3) in mm that `Known` finds, at the voxels inside the box."""
    box = tuple(slice(0, n) for n in series.shape) if box is None else box
    lengths = [s.stop - s.start for s in box]
    plane = [max(8, round(n * mm / pixel_mm)) for n, mm in zip(lengths[1:], series.spacing[1::-1], strict=True)]
    ratio = torch.tensor([*(m / n for m, n in zip(plane[::-1], lengths[:0:-1], strict=True)), 1.0])
    at = (fields.identity_grid(lengths) + 0.5) * ratio - 0.5  # half voxels: same outer borders
    u = torch.zeros(*lengths, 3)
    d = network.dims
    with torch.no_grad():
        u[..., :d] = at[..., :d] @ network.matrix.T + SHIFT[:d]
    return fields.voxel_to_world(u / ratio, torch.from_numpy(series.affine)).numpy()


# ---------------------------------------------------------------------- the motion in mm


@pytest.mark.parametrize("left_handed", [False, True])
@pytest.mark.parametrize(
    ("frames", "shape", "dims", "reference"),
    [(3, (1, 37, 43), 2, 2), (2, (4, 37, 42), 2, 0), (2, (3, 36, 43), 3, 1), (4, (2, 36, 42), 3, 1)],
)
@pytest.mark.parametrize("pixel_mm", [1.0, 1.5, 2.9])
def test_what_the_network_finds_is_the_motion_in_mm(frames, shape, dims, reference, pixel_mm, left_handed):
    series = noise(frames, *shape, affine=oblique_affine(left_handed))
    network = Known(dims)
    motion, _ = through(series, network, pixel_mm, reference)
    assert motion.displacement.shape == (frames, *shape, 3)
    assert not motion.displacement[reference].any()
    truth = expected(series, network, pixel_mm)
    inside = (slice(None), slice(4, -4), slice(4, -4))  # at the sides the last value is continued
    for t in set(range(frames)) - {reference}:
        np.testing.assert_allclose(motion.displacement[t][inside], truth[inside], atol=2e-4)


@pytest.mark.parametrize(("pixel_mm", "spacing"), [(2.0, (1.25, 1.25, 10.0)), (1.2, (2.4, 1.6, 8.0))])
def test_a_shift_is_as_long_on_any_pixels(pixel_mm, spacing):
    """In voxels of the network (here a whole number of them fits) it is SHIFT; in mm that times the pixel."""
    shape = tuple(round(n * pixel_mm / mm) for n, mm in zip((40, 50), spacing[1::-1], strict=True))
    assert np.allclose(np.multiply(shape, spacing[1::-1]), np.multiply((40, 50), pixel_mm))
    series = noise(2, 1, *shape, affine=np.diag([*spacing, 1]))
    motion, _ = through(series, Known(linear=False), pixel_mm)
    np.testing.assert_allclose(motion.displacement[1], np.broadcast_to([0.8, -1.3, 0], (1, *shape, 3)) * pixel_mm, 1e-4)


@pytest.mark.parametrize("dims", [2, 3])
def test_around_the_heart_only(dims):
    """The region is cut out and put back at its place; in the heart nothing of the motion is lost."""
    series = noise(3, 9, 60, 64, affine=oblique_affine(), labels=True)
    labels = series.labels[0].copy()
    labels[:4] = labels[6:] = 0
    series = series.replace(labels={1: labels})
    network = Known(dims)
    motion, context = through(series, network, 1.4, reference=1, margin=20.0)
    region = find_region(series, 1, 20.0)
    assert context.facts["heart_from"] == "labels"
    assert all(s.stop - s.start < n for s, n in zip(region.box, series.shape, strict=True))
    truth = np.zeros((*series.shape, 3), np.float32)
    truth[region.box] = expected(series, network, 1.4, region.box)
    heart = labels > 0
    np.testing.assert_allclose(motion.displacement[0][heart], truth[heart], atol=2e-4)
    outside = np.ones(series.shape, bool)
    outside[region.box] = False
    assert not motion.displacement[:, outside].any()


def test_the_reference_is_fixed_and_every_other_frame_moves():
    """As the network is told: images in unit range, slices as pairs of their own."""
    frames = np.full((3, 2, 16, 16), 100.0) + np.arange(3)[:, None, None, None] * 50 + np.arange(2)[:, None, None] * 10
    frames[..., ::2, :] += 5
    series = ImageSeries(frames, np.diag([2.0, 2.0, 8.0, 1.0]))
    network = Known()
    _, context = through(series, network, reference=1)
    ((fixed, moving),) = network.seen
    assert fixed.shape == moving.shape == (4, 1, 16, 16)
    assert fixed.dtype == torch.float32
    low, high = np.percentile(frames, (1, 99))
    scaled = torch.from_numpy(((frames - low) / (high - low)).clip(0, 1.3)).float()
    torch.testing.assert_close(fixed[:, 0], scaled[[1, 1]].flatten(0, 1))
    torch.testing.assert_close(moving[:, 0], scaled[[0, 2]].flatten(0, 1))
    assert context.facts["notes"] == [IN_PLANE]


@pytest.mark.parametrize(("dims", "slices"), [(2, 1), (3, 4)])
def test_only_where_slices_were_split_is_it_said(dims, slices):
    _, context = through(noise(2, slices, 20, 20), Known(dims))
    assert "notes" not in context.facts


# ---------------------------------------------------------------------- batches, padding, progress


@pytest.mark.parametrize(("method", "dims"), [("riir", 2), ("riir", 3), ("voxelmorph", 2), ("gradirn", 2)])
def test_batches_change_nothing(method, dims, tmp_path, monkeypatch):
    path = tiny_weights(method, tmp_path / "some.safetensors", dims=dims)
    series = phantom("cine", 0, frames=4, slices=3, rows=32, columns=36, pixel_mm=4.0, thickness_mm=20.0).series
    motions = []
    for at_once in (1, 3000, 10**9):
        monkeypatch.setattr(learned, "VOXELS_AT_ONCE", at_once)
        motions.append(register(series, method, weights=str(path), reference=1).displacement)
    assert motions[0].any()
    for other in motions[1:]:
        np.testing.assert_allclose(other, motions[0], atol=1e-4)


def test_smoothing_over_frames_keeps_the_reference_and_straight_paths():
    """A path along a line is one already, off its ends; one that trembles gets calmer."""
    t = torch.arange(21.0).reshape(-1, 1, 1, 1, 1)
    straight = (t - 8) * torch.tensor([1.0, -2.0, 0.5])
    found = smoothed(straight, 1.0, 8)
    torch.testing.assert_close(found[5:16], straight[5:16], atol=1e-3, rtol=1e-3)
    trembling = straight + (-1.0) ** t
    found = smoothed(trembling, 1.0, 8)
    assert not found[8].any()
    assert found.diff(n=2, dim=0)[5:15].abs().max() < 0.05 * trembling.diff(n=2, dim=0)[5:15].abs().max()


def test_smoothing_lowers_a_peak_as_its_help_says_and_needs_a_path():
    t = torch.arange(20.0).reshape(-1, 1, 1, 1, 1)
    wave = (1 - torch.cos(2 * torch.pi * t / 20)) * torch.ones(3)
    peak = float(smoothed(wave, 1.0, 0)[10, 0, 0, 0, 0])
    assert 1.75 < peak < 1.95  # of 2: exp(-(2 pi / 20)^2 / 2) of the wave, and the rounded start
    with pytest.raises(CardiacMotionError, match="smoothing needs at least 5 frames, the series has 4"):
        smoothed(wave[:4], 1.0, 0)


def test_smoothing_is_an_option(tiny_models):
    series = noise(5, 2, 24, 24)
    still = register(series, "riir", smoothing=2.0).displacement
    lively = register(series, "riir").displacement
    assert 0 < np.abs(np.diff(still, n=2, axis=0)).max() < np.abs(np.diff(lively, n=2, axis=0)).max()


def test_no_batch_is_larger_than_allowed(monkeypatch):
    monkeypatch.setattr(learned, "VOXELS_AT_ONCE", 3 * 20 * 24)
    network = Known()
    run_pairs(network, *torch.rand(2, 4, 1, 2, 20, 24), Context(0, torch.device("cpu"), 0))
    assert [len(fixed) for fixed, _ in network.seen] == [3, 3, 2]


def test_progress_is_told_and_can_stop(monkeypatch):
    monkeypatch.setattr(learned, "VOXELS_AT_ONCE", 1)
    told = Listener()
    through(noise(5, 1, 16, 16), Known(), progress=told)
    assert told.fractions == [0, 0.25, 0.5, 0.75]
    assert told.texts[1] == "pair 2 of 4"
    network, told = Known(), Listener(stop_at=0.5)
    with pytest.raises(Cancelled):
        through(noise(5, 1, 16, 16), network, progress=told)
    assert len(network.seen) == 2


@pytest.mark.parametrize("name", LEARNED)
def test_series_and_weights_stay_as_they_are(name, tmp_path):
    path = tiny_weights(name, tmp_path / "some.safetensors")
    before = path.read_bytes()
    series, _ = contracting_series()
    frames, affine, labels = series.frames.copy(), series.affine.copy(), series.labels[0].copy()
    register(series, name, weights=str(path), reference=1 if name in PAIRS_AND_GROUPS else 0)
    assert np.array_equal(series.frames, frames)
    assert np.array_equal(series.affine, affine)
    assert np.array_equal(series.labels[0], labels)
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", LEARNED)
def test_provenance_names_the_weights(name, tmp_path):
    path = tiny_weights(name, tmp_path / "my_own.safetensors")
    stack = phantom("cine", 0, frames=2, slices=2, rows=32, columns=32, pixel_mm=4.5, thickness_mm=20.0).series
    kept = json.loads(json.dumps(register(stack, name, weights=str(path)).provenance))
    assert kept["weights"] == "my_own"
    assert kept["weights_sha256"] == Weights.load(path).card["sha256"]
    assert kept["options"]["weights"] == str(path)
    assert kept["heart_from"] == "labels"
    assert kept["notes"][-1] == IN_PLANE


# ---------------------------------------------------------------------- which weights


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The user's folder, and none that ship."""
    monkeypatch.setenv(FOLDER, str(tmp_path))
    monkeypatch.setattr("CardiacMotionLib.weights.places.shipped", list)
    return tmp_path


@pytest.fixture
def three(folder):
    for name, task, dims in (("riir_cine_3d", "cine", 3), ("riir_cine_2d", "cine", 2), ("riir_mapping", "mapping", 2)):
        tiny_weights("riir", folder / f"{name}.safetensors", task, dims=dims)
    tiny_weights("voxelmorph", folder / "a_voxelmorph.safetensors")
    return folder


def for_maps(series, name="inversion_times"):
    return series.replace(meta={name: list(range(len(series)))})


@pytest.mark.parametrize(
    ("series", "chosen"),
    [
        (noise(2, 1, 8, 8), "riir_cine_2d"),
        (noise(2, 3, 8, 8), f"riir_cine_{learned.STACK_DIMS}d"),
        (for_maps(noise(2, 1, 8, 8)), "riir_mapping"),
        (for_maps(noise(2, 3, 8, 8), "saturation_times"), "riir_mapping"),
        (for_maps(noise(2, 3, 8, 8), "echo_times"), "riir_mapping"),
    ],
    ids=["slice", "stack", "t1 of a slice", "t1 of a stack", "t2"],
)
def test_auto_takes_what_fits_the_series(three, series, chosen):
    assert choose_weights("riir", "auto", series).name == chosen


@pytest.mark.parametrize(
    ("kind", "chosen"), [("cine", "riir_cine_2d"), ("t1", "riir_mapping"), ("asl", "riir_mapping")]
)
def test_examinations_of_the_phantom_know_what_they_are_for(three, kind, chosen):
    series = phantom(kind, 0, slices=1, rows=32, columns=32, pixel_mm=4.0).series
    assert choose_weights("riir", "auto", series).name == chosen


def test_auto_takes_weights_for_stacks_where_there_are_no_others(folder):
    tiny_weights("riir", folder / "riir_deep.safetensors", dims=3)
    assert choose_weights("riir", "auto", noise(2, 3, 8, 8)).name == "riir_deep"
    with pytest.raises(CardiacMotionError, match="riir has no weights of task cine for a slice; train some"):
        choose_weights("riir", "auto", noise(2, 1, 8, 8))


def test_auto_takes_the_users_before_those_that_ship(folder, tmp_path_factory, monkeypatch):
    theirs = tmp_path_factory.mktemp("ships")
    ships = [tiny_weights("riir", theirs / f"{name}.safetensors") for name in ("a_first", "riir_cine_2d")]
    monkeypatch.setattr("CardiacMotionLib.weights.places.shipped", lambda: ships)
    assert choose_weights("riir", "auto", noise(2, 1, 8, 8)).name == "a_first"
    tiny_weights("riir", folder / "z_mine.safetensors")
    assert choose_weights("riir", "auto", noise(2, 1, 8, 8)).name == "z_mine"


@pytest.mark.parametrize("asked", ["cine_3d", "riir_cine_3d", "{folder}/riir_cine_3d.safetensors"])
def test_by_name_or_file_what_was_asked_for_is_taken(three, asked):
    assert choose_weights("riir", asked.format(folder=three), noise(2, 3, 8, 8)).name == "riir_cine_3d"
    assert choose_weights("riir", "riir_mapping", noise(2, 3, 8, 8)).name == "riir_mapping"


@pytest.mark.parametrize(
    ("asked", "series", "said"),
    [
        ("riir_cine_3d", noise(2, 1, 8, 8), "riir_cine_3d are for stacks, the series is one slice; take others"),
        (
            "a_voxelmorph",
            noise(2, 1, 8, 8),
            "a_voxelmorph.* has weights of the method voxelmorph, expected some of riir",
        ),
        ("best", noise(2, 1, 8, 8), "'best': no such file, and the known names of riir are riir_cine_2d, riir_cine_3d"),
        ("", noise(2, 1, 8, 8), "known names of riir"),
    ],
)
def test_weights_that_do_not_fit_are_refused_in_one_line(three, asked, series, said):
    with pytest.raises(CardiacMotionError, match=said) as caught:
        register(series, "riir", weights=asked)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", LEARNED)
@pytest.mark.parametrize(("maps", "task"), [(False, "cine"), (True, "mapping")])
def test_no_weights_at_all(folder, name, maps, task):
    series = contracting_series()[0]
    with pytest.raises(
        CardiacMotionError, match=f"method {name} has no weights of task {task} for a slice; train some"
    ):
        register(for_maps(series) if maps else series, name)


@pytest.mark.parametrize("missing", ["dims", "pixel_mm", "task"])
def test_a_card_that_does_not_say_what_is_needed(folder, missing):
    path = tiny_weights("riir", folder / "riir_own.safetensors", card={missing: None})
    with pytest.raises(CardiacMotionError, match=f"riir_own.*{missing}|has no weights of task cine"):
        register(contracting_series()[0], "riir")
    if missing != "task":
        with pytest.raises(CardiacMotionError, match=f"riir_own.*{missing}"):
            register(contracting_series()[0], "riir", weights=str(path))


def test_a_network_is_built_from_plain_values():
    network = methods()["riir"].network()
    assert build_network(network, {"first": 4, "dims": 3}).config == network.Config(first=4, dims=3)
    with pytest.raises(CardiacMotionError, match="the network of riir has no setting depth, width; it has dims, steps"):
        build_network(network, {"width": 3, "depth": 2})
    with pytest.raises(CardiacMotionError, match="option first must be from 1 to 256, got 0"):
        build_network(network, {"first": 0})
