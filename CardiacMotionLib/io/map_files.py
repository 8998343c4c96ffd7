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
from .quantities import QUANTITIES, quantity_of, unit_code

if TYPE_CHECKING:
    from ..mapping.maps import ParameterMaps

MAP, UNIT, QUANTITY, UNIT_CODE = (PREFIX + name for name in ("map", "unit", "quantity", "unit_code"))


MAP_NAMES = {*QUANTITIES, *(f"{name}_SD" for name in QUANTITIES)}
SHORTEST_T1_MS = 20.0  # the median of a map below this is in seconds


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


def read_t1(path: str | Path) -> ParameterMaps:
    """T1 of one slice or stack in ms, and T1_SD where there is one, as `ecv` takes them.

    Parameters
    ----------
    path
        What ``cardiac-motion map`` wrote: its folder, or a ``T1.nrrd``, beside which ``T1_SD.nrrd`` is the SD. Or a T1
        map of a scanner or another program in ms: .nrrd, NIfTI, or DICOM.

    Raises
    ------
    CardiacMotionError
        for what is no map, a map of something else, or one in another unit.

    Values that are not above 0 count as not fitted: many programs write 0 for that.
    """
    from ..mapping.maps import ParameterMaps

    given = existing(path)
    inside = [folder / "T1.nrrd" for folder in (given / "maps", given)]
    file = next((one for one in inside if one.is_file()), given)
    found = _map_or_image(file)
    if found.unit not in ("", "ms") or (found.name != "T1" and MAP_NAMES & {found.name}):
        raise CardiacMotionError(f"{file} is a map of {found.name} ({found.unit or 'no unit'}); expected T1 in ms")
    spread = file.with_name("T1_SD.nrrd")
    maps = {
        "T1": found.values,
        **({"T1_SD": read_map(spread).values} if file.name == "T1.nrrd" and spread.is_file() else {}),
    }
    fitted = np.isfinite(found.values) & (found.values > 0)
    if not fitted.any():
        raise CardiacMotionError(f"{file}: no value is above 0; expected T1 in ms")
    if np.median(found.values[fitted]) < SHORTEST_T1_MS:
        raise CardiacMotionError(
            f"{file}: half of the values are below {SHORTEST_T1_MS:g}, which look like seconds; give T1 in ms"
        )
    kept = {name: np.where(fitted, values, np.float32(np.nan)) for name, values in maps.items()}
    units = dict.fromkeys(kept, "ms")
    return ParameterMaps(kept, units, found.affine, "t1", fitted, fitted, {}, {"input": str(path)})


def _map_or_image(file: Path) -> MapFile:
    """A map from one of our files, or an image of one frame that any reader knows."""
    if suffix_of(file) in (".nrrd", ".nhdr"):
        return read_map(file)
    from .nifti import read_nifti
    from .read import NIFTI, read_series

    series = read_nifti(file, missing=0.0) if suffix_of(file) in NIFTI else read_series(file)
    if len(series) != 1:
        raise CardiacMotionError(f"{file} has {len(series)} images; expected one T1 map")
    return MapFile("T1", series.frames[0], "", series.affine)
