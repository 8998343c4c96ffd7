"""Every frame drawn in the reference, compared with the reference: flicker, checkerboard, difference."""

from __future__ import annotations

from typing import Any

import qt
from slicer.i18n import tr as _

from .ondemand import LayerMaker, Wish, present
from .session import Session

OFF, FLICKER, CHECKERBOARD, DIFFERENCE = range(4)  # as the chooser lists them


class CompareControls:
    """The chooser of the comparison with its settings. ``fade(opacity)`` fades the image in front, for the flicker."""

    def __init__(self, session: Session, ui: Any, maker: LayerMaker, fade: Any):
        self.session, self.ui, self.maker, self._fade = session, ui, maker, fade
        self._front = True  # which of the two images the flicker shows
        self._run = ""
        self._quiet = False
        for title in (_("off"), _("flicker"), _("checkerboard"), _("difference")):
            ui.compareComboBox.addItem(title)
        ui.compareComboBox.connect("currentIndexChanged(int)", self.onSelected)
        ui.tileSpinBox.connect("valueChanged(double)", session.changed)
        ui.flickerRateSpinBox.connect("valueChanged(double)", self.onRate)
        self.timer = qt.QTimer()
        self.timer.connect("timeout()", self.onFlicker)
        self.onRate()

    @property
    def mode(self) -> int:
        """What is chosen."""
        return self.ui.compareComboBox.currentIndex

    def refresh(self, current: Any) -> None:
        """Offer what there is; another result is not compared before the user says so."""
        run = current.run if current is not None else ""
        if run != self._run:
            self._run = run
            self.off()
        self.ui.compareComboBox.enabled = current is not None
        for mode, widgets in (
            (FLICKER, (self.ui.flickerRateLabel, self.ui.flickerRateSpinBox)),
            (CHECKERBOARD, (self.ui.tileLabel, self.ui.tileSpinBox)),
        ):
            for widget in widgets:
                widget.visible = self.mode == mode

    def picture(self, current: Any) -> Any:
        """What the views show to compare, or None: nothing is compared, or it is not there yet."""
        if current is None or self.mode == OFF:
            self._stop()
            return None
        from CardiacMotionLib.scene import compare
        from CardiacMotionLib.scene.layers import title_of
        from CardiacMotionLib.scene.slice_layers import Picture

        name = {FLICKER: compare.REGISTERED, CHECKERBOARD: compare.CHECKERBOARD, DIFFERENCE: compare.DIFFERENCE}[
            self.mode
        ]
        still, front = (present(current.layers.get(one)) for one in (compare.STILL, name))
        tile = self.ui.tileSpinBox.value
        other = self.mode == CHECKERBOARD and front is not None and title_of(front) != compare.checkerboard_title(tile)
        if front is None or still is None or other:
            self.maker.make(self._wish(current, self.mode, tile))
        if front is None or still is None:
            self._stop()
            return None
        if self.mode == FLICKER and not self.timer.active:
            self.timer.start()
        elif self.mode != FLICKER:
            self._stop()
        return Picture(still, current.proxy(front), 1.0 if self._front else 0.0)

    def legend(self, current: Any) -> Any:
        """What has a legend in the comparison, or None."""
        from CardiacMotionLib.scene.compare import DIFFERENCE as NAME

        return current.proxy(current.layers[NAME]) if self.mode == DIFFERENCE else None

    def off(self) -> None:
        """Compare nothing."""
        self._stop()
        self._quiet = True
        self.ui.compareComboBox.setCurrentIndex(OFF)
        self._quiet = False

    def onSelected(self, *_args: Any) -> None:
        """Compare in another way."""
        if not self._quiet:
            self.session.changed()

    def onFailed(self) -> None:
        """What cannot be made is not compared."""
        self.off()
        self.session.changed()

    def onRate(self, *_args: Any) -> None:
        """Alternate faster or slower."""
        self.timer.setInterval(round(1000 / max(2 * self.ui.flickerRateSpinBox.value, 0.1)))

    def onFlicker(self, *_args: Any) -> None:
        """Show the other image."""
        self._front = not self._front
        self._fade(1.0 if self._front else 0.0)

    def _stop(self) -> None:
        self.timer.stop()
        self._front = True

    def _wish(self, current: Any, mode: int, tile: float) -> Wish:
        from CardiacMotionLib.scene import compare
        from CardiacMotionLib.scene.layers import computed

        titles = {
            FLICKER: _("registered cine"),
            CHECKERBOARD: compare.checkerboard_title(tile),
            DIFFERENCE: _("difference from the reference"),
        }

        def work(outcomes: Any, progress: Any) -> Any:
            series, motion = outcomes[current.run].series, outcomes[current.run].motion
            if mode == FLICKER:
                layer = compare.registered_layer(series, motion)
            elif mode == CHECKERBOARD:
                layer = compare.checkerboard_layer(series, motion, tile)
            else:
                layer = compare.difference_layer(series, motion)
            return computed(layer, len(motion), progress), (compare.reference_image(series, motion), motion.affine)

        def done(still: Any) -> None:
            if present(current.layers.get(compare.STILL)) is None:
                compare.add_reference_image(current, *still)
            self.session.changed()

        return Wish("compare", current, titles[mode], work, done, self.onFailed)
