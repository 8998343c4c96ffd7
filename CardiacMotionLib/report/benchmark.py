"""Methods side by side as a table in Markdown, with what it says in plain words."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..studies.benchmark_scores import SCORES
from ..whole_files import write_whole
from .figures import png_bytes
from .wording import RESEARCH_USE

if TYPE_CHECKING:
    from ..studies.benchmark import Settings

DEFAULT, NONE = "auto", "none"
PEERS = ("demons", "bspline", "syn", "elastix", "pca_groupwise")  # what one would take elsewhere
COSTS = {"seconds": "time (s)", "cpu_seconds": "CPU (s)", "peak_mib": "peak memory (MiB)"}
NOT_ACCURACY = ("sd_log_j", "folding")  # smallest for a motion of nothing
PACKAGES = ("torch", "numpy", "scipy", "SimpleITK", "antspyx", "itk-elastix")
EQUAL = 1.05  # times that differ less are called equal


def write_benchmark(table: pd.DataFrame, folder: Path, settings: Settings, missing: Mapping[str, str]) -> list[Path]:
    """Write benchmark.csv, .md and .png into ``folder``; ``table`` is that of `studies.benchmark.table_of`."""
    from .benchmark_picture import draw_benchmark

    text = markdown(table, settings, missing)
    contents = {
        folder / "benchmark.csv": table.to_csv(index=False, float_format="%.5g").encode(),
        folder / "benchmark.md": text.encode(),
        folder / "benchmark.png": png_bytes(draw_benchmark(table), dpi=150),
    }
    write_whole(contents)
    return list(contents)


def markdown(table: pd.DataFrame, settings: Settings, missing: Mapping[str, str]) -> str:
    """The page: how it was made, what it says, a table a data set, and the runs that gave nothing."""
    parts = ["# Benchmark", *how(table, settings), *(f"- {name} was left out: {tip}" for name, tip in missing.items())]
    parts += ["", "## What it says", "", verdict(table)]
    for data, rows in table.groupby("data", sort=False):
        parts += ["", f"## {data}", "", *means_table(rows)]
    failed = table[table["reason"] != ""]
    if len(failed):
        parts += ["", "## Runs without a result", ""]
        parts += [f"- {row.method} on {row.subject}: {row.reason}" for row in failed.itertuples()]
    return "\n".join([*parts, "", RESEARCH_USE, ""])


def how(table: pd.DataFrame, settings: Settings) -> list[str]:
    """Machine, seed, versions and what the columns are."""
    names = [f"`{name}`" for name in table["method"].unique() if sees_labels(name)]
    seen = f"see the wall as drawn, where a frame has none as carried by `{DEFAULT}`; no other method does."
    told = f" {', '.join(names)} {seen}" if names else ""
    made_by = sorted(set(table.loc[(table["method"] == DEFAULT) & (table["reason"] == ""), "made_by"]))
    return [
        "",
        f"Made by `cardiac-motion benchmark` {circumstances(settings)}",
        "",
        f"`{DEFAULT}` is {', '.join(made_by) or 'the default method'}; `{NONE}` is no registration. Every run was "
        "alone in a fresh process on the processor; import, reading of weights and a warm-up do not count in its "
        "time, nor what was in memory before. Scores are at end-systole, of the wall where it is labeled and over all "
        f"structures for overlap; folding is that of the worst frame, D_PCA1 of all frames. `x` is a ratio "
        f"to `{DEFAULT}` on the same subjects. The best is in bold: of those with most subjects, and that see images "
        f"alone.{told}",
    ]


def circumstances(settings: Settings) -> str:
    """When, on what and with what the runs were made."""
    from .. import __version__

    versions = []
    for name in PACKAGES:
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    threads = f"{settings.threads} threads" if settings.threads else "threads as each package thinks right"
    options = {f"{method}.{name}={v}" for method, given in settings.options.items() for name, v in given.items()}
    return (
        f"on {datetime.date.today()}, version {__version__}; "
        f"{platform.machine()} with {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}; "
        f"{threads}; seed {settings.seed}; limit {settings.limit_minutes:g} min a run; "
        f"options {', '.join(sorted(options)) or 'all default'}; {', '.join(versions)}."
    )


def means_table(rows: pd.DataFrame) -> list[str]:
    """Lines of one table: means over the subjects of each method, with the ratios of its costs."""
    done = rows[rows["reason"] == ""]
    means, compared = _means(done)
    shown = [name for name in SCORES if means[name].notna().any()]
    heads = ["method", "runs", *(SCORES[name][0] for name in shown)]
    for title in COSTS.values():
        heads += [title, "x"]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for method in dict.fromkeys(rows["method"]):
        runs = f"{int((done['method'] == method).sum())}/{int((rows['method'] == method).sum())}"
        cells = [method, runs]
        for name in shown:
            value = means[name].get(method, np.nan)
            cells.append(_bold(_number(value), _is_best(compared[name], method, SCORES[name][1], name)))
        for name in COSTS:
            value = means[name].get(method, np.nan)
            cells += [_bold(_number(value), _is_best(compared[name], method, False, name)), _ratio(done, method, name)]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _means(done: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Means of every method; and those of them that can be compared.

    They are of as many subjects as any method has that score of, since who gave up on the hardest would look best; and
    of methods that see images alone.
    """
    grouped = done.groupby("method", sort=False)[[*SCORES, *COSTS]]
    counts, means = grouped.count(), grouped.mean()
    fair = counts == counts.max()
    fair.loc[[name for name in fair.index if sees_labels(name)]] = False
    return means, means.where(fair)


def sees_labels(method: str) -> bool:
    """Whether a method takes the motion from what is drawn in the frames."""
    from ..methods import methods

    known = methods()
    return method in known and "labels" in known[method].needs


def _is_best(values: pd.Series, method: str, more_is_better: bool, name: str) -> bool:
    real = values.drop(NONE, errors="ignore").dropna()
    if name in NOT_ACCURACY or method not in real.index or len(real) < 2:
        return False
    return bool(real[method] == (real.max() if more_is_better else real.min()))


def _ratio(done: pd.DataFrame, method: str, name: str) -> str:
    """Mean of a cost over that of the default method, on the subjects that both have."""
    ours, theirs = _paired(done, method, DEFAULT, name)
    return "" if method == NONE or not len(ours) or not theirs.mean() > 0 else f"{ours.mean() / theirs.mean():.2g}"


def _paired(done: pd.DataFrame, first: str, second: str, name: str) -> tuple[pd.Series, pd.Series]:
    """Values of two methods on the subjects that have both."""
    one, other = (done[done["method"] == m].set_index(["data", "subject"])[name].dropna() for m in (first, second))
    both = one.index.intersection(other.index)
    return one[both], other[both]


def verdict(table: pd.DataFrame) -> str:
    """Whether the default method, and that of ours with the least error, are ahead of every peer, in one paragraph."""
    sentences = []
    for data, rows in table.groupby("data", sort=False):
        done = rows[rows["reason"] == ""]
        peers = [name for name in PEERS if (done["method"] == name).any()]
        if not peers or not (done["method"] == DEFAULT).any():
            sentences.append(f"On {data} there is nothing to compare: {DEFAULT} or the peers gave no result.")
            continue
        sentences.append(f"On {data}, against {', '.join(peers)}, `{DEFAULT}` {_compared(done, DEFAULT, peers)}.")
        best, title = _most_accurate(done)
        if best != DEFAULT:
            sentences.append(f"Of ours `{best}` has the best {title}: it {_compared(done, best, peers)}.")
    return " ".join(sentences)


def _most_accurate(done: pd.DataFrame) -> tuple[str, str]:
    """The method of ours with the least endpoint error, or where that is not known the largest overlap; and which."""
    ours = done[~done["method"].isin((NONE, *PEERS))]
    means = _means(ours)[1]
    name = "epe_mm" if means["epe_mm"].notna().any() else "dice"
    title, more = SCORES[name]
    values = means[name].dropna()
    return (str(values.idxmax() if more else values.idxmin()) if len(values) else DEFAULT), title


def _compared(done: pd.DataFrame, method: str, peers: list[str]) -> str:
    behind = [text for peer in peers if (text := _behind(done, method, peer))]
    slower = [text for peer in peers if (text := _slower(done, method, peer))]
    ahead = "is ahead of every peer in every score of accuracy" if not behind else "is not ahead everywhere: "
    quick = "and takes no longer than any of them" if not slower else f"and takes longer than {', '.join(slower)}"
    return f"{ahead}{'; '.join(behind)}, {quick}"


def _behind(done: pd.DataFrame, method: str, peer: str) -> str:
    """The scores in which a peer is better than a method, on the same subjects."""
    better = []
    for name, (title, more) in SCORES.items():
        ours, theirs = _paired(done, method, peer, name)
        if name in NOT_ACCURACY or not len(ours):
            continue
        if theirs.mean() > ours.mean() if more else theirs.mean() < ours.mean():
            better.append(f"{title} {_number(theirs.mean())} against {_number(ours.mean())}")
    return f"{peer} has {', '.join(better)}" if better else ""


def _slower(done: pd.DataFrame, method: str, peer: str) -> str:
    ours, theirs = _paired(done, method, peer, "seconds")
    ratio = ours.mean() / theirs.mean() if len(ours) and theirs.mean() > 0 else 0.0
    return f"{peer} ({ratio:.2g} times)" if ratio > EQUAL else ""


def _number(value: float) -> str:
    if np.isnan(value):
        return ""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"


def _bold(text: str, best: bool) -> str:
    return f"**{text}**" if best and text else text
