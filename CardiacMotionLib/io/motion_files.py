"""A motion as a grid-transform sequence (.seq.nrrd): what Slicer loads as a sequence of transforms.

The file holds the displacement in LPS mm (3, I, J, K, T, fastest first) with the measurement frame that makes Slicer
turn the vectors into RAS. ``displacement field type`` says which way the grid works in a transform node:

- ``modeling``: the grid is the transform to the parent. Its node moves reference models, contours and segmentations
  to frame t. This is
  what is written, and what Slicer writes for such nodes.
- ``resampling``: the grid is the transform from the parent. Its node draws frame t in the reference. Slicer writes
  this for such nodes.

In both the grid lies on the reference and takes its points to frame t, so both are read as the same `Motion`; the
vectors are never negated or inverted. Slicer keeps none of our own keys when it saves a sequence again: then the
provenance is lost, and the reference is the frame without displacement, or the canonical space where there is none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import CardiacMotionError
from .files import existing, reading, suffix_of
from .nrrd_file import LPS, TO_RAS, geometry_fields, grid_affine, index_keys, index_times, load, write_nrrd
from .write import axis_names

if TYPE_CHECKING:
    from ..motion import Motion

DIRECTIONS = ("modeling", "resampling")
REFERENCE_KEY = "CardiacMotion.reference"
PROVENANCE_KEY = "CardiacMotion.provenance"


def write_motion_sequence(motion: Motion, path: str | Path, direction: str = "modeling") -> Path:
    """Write a motion as ``.seq.nrrd``: float32, compressed, with times, reference and provenance.

    Slicer loads it as a sequence of transforms that move the reference to each frame (transform to parent), or for the
    ``direction`` resampling as one that draws each frame in the reference (transform from parent).
    """
    path = Path(path)
    if direction not in DIRECTIONS:
        raise CardiacMotionError(f"unknown direction {direction!r}; use {' or '.join(DIRECTIONS)}")
    if suffix_of(path) != ".seq.nrrd":
        raise CardiacMotionError(f"cannot write a motion sequence as {path.name!r}; use a name ending in .seq.nrrd")
    fields = {
        **geometry_fields(motion.affine, before=1, after=1),
        "kinds": "vector domain domain domain list",
        **axis_names(5, "time" if motion.timed else "frame", "ms" if motion.timed else ""),
    }
    keys = {
        "intent_code": "1006",  # Slicer knows transforms by it, some versions only near the top of the file
        "displacement field type": direction,
        **index_keys(motion.times),
        REFERENCE_KEY: str(motion.stored_reference),
        PROVENANCE_KEY: json.dumps(motion.provenance),
    }
    return write_nrrd(motion.displacement * LPS.astype(np.float32), fields, keys, path)


def read_motion_sequence(path: str | Path, reference: int | None = None) -> Motion:
    """Read a motion from a ``.seq.nrrd`` written by `write_motion_sequence` or saved by Slicer.

    ``reference`` is needed only for a file that does not name it and in which more than one frame is free of
    displacement. Where none is, the motion starts from the canonical space of all frames, and a note says so.

    Raises
    ------
    CardiacMotionError
        for a file that is not a sequence of grid transforms, or whose reference is not known.
    """
    from ..motion import Motion, known_reference  # reading images needs no torch

    path = existing(path)
    data, header = load(path)
    kinds = [str(k).lower() for k in header.get("kinds", [])]
    if data.ndim != 5 or data.shape[0] != 3 or kinds[:1] != ["vector"] or kinds[4:] != ["list"]:
        raise CardiacMotionError(
            f"{path}: axes {data.shape} of kinds {' '.join(kinds) or 'none'} are not a sequence of displacement grids; "
            "expected a grid-transform sequence (vector, 3 of space, list), as Motion.save or Slicer writes it"
        )
    direction = str(header.get("displacement field type", "resampling"))
    if direction not in DIRECTIONS:
        raise CardiacMotionError(
            f"{path}: displacement field type {direction!r} is unknown; expected {' or '.join(DIRECTIONS)}"
        )
    with reading(path, "motion"):
        affine = grid_affine(header, np.asarray(header["space directions"], dtype=np.float64), [1, 2, 3], [])
        displacement = data.transpose() @ _vectors_to_ras(header).T.astype(data.dtype)  # (T, K, J, I, 3) RAS mm
        provenance = (
            json.loads(header[PROVENANCE_KEY])
            if PROVENANCE_KEY in header
            else {"source": path.name, "field_type": direction}
        )
    if reference is None:
        named = header.get(REFERENCE_KEY)
        reference = known_reference(named) if named is not None else _still_frame(path, displacement)
        if named is None and reference is None:
            provenance = taken_as_canonical(provenance, path.name)
    return Motion(displacement, affine, reference, index_times(header, 4, len(displacement)), provenance)


def _vectors_to_ras(header: Mapping[str, Any]) -> np.ndarray:
    """(3, 3) from vector components in the file to RAS; without a measurement frame they are RAS, as in Slicer."""
    frame = header.get("measurement frame")
    if frame is None:
        return np.eye(3)
    sign = np.array(TO_RAS.get(str(header.get("space", "")).lower(), (1.0, 1.0, 1.0)))
    return np.diag(sign) @ np.asarray(frame, dtype=np.float64).T  # its rows are the axes of the components


def _still_frame(path: Path, displacement: np.ndarray) -> int | None:
    """The frame at rest, None without one; raises `CardiacMotionError` where there are several."""
    still = frames_at_rest(displacement)
    if len(still) > 1:
        raise CardiacMotionError(
            f"{path}: the reference frame is not known: frames {still} are all free of displacement; "
            "read it with read_motion_sequence(path, reference=) and the one that it is"
        )
    return still[0] if still else None


def frames_at_rest(displacement: np.ndarray) -> list[int]:
    """The frames of (T, K, J, I, 3) in which nothing is displaced."""
    return [frame for frame, vectors in enumerate(displacement) if not vectors.any()]


def taken_as_canonical(provenance: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The provenance with a note that ``name`` says no reference and has no frame at rest."""
    note = f"{name} names no reference and no frame is at rest: taken as a motion from the canonical space."
    return {**provenance, "notes": [*provenance.get("notes", ()), note]}
