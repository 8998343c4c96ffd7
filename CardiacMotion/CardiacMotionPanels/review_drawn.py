"""What is drawn over the images: contours and arrows of the motion, and virtual tags."""

from __future__ import annotations

from typing import Any

import slicer
from slicer.i18n import tr as _

from .ondemand import LayerMaker, Wish, present
from .session import Session

DIRECTIONS = ((45.0, 135.0), (0.0, 90.0))  # of the tags, as the chooser lists them
LINE = 0.23  # width of a tag over the spacing


class DrawnControls:
    """Check boxes for contours, arrows and tags with their settings."""

    def __init__(self, session: Session, ui: Any, maker: LayerMaker):
        self.session, self.ui, self.maker = session, ui, maker
        self._contours: tuple[Any, ...] = ()  # what was last shown, so that what the user hides elsewhere stays hidden
        self._arrows: tuple[Any, ...] = ()
        ui.tagDirectionComboBox.addItem(_("diagonal"))
        ui.tagDirectionComboBox.addItem(_("along the image"))
        for box in (ui.contoursCheckBox, ui.arrowsCheckBox, ui.tagsCheckBox, ui.tagEverywhereCheckBox):
            box.connect("toggled(bool)", session.changed)
        for spinBox in (ui.arrowSpacingSpinBox, ui.tagSpacingSpinBox):
            spinBox.connect("valueChanged(double)", session.changed)
        ui.tagDirectionComboBox.connect("currentIndexChanged(int)", session.changed)

    def refresh(self, current: Any, comparing: bool) -> None:
        """Draw what is checked; nothing of it while images are compared in the reference, where it does not belong."""
        labeled = current is not None and present(current.segmentation) is not None
        ui = self.ui
        ui.contoursCheckBox.enabled = ui.arrowsCheckBox.enabled = ui.arrowSpacingSpinBox.enabled = labeled
        ui.tagEverywhereCheckBox.enabled = labeled
        for widget in (ui.tagsCheckBox, ui.tagSpacingSpinBox, ui.tagDirectionComboBox):
            widget.enabled = current is not None
        self._drawContours(current if labeled else None, not comparing)
        self._drawArrows(current if labeled else None, not comparing)

    def tags(self, current: Any) -> Any:
        """The label map that shows the tags, or None. Tags of other settings stay until the wanted ones are there."""
        if current is None or not self.ui.tagsCheckBox.checked:
            return None
        from CardiacMotionLib.scene.layers import title_of
        from CardiacMotionLib.scene.tags import TAGS, TagPattern, tags_title

        spacing = self.ui.tagSpacingSpinBox.value
        pattern = TagPattern(spacing, LINE * spacing, DIRECTIONS[self.ui.tagDirectionComboBox.currentIndex])
        onHeart = present(current.segmentation) is not None and not self.ui.tagEverywhereCheckBox.checked
        sequence = present(current.layers.get(TAGS))
        if sequence is None or title_of(sequence) != tags_title(pattern, onHeart):
            self.maker.make(self._wish(current, pattern, onHeart))
        return None if sequence is None else current.proxy(sequence)

    def stop(self) -> None:
        """Take the arrows away; contours belong to the run."""
        self._drawArrows(None, False)
        self._contours = ()

    # ------------------------------------------------------------------ drawing

    def _drawContours(self, current: Any, allowed: bool) -> None:
        shown = allowed and self.ui.contoursCheckBox.checked
        wanted = (current.run if current else "", shown, len(self.session.runs))
        if wanted == self._contours:
            return
        self._contours = wanted
        for results in self.session.runs.values():
            if present(results.segmentation) is not None:
                results.proxy(results.segmentation).SetDisplayVisibility(shown and results is current)

    def _drawArrows(self, current: Any, allowed: bool) -> None:
        wanted = (current, self.ui.arrowSpacingSpinBox.value) if allowed and self.ui.arrowsCheckBox.checked else ()
        wanted = wanted if current is not None else ()
        if wanted == self._arrows:
            return
        from CardiacMotionLib.scene import hide_arrows, show_arrows

        before, self._arrows = self._arrows, wanted
        if before and slicer.mrmlScene.IsNodePresent(before[0].motion_to_frame):
            hide_arrows(before[0])
        if wanted:
            show_arrows(current, spacing_mm=wanted[1])

    def _wish(self, current: Any, pattern: Any, onHeart: bool) -> Wish:
        from CardiacMotionLib.scene.layers import computed
        from CardiacMotionLib.scene.tags import tags_layer, tags_title

        def work(outcomes: Any, progress: Any) -> Any:
            outcome = outcomes[current.run]
            labels = outcome.motion.reference_labels(outcome.series) if onHeart else None
            return computed(tags_layer(outcome.motion, pattern, labels), len(outcome.motion), progress), None

        return Wish(
            "tags", current, tags_title(pattern, onHeart), work, lambda _more: self.session.changed(), self._off
        )

    def _off(self) -> None:
        self.ui.tagsCheckBox.checked = False
