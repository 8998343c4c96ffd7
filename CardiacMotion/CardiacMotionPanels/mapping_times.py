"""When the images were taken: a table of what the series says, which the user can correct."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import qt
from slicer.i18n import tr as _

from CardiacMotionLib.errors import CardiacMotionError

NOTHING = SimpleNamespace(values={}, source="", notes=())


class TimesTable:
    """A row an image, a column for each of the model's times. ``changed()`` is called when the user edited it."""

    def __init__(self, ui: Any, changed: Callable[[], None]):
        self.table, self.label, self.reset = ui.mapTimesTable, ui.mapTimesLabel, ui.mapTimesResetButton
        self._changed = changed
        self.parameterNode: Any = None
        self.acquired: Any = NOTHING  # what the series says of itself
        self._seriesId = ""
        self._shown: Any = None  # what the table was filled with
        self._filling = False
        self.table.connect("cellChanged(int,int)", self.onEdited)
        self.reset.connect("clicked(bool)", self.onReset)

    def setParameterNode(self, parameterNode: Any) -> None:
        """Show another parameter node, or none while a scene closes."""
        self.parameterNode, self._seriesId, self._shown = parameterNode, "", None
        self.acquired = NOTHING

    def show(self, series: Any, model: str) -> None:
        """Fill the table for a sequence of images, or None, and a model; an unknown one has no times."""
        names = namesOf(model)
        rows = 0 if series is None else series.GetNumberOfDataNodes()
        texts = {name: self.texts(name, rows) for name in names}
        if texts != self._shown:
            self._fill(texts, rows)
        self.table.visible = self.label.visible = bool(texts and rows)
        typed = self._typed()
        self.reset.visible = bool(texts and rows and any(name in typed for name in names))
        self.label.text = self._words(names)

    def look(self, series: Any) -> None:
        """Find out what a sequence, or None, says of itself; only of another one, because that may read files."""
        identity = "" if series is None else series.GetID()
        if identity == self._seriesId:
            return
        from CardiacMotionLib.scene import acquisition_of

        self._seriesId = identity
        self.acquired = NOTHING if series is None else acquisition_of(series)

    def _typed(self) -> dict[str, list[str]]:
        try:
            stored = json.loads(self.parameterNode.mapTimes) if self.parameterNode else {}
        except json.JSONDecodeError:
            return {}
        return stored if isinstance(stored, dict) else {}

    def texts(self, name: str, rows: int) -> list[str]:
        """What the cells of a column hold: what was typed, else what the series says, else nothing."""
        typed = self._typed().get(name)
        if typed is not None and len(typed) == rows:
            return [str(text) for text in typed]
        known = self.acquired.values.get(name)
        return [""] * rows if known is None else [f"{float(value):g}" for value in known]

    def _fill(self, texts: dict[str, list[str]], rows: int) -> None:
        self._filling = True
        self.table.clear()
        self.table.setRowCount(rows)
        self.table.setColumnCount(len(texts))
        self.table.setHorizontalHeaderLabels([headers()[name] for name in texts])
        self.table.setVerticalHeaderLabels([_("Image {number}").format(number=n) for n in range(rows)])
        for column, values in enumerate(texts.values()):
            for row, text in enumerate(values):
                self.table.setItem(row, column, qt.QTableWidgetItem(text))
        self.table.resizeColumnsToContents()
        self._shown = texts
        self._filling = False

    def _words(self, names: tuple[str, ...]) -> str:
        typed = self._typed()
        if any(name in typed for name in names):
            return _("Times: typed.")
        missing = [name for name in names if name not in self.acquired.values]
        said = " ".join(self.acquired.notes)
        if missing:
            return f"{_('The images do not say these times: type them, inf for an image without.')} {said}".strip()
        return f"{sources().get(self.acquired.source, '')} {said}".strip()

    # ------------------------------------------------------------------ what is fitted

    def problem(self, model: str, settings: dict[str, Any]) -> str:
        """Why these times cannot be fitted by a model, or nothing."""
        from CardiacMotionLib.mapping.acquisition import check_acquisition

        try:
            values = self.values(model)
            rows = len(next(iter(values.values())))
            check_acquisition(model, {**values, **settings}, {}, rows)
        except CardiacMotionError as error:
            return str(error)
        return ""

    def values(self, model: str) -> dict[str, list[float]]:
        """{name: numbers, one an image}; raises `CardiacMotionError` for a cell that is empty or no number."""
        shown = self._shown or {}
        return {
            name: [self._number(name, row, text) for row, text in enumerate(shown.get(name, []))]
            for name in namesOf(model)
        }

    def _number(self, name: str, row: int, text: str) -> float:
        if not text.strip():
            raise CardiacMotionError(
                _("{times}: image {row} has none; type the times of all images in ms, inf for one without.").format(
                    times=headers()[name], row=row
                )
            )
        try:
            return float(text)
        except ValueError as error:
            raise CardiacMotionError(
                _("{times}: {text} of image {row} is no number; type ms, or inf for an image without.").format(
                    times=headers()[name], text=repr(text), row=row
                )
            ) from error

    # ------------------------------------------------------------------ what the user does

    def onEdited(self, row: int, column: int) -> None:
        """Keep what was typed; a list in one cell fills the cells below it."""
        if self._filling or self.parameterNode is None or not self._shown:
            return
        name = list(self._shown)[column]
        cells = list(self._shown[name])
        parts = self.table.item(row, column).text().replace(",", " ").split() or [""]
        for offset, part in enumerate(parts[: len(cells) - row]):
            cells[row + offset] = part
        self.parameterNode.mapTimes = json.dumps({**self._typed(), name: cells})
        self._shown = None  # the cells below may have to change
        self._changed()

    def onReset(self, *_args: Any) -> None:
        """Back to what the series says."""
        self.parameterNode.mapTimes = "{}"
        self._changed()


def headers() -> dict[str, str]:
    """Titles of the columns."""
    return {
        "inversion_times": _("Inversion (ms)"),
        "saturation_times": _("Saturation (ms)"),
        "echo_times": _("T2 preparation (ms)"),
        "delays": _("Delay (ms)"),
        "is_tag": _("Tag (1) or control (0)"),
    }


def sources() -> dict[str, str]:
    """Where times are from, in words."""
    return {
        "attributes": _("Times: as the sequence says in its attributes."),
        "index": _("Times: from the index of the sequence."),
        "DICOM": _("Times: from the DICOM files."),
    }


def namesOf(model: str) -> tuple[str, ...]:
    """Names of the times that a model needs; none for an unknown model."""
    from CardiacMotionLib.mapping.models import MODELS, make_model

    return make_model(model).times if model in MODELS else ()
