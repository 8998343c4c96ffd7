"""The Motion section as a user works with it: a method is chosen and run, on a cine that takes no time."""

import time

SMALL = {"frames": 3, "slices": 4, "rows": 32, "columns": 32, "pixel_mm": 4.2, "thickness_mm": 18.0}


def choose(panel, method):
    """Select a method as a user does."""
    combo = panel.motion.ui.methodComboBox
    combo.setCurrentIndex(combo.findData(method))


def run_to_the_end(slicer, panel):
    """What the panel says after the run."""
    panel.motion.ui.applyButton.click()
    deadline = time.monotonic() + 60
    while panel.motion.run.running and time.monotonic() < deadline:
        slicer.app.processEvents()
    return panel.motion.ui.statusLabel.text
