"""What the measurements of inr_claims.py say: tables, claims with their numbers, and convergence as a picture."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from inr_tables import RESEARCH, made_by, markdown

from CardiacMotionLib.report.figures import new_figure, save_figure

EQUAL_STEPS = 500  # at which groups and sizes of priors are compared
AS_GOOD_DICE, AS_GOOD_SHARE = 0.005, 0.05  # a loss of Dice, and of any other score as a share, that does not count
MORE_DICE, LESS_HD95 = 0.03, 0.15  # gains that the paper found
NEAR_ZERO = 0.1  # of the motion of an aligned prior
RESAMPLES = 10_000
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")  # Okabe and Ito
MARKERS = "osD^vPX"
DIGITS = {"Dice": 3, "mm": 2, "%": 2, "": 3}
PICTURED = ("Dice", "HD95 in slice (mm)", "EPE 3D (mm)", "Ecc error")
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
CURVES = tuple(f"{name} curve {what}" for name in ("Ecc", "Err") for what in ("error", "second difference"))
MOTION = ("motion in heart (mm)", "motion outside (mm)")


@dataclass(frozen=True, eq=False)
class Study:
    """Rows of hearts, starts and checkpoints, and how they came about.

    Attributes
    ----------
    rows
        seed, group, start, steps (missing for references), fit (s) and scores; hearts that not every start has done
        are left out of everything.
    starts
        start, kind (drawn, prior, not aligned), subjects; in the order of the tables.
    command, options, workers
        What was run.
    """

    rows: pd.DataFrame
    starts: pd.DataFrame
    command: str
    options: dict[str, object]
    workers: int

    def __post_init__(self) -> None:
        done = self.rows.groupby("seed")["start"].nunique()
        complete = done.index[done == done.max()]
        object.__setattr__(self, "rows", self.rows[self.rows["seed"].isin(complete)])

    @property
    def steps(self) -> list[int]:
        """Checkpoints."""
        return sorted(int(step) for step in self.rows["steps"].dropna().unique())

    def named(self, kind: str) -> list[str]:
        """Starts of a kind."""
        return list(self.starts.loc[self.starts["kind"] == kind, "start"])

    def values(self, start: str, steps: int | None, score: str) -> pd.Series:
        """A score of every heart, by seed."""
        rows = self.rows[self.rows["start"] == start]
        rows = rows if steps is None else rows[rows["steps"] == steps]
        return rows.set_index("seed")[score].sort_index()

    def beside_exact(self, steps: int) -> list[tuple[str, pd.DataFrame]]:
        """Rows of the exact motion and of every start at a checkpoint."""
        rows = self.rows[self.rows["steps"].isna() | (self.rows["steps"] == steps)]
        return [(start, rows[rows["start"] == start]) for start in ("exact motion", *self.starts["start"])]


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
        RESEARCH,
        "",
        f"![Convergence]({name}.png)",
        "",
        *_section("Claims", [_rules()], found[found["main"]].drop(columns="main")),
        *_section("Every checkpoint", [], checkpoints(study)),
        *_section(f"By group at {_equal_steps(study)} steps", [], by_group(study, _equal_steps(study))),
        *_section(
            f"Curves over the cycle at {study.steps[-1]} steps",
            ["Of the mean Ecc and Err of the wall: mean absolute error, and mean absolute second difference by frame."],
            curves(study),
        ),
        *_section(
            "Before any step",
            [
                "Mean length of the displacement of the network alone (not windowed) at end-systole, in the heart and "
                "in its slices more than 10 mm from it. Tissue around the heart moves too, as the exact motion shows."
            ],
            zero_shot(study),
        ),
    ]
    if len(study.named("prior")) > 1:
        lines += _section(f"Size of the prior at {_equal_steps(study)} steps", [], sizes(study, _equal_steps(study)))
    lines += _section("Claims at every checkpoint and in every score", [], found.drop(columns="main"))
    (folder / f"{name}.md").write_text("\n".join(lines))
    draw(study, folder / f"{name}.png")


def _section(title: str, words: list[str], table: pd.DataFrame) -> list[str]:
    return [f"## {title}", "", *words, *([""] if words else []), *markdown(table), ""]


def _equal_steps(study: Study) -> int:
    """`EQUAL_STEPS`, or the last checkpoint before it."""
    return max((step for step in study.steps if step <= EQUAL_STEPS), default=study.steps[0])


# ---------------------------------------------------------------------- tables


def _style(mean: float, score: str) -> str:
    digits = next(digits for part, digits in DIGITS.items() if part in score)
    return f".{digits}f" if abs(mean) < 1000 else ".1e"


def _spread(values: pd.Series, score: str) -> str:
    """Mean ± SD."""
    values = values.dropna()
    if not len(values):
        return ""
    style = _style(values.mean(), score)
    return f"{values.mean():{style}}" + (f" ± {values.std():{style}}" if len(values) > 1 else "")


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


# ---------------------------------------------------------------------- claims


def bootstrap(ours: pd.Series, theirs: pd.Series, *, share: bool = False) -> tuple[float, float, float]:
    """Mean difference of paired scores, ``share`` of the mean of theirs, and its 95 % interval over hearts."""
    a, b = ours.align(theirs, join="inner")
    pairs = np.stack((a, b))[:, np.asarray(a.notna() & b.notna())]
    count = pairs.shape[1]
    drawn = np.random.default_rng(0).integers(count, size=(RESAMPLES, count))
    means = np.concatenate((pairs.mean(1)[:, None], pairs[:, drawn].mean(2)), 1)  # (2, 1 + RESAMPLES)
    differences = (means[0] - means[1]) / (means[1] if share else 1)
    low, high = np.percentile(differences[1:], (2.5, 97.5))
    return float(differences[0]), float(low), float(high)


def _rules() -> str:
    return (
        "Differences are of paired hearts, with bootstrap 95 % intervals. As good: the interval excludes a loss of "
        f"more than {100 * AS_GOOD_DICE:g} points of Dice, or of {100 * AS_GOOD_SHARE:g} % of an error. More Dice, "
        "less HD95: the mean is. Nearer to the truth: the whole interval is. Near zero: below "
        f"{100 * NEAR_ZERO:g} % of the motion from the aligned prior. Confined: the motion outside the heart, as a "
        "share of that in it, is nearer to that of the exact motion than to that of drawn weights. Smoother: the whole "
        "interval is, whether or not the truth is as smooth."
    )


def claims(study: Study) -> pd.DataFrame:
    """One row a claim and comparison: numbers, whether it holds, and whether it is of those to look at first."""
    priors, drawn, rows = study.named("prior"), study.named("drawn"), []
    if priors:
        for start in drawn:
            rows += _half_steps(study, priors[0], start)
        for start in drawn:
            rows += _equal_steps_rows(study, priors[0], start)
        for start in drawn:
            rows += _curve_rows(study, priors[0], start)
        rows += _size_rows(study)
        rows += _alignment_rows(study, priors[0])
        rows += _confinement_rows(study, priors[0])
    columns = ["claim", "against", "score", "prior", "other", "difference (95 %)", "verdict", "main"]
    return pd.DataFrame(rows, columns=columns).fillna("").astype({"main": bool})


def _compare(
    study: Study, ours: tuple[str, int], theirs: tuple[str, int], score: str
) -> tuple[dict[str, object], tuple]:
    """Columns of a comparison, and difference, low and high: of points for Dice, else as a share."""
    first, second = study.values(*ours, score), study.values(*theirs, score)
    numbers = bootstrap(first, second, share="Dice" not in score)
    unit = "points" if "Dice" in score else "%"
    shown = [f"{100 * number:+.1f}" for number in numbers]
    row = {
        "against": theirs[0],
        "score": score,
        "prior": f"{first.mean():{_style(first.mean(), score)}}",
        "other": f"{second.mean():{_style(second.mean(), score)}}",
        "difference (95 %)": f"{shown[0]} ({shown[1]} to {shown[2]}) {unit}",
    }
    return row, numbers


def _as_good(score: str, numbers: tuple[float, float, float]) -> bool:
    _, low, high = numbers
    return low > -AS_GOOD_DICE if "Dice" in score else high < AS_GOOD_SHARE


def _verdict(holds: bool) -> str:
    return "holds" if holds else "does not hold"


def _half_steps(study: Study, prior: str, other: str) -> list[dict[str, object]]:
    rows = []
    pairs = [(step // 2, step) for step in study.steps if step % 2 == 0 and step // 2 in study.steps and step > 0]
    for half, whole in pairs:
        last = (half, whole) == pairs[-1]
        for score in PICTURED if last else ("Dice",):
            row, numbers = _compare(study, (prior, half), (other, whole), score)
            claim = f"at {half} steps as good as without at {whole}"
            main = last and score == "Dice"
            rows.append({"claim": claim, **row, "verdict": _verdict(_as_good(score, numbers)), "main": main})
    return rows


def _equal_steps_rows(study: Study, prior: str, other: str) -> list[dict[str, object]]:
    rows = []
    for step in study.steps[1:]:
        for score in ("Dice", "HD95 (mm)", "HD95 in slice (mm)", "EPE 3D (mm)", "Ecc error"):
            row, (difference, _, high) = _compare(study, (prior, step), (other, step), score)
            if score == "Dice":
                claim, holds = f"at {step} steps {100 * MORE_DICE:g} points of Dice more", difference >= MORE_DICE
            elif "HD95" in score:
                claim, holds = f"at {step} steps {100 * LESS_HD95:g} % less HD95", difference <= -LESS_HD95
            else:
                claim, holds = f"at {step} steps nearer to the truth (not in the paper)", high < 0
            rows.append({"claim": claim, **row, "verdict": _verdict(holds), "main": step == _equal_steps(study)})
    return rows


def _curve_rows(study: Study, prior: str, other: str) -> list[dict[str, object]]:
    rows, step = [], study.steps[-1]
    for score in CURVES:
        row, (_, _, high) = _compare(study, (prior, step), (other, step), score)
        what = "smoother strain curves" if "second" in score else "strain curves nearer to the truth (not in the paper)"
        rows.append({"claim": f"at {step} steps {what}", **row, "verdict": _verdict(high < 0), "main": True})
    return rows


def _size_rows(study: Study) -> list[dict[str, object]]:
    priors = study.starts[study.starts["kind"] == "prior"].sort_values("subjects")
    step, rows = _equal_steps(study), []
    for small, large in pairwise(priors["start"]):
        for score in PICTURED:
            row, numbers = _compare(study, (small, step), (large, step), score)
            claim = f"{small} as good as {large} at {step} steps"
            verdict = _verdict(_as_good(score, numbers))
            rows.append({"claim": claim, **row, "verdict": verdict, "main": score == "Dice"})
    return rows


def _alignment_rows(study: Study, prior: str) -> list[dict[str, object]]:
    rows = []
    for start in study.named("not aligned"):
        row, _ = _compare(study, (prior, 0), (start, 0), MOTION[0])
        near_zero = study.values(start, 0, MOTION[0]).mean() < NEAR_ZERO * study.values(prior, 0, MOTION[0]).mean()
        claim = "fits from different weights average to near-zero motion"
        rows.append({"claim": claim, **row, "verdict": _verdict(near_zero), "main": True})
    return rows


def _confinement_rows(study: Study, prior: str) -> list[dict[str, object]]:
    def share(start: str, steps: int | None = 0) -> float:
        return float((study.values(start, steps, MOTION[1]) / study.values(start, steps, MOTION[0])).mean())

    exact = share("exact motion", None)
    return [
        {
            "claim": f"before any step the motion is confined to the heart (exact motion: {exact:.2f})",
            "against": start,
            "score": "motion outside / in heart",
            "prior": f"{share(prior):.2f}",
            "other": f"{share(start):.2f}",
            "verdict": _verdict(2 * share(prior) < exact + share(start)),
            "main": True,
        }
        for start in study.named("drawn")
    ]


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
