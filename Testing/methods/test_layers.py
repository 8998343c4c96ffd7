"""Convolutions in three dimensions: the quick way for a single image gives what PyTorch gives."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from CardiacMotionLib.methods.layers import Convolution3d

SETTINGS = [
    {"kernel_size": 3, "padding": 1},
    {"kernel_size": (1, 3, 3), "padding": (0, 1, 1)},
    {"kernel_size": (1, 2, 2), "stride": (1, 2, 2)},
    {"kernel_size": (1, 5, 5), "padding": (0, 2, 2), "groups": 4},
    {"kernel_size": 1, "bias": False},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last_3d], ids=str)
def test_answers_and_slopes_are_those_of_pytorch(settings, count, dtype, layout):
    torch.manual_seed(0)
    plain = nn.Conv3d(4, 8, **settings).to(dtype=dtype, memory_format=layout)
    ours = Convolution3d(4, 8, **settings).to(dtype=dtype, memory_format=layout)
    ours.load_state_dict(plain.state_dict())
    images = torch.randn(count, 4, 5, 12, 14, dtype=dtype)
    results = []
    for layer in (plain, ours):
        given = images.clone().requires_grad_()
        found = layer(given)
        found.square().sum().backward()
        results.append((found.detach(), given.grad, layer.weight.grad))
    for expected, got in zip(*results, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)


def test_half_precision_is_left_to_pytorch():
    layer = Convolution3d(2, 3, 3, padding=1)
    images = torch.randn(1, 2, 4, 8, 8)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(images).dtype == torch.bfloat16
