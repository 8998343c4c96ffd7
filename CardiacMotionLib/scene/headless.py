"""A complete MRML scene outside the Slicer application, and the one place that knows where logics come from.

The ``slicer-core`` wheel has the real MRML libraries but no application object: somebody has to make the scene, the
application logic and the logics of the modules, and hand them to each other. Inside the application all of that exists
and `headless_scene` only points at it.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ..errors import CardiacMotionError

_LOGIC_CLASSES = {
    "Sequences": "vtkSlicerSequencesLogic",
    "Colors": "vtkSlicerColorLogic",
    "Transforms": "vtkSlicerTransformLogic",
    "Volumes": "vtkSlicerVolumesLogic",
    "Terminologies": "vtkSlicerTerminologiesModuleLogic",
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
    "Models": "vtkSlicerModelsLogic",
    "Markups": "vtkSlicerMarkupsLogic",
    "Tables": "vtkSlicerTablesLogic",
    "Plots": "vtkSlicerPlotsLogic",
    "Data": "vtkSlicerDataModuleLogic",
}
_SLICE_MANAGERS = (
    "vtkMRMLModelSliceDisplayableManager",
    "vtkMRMLCrosshairDisplayableManager",
    "vtkMRMLMarkupsDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager2D",
    "vtkMRMLTransformsDisplayableManager2D",
    "vtkMRMLColorLegendDisplayableManager",
    "vtkMRMLOrientationMarkerDisplayableManager",
    "vtkMRMLRulerDisplayableManager",
)
_VIEW_MANAGERS = (
    "vtkMRMLCameraDisplayableManager",
    "vtkMRMLViewDisplayableManager",
    "vtkMRMLModelDisplayableManager",
    "vtkMRMLMarkupsDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager3D",
    "vtkMRMLTransformsDisplayableManager3D",
    "vtkMRMLColorLegendDisplayableManager",
    "vtkMRMLOrientationMarkerDisplayableManager",
)


@dataclass(eq=False)
class SceneHost:
    """A scene with what makes it work.

    Attributes
    ----------
    scene
        The ``vtkMRMLScene``.
    application_logic
        The ``vtkMRMLApplicationLogic`` that views and logics share.
    in_application
        Whether this is the scene of a running Slicer (then nothing was made, and nothing is owned).
    """

    scene: Any
    application_logic: Any
    in_application: bool
    _owned: dict[str, Any] = field(default_factory=dict, repr=False)


_host: SceneHost | None = None  # one process has one slicer.mrmlScene; this is what keeps ours alive


def import_slicer() -> Any:
    """The ``slicer`` package with ``slicer.util``, of the application or of the slicer-core wheel."""
    application = hasattr(sys.modules.get("slicer"), "app")  # it chooses its own windows
    if sys.platform == "linux" and not application and not os.environ.get("DISPLAY"):
        os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")  # do not look for an X server first
    try:
        import slicer
        import slicer.util
    except ImportError as error:
        raise CardiacMotionError(
            "scene functions need 3D Slicer or the slicer-core package, neither was found; "
            "run inside Slicer or pip install slicer-core"
        ) from error
    return slicer


def in_application() -> bool:
    """Whether this process is the Slicer application."""
    return hasattr(getattr(import_slicer(), "app", None), "applicationLogic")


def headless_scene(*, fresh: bool = False) -> SceneHost:
    """The scene of this process, made on first use outside the application.

    Outside Slicer the scene becomes ``slicer.mrmlScene`` and ``slicer.modules.<name>.logic()`` works for the modules
    used here. ``fresh`` starts over with an empty scene; in the application it is ignored, and the user's scene is
    never cleared.
    """
    global _host
    slicer = import_slicer()
    if in_application():
        return SceneHost(slicer.mrmlScene, slicer.app.applicationLogic(), in_application=True)
    if _host is None or fresh:
        with _quiet_start():
            _host = _make_host(slicer)
    return _host


def module_logic(name: str) -> Any:
    """Logic of a Slicer module by its name, for example ``Sequences``."""
    if in_application():
        return import_slicer().util.getModuleLogic(name)
    return headless_scene()._owned[name]


def _make_host(slicer: Any) -> SceneHost:
    scene = slicer.vtkMRMLScene()
    slicer.mrmlScene = scene
    application = slicer.vtkSlicerApplicationLogic()
    folder = tempfile.TemporaryDirectory(prefix="cardiac-motion-scene-")
    application.SetTemporaryPath(folder.name)
    application.SetHomeDirectory(folder.name)
    application.SetMRMLScene(scene)
    application.GetColorLogic().SetMRMLScene(scene)
    application.GetColorLogic().AddDefaultColorNodes()
    host = SceneHost(scene, application, in_application=False, _owned={"folder": folder})
    for name, class_name in _LOGIC_CLASSES.items():
        logic = getattr(slicer, class_name)()
        logic.SetMRMLApplicationLogic(application)
        if name == "Terminologies":
            logic.SetModuleShareDirectory(folder.name)
        logic.SetMRMLScene(scene)
        application.SetModuleLogic(name, logic)
        host._owned[name] = logic
    host._owned["remote_io"] = _read_and_write_bundles(slicer, scene, Path(folder.name))
    slicer.modules = SimpleNamespace(
        **{
            name.lower(): SimpleNamespace(name=name, logic=lambda logic=host._owned[name]: logic)
            for name in _LOGIC_CLASSES
        }
    )
    _register_displayable_managers(slicer, application)
    _add_default_nodes(slicer, scene)
    return host


def _read_and_write_bundles(slicer: Any, scene: Any, folder: Path) -> Any:
    """Without a remote-IO logic a scene cannot read .mrb files."""
    logic = slicer.vtkMRMLRemoteIOLogic()
    logic.SetMRMLScene(scene)
    logic.GetCacheManager().SetRemoteCacheDirectory(str(folder))
    logic.AddDataIOToScene()
    return logic


def _register_displayable_managers(slicer: Any, application: Any) -> None:
    import vtk

    application.SetSliceLogics(vtk.vtkCollection())
    application.SetViewLogics(vtk.vtkCollection())
    for factory, names in (
        (slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance(), _SLICE_MANAGERS),
        (slicer.vtkMRMLThreeDViewDisplayableManagerFactory.GetInstance(), _VIEW_MANAGERS),
    ):
        factory.SetMRMLApplicationLogic(application)
        for name in names:
            if not factory.IsDisplayableManagerRegistered(name):
                factory.RegisterDisplayableManager(name)


def _add_default_nodes(slicer: Any, scene: Any) -> None:
    """Nodes that the application makes at start and that views and the subject hierarchy expect."""
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene, True)
    for class_name, tag in (
        ("vtkMRMLCrosshairNode", "default"),
        ("vtkMRMLSelectionNode", "Singleton"),
        ("vtkMRMLInteractionNode", "Singleton"),
    ):
        node = getattr(slicer, class_name)()
        node.SetSingletonTag(tag)
        if class_name == "vtkMRMLCrosshairNode":
            node.SetCrosshairName("default")
        scene.AddNode(node)
    slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)


@contextmanager
def _quiet_start() -> Iterator[None]:
    """Silence at start: the logics complain about color and terminology files that only the application has."""
    import vtk

    before = vtk.vtkLogger.GetCurrentVerbosityCutoff()
    vtk.vtkLogger.SetStderrVerbosity(vtk.vtkLogger.VERBOSITY_OFF)
    try:
        yield
    finally:
        vtk.vtkLogger.SetStderrVerbosity(before)
