"""What a point of the tissue does over the cycle: where it goes, and how the wall around it strains."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING

import numpy as np

from ..motion import known_reference
from ..strain.tensor import engineering_from_green
from .headless import import_slicer
from .overlays import OUTSIDE
from .result_record import Results
from .sequences import data_nodes, index_of, times_of
from .slice_plane import ijk_to_ras
from .strain_update import measure_of
from .transforms import PROVENANCE, REFERENCE, reference_grid

if TYPE_CHECKING:
    from ..strain import Strain

STRAINS = ("circumferential", "radial", "longitudinal")
_CORNERS = np.array(list(itertools.product((0, 1), repeat=3)))  # (8, 3)


class Tissue:
    """Motion and strain of a run at single points of the reference.

    Positions come from the transforms in the scene, so a curve belongs to exactly the place at which Slicer draws the
    point, and a scene that was loaded from a file needs nothing more. Strain comes from ``strain`` where it is given,
    else from the overlays in the scene, which were resampled once; a run without either has none.
    """

    def __init__(self, results: Results, strain: Strain | None = None):
        self.results, self.strain = results, strain
        motion = results.motion_to_frame
        times, _ = times_of(index_of(motion))
        self.timed = times is not None
        self.times = np.arange(motion.GetNumberOfDataNodes(), dtype=float) if times is None else times
        self.reference = known_reference(motion.GetAttribute(REFERENCE))
        self.measure = measure_of(results)
        options = json.loads(motion.GetAttribute(PROVENANCE) or "{}").get("options", {})
        self.periodic = bool(options.get("periodic", False))
        self._affine, self._shape = reference_grid(motion)

    @property
    def origin(self) -> str:
        """Where points are named and displacements start, in words."""
        return "the canonical space" if self.reference is None else f"frame {self.reference}"

    @property
    def components(self) -> tuple[str, ...]:
        """Strain components that are known: circumferential, radial, and longitudinal in a stack."""
        if self.strain is not None:
            return self.strain.components
        return tuple(component for component in STRAINS if component in self.results.overlays)

    def track(self, points: np.ndarray) -> np.ndarray:
        """Positions (T, N, 3) in RAS mm of reference points (N, 3) in RAS mm in every frame."""
        transforms = [node.GetTransformToParent() for node in data_nodes(self.results.motion_to_frame)]
        return np.array([[transform.TransformPoint(point) for point in points] for transform in transforms])

    def within_images(self, points: np.ndarray) -> bool:
        """Whether all reference points (N, 3) in RAS mm lie in the voxels that were registered."""
        voxels = _voxels(points, self._affine)
        return bool(((voxels > -0.5 - 1e-6) & (voxels < np.array(self._shape[::-1]) - 0.5 + 1e-6)).all())

    def in_wall(self, point: np.ndarray) -> bool:
        """Whether a reference point (3,) in RAS mm lies in a voxel of the wall that was analyzed."""
        if self.strain is not None:
            return _nearest(self.strain.wall, _voxels(point, self.strain.affine))
        if not self.components or self.reference is None:
            return False
        node = data_nodes(self.results.overlays[self.components[0]])[self.reference]
        return _nearest(import_slicer().util.arrayFromVolume(node) != OUTSIDE, _voxels(point, ijk_to_ras(node)))

    def strain_at(self, point: np.ndarray) -> dict[str, np.ndarray]:
        """{component: (T,) percent} of the reference point (3,) in RAS mm, NaN outside the wall.

        Linear between the voxels of the wall around the point; voxels outside the wall, which have no strain, do not
        count.
        """
        if not self.in_wall(point):
            return {component: np.full(len(self.times), np.nan) for component in self.components}
        return self._from_overlays(point) if self.strain is None else self._from_maps(self.strain, point)

    def _from_maps(self, strain: Strain, point: np.ndarray) -> dict[str, np.ndarray]:
        corners, weights = _around(_voxels(point, strain.affine), strain.wall.shape)
        number = np.full(strain.wall.shape, -1)
        number[strain.wall] = np.arange(np.count_nonzero(strain.wall))
        columns = number[corners]
        used = (columns >= 0) & (weights > 0)
        shares = weights[used] / weights[used].sum()
        values = {}
        for component, green in strain.wall_components.items():
            known = green[:, columns[used]].astype(float)  # (T, 8 or fewer)
            if self.measure == "engineering":
                known = engineering_from_green(known)
            values[component] = 100 * known @ shares
        return values

    def _from_overlays(self, point: np.ndarray) -> dict[str, np.ndarray]:
        util = import_slicer().util
        path = self.track(point[None])[:, 0]
        values = {component: np.full(len(path), np.nan) for component in self.components}
        for component, row in values.items():
            for frame, (node, place) in enumerate(zip(data_nodes(self.results.overlays[component]), path, strict=True)):
                image = util.arrayFromVolume(node)
                corners, weights = _around(_voxels(place, ijk_to_ras(node)), image.shape)
                known = image[corners].astype(float)
                weights = np.where(known == OUTSIDE, 0.0, weights)
                if weights.sum() > 0:
                    row[frame] = known @ (weights / weights.sum())
        return values


def _voxels(points: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Voxel coordinates (..., 3) as (i, j, k) of points (..., 3) in RAS mm."""
    return (points - affine[:3, 3]) @ np.linalg.inv(affine[:3, :3]).T


def _nearest(mask: np.ndarray, voxel: np.ndarray) -> bool:
    """Whether the voxel of a mask (K, J, I) that holds (i, j, k) is there and set."""
    index = np.round(voxel).astype(int)[::-1]
    return bool((index >= 0).all() and (index < mask.shape).all() and mask[tuple(index)])


def _around(voxel: np.ndarray, shape: tuple[int, ...]) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """The eight voxels around (i, j, k) as an index (k, j, i), held within ``shape``, and their linear weights."""
    place = np.clip(voxel[::-1], 0, np.array(shape) - 1.0)
    low = np.floor(place).astype(int)
    corners = np.minimum(low + _CORNERS, np.array(shape) - 1)
    share = place - low
    weights = np.where(_CORNERS == 1, share, 1 - share).prod(axis=1)
    return tuple(corners.T), weights
