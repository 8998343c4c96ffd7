"""One pair by the SyN of ANTs, without a rigid or affine stage before it: frames of a cine lie on each other."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

import ants
import numpy as np
import torch

from ...errors import CardiacMotionError
from ..pairwise import continued, register_pairs

if TYPE_CHECKING:
    from ...series import ImageSeries
    from ..protocol import Context
    from . import Options

FEWEST_VOXELS = 8  # along an axis: smaller images are continued by their edges
BINS, RADIUS = 32, 4  # of the histogram of mutual information, and of the windows of local correlation, ANTs' own


def register_frames(series: ImageSeries, options: Options, context: Context) -> torch.Tensor:
    """Displacement (T, K, J, I, 3) in voxels of ``series``, every frame against the reference on its own.

    Raises
    ------
    CardiacMotionError
        where ANTs gives up.
    """

    def pair(fixed: np.ndarray, moving: np.ndarray, spacing: np.ndarray, part: Context) -> torch.Tensor:
        still, moved = (image(continued(array, FEWEST_VOXELS), spacing) for array in (fixed, moving))
        found = displacement(normalize(still, moved, options, part.seed), spacing)
        return found[: fixed.shape[0], : fixed.shape[1], : fixed.shape[2]]

    return register_pairs(series, pair, options.margin, context)


def image(array: np.ndarray, spacing: np.ndarray) -> ants.ANTsImage:
    """Image of (K, J, I), or a two-dimensional one where K == 1, whose axes are the voxel axes in mm."""
    flat = array[0] if array.shape[0] == 1 else array
    return ants.from_numpy(np.ascontiguousarray(flat.T), spacing=[float(mm) for mm in spacing[: flat.ndim]])


def normalize(fixed: ants.ANTsImage, moving: ants.ANTsImage, options: Options, seed: int) -> np.ndarray:
    """Displacement (I, J, 2) or (I, J, K, 3) in mm that draws ``moving`` in ``fixed``.

    ANTs hands transforms over in files; they are in a folder that goes with the call.
    """
    with tempfile.TemporaryDirectory(prefix="syn-") as folder:
        try:
            found = ants.registration(
                fixed,
                moving,
                "SyNOnly",
                initial_transform="Identity",
                outprefix=f"{folder}/",
                grad_step=options.step,
                flow_sigma=options.smoothing,
                syn_metric=options.metric,
                syn_sampling=BINS if options.metric == "mattes" else RADIUS,
                reg_iterations=(options.iterations, max(1, options.iterations // 2), options.fine_iterations),
                random_seed=seed + 1,
            )
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            raise CardiacMotionError(f"ANTs could not register the images: {reason}; try other options") from error
        warp = next(file for file in found["fwdtransforms"] if file.endswith("Warp.nii.gz"))
        return ants.image_read(warp).numpy()


def displacement(millimeters: np.ndarray, spacing: np.ndarray) -> torch.Tensor:
    """(K, J, I, 3) in voxels (i, j, k) of a displacement in mm whose first axis is i; one of two axes gets K == 1."""
    axes = millimeters.ndim - 1
    turned = np.ascontiguousarray(millimeters.transpose(*reversed(range(axes)), axes))
    voxels = torch.from_numpy(turned / spacing[:axes]).to(torch.float32)
    return voxels if axes == 3 else torch.nn.functional.pad(voxels, (0, 1))[None]
