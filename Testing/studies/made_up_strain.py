"""A table of strain as the study of repeatability measures it, with errors that are known."""

from __future__ import annotations

import numpy as np
import pandas as pd

from CardiacMotionLib.studies.repeatability import COLUMNS
from CardiacMotionLib.studies.repeatability_views import condition_of

GROUPS = ("normal", "hcm", "dcm", "ischemic", "lbbb")
TYPICAL = {"GCS": -18.0, "GRS": 40.0, "Ecc": -18.0}


def made_up_strain(
    errors: dict[str, dict[str, float]], people: int = 10, spread: float = 0.2, bias: float = 0.0, seed: int = 0
) -> pd.DataFrame:
    """Values of ``people`` whose true strain has SD ``spread`` of itself; ``errors`` are SD in points by method, view.

    Every view but the base has ``bias`` added.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(people):
        for measure, mean in TYPICAL.items():
            for region in ["global"] if measure.startswith("G") else [str(n) for n in range(1, 17)]:
                truth = mean * (1 + spread * rng.standard_normal())
                for method, views in errors.items():
                    for view, error in views.items():
                        value = truth + error * rng.standard_normal() + (bias if view != "base" else 0.0)
                        who = ("synthetic", f"cine {number}", GROUPS[number % 5])
                        rows.append((*who, condition_of(view), view, method, measure, region, value, 1.0))
    return pd.DataFrame(rows, columns=list(COLUMNS))
