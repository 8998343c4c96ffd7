"""M&Ms-2 (MICCAI 2021): short and long axis a subject, each as cine, ED, ES and labels of ED and ES.

Martin-Isla et al., Deep Learning Segmentation of the Right Ventricle in Cardiac MRI: The M&Ms Challenge, IEEE JBHI 27
(2023) 3302-3313. Label values are 1 LV cavity, 2 LV myocardium, 3 RV in both views.

Tested on small files of the published layout.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ...series import ImageSeries
from ..nifti import read_nifti
from .case import Case, Examination, files_in, folders_within
from .phases import PHASES, series_of_phases
from .tables import facts_from, rows_by, table_above

NAME = "mnms2"
TITLE = "M&Ms-2: folders 001, 002, ... with 001_SA_ED.nii.gz, _SA_ED_gt, _SA_CINE, _LA_ED, and the information table"
FILE = re.compile(r"^(\d{3})_(SA|LA)_(ED|ES|CINE)(_gt)?\.nii(\.gz)?$")
TABLE = "dataset_information.csv"
COLUMNS = {"group": "DISEASE", "vendor": "VENDOR"}
LAST_OF_SPLIT = {160: "training", 200: "validation", 360: "testing"}  # subjects are numbered through the three parts
LABEL_MAP: dict[int | str, int] = {1: 3, 2: 2, 3: 1}


def find(folder: Path) -> list[Case]:
    """The numbered subjects in ``folder`` or its ``dataset`` folder, or the one that it is."""
    subjects = [f for f in folders_within(folder) if _view(f, "SA")]
    rows = rows_by(table_above(folder, TABLE), "SUBJECT_CODE") if subjects else {}
    numbered = {int(code): row for code, row in rows.items() if code.isdigit()}
    return [Case(f.name, NAME, f, _facts(f, numbered), _read) for f in subjects]


def _view(folder: Path, view: str) -> dict[str, Path]:
    """{"ED", "ES", "CINE", "ED_gt", "ES_gt": file} of one view."""
    matches = [(m, f) for f in files_in(folder) if (m := FILE.match(f.name)) and m[1] == folder.name]
    return {m[3] + (m[4] or ""): f for m, f in matches if m[2] == view}


def _facts(folder: Path, rows: dict[int, dict[str, str]]) -> dict[str, Any]:
    number = int(folder.name)
    facts: dict[str, Any] = facts_from(rows.get(number, {}), COLUMNS)
    split = next((name for last, name in LAST_OF_SPLIT.items() if number <= last), None)
    files = _view(folder, "SA")
    labeled = tuple(phase for phase in PHASES if f"{phase}_gt" in files)
    return {**facts, **({"split": split} if split else {}), "labeled": labeled}


def _read(case: Case) -> Examination:
    long_axis = _view(case.path, "LA")
    companions = {"long_axis": _series(f"{case.name} long axis", long_axis)} if long_axis else {}
    return Examination(_series(case.name, _view(case.path, "SA")), companions=companions)


def _series(name: str, files: dict[str, Path]) -> ImageSeries:
    images = {phase: files[phase] for phase in PHASES if phase in files}
    labels = {phase: files[f"{phase}_gt"] for phase in PHASES if f"{phase}_gt" in files}
    cine = read_nifti(files["CINE"]) if "CINE" in files else None
    return series_of_phases(name, cine, images, labels, LABEL_MAP)
