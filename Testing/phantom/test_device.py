"""Where phantoms are computed, told by a device that exists in name only: its tensors refuse those of the CPU."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.overrides import TorchFunctionMode, resolve_name
from torch.utils._pytree import tree_flatten

from CardiacMotionLib import phantom
from CardiacMotionLib.phantom import KINDS, checked

ELSEWHERE = torch.device("xpu", 0)
ACCEPTS_BOTH = {"__setitem__", "copy_", "to"}  # these send what they take over


class There(torch.Tensor):
    """A tensor that says it is elsewhere, and does not meet one that is here."""

    @property
    def device(self):
        return ELSEWHERE

    def numpy(self, *args, **kwargs):
        raise TypeError("a tensor elsewhere has no numpy array")

    def cpu(self):
        return self.as_subclass(torch.Tensor)

    def to(self, *args, **kwargs):
        if "cpu" in map(str, (*args, kwargs.get("device"))):
            raise AssertionError("moved to the CPU by other means than .cpu()")
        here = [dtype for dtype in (*args, kwargs.get("dtype")) if isinstance(dtype, torch.dtype)]
        return super().to(here[0]) if here else self

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        name = (resolve_name(func) or func.__name__).rsplit(".", 1)[-1]
        if name not in ACCEPTS_BOTH:
            for other in tree_flatten((args, kwargs or {}))[0]:
                if type(other) is torch.Tensor and other.ndim:
                    raise AssertionError(f"{name}: a tensor {tuple(other.shape)} of the CPU meets one elsewhere")
        return super().__torch_function__(func, types, args, kwargs or {})


class Sent(TorchFunctionMode):
    """Makes what is asked to be made elsewhere, or sent there, a `There`."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        devices = [a for a in (*args, kwargs.get("device")) if isinstance(a, torch.device)]
        if ELSEWHERE not in devices:
            return func(*args, **kwargs)
        kwargs.pop("device", None)
        return func(*[a for a in args if not isinstance(a, torch.device)], **kwargs).as_subclass(There)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("cine", {"frames": 3, "artefacts": "random", "group": "ischemic", "breathing_mm": 4.0}),
        ("cine", {"frames": 3, "contrast": "random", "group": "lbbb", "sliding": True}),
        ("tagged", {"frames": 2, "slices": 2}),
        ("dense", {"frames": 2, "directions": 3, "slice_averaging": True}),
        ("dense", {"frames": 2, "cycle_ms": 400.0}),
        ("t1", {"sequence": "molli"}),
        ("asl", {}),
    ],
)
def test_everything_is_drawn_on_the_device_and_gives_the_same(kind, options):
    options = {"rows": 32, "columns": 32, "pixel_mm": 4.0, "slices": 1, "tilt": 20.0, **options}
    if kind == "tagged":
        options["period_mm"] = 12.0
    with Sent():
        there = KINDS[kind].make(*checked(kind, 4, options), ELSEWHERE)
    here = phantom(kind, 4, **options)
    np.testing.assert_allclose(there.series.frames, here.series.frames, atol=1e-5)
    np.testing.assert_allclose(there.motion.displacement, here.motion.displacement, atol=1e-5)
    for name, values in here.maps.items():
        np.testing.assert_allclose(there.maps[name], values, atol=1e-4)
