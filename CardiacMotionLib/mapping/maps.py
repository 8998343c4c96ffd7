"""`ParameterMaps`: what a fit found in every pixel, how well, and from what."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ..errors import CardiacMotionError
from ..series import LABEL_NAMES, check_affine, check_labels
from ..whole_files import writing

LEAST_R2 = 0.9  # of a good fit
OF_MAP = "map."  # before the names of maps in a file


@dataclass(frozen=True, eq=False)
class ParameterMaps:
    """Maps on one voxel grid.

    Attributes
    ----------
    maps
        {name: (K, J, I) float32}, NaN outside the mask and where the fit failed: T1, T1_SD, T2, T2_SD, A, B, R2;
        perfusion, perfusion_SD.
    units
        {name: unit}: ms, mL/g/min, %, ``"1"`` of a number without unit, ``"a.u."`` of intensities.
    affine
        (4, 4) voxel (i, j, k) to RAS mm.
    model
        Name of the model.
    attempted
        (K, J, I) bool: where a fit was tried.
    fitted
        (K, J, I) bool: where it converged to plausible values.
    acquisition
        {name: times in ms or other settings} that the fit was told.
    provenance
        How the maps were made; JSON-serializable.
    notes
        Sentences for the user.

    Raises
    ------
    CardiacMotionError
        for maps and masks of different shapes.
    """

    maps: Mapping[str, np.ndarray]
    units: Mapping[str, str]
    affine: np.ndarray
    model: str
    attempted: np.ndarray
    fitted: np.ndarray
    acquisition: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "affine", check_affine(self.affine))
        for name, array in {**self.maps, "attempted": self.attempted, "fitted": self.fitted}.items():
            if array.ndim != 3 or array.shape != self.fitted.shape:
                raise CardiacMotionError(f"{name} has shape {array.shape}; expected {self.fitted.shape} (K, J, I)")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(K, J, I) of the grid."""
        return self.fitted.shape

    @property
    def spacing(self) -> np.ndarray:
        """(3,) voxel size in mm along i, j, k."""
        return np.linalg.norm(self.affine[:3, :3], axis=0)

    def __repr__(self) -> str:
        size = " x ".join(map(str, self.shape[::-1]))
        return f"ParameterMaps({self.model}: {', '.join(self.maps)}, {size} voxels, {int(self.fitted.sum())} fitted)"

    def __getitem__(self, name: str) -> np.ndarray:
        """The map of a name; raises `CardiacMotionError` for one that the model does not give."""
        if name not in self.maps:
            raise CardiacMotionError(f"no map {name!r} from model {self.model}; there are {', '.join(self.maps)}")
        return self.maps[name]

    def survival(self, mask: ArrayLike | None = None, least_r2: float = LEAST_R2) -> float:
        """Share of the pixels of ``mask`` (K, J, I) with a good fit; NaN for an empty mask.

        Good is a fit that converged, to values in the plausible ranges of the model, and has an R2 of ``least_r2`` or
        more where the model gives R2. Without a mask, of those where a fit was tried.
        """
        inside = self.attempted if mask is None else check_mask(mask, self.shape)
        good = self.fitted & (self.maps["R2"] >= least_r2) if "R2" in self.maps else self.fitted
        return float(good[inside].mean()) if inside.any() else float("nan")

    def summary(self, labels: ArrayLike | None = None, segments: ArrayLike | None = None) -> pd.DataFrame:
        """Tidy table: parameter (name of a map), unit, region; n, mean, SD and median over its fitted pixels; survival.

        Regions are those of ``labels`` (K, J, I) in the ACDC convention and the AHA segments ``segments`` (K, J, I), 0
        outside; without either ``"all"`` where a fit was tried. Raises `CardiacMotionError` for other shapes or values.
        """
        rows = []
        for region, inside in self._regions(labels, segments).items():
            survival = self.survival(inside)
            for name, values in self.maps.items():
                found = values[inside & np.isfinite(values)].astype(np.float64)
                figures = (
                    (found.mean(), found.std(ddof=1) if found.size > 1 else np.nan, np.median(found))
                    if found.size
                    else (np.nan,) * 3
                )
                rows.append((name, self.units[name], region, found.size, *figures, survival))
        return pd.DataFrame(rows, columns=["parameter", "unit", "region", "n", "mean", "SD", "median", "survival"])

    def _regions(self, labels: ArrayLike | None, segments: ArrayLike | None) -> dict[str, np.ndarray]:
        regions: dict[str, np.ndarray] = {}
        if labels is not None:
            checked = check_labels(labels, (1, *self.shape), 0)
            regions |= {name: checked == value for value, name in LABEL_NAMES.items() if (checked == value).any()}
        if segments is not None:
            numbers = np.asarray(segments)
            if numbers.shape != self.shape or not np.issubdtype(numbers.dtype, np.integer) or numbers.min() < 0:
                raise CardiacMotionError(
                    f"segments must be whole numbers from 0 of shape {self.shape} (K, J, I), got {numbers.dtype} of "
                    f"shape {numbers.shape}"
                )
            regions |= {str(number): numbers == number for number in np.unique(numbers) if number}
        return regions or {"all": self.attempted}

    def save(self, path: str | Path) -> Path:
        """Write to ``path``, an ``.npz`` file; raises `CardiacMotionError` for another name or where it cannot be."""
        path = Path(path)
        if path.suffix != ".npz":
            raise CardiacMotionError(f"cannot save maps as {path.name!r}; use a name ending in .npz")
        facts = {name: getattr(self, name) for name in ("units", "model", "acquisition", "provenance", "notes")}
        arrays = {OF_MAP + name: values for name, values in self.maps.items()}
        with writing(path) as temporary:
            np.savez_compressed(
                temporary,
                affine=self.affine,
                attempted=self.attempted,
                fitted=self.fitted,
                facts=json.dumps(facts),
                **arrays,  # type: ignore[arg-type]
            )
        return path

    @classmethod
    def load(cls, path: str | Path) -> ParameterMaps:
        """Read what `save` wrote; raises `CardiacMotionError` for anything else."""
        path = Path(path)
        try:
            with np.load(path, allow_pickle=False) as data:
                facts = json.loads(str(data["facts"]))
                maps = {name.removeprefix(OF_MAP): data[name] for name in data.files if name.startswith(OF_MAP)}
                return cls(
                    maps,
                    facts["units"],
                    data["affine"],
                    facts["model"],
                    data["attempted"],
                    data["fitted"],
                    facts["acquisition"],
                    facts["provenance"],
                    tuple(facts["notes"]),
                )
        except (OSError, EOFError, BadZipFile, KeyError, ValueError, TypeError, AttributeError, zlib.error) as error:
            if isinstance(error, CardiacMotionError):
                raise
            raise CardiacMotionError(f"cannot read {path}: {error}; expected maps saved as .npz") from error


def check_mask(mask: ArrayLike, shape: tuple[int, ...]) -> np.ndarray:
    """(K, J, I) bool; raises `CardiacMotionError` for another shape, or values other than 0 and 1."""
    array = np.asarray(mask)
    if array.shape != tuple(shape):
        raise CardiacMotionError(f"mask has shape {array.shape}, the images {tuple(shape)} (K, J, I)")
    if array.dtype != bool and not np.isin(array, (0, 1)).all():
        raise CardiacMotionError("mask must be true or false; of labels, compare first: labels == 2")
    return array.astype(bool)
