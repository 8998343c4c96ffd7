"""A transformer over patches of space and time that gives the motion of the wall: what LaMoD is compared with."""

from ..clip_method import clip_method

METHOD = clip_method(
    __package__,
    title="UNETR-like",
    summary="MONAI's UNETR, taught by DENSE like LaMoD, sees the wall over the cycle and gives its motion; to compare.",
    citation="Hatamizadeh et al. 2022 (10.1109/WACV51458.2022.00181)",
    requires=("monai", "einops"),
)
