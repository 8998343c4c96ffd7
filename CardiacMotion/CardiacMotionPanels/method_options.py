"""The options of the method that is selected: a form for each method, kept in the parameter node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .method_text import namesOfWeights
from .options_form import OptionsForm
from .parameters import readOptions, writeOptions

AUTO = "auto"


class MethodOptions:
    """Shows one form at a time in ``container``, which lies in ``button`` with ``resetButton``.

    ``field`` of the parameter node keeps the values; ``reset()`` is called when they were set back.
    """

    def __init__(self, button: Any, container: Any, resetButton: Any, field: str, reset: Callable[[], None]):
        self.button, self.container, self._field, self._reset = button, container, field, reset
        self.parameterNode: Any = None
        self.forms: dict[str, OptionsForm] = {}
        self._known: dict[str, dict[str, list[str]]] = {}  # what a form offers for options that take any text
        self._method = ""
        resetButton.connect("clicked(bool)", self.onReset)

    def show(self, info: Any) -> list[str]:
        """Show the options of a method, or none; returns what is kept and cannot be used, as sentences."""
        self._method = info.name if info is not None else ""
        self.button.visible = info is not None
        if info is not None:
            self._make(info)
        for name, form in self.forms.items():
            form.widget.visible = name == self._method
        if info is None:
            return []
        form, stored = self.forms[info.name], readOptions(self.parameterNode, info.name, self._field)
        return [] if stored == form.values() else form.setValues(stored)

    def values(self) -> dict[str, Any]:
        """Options of the method that is shown which differ from their defaults."""
        form = self.forms.get(self._method)
        return form.values() if form else {}

    def onEdited(self) -> None:
        """Keep the values."""
        writeOptions(self.parameterNode, self._method, self.values(), self._field)

    def onReset(self, *_args: Any) -> None:
        """Back to the defaults of the method that is shown."""
        writeOptions(self.parameterNode, self._method, {}, self._field)
        self._reset()

    def _make(self, info: Any) -> None:
        """A form where there is none, or other weights are there than when it was made."""
        from CardiacMotionLib.methods import describe_options

        known = {"weights": [AUTO, *namesOfWeights(info)]} if "weights" in info.needs else {}
        if info.name in self.forms and self._known.get(info.name, {}) == known:
            return
        old = self.forms.pop(info.name, None)
        if old is not None:
            old.widget.setParent(None)
            old.widget.deleteLater()
        self.forms[info.name] = OptionsForm(describe_options(info.Options), self.onEdited, known)
        self._known[info.name] = known
        self.container.layout().addWidget(self.forms[info.name].widget)
