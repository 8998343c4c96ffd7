"""Where and how much two motions of one cine disagree: a bound on what can be believed that needs no truth."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..errors import CardiacMotionError
from ..motion import Motion
from ..series import MYOCARDIUM
from .colors import color_node
from .layers import OVERLAY, Layer, in_colors
from .map_colors import DOUBT
from .overlays import carry_to_frames

if TYPE_CHECKING:
    from ..strain import Strain

DISAGREEMENT, SUMMARY = "disagreement", "CardiacMotion.summary"
WINDOW_MM = (0.0, 5.0)


@dataclass(frozen=True, eq=False)
class Disagreement:
    """Two motions compared in one reference.

    Attributes
    ----------
    first
        The first motion, expressed in the reference that was compared in.
    distance_mm
        (T, K, J, I) float32 length of u_first - u_second of every material point, NaN outside the wall.
    walls
        (T, K, J, I) bool, the wall in every frame, carried by the first motion.
    median_mm, percentile95_mm
        In the wall over all frames but the reference, where both are zero.
    end_systole
        Frame, by the first strain; None without one.
    end_systolic_median_mm, end_systolic_percentile95_mm
        In the wall at end-systole, NaN where that is not known.
    gcs_difference
        Second minus first global circumferential strain at end-systole, percentage points of engineering strain, NaN
        without both strains.
    ecc_rms, segmental_ecc_rms
        Root mean square of the difference of the global Ecc curves over the cycle, and of the segments' Ecc at
        end-systole, in percentage points; NaN without both strains, or segments in both.
    """

    first: Motion
    distance_mm: np.ndarray
    walls: np.ndarray
    median_mm: float
    percentile95_mm: float
    end_systole: int | None
    end_systolic_median_mm: float
    end_systolic_percentile95_mm: float
    gcs_difference: float
    ecc_rms: float
    segmental_ecc_rms: float


def disagreement(
    first: Motion,
    second: Motion,
    labels: np.ndarray,
    strains: tuple[Strain | None, Strain | None] = (None, None),
) -> Disagreement:
    """Compare two motions of one cine in the wall.

    Parameters
    ----------
    first, second
        On one grid, of the same frames. The second is expressed in the reference of the first.
    labels
        (K, J, I) of the reference of the first: the wall is 2.
    strains
        Of the two, where there are any.

    Raises
    ------
    CardiacMotionError
        when the motions are of different cines, the first starts from a canonical space, or there is no wall.
    """
    reference = _check_fit(first, second)
    wall = np.asarray(labels) == MYOCARDIUM
    if wall.shape != first.shape or not wall.any():
        raise CardiacMotionError(
            "two motions are compared in the wall, and the first has no LV myocardium (2) in its reference frame; "
            "compute it with a segmentation of that frame"
        )
    moved = second.expressed_in(reference)
    distance = np.where(
        wall, np.linalg.norm(first.displacement - moved.displacement, axis=-1), np.float32(np.nan)
    ).astype(np.float32)
    walls = np.stack([first.warp_labels(labels, frame) == MYOCARDIUM for frame in range(len(first))])
    others = np.arange(len(first)) != reference
    end_systole = next((strain.end_systole for strain in strains if strain is not None), None)
    over_cycle = _median_and_95(distance[others][:, wall])
    at_end = (np.nan, np.nan) if end_systole is None else _median_and_95(distance[end_systole][wall])
    return Disagreement(first, distance, walls, *over_cycle, end_systole, *at_end, *_strain_differences(*strains))


def disagreement_layer(found: Disagreement, name: str = "") -> Layer:
    """|u_first - u_second| in mm over the wall as the first motion moves it, dark where the two agree.

    Its node keeps the numbers in words and the ``name`` of the second result (`read_summary`).
    """
    frames = carry_to_frames(found.distance_mm, found.first, found.walls)
    dress = in_colors(lambda: color_node("CardiacMotion doubt", DOUBT), WINDOW_MM)
    return Layer(
        OVERLAY + DISAGREEMENT,
        "Disagreement (mm)",
        found.first.affine,
        frames,
        dress,
        WINDOW_MM,
        "%.1f",
        attributes={SUMMARY: json.dumps({"second": name, "lines": describe_disagreement(found)})},
    )


def read_summary(sequence_node: Any) -> tuple[str, list[str]]:
    """(name of the second result, the numbers in words) of the overlay's sequence node."""
    kept = json.loads(sequence_node.GetAttribute(SUMMARY))
    return kept["second"], kept["lines"]


def describe_disagreement(found: Disagreement) -> list[str]:
    """The numbers as lines for a reader."""
    lines = [
        f"In the wall over the cycle: median {found.median_mm:.1f} mm, 95th percentile {found.percentile95_mm:.1f} mm."
    ]
    if found.end_systole is not None:
        lines.append(
            f"At end-systole (frame {found.end_systole}): median {found.end_systolic_median_mm:.1f} mm, "
            f"95th percentile {found.end_systolic_percentile95_mm:.1f} mm."
        )
    if not np.isfinite(found.gcs_difference):
        lines.append("Strain is not compared: both results need one, from the same reference frame.")
    else:
        lines.append(
            f"GCS differs by {found.gcs_difference:+.1f} percentage points at end-systole, the global Ecc curves by "
            f"{found.ecc_rms:.1f} (RMS over the cycle)."
        )
    if np.isfinite(found.segmental_ecc_rms):
        lines.append(
            f"Ecc of the segments at end-systole differs by {found.segmental_ecc_rms:.1f} percentage points (RMS)."
        )
    return lines


def _check_fit(first: Motion, second: Motion) -> int:
    """The frame that both can be expressed in."""
    if first.displacement.shape != second.displacement.shape or not np.allclose(first.affine, second.affine, atol=1e-3):
        raise CardiacMotionError(
            f"the two results are of different images: {len(first)} frames of {first.shape} voxels and "
            f"{len(second)} of {second.shape}, or in another place; choose two results of the same cine"
        )
    if first.timed and second.timed and not np.allclose(first.times, second.times, atol=0.5):
        raise CardiacMotionError("the two results have other frame times; choose two results of the same cine")
    if first.reference is None:
        raise CardiacMotionError(
            "the first result starts from a canonical space, in which there is no wall; choose one that starts from a "
            "frame as the first and this one as the second"
        )
    return first.reference


def _median_and_95(values: np.ndarray) -> tuple[float, float]:
    if not values.size:
        return np.nan, np.nan
    return float(np.median(values)), float(np.percentile(values, 95))


def _strain_differences(first: Strain | None, second: Strain | None) -> tuple[float, float, float]:
    """Differences of GCS, of the global Ecc curve (RMS) and of the segments' (RMS), in percentage points."""
    if first is None or second is None or first.reference != second.reference:
        return np.nan, np.nan, np.nan
    ours, theirs = (_ecc(strain.curves) for strain in (first, second))
    end_systolic = (ours.xs(first.end_systole, level="frame"), theirs.xs(first.end_systole, level="frame"))
    difference = 100 * (end_systolic[1] - end_systolic[0])
    segments = difference[[region for region in difference.index if region.isdigit()]].dropna()
    whole = 100 * (theirs["global"] - ours["global"])
    return float(difference["global"]), _rms(whole), _rms(segments)


def _ecc(curves: pd.DataFrame) -> pd.Series:
    """Engineering Ecc by region and frame."""
    rows = curves[curves["component"] == "circumferential"]
    return rows.set_index(["region", "frame"])["engineering"]


def _rms(values: pd.Series) -> float:
    return float(np.sqrt(np.mean(np.square(values)))) if len(values) else np.nan
