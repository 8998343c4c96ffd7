"""What a reader should know of a study before its motion is computed: short sentences, each with what to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from .rings import closed_rings
from .series import LABEL_NAMES, LV_CAVITY, MYOCARDIUM, RV, ImageSeries, default_reference

OK, NOTE, PROBLEM = "ok", "note", "problem"
LEVELS = (PROBLEM, NOTE, OK)  # as they are listed
FEW_FRAMES, ENOUGH_FRAMES = 20, 30  # a heartbeat
UNEVEN = 1.5  # largest to median interval between frames
HEARTBEAT_MS = (300.0, 2000.0)
FEW_SLICES = 6
WIDE_GAP_MM, COARSE_PIXEL_MM = 12.0, 2.5
WALL_MM = (3.0, 25.0)  # mean thickness of a living wall, thin infarcts and hypertrophy included
CENTRAL_SHARE = 0.5  # of the image, in which the middle of the heart is expected
LEAST_CONTRAST = 0.5  # standard deviations of the wall between wall and blood


class Check(NamedTuple):
    """``level`` is problem (it will fail or be wrong), note (it limits what can be said) or ok."""

    level: str
    sentence: str
    advice: str = ""


class Structure(NamedTuple):
    """How much of a label there is."""

    label: int
    slices: int
    voxels: int
    volume_ml: float

    def __str__(self) -> str:
        """In words, for a list."""
        if not self.voxels:
            return f"{LABEL_NAMES[self.label]}: none"
        return (
            f"{LABEL_NAMES[self.label]}: {_count(self.slices, 'slice')}, {self.voxels} voxels, {self.volume_ml:.0f} mL"
        )


def checks_of(series: ImageSeries) -> list[Check]:
    """The checks of a cine and its labels, problems first. Nothing is computed that takes long."""
    found = [*_frames(series), *_geometry(series), *_images(series), *_labels(series)]
    return sorted(found, key=lambda check: LEVELS.index(check.level))


def structures_of(labels: np.ndarray, affine: np.ndarray) -> list[Structure]:
    """Slices, voxels and volume of RV, LV myocardium and LV cavity in labels (K, J, I)."""
    voxel_ml = abs(float(np.linalg.det(affine[:3, :3]))) / 1000
    found = []
    for label in LABEL_NAMES:
        per_slice = np.count_nonzero(labels == label, axis=(1, 2))
        voxels = int(per_slice.sum())
        found.append(Structure(label, int(np.count_nonzero(per_slice)), voxels, voxels * voxel_ml))
    return found


def check_labels_of_frame(labels: np.ndarray, affine: np.ndarray, *, has_insertion: bool = False) -> list[Check]:
    """The checks of labels (K, J, I) of one frame: structures, closed rings, thickness of the wall, place.

    ``has_insertion`` says that the RV insertions are known, so that no RV is needed for the AHA segments.
    """
    wall, cavity = labels == MYOCARDIUM, labels == LV_CAVITY
    missing = [LABEL_NAMES[label] for label, mask in ((MYOCARDIUM, wall), (LV_CAVITY, cavity)) if not mask.any()]
    if missing:
        return [
            Check(
                PROBLEM,
                f"The segmentation has no {' and no '.join(missing)}.",
                "Segment wall and blood of the left ventricle, or choose their segments by hand.",
            )
        ]
    checks = [*_rings(wall, cavity, affine), *_place(wall | cavity)]
    if not (labels == RV).any() and not has_insertion:
        checks.append(
            Check(
                NOTE,
                "No right ventricle is segmented, so the AHA segments have no start.",
                "Segment the RV cavity, or place the two RV insertion points in Strain.",
            )
        )
    return checks


# ---------------------------------------------------------------------- images


def _frames(series: ImageSeries) -> Iterator[Check]:
    count = len(series)
    if count < 2:
        yield Check(PROBLEM, "There is one frame only.", "Choose a cine: motion needs at least two frames.")
        return
    if count < FEW_FRAMES:
        yield Check(
            NOTE,
            f"{count} frames are few: peaks of the curves may be missed and strain rate is unreliable.",
            f"Use a cine with {FEW_FRAMES} frames or more a heartbeat where there is one.",
        )
    elif count < ENOUGH_FRAMES:
        yield Check(
            NOTE,
            f"{count} frames: strain is fine, strain rate is unreliable below {ENOUGH_FRAMES}.",
            "Do not rely on strain rate.",
        )
    if not series.timed:
        yield Check(
            NOTE,
            "The frames have no times: curves count frames, and there is no strain rate.",
            "Load the cine from DICOM, or give its sequence trigger times in ms.",
        )
        return
    steps = np.diff(series.times)
    if steps.max() > UNEVEN * np.median(steps):
        yield Check(
            NOTE,
            f"The frames are not evenly spaced: {steps.min():.0f} to {steps.max():.0f} ms apart.",
            "Check that no frame is missing.",
        )
    beat = float(series.times[-1] - series.times[0] + np.median(steps))
    if not HEARTBEAT_MS[0] <= beat <= HEARTBEAT_MS[1]:
        yield Check(
            NOTE,
            f"The frames cover {beat:.0f} ms, which is not one heartbeat.",
            "Check the times, and choose frames of one beat.",
        )


def _geometry(series: ImageSeries) -> Iterator[Check]:
    slices = series.shape[0]
    in_plane, gap = float(series.spacing[:2].max()), float(series.spacing[2])
    timing = f" over {series.times[-1] - series.times[0]:.0f} ms" if series.timed and len(series) > 1 else ""
    apart = f" {gap:.1f} mm apart" if slices > 1 else ""
    yield Check(
        OK,
        f"{_count(len(series), 'frame')}{timing}, {_count(slices, 'slice')}{apart}, pixels of {in_plane:.2f} mm.",
    )
    if slices == 1:
        yield Check(
            NOTE,
            "One slice: no longitudinal strain, and volumes are of that slice.",
            "Use a short-axis stack where there is one.",
        )
    elif slices < FEW_SLICES:
        yield Check(
            NOTE,
            f"{slices} slices are few: longitudinal strain and volumes are coarse.",
            "Check that the stack reaches from base to apex.",
        )
    if slices > 1 and gap > WIDE_GAP_MM:
        yield Check(
            NOTE,
            f"Slices are {gap:.0f} mm apart: longitudinal strain is coarse.",
            "Trust circumferential strain more.",
        )
    if in_plane > COARSE_PIXEL_MM:
        yield Check(
            NOTE,
            f"Pixels of {in_plane:.1f} mm are coarse: few of them lie across the wall.",
            "Do not rely on radial strain or on layers.",
        )


def _images(series: ImageSeries) -> Iterator[Check]:
    flat = [t for t, frame in enumerate(series.frames) if float(frame.min()) == float(frame.max())]
    if flat:
        yield Check(
            PROBLEM,
            f"{_listed('Frame', flat)} {'is' if len(flat) == 1 else 'are'} of one gray value.",
            "Load the cine again; these images are empty.",
        )
        return
    same = [t for t in range(1, len(series)) if np.array_equal(series.frames[t], series.frames[t - 1])]
    if same:
        yield Check(
            NOTE,
            f"{_listed('Frame', same)} {'repeats' if len(same) == 1 else 'repeat'} the frame before.",
            "Check that the frames were loaded in order and once.",
        )


# ---------------------------------------------------------------------- labels


def _labels(series: ImageSeries) -> Iterator[Check]:
    if not series.labels:
        yield Check(
            NOTE,
            "There is no segmentation: motion can be computed, strain cannot.",
            "Segment the LV wall and cavity at end-diastole, or choose a segmentation.",
        )
        return
    frame = default_reference(series)
    labels = series.labels[frame]
    yield from check_labels_of_frame(labels, series.affine, has_insertion="rv_insertion" in series.meta)
    yield from _contrast(series.frames[frame], labels)
    count = len(series.labels)
    others = "" if count == 1 else f", the largest cavity of {count} segmented frames"
    yield Check(OK, f"The segmentation of frame {frame} is used{others}.")


def _rings(wall: np.ndarray, cavity: np.ndarray, affine: np.ndarray) -> Iterator[Check]:
    rings = closed_rings(wall, cavity)
    opened = [int(k) for k in np.flatnonzero(wall.any((1, 2)) & cavity.any((1, 2)) & ~rings)]
    if not rings.any():
        yield Check(
            PROBLEM,
            "The wall is a closed ring around the cavity in no slice.",
            "Check that the slices are short-axis, and that wall and cavity are not swapped.",
        )
        return
    if opened:
        yield Check(
            NOTE,
            f"The wall is open in {_listed('slice', opened)}: left out of the AHA segments.",
            "Close the ring there if it should be closed.",
        )
    closed = int(np.count_nonzero(rings))
    if len(wall) > 1 and closed < 3:
        yield Check(
            NOTE,
            f"The ring is closed in {_count(closed, 'slice')} only: not all AHA levels are there.",
            "Segment basal, mid and apical slices.",
        )
    thickness = _thickness(wall[rings], cavity[rings], affine)
    if not WALL_MM[0] <= thickness <= WALL_MM[1]:
        yield Check(
            PROBLEM,
            f"The wall is {thickness:.1f} mm thick on average, which no heart is.",
            "Check the voxel size, and that wall and cavity are not swapped.",
        )


def _thickness(wall: np.ndarray, cavity: np.ndarray, affine: np.ndarray) -> float:
    """Mean thickness in mm over closed rings (N, J, I), as if both outlines were circles."""
    pixel = float(np.linalg.norm(np.cross(affine[:3, 0], affine[:3, 1])))
    blood, muscle = (np.count_nonzero(mask, axis=(1, 2)) * pixel for mask in (cavity, wall))
    return float(np.mean(np.sqrt((blood + muscle) / np.pi) - np.sqrt(blood / np.pi)))


def _place(heart: np.ndarray) -> Iterator[Check]:
    """Whether the ventricle (K, J, I) bool lies well inside the image."""
    seen = np.asarray(heart.any(axis=0))
    if seen[[0, -1]].any() or seen[:, [0, -1]].any():
        yield Check(
            PROBLEM,
            "The left ventricle touches the edge of the image: part of it is cut off.",
            "Use images that show the whole heart with some margin.",
        )
        return
    middle = np.argwhere(seen).mean(axis=0) / (np.array(seen.shape) - 1)
    if (np.abs(middle - 0.5) > CENTRAL_SHARE / 2).any():
        yield Check(
            NOTE,
            "The segmentation lies far from the middle of the image.",
            "Check that it is of this patient, in the same place.",
        )


def _contrast(image: np.ndarray, labels: np.ndarray) -> Iterator[Check]:
    wall, cavity = image[labels == MYOCARDIUM], image[labels == LV_CAVITY]
    if wall.size and cavity.size and abs(cavity.mean() - wall.mean()) < LEAST_CONTRAST * wall.std():
        yield Check(
            NOTE,
            "Wall and blood are equally bright under the segmentation.",
            "Check that the segmentation fits this frame; black-blood and tagged images may look so.",
        )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _listed(noun: str, numbers: list[int]) -> str:
    """``slice 3`` or ``slices 3, 4, 7``, of many the first."""
    shown = ", ".join(map(str, numbers[:5])) + (", ..." if len(numbers) > 5 else "")
    return f"{noun}{'' if len(numbers) == 1 else 's'} {shown}"
