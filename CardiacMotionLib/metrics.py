"""How good is a motion: overlap and surface distance of carried labels, regularity, residual, and error against truth.

All scores are of the volume (3D) on the voxel grid of the series, at its own spacing; one slice is scored in 2D.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy import ndimage

from . import fields
from .errors import CardiacMotionError
from .motion import Motion
from .series import LABEL_NAMES, LV_CAVITY, MYOCARDIUM, ImageSeries, check_labels, default_reference

PCA_MODES = 1  # L of D_PCA1: how many modes a cine may have without counting as misaligned
AROUND_HEART_MM = 5.0  # margin of the mask in which images are compared


def evaluate(
    motion: Motion,
    series: ImageSeries,
    labels: Mapping[int, np.ndarray] | np.ndarray | None = None,
    *,
    truth: Motion | None = None,
) -> pd.DataFrame:
    """Score a motion.

    Parameters
    ----------
    motion, series
        A motion and the series it was found in, on one grid. One from a canonical space is scored as expressed in the
        frame of ``truth``, else in that of the labels with the largest cavity, else in frame 0.
    labels
        {frame: (K, J, I)} to compare with, by default those of the series; an array (K, J, I) replaces those of the
        reference frame. What needs labels of the reference frame is left out where there are none.
    truth
        The exact motion on the same grid and from the same reference, where it is known.

    Returns
    -------
    Tidy table metric, structure, frame, value, unit; frame is missing (<NA>) for a score of the whole series.

    - ``Dice``, ``HD95`` (larger of the two directed 95th percentiles), ``ASD`` (mean over both surfaces) per structure
      at every labeled frame but the reference: the reference labels carried there against the labels there.
    - ``|J-1|`` mean in heart and wall, ``folding`` (share of voxels with det F <= 0), ``SDlogJ`` (SD of log det F), per
      frame but the reference; the heart is the union of the reference labels.
    - ``RMSE`` (over the range of the reference frame from its 1st to its 99th percentile) and ``NCC`` (Pearson) of the
      images drawn in the reference, and the same before registration, in the heart and 5 mm around it, else the whole.
    - ``D_PCA1``, ``D_PCA2`` (Huizinga 2016, 10.1016/j.media.2015.12.004) likewise; the unit names N frames and L modes.
    - with ``truth``: ``EPE`` and ``EPE in plane`` (mean length of the error), and in the wall ``|Ecc error|``,
      ``|Err error|`` (Green-Lagrange fractions, in-plane directions about the center of the cavity in each slice).

    Raises
    ------
    CardiacMotionError
        when series, labels or truth are not on the grid of the motion.
    """
    if not isinstance(motion, Motion):
        raise CardiacMotionError(
            f"evaluate needs a Motion, got {type(motion).__name__}; make one with register(series)"
        )
    if motion.reference is None:
        motion = motion.expressed_in(_frame_to_score(series, labels, truth))
    if isinstance(truth, Motion) and truth.reference is None:
        truth = truth.expressed_in(motion.stored_reference)
    warped = motion.warp(series)
    given = _labels_by_frame(labels, motion, series)
    checked = {int(t): check_labels(a, series.frames.shape, t) for t, a in given.items()}
    reference = checked.get(motion.stored_reference)
    rows: list[tuple] = []
    if reference is not None:
        rows += _overlap_rows(motion, reference, checked)
    rows += _regularity_rows(motion, reference)
    rows += _residual_rows(motion, series.frames, warped, reference)
    if truth is not None:
        rows += _truth_rows(motion, truth, reference)
    table = pd.DataFrame(rows, columns=["metric", "structure", "frame", "value", "unit"])
    return table.astype({"frame": "Int64", "value": "float64"})


def _frame_to_score(
    series: ImageSeries, labels: Mapping[int, np.ndarray] | np.ndarray | None, truth: Motion | None
) -> int:
    """Where a motion from a canonical space is expressed in."""
    if isinstance(truth, Motion) and truth.reference is not None:
        return truth.reference
    return default_reference(series.replace(labels=labels) if isinstance(labels, Mapping) else series)


# ---------------------------------------------------------------------- labels


def _labels_by_frame(
    labels: Mapping[int, np.ndarray] | np.ndarray | None, motion: Motion, series: ImageSeries
) -> Mapping[int, np.ndarray]:
    if labels is None:
        return series.labels
    if isinstance(labels, Mapping):
        return labels
    if isinstance(labels, np.ndarray):
        return {**series.labels, motion.stored_reference: labels}
    raise CardiacMotionError(
        f"labels must be a dictionary {{frame: (K, J, I) array}} or an array (K, J, I) of the reference frame, "
        f"got {type(labels).__name__}"
    )


def dice(first: np.ndarray, second: np.ndarray) -> float:
    """2 |A and B| / (|A| + |B|) of two masks of any shape, in [0, 1]; NaN when both are empty."""
    total = np.count_nonzero(first) + np.count_nonzero(second)
    return 2 * np.count_nonzero(first & second) / total if total else float("nan")


def surface_distances(first: np.ndarray, second: np.ndarray, spacing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distances in mm from each surface voxel of one mask (K, J, I) to the surface of the other, both ways.

    The surface is what has a face neighbor outside the mask; with one slice (K == 1) only neighbors in plane count.
    ``spacing`` (3,) mm along (i, j, k). Empty arrays when either mask is empty.
    """
    if not (first.any() and second.any()):
        return np.zeros(0), np.zeros(0)
    box = tuple(
        slice(max(s.start - 1, 0), s.stop + 1) for s in ndimage.find_objects((first | second).astype(np.uint8))[0]
    )
    structure = ndimage.generate_binary_structure(3, 1)
    if first.shape[0] == 1:
        structure[[0, 2]] = False
    surfaces = [mask[box] & ~ndimage.binary_erosion(mask[box], structure) for mask in (first, second)]
    away = [ndimage.distance_transform_edt(~surface, sampling=spacing[::-1]) for surface in surfaces]
    return away[1][surfaces[0]], away[0][surfaces[1]]


def hausdorff95(first: np.ndarray, second: np.ndarray, spacing: np.ndarray) -> float:
    """Larger of the two directed 95th percentiles of `surface_distances` in mm; NaN when either mask is empty."""
    distances = surface_distances(first, second, spacing)
    return max(float(np.percentile(d, 95)) for d in distances) if len(distances[0]) else float("nan")


def average_surface_distance(first: np.ndarray, second: np.ndarray, spacing: np.ndarray) -> float:
    """Mean of `surface_distances` over both surfaces in mm; NaN when either mask is empty."""
    distances = np.concatenate(surface_distances(first, second, spacing))
    return float(distances.mean()) if len(distances) else float("nan")


def _overlap_rows(motion: Motion, reference: np.ndarray, labels: Mapping[int, np.ndarray]) -> list[tuple]:
    rows = []
    for frame in sorted(set(labels) - {motion.reference}):
        carried = motion.warp_labels(reference, frame)
        for value, name in LABEL_NAMES.items():
            if not ((labels[frame] == value).any() and (reference == value).any()):
                continue  # a structure that nobody drew in one of the frames has no score
            ours, theirs = carried == value, labels[frame] == value
            rows += [
                ("Dice", name, frame, dice(ours, theirs), ""),
                ("HD95", name, frame, hausdorff95(ours, theirs, motion.spacing), "mm"),
                ("ASD", name, frame, average_surface_distance(ours, theirs, motion.spacing), "mm"),
            ]
    return rows


# ---------------------------------------------------------------------- regularity


def _regularity_rows(motion: Motion, reference: np.ndarray | None) -> list[tuple]:
    regions = {"whole": np.ones(motion.shape, bool)}
    if reference is not None and reference.any():
        regions["heart"] = reference > 0
    if reference is not None and (reference == MYOCARDIUM).any():
        regions[LABEL_NAMES[MYOCARDIUM]] = reference == MYOCARDIUM
    determinant = motion.jacobian_determinant()
    rows: list[tuple] = []
    for frame in _others(motion):
        for name, region in regions.items():
            values = determinant[frame][region].astype(np.float64)
            if name != "whole":
                rows.append(("|J-1|", name, frame, float(np.abs(values - 1).mean()), ""))
            rows.append(("folding", name, frame, 100 * float((values <= 0).mean()), "%"))
            rows.append(("SDlogJ", name, frame, float(np.log(np.maximum(values, 1e-9)).std()), ""))
    return rows


def _others(motion: Motion) -> list[int]:
    return [t for t in range(len(motion)) if t != motion.reference]


# ---------------------------------------------------------------------- residual


def pca_dissimilarity(frames: np.ndarray, mask: np.ndarray, modes: int = PCA_MODES) -> tuple[float, float]:
    """D_PCA1 and D_PCA2 of aligned frames (N, K, J, I) in a mask (K, J, I) (Huizinga 2016).

    With lambda_1 >= lambda_2 >= ... the eigenvalues of the N x N correlation matrix of the frames: D_PCA1 = N minus the
    sum of the first ``modes``, in [0, N - modes], and D_PCA2 = sum of j lambda_j, in [N, N (N + 1) / 2]. Both are
    smallest for frames that are one image up to brightness and contrast, and grow with N: compare only at equal N and
    mask.
    """
    values = frames[:, mask].astype(np.float64)
    values -= values.mean(1, keepdims=True)
    values /= np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)
    eigenvalues = np.linalg.eigvalsh(values @ values.T)[::-1]
    order = np.arange(1, len(frames) + 1)
    return float(len(frames) - eigenvalues[:modes].sum()), float((order * eigenvalues).sum())


def _residual_rows(motion: Motion, frames: np.ndarray, warped: np.ndarray, reference: np.ndarray | None) -> list[tuple]:
    name, mask = "whole", np.ones(motion.shape, bool)
    if reference is not None and reference.any():
        distance = ndimage.distance_transform_edt(reference == 0, sampling=motion.spacing[::-1])
        name, mask = f"heart and {AROUND_HEART_MM:g} mm", distance <= AROUND_HEART_MM
    fixed = frames[motion.reference]
    low, high = np.percentile(fixed, (1, 99))
    scale = max(float(high - low), 1e-12)
    target = fixed[mask].astype(np.float64)
    unit = f"N = {len(frames)}, L = {PCA_MODES}"
    rows: list[tuple] = []
    for images, when in ((warped, ""), (frames, " before")):
        for frame in _others(motion):
            values = images[frame][mask].astype(np.float64)
            error = float(np.sqrt(np.mean((values - target) ** 2))) / scale
            rows.append((f"RMSE{when}", name, frame, error, "of range"))
            rows.append((f"NCC{when}", name, frame, _correlation(values, target), ""))
        first, second = pca_dissimilarity(images, mask)
        rows.append((f"D_PCA1{when}", name, pd.NA, first, unit))
        rows.append((f"D_PCA2{when}", name, pd.NA, second, unit))
    return rows


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    a, b = first - first.mean(), second - second.mean()
    scale = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / scale if scale > 0 else float("nan")


# ---------------------------------------------------------------------- truth


def _truth_rows(motion: Motion, truth: Any, reference: np.ndarray | None) -> list[tuple]:
    if not isinstance(truth, Motion):
        raise CardiacMotionError(f"truth must be a Motion, got {type(truth).__name__}")
    if (
        truth.displacement.shape != motion.displacement.shape
        or truth.reference != motion.reference
        or not np.allclose(truth.affine, motion.affine, atol=1e-3)
    ):
        raise CardiacMotionError(
            f"truth of shape {truth.displacement.shape[:4]} from frame {truth.reference} is not like a motion of shape "
            f"{motion.displacement.shape[:4]} from frame {motion.reference}; "
            "the same grid and reference frame are needed"
        )
    regions = {"whole": np.ones(motion.shape, bool)}
    if reference is not None and (reference == MYOCARDIUM).any():
        regions[LABEL_NAMES[MYOCARDIUM]] = reference == MYOCARDIUM
    in_plane = (motion.affine[:3, :2] / motion.spacing[:2]).T  # (2, 3) unit vectors
    rows: list[tuple] = []
    for frame in _others(motion):
        error = motion.displacement[frame].astype(np.float64) - truth.displacement[frame]
        for name, region in regions.items():
            rows.append(("EPE", name, frame, _mean_length(error[region]), "mm"))
            rows.append(("EPE in plane", name, frame, _mean_length(error[region] @ in_plane.T), "mm"))
    if reference is not None:
        rows += _strain_error_rows(motion, truth, reference)
    return rows


def _mean_length(vectors: np.ndarray) -> float:
    return float(np.linalg.norm(vectors, axis=-1).mean())


def _strain_error_rows(motion: Motion, truth: Motion, reference: np.ndarray) -> list[tuple]:
    """Mean absolute error of Ecc and Err in the wall, in the slices that have a cavity to measure directions from."""
    wall = (reference == MYOCARDIUM) & (reference == LV_CAVITY).any((1, 2))[:, None, None]
    if not wall.any():
        return []
    k, j, i = np.nonzero(wall)
    centers = np.full((len(wall), 2), np.nan)
    for level in np.unique(k):
        rows, columns = np.nonzero(reference[level] == LV_CAVITY)
        centers[level] = columns.mean(), rows.mean()
    offset = (np.stack([i, j], -1) - centers[k]) * motion.spacing[:2]
    radial = offset / np.maximum(np.linalg.norm(offset, axis=1, keepdims=True), 1e-9)
    axes = motion.affine[:3, :2] / motion.spacing[:2]
    directions = {"Err": radial @ axes.T, "Ecc": np.stack([-radial[:, 1], radial[:, 0]], -1) @ axes.T}
    structure, affine = LABEL_NAMES[MYOCARDIUM], torch.as_tensor(motion.affine)
    result: list[tuple] = []
    for frame in _others(motion):
        found, exact = (fields.deformation_gradient(m.voxels(frame), affine)[0].numpy()[wall] for m in (motion, truth))
        for name, direction in directions.items():
            # E along n is (|F n|^2 - 1) / 2
            ours, theirs = ((np.einsum("nab,nb->na", f, direction) ** 2).sum(-1) / 2 for f in (found, exact))
            result.append((f"|{name} error|", structure, frame, float(np.abs(ours - theirs).mean()), "Green"))
    return result
