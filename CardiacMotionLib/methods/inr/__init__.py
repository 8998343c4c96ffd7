"""A network as the motion of one heart, fitted to its cine from a prior learned on tagged hearts (paper 000)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import Cancelled
from ..protocol import Context, MethodInfo, option

if TYPE_CHECKING:
    from ...motion import Motion
    from ...series import ImageSeries

STORE_EVERY = 100  # steps, where a checkpoint is asked for


@dataclass(frozen=True)
class Options:
    """Settings of the network and its fit."""

    steps: int = option(500, "Steps of the fit", minimum=0, maximum=100_000)
    prior: str = option("tagged", "First weights: tagged (ships, from synthetic tagged hearts), none, or a file")
    learning_rate: float = option(1e-4, "Adam's step", minimum=1e-7, maximum=1e-2)
    decay: bool = option(True, "Let the step rise over the first tenth of the fit and fall to a twentieth after it")
    points: int = option(1024, "Points compared in a step", minimum=64, maximum=1_000_000)
    frames_per_step: int = option(3, "Frames compared at the same points in a step", minimum=1, maximum=64)
    volume_points: int = option(
        512, "Points at which a step holds the volume, three quarters of them in the wall", minimum=4, maximum=100_000
    )
    wall_volume: float = option(0.5, "How strongly the wall keeps its volume", minimum=0, maximum=100)
    other_volume: float = option(1e-4, "The same outside the heart", minimum=0, maximum=100)
    omega: float = option(30.0, "Frequency of the network's sines", minimum=1, maximum=200)
    width: int = option(256, "Units of a layer", minimum=8, maximum=1024)
    layers: int = option(3, "Hidden layers", minimum=1, maximum=8)
    initialization: str = option("siren", "Drawn weights where there is no prior", choices=("siren", "xavier"))
    periodic: bool = option(True, "Let the motion at the end of the cycle join the beginning")
    cycle: float = option(0.0, "Length of the heartbeat; 0: all frames are one", unit="ms", minimum=0, maximum=10_000)
    patience: int = option(
        4, "Checks without gain, one in 50 steps, after which the fit ends; 0: never", minimum=0, maximum=1000
    )
    checkpoint: str = option("", "File to store the state in and to go on from; it stays when the run is cancelled")
    margin: float = option(25.0, "Tissue around the heart that takes part", unit="mm", minimum=10, maximum=200)


def run(series: ImageSeries, options: Options, context: Context) -> Motion:
    """Motion that keeps its network."""
    from ...motion import Motion
    from .checkpoint import load_state, save_state
    from .fit import Fit

    fit = Fit(series, options, context)
    path = Path(options.checkpoint) if options.checkpoint else None
    if path is not None and path.exists():
        load_state(path, fit, context)
    elif path is not None:
        save_state(path, fit, context)  # what cannot be written is told before the work
    if context.init is not None and fit.step == 0:
        fit.start_from(context.init, context.part(0, 0.2))
    steps, last = context.part(0.2 if context.init else 0, 0.9), context.part(0.9, 1)
    try:
        while fit.step < options.steps and not fit.stopped:
            fit.run(min(fit.step + STORE_EVERY, options.steps), steps)
            if path is not None:
                save_state(path, fit, context)
    except Cancelled:
        if path is not None:
            save_state(path, fit, context)
        raise
    context.facts["steps_taken"] = fit.step
    return Motion.from_field(
        fit.field, series, context.reference, progress=lambda done: last.report(done, "motion of every voxel")
    )


METHOD = MethodInfo(
    name="inr",
    title="Network (INR)",
    summary="A network is the motion, between voxels and frames too; may start from a prior of tagged hearts.",
    citation="After Alvarez-Florez et al. 2026 (MIDL) and Wolterink et al. 2022 (PMLR 172:1349)",
    Options=Options,
    run=run,
    takes_init=True,
)
