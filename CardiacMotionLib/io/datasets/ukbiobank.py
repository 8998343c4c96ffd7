"""UK Biobank style folders: a subject's short-axis cine, tagged slices and long axes, as NIfTI or as DICOM.

NIfTI as the pipeline of Bai et al. (Automated cardiovascular magnetic resonance image analysis with fully convolutional
networks, JCMR 20 (2018) 65) writes it: ``sa.nii.gz``, ``label_sa_ED.nii.gz`` and ``label_sa_ES.nii.gz`` or
``label_sa.nii.gz`` (manual), ``seg_sa.nii.gz`` (automatic), ``la_2ch.nii.gz``, ``tag_1.nii.gz``. The frame interval is
in seconds without a unit, the first frame is end-diastole, and the values are 1 LV cavity, 2 LV myocardium, 3 RV.

DICOM as it is downloaded, unpacked: fields 20209 (short axis), 20208 (long axes) and 20211 (tagging) in folders
``1234567_20209_2_0``, or one folder a series, ``CINE_segmented_SAX_b1`` and ``cine_tagging_3sl_SAX_b1s``; what an image
belongs to is told by its series description. Tagged slices are series of their own, since they lie far apart.

Tested on small files of the published layout.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ...errors import CardiacMotionError
from ...series import LV_CAVITY, ImageSeries
from ..dicom import read_dicom
from ..files import natural_key, package
from ..labels import attach_labels
from ..nifti import read_nifti
from .case import Case, Examination, files_in, folders_within
from .phases import series_of_phases

NAME = "ukbiobank"
TITLE = "UK Biobank style: subject folders with sa.nii.gz, label_sa_ED.nii.gz, tag_1.nii.gz, or DICOM of field 20209"
NIFTI = re.compile(r"^(.+?)\.nii(?:\.gz)?$")
TAGGED_FILE = re.compile(r"^(?:tag|tagged)(?:_(\w+))?$")
LONG_AXIS_FILE = re.compile(r"^la_([234]ch)$")
FIELD = re.compile(r"^(\d{7})_20209(_\d_\d)$")
SHORT_AXIS = re.compile(r"^CINE_segmented_SAX(_b\d+)?$", re.IGNORECASE)
TAGGED = re.compile(r"^cine_tagging\w*?_b(\d+)s?$", re.IGNORECASE)
LONG_AXIS = re.compile(r"^CINE_segmented_LAX_([234]ch)$", re.IGNORECASE)
TAGS = ("SeriesDescription", "SeriesNumber", "SeriesInstanceUID")
SEVERAL_SLICES = "cine_segmented_sax"  # the one description that may be of more than one slice
LABEL_MAP: dict[int | str, int] = {1: 3, 2: 2, 3: 1}


def find(folder: Path) -> list[Case]:
    """The subjects in ``folder``, or the one that it is."""
    cases = []
    for sub in folders_within(folder):
        names = _nifti(sub)
        if "sa" in names or {"sa_ED", "sa_ES"} <= set(names):
            cases.append(Case(sub.name, NAME, sub, _facts(names), _read_nifti))
        elif any(SHORT_AXIS.match(f.name) for f in sub.iterdir() if f.is_dir()):
            cases.append(Case(sub.name, NAME, sub, {"labeled": ()}, _read_dicom))
        elif field := FIELD.match(sub.name):
            cases.append(Case(field[1], NAME, sub, {"labeled": ()}, _read_dicom))
    return cases


def _nifti(folder: Path) -> dict[str, Path]:
    """{name without suffix: NIfTI file}."""
    return {m[1]: f for f in files_in(folder) if (m := NIFTI.match(f.name))}


def _facts(names: Iterable[str]) -> dict[str, Any]:
    kind = _label_kind(names)
    if f"{kind}_sa" in names:
        return {"labeled": ("ED", "ES") if kind == "label" else ("all",)}
    return {"labeled": tuple(phase for phase in ("ED", "ES") if f"{kind}_sa_{phase}" in names)}


def _label_kind(names: Iterable[str]) -> str:
    """``label`` where there are manual labels, ``seg`` otherwise."""
    return "label" if any(name.startswith("label_sa") for name in names) else "seg"


def _read_nifti(case: Case) -> Examination:
    files = _nifti(case.path)
    cine = read_nifti(files["sa"], unit_of_time="sec") if "sa" in files else None
    kind = _label_kind(files)
    images = {phase: files[f"sa_{phase}"] for phase in ("ED", "ES") if f"sa_{phase}" in files}
    whole = files.get(f"{kind}_sa")
    labels = {
        phase: files[f"{kind}_sa_{phase}"] for phase in ("ED", "ES") if not whole and f"{kind}_sa_{phase}" in files
    }
    series = series_of_phases(case.name, cine, images, labels, LABEL_MAP, assumed={"ED": 0})
    notes = list(series.meta["notes"])
    if whole:
        series = attach_labels(series, whole, LABEL_MAP)
    if kind == "seg" and series.labels:
        notes.append("The labels were drawn by a program (seg_sa), not by an observer.")
    meta = {**series.meta, "notes": notes, **_end_systole(series)}
    companions = {
        **{f"tagged_{m[1]}" if m[1] else "tagged": files[n] for n in files if (m := TAGGED_FILE.match(n))},
        **{f"long_axis_{m[1]}": files[n] for n in files if (m := LONG_AXIS_FILE.match(n))},
    }
    return Examination(
        series.replace(meta=meta),
        companions={name: read_nifti(file, unit_of_time="sec") for name, file in companions.items()},
    )


def _end_systole(series: ImageSeries) -> dict[str, int]:
    """The labeled frame with the smallest cavity, where no file says it and more than one frame is labeled."""
    if "end_systole" in series.meta or len(series.labels) < 2:
        return {}
    volumes = {t: int((labels == LV_CAVITY).sum()) for t, labels in series.labels.items()}
    return {"end_systole": min(volumes, key=volumes.__getitem__)}


def _read_dicom(case: Case) -> Examination:
    field = FIELD.match(case.path.name)
    folders = (
        [case.path.with_name(f"{field[1]}_{n}{field[2]}") for n in (20209, 20208, 20211)] if field else [case.path]
    )
    notes: list[str] = []
    series = _by_description([folder for folder in folders if folder.is_dir()], notes)
    slices = [files for description, files in series.items() if SHORT_AXIS.match(description)]
    if not slices:
        listing = ", ".join(sorted(series)) or "none"
        raise CardiacMotionError(f"{case.path}: no series CINE_segmented_SAX_b1, ...; the series are {listing}")
    cine = read_dicom(case.path, files=[file for files in slices for file in files])
    companions = {}
    for description, files in series.items():
        if match := TAGGED.match(description):
            companions[f"tagged_{match[1]}"] = read_dicom(case.path, files=files)
        elif match := LONG_AXIS.match(description):
            companions[f"long_axis_{match[1].lower()}"] = read_dicom(case.path, files=files)
    meta = {**cine.meta, "name": case.name, "end_diastole": 0, "notes": [*cine.meta["notes"], *notes]}
    return Examination(cine.replace(meta=meta), companions=companions)


def _by_description(folders: Iterable[Path], notes: list[str]) -> dict[str, list[Path]]:
    """{series description: DICOM files}; a series without one goes by the name of its folder.

    A slice that was taken again has two series of the same description, of which the last is kept.
    """
    pydicom = package("pydicom", "reading DICOM files")
    found: dict[str, dict[tuple[int, str], list[Path]]] = defaultdict(lambda: defaultdict(list))
    for file in (f for folder in folders for f in sorted(folder.rglob("*"), key=natural_key) if f.is_file()):
        try:
            header = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=list(TAGS))
        except pydicom.errors.InvalidDicomError:  # manifest.csv and the like
            continue
        description = str(header.get("SeriesDescription", "") or file.parent.name)
        order = int(header.get("SeriesNumber", None) or 0), str(header.get("SeriesInstanceUID", ""))
        found[description][order].append(file)
    chosen = {}
    for description, series in sorted(found.items()):
        whole = description.lower() == SEVERAL_SLICES
        if len(series) > 1 and not whole and any(p.match(description) for p in (SHORT_AXIS, TAGGED, LONG_AXIS)):
            notes.append(f"{description} was taken {len(series)} times; the last was read.")
        chosen[description] = [f for files in series.values() for f in files] if whole else series[max(series)]
    return chosen
