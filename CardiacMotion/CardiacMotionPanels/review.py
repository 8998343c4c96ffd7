"""Review: the runs of the scene and their overlays over the cine."""

from __future__ import annotations

from typing import Any

from slicer.i18n import tr as _

from .session import Session


class ReviewPanel:
    """The third section."""

    def __init__(self, session: Session):
        self.session = session
        self.widget, self.ui = session.load("Review")
        self.parameterNode: Any = None
        self._runs: list[tuple[str, str]] = []  # (run, name) as listed
        self._components: list[str] = []
        self._shown: tuple[Any, ...] = ()  # run, overlay and opacity in the views
        self._showing = False
        self.ui.resultComboBox.connect("currentIndexChanged(int)", self.onResultSelected)
        self.ui.overlayComboBox.connect("currentIndexChanged(int)", self.onOverlaySelected)
        self.ui.removeButton.connect("clicked(bool)", self.onRemove)

    def setParameterNode(self, parameterNode: Any) -> None:
        """Show another parameter node, or none while a scene closes."""
        self.parameterNode = parameterNode
        self._shown = ()

    def cleanup(self) -> None:
        """Nothing to let go of."""

    def refresh(self) -> None:
        """List runs and overlays, and draw the chosen one."""
        current = self.session.current
        self._showing = True
        self._fill(current)
        self._showing = False
        self.ui.resultComboBox.enabled = self.ui.removeButton.enabled = current is not None
        self.ui.overlayComboBox.enabled = self.ui.opacitySlider.enabled = bool(self._components)
        self._draw(current)

    def _fill(self, current: Any) -> None:
        from CardiacMotionLib.scene.colors import TITLE

        runs = [(run, results.name) for run, results in self.session.runs.items()]
        if runs != self._runs:
            self._runs = runs
            self.ui.resultComboBox.clear()
            for _run, name in runs:
                self.ui.resultComboBox.addItem(name)
        self.ui.resultComboBox.setCurrentIndex(
            next((n for n, (run, _name) in enumerate(runs) if current is not None and run == current.run), -1)
        )
        components = list(current.overlays) if current else []
        if components != self._components or self.ui.overlayComboBox.count == 0:
            self._components = components
            self.ui.overlayComboBox.clear()
            self.ui.overlayComboBox.addItem(_("none"))
            for component in components:
                self.ui.overlayComboBox.addItem(TITLE[component])
        chosen = self.parameterNode.overlay if self.parameterNode else ""
        self.ui.overlayComboBox.setCurrentIndex(components.index(chosen) + 1 if chosen in components else 0)

    def _draw(self, current: Any) -> None:
        """Put the chosen overlay into the views where that changed."""
        if self.parameterNode is None:
            return
        overlay, opacity = self.parameterNode.overlay, self.parameterNode.overlayOpacity
        wanted = (current.run, overlay, opacity) if current is not None and overlay in current.overlays else ()
        if wanted == self._shown:
            return
        from CardiacMotionLib.scene.overlays import hide_overlay, show_overlay

        self._shown = wanted
        if wanted:
            show_overlay(current.overlays[overlay], opacity=opacity)
        else:
            hide_overlay()

    # ------------------------------------------------------------------ what the user does

    def onResultSelected(self, index: int) -> None:
        """Show another run."""
        if not self._showing and 0 <= index < len(self._runs):
            self.session.select(self._runs[index][0])

    def onOverlaySelected(self, index: int) -> None:
        """Draw the overlay over the cine, or take it away."""
        if not self._showing and self.parameterNode is not None:
            self.parameterNode.overlay = self._components[index - 1] if index > 0 else ""
            self.session.changed()

    def onRemove(self, *_args: Any) -> None:
        """Remove every node of the selected run."""
        self.session.remove(self.session.current)
