"""One self-contained page: numbers, animated cine, bullseye, curves, quality and notes. It names no patient."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .bullseye import draw_bullseye, segment_values
from .cine import cine_frames, frame_duration
from .curves import draw_curves
from .figures import png_bytes
from .html import image_uri, png_uri, write_page
from .quality import describe_quality
from .wording import REFERENCE_VALUES, RESEARCH_USE, name_and_unit, number_text, region_name, weights_of

if TYPE_CHECKING:
    import pandas as pd

    from ..motion import Motion
    from ..series import ImageSeries
    from ..strain import Strain

HEADLINE = ("EF_percent", "EDV_ml", "ESV_ml", "GCS_percent", "GRS_percent", "GLS_percent", "torsion_deg_per_cm")


def write_report(
    series: ImageSeries,
    motion: Motion,
    strain: Strain,
    quality: pd.DataFrame | None,
    path: str | Path,
    *,
    title: str = "Cardiac motion and strain",
) -> Path:
    """Write one ``.html`` that needs nothing else: no network, no other file.

    Parameters
    ----------
    series, motion, strain
        What was registered and what came of it, on one grid and from one reference.
    quality
        Table of ``evaluate()``, or None when nothing was measured.
    path
        The .html to write.
    title
        Heading; give no name of a patient.

    Raises
    ------
    CardiacMotionError
        when strain and motion start from different references, jinja2 is missing or the file cannot be written.
    """
    strain.check_reference(motion)
    return write_page("page.html.j2", page_content(series, motion, strain, quality, title), path)


def page_content(
    series: ImageSeries, motion: Motion, strain: Strain, quality: pd.DataFrame | None, title: str
) -> dict[str, Any]:
    """Everything the template names."""
    component = strain.components[0]
    slices, height, width = series.shape
    spacing = " x ".join(f"{size:.2f}" for size in series.spacing)
    cycle = f" over {motion.times[-1] - motion.times[0]:.0f} ms" if motion.timed else ""
    return {
        "title": title,
        "subtitle": f"{len(series)} frames{cycle}, {slices} x {width} x {height} voxels of {spacing} mm",
        "research_use": RESEARCH_USE,
        "headline": headline(strain),
        "overlay_name": f"{component} strain",
        "frames": [image_uri(frame) for frame in cine_frames(series, motion, strain, component)],
        "still": strain.end_systole,
        "duration": frame_duration(motion),
        "bullseye": png_uri(png_bytes(draw_bullseye(strain, strain.components))) if strain.segments.any() else "",
        "curves": png_uri(png_bytes(draw_curves(strain))),
        "quality": describe_quality(quality) if quality is not None else [],
        "function": [(*_split(key, value),) for key, value in strain.function.items() if _is_number(value)],
        "components": [c.capitalize() for c in strain.components],
        "time_unit": " in ms" if strain.timed else " (not known: the series has no times)",
        "segments": _segment_rows(strain),
        "notes": [*strain.notes, *motion.provenance.get("notes", ()), *series.meta.get("notes", ())],
        "reference_values": REFERENCE_VALUES,
        "provenance": _provenance(motion, strain),
    }


def headline(strain: Strain) -> list[tuple[str, str, str]]:
    """The numbers asked for first, as (short name, value, unit)."""
    short = {"torsion_deg_per_cm": "Torsion"}
    found = [(key, strain.function[key]) for key in HEADLINE if _is_number(strain.function.get(key))]
    return [
        (short.get(key, key.split("_")[0]), f"{value:.1f}", name_and_unit(key)[1].replace("deg", "°"))
        for key, value in found
    ]


def _segment_rows(strain: Strain) -> list[list[str]]:
    columns = [
        (values, digits)
        for component in strain.components
        for values, digits in (
            (segment_values(strain, component, "engineering"), 1),
            (segment_values(strain, component, "green"), 1),
            (_times_to_peak(strain, component), 0),
        )
    ]
    regions = ["global", *map(str, range(1, 17))]
    return [
        [region_name(region), *(number_text(values[region], digits) for values, digits in columns)]
        for region in regions
    ]


def _times_to_peak(strain: Strain, component: str) -> dict[str, float]:
    rows = strain.summary
    rows = rows[(rows["component"] == component) & (rows["measure"] == "engineering")]
    found = dict(zip(rows["region"].astype(str), rows["time_to_peak_ms"], strict=True))
    return {region: float(found.get(region, math.nan)) for region in ["global", *map(str, range(1, 17))]}


def _provenance(motion: Motion, strain: Strain) -> list[tuple[str, str]]:
    known = motion.provenance
    options = ", ".join(f"{name} = {value}" for name, value in dict(known.get("options", {})).items())
    rows = [
        ("Method", known.get("method", "unknown")),
        ("Citation", known.get("citation", "")),
        ("Options", options),
        ("Weights", weights_of(known)),
        ("Started from", known.get("init", "")),
        ("Reference frame", strain.reference),
        ("End-systolic frame", strain.end_systole),
        ("Seed", known.get("seed", "")),
        ("Device", known.get("device", "")),
        ("Registration time (s)", known.get("seconds", "")),
        ("CardiacMotion version", known.get("version", "")),
    ]
    return [(name, str(value)) for name, value in rows if value not in ("", None)]


def _split(key: str, value: float) -> tuple[str, str, str]:
    name, unit = name_and_unit(key)
    return name, f"{value:.1f}", unit


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)
