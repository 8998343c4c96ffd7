"""Pictures of what a layout shows: slice and 3D views by MRML's displayable managers, charts by VTK, tables by Qt.

The application's own plot and table views are not in slicer-core, so charts and tables are drawn here from their nodes.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from PySide6 import QtCore, QtGui, QtWidgets

from CardiacMotionLib.scene.headless import headless_scene
from CardiacMotionLib.scene.offscreen import View

BAR = 20  # pixels of the bar above a view
GAP = 4
DARK = (0.16, 0.17, 0.20)
FOOT = "Drawn by VTK from the nodes of the scene, without the application."


def font(size):
    return ImageFont.load_default(size)


def image_of(window):
    """The content of a render window."""
    import vtk
    from vtk.util.numpy_support import vtk_to_numpy

    window.Render()
    grab = vtk.vtkWindowToImageFilter()
    grab.SetInput(window)
    grab.ReadFrontBufferOff()
    grab.Update()
    image = grab.GetOutput()
    width, height, _ = image.GetDimensions()
    values = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(height, width, -1)
    return Image.fromarray(np.ascontiguousarray(values[::-1, :, :3]))


class SliceView:
    """A slice view of the layout, from now until `close`."""

    def __init__(self, node, logic, size):
        import slicer
        import vtk

        factory = slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance()
        node.SetDimensions(*size, 1)
        logic.ResizeSliceNode(*size)
        self.view, self.logic = View(logic, node, factory, size, (0.0, 0.0, 0.0)), logic
        mapper = vtk.vtkImageMapper()
        mapper.SetColorWindow(255)
        mapper.SetColorLevel(127.5)
        actor = vtk.vtkActor2D()
        actor.SetMapper(mapper)
        actor.GetProperty().SetDisplayLocationToBackground()
        self.view.renderer.AddViewProp(actor)
        self.view.mapper = mapper

    def picture(self):
        self.logic.UpdatePipeline()
        self.view.mapper.SetInputConnection(self.logic.GetImageDataConnection())
        return image_of(self.view.window)

    def close(self):
        self.view.close()


class View3D:
    """A 3D view of the layout, from now until `close`."""

    def __init__(self, node, size):
        import slicer

        node.SetBackgroundColor(*DARK)
        node.SetBackgroundColor2(*DARK)
        factory = slicer.vtkMRMLThreeDViewDisplayableManagerFactory.GetInstance()
        self.view = View(None, node, factory, size, DARK)

    def picture(self):
        self.view.window.Render()
        self.view.renderer.ResetCameraClippingRange()
        return image_of(self.view.window)

    def close(self):
        self.view.close()


def chart_picture(chart, size):
    """A plot chart node as `qMRMLPlotView` draws it: lines and points of its series, axes, title, legend."""
    import vtk

    view = vtk.vtkContextView()
    view.GetRenderWindow().SetOffScreenRendering(1)
    view.GetRenderWindow().SetSize(*size)
    view.GetRenderWindow().SetMultiSamples(4)
    view.GetRenderer().SetBackground(1.0, 1.0, 1.0)
    drawn = vtk.vtkChartXY()
    view.GetScene().AddItem(drawn)
    drawn.SetTitle(chart.GetTitle() if chart.GetTitleVisibility() else "")
    drawn.GetTitleProperties().SetFontSize(14)
    drawn.SetShowLegend(chart.GetLegendVisibility())
    drawn.GetLegend().SetLabelSize(12)
    drawn.GetLegend().SetHorizontalAlignment(vtk.vtkChartLegend.RIGHT)
    for axis, title in ((vtk.vtkAxis.BOTTOM, chart.GetXAxisTitle()), (vtk.vtkAxis.LEFT, chart.GetYAxisTitle())):
        drawn.GetAxis(axis).SetTitle(title or "")
        drawn.GetAxis(axis).GetTitleProperties().SetFontSize(13)
        drawn.GetAxis(axis).GetLabelProperties().SetFontSize(12)
    for number in range(chart.GetNumberOfPlotSeriesNodes()):
        _add_series(drawn, chart.GetNthPlotSeriesNode(number))
    if not chart.GetYAxisRangeAuto():
        drawn.GetAxis(vtk.vtkAxis.LEFT).SetBehavior(vtk.vtkAxis.FIXED)
        drawn.GetAxis(vtk.vtkAxis.LEFT).SetRange(*chart.GetYAxisRange())
    return image_of(view.GetRenderWindow())


def _add_series(chart, series):
    import vtk

    table = series.GetTableNode().GetTable()
    plot = chart.AddPlot(vtk.vtkChart.LINE)
    plot.SetInputData(table, series.GetXColumnName(), series.GetYColumnName())
    plot.SetLabel(series.GetName())
    color = [round(255 * part) for part in series.GetColor()]
    plot.SetColor(*color, round(255 * series.GetOpacity()))
    plot.SetWidth(series.GetLineWidth())
    lines = {
        series.LineStyleNone: vtk.vtkPen.NO_PEN,
        series.LineStyleSolid: vtk.vtkPen.SOLID_LINE,
        series.LineStyleDash: vtk.vtkPen.DASH_LINE,
        series.LineStyleDot: vtk.vtkPen.DOT_LINE,
        series.LineStyleDashDot: vtk.vtkPen.DASH_DOT_LINE,
        series.LineStyleDashDotDot: vtk.vtkPen.DASH_DOT_DOT_LINE,
    }
    plot.GetPen().SetLineType(lines[series.GetLineStyle()])
    markers = {
        series.MarkerStyleNone: vtk.vtkPlotPoints.NONE,
        series.MarkerStyleCross: vtk.vtkPlotPoints.CROSS,
        series.MarkerStylePlus: vtk.vtkPlotPoints.PLUS,
        series.MarkerStyleSquare: vtk.vtkPlotPoints.SQUARE,
        series.MarkerStyleCircle: vtk.vtkPlotPoints.CIRCLE,
        series.MarkerStyleDiamond: vtk.vtkPlotPoints.DIAMOND,
    }
    plot.SetMarkerStyle(markers[series.GetMarkerStyle()])
    plot.SetMarkerSize(series.GetMarkerSize())


def table_picture(node, size):
    """A table node as a table view shows it: its first rows and columns, as many as there is room for."""
    table = node.GetTable()
    widget = QtWidgets.QTableWidget(table.GetNumberOfRows(), table.GetNumberOfColumns())
    widget.setHorizontalHeaderLabels([table.GetColumnName(n) for n in range(table.GetNumberOfColumns())])
    for column in range(table.GetNumberOfColumns()):
        for row in range(table.GetNumberOfRows()):
            value = table.GetValue(row, column)
            text = value.ToString() if value.IsString() else f"{value.ToDouble():.4g}"
            widget.setItem(row, column, QtWidgets.QTableWidgetItem(text))
    widget.resizeColumnsToContents()
    widget.setVerticalScrollBarPolicy(QtCore.Qt.ScrollBarAlwaysOff)
    widget.setHorizontalScrollBarPolicy(QtCore.Qt.ScrollBarAlwaysOff)
    widget.resize(*size)
    buffer = QtCore.QBuffer()
    buffer.open(QtCore.QIODevice.WriteOnly)
    widget.grab().save(buffer, "PNG")
    return Image.open(io.BytesIO(bytes(buffer.data()))).convert("RGB")


def compose(rows, pictures, size):
    """A layout: ``rows`` of (views, share of the height), ``pictures`` {name of a view: picture or None}."""
    width, height = size
    page = Image.new("RGB", (width, height + 18), "#f0f0f0")
    draw = ImageDraw.Draw(page)
    for view, box in boxes(rows, size):
        x, y, w, h = box
        color = QtGui.QColor(view.color).getRgb()[:3]
        draw.rectangle((x, y, x + w - 1, y + BAR - 1), fill=color)
        draw.text((x + 6, y + 3), view.label, fill="white", font=font(13))
        picture = pictures.get(view.name)
        if picture is None:
            draw.rectangle((x, y + BAR, x + w - 1, y + h - 1), fill="white")
        else:
            page.paste(picture, (x, y + BAR))
    draw.text((6, height + 3), FOOT, fill="#606060", font=font(11))
    return page


def boxes(rows, size):
    """[(view, (x, y, width, height))] of a layout in pixels, the bar of each view included."""
    width, height = size
    total, top, found = sum(share for _, share in rows), 0, []
    for views, share in rows:
        tall = height * share // total
        wide = width // len(views)
        found += [(view, (n * wide, top, wide - GAP, tall - GAP)) for n, view in enumerate(views)]
        top += tall
    return found


def layout_picture(rows, size=(1280, 860), models=()):
    """What a layout shows now; ``models`` are those that its 3D view looks at."""
    import slicer

    from CardiacMotionLib.scene.camera import camera_of, look_from_front
    from CardiacMotionLib.scene.colors import renew_legends

    host = headless_scene()
    pictures, open_views = {}, {}
    for view, (_x, _y, w, h) in boxes(rows, size):
        inside = (w, h - BAR)
        if view.nodeClass == "vtkMRMLSliceNode":
            open_views[view.name] = SliceView(view.node, host.application_logic.GetSliceLogic(view.node), inside)
        elif view.nodeClass == "vtkMRMLViewNode":
            open_views[view.name] = View3D(view.node, inside)
            look_from_front(camera_of(view.name), models, aspect=inside[0] / inside[1])
        elif view.nodeClass == "vtkMRMLPlotViewNode":
            chart = view.node.GetPlotChartNode()
            pictures[view.name] = None if chart is None else chart_picture(chart, inside)
        else:
            table = view.node.GetTableNode()
            pictures[view.name] = None if table is None else table_picture(table, inside)
    legends = slicer.util.getNodesByClass("vtkMRMLColorLegendDisplayNode")
    renew_legends({legend.GetDisplayableNode() for legend in legends} - {None})
    pictures |= {name: view.picture() for name, view in open_views.items()}
    for view in open_views.values():
        view.close()
    return compose(rows, pictures, size)
