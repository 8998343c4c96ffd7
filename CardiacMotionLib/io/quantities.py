"""What the maps measure and in which unit, as DICOM codes them (PS3.16; UCUM for units)."""

from __future__ import annotations

from typing import NamedTuple


class Code(NamedTuple):
    """A coded concept."""

    value: str
    scheme: str
    meaning: str

    def __str__(self) -> str:
        """As Slicer writes a coded entry."""
        return f"CodeValue:{self.value}|CodingSchemeDesignator:{self.scheme}|CodeMeaning:{self.meaning}"


OWN = "99CARDIACMOTION"  # schemes that begin with 99 are private: there is no standard code for these
DEVIATION = Code("386136009", "SCT", "Standard Deviation")
QUANTITIES = {
    "T1": Code("113063", "DCM", "T1"),
    "T2": Code("113065", "DCM", "T2"),
    "perfusion": Code("126390", "DCM", "Absolute Regional Blood Flow"),
    "ECV": Code("ECV", OWN, "Extracellular volume fraction"),
    "R2": Code("R2", OWN, "Coefficient of determination"),
    "A": Code("A", OWN, "Signal of the undisturbed magnetization"),
    "B": Code("B", OWN, "Signal that the preparation takes away"),
}
UNITS = {
    "ms": Code("ms", "UCUM", "millisecond"),
    "mL/g/min": Code("mL/g/min", "UCUM", "milliliter per gram and minute"),
    "%": Code("%", "UCUM", "Percent"),
    "1": Code("1", "UCUM", "no units"),
    "a.u.": Code("[arb'U]", "UCUM", "arbitrary unit"),
}


def quantity_of(name: str) -> Code:
    """The code of a map, such as T1 or T1_SD; a private one for a name that is not known."""
    if name.endswith("_SD"):
        return DEVIATION
    return QUANTITIES.get(name, Code(name, OWN, name))


def unit_code(unit: str) -> Code:
    """The code of a unit; a unit that is not known is its own UCUM text."""
    return UNITS.get(unit, Code(unit, "UCUM", unit))


def unit_of(code_value: str) -> str:
    """The unit that `unit_code` gave this code."""
    return next((unit for unit, code in UNITS.items() if code.value == code_value), code_value)
