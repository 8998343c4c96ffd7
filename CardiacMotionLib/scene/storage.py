"""Saving and loading scenes and nodes, with every return value looked at."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from ..errors import CardiacMotionError
from .headless import headless_scene, import_slicer, in_application, module_logic

_SEQUENCE_STORAGES = (
    "vtkMRMLTransformSequenceStorageNode",
    "vtkMRMLVolumeSequenceStorageNode",
    "vtkMRMLSequenceStorageNode",
)


def save_scene(path: str | Path) -> Path:
    """Write the whole scene with its data to a ``.mrb`` file that Slicer opens.

    Outside the application the file appears complete or not at all.

    Raises
    ------
    CardiacMotionError
        for another ending, or a place that cannot be written.
    """
    path = Path(path)
    if path.suffix != ".mrb":
        raise CardiacMotionError(f"cannot save a scene as {path.name!r}; use a name ending in .mrb")
    _check_writable(path)
    scene = headless_scene().scene
    if in_application():  # which does its own bookkeeping of where the scene is
        if not import_slicer().util.saveScene(str(path)):
            raise CardiacMotionError(f"the scene could not be written to {path}; check that the disk has room")
        return path
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".saving-") as folder:
        bundle = Path(folder) / path.name
        root = scene.GetRootDirectory()
        scene.SetRootDirectory(folder)
        written = scene.WriteToMRB(str(bundle))
        scene.SetRootDirectory(root)
        if not written or not bundle.is_file():
            raise CardiacMotionError(f"the scene could not be written to {path}; check that the disk has room")
        bundle.replace(path)
    return path


def load_scene(path: str | Path) -> Any:
    """Replace the scene by the one in a ``.mrb`` file; returns the scene."""
    path = Path(path)
    if not path.is_file():
        raise CardiacMotionError(f"no such file: {path}; expected a scene saved as .mrb")
    if path.suffix != ".mrb":
        raise CardiacMotionError(f"{path.name!r} is not a scene bundle; expected a name ending in .mrb")
    scene = headless_scene().scene
    if in_application():
        read = import_slicer().util.loadScene(str(path.resolve()))
    else:
        read = scene.ReadFromMRB(str(path.resolve()), True)  # relative paths are not found
        module_logic("Sequences").UpdateAllProxyNodes()
    if not read:
        raise CardiacMotionError(f"{path} cannot be read as a scene; is it a complete .mrb file?")
    return scene


def save_node(node: Any, path: str | Path) -> Path:
    """Write one node in the format its file name asks for: an image or transform sequence as ``.seq.nrrd``, ...

    Raises
    ------
    CardiacMotionError
        when the node cannot be written in that format or to that place. Label and model sequences need ``.seq.mrb``.
    """
    path = Path(path)
    _check_writable(path)
    scene = headless_scene().scene
    class_name = node.GetDefaultStorageNodeClassName(str(path))
    storage = scene.CreateNodeByClass(class_name) if class_name else None
    if storage is None:
        raise CardiacMotionError(f"{node.GetName()!r} ({node.GetNodeTagName()}) cannot be saved to a file")
    storage.UnRegister(None)
    storage.SetFileName(str(path))
    storage.SetScene(scene)
    supported = path.name.endswith(tuple(_endings(storage)))
    if not supported or not storage.WriteData(node) or not path.is_file():
        raise CardiacMotionError(
            f"{node.GetName()!r} ({node.GetNodeTagName()}) cannot be written as {path.name!r}; "
            f"use a name ending in {', '.join(_endings(storage))}"
        )
    return path


def load_sequence(path: str | Path) -> Any:
    """Sequence node from a ``.seq.nrrd`` (volumes or transforms) or ``.seq.mrb`` file, added to the scene."""
    path = Path(path)
    if not path.is_file():
        raise CardiacMotionError(f"no such file: {path}; expected a sequence saved as .seq.nrrd or .seq.mrb")
    scene = headless_scene().scene
    storages = [scene.CreateNodeByClass(class_name) for class_name in _SEQUENCE_STORAGES]
    for storage in storages:
        storage.UnRegister(None)
    # A volume reader would take a transform sequence for a volume with three components: the files say which they are.
    storage = max(storages, key=lambda one: one.SupportedFileType(str(path)))
    storage.SetFileName(str(path))
    storage.SetScene(scene)
    node = scene.AddNewNodeByClass("vtkMRMLSequenceNode", path.name.split(".")[0])
    if storage.ReadData(node) and node.GetNumberOfDataNodes():
        return node
    scene.RemoveNode(node)
    raise CardiacMotionError(
        f"{path} cannot be read as a sequence; expected what Slicer saves as .seq.nrrd or .seq.mrb"
    )


def _endings(storage: Any) -> list[str]:
    types = storage.GetSupportedWriteFileTypes()
    texts = [types.GetValue(number) for number in range(types.GetNumberOfValues())]
    return [text[text.rfind("(") + 1 : text.rfind(")")] for text in texts]


def _check_writable(path: Path) -> None:
    if not path.parent.is_dir():
        raise CardiacMotionError(f"folder {path.parent} does not exist; make it first or choose another place")
    target = path if path.exists() else path.parent
    if not os.access(target, os.W_OK):
        raise CardiacMotionError(f"no permission to write {path}; choose another folder")
