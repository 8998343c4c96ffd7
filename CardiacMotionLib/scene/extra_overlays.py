"""Overlays that are made when they are chosen: how far the tissue moved, how fast it shortens, how sure that is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import CardiacMotionError
from ..motion import Motion
from ..strain.cycle import unroll
from .colors import color_node, diverging_color_node
from .headless import import_slicer
from .layers import OVERLAY, Layer, in_colors
from .map_colors import LIPARI
from .overlays import OUTSIDE, carry_to_frames
from .sequences import data_nodes, index_of, times_of

if TYPE_CHECKING:
    from ..strain import Strain
    from .result_record import Results

DISPLACEMENT, STRAIN_RATE, SPREAD = "displacement", "strain_rate", "ecc_spread"
TITLES = {DISPLACEMENT: "Displacement (mm)", STRAIN_RATE: "Rate of Ecc (1/s)", SPREAD: "SD of Ecc (%)"}
DRAWN = "CardiacMotion.drawn"  # attribute of a run's nodes: of how many samples the motion is the mean
WINDOW_MM, WINDOW_PER_S, WINDOW_SPREAD = (0.0, 10.0), (-2.0, 2.0), (0.0, 5.0)  # the same for every patient


def makeable_overlays(results: Results) -> list[str]:
    """Names of the overlays that can be made for a run.

    A rate needs a strain and times in ms, a standard deviation a strain and a motion of more than one sample.
    """
    strained = "circumferential" in results.overlays
    timed = times_of(index_of(results.cine))[0] is not None
    drawn = int(results.motion_to_frame.GetAttribute(DRAWN) or 1)
    return [
        DISPLACEMENT,
        *([STRAIN_RATE] if timed and strained else []),
        *([SPREAD] if strained and drawn > 1 else []),
    ]


def overlay_layer(name: str, motion: Motion, strain: Strain | None, walls: np.ndarray | None) -> Layer:
    """The overlay of a name of `makeable_overlays`; ``walls`` (T, K, J, I) bool is where it is drawn, else everywhere.

    Raises
    ------
    CardiacMotionError
        for another name, a rate without strain, times or walls, or a standard deviation without them or samples.
    """
    if name == DISPLACEMENT:
        return displacement_layer(motion, walls)
    if name not in TITLES:
        raise CardiacMotionError(f"there is no overlay {name!r} to make; choose one of {', '.join(TITLES)}")
    if strain is None or walls is None:
        raise CardiacMotionError(
            f"this run has no strain, so there is no {TITLES[name]}; compute it with a segmentation"
        )
    return {STRAIN_RATE: strain_rate_layer, SPREAD: spread_layer}[name](motion, strain, walls)


def displacement_layer(motion: Motion, walls: np.ndarray | None = None) -> Layer:
    """How far every point of the tissue is from its place in the reference, in mm, where it is in every frame."""
    dress = in_colors(lambda: color_node("CardiacMotion Lipari", LIPARI), WINDOW_MM)
    frames = _lengths(motion, walls)
    return Layer(OVERLAY + DISPLACEMENT, TITLES[DISPLACEMENT], motion.affine, frames, dress, WINDOW_MM, "%.1f")


def strain_rate_layer(motion: Motion, strain: Strain, walls: np.ndarray) -> Layer:
    """Rate of engineering circumferential strain in 1/s over the moving wall, negative while it shortens.

    de/dt by central differences along the unrolled cycle, as `Strain.rates` has it of the regions.
    """
    strain.check_reference(motion)
    if not strain.timed:
        raise CardiacMotionError("the frames have no times in ms, so strain has no rate; give the cine trigger times")
    frames = carry_to_frames(strain_rate(strain), motion, walls)
    dress = in_colors(diverging_color_node, WINDOW_PER_S)
    return Layer(OVERLAY + STRAIN_RATE, TITLES[STRAIN_RATE], motion.affine, frames, dress, WINDOW_PER_S, "%.1f")


def spread_layer(motion: Motion, strain: Strain, walls: np.ndarray) -> Layer:
    """Standard deviation in percentage points of circumferential strain over the samples, over the moving wall.

    Raises `CardiacMotionError` where there are none: a run that was saved with a scene has lost them.
    """
    strain.check_reference(motion)
    if "circumferential" not in strain.wall_spread:
        raise CardiacMotionError(
            "the samples of this run are not there any more, a scene does not keep them; register again with the same "
            "seed"
        )
    frames = carry_to_frames(100 * strain.spread("circumferential"), motion, walls)
    dress = in_colors(lambda: color_node("CardiacMotion Lipari", LIPARI), WINDOW_SPREAD)
    return Layer(OVERLAY + SPREAD, TITLES[SPREAD], motion.affine, frames, dress, WINDOW_SPREAD, "%.1f")


def strain_rate(strain: Strain) -> np.ndarray:
    """(T, K, J, I) float32 in 1/s: rate of engineering Ecc of the voxels of the reference, NaN outside the wall."""
    engineering = strain.engineering("circumferential")
    cycle = unroll(strain.times, strain.reference, strain.timed)
    rate = np.empty_like(engineering)
    rate[cycle.order] = np.gradient(engineering[cycle.order], cycle.elapsed / 1000, axis=0)
    return rate


def walls_of(results: Results) -> np.ndarray | None:
    """(T, K, J, I) bool, the wall in every frame as the run's overlays cover it; None where it has none on its grid."""
    slicer = import_slicer()
    sequence: Any = next(
        (results.overlays[name] for name in ("circumferential", "jacobian") if name in results.overlays), None
    )
    if sequence is None:
        return None
    return np.stack([slicer.util.arrayFromVolume(node) != OUTSIDE for node in data_nodes(sequence)])


def _lengths(motion: Motion, walls: np.ndarray | None) -> Iterator[np.ndarray]:
    for frame in range(len(motion)):
        length = np.linalg.norm(motion.inverse(frame), axis=-1).astype(np.float32)
        yield length if walls is None else np.where(walls[frame], length, np.float32(np.nan))
