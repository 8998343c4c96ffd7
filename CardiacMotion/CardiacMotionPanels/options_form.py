"""Widgets for the options of a method, made from what the method says about them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import ctk
import qt

from CardiacMotionLib.methods import OptionInfo

WIDEST_SLIDER = 1e4  # largest over smallest step a slider can be set with by hand


class OptionsForm:
    """One row an option. ``changed()`` is called when the user changes a value.

    ``known`` has values that are offered for options which take any text.
    """

    def __init__(
        self, options: list[OptionInfo], changed: Callable[[], None], known: Mapping[str, Sequence[str]] | None = None
    ):
        self.options = {option.name: option for option in options}
        self.widget = qt.QWidget()
        self.editors = {option.name: makeEditor(option, (known or {}).get(option.name, ())) for option in options}
        self._changed = changed
        self._setting = False
        layout = qt.QFormLayout(self.widget)
        layout.setContentsMargins(0, 0, 0, 0)
        for option in options:
            editor = self.editors[option.name]
            label = qt.QLabel(f"{title(option.name)}:")
            label.toolTip = editor.widget.toolTip = describe(option)
            layout.addRow(label, editor.widget)
            editor.connect(self.onEdited)
        if not options:
            layout.addRow(qt.QLabel("This method has no options."))
        self.reset()

    def onEdited(self, *_: Any) -> None:
        """Pass on what the user did, not what `setValues` does."""
        if not self._setting:
            self._changed()

    def values(self) -> dict[str, Any]:
        """{name: value} of the options that differ from their defaults."""
        current = {name: editor.read() for name, editor in self.editors.items()}
        return {name: value for name, value in current.items() if value != self.options[name].default}

    def setValues(self, values: dict[str, Any]) -> list[str]:
        """Show ``values``, defaults for the rest; returns what could not be used, as sentences."""
        from CardiacMotionLib.errors import CardiacMotionError

        problems = []
        self._setting = True
        for name, option in self.options.items():
            try:
                value = option.check(values.get(name, option.default))
            except CardiacMotionError as error:
                problems.append(f"{error}; the default {option.default} is used")
                value = option.default
            self.editors[name].write(value)
        self._setting = False
        return problems + [f"the method has no option {name}" for name in values if name not in self.options]

    def reset(self) -> None:
        """Show the defaults."""
        self.setValues({})


def title(name: str) -> str:
    """``wall_weight`` as ``Wall weight``."""
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]


def describe(option: OptionInfo) -> str:
    """Help, range and default of an option."""
    unit = f" {option.unit}" if option.unit else ""
    limits = ""
    if option.minimum is not None and option.maximum is not None:
        limits = f" From {option.minimum} to {option.maximum}{unit}."
    return f"{option.help.rstrip('.')}.{limits} Default: {option.default}{unit}."


class Editor:
    """A widget with the one property that holds its value and the signal that tells of a change."""

    def __init__(self, widget: Any, value: str, signal: str, convert: Callable[[Any], Any]):
        self.widget, self._value, self._signal, self._convert = widget, value, signal, convert

    def connect(self, callback: Callable[..., None]) -> None:
        """Call ``callback`` when the value changes."""
        self.widget.connect(self._signal, callback)

    def read(self) -> Any:
        """The value in the option's own type."""
        return self._convert(getattr(self.widget, self._value))

    def write(self, value: Any) -> None:
        """Show a value."""
        setattr(self.widget, self._value, value)


class ChoiceEditor(Editor):
    """A combo box whose entries are the choices in their order."""

    def __init__(self, choices: tuple):
        super().__init__(qt.QComboBox(), "currentIndex", "currentIndexChanged(int)", lambda index: choices[index])
        self._choices = choices
        for choice in choices:
            self.widget.addItem(str(choice))

    def write(self, value: Any) -> None:
        """Show a value."""
        self.widget.setCurrentIndex(self._choices.index(value))


class SuggestionEditor(Editor):
    """A line of text with values to choose from."""

    def __init__(self, known: Sequence[str]):
        super().__init__(qt.QComboBox(), "currentText", "currentTextChanged(QString)", str)
        self.widget.editable = True
        for value in known:
            self.widget.addItem(value)


def makeEditor(option: OptionInfo, known: Sequence[str] = ()) -> Editor:
    """The widget that suits an option's type, range and choices."""
    if known:
        return SuggestionEditor(known)
    if option.choices:
        return ChoiceEditor(option.choices)
    if option.type is bool:
        return Editor(qt.QCheckBox(), "checked", "toggled(bool)", bool)
    if option.type is str:
        return Editor(qt.QLineEdit(), "text", "textEdited(QString)", str)
    return makeNumberEditor(option)


def makeNumberEditor(option: OptionInfo) -> Editor:
    """A slider where the range is closed and not too wide to hit a value, else a spin box."""
    decimals = 0 if option.type is int else decimalsOf(option)
    step = 1.0 if option.type is int else stepOf(option, decimals)
    closed = option.minimum is not None and option.maximum is not None
    slider = closed and (option.maximum - option.minimum) / step <= WIDEST_SLIDER
    if slider:
        widget, signal = ctk.ctkSliderWidget(), "valueChanged(double)"
    elif option.type is int:
        widget, signal = qt.QSpinBox(), "valueChanged(int)"
    else:
        widget, signal = qt.QDoubleSpinBox(), "valueChanged(double)"
    whole = not slider and option.type is int
    if not whole:
        widget.decimals = decimals
    low = -1e9 if option.minimum is None else option.minimum
    high = 1e9 if option.maximum is None else option.maximum
    widget.minimum, widget.maximum = (int(low), int(high)) if whole else (float(low), float(high))
    widget.singleStep = int(step) if whole else float(step)
    if option.unit:
        widget.suffix = f" {option.unit}"
    if option.type is int:
        return Editor(widget, "value", signal, lambda value: round(value))
    return Editor(widget, "value", signal, lambda value: round(float(value), decimals))


def decimalsOf(option: OptionInfo) -> int:
    """Digits after the point that show the default and the limits exactly, 2 to 8."""
    numbers = [n for n in (option.default, option.minimum, option.maximum) if n is not None]
    return min(max([2, *(-int(Decimal(repr(float(n))).as_tuple().exponent) for n in numbers)]), 8)


def stepOf(option: OptionInfo, decimals: int) -> float:
    """A power of ten: at most a hundredth of the range and a tenth of the default, and no finer than the decimals."""
    sizes = [abs(option.default) / 10] if option.default else []
    if option.minimum is not None and option.maximum is not None:
        sizes.append((option.maximum - option.minimum) / 100)
    size = min(sizes, default=0.1)
    return max(10.0 ** math.floor(math.log10(size)), 10.0**-decimals)
