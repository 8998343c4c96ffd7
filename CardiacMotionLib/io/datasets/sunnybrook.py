"""Sunnybrook Cardiac Data (MICCAI 2009 LV challenge): DICOM cines, contours as text files of pixel coordinates.

Radau et al., Evaluation Framework for Algorithms Segmenting Short Axis Cardiac MRI, The MIDAS Journal, 2009.
Endocardial contours (``-icontour-``) are drawn at ED and ES, epicardial ones (``-ocontour-``) at ED; papillary muscles
(``-p1contour-``) belong to the cavity and their contours are not used. The number in a contour's name is that of the
image of the short-axis series: IM-0001-0048-icontour-manual.txt is drawn on IM-0004-0048.dcm. The right ventricle is
not drawn.

Contours come apart from the images, under SC-HF-I-01 for the patient SC-HF-I-1, which the Cardiac Atlas Project calls
SCD0000101; its table scd_patientdata.csv links the two. The files do not say whether pixels count from 0 or 1; they are
taken from 0, as published readers do.

Tested on the NIfTI copies of three patients, and on real images and contours of one of them (four slices), put into
folders as both sources have them.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import CardiacMotionError
from ...series import LV_CAVITY, MYOCARDIUM, ImageSeries
from ..dicom import read_dicom_planes
from ..files import reading
from ..labels import attach_labels
from ..nifti import read_nifti
from .case import Case, Examination, files_in, folders_within
from .contours import inside
from .tables import rows_by, table_above

NAME = "sunnybrook"
TITLE = "Sunnybrook: SC-HF-I-1 or SCD0000101 folders of DICOM with IM-0001-0048-icontour-manual.txt, or the NIfTI copy"
ORIGINAL = re.compile(r"^SC-(HF-I|HF-NI|HYP|N)-0*(\d+)$")
PATIENT = re.compile(r"^SCD\d{7}$")
CONTOUR = re.compile(r"^IM-\d+-(\d+)-([io])contour-manual\.txt$")
IMAGE = re.compile(r"^(?:IM-(\d+)-)?(\d+)\.dcm$")
COPY = re.compile(r"^(SC-(?:HF-I|HF-NI|HYP|N)-\d+)_cine4d\.nii(?:\.gz)?$")
GROUPS = {
    "HF-I": "heart failure with infarct",
    "HF-NI": "heart failure without infarct",
    "HYP": "hypertrophy",
    "N": "normal",
}
TABLES = (("scd_patientdata.csv", "PatientID", "OriginalID"), ("link.csv", "patient_id", "original_id"))
ENCLOSED = 0.9  # part of the cavity that must lie within the epicardial contour of the same image


def find(folder: Path) -> list[Case]:
    """The patients in ``folder``, or the one that it is: DICOM folders, or NIfTI copies SC-HF-I-1_cine4d.nii.gz."""
    copies = [(m[1], f) for sub in folders_within(folder, 1) for f in files_in(sub) if (m := COPY.match(f.name))]
    return [*(_copy(name, file) for name, file in copies), *_dicom_cases(folder)]


def _copy(name: str, cine: Path) -> Case:
    labels = _copied_labels(cine, name)
    return Case(name, NAME, cine, {**_group(name), "labeled": tuple(labels)}, _read_copy)


def _copied_labels(cine: Path, name: str) -> dict[int, Path]:
    pattern = re.compile(rf"^{re.escape(name)}_seg_frame(\d+)\.nii(\.gz)?$")
    return {int(m[1]): f for f in files_in(cine.parent) if (m := pattern.match(f.name))}


def _dicom_cases(folder: Path) -> list[Case]:
    named = (f for f in folders_within(folder, 3) if ORIGINAL.match(f.name) or PATIENT.match(f.name))
    subjects = [f for f in named if next(f.rglob("*.dcm"), None)]
    if not subjects:
        return []
    originals, contours = _original_names(folder), _contours(folder)
    cases = []
    for subject in subjects:
        name = _short(originals.get(subject.name, subject.name))
        drawn = contours.get(name, {})
        facts = {**_group(name), "labeled": ("ED", "ES") if drawn else ()}
        cases.append(Case(name, NAME, subject, facts, partial(_read_dicom, contours=drawn)))
    return cases


def _original_names(folder: Path) -> dict[str, str]:
    """{SCD0000101: SC-HF-I-1} as far as a table beside or above the folder says."""
    for table, patient, original in TABLES:
        rows = rows_by(table_above(folder, table), patient)
        if rows:
            return {key: row.get(original, "") or key for key, row in rows.items()}
    return {}


def _contours(folder: Path) -> dict[str, dict[tuple[int, str], Path]]:
    """{patient: {(image number, "i" or "o"): contour file}} of the data set that the folder is of."""
    tables = [table for name, *_ in TABLES if (table := table_above(folder, name))]
    root = tables[0].parent if tables else folder.absolute()
    found: dict[str, dict[tuple[int, str], Path]] = defaultdict(dict)
    for file in sorted(root.rglob("IM-*contour-manual.txt")):
        patient = next((place.name for place in file.parents if ORIGINAL.match(place.name)), None)
        match = CONTOUR.match(file.name)
        if patient and match:
            found[_short(patient)][int(match[1]), match[2]] = file
    return found


def _short(name: str) -> str:
    """SC-HF-I-1 for SC-HF-I-01; other names as they are."""
    match = ORIGINAL.match(name)
    return f"SC-{match[1]}-{match[2]}" if match else name


def _group(name: str) -> dict[str, Any]:
    match = ORIGINAL.match(name)
    return {"group": GROUPS[match[1]]} if match else {}


def _read_copy(case: Case) -> Examination:
    """The cine cut to the heart, with ``_seg_frameTT`` labels; its times are in the JSON file of the contours."""
    series = read_nifti(case.path)
    description = case.path.with_name(f"{case.name}_contours.json")
    if description.is_file():
        with reading(description, "JSON file"):
            times = json.loads(description.read_text()).get("trigger_ms_mid", [])
        if len(times) == len(series):
            notes = [note for note in series.meta["notes"] if "untimed" not in note]
            series = series.replace(times=times, meta={**series.meta, "notes": notes})
    series = attach_labels(series, _copied_labels(case.path, case.name))
    return Examination(_with_meta(series, case.name, []))


def _read_dicom(case: Case, contours: Mapping[tuple[int, str], Path]) -> Examination:
    numbers = {number for number, _ in contours}
    series, planes = read_dicom_planes(case.path, None, _short_axis(case.path, numbers))
    place = {_number(plane.file): (t, k) for k, row in enumerate(planes) for t, plane in enumerate(row)}
    labels: dict[int, np.ndarray] = {}
    notes = []
    for number in sorted(numbers):
        t, k = place[number]
        drawn = {side: _polygon(contours[number, side]) for side in "io" if (number, side) in contours}
        masks = {side: inside(points, series.shape[1:]) for side, points in drawn.items()}
        if "i" in masks and "o" in masks and (masks["i"] & masks["o"]).sum() < ENCLOSED * masks["i"].sum():
            notes.append(f"The epicardial contour of image {number} does not enclose the cavity and was left out.")
            del masks["o"]
        volume = labels.setdefault(t, np.zeros(series.shape, np.uint8))
        if "o" in masks:
            volume[k][masks["o"]] = MYOCARDIUM
        if "i" in masks:
            volume[k][masks["i"]] = LV_CAVITY
    return Examination(_with_meta(series.replace(labels=labels), case.name, notes))


def _short_axis(folder: Path, numbers: set[int]) -> list[Path]:
    """The DICOM files of the series that the contours were drawn on, which is the one that has all their images."""
    files = [f for f in sorted(folder.rglob("*.dcm")) if IMAGE.match(f.name)]
    named = [f for f in files if f.parent.name.upper().startswith("CINESAX")]
    groups: dict[tuple[Path, str], list[Path]] = defaultdict(list)
    for file in named or files:
        groups[file.parent, IMAGE.match(file.name)[1] or ""].append(file)  # type: ignore[index]
    fitting = [group for group in groups.values() if numbers <= {_number(file) for file in group}]
    if len(fitting) != 1:
        listing = ", ".join(f"{group[0].name} to {group[-1].name}" for group in groups.values()) or "none"
        wanted = f"with the {len(numbers)} images that have contours" if numbers else "of the short axis"
        raise CardiacMotionError(
            f"{folder}: expected one series {wanted}, found {len(fitting)} of the series {listing}; keep that one alone"
        )
    return fitting[0]


def _number(file: Path) -> int:
    return int(IMAGE.match(file.name)[2])  # type: ignore[index]


def _polygon(file: Path) -> np.ndarray:
    with reading(file, "contour of lines 'column row' in pixels"):
        points = np.loadtxt(file, ndmin=2)
    if points.shape[0] < 3 or points.shape[1] != 2:
        raise CardiacMotionError(f"{file}: expected three or more lines 'column row', got a table of {points.shape}")
    return points


def _with_meta(series: ImageSeries, name: str, notes: Iterable[str]) -> ImageSeries:
    bare = [t for t, volume in series.labels.items() if not (volume == MYOCARDIUM).any()]
    said = [f"The labels of frame {t} have the cavity but no wall." for t in bare]
    meta = {**series.meta, "name": name, "notes": [*series.meta["notes"], *notes, *said], **_phases(series.labels)}
    return series.replace(meta=meta)


def _phases(labels: Mapping[int, np.ndarray]) -> dict[str, int]:
    """ED and ES: the frames with the larger and the smaller cavity in most slices that have both."""
    areas = {t: (volume == LV_CAVITY).sum(axis=(1, 2)) for t, volume in labels.items()}
    votes: dict[str, Counter[int]] = {"end_diastole": Counter(), "end_systole": Counter()}
    for k in range(len(next(iter(areas.values()), ()))):
        drawn = {t: int(area[k]) for t, area in areas.items() if area[k]}
        if len(drawn) > 1:
            votes["end_diastole"][max(drawn, key=drawn.__getitem__)] += 1
            votes["end_systole"][min(drawn, key=drawn.__getitem__)] += 1
    return {phase: count.most_common(1)[0][0] for phase, count in votes.items() if count}
