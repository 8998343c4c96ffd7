"""Rows of the list of probes and rulers."""

from __future__ import annotations

import math
from typing import Any

import qt
from slicer.i18n import tr as _

PROBE, RULER = "probe", "ruler"
COLUMNS = NAME, STRAIN, DISTANCE = range(3)
ICON_PIXELS = 12


def curveWords(curve: str) -> str:
    """What a curve is called in a list."""
    from CardiacMotionLib.scene.colors import SHORT_NAMES

    words = {"displacement": _("Displacement (mm)"), "strain": _("Segment strain (%)"), "length": _("Length (mm)")}
    return words[curve] if curve in words else f"{SHORT_NAMES[curve]} (%)"


def fillRow(table: Any, row: int, measured: Any, frame: int) -> None:
    """Show one with its values at a frame; its check mark says whether it is in the views."""
    name = table.item(row, NAME)
    name.setText(measured.name)
    name.setIcon(colorIcon(measured.color))
    name.setCheckState(qt.Qt.Checked if measured.visible else qt.Qt.Unchecked)
    strain, distance = describe(measured, frame)
    table.item(row, STRAIN).setText(strain)
    table.item(row, DISTANCE).setText(distance)
    for column in COLUMNS:
        table.item(row, column).setToolTip(measured.problem or _("Checked: shown in the views and the chart"))


def describe(measured: Any, frame: int) -> tuple[str, str]:
    """(strain, distance) of one at a frame, in words."""
    from CardiacMotionLib.scene.colors import SHORT_NAMES
    from CardiacMotionLib.scene.probes import DISPLACEMENT

    if measured.kind == RULER:
        strain, length = measured.values["strain"][frame], measured.values["length"][frame]
        return said(_("segment {value:+.1f} %"), strain), said(_("length {value:.1f} mm"), length)
    moved = said(_("moved {value:.1f} mm"), measured.values[DISPLACEMENT][frame])
    strains = [curve for curve in measured.titles if curve in SHORT_NAMES]
    if not strains:
        return _("no strain"), moved
    component = measured.curve if measured.curve in strains else strains[0]
    value = measured.values[component][frame]
    return said(SHORT_NAMES[component] + " {value:+.1f} %", value), moved


def said(words: str, value: float) -> str:
    """A value in its words, or that there is none."""
    return words.format(value=value) if math.isfinite(value) else _("not known")


def colorIcon(color: tuple[float, float, float]) -> Any:
    """A square of a color, 0 to 1."""
    pixmap = qt.QPixmap(ICON_PIXELS, ICON_PIXELS)
    pixmap.fill(qt.QColor(*(round(255 * part) for part in color)))
    return qt.QIcon(pixmap)
