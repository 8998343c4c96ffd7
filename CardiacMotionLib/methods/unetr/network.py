"""UNETR of MONAI as a regressor: masks of the wall over the cycle to its displacement (Hatamizadeh 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from monai.networks.nets import UNETR
from torch import Tensor
from torch.nn.functional import interpolate

from ...errors import CardiacMotionError
from ...fields import resize_displacement
from ..clips import IMAGE, WALL, ClipNetwork
from ..layers import full
from ..protocol import option

PATCH = 16  # frames, rows and columns of one, as UNETR has it


@dataclass(frozen=True)
class Config:
    """Sizes of the network."""

    dims: int = option(2, "Dimensions of the images", choices=(2,))
    inputs: str = option(WALL, "What is seen of a frame: the wall as a mask, or the image", choices=(WALL, IMAGE))
    frames: int = option(16, "Frames that every clip is brought to, a multiple of 16", minimum=16, maximum=160)
    size: int = option(64, "Rows and columns that every clip is brought to, a multiple of 16", minimum=16, maximum=512)
    width: int = option(96, "Channels of the transformer, a multiple of heads", minimum=8, maximum=2048)
    heads: int = option(4, "Heads of attention", minimum=1, maximum=32)
    features: int = option(8, "Channels of the first level of the decoder", minimum=2, maximum=128)


class Network(ClipNetwork):
    """A transformer over patches of 16 x 16 x 16; its places are learned, so that clips are brought to one size."""

    Config = Config

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        c = config
        if c.frames % PATCH or c.size % PATCH or c.width % c.heads:
            raise CardiacMotionError(
                f"frames and size must be multiples of {PATCH}, width of heads; got frames {c.frames}, size {c.size}, "
                f"width {c.width}, heads {c.heads}"
            )
        self.net = UNETR(
            in_channels=1,
            out_channels=2,
            img_size=(c.frames, c.size, c.size),
            feature_size=c.features,
            hidden_size=c.width,
            mlp_dim=2 * c.width,
            num_heads=c.heads,
            norm_name="instance",
        )

    def forward(self, clips: Tensor) -> Tensor:
        """Displacement (B, T, J, I, 2) of clips (B, T, 1, J, I), resampled in time and plane to the network's size."""
        b, t, _, j, i = clips.shape
        c = self.config
        x = resampled(clips.flatten(2).transpose(1, 2), c.frames).transpose(1, 2).reshape(b * c.frames, 1, j, i)
        x = interpolate(x, (c.size, c.size), mode="bilinear") if (j, i) != (c.size, c.size) else x
        found = full(self.net(x.reshape(b, c.frames, 1, c.size, c.size).transpose(1, 2)))  # (B, 2, T', size, size)
        found = resampled(found.transpose(2, 4).flatten(1, 3), t).unflatten(1, (2, c.size, c.size))  # (B, 2, i, j, T)
        found = found.permute(0, 4, 3, 2, 1).flatten(0, 1)
        found = resize_displacement(found, (j, i)).unflatten(0, (b, t))
        return found - found[:, :1]


def resampled(paths: Tensor, count: int) -> Tensor:
    """Paths (B, P, T) at ``count`` moments, the first and the last as they were."""
    return interpolate(paths, count, mode="linear", align_corners=True)
