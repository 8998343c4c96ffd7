"""The mapping section as a user works with it: entries are chosen, Fit is pressed, words and cells are read."""

import time

PATIENCE_S = 60


def wait_for(slicer, control):
    deadline = time.monotonic() + PATIENCE_S
    while control.running and time.monotonic() < deadline:
        slicer.app.processEvents()
    assert not control.running


def fit(slicer, mapping):
    """Press Fit and wait; what the status line then says."""
    assert mapping.ui.mapFitButton.enabled, mapping.ui.mapFitButton.toolTip
    mapping.ui.mapFitButton.click()
    wait_for(slicer, mapping.run)
    return mapping.ui.mapStatusLabel.text


def cells(mapping, column=0):
    table = mapping.ui.mapTimesTable
    return [table.item(row, column).text() for row in range(table.rowCount)]


def scene_ids(slicer):
    scene = slicer.mrmlScene
    return {scene.GetNthNode(n).GetID() for n in range(scene.GetNumberOfNodes())}
