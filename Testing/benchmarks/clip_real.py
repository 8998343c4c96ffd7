"""Networks for clips on the wall of a real heart, against its DENSE displacement: table and picture.

    python Testing/benchmarks/clip_real.py --data FOLDER [--samples 8]

FOLDER holds StrainNet's subjects (Wang et al. 2023), arrays of the wall in every frame and of the displacement of its
points in pixels. They say no pixel size; 2 mm make the wall of the one that was tried 60 mm wide. Every method sees the
walls; strain is Green-Lagrange, along and across circles about the center of the wall, as of `dense_accuracy.py`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
import torch
from dense_accuracy import COMPONENTS, in_plane, strain_about_center
from script_tables import ROOT, made_by

import CardiacMotionLib as cm
from CardiacMotionLib.io.datasets import strainnet
from CardiacMotionLib.report.markdown import markdown
from CardiacMotionLib.report.wording import RESEARCH_USE
from CardiacMotionLib.studies.papers.lamod.scores import NINETY

mpl.use("Agg")
from matplotlib import pyplot as plt

PIXEL_MM = 2.0
DENSE, LAMOD = "DENSE", "LaMoD"
ROWS: dict[str, tuple[str, dict[str, Any]]] = {
    "spline": ("spline", {}),
    "registration network alone": ("lamod", {"sampler": "registration"}),
    LAMOD: ("lamod", {}),
    "LaMoD without diffusion": ("lamod", {"sampler": "none"}),
    "StrainNet-like": ("strainnet", {}),
    "UNETR-like": ("unetr", {}),
}
SHOWN = (DENSE, LAMOD, "registration network alone", "StrainNet-like", "UNETR-like")


class Found(NamedTuple):
    """What a method found of a subject, in the wall.

    Attributes
    ----------
    strain
        {name: (T, N)}.
    spread
        The same of the standard deviation of the samples; empty without samples.
    shift
        (T, N, 2) mm in the plane.
    rotation
        (T,) degrees about the center of the wall, clockwise as it is shown.
    """

    strain: dict[str, np.ndarray]
    spread: dict[str, np.ndarray]
    shift: np.ndarray
    rotation: np.ndarray


def found_in(motion: cm.Motion, wall: np.ndarray) -> Found:
    """Of a motion, in a wall (1, J, I)."""
    drawn = [strain_about_center(one, wall) for one in motion.samples]
    spread = {name: np.std([one[name] for one in drawn], axis=0, ddof=1) for name in COMPONENTS} if drawn else {}
    shift = in_plane(motion.displacement[:, wall], motion.affine)
    _, *places = np.nonzero(wall)
    j, i = ((n - n.mean()) * mm for n, mm in zip(places, motion.spacing[1::-1], strict=True))
    turned = (i * shift[..., 1] - j * shift[..., 0]).sum(1) / (i**2 + j**2).sum()
    return Found(strain_about_center(motion, wall), spread, shift, np.degrees(turned))


def row_of(found: Found, truth: Found, pixel_mm: float) -> dict[str, float]:
    """A row of the table."""
    peak = peak_of(truth)
    off = np.linalg.norm(found.shift - truth.shift, axis=-1) / pixel_mm
    row = {"endpoint error (pixels)": float(off[1:].mean()), "at peak": float(off[peak].mean())}
    row["rotation at peak (degrees)"] = float(found.rotation[peak])
    for name in COMPONENTS:
        difference = np.abs(found.strain[name] - truth.strain[name])[1:]
        row[f"|{name} - DENSE| (%)"] = 100 * float(np.nanmean(difference))
        row[f"mean {name} at peak (%)"] = 100 * float(np.nanmean(found.strain[name][peak]))
    if found.spread:
        spread = found.spread["Ecc"][1:]
        inside = np.abs(found.strain["Ecc"] - truth.strain["Ecc"])[1:] <= NINETY * spread
        row["SD of Ecc (%)"] = 100 * float(np.nanmean(spread))
        row["in the 90 % interval (%)"] = 100 * float(inside[np.isfinite(spread)].mean())
    return row


def peak_of(truth: Found) -> int:
    """The frame of the most shortening."""
    return int(np.nanmean(truth.strain["Ecc"], 1).argmin())


def picture(name: str, found: dict[str, Found], wall: np.ndarray, path: Path) -> None:
    """Curves of the means, and Ecc at its peak by DENSE and by every method, and the SD of LaMoD's samples."""
    figure, panels = plt.subplots(2, 4, figsize=(17, 8))
    for panel, component in zip(panels[:, 0], COMPONENTS, strict=True):
        for label, one in found.items():
            style = {"color": "black", "lw": 2.5} if label == DENSE else {"ls": "--" if label == "spline" else "-"}
            mean = 100 * np.nanmean(one.strain[component], 1)
            panel.plot(mean, label=label, **style)
            if one.spread:
                half = 100 * np.nanmean(one.spread[component], 1)
                panel.fill_between(range(len(mean)), mean - half, mean + half, alpha=0.25)
        panel.set(title=f"mean {component} in the wall", xlabel="frame", ylabel="Green-Lagrange (%)")
    panels[0, 0].legend(fontsize=8)
    peak = peak_of(found[DENSE])
    limit = 100 * float(np.nanmax(np.abs(found[DENSE].strain["Ecc"][peak])))
    maps = {label: 100 * found[label].strain["Ecc"][peak] for label in SHOWN}
    maps["SD of LaMoD's samples"] = 100 * found[LAMOD].spread["Ecc"][peak]
    _, j, i = np.nonzero(wall)
    window = {"xlim": (i.min() - 4, i.max() + 4), "ylim": (j.max() + 4, j.min() - 4), "xticks": [], "yticks": []}
    for panel, (label, values) in zip(panels[:, 1:].flat, maps.items(), strict=True):
        image = np.full(wall.shape[1:], np.nan)
        image[j, i] = values
        colors = {"cmap": "viridis"} if label.startswith("SD") else {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit}
        figure.colorbar(panel.imshow(image, **colors), ax=panel, shrink=0.8, label="%")
        panel.set(title=label if label.startswith("SD") else f"Ecc at its peak, {label}", **window)
        few, shift = slice(None, None, 5), found[LAMOD if label.startswith("SD") else label].shift[peak]
        panel.quiver(i[few], j[few], *shift[few].T / PIXEL_MM, angles="xy", scale_units="xy", scale=1, width=0.005)
    figure.suptitle(f"The wall of a real heart ({name}). {RESEARCH_USE}")
    figure.tight_layout()
    figure.savefig(path, dpi=70)


def main() -> None:
    """Register and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of StrainNet's subjects")
    parser.add_argument("--samples", type=int, default=8, help="of LaMoD, two at least")
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "Testing" / "results")
    given = parser.parse_args()
    rows = []
    cases = [case for case in strainnet.find(given.data, PIXEL_MM) if case.facts["displacement"]]
    given.output.mkdir(parents=True, exist_ok=True)
    for case in cases:
        read = case.read()
        wall = read.series.labels[0] > 0
        found = {DENSE: found_in(read.motion, wall)}
        still = cm.Motion(np.zeros_like(read.motion.displacement), read.series.affine, 0)
        found["none"] = found_in(still, wall)
        for name, (method, options) in ROWS.items():
            more = {"samples": given.samples} if name == LAMOD else {}
            motion = cm.register(read.series, method, reference=0, device="cpu", **options, **more)
            found[name] = found_in(motion, wall)
        rows += [
            {"subject": case.name, "method": name, **row_of(one, found[DENSE], PIXEL_MM)} for name, one in found.items()
        ]
        if case is cases[0]:
            picture(
                case.name,
                {name: one for name, one in found.items() if name != "none"},
                wall,
                given.output / "clip_real.png",
            )
    table = pd.DataFrame(rows)
    table.to_csv(given.output / "clip_real.csv", index=False, float_format="%.4f")
    lines = "\n".join(markdown(table))
    text = f"""# Networks for clips on the wall of a real heart

{made_by(f"clip_real.py --data FOLDER --samples {given.samples}", f"{torch.get_num_threads()} threads")}
The displacement of DENSE is taken for the truth, and has noise of its own; the walls of later frames were drawn in
DENSE, too. {PIXEL_MM:g} mm a pixel are assumed. Everything is Green-Lagrange, in the voxels of the wall at the moment
of the encoding, over all frames but that one; peak is the frame of the most shortening by DENSE.
{RESEARCH_USE}

{lines}
"""
    (given.output / "clip_real.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
