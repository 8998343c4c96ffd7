"""What can be tracked, and how it becomes a sequence: 4D volumes of every kind, files and folders. Originals stay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..errors import CardiacMotionError
from ..io.acquisition import MILLISECONDS, acquisition_from_index
from ..io.files import stem_of, suffix_of
from ..io.labels import VOLUME_SUFFIXES, attach_labels, is_label_file
from ..io.read import read_series
from ..series import ImageSeries
from .headless import import_slicer
from .segmentations import add_label_sequence, add_labels
from .sequences import SequenceIndex, add_series, find_browser, find_sequence, index_for, index_of, new_browser
from .slice_plane import ijk_to_ras

SEQUENCE, COMPONENTS, FILE = "sequence", "components", "file"
_MULTI_VOLUME = "MultiVolume."  # of the attributes that the module MultiVolumeImporter writes


def cine_kind(node: Any) -> str | None:
    """How a node holds a cine, found without reading any image.

    ``SEQUENCE`` for a sequence node, its browser or the volume that shows it; ``COMPONENTS`` for a volume with a frame
    in each component (vector volumes, MultiVolume); ``FILE`` for a single volume whose file may hold more frames; None
    for everything else.
    """
    if node is None:
        return None
    if node.IsA("vtkMRMLSequenceNode") or node.IsA("vtkMRMLSequenceBrowserNode"):
        return SEQUENCE
    if not node.IsA("vtkMRMLScalarVolumeNode") or node.IsA("vtkMRMLLabelMapVolumeNode"):
        return None
    if find_sequence(node) is not None:
        return SEQUENCE
    if frames_in_components(node) > 1:
        return COMPONENTS
    return FILE if _file_of(node) is not None else None


def frames_in_components(volume_node: Any) -> int:
    """Number of frames that a volume holds as components of its voxels; 0 for a color picture or without an image."""
    image = volume_node.GetImageData()
    if image is None:
        return 0
    components = image.GetNumberOfScalarComponents()
    is_color = image.GetScalarTypeAsString() == "unsigned char" and components in (3, 4)
    return 0 if is_color else components


def sequence_of(node: Any) -> Any | None:
    """The sequence that a node is, plays or shows; None where there is none."""
    if node is None or node.IsA("vtkMRMLSequenceNode"):
        return node
    if node.IsA("vtkMRMLSequenceBrowserNode"):
        return node.GetMasterSequenceNode()
    found = find_sequence(node)
    return found and found[0]


def to_sequence(node: Any) -> Any:
    """The sequence node of a cine, made where there is none yet and played by a browser.

    Parameters
    ----------
    node
        A sequence node, its browser, the volume that shows it: the sequence itself. A volume with a frame in each
        component, or whose file holds several frames: a new sequence of its frames, at the volume's place (under its
        transform). Times are taken from the attributes of a MultiVolume or from the file, where they are known.

    Raises
    ------
    CardiacMotionError
        for a node that holds no frames over time; the message says what was found and what would be right.
    """
    kind = cine_kind(node)
    if kind == SEQUENCE:
        sequence = sequence_of(node)
        if sequence is not None and find_browser(sequence) is None:
            new_browser(sequence, f"{sequence.GetName()} browser")
        if sequence is None:
            raise CardiacMotionError(
                f"sequence browser {node.GetName()!r} plays no sequence; choose the browser of a cine"
            )
        return sequence
    if kind == COMPONENTS:
        series, index = _series_of_components(node)
    elif kind == FILE:
        series = _series_of_file(node)
        index = index_for(series)
    else:
        raise CardiacMotionError(_refusal(node))
    sequence, browser = add_series(series, f"{node.GetName()} cine", index)
    browser.GetProxyNode(sequence).SetAndObserveTransformNodeID(node.GetTransformNodeID())
    return sequence


def open_cine(path: str | Path) -> tuple[Any, Any | None]:
    """Read a file or folder with the project's own readers and add it: (sequence, segmentation node or None).

    Labels in the subject's folder, or beside the file under its name with ``_seg``, ``_gt``, ``_label`` or ``_mask``,
    become the segmentation. Raises `CardiacMotionError` for what cannot be read as one series.
    """
    path = Path(path)
    series = read_series(path)
    files = [] if series.labels else labels_beside(path)
    if files:
        series = attach_labels(series, files)
    return add_study(series, str(series.meta.get("name") or stem_of(path)))


def labels_beside(path: Path) -> list[Path]:
    """Label files that lie in a folder, or beside a file and begin with its name."""
    folder, begin = (path, "") if path.is_dir() else (path.parent, stem_of(path))
    return [
        file
        for file in sorted(folder.iterdir())
        if file != path
        and file.is_file()
        and suffix_of(file) in VOLUME_SUFFIXES
        and stem_of(file).startswith(begin)
        and is_label_file(file)
    ]


def add_study(series: ImageSeries, name: str) -> tuple[Any, Any | None]:
    """Add a series with its labels: (sequence, segmentation node or None).

    Labels of every frame become a sequence of segmentations that the cine's browser plays; of some frames, the
    segmentation is that of end-diastole where this is known, else of the first.
    """
    sequence, browser = add_series(series, name)
    if not series.labels:
        return sequence, None
    title = f"{name} segmentation"
    if len(series.labels) == len(series) > 1:
        labels = np.stack([series.labels[frame] for frame in range(len(series))])
        segmentations = add_label_sequence(labels, series.affine, index_of(sequence), browser, title)
        return sequence, browser.GetProxyNode(segmentations)
    end_diastole = series.meta.get("end_diastole")
    return sequence, add_labels(series, title, frame=end_diastole if end_diastole in series.labels else None)


def _series_of_components(volume_node: Any) -> tuple[ImageSeries, SequenceIndex]:
    """(frames, index): a frame a component, counted by what the attributes of a MultiVolume say."""
    frames = np.moveaxis(import_slicer().util.arrayFromVolume(volume_node), -1, 0)
    series = ImageSeries(frames, ijk_to_ras(volume_node), meta={"name": volume_node.GetName()})
    return series, _multi_volume_index(volume_node, len(series)) or index_for(series)


def _multi_volume_index(volume_node: Any, frames: int) -> SequenceIndex | None:
    """What MultiVolumeImporter noted of the frames: trigger times, inversion times; None where it is no time."""
    labels = (volume_node.GetAttribute(f"{_MULTI_VOLUME}FrameLabels") or "").split(",")
    name = volume_node.GetAttribute(f"{_MULTI_VOLUME}FrameIdentifyingDICOMTagName") or "time"
    unit = volume_node.GetAttribute(f"{_MULTI_VOLUME}FrameIdentifyingDICOMTagUnits") or ""
    values = tuple(label.strip() for label in labels)
    try:
        numbers = np.array([float(value) for value in values])
    except ValueError:
        return None
    known = acquisition_from_index(name, unit, values)
    increasing = unit.lower() in MILLISECONDS and bool((np.diff(numbers) > 0).all())
    return SequenceIndex(name, unit, values) if len(values) == frames and (known or increasing) else None


def _file_of(volume_node: Any) -> Path | None:
    """The file that a volume was loaded from, the first of several; None where there is none (any more)."""
    storage = volume_node.GetStorageNode()
    name = storage.GetFullNameFromFileName() if storage is not None else None
    return Path(name) if name and Path(name).is_file() else None


def _series_of_file(volume_node: Any) -> ImageSeries:
    file = _file_of(volume_node)
    assert file is not None  # cine_kind saw it
    series = read_series(file)
    if len(series) < 2:
        raise CardiacMotionError(
            f"{volume_node.GetName()!r} is one image, and its file {file.name} holds no more; "
            "load the cine as a volume sequence, or open its file or folder with Open cine"
        )
    return series


def _refusal(node: Any) -> str:
    if node is None:
        return "no cine was chosen; choose a volume sequence or a 4D volume"
    if node.IsA("vtkMRMLScalarVolumeNode"):
        return (
            f"{node.GetName()!r} is a single image; motion needs frames over the heartbeat: load the cine as a volume "
            "sequence, or open its file or folder with Open cine"
        )
    return f"{node.GetName()!r} ({node.GetNodeTagName()}) is no image; choose a volume sequence or a 4D volume"
