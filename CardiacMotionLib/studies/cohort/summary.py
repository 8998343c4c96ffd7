"""Tables of a cohort, made of its records alone."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...errors import CardiacMotionError
from ..agreement import bland_altman, icc_agreement
from .records import DONE, EVERYBODY, FAILED, Record, read_record
from .run import read_listing

NOT_DONE = "not done"
WHAT = ["method", "measure", "region", "unit"]  # what values are compared within
PART = r"\d+|endo|mid\d*|epi"  # a region that is a part of the wall
FEWEST_PAIRS = 3  # for limits of agreement


@dataclass(frozen=True)
class Summary:
    """What the records of a cohort say.

    Attributes
    ----------
    records
        (folder of the subject by the method, its record or None where it is not done), in the order of the cohort.
    measures
        Table subject, data, group, method, measure, region, value, unit: a row a number.
    groups
        Table group, method, measure, region, unit, n, mean, SD, median, q1, q3: of every group, and of ``all``.
    agreement
        Table first, second, measure, region, unit, pairs, bias, SD, lower, upper (95 % limits of agreement, second -
        first) and icc (absolute agreement, single measurement) of the methods, of global measures.
    left_out
        Table subject, data, group, method, status (failed, no strain, not done) and reason.
    """

    records: tuple[tuple[Path, Record | None], ...]
    measures: pd.DataFrame
    groups: pd.DataFrame
    agreement: pd.DataFrame
    left_out: pd.DataFrame

    def write(self, folder: Path) -> list[Path]:
        """Write ``measures.csv``, ``groups.csv``, ``agreement.csv`` (of several methods) and ``failed.csv``."""
        tables = {"measures": self.measures, "groups": self.groups, "failed": self.left_out}
        if len(self.agreement):
            tables["agreement"] = self.agreement
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name, table in tables.items():
                table.to_csv(folder / f"{name}.csv", index=False, float_format="%.6g")
        except OSError as error:
            raise CardiacMotionError(f"cannot write tables into {folder}: {error.strerror or error}") from error
        return [folder / f"{name}.csv" for name in tables]


def summarize(folder: str | Path) -> Summary:
    """The summary of a folder in which a cohort is or was run, complete or not.

    Raises
    ------
    CardiacMotionError
        for a folder in which no cohort was begun.
    """
    folder = Path(folder)
    listed = read_listing(folder)
    records: list[tuple[Path, Record | None]] = []
    left_out = []
    for about, place in listed:
        record = read_record(place)
        known: dict[str, Any] = {name: about[name] for name in ("subject", "data", "group")}
        record = replace(record, **known) if record is not None and record.key == about["key"] else None
        records.append((place.relative_to(folder), record))
        if record is None or record.reason:
            status = NOT_DONE if record is None else FAILED if record.status == FAILED else "no strain"
            left_out.append(
                {**known, "method": about["method"], "status": status, "reason": record.reason if record else ""}
            )
    measures = measure_table([record for _, record in records if record is not None])
    return Summary(
        tuple(records),
        measures,
        group_table(measures),
        agreement_table(measures),
        pd.DataFrame(left_out, columns=["subject", "data", "group", "method", "status", "reason"]),
    )


def measure_table(records: list[Record]) -> pd.DataFrame:
    """Everything that was measured, a row a number. Who has no group counts as one of the data set."""
    rows: list[tuple[Any, ...]] = [
        (record.subject, record.data, record.group or record.data, record.method, *row)
        for record in records
        if record.status == DONE
        for row in record.measures
    ]
    columns = ["subject", "data", "group", "method", "measure", "region", "value", "unit"]
    return pd.DataFrame(rows, columns=columns).astype({"value": "float64"})


def group_table(measures: pd.DataFrame) -> pd.DataFrame:
    """n, mean, SD, median and quartiles of every group, and of everybody where there are several groups."""
    if measures.empty:
        return pd.DataFrame(columns=["group", *WHAT, "n", "mean", "SD", "median", "q1", "q3"])
    several = measures["group"].nunique() > 1
    parts = [measures, measures.assign(group=EVERYBODY)] if several else [measures]
    grouped = pd.concat(parts).groupby(["group", *WHAT], sort=False)["value"]
    table = grouped.agg(n="size", mean="mean", SD="std", median="median")
    quartiles = grouped.quantile(np.array([0.25, 0.75])).unstack()
    return table.join(quartiles.set_axis(["q1", "q3"], axis=1)).reset_index()


def pairs_of(measures: pd.DataFrame, first: str, second: str, measure: str, region: str) -> pd.DataFrame:
    """Columns data, subject, first, second, group of the subjects that two methods measured."""
    chosen = measures[(measures["measure"] == measure) & (measures["region"] == region)]
    of = {
        name: chosen[chosen["method"] == label][["data", "subject", "group", "value"]].rename(columns={"value": name})
        for name, label in (("first", first), ("second", second))
    }
    return of["first"].merge(of["second"].drop(columns="group"), on=["data", "subject"])


def agreement_table(measures: pd.DataFrame) -> pd.DataFrame:
    """How well every two methods agree on the measures that are not of a part of the wall."""
    rows = []
    whole = measures[~measures["region"].str.fullmatch(PART) & (measures["measure"] != "registration_time")]
    methods = list(measures["method"].unique())
    for kind, values in whole.groupby(["measure", "region", "unit"], sort=False):
        table = values.pivot_table(index=["data", "subject"], columns="method", values="value")
        for first, second in combinations((method for method in methods if method in table), 2):
            pairs = table[[first, second]].dropna().to_numpy()
            if len(pairs) >= FEWEST_PAIRS:
                found = bland_altman(*pairs.T)
                figures = (found.pairs, found.bias, found.sd, found.lower, found.upper, _icc(pairs))
                rows.append((first, second, *kind, *figures))
    columns = ["first", "second", "measure", "region", "unit", "pairs", "bias", "SD", "lower", "upper", "icc"]
    return pd.DataFrame(rows, columns=columns)


def _icc(pairs: np.ndarray) -> float:
    """1 where the methods give the same, as of a volume before anything moves; NaN where everybody has the same."""
    if np.allclose(pairs, pairs[0]):
        return math.nan
    return 1.0 if np.allclose(pairs[:, 0], pairs[:, 1]) else float(icc_agreement(pairs).value)
