"""Parameter maps as nodes of the scene: `add_maps` or `add_map_run`, `find_maps`, `remove_maps`; see `map_views`."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ..errors import CardiacMotionError
from ..mapping.maps import ParameterMaps
from ..series import ImageSeries, check_labels
from .headless import headless_scene
from .map_colors import shown_maps, styles
from .map_nodes import add_map_node
from .map_record import MapResults, describe, file_run, from_scene
from .read import cine_sequence
from .run_folder import folder_of, hierarchy_node
from .run_nodes import all_or_nothing_in_steps, nodes_of_run, remove_nodes, remove_unused_color_nodes, runs_in_scene
from .segmentations import fill_segmentation, show_contours
from .sequences import find_browser, index_of, new_browser, new_image_sequence, play_with, show_in_window
from .steps import Steps, finish
from .tables import table_from_dataframe

if TYPE_CHECKING:
    from ..report.ecv_run import EcvRun
    from ..report.map_run import MapRun


def add_maps(
    maps: ParameterMaps,
    series_node: Any = None,
    *,
    registered: ImageSeries | None = None,
    labels: ArrayLike | None = None,
    name: str | None = None,
    facts: dict[str, Any] | None = None,
    before: ParameterMaps | None = None,
    labels_before: ArrayLike | None = None,
    tables: Mapping[str, pd.DataFrame] | None = None,
    notes: Sequence[str] = (),
) -> MapResults:
    """Add maps to the scene, beside the series that they were made from. Either everything is added or nothing.

    Each map is a scalar volume with its quantity and unit as coded entries (DICOM, UCUM), the colors and window of
    `map_colors` and a legend; the first is shown by `show_map`.

    Parameters
    ----------
    maps
        Of `fit_map`.
    series_node
        Sequence of the images, the volume that shows it or its browser.
    registered
        The images that were fitted, drawn in the space of the maps: a sequence with the index of ``series_node``, which
        they need.
    labels
        (K, J, I) in the space of the maps, for contours.
    name
        Of the folder, by default "<series> <model> maps".
    facts
        More provenance for the attributes of the nodes, such as that of the motion.
    before, labels_before
        Maps of the images as acquired, to compare with: those worth looking at, in the windows of ``maps``; and labels
        (K, J, I) of those images.
    tables
        {"regions", "scores": table} that become table nodes.
    notes
        Sentences for the user, kept with the nodes.

    Raises
    ------
    CardiacMotionError
        when series, images, labels and maps do not fit together; the scene is as it was.
    """
    return finish(
        add_maps_in_steps(
            maps,
            series_node,
            registered=registered,
            labels=labels,
            name=name,
            facts=facts,
            before=before,
            labels_before=labels_before,
            tables=tables,
            notes=notes,
        )
    )


def add_maps_in_steps(
    maps: ParameterMaps,
    series_node: Any = None,
    *,
    registered: ImageSeries | None = None,
    labels: ArrayLike | None = None,
    name: str | None = None,
    facts: dict[str, Any] | None = None,
    before: ParameterMaps | None = None,
    labels_before: ArrayLike | None = None,
    tables: Mapping[str, pd.DataFrame] | None = None,
    notes: Sequence[str] = (),
) -> Steps[MapResults]:
    """`add_maps` as a generator: each step adds a little and yields the share that is done.

    When it fails, or is closed before its end, nothing is added. The last step returns the results.
    """
    sequence = None if series_node is None else cine_sequence(series_node)
    _check_fit(maps, sequence, registered)
    drawn, drawn_before = (
        None if given is None else check_labels(given, (1, *maps.shape), 0) for given in (labels, labels_before)
    )
    name = name or f"{sequence.GetName()} {maps.model} maps" if sequence is not None else name or f"{maps.model} maps"
    results = MapResults(name, uuid.uuid4().hex, series=sequence, notes=tuple(notes))
    steps = _build(results, maps, before, (drawn, drawn_before), registered, tables or {}, facts or {})
    return (yield from all_or_nothing_in_steps(results.run, steps))


def _build(
    results: MapResults,
    maps: ParameterMaps,
    before: ParameterMaps | None,
    labels: tuple[np.ndarray | None, np.ndarray | None],
    registered: ImageSeries | None,
    tables: Mapping[str, pd.DataFrame],
    facts: dict[str, Any],
) -> Steps[MapResults]:
    """Make the nodes of ``results``, one a step; ``labels`` are those of the maps and of those before."""
    shown = styles(maps, labels[0])
    compared = [] if before is None else [key for key in shown_maps(before) if key in shown]
    count, done = len(shown) + len(compared) + len(tables) + 3, 0
    if results.series is not None:
        name = f"{results.series.GetName()} browser"
        results.browser = find_browser(results.series) or new_browser(results.series, name)
    for key, style in shown.items():
        results.maps[key] = add_map_node(key, maps, style, f"{key} ({results.name})")
        yield (done := done + 1) / count
    for key in compared:
        style = shown[key]._replace(title=f"{shown[key].title}, before")
        node_name = f"{key} before registration ({results.name})"
        results.before[key] = add_map_node(key, before or maps, style, node_name)
        yield (done := done + 1) / count
    for role, table in tables.items():
        results.tables[role] = table_from_dataframe(table, f"{results.name} {role}")
        yield (done := done + 1) / count
    if registered is not None:
        results.registered = _add_registered(registered, results)
        yield (done + 1) / count
    if labels[0] is not None:
        results.labels = _add_labels(labels[0], maps.affine, f"Labels ({results.name})")
        yield (done + 2) / count
    if labels[1] is not None:
        results.labels_before = _add_labels(labels[1], maps.affine, f"Labels before registration ({results.name})")
        results.labels_before.SetDisplayVisibility(False)
        yield (done + 3) / count
    describe(results, maps, facts)
    file_run(results)
    return results


def add_map_run(run: MapRun, series_node: Any, *, name: str | None = None, compare: bool = True) -> MapResults:
    """Everything of a finished run by `add_maps`: maps, registered images, labels, tables, notes.

    ``compare`` adds maps and labels before registration, where there was one. The table "regions" is the ``table`` of
    the run, "scores" its ``scores``.
    """
    return finish(add_map_run_in_steps(run, series_node, name=name, compare=compare))


def add_map_run_in_steps(
    run: MapRun, series_node: Any, *, name: str | None = None, compare: bool = True
) -> Steps[MapResults]:
    """`add_map_run` as a generator; see `add_maps_in_steps`."""
    from ..report.map_run import notes_of

    facts = {} if run.motion is None else {"motion": run.motion.provenance, "reference": run.motion.stored_reference}
    compare = compare and run.after is not None
    return add_maps_in_steps(
        run.maps,
        series_node,
        registered=run.registered,
        labels=run.labels_after,
        name=name,
        facts=facts,
        before=run.before if compare else None,
        labels_before=run.labels if compare else None,
        tables={"regions": run.table, "scores": run.scores},
        notes=notes_of(run),
    )


def add_ecv_run(run: EcvRun, series_node: Any = None, *, name: str = "ECV") -> MapResults:
    """The extracellular volume by `add_maps`, over the images of ``series_node`` if there are some, with its table."""
    return add_maps(
        run.maps, series_node, labels=run.labels, name=name, tables={"regions": run.table}, notes=list(run.notes)
    )


def remove_maps(results: MapResults) -> None:
    """Remove every node of the maps, their folder included. The series and what others made stay."""
    folder = folder_of(results)
    remove_nodes(nodes_of_run(results.run))
    if folder:
        hierarchy_node().RemoveItem(folder, False, False)
    remove_unused_color_nodes()


def find_maps() -> list[MapResults]:
    """The maps in the scene, for example after it was loaded from a file."""
    return [results for results in map(from_scene, runs_in_scene()) if results is not None]


# ---------------------------------------------------------------------- parts of a run


def _check_fit(maps: ParameterMaps, sequence: Any, registered: ImageSeries | None) -> None:
    if registered is None:
        return
    if registered.shape != maps.shape or not np.allclose(registered.affine, maps.affine, atol=1e-3):
        raise CardiacMotionError(
            f"the registered images {registered.shape} and the maps {maps.shape} (K, J, I) are not on one grid; "
            "give the images that were fitted"
        )
    if sequence is None:
        raise CardiacMotionError("registered images need series_node, the sequence that they were made from")
    if sequence.GetNumberOfDataNodes() != len(registered):
        raise CardiacMotionError(
            f"sequence {sequence.GetName()!r} has {sequence.GetNumberOfDataNodes()} frames, the registered images "
            f"{len(registered)}; choose the series that was registered"
        )


def _add_registered(images: ImageSeries, results: MapResults) -> Any:
    title = f"{results.series.GetName()} registered ({results.name})"
    sequence = new_image_sequence(images, title, index_of(results.series))
    show_in_window(play_with(results.browser, sequence), images.frames)
    return sequence


def _add_labels(labels: np.ndarray, affine: np.ndarray, name: str) -> Any:
    node = headless_scene().scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    fill_segmentation(node, labels, affine)
    node.CreateDefaultDisplayNodes()
    show_contours(node)
    return node
