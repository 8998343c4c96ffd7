"""M&Ms (MICCAI 2020): one short-axis cine a subject with a 4D label file, and a table of vendors and ED/ES frames.

Campello et al., Multi-Centre, Multi-Vendor and Multi-Disease Cardiac Segmentation: The M&Ms Challenge, IEEE TMI 40
(2021) 3543-3554. The label file has the size of the cine and is empty but for the ED and ES frames; the table counts
frames from 0. Its values are 1 LV cavity, 2 LV myocardium, 3 RV.

Tested on small files of the published layout.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ..labels import attach_labels
from ..nifti import read_nifti
from .case import Case, Examination, files_in, folders_within
from .phases import PHASES
from .tables import facts_from, rows_by, table_above

NAME = "mnms"
TITLE = "M&Ms: folders such as A0S9V9 with A0S9V9_sa.nii.gz and A0S9V9_sa_gt.nii.gz, and the information table"
IMAGE = re.compile(r"^([A-Z]\d[A-Z]\d[A-Z]\d)_sa\.nii(\.gz)?$")
TABLE = "*M&Ms_Dataset_information*.csv"
COLUMNS = {"group": "Pathology", "vendor": "VendorName", "center": "Centre"}
SPLITS = ("training", "validation", "testing")
LABEL_MAP: dict[int | str, int] = {1: 3, 2: 2, 3: 1}


def find(folder: Path) -> list[Case]:
    """The subjects in ``folder`` (Training/Labeled, Training/Unlabeled, Validation, Testing) or the one that it is."""
    images = [(m[1], f) for sub in folders_within(folder, 3) for f in files_in(sub) if (m := IMAGE.match(f.name))]
    if not images:
        return []
    rows = rows_by(table_above(folder, TABLE), "External code")
    return [
        Case(code, NAME, file.parent if file.parent.name == code else file, _facts(file, rows.get(code, {})), _read)
        for code, file in images
    ]


def _facts(image: Path, row: dict[str, str]) -> dict[str, Any]:
    facts: dict[str, Any] = facts_from(row, COLUMNS)
    phases = {name: int(row[column]) for column, name in PHASES.items() if row.get(column, "").isdigit()}
    split = [place.name.lower() for place in list(image.parents)[:3] if place.name.lower() in SPLITS]
    facts |= phases | ({"split": split[0]} if split else {})
    facts["labeled"] = (tuple(phases.values()) or ("ED", "ES")) if _label_file(image) else ()
    return facts


def _label_file(image: Path) -> Path | None:
    path = image.with_name(image.name.replace("_sa.nii", "_sa_gt.nii"))
    return path if path.is_file() else None


def _read(case: Case) -> Examination:
    image = case.path if case.path.is_file() else next(f for f in files_in(case.path) if IMAGE.match(f.name))
    series = read_nifti(image)
    named = {name: case.facts[name] for name in PHASES.values() if name in case.facts}
    phases = {name: frame for name, frame in named.items() if frame < len(series)}
    labels = _label_file(image)
    if labels is not None:
        series = attach_labels(series, labels, LABEL_MAP)
    notes = list(series.meta["notes"])
    if phases and series.labels and set(phases.values()) != set(series.labels):
        notes.append(
            f"The table names frames {sorted(phases.values())} as ED and ES, but labels are on {sorted(series.labels)}."
        )
    if phases != named:
        notes.append(f"The table names frames {sorted(named.values())} as ED and ES of a cine of {len(series)} frames.")
    if not named:
        notes.append("The information table does not name the ED and ES frames of this subject.")
    meta = {**series.meta, "name": case.name, "notes": notes, **phases}
    return Examination(series.replace(meta=meta))
