"""What learned_accuracy.py found, in words, tables and a picture; the judgement follows rules, not wishes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from moved_mapping import AROUND_MM, MODES, PIXEL_MM, SHIFT_MM, WARP_MM

from CardiacMotionLib.report.figures import new_figure, save_figure
from CardiacMotionLib.report.markdown import markdown
from CardiacMotionLib.report.wording import RESEARCH_USE

DATA = {
    "average": "average synthetic hearts",
    "people": "held-out synthetic people, one of every group",
    "sunnybrook": "Sunnybrook, real",
    "acdc": "ACDC, real",
    "mapping": "real T1 series moved by known motions, clearest template",
    "mapping_late": "real T1 series moved by known motions, latest template",
}
MAPPING = ("mapping", "mapping_late")
REAL = ("sunnybrook", "acdc")
DICE, IN_PLANE, IN_3D, ECC = "Dice", "EPE in plane (mm)", "EPE 3D (mm)", "Ecc error, mean over voxels"
RESTLESS = "restlessness"
SECONDS = "seconds"
EXACT = (DICE, IN_PLANE, IN_3D, ECC)
COMPARED: dict[str, Sequence[str]] = {
    "average": EXACT,
    "people": EXACT,
    "sunnybrook": (DICE,),
    "acdc": (DICE,),
    **dict.fromkeys(MAPPING, (IN_PLANE, "D_PCA1", "D_PCA2")),
}
AS_GOOD_DICE = 0.005
AS_GOOD_SHARE = 0.05  # of an error
RULES = (
    f"As good: the means differ by no more than {100 * AS_GOOD_DICE:g} points of Dice, or {100 * AS_GOOD_SHARE:g} % "
    "of what it is compared with. Better or worse: they differ by more, and most cases say the same; else mixed."
)
BASICS = ("data", "case", "method")
COLORS = ("0.55", "#0072B2", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#E69F00", "#882255", "#117733", "#332288")


# ---------------------------------------------------------------------- comparing two methods


def pairs(table: pd.DataFrame, data: Sequence[str], score: str, ours: str, theirs: str) -> pd.DataFrame:
    """Scores (cases, 2) of the cases of ``data`` that both methods have."""
    chosen = table[table["data"].isin(data)]
    both = (
        chosen.pivot_table(index=["data", "case"], columns="method", values=score)
        if score in chosen
        else pd.DataFrame()
    )
    return both[[ours, theirs]].dropna() if {ours, theirs} <= set(both) else pd.DataFrame(columns=[ours, theirs])


def verdict(both: pd.DataFrame, score: str) -> tuple[str, int]:
    """What `RULES` say of the first column against the second, and in how many cases it is better."""
    gains = (both.iloc[:, 0] - both.iloc[:, 1]) * (1 if score == DICE else -1)
    within = AS_GOOD_DICE if score == DICE else AS_GOOD_SHARE * both.iloc[:, 1].mean()
    won, lost = int((gains > 0).sum()), int((gains < 0).sum())
    if abs(gains.mean()) <= within:
        return "as good", won
    if gains.mean() > 0 and won > lost:
        return "better", won
    return ("worse" if gains.mean() < 0 and lost > won else "mixed"), won


def compare(table: pd.DataFrame, ours: str, theirs: str) -> pd.DataFrame:
    """A row for each set of data and score that both have."""
    rows = []
    for data, scores in COMPARED.items():
        for score in scores:
            both = pairs(table, [data], score, ours, theirs)
            if len(both):
                said, won = verdict(both, score)
                means = [_number(value, score) for value in both.mean()]
                rows.append([data, score, *means, f"{won} of {len(both)}", said])
    return pd.DataFrame(rows, columns=["data", "score", ours, theirs, "cases better", "verdict"])


def times(table: pd.DataFrame, ours: str, theirs: str) -> str:
    """Time as a share, by set of data: sums over cases; only of one run, because machines are not always idle."""
    if len(runs := dict.fromkeys(table["run"][table["method"].isin((ours, theirs))])) > 1:
        return f"Times are not compared: measured in different runs ({', '.join(runs)})."
    said = []
    for data in DATA:
        first, second = pairs(table, [data], SECONDS, ours, theirs).sum()
        if first > 0 and second > 0:
            said.append(f"{data} {first / second:.2f}")
    return f"Time as a share of that of {theirs}: {', '.join(said)}."


def judged(table: pd.DataFrame, ours: str, theirs: str, title: str) -> list[str]:
    """Section that compares two methods: a sentence, the times, and the numbers."""
    compared = compare(table, ours, theirs)
    if compared.empty:
        return [f"### {title}", "", f"Not measured: {ours} or {theirs} has no scores.", ""]
    shown = compared.assign(data=compared["data"].map(DATA), score=compared["score"].map(_short))
    return [f"### {title}", "", _sentence(compared, ours, theirs), times(table, ours, theirs), "", *markdown(shown), ""]


def _sentence(compared: pd.DataFrame, ours: str, theirs: str) -> str:
    said = []
    for data, rows in compared.groupby("data", sort=False):
        found = dict.fromkeys(rows["verdict"])
        parts = [f"{one} in {', '.join(map(_short, rows['score'][rows['verdict'] == one]))}" for one in found]
        said.append(f"{DATA[str(data)]}: {'; '.join(parts)}")
    return f"**{ours} against {theirs}.** {'. '.join(part[0].upper() + part[1:] for part in said)}."


# ---------------------------------------------------------------------- conclusions


def decide_stack_dims(table: pd.DataFrame, now: int) -> str:
    """Which weights of RIIR a stack should go through: the first difference that is larger than as good decides."""
    criteria: list[tuple[str, Sequence[str], str]] = [
        ("Dice on real cines", REAL, DICE),
        ("the error in 3D of synthetic people", ("people",), IN_3D),
        ("the error of Ecc of synthetic people", ("people",), ECC),
    ]
    for what, data, score in criteria:
        both = pairs(table, data, score, "riir_2d", "riir_3d")
        said = verdict(both, score)[0] if len(both) else "missing"
        if said in ("better", "worse"):
            dims = 2 if said == "better" else 3
            means = both.mean()
            why = f"{what}, {_number(means['riir_2d'], score)} with 2D and {_number(means['riir_3d'], score)} with 3D"
            break
    else:
        both = pairs(table, list(DATA), SECONDS, "riir_2d", "riir_3d")
        if both.empty:
            return "Decision: none, because riir_2d and riir_3d were not both measured."
        seconds = both.mean()
        dims = 2 if seconds["riir_2d"] <= seconds["riir_3d"] else 3
        why = f"the time, as they are as good: {seconds['riir_2d']:.1f} s with 2D, {seconds['riir_3d']:.1f} s with 3D"
    act = "it stays" if dims == now else f"it should become {dims}"
    return f"**Decision: a stack goes through the {dims}D weights**, by {why}. `STACK_DIMS` is {now}: {act}."


def best_of_both(table: pd.DataFrame, refined: str, start: str, alone: str) -> str:
    """Whether refining pays: nowhere worse than the start, nor than the method alone; and the time."""
    sides = {other: compare(table, refined, other) for other in (start, alone)}
    missing = [other for other, rows in sides.items() if rows.empty]
    if missing:
        named = " ".join((refined, *missing))
        return f"{refined}: no conclusion, something was not measured; `--methods {named} --keep` adds it."
    lost = [
        f"{_short(row['score'])} of {DATA[row['data']]} ({row[refined]} against {row[other]} of {other})"
        for other, rows in sides.items()
        for _, row in rows[rows["verdict"].isin(["worse", "mixed"])].iterrows()
    ]
    time = times(table, refined, alone)
    if not lost:
        return f"**{refined} is the best of both**: nowhere worse than {start} or {alone}. {time}"
    return f"**{refined} is not the best of both**: not as good in {'; '.join(lost)}. {time}"


def judgement(table: pd.DataFrame, stack_dims: int, rows: Mapping[str, Any]) -> Iterator[str]:
    """The sections of the judgement; ``rows`` of cines know what they start from."""
    chosen = f"riir_{stack_dims}d"
    yield from judged(table, chosen, "demons", f"RIIR ({stack_dims}D weights) against demons")
    yield from judged(table, "riir_mapping", "demons", "RIIR (mapping weights) against demons")
    yield from judged(table, "riir_mapping", "none", "RIIR (mapping weights) against no registration")
    for other in ("voxelmorph", "gradirn"):
        yield from judged(table, chosen, other, f"RIIR against {other}")
    yield from judged(table, "riir_2d", "riir_3d", "2D against 3D weights")
    yield from [decide_stack_dims(table, stack_dims), ""]
    for other in ("demons", "spline", chosen):
        yield from judged(table, "memwarp", other, f"MemWarp against {other}")
    for refined, alone in (("spline_from_riir", "spline"), ("inr_from_riir", "inr")):
        start = rows[refined].start
        yield from judged(table, refined, start, f"{refined} against its start")
        yield from judged(table, refined, alone, f"{refined} against {alone} alone")
        yield from [best_of_both(table, refined, start, alone), ""]


# ---------------------------------------------------------------------- the page


def write_report(
    table: pd.DataFrame, rows: Mapping[str, Mapping[str, Any]], stack_dims: int, made: str, quick: bool, path: Path
) -> None:
    """Write ``path``.md and ``path``.png."""
    overlaps = table.filter(regex="^Dice ")
    table = table.assign(**{DICE: overlaps.mean(axis=1)})
    draw(table, path.with_suffix(".png"))
    lines = [
        "# Learned methods without fine-tuning",
        "",
        made,
        "Seconds are those of one process of one thread while the others run, the start included where there is one.",
        RESEARCH_USE,
        *(["", "**Quick: this only shows that the command works. The numbers say nothing.**"] if quick else []),
        "",
        f"![Accuracy against time]({path.name}.png)",
        "",
        "## Judgement",
        "",
        RULES,
        "",
        *judgement(table, stack_dims, rows["cine"]),
        "## Scores",
        "",
        "Means over cases; every case is in the .csv. Synthetic hearts and real cines at end-systole, as in "
        "[accuracy.md](accuracy.md): Dice of RV, wall and cavity in 3D (only the cavity of the LV on Sunnybrook), "
        "endpoint error (EPE) in the wall, error of Green-Lagrange Ecc. Folding in the labeled heart, all frames. "
        "Restlessness: second differences over the frames in the wall, as a multiple of those of the exact motion. "
        "Segmentation: Dice of the labels that the method found in the reference frame, against the manual ones.",
        *(["", MAPPING_NOTE] if table["data"].isin(MAPPING).any() else []),
        "",
        *score_tables(table),
        "## How the rows were made",
        "",
        "Options beside the defaults of the method; every option is in the .csv.",
        "",
        *markdown(how_made(table, rows)),
        "",
        f"Seeds, of the heart or the known motion, and of the run: {seeds(table)}.",
        "",
        *failures(table),
    ]
    path.with_suffix(".md").write_text("\n".join(lines))


def score_tables(table: pd.DataFrame) -> Iterator[str]:
    """A table of means for each set of data, and of every real case."""
    for data, title in DATA.items():
        of_data = table[table["data"] == data]
        if of_data.empty:
            continue
        scores = of_data.drop(columns=[*BASICS, "seed"]).select_dtypes("number").dropna(axis=1, how="all")
        means = scores.groupby(of_data["method"], sort=False).mean()
        order = [DICE] * (DICE in means) + [name for name in means if name not in (DICE, SECONDS)] + [SECONDS]
        shown = means[order].apply(lambda column: [_number(value, str(column.name)) for value in column])
        yield from [f"### {title[0].upper()}{title[1:]}: {of_data['case'].nunique()}", ""]
        yield from [*markdown(shown.reset_index()), "", *(template_note(of_data) if data in MAPPING else [])]
    real = table[table["data"].isin(REAL)]
    if not real.empty:
        wide = real.pivot_table(index="case", columns="method", values="Dice LV cavity", sort=False)
        shown = wide.map(lambda value: _number(value, DICE)).reset_index()
        yield from ["### Dice of the LV cavity, every real cine", "", *markdown(shown), ""]


MAPPING_NOTE = (
    "The T1 series are real magnitude images of inversion recovery that hardly move. Every frame but the template was "
    f"moved by its own shift of up to {SHIFT_MM:g} mm along a line (a quarter of it across) and a smooth warp of up to "
    f"{WARP_MM:g} mm, so that the motion is known; cubic interpolation makes these frames a little smoother than real "
    f"ones. The files have no pixel size: {PIXEL_MM:g} mm was taken, and every length here hangs on that. The template "
    "is the frame in which the means of wall and cavity differ most (clearest), and again the one with the longest "
    "inversion time (latest), because what the methods make of a series depends much on it. Errors are means over the "
    f"wall and all frames but the template; D_PCA (L = {MODES}, within {AROUND_MM:g} mm of the heart) of the images "
    "drawn in the template: `none` is before registration, `exact` the known motion. A D_PCA below that of `exact` "
    "beside a large error is tissue deformed until it looks alike. Demons compare brightness as it is."
)


def template_note(of_mapping: pd.DataFrame) -> list[str]:
    """Which frames are the templates."""
    return [f"Templates: {'; '.join(dict.fromkeys(of_mapping['about']))}.", ""]


def how_made(table: pd.DataFrame, rows: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Method, options, weights, start and machine of every row."""
    found = []
    for name, of_method in table.fillna({"weights": "", "weights sha256": "", "machine": ""}).groupby(
        "method", sort=False
    ):
        specs = {task: of_task[name] for task, of_task in rows.items() if name in of_task}
        same = len({str(spec) for spec in specs.values()}) == 1
        told = [
            ", ".join(f"{key} {value}" for key, value in spec.options.items()) + ("" if same else f" ({task})")
            for task, spec in specs.items()
            if spec.options
        ]
        weights = dict.fromkeys(
            f"{row['weights']} ({str(row['weights sha256'])[:8]})" for _, row in of_method.iterrows() if row["weights"]
        )
        spec = next(iter(specs.values()))
        found.append(
            {
                "row": name,
                "method": spec.method,
                "options": "; ".join(dict.fromkeys(told)),
                "weights (sha256)": ", ".join(weights),
                "start": spec.start,
                "run": ", ".join(dict.fromkeys(of_method["run"])),
                "machine": "; ".join(dict.fromkeys(of_method["machine"])),
            }
        )
    return pd.DataFrame(found)


def seeds(table: pd.DataFrame) -> str:
    """Which seeds the cases have, by set of data."""
    return "; ".join(
        f"{DATA[str(data)]} {', '.join(map(str, sorted(set(rows['seed']))))}"
        for data, rows in table.groupby("data", sort=False)
    )


def failures(table: pd.DataFrame) -> list[str]:
    """What could not be registered, and why."""
    if "failed" not in table:
        return []
    rows = table[table["failed"].notna()]
    return [f"- {row['case']}, {row['method']}: {row['failed']}" for _, row in rows.iterrows()]


def draw(table: pd.DataFrame, path: Path) -> None:
    """Score against time, a panel for each set of data: the mean of every method."""
    panels = [data for data in DATA if (table["data"] == data).any()]
    figure = new_figure(11, 3.6 * ((len(panels) + 2) // 3))
    grid = figure.subplots((len(panels) + 2) // 3, 3, squeeze=False).ravel()
    names = [name for name in dict.fromkeys(table["method"]) if name not in ("none", "exact")]
    for axis, data in zip(grid, panels, strict=False):
        score = DICE if data in REAL else IN_PLANE if data in MAPPING else IN_3D
        of_data = table[table["data"] == data]
        for n, name in enumerate(names):
            of_method = of_data[of_data["method"] == name]
            if of_method[score].notna().any():
                axis.scatter(
                    of_method[SECONDS].mean(), of_method[score].mean(), 45, COLORS[n % len(COLORS)], label=name
                )
        axis.set_xscale("log")
        axis.set_xlabel("seconds a series")
        axis.xaxis.set_minor_formatter("")
        axis.set_title(f"{DATA[data]}\n{score}", fontsize=9)
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(alpha=0.25)
        if score != DICE:
            axis.set_ylim(bottom=0)
    for axis in grid[len(panels) :]:
        axis.set_axis_off()
    handles = {label: line for axis in grid for line, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=5, frameon=False, fontsize=9)
    save_figure(figure, path)


def _short(score: str) -> str:
    return score.split(",")[0]


def _number(value: float, score: str) -> str:
    if value != value:
        return ""
    if DICE in score or "Ecc" in score:
        return f"{value:.3f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
