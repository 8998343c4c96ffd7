"""What a study is warned about: each check fires on what it is for, and a good study has none."""

import numpy as np
import pytest

from CardiacMotionLib import ImageSeries
from CardiacMotionLib.checks import NOTE, OK, PROBLEM, checks_of, structures_of

SHAPE = (7, 60, 64)
AFFINE = np.diag([1.5, 1.5, 8.0, 1.0])


def heart(radii=(9, 6), center=(30, 32), shape=SHAPE):
    _, j, i = np.indices(shape)
    radius = np.hypot(j - center[0], i - center[1])
    labels = np.zeros(shape, np.uint8)
    labels[(np.hypot(j - center[0], i - center[1] + 13) < 8) & (radius >= radii[0])] = 1
    labels[radius < radii[0]] = 2
    labels[radius < radii[1]] = 3
    return labels


def study(labels=None, frames=30, affine=AFFINE, step=30.0, **changes):
    labels = heart() if labels is None else labels
    images = np.random.default_rng(0).normal(40.0 * labels, 5.0, (frames, *labels.shape))
    given = {"frames": images, "affine": affine, "times": step * np.arange(frames), "labels": {0: labels}, **changes}
    return ImageSeries(**given)


def said(series, level):
    return [check for check in checks_of(series) if check.level == level]


def test_a_good_study_has_nothing_to_say_but_what_it_is():
    series = study()
    assert [check.level for check in checks_of(series)] == [OK, OK]
    cine, labels = (check.sentence for check in checks_of(series))
    assert cine == "30 frames over 870 ms, 7 slices 8.0 mm apart, pixels of 1.50 mm."
    assert labels == "The segmentation of frame 0 is used."


def opened():
    labels = heart()
    labels[2, :, 32:] = np.where(labels[2, :, 32:] == 2, 0, labels[2, :, 32:])
    return labels


def without(*removed):
    labels = heart()
    labels[np.isin(labels, removed)] = 0
    return labels


def flat():
    images = study().frames.copy()
    images[4] = 7.0
    return images


def repeated():
    images = study().frames.copy()
    images[5] = images[4]
    return images


def gray():
    return np.random.default_rng(1).normal(40.0, 5.0, (30, *SHAPE))


SKIP_ONE = np.delete(30.0 * np.arange(31), 12)


@pytest.mark.parametrize(
    ("series", "level", "words"),
    [
        (study(frames=1), PROBLEM, "one frame"),
        (study(frames=12, step=70.0), NOTE, "12 frames are few"),
        (study(frames=25), NOTE, "strain rate is unreliable below 30"),
        (study(times=None), NOTE, "no times"),
        (study(times=SKIP_ONE), NOTE, "30 to 60 ms apart"),
        (study(step=3.0), NOTE, "cover 90 ms"),
        (study(heart(shape=(1, 60, 64))), NOTE, "One slice"),
        (study(heart(shape=(4, 60, 64))), NOTE, "4 slices are few"),
        (study(affine=np.diag([1.5, 1.5, 14.0, 1.0])), NOTE, "14 mm apart"),
        (study(affine=np.diag([2.8, 2.8, 8.0, 1.0])), NOTE, "2.8 mm are coarse"),
        (study().replace(frames=flat()), PROBLEM, "Frame 4 is of one gray value"),
        (study().replace(frames=repeated()), NOTE, "Frame 5 repeats"),
        (study().replace(labels={}), NOTE, "no segmentation"),
        (study(without(2)), PROBLEM, "no LV myocardium"),
        (study(without(2, 3)), PROBLEM, "no LV myocardium and no LV cavity"),
        (study(without(1)), NOTE, "No right ventricle"),
        (study(opened()), NOTE, "open in slice 2"),
        (study(np.where(heart() == 2, 3, np.where(heart() == 3, 2, heart()))), PROBLEM, "in no slice"),
        (study(affine=np.diag([0.2, 0.2, 8.0, 1.0])), PROBLEM, "0.6 mm thick"),
        (study(heart(center=(8, 32))), PROBLEM, "touches the edge"),
        (study(heart(center=(12, 32))), NOTE, "far from the middle"),
        (study().replace(frames=gray()), NOTE, "equally bright"),
    ],
)
def test_each_check_fires_on_what_it_is_for(series, level, words):
    found = said(series, level)
    assert any(words in check.sentence for check in found), [c.sentence for c in checks_of(series)]
    assert all(check.advice for check in found if level != OK)


def test_known_insertions_make_up_for_the_right_ventricle():
    series = study(without(1), meta={"rv_insertion": np.zeros((2, 3))})
    assert not said(series, NOTE)


def test_problems_come_first():
    levels = [check.level for check in checks_of(study(without(2), frames=12, step=70.0))]
    assert levels == sorted(levels, key=(PROBLEM, NOTE, OK).index)
    assert levels[0] == PROBLEM


def test_structures_are_counted():
    rv, wall, cavity = structures_of(without(1), AFFINE)
    assert str(rv) == "RV: none"
    assert wall.slices == cavity.slices == 7
    assert cavity.volume_ml == pytest.approx(np.count_nonzero(heart() == 3) * 0.018)
