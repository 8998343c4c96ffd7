"""Latent motion diffusion: the motion of the wall as DENSE would show it, from a cine (paper 001)."""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import CardiacMotionError
from ..clip_method import ClipOptions, clip_method
from ..protocol import option

DDIM, DDPM, NONE, REGISTRATION = "ddim", "ddpm", "none", "registration"


@dataclass(frozen=True)
class Options(ClipOptions):
    """Settings of a run."""

    samples: int = option(
        1,
        "Motions drawn; of more than one the result is their mean, and their spread tells how sure it is",
        minimum=1,
        maximum=16,
    )
    sampler: str = option(
        DDIM,
        "Way back through the diffusion: in few leaps (ddim), or by every step (ddpm); none: the latents as they are; "
        "registration: what the registration network alone finds",
        choices=(DDIM, DDPM, NONE, REGISTRATION),
    )
    leaps: int = option(10, "Leaps of ddim", minimum=1, maximum=1000)

    def __post_init__(self) -> None:
        if self.samples > 1 and self.sampler in (NONE, REGISTRATION):
            raise CardiacMotionError(
                f"option samples must be 1 with sampler {self.sampler}, which knows of one motion only; got "
                f"{self.samples}"
            )


METHOD = clip_method(
    __package__,
    title="LaMoD (DENSE-like)",
    summary="Networks that learned from DENSE how the wall moves inside, told by its outline: strain as of DENSE.",
    citation="Xing et al. 2024 (arXiv 2407.02229)",
    options=Options,
)
