"""The values of a run by region as a table for a screen: one row a map and region, the steps side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from ..scene.map_colors import shown_maps, styles
from .map_run import AFTER, BEFORE, MapRun
from .wording import region_name

DIGITS = {"ms": 1, "%": 1, "mL/g/min": 2, "1": 3}
SHORT = {BEFORE: "before", AFTER: "after"}


def compact_regions(run: MapRun) -> pd.DataFrame:
    """Columns Map (with unit), Region, then Pixels, Mean, SD, Median and Good fits (%) of each step.

    Only the maps that are worth looking at. The regions are those of `MapRun.regions`; their values are rounded. With
    two steps their columns end in "before" and "after".
    """
    return compact_table(run.regions, {name: styles(run.maps)[name].title for name in shown_maps(run.maps)})


def compact_table(regions: pd.DataFrame, titles: dict[str, str]) -> pd.DataFrame:
    """`compact_regions` of a table as `ParameterMaps.summary` gives it, with or without a column registration."""
    records = regions.to_dict("records")  # looked up by key: to filter the table for every cell takes a second
    by_key = {(row.get("registration", ""), row["parameter"], row["region"]): row for row in records}
    steps = list(dict.fromkeys(step for step, _, _ in by_key))
    rows: list[dict[str, object]] = []
    for name, title in titles.items():
        for region in dict.fromkeys(region for _, parameter, region in by_key if parameter == name):
            row: dict[str, object] = {"Map": title, "Region": region_name(str(region))}
            for step in steps:
                row |= _values(by_key.get((step, name, region)), f" {SHORT[step]}" if len(steps) > 1 else "")
            rows.append(row)
    return pd.DataFrame(rows)


def _values(row: Mapping[Any, Any] | None, ending: str) -> dict[str, object]:
    """A step's part of a row; NaN where the step has no such region."""
    if row is None:
        return {f"{name}{ending}": float("nan") for name in ("Pixels", "Mean", "SD", "Median", "Good fits (%)")}
    digits = DIGITS.get(row["unit"], 3)
    return {
        f"Pixels{ending}": int(row["n"]),
        **{f"{name}{ending}": round(float(row[key]), digits) for name, key in COLUMNS},
        f"Good fits (%){ending}": round(100 * float(row["survival"]), 1),
    }


COLUMNS = (("Mean", "mean"), ("SD", "SD"), ("Median", "median"))
