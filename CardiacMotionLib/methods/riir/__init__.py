"""Recurrent inference: a small network that learned how to improve a motion step by step (paper 004)."""

from __future__ import annotations

from dataclasses import dataclass

from ..learned_method import LearnedOptions, learned_method
from ..protocol import option


@dataclass(frozen=True)
class Options(LearnedOptions):
    """Settings of a run."""

    steps: int = option(0, "Steps; 0: as many as the weights were trained with", minimum=0, maximum=64)


METHOD = learned_method(
    __package__,
    title="Recurrent inference (RIIR)",
    summary="A small network improves the motion of every frame in a few steps, told by the images how.",
    citation="Zhang et al. 2024 (arXiv 2406.13413), after Putzky and Welling 2017 (arXiv 1706.04008)",
    options=Options,
)
