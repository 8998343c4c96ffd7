"""DICOM cine: one image record per frame of each file, found and checked for being one series."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import CardiacMotionError
from ..series import ImageSeries
from .dicom_preparation import Preparation, read_preparation
from .dicom_stack import Plane, stack
from .files import natural_key, package, reading

DEFERRED = "16 KB"  # pixels larger than this stay on disk until the series is known


def read_dicom(
    folder: Path, series_uid: str | Sequence[str] | None = None, files: Iterable[Path] | None = None
) -> ImageSeries:
    """One cine series from the DICOM files of a folder and its subfolders, in whatever order and under whatever names.

    Files that are not DICOM images are left aside. ``series_uid`` chooses one series, or several that are put
    together, where the folder holds more than one; single-slice series of one stack (as some scanners write them) are
    put together without being asked.

    Raises
    ------
    CardiacMotionError
        for no images, several series, a missing slice, an uneven number of phases, images that share place and time.
    """
    return read_dicom_planes(folder, series_uid, files)[0]


def read_dicom_planes(
    folder: Path, series_uid: str | Sequence[str] | None = None, files: Iterable[Path] | None = None
) -> tuple[ImageSeries, list[list[Plane]]]:
    """The series as `read_dicom` gives it, and the image that each of its planes is: ``planes[k][t]``."""
    pydicom = package("pydicom", "reading DICOM files")
    candidates = files if files is not None else sorted((f for f in folder.rglob("*") if f.is_file()), key=natural_key)
    with pydicom.config.disable_value_validation():  # anonymised files often hold odd UIDs, which do no harm
        planes = [plane for file in candidates for plane in _planes(file)]
    if not planes:
        raise CardiacMotionError(f"{folder}: no NIfTI, NRRD or DICOM images in this folder; expected a cine series")
    notes: list[str] = []
    chosen = _without_copies(_choose(folder, planes, series_uid, notes), notes)
    return stack(folder, chosen, notes)


def read_dicom_file(path: Path, series_uid: str | Sequence[str] | None = None) -> ImageSeries:
    """The series that one DICOM file belongs to, from the files beside it."""
    pydicom = package("pydicom", "reading DICOM files")
    with pydicom.config.disable_value_validation():
        own = _planes(path)
    if not own:
        raise CardiacMotionError(f"cannot read {path}: not a NIfTI, NRRD or DICOM image")
    beside = sorted((f for f in path.parent.iterdir() if f.is_file()), key=natural_key)
    return read_dicom(path.parent, series_uid or own[0].series_uid, beside)


def read_preparations(files: Iterable[Path]) -> list[Preparation]:
    """How each image in DICOM files was prepared, one after the other; files that are no images are left aside."""
    pydicom = package("pydicom", "reading DICOM files")
    with pydicom.config.disable_value_validation():
        return [plane.preparation for file in files for plane in _planes(file)]


def _planes(file: Path) -> list[Plane]:
    """The images in a file: none when it is no DICOM image, one, or one per frame of an enhanced multi-frame file."""
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    try:
        with reading(file, "DICOM file"):
            dataset = dcmread(file, defer_size=DEFERRED)
    except CardiacMotionError as error:
        if isinstance(error.__cause__, (InvalidDicomError, EOFError)):
            return []
        raise
    if "PixelData" not in dataset or int(dataset.get("SamplesPerPixel", 1)) != 1:
        return []
    frames = int(dataset.get("NumberOfFrames", None) or 1)
    if frames == 1 and "ImagePositionPatient" in dataset and "ImageOrientationPatient" in dataset:
        return [_plane(file, dataset, _Tags(dataset), None)]
    groups = dataset.get("PerFrameFunctionalGroupsSequence", None)
    if groups is None or len(groups) != frames:
        if frames > 1:
            raise CardiacMotionError(
                f"{file}: {frames} frames in one file without the place of each; export the series as one file per "
                "image or as enhanced MR"
            )
        return []  # a secondary capture or report
    shared = list(dataset.get("SharedFunctionalGroupsSequence", None) or [])
    return [_plane(file, dataset, _Tags(dataset, [group, *shared]), n) for n, group in enumerate(groups)]


class _Tags:
    """Look an attribute up in the functional groups of a frame, one level down, and then in the file itself."""

    def __init__(self, dataset: Any, groups: Sequence[Any] = ()):
        self.places = [e.value[0] for group in groups for e in group if e.VR == "SQ" and e.value] + [dataset]

    def get(self, name: str, default: Any = None) -> Any:
        return next((v for place in self.places if (v := place.get(name, None)) not in (None, "")), default)


def _plane(file: Path, dataset: Any, tags: _Tags, frame: int | None) -> Plane:
    with reading(file, "DICOM image (bad header)"):
        orientation = np.array([float(v) for v in tags.get("ImageOrientationPatient")]).reshape(2, 3)
        return Plane(
            file=file,
            frame=frame,
            series_uid=str(dataset.get("SeriesInstanceUID", "")),
            description=str(dataset.get("SeriesDescription", "")),
            image_uid=f"{dataset.get('SOPInstanceUID', None) or file}/{frame or 0}",
            image_type="\\".join(str(v) for v in tags.get("ImageType", ())),
            rows=int(dataset.Rows),
            columns=int(dataset.Columns),
            position=np.array([float(v) for v in tags.get("ImagePositionPatient")]),
            orientation=orientation,
            spacing=tuple(float(v) for v in tags.get("PixelSpacing")),
            thickness=float(tags.get("SliceThickness", 0) or 0),
            slope=float(tags.get("RescaleSlope", 1)),
            intercept=float(tags.get("RescaleIntercept", 0)),
            trigger_time=_number(tags.get("TriggerTime", tags.get("NominalCardiacTriggerDelayTime"))),
            temporal_position=_number(tags.get("TemporalPositionIdentifier", tags.get("TemporalPositionIndex"))),
            instance_number=_number(dataset.get("InstanceNumber", None) if frame is None else frame),
            acquisition_time=_clock(tags.get("FrameAcquisitionDateTime"), tags.get("AcquisitionTime")),
            preparation=read_preparation(dataset, tags),
        )


def _number(value: Any) -> float | None:
    return None if value in (None, "") else float(value)


def _clock(moment: Any, time: Any) -> float | None:
    """Ms since midnight from a date and time (YYYYMMDDHHMMSS.F), or else a time (HHMMSS.F); None for neither."""
    digits = str(moment)[8:] if moment else str(time or "").replace(":", "")
    digits = digits.split("+")[0].split("-")[0]
    if len(digits) < 6:
        return None
    return 3_600_000.0 * int(digits[:2]) + 60_000.0 * int(digits[2:4]) + 1000.0 * float(digits[4:])


def _choose(folder: Path, planes: list[Plane], wanted: str | Sequence[str] | None, notes: list[str]) -> list[Plane]:
    """The images of the series asked for, or of the only one; raises listing the series otherwise."""
    by_series: dict[str, list[Plane]] = defaultdict(list)
    for plane in planes:
        by_series[plane.series_uid].append(plane)
    listing = "; ".join(
        f"{uid} ({group[0].description or 'no description'}, {len(group)} images)" for uid, group in by_series.items()
    )
    if wanted is not None:
        uids = [wanted] if isinstance(wanted, str) else list(wanted)
        missing = [uid for uid in uids if uid not in by_series]
        if missing:
            raise CardiacMotionError(f"{folder}: no series {', '.join(missing)}; the series are {listing}")
        return [plane for uid in uids for plane in by_series[uid]]
    if len(by_series) > 1 and not _one_stack(list(by_series.values())):
        raise CardiacMotionError(
            f"{folder}: {len(by_series)} DICOM series are mixed; choose one with series_uid (--series-uid): {listing}"
        )
    if len(by_series) > 1:
        notes.append(f"{len(by_series)} series of one slice each were put together into one stack.")
    return planes


def _one_stack(groups: list[list[Plane]]) -> bool:
    """Whether every series is one slice of one stack: own place, same orientation, size, number of images, name."""
    first = groups[0][0]
    names = {re.sub(r"\d+", "", group[0].description) for group in groups}
    alike = all(first.same_grid(plane) for group in groups for plane in group)
    if not alike or len(names) > 1 or len({len(group) for group in groups}) > 1:
        return False
    places = [np.round([plane.along_normal(first) for plane in group], 1) for group in groups]
    single = all(np.ptp(p) == 0 for p in places)
    return single and len({float(p[0]) for p in places}) == len(groups)


def _without_copies(planes: list[Plane], notes: list[str]) -> list[Plane]:
    """Each image once: copies carry the same SOP instance UID, and are of the same place and time.

    Programs that take a patient's name away may leave one UID for all.
    """
    once = {
        (
            plane.image_uid,
            *plane.position,
            plane.trigger_time,
            plane.temporal_position,
            plane.instance_number,
        ): plane
        for plane in planes
    }
    if len(once) < len(planes):
        notes.append(f"{len(planes) - len(once)} files are copies of other files of the series and were left aside.")
    return list(once.values())
