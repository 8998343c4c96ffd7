"""Discontinuity-preserving registration with memorized anatomical filters (paper 002)."""

from dataclasses import dataclass

from ..learned_method import LearnedOptions, learned_method
from ..protocol import option


@dataclass(frozen=True)
class Options(LearnedOptions):
    """As of every network for pairs, but for what it is shown: a field about as wide as it was trained with."""

    margin: float = option(
        12.0,
        "Tissue around the heart that takes part; more where the images that it learned from were wider",
        unit="mm",
        minimum=10,
        maximum=200,
    )


METHOD = learned_method(
    __package__,
    title="MemWarp",
    summary="A network that knows the anatomy: the motion may jump where the heart slides; gives a segmentation too.",
    citation="Zhang et al. 2024 (10.1007/978-3-031-72069-7_63)",
    options=Options,
    gives=frozenset({"labels"}),
)
