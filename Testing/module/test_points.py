"""Probes and rulers in the panel: placed through Slicer's place mode, listed, moved, hidden, removed."""

import numpy as np
import pytest
import vtk

from CardiacMotionLib import evaluate, phantom
from CardiacMotionLib import strain as strain_of
from CardiacMotionLib.pipeline import Outcome

SMALL = {"frames": 3, "slices": 4, "rows": 32, "columns": 32, "pixel_mm": 4.2, "thickness_mm": 18.0}


@pytest.fixture(scope="module")
def computed():
    """What a perfect method would find of a small heart."""
    subject = phantom("cine", 3, **SMALL)
    series = subject.series.replace(labels={0: subject.series.labels[0]})
    strain = strain_of(subject.motion, series.labels[0])
    return Outcome(series, subject.motion, strain, evaluate(subject.motion, series), ())


@pytest.fixture
def points(panel):
    """The part of the review section."""
    return panel.review.points


@pytest.fixture
def results(slicer, panel, points, computed):
    """A run in the scene, selected."""
    return put_in(panel, computed, "Cine")


def put_in(panel, computed, name):
    from CardiacMotionLib.scene import add_results, add_series

    sequence, _ = add_series(computed.series, name)
    made = add_results(sequence, computed.series, computed.motion, computed.strain)
    panel.session.take(computed, made)
    return made


def in_wall(computed, number=0):
    """RAS mm of voxels of the reference wall, far from each other."""
    voxels = np.argwhere(computed.strain.wall)[:: max(computed.strain.wall.sum() // 5, 1)][number][::-1]
    affine = computed.series.affine
    return affine[:3, :3] @ voxels + affine[:3, 3]


def mode(slicer):
    interaction = slicer.app.applicationLogic().GetInteractionNode()
    return interaction.GetInteractionModeAsString(interaction.GetCurrentInteractionMode())


def active_node(slicer):
    selection = slicer.app.applicationLogic().GetSelectionNode()
    return slicer.mrmlScene.GetNodeByID(selection.GetActivePlaceNodeID() or "")


def click(slicer, place):
    """What a view does at a click in place mode: the preview becomes a point, then a single placement is over."""
    node = active_node(slicer)
    node.AddControlPointWorld(*place)
    interaction = slicer.app.applicationLogic().GetInteractionNode()
    if node.GetNumberOfDefinedControlPoints() >= node.GetRequiredNumberOfControlPoints():
        interaction.SetCurrentInteractionMode(interaction.ViewTransform)
    settle(slicer)


def settle(slicer):
    for _ in range(3):
        slicer.app.processEvents()


def probe_at(slicer, points, place):
    points.ui.addProbeButton.click()
    click(slicer, place)
    return points.current[-1]


def ruler_at(slicer, points, *places):
    points.ui.addRulerButton.click()
    for place in places:
        click(slicer, place)
    return points.current[-1]


def rows(points):
    table = points.ui.pointsTable
    return [[table.item(row, column).text() for column in range(3)] for row in range(table.rowCount)]


def markups(slicer):
    names = [node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLMarkupsFiducialNode")]
    return [name for name in names if "Probe" in name]


class TestPlacing:
    def test_a_click_makes_a_probe_with_values_at_the_frame_shown(self, slicer, panel, points, results, computed):
        probe = probe_at(slicer, points, in_wall(computed))
        assert mode(slicer) == "ViewTransform"
        assert not points.ui.addProbeButton.checked
        results.browser.SetSelectedItemNumber(1)
        ecc, moved = (probe.values[curve][1] for curve in ("circumferential", "displacement"))
        assert rows(points) == [["Probe 1", f"Ecc {ecc:+.1f} %", f"moved {moved:.1f} mm"]]
        assert moved > 0.5
        results.browser.SetSelectedItemNumber(0)
        assert rows(points) == [["Probe 1", "Ecc +0.0 %", "moved 0.0 mm"]]
        assert points.ui.pointsLabel.text == ""

    def test_two_clicks_make_a_ruler(self, slicer, points, results, computed):
        points.ui.addRulerButton.click()
        assert mode(slicer) == "Place"
        assert "two ends" in points.ui.pointsLabel.text
        click(slicer, in_wall(computed))
        assert points.current == []
        assert points.ui.addRulerButton.checked
        click(slicer, in_wall(computed, 2))
        length = np.linalg.norm(in_wall(computed) - in_wall(computed, 2))
        assert rows(points) == [["Ruler 1", "segment +0.0 %", f"length {length:.1f} mm"]]

    def test_pressing_again_leaves_place_mode_and_no_node(self, slicer, points, results):
        before = slicer.mrmlScene.GetNumberOfNodes()
        points.ui.addProbeButton.click()
        assert mode(slicer) == "Place"
        assert active_node(slicer).GetParentTransformNode() is results.proxy(results.motion_to_frame)
        points.ui.addProbeButton.click()
        assert mode(slicer) == "ViewTransform"
        assert slicer.mrmlScene.GetNumberOfNodes() == before
        assert not points.ui.addProbeButton.checked

    def test_escape_and_the_right_button_do_too_even_half_way(self, slicer, points, results, computed):
        before = slicer.mrmlScene.GetNumberOfNodes()
        points.ui.addRulerButton.click()
        click(slicer, in_wall(computed))
        points.placing._escape.activated.emit()
        assert slicer.mrmlScene.GetNumberOfNodes() == before
        points.ui.addRulerButton.click()
        click(slicer, in_wall(computed))
        slicer.app.applicationLogic().GetInteractionNode().SwitchToViewTransformMode()  # as a right click does
        settle(slicer)
        assert slicer.mrmlScene.GetNumberOfNodes() == before
        assert not points.placing.active
        assert not points.ui.addRulerButton.checked

    def test_the_other_button_starts_the_other_kind(self, slicer, points, results, computed):
        points.ui.addProbeButton.click()
        points.ui.addRulerButton.click()
        assert active_node(slicer).IsA("vtkMRMLMarkupsLineNode")
        assert not points.ui.addProbeButton.checked
        assert points.ui.addRulerButton.checked
        assert markups(slicer) == []

    def test_what_the_user_placed_before_is_active_again(self, slicer, points, results, computed):
        own = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsLineNode", "Mine")
        selection = slicer.app.applicationLogic().GetSelectionNode()
        selection.SetReferenceActivePlaceNodeClassName(own.GetClassName())
        selection.SetReferenceActivePlaceNodeID(own.GetID())
        probe_at(slicer, points, in_wall(computed))
        assert active_node(slicer) is own
        assert selection.GetActivePlaceNodeClassName() == "vtkMRMLMarkupsLineNode"

    def test_outside_the_images_is_answered_in_words(self, slicer, points, results, computed):
        before = slicer.mrmlScene.GetNumberOfNodes()
        points.ui.addProbeButton.click()
        click(slicer, in_wall(computed) + 500)
        assert "outside the images of Cine" in points.ui.pointsLabel.text
        assert points.current == []
        assert slicer.mrmlScene.GetNumberOfNodes() == before

    def test_outside_the_wall_is_answered_in_words(self, slicer, points, results, computed):
        affine = computed.series.affine
        probe_at(slicer, points, affine[:3, :3] @ (1, 1, 1) + affine[:3, 3])
        assert "Probe 1 is outside the wall" in points.ui.pointsLabel.text
        assert rows(points)[0][1] == "not known"

    def test_no_more_than_can_be_told_apart(self, slicer, points, results, computed):
        for _ in range(8):
            probe_at(slicer, points, in_wall(computed))
        points.ui.addProbeButton.click()
        assert "as many as can be told apart" in points.ui.pointsLabel.text
        assert not points.placing.active
        assert len(rows(points)) == 8

    def test_without_a_result_nothing_can_be_placed(self, panel, points):
        assert not points.ui.addProbeButton.enabled
        assert not points.ui.addRulerButton.enabled


class TestRealClicks:
    """The mouse as Slicer's own widget in a slice view gets it."""

    @pytest.fixture
    def mouse(self, slicer, results):
        from CardiacMotionLib.scene import show_acquired_plane
        from CardiacMotionLib.scene.headless import headless_scene
        from CardiacMotionLib.scene.offscreen import slice_view

        with slice_view(headless_scene(), (200, 200)) as view:
            show_acquired_plane(results.proxy(results.cine), view.node)
            view.node.SetFieldOfView(120, 120, 18)
            view.window.Render()
            manager = view.managers.GetDisplayableManagerByClassName("vtkMRMLMarkupsDisplayableManager")

            def send(x, y, *events):
                for event in events:
                    data = slicer.vtkMRMLInteractionEventData()
                    data.SetType(getattr(vtk.vtkCommand, event))
                    data.SetViewNode(view.node)
                    data.SetDisplayPosition([x, y])
                    manager.ProcessInteractionEvent(data)
                settle(slicer)
                return np.array(view.node.GetXYToRAS().MultiplyPoint([x, y, 0, 1]))[:3]

            yield send

    def test_probe_and_ruler_are_where_the_mouse_was(self, slicer, points, results, mouse):
        left = ("MouseMoveEvent", "LeftButtonPressEvent", "LeftButtonReleaseEvent")
        results.browser.SetSelectedItemNumber(1)
        points.ui.addProbeButton.click()
        place = mouse(100, 110, *left)
        (probe,) = points.current
        np.testing.assert_allclose(
            probe.node.GetNthControlPointPositionWorld(0), place, atol=0.05
        )  # of the inverse that Slicer iterates
        points.ui.addRulerButton.click()
        ends = [mouse(70, 100, *left), mouse(130, 120, *left)]
        ruler = points.current[1]
        for number, end in enumerate(ends):
            np.testing.assert_allclose(ruler.node.GetNthControlPointPositionWorld(number), end, atol=0.05)
        assert rows(points)[1][2] == f"length {np.linalg.norm(ends[0] - ends[1]):.1f} mm"
        assert mode(slicer) == "ViewTransform"

    def test_the_right_button_stops_half_way(self, slicer, points, results, mouse):
        points.ui.addRulerButton.click()
        mouse(70, 100, "MouseMoveEvent", "LeftButtonPressEvent", "LeftButtonReleaseEvent")
        mouse(80, 100, "MouseMoveEvent", "RightButtonPressEvent", "RightButtonReleaseEvent")
        mouse(90, 100, "MouseMoveEvent")
        assert points.current == []
        assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLMarkupsLineNode") == 0
        assert not points.placing.active

    def test_a_click_beside_the_heart_is_answered(self, slicer, points, results, mouse):
        points.ui.addProbeButton.click()
        mouse(1, 1, "MouseMoveEvent", "LeftButtonPressEvent", "LeftButtonReleaseEvent")
        assert "outside the wall" in points.ui.pointsLabel.text


class TestList:
    def test_dragging_out_of_the_wall_is_said(self, slicer, points, results, computed):
        probe = probe_at(slicer, points, in_wall(computed))
        affine = computed.series.affine
        probe.node.SetNthControlPointPosition(0, *(affine[:3, :3] @ (1, 1, 1) + affine[:3, 3]))
        assert "outside the wall" in points.ui.pointsLabel.text
        assert rows(points)[0][1] == "not known"

    def test_the_check_mark_shows_and_hides(self, slicer, points, results, computed):
        import qt

        probe = probe_at(slicer, points, in_wall(computed))
        points.ui.pointsTable.item(0, 0).setCheckState(qt.Qt.Unchecked)
        assert not probe.node.GetDisplayVisibility()
        assert not probe.trajectory.GetDisplayVisibility()
        probe.node.SetDisplayVisibility(True)  # in the Markups module
        assert points.ui.pointsTable.item(0, 0).checkState() == qt.Qt.Checked

    def test_the_selected_one_is_removed(self, slicer, points, results, computed):
        before = slicer.mrmlScene.GetNumberOfNodes()
        for number in range(2):
            probe_at(slicer, points, in_wall(computed, number))
        assert not points.ui.removePointButton.enabled
        points.ui.pointsTable.selectRow(0)
        points.ui.removePointButton.click()
        assert [row[0] for row in rows(points)] == ["Probe 2"]
        points.ui.pointsTable.selectRow(0)
        points.ui.removePointButton.click()
        assert slicer.mrmlScene.GetNumberOfNodes() == before

    def test_the_curve_of_the_chart_is_chosen_for_all_of_a_kind(self, slicer, points, results, computed):
        first, second = (probe_at(slicer, points, in_wall(computed, number)) for number in range(2))
        ruler = ruler_at(slicer, points, in_wall(computed), in_wall(computed, 2))
        points.ui.probeCurveComboBox.setCurrentIndex(1)
        assert (first.curve, second.curve, ruler.curve) == ("radial", "radial", "strain")
        assert rows(points)[0][1].startswith("Err")
        assert probe_at(slicer, points, in_wall(computed)).curve == "radial"
        points.ui.rulerCurveComboBox.setCurrentIndex(1)
        assert ruler.curve == "length"
        assert results.chart.GetYAxisTitle() == "Strain (%), length (mm)"

    def test_one_deleted_in_the_markups_module_goes_whole(self, slicer, points, results, computed):
        before = slicer.mrmlScene.GetNumberOfNodes()
        probe = probe_at(slicer, points, in_wall(computed))
        slicer.mrmlScene.RemoveNode(probe.node)
        settle(slicer)
        assert rows(points) == []
        assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLPlotSeriesNode") == len(results.series)
        assert slicer.mrmlScene.GetNumberOfNodes() <= before + 1  # Slicer leaves the display node of a deleted markup

    def test_strain_that_is_computed_again_is_taken(self, slicer, panel, points, results, computed):
        import dataclasses

        probe = probe_at(slicer, points, in_wall(computed))
        before = probe.values["circumferential"].copy()
        halved = {name: values / 2 for name, values in computed.strain.wall_components.items()}
        strain = dataclasses.replace(computed.strain, wall_components=halved)
        panel.session.outcomes[results.run] = dataclasses.replace(computed, strain=strain)
        panel.session.changed()
        np.testing.assert_allclose(probe.values["circumferential"], before / 2, atol=1e-5)


class TestRuns:
    def test_every_result_has_its_own(self, slicer, panel, points, results, computed):
        probe_at(slicer, points, in_wall(computed))
        other = put_in(panel, computed, "Other")
        assert rows(points) == []
        ruler_at(slicer, points, in_wall(computed), in_wall(computed, 2))
        panel.session.select(results.run)
        assert [row[0] for row in rows(points)] == ["Probe 1"]
        panel.session.select(other.run)
        assert [row[0] for row in rows(points)] == ["Ruler 1"]

    def test_another_result_selected_while_placing_ends_it(self, slicer, panel, points, results, computed):
        other = put_in(panel, computed, "Other")
        points.ui.addProbeButton.click()
        panel.session.select(results.run)
        assert not points.placing.active
        assert markups(slicer) == []
        assert mode(slicer) == "ViewTransform"
        assert other.run in panel.session.runs

    def test_the_result_removed_while_placing(self, slicer, panel, points, results):
        points.ui.addProbeButton.click()
        panel.session.remove(results)
        settle(slicer)
        assert not points.placing.active
        assert mode(slicer) == "ViewTransform"
        assert not points.ui.addProbeButton.enabled
        assert markups(slicer) == []

    def test_the_node_deleted_while_placing(self, slicer, points, results):
        points.ui.addProbeButton.click()
        slicer.mrmlScene.RemoveNode(active_node(slicer))
        settle(slicer)
        assert not points.placing.active
        assert not points.ui.addProbeButton.checked

    def test_the_scene_closed_while_placing(self, slicer, panel, points, results, computed):
        probe_at(slicer, points, in_wall(computed))
        points.ui.addRulerButton.click()
        slicer.mrmlScene.Clear()
        settle(slicer)
        assert not points.placing.active
        assert mode(slicer) == "ViewTransform"
        assert rows(points) == []
        assert points.points == {}

    def test_another_module_entered_while_placing(self, slicer, panel, points, results):
        points.ui.addProbeButton.click()
        panel.exit()
        assert not points.placing.active
        assert markups(slicer) == []
        panel.enter()

    def test_a_loaded_scene_brings_them_back(self, slicer, panel, points, results, computed, tmp_path):
        probe_at(slicer, points, in_wall(computed))
        points.ui.probeCurveComboBox.setCurrentIndex(1)
        ruler_at(slicer, points, in_wall(computed), in_wall(computed, 2))
        results.browser.SetSelectedItemNumber(1)
        shown = rows(points)
        path = tmp_path / "scene.mrb"
        assert slicer.mrmlScene.WriteToMRB(str(path))
        slicer.mrmlScene.Clear()
        assert rows(points) == []
        assert slicer.mrmlScene.ReadFromMRB(str(path), True)
        settle(slicer)
        again = rows(points)
        assert [(row[0], row[2]) for row in again] == [(row[0], row[2]) for row in shown]
        assert again[0][1].startswith("Err")
        assert points.ui.probeCurveComboBox.currentText == "Err (%)"
        probe = probe_at(slicer, points, in_wall(computed, 1))
        assert [row[0] for row in rows(points)] == ["Probe 1", "Ruler 1", "Probe 2"]
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
        folder = hierarchy.GetItemParent(hierarchy.GetItemByDataNode(panel.session.current.motion_to_frame))
        assert hierarchy.GetItemName(folder) == panel.session.current.name
        assert hierarchy.GetItemParent(hierarchy.GetItemByDataNode(probe.node)) == folder
        panel.session.remove(panel.session.current)
        assert hierarchy.GetItemByName(results.name) == hierarchy.GetInvalidItemID()


def test_every_widget_has_a_tool_tip_and_the_buttons_a_key(points):
    for name, widget in vars(points.ui).items():
        if name.endswith(("Button", "ComboBox", "Table")):
            assert widget.toolTip, name
    assert "&" in points.ui.addProbeButton.text
    assert "&" in points.ui.addRulerButton.text
