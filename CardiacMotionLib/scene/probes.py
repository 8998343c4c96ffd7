"""Probes: points that follow the tissue, with their trajectory and their own strain curves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .colors import SHORT_NAMES
from .headless import headless_scene
from .measured import Measured
from .result_record import Results
from .tissue import STRAINS

if TYPE_CHECKING:
    from ..strain import Strain

DISPLACEMENT = "displacement"


class Probe(Measured):
    """A point of the tissue, its path over the cycle, and the curves of strain and displacement there.

    Strain is that of the wall at the point in percent, in the measure of the run; displacement is the distance in mm
    from where the point is in the reference. ``trajectory`` is a model of its path, closed where the motion is
    periodic.
    """

    kind, node_class, size = "probe", "vtkMRMLMarkupsFiducialNode", 1

    @property
    def titles(self) -> dict[str, str]:
        """{curve: header}: the strain components of the run, and displacement."""
        who = f"Probe {self.number}"
        components = [component for component in STRAINS if component in self.results.overlays]
        strains = {component: f"{who} {SHORT_NAMES[component]} (%)" for component in components}
        return {**strains, DISPLACEMENT: f"{who} displacement (mm)"}

    def measure(self, points: np.ndarray) -> tuple[dict[str, np.ndarray], str]:
        """Strain and displacement at a point (1, 3)."""
        path = self.tissue.track(points)[:, 0]
        curves = {**self.tissue.strain_at(points[0]), DISPLACEMENT: np.linalg.norm(path - points[0], axis=-1)}
        if not self.tissue.components:
            return curves, f"{self.results.name} has no strain: {self.name} shows displacement only."
        if not self.tissue.in_wall(points[0]):
            return curves, f"{self.name} is outside the wall: it has a trajectory and displacement, but no strain."
        return curves, ""

    def make_parts(self) -> None:
        """The trajectory, and what everything measured has."""
        self.trajectory = self.part("trajectory") or self.keep("trajectory", self._new_trajectory())
        super().make_parts()

    def update(self) -> None:
        """Curves and trajectory of where the markup is now."""
        super().update()
        points = self.points()
        if points is None or np.isnan(self.values[DISPLACEMENT]).all():
            path = np.zeros((0, 3))
        else:
            path = self.tissue.track(points)[:, 0]
        self.trajectory.SetAndObserveMesh(_polyline(path, closed=self.tissue.periodic))

    @property
    def _parts(self) -> dict[str, Any]:
        return {**super()._parts, "trajectory": self.trajectory}

    def _show(self) -> None:
        super()._show()
        display = self.trajectory.GetDisplayNode()
        display.SetColor(*self.color)
        display.SetVisibility(self.visible)

    def _new_trajectory(self) -> Any:
        model = headless_scene().scene.AddNewNodeByClass(
            "vtkMRMLModelNode", f"{self.results.name} probe {self.number} trajectory"
        )
        model.SetSelectable(False)  # a click goes to the tissue behind it
        model.CreateDefaultDisplayNodes()
        display = model.GetDisplayNode()
        display.SetVisibility2D(True)
        display.SetSliceDisplayModeToProjection()
        display.SetSliceIntersectionThickness(2)
        display.SetLineWidth(3)
        display.LightingOff()
        return model

    @staticmethod
    def style(node: Any, color: tuple[float, float, float]) -> None:
        """A small ball with the name beside it."""
        Measured.style(node, color)
        node.SetControlPointLabelFormat(node.GetName())
        display = node.GetDisplayNode()
        display.SetGlyphType(display.Sphere3D)
        display.SetGlyphScale(2.0)
        display.SetPointLabelsVisibility(True)
        display.SetPropertiesLabelVisibility(False)


def add_probe(results: Results, position: np.ndarray, strain: Strain | None = None) -> Probe:
    """A probe at a position (3,) in RAS mm in the frame that is shown.

    Raises
    ------
    CardiacMotionError
        when the position is outside the images, or the run has as many probes and rulers as can be told apart.
    """
    return Probe.add(results, position, strain)


def find_probes(results: Results, strain: Strain | None = None) -> list[Probe]:
    """The probes of a run, for example after its scene was loaded; what is missing beside a markup is made again."""
    return Probe.find(results, strain)


def _polyline(points: np.ndarray, *, closed: bool) -> Any:
    """``vtkPolyData`` of one line through points (T, 3)."""
    import vtk
    from vtk.util.numpy_support import numpy_to_vtk

    places = vtk.vtkPoints()
    places.SetData(numpy_to_vtk(np.ascontiguousarray(points, dtype=np.float32), deep=True))
    lines = vtk.vtkCellArray()
    if len(points):
        order = [*range(len(points)), *([0] if closed else [])]
        lines.InsertNextCell(len(order), order)
    line = vtk.vtkPolyData()
    line.SetPoints(places)
    line.SetLines(lines)
    return line
