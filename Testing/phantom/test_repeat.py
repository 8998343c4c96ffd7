"""The same examination once more: person, slices and motion as they were, noise or artefacts drawn anew."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from CardiacMotionLib import phantom
from CardiacMotionLib.phantom.cine import Options
from CardiacMotionLib.phantom.examination import DRAWN_ANEW, Examination

SMALL = {"frames": 3, "slices": 3, "rows": 36, "columns": 36, "pixel_mm": 4.4, "group": "dcm"}


@lru_cache
def cine(**options):
    return phantom("cine", 5, **SMALL, **options)


def test_the_first_time_is_as_it_was_before_there_were_repeats():
    """Numbers come from seed, kind and purpose alone, so the subjects of this version stay what they are."""
    exam = Examination.begin("cine", 5, Options(**SMALL))
    for purpose in (*DRAWN_ANEW, "coil"):
        expected = np.random.default_rng([5, *b"cine", 0, *purpose.encode()]).random(4)
        assert np.array_equal(exam.rng(purpose).random(4), expected)
    assert np.array_equal(cine().series.frames, cine(repeat=0).series.frames)


def test_a_repeat_differs_in_noise_alone():
    clean = {"artefacts": "none", "noise": 5.0}
    first, again, third = (cine(repeat=n, **clean) for n in range(3))
    assert np.array_equal(first.motion.displacement, again.motion.displacement)
    assert np.array_equal(first.series.affine, again.series.affine)
    assert all(np.array_equal(first.series.labels[t], again.series.labels[t]) for t in range(3))
    ideal = cine(artefacts="none", noise=0.0)
    assert np.array_equal(ideal.series.frames, cine(artefacts="none", noise=0.0, repeat=1).series.frames)
    bright = ideal.series.frames > 0.5  # where magnitude leaves the noise Gaussian
    noise = [(one.series.frames - ideal.series.frames)[bright] for one in (first, again, third)]
    assert [part.std() for part in noise] == pytest.approx([0.05] * 3, rel=0.1)
    assert np.abs(np.corrcoef(noise) - np.eye(3)).max() < 0.15


def test_ghosts_and_flow_are_drawn_anew_and_the_coil_is_not():
    quiet = {"artefacts": "none", "noise": 0.0}
    for strength, differs in (({"ghosting": 0.2}, True), ({"inflow": 0.2}, True), ({"shading": 0.5}, False)):
        first, again = (cine(**quiet, **strength, artefact_repeat=n).series.frames for n in (0, 1))
        assert np.array_equal(first, again) != differs
        assert np.array_equal(first, cine(**quiet, **strength, repeat=1).series.frames)


def test_the_stack_is_moved_through_its_slices():
    here, there = cine(), cine(shift_z_mm=4.0)
    normal = here.series.affine[:3, 2] / here.series.spacing[2]
    assert np.allclose(there.series.affine[:3, 3] - here.series.affine[:3, 3], -4.0 * normal)
    assert np.allclose(there.series.affine[:3, :3], here.series.affine[:3, :3])
    assert there.anatomy == here.anatomy
    assert np.allclose(there.series.meta["rv_insertion"], here.series.meta["rv_insertion"])
    assert not np.array_equal(there.series.labels[0], here.series.labels[0])
