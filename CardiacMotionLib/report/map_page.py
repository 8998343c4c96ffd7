"""One self-contained page on maps: numbers, pictures before and after registration, regions, how it was made."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from ..scene.map_colors import styles
from .figures import png_bytes
from .html import image_uri, png_uri, write_page
from .map_images import FRAME_MS, image_frames
from .map_run import TRIED, MapRun, headline, headline_region, notes_of
from .map_words import MEANING
from .maps import Panel, draw_maps
from .wording import RESEARCH_USE, number_text, region_name, weights_of

UNITS = {"delays": "ms", "t1_blood": "ms", "partition": "mL/g"}  # of what a model is told beside times


def write_map_report(run: MapRun, path: str | Path, *, title: str = "Parameter maps") -> Path:
    """Write one ``.html`` that needs nothing else: no network, no other file.

    Parameters
    ----------
    run
        Maps and what they were made from.
    path
        The .html to write.
    title
        Heading; give no name of a patient.

    Raises
    ------
    CardiacMotionError
        when jinja2 is missing or the file cannot be written.
    """
    return write_page("map_page.html.j2", map_page_content(run, title), path)


def map_page_content(run: MapRun, title: str) -> dict[str, Any]:
    """Everything the template names."""
    slices, height, width = run.series.shape
    spacing = " x ".join(f"{size:.2f}" for size in run.series.spacing)
    shown = styles(run.maps, run.labels_after)
    return {
        "title": title,
        "subtitle": f"{len(run.series)} images, {slices} x {width} x {height} voxels of {spacing} mm",
        "research_use": RESEARCH_USE,
        "registered": run.after is not None,
        "headline": headline(run),
        "where": headline_region(run) if run.labels is not None else f"all pixels {TRIED}: there are no labels",
        "picture": png_uri(png_bytes(draw_maps(panels(run)))),
        "frames": [image_uri(image) for image in image_frames(run)],
        "duration": FRAME_MS,
        "regions": _region_rows(run, {name: style.title for name, style in shown.items()}),
        "steps": [step.capitalize() for step, *_ in run.steps],
        "scores": _score_rows(run),
        "acquisition": _acquisition(run),
        "notes": list(dict.fromkeys(_notes(run))),
        "provenance": _provenance(run),
    }


def panels(run: MapRun) -> list[Panel]:
    """What is drawn: the maps as acquired and after registration, with their labels."""
    return [
        Panel(step.capitalize() if run.after else "As acquired", maps, labels) for step, _, maps, labels in run.steps
    ]


def _region_rows(run: MapRun, titles: dict[str, str]) -> list[list[str]]:
    """A row a map and region: title, region, and for every step mean, SD and survival."""
    table = run.regions
    rows = []
    for name in titles:
        if run.maps.units[name] == "a.u." or name == "R2" or name.endswith("_SD"):
            continue
        of_map = table[table["parameter"] == name]
        for region in dict.fromkeys(of_map["region"]):
            cells = []
            for step, *_ in run.steps:
                found = of_map[(of_map["region"] == region) & (of_map["registration"] == step)]
                cells += _cells(found, 0 if name == "T1" else 2 if name == "perfusion" else 1)
            rows.append([titles[name], region_name(region), *cells])
    return rows


def _cells(found: Any, digits: int) -> list[str]:
    if not len(found):
        return ["-"] * 3
    row = found.iloc[0]
    return [
        number_text(row["mean"], digits),
        number_text(row["SD"], digits),
        number_text(100 * row["survival"], 0),
    ]


def _score_rows(run: MapRun) -> list[tuple[str, list[str], str]]:
    """(what and where, value for every step, how to read it)."""
    scores = run.scores
    rows = []
    for metric in dict.fromkeys(scores["metric"]):
        found = scores[scores["metric"] == metric]
        values = {
            row["registration"]: f"{row['value']:.3g} {row['unit'] if row['unit'] == '%' else ''}".strip()
            for _, row in found.iterrows()
        }
        where = found["region"].iloc[0]
        counted = f" ({found['unit'].iloc[0]})" if metric.startswith("D_PCA") else ""
        rows.append(
            (f"{metric}, {where}", [values.get(step, "-") for step, *_ in run.steps], MEANING[metric] + counted)
        )
    return rows


def _acquisition(run: MapRun) -> list[tuple[str, str]]:
    rows = [("Model", run.maps.model)]
    for name, value in run.maps.acquisition.items():
        text = ", ".join(_time(v) for v in value) if isinstance(value, (list, tuple, np.ndarray)) else str(value)
        unit = " (ms)" if name.endswith("times") else f" ({UNITS[name]})" if name in UNITS else ""
        rows.append((name.replace("_", " ").capitalize() + unit, text))
    return rows


def _time(value: Any) -> str:
    if isinstance(value, (bool, np.bool_)):
        return "tag" if value else "control"
    return "none" if math.isinf(value) else f"{value:g}"


def _notes(run: MapRun) -> list[str]:
    return [*notes_of(run), *run.series.meta.get("notes", ())]


def _provenance(run: MapRun) -> list[tuple[str, str]]:
    fit, motion = run.maps.provenance, {} if run.motion is None else run.motion.provenance
    options = ", ".join(f"{name} = {value}" for name, value in dict(motion.get("options", {})).items())
    rows = [
        ("Registration", motion.get("method", "none")),
        ("Citation", motion.get("citation", "")),
        ("Options", options),
        ("Weights", weights_of(motion)),
        ("Space of the maps", "" if run.motion is None else run.motion.origin),
        ("Labels of frame", "" if run.frame is None else run.frame),
        ("Seed", motion.get("seed", "")),
        ("Registration time (s)", motion.get("seconds", "")),
        ("Sign of the images", fit.get("sign", "")),
        ("Loss", fit.get("loss", "")),
        ("Device", fit.get("device", "")),
        ("CardiacMotion version", fit.get("version", "")),
    ]
    return [(name, str(value)) for name, value in rows if value not in ("", None)]
