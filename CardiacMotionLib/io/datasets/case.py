"""`Case` and `Examination`: one subject of a data set, found by its file names, and what reading it gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import CardiacMotionError
from ...series import ImageSeries
from ..files import natural_key, reading

if TYPE_CHECKING:
    from ...motion import Motion


@dataclass(frozen=True, eq=False)
class Examination:
    """What a case holds, read.

    Attributes
    ----------
    series
        The images, labels attached where the data set has them (1 RV, 2 LV myocardium, 3 LV cavity). ``meta`` has
        ``name``, ``source``, ``notes`` (what was unusual) and, where known, the frames ``end_diastole`` and
        ``end_systole`` as integers.
    motion
        True motion, where the data set has it.
    maps
        Images on the grid of the series: ``"T1"`` (K, J, I) ms, ``"phase_x"`` (T, K, J, I) rad, and so on.
    companions
        Other series of the same subject, each on its own grid: ``"tagged"``, ``"long_axis"``.
    landmarks
        {name: (N, 3) or (T, N, 3) RAS mm}.

    Raises
    ------
    CardiacMotionError
        for a map that is not on the grid of the series.
    """

    series: ImageSeries
    motion: Motion | None = None
    maps: Mapping[str, np.ndarray] = field(default_factory=dict)
    companions: Mapping[str, ImageSeries] = field(default_factory=dict)
    landmarks: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape = self.series.frames.shape
        for name, array in self.maps.items():
            if array.shape not in (shape, shape[1:]):
                raise CardiacMotionError(
                    f"{self.series.meta.get('source', 'the case')}: map {name} has shape {array.shape}; expected "
                    f"{shape[1:]} or {shape}, that of the images"
                )

    def __repr__(self) -> str:
        more = [f"{len(part)} {name}" for name in ("maps", "companions", "landmarks") if (part := getattr(self, name))]
        return f"Examination({', '.join([repr(self.series), *(['motion'] if self.motion else []), *more])})"


@dataclass(frozen=True, eq=False)
class Case:
    """One subject of a data set, known by its file names; nothing is read before `read`.

    Attributes
    ----------
    name
        The data set's name of the subject.
    layout
        Name of the layout, a key of `CardiacMotionLib.io.datasets.LAYOUTS`.
    path
        The subject's folder, or the file that holds the subject.
    facts
        What is known without reading images: ``group``, ``vendor``, ``center``, ``split``; ``labeled``, the frames
        (counted from 0) or phases (``"ED"``, ``"ES"``) that have labels, or ``"all"``; left out where only reading
        tells. No identifying data.
    reader
        Function of the layout that turns the case into an `Examination`; module level, so that a case can be sent to
        a worker.
    """

    name: str
    layout: str
    path: Path
    facts: Mapping[str, Any] = field(repr=False)
    reader: Callable[[Case], Examination] = field(repr=False)

    def read(self) -> Examination:
        """The images, labels and truth of the case.

        Raises
        ------
        CardiacMotionError
            for a file that is missing, damaged or not what the layout promises; the message names it.
        """
        with reading(self.path, f"case of layout {self.layout}"):
            return self.reader(self)


def folders_within(folder: Path, depth: int = 2) -> Iterator[Path]:
    """``folder`` and the folders under it down to ``depth`` levels, in natural order; hidden ones are left out.

    Paths are absolute, so that the names of a folder and of those above it can be asked for.
    """
    folder = folder.absolute()
    yield folder
    if depth > 0:
        for below in sorted((f for f in folder.iterdir() if f.is_dir()), key=natural_key):
            if not below.name.startswith("."):
                yield from folders_within(below, depth - 1)


def files_in(folder: Path) -> list[Path]:
    """The files of a folder in natural order; hidden ones (such as macOS writes into archives) are left out."""
    return sorted((f for f in folder.iterdir() if f.is_file() and not f.name.startswith(".")), key=natural_key)
