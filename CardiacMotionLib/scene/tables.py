"""Data frames as table nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .colors import SHORT_NAMES
from .headless import headless_scene

if TYPE_CHECKING:
    from ..strain import Strain
    from .tissue import Tissue

MEASURES = {"green": "Green-Lagrange", "engineering": "engineering"}


def table_from_dataframe(frame: pd.DataFrame, name: str) -> Any:
    """Table node with one typed column per column of ``frame``: text, whole numbers or numbers."""
    table = headless_scene().scene.AddNewNodeByClass("vtkMRMLTableNode", name)
    table.SetUseColumnTitleAsColumnHeader(True)
    table.SetAndObserveTable(vtk_table(frame))
    return table


def vtk_table(frame: pd.DataFrame) -> Any:
    """``vtkTable`` with one typed column per column of ``frame``."""
    import vtk
    from vtk.util.numpy_support import numpy_to_vtk

    table = vtk.vtkTable()
    for column in frame.columns:
        values = frame[column]
        if pd.api.types.is_bool_dtype(values) or not pd.api.types.is_numeric_dtype(values):
            array = vtk.vtkStringArray()
            array.SetNumberOfValues(len(values))
            for row, value in enumerate(values):
                array.SetValue(row, str(value))
        elif pd.api.types.is_integer_dtype(values):
            array = numpy_to_vtk(values.to_numpy(np.int32), deep=True)
        else:
            array = numpy_to_vtk(values.to_numpy(np.float64), deep=True)
        array.SetName(str(column))
        table.AddColumn(array)
    return table


def dataframe_from_table(table: Any) -> pd.DataFrame:
    """The data frame that a table node holds."""
    from vtk.util.numpy_support import vtk_to_numpy

    columns = {}
    for number in range(table.GetNumberOfColumns()):
        array = table.GetTable().GetColumn(number)
        is_text = array.IsA("vtkStringArray")
        values = (
            [array.GetValue(n) for n in range(array.GetNumberOfValues())] if is_text else vtk_to_numpy(array).copy()
        )
        columns[table.GetColumnName(number)] = values
    return pd.DataFrame(columns)


def curve_table(strain: Strain, component: str, measure: str) -> pd.DataFrame:
    """One row a frame: time, then strain in percent of the whole wall, the AHA segments and the layers."""
    rows = strain.curves[strain.curves["component"] == component]
    wide = rows.pivot(index="frame", columns="region", values=measure)
    regions = list(dict.fromkeys(rows["region"]))
    table = pd.DataFrame({time_title(strain): np.asarray(strain.times, dtype=float)})
    for region in regions:
        table[region_title(component, region)] = 100 * wide[region].to_numpy(float)
    return table


def time_title(timed: Strain | Tissue) -> str:
    """Header of the time column."""
    return "Time (ms)" if timed.timed else "Frame"


def region_title(component: str, region: str) -> str:
    """Header of a region's column, for example ``Ecc segment 7 (%)``."""
    return f"{SHORT_NAMES[component]} {'segment ' if region.isdigit() else ''}{region} (%)"


def add_strain_tables(strain: Strain, name: str, measure: str) -> dict[str, Any]:
    """Table nodes of a strain result by role: ``curves:<component>`` in percent, and its own tables by name."""
    return {
        role: table_from_dataframe(frame, f"{name} {title}")
        for role, (frame, title) in strain_tables(strain, measure).items()
    }


def strain_tables(strain: Strain, measure: str) -> dict[str, tuple[pd.DataFrame, str]]:
    """{role: (table, title)} of a strain result."""
    tables = {
        f"curves:{component}": (
            curve_table(strain, component, measure),
            f"{SHORT_NAMES[component]} curves ({MEASURES[measure]})",
        )
        for component in strain.components
    }
    function = pd.DataFrame(
        {"quantity": list(strain.function), "value": [float(value) for value in strain.function.values()]}
    )
    frames = {
        "summary": strain.summary,
        "function": function,
        "volumes": strain.volumes,
        "rotation": strain.rotation,
        "rates": strain.rates,
    }
    tables["regions"] = (region_overview(strain, measure), f"strain by region ({MEASURES[measure]})")
    return tables | {role: (frame, role) for role, frame in frames.items()}


def function_of(table_node: Any) -> dict[str, float]:
    """``strain.function``, read back from its table node."""
    table = dataframe_from_table(table_node)
    return dict(zip(table["quantity"].astype(str), table["value"].astype(float), strict=True))


def summary_of(table_node: Any) -> pd.DataFrame:
    """``strain.summary``, read back from its table node."""
    table = dataframe_from_table(table_node)
    texts = ("component", "region", "measure")
    return table.astype({name: str if name in texts else float for name in table.columns})


def region_overview(strain: Strain, measure: str) -> pd.DataFrame:
    """One row a region, to be read: strain in percent at end-systole and at its peak, and when that was."""
    from ..report.wording import region_name

    rows = strain.summary[strain.summary["measure"] == measure]
    table = pd.DataFrame({"Region": [region_name(str(region)) for region in dict.fromkeys(rows["region"])]})
    for component in strain.components:
        own = rows[rows["component"] == component]
        name = SHORT_NAMES[component]
        table[f"{name} at end-systole (%)"] = (100 * own["end_systolic"].to_numpy(float)).round(1)
        table[f"{name} peak (%)"] = (100 * own["peak"].to_numpy(float)).round(1)
        if strain.timed:
            table[f"{name} time to peak (ms)"] = own["time_to_peak_ms"].to_numpy(float).round(0)
    return table
