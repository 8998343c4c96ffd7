"""What the motion does to the labeled heart, frame by frame on the part of the grid that holds it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from .. import fields
from ..motion import Motion
from .anatomy import Anatomy
from .volumes import mean_thickness

MARGIN = 2  # voxels around the heart: central differences reach one


@dataclass(frozen=True, eq=False)
class Followed:
    """The heart followed over T frames.

    Attributes
    ----------
    deformation
        (T, N, 3, 3) float32, F in RAS axes at the N wall voxels.
    displacement
        (T, N, 3) float32 RAS mm at the same voxels.
    cavity, myocardium, rv
        (T,) sums of det F over the voxels of each label.
    thickness
        (T,) mean wall thickness in mm.
    """

    deformation: np.ndarray
    displacement: np.ndarray
    cavity: np.ndarray
    myocardium: np.ndarray
    rv: np.ndarray
    thickness: np.ndarray


def follow(motion: Motion, anatomy: Anatomy, gradient: np.ndarray) -> Followed:
    """Follow F, volumes and thickness over the cycle; ``gradient`` (N, 3) of the transmural potential in RAS per mm.

    Only a box around the labels is differentiated, so memory does not grow with the field of view.
    """
    box = _box(anatomy.wall | anatomy.cavity | anatomy.rv)
    wall, cavity, rv = (mask[box] for mask in (anatomy.wall, anatomy.cavity, anatomy.rv))
    affine = torch.as_tensor(motion.affine)
    count, number = len(motion), int(np.count_nonzero(wall))
    deformation = np.empty((count, number, 3, 3), np.float32)
    displacement = np.empty((count, number, 3), np.float32)
    cavity_sum, wall_sum, rv_sum = np.empty(count), np.empty(count), np.empty(count)
    thickness = np.empty(count)
    for t in range(count):
        world = motion.displacement[t][box]
        voxels = fields.world_to_voxel(torch.from_numpy(np.ascontiguousarray(world))[None], affine)
        gradients = fields.deformation_gradient(voxels, affine)[0].numpy()
        if t == motion.reference:
            gradients[:] = np.eye(3)  # exactly, without the rounding of mm
        volume = np.linalg.det(gradients)
        deformation[t], displacement[t] = gradients[wall], world[wall]
        for total, mask in ((cavity_sum, cavity), (wall_sum, wall), (rv_sum, rv)):
            total[t] = volume[mask].sum(dtype=np.float64)
        thickness[t] = mean_thickness(gradient, deformation[t].astype(np.float64))
    return Followed(deformation, displacement, cavity_sum, wall_sum, rv_sum, thickness)


def _box(mask: np.ndarray) -> tuple[slice, ...]:
    box = []
    for axis in range(3):
        filled = np.flatnonzero(mask.any(tuple(a for a in range(3) if a != axis)))
        box.append(slice(max(filled[0] - MARGIN, 0), min(filled[-1] + MARGIN, mask.shape[axis] - 1) + 1))
    return tuple(box)
