"""Extracellular volume fraction from T1 before and after contrast agent."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .. import __version__
from ..errors import CardiacMotionError
from ..series import LV_CAVITY, check_labels
from .maps import ParameterMaps, check_mask


def ecv(pre: ParameterMaps, post: ParameterMaps, blood: ArrayLike, hematocrit: float) -> ParameterMaps:
    """ECV = (1 - Hct) (1/T1_post - 1/T1_pre) / (1/T1blood_post - 1/T1blood_pre) in every pixel that both maps have.

    The T1 of blood is the median over its pixels. ECV_SD is what the SD of both T1 leads to; those of
    the blood, a mean of many pixels, and of the hematocrit are left out.

    Parameters
    ----------
    pre, post
        Maps with T1 on the same grid, before and after contrast agent.
    blood
        (K, J, I) bool, or labels in the ACDC convention, of which the LV cavity is taken; best without the pixels at
        the wall.
    hematocrit
        A share from 0 to 1.

    Returns
    -------
    ParameterMaps
        ECV and ECV_SD in %, NaN where not 0 < ECV <= 100.

    Raises
    ------
    CardiacMotionError
        for maps without T1 or on different grids, a hematocrit in %, no blood, or blood that took up no contrast agent.
    """
    if isinstance(hematocrit, bool) or not isinstance(hematocrit, (int, float, np.number)) or not 0 < hematocrit < 1:
        raise CardiacMotionError(f"hematocrit must be a share between 0 and 1, like 0.42, got {hematocrit!r}")
    if pre.shape != post.shape or not np.allclose(pre.affine, post.affine, atol=1e-3):
        raise CardiacMotionError(
            f"the maps before ({pre.shape}) and after contrast agent ({post.shape}) are not on the same grid; "
            "register and resample one to the other first"
        )
    before, after = _rate(pre), _rate(post)
    pixels = _blood_pixels(blood, pre.shape) & np.isfinite(before.value) & np.isfinite(after.value)
    if not pixels.any():
        raise CardiacMotionError("there is no pixel of blood with T1 in both maps; label the LV cavity or give a mask")
    blood_pre, blood_post = (float(np.median(1 / rate.value[pixels])) for rate in (before, after))
    taken_up = 1 / blood_post - 1 / blood_pre
    if taken_up <= 0:
        raise CardiacMotionError(
            f"T1 of blood is {blood_pre:.0f} ms before and {blood_post:.0f} ms after contrast agent; it must become "
            "shorter: are the maps the other way round?"
        )
    percent = 100 * (1 - float(hematocrit)) / taken_up
    values = percent * (after.value - before.value)
    fitted = (values > 0) & (values <= 100)
    spread = percent * np.hypot(after.sd, before.sd)
    attempted = pre.attempted & post.attempted
    failed = int((attempted & ~fitted).sum())
    return ParameterMaps(
        maps={
            "ECV": np.where(fitted, values, np.nan).astype(np.float32),
            "ECV_SD": np.where(fitted, spread, np.nan).astype(np.float32),
        },
        units={"ECV": "%", "ECV_SD": "%"},
        affine=pre.affine,
        model="ecv",
        attempted=attempted,
        fitted=fitted,
        acquisition={"hematocrit": float(hematocrit), "blood_T1_pre": blood_pre, "blood_T1_post": blood_post},
        provenance={"model": "ecv", "pre": dict(pre.provenance), "post": dict(post.provenance), "version": __version__},
        notes=(f"{failed} of {int(attempted.sum())} pixels have no ECV between 0 and 100 %.",) if failed else (),
    )


class Rate(NamedTuple):
    """Relaxation rate 1 / T1 in 1/ms and its SD, each (K, J, I) float64 with NaN where there is none."""

    value: np.ndarray
    sd: np.ndarray


def _rate(maps: ParameterMaps) -> Rate:
    t1 = maps["T1"].astype(np.float64)
    sd = maps.maps["T1_SD"] if "T1_SD" in maps.maps else np.full(maps.shape, np.nan)
    return Rate(1 / t1, sd / t1**2)


def _blood_pixels(blood: ArrayLike, shape: tuple[int, int, int]) -> np.ndarray:
    array = np.asarray(blood)
    if array.dtype == bool:
        return check_mask(array, shape)
    return check_labels(array, (1, *shape), 0) == LV_CAVITY
