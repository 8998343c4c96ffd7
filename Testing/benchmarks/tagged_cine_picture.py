"""Draw tagged slices, the cine that they belong to, and what becomes of the two.

    python Testing/benchmarks/tagged_cine_picture.py                     # synthetic people: Resources/Screenshots
    python Testing/benchmarks/tagged_cine_picture.py --real -o FOLDER    # a real tagged slice as well: FOLDER only

The real tagged slice (``tagged_heartmotion`` of the test data) has no cine and no place. It is put by hand into the
sample cine, of another person: that shows that real bytes go through, and nothing about motion. It may not ship, so it
is never drawn into the project's own folders.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from CardiacMotionLib import ImageSeries, compose_tagged_cine, phantom, read_series
from CardiacMotionLib.io import sample_series
from CardiacMotionLib.report.figures import new_figure, save_figure
from CardiacMotionLib.series import LV_CAVITY, MYOCARDIUM

ROOT = Path(__file__).resolve().parents[2]
NOTE = "Research use only: not a medical device."
AROUND_MM = 48.0  # from the middle of the LV to the sides of the pictures
REAL_MIDDLE = (125, 122)  # voxel (i, j) of the LV in the real tagged slice, read off the image


def synthetic() -> list[tuple[str, ImageSeries, ImageSeries, int]]:
    """Name, cine, tagged series and end-systolic frame of two synthetic people."""
    rows = []
    for name, seed, technique, pattern in (("normal", 7, "spamm", "grid"), ("hcm", 5, "cspamm", "lines")):
        person = phantom("cine", seed, group=name, slices=12)
        tagged = phantom("tagged", seed, group=name, technique=technique, pattern=pattern)
        end_systole = person.meta["truth"]["end_systole"]
        rows.append((f"{name}, {technique.upper()}", person.series, tagged.series, end_systole))
    return rows


def real(data: Path) -> tuple[str, ImageSeries, ImageSeries, int]:
    """The sample cine, and the tagged slice of somebody else at the place of its seventh slice."""
    cine, folder = sample_series(), data / "tagged_heartmotion"
    known = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    tagged = read_series(next(folder.glob("*.nii.gz")), frames_axis=2)
    i, j, k = (axis / np.linalg.norm(axis) for axis in cine.affine[:3, :3].T)
    affine = np.eye(4)
    columns = (-j, i, k)  # the RV, to the left there, is below in the cine
    affine[:3, :3] = np.stack(columns, -1) * [*known["spacing"], known["slice_mm"]]
    affine[:3, 3] = cine.affine[:3] @ [*middle_of(cine)[:2], 6, 1] - affine[:3, :2] @ REAL_MIDDLE
    tagged = ImageSeries(tagged.frames, affine, known["trigger_ms"], meta={"name": "real CSPAMM slice"})
    return "two people, placed by hand", cine, tagged, cine.meta["end_systole"]


def middle_of(cine: ImageSeries) -> tuple[float, float, float]:
    """Voxel (i, j, k) in the middle of the LV."""
    labels = next(iter(cine.labels.values()))
    k, j, i = np.argwhere((labels == MYOCARDIUM) | (labels == LV_CAVITY)).mean(0)
    return float(i), float(j), float(k)


def draw(rows: list[tuple[str, ImageSeries, ImageSeries, int]], title: str) -> Any:
    """One row for end-diastole and one for end-systole of each: cine, tagged, both; and long cuts of cine and both."""
    figure = new_figure(11.5, 4.75 * len(rows) + 0.3)
    grid = figure.subplots(2 * len(rows), 5, gridspec_kw={"width_ratios": [1, 1, 1, 1.25, 1.25]}, squeeze=False)
    figure.suptitle(f"{title} {NOTE}", fontsize=9)
    for n, (name, cine, tagged, end_systole) in enumerate(rows):
        composed = compose_tagged_cine(cine, tagged)
        for axes, frame, phase in zip(grid[2 * n : 2 * n + 2], (0, end_systole), ("ED", "ES"), strict=True):
            draw_phase(axes, cine, tagged, composed, frame)
            axes[0].set_ylabel(f"{name}\n{phase}, {cine.times[frame]:.0f} ms", fontsize=8)
    for axes, heading in zip(
        grid[0], ("cine slice", "tagged slice", "tagged cine", "cine, across the slices", "tagged cine"), strict=True
    ):
        axes.set_title(heading, fontsize=8)
    return figure


def draw_phase(axes: Any, cine: ImageSeries, tagged: ImageSeries, composed: ImageSeries, frame: int) -> None:
    """One frame of a person."""
    for place in axes:
        place.set(xticks=[], yticks=[])
    i, j, _ = middle_of(cine)
    replaced = composed.meta["tagged_slices"]
    one = replaced[len(replaced) // 2]
    k, number = one["slice"], one["tagged_slice"]
    low, high = 0.0, float(np.percentile(cine.frames, 99.5))
    step, half = cine.spacing, AROUND_MM / cine.spacing[:2]
    for place, series in ((axes[0], cine), (axes[2], composed)):
        place.imshow(series.frames[frame, k], cmap="gray", vmin=low, vmax=high, aspect=step[1] / step[0])
        if frame in cine.labels:
            wall = (cine.labels[frame][k] >= MYOCARDIUM).astype(float)
            place.contour(wall, [0.5], colors="#4cc9f0", linewidths=0.5)
        place.set(xlim=(i - half[0], i + half[0]), ylim=(j + half[1], j - half[1]))
    nearest = int(np.abs(tagged.times - cine.times[frame]).argmin())
    there = np.linalg.solve(tagged.affine, cine.affine @ [i, j, k, 1])[:2]
    around = AROUND_MM / tagged.spacing[:2]
    image = tagged.frames[nearest, number]
    axes[1].imshow(image, cmap="gray", vmin=np.percentile(image, 0.5), vmax=np.percentile(image, 99.5))
    axes[1].set(xlim=(there[0] - around[0], there[0] + around[0]), ylim=(there[1] + around[1], there[1] - around[1]))
    for place, series in ((axes[3], cine), (axes[4], composed)):
        cut = series.frames[frame, :, round(j)]
        place.imshow(cut, cmap="gray", vmin=low, vmax=high, aspect=step[2] / step[0], interpolation="nearest")
        place.set(xlim=(i - 1.3 * half[0], i + 1.3 * half[0]), ylim=(-0.5, len(cut) - 0.5))
    for row in replaced:
        axes[4].annotate(
            "", (0, row["slice"]), (-0.05, row["slice"]), ("axes fraction", "data"), arrowprops={"arrowstyle": "->"}
        )


def main() -> None:
    """Draw into the folders that the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "Resources" / "Screenshots")
    parser.add_argument("--real", action="store_true", help="with the real tagged slice; needs -o")
    parser.add_argument(
        "--data", type=Path, default=os.environ.get("CARDIACMOTION_DATA", ROOT.parent / "shared" / "data")
    )
    options = parser.parse_args()
    if options.real and ROOT in (options.output.resolve(), *options.output.resolve().parents):
        parser.error("the real tagged slice may not ship: give a folder outside the project with -o")
    options.output.mkdir(parents=True, exist_ok=True)
    drawn = save_figure(draw(synthetic(), "Synthetic people."), options.output / "tagged_cine.png")
    picture = Image.open(drawn).convert("RGB")
    picture.resize((1100, round(picture.height * 1100 / picture.width)), Image.Resampling.LANCZOS).save(
        options.output / "tagged_cine.webp", quality=80
    )
    drawn.unlink()
    if options.real:
        title = "A real tagged slice in the cine of another person: only to see that it goes through."
        save_figure(draw([real(Path(options.data))], title), options.output / "tagged_cine_real.png")


if __name__ == "__main__":
    main()
