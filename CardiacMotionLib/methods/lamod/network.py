"""LaMoD (paper 001): a registration network's latents, refined by diffusion, decoded into motion.

Where the paper leaves a choice, and what was chosen
----------------------------------------------------
- The registration network has no skip connections, so that what it knows is in the latents.
- Its decoder gives momenta, whose velocities are smooth by construction (`fields.SobolevKernel`), on a grid twice as
  coarse as the images.
- Latents are brought to mean 0 and variance 1 of each clip before the diffusion and back after it: the motion decoder
  has to know how strong they were.
- The forward process ends while some signal is left (`diffusion.Diffusion.signal_left`).
- The motion decoder learns from latents as they are and from such as the noise prediction leaves, in turn; else it
  would meet in use what it never saw.
- Space and time are mixed in turn everywhere, so that any number of frames goes through.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ...errors import CardiacMotionError
from ...fields import SobolevKernel, resize_displacement, shoot, warp
from ..clips import IMAGE, WALL, ClipNetwork, wall_error
from ..layers import convolution, full
from ..protocol import option
from . import DDIM, NONE, REGISTRATION
from .blocks import Block, Transformer, Upward, norm, waves
from .diffusion import Diffusion

FIRST_MOTION = 0.05  # of the drawn weights of the last layers: the first steps of training are small ones
TOLD = 32  # channels in which the number of a step, or of a place, is told


@dataclass(frozen=True)
class Config:
    """Sizes of the network."""

    dims: int = option(2, "Dimensions of the images", choices=(2,))
    inputs: str = option(
        WALL, "What is seen of a frame: the wall of the LV as a mask, or the image", choices=(WALL, IMAGE)
    )
    halvings: int = option(2, "How often the encoder halves the sides", minimum=1, maximum=4)
    width: int = option(32, "Channels of the registration network", minimum=8, maximum=1024)
    blocks: int = option(2, "Blocks of its encoder", minimum=0, maximum=16)
    latent: int = option(16, "Channels of the latents", minimum=1, maximum=1024)
    shooting: int = option(3, "Steps of the geodesic shooting", minimum=1, maximum=20)
    chain: int = option(100, "Steps of the diffusion", minimum=1, maximum=10_000)
    signal_left: float = option(0.5, "Share of the variance that is signal at its end", minimum=1e-4, maximum=0.999)
    smoothing_pixels: float = option(1.0, "Smoothing of the noise within a frame", minimum=0, maximum=10)
    smoothing_frames: float = option(2.0, "Smoothing of the noise over the frames", minimum=0, maximum=20)
    denoiser_width: int = option(48, "Channels of the noise prediction", minimum=8, maximum=1024)
    denoiser_blocks: int = option(4, "Blocks of the noise prediction", minimum=1, maximum=32)
    decoder_width: int = option(48, "Channels of the motion decoder", minimum=8, maximum=1024)
    decoder_blocks: int = option(2, "Transformer blocks of the motion decoder", minimum=1, maximum=32)
    heads: int = option(4, "Heads of attention", minimum=1, maximum=32)


class Latents(NamedTuple):
    """Standardized latents (B, T, C, j, i) of clips, and the mean and deviation (B, 1, 1, 1, 1) that they had."""

    values: Tensor
    mean: Tensor
    deviation: Tensor


class Network(ClipNetwork):
    """E_R, D_R, epsilon_theta and D_eta of the paper in one."""

    Config = Config

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        c = config
        if c.decoder_width % c.heads:
            raise CardiacMotionError(f"decoder_width must be a multiple of heads, got {c.decoder_width} and {c.heads}")
        self.encoder = Encoder(c)
        widths = [max(8, c.width // 2**n) for n in range(c.halvings)]
        self.momentum = Upward([c.latent, *widths[1:]], 2, FIRST_MOTION)
        self.denoiser = Denoiser(c)
        self.decoder = Decoder(c)
        self.diffusion = Diffusion(c.chain, c.signal_left, c.smoothing_pixels, c.smoothing_frames)
        self.kernel = SobolevKernel()

    # ------------------------------------------------------------------ registration

    def encode(self, clips: Tensor) -> Tensor:
        """z^(0): latents (B, T, C, j, i) of the pairs of the first frame and every other (B, T, 1, J, I)."""
        first = clips[:, :1].expand_as(clips)
        return full(self.encoder(torch.cat((first, clips), 2)))

    def velocity(self, latents: Tensor) -> Tensor:
        """v_0 (B, T, j, i, 2) in its own pixels, twice as large as those of the images; 0 in the first frame."""
        momentum = full(self.momentum(latents.flatten(0, 1))).movedim(1, -1)
        velocity = self.kernel.velocity(momentum).unflatten(0, latents.shape[:2])
        return torch.cat((torch.zeros_like(velocity[:, :1]), velocity[:, 1:]), 1)

    def register(self, clips: Tensor) -> Tensor:
        """Displacement (B, T, J, I, 2) in voxels that the registration network alone finds."""
        padded, cut = self._padded(clips)
        return cut(self._shot(self.velocity(self.encode(padded)), padded.shape[3:]))

    def _shot(self, velocity: Tensor, shape: tuple[int, ...]) -> Tensor:
        found = shoot(velocity.flatten(0, 1), self.kernel, self.config.shooting)
        return resize_displacement(found, shape).unflatten(0, velocity.shape[:2])

    # ------------------------------------------------------------------ diffusion and motion

    def forward(self, clips: Tensor) -> Tensor:
        """Displacement of the latents as they are, without diffusion."""
        padded, cut = self._padded(clips)
        return cut(self.decoder(self.encode(padded)))

    def draw(self, clips: Tensor, generator: torch.Generator, **call: Any) -> Tensor:
        """One sample by the ``sampler`` of the options, ddim in ``leaps`` (algorithm 1 of the paper)."""
        sampler = call.get("sampler", DDIM)
        if sampler == REGISTRATION:
            return self.register(clips)
        if sampler == NONE:
            return self(clips)
        padded, cut = self._padded(clips)
        latents = standardized(self.encode(padded))
        last = torch.full((len(clips),), self.diffusion.steps, device=clips.device)
        noisy = self.diffusion.forward(latents.values, last, self.diffusion.noise(latents.values, generator))
        if sampler == DDIM:
            found = self.diffusion.leap(noisy, self._predict, int(call.get("leaps", 10)))
        else:
            found = self.diffusion.back(noisy, self._predict, generator)
        return cut(self.decoder(found * latents.deviation + latents.mean))

    def _predict(self, noisy: Tensor, step: int) -> Tensor:
        return full(self.denoiser(noisy, torch.full((len(noisy),), step, device=noisy.device)))

    def losses(self, clips: Tensor, truth: Tensor, wall: Tensor) -> dict[str, Tensor]:
        """Of the registration (equation 1), the diffusion (9) and the motion (10).

        The latents are the registration's: neither of the others changes them, as if it had been trained before.
        """
        padded, cut = self._padded(clips)
        latents = self.encode(padded)
        velocity = self.velocity(latents)
        moved = self._shot(velocity, padded.shape[3:])
        drawn = warp(padded.flatten(0, 1), moved.flatten(0, 1)).unflatten(0, padded.shape[:2])
        smooth = standardized(latents.detach())
        step = torch.randint(1, self.diffusion.steps + 1, (len(clips),), device=clips.device)
        noise = self.diffusion.noise(smooth.values)
        noisy = self.diffusion.forward(smooth.values, step, noise)
        predicted = full(self.denoiser(noisy, step))
        cleaned = self.diffusion.clean(noisy, step, predicted)
        asked = torch.rand(len(clips), 1, 1, 1, 1, device=clips.device) < 0.5
        given = torch.where(asked, cleaned, smooth.values) * smooth.deviation + smooth.mean
        return {
            "registration": (drawn - padded[:, :1]).square().mean(),
            "energy": self.kernel.energy(velocity.flatten(0, 1)).mean() / velocity[0, 0, ..., 0].numel(),
            "diffusion": (predicted - noise).square().mean(),
            "motion": wall_error(cut(self.decoder(given)), truth, wall),
        }

    def _padded(self, clips: Tensor) -> tuple[Tensor, Any]:
        """Clips with sides that the encoder can halve, and what takes the rest off a displacement."""
        unit = 2**self.config.halvings
        j, i = clips.shape[3:]
        extra = [-n % unit for n in (i, j)]
        wide = nn.functional.pad(clips.flatten(0, 1), (0, extra[0], 0, extra[1]), mode="replicate")
        return wide.unflatten(0, clips.shape[:2]), lambda field: field[:, :, :j, :i]


def standardized(latents: Tensor) -> Latents:
    """Mean 0 and variance 1 over everything of a clip (B, T, C, j, i)."""
    axes = (1, 2, 3, 4)
    mean = latents.mean(axes, keepdim=True)
    deviation = latents.std(axes, keepdim=True).clamp_min(1e-4)
    return Latents((latents - mean) / deviation, mean, deviation)


# ---------------------------------------------------------------------- the three networks


class Encoder(nn.Module):
    """E_R: pairs of frames to latents."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        widths = [max(8, config.width // 2 ** (config.halvings - n)) for n in range(config.halvings + 1)]
        self.enter = convolution(2, 2, widths[0])
        self.down = nn.ModuleList(
            nn.Sequential(norm(before), nn.GELU(), convolution(2, before, after, stride=2))
            for before, after in pairwise(widths)
        )
        self.blocks = nn.ModuleList(Block(widths[-1]) for _ in range(config.blocks))
        self.leave = nn.Conv2d(widths[-1], config.latent, 1)

    def forward(self, pairs: Tensor) -> Tensor:
        """(B, T, 2, J, I) to (B, T, C, J / 2^n, I / 2^n)."""
        frames = pairs.shape[1]
        x = self.enter(pairs.flatten(0, 1))
        for step in self.down:
            x = step(x)
        for block in self.blocks:
            x = block(x, frames)
        return self.leave(x).unflatten(0, pairs.shape[:2])


class Denoiser(nn.Module):
    """epsilon_theta: the noise in latents, told the step."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        width = config.denoiser_width
        self.steps = config.chain
        self.tell = nn.Sequential(nn.Linear(TOLD, width), nn.GELU(), nn.Linear(width, width))
        self.enter = convolution(2, config.latent, width)
        self.blocks = nn.ModuleList(Block(width, width) for _ in range(config.denoiser_blocks))
        self.leave = nn.Sequential(norm(width), nn.GELU(), convolution(2, width, config.latent, scale=0.1))

    def forward(self, noisy: Tensor, step: Tensor) -> Tensor:
        """(B, T, C, j, i) at steps (B,)."""
        frames = noisy.shape[1]
        told = self.tell(waves(step.to(noisy.dtype) / self.steps, TOLD)).repeat_interleave(frames, 0)
        x = self.enter(noisy.flatten(0, 1))
        for block in self.blocks:
            x = block(x, frames, told)
        return self.leave(x).unflatten(0, noisy.shape[:2])


class Decoder(nn.Module):
    """D_eta: latents to the displacement of the wall."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        width = config.decoder_width
        self.enter = convolution(2, config.latent, width)
        self.place = nn.Linear(3 * TOLD, width)
        self.blocks = nn.ModuleList(Transformer(width, config.heads) for _ in range(config.decoder_blocks))
        widths = [max(8, width // 2**n) for n in range(config.halvings + 1)]
        self.leave = Upward(widths, 2, FIRST_MOTION)

    def forward(self, latents: Tensor) -> Tensor:
        """(B, T, C, j, i) to (B, T, 2^n j, 2^n i, 2) in voxels of the images, exactly 0 in the first frame."""
        b, t, _, j, i = latents.shape
        x = self.enter(latents.flatten(0, 1)).flatten(2).transpose(1, 2).unflatten(0, (b, t))  # (B, T, j i, C)
        x = x + self._places(latents, t, j, i)
        for block in self.blocks:
            x = block(x)
        x = x.flatten(0, 1).transpose(1, 2).unflatten(-1, (j, i))
        found = full(self.leave(x)).movedim(1, -1).unflatten(0, (b, t))
        return found - found[:, :1]

    def _places(self, like: Tensor, t: int, j: int, i: int) -> Tensor:
        """Where a token is: (T, j i, C). Of time the share of the clip, of space the distance to the middle."""
        spread = partial(torch.linspace, device=like.device, dtype=like.dtype)
        when = waves(spread(0, 1, t), TOLD)[:, None].expand(t, j * i, TOLD)
        ends = ((n - 1) / 64 for n in (j, i))  # in pixels of the latents, whatever the size of the image
        rows, columns = (waves(spread(-end, end, n), TOLD) for end, n in zip(ends, (j, i), strict=True))
        where = torch.cat((rows[:, None].expand(j, i, TOLD), columns[None].expand(j, i, TOLD)), -1).flatten(0, 1)
        return self.place(torch.cat((when, where.expand(t, j * i, 2 * TOLD)), -1))
