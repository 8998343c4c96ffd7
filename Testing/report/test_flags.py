"""Words about the quality of a motion and its strain: each defect has its own."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

import CardiacMotionLib as cm
from CardiacMotionLib.pipeline import Outcome
from CardiacMotionLib.report import quality_flags
from CardiacMotionLib.strain.compute import NOT_CORRECTED
from CardiacMotionLib.strain.insertion import EXCHANGED

QUALITY = [
    ("folding", "heart", 1, 0.0, "%"),
    ("|J-1|", "LV myocardium", 1, 0.03, "1"),
    ("RMSE", "around the heart", pd.NA, 0.05, "1"),
    ("RMSE before", "around the heart", pd.NA, 0.12, "1"),
    ("Dice", "LV myocardium", 2, 0.9, "1"),
]


def quality(**changed):
    """The scores of a good motion, some of them changed by metric."""
    rows = [
        (m, s, f, changed.get(m.replace("|", "").replace("-", "").replace(" ", ""), v), u) for m, s, f, v, u in QUALITY
    ]
    table = pd.DataFrame(rows, columns=["metric", "structure", "frame", "value", "unit"])
    return table.astype({"frame": "Int64", "value": "float64"})


@pytest.fixture(scope="module")
def good(a_subject, its_strain):
    """An outcome with nothing to complain about: the strain of a phantom, told to have frames enough."""
    times = np.linspace(0, 900, 40)
    function = {**its_strain.function, "GRS_percent": 30.0, "wall_thickening_percent": 31.0}
    summary = its_strain.summary.assign(end_cycle_residual=0.0)  # six frames do not close the cycle
    strain = dataclasses.replace(its_strain, times=times, function=function, summary=summary, notes=())
    return Outcome(a_subject.series, a_subject.motion, strain, quality(), ())


def changed(outcome, scores=None, **of_strain):
    strain = dataclasses.replace(outcome.strain, **of_strain)
    return dataclasses.replace(outcome, strain=strain, quality=scores if scores is not None else outcome.quality)


def said(outcome):
    return [f"{severity}: {sentence}" for severity, sentence in quality_flags(outcome)]


def with_residual(strain, share):
    """The summary, with a share of the peak left at the end of the cycle."""
    summary = strain.summary.copy()
    summary["end_cycle_residual"] = share * summary["peak"]
    return summary


def test_a_good_outcome_is_called_good_and_nothing_else(good):
    (line,) = said(good)
    assert line.startswith("good: ")


@pytest.mark.parametrize(
    ("scores", "severity", "words"),
    [
        ({"folding": 0.2}, "caution", "folds over in 0.2 % of the heart in frame 1"),
        ({"folding": 4.0}, "problem", "folds over in 4 % of the heart"),
        ({"J1": 0.15}, "caution", "changes its volume by 15 % on average in frame 1"),
        ({"J1": 0.4}, "problem", "changes its volume by 40 %"),
        ({"RMSE": 0.13}, "problem", "did not find the motion"),
        ({"RMSE": 0.11}, "caution", "92 % of the difference between the frames is left"),
        ({"Dice": 0.7}, "caution", "carried to frame 2 overlaps the one drawn there with a Dice of 0.70"),
        ({"Dice": 0.3}, "problem", "Dice of 0.30"),
    ],
)
def test_a_defect_of_the_motion_is_named_with_its_size(good, scores, severity, words):
    (line,) = said(changed(good, quality(**scores)))
    assert line.startswith(severity)
    assert words in line


@pytest.mark.parametrize(
    ("change", "severity", "words"),
    [
        ({"times": np.arange(20.0)}, "note", "20 frames a cycle: strain rate is unreliable below 30"),
        ({"times": np.arange(8.0)}, "caution", "8 frames a cycle: the true peak falls between two"),
        ({"timed": False}, "note", "no times"),
        ({"drift_corrected": True}, "note", "Drift correction is on"),
        ({"rv_insertion": None}, "caution", "place them with two clicks"),
        ({"notes": (EXCHANGED,)}, "caution", "the points look exchanged"),
        ({"notes": (f"{NOT_CORRECTED}: why.",)}, "caution", "Drift was not corrected: why."),
        ({"end_systole": 0}, "problem", "End-systole and end-diastole are the same frame (0)"),
    ],
)
def test_a_limit_of_the_strain_is_said_with_what_to_do(good, change, severity, words):
    lines = said(changed(good, **change))
    assert any(line.startswith(severity) and words in line for line in lines)


def test_a_curve_that_does_not_come_back_to_zero_is_said_with_its_component(good):
    assert len(said(changed(good, summary=with_residual(good.strain, 0.1)))) == 1
    (line,) = said(changed(good, summary=with_residual(good.strain, 0.3)))
    assert "strain does not come back to zero" in line
    assert line.startswith("caution")
    assert "30 % of the peak" in line
    assert said(changed(good, summary=with_residual(good.strain, 0.7)))[0].startswith("problem")
    silent = said(changed(good, summary=with_residual(good.strain, 0.7), drift_corrected=True))
    assert not any("come back" in line for line in silent)


def test_radial_strain_that_contradicts_the_thickening_is_said(good):
    function = {**good.strain.function, "GRS_percent": 60.0}
    (line,) = said(changed(good, function=function))
    assert "radial strain (60 %)" in line
    assert "thickening of the wall as a whole (31 %)" in line


def test_a_reference_that_is_not_end_diastole_is_said(good):
    volumes = good.strain.volumes.copy()
    volumes.loc[3, "lv_cavity_ml"] = 2 * volumes["lv_cavity_ml"].max()
    (line,) = said(changed(good, volumes=volumes))
    assert "largest in frame 3, but strain is counted from frame 0" in line


def test_the_worst_comes_first(good):
    lines = said(changed(good, quality(folding=5.0, J1=0.15), timed=False))
    assert [line.split(":")[0] for line in lines] == ["problem", "caution", "note"]


def test_why_there_is_no_strain_is_said(good):
    refused = "No strain: labels have two LV walls."
    assert f"note: {refused}" in said(dataclasses.replace(good, strain=None, notes=("Other.", refused)))
    (line,) = said(dataclasses.replace(good, strain=None))  # nothing was looked at that could be good
    assert "needs a segmentation" in line


def test_drift_is_called_absent_only_where_it_would_show(good):
    last = len(good.strain.times) - 1
    assert "no lasting drift" in said(good)[0]
    for change in ({"end_systole": last}, {"drift_corrected": True}):
        assert not any("no lasting drift" in line for line in said(changed(good, **change)))


def test_one_slice_and_few_slices_and_no_strain(a_subject, good):
    series = a_subject.series
    for kept, words in ((slice(2, 3), "One slice"), (slice(2, 4), "Only 2 slices")):
        affine = series.affine.copy()
        affine[:3, 3] += affine[:3, 2] * kept.start
        motion = cm.Motion(a_subject.motion.displacement[:, kept], affine, 0, series.times)
        strain = cm.strain(motion, series.labels[0][kept])
        lines = said(Outcome(series, motion, strain, quality(), ()))
        assert any(words in line for line in lines), lines
    assert any("needs a segmentation" in line for line in said(dataclasses.replace(good, strain=None)))


def test_a_motion_that_is_nothing_but_noise_is_not_called_good(a_subject):
    """The real scores, not made up ones."""
    rng = np.random.default_rng(0)
    motion = a_subject.motion
    noise = rng.normal(0, 3.0, motion.displacement.shape).astype(np.float32)
    noise[0] = 0
    rough = cm.Motion(noise, motion.affine, 0, motion.times)
    series = a_subject.series
    strain = cm.strain(rough, series.labels[0])
    lines = said(Outcome(series, rough, strain, cm.evaluate(rough, series), ()))
    assert lines[0].startswith("problem: The motion folds over")
    assert not any(line.startswith("good") for line in lines)
