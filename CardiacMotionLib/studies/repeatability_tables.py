"""How far strains that were measured again agree: by condition, between methods and with the truth; verdicts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pandas as pd

from ..errors import CardiacMotionError
from ..methods.registry import BEST
from .agreement import bland_altman, complete_rows, concordance, icc_agreement, icc_consistency, repeatability
from .repeatability_runs import GLOBAL, SEGMENTAL
from .repeatability_views import ARTEFACTS, BASE, NOISE

FEWEST = 3  # subjects without which there is no agreement to speak of
WHOLE, POOLED = "global", "all segments"  # of a measure: one value a subject, or each of its segments
LEAST_ICC, MOST_COV = 0.9, 5.0
MEASURES = (*GLOBAL.values(), *SEGMENTAL.values())

Answer = TypeVar("Answer")


class Verdict(NamedTuple):
    """A claim, whether it holds (None: not measured) and the figures."""

    claim: str
    holds: bool | None
    figures: str


def by_condition(table: pd.DataFrame) -> pd.DataFrame:
    """One row a data set, method, condition, measure and region: agreement of the views of the condition and the base.

    Regions are ``global``, ``all segments`` (each segment of each subject counts) and every AHA segment. Columns are
    those of `agreement_of`.
    """
    return pd.DataFrame(
        [
            {"data": data, "method": method, "condition": condition, "measure": measure, "region": region, **figures}
            for (data, method), runs in table.groupby(["data", "method"], sort=False)
            for condition in [c for c in runs["condition"].unique() if c != BASE]
            for views in [[BASE, *runs.loc[runs["condition"] == condition, "view"].unique()]]
            for measure, region, values in _regions(runs[runs["view"].isin(views)])
            if (figures := agreement_of(_wide(values, "view", views), relative=region == WHOLE))
        ]
    )


def between_methods(table: pd.DataFrame) -> pd.DataFrame:
    """One row a data set, pair of methods, measure and region: agreement on the same images, ``exact`` the truth."""
    base = table[table["condition"] == BASE]
    return pd.DataFrame(
        [
            {"data": data, "first": first, "second": second, "measure": measure, "region": region, **figures}
            for data, runs in base.groupby("data", sort=False)
            for first, second in combinations(runs["method"].unique(), 2)
            for measure, region, values in _regions(runs[runs["method"].isin([first, second])])
            if region in (WHOLE, POOLED)
            and (figures := agreement_of(_wide(values, "method", [first, second]), relative=region == WHOLE))
        ]
    )


def agreement_of(wide: pd.DataFrame, *, relative: bool) -> dict[str, Any]:
    """Figures of repeated values (N, K) of subjects or their segments; the first column is what others are compared to.

    icc (2,1) with icc_low and icc_high, icc_consistency (3,1), bias, sd, lower, upper (limits of agreement) and slope
    of the others minus the first, lin, within_sd, rc (repeatability coefficient) in percentage points, and, where
    ``relative``, cov_percent; n values of so many subjects. Nothing for fewer than two columns or `FEWEST` subjects.
    """
    if wide.shape[1] < 2:
        return {}
    values = complete_rows(wide.to_numpy())
    whole = wide.dropna()
    subjects = whole.index.get_level_values("subject").nunique()
    if subjects < FEWEST:
        return {}
    first, others = np.tile(values[:, 0], values.shape[1] - 1), values[:, 1:].T.ravel()
    icc, limits = _or_none(icc_agreement, values), bland_altman(first, others)
    consistency, pairs = _or_none(icc_consistency, values), _or_none(concordance, first, others)
    spread = _or_none(repeatability, values)
    return {
        "n": len(values),
        "subjects": subjects,
        "icc": icc.value if icc else math.nan,
        "icc_low": icc.interval.low if icc else math.nan,
        "icc_high": icc.interval.high if icc else math.nan,
        "icc_consistency": consistency.value if consistency else math.nan,
        "bias": limits.bias,
        "sd": limits.sd,
        "lower": limits.lower,
        "upper": limits.upper,
        "slope": limits.slope,
        "slope_p": limits.slope_p,
        "lin": pairs.lin if pairs else math.nan,
        "within_sd": spread.within_sd if spread else math.nan,
        "rc": spread.coefficient if spread else math.nan,
        "cov_percent": spread.cov_percent if spread and relative else math.nan,
        "spread": float(values.mean(1).std(ddof=1)),
    }


def differences(table: pd.DataFrame) -> pd.DataFrame:
    """One row a subject, method, condition and measure: root mean square and largest difference from the base."""
    keys = ["data", "subject", "group", "method", "measure", "region"]
    base = table[table["view"] == BASE].set_index(keys)["percent"].rename("base")
    others = table[table["view"] != BASE].join(base, on=keys)
    others = others.assign(off=others["percent"] - others["base"])
    grouped = others.groupby(["data", "subject", "method", "condition", "measure"], sort=False)["off"]
    return grouped.agg(rms=lambda off: math.sqrt((off**2).mean()), largest=lambda off: off.abs().max()).reset_index()


def verdicts(conditions: pd.DataFrame) -> list[Verdict]:
    """What is asked of the default method between repeats of noise, and whether it holds between artefacts too."""
    if conditions.empty:
        return _of_nothing()
    repeats = conditions[conditions["condition"].isin([NOISE, ARTEFACTS]) & (conditions["method"] == BEST)]
    found = [
        one
        for (data, condition), rows in repeats.groupby(["data", "condition"], sort=False)
        for one in _of_data(f"{condition}, {BEST}, {data}", rows)
    ]
    return found or _of_nothing()


def pairs_of(table: pd.DataFrame, method: str, condition: str, measure: str) -> pd.DataFrame:
    """First and second value and the group of every subject or segment that is compared, for a Bland-Altman plot."""
    rows = table[
        (table["method"] == method) & table["condition"].isin([BASE, condition]) & (table["measure"] == measure)
    ]
    keys = ["data", "subject", "region"]
    groups = rows.drop_duplicates(keys).set_index(keys)["group"]
    wide = rows.pivot_table(index=keys, columns="view", values="percent").dropna()
    if BASE not in wide:
        return pd.DataFrame(columns=["first", "second", "group"])
    parts = [
        pd.DataFrame({"first": wide[BASE], "second": wide[view], "group": groups.reindex(wide.index)})
        for view in wide.columns
        if view != BASE
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["first", "second", "group"])


# ---------------------------------------------------------------------- parts


def _regions(runs: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Measures and regions with their rows."""
    for measure in MEASURES:
        rows = runs[runs["measure"] == measure]
        if rows.empty:
            continue
        yield measure, WHOLE if measure in GLOBAL.values() else POOLED, rows
        if measure in SEGMENTAL.values():
            for region in sorted(rows["region"].unique(), key=int):
                yield measure, region, rows[rows["region"] == region]


def _wide(rows: pd.DataFrame, across: str, names: Sequence[str]) -> pd.DataFrame:
    """One row a subject (and segment), one column a view or method that is there; none without the first of them."""
    wide = rows.pivot_table(index=["subject", "region"], columns=across, values="percent")
    return wide[[name for name in names if name in wide] if names[0] in wide else []]


def _or_none(function: Callable[..., Answer], *values: np.ndarray) -> Answer | None:
    """The figure, or None for values of which there is none, such as repeats that are all alike."""
    try:
        return function(*values)
    except CardiacMotionError:
        return None


def _of_data(where: str, rows: pd.DataFrame) -> list[Verdict]:
    segments = rows[(rows["measure"] == "Ecc") & (rows["region"] == POOLED)]
    single = rows[(rows["measure"] == "Ecc") & ~rows["region"].isin([POOLED, WHOLE])]
    whole = rows[rows["region"] == WHOLE].set_index("measure")["cov_percent"].dropna()
    found = []
    if len(segments):
        one, ordered = segments.iloc[0], single.dropna(subset=["icc"]).sort_values("icc")
        lowest = [f"{icc:.3f} (segment {name})" for icc, name in ordered[["icc", "region"]].itertuples(index=False)][:1]
        each = "".join(f"; segment by segment lowest {words}" for words in lowest)
        found.append(
            Verdict(
                f"segmental Ecc, ICC(2,1) between repeats >= {LEAST_ICC:g}: {where}",
                bool(one["icc"] >= LEAST_ICC),
                f"{one['icc']:.3f} (95 % CI {one['icc_low']:.3f} to {one['icc_high']:.3f}; {one['n']:.0f} segments of "
                f"{one['subjects']:.0f} subjects), {one['icc'] - LEAST_ICC:+.3f} from the limit{each}",
            )
        )
    if len(whole):
        found.append(
            Verdict(
                f"global strain, within-subject CoV between repeats <= {MOST_COV:g} %: {where}",
                bool(whole.max() <= MOST_COV),
                ", ".join(f"{name} {value:.2f} %" for name, value in whole.items())
                + f"; the largest is {whole.max() - MOST_COV:+.2f} from the limit",
            )
        )
    return found


def _of_nothing() -> list[Verdict]:
    why = f"needs the method {BEST}, the condition {NOISE} and {FEWEST} subjects of a data set"
    return [
        Verdict(f"segmental Ecc, ICC(2,1) between repeats of noise >= {LEAST_ICC:g}", None, why),
        Verdict(f"global strain, within-subject CoV between repeats of noise <= {MOST_COV:g} %", None, why),
    ]
