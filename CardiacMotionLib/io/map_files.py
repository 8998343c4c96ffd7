"""Parameter maps as .nrrd files whose header says what is measured and in which unit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..errors import CardiacMotionError
from ..series import check_affine
from .acquisition import PREFIX
from .files import existing, stem_of, suffix_of
from .nrrd_file import geometry_fields, grid_affine, load, write_nrrd
from .quantities import quantity_of, unit_code

if TYPE_CHECKING:
    from ..mapping.maps import ParameterMaps

MAP, UNIT, QUANTITY, UNIT_CODE = (PREFIX + name for name in ("map", "unit", "quantity", "unit_code"))


class MapFile(NamedTuple):
    """One map: its name (T1, T1_SD, ...), values (K, J, I) float32 with NaN where there is none, unit and affine."""

    name: str
    values: np.ndarray
    unit: str
    affine: np.ndarray


def write_map(values: Any, affine: Any, path: str | Path, name: str, unit: str) -> Path:
    """Write a map (K, J, I) as ``.nrrd``; NaN where there is no value stays NaN.

    The unit is in the field ``sample units`` of the format, and with the name of the map and the DICOM codes of both in
    the keys ``CardiacMotion.map``, ``.unit``, ``.quantity`` and ``.unit_code``. Slicer shows the map and keeps the keys
    of no volume; in a scene the node has the codes.
    """
    path, array = Path(path), np.asarray(values)
    if array.ndim != 3:
        raise CardiacMotionError(f"map {name} must have shape (K, J, I), got {array.shape}")
    if suffix_of(path) != ".nrrd":
        raise CardiacMotionError(f"cannot write a map as {path.name!r}; use a name ending in .nrrd")
    fields = {
        "content": name,
        **geometry_fields(check_affine(affine), 0, 0),
        "kinds": "domain domain domain",
        "sample units": unit,
    }
    keys = {MAP: name, UNIT: unit, QUANTITY: str(quantity_of(name)), UNIT_CODE: str(unit_code(unit))}
    return write_nrrd(array.astype(np.float32), fields, keys, path)


def write_maps(maps: ParameterMaps, folder: str | Path, *, ending: str = "") -> list[Path]:
    """Write every map as ``<name><ending>.nrrd`` into a folder."""
    return [
        write_map(values, maps.affine, Path(folder) / f"{name}{ending}.nrrd", name, maps.units[name])
        for name, values in maps.maps.items()
    ]


def read_map(path: str | Path) -> MapFile:
    """Read a map; a file of another program is named by its file name and has the unit of ``sample units``, if any.

    Raises `CardiacMotionError` for a file that is no ``.nrrd`` with one number a voxel of a volume.
    """
    path = existing(path)
    if suffix_of(path) not in (".nrrd", ".nhdr"):
        raise CardiacMotionError(f"{path}: expected a map as .nrrd")
    data, header = load(path)
    if data.ndim != 3:
        raise CardiacMotionError(f"{path}: the image has {data.ndim} axes {data.shape}; a map has 3 (I, J, K)")
    directions = header.get("space directions")
    rows = None if directions is None else np.asarray(directions, dtype=np.float64)
    name, unit = header.get(MAP) or stem_of(path), header.get(UNIT) or header.get("sample units", "")
    affine = grid_affine(header, rows, [0, 1, 2], [])
    return MapFile(str(name), data.transpose().astype(np.float32), str(unit).strip('"'), affine)
