"""The picture of the sample in Slicer's Sample Data module: ``python Testing/module/sample_icon.py``."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from CardiacMotionLib.io import sample_series  # noqa: E402
from CardiacMotionLib.io.write import LABEL_COLORS  # noqa: E402
from CardiacMotionLib.series import LV_CAVITY, MYOCARDIUM  # noqa: E402

SIZE = 280
SLICE = 5


def as_seen_from_the_apex(plane: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """A slice (J, I) with the patient's left to the right and anterior and superior up, as the slice views show it."""
    axes = (affine[:3, :2] / np.linalg.norm(affine[:3, :2], axis=0)).T  # of i and j
    across = int(np.abs(axes[:, 0]).argmax())
    seen = plane if across == 0 else plane.T
    if axes[across, 0] > 0:
        seen = seen[:, ::-1]
    return seen[::-1] if axes[1 - across, 1:].sum() > 0 else seen


def main(target: Path) -> None:
    """End-diastole of a middle slice with its contours."""
    from matplotlib.figure import Figure

    series = sample_series()
    image, labels = (as_seen_from_the_apex(a[SLICE], series.affine) for a in (series.frames[0], series.labels[0]))
    figure = Figure(figsize=(1, 1), dpi=SIZE)
    axes = figure.add_axes((0, 0, 1, 1))
    low, high = np.percentile(image, (1, 99.5))
    axes.imshow(image, cmap="gray", vmin=low, vmax=high, interpolation="bicubic")
    axes.contour(labels >= MYOCARDIUM, [0.5], colors=[LABEL_COLORS[MYOCARDIUM]], linewidths=1.0)
    axes.contour(labels == LV_CAVITY, [0.5], colors=[LABEL_COLORS[LV_CAVITY]], linewidths=1.0)
    axes.set_axis_off()
    figure.savefig(target)
    print(target)


if __name__ == "__main__":
    main(ROOT / "CardiacMotion" / "Resources" / "Icons" / "SampleCine.png")
