"""Where to compute. No torch at import."""

from __future__ import annotations

import gc
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import CardiacMotionError, OutOfMemoryError

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


@dataclass(frozen=True)
class Device:
    """A device that was seen to work.

    Attributes
    ----------
    name
        As `choose_device` takes it: ``cpu``, ``cuda:0``, ``mps``.
    title
        What its maker calls it.
    """

    name: str
    title: str


def working_devices() -> list[Device]:
    """The processor, and every GPU on which a tiny computation came out right."""
    import torch

    threads = torch.get_num_threads()
    found = [Device("cpu", f"processor, {threads} thread{'s' if threads != 1 else ''}")]
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            if _works(f"cuda:{number}"):
                found.append(Device(f"cuda:{number}", torch.cuda.get_device_name(number)))
    if torch.backends.mps.is_available() and _works("mps"):
        found.append(Device("mps", "GPU of the Mac"))
    return found


def find_devices(progress: Callable[[float, str], object]) -> list[Device]:
    """`working_devices` as a piece of work for a `Job`."""
    progress(0.0, "Looking for devices")
    return working_devices()


@contextmanager
def limited_threads(count: int) -> Iterator[None]:
    """Compute with ``count`` threads on the processor, 0 for as many as torch and SimpleITK think right."""
    if count <= 0:
        yield
        return
    import torch
    from SimpleITK import ProcessObject

    before = torch.get_num_threads(), ProcessObject.GetGlobalDefaultNumberOfThreads()
    torch.set_num_threads(count)
    ProcessObject.SetGlobalDefaultNumberOfThreads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        ProcessObject.SetGlobalDefaultNumberOfThreads(before[1])


@contextmanager
def memory_given_back() -> Iterator[None]:
    """Turn a GPU's running out of memory into `OutOfMemoryError`, after giving back what was taken."""
    import torch

    try:
        yield
    except torch.cuda.OutOfMemoryError as error:
        traceback.clear_frames(error.__traceback__)  # their variables hold the tensors
    else:
        return
    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    raise OutOfMemoryError("the GPU ran out of memory; choose the device cpu, or crop the cine to the heart")


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
