"""Displacement fields that ITK (SimpleITK, elastix, ANTs) reads: one file per frame, LPS mm."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import CardiacMotionError
from ..whole_files import writing
from .files import package
from .nrrd_file import LPS

if TYPE_CHECKING:
    from ..motion import Motion

INTENT_VECTOR = 1007


def write_displacement_itk(
    motion: Motion, folder: str | Path, suffix: str = ".nii.gz", *, name: str = "motion"
) -> list[Path]:
    """Write ``<name>_frameTT<suffix>`` for every frame into an existing folder.

    The field maps a reference point to its place in frame t, which is what ITK's resampling wants to draw frame t in
    the reference. ``.nii.gz`` is a vector image (I, J, K, 1, 3) with intent 1007, ``.h5`` a
    ``DisplacementFieldTransform``; both in LPS mm as ITK has it.
    """
    if suffix not in (".nii.gz", ".nii", ".h5"):
        raise CardiacMotionError(f"cannot write ITK displacement fields as {suffix!r}; use .nii.gz or .h5")
    write = _write_transform if suffix == ".h5" else _write_field
    return [write(motion, t, Path(folder) / f"{name}_frame{t:02d}{suffix}") for t in range(len(motion))]


def _write_field(motion: Motion, frame: int, path: Path) -> Path:
    nibabel = package("nibabel", "writing NIfTI files")
    field = (motion.displacement[frame] * LPS.astype(np.float32)).transpose(2, 1, 0, 3)[
        :, :, :, None, :
    ]  # (I, J, K, 1, 3)
    image = nibabel.Nifti1Image(field, motion.affine)
    image.set_qform(motion.affine, code=1)
    image.set_sform(motion.affine, code=1)
    image.header.set_xyzt_units("mm", "unknown")
    image.header["intent_code"] = INTENT_VECTOR
    with writing(path) as temporary:
        nibabel.save(image, temporary)
    return path


def _write_transform(motion: Motion, frame: int, path: Path) -> Path:
    sitk = package("SimpleITK", "writing ITK transforms")
    image = sitk.GetImageFromArray((motion.displacement[frame] * LPS).astype(np.float64), isVector=True)
    image.SetSpacing(motion.spacing.tolist())
    image.SetOrigin((LPS * motion.affine[:3, 3]).tolist())
    image.SetDirection((LPS[:, None] * motion.affine[:3, :3] / motion.spacing).ravel().tolist())
    with writing(path) as temporary:
        try:
            sitk.WriteTransform(sitk.DisplacementFieldTransform(image), str(temporary))
        except RuntimeError as error:
            raise CardiacMotionError(f"cannot write {path}: ITK refused to write the transform") from error
    return path
