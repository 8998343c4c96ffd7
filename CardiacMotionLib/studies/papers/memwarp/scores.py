"""How good the motion of a synthetic person is whose heart slides, in the measurements of paper 002."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from nibabel.affines import apply_affine
from scipy import ndimage

from .... import ImageSeries, Motion
from ....fields import folding_fraction, sd_log_jacobian
from ....methods.learned import PairNetwork, register_series
from ....methods.memwarp import Options
from ....methods.protocol import Context, Progress
from ....methods.region import box_around
from ....metrics import dice, hausdorff95
from ....phantom import Subject
from ....phantom.stream import PairStream
from ....phantom.tissues import LUNG
from ....places import signed_distances
from ....series import BACKGROUND, LABEL_NAMES, LV_CAVITY, MYOCARDIUM, RV
from ....training.data import Data
from .rows import BACK_DICE, BACK_HD95, CARRIED_DICE, CARRIED_HD95, DICE, ERRORS, HD95, SEGMENTATION

MARGIN_MM = 30.0  # around the heart, of what counts as around it
EDGE_MM = 2.0  # from the outline of a structure, what counts as its boundary
STEP_MM = 3.0  # from the pericardium to either side, where the jump is taken
HEIGHTS = np.linspace(0.1, 1.0, 24)  # of the pericardium, as shares of the length of the LV
ANGLES = np.linspace(0, 2 * np.pi, 72, endpoint=False)
MARGIN = Options().margin  # of all networks here, what MemWarp has by default
SHORT = {RV: "RV", MYOCARDIUM: "myocardium", LV_CAVITY: "cavity"}


def people(count: int, first_seed: int, slices: int, *, sliding: bool = True) -> PairStream:
    """People at end-diastole and end-systole, on the grids of their own scans."""
    return PairStream(count, first_seed, phases="end_systole", randomized=True, sliding=sliding, slices=slices)


@dataclass(frozen=True)
class Person:
    """Who is tested.

    Attributes
    ----------
    subject
        At end-diastole (frame 0) and end-systole (1).
    lung
        Mask (K, J, I) of the voxels at end-diastole of which most is lung.
    """

    subject: Subject
    lung: np.ndarray

    @classmethod
    def of(cls, stream: PairStream, index: int) -> Person:
        """Of a stream."""
        return cls(stream.subject(index), stream.share(index, LUNG) > 0.5)


def registered(series: ImageSeries, network: PairNetwork, data: Data, reference: int, progress: Progress) -> Motion:
    """What a network that was trained with ``data`` finds where it is shown its own field about the labeled heart."""
    context = Context(reference=reference, device=torch.device("cpu"), seed=0, progress=progress)
    displacement, labels = register_series(
        series, network, data.pixel_mm, MARGIN, context, field_mm=data.size * data.pixel_mm
    )
    return Motion.from_voxels(displacement, series, reference, labels=labels)


def score(person: Person, motion: Motion, backward: Motion) -> dict[str, float]:
    """Everything that the tables have: overlap, regularity, and the errors of the motion.

    ``motion`` is from end-diastole to end-systole, ``backward`` that of the same method from end-systole.
    """
    series = person.subject.series
    return {**_overlap(series, motion, backward), **_regularity(series, motion), **_errors(person, motion)}


def _overlap(series: ImageSeries, motion: Motion, backward: Motion) -> dict[str, float]:
    """In 3D: of end-systole drawn at end-diastole, and of end-diastole carried to, and drawn at, end-systole."""
    diastole, systole, told = series.labels[0], series.labels[1], motion.labels
    drawn, carried, back = (
        motion.draw_labels(systole, 1),
        motion.warp_labels(diastole, 1),
        backward.draw_labels(diastole, 0),
    )
    overlaps = {f"Dice {SHORT[label]} (%)": 100 * dice(drawn == label, diastole == label) for label in LABEL_NAMES}
    return {
        DICE: float(np.mean(list(overlaps.values()))),
        **overlaps,
        HD95: _distance(drawn, diastole, series.spacing),
        CARRIED_DICE: _mean_dice(carried, systole),
        CARRIED_HD95: _distance(carried, systole, series.spacing),
        BACK_DICE: _mean_dice(back, systole),
        BACK_HD95: _distance(back, systole, series.spacing),
        SEGMENTATION: float("nan") if told is None else _mean_dice(told, diastole),
    }


def _mean_dice(first: np.ndarray, second: np.ndarray) -> float:
    return 100 * float(np.mean([dice(first == label, second == label) for label in LABEL_NAMES]))


def _distance(first: np.ndarray, second: np.ndarray, spacing: np.ndarray) -> float:
    """Mean HD95 of the structures in mm; none where one is gone."""
    return float(np.mean([hausdorff95(first == label, second == label, spacing) for label in LABEL_NAMES]))


def _regularity(series: ImageSeries, motion: Motion) -> dict[str, float]:
    """SDlogJ and folding in the box around the heart, SDlogJ in the LV wall and about the outlines of structures."""
    labels = series.labels[0]
    from_edge = np.abs(signed_distances(labels, np.unique(labels), series.spacing)).min(0)
    determinant = torch.from_numpy(motion.jacobian_determinant()[1])
    box = determinant[box_around(labels > 0, series.spacing, MARGIN_MM)]
    wall = labels == MYOCARDIUM
    return {
        "SDlogJ": float(sd_log_jacobian(box)),
        "SDlogJ wall": float(sd_log_jacobian(determinant[wall])),
        "SDlogJ boundaries": float(sd_log_jacobian(determinant[from_edge <= EDGE_MM])),
        "SDlogJ inside the wall": float(sd_log_jacobian(determinant[wall & (from_edge > EDGE_MM)])),
        "folding (%)": 100 * float(folding_fraction(box)),
    }


def _errors(person: Person, motion: Motion) -> dict[str, float]:
    """Endpoint errors in and around the heart, and how the jump at the pericardium is kept."""
    series, labels = person.subject.series, person.subject.series.labels[0]
    away = ndimage.distance_transform_edt(labels == BACKGROUND, sampling=series.spacing[::-1])
    around = (away > 0) & (away <= MARGIN_MM)
    true = person.subject.motion.displacement[1]
    error = np.linalg.norm((motion.displacement[1] - true).astype(np.float64), axis=-1)
    places = (labels == MYOCARDIUM, (labels == RV) | (labels == LV_CAVITY), around & person.lung, around)
    errors = {name: float(error[place].mean()) for name, place in zip(ERRORS, places, strict=True)}
    return {**errors, **jump(person.subject, motion)}


# ---------------------------------------------------------------------- the jump at the pericardium


def jump(subject: Subject, motion: Motion) -> dict[str, float]:
    """What is kept of the jump (1: everything, 0: nothing), how large its error is, and how large it is in truth.

    The jump is the displacement a little outside the pericardium less that a little inside; part of it is not sliding,
    but that the displacement changes from here to there in any heart.
    """
    series = subject.series
    sides = [pericardium(subject, step) for step in (-STEP_MM, STEP_MM)]
    seen = [shown(subject, points) for points in sides]
    inside = np.all([_within(series, points) for points in seen], axis=0)
    true, found = (
        (outer - inner)[inside]
        for inner, outer in (
            [subject.position(points, 1) - points for points in sides],
            [motion.at(points, 1) for points in seen],
        )
    )
    in_plane = series.affine[:3, :2] / series.spacing[:2]
    scores = {}
    for name, axes in (("", np.eye(3)), (" in plane", in_plane)):
        exact, ours = true @ axes, found @ axes
        scores[f"jump kept{name}"] = float((exact * ours).sum() / (exact * exact).sum())
        scores[f"jump error{name} (mm)"] = _rms(ours - exact)
        scores[f"true jump{name} (mm)"] = _rms(exact)
    return scores


def pericardium(subject: Subject, step: float) -> np.ndarray:
    """Points (N, 3) in RAS mm of the heart at end-diastole, ``step`` mm outside its pericardium, away from its axis."""
    heights, angles = np.meshgrid(HEIGHTS * subject.anatomy.length, ANGLES, indexing="ij")
    cos, sin, z = (torch.from_numpy(values.ravel()) for values in (np.cos(angles), np.sin(angles), heights))
    radius = subject.anatomy.pericardium_squared(cos, sin, z).sqrt() + step
    return apply_affine(subject.from_heart, torch.stack((cos * radius, sin * radius, z), -1).numpy())


def shown(subject: Subject, points: np.ndarray) -> np.ndarray:
    """Where points of the heart (N, 3) lie in the images: slices may have been taken while it lay elsewhere."""
    slices = apply_affine(np.linalg.inv(subject.series.affine), points)[:, 2]
    shifts = [np.interp(slices, range(len(subject.shifts)), along) for along in subject.shifts.T]
    return points + np.stack(shifts, axis=-1)


def _within(series: ImageSeries, points: np.ndarray) -> np.ndarray:
    voxels = apply_affine(np.linalg.inv(series.affine), points)
    return ((voxels >= 0) & (voxels <= np.array(series.shape[::-1]) - 1)).all(-1)


def _rms(vectors: np.ndarray) -> float:
    return float(np.sqrt((vectors**2).sum(-1).mean()))
