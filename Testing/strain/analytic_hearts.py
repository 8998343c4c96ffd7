"""Left ventricles whose strain is known in closed form, on any grid.

Heart coordinates (x, y, z) in mm have their z axis along the LV axis with the base at +z. Seen from the apex with +y
(anterior) up, +x is on the left: in RAS with z superior this is a patient's heart with the septum at +x.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from CardiacMotionLib.motion import Motion

RV, WALL, CAVITY = 1, 2, 3


@dataclass(frozen=True)
class Contraction:
    """Incompressible r^2 = R^2 / stretch + shift, z = stretch Z, theta = Theta + twist_per_mm Z (radians, about +z)."""

    stretch: float = 1.0
    shift: float = 0.0
    twist_per_mm: float = 0.0
    hinge: float = 15.0  # inside this radius the blood follows linearly, where r^2 would turn negative

    def radius(self, radii):
        outside = np.sqrt(np.maximum(radii**2, self.hinge**2) / self.stretch + self.shift)
        return np.where(self.hinge > radii, radii / self.hinge * outside, outside)

    def move(self, points):
        """Positions (..., 3) of material points (..., 3) in heart coordinates."""
        radii = np.hypot(points[..., 0], points[..., 1])
        scale = self.radius(radii) / np.maximum(radii, 1e-9)
        turn = self.twist_per_mm * points[..., 2]
        x, y = points[..., 0] * scale, points[..., 1] * scale
        return np.stack(
            [x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn), self.stretch * points[..., 2]],
            axis=-1,
        )

    def gradient(self, points):
        """F (..., 3, 3) where radii > hinge, in heart coordinates (Cartesian)."""
        radii = np.hypot(points[..., 0], points[..., 1])
        r = self.radius(radii)
        zero = np.zeros_like(radii)
        cylindrical = np.stack(
            [
                np.stack([radii / (self.stretch * r), zero, zero], -1),
                np.stack([zero, r / radii, r * self.twist_per_mm], -1),
                np.stack([zero, zero, zero + self.stretch], -1),
            ],
            -2,
        )
        before = np.arctan2(points[..., 1], points[..., 0])
        return (
            rotation_z(before + self.twist_per_mm * points[..., 2])
            @ cylindrical
            @ np.swapaxes(rotation_z(before), -1, -2)
        )

    def green(self, points):
        F = self.gradient(points)
        return (np.swapaxes(F, -1, -2) @ F - np.eye(3)) / 2


def rotation_z(angle):
    """(..., 3, 3) whose columns are the unit vectors of r, theta, z."""
    c, s, zero = np.cos(angle), np.sin(angle), np.zeros_like(angle)
    return np.stack([np.stack([c, -s, zero], -1), np.stack([s, c, zero], -1), np.stack([zero, zero, zero + 1], -1)], -2)


def rotation(x=0.0, y=0.0, z=0.0):
    """(3, 3) rotation by angles in degrees about x, then y, then z."""
    matrix = np.eye(3)
    for axis, degrees in enumerate((x, y, z)):
        a = np.radians(degrees)
        turn = np.eye(3)
        p, q = [(1, 2), (2, 0), (0, 1)][axis]
        turn[p, p] = turn[q, q] = np.cos(a)
        turn[p, q], turn[q, p] = -np.sin(a), np.sin(a)
        matrix = turn @ matrix
    return matrix


@dataclass(frozen=True)
class Grid:
    """A short-axis stack centered on the heart: (K, J, I), affine, and the pose of heart coordinates in the world."""

    shape: tuple = (8, 60, 60)
    spacing: tuple = (1.6, 1.6, 8.0)
    pose: np.ndarray = None  # (3, 3) heart coordinates to RAS
    axes: tuple = (1, 1, 1)  # -1 runs a voxel axis the other way: the same world on a mirrored array
    center: tuple = (7.0, -12.0, 30.0)

    @property
    def rotation(self):
        return np.eye(3) if self.pose is None else np.asarray(self.pose)

    @property
    def affine(self):
        affine = np.eye(4)
        affine[:3, :3] = self.rotation * (np.array(self.spacing) * self.axes)
        affine[:3, 3] = self.center - affine[:3, :3] @ ((np.array(self.shape[::-1]) - 1) / 2)
        return affine

    def heart_points(self):
        """Heart coordinates (K, J, I, 3) of the voxel centers."""
        k, j, i = np.meshgrid(*(np.arange(n) for n in self.shape), indexing="ij")
        world = np.stack([i, j, k], -1) @ self.affine[:3, :3].T + self.affine[:3, 3]
        return (world - self.center) @ self.rotation

    def motion(self, maps, reference=0, times=None):
        """Motion whose frame t is ``maps[t]`` (callables on heart coordinates; None for the reference)."""
        points = self.heart_points()
        moved = [points if move is None else move(points) for move in maps]
        return Motion(
            np.stack([(x - points) @ self.rotation.T for x in moved]).astype(np.float32), self.affine, reference, times
        )

    def to_world(self, tensor):
        """Tensors (..., 3, 3) from heart to RAS axes."""
        return self.rotation @ tensor @ self.rotation.T


def cylinder_labels(grid, inner=24.0, outer=33.0, septum=(0.0, 120.0)):
    """Label a tube along z that the RV touches at azimuths ``septum``: degrees from +y (anterior) towards +x."""
    points = grid.heart_points()
    radii = np.hypot(points[..., 0], points[..., 1])
    azimuth = np.degrees(np.arctan2(points[..., 0], points[..., 1])) % 360
    labels = np.zeros(grid.shape, np.uint8)
    labels[(outer <= radii) & (outer + 9 > radii) & ((azimuth - septum[0]) % 360 < septum[1] - septum[0])] = RV
    labels[outer > radii] = WALL
    labels[inner > radii] = CAVITY
    return labels


@dataclass(frozen=True)
class Spheroid:
    """Half a ventricle between two confocal prolate spheroids: the confocal coordinate solves Laplace's equation."""

    focus: float = 55.0
    inner: float = 0.42
    outer: float = 0.57
    top: float = 30.0  # z of the equator in heart coordinates

    def coordinate(self, points):
        """Confocal coordinate of points (..., 3), and the unit outward normals of its level surfaces."""
        x, y, z = points[..., 0], points[..., 1], points[..., 2] - self.top
        rho = np.hypot(x, y)
        d1, d2 = np.hypot(rho, z + self.focus), np.hypot(rho, z - self.focus)
        xi = np.arccosh(np.maximum((d1 + d2) / (2 * self.focus), 1))
        a, b = self.focus * np.cosh(xi), self.focus * np.sinh(xi)
        normal = np.stack([x / b**2, y / b**2, z / a**2], -1)
        return xi, normal / np.linalg.norm(normal, axis=-1, keepdims=True)

    def labels(self, grid):
        points = grid.heart_points()
        xi, _ = self.coordinate(points)
        labels = np.where(xi < self.inner, CAVITY, np.where(xi < self.outer, WALL, 0)).astype(np.uint8)
        labels[points[..., 2] > self.top] = 0
        return labels
