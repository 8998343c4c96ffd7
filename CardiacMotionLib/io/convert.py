"""`convert`: from one file format to another, as the command line offers it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import CardiacMotionError
from .files import existing, stem_of, suffix_of
from .itk_files import write_displacement_itk
from .labels import Labels
from .motion_files import write_motion_sequence
from .nrrd_file import load_header
from .read import read_series
from .write import write_labels, write_series


def convert(
    source: str | Path,
    target: str | Path,
    labels: Labels = None,
    *,
    note: Callable[[str], None] = lambda text: None,
    **options: Any,
) -> list[Path]:
    """Convert a series or a motion; returns the files written.

    Parameters
    ----------
    source
        Anything `read_series` reads, or a motion (.npz, or .seq.nrrd with a grid-transform sequence).
    target
        For a series: a name ending in .seq.nrrd or .nii.gz; labels, when there are any, go beside it as
        ``<name>_seg_frameTT.nii.gz``. For a motion: .seq.nrrd, .npz, or .nii.gz / .h5 for one ITK displacement field
        per frame, ``<name>_frameTT``.
    labels
        As in `read_series`.
    note
        Called with each sentence that the reader has for the user.
    options
        Of `read_series`: ``label_map``, ``frames_axis``, ``series_uid``.
    """
    source, target = existing(source), Path(target)
    if not _is_motion(source):
        series = read_series(source, labels, **options)
        for sentence in series.meta.get("notes", []):
            note(sentence)
        written = [write_series(series, target)]
        return written + (write_labels(series, target.parent, name=stem_of(target)) if series.labels else [])
    if labels is not None or options:
        raise CardiacMotionError(f"{source} is a motion; labels and reading options belong to image series")
    from ..motion import Motion  # reading images needs no torch

    motion = Motion.load(source)
    suffix = suffix_of(target)
    if suffix == ".seq.nrrd":
        return [write_motion_sequence(motion, target)]
    if suffix == ".npz":
        return [motion.save(target)]
    if suffix in (".nii.gz", ".nii", ".h5"):
        return write_displacement_itk(motion, target.parent, suffix, name=stem_of(target))
    raise CardiacMotionError(
        f"cannot write a motion as {target.name!r}; use a name ending in .seq.nrrd, .npz, .nii.gz or .h5"
    )


def _is_motion(source: Path) -> bool:
    suffix = suffix_of(source)
    if suffix == ".npz":
        return True
    return suffix == ".seq.nrrd" and int(load_header(source).get("dimension", 0)) == 5
