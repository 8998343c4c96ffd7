"""A cohort in pictures and on one page: boxes by group, differences between methods, and everybody's report."""

from __future__ import annotations

import math
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..studies.agreement import bland_altman
from ..studies.cohort.records import DONE, EVERYBODY, FAILED, Record
from ..studies.cohort.summary import FEWEST_PAIRS, pairs_of
from .figures import new_figure, save_figure
from .flags import CAUTION, GOOD, PROBLEM
from .html import png_uri, write_page
from .wording import RESEARCH_USE, difference_unit, number_text

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..studies.cohort.summary import Summary

PAGE = "cohort.html"
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")  # Okabe and Ito: for every eye
ACROSS = 4  # panels in a row
REGIONS = ("LV", "LV myocardium", "all")  # of a headline, the first that there is
HEADLINE = (("EF", 1), ("GCS", 1), ("GRS", 1), ("GLS", 1), ("T1", 0), ("T2", 1), ("perfusion", 2))  # measure, digits
FEWEST_FOR_A_BOX = 4  # subjects; of fewer there are dots only
MOST_NAMED = 40  # characters of a group's name under a box
OF_QUALITY = (("Dice", "LV cavity", 2), ("Dice", "LV myocardium", 2), ("EPE", "LV myocardium", 2))


def write_cohort_page(summary: Summary, folder: Path, *, title: str = "Cohort") -> list[Path]:
    """Write the pictures and ``cohort.html``, which links the report of everybody; returns what was written.

    Raises
    ------
    CardiacMotionError
        when jinja2 is missing or a file cannot be written.
    """
    figures = {"boxes": draw_boxes(summary.measures), "bland_altman": draw_bland_altman(summary.measures)}
    paths = {
        name: save_figure(figure, folder / f"{name}.png") for name, figure in figures.items() if figure is not None
    }
    pictures = {name: png_uri(path.read_bytes()) for name, path in paths.items()}
    return [
        *paths.values(),
        write_page("cohort_page.html.j2", page_content(summary, folder, pictures, title), folder / PAGE),
    ]


# ---------------------------------------------------------------------- pictures


def headline_measures(measures: pd.DataFrame) -> list[tuple[str, str, str, int]]:
    """(measure, region, unit, digits) of the numbers asked for first, as far as somebody has them."""
    found = []
    for measure, digits in HEADLINE:
        rows = measures[measures["measure"] == measure]
        region = next((region for region in REGIONS if (rows["region"] == region).any()), None)
        if region is not None:
            found.append((measure, region, str(rows["unit"].iloc[0]), digits))
    return found


def draw_boxes(measures: pd.DataFrame) -> Figure | None:
    """A panel a headline number: a box a group and method, and everybody as a dot; None where nothing was measured."""
    shown = headline_measures(measures)
    if not shown:
        return None
    figure, panels = _panels(len(shown), 3.4 + 0.25 * measures["group"].nunique())
    for axis, (measure, region, unit, _) in zip(panels, shown, strict=True):
        rows = measures[(measures["measure"] == measure) & (measures["region"] == region)]
        _draw_boxes(axis, rows)
        axis.set_title(f"{measure} ({unit})" if unit else measure, fontsize=10, loc="left")
    _legend(figure, list(measures["method"].unique()))
    _notice(figure)
    return figure


def _draw_boxes(axis: Axes, rows: pd.DataFrame) -> None:
    """Median, quartiles, and the furthest values within 1.5 of the interquartile range of them (Tukey)."""
    groups, methods = list(rows["group"].unique()), list(rows["method"].unique())
    width = 0.8 / len(methods)
    scatter = np.random.default_rng(0)
    for number, method in enumerate(methods):
        color = COLORS[number % len(COLORS)]
        for place, group in enumerate(groups):
            values = rows[(rows["method"] == method) & (rows["group"] == group)]["value"].to_numpy()
            if not len(values):
                continue
            x = place + (number - (len(methods) - 1) / 2) * width
            line = {"color": color, "linewidth": 1.2}
            if len(values) >= FEWEST_FOR_A_BOX:
                axis.boxplot(
                    [values], positions=[x], widths=0.75 * width, showfliers=False,
                    medianprops={**line, "linewidth": 2}, boxprops=line, whiskerprops=line, capprops=line,
                )  # fmt: skip
            jitter = scatter.uniform(-0.2, 0.2, len(values)) * width
            axis.plot(x + jitter, values, "o", color=color, markersize=3, alpha=0.6, markeredgewidth=0)
    axis.set_xticks(range(len(groups)), [_short(group) for group in groups], fontsize=8)
    if len(groups) > 3 or max(map(len, groups)) > 10:
        axis.tick_params(axis="x", rotation=25)
        for label in axis.get_xticklabels():
            label.set_horizontalalignment("right")
    axis.set_xlim(-0.6, len(groups) - 0.4)
    _plain(axis)


def draw_bland_altman(measures: pd.DataFrame) -> Figure | None:
    """A panel a headline number and pair of methods: difference over mean, bias and limits; None for one method."""
    shown = []
    for first, second in combinations(measures["method"].unique(), 2):
        for measure, region, unit, _ in headline_measures(measures):
            pairs = pairs_of(measures, first, second, measure, region)
            if len(pairs) >= FEWEST_PAIRS:
                shown.append((first, second, measure, unit, pairs))
    if not shown:
        return None
    figure, panels = _panels(len(shown), 3.4)
    groups = list(measures["group"].unique())
    for axis, (first, second, measure, unit, pairs) in zip(panels, shown, strict=True):
        _draw_differences(axis, pairs, unit, groups)
        axis.set_title(f"{measure}: {second} - {first}", fontsize=10, loc="left")
    _legend(figure, [_short(str(group)) for group in groups])
    _notice(figure)
    return figure


def _draw_differences(axis: Axes, pairs: pd.DataFrame, unit: str, groups: list[str]) -> None:
    one, other = pairs["first"].to_numpy(), pairs["second"].to_numpy()
    found = bland_altman(one, other)
    for group, rows in pairs.groupby("group", sort=False):
        middle = (rows["first"] + rows["second"]) / 2
        color = COLORS[groups.index(str(group)) % len(COLORS)]
        axis.plot(middle, rows["second"] - rows["first"], "o", color=color, markersize=4)
    for value, style, name in (
        (found.bias, "-", "bias"),
        (found.upper, "--", "+1.96 SD"),
        (found.lower, "--", "-1.96 SD"),
    ):
        axis.axhline(value, color="#57606a", linestyle=style, linewidth=1)
        axis.annotate(
            f"{name} {value:+.1f}", (1, value), xycoords=("axes fraction", "data"), fontsize=7, ha="right", va="bottom"
        )
    axis.set_xlabel(f"mean of both{f' ({unit})' if unit else ''}", fontsize=8)
    axis.set_ylabel(f"difference{f' ({difference_unit(unit)})' if unit else ''}", fontsize=8)
    axis.margins(y=0.15)
    _plain(axis)


def _panels(count: int, height: float) -> tuple[Figure, list[Axes]]:
    across = min(ACROSS, count)
    down = math.ceil(count / across)
    figure = new_figure(3.6 * across, height * down + 0.4)
    panels = list(figure.subplots(down, across, squeeze=False).flat)
    for axis in panels[count:]:
        axis.set_axis_off()
    return figure, panels[:count]


def _legend(figure: Figure, names: list[str]) -> None:
    """What the colors are of, methods or groups; more than there are colors are not told apart."""
    if 1 < len(names) <= len(COLORS):
        from matplotlib.patches import Patch

        patches = [Patch(color=color, label=name) for color, name in zip(COLORS, names, strict=False)]
        figure.legend(handles=patches, loc="outside upper right", ncols=len(names), frameon=False, fontsize=9)


def _notice(figure: Figure) -> None:
    figure.suptitle(RESEARCH_USE, fontsize=8, x=0.01, ha="left", color="#57606a")


def _plain(axis: Axes) -> None:
    axis.tick_params(labelsize=8)
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(axis="y", color="#d1d9e0", linewidth=0.5)
    axis.set_axisbelow(True)


def _short(name: str) -> str:
    return name if len(name) <= MOST_NAMED else name[: MOST_NAMED - 3] + "..."


# ---------------------------------------------------------------------- page


def page_content(summary: Summary, folder: Path, pictures: dict[str, str], title: str) -> dict[str, Any]:
    """Everything the template names."""
    shown = headline_measures(summary.measures)
    done = sum(record is not None and record.status == DONE for _, record in summary.records)
    subjects = {place.parent for place, _ in summary.records}
    methods = list(dict.fromkeys(place.name for place, _ in summary.records))
    several = len(methods) > 1
    return {
        "title": title,
        "subtitle": f"{len(subjects)} subjects, {'methods' if several else 'method'} {', '.join(methods)}; {done} of "
        f"{len(summary.records)} done",
        "research_use": RESEARCH_USE,
        "columns": [f"{measure} ({unit})" if unit else measure for measure, _, unit, _ in shown],
        "quality": [f"{measure} {region}" for measure, region, _ in OF_QUALITY],
        "rows": [_row(folder, place, record, shown) for place, record in summary.records if record is not None],
        "left_out": summary.left_out.to_dict("records"),
        "groups": _group_rows(summary, shown),
        "agreement": _agreement_rows(summary, shown),
        **{name: pictures.get(name, "") for name in ("boxes", "bland_altman")},
        "tables": ["tables/measures.csv", "tables/groups.csv", "tables/failed.csv"]
        + (["tables/agreement.csv"] if len(summary.agreement) else []),
    }


def _row(folder: Path, place: Path, record: Record, shown: list[tuple[str, str, str, int]]) -> dict[str, Any]:
    """A subject by a method: link, headline numbers, scores, the worst flag and all of them."""
    values = {(name, region): float(value) for name, region, value, _ in record.measures}
    severity = record.flags[0][0] if record.flags else GOOD
    report = place / "report.html"
    return {
        "subject": record.subject,
        "link": report.as_posix() if (folder / report).is_file() else "",
        "group": record.group or record.data,
        "method": record.method,
        "numbers": [number_text(values.get((name, region), math.nan), digits) for name, region, _, digits in shown],
        "scores": [number_text(values.get((name, region), math.nan), digits) for name, region, digits in OF_QUALITY],
        "severity": "failed" if record.status == FAILED else severity,
        "counted": sum(one in (PROBLEM, CAUTION) for one, _ in record.flags),
        "flags": [sentence for _, sentence in record.flags] or [record.reason],
    }


def _group_rows(summary: Summary, shown: list[tuple[str, str, str, int]]) -> list[list[str]]:
    """Group, method, measure, n, mean ± SD, median, interquartile range."""
    rows = []
    for measure, region, unit, digits in shown:
        table = summary.groups[(summary.groups["measure"] == measure) & (summary.groups["region"] == region)]
        for row in table.to_dict("records"):
            mean, sd, median, low, high = (number_text(row[k], digits) for k in ("mean", "SD", "median", "q1", "q3"))
            group = "everybody" if row["group"] == EVERYBODY else row["group"]
            name = f"{measure} ({unit})" if unit else measure
            rows.append([name, group, row["method"], str(row["n"]), f"{mean} ± {sd}", median, f"{low} to {high}"])
    return rows


def _agreement_rows(summary: Summary, shown: list[tuple[str, str, str, int]]) -> list[list[str]]:
    rows = []
    wanted = {(measure, region): digits for measure, region, _, digits in shown}
    for row in summary.agreement.to_dict("records"):
        digits = wanted.get((row["measure"], row["region"]))
        if digits is None:
            continue
        bias, sd, lower, upper = (number_text(row[k], digits + 1) for k in ("bias", "SD", "lower", "upper"))
        name = f"{row['measure']} ({row['unit']})" if row["unit"] else row["measure"]
        limits = f"{lower} to {upper}"
        pair = f"{row['second']} - {row['first']}"
        rows.append([name, pair, str(row["pairs"]), f"{bias} ± {sd}", limits, number_text(row["icc"], 2)])
    return rows
