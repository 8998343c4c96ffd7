"""Reading what the user named, with the reader's notes passed on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import CardiacMotionError
from ..methods import default_reference
from .terminal import Terminal

if TYPE_CHECKING:
    from ..motion import Motion
    from ..series import ImageSeries


def read_cine(
    path: Path,
    labels: list[str] | None,
    terminal: Terminal,
    *,
    label_map: list[str] | None = None,
    frames_axis: int | None = None,
    series_uid: list[str] | None = None,
) -> ImageSeries:
    """The cine with its labels; what the reader found unusual becomes notes."""
    from ..io import read_series

    series = read_series(
        path,
        label_files(labels),
        label_map=parse_label_map(label_map),
        frames_axis=frames_axis,
        series_uid=series_uid or None,
    )
    for note in series.meta.get("notes", ()):
        terminal.note(note)
    return series


def reference_labels(motion: Motion, labels: list[str], label_map: list[str] | None) -> np.ndarray:
    """(K, J, I) uint8 of the motion's reference frame; a file that names no frame is taken to be of that one.

    Raises
    ------
    CardiacMotionError
        for labels on another grid, with other values, or of other frames only.
    """
    found = _labeled(motion, labels, label_map, {"end_diastole": motion.reference}).labels
    if motion.reference not in found:
        raise CardiacMotionError(
            f"the labels are of frame {', '.join(map(str, found)) or 'none'}, "
            f"the motion starts from frame {motion.reference}; "
            f"give labels of that frame (--labels {motion.reference}=FILE when the file name says another)"
        )
    return found[motion.stored_reference]


def labeled_frame(motion: Motion, labels: list[str], label_map: list[str] | None) -> int | None:
    """The frame that labels without their cine are of, of several that in end-diastole; None where they do not say."""
    found = _labeled(motion, labels, label_map, {})
    frame_was_guessed = bool(found.meta.get("notes"))
    return default_reference(found) if found.labels and not frame_was_guessed else None


def _labeled(motion: Motion, labels: list[str], label_map: list[str] | None, meta: dict[str, Any]) -> ImageSeries:
    """Labels on the grid of a motion, with frames that are empty."""
    from ..io.labels import attach_labels
    from ..series import ImageSeries

    frames = np.zeros(motion.displacement.shape[:4], np.float32)
    grid = ImageSeries(frames, motion.affine, meta=meta)
    return attach_labels(grid, label_files(labels), parse_label_map(label_map))


def label_files(labels: list[str] | None) -> Any:
    """``--labels`` as `read_series` takes it: FRAME=FILE becomes {frame: file}, one path itself, several a list."""
    if not labels:
        return None
    pairs = [text.split("=", 1) for text in labels]
    if all(len(pair) == 2 and pair[0].isdigit() for pair in pairs):
        return {int(frame): Path(file) for frame, file in pairs}
    if any(len(pair) == 2 and pair[0].isdigit() for pair in pairs):
        raise CardiacMotionError("--labels: give every file as FRAME=FILE or none of them")
    return Path(labels[0]) if len(labels) == 1 else [Path(text) for text in labels]


def parse_label_map(entries: list[str] | None) -> dict[int | str, int] | None:
    """``--label-map`` VALUE=LABEL entries as a mapping; a value may be a number or the name of a segment."""
    if not entries:
        return None
    mapping: dict[int | str, int] = {}
    for entry in entries:
        value, sign, label = entry.rpartition("=")
        if not sign or label not in ("0", "1", "2", "3"):
            raise CardiacMotionError(
                f"--label-map {entry!r}: expected VALUE=LABEL, with 0 background, 1 RV, 2 myocardium, 3 LV cavity"
            )
        mapping[int(value) if value.isdigit() else value] = int(label)
    return mapping
