"""Pictures of the panel for the catalog and the README: ``python Testing/module/screenshots.py [folder]``.

They are taken on the stand-ins, offscreen, with a phantom as the patient.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "Testing" / "qt")]

import application  # noqa: E402

WIDTH = 460
METHOD = "spline"


def take(widget, path: Path) -> None:
    """Save a picture of a widget at its natural height."""
    import slicer

    widget.resize(WIDTH, 10)
    for _ in range(3):  # wrapped labels settle their height in the second pass
        slicer.app.processEvents()
        layout = widget.layout()
        widget.resize(WIDTH, max(layout.totalHeightForWidth(WIDTH), layout.totalMinimumSize().height()))
    slicer.app.processEvents()
    if not widget.grab().save(str(path)):
        raise OSError(f"cannot write {path}")
    print(path)


def main(folder: Path, method: str = METHOD, **options) -> None:
    """Open the panel on a phantom, run it, and take a picture before and after."""
    import slicer

    from CardiacMotionLib import phantom
    from CardiacMotionLib.scene import add_labels, add_series

    series = phantom("cine", 7, frames=8, slices=6, rows=64, columns=64, pixel_mm=2.6, thickness_mm=11.0).series
    series = series.replace(labels={0: series.labels[0]})
    cine, _browser = add_series(series, "Short-axis cine")
    segmentation = add_labels(series, "Heart at end-diastole")
    panel = slicer.util.getModuleWidget("CardiacMotion")
    panel.enter()
    parameters = panel.logic.getParameterNode()
    parameters.cine, parameters.segmentation, parameters.method = cine, segmentation, method
    panel.parent.show()
    panel.motion.ui.optionsCollapsibleButton.collapsed = False
    take(panel.parent, folder / "panel.png")

    panel.motion.ui.optionsCollapsibleButton.collapsed = True
    panel.motion.forms[method].setValues(options)
    panel.motion.ui.applyButton.click()
    while panel.motion.run.running:
        slicer.app.processEvents()
        time.sleep(0.01)
    take(panel.parent, folder / "results.png")


if __name__ == "__main__":
    application.start()
    application.load_module(ROOT / "CardiacMotion" / "CardiacMotion.py")
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "Resources" / "Screenshots"
    target.mkdir(parents=True, exist_ok=True)
    main(target)
