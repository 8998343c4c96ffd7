"""The numbers of one subject as tidy rows (measure, region, value, unit)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ...report.quality import summarize_scores
from ...report.wording import name_and_unit, short_name

if TYPE_CHECKING:
    from ...motion import Motion
    from ...pipeline import Outcome
    from ...report.map_run import MapRun
    from ...strain import Strain

Row = tuple[str, str, float, str]  # measure, region, value, unit
VENTRICLE, WHOLE = "LV", "whole"
WORST = ("folding", "|J-1|")  # metrics of which the largest of all frames counts, too
STRAIN_COLUMNS = ("end_systolic", "peak")


def measures_of_motion(outcome: Outcome) -> list[Row]:
    """Function, strain by region, and scores of the motion."""
    rows = [] if outcome.strain is None else [*_function(outcome.strain), *_strain(outcome.strain)]
    return _known([*rows, *_quality(outcome), *_time(outcome.motion)])


def measures_of_maps(run: MapRun) -> list[Row]:
    """Means of the maps by region, as acquired and registered, and scores."""
    from ...report.map_run import BEFORE

    rows: list[Row] = []
    for table, name, value in ((run.regions, "parameter", "mean"), (run.scores, "metric", "value")):
        for row in table.to_dict("records"):
            before = f" {BEFORE}" if run.after is not None and row["registration"] == BEFORE else ""
            unit = "" if str(row[name]).startswith("D_PCA") else str(row["unit"])
            rows.append((f"{row[name]}{before}", str(row["region"]), row[value], unit))
    return _known([*rows, *_time(run.motion)])


def _known(rows: list[Row]) -> list[Row]:
    """Without those that were not measured; numbers as JSON has them."""
    return [(name, region, float(value), unit) for name, region, value, unit in rows if math.isfinite(value)]


def _function(strain: Strain) -> Iterator[Row]:
    for key, value in strain.function.items():
        yield short_name(key), VENTRICLE, value, name_and_unit(key)[1]


def _strain(strain: Strain) -> Iterator[Row]:
    """``circumferential_end_systolic`` and so on, by AHA segment and layer, engineering and Green-Lagrange."""
    for row in strain.summary.to_dict("records"):
        engineering = row["measure"] == "engineering"
        name, region = row["component"], str(row["region"])
        for column in STRAIN_COLUMNS:
            yield f"{name}_{column}{'' if engineering else '_green'}", region, 100 * row[column], "%"
        if engineering and strain.timed:
            yield f"{name}_time_to_peak", region, row["time_to_peak_ms"], "ms"


def _quality(outcome: Outcome) -> Iterator[Row]:
    """Mean over the frames of every score."""
    for row in summarize_scores(outcome.quality).to_dict("records"):
        metric, where = str(row["metric"]), str(row["structure"])
        unit = "" if metric.startswith("D_PCA") else str(row["unit"])
        yield metric, where, row["mean"], unit
        if metric in WORST:
            yield f"{metric}, worst frame", where, row["largest"], unit


def _time(motion: Motion | None) -> Iterator[Row]:
    seconds: Any = None if motion is None else motion.provenance.get("seconds")
    if seconds is not None:
        yield "registration_time", WHOLE, float(seconds), "s"
