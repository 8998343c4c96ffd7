"""Any folder of images, described by a ``dataset.toml`` at its root.

::

    [dataset]
    name = "Our hospital"
    license = "internal"
    images = "{subject}/cine.nii.gz"            # a file or folder; {subject} is what names a subject
    subjects = "p*"                             # optional: a wildcard, or a list of names
    labels = { ED = "{subject}/ed_seg.nii.gz", ES = "{subject}/es_seg.nii.gz" }
    label_map = { 1 = 3, 2 = 2, 3 = 1 }         # value or segment name in the files: 1 RV, 2 LV wall, 3 LV cavity
    end_diastole = 0                            # frames of the series, counted from 0
    end_systole = 9
    frame_ms = 33.5                             # or times = [0.0, 33.5, ...]; goes before what the images say
    motion = "{subject}/truth.seq.nrrd"         # the true motion, .seq.nrrd or .npz as Motion.save writes it
    companions = { tagged = "{subject}/tag.nii.gz" }
    group = "normal"                            # also vendor, center, split

    [subject.p07]                               # what is different for one subject
    end_systole = 11
    group = "HCM"

Everything but ``images`` is optional. ``labels`` is one of

- a table from frames to files: ``ED``, ``ES`` (with end_diastole, end_systole) or frame numbers counted from 0;
- one pattern with ``{frame}``, a file per labeled frame; ``first_frame`` is the number that files give the first (0);
- one pattern without, a 4D file with the labels of every frame, or a 3D file.

``frames_axis`` says which axis of a 3D file is time (0, 1 or 2). Patterns are relative to the folder of
``dataset.toml`` and stay inside it; that of the images may hold ``*``. Files that some subjects do not have are told in
the notes of these subjects. A key that is not known is refused. Images, labels and motions are read as everywhere in
this library: `read_series`, `attach_labels`, `Motion.load`.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import CardiacMotionError
from ...motion import Motion
from ...series import ImageSeries
from ..files import natural_key
from ..geometry import TOLERANCE_MM, corner_distance
from ..labels import attach_labels
from ..read import read_series
from ..toml_files import NUMBER, check_table, read_toml
from .case import Case, Examination
from .phases import PHASES

NAME = "toml"
TITLE = "a folder described by a dataset.toml at its root"
FILE = "dataset.toml"
LEVELS = 2  # folders above a subject's folder in which the description is looked for

OF_SUBJECT: dict[str, Any] = {
    "end_diastole": int,
    "end_systole": int,
    "frame_ms": NUMBER,
    "times": list,
    "group": str,
    "vendor": str,
    "center": str,
    "split": str,
}
OF_DATASET: dict[str, Any] = {
    **OF_SUBJECT,
    "name": str,
    "license": str,
    "images": str,
    "subjects": (str, list),
    "labels": (str, dict),
    "label_map": dict,
    "first_frame": int,
    "frames_axis": int,
    "motion": str,
    "companions": dict,
}
FACTS = ("license", "group", "vendor", "center", "split")


def find(folder: Path) -> list[Case]:
    """The subjects that the description in ``folder`` names; of a folder inside, those whose images are in it.

    Raises
    ------
    CardiacMotionError
        for a description that cannot be read, has an unknown key or a value of the wrong type.
    """
    folder = folder.absolute()
    for root in (folder, *folder.parents[:LEVELS]):
        if (root / FILE).is_file():
            cases = _cases(root)
            return cases if root == folder else [c for c in cases if c.path == folder or folder in c.path.parents]
    return []


def _cases(root: Path) -> list[Case]:
    dataset, differences = _description(root / FILE)
    cases = []
    for subject, images in _subjects(root, dataset).items():
        entries = {**dataset, **differences.get(subject, {})}
        facts = {name: entries[name] for name in FACTS if name in entries}
        facts |= {"dataset": entries["name"]} if "name" in entries else {}
        path = images if images.is_dir() or images.parent == root else images.parent
        cases.append(Case(subject, NAME, path, facts, partial(_read, root=root, images=images, entries=entries)))
    unknown = sorted(set(differences) - {case.name for case in cases})
    if unknown:
        raise CardiacMotionError(f"{root / FILE}: [subject.{unknown[0]}] is no subject; images of it were not found")
    if not cases:
        raise CardiacMotionError(
            f"{root / FILE}: no images {dataset['images']}; expected those of at least one subject"
        )
    return cases


def _description(path: Path) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """The table [dataset] and {subject: its table}, checked."""
    content = read_toml(path)
    check_table(path, "", content, {"dataset": dict, "subject": dict})
    dataset, differences = content.get("dataset", {}), content.get("subject", {})
    check_table(path, "dataset.", dataset, OF_DATASET)
    for subject, table in differences.items():
        check_table(path, "subject.", {subject: table}, {subject: dict})
        check_table(path, f"subject.{subject}.", table, OF_SUBJECT)
    if "{subject}" not in dataset.get("images", ""):
        raise CardiacMotionError(
            f"{path}: dataset.images is missing or names no subject; expected a pattern like '{{subject}}/cine.nii.gz'"
        )
    label_map = dataset.get("label_map", {})
    check_table(path, "dataset.label_map.", label_map, dict.fromkeys(label_map, int))
    labels, companions = dataset.get("labels", ""), dataset.get("companions", {})
    patterns = [dataset["images"], dataset.get("motion", ""), *companions.values()]
    for pattern in [*patterns, *(labels.values() if isinstance(labels, dict) else [labels])]:
        if not isinstance(pattern, str) or Path(pattern).is_absolute() or ".." in Path(pattern).parts:
            raise CardiacMotionError(
                f"{path}: {pattern!r} is no path inside the folder; expected one like 'a/{{subject}}'"
            )
    return dataset, differences


def _subjects(root: Path, dataset: Mapping[str, Any]) -> dict[str, Path]:
    """{subject: its images} in natural order."""
    pattern = dataset["images"]
    found = dict(_matches(root, pattern, "subject"))
    wanted = dataset.get("subjects", "*")
    if isinstance(wanted, list):
        missing = [name for name in wanted if name not in found]
        if missing:
            raise CardiacMotionError(f"{root / FILE}: no images {pattern.replace('{subject}', str(missing[0]))}")
        return {name: found[name] for name in wanted}
    return {name: path for name, path in found.items() if fnmatch.fnmatchcase(name, wanted)}


def _matches(root: Path, pattern: str, placeholder: str) -> list[tuple[str, Path]]:
    """[(what stands for {placeholder}, path)] of the files and folders that match a pattern, in natural order."""
    mark = f"{{{placeholder}}}"
    parts = [re.escape(part).replace(r"\*", "[^/]*") for part in pattern.split(mark)]
    expression = re.compile(parts[0] + "([^/]+)" + r"\1".join(parts[1:]))
    paths = sorted(root.glob(pattern.replace(mark, "*")), key=_natural_order)
    matched = [(expression.fullmatch(path.relative_to(root).as_posix()), path) for path in paths]
    return [(m[1], path) for m, path in matched if m and not m[1].startswith(".")]


def _natural_order(path: Path) -> list[Any]:
    return [natural_key(Path(part)) for part in path.parts]


def _read(case: Case, root: Path, images: Path, entries: dict[str, Any]) -> Examination:
    series = read_series(images, frames_axis=entries.get("frames_axis"))
    notes = list(series.meta["notes"])
    meta = {**series.meta, "name": case.name}
    for key in PHASES.values():
        if key in entries:
            if not 0 <= entries[key] < len(series):
                raise CardiacMotionError(
                    f"{root / FILE}: {key} of {case.name} is {entries[key]}, not one of its frames"
                )
            meta[key] = entries[key]
    times = _times(root, case.name, entries, series)
    try:
        series = series.replace(meta=meta, times=times)
    except CardiacMotionError as error:
        raise CardiacMotionError(f"{root / FILE}: {case.name}: {error}") from error
    labels = _labels(root, case.name, entries, series, notes)
    truth = _present(root, case.name, entries.get("motion"), notes)
    companions = {name: _present(root, case.name, p, notes) for name, p in entries.get("companions", {}).items()}
    label_map = {int(key) if key.isdigit() else key: value for key, value in entries.get("label_map", {}).items()}
    series = attach_labels(series.replace(meta={**meta, "notes": notes}), labels, label_map or None)
    motion = None if truth is None else Motion.load(truth)
    if motion is not None and (
        motion.displacement.shape[:4] != series.frames.shape
        or corner_distance(motion.affine, series.affine, series.shape) > TOLERANCE_MM
    ):
        raise CardiacMotionError(
            f"{truth}: the motion has shape {motion.displacement.shape[:4]}, the images {series.frames.shape} "
            "(T, K, J, I), or another place; expected the motion of these images"
        )
    return Examination(
        series, motion, companions={name: read_series(path) for name, path in companions.items() if path is not None}
    )


def _times(root: Path, subject: str, entries: Mapping[str, Any], series: ImageSeries) -> Any:
    if "times" in entries and "frame_ms" in entries:
        raise CardiacMotionError(f"{root / FILE}: both times and frame_ms for {subject}; give one of them")
    if "times" in entries:
        if len(entries["times"]) != len(series):
            raise CardiacMotionError(
                f"{root / FILE}: {len(entries['times'])} times for the {len(series)} frames of {subject}"
            )
        return entries["times"]
    if "frame_ms" in entries:
        return float(entries["frame_ms"]) * np.arange(len(series))
    return series.times if series.timed else None


def _labels(
    root: Path, subject: str, entries: Mapping[str, Any], series: ImageSeries, notes: list[str]
) -> dict[int, Path] | Path | None:
    """What `attach_labels` takes."""
    labels = entries.get("labels")
    if labels is None:
        return None
    if isinstance(labels, str) and "{frame}" not in labels:
        return _present(root, subject, labels, notes)
    if isinstance(labels, str):
        first = entries.get("first_frame", 0)
        matches = _matches(root, labels.replace("{subject}", subject), "frame")
        if not matches:
            notes.append(f"There are no labels {labels.replace('{subject}', subject)}.")
        return {int(number) - first: path for number, path in matches if number.isdigit()}
    found = {}
    for phase, pattern in labels.items():
        if phase not in PHASES and not phase.isdigit():
            raise CardiacMotionError(f"{root / FILE}: dataset.labels.{phase} is no frame; expected ED, ES or a number")
        frame = int(phase) if phase.isdigit() else series.meta.get(PHASES[phase])
        if frame is None:
            raise CardiacMotionError(f"{root / FILE}: labels of {phase} need {PHASES[phase]}, the frame of {subject}")
        if (path := _present(root, subject, pattern, notes)) is not None:
            found[int(frame)] = path
    return found


def _present(root: Path, subject: str, pattern: str | None, notes: list[str]) -> Path | None:
    """The file of a subject; where it has none, that goes into ``notes``."""
    if pattern is None:
        return None
    path = root / pattern.replace("{subject}", subject)
    if path.exists():
        return path
    notes.append(f"There is no {path.relative_to(root).as_posix()}.")
    return None
