"""Discontinuity-preserving registration with memorized anatomical filters (paper 002)."""

from ..learned_method import learned_method

METHOD = learned_method(
    __package__,
    title="MemWarp",
    summary="A network that knows the anatomy: the motion may jump where the heart slides; gives a segmentation too.",
    citation="Zhang et al. 2024 (10.1007/978-3-031-72069-7_63)",
    gives=frozenset({"labels"}),
)
