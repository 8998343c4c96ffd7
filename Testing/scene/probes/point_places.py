"""Places in the small hearts for probes and rulers, and what is seen of those that are there."""

import numpy as np
from small_hearts import AFFINES

from CardiacMotionLib.scene.point_chart import chart_of_points

IN_WALL, BESIDE_WALL, OUTSIDE = (22.0, 14.0, 2.0), (26.5, 24.0, 2.0), (40.0, 14.0, 2.0)


def world(voxel, affine=AFFINES["oblique"]):
    """Place in RAS mm of the voxel (i, j, k)."""
    return affine[:3, :3] @ np.array(voxel) + affine[:3, 3]


def shown_at(node, number=0):
    return np.array(node.GetNthControlPointPositionWorld(number))


def column(measured, curve):
    import slicer

    return slicer.util.arrayFromTableColumn(measured.table, measured.titles[curve])


def in_chart(results):
    chart = chart_of_points(results)
    return [chart.GetNthPlotSeriesNode(n).GetName() for n in range(chart.GetNumberOfPlotSeriesNodes())]
