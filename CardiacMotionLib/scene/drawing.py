"""What the nodes of a run hold, as arrays: the part of showing a result that needs no scene and takes seconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import CardiacMotionError
from ..motion import Motion
from ..series import MYOCARDIUM, ImageSeries
from .aha import carry_segments
from .models import WallShape, wall_shape
from .overlays import overlay_volumes
from .tables import MEASURES
from .transforms import Grids, grids_of

if TYPE_CHECKING:
    from ..strain import Strain


@dataclass(frozen=True)
class Drawing:
    """Made by `draw` in any thread or process, put into the scene by `add_results`.

    Attributes
    ----------
    measure
        Of strain: ``green`` or ``engineering``.
    grids
        The displacements as the transforms hold them.
    labels
        (T, K, J, I) uint8, those of the reference carried through the cycle; None where there are none.
    overlays
        {component: (T, K, J, I) float32 percent on the moving wall}, as the volumes hold them.
    segments
        (T, K, J, I) uint8, the AHA segments carried through the cycle; None where there are none.
    wall
        Shape of the wall of the reference, None where there is no wall.
    wall_percent
        (K, J, I) circumferential strain of the wall at end-systole, NaN outside; None without strain.
    """

    measure: str
    grids: Grids
    labels: np.ndarray | None = None
    overlays: dict[str, np.ndarray] | None = None
    segments: np.ndarray | None = None
    wall: WallShape | None = None
    wall_percent: np.ndarray | None = None


def draw(
    series: ImageSeries,
    motion: Motion,
    strain: Strain | None = None,
    *,
    measure: str = "green",
    progress: Callable[[float], Any] = lambda share: None,
) -> Drawing:
    """Everything about a run that nodes show and that takes time to compute. Parameters as in `add_results`.

    ``progress`` is told the share that is done, between parts; what it raises ends the work.
    """
    check_measure(measure)
    grids = grids_of(motion)
    labels = _reference_labels(series, motion, strain)
    if labels is None:
        return Drawing(measure, grids)
    frames = len(motion)
    carried = []
    for frame in range(frames):
        progress(0.1 + 0.4 * frame / frames)
        carried.append(motion.warp_labels(labels, frame))
    everywhere = np.stack(carried)
    inside = labels == MYOCARDIUM
    if not inside.any():
        return Drawing(measure, grids, everywhere)
    progress(0.5)
    maps = {} if strain is None else {name: strain_percent(strain, name, measure) for name in strain.components}
    maps["jacobian"] = np.where(inside, 100 * (motion.jacobian_determinant() - 1), np.float32(np.nan))
    overlays = {}
    for number, (component, values) in enumerate(maps.items()):
        progress(0.6 + 0.35 * number / len(maps))
        overlays[component] = overlay_volumes(values, motion, everywhere == MYOCARDIUM)
    progress(0.95)
    segments = wall_percent = None
    if strain is not None:
        wall_percent = maps["circumferential"][strain.end_systole]
        if strain.segments.any():
            segments = carry_segments(strain.segments, motion, everywhere == MYOCARDIUM)
    return Drawing(measure, grids, everywhere, overlays, segments, wall_shape(labels, motion.affine), wall_percent)


def check_measure(measure: str) -> None:
    """Raise `CardiacMotionError` for an unknown measure of strain."""
    if measure not in MEASURES:
        raise CardiacMotionError(f"unknown strain measure {measure!r}; use green or engineering")


def strain_percent(strain: Strain, component: str, measure: str) -> np.ndarray:
    """Strain of a component (T, K, J, I) in percent."""
    return 100 * (strain.engineering(component) if measure == "engineering" else getattr(strain, component))


def _reference_labels(series: ImageSeries, motion: Motion, strain: Strain | None) -> np.ndarray | None:
    """Labels (K, J, I) of the reference: given or found with the motion, else the wall of the strain."""
    labels = motion.reference_labels(series)
    if labels is not None or strain is None:
        return labels
    return np.where(strain.wall, MYOCARDIUM, 0).astype(np.uint8)
