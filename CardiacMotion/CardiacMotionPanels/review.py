"""Review: the runs of the scene, played, with what shows whether their motion can be believed."""

from __future__ import annotations

from typing import Any

from CardiacMotionLib.errors import CardiacMotionError

from .ondemand import LayerMaker
from .points import PointsPanel
from .review_compare import CompareControls
from .review_disagreement import DisagreementControls
from .review_drawn import DrawnControls
from .review_overlay import OverlayControls
from .review_playback import PlaybackControls
from .session import Session


class ReviewPanel:
    """The third section: which run is shown, and one object for each group of controls."""

    def __init__(self, session: Session):
        from CardiacMotionLib.scene.slice_layers import SliceLayers

        self.session = session
        self.widget, self.ui = session.load("Review")
        self.parameterNode: Any = None
        self.layers = SliceLayers()
        self.maker = LayerMaker(
            session, self.ui.reviewProgressBar, self.ui.reviewStatusLabel, self.ui.reviewCancelButton
        )
        self.playback = PlaybackControls(session, self.ui)
        self.overlay = OverlayControls(session, self.ui, self.maker)
        self.drawn = DrawnControls(session, self.ui, self.maker)
        self.compare = CompareControls(session, self.ui, self.maker, self.layers.fade)
        self.disagreement = DisagreementControls(session, self.ui, self.maker)
        self.points = PointsPanel(session)
        self.ui.pointsCollapsibleButton.layout().addWidget(self.points.widget)
        self._runs: list[tuple[str, str]] = []  # (run, name) as listed
        self._legend = ""  # of which node
        self._showing = False
        self.ui.resultComboBox.connect("currentIndexChanged(int)", self.onResultSelected)
        self.ui.resultNameEdit.connect("editingFinished()", self.onRenamed)
        self.ui.removeButton.connect("clicked(bool)", self.onRemove)
        session.leaving.append(self.leave)

    def setParameterNode(self, parameterNode: Any) -> None:
        """Show another parameter node, or none while a scene closes."""
        self.parameterNode = parameterNode
        self.points.setParameterNode(parameterNode)
        if parameterNode is None:
            self._stop()

    def leave(self) -> None:
        """The user goes to another module: images do not flicker there, and nothing is compared."""
        self.compare.off()
        self.session.changed()

    def cleanup(self) -> None:
        """Let go of timers, observers and views."""
        self._stop()
        self.points.cleanup()

    def refresh(self) -> None:
        """List runs and what can be shown of the selected one, and draw what is chosen."""
        if self.parameterNode is None:
            return
        current = self.session.current
        self._fill(current)
        self.playback.refresh(current)
        self.compare.refresh(current)
        self.overlay.refresh(current)
        self.disagreement.refresh(current)
        self.points.refresh()
        self._draw(current)

    def _stop(self) -> None:
        self.maker.cancel()
        self.compare.off()
        self.disagreement.forget()
        self.playback.stop()
        self.drawn.stop()
        self._showLegend(None)
        self.layers.restore()

    def _fill(self, current: Any) -> None:
        runs = [(run, results.name) for run, results in self.session.runs.items()]
        self._showing = True
        if runs != self._runs:
            self._runs = runs
            self.ui.resultComboBox.clear()
            for _run, name in runs:
                self.ui.resultComboBox.addItem(name)
        self.ui.resultComboBox.setCurrentIndex(
            next((n for n, (run, _name) in enumerate(runs) if current is not None and run == current.run), -1)
        )
        if not self.ui.resultNameEdit.focus:
            self.ui.resultNameEdit.text = current.name if current is not None else ""
        self._showing = False
        for widget in (self.ui.resultComboBox, self.ui.resultNameEdit, self.ui.removeButton):
            widget.enabled = current is not None

    # ------------------------------------------------------------------ the views

    def _draw(self, current: Any) -> None:
        """Put what is chosen into the views, and give them back where nothing is."""
        picture = self.compare.picture(current)
        comparing = picture is not None
        self.drawn.refresh(current, comparing)
        legend = self.compare.legend(current) if comparing else self.overlay.proxy(current)
        if picture is None:
            picture = self._moving(current)
        if picture is None:
            self.layers.restore()
        else:
            self.layers.show(picture)
        self._showLegend(legend if self.ui.legendCheckBox.checked else None)

    def _moving(self, current: Any) -> Any:
        """The cine with overlay and tags, or None where neither is chosen."""
        from CardiacMotionLib.scene.slice_layers import Picture

        overlay, tags = self.overlay.proxy(current), self.drawn.tags(current)
        if overlay is None and tags is None:
            return None
        return Picture(current.proxy(current.cine), overlay, self.parameterNode.overlayOpacity, tags)

    def _showLegend(self, node: Any) -> None:
        wanted = node.GetID() if node is not None else ""
        if wanted == self._legend:
            return
        from CardiacMotionLib.scene.overlays import hide_legends, show_legend

        self._legend = wanted
        if node is None:
            hide_legends()
        else:
            show_legend(node)

    # ------------------------------------------------------------------ what the user does

    def onResultSelected(self, index: int) -> None:
        """Show another run."""
        if not self._showing and 0 <= index < len(self._runs):
            self.session.select(self._runs[index][0])

    def onRenamed(self) -> None:
        """Call the run what the user typed."""
        from CardiacMotionLib.scene.results import rename_results

        current = self.session.current
        if self._showing or current is None or self.ui.resultNameEdit.text == current.name:
            return
        try:
            rename_results(current, self.ui.resultNameEdit.text)
        except CardiacMotionError as error:
            self.ui.resultNameEdit.text = current.name
            self.session.showError(str(error))
        self.session.changed()

    def onRemove(self, *_args: Any) -> None:
        """Remove every node of the selected run."""
        self._stop()
        self.session.remove(self.session.current)
