"""Cine and tagged series of the same person from files, for `compose_tagged_cine`."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import NamedTuple

from ..errors import CardiacMotionError
from ..series import ImageSeries
from .datasets import Case, find_cases
from .dicom import read_dicom
from .files import existing, natural_key, package, reading, suffix_of
from .labels import Labels, attach_labels
from .read import NIFTI, NRRD, read_series

PLACE = ("SeriesInstanceUID", "ImagePositionPatient")  # what differs between slices, but not over time
IMAGE = "Rows"  # what a report, or a list of files, has not
Report = Callable[[str, CardiacMotionError], None]


class TaggedPair(NamedTuple):
    """One subject: ``cine``, with its labels where there are any, and ``tagged``, its tagged series."""

    name: str
    cine: ImageSeries
    tagged: list[ImageSeries]


def read_tagged_pair(
    cine: str | Path,
    tagged: str | Path | Sequence[str | Path] | None = None,
    labels: Labels = None,
    *,
    layout: str | None = None,
) -> TaggedPair:
    """One subject's cine and tagged series.

    Parameters
    ----------
    cine
        Path of the cine, as `read_series` takes it (NIfTI, NRRD, DICOM). Without ``tagged``: the subject's folder of a
        data set whose layout has both (UK Biobank, cMAC, dataset.toml, `cardiac-motion phantom`).
    tagged
        Paths of the tagged series. A folder of DICOM files may hold several series and slices that are not evenly
        apart: each slice becomes a series.
    labels
        Of the cine, as `read_series` takes them; those of the data set otherwise.
    layout
        Of the subject's folder, a name of `CardiacMotionLib.io.datasets.LAYOUTS`; told by its files otherwise.

    Raises
    ------
    CardiacMotionError
        for what cannot be read; a folder that holds none or several subjects, or one without tagged series.
    """
    if tagged is not None:
        paths = [tagged] if isinstance(tagged, (str, PathLike)) else list(tagged)
        if not paths:
            raise CardiacMotionError(f"{cine}: no tagged series given; expected at least one path")
        series = read_series(cine, labels)
        return TaggedPair(str(series.meta["name"]), series, [one for path in paths for one in _tagged(existing(path))])
    cases = find_cases(cine, layout)
    if len(cases) > 1:
        raise CardiacMotionError(
            f"{cine}: {len(cases)} subjects, {cases[0].name}, {cases[1].name}, ...; expected the folder of one subject "
            "(tagged_pairs reads them all)"
        )
    pair = pair_of(cases[0])
    return pair if labels is None else pair._replace(cine=attach_labels(pair.cine.replace(labels={}), labels))


def _tagged(path: Path) -> list[ImageSeries]:
    """The series of a file or folder, those of DICOM files slice by slice."""
    files = sorted((f for f in path.rglob("*") if f.is_file()), key=natural_key) if path.is_dir() else []
    if not files or any(suffix_of(file) in (*NIFTI, *NRRD) for file in files):
        return [read_series(path)]
    pydicom = package("pydicom", "reading DICOM files")
    places: dict[tuple[str, ...], list[Path]] = defaultdict(list)
    for file in files:
        try:
            with reading(file, "DICOM file"):
                header = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=[*PLACE, IMAGE])
        except CardiacMotionError as error:
            if isinstance(error.__cause__, (pydicom.errors.InvalidDicomError, EOFError)):
                continue  # something else, as `read_dicom` sees it
            raise
        if IMAGE not in header:
            continue
        places[tuple(str(header.get(tag, "")) for tag in PLACE)].append(file)
    return [read_dicom(path, files=found) for found in places.values()] or [read_series(path)]


def tagged_pairs(
    folder: str | Path, layout: str | None = None, *, report: Report | None = None
) -> Iterator[TaggedPair]:
    """The subjects of a data set's folder that have a cine and tagged series, one after the other.

    A subject that cannot be read, or has no tagged series, is left out and reported: ``report(name, error)`` is called,
    and a warning is given without it.

    Raises
    ------
    CardiacMotionError
        for a folder of no known layout (see `read_tagged_pair`), at once; in the end, when no subject could be read.
    """
    return _read_all(find_cases(folder, layout), existing(folder), report)


def _read_all(cases: list[Case], folder: Path, report: Report | None) -> Iterator[TaggedPair]:
    failed: list[str] = []
    for case in cases:
        try:
            pair = pair_of(case)
        except CardiacMotionError as error:
            failed.append(f"{case.name}: {error}")
            if report is not None:
                report(case.name, error)
            else:
                warnings.warn(f"{case.name} was left out: {error}", stacklevel=2)
            continue
        yield pair
    if len(failed) == len(cases):
        raise CardiacMotionError(f"{folder}: none of {len(cases)} subjects has a cine and tagged series; {failed[0]}")


def pair_of(case: Case) -> TaggedPair:
    """What a case has; raises `CardiacMotionError` where there are no tagged series in it."""
    examination = case.read()
    tagged = [series for name, series in examination.companions.items() if name.startswith("tag")]
    if not tagged:
        raise CardiacMotionError(
            f"{existing(case.path)}: no tagged series beside the cine; expected some, as layout {case.layout} has them"
        )
    return TaggedPair(case.name, examination.series, tagged)
