"""The words and colors that every picture, table and page of a report shares."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..scene.colors import WINDOW_PERCENT
from ..strain.segments import SEGMENT_NAMES

RESEARCH_USE = "Research use only: not a medical device."

LEVELS = {"basal": range(1, 7), "mid": range(7, 13), "apical": range(13, 17)}

COLOR_MAP = "RdBu_r"  # readable with every common color blindness; blue shortens, red lengthens or thickens
COLOR_RANGE = WINDOW_PERCENT  # percent either side of zero, the same for every patient and in Slicer

REFERENCE_VALUES = (
    "Cine feature tracking, pooled over vendors, healthy adults (Vo 2018, n = 659): "
    "GCS -23.0 % (-24.3 to -21.7), GLS -20.1 %, GRS 34.1 % (28.5 to 39.7).",
    "cvi42, full stack, healthy adults (PMC8128822): GCS -17.6 ± 1.8 %, GRS 29.1 ± 4.8 %.",
)

FUNCTION_NAMES = {
    "EDV_ml": ("End-diastolic volume (EDV)", "ml"),
    "ESV_ml": ("End-systolic volume (ESV)", "ml"),
    "SV_ml": ("Stroke volume (SV)", "ml"),
    "EF_percent": ("Ejection fraction (EF)", "%"),
    "mass_g": ("Myocardial mass", "g"),
    "wall_thickness_ED_mm": ("Wall thickness at ED", "mm"),
    "wall_thickness_ES_mm": ("Wall thickness at ES", "mm"),
    "wall_thickening_percent": ("Wall thickening", "%"),
    "GCS_percent": ("Global circumferential strain (GCS) at ES, engineering", "%"),
    "GRS_percent": ("Global radial strain (GRS) at ES, engineering", "%"),
    "GLS_percent": ("Global longitudinal strain (GLS) at ES, engineering", "%"),
    "twist_deg": ("Twist at ES, apex against base", "deg"),
    "torsion_deg_per_cm": ("Torsion at ES", "deg/cm"),
    "SDI_ms": ("Dyssynchrony index (SD of time to peak)", "ms"),
    "SDI_percent": ("Dyssynchrony index", "% of the cycle"),
}
_UNITS = {
    "ml": "ml",
    "g": "g",
    "mm": "mm",
    "ms": "ms",
    "percent": "%",
    "deg": "deg",
    "deg_per_cm": "deg/cm",
    "per_s": "1/s",
}


def name_and_unit(key: str) -> tuple[str, str]:
    """Title and unit of a key such as ``EF_percent``; a key without a known unit is its own title and has none."""
    if key in FUNCTION_NAMES:
        return FUNCTION_NAMES[key]
    suffix = _unit_suffix(key)
    return key.removesuffix(f"_{suffix}").replace("_", " "), _UNITS.get(suffix, "")


def short_name(key: str) -> str:
    """A key such as ``EF_percent`` without its unit: ``EF``."""
    return key.removesuffix(f"_{_unit_suffix(key)}")


def _unit_suffix(key: str) -> str:
    """The longest suffix that names a unit, empty for none."""
    return max((suffix for suffix in _UNITS if key.endswith(f"_{suffix}")), key=len, default="")


def number_text(value: float, digits: int) -> str:
    """A number with so many digits after the point, a dash for NaN."""
    return "-" if math.isnan(value) else f"{round(value, digits) + 0.0:.{digits}f}"  # + 0.0: no minus before a zero


def region_name(region: str) -> str:
    """``"8"`` as ``"8 mid anteroseptal"``; other regions unchanged."""
    return f"{region} {SEGMENT_NAMES[int(region)]}" if region.isdigit() else region


def difference_unit(unit: str) -> str:
    """That of differences: of values in % they are percentage points, not % of a value."""
    return "points" if unit == "%" else unit


def weights_of(provenance: Mapping[str, Any]) -> str:
    """Name of the weights that made a motion, and the first digits of what tells them from others of that name."""
    name, digest = provenance.get("weights", ""), str(provenance.get("weights_sha256", ""))[:12]
    return f"{name} (sha256 {digest}...)" if name and digest else str(name)
