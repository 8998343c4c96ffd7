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
    records = scores.to_dict("records")
    for metric in dict.fromkeys(row["metric"] for row in records):
        found = [row for row in records if row["metric"] == metric]
        unit = " %" if found[0]["unit"] == "%" else ""
        values = [_number(float(row["value"]), DIGITS.get(metric, 2)) + unit for row in found]
        counted = f", {found[0]['unit']}" if found[0]["unit"] and not unit else ""
        meaning = f"{MEANING.get(metric, '')} ({found[0]['region']}{counted})"
        rows.append((TITLES.get(metric, metric), " → ".join(values), meaning))
    return rows


def _number(value: float, digits: int) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f}"
