"""Pieces that networks for two and for three dimensions are made of."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

SLOPE = 0.2  # of the leaky rectifier, below zero


class Convolution3d(nn.Conv3d):
    """`torch.nn.Conv3d` that leaves a single image on a processor to oneDNN, too: PyTorch itself is far slower then."""

    def forward(self, features: Tensor) -> Tensor:
        """Features (B, C, *shape)."""
        single = len(features) == 1 and features.device.type == "cpu"
        plain = features.dtype == self.weight.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
        if single and plain and torch.backends.mkldnn.is_available():
            padding: Any = self.padding
            sides = (padding, self.stride, self.dilation, self.groups)
            return torch.mkldnn_convolution(features, self.weight, self.bias, *sides)
        return super().forward(features)


CONVOLUTIONS: dict[int, Any] = {2: nn.Conv2d, 3: Convolution3d}


def full(values: Tensor) -> Tensor:
    """Values in single precision if they are in half; double stays."""
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values


def convolution(dims: int, inputs: int, outputs: int, scale: float = 1.0, stride: int = 1) -> nn.Module:
    """Convolution by 3 that keeps the shape, or steps over pixels.

    Its first weights fit a leaky rectifier (He 2015), times ``scale``.
    """
    layer = CONVOLUTIONS[dims](inputs, outputs, 3, stride=stride, padding=1)
    nn.init.kaiming_uniform_(layer.weight, a=SLOPE)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.mul_(scale)
    # processors are quicker with the channels of a pixel side by side; in 3D it makes no clear difference
    return layer if dims == 3 else layer.to(memory_format=torch.channels_last)
