"""Which segment is which structure, from what people call them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..errors import CardiacMotionError
from ..series import BACKGROUND, LABEL_NAMES, LV_CAVITY, MYOCARDIUM, RV

_LEFT = {"lv", "left"}
_RIGHT = {"rv", "right"}
_WALL = {
    "myo",
    "myocardium",
    "myocardial",
    "myocard",
    "wall",
    "muscle",
    "epi",
    "epicardium",
    "epicardial",
    "lvm",
    "lvmyo",
    "lvepi",
}
_CAVITY = {
    *("cavity", "blood", "bloodpool", "pool", "endo", "endocardium", "endocardial", "lumen", "chamber"),
    *("lvc", "lvbp", "lvendo", "lvcavity"),
}
_RIGHT_CAVITY = {"rvc", "rvbp", "rvendo", "rvcavity"}
_OTHER = {
    *(
        "atrium",
        "atrial",
        "la",
        "ra",
        "aorta",
        "aortic",
        "artery",
        "pulmonary",
        "vein",
        "papillary",
        "trabeculae",
        "trabeculation",
    ),
    *(
        "pericardium",
        "fat",
        "scar",
        "lge",
        "infarct",
        "insertion",
        "valve",
        "lung",
        "lungs",
        "liver",
        "rvm",
        "rvmyo",
        "rvepi",
    ),
}

LabelMapping = Mapping[str, "int | str"]


def match_segments(segmentation_node: Any, segment_labels: LabelMapping | None = None) -> dict[str, int]:
    """Label (1 RV, 2 LV myocardium, 3 LV cavity) of the segments of a segmentation node, by segment ID.

    Parameters
    ----------
    segmentation_node
        ``vtkMRMLSegmentationNode``. English names and terminology are understood: "LV", "left ventricle", "LV blood
        pool", "endo", "Myo", "LV wall", "epicardium" (painted under the cavity), "RV", "right ventricle", ...; what has
        another name is left out.
    segment_labels
        {segment name or ID: label number or "RV" | "LV myocardium" | "LV cavity"} for names that say nothing; 0 leaves
        a segment out. It wins over the names.

    Raises
    ------
    CardiacMotionError
        when there is no myocardium, when two segments claim one label, or when the mapping names a segment that does
        not exist.
    """
    segmentation = segmentation_node.GetSegmentation()
    segments = {
        segmentation.GetNthSegmentID(n): segmentation.GetNthSegment(n)
        for n in range(segmentation.GetNumberOfSegments())
    }
    names = {identity: segment.GetName() or identity for identity, segment in segments.items()}
    chosen = _explicit(names, segment_labels or {}, segmentation_node.GetName())
    candidates: dict[int, list[str]] = {}
    for identity, segment in segments.items():
        label = label_of_name(names[identity]) or label_of_name(_terminology(segment))
        if identity not in chosen and label and label not in chosen.values():
            candidates.setdefault(label, []).append(identity)
    for label, claimants in candidates.items():
        best = _most_specific(claimants, names, label)
        if len(best) > 1:
            listed = " and ".join(repr(names[identity]) for identity in best)
            raise CardiacMotionError(
                f"segments {listed} of {segmentation_node.GetName()!r} both look like the {LABEL_NAMES[label]}; "
                f"rename one, or pass segment_labels={{{names[best[0]]!r}: {LABEL_NAMES[label]!r}}}"
            )
        chosen[best[0]] = label
    if MYOCARDIUM not in chosen.values():
        raise CardiacMotionError(
            f"no segment of {segmentation_node.GetName()!r} ({', '.join(names.values()) or 'it is empty'}) looks "
            "like the LV myocardium; rename it to 'LV myocardium', or map it with "
            "segment_labels={'its name': 'LV myocardium'}"
        )
    return {identity: label for identity, label in chosen.items() if label != BACKGROUND}


def choose_segments(segmentation_node: Any, choices: Mapping[str, str | None]) -> dict[str, int]:
    """``segment_labels`` for `match_segments` from what a user chose for each structure.

    ``choices`` is {"RV" | "LV myocardium" | "LV cavity": segment ID, or None for no segment at all}. A structure that
    is not in it is left to the names, as is one whose segment does not exist (any more). Segments whose names stand for
    a structure without a segment are left out. Raises `CardiacMotionError` when one segment was chosen for two.
    """
    segmentation = segmentation_node.GetSegmentation()
    present = [segmentation.GetNthSegmentID(n) for n in range(segmentation.GetNumberOfSegments())]
    numbers = {title: label for label, title in LABEL_NAMES.items()}
    found: dict[str, int] = {}
    for title in numbers.keys() & choices.keys():
        identity = choices[title]
        if identity in found:
            raise CardiacMotionError(
                f"segment {segmentation.GetSegment(identity).GetName()!r} was chosen for "
                f"{LABEL_NAMES[found[identity]]} and for {title}; choose one segment for each"
            )
        if identity is not None and identity in present:
            found[identity] = numbers[title]
    refused = {numbers[title] for title in numbers.keys() & choices.keys() if choices[title] is None}
    for identity in present:
        if identity not in found and label_of_segment(segmentation.GetSegment(identity)) in refused:
            found[identity] = BACKGROUND
    return found


def label_of_segment(segment: Any) -> int | None:
    """Label that a segment's name, or else its terminology, stands for; None where they say nothing."""
    return label_of_name(segment.GetName() or "") or label_of_name(_terminology(segment))


def label_of_name(name: str) -> int | None:
    """Label a structure's English name stands for, None where it names something else or says nothing."""
    spaced = re.sub(r"([a-z])([A-Z])", r"\1 \2", name)
    words = set(re.sub(r"[^a-z]+", " ", spaced.lower()).split())
    if words & _OTHER:
        return None
    right, left = bool(words & (_RIGHT | _RIGHT_CAVITY)), bool(words & _LEFT)
    wall, cavity = bool(words & _WALL), bool(words & _CAVITY)
    if right:
        return None if wall or left else RV
    if wall:
        return None if cavity else MYOCARDIUM
    return LV_CAVITY if cavity or left else None


def _explicit(names: dict[str, str], segment_labels: LabelMapping, node_name: str) -> dict[str, int]:
    numbers = {name.lower(): label for label, name in LABEL_NAMES.items()}
    chosen: dict[str, int] = {}
    for key, value in segment_labels.items():
        found = [key] if key in names else [identity for identity, name in names.items() if name == key]
        if len(found) != 1:
            raise CardiacMotionError(
                f"segment_labels names {key!r}, but {node_name!r} has {'several' if found else 'no'} such segments; "
                f"its segments are {', '.join(names.values()) or 'none'}"
            )
        label = numbers.get(value.lower()) if isinstance(value, str) else value
        if label != BACKGROUND and label not in LABEL_NAMES:
            raise CardiacMotionError(
                f"segment_labels maps {key!r} to {value!r}; use 'RV' (1), 'LV myocardium' (2), 'LV cavity' (3), "
                "or 0 to leave it out"
            )
        if label != BACKGROUND and label in chosen.values():
            raise CardiacMotionError(
                f"segment_labels maps two segments to {LABEL_NAMES[label]}; one segment per structure is needed"
            )
        chosen[found[0]] = int(label)
    return chosen


def _most_specific(claimants: list[str], names: dict[str, str], label: int) -> list[str]:
    """Of several claimants the one named exactly like the label, when there is one."""
    exact = [identity for identity in claimants if names[identity].strip().lower() == LABEL_NAMES[label].lower()]
    return exact if len(exact) == 1 else claimants


def _terminology(segment: Any) -> str:
    """The meanings of type, modifier and region in a segment's terminology entry as words, without the codes."""
    import vtk

    entry = vtk.reference("")
    if not segment.GetTag("TerminologyEntry", entry):
        return ""
    parts = [part.split("^") for part in str(entry).split("~")]
    return " ".join(part[-1] for part in parts[2:] if len(part) == 3)
