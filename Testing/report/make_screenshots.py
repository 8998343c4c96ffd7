"""Pictures of the README from the output of the demo: ``make screenshots``."""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

from CardiacMotionLib.io import sample_series
from CardiacMotionLib.motion import Motion
from CardiacMotionLib.report import cine_frames, plot_bullseye, plot_curves
from CardiacMotionLib.report.cine import frame_duration
from CardiacMotionLib.strain import strain

FOLDER = Path(__file__).resolve().parents[2] / "Resources" / "Screenshots"


def shrink(image: Image.Image, width: int) -> Image.Image:
    """``image`` at ``width`` pixels."""
    return image.resize((width, round(image.height * width / image.width)), Image.Resampling.LANCZOS)


def main(demo: Path) -> None:
    """Write demo_cine.webp, demo_bullseye.png, demo_curves.png and demo_overlay.png."""
    series = sample_series()
    motion = Motion.load(demo / "motion.seq.nrrd")
    result = strain(motion, series.labels[motion.reference], rv_insertion=series.meta["rv_insertion"])
    first, *others = [shrink(frame, 640) for frame in cine_frames(series, motion, result)]
    half_speed = 2 * frame_duration(motion)
    first.save(FOLDER / "demo_cine.webp", save_all=True, append_images=others, duration=half_speed, loop=0, quality=80)
    plot_bullseye(result, "circumferential", FOLDER / "demo_bullseye.png")
    plot_curves(result, FOLDER / "demo_curves.png")
    for name, width in (("demo_bullseye.png", 420), ("demo_curves.png", 1200)):
        shrink(Image.open(FOLDER / name).convert("RGB"), width).save(FOLDER / name, optimize=True)
    if (demo / "overlay.png").is_file():
        shrink(Image.open(demo / "overlay.png").convert("RGB"), 420).save(FOLDER / "demo_overlay.png", optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
