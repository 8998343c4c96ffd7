"""Pieces of the network for clips: space and time are mixed in turn, so that any number of frames fits."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, scaled_dot_product_attention

from ..layers import convolution

GROUPS = 8  # of channels that are normalized together
FASTEST = 100.0  # radians per unit, of `waves`


def norm(channels: int) -> nn.GroupNorm:
    """Normalization of groups of channels."""
    return nn.GroupNorm(math.gcd(GROUPS, channels), channels)


def waves(values: Tensor, channels: int) -> Tensor:
    """Sines and cosines of values (...), (..., channels): how a transformer is told a number (Vaswani 2017)."""
    half = channels // 2
    speed = FASTEST ** (torch.arange(half, device=values.device, dtype=values.dtype) / max(half - 1, 1))
    angle = values[..., None] * speed
    return torch.cat((angle.sin(), angle.cos()), -1)


class AlongTime(nn.Module):
    """Convolution by 3 over the frames, at every pixel, whose change is added; nothing at first."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = norm(channels)
        self.mix = nn.Conv2d(channels, channels, (3, 1), padding=(1, 0))  # of frames and pixels
        for parameter in self.mix.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor, frames: int) -> Tensor:
        """(B * T, C, j, i)."""
        paths = gelu(self.norm(x)).flatten(2).unflatten(0, (-1, frames)).transpose(1, 2)  # (B, C, T, j i)
        return x + self.mix(paths).transpose(1, 2).reshape(x.shape)


class Block(nn.Module):
    """Two convolutions within the frames and one over them, whose change is added.

    With ``told`` channels it hears a number, which scales and shifts the features (Perez 2018).
    """

    def __init__(self, channels: int, told: int = 0) -> None:
        super().__init__()
        self.norms = nn.ModuleList(norm(channels) for _ in range(2))
        self.first, self.second = convolution(2, channels, channels), convolution(2, channels, channels, scale=0.1)
        self.time = AlongTime(channels)
        self.hear = nn.Linear(told, 2 * channels) if told else None

    def forward(self, x: Tensor, frames: int, told: Tensor | None = None) -> Tensor:
        """(B * T, C, j, i); ``told`` (B * T, told)."""
        change = self.norms[1](self.first(gelu(self.norms[0](x))))
        if self.hear is not None:
            assert told is not None
            scale, shift = self.hear(told)[..., None, None].chunk(2, 1)
            change = change * (1 + scale) + shift
        return self.time(x + self.second(gelu(change)), frames)


class Attention(nn.Module):
    """Attention of tokens (N, L, C) to each other, whose change is added."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(channels)
        self.enter, self.leave = nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, L, C)."""
        query, key, value = self.enter(self.norm(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        found = scaled_dot_product_attention(query, key, value)  # (N, heads, L, C / heads)
        return x + self.leave(found.transpose(1, 2).flatten(2))


class Transformer(nn.Module):
    """Attention over the pixels of a frame, then over the frames of a pixel, then a perceptron (Bertasius 2021).

    With all pixels of all frames at once it would take (T j i)^2 products; so it takes T (j i)^2 + j i T^2.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.space, self.time = Attention(channels, heads), Attention(channels, heads)
        self.think = nn.Sequential(
            nn.LayerNorm(channels), nn.Linear(channels, 2 * channels), nn.GELU(), nn.Linear(2 * channels, channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, P, C) tokens of P pixels."""
        b, t = x.shape[:2]
        x = self.space(x.flatten(0, 1)).unflatten(0, (b, t))
        x = self.time(x.transpose(1, 2).flatten(0, 1)).unflatten(0, (b, -1)).transpose(1, 2)
        return x + self.think(x)


class Upward(nn.Module):
    """By convolutions to a grid twice as fine, as often as ``channels`` has numbers after the first."""

    def __init__(self, channels: list[int], outputs: int, first: float = 1.0) -> None:
        super().__init__()
        self.steps = nn.ModuleList(
            nn.Sequential(convolution(2, before, after), norm(after), nn.GELU()) for before, after in pairwise(channels)
        )
        self.leave = convolution(2, channels[-1], outputs, scale=first)

    def forward(self, x: Tensor) -> Tensor:
        """(M, C, j, i) to (M, outputs, 2^n j, 2^n i)."""
        for step in self.steps:
            x = step(nn.functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False))
        return self.leave(x)
