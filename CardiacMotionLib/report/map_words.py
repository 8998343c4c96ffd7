"""The scores of maps in words."""

from __future__ import annotations

import math

import pandas as pd

MEANING = {
    "survival": "Share of the pixels whose fit converged to plausible values with R² of 0.9 or more.",
    "median R2": "Share of the signal's variation that the fit explains, median over the fitted pixels.",
    "D_PCA1": "What is left in the images beside their first modes; 0 is the same anatomy in every image.",
    "D_PCA2": "Sum of the eigenvalues of the images' correlations, weighted by their rank; smaller is more alike.",
    "folding": "Share of voxels, over all frames, where the motion folds over; it is not physical there.",
}
TITLES = {
    "survival": "Good fits",
    "median R2": "Fit explains (R²)",
    "D_PCA1": "Mismatch of the images (D_PCA1)",
    "D_PCA2": "Mismatch of the images (D_PCA2)",
    "folding": "Folding of the motion",
}
DIGITS = {"survival": 1, "median R2": 3, "folding": 2}


def describe_scores(scores: pd.DataFrame) -> list[tuple[str, str, str]]:
    """(what, value as acquired and after registration, how to read it) of the scores of a `MapRun`."""
    rows = []
    for metric in dict.fromkeys(scores["metric"]):
        found = scores[scores["metric"] == metric]
        unit = " %" if (found["unit"] == "%").all() else ""
        values = [_number(float(value), DIGITS.get(metric, 2)) + unit for value in found["value"]]
        where, counted = found["region"].iloc[0], "" if unit else found["unit"].iloc[0]
        meaning = f"{MEANING.get(metric, '')} ({where}{', ' + counted if counted else ''})"
        rows.append((TITLES.get(metric, metric), " → ".join(values), meaning))
    return rows


def _number(value: float, digits: int) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f}"
