"""Strain as tidy .csv tables, each column naming its unit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..errors import CardiacMotionError
from ..scene.tables import MEASURES
from ..strain.segments import SEGMENT_NAMES
from .wording import name_and_unit

if TYPE_CHECKING:
    from ..strain import Strain

FRACTIONS = (
    "end_systolic",
    "peak_systolic",
    "peak",
    "end_cycle_residual",
)  # columns of the summary that become percent


def write_tables(strain: Strain, folder: str | Path) -> list[Path]:
    """Write the tables of a strain into ``folder``, strains in percent.

    ``strain_curves.csv``, ``strain_rates.csv`` and ``strain_summary.csv`` by component and region, ``volumes.csv`` and
    ``rotation.csv`` by frame, ``function.csv`` with one number a row. Missing values are empty cells.

    Raises
    ------
    CardiacMotionError
        when the folder cannot be written.
    """
    folder = Path(folder)
    tables = {
        "strain_summary": summary_table(strain),
        "strain_curves": curves_table(strain),
        "strain_rates": _with_names(strain.rates),
        "volumes": strain.volumes,
        "rotation": strain.rotation,
        "function": function_table(strain),
    }
    paths = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, table in tables.items():
            path = folder / f"{name}.csv"
            if not strain.timed and "time_ms" in table:
                table = table.assign(time_ms=np.nan)  # the frame column is all that is known
            table.to_csv(path, index=False, float_format="%.5g")
            paths.append(path)
    except OSError as error:
        raise CardiacMotionError(f"cannot write tables into {folder}: {error.strerror or error}") from error
    return paths


def curves_table(strain: Strain) -> pd.DataFrame:
    """Component, region, frame, time and strain in percent in both measures."""
    table = _with_names(strain.curves)
    table["green_lagrange_percent"] = 100 * table.pop("green")
    table["engineering_percent"] = 100 * table.pop("engineering")
    return table


def summary_table(strain: Strain) -> pd.DataFrame:
    """One row a component, region and measure; strains in percent."""
    table = _with_names(strain.summary)
    table["measure"] = table["measure"].map(MEASURES)
    for column in FRACTIONS:
        table[column] = 100 * table[column]
    renamed = {column: f"{column}_percent" for column in (*FRACTIONS, "post_systolic_index")}
    return table.rename(columns=renamed)


def function_table(strain: Strain) -> pd.DataFrame:
    """Volumes, mass, wall thickness and the global numbers: measure, value, unit."""
    rows = [(*name_and_unit(key), value) for key, value in strain.function.items()]
    return pd.DataFrame(rows, columns=["measure", "unit", "value"])[["measure", "value", "unit"]]


def _with_names(table: pd.DataFrame) -> pd.DataFrame:
    """A copy with the anatomical name of each AHA segment beside its number."""
    table = table.copy()
    names = table["region"].map(lambda region: SEGMENT_NAMES.get(int(region), "") if str(region).isdigit() else "")
    table.insert(list(table.columns).index("region") + 1, "region_name", names)
    return table
