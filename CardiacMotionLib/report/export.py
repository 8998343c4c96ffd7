"""What a user chose of finished work, written into one folder that appears when it is complete.

No nodes here, so that any thread may write. Work is a list of steps, made by `motion_steps` or `map_steps`;
`write_folder` runs them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import Cancelled
from ..whole_files import writing_folder
from .files import (
    BEFORE,
    MAP_FILES,
    STRAIN_FILES,
    list_files,
    write_map_tables,
    write_map_volumes,
    write_strain_pictures,
)

if TYPE_CHECKING:
    import pandas as pd

    from ..mapping.maps import ParameterMaps
    from ..motion import Motion
    from ..series import ImageSeries
    from ..strain import Strain
    from .map_run import MapRun

REPORT, TABLES, PICTURES, TRANSFORMS, VOLUMES, ITK = "report", "tables", "pictures", "transforms", "volumes", "itk"
MOTION = "motion"  # the transforms of one direction
KINDS = (REPORT, TABLES, PICTURES, MOTION, TRANSFORMS, VOLUMES, ITK)
NEED_STRAIN = {REPORT: "report", PICTURES: "pictures"}


@dataclass(frozen=True)
class Step:
    """One piece of work: what is said while it runs, and a function of the folder to write into."""

    title: str
    write: Callable[[Path], Any]


@dataclass(frozen=True)
class Plan:
    """Steps, what the files are, and sentences on what was asked for and cannot be written."""

    steps: Sequence[Step]
    known: Mapping[str, str]
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class WrittenFile:
    """A file in the folder: its name there, bytes, and what it is."""

    name: str
    size: int
    meaning: str


@dataclass(frozen=True)
class StoredMaps:
    """Maps that came with a scene: of how they were made only the result is known.

    Attributes
    ----------
    maps
        The maps.
    labels
        (K, J, I) in their space, or None.
    registered
        The images that were fitted, where they had been registered, or None.
    before
        Maps of the images as acquired, or None.
    """

    maps: ParameterMaps
    labels: np.ndarray | None = None
    registered: ImageSeries | None = None
    before: ParameterMaps | None = None


@dataclass(frozen=True)
class Export:
    """Everything of one motion that can be written.

    Attributes
    ----------
    series, motion, strain, quality
        Of one run; ``strain`` and ``quality`` may be None.
    overlays
        {component: (T, K, J, I) in percent on the moving wall, NaN elsewhere}.
    """

    series: ImageSeries
    motion: Motion
    strain: Strain | None = None
    quality: pd.DataFrame | None = None
    overlays: Mapping[str, np.ndarray] = field(default_factory=dict)


def motion_steps(run: Export, kinds: Collection[str]) -> Plan:
    """What has to be done to write the ``kinds`` of a motion, some of `KINDS`."""
    steps = {
        REPORT: Step("Report", lambda folder: _report(run, folder)),
        TABLES: Step("Tables", lambda folder: _tables(run, folder)),
        PICTURES: Step("Pictures", lambda folder: write_strain_pictures(_strain(run), folder)),
        MOTION: Step("Motion", lambda folder: _motion(run.motion, folder)),
        TRANSFORMS: Step("Transforms", lambda folder: _transforms(run.motion, folder)),
        VOLUMES: Step("Volumes", lambda folder: _volumes(run, folder)),
        ITK: Step("ITK displacement fields", lambda folder: _itk(run.motion, folder)),
    }
    missing = [kind for kind in NEED_STRAIN if kind in kinds and run.strain is None]
    return _plan(steps, kinds, missing, STRAIN_FILES, "the run has no strain")


def map_steps(run: MapRun | StoredMaps, kinds: Collection[str]) -> Plan:
    """What has to be done to write the ``kinds`` of maps; report and pictures need the run that made them."""
    if isinstance(run, StoredMaps):
        stored = run
        steps = {
            TABLES: Step("Tables", lambda folder: _stored_tables(stored, folder)),
            VOLUMES: Step("Maps", lambda folder: _stored_volumes(stored, folder)),
        }
        missing = [kind for kind in (REPORT, PICTURES, MOTION, TRANSFORMS, ITK) if kind in kinds]
        return _plan(steps, kinds, missing, MAP_FILES, "the maps came with the scene; compute them again for it")
    computed = run
    steps = {
        REPORT: Step("Report", lambda folder: _map_report(computed, folder)),
        TABLES: Step("Tables", lambda folder: write_map_tables(computed, _new(folder, "tables"))),
        PICTURES: Step("Pictures", lambda folder: _map_pictures(computed, folder)),
        MOTION: Step("Motion", lambda folder: _motion(computed.motion, folder)),
        TRANSFORMS: Step("Transforms", lambda folder: _transforms(computed.motion, folder)),
        VOLUMES: Step("Maps", lambda folder: _map_volumes(computed, folder)),
        ITK: Step("ITK displacement fields", lambda folder: _itk(computed.motion, folder)),
    }
    missing = [kind for kind in (MOTION, TRANSFORMS, ITK) if kind in kinds and run.motion is None]
    return _plan(steps, kinds, missing, MAP_FILES, "the images were not registered")


def write_folder(
    plans: Mapping[str, Plan], folder: str | Path, progress: Callable[[float, str], Any] = lambda fraction, text: True
) -> Path:
    """Do what was planned in a new ``folder``, which appears complete or not at all; returns it.

    Parameters
    ----------
    plans
        {name of a subfolder: plan}; one plan alone is written into the folder itself.
    folder
        Must not exist; the folder above it must.
    progress
        ``progress(fraction, text)`` may answer False to cancel.

    Raises
    ------
    Cancelled
        when asked to; nothing is left behind.
    CardiacMotionError
        for a folder that exists or cannot be written, and whatever a step raises; nothing is left behind.
    """
    folder = Path(folder)
    work = [(step, name if len(plans) > 1 else "") for name, plan in plans.items() for step in plan.steps]
    with writing_folder(folder) as temporary:
        for number, (step, below) in enumerate(work):
            if progress(number / len(work), step.title) is False:
                raise Cancelled(f"cancelled before {step.title}")
            target = temporary / below
            target.mkdir(exist_ok=True)
            step.write(target)
        if progress(1.0, "Done") is False:
            raise Cancelled("cancelled at the end")
    return folder


def written_files(plans: Mapping[str, Plan], folder: str | Path) -> list[WrittenFile]:
    """What lies in a folder that `write_folder` made, with sizes, those that are known first."""
    known: dict[str, str] = {}
    for name, plan in plans.items():
        known |= {f"{name}/{file}" if len(plans) > 1 else file: meaning for file, meaning in plan.known.items()}
    known.setdefault("scene.mrb", STRAIN_FILES["scene.mrb"])
    folder = Path(folder)
    return [WrittenFile(name, (folder / name).stat().st_size, meaning) for name, meaning in list_files(folder, known)]


# ---------------------------------------------------------------------- of a motion


def _plan(
    steps: Mapping[str, Step], kinds: Collection[str], missing: Collection[str], known: Mapping[str, str], why: str
) -> Plan:
    chosen = [step for kind, step in steps.items() if kind in kinds and kind not in missing]
    left_out = (f"Left out: {', '.join(missing)}; {why}.",) if missing else ()
    return Plan(chosen, known, left_out)


def _strain(run: Export) -> Strain:
    assert run.strain is not None  # what needs it is left out of a plan without
    return run.strain


def _new(folder: Path, name: str) -> Path:
    (folder / name).mkdir()
    return folder / name


def _report(run: Export, folder: Path) -> None:
    from . import write_report

    write_report(run.series, run.motion, _strain(run), run.quality, folder / "report.html")


def _tables(run: Export, folder: Path) -> None:
    from . import write_tables

    tables = _new(folder, "tables")
    if run.strain is not None:
        write_tables(run.strain, tables)
    if run.quality is not None:
        run.quality.to_csv(tables / "quality.csv", index=False, float_format="%.5g")


def _motion(motion: Motion | None, folder: Path) -> None:
    from ..io import write_motion_sequence

    assert motion is not None  # left out of a plan without
    write_motion_sequence(motion, folder / "motion.seq.nrrd")


def _transforms(motion: Motion | None, folder: Path) -> None:
    from ..io import write_motion_sequence

    assert motion is not None  # left out of a plan without
    _motion(motion, folder)
    write_motion_sequence(motion, folder / "motion_to_reference.seq.nrrd", "resampling")


def _itk(motion: Motion | None, folder: Path) -> None:
    from ..io import write_displacement_itk

    assert motion is not None  # left out of a plan without
    write_displacement_itk(motion, _new(folder, "itk"), ".h5", name="displacement")


def _volumes(run: Export, folder: Path) -> None:
    from ..io import write_segmentation, write_series, write_values

    volumes, series, motion = _new(folder, "volumes"), run.series, run.motion
    write_series(series.replace(frames=motion.warp(series), labels={}), volumes / "registered.seq.nrrd")
    for component, values in run.overlays.items():
        write_values(values, series, volumes / f"{component}.seq.nrrd")
    labels = motion.reference_labels(series)
    if labels is not None:
        write_segmentation(labels, series.affine, volumes / "reference.seg.nrrd")
        carried = np.stack([motion.warp_labels(labels, frame) for frame in range(len(motion))])
        write_series(series.replace(frames=carried, labels={}), volumes / "labels.seq.nrrd")


# ---------------------------------------------------------------------- of maps


def _map_report(run: MapRun, folder: Path) -> None:
    from . import write_map_report

    write_map_report(run, folder / "report.html")


def _map_pictures(run: MapRun, folder: Path) -> None:
    from . import panels, plot_maps

    plot_maps(panels(run), folder / "maps.png")


def _map_volumes(run: MapRun, folder: Path) -> None:
    from ..io import write_segmentation

    write_map_volumes(run, folder)
    if run.labels_after is not None:
        write_segmentation(run.labels_after, run.maps.affine, folder / "labels.seg.nrrd")


def _stored_tables(run: StoredMaps, folder: Path) -> None:
    table = run.maps.summary(run.labels)
    table.to_csv(_new(folder, "tables") / "maps.csv", index=False, float_format="%.5g")


def _stored_volumes(run: StoredMaps, folder: Path) -> None:
    from ..io import write_maps, write_segmentation, write_series

    write_maps(run.maps, _new(folder, "maps"))
    if run.before is not None:
        write_maps(run.before, folder / "maps", ending=BEFORE)
    if run.registered is not None:
        write_series(run.registered, folder / "registered.seq.nrrd")
    if run.labels is not None:
        write_segmentation(run.labels, run.maps.affine, folder / "labels.seg.nrrd")
