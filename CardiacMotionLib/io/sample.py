"""The real cine that ships with the project, and how it was made."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from ..errors import CardiacMotionError
from ..series import MYOCARDIUM, ImageSeries
from .files import existing, package, reading
from .nrrd_file import LPS
from .read import read_series
from .write import write_labels, write_series

NAME = "sunnybrook_cine"
PATIENT = "SC-HF-I-1"
END_DIASTOLE, END_SYSTOLE = 18, 7  # frames of the source, counted from 0
RV_INSERTION = ((30.0, 63.0, 7.0), (76.0, 76.0, 7.0))  # anterior, inferior: voxels (i, j, k), read off the image by eye
MARGIN_MM = 35.0  # around the outer wall, so that the RV and its insertions stay in view
NOTE = (
    "Sunnybrook Cardiac Data SC-HF-I-1 (CC0 1.0), cropped in plane around the heart. The cycle was rotated to begin at "
    "end-diastole (frame 18 of the source); times count from there. Manual contours: LV cavity at end-diastole and "
    "end-systole, wall at end-diastole."
)


def make_sample(source: str | Path, target: str | Path) -> list[Path]:
    """Make the sample from the folder ``sunnybrook`` of the project's test data; returns the files written.

    The source has frames 37.5 ms apart, end-diastole at frame 18 and end-systole at frame 7 of 20 (retrospective
    gating, so the cycle closes and may begin anywhere). The sample begins at end-diastole: frame 0 is the reference
    and end-systole is frame 9.
    """
    source, target = existing(source), existing(target)
    files = {frame: source / f"{PATIENT}_seg_frame{frame:02d}.nii.gz" for frame in (END_DIASTOLE, END_SYSTOLE)}
    series = read_series(source / f"{PATIENT}_cine4d.nii.gz", files)
    triggers = np.array(json.loads((source / f"{PATIENT}_contours.json").read_text())["trigger_ms_mid"])
    count = len(series)
    labels = {(frame - END_DIASTOLE) % count: array for frame, array in series.labels.items()}
    rotated = series.replace(
        frames=np.roll(series.frames, -END_DIASTOLE, axis=0),
        labels=labels,
        times=triggers - triggers[0],
        meta={"name": NAME},
    )
    cropped = rotated.crop(_around_heart(rotated))
    return [write_series(cropped, target / f"{NAME}.nii.gz"), *write_labels(cropped, target, name=NAME)]


def _around_heart(series: ImageSeries) -> tuple[slice, slice, slice]:
    """All slices, and in plane the labeled wall with `MARGIN_MM` around it."""
    wall = np.nonzero(series.labels[0] >= MYOCARDIUM)
    box = []
    for axis, spacing in ((1, series.spacing[1]), (2, series.spacing[0])):
        margin = round(MARGIN_MM / spacing)
        box.append(slice(max(int(wall[axis].min()) - margin, 0), int(wall[axis].max()) + margin + 1))
    return (slice(None), box[0], box[1])


def sample_folder() -> Path:
    """Resources/SampleData: beside the package in the source tree and in Slicer, inside it when installed with pip."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package.parent / "Resources", package / "Resources"):
        if (folder / "SampleData" / f"{NAME}.nii.gz").is_file():
            return folder / "SampleData"
    raise CardiacMotionError(
        f"the sample cine {NAME}.nii.gz was not found in Resources/SampleData beside the package; reinstall "
        "CardiacMotion"
    )


def sample_series() -> ImageSeries:
    """A real short-axis cine, 20 frames 37.5 ms apart, with manual labels at end-diastole (0) and end-systole (9).

    Read with SimpleITK, which every Slicer has, so that a fresh one needs nothing installed to show it.
    """
    folder = sample_folder()
    frames, affine, interval = _read(folder / f"{NAME}.nii.gz")
    frames_of = {int(file.name.split("_frame")[1][:2]): file for file in folder.glob(f"{NAME}_seg_frame??.nii.gz")}
    labels = {frame: _read(file)[0] for frame, file in frames_of.items()}
    insertion = np.array(RV_INSERTION) @ affine[:3, :3].T + affine[:3, 3]
    meta = {
        "name": NAME,
        "source": f"{NAME}.nii.gz",
        "notes": [NOTE],
        "end_diastole": 0,
        "end_systole": max(labels),
        "rv_insertion": insertion,
    }
    return ImageSeries(frames, affine, interval * np.arange(len(frames)), labels, meta)


def _read(path: Path) -> tuple[np.ndarray, np.ndarray, float]:
    """(array (T, K, J, I) or (K, J, I), affine (4, 4) to RAS mm, ms between frames) of a NIfTI file of our own."""
    sitk = package("SimpleITK", "reading the sample")
    with reading(path, "NIfTI file"):
        image = sitk.ReadImage(str(path))
    axes = image.GetDimension()
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (axes, axes))[:3, :3] * image.GetSpacing()[:3]
    affine[:3, 3] = image.GetOrigin()[:3]
    interval = round(1000 * image.GetSpacing()[3], 3) if axes == 4 else 0.0  # ITK has seconds
    return sitk.GetArrayFromImage(image), np.diag([*LPS, 1.0]) @ affine, interval
