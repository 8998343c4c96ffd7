"""A U-Net over rows, columns and frames that gives the motion of the wall at one look: what LaMoD is compared with."""

from ..clip_method import clip_method

METHOD = clip_method(
    __package__,
    title="StrainNet-like",
    summary="A U-Net over space and time, taught by DENSE like LaMoD, sees the wall and gives its motion; to compare.",
    citation="After Wang et al. 2023 (10.1148/ryct.220196)",
)
