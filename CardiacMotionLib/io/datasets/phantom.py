"""Folders that ``cardiac-motion phantom KIND -o FOLDER`` wrote: images, labels of every frame, exact motion and maps.

A folder of a cine has as companions the other examinations of the same person that stand near it, whatever the folders
are called: ``truth.json`` says the seed and the heart. ``p1/cine`` and ``p1/tagged`` make one case ``p1``, and so do
``cine_1`` and ``tagged_1``.
"""

from __future__ import annotations

import json
import math
from functools import partial
from pathlib import Path
from typing import Any

from ...series import ImageSeries
from ..files import reading
from ..labels import attach_labels
from ..nifti import read_nifti
from .case import Case, Examination, folders_within

NAME = "phantom"
TITLE = "synthetic hearts: folders with truth.json, as cardiac-motion phantom writes them"
FILE = "truth.json"
PREPARATION = ("inversion_times", "saturation_times", "echo_times")  # ms, one an image, of those for maps


def find(folder: Path) -> list[Case]:
    """The examinations in ``folder``; a person of whom there is a cine is one case."""
    truths = {sub: truth for sub in folders_within(folder) if (truth := _truth(sub))}
    persons = {sub: _person(truth) for sub, truth in truths.items()}
    with_cine = {persons[sub] for sub, truth in truths.items() if truth["kind"] == "cine"}
    cases = []
    for sub, truth in truths.items():
        if truth["kind"] != "cine" and persons[sub] in with_cine:
            continue
        others = {
            truths[other]["kind"]: other
            for other, person in persons.items()
            if person == persons[sub] and truths[other]["kind"] != truth["kind"]
        }
        place = sub if sub.name != truth["kind"] or sub == folder.absolute() else sub.parent
        facts = {"group": truth["truth"]["group"], "labeled": ("all",)}
        cases.append(Case(place.name, NAME, sub, facts, partial(_read, truth=truth, others=others)))
    return cases


def _truth(folder: Path) -> dict[str, Any] | None:
    """What truth.json says; None where there is none, or one that something else wrote."""
    file = folder / FILE
    if not file.is_file():
        return None
    with reading(file, "JSON file"):
        truth = json.loads(file.read_text(encoding="utf-8"))
    known = isinstance(truth, dict) and truth.get("method") == "phantom" and "group" in truth.get("truth", {})
    return truth if known else None


def _person(truth: dict[str, Any]) -> tuple[Any, ...]:
    """What is the same in all examinations of a person."""
    return truth["seed"], truth["generator"], truth["truth"]["group"], truth["truth"]["end_diastolic_volume_ml"]


def _read(case: Case, truth: dict[str, Any], others: dict[str, Path]) -> Examination:
    from ...motion import Motion  # finding out whose folder this is needs no torch

    series = _series(case.path, truth, case.name)
    maps = {}
    for name, file in truth.get("maps", {}).items():
        values = read_nifti(case.path / file).frames
        maps[name] = values if len(values) == len(series) else values[0]
    companions = {kind: _series(path, _truth(path) or {}, f"{case.name} {kind}") for kind, path in others.items()}
    return Examination(series, Motion.load(case.path / "motion.seq.nrrd"), maps, companions)


def _series(folder: Path, truth: dict[str, Any], name: str) -> ImageSeries:
    series = attach_labels(read_nifti(folder / f"{truth['kind']}.nii.gz"), folder / "labels")
    meta = {**series.meta, "name": name, "end_diastole": 0, "end_systole": truth["truth"]["end_systole"]}
    meta |= {key: [math.inf if t is None else t for t in truth[key]] for key in PREPARATION if key in truth}
    meta |= {"encoding_frequency": truth["encoding_frequency"]} if "encoding_frequency" in truth else {}
    cycle = truth["options"].get("cycle_ms")
    return series.replace(meta=meta if cycle is None else {**meta, "cycle_ms": cycle})
