"""The scores of ``evaluate()`` in numbers and words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

Row = tuple[str, str, str]


def describe_quality(quality: pd.DataFrame) -> list[Row]:
    """(what, value, how to read it) from the scores of ``evaluate()``: means, and the worst frame where it matters."""
    return [*_overlap(quality), *_regularity(quality), *_residual(quality), *_truth(quality)]


def summarize_scores(quality: pd.DataFrame) -> pd.DataFrame:
    """One row a metric and structure: how many frames, and mean, least and largest value over them."""
    grouped = quality.groupby(["metric", "structure", "unit"], sort=False)["value"]
    return grouped.agg(frames="size", mean="mean", least="min", largest="max").reset_index()


def _overlap(quality: pd.DataFrame) -> Iterator[Row]:
    for structure, rows in _of(quality, "Dice").groupby("structure", sort=False):
        frames = ", ".join(str(frame) for frame in rows["frame"])
        where = f"frame {frames}" if len(rows) == 1 else f"{len(rows)} labeled frames"
        meaning = f"Overlap (3D Dice) of the carried label with the one drawn in {where}; 1 is perfect."
        yield f"Dice, {structure}", f"{rows['value'].mean():.3f}", meaning
    for structure, rows in _of(quality, "HD95").groupby("structure", sort=False):
        yield (
            f"Surface distance, {structure}",
            f"{rows['value'].mean():.1f} mm",
            "95th percentile of the distance between the two outlines (HD95).",
        )


def _regularity(quality: pd.DataFrame) -> Iterator[Row]:
    structure = "heart" if (quality["structure"] == "heart").any() else "whole"
    folding = _of(quality, "folding", structure)["value"]
    if len(folding):
        worst = folding.max()
        meaning = (
            "No voxel of the motion field folds over in any frame."
            if worst == 0
            else "Share of voxels where the field folds over in the worst frame; the motion is not physical there."
        )
        yield f"Folding, {'whole image' if structure == 'whole' else structure}", f"{worst:.2g} %", meaning
    volume = _of(quality, "|J-1|", "LV myocardium")["value"]
    if len(volume):
        worst = f"{100 * volume.max():.1f} % in the worst frame"
        meaning = f"Mean |J-1|, {worst}; living muscle keeps its volume within a few percent."
        yield "Volume change of the wall", f"{100 * volume.mean():.1f} %", meaning


def _residual(quality: pd.DataFrame) -> Iterator[Row]:
    after, before = _of(quality, "RMSE"), _of(quality, "RMSE before")
    if len(after) and len(before):
        first = f"{100 * before['value'].mean():.1f} % before"
        meaning = f"RMS difference from the reference once the motion is taken out, of the image's range; {first}."
        yield f"Residual, {after['structure'].iloc[0]}", f"{100 * after['value'].mean():.1f} %", meaning
    after, before = _of(quality, "NCC"), _of(quality, "NCC before")
    if len(after) and len(before):
        first = f"{before['value'].mean():.3f} before"
        meaning = f"Correlation with the reference once the motion is taken out; {first}."
        yield f"Correlation, {after['structure'].iloc[0]}", f"{after['value'].mean():.3f}", meaning


def _truth(quality: pd.DataFrame) -> Iterator[Row]:
    for metric, words in (("EPE", "in 3D"), ("EPE in plane", "in plane")):
        for structure, rows in _of(quality, metric).groupby("structure", sort=False):
            yield (
                f"Error {words}, {structure}",
                f"{rows['value'].mean():.2f} mm",
                "Mean distance from the true position.",
            )
    for metric in ("|Ecc error|", "|Err error|"):
        rows = _of(quality, metric)
        if len(rows):
            yield (
                metric,
                f"{100 * rows['value'].mean():.1f} %",
                "Mean absolute error of Green-Lagrange strain per voxel of the wall.",
            )


def _of(quality: pd.DataFrame, metric: str, structure: str | None = None) -> pd.DataFrame:
    rows = quality[quality["metric"] == metric]
    return rows if structure is None else rows[rows["structure"] == structure]
