"""Time and memory against the size of the images as tables, with the exponents of the power laws through them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ..studies.scaling import FEWEST, LEAST, PowerLaw, axes, fits_of
from ..whole_files import write_whole
from .benchmark import circumstances
from .figures import png_bytes
from .markdown import markdown as table_lines
from .wording import RESEARCH_USE

if TYPE_CHECKING:
    from ..studies.benchmark import Settings

Fits = Mapping[tuple[str, str, str], PowerLaw]
TITLES = {"frames": "frames", "pixels": "pixels in plane", "slices": "slices", "images": "images taken together"}
UNITS = {"seconds": "time (s)", "peak_mib": "peak memory (MiB)"}
CLEAR = 2.0  # standard errors by which an exponent is told from 1


def write_scaling(
    table: pd.DataFrame, folder: Path, settings: Settings, missing: Mapping[str, str], quick: bool = False
) -> list[Path]:
    """Write scaling.csv, scaling_fits.csv, scaling.md and scaling.png into ``folder``.

    ``table`` is that of `studies.scaling.table_of`.
    """
    from .scaling_picture import draw_scaling

    fits = fits_of(table)
    contents = {
        folder / "scaling.csv": table.to_csv(index=False, float_format="%.5g").encode(),
        folder / "scaling_fits.csv": fits_table(fits).to_csv(index=False, float_format="%.5g").encode(),
        folder / "scaling.md": page(table, fits, settings, missing, quick).encode(),
        folder / "scaling.png": png_bytes(draw_scaling(table, fits), dpi=150),
    }
    write_whole(contents)
    return list(contents)


def fits_table(fits: Fits) -> pd.DataFrame:
    """One row a power law."""
    columns = ["axis", "method", "quantity", "points", "factor", "exponent", "standard_error", "last_exponent"]
    rows = [
        [axis, method, quantity, law.points, law.factor, law.exponent, law.error, law.last]
        for (axis, method, quantity), law in fits.items()
    ]
    return pd.DataFrame(rows, columns=columns)


def page(table: pd.DataFrame, fits: Fits, settings: Settings, missing: Mapping[str, str], quick: bool = False) -> str:
    """The page: how it was made, what it says, a table an axis, and the runs that gave nothing."""
    parts = ["# Time and memory against size", "", f"Made by `cardiac-motion benchmark --scaling` {_how(settings)}"]
    parts += ["", *(f"- {name} was left out: {tip}" for name, tip in missing.items())] if missing else []
    shown = [name for name in TITLES if (table["axis"] == name).any()]
    parts += ["", "## What it says", "", *(f"- {verdict(table, fits, name)}" for name in shown)]
    parts += ["", "![Time and memory against size](scaling.png)"]
    for name in shown:
        rows = table[table["axis"] == name]
        parts += ["", f"## {TITLES[name].capitalize()}", "", base(name, quick), "", *table_lines(costs(rows, fits))]
    failed = table[table["reason"] != ""]
    if len(failed):
        parts += ["", "## Runs without a result", ""]
        parts += [f"- {row.method}, {TITLES[str(row.axis)]}, {row.shape}: {row.reason}" for row in failed.itertuples()]
    return "\n".join([*parts, "", RESEARCH_USE, ""])


def _how(settings: Settings) -> str:
    return (
        f"{circumstances(settings)}\n\n"
        "Images are synthetic, T x K x J x I voxels; sizes that get finer show the same field of view, more slices "
        "a thicker slab. Every run was alone in a fresh process on the processor, once; import, reading of weights and "
        "a warm-up do not count in its time, nor what was in memory before. The limit holds for all of the process; "
        "where a method reached it, larger images of that axis were not tried. "
        f"Exponents p are of c n^p, by least squares in logarithms over all sizes (at least {FEWEST}), with the "
        "standard error that their scatter gives. A constant cost that weighs at small sizes makes p smaller than it "
        "is for large images; `last` is that between the two largest sizes alone. "
        f"Memory of less than {LEAST['peak_mib']:g} MiB has no part in a fit."
    )


def base(name: str, quick: bool = False) -> str:
    """Sentence on the images of an axis."""
    axis = next(axis for axis in axes(quick) if axis.title == name)
    kinds = (("Images: ", axis.sizes), ("Images of groupwise methods: ", axis.groupwise))
    return " ".join(f"{kind}{', '.join(size.name for size in sizes)}." for kind, sizes in kinds if sizes)


def costs(rows: pd.DataFrame, fits: Fits) -> pd.DataFrame:
    """One row a method of an axis: the least and the largest size that was done, their costs, and the exponents."""
    lines = []
    for method, mine in rows.groupby("method", sort=False):
        ends = mine[mine["reason"] == ""].sort_values("number").iloc[[0, -1]] if (mine["reason"] == "").any() else None
        line = {"method": method, "sizes": "none" if ends is None else _span(ends["number"])}
        for quantity, word in (("seconds", "time"), ("peak_mib", "memory")):
            law = fits.get((str(rows["axis"].iloc[0]), str(method), quantity))
            line[UNITS[quantity]] = "" if ends is None else _span(ends[quantity])
            line[f"p of {word}"] = exponent(law)
            line[f"last of {word}"] = f"{law.last:.2f}" if law else ""
        lines.append(line)
    return pd.DataFrame(lines)


def exponent(law: PowerLaw | None) -> str:
    """The exponent with its standard error, nothing where there is none."""
    return f"{round(law.exponent, 2) + 0.0:.2f} ± {law.error:.2f}" if law else ""  # no -0.00


def verdict(table: pd.DataFrame, fits: Fits, name: str) -> str:
    """How the time of the methods grows along an axis, in one sentence."""
    laws = {method: law for (axis, method, quantity), law in fits.items() if (axis, quantity) == (name, "seconds")}
    faster = {m: law for m, law in laws.items() if law.exponent - CLEAR * law.error > 1}
    slower = {m: law for m, law in laws.items() if law.exponent + CLEAR * law.error < 1}
    like = {m: law for m, law in laws.items() if m not in faster and m not in slower}
    unknown = [m for m in dict.fromkeys(table.loc[table["axis"] == name, "method"]) if m not in laws]
    said = [
        f"{words} {_listed(chosen)}"
        for words, chosen in (
            ("faster than in proportion with", faster),
            ("as in proportion, within two standard errors, with", like),
            ("slower with", slower),
        )
        if chosen
    ]
    said += [f"too few sizes were done to tell with {', '.join(unknown)}"] if unknown else []
    return f"With {TITLES[name]}, time grows " + "; ".join(said) + "." if laws else f"With {TITLES[name]}: {said[0]}."


def _listed(laws: Mapping[str, PowerLaw]) -> str:
    ordered = sorted(laws.items(), key=lambda entry: entry[1].exponent)
    return ", ".join(f"{method} ({exponent(law)})" for method, law in ordered)


def _span(ends: pd.Series) -> str:
    """The first and the last of a column."""
    return " to ".join(dict.fromkeys(f"{value:.0f}" if abs(value) >= 100 else f"{value:.2g}" for value in ends))
