"""How well a motion from a canonical space aligns all images of a series with each other."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import torch
from nibabel.affines import apply_affine
from scipy import ndimage

from .... import ImageSeries, Motion, fields, fit_map
from ....metrics import dice, pca_dissimilarity
from ....phantom import Subject
from ....series import LV_CAVITY, MYOCARDIUM, RV
from ..memwarp.scores import shown

AROUND_MM = 5.0  # margin of the heart in which images are compared
MODES = {"molli": 3, "stone": 3, "sasha": 3, "ir": 3, "msasha": 4, "t2prep": 3, "asl": 2}  # parameters of the signal
CINE_MODES = 1  # L of D_PCA1 where no signal model is known: one image
SHORT = {LV_CAVITY: "LV", MYOCARDIUM: "myocardium", RV: "RV"}
PURE = 0.95  # share of one tissue in a pixel that has a true value
COMMON = 0.5  # of the frames: the share that has to call a pixel wall for it to be one in the canonical space


def group_scores(
    motion: Motion, series: ImageSeries, *, subject: Subject | None = None, model: str | None = None
) -> dict[str, float]:
    """Everything that the tables have of one series.

    Parameters
    ----------
    motion
        From the canonical space of ``series``, or from a frame, which then is the canonical space.
    series
        The images (T, K, J, I), with labels of two frames or more; those of the frames that have some are compared.
    subject
        The person with the exact motion that the series is of: adds errors against the truth.
    model
        Signal model of `fit_map`: adds scores of the maps of the drawn images.
    """
    drawn = drawn_labels(motion, series)
    modes = MODES.get(model or str(series.meta.get("model")), CINE_MODES)
    frames = motion.warp(series)
    scores = overlap(drawn) | similarity(frames, drawn, series.spacing, modes) | regularity(motion, drawn)
    if subject is not None:
        scores |= {"TRE (mm)": landmark_error(motion, subject), "error in heart (mm)": motion_error(motion, subject)}
    if model is not None:
        scores |= mapping(motion, series.replace(frames=frames), common_wall(drawn), model, subject)
    return scores


def drawn_labels(motion: Motion, series: ImageSeries) -> np.ndarray:
    """Labels (N, K, J, I) of the N labeled frames, each drawn in the canonical space."""
    return np.stack([motion.draw_labels(labels, frame) for frame, labels in series.labels.items()])


# ---------------------------------------------------------------------- labels and images


def overlap(drawn: np.ndarray) -> dict[str, float]:
    """Dice in % of every structure: mean over all pairs of frames in a slice, then over the slices that have it.

    ``drawn`` is (N, K, J, I). A pair in which neither has the structure says nothing and is left out.
    """
    scores = {}
    for label, name in SHORT.items():
        slices = []
        for labels in np.moveaxis(drawn == label, 1, 0):  # (N, J, I)
            if labels.any():
                slices.append(np.nanmean([dice(first, second) for first, second in combinations(labels, 2)]))
        scores[f"Dice {name} (%)"] = 100 * float(np.mean(slices)) if slices else float("nan")
    return {"Dice (%)": float(np.nanmean(list(scores.values()))), **scores}


def similarity(frames: np.ndarray, drawn: np.ndarray, spacing: np.ndarray, modes: int) -> dict[str, float]:
    """D_PCA1 and D_PCA2 of drawn frames (T, K, J, I) in what any frame calls heart and `AROUND_MM` around it."""
    heart = np.any(drawn > 0, 0)
    near = ndimage.distance_transform_edt(~heart, sampling=spacing[::-1]) <= AROUND_MM
    near &= np.any(heart, (1, 2))[:, None, None]  # a slice without heart has none around it
    return dict(zip(("D_PCA1", "D_PCA2"), pca_dissimilarity(frames, near, modes), strict=True))


def regularity(motion: Motion, drawn: np.ndarray) -> dict[str, float]:
    """SDlogJ and the folded share in % of all frames, in what any frame calls heart."""
    determinant = torch.from_numpy(motion.jacobian_determinant()[:, (drawn > 0).any(0)])
    each = [float(fields.sd_log_jacobian(one)) for one in determinant]
    return {"SDlogJ": float(np.mean(each)), "folding heart (%)": 100 * float(fields.folding_fraction(determinant))}


# ---------------------------------------------------------------------- the exact motion


def landmark_error(motion: Motion, subject: Subject) -> float:
    """Mean distance in mm, in plane, of an RV insertion drawn in the canonical space from two frames, over all pairs.

    The insertion is where it exactly is in every frame, and the motion of the nearest slice takes it back.
    """
    insertions = np.asarray(subject.series.meta["rv_insertion"])
    in_plane = subject.series.affine[:3, :2] / subject.series.spacing[:2]
    drawn = np.stack([returned(motion, shown(subject, subject.position(insertions, t)), t) for t in range(len(motion))])
    distances = [np.linalg.norm((first - second) @ in_plane, axis=-1) for first, second in combinations(drawn, 2)]
    return float(np.mean(distances))


def returned(motion: Motion, points: np.ndarray, frame: int) -> np.ndarray:
    """Where points (N, 3) in RAS mm of ``frame`` are in the canonical space."""
    voxels = torch.from_numpy(apply_affine(np.linalg.inv(motion.affine), points))
    back = torch.from_numpy(motion.inverse(frame)).double().movedim(-1, 0)[None]
    return points + fields.sample_at(back, voxels[None])[0].T.numpy()


def motion_error(motion: Motion, subject: Subject) -> float:
    """Mean error in mm, in plane, in the heart of frame 0: of the motion from there to every other frame."""
    series = subject.series
    found = motion.expressed_in(0).displacement[1:].astype(np.float64)
    in_plane = series.affine[:3, :2] / series.spacing[:2]
    error = (found - subject.motion.displacement[1:])[:, series.labels[0] > 0] @ in_plane
    return float(np.linalg.norm(error, axis=-1).mean())


# ---------------------------------------------------------------------- maps


def common_wall(drawn: np.ndarray) -> np.ndarray:
    """(K, J, I) bool: what most frames call wall, of labels (N, K, J, I)."""
    return (drawn == MYOCARDIUM).mean(0) > COMMON


def mapping(
    motion: Motion, series: ImageSeries, wall: np.ndarray, model: str, subject: Subject | None
) -> dict[str, float]:
    """Scores in the wall (K, J, I) of the maps that a model makes of the drawn images ``series``: means over pixels.

    A pixel without a fit counts against the survival only. The truth is that of frame 0, drawn where the images are,
    and asked for where a pixel is of one tissue: others have no one true value.
    """
    maps = fit_map(series, model, mask=wall)
    scores = {"survival (%)": 100 * maps.survival(wall)}
    for name, key, unit in (("T1 SD", "T1_SD", " (ms)"), ("T2 SD", "T2_SD", " (ms)"), ("R2", "R2", "")):
        if key in maps.maps:
            scores[name + unit] = _mean(maps[key][wall])
    pure = np.ones_like(wall) if subject is None else drawn_map(motion, subject.maps["purity"]) >= PURE
    for key in ("T1", "T2", "perfusion"):
        if subject is not None and key in maps.maps and key in subject.maps:
            error = np.abs(maps.maps[key] - drawn_map(motion, subject.maps[key]))
            scores[f"|{key} - true| ({maps.units[key]})"] = _mean(error[wall & pure])
    return scores


def drawn_map(motion: Motion, values: np.ndarray) -> np.ndarray:
    """A map (K, J, I) of frame 0 drawn in the canonical space; the nearest value, for tissues have edges."""
    displacement = motion.voxels(0)
    grid = fields.identity_grid(motion.shape) + displacement
    return fields.sample_at(torch.from_numpy(values)[None, None], grid, mode="nearest")[0, 0].numpy()


def _mean(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")
