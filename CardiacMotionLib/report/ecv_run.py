"""Extracellular volume of two T1 maps with its regions: what the command and the panel share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..mapping.ecv import ecv
from ..mapping.maps import ParameterMaps
from ..scene.map_colors import shown_maps, styles
from .map_run import segments_or_none, with_names
from .map_tables import compact_table


@dataclass(frozen=True, eq=False)
class EcvRun:
    """ECV by region.

    Attributes
    ----------
    maps
        ECV and ECV_SD in %.
    labels
        (K, J, I) that the blood and the regions are of.
    regions
        Tidy table as `ParameterMaps.summary` gives it, with the names of the AHA segments.
    notes
        Sentences for the user.
    """

    maps: ParameterMaps
    labels: np.ndarray
    regions: pd.DataFrame
    notes: tuple[str, ...]

    @property
    def table(self) -> pd.DataFrame:
        """The regions for a screen; see `compact_table`."""
        shown = styles(self.maps, self.labels)
        return compact_table(self.regions, {name: shown[name].title for name in shown_maps(self.maps)})


def compute_ecv(pre: ParameterMaps, post: ParameterMaps, labels: np.ndarray, hematocrit: float) -> EcvRun:
    """ECV of T1 before and after contrast agent, with labels (K, J, I) in the ACDC convention.

    Raises `CardiacMotionError` as `ecv` does.
    """
    maps = ecv(pre, post, labels, hematocrit)
    segments, notes = segments_or_none(labels, maps.affine)
    regions = with_names(maps.summary(labels, segments if segments.any() else None))
    return EcvRun(maps, labels, regions, (*maps.notes, *notes))
