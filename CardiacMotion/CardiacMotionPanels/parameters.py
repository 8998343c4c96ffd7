"""The parameter node: every choice of the user, saved with the scene."""

import json
from typing import Annotated, Any

import slicer
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper

AUTOMATIC = -1  # of the two frame numbers


@parameterNodeWrapper
class CardiacMotionParameterNode:
    """What is selected in the panel.

    ``options`` and ``mapOptions`` are JSON, {method: {option: value}}, with the values that differ from the defaults:
    methods come and go, scenes stay. ``segments`` is JSON, see `readSegments`. ``result`` and ``mapResult`` are the
    runs that are shown; empty: the newest. ``mapTimes`` is JSON too, {name of times: [text an image]} of those typed;
    ``mapModel`` empty: what the series says.
    """

    cine: slicer.vtkMRMLSequenceNode
    segmentation: slicer.vtkMRMLSegmentationNode
    segments: str = "{}"
    referenceFrame: Annotated[int, WithinRange(AUTOMATIC, 9999)] = AUTOMATIC
    endSystole: Annotated[int, WithinRange(AUTOMATIC, 9999)] = AUTOMATIC
    method: str = "auto"
    options: str = "{}"
    device: str = "auto"
    computeStrain: bool = True
    result: str = ""
    mapResult: str = ""
    overlay: str = ""
    overlayOpacity: Annotated[float, WithinRange(0.0, 1.0)] = 0.6
    strainMeasure: str = "green"
    curveComponent: str = "all"
    curveQuantity: str = "strain"
    curveRegions: str = "global"
    bullseyeComponent: str = "circumferential"
    bullseyeValue: str = "end_systolic"
    showSegments: bool = False
    showInsertions: bool = True
    strainLayers: Annotated[int, WithinRange(1, 9)] = 3
    driftCorrection: bool = False
    mapSeries: slicer.vtkMRMLSequenceNode
    mapSegmentation: slicer.vtkMRMLSegmentationNode
    mapModel: str = ""
    mapTimes: str = "{}"
    mapT1Blood: Annotated[float, WithinRange(100.0, 5000.0)] = 1550.0
    mapPartition: Annotated[float, WithinRange(0.05, 2.0)] = 1.0
    mapParameters: int = 3
    mapPolarity: str = "auto"
    mapRobust: bool = False
    mapMethod: str = "auto"
    mapOptions: str = "{}"
    mapCompare: bool = True
    mapShown: str = ""
    mapOpacity: Annotated[float, WithinRange(0.0, 1.0)] = 1.0
    hematocrit: Annotated[float, WithinRange(0.05, 0.8)] = 0.42


def readOptions(parameterNode: Any, method: str, field: str = "options") -> dict[str, Any]:
    """The stored option values of a method; none when the scene holds something that is not ours."""
    try:
        stored = json.loads(getattr(parameterNode, field))
    except json.JSONDecodeError:
        return {}
    values = stored.get(method, {}) if isinstance(stored, dict) else {}
    return values if isinstance(values, dict) else {}


def writeOptions(parameterNode: Any, method: str, values: dict[str, Any], field: str = "options") -> None:
    """Store the option values of a method beside those of the others."""
    try:
        stored = json.loads(getattr(parameterNode, field))
    except json.JSONDecodeError:
        stored = {}
    stored = stored if isinstance(stored, dict) else {}
    stored[method] = values
    text = json.dumps({name: kept for name, kept in sorted(stored.items()) if kept}, sort_keys=True)
    if text != getattr(parameterNode, field):
        setattr(parameterNode, field, text)


def readSegments(parameterNode: Any) -> dict[str, str | None]:
    """{structure: segment ID, or None for no segment} chosen by hand for the selected segmentation.

    A structure that is not in it is found by name. What was chosen for another segmentation does not count.
    """
    segmentation = parameterNode.segmentation
    try:
        stored = json.loads(parameterNode.segments)
    except json.JSONDecodeError:
        return {}
    if segmentation is None or not isinstance(stored, dict) or stored.get("of") != segmentation.GetID():
        return {}
    chosen = stored.get("chosen")
    return chosen if isinstance(chosen, dict) else {}


def writeSegments(parameterNode: Any, chosen: dict[str, str | None]) -> None:
    """Store what was chosen by hand for the selected segmentation."""
    stored = {"of": parameterNode.segmentation.GetID(), "chosen": chosen} if chosen else {}
    text = json.dumps(stored, sort_keys=True)
    if text != parameterNode.segments:
        parameterNode.segments = text
