"""Other numbers for a run whose motion stays: strain computed again replaces what was shown, all of it or nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import Cancelled, CardiacMotionError
from ..motion import Motion
from ..series import MYOCARDIUM, ImageSeries
from .aha import add_numbers, add_segments, carry_segments, fill_numbers, update_segments, walls_of
from .bullseye import add_bullseye, beside_heart, fill_bullseye, segment_values
from .charts import Curves, highlight_curve, replace_curves
from .colors import TITLE
from .headless import import_slicer
from .highlight import end_highlight, highlight_segment, highlighted_segment
from .insertions import add_insertions, move_insertions
from .models import color_wall
from .overlays import OUTSIDE
from .result_record import Results, follow_time, strain_facts
from .results import check_fit
from .run_folder import adopt, file_node
from .run_nodes import all_or_nothing, remove_nodes
from .sequences import data_nodes, index_of
from .steps import Steps, finish
from .tables import MEASURES, strain_tables, vtk_table

if TYPE_CHECKING:
    from ..strain import Strain


def update_strain(
    results: Results,
    series: ImageSeries,
    motion: Motion,
    strain: Strain,
    *,
    chosen: Curves | None = None,
    segments: np.ndarray | None = None,
) -> None:
    """Show another strain of the same motion: other insertions, end-systole, layers or drift correction.

    Tables, chart, bullseye, AHA segments, insertions and the color of the wall change in place, so that the views that
    show them go on showing them; the maps over the cine do not depend on any of this. What was not there for want of
    insertions is added. On a failure everything is as it was.

    Parameters
    ----------
    results
        Of `add_results`, with this motion and a strain.
    series, motion, strain
        As in `add_results`.
    chosen
        What the chart shows from now on, by default the global curves in the measure of the run.
    segments
        (T, K, J, I) of `segments_in_frames`, where they were computed before, beside the user interface.

    Raises
    ------
    CardiacMotionError
        for a strain that is not of this motion, or a run without strain.
    """
    finish(update_strain_in_steps(results, series, motion, strain, chosen=chosen, segments=segments))


def update_strain_in_steps(
    results: Results,
    series: ImageSeries,
    motion: Motion,
    strain: Strain,
    *,
    chosen: Curves | None = None,
    segments: np.ndarray | None = None,
) -> Steps[None]:
    """`update_strain` as a generator: all steps but the last only prepare, so that it can be closed before it."""
    if results.chart is None:
        raise CardiacMotionError(f"run {results.name!r} has no strain to replace; compute it with strain first")
    check_fit(results.cine, series, motion, strain)
    measure = measure_of(results)
    labels = motion.reference_labels(series)
    labels = strain.wall.astype(np.uint8) * MYOCARDIUM if labels is None else labels
    frames = strain_tables(strain, measure)
    yield
    tables = {role: vtk_table(frame) for role, (frame, _) in frames.items()}
    yield
    if segments is None:
        segments = segments_in_frames(strain, motion, labels)
        yield
    shown = strain.engineering("circumferential") if measure == "engineering" else strain.circumferential
    wall_percent = 100 * shown[strain.end_systole]
    values = segment_values(strain, "circumferential", "end_systolic", measure)
    marked = highlighted_segment(results)
    yield
    old_series = list(results.series)
    with all_or_nothing(results.run):
        added = _add_missing(results, motion, strain, segments, values)
        curves = chosen or Curves(measure=measure)
        new_series = replace_curves(results.chart, old_series, results.tables, strain, curves)
    for attribute, node in added.items():
        setattr(results, attribute, node)
    for role, table in tables.items():
        results.tables[role].SetAndObserveTable(table)
    _adopt_series(results, new_series, old_series)
    if results.segments is not None and "segments" not in added:
        update_segments(results, segments)
        fill_numbers(results.segment_numbers, strain.segments, motion.affine)
    if results.bullseye is not None and "bullseye" not in added:
        center = beside_heart(strain.wall, motion.affine)
        fill_bullseye(results.bullseye, results.bullseye_values, values, "circumferential", center)
    if results.insertions is not None and strain.rv_insertion is not None:
        move_insertions(results.insertions, strain.rv_insertion)
    if results.wall is not None:
        color_wall(results.wall, "circumferential", wall_percent, motion.affine)
    for key, value in strain_facts(strain).items():
        results.motion_to_frame.SetAttribute(f"CardiacMotion.{key}", json.dumps(value))
    follow_time(results)
    if marked is not None and (strain.segments == marked).any():
        highlight_segment(results, marked, labels, strain)
    elif marked is not None:
        end_highlight(results)


def show_curves(results: Results, strain: Strain, chosen: Curves) -> None:
    """Let the chart of a run show other curves of its strain; what others put into the chart stays.

    Raises
    ------
    CardiacMotionError
        for a component or regions that this strain does not have; the chart is as it was.
    """
    old = list(results.series)
    with all_or_nothing(results.run):
        new = replace_curves(results.chart, old, results.tables, strain, chosen)
    _adopt_series(results, new, old)
    highlight_curve(new, highlighted_segment(results))
    follow_time(results)


def strain_again(
    series: ImageSeries,
    motion: Motion,
    progress: Callable[[float, str], Any],
    *,
    walls: np.ndarray | None = None,
    **settings: Any,
) -> tuple[Strain, np.ndarray]:
    """Strain of a motion with other ``settings`` (options of `strain`), and its segments in every frame.

    What `update_strain` needs, made without touching a node: any thread will do. ``progress`` may answer False to
    cancel, which raises `Cancelled`. ``walls`` (T, K, J, I) of `walls_shown`, where they need not be drawn again.
    """
    from ..strain import strain

    labels = motion.reference_labels(series)
    if labels is None:
        raise CardiacMotionError("there is no segmentation of the reference frame; strain needs one")
    _tell(progress, 0.0, "Strain")
    made = strain(motion, labels, **settings)
    _tell(progress, 0.6, "AHA segments")
    carried = carry_segments(made.segments, motion, walls_of(motion, labels) if walls is None else walls)
    _tell(progress, 1.0, "Done")
    return made, carried


def segments_in_frames(strain: Strain, motion: Motion, labels: np.ndarray) -> np.ndarray:
    """AHA segments where their material is in every frame: (T, K, J, I) uint8. Touches no node: any thread will do."""
    return carry_segments(strain.segments, motion, walls_of(motion, labels))


def walls_shown(results: Results) -> np.ndarray | None:
    """The wall in every frame, (T, K, J, I) bool, as the overlays of a run cover it; None for a run without any."""
    if not results.overlays:
        return None
    overlay = next(iter(results.overlays.values()))
    return np.stack([import_slicer().util.arrayFromVolume(node) != OUTSIDE for node in data_nodes(overlay)])


def measure_of(results: Results) -> str:
    """``green`` or ``engineering``: what the run shows strain in."""
    words = results.motion_to_frame.GetAttribute("CardiacMotion.measure")
    return next((measure for measure, title in MEASURES.items() if title == words), "green")


def _add_missing(
    results: Results,
    motion: Motion,
    strain: Strain,
    segments: np.ndarray,
    values: dict[int, float],
) -> dict[str, Any]:
    """Nodes that the run lacks, {attribute of the results: node}: a strain without insertions has no segments."""
    transform = results.proxy(results.motion_to_frame)
    name, added = results.name, {}
    if results.insertions is None and strain.rv_insertion is not None:
        added["insertions"] = add_insertions(name, transform, strain.rv_insertion)
    if results.segments is None and segments.any():
        index = index_of(results.cine)
        added["segments"] = add_segments(segments, motion.affine, index, results.browser, name)
        added["segment_numbers"] = add_numbers(strain.segments, motion.affine, name, transform)
    if results.bullseye is None and values:
        title = f"{name} bullseye {TITLE['circumferential']} at end-systole"
        center = beside_heart(strain.wall, motion.affine)
        added["bullseye"], added["bullseye_values"] = add_bullseye(values, "circumferential", center, title)
    for role, node in added.items():
        adopt(results, role, node)
    if "segments" in added:
        file_node(results.folder, results.proxy(added["segments"]))
    return added


def _adopt_series(results: Results, new: list[Any], old: list[Any]) -> None:
    results.series = new
    remove_nodes(old)
    for number, node in enumerate(new):
        adopt(results, f"series:{number}", node)


def _tell(progress: Callable[[float, str], Any], fraction: float, text: str) -> None:
    if progress(fraction, text) is False:
        raise Cancelled(f"cancelled at {fraction:.0%}")
