"""What a motion and its strain are in the scene: their nodes with roles and provenance, found again after a reload."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..motion import Motion
from .charts import TimeMarker
from .headless import headless_scene, import_slicer
from .overlays import CINE
from .run_folder import file_node, find_folder, hierarchy_node
from .run_nodes import ROLE, RUN, nodes_of_run, remove_nodes
from .sequences import find_browser
from .steps import Steps
from .tables import MEASURES

if TYPE_CHECKING:
    from ..strain import Strain

PREFIX = "CardiacMotion."  # before the names of our attributes
TOGETHER = (  # what is made in one go, and can be removed without an end of the run
    ("segmentation",),
    ("wall",),
    ("insertions",),
    ("highlight",),
    ("bullseye", "bullseye_values"),
    ("segments", "segment_numbers"),
)


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
        those that were made on demand (`extra_overlays`), in the unit of their title.
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


def roles_of(results: Results) -> dict[str, Any]:
    """{role: node or None} of everything that belongs to a run and comes back with its scene."""
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


def describe(results: Results, motion: Motion, strain: Strain | None, measure: str) -> Steps[None]:
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
    for role, node in roles_of(results).items():
        if node is None:
            continue
        with import_slicer().util.NodeModify(node):  # one update of the browser for all attributes
            node.SetAttribute(ROLE, role)
            node.SetNodeReferenceID(CINE, results.cine.GetID())
            for key, value in facts.items():
                node.SetAttribute(PREFIX + key, value if isinstance(value, str) else json.dumps(value, default=str))
        yield


def file_run(results: Results) -> Steps[None]:
    """A folder of the run beside the cine in the subject hierarchy, with everything that a user looks for."""
    hierarchy = hierarchy_node()
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
        for node in [*roles_of(results).values(), *(results.proxy(sequence) for sequence in sequences)]:
            if node is not None:
                file_node(results.folder, node)
                yield
    except BaseException:  # a generator that is closed too: the nodes go, and a folder is no node
        hierarchy.RemoveItem(results.folder, False, False)
        raise


def from_scene(run: str) -> Results | None:
    """The motion that a run left in the scene, its time marker moving again; None where it left none."""
    by_role = {node.GetAttribute(ROLE): node for node in nodes_of_run(run) if node.GetAttribute(ROLE)}
    moving, drawing = by_role.get("motion_to_frame"), by_role.get("frame_to_reference")
    browser = None if moving is None else find_browser(moving)
    if moving is None or drawing is None or browser is None:
        return None  # somebody deleted the motion: what is left is not a run any more
    cine = moving.GetNodeReference(CINE)
    if cine is None:
        cine = browser.GetMasterSequenceNode()  # by which older scenes go
        if cine is None or cine.GetAttribute(ROLE):
            return None  # the cine is gone, and a result leads the browser

    def group(prefix: str) -> dict[str, Any]:
        return {role.removeprefix(prefix): node for role, node in by_role.items() if role.startswith(prefix)}

    results = Results(
        moving.GetAttribute(PREFIX + "name"),
        run,
        cine,
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
        find_folder(run),
        segments=by_role.get("segments"),
        segment_numbers=by_role.get("segment_numbers"),
        insertions=by_role.get("insertions"),
        highlight=by_role.get("highlight"),
        layers=group("layer:"),
    )
    follow_time(results)
    return results


def forget_removed(results: Results) -> bool:
    """Let a run do without what was removed of it; False where it cannot: its cine, browser or motion is gone.

    Of what is made together the rest goes, too.
    """
    present = headless_scene().scene.IsNodePresent
    if not all(map(present, (results.cine, results.browser, results.motion_to_frame, results.frame_to_reference))):
        return False
    for attributes in TOGETHER:
        nodes = [node for name in attributes if (node := getattr(results, name)) is not None]
        if not all(map(present, nodes)):
            remove_nodes([node for node in nodes if present(node)])
            for name in attributes:
                setattr(results, name, None)
    for group in (results.overlays, results.layers):
        for name in [name for name, node in group.items() if not present(node)]:
            del group[name]
    return True


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
