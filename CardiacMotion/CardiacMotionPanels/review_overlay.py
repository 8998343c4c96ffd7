"""The overlay of a run: which map, how opaque, in which range, with or without legend."""

from __future__ import annotations

from typing import Any

from slicer.i18n import tr as _

from .ondemand import LayerMaker, Wish, present
from .session import Session

BEYOND = 10  # times the range can be chosen


class OverlayControls:
    """Chooser, opacity, range and legend. ``overlay`` of the parameter node is the name of what is chosen."""

    def __init__(self, session: Session, ui: Any, maker: LayerMaker):
        self.session, self.ui, self.maker = session, ui, maker
        self._listed: list[tuple[str, str]] = []  # (name, title)
        self._showing = False
        ui.overlayComboBox.connect("currentIndexChanged(int)", self.onSelected)
        ui.rangeLowSpinBox.connect("valueChanged(double)", self.onLow)
        ui.rangeHighSpinBox.connect("valueChanged(double)", self.onHigh)
        ui.rangeResetButton.connect("clicked(bool)", self.onReset)
        ui.legendCheckBox.connect("toggled(bool)", session.changed)

    # ------------------------------------------------------------------ what is shown

    def sequence(self, current: Any) -> Any:
        """The sequence node of the chosen overlay, or None while there is none."""
        if current is None or self.session.parameterNode is None:
            return None
        return present(current.overlays.get(self.session.parameterNode.overlay))

    def proxy(self, current: Any) -> Any:
        """The volume that shows the chosen overlay's frame, or None."""
        sequence = self.sequence(current)
        return None if sequence is None else current.proxy(sequence)

    def refresh(self, current: Any) -> None:
        """List what there is and what can be made; make what is chosen and not there yet."""
        listed = overlaysOf(current)
        chosen = self.session.parameterNode.overlay if self.session.parameterNode else ""
        names = [name for name, _title in listed]
        self._showing = True
        if listed != self._listed or self.ui.overlayComboBox.count == 0:
            self._listed = listed
            self.ui.overlayComboBox.clear()
            self.ui.overlayComboBox.addItem(_("none"))
            for _name, title in listed:
                self.ui.overlayComboBox.addItem(title)
        self.ui.overlayComboBox.setCurrentIndex(names.index(chosen) + 1 if chosen in names else 0)
        self._showing = False
        self._showRange(current)
        self.ui.overlayComboBox.enabled = self.ui.opacitySlider.enabled = bool(listed)
        if current is not None and chosen in names and self.sequence(current) is None:
            self.maker.make(wishForOverlay(current, chosen, self.session.changed, self.onFailed))

    def _showRange(self, current: Any) -> None:
        proxy, ui = self.proxy(current), self.ui
        for widget in (ui.rangeLowSpinBox, ui.rangeHighSpinBox, ui.rangeResetButton, ui.legendCheckBox):
            widget.enabled = proxy is not None
        if proxy is None:
            return
        from CardiacMotionLib.scene.layers import title_of

        display = proxy.GetDisplayNode()
        low, high = display.GetWindowLevelMin(), display.GetWindowLevelMax()
        unit = title_of(self.sequence(current)).partition("(")[2].rstrip(")")
        limit = BEYOND * max(abs(low), abs(high), 1.0)  # a box is as wide as its longest number
        self._showing = True
        for spinBox, value in ((ui.rangeLowSpinBox, low), (ui.rangeHighSpinBox, high)):
            spinBox.minimum, spinBox.maximum = -limit, limit
            spinBox.decimals = 0 if high - low >= 20 else 1
            spinBox.singleStep = 5.0 if high - low >= 20 else 0.5
            spinBox.suffix = f" {unit}"
            spinBox.value = value
        self._showing = False

    # ------------------------------------------------------------------ what the user does

    def onSelected(self, index: int) -> None:
        """Draw another overlay, or none."""
        if not self._showing and self.session.parameterNode is not None:
            self.session.parameterNode.overlay = self._listed[index - 1][0] if index > 0 else ""
            self.session.changed()

    def onFailed(self) -> None:
        """What cannot be made is not chosen any more."""
        if self.session.parameterNode is not None:
            self.session.parameterNode.overlay = ""
            self.session.changed()

    def onLow(self, value: float) -> None:
        """Another lower end; of a scale around zero the upper end goes with it, so that white stays zero."""
        self._setRange(value, -value if self._aroundZero() else self.ui.rangeHighSpinBox.value)

    def onHigh(self, value: float) -> None:
        """Another upper end, see `onLow`."""
        self._setRange(-value if self._aroundZero() else self.ui.rangeLowSpinBox.value, value)

    def onReset(self, *_args: Any) -> None:
        """The range that the overlay was made with."""
        from CardiacMotionLib.scene.layers import starting_window

        sequence = self.sequence(self.session.current)
        if sequence is not None:
            self._setRange(*starting_window(sequence))

    def _aroundZero(self) -> bool:
        from CardiacMotionLib.scene.layers import starting_window

        sequence = self.sequence(self.session.current)
        low, high = (0.0, 1.0) if sequence is None else starting_window(sequence)
        return low == -high

    def _setRange(self, low: float, high: float) -> None:
        proxy = self.proxy(self.session.current)
        if self._showing or proxy is None:
            return
        if low < high:
            proxy.GetDisplayNode().SetWindowLevelMinMax(low, high)
        self._showRange(self.session.current)  # an empty range is put back


def overlaysOf(current: Any) -> list[tuple[str, str]]:
    """(name, title) of the overlays of a run, those that are made when they are chosen last."""
    if current is None:
        return []
    from CardiacMotionLib.scene.extra_overlays import TITLES, makeable_overlays
    from CardiacMotionLib.scene.layers import title_of

    there = {name: title_of(node) for name, node in current.overlays.items() if present(node) is not None}
    makeable = {name: TITLES[name] for name in makeable_overlays(current) if name not in there}
    return list((there | makeable).items())


def wishForOverlay(current: Any, name: str, done: Any, failed: Any) -> Wish:
    """Make an overlay over the wall; where the run has no wall, over the whole image."""
    from CardiacMotionLib.scene.extra_overlays import TITLES, overlay_layer, walls_of
    from CardiacMotionLib.scene.layers import computed

    walls = walls_of(current)

    def work(outcomes: Any, progress: Any) -> Any:
        outcome = outcomes[current.run]
        layer = overlay_layer(name, outcome.motion, outcome.strain, walls)
        return computed(layer, len(outcome.motion), progress), None

    return Wish("overlay", current, TITLES[name], work, lambda _more: done(), failed)
