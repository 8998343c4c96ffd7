"""A held-out synthetic heart, and how near to its exact motion another one is at end-systole and over the cycle."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import ndimage

from .... import ImageSeries, Motion
from ....continuous import ContinuousField
from ....methods.region import find_region
from ....metrics import average_surface_distance, dice, hausdorff95
from ....phantom import phantom
from ....places import grid_points
from ....series import LABEL_NAMES
from ....strain import strain
from ....strain.tensor import green_strain, project

AWAY_MM = 10.0  # from the heart within its slices, what counts as outside


class Heart:
    """A heart and what its scores need, made once.

    Scores are taken on the part of the grid that a fit with ``margin`` sees, of the reference (frame 0) and the frame
    at end-systole only.

    Attributes
    ----------
    series
        The cine.
    """

    def __init__(self, seed: int, group: str, margin: float):
        self.seed, self.group = seed, group
        subject = phantom("cine", seed, group=group)
        self.series = subject.series
        self.frame = int(subject.meta["truth"]["end_systole"])
        box = find_region(self.series, 0, margin).box
        two = [0, self.frame]
        labels = {n: self.series.labels[t] for n, t in enumerate(two)}
        times = self.series.times[two]
        self.pair = ImageSeries(self.series.frames[two], self.series.affine, times, labels).crop(box)
        self.truth = Motion(subject.motion.displacement[(two, *box)], self.pair.affine, 0, times)
        self.points = grid_points(self.pair.shape, self.pair.affine)
        self.heart = self.pair.labels[0] > 0
        in_plane = np.array([ndimage.distance_transform_edt(~plane, self.pair.spacing[1::-1]) for plane in self.heart])
        self.outside = self.heart.any((1, 2))[:, None, None] & (in_plane > AWAY_MM)

        geometry = strain(Motion.still(self.pair, 0), self.pair.labels[0])
        self.wall, self.directions = geometry.wall, geometry.wall_directions
        exact = subject.voxel_points()[box][self.wall]
        self.exact_gradient = np.stack([subject.gradient_at(exact, t) for t in range(len(self.series))])
        self.exact_strain = _components(self.exact_gradient, subject.wall_axes()[box][self.wall])

    def score_field(self, field: ContinuousField) -> dict[str, float]:
        """Scores of a continuous field."""
        motion = Motion.from_field(field, self.pair, 0)
        return self.score(motion, field.deformation_gradient(self.points[self.wall], self.series.times))

    def confinement(self, field: ContinuousField) -> dict[str, float]:
        """How much the network alone moves heart and surroundings: the window would confine any motion."""
        free = replace(field, window=None)
        everywhere = free.displacement(self.points.reshape(-1, 3), self.pair.times[1])
        return self._magnitudes(everywhere.reshape(*self.pair.shape, 3))

    def score_references(self) -> dict[str, dict[str, float]]:
        """Scores of no registration and of the exact motion: what the others lie between."""
        identity = np.broadcast_to(np.eye(3), self.exact_gradient.shape)
        return {
            "no registration": self.score(Motion.still(self.pair, 0), identity),
            "exact motion": {
                **self.score(self.truth, self.exact_gradient),
                **self._magnitudes(self.truth.displacement[1]),
            },
        }

    def score(self, motion: Motion, gradient: np.ndarray) -> dict[str, float]:
        """Scores of a motion of the pair, and of F (T, N, 3, 3) in the wall over the cycle."""
        error = (motion.displacement[1] - self.truth.displacement[1])[self.wall].astype(np.float64)
        in_plane = self.pair.affine[:3, :2] / self.pair.spacing[:2]
        volume = np.linalg.det(gradient[self.frame].astype(np.float64))
        return {
            **self._overlap(motion),
            "|J-1|": float(np.abs(volume - 1).mean()),
            "folding (%)": 100 * float((volume <= 0).mean()),
            "EPE 3D (mm)": _mean_length(error),
            "EPE in plane (mm)": _mean_length(error @ in_plane),
            **self._strain_errors(_components(gradient, self.directions)),
        }

    def _overlap(self, motion: Motion) -> dict[str, float]:
        """Of the reference labels carried to end-systole with those there: each structure, and their mean."""
        carried, there, spacing = motion.warp_labels(self.pair.labels[0], 1), self.pair.labels[1], motion.spacing
        masks = {name: (carried == value, there == value) for value, name in LABEL_NAMES.items()}
        overlaps = {f"Dice {name}": dice(*both) for name, both in masks.items()}
        in_slice = [
            hausdorff95(ours[k : k + 1], theirs[k : k + 1], spacing)  # NaN where either is empty
            for ours, theirs in masks.values()
            for k in range(len(ours))
        ]
        return {
            "Dice": float(np.mean(list(overlaps.values()))),
            **overlaps,
            "HD95 (mm)": float(np.mean([hausdorff95(*both, spacing) for both in masks.values()])),
            "HD95 in slice (mm)": float(np.nanmean(in_slice)),
            "ASD (mm)": float(np.mean([average_surface_distance(*both, spacing) for both in masks.values()])),
        }

    def _strain_errors(self, found: dict[str, np.ndarray]) -> dict[str, float]:
        """Mean absolute error over voxels at end-systole, and of the global curve; its mean second difference."""
        result = {}
        for name, values in found.items():
            exact, curve = self.exact_strain[name], values.mean(1)
            result[f"{name} error"] = float(np.abs(values - exact)[self.frame].mean())
            result[f"{name} curve error"] = float(np.abs(curve - exact.mean(1)).mean())
            result[f"{name} curve second difference"] = float(np.abs(np.diff(curve, 2)).mean())
        return result

    def _magnitudes(self, displacement: np.ndarray) -> dict[str, float]:
        """Mean length (mm) of a displacement (K, J, I, 3) at end-systole in the heart and away from it."""
        return {
            "motion in heart (mm)": _mean_length(displacement[self.heart]),
            "motion outside (mm)": _mean_length(displacement[self.outside]),
        }


def _components(gradient: np.ndarray, axes: np.ndarray) -> dict[str, np.ndarray]:
    """Ecc and Err (T, N), Green-Lagrange, of F (T, N, 3, 3) along axes (N, 3, 3), rows radial, circumferential, ..."""
    green = green_strain(gradient)
    return {name: project(green, axes[:, row]) for name, row in (("Ecc", 1), ("Err", 0))}


def _mean_length(vectors: np.ndarray) -> float:
    return float(np.linalg.norm(vectors, axis=-1).mean())
