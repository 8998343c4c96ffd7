"""Finding the methods and running one: `methods` and `register`."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from ..devices import choose_device
from ..errors import CardiacMotionError
from .protocol import Context, MethodInfo, Progress, make_options

if TYPE_CHECKING:
    from ..motion import Motion
    from ..series import ImageSeries


LARGEST_SEED = 2**31 - 1
BEST = "spline"  # for any series so far, see Testing/results/accuracy.md; it needs no labels
DISTRIBUTIONS = {"ants": "antspyx", "itk": "itk-elastix"}  # import name: what pip calls it


def methods() -> dict[str, MethodInfo]:
    """Every registered method by name.

    A method is a package in this folder whose ``METHOD`` is a `MethodInfo`; putting it there registers it.
    """
    found = {}
    package = importlib.import_module(__package__)
    for module in pkgutil.iter_modules(package.__path__):
        if module.ispkg:
            info = importlib.import_module(f"{__package__}.{module.name}").METHOD
            found[info.name] = info
    return found


def register(
    series: ImageSeries,
    method: str = "auto",
    *,
    reference: int | None = None,
    device: str = "auto",
    seed: int = 0,
    progress: Progress | None = None,
    init: Motion | None = None,
    **options: Any,
) -> Motion:
    """Motion of the reference frame over the series.

    Parameters
    ----------
    series
        At least two frames, not constant.
    method
        A name from `methods`, or ``auto`` for the best one that fits the input.
    reference
        Frame the motion starts from; by default the labeled frame with the largest cavity, else frame 0. Methods that
        register groupwise start from their canonical space, unless a frame is given.
    device
        ``auto`` (a GPU that works, else the CPU), ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
    seed
        Of every random choice; the same seed gives the same result on the same machine.
    progress
        Called with (fraction, text); answering False cancels the run with `Cancelled`.
    init
        Another motion of the series from the same reference, or from a canonical space, to start from; for methods
        that can refine one.
    options
        Of the method, see its ``Options``.

    Raises
    ------
    CardiacMotionError
        for an input, method, device or option that cannot work.
    Cancelled
        when ``progress`` answered False.
    """
    from .. import __version__
    from ..motion import Motion
    from ..places import check_frame
    from ..series import default_reference

    known = methods()
    name = BEST if method == "auto" else method
    if name not in known:
        raise CardiacMotionError(f"unknown method {method!r}; choose one of auto, {', '.join(sorted(known))}")
    info = known[name]
    check_registrable(series, info.fewest_frames)
    chosen = make_options(info, options)
    check_seed(seed)
    asked = reference
    if reference is None:
        reference = init.reference if isinstance(init, Motion) else None
    if reference is None:
        reference = default_reference(series)
    check_frame(reference, len(series), "reference")
    if "labels" in info.needs and reference not in series.labels:
        raise CardiacMotionError(
            f"method {name} needs labels of the reference frame {reference}; "
            f"labeled frames are {sorted(series.labels) or 'none'}"
        )
    check_installed(info)
    if isinstance(init, Motion) and init.reference is None:
        init = init.expressed_in(reference)
    if init is not None:
        check_init(init, series, reference, info)
    context = Context(int(reference), choose_device(device), int(seed), progress, init)
    started = time.perf_counter()
    context.report(0, f"{info.title}: starting")
    result = info.run(series, chosen, context)
    motion = result if isinstance(result, Motion) else Motion.from_voxels(result, series, context.reference)
    if motion.reference is None and asked is not None:
        motion = motion.expressed_in(asked)
    motion.provenance = {
        "method": name,
        "options": asdict(chosen),
        "reference": motion.reference,
        "seed": context.seed,
        "device": str(context.device),
        "version": __version__,
        "seconds": round(time.perf_counter() - started, 2),
        "input": str(series.meta.get("source", series.meta.get("name", ""))),
        "citation": info.citation,
        **({"init": init.provenance.get("method", "unknown method")} if init is not None else {}),
        **context.facts,
        **motion.provenance,
    }
    context.report(1, f"{info.title}: done")
    return motion


def check_installed(info: MethodInfo) -> None:
    """Raise `CardiacMotionError` where a package that a method needs is missing."""
    for package in info.requires:
        if importlib.util.find_spec(package) is None:
            raise CardiacMotionError(
                f"method {info.name} needs the package {package}, which is not installed: pip install "
                f"{pip_name(package)}, or take another method"
            )


def pip_name(package: str) -> str:
    """What pip calls an importable package."""
    return DISTRIBUTIONS.get(package, package)


def check_registrable(series: ImageSeries, fewest_frames: int = 2) -> None:
    """Raise `CardiacMotionError` when no motion can be found in the series whatever the method."""
    from ..series import ImageSeries

    if not isinstance(series, ImageSeries):
        raise CardiacMotionError(
            f"register needs an ImageSeries, got {type(series).__name__}; make one with read_series(path)"
        )
    if len(series) < fewest_frames:
        raise CardiacMotionError("the series has one frame; motion needs at least two frames of the same anatomy")
    if min(series.shape[1:]) < 4:
        raise CardiacMotionError(
            f"frames of shape (K, J, I) = {series.shape} are too small; at least 4 voxels are needed in plane"
        )
    constant = np.flatnonzero(np.ptp(series.frames.reshape(len(series), -1), axis=1) == 0)
    if len(constant):
        raise CardiacMotionError(
            f"frame {int(constant[0])} is constant (one intensity everywhere); every frame needs an image"
        )


def check_init(init: Any, series: ImageSeries, reference: int, info: MethodInfo) -> None:
    """Raise `CardiacMotionError` unless the method can start from ``init`` and that is a motion of the series."""
    from ..motion import Motion

    if not info.takes_init:
        able = ", ".join(name for name, other in methods().items() if other.takes_init)
        raise CardiacMotionError(f"method {info.name} cannot start from another motion; {able} can")
    if not isinstance(init, Motion):
        raise CardiacMotionError(f"init must be a Motion, got {type(init).__name__}; make one with register(series)")
    same_grid = init.displacement.shape[:4] == series.frames.shape and np.allclose(
        init.affine, series.affine, atol=1e-3
    )
    if not same_grid:
        raise CardiacMotionError(
            f"init is on a grid of {init.displacement.shape[:4]} voxels (T, K, J, I), the series has "
            f"{series.frames.shape}, or lies elsewhere; give a motion of the same series"
        )
    if init.reference != reference:
        raise CardiacMotionError(
            f"init starts from frame {init.reference}, the reference is {reference}; they must be the same"
        )


def check_seed(seed: Any) -> None:
    """Raise `CardiacMotionError` unless ``seed`` is a whole number that every generator of random numbers takes."""
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed <= LARGEST_SEED:
        raise CardiacMotionError(f"seed must be a whole number from 0 to {LARGEST_SEED}, got {seed!r}")
