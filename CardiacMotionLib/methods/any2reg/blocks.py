"""Pieces of the network: per-frame encoder and, after CorrMLP, what the decoder does at a level."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, leaky_relu, pad

from ...fields import compose, enlarge, resize_displacement, warp
from ..layers import SLOPE, convolution, full

FIRST_MOTION = 0.02  # of the drawn weights of the last layer: the first steps of training are small ones


class Block(nn.Module):
    """Two convolutions by 3, each normalized over the image; the first may step over pixels."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.first = convolution(2, inputs, outputs, stride=stride)
        self.second = convolution(2, outputs, outputs)
        self.norms = nn.ModuleList(nn.InstanceNorm2d(outputs, affine=True) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """Features (M, outputs, j, i)."""
        for layer, norm in zip((self.first, self.second), self.norms, strict=True):
            x = leaky_relu(norm(layer(x)), SLOPE)
        return x


class Encoder(nn.Module):
    """Features of single frames at all levels, the finest first."""

    def __init__(self, inputs: int, channels: list[int], stem: int) -> None:
        super().__init__()
        strides = [stem] + [2] * (len(channels) - 1)
        befores = [inputs, *channels]
        self.blocks = nn.ModuleList(
            Block(before, after, stride) for before, after, stride in zip(befores, channels, strides, strict=False)
        )

    def forward(self, images: Tensor) -> list[Tensor]:
        """From (M, inputs, J, I) to (M, C_s, J / stem / 2^s, I / stem / 2^s)."""
        levels = []
        for block in self.blocks:
            images = block(images)
            levels.append(images)
        return levels


class WindowedMLP(nn.Module):
    """A gated perceptron across the pixels of windows (Liu 2021, in windows as by Tu 2022 and Meng 2024).

    Half of the channels is mixed across the ``window`` x ``window`` pixels of every window and gates the other half.
    ``shifted`` windows lie across the borders of the others.
    """

    def __init__(self, channels: int, window: int, shifted: bool) -> None:
        super().__init__()
        self.window, self.shift = window, window // 2 if shifted else 0
        self.norm = nn.GroupNorm(1, channels)
        self.enter = nn.Conv2d(channels, 2 * channels, 1)
        self.across = nn.Linear(window**2, window**2)
        nn.init.normal_(self.across.weight, std=1e-2)
        nn.init.ones_(self.across.bias)  # so that at first nothing is gated
        self.leave = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(M, C, j, i), its change added."""
        passed, gate = gelu(self.enter(self.norm(x))).chunk(2, 1)
        return x + self.leave(passed * self._mixed(gate))

    def _mixed(self, x: Tensor) -> Tensor:
        size, (m, c, j, i) = self.window, x.shape
        before = self.shift
        after = [-(before + n) % size for n in (i, j)]
        x = pad(x, (before, after[0], before, after[1]))
        rows, columns = (n // size for n in x.shape[2:])
        x = x.reshape(m, c, rows, size, columns, size).transpose(3, 4)
        x = self.across(x.flatten(4)).unflatten(4, (size, size))
        x = x.transpose(3, 4).reshape(m, c, rows * size, columns * size)
        return x[..., before : before + j, before : before + i]


class ChannelAttention(nn.Module):
    """Channels weighted by what the whole image has of them (Hu 2018)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        less = max(4, channels // 4)
        self.squeeze, self.excite = nn.Linear(channels, less), nn.Linear(less, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(M, C, j, i)."""
        weight = torch.sigmoid(self.excite(leaky_relu(self.squeeze(x.mean((2, 3))), SLOPE)))
        return x * weight[..., None, None]


def local_correlation(fixed: Tensor, moving: Tensor, radius: int) -> Tensor:
    """Mean product over channels of ``fixed`` with ``moving`` at shifts up to ``radius``: (M, (2 r + 1)^2, j, i)."""
    j, i = moving.shape[2:]
    around = pad(moving, (radius,) * 4, mode="replicate")
    shifts = range(2 * radius + 1)
    products = [(fixed * around[:, :, y : y + j, x : x + i]).mean(1) for y in shifts for x in shifts]
    return torch.stack(products, 1)


class Step(nn.Module):
    """One level of the decoder: how the frames, moved as far as is known, still differ from the canonical one."""

    def __init__(self, channels: int, coarser: int, radius: int, windows: tuple[int, ...]) -> None:
        super().__init__()
        self.radius = radius
        self.update = convolution(2, 2 * channels, channels)
        self.enter = convolution(2, 2 * channels + (2 * radius + 1) ** 2 + coarser, channels)
        self.mix = nn.Sequential(*(WindowedMLP(channels, size, n % 2 == 1) for n, size in enumerate(windows)))
        self.attention = ChannelAttention(channels)
        self.leave = convolution(2, channels, 2, scale=FIRST_MOTION)

    def forward(
        self, canonical: Tensor, features: Tensor, motion: Tensor | None, state: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Displacement (M, j, i, 2) in voxels of this level, canonical to frame, and the state for the next.

        ``canonical`` and ``features`` are (M, C, j, i); motion and state those of the coarser level, None at the first.
        """
        moving = leaky_relu(self.update(torch.cat((features, canonical), 1)), SLOPE)  # equation 5
        if motion is not None:
            motion = resize_displacement(motion, moving.shape[2:])
            moving = warp(full(moving), motion).to(moving.dtype)
        parts = [canonical, moving, local_correlation(canonical, moving, self.radius)]
        if state is not None:
            parts.append(enlarge(state, moving.shape[2:]))
        state = self.attention(self.mix(leaky_relu(self.enter(torch.cat(parts, 1)), SLOPE)))
        change = full(self.leave(state)).movedim(1, -1)
        return (change if motion is None else compose(change, motion)), state
