"""Which segment is which structure: automatic, none, or by hand, with a preview in the slice views."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from slicer.i18n import tr as _

from .parameters import readSegments, writeSegments
from .session import Session
from .study_reading import Reading

AUTO, NONE = "auto", "none"  # beside the numbers of the segments
STRUCTURES = {"rv": "RV", "wall": "LV myocardium", "cavity": "LV cavity"}


class SegmentsForm:
    """The rows below the segmentation selector. ``read()`` is what is known of the study now."""

    def __init__(self, session: Session, ui: Any, read: Callable[[], Reading]):
        from CardiacMotionLib.scene.segment_preview import SegmentPreview

        self.session, self.ui, self._read = session, ui, read
        self.preview = SegmentPreview()
        self._entries: dict[str, list[tuple[str, str]]] = {}  # of each combo box, to fill it only when they change
        self._previewed: tuple[str, dict[str, int] | None] | None = None
        self._showing = False
        self.combos = {title: getattr(ui, f"{name}SegmentComboBox") for name, title in STRUCTURES.items()}
        for combo in self.combos.values():
            combo.connect("currentIndexChanged(int)", self.onChosen)
        ui.previewSegmentsButton.connect("toggled(bool)", self.onPreview)
        session.leaving.append(self.endPreview)
        session.saving.append(self.endPreview)

    def refresh(self, reading: Reading) -> None:
        """Show the segments of the selected segmentation, what each stands for, and how much there is of it."""
        parameterNode = self.session.parameterNode
        segmentation = parameterNode.segmentation if parameterNode else None
        self.ui.segmentsWidget.visible = segmentation is not None
        if segmentation is None:
            self.endPreview()
            return
        self._showing = True
        chosen = readSegments(parameterNode)
        for title, combo in self.combos.items():
            self._fill(combo, title, segmentation, chosen, reading)
            combo.enabled = not self.session.busy
        self._showing = False
        self.ui.structuresLabel.text = reading.structures
        self.ui.structuresLabel.visible = bool(reading.structures)
        self.ui.previewSegmentsButton.enabled = bool(reading.segments)
        if self.preview.shown and self._previewed != (segmentation.GetID(), reading.segments):
            self.startPreview(reading)  # what is drawn follows what was chosen

    def _fill(self, combo: Any, title: str, segmentation: Any, chosen: dict[str, str | None], reading: Reading) -> None:
        entries = entriesOf(segmentation, title, None if title in chosen else reading.segments or {})
        if entries != self._entries.get(title):
            combo.clear()
            for text, value in entries:
                combo.addItem(text, value)
            self._entries[title] = entries
        value = AUTO if title not in chosen else NONE if chosen[title] is None else f"id:{chosen[title]}"
        values = [value for _text, value in entries]
        combo.setCurrentIndex(values.index(value) if value in values else 0)

    def onChosen(self, *_args: Any) -> None:
        """Keep what the user chose."""
        if self._showing or self.session.parameterNode is None:
            return
        chosen: dict[str, str | None] = {}
        for title, combo in self.combos.items():
            value = combo.itemData(combo.currentIndex)
            if value == NONE:
                chosen[title] = None
            elif value != AUTO:
                chosen[title] = value.removeprefix("id:")
        writeSegments(self.session.parameterNode, chosen)
        self.session.changed()

    def onPreview(self, checked: bool = False) -> None:
        """Draw what was recognized, or give the user's own display back."""
        if self._showing:
            return
        reading = self._read()
        if checked and reading.segments:
            self.startPreview(reading)
        else:
            self.endPreview()

    def startPreview(self, reading: Reading) -> None:
        """Outlines in our colors at the segmented frame."""
        from CardiacMotionLib.scene import show_frame
        from CardiacMotionLib.scene.sequences import find_browser

        parameterNode = self.session.parameterNode
        browser = find_browser(parameterNode.cine) if parameterNode.cine else None
        if browser is not None and reading.labeledFrames:
            show_frame(browser, reading.reference)
        self.preview.show(parameterNode.segmentation, reading.segments or {})
        self._previewed = parameterNode.segmentation.GetID(), reading.segments

    def endPreview(self) -> None:
        """The user's own colors again."""
        self.preview.stop()
        self._showing = True
        self.ui.previewSegmentsButton.checked = False
        self._showing = False


def entriesOf(segmentation: Any, title: str, found: dict[str, int] | None) -> list[tuple[str, str]]:
    """(text, value) of the choices for a structure; ``found`` is {segment ID: label} where it is automatic."""
    from CardiacMotionLib.series import LABEL_NAMES

    content = segmentation.GetSegmentation()
    names = {
        content.GetNthSegmentID(n): content.GetNthSegment(n).GetName() for n in range(content.GetNumberOfSegments())
    }
    automatic = [names[identity] for identity, label in (found or {}).items() if LABEL_NAMES[label] == title]
    if found is None:
        first = _("automatic")
    elif automatic:
        first = _("automatic: {name}").format(name=automatic[0])
    else:
        first = _("automatic: not found")
    return [(first, AUTO), (_("none"), NONE), *((name, f"id:{identity}") for identity, name in names.items())]
