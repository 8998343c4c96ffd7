"""Between arrays and SimpleITK images in the voxel axes of a series, for the methods that SimpleITK runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    import SimpleITK as sitk


def image(array: np.ndarray, spacing: np.ndarray) -> sitk.Image:
    """Image of (K, J, I), or a two-dimensional one where K == 1, whose axes are the voxel axes in mm."""
    import SimpleITK as sitk

    flat = array[0] if array.shape[0] == 1 else array
    result = sitk.GetImageFromArray(np.ascontiguousarray(flat, dtype=np.float32))
    result.SetSpacing([float(mm) for mm in spacing[: flat.ndim]])
    return result


def displacement(field: sitk.Image) -> torch.Tensor:
    """(K, J, I, 3) in voxels (i, j, k) of a displacement-field image in mm; a two-dimensional one gets K == 1."""
    import SimpleITK as sitk

    millimeters = torch.from_numpy(sitk.GetArrayFromImage(field).astype(np.float32))
    voxels = millimeters / torch.tensor(field.GetSpacing(), dtype=torch.float32)
    if voxels.shape[-1] == 2:
        voxels = torch.nn.functional.pad(voxels, (0, 1))[None]
    return voxels
