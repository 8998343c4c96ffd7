"""A motion and its strain as nodes of the scene: `add_results`, `find_results`, `remove_results`."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import __version__
from ..errors import CardiacMotionError
from ..motion import Motion
from ..series import ImageSeries
from .aha import add_numbers, add_segments_in_steps
from .bullseye import add_bullseye, beside_heart, segment_values
from .charts import TimeMarker, add_chart
from .colors import TITLE, add_legend
from .drawing import Drawing, check_measure, draw
from .headless import headless_scene, import_slicer
from .insertions import add_insertions
from .models import add_wall, color_wall, surface_of
from .overlays import add_overlay_in_steps
from .read import cine_sequence
from .run_folder import file_node, folder_of
from .run_nodes import (
    ROLE,
    RUN,
    all_or_nothing_in_steps,
    nodes_of_run,
    remove_nodes,
    remove_unused_color_nodes,
    runs_in_scene,
)
from .segmentations import add_label_sequence_in_steps
from .sequences import SequenceIndex, add_series, find_browser, index_of, new_browser, play_with
from .steps import Steps, finish
from .tables import MEASURES, add_strain_tables
from .transforms import add_transform_sequences_in_steps

if TYPE_CHECKING:
    from ..strain import Strain

_PREFIX = "CardiacMotion."


@dataclass
class Results:
    """Nodes of one run.

    Attributes
    ----------
    name, run
        What the user sees, and the identifier that every node of the run carries in its attribute
        ``CardiacMotion.run``.
    cine, browser
        The cine's sequence node and the one browser that plays cine and results.
    motion_to_frame
        Sequence of transforms (to parent): put what belongs to the reference under its proxy and it moves with the
        heart.
    frame_to_reference
        Sequence of transforms (from parent): put the cine under its proxy and every frame is drawn in the reference.
    overlays
        {"circumferential", "radial", "longitudinal", "jacobian": volume sequence in percent over the moving wall}, and
        those that were made on demand (`layers`).
    layers
        {name: volume sequence made on demand}: virtual tags and what compares registered images.
    segmentation
        Sequence of segmentations, the reference labels carried through the cycle.
    wall
        Model of the wall of the reference, moving, colored by end-systolic circumferential strain.
    bullseye, bullseye_values
        Model and its numbers.
    tables, chart
        {role: table node} and the chart of the global curves with the current frame.
    folder
        Subject hierarchy item of the run.
    segments, segment_numbers
        Sequence of label maps, the AHA segments carried through the cycle, and markups with their numbers.
    insertions
        Markups of the two RV insertions, moving with the heart.
    highlight
        Model of the one segment that stands out, made when it is first asked for.
    """

    name: str
    run: str
    cine: Any
    browser: Any
    motion_to_frame: Any
    frame_to_reference: Any
    overlays: dict[str, Any] = field(default_factory=dict)
    segmentation: Any = None
    wall: Any = None
    bullseye: Any = None
    bullseye_values: Any = None
    tables: dict[str, Any] = field(default_factory=dict)
    chart: Any = None
    series: list[Any] = field(default_factory=list)
    folder: int = 0
    segments: Any = None
    segment_numbers: Any = None
    insertions: Any = None
    highlight: Any = None
    layers: dict[str, Any] = field(default_factory=dict)
    _marker: TimeMarker | None = field(default=None, repr=False)

    def proxy(self, sequence_node: Any) -> Any:
        """The node that shows the current frame of one of the sequences."""
        return self.browser.GetProxyNode(sequence_node)


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
        _hierarchy().RemoveItem(folder, False, False)
    remove_unused_color_nodes()


def rename_results(results: Results, name: str) -> None:
    """Call a run something else: its folder, what is listed, and every node that is named after it."""
    name = name.strip()
    if not name:
        raise CardiacMotionError(f"the name of the result {results.name!r} cannot be empty; give it one")
    for node in nodes_of_run(results.run):
        if node.GetName() and node.GetName().startswith(results.name):
            node.SetName(name + node.GetName()[len(results.name) :])
        if node.GetAttribute(_PREFIX + "name") is not None:
            node.SetAttribute(_PREFIX + "name", name)
    if folder_of(results):
        _hierarchy().SetItemName(results.folder, name)
    results.name = name


def find_results() -> list[Results]:
    """The runs in the scene, for example after it was loaded from a file, their time markers moving again."""
    return [results for results in map(_from_scene, runs_in_scene()) if results is not None]


def follow_time(results: Results) -> None:
    """Keep the marker of the chart at the frame that the browser shows."""
    unfollow_time(results)
    if "time_marker" in results.tables:
        curves = next(table for role, table in results.tables.items() if role.startswith("curves:"))
        results._marker = TimeMarker(results.browser, results.tables["time_marker"], curves)


def unfollow_time(results: Results) -> None:
    """Stop moving the marker of the chart."""
    if results._marker is not None:
        results._marker.stop()
        results._marker = None


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
        _describe(results, motion, strain, drawing.measure),
        _file(results),
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


def _roles(results: Results) -> dict[str, Any]:
    return {
        "motion_to_frame": results.motion_to_frame,
        "frame_to_reference": results.frame_to_reference,
        "segmentation": results.segmentation,
        "wall": results.wall,
        "bullseye": results.bullseye,
        "bullseye_values": results.bullseye_values,
        "chart": results.chart,
        "segments": results.segments,
        "segment_numbers": results.segment_numbers,
        "insertions": results.insertions,
        "highlight": results.highlight,
        **{f"overlay:{component}": node for component, node in results.overlays.items()},
        **{f"layer:{name}": node for name, node in results.layers.items()},
        **{f"table:{role}": node for role, node in results.tables.items()},
        **{f"series:{number}": node for number, node in enumerate(results.series)},
    }


def strain_facts(strain: Strain) -> dict[str, Any]:
    """What a strain was measured with, by which it can be made again."""
    facts: dict[str, Any] = {
        "end_systole": strain.end_systole,
        "layers": len(strain.layer_names),
        "drift_correction": strain.drift_corrected,
    }
    return facts if strain.rv_insertion is None else facts | {"rv_insertion": strain.rv_insertion.tolist()}


def _describe(results: Results, motion: Motion, strain: Strain | None, measure: str) -> Steps[None]:
    """Provenance as attributes on every node of the run that a user sees: ``CardiacMotion.method`` and so on."""
    facts = {
        "version": __version__,
        **motion.provenance,
        "reference": motion.stored_reference,
        "measure": MEASURES[measure],
        "name": results.name,
        "cine": results.cine.GetName(),
        "cine_id": results.cine.GetID(),
    }
    facts |= {} if strain is None else strain_facts(strain)
    for role, node in _roles(results).items():
        if node is None:
            continue
        with import_slicer().util.NodeModify(node):  # one update of the browser for all attributes
            node.SetAttribute(ROLE, role)
            for key, value in facts.items():
                node.SetAttribute(_PREFIX + key, value if isinstance(value, str) else json.dumps(value, default=str))
        yield


def _file(results: Results) -> Steps[None]:
    """A folder of the run beside the cine in the subject hierarchy, with everything that a user looks for."""
    hierarchy = _hierarchy()
    invalid = hierarchy.GetInvalidItemID()
    cine_item = hierarchy.GetItemByDataNode(results.proxy(results.cine) or results.cine)
    parent = hierarchy.GetItemParent(cine_item) if cine_item != invalid else hierarchy.GetSceneItemID()
    results.folder = hierarchy.CreateFolderItem(
        parent if parent != invalid else hierarchy.GetSceneItemID(), results.name
    )
    hierarchy.SetItemAttribute(results.folder, RUN, results.run)
    sequences = {
        results.motion_to_frame,
        results.frame_to_reference,
        results.segmentation,
        results.segments,
        *results.overlays.values(),
    } - {None}
    try:
        for node in [*_roles(results).values(), *(results.proxy(sequence) for sequence in sequences)]:
            if node is not None:
                file_node(results.folder, node)
                yield
    except BaseException:  # a generator that is closed too: the nodes go, and a folder is no node
        hierarchy.RemoveItem(results.folder, False, False)
        raise


def _hierarchy() -> Any:
    slicer = import_slicer()
    return slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(headless_scene().scene)


def _from_scene(run: str) -> Results | None:
    by_role = {node.GetAttribute(ROLE): node for node in nodes_of_run(run) if node.GetAttribute(ROLE)}
    moving, drawing = by_role.get("motion_to_frame"), by_role.get("frame_to_reference")
    browser = None if moving is None else find_browser(moving)
    if moving is None or drawing is None or browser is None:
        return None  # somebody deleted the motion: what is left is not a run any more

    def group(prefix: str) -> dict[str, Any]:
        return {role.removeprefix(prefix): node for role, node in by_role.items() if role.startswith(prefix)}

    hierarchy = _hierarchy()
    item = hierarchy.GetItemByDataNode(moving)
    results = Results(
        moving.GetAttribute(_PREFIX + "name"),
        run,
        browser.GetMasterSequenceNode(),
        browser,
        moving,
        drawing,
        group("overlay:"),
        by_role.get("segmentation"),
        by_role.get("wall"),
        by_role.get("bullseye"),
        by_role.get("bullseye_values"),
        group("table:"),
        by_role.get("chart"),
        [node for _, node in sorted(group("series:").items(), key=lambda pair: int(pair[0]))],
        hierarchy.GetItemParent(item) if item != hierarchy.GetInvalidItemID() else 0,
        segments=by_role.get("segments"),
        segment_numbers=by_role.get("segment_numbers"),
        insertions=by_role.get("insertions"),
        highlight=by_role.get("highlight"),
        layers=group("layer:"),
    )
    follow_time(results)
    return results
