"""What the motion does to the labeled heart, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..motion import Motion
from .anatomy import Anatomy
from .volumes import mean_thickness


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

    F is that of `Motion.jacobian`, exact where the motion has a field, at the labeled voxels only.
    """
    heart = anatomy.wall | anatomy.cavity | anatomy.rv
    gradients = motion.jacobian(heart)
    volume = np.linalg.det(gradients)
    cavity, wall, rv = (
        volume[:, mask[heart]].sum(1, dtype=np.float64) for mask in (anatomy.cavity, anatomy.wall, anatomy.rv)
    )
    deformation, displacement = gradients[:, anatomy.wall[heart]], motion.displacement[:, anatomy.wall]
    thickness = np.array([mean_thickness(gradient, frame.astype(np.float64)) for frame in deformation])
    return Followed(deformation, displacement, cavity, wall, rv, thickness)
