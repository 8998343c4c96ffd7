"""Whom a study is about."""

from __future__ import annotations

import pickle

import pytest

from CardiacMotionLib.errors import CardiacMotionError
from CardiacMotionLib.io.datasets import Case
from CardiacMotionLib.studies.subjects import CaseSubject, case_subjects, synthetic_subjects

SMALL = {"frames": 3, "slices": 2, "rows": 32, "columns": 32, "pixel_mm": 4.0}


def test_groups_of_synthetic_people_take_turns():
    people = synthetic_subjects(6)
    assert len({person.group for person in people}) == 5
    assert people[0].group == people[5].group
    assert len({person.name for person in people}) == 6
    assert {person.group for person in synthetic_subjects(3, group="dcm")} == {"dcm"}


def test_a_synthetic_person_survives_the_way_to_a_worker():
    person = pickle.loads(pickle.dumps(synthetic_subjects(1, **SMALL)[0]))
    examination = person.examination()
    assert examination.series.frames.shape == (3, 2, 32, 32)
    assert examination.motion is not None
    assert examination.motion.reference == examination.series.meta["end_diastole"] == 0
    assert 0 < examination.series.meta["end_systole"] < 3
    assert person.identity == synthetic_subjects(1, **SMALL)[0].identity
    assert (
        person.identity != synthetic_subjects(1, group="hcm" if person.group != "hcm" else "dcm", **SMALL)[0].identity
    )


def test_no_people_is_refused():
    with pytest.raises(CardiacMotionError, match="at least 1, got 0"):
        synthetic_subjects(0)


def test_a_number_of_subjects_that_cannot_be_is_refused(tmp_path):
    with pytest.raises(CardiacMotionError, match="number of subjects must be at least 1, got -1"):
        case_subjects(tmp_path, -1)


def test_labels_beside_a_file_are_part_of_the_subject(tmp_path):
    cine = tmp_path / "p1_cine4d.nii.gz"
    for name in ("p1_cine4d.nii.gz", "p1_seg_frame01.nii.gz", "p2_seg_frame01.nii.gz"):
        (tmp_path / name).write_bytes(b"1")
    subject = CaseSubject(Case("p1", "sunnybrook", cine, {}, Case.read))
    before = subject.identity
    (tmp_path / "p2_seg_frame01.nii.gz").write_bytes(b"22")
    assert subject.identity == before
    (tmp_path / "p1_seg_frame01.nii.gz").write_bytes(b"22")
    assert subject.identity != before
