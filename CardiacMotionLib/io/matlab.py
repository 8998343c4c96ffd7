"""MATLAB files, version 5 to 7 and 7.3, as plain Python: structures are dicts, arrays of structures lists of dicts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .files import package, reading

HDF5_NEEDED = "reading MATLAB v7.3 files (cardiac-motion[matlab])"
HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
USER_BLOCK = 512  # MATLAB writes its own header before the HDF5 part


def is_hdf5(path: Path) -> bool:
    """Whether a MATLAB file is of version 7.3."""
    with reading(path, "MATLAB file"), path.open("rb") as file:
        start = file.read(USER_BLOCK + len(HDF5_SIGNATURE))
    return start.startswith(HDF5_SIGNATURE) or start[USER_BLOCK:] == HDF5_SIGNATURE


def variables(path: Path) -> dict[str, tuple[int, ...]]:
    """{variable: shape in MATLAB's order} of a file, without reading the arrays."""
    if is_hdf5(path):
        h5py = package("h5py", HDF5_NEEDED)
        with reading(path, "MATLAB v7.3 file"), h5py.File(path, "r") as file:
            return {name: getattr(file[name], "shape", (1, 1))[::-1] for name in file if not name.startswith("#")}
    from scipy.io import whosmat

    with reading(path, "MATLAB file"):
        return {name: tuple(shape) for name, shape, _ in whosmat(path)}


def load(path: Path, names: Sequence[str] | None = None) -> dict[str, Any]:
    """{variable: value} of a MATLAB file; with ``names``, only these, as far as the file has them.

    Arrays keep MATLAB's order of axes without axes of length 1; cell arrays are arrays of objects; text is str.

    Raises
    ------
    CardiacMotionError
        for a damaged file, or one of version 7.3 where h5py is not installed.
    """
    if is_hdf5(path):
        h5py = package("h5py", HDF5_NEEDED)
        with reading(path, "MATLAB v7.3 file"), h5py.File(path, "r") as file:
            chosen = [n for n in file if not n.startswith("#") and (names is None or n in names)]
            return {name: _plain(h5py, file, file[name]) for name in chosen}
    from scipy.io import loadmat

    with reading(path, "MATLAB file"):
        content = loadmat(path, variable_names=names, simplify_cells=True)
    return {name: value for name, value in content.items() if not name.startswith("__")}


def entries(value: Any) -> list[Any]:
    """The elements of a cell array or array of structures; one structure is a list of one, an empty array of none."""
    if isinstance(value, list):
        return value
    if not isinstance(value, np.ndarray) or (value.dtype != object and value.size):
        return [value]  # a structure, or a cell of one array, which comes without its cell
    return list(value.ravel())


def _plain(h5py: Any, file: Any, item: Any) -> Any:
    """What scipy gives for the same value: MATLAB stores arrays transposed and refers to the elements of cells."""
    if isinstance(item, h5py.Group):
        fields = {name: _plain(h5py, file, item[name]) for name in item}
        of_array = [n for n in item if isinstance(item[n], h5py.Dataset) and "MATLAB_class" not in item[n].attrs]
        if not of_array:
            return fields
        return [{n: fields[n].ravel()[k] for n in fields} for k in range(item[of_array[0]].size)]
    kind = item.attrs.get("MATLAB_class", b"").decode()
    if item.attrs.get("MATLAB_empty", 0):
        return "" if kind == "char" else np.zeros(0)
    if item.dtype == h5py.ref_dtype:
        values = np.empty(item.shape[::-1], dtype=object)
        references = item[()].transpose()
        for place in np.ndindex(values.shape):
            values[place] = _plain(h5py, file, file[references[place]])
        return np.squeeze(values)
    array = np.squeeze(item[()].transpose())
    if kind == "char":
        return "".join(chr(code) for code in array.ravel(order="F"))
    return array[()] if array.ndim == 0 else array
