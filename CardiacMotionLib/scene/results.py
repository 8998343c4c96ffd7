"""A motion and its strain as nodes of the scene: `add_results`, `find_results`, `remove_results`."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import CardiacMotionError
from ..motion import Motion
from ..series import ImageSeries
from .aha import add_numbers, add_segments_in_steps
from .bullseye import add_bullseye, beside_heart, segment_values
from .charts import add_chart
from .colors import TITLE, add_legend
from .drawing import Drawing, check_measure, draw
from .insertions import add_insertions
from .models import add_wall, color_wall, surface_of
from .overlays import add_overlay_in_steps
from .read import cine_sequence
from .result_record import PREFIX, Results, describe, file_run, follow_time, from_scene, unfollow_time
from .run_folder import folder_of, hierarchy_node
from .run_nodes import all_or_nothing_in_steps, nodes_of_run, remove_nodes, remove_unused_color_nodes, runs_in_scene
from .segmentations import add_label_sequence_in_steps
from .sequences import SequenceIndex, add_series, find_browser, index_of, new_browser, play_with
from .steps import Steps, finish
from .tables import add_strain_tables
from .transforms import add_transform_sequences_in_steps

if TYPE_CHECKING:
    from ..strain import Strain


def add_results(
    cine_node: Any,
    series: ImageSeries,
    motion: Motion,
    strain: Strain | None = None,
    *,
    name: str | None = None,
    measure: str = "green",
) -> Results:
    """Add a motion, and its strain, to the scene beside the cine. Either everything is added or, on a failure, nothing.

    Parameters
    ----------
    cine_node
        What `series_from_nodes` read: sequence, proxy volume, browser, or list of volumes (then the series becomes a
        sequence of its own).
    series
        On the grid of ``motion``. Labels of the reference frame are carried through the cycle; without them there are
        no overlays.
    motion, strain
        Results; ``strain`` of this motion, from the same reference.
    name
        Of the run, by default "<cine> <method>".
    measure
        Which strain is shown in percent: ``green`` (Green-Lagrange) or ``engineering``; the tables hold both.

    Raises
    ------
    CardiacMotionError
        when cine, series, motion and strain do not fit together; the scene is as it was.
    """
    return finish(add_results_in_steps(cine_node, series, motion, strain, name=name, measure=measure))


def add_results_in_steps(
    cine_node: Any,
    series: ImageSeries,
    motion: Motion,
    strain: Strain | None = None,
    *,
    name: str | None = None,
    measure: str = "green",
    drawing: Drawing | None = None,
) -> Steps[Results]:
    """`add_results` as a generator: each step adds a little and yields the share that is done.

    When it fails, or is closed before its end, nothing is added. What takes long is the ``drawing``: `draw` it
    elsewhere first, or the first step does. The last step returns the results.
    """
    check_measure(measure)
    if drawing is not None and drawing.measure != measure:
        raise CardiacMotionError(f"the drawing is of {drawing.measure} strain, not of {measure}; draw it again")
    cine = cine_sequence(cine_node)
    check_fit(cine, series, motion, strain)
    run = uuid.uuid4().hex
    drawing = drawing or draw(series, motion, strain, measure=measure)
    results = yield from all_or_nothing_in_steps(run, _build(run, cine, series, motion, strain, drawing, name))
    follow_time(results)
    return results


def remove_results(results: Results) -> None:
    """Remove every node of a run, its folder included. The cine and what others made stay."""
    unfollow_time(results)
    folder = folder_of(results)
    remove_nodes(nodes_of_run(results.run))
    if folder:
        hierarchy_node().RemoveItem(folder, False, False)
    remove_unused_color_nodes()


def rename_results(results: Results, name: str) -> None:
    """Call a run something else: its folder, what is listed, and every node that is named after it."""
    name = name.strip()
    if not name:
        raise CardiacMotionError(f"the name of the result {results.name!r} cannot be empty; give it one")
    for node in nodes_of_run(results.run):
        if node.GetName() and node.GetName().startswith(results.name):
            node.SetName(name + node.GetName()[len(results.name) :])
        if node.GetAttribute(PREFIX + "name") is not None:
            node.SetAttribute(PREFIX + "name", name)
    if folder_of(results):
        hierarchy_node().SetItemName(results.folder, name)
    results.name = name


def find_results() -> list[Results]:
    """The runs in the scene, for example after it was loaded from a file, their time markers moving again."""
    return [results for results in map(from_scene, runs_in_scene()) if results is not None]


# ---------------------------------------------------------------------- parts of a run


def check_fit(cine: Any, series: ImageSeries, motion: Motion, strain: Strain | None) -> None:
    """Raise `CardiacMotionError` unless cine, series, motion and strain are of one grid, cycle and reference."""
    if series.frames.shape != motion.displacement.shape[:4] or not np.allclose(series.affine, motion.affine, atol=1e-3):
        raise CardiacMotionError(
            f"series {series.frames.shape} and motion {motion.displacement.shape[:4]} "
            "are not on one grid; add the series that was registered"
        )
    if cine is not None and cine.GetNumberOfDataNodes() != len(motion):
        raise CardiacMotionError(
            f"cine {cine.GetName()!r} has {cine.GetNumberOfDataNodes()} frames, the motion {len(motion)}; "
            "choose the cine that was registered"
        )
    if strain is not None and (strain.wall.shape != motion.shape or len(strain.times) != len(motion)):
        raise CardiacMotionError(
            f"strain has {len(strain.times)} frames of {strain.wall.shape}, "
            f"the motion {len(motion)} of {motion.shape}; pass the strain of this motion"
        )
    if strain is not None:
        strain.check_reference(motion)


def _build(
    run: str,
    cine: Any,
    series: ImageSeries,
    motion: Motion,
    strain: Strain | None,
    drawing: Drawing,
    name: str | None,
) -> Steps[Results]:
    cine_name = cine.GetName() if cine is not None else str(series.meta.get("name") or "Cine")
    name = name or f"{cine_name} {motion.provenance.get('method', 'motion')}"
    if cine is None:
        cine, browser = add_series(series, cine_name)
    else:
        browser = find_browser(cine) or new_browser(cine, f"{cine_name} browser")
    index = index_of(cine)
    results = Results(name, run, cine, browser, None, None)
    parts = [_add_motion(results, motion, drawing, index), _add_labels(results, motion, drawing, index)]
    parts += [_add_overlay(results, component, motion, drawing, index) for component in drawing.overlays or {}]
    parts += [
        _add_wall(results, motion, drawing),
        _add_segments(results, strain, motion, drawing, index),
        _add_numbers(results, strain, motion, drawing.measure),
        describe(results, motion, strain, drawing.measure),
        file_run(results),
    ]
    for number, part in enumerate(parts):
        for _ in part:
            yield number / len(parts)
    return results


def _add_motion(results: Results, motion: Motion, drawing: Drawing, index: SequenceIndex) -> Steps[None]:
    results.motion_to_frame, results.frame_to_reference = yield from add_transform_sequences_in_steps(
        motion, drawing.grids, index, results.name
    )
    for sequence in (results.motion_to_frame, results.frame_to_reference):
        play_with(results.browser, sequence)
        yield


def _add_labels(results: Results, motion: Motion, drawing: Drawing, index: SequenceIndex) -> Steps[None]:
    if drawing.labels is not None:
        results.segmentation = yield from add_label_sequence_in_steps(
            drawing.labels, motion.affine, index, results.browser, f"{results.name} labels"
        )
        yield


def _add_overlay(
    results: Results, component: str, motion: Motion, drawing: Drawing, index: SequenceIndex
) -> Steps[None]:
    results.overlays[component] = yield from add_overlay_in_steps(
        component, (drawing.overlays or {})[component], motion.affine, index, results.browser
    )
    yield


def _add_wall(results: Results, motion: Motion, drawing: Drawing) -> Steps[None]:
    if drawing.wall is None:
        return
    surface = surface_of(drawing.wall, motion.affine)
    yield
    results.wall = add_wall(surface, f"{results.name} wall", results.proxy(results.motion_to_frame))
    yield
    if drawing.wall_percent is not None:
        color_wall(results.wall, "circumferential", drawing.wall_percent, motion.affine)
        yield


def _add_segments(
    results: Results, strain: Strain | None, motion: Motion, drawing: Drawing, index: SequenceIndex
) -> Steps[None]:
    if strain is None or results.wall is None:
        return
    transform = results.proxy(results.motion_to_frame)
    if strain.rv_insertion is not None:
        results.insertions = add_insertions(results.name, transform, strain.rv_insertion)
        yield
    if drawing.segments is not None:
        results.segments = yield from add_segments_in_steps(
            drawing.segments, motion.affine, index, results.browser, results.name
        )
        yield
        results.segment_numbers = add_numbers(strain.segments, motion.affine, results.name, transform)
        yield


def _add_numbers(results: Results, strain: Strain | None, motion: Motion, measure: str) -> Steps[None]:
    if strain is None:
        return
    results.tables = add_strain_tables(strain, results.name, measure)
    yield
    results.chart, results.series = add_chart(strain, results.tables, results.name, measure)
    yield
    values = segment_values(strain, "circumferential", "end_systolic", measure)
    if values:
        center = beside_heart(strain.wall, motion.affine)
        title = f"{results.name} bullseye {TITLE['circumferential']} at end-systole"
        results.bullseye, results.bullseye_values = add_bullseye(values, "circumferential", center, title)
        yield
    if results.wall is not None:
        add_legend(results.wall, TITLE["circumferential"], visible=results.bullseye is None)
        yield
