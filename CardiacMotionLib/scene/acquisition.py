"""When the images of a sequence node were taken: what the node says, else the DICOM files that it was loaded from."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from ..errors import CardiacMotionError
from ..io.acquisition import acquisition_from_index, acquisition_from_keys
from .headless import import_slicer
from .sequences import data_nodes, index_of

ATTRIBUTES, INDEX, DICOM, NOWHERE = "attributes", "index", "DICOM", ""
_UIDS = "DICOM.instanceUIDs"  # in which Slicer keeps what a volume was loaded from


class Acquired(NamedTuple):
    """Entries for ``meta`` of a series, where they were found, and sentences for the user about that."""

    values: dict[str, Any]
    source: str
    notes: tuple[str, ...] = ()


def acquisition_of(sequence: Any, *, files: bool = True) -> Acquired:
    """Model and times of a sequence node of images, one value an image.

    From attributes ``CardiacMotion.inversion_times`` and so on; else an index ``InversionTime`` or such; else, in
    Slicer, the DICOM files of the images, where its database still has them. ``files`` False leaves out the last, which
    reads the headers of all files: of a cine that takes seconds, and they say nothing.
    """
    index = index_of(sequence)
    keys = {name: sequence.GetAttribute(name) for name in sequence.GetAttributeNames() or ()}
    found = acquisition_from_keys(keys, len(index.values))
    if found.keys() - {"model"}:
        return Acquired(found, ATTRIBUTES)
    of_index = acquisition_from_index(index.name, index.unit, index.values)
    if of_index:
        return Acquired({**of_index, **found}, INDEX)
    of_files, notes = _from_files(sequence) if files else ({}, [])
    return Acquired({**of_files, **found}, DICOM if of_files else ATTRIBUTES if found else NOWHERE, tuple(notes))


def _from_files(sequence: Any) -> tuple[dict[str, list], list[str]]:
    files = [_files_of(volume) for volume in data_nodes(sequence)]
    if not all(files) or len({len(of_frame) for of_frame in files}) != 1:
        return {}, []
    from ..io.dicom import read_preparations
    from ..io.dicom_preparation import acquisition_of as acquisition_of_slices

    try:
        images = [read_preparations(of_frame) for of_frame in files]
    except CardiacMotionError as error:
        return {}, [f"The DICOM files of the images cannot be read: {error}."]
    if not images or {len(of_frame) for of_frame in images} != {len(files[0])}:
        return {}, []
    return acquisition_of_slices([list(of_slice) for of_slice in zip(*images, strict=True)])


def _files_of(volume: Any) -> list[Path]:
    """The files of a volume by the database of the application; none where one is missing."""
    database = getattr(import_slicer(), "dicomDatabase", None)
    uids = (volume.GetAttribute(_UIDS) or "").split()
    if database is None or not uids:
        return []
    names = [database.fileForInstance(uid) for uid in uids]
    files = [Path(name) for name in names if name and Path(name).is_file()]
    return files if len(files) == len(uids) else []
