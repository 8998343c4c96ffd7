"""Pure tensor functions on images and displacement fields: the one implementation that everything else uses.

Conventions of the whole layer
------------------------------
- images are ``(B, C, K, J, I)`` or, in two dimensions, ``(B, C, J, I)``;
- a displacement is ``(B, K, J, I, 3)`` or ``(B, J, I, 2)`` in **voxels**, its components ordered (i, j, k): the point
  at voxel x goes to x + u(x);
- world displacements in mm exist at the edges only and are converted by `voxel_to_world` and `world_to_voxel`;
- sampling is linear between voxel centers (``align_corners=True``) and continues the edge value outside.
"""

from .bspline import bspline_basis, evaluate_bspline
from .grid import identity_grid, sample_at, voxel_to_world, voxel_to_world_points, world_to_voxel, world_to_voxel_points
from .integrate import integrate, invert
from .jacobian import deformation_gradient, green_lagrange, image_gradient, jacobian_determinant
from .regularity import bending_energy, diffusion_energy, folding_fraction, jacobian_penalty, sd_log_jacobian
from .resize import enlarge, resize_displacement, resize_image
from .shooting import Geodesic, SobolevKernel, geodesic, shoot
from .similarity import conditional_entropy, global_ncc, local_ncc, mse, nmi
from .warp import compose, warp, warp_nearest
from .windowed import WindowedNCC, gaussian_window

__all__ = [
    "Geodesic",
    "SobolevKernel",
    "WindowedNCC",
    "bending_energy",
    "bspline_basis",
    "compose",
    "conditional_entropy",
    "deformation_gradient",
    "diffusion_energy",
    "enlarge",
    "evaluate_bspline",
    "folding_fraction",
    "gaussian_window",
    "geodesic",
    "global_ncc",
    "green_lagrange",
    "identity_grid",
    "image_gradient",
    "integrate",
    "invert",
    "jacobian_determinant",
    "jacobian_penalty",
    "local_ncc",
    "mse",
    "nmi",
    "resize_displacement",
    "resize_image",
    "sample_at",
    "sd_log_jacobian",
    "shoot",
    "voxel_to_world",
    "voxel_to_world_points",
    "warp",
    "warp_nearest",
    "world_to_voxel",
    "world_to_voxel_points",
]
