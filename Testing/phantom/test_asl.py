"""Perfusion phantoms: the difference of control and tag is the perfusion of the map."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import minimum_filter

from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.phantom import phantom
from CardiacMotionLib.series import LV_CAVITY, MYOCARDIUM

SMALL = {"rows": 48, "columns": 48, "pixel_mm": 2.4}
IDEAL = {"noise": 0.0, "texture": 0.0, "acquired": 1.0, "fluctuation": 0.0, "magnitude": False}
AT_REST = {"breathing_mm": 0.0, "drift_mm": 0.0, "cardiac_jitter": 0.0}


def measured(subject):
    """Perfusion (K, J, I) by MBF = (C - T) / (2 B TI) exp(TI / T1 of blood), lambda 1, for TI that are one."""
    frames, meta = subject.series.frames.astype(float), subject.meta
    times, tag = np.array(meta["inversion_times"]), np.array(meta["is_tag"])
    inverted = np.isfinite(times)
    ti = times[inverted].mean()
    difference = frames[inverted & ~tag].mean(0) - frames[tag].mean(0)
    return difference / (2 * frames[~inverted].mean(0) * ti / 60_000) * np.exp(ti / meta["t1_blood"])


def test_the_difference_of_control_and_tag_is_the_map():
    subject = phantom("asl", 1, group="ischemic", **SMALL, **IDEAL, **AT_REST)
    pure = (subject.maps["purity"] > 1 - 1e-6) & (subject.series.labels[0] == MYOCARDIUM)
    truth = subject.maps["perfusion"]
    assert pure.sum() > 20
    assert measured(subject)[pure] == pytest.approx(truth[pure], rel=1e-3)
    scar, healthy = np.unique(truth[pure])
    assert scar < 0.5 * healthy
    assert 0.6 <= healthy <= 1.5


def test_sixty_images_twelve_of_them_five_times():
    subject = phantom("asl", 2, **SMALL)
    times, tag = np.array(subject.meta["inversion_times"]), np.array(subject.meta["is_tag"])
    assert subject.series.frames.shape == (60, 1, 48, 48)
    assert (tag.reshape(5, 12) == tag[:12]).all()
    assert (tag.sum(), np.isinf(times).sum()) == (25, 10)
    assert subject.series.meta["model"] == "asl"
    assert subject.series.meta["is_tag"] == subject.meta["is_tag"]


def test_blood_in_the_cavity_is_labeled_but_for_controls():
    subject = phantom("asl", 3, **SMALL, **IDEAL, **AT_REST)
    blood = (subject.maps["purity"] > 1 - 1e-6) & (subject.series.labels[0] == LV_CAVITY)
    images, tag = subject.series.frames[:, blood], np.array(subject.meta["is_tag"])
    assert images[~tag] == pytest.approx(np.broadcast_to(images[0], images[~tag].shape))
    ti = np.array(subject.meta["inversion_times"])[tag][0]
    inverted = 1 - 2 * np.exp(-ti / subject.maps["T1"][blood][0])
    assert images[tag] / images[0] == pytest.approx(np.full(images[tag].shape, inverted), rel=1e-5)


def test_the_perfusion_that_was_asked_for_is_in_the_wall():
    subject = phantom("asl", 4, perfusion=3.0, **SMALL)
    pure = (subject.maps["purity"] > 1 - 1e-6) & (subject.series.labels[0] == MYOCARDIUM)
    assert subject.maps["perfusion"][pure] == pytest.approx(3.0)


def test_the_signal_fluctuates_between_images_as_was_asked():
    options = {**SMALL, **AT_REST, **IDEAL}
    calm, restless = phantom("asl", 5, **options), phantom("asl", 5, **{**options, "fluctuation": 2.0})
    seen = np.abs(calm.series.frames) > 0.05
    ratio = restless.series.frames[seen] / calm.series.frames[seen] - 1
    assert ratio.std() == pytest.approx(0.02, rel=0.1)


def test_what_breathing_does_is_in_the_motion():
    """The difference is wrong where blood comes into a voxel of wall, and right again with the images carried back."""
    options = {**SMALL, **IDEAL, "pixel_mm": 1.5, "cardiac_jitter": 0.0, "slices": 7, "shading": 0.0}
    subject = phantom("asl", 3, breathing_mm=10.0, thickness_mm=3.0, **options)
    back = replace(subject, series=subject.series.replace(frames=subject.motion.warp(subject.series)))
    deep = minimum_filter(subject.maps["purity"] > 1 - 1e-6, 3) & (subject.series.labels[0] == MYOCARDIUM)
    deep &= (np.arange(7) == 3)[:, None, None]
    assert deep.sum() > 30
    wrong, right = (np.abs(measured(one)[deep] - subject.maps["perfusion"][deep]) for one in (subject, back))
    assert wrong.mean() > 0.3
    assert right.mean() < 0.02


def test_t1_is_the_persons_in_both_kinds():
    place = {"group": "ischemic", **SMALL}
    maps = [phantom(kind, 6, **place).maps for kind in ("asl", "t1")]
    assert np.nanmax(np.abs(maps[0]["T1"] - maps[1]["T1"])) == 0


def test_a_perfusion_that_is_none_is_named():
    with pytest.raises(CardiacMotionError, match="option perfusion must be from 0 to 8 mL/g/min"):
        phantom("asl", 0, perfusion=-1.0)
