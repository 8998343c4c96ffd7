"""What the measurements of the INR say: tables, claims with their numbers, and convergence as a picture."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ....report.figures import new_figure, save_figure
from ....report.markdown import made_by, section
from ....report.wording import RESEARCH_USE
from ..looks import COLORS, MARKERS
from ..paper import ELSEWHERE, Found
from .claims import claims, comparisons, rules
from .study import CURVES, MOTION, PICTURED, Study, equal_steps, of_table, style

SCORES = (
    "Dice",
    "Dice RV",
    "Dice LV myocardium",
    "Dice LV cavity",
    "HD95 (mm)",
    "HD95 in slice (mm)",
    "ASD (mm)",
    "|J-1|",
    "folding (%)",
    "EPE 3D (mm)",
    "EPE in plane (mm)",
    "Ecc error",
    "Err error",
)


def write_report(study: Study, folder: Path, name: str) -> None:
    """Write ``name``.md and ``name``.png."""
    groups = study.rows.drop_duplicates("seed")["group"].value_counts()
    options = ", ".join(f"{key} {value}" for key, value in study.options.items())
    found = claims(study)
    lines = [
        "# The prior of the INR on held-out synthetic hearts",
        "",
        made_by(study.command, f"{study.workers} processes of one thread"),
        f"{len(study.rows['seed'].unique())} hearts that no prior was made of "
        f"({', '.join(f'{n} {group}' for group, n in sorted(groups.items()))}). Options of every fit: {options}.",
        "Scores are at end-systole, mean ± SD over hearts. Dice, HD95 (larger of the directed 95th percentiles) and "
        "ASD are means over RV, LV myocardium and LV cavity, in 3D; HD95 in slice is the mean over slices. |J-1|, "
        "folding (exact, of the network), endpoint error (EPE) and strain errors (Green-Lagrange, mean over voxels) "
        "are in the wall of the LV, against the exact motion. siren and xavier are drawn weights.",
        RESEARCH_USE,
        "",
        f"![Convergence]({name}.png)",
        "",
        *section("Claims", [rules()], found[found["main"]].drop(columns="main")),
        *section("Every checkpoint", [], checkpoints(study)),
        *section(f"By group at {equal_steps(study)} steps", [], by_group(study, equal_steps(study))),
        *section(
            f"Curves over the cycle at {study.steps[-1]} steps",
            ["Of the mean Ecc and Err of the wall: mean absolute error, and mean absolute second difference by frame."],
            curves(study),
        ),
        *section(
            "Before any step",
            [
                "Mean length of the displacement of the network alone (not windowed) at end-systole, in the heart and "
                "in its slices more than 10 mm from it. Tissue around the heart moves too, as the exact motion shows."
            ],
            zero_shot(study),
        ),
    ]
    if len(study.named("prior")) > 1:
        lines += section(f"Size of the prior at {equal_steps(study)} steps", [], sizes(study, equal_steps(study)))
    lines += section("Claims at every checkpoint and in every score", [], found.drop(columns="main"))
    (folder / f"{name}.md").write_text("\n".join(lines), encoding="utf-8")
    draw(study, folder / f"{name}.png")


# ---------------------------------------------------------------------- tables


def _spread(values: pd.Series, score: str) -> str:
    """Mean ± SD."""
    values = values.dropna()
    if not len(values):
        return ""
    digits = style(values.mean(), score)
    return f"{values.mean():{digits}}" + (f" ± {values.std():{digits}}" if len(values) > 1 else "")


def _row(rows: pd.DataFrame, scores: tuple[str, ...]) -> dict[str, str]:
    return {score: _spread(rows[score], score) for score in scores}


def checkpoints(study: Study) -> pd.DataFrame:
    """Scores by checkpoint and start, after those of the references."""
    references = study.rows[study.rows["steps"].isna()]
    table = [{"steps": "", "start": start, **_row(rows, SCORES)} for start, rows in references.groupby("start")]
    for step in study.steps:
        for start in study.starts["start"]:
            rows = study.rows[(study.rows["start"] == start) & (study.rows["steps"] == step)]
            table.append(
                {"steps": str(step), "start": start, **_row(rows, SCORES), "fit (s)": _spread(rows["fit (s)"], "mm")}
            )
    return pd.DataFrame(table).fillna("")


def by_group(study: Study, step: int) -> pd.DataFrame:
    """Scores by group and start."""
    return pd.DataFrame(
        [
            {"group": group, "hearts": str(len(rows)), "start": start, **_row(rows, SCORES)}
            for group, of_group in study.rows[study.rows["steps"] == step].groupby("group")
            for start in study.starts["start"]
            if len(rows := of_group[of_group["start"] == start])
        ]
    )


def sizes(study: Study, step: int) -> pd.DataFrame:
    """Scores by number of subjects in the prior."""
    priors = study.starts[study.starts["kind"] == "prior"].sort_values("subjects")
    rows = study.rows[study.rows["steps"] == step]
    return pd.DataFrame(
        [
            {"start": start, "subjects": str(count), **_row(rows[rows["start"] == start], SCORES)}
            for start, count in zip(priors["start"], priors["subjects"], strict=True)
        ]
    )


def curves(study: Study) -> pd.DataFrame:
    """Scores of the strain curves by start."""
    return pd.DataFrame([{"start": start, **_row(rows, CURVES)} for start, rows in study.beside_exact(study.steps[-1])])


def zero_shot(study: Study) -> pd.DataFrame:
    """Motion of the first weights, by start."""
    return pd.DataFrame(
        [
            {
                "start": start,
                **_row(rows, MOTION),
                "outside / heart": _spread(rows[MOTION[1]] / rows[MOTION[0]], ""),
            }
            for start, rows in study.beside_exact(0)
        ]
    )


# ---------------------------------------------------------------------- picture


def draw(study: Study, path: Path) -> None:
    """Convergence from every start: mean over hearts and its 95 % interval."""
    figure = new_figure(10, 6.4)
    for axis, score in zip(figure.subplots(2, 2).ravel(), PICTURED, strict=True):
        for n, start in enumerate(study.starts["start"]):
            values = pd.DataFrame({step: study.values(start, step, score) for step in study.steps})
            mean, half = values.mean(), 1.96 * values.sem().fillna(0)
            color = COLORS[n % len(COLORS)]
            axis.fill_between(study.steps, mean - half, mean + half, color=color, alpha=0.18, linewidth=0)
            axis.plot(study.steps, mean, color=color, marker=MARKERS[n % len(MARKERS)], markersize=4, label=start)
        exact = study.values("exact motion", None, score).mean()
        axis.axhline(exact, color="0.4", linestyle=":", linewidth=1, label="exact motion")
        if score != "Dice":  # weights that went astray must not hide the others
            axis.set_ylim(0, min(axis.get_ylim()[1], 1.5 * study.values("no registration", None, score).mean()))
        axis.set_xscale("symlog", linthresh=20)
        axis.set_xlim(-1, 1.15 * study.steps[-1])
        axis.set_xticks(study.steps, [str(step) for step in study.steps])
        axis.minorticks_off()
        axis.set_xlabel("steps")
        axis.set_title(f"{score} at end-systole", fontsize=10)
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(axis="y", alpha=0.25)
    lines, names = figure.axes[0].get_legend_handles_labels()
    figure.legend(lines, names, loc="outside lower center", ncols=len(names), frameon=False, fontsize=9)
    save_figure(figure, path)


# ---------------------------------------------------------------------- tables that are there


def read(folder: Path) -> Found:
    """What inr_claims.csv and inr_prior_size.csv say, which have the scores of every heart."""
    paths = [folder / f"{name}.csv" for name in ("inr_claims", "inr_prior_size")]
    studies = {path.stem: of_table(path) for path in paths if path.is_file()}
    hearts = {name: sorted(study.rows["seed"].unique()) for name, study in studies.items()}
    facts = {
        "people": ", ".join(f"{len(seeds)} in {name}" for name, seeds in hearts.items())
        + "; no prior was made of them",
        "seeds": f"of the people from {min(seeds[0] for seeds in hearts.values())}; every fit has that of its heart",
        "steps": f"up to {max(study.steps[-1] for study in studies.values())}",
        ELSEWHERE: "in the full tables",
    }
    return Found(comparisons(studies.values()), facts)
