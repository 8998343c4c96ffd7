"""A bullseye that can be clicked: painted into a label, with a combo box that does the same from the keyboard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
from slicer.i18n import tr as _

WIDTH, HEIGHT = 380, 290
CENTER_X, CENTER_Y, RADIUS = 155, 145, 118
BAR_LEFT, BAR_TOP, BAR_WIDTH, BAR_HEIGHT = 312, 45, 14, 200
TICKS = 5
INK, PAPER, EDGE, CHOSEN = (20, 20, 20), (252, 252, 252), (70, 70, 70), (200, 30, 170)
DARK = 0.42  # luminance below which white letters are read better


class ClickFilter(qt.QObject):
    """Tells where a widget was clicked: ``onClick(x, y)`` in pixels of the widget."""

    def __init__(self, onClick: Callable[[float, float], None]):
        super().__init__()
        self.onClick = onClick

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """React to a press of the left button; everything goes on to the widget."""
        if event.type() == qt.QEvent.MouseButtonPress and event.button() == qt.Qt.LeftButton:
            place = event.position() if hasattr(event, "position") else event.pos()  # Qt 6, Qt 5
            self.onClick(place.x(), place.y())
        return False


class Bullseye:
    """The label of the bullseye and the combo box of segments below it.

    ``onPicked(segment)`` is called with an AHA segment 1..16, or 0 for none.
    """

    def __init__(self, label: Any, titleLabel: Any, comboBox: Any, onPicked: Callable[[int], None]):
        self.label, self.titleLabel, self.comboBox, self._onPicked = label, titleLabel, comboBox, onPicked
        self.chosen = 0
        self._filter = ClickFilter(self.onClicked)  # kept: Qt does not own it
        self._filling = False
        label.setFixedSize(WIDTH, HEIGHT)
        label.installEventFilter(self._filter)
        comboBox.addItem(_("none"))
        comboBox.connect("currentIndexChanged(int)", self.onSelected)

    def cleanup(self) -> None:
        """Let go of the label."""
        self.label.removeEventFilter(self._filter)

    def show(self, view: Any, chosen: int) -> None:
        """Paint a `BullseyeView`, one segment marked; nothing for None."""
        self.chosen = chosen
        self._filling = True
        if view is not None and self.comboBox.count == 1:
            for segment in range(1, 17):
                self.comboBox.addItem(view.name(segment))
        self.comboBox.setCurrentIndex(chosen)
        self._filling = False
        for widget in (self.label, self.titleLabel):
            widget.visible = view is not None
        self.comboBox.enabled = view is not None
        if view is None:
            return
        self.titleLabel.text = view.title
        self.label.setPixmap(paint(view, chosen))
        known = "\n".join(view.sentence(segment) for segment in range(1, 17))
        self.label.toolTip = _("Click a segment to follow it in the chart and on the wall.") + f"\n{known}"

    def onClicked(self, x: float, y: float) -> None:
        """Pick the segment under the mouse; once more lets it go."""
        from CardiacMotionLib.scene.bullseye import segment_at

        segment = segment_at((x - CENTER_X) / RADIUS, (CENTER_Y - y) / RADIUS)
        if segment is not None:
            self._onPicked(0 if segment == self.chosen else segment)

    def onSelected(self, index: int) -> None:
        """Pick the segment that was selected."""
        if not self._filling:
            self._onPicked(index)


def paint(view: Any, chosen: int) -> Any:
    """A pixmap of a bullseye with its legend."""
    pixmap = qt.QPixmap(WIDTH, HEIGHT)
    pixmap.fill(qt.QColor(*PAPER))
    painter = qt.QPainter()
    painter.begin(pixmap)
    painter.setRenderHint(qt.QPainter.Antialiasing, True)
    order = [segment for segment in range(1, 17) if segment != chosen]
    for segment in [*order, *([chosen] if chosen else [])]:  # the thick edge of the chosen one over its neighbors
        paintSegment(painter, view, segment, segment == chosen)
    paintDirections(painter)
    paintLegend(painter, view)
    painter.end()
    return pixmap


def paintSegment(painter: Any, view: Any, segment: int, chosen: bool) -> None:
    """One segment in its color, with its value and, smaller, its number."""
    import math

    from CardiacMotionLib.scene.bullseye import segment_sector

    inner, outer, start, end = segment_sector(segment)
    color = view.cell_color(segment)
    painter.setBrush(qt.QBrush(rgb(color)))
    painter.setPen(pen(CHOSEN if chosen else EDGE, 4 if chosen else 1))
    painter.drawPath(sectorPath(inner * RADIUS, outer * RADIUS, start, end))
    middle, radius = math.radians((start + end) / 2), RADIUS * (inner + outer) / 2
    x, y = CENTER_X + radius * math.cos(middle), CENTER_Y - radius * math.sin(middle)
    light = 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]
    painter.setPen(pen(INK if light > DARK else (255, 255, 255), 1))
    write(painter, x, y - 4, view.text(segment), 14, bold=True)
    write(painter, x, y + 9, str(segment), 9)


def sectorPath(inner: float, outer: float, start: float, end: float) -> Any:
    """Outline of a sector of a ring; angles in degrees, counterclockwise from the right."""
    path = qt.QPainterPath()
    path.arcMoveTo(CENTER_X - outer, CENTER_Y - outer, 2 * outer, 2 * outer, start)
    path.arcTo(CENTER_X - outer, CENTER_Y - outer, 2 * outer, 2 * outer, start, end - start)
    path.arcTo(CENTER_X - inner, CENTER_Y - inner, 2 * inner, 2 * inner, end, start - end)
    path.closeSubpath()
    return path


def paintDirections(painter: Any) -> None:
    """Where the walls are."""
    painter.setPen(pen(INK, 1))
    gap = RADIUS + 12
    for x, y, word, turn in (
        (CENTER_X, CENTER_Y - gap, _("anterior"), 0),
        (CENTER_X, CENTER_Y + gap, _("inferior"), 0),
        (CENTER_X - gap, CENTER_Y, _("septal"), -90),
        (CENTER_X + gap, CENTER_Y, _("lateral"), 90),
    ):
        painter.save()
        painter.translate(x, y)
        painter.rotate(turn)
        write(painter, 0, 0, word, 12)
        painter.restore()
    write(painter, CENTER_X, CENTER_Y, _("apex"), 10)


def paintLegend(painter: Any, view: Any) -> None:
    """The color scale with its unit, and what gray means."""
    from CardiacMotionLib.scene.bullseye_view import MISSING

    low, high = view.window
    for row in range(BAR_HEIGHT):
        color = rgb(view.color(high - (high - low) * row / (BAR_HEIGHT - 1)))
        painter.fillRect(BAR_LEFT, BAR_TOP + row, BAR_WIDTH, 1, color)
    painter.setPen(pen(INK, 1))
    write(painter, BAR_LEFT + 14, BAR_TOP - 16, view.unit, 12)
    for tick in range(TICKS):
        share = tick / (TICKS - 1)
        y = BAR_TOP + round((BAR_HEIGHT - 1) * (1 - share))
        painter.drawLine(BAR_LEFT + BAR_WIDTH, y, BAR_LEFT + BAR_WIDTH + 4, y)
        write(painter, BAR_LEFT + BAR_WIDTH + 24, y, f"{low + (high - low) * share:.0f}", 11)
    painter.fillRect(BAR_LEFT, BAR_TOP + BAR_HEIGHT + 14, BAR_WIDTH, 12, rgb(MISSING))
    write(painter, BAR_LEFT + BAR_WIDTH + 27, BAR_TOP + BAR_HEIGHT + 20, _("no value"), 10)


def write(painter: Any, x: float, y: float, text: str, pixels: int, *, bold: bool = False) -> None:
    """Text with its middle at a place."""
    font = qt.QFont()
    font.setPixelSize(pixels)
    font.setBold(bold)
    painter.setFont(font)
    painter.drawText(round(x) - 50, round(y) - 12, 100, 24, qt.Qt.AlignCenter, text)


def pen(color: tuple[int, int, int], width: int) -> Any:
    """A pen of a color (0..255)."""
    made = qt.QPen(qt.QColor(*color))
    made.setWidth(width)
    return made


def rgb(color: tuple[float, float, float]) -> Any:
    """A color given by parts of 1."""
    return qt.QColor(*(round(255 * channel) for channel in color))
