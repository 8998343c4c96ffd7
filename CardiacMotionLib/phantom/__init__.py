"""Synthetic hearts with exact truth: ``phantom(kind, seed, **options)``.

``population`` draws a person; ``anatomy`` is the shape of the heart at end-diastole, ``kinematics`` the exact map that
moves it, ``thorax`` what lies around; ``painting`` and ``acquisition`` draw them on slices, and one module a kind of
examination (``cine``, ...) makes of that what a scanner would, and puts everything into a `Subject`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from ..callable_module import make_callable
from ..devices import choose_device
from ..errors import CardiacMotionError
from ..methods.protocol import OptionInfo, describe_options
from .asl import Options as AslOptions
from .asl import make_asl
from .cine import Options as CineOptions
from .cine import make_cine
from .dense import Options as DenseOptions
from .dense import make_dense
from .examination import VERSION
from .relaxometry import Options as RelaxometryOptions
from .relaxometry import make_t1
from .subject import Subject
from .tagged import Options as TaggedOptions
from .tagged import make_tagged

MOST_VOXELS = 200_000_000  # in all frames together; images, labels and motion of that many take about 10 GB

__all__ = ["KINDS", "VERSION", "Subject", "options_of", "phantom"]


class Kind(NamedTuple):
    """A kind of examination."""

    title: str
    Options: type
    make: Callable[..., Subject]


KINDS = {
    "cine": Kind("cine: a slice or a short-axis stack over the cycle", CineOptions, make_cine),
    "tagged": Kind("tagged: short-axis slices with a pattern that moves with the tissue", TaggedOptions, make_tagged),
    "dense": Kind("dense: magnitude, and a phase that has the displacement in it", DenseOptions, make_dense),
    "t1": Kind("t1: images for T1 and T2 maps, taken while the heart moves", RelaxometryOptions, make_t1),
    "asl": Kind("asl: images for a perfusion map, with and without labeled blood", AslOptions, make_asl),
}


def options_of(kind: str) -> list[OptionInfo]:
    """List the options of a kind of phantom; raises `CardiacMotionError` for an unknown kind."""
    if kind not in KINDS:
        raise CardiacMotionError(f"unknown kind of phantom {kind!r}; there is {', '.join(KINDS)}")
    return describe_options(KINDS[kind].Options)


def phantom(kind: str, seed: int, *, device: torch.device | str = "cpu", **options: Any) -> Subject:
    """Make a synthetic subject with exact motion and labels on every frame.

    Parameters
    ----------
    kind
        The examination: one of `KINDS`. Frame 0 is at end-diastole.
    seed
        Not negative: the person. The same kind, seed, options and `VERSION` give the same subject; the same seed and
        options of the heart give the same person in every kind of examination.
    device
        Where it is computed: cpu, cuda, cuda:N, mps, or auto for a GPU where there is one.
    options
        Of the kind, see `options_of`.

    Raises
    ------
    CardiacMotionError
        for an unknown kind, an option that does not exist or does not fit, a seed that is none, more voxels than
        `MOST_VOXELS`, or a device that does not work.
    """
    chosen = checked(kind, seed, options)
    return KINDS[kind].make(*chosen, choose_device(str(device)))


def checked(kind: str, seed: int, options: dict[str, Any]) -> tuple[int, Any]:
    """Seed and ``Options`` of a kind from keyword values; raises as `phantom` does."""
    known = {o.name: o for o in options_of(kind)}
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise CardiacMotionError(
            f"phantom {kind} has no option {', '.join(unknown)}; its options are {', '.join(known)}"
        )
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise CardiacMotionError(f"seed must be a whole number from 0, got {seed!r}")
    chosen = KINDS[kind].Options(**{name: known[name].check(value) for name, value in options.items()})
    frames = getattr(chosen, "frames", None) or 60
    voxels = chosen.slices * chosen.rows * chosen.columns * frames
    if voxels > MOST_VOXELS:
        raise CardiacMotionError(
            f"{chosen.slices} slices of {chosen.rows} x {chosen.columns} voxels in {frames} frames are "
            f"{voxels / 1e6:.0f} million voxels, at most {MOST_VOXELS / 1e6:.0f} million are made; ask for fewer"
        )
    return seed, chosen


make_callable(__name__, phantom)
