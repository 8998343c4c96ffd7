"""Where to compute. No torch at import."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import CardiacMotionError

if TYPE_CHECKING:
    import torch


def choose_device(device: str = "auto") -> torch.device:
    """A torch device that was seen to work; raises `CardiacMotionError` for one that does not."""
    import torch

    if device == "auto":
        return choose_device("cuda") if torch.cuda.is_available() and _works("cuda") else torch.device("cpu")
    try:
        chosen = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise CardiacMotionError(f"unknown device {device!r}; use auto, cpu, cuda, cuda:N or mps") from error
    if chosen.type != "cpu" and not _works(device):
        raise CardiacMotionError(
            f"device {device!r} does not work on this machine (torch {torch.__version__}); use cpu or auto"
        )
    return chosen


def computes_bfloat16(device: torch.device) -> bool:
    """Whether a device has instructions for bfloat16; without them it is imitated, ten times slower than float32."""
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return device.type == "cpu" and bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def _works(device: str) -> bool:
    import torch

    try:
        return bool((torch.ones(8, device=device).sum() == 8).item())
    except (RuntimeError, AssertionError):
        return False
