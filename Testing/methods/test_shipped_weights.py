"""Weights that ship find motion on synthetic people whom they have never seen."""

from __future__ import annotations

import numpy as np
import pytest
from quick_options import missing

from CardiacMotionLib import Motion, phantom, register
from CardiacMotionLib.methods import methods
from CardiacMotionLib.methods.learned import ANY, CINE, MAPPING, STACK_DIMS, load_network
from CardiacMotionLib.metrics import dice
from CardiacMotionLib.phantom.stream import HELD_OUT, PairStream
from CardiacMotionLib.weights import Weights, cards, shipped

LEARNED = {file: card for file, card in cards().items() if file in shipped() and card["method"] in methods()}
LEARNED = {file: card for file, card in LEARNED.items() if methods()[card["method"]].network is not None}
PERSON = HELD_OUT + 700  # not among those that validations saw


def of(task: str):
    files = [file for file, card in LEARNED.items() if card["task"] == task]
    return pytest.mark.parametrize("file", files, ids=lambda file: file.stem)


def error(motion, truth, where):
    """Mean length in mm of the error within the slices."""
    mm = motion.spacing[:2]
    off = [(motion.voxels(t) - truth.voxels(t))[0].numpy()[where][:, :2] * mm for t in range(1, len(truth.times))]
    return np.linalg.norm(off, axis=-1).mean()


@pytest.mark.parametrize("file", LEARNED, ids=lambda file: file.stem)
def test_card_says_what_a_run_needs_and_the_network_fits(file):
    weights = Weights.load(file)
    network = load_network(methods()[weights.card["method"]].network(), weights, "cpu")
    assert network.dims == weights.card["dims"]
    assert 0.5 <= weights.card["pixel_mm"] <= 5
    assert "not a medical device" in weights.card["notice"]
    assert "no data of people" in weights.card["data"]
    assert np.isfinite(weights.card["scores"]["score"])


FOR_CINES = [
    pytest.param(file, slices, id=f"{file.stem}-{slices}")
    for file, card in LEARNED.items()
    if card["task"] == CINE and methods()[card["method"]].task == "pairs"
    for slices in ((1, 5) if card["dims"] == 2 else (5,))
]


@pytest.mark.parametrize(("file", "slices"), FOR_CINES)
def test_cine(file, slices):
    heart = PairStream(1, PERSON, slices=slices, rows=80, columns=80, pixel_mm=1.8).subject(0)
    motion = register(heart.series, LEARNED[file]["method"], weights=str(file), reference=0)
    labels = heart.series.labels
    still = Motion(np.zeros_like(motion.displacement), motion.affine)
    there = labels[0] > 0
    assert error(motion, heart.motion, there) < 0.5 * error(still, heart.motion, there)
    assert (motion.jacobian_determinant()[1][there] <= 0).mean() < 0.02
    carried = motion.warp_labels(labels[0], 1)
    for label in (2, 3):
        assert dice(carried == label, labels[1] == label) > dice(labels[0] == label, labels[1] == label)


FOR_CLIPS = [file for file, card in LEARNED.items() if methods()[card["method"]].task == "clips"]


@pytest.mark.parametrize("kind", ["dense", "cine"])
@pytest.mark.parametrize("file", FOR_CLIPS, ids=lambda file: file.stem)
def test_clips(file, kind):
    """The motion of the wall, told by its outline in every frame."""
    method = LEARNED[file]["method"]
    if missing(method):
        pytest.skip(f"method {method} needs {', '.join(missing(method))}, which is not installed")
    timing = {"frames": 8, "frame_ms": 110.0} if kind == "dense" else {"frames": 8}
    heart = phantom(kind, PERSON, slices=2, rows=88, columns=88, pixel_mm=1.7, group="normal", **timing)
    motion = register(heart.series, method, weights=str(file), reference=0)
    wall = heart.series.labels[0] == 2
    still = Motion(np.zeros_like(motion.displacement), motion.affine)
    assert error(motion, heart.motion, wall) < 0.5 * error(still, heart.motion, wall)
    assert (motion.jacobian_determinant()[4][wall] <= 0).mean() < 0.02


@of(MAPPING)
def test_maps(file):
    """People breathe, also through the slice; the brightness of tissues changes from image to image."""
    options = {"sequence": "msasha", "slices": 1, "rows": 80, "columns": 80, "pixel_mm": 1.8, "breathing_mm": 12.0}
    errors, overlaps = [], []
    for person in range(PERSON, PERSON + 3):
        heart = phantom("t1", person, **options)
        labels, count = heart.series.labels, len(heart.series)
        motion = register(heart.series, LEARNED[file]["method"], weights=str(file), reference=0)
        for found in (motion, Motion(np.zeros_like(motion.displacement), motion.affine)):
            errors.append(error(found, heart.motion, labels[0] > 0))
            carried = [found.warp_labels(labels[0], t) == 2 for t in range(1, count)]
            overlaps.append(np.mean([dice(one, labels[t] == 2) for t, one in enumerate(carried, 1)]))
    assert np.mean(errors[::2]) < 0.75 * np.mean(errors[1::2])
    assert np.mean(overlaps[::2]) > np.mean(overlaps[1::2]) + 0.06


@of(CINE)
def test_auto_takes_them(file):
    """A slice goes through weights for slices; a stack too, where there are both."""
    card = LEARNED[file]
    name = card["method"]
    both = sum(other["method"] == name and other["task"] == "cine" for other in LEARNED.values()) > 1
    slices = 1 if card["dims"] == 2 else 5
    heart = phantom("cine", PERSON, frames=2, slices=slices, rows=48, columns=48, pixel_mm=3.0)
    expected = f"{name}_cine_{STACK_DIMS if both and slices > 1 else card['dims']}d"
    assert register(heart.series, name).provenance["weights"] == expected


# ---------------------------------------------------------------------- sets


def still(motion):
    return Motion(np.zeros_like(motion.displacement), motion.affine, None)


@of(ANY)
@pytest.mark.parametrize("sequence", ["stone", "molli"])
def test_sets_of_contrasts(file, sequence):
    """Trained on STONE alone; MOLLI was never seen."""
    options = {"sequence": sequence, "rows": 96, "columns": 96, "pixel_mm": 1.8, "breathing_mm": 10.0}
    before, after = [], []
    for person in range(PERSON, PERSON + 3):
        heart = phantom("t1", person, **options)
        motion = register(heart.series, LEARNED[file]["method"], weights=str(file))
        assert motion.reference is None
        there = heart.series.labels[0] > 0
        for found, errors in ((motion, after), (still(motion), before)):
            errors.append(error(found.expressed_in(0), heart.motion, there))
    assert np.mean(after) < 0.65 * np.mean(before)


@of(ANY)
def test_a_set_has_no_order(file):
    heart = phantom("t1", PERSON, rows=80, columns=80, pixel_mm=2.0, breathing_mm=10.0)
    order = np.random.default_rng(0).permutation(len(heart.series))
    plain = heart.series.replace(times=None, meta={})
    shuffled = plain.replace(frames=plain.frames[order], labels={n: plain.labels[t] for n, t in enumerate(order)})
    method = LEARNED[file]["method"]
    frame = int(np.flatnonzero(order == 0)[0])
    labels = {0: plain.labels[0]}, {frame: plain.labels[0]}  # both look for the heart in the same place
    found, again = (
        register(series.replace(labels=of), method, weights=str(file))
        for series, of in zip((plain, shuffled), labels, strict=True)
    )
    assert np.abs(found.displacement[order] - again.displacement).max() <= 1e-5 * max(
        1.0, np.abs(found.displacement).max()
    )


@of(ANY)
@pytest.mark.parametrize("count", [1, 2, 7, 60, 200])
def test_sets_of_any_size(file, count):
    heart = phantom("t1", PERSON, rows=48, columns=48, pixel_mm=3.0)
    frames = heart.series.frames[np.arange(count) % len(heart.series)]
    series = heart.series.replace(frames=frames, times=None, labels={0: heart.series.labels[0]}, meta={})
    motion = register(series, LEARNED[file]["method"], weights=str(file))
    assert motion.displacement.shape[0] == count
    assert np.isfinite(motion.displacement).all()
    same = np.abs(motion.displacement - motion.displacement[np.arange(count) % len(heart.series)]).max()
    assert same < 1e-3  # equal images have equal motions
