"""Rulers: the distance of two points of the tissue over the cycle, and the strain of the segment between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .measured import Measured
from .result_record import Results

if TYPE_CHECKING:
    from ..strain import Strain

STRAIN, LENGTH = "strain", "length"


class Ruler(Measured):
    """Two points of the tissue: their distance L in mm and the engineering strain L / L0 - 1 in percent.

    L0 is the distance in the reference. The line that is drawn is straight in every frame, as L is.
    """

    kind, node_class, size = "ruler", "vtkMRMLMarkupsLineNode", 2

    @property
    def titles(self) -> dict[str, str]:
        """{curve: header}."""
        return {STRAIN: f"Ruler {self.number} engineering strain (%)", LENGTH: f"Ruler {self.number} length (mm)"}

    def measure(self, points: np.ndarray) -> tuple[dict[str, np.ndarray], str]:
        """Strain and length between two points (2, 3)."""
        first, second = np.moveaxis(self.tissue.track(points), 1, 0)
        length = np.linalg.norm(second - first, axis=-1)
        start = float(np.linalg.norm(points[1] - points[0]))
        if start == 0:
            return {}, f"Both ends of {self.name} are at the same place; give it two."
        outside = self.tissue.components and not all(self.tissue.in_wall(point) for point in points)
        problem = f"{self.name} does not end in the wall: it measures what the motion says there." if outside else ""
        return {STRAIN: 100 * (length / start - 1), LENGTH: length}, problem

    @staticmethod
    def style(node: Any, color: tuple[float, float, float]) -> None:
        """A line with its name and length."""
        Measured.style(node, color)
        display = node.GetDisplayNode()
        display.SetGlyphScale(1.5)
        display.SetLineThickness(0.3)
        display.SetLineColorFadingStart(20.0)  # mm from the slice: as far as the heart moves it keeps its color
        display.SetLineColorFadingEnd(40.0)
        display.SetPropertiesLabelVisibility(True)
        display.SetPointLabelsVisibility(False)


def add_ruler(results: Results, positions: np.ndarray, strain: Strain | None = None) -> Ruler:
    """A ruler between positions (2, 3) in RAS mm in the frame that is shown; ``strain`` knows where the wall is.

    Raises
    ------
    CardiacMotionError
        when a position is outside the images or both are the same, or the run has as many probes and rulers as can be
        told apart.
    """
    return Ruler.add(results, positions, strain)


def find_rulers(results: Results, strain: Strain | None = None) -> list[Ruler]:
    """The rulers of a run, for example after its scene was loaded."""
    return Ruler.find(results, strain)
