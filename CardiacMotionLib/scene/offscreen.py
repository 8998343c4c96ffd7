"""Offscreen windows with MRML's displayable managers, outside the application."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import CardiacMotionError
from .headless import SceneHost, headless_scene, import_slicer
from .run_nodes import remove_nodes

_DARK = (0.16, 0.17, 0.20)


def offscreen_host() -> SceneHost:
    """The scene to draw; raises `CardiacMotionError` inside the application."""
    host = headless_scene()
    if host.in_application:
        raise CardiacMotionError(
            "offscreen pictures are for use outside Slicer; inside, capture the views with Screen Capture"
        )
    return host


class View:
    """An offscreen window with MRML's displayable managers for one view node."""

    def __init__(
        self, logic: Any, node: Any, factory: Any, size: tuple[int, int], background: tuple[float, float, float]
    ):
        import vtk

        self.logic, self.node = logic, node
        self.window = vtk.vtkRenderWindow()
        self.window.SetOffScreenRendering(1)
        self.window.SetMultiSamples(4)
        self.window.SetSize(*size)
        self.renderer = vtk.vtkRenderer()
        self.renderer.SetBackground(*background)
        self.window.AddRenderer(self.renderer)
        self.interactor = vtk.vtkGenericRenderWindowInteractor()
        self.interactor.SetRenderWindow(self.window)
        self.managers = factory.InstantiateDisplayableManagers(self.renderer)
        self.managers.SetMRMLDisplayableNode(node)
        self.mapper: Any = None  # draws the image of a slice view

    def close(self) -> None:
        """Let go of the scene and the window."""
        self.managers.SetMRMLDisplayableNode(None)
        self.window.Finalize()


@contextmanager
def slice_view(host: SceneHost, size: tuple[int, int]) -> Iterator[View]:
    """A slice view of (width, height) pixels; its nodes go with it."""
    import vtk

    slicer = import_slicer()
    before = node_ids(host.scene)
    logic = slicer.vtkMRMLSliceLogic()
    logic.SetMRMLApplicationLogic(host.application_logic)
    logic.SetMRMLScene(host.scene)
    node = logic.AddSliceNode("CardiacMotionPicture")
    host.application_logic.GetSliceLogics().AddItem(logic)
    factory = slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance()
    view = View(logic, node, factory, size, (0.0, 0.0, 0.0))
    node.SetDimensions(*size, 1)
    logic.ResizeSliceNode(*size)
    mapper = vtk.vtkImageMapper()
    mapper.SetColorWindow(255)
    mapper.SetColorLevel(127.5)
    image = vtk.vtkActor2D()
    image.SetMapper(mapper)
    image.GetProperty().SetDisplayLocationToBackground()
    view.renderer.AddViewProp(image)
    view.mapper = mapper
    try:
        yield view
    finally:
        view.close()
        host.application_logic.GetSliceLogics().RemoveItem(logic)
        remove_new(host.scene, before)


@contextmanager
def view_3d(host: SceneHost, size: tuple[int, int]) -> Iterator[View]:
    """A 3D view of (width, height) pixels; its nodes go with it."""
    slicer = import_slicer()
    before = node_ids(host.scene)
    logic = slicer.vtkMRMLViewLogic()
    logic.SetMRMLApplicationLogic(host.application_logic)
    logic.SetMRMLScene(host.scene)
    node = logic.AddViewNode("CardiacMotionPicture")
    node.SetBoxVisible(False)
    node.SetAxisLabelsVisible(False)
    node.SetOrientationMarkerType(node.OrientationMarkerTypeAxes)
    node.SetBackgroundColor(*_DARK)
    node.SetBackgroundColor2(*_DARK)
    host.application_logic.GetViewLogics().AddItem(logic)
    factory = slicer.vtkMRMLThreeDViewDisplayableManagerFactory.GetInstance()
    view = View(logic, node, factory, size, _DARK)
    try:
        yield view
    finally:
        view.close()
        host.application_logic.GetViewLogics().RemoveItem(logic)
        remove_new(host.scene, before)


def node_ids(scene: Any) -> set[str]:
    """IDs of all nodes."""
    return {scene.GetNthNode(number).GetID() for number in range(scene.GetNumberOfNodes())}


def remove_new(scene: Any, before: set[str]) -> None:
    """Remove the nodes that were not there before."""
    remove_nodes([scene.GetNodeByID(identity) for identity in node_ids(scene) - before])


def write_png(window: Any, path: str | Path) -> Path:
    """Render a window into a PNG file; raises `CardiacMotionError` where it cannot be written."""
    import vtk

    path = Path(path)
    if not path.parent.is_dir():
        raise CardiacMotionError(f"folder {path.parent} does not exist; make it first or choose another place")
    window.Render()
    grab = vtk.vtkWindowToImageFilter()
    grab.SetInput(window)
    grab.ReadFrontBufferOff()
    grab.Update()
    writer = vtk.vtkPNGWriter()
    writer.SetFileName(str(path))
    writer.SetInputConnection(grab.GetOutputPort())
    writer.Write()
    if writer.GetErrorCode() or not path.is_file():
        raise CardiacMotionError(f"cannot write the picture {path}; choose a folder that you may write to")
    return path
