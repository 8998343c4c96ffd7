"""Points and cells of legacy VTK files (``# vtk DataFile``), ASCII and binary, without VTK.

Data sets of meshes and landmarks come as POLYDATA or UNSTRUCTURED_GRID; the points of both are read alike. Cells are
read in the layout up to version 4.2 (a count before the corners of each cell). See "VTK File Formats" in the VTK
User's Guide.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from ..errors import CardiacMotionError
from .files import reading

BINARY_TYPES = {"float": ">f4", "double": ">f8", "int": ">i4", "short": ">i2", "long": ">i8"}
MAGIC = b"# vtk DataFile"


def read_points(path: Path) -> np.ndarray:
    """(N, 3) float64 coordinates as they are in the file.

    Raises
    ------
    CardiacMotionError
        for a file that is not legacy VTK, or has no or too few points.
    """
    content = _content(path)
    header = re.search(rb"^POINTS\s+(\d+)\s+(\w+)[^\n]*\n", content, flags=re.MULTILINE)
    if header is None:
        raise CardiacMotionError(f"{path}: no POINTS in this VTK file; expected a mesh or a set of points")
    values = _numbers(path, content, header.end(), 3 * int(header[1]), header[2].decode())
    return values.astype(np.float64).reshape(-1, 3)


def read_cells(path: Path) -> dict[int, np.ndarray]:
    """{number of corners: (n, corners) point numbers} of the cells or polygons; empty where the file has none."""
    content = _content(path)
    header = re.search(rb"^(?:CELLS|POLYGONS)\s+(\d+)\s+(\d+)[^\n]*\n", content, flags=re.MULTILINE)
    if header is None:
        return {}
    if content[header.end() :].startswith(b"OFFSETS"):
        raise CardiacMotionError(f"{path}: cells in the layout of VTK 5.1; save the mesh as legacy VTK version 4.2")
    values = _numbers(path, content, header.end(), int(header[2]), "int").astype(np.int64)
    cells: dict[int, list[np.ndarray]] = {}
    at = 0
    while at < len(values):
        corners = int(values[at])
        cells.setdefault(corners, []).append(values[at + 1 : at + 1 + corners])
        at += corners + 1
    return {corners: np.array(group) for corners, group in cells.items()}


def _content(path: Path) -> bytes:
    with reading(path, "VTK file"):
        content = path.read_bytes()
    if not content.startswith(MAGIC):
        raise CardiacMotionError(f"{path}: not a legacy VTK file; its first line should start with '# vtk DataFile'")
    return content


def _numbers(path: Path, content: bytes, start: int, count: int, kind: str) -> np.ndarray:
    """``count`` numbers from byte ``start``; binary ones are big-endian."""
    if kind not in BINARY_TYPES:
        raise CardiacMotionError(f"{path}: numbers of type {kind} are not read; expected one of {list(BINARY_TYPES)}")
    if content.split(b"\n", 3)[2].strip().upper() == b"BINARY":
        values = np.frombuffer(content[start : start + count * np.dtype(BINARY_TYPES[kind]).itemsize], "u1")
        if values.size == count * np.dtype(BINARY_TYPES[kind]).itemsize:
            return values.view(BINARY_TYPES[kind])
        found = values.size // np.dtype(BINARY_TYPES[kind]).itemsize
    else:
        words = content[start:].split(None, count)[:count]
        if len(words) == count:
            with reading(path, "VTK file"):
                return np.array([float(word) for word in words])
        found = len(words)
    raise CardiacMotionError(f"{path}: the file ends after {found} of {count} numbers; it was cut off")
