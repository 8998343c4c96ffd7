"""What paper 000 says of a prior, judged by the scores of a study."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import pandas as pd

from ..claim_tables import FAILS, HOLDS
from .study import CURVES, MOTION, PICTURED, Study, equal_steps, style

AS_GOOD_DICE, AS_GOOD_SHARE = 0.005, 0.05  # a loss of Dice, and of any other score as a share, that does not count
MORE_DICE, LESS_HD95, LESS_ASD = 0.03, 0.15, 0.14  # gains that the paper found
NEAR_ZERO = 0.1  # of the motion of an aligned prior
RESAMPLES = 10_000


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


def rules() -> str:
    """How claims are judged."""
    return (
        "Differences are of paired hearts, with bootstrap 95 % intervals. As good: the interval excludes a loss of "
        f"more than {100 * AS_GOOD_DICE:g} points of Dice, or of {100 * AS_GOOD_SHARE:g} % of an error. More Dice, "
        "less HD95 or ASD: the mean is. Nearer to the truth: the whole interval is. Near zero: below "
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
        for start in drawn:
            rows.append(_folding_row(study, priors[0], start))
        rows += _size_rows(study)
        rows += _alignment_rows(study, priors[0])
        rows += _confinement_rows(study, priors[0])
    columns = ["claim", "against", "score", "prior", "other", "difference (95 %)", "verdict", "main"]
    return pd.DataFrame(rows, columns=columns).fillna("").astype({"main": bool})


def comparisons(studies: Iterable[Study]) -> pd.DataFrame:
    """All claims of several studies, as the page wants them."""
    found = pd.concat([claims(study) for study in studies], ignore_index=True)
    names = {"against": "at", "prior": "ours", "difference (95 %)": "difference"}
    every = found.rename(columns=names).assign(p="")
    return every[["claim", "at", "score", "ours", "other", "difference", "p", "verdict"]]


def _compare(
    study: Study, ours: tuple[str, int], theirs: tuple[str, int], score: str
) -> tuple[dict[str, object], tuple]:
    """Columns of a comparison, and difference, low and high: of points for Dice, else as a share."""
    first, second = study.values(*ours, score), study.values(*theirs, score)
    numbers = bootstrap(first, second, share="Dice" not in score)
    unit = "points" if "Dice" in score else "%"
    shown = [f"{100 * number:+.1f}" for number in numbers]
    row: dict[str, object] = {
        "against": theirs[0],
        "score": score,
        "prior": f"{first.mean():{style(first.mean(), score)}}",
        "other": f"{second.mean():{style(second.mean(), score)}}",
        "difference (95 %)": f"{shown[0]} ({shown[1]} to {shown[2]}) {unit}",
    }
    return row, numbers


def _as_good(score: str, numbers: tuple[float, float, float]) -> bool:
    _, low, high = numbers
    return low > -AS_GOOD_DICE if "Dice" in score else high < AS_GOOD_SHARE


def _verdict(holds: bool) -> str:
    return HOLDS if holds else FAILS


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
        for score in ("Dice", "HD95 (mm)", "HD95 in slice (mm)", "ASD (mm)", "EPE 3D (mm)", "Ecc error"):
            row, (difference, _, high) = _compare(study, (prior, step), (other, step), score)
            if score == "Dice":
                claim, holds = f"at {step} steps {100 * MORE_DICE:g} points of Dice more", difference >= MORE_DICE
            elif "HD95" in score:
                claim, holds = f"at {step} steps {100 * LESS_HD95:g} % less HD95", difference <= -LESS_HD95
            elif "ASD" in score:
                claim, holds = f"at {step} steps {100 * LESS_ASD:g} % less ASD", difference <= -LESS_ASD
            else:
                claim, holds = f"at {step} steps nearer to the truth (not in the paper)", high < 0
            rows.append({"claim": claim, **row, "verdict": _verdict(holds), "main": step == equal_steps(study)})
    return rows


def _curve_rows(study: Study, prior: str, other: str) -> list[dict[str, object]]:
    rows, step = [], study.steps[-1]
    for score in CURVES:
        row, (_, _, high) = _compare(study, (prior, step), (other, step), score)
        what = "smoother strain curves" if "second" in score else "strain curves nearer to the truth (not in the paper)"
        rows.append({"claim": f"at {step} steps {what}", **row, "verdict": _verdict(high < 0), "main": True})
    return rows


def _folding_row(study: Study, prior: str, other: str) -> dict[str, object]:
    ours, theirs = (study.values(start, study.steps[-1], "folding (%)").max() for start in (prior, other))
    claim = f"at {study.steps[-1]} steps nothing folds"
    row = {"claim": claim, "against": other, "score": "folding (%)", "prior": f"{ours:.2f}", "other": f"{theirs:.2f}"}
    return {**row, "verdict": _verdict(ours == theirs == 0), "main": True}


def _size_rows(study: Study) -> list[dict[str, object]]:
    priors = study.starts[study.starts["kind"] == "prior"].sort_values("subjects")
    step, rows = equal_steps(study), []
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
