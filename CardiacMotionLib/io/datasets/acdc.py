"""ACDC (MICCAI 2017): folders patientNNN with a 4D cine, the ED and ES frames, their labels and Info.cfg.

Bernard et al., Deep Learning Techniques for Automatic MRI Cardiac Multi-structures Segmentation and Diagnosis,
IEEE TMI 37 (2018) 2514-2525. Labels are 1 RV, 2 LV myocardium, 3 LV cavity, the convention of this library.

Tested on the two labeled frames of the real patient001, and with the 4D file on small files.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ..acdc import CINE, FRAME, LABEL, is_acdc, read_acdc
from ..files import reading
from ..labels import attach_labels
from .case import Case, Examination, files_in, folders_within

NAME = "acdc"
TITLE = "ACDC: patientNNN folders with patientNNN_4d.nii.gz, _frameNN, _frameNN_gt and Info.cfg"


def find(folder: Path) -> list[Case]:
    """The patient folders in ``folder``, or itself; also inside ``training`` and ``testing``."""
    return [Case(f.name, NAME, f, _facts(f), _read) for f in folders_within(folder) if is_acdc(f)]


def _facts(folder: Path) -> dict[str, Any]:
    files = files_in(folder)
    labeled = [int(m[2]) for f in files if (m := LABEL.match(f.name))]
    if not any(CINE.match(f.name) for f in files):  # the series is the ED and ES frames alone
        numbers = [int(m[2]) for f in files if (m := FRAME.match(f.name))]
        labeled = [numbers.index(n) + 1 for n in labeled if n in numbers]
    facts: dict[str, Any] = {"labeled": tuple(n - 1 for n in labeled)}  # ACDC counts from 1
    info = folder / "Info.cfg"
    if info.is_file():
        with reading(info, "Info.cfg"):
            group = re.search(r"^\s*Group\s*:\s*(\S+)", info.read_text(), flags=re.MULTILINE)
        if group:
            facts["group"] = group[1]
    if folder.parent.name in ("training", "testing"):
        facts["split"] = folder.parent.name
    return facts


def _read(case: Case) -> Examination:
    series, labels = read_acdc(case.path)
    return Examination(attach_labels(series, labels))
