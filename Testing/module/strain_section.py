"""The Strain section as a user works with it: segments are clicked, insertions dragged, and strain follows."""

import time

import numpy as np

HEART = {"frames": 5, "slices": 6, "rows": 40, "columns": 40, "pixel_mm": 3.4, "thickness_mm": 13.0}


def click(section, segment):
    """Press the left button in the middle of a segment of the bullseye, as a mouse does."""
    import qt
    from CardiacMotionPanels.bullseye import CENTER_X, CENTER_Y, RADIUS

    from CardiacMotionLib.scene.bullseye import segment_sector

    inner, outer, start, end = segment_sector(segment)
    angle, radius = np.radians((start + end) / 2), RADIUS * (inner + outer) / 2
    press_at(section, CENTER_X + radius * np.cos(angle), CENTER_Y - radius * np.sin(angle), qt)


def press_at(section, x, y, qt):
    place = qt.QPointF(x, y)
    left = qt.Qt.LeftButton
    event = qt.QMouseEvent(qt.QEvent.MouseButtonPress, place, place, left, left, qt.Qt.NoModifier)
    qt.QApplication.sendEvent(section.ui.bullseyeLabel, event)


def settle(slicer, section, seconds=60.0):
    """Let events run until the section has nothing left to do."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        slicer.app.processEvents()
        if not section.settings.run.running and not section.settings.timer.active:
            return
        time.sleep(0.005)
    raise AssertionError("the section did not settle")


def chart_columns(results):
    chart = results.chart
    return [chart.GetNthPlotSeriesNode(number).GetYColumnName() for number in range(chart.GetNumberOfPlotSeriesNodes())]


def drag(section, number, offset):
    """Drag an insertion in a view: it moves, then the interaction ends."""
    node = section.session.current.insertions
    node.SetNthControlPointPosition(number, *(np.array(node.GetNthControlPointPosition(number)) + offset))
    node.InvokeEvent(node.PointEndInteractionEvent)


def turned_offset(section, number):
    """From one insertion to where it is after a turn of 40 degrees about the middle of the wall."""
    from scipy.spatial.transform import Rotation

    strain = section.session.outcome.strain
    middle = np.argwhere(strain.wall)[:, ::-1].mean(axis=0) @ strain.affine[:3, :3].T + strain.affine[:3, 3]
    arm = strain.rv_insertion[number] - middle
    return Rotation.from_rotvec(np.radians(40.0) * strain.axis).apply(arm) - arm
