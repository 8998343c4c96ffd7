"""Maps before and after registration, side by side: what a report of them is made from."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy import ndimage

from ..errors import CardiacMotionError
from ..mapping.maps import ParameterMaps
from ..mapping.models import parameters_of
from ..metrics import AROUND_HEART_MM, pca_dissimilarity
from ..motion import Motion
from ..series import MYOCARDIUM, ImageSeries
from ..strain.segments import SEGMENT_NAMES
from ..strain.wall_segments import find_segments

Notes = tuple[str, ...]
BEFORE, AFTER = "before registration", "after registration"
WORSE = "The registration made it worse"  # how the warning begins
# What may change without a warning.
LIKENESS_MARGIN = 0.02  # of D_PCA1 and D_PCA2, as a share of what it was
R2_MARGIN = 0.005
SURVIVAL_MARGIN = 1.0  # percentage points
WALL = "LV myocardium"
HEART, TRIED = f"heart and {AROUND_HEART_MM:g} mm", "where a fit was tried"


@dataclass(frozen=True, eq=False)
class MapRun:
    """One series, its maps as acquired and, where it was registered, after registration.

    Attributes
    ----------
    series
        The images as acquired.
    before
        Maps of them.
    motion, registered, after
        The motion, the images drawn in its reference, and maps of those; None without registration.
    frame
        The labeled frame, None without labels.
    labels
        (K, J, I) of that frame.
    labels_after
        The same drawn in the reference of the motion.
    segments
        AHA segments of ``labels`` and of ``labels_after``.
    notes
        Sentences for the user about the segments.
    """

    series: ImageSeries
    before: ParameterMaps
    motion: Motion | None = None
    registered: ImageSeries | None = None
    after: ParameterMaps | None = None
    frame: int | None = None
    labels: np.ndarray | None = None
    labels_after: np.ndarray | None = None
    segments: list[np.ndarray] = field(default_factory=list)
    notes: tuple[str, ...] = ()

    @property
    def maps(self) -> ParameterMaps:
        """The maps that count: after registration, if there was one."""
        return self.before if self.after is None else self.after

    @property
    def modes(self) -> int:
        """L of D_PCA1: as many modes as the signal has parameters, but fewer than there are images."""
        return min(len(parameters_of(self.maps.model, self.maps.provenance.get("settings"))), len(self.series) - 1)

    @cached_property
    def regions(self) -> pd.DataFrame:
        """What `region_table` says of this run, computed once."""
        return region_table(self)

    @cached_property
    def table(self) -> pd.DataFrame:
        """The regions for a screen, computed once; see `compact_regions`."""
        from .map_tables import compact_regions

        return compact_regions(self)

    @cached_property
    def scores(self) -> pd.DataFrame:
        """What `score_table` says of this run, computed once."""
        return score_table(self)

    @property
    def steps(self) -> list[tuple[str, ImageSeries, ParameterMaps, np.ndarray | None]]:
        """(words, images, maps, labels) as acquired and after registration."""
        first = (BEFORE, self.series, self.before, self.labels)
        if self.registered is None or self.after is None:
            return [first]
        return [first, (AFTER, self.registered, self.after, self.labels_after)]


def with_labels(run: MapRun, frame: int, labels: np.ndarray) -> MapRun:
    """The run with the labels (K, J, I) of a frame, carried to the maps, and the AHA segments of both.

    Segments that cannot be told, as with two ventricles, are left out with a note.
    """
    drawn = labels if run.motion is None else run.motion.draw_labels(labels, frame)
    segments, notes = [], list(run.notes)
    for one in (labels,) if run.after is None else (labels, drawn):
        found, said = segments_or_none(one, run.series.affine, run.series.meta.get("rv_insertion"))
        segments.append(found)
        notes += [note for note in said if note not in notes]
    return MapRun(
        run.series, run.before, run.motion, run.registered, run.after, frame, labels, drawn, segments, tuple(notes)
    )


def segments_or_none(labels: np.ndarray, affine: np.ndarray, rv_insertion: Any = None) -> tuple[np.ndarray, Notes]:
    """AHA segments (K, J, I) of labels and sentences for the user; zeros, and why, where they cannot be told."""
    try:
        return find_segments(labels, affine, rv_insertion)
    except CardiacMotionError as error:
        return np.zeros(np.shape(labels), np.uint8), (f"No AHA segments: {error}.",)


def region_table(run: MapRun) -> pd.DataFrame:
    """Values by region: registration, parameter, unit, region, region_name, n, mean, SD, median, survival.

    Regions are the labels and the AHA segments; without labels all pixels where a fit was tried.
    """
    tables = []
    for number, (step, _, maps, labels) in enumerate(run.steps):
        segments = run.segments[number] if run.segments and run.segments[number].any() else None
        table = maps.summary(labels, segments)
        table.insert(0, "registration", step)
        tables.append(table)
    return with_names(pd.concat(tables, ignore_index=True))


def with_names(table: pd.DataFrame) -> pd.DataFrame:
    """A table of regions with a column region_name: those of the AHA segments."""
    names = table["region"].map(lambda region: SEGMENT_NAMES.get(int(region), "") if str(region).isdigit() else "")
    table.insert(list(table.columns).index("region") + 1, "region_name", names)
    return table


def score_table(run: MapRun) -> pd.DataFrame:
    """How well images and fits agree: metric, region, registration, value, unit.

    ``survival`` (share of pixels with a good fit) and ``median R2`` in the wall; ``D_PCA1`` and ``D_PCA2`` (Huizinga
    2016) around the heart; ``folding`` there, of the motion. Regions are the same pixels for both steps where there are
    no labels, else those of the labels where the heart then is.
    """
    rows: list[tuple[str, str, str, float, str]] = []
    count = len(run.series)
    for step, images, maps, labels in run.steps:
        wall = None if labels is None or not (labels == MYOCARDIUM).any() else labels == MYOCARDIUM
        where = WALL if wall is not None else TRIED
        inside = maps.attempted if wall is None else wall
        rows.append(("survival", where, step, 100 * maps.survival(wall), "%"))
        if "R2" in maps.maps:
            values = maps.maps["R2"][inside & maps.fitted]
            rows.append(("median R2", where, step, float(np.median(values)) if values.size else np.nan, ""))
        near, where = _around_heart(run, labels)
        first, second = pca_dissimilarity(images.frames, near, run.modes)
        rows += [("D_PCA1", where, step, first, f"N = {count}, L = {run.modes}")]
        rows += [("D_PCA2", where, step, second, f"N = {count}")]
    if run.motion is not None:
        near, where = _around_heart(run, run.labels_after)
        folded = (run.motion.jacobian_determinant()[:, near] <= 0).mean()
        rows.append(("folding", where, AFTER, 100 * float(folded), "%"))
    return pd.DataFrame(rows, columns=["metric", "region", "registration", "value", "unit"])


def warnings(run: MapRun) -> tuple[str, ...]:
    """A sentence where the images are less alike after registration than before, or the fits worse: do not trust it.

    By more than the margins of this file.
    """
    if run.after is None:
        return ()
    scores = run.scores.set_index(["metric", "registration"])["value"]
    limits = [
        ("D_PCA1", 1, LIKENESS_MARGIN * scores["D_PCA1", BEFORE]),
        ("D_PCA2", 1, LIKENESS_MARGIN * scores["D_PCA2", BEFORE]),
        ("median R2", -1, R2_MARGIN),
        ("survival", -1, SURVIVAL_MARGIN),
    ]
    worse = [
        f"{metric} {scores[metric, BEFORE]:.4g} to {scores[metric, AFTER]:.4g}"
        for metric, sign, margin in limits
        if (metric, AFTER) in scores.index and sign * (scores[metric, AFTER] - scores[metric, BEFORE]) > margin
    ]
    if not worse:
        return ()
    return (f"{WORSE} ({', '.join(worse)}): look at the images, and at the maps before it.",)


def notes_of(run: MapRun) -> list[str]:
    """Every sentence for the user, the warning first: of the scores, the fits, the regions and the registration."""
    of_motion = () if run.motion is None else run.motion.provenance.get("notes", ())
    return list(dict.fromkeys([*warnings(run), *run.maps.notes, *run.notes, *of_motion]))


def _around_heart(run: MapRun, labels: np.ndarray | None) -> tuple[np.ndarray, str]:
    """Mask (K, J, I) in which images are compared, and its name."""
    if labels is None or not labels.any():
        return run.before.attempted, TRIED
    away = ndimage.distance_transform_edt(labels == 0, sampling=run.series.spacing[::-1])
    return away <= AROUND_HEART_MM, HEART


def headline_region(run: MapRun) -> str:
    """The wall where it is labeled, else the first region there is."""
    regions = run.regions["region"]
    return WALL if (regions == WALL).any() else str(regions.iloc[0])


def headline(run: MapRun) -> list[tuple[str, str, str]]:
    """The numbers asked for first, as (short name, value, unit): each map in the wall, then how well it fits.

    Where the series was registered, before and after with an arrow between.
    """
    table, region = run.regions, headline_region(run)
    rows = []
    for name in run.maps.maps:
        if run.maps.units[name] == "a.u." or name == "R2" or name.endswith("_SD"):
            continue
        found = table[(table["parameter"] == name) & (table["region"] == region)]
        digits = 0 if run.maps.units[name] == "ms" and name == "T1" else 1 if run.maps.units[name] in ("ms", "%") else 2
        values = [f"{row['mean']:.{digits}f} ± {row['SD']:.{digits}f}" for _, row in found.iterrows()]
        rows.append((name, " → ".join(values), run.maps.units[name]))
    scores = run.scores
    for metric, digits in (("survival", 0), ("median R2", 3), ("D_PCA1", 2), ("D_PCA2", 2)):
        found = scores[scores["metric"] == metric]
        if len(found):
            unit = "%" if metric == "survival" else ""
            rows.append((metric, " → ".join(f"{value:.{digits}f}" for value in found["value"]), unit))
    return rows
