"""The three layouts: only when asked for, filled with the selected results, and the user's own given back."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from finished import take_maps, take_motion

USERS = 4  # red slice only


@pytest.fixture
def layouts(slicer, panel):
    """The layout manager, showing a layout of the user's."""
    manager = slicer.app.layoutManager()
    manager.setLayout(USERS)
    return manager


@pytest.fixture
def switch(panel):
    return panel.layouts


def own(slicer, name, node_class="vtkMRMLSliceNode"):
    return slicer.mrmlScene.GetSingletonNode(name, node_class)


def layers(slicer, name):
    """(background, foreground) node IDs of one of our slice views."""
    composite = slicer.app.applicationLogic().GetSliceLogic(own(slicer, name)).GetSliceCompositeNode()
    return composite.GetBackgroundVolumeID(), composite.GetForegroundVolumeID()


def test_without_results_there_is_nothing_to_show_and_the_buttons_say_why(panel, layouts, switch):
    for button in switch.buttons.values():
        assert not button.enabled
        assert "first" in button.toolTip
    assert not switch.ui.userLayoutButton.enabled
    panel.exit()
    panel.enter()
    assert layouts.layout == USERS


def test_results_alone_switch_nothing(panel, layouts, switch):
    take_motion(panel)
    take_maps(panel)
    assert layouts.layout == USERS
    assert all(button.enabled for button in switch.buttons.values())


def test_each_layout_is_described_once_with_views_of_its_own(slicer):
    from CardiacMotionPanels.layout import ROWS, layoutXml

    users = {"Red", "Green", "Yellow", "1", "PlotView1", "TableView1"}
    for layout in ROWS:
        views = [*ElementTree.fromstring(layoutXml(layout)).iter("view")]
        names = [view.get("singletontag") for view in views]
        assert len(set(names)) == len(names)
        assert not users & set(names)
        for view in views:
            said = {p.get("name"): p.text for p in view}
            assert len(said["viewlabel"]) <= 3
            assert said["viewcolor"].startswith("#")


def test_review_shows_cine_overlay_and_curves_in_the_planes_of_the_heart(slicer, panel, layouts, switch):
    _outcome, results = take_motion(panel)
    panel.logic.getParameterNode().overlay = "radial"
    switch.ui.reviewLayoutButton.click()
    assert layouts.layout == 7301
    assert switch.ui.reviewLayoutButton.checked
    assert not switch.ui.userLayoutButton.checked
    cine = results.proxy(results.cine)
    shown = (cine.GetID(), results.proxy(results.overlays["radial"]).GetID())
    for name in ("CardiacMotionShortAxis", "CardiacMotionAcross"):
        assert layers(slicer, name) == shown
    chart = own(slicer, "CardiacMotionPlot", "vtkMRMLPlotViewNode").GetPlotChartNode()
    assert chart is results.chart
    matrix = slicer.util.arrayFromVTKMatrix(own(slicer, "CardiacMotionShortAxis").GetSliceToRAS())
    across = slicer.util.arrayFromVTKMatrix(own(slicer, "CardiacMotionAcross").GetSliceToRAS())
    normal = slicer.util.arrayFromVTKMatrix(volume_matrix(slicer, cine))[:3, 2]
    normal = normal / np.linalg.norm(normal)
    assert abs(matrix[:3, 2] @ normal) == pytest.approx(1)
    assert across[:3, 2] @ normal == pytest.approx(0, abs=1e-6)


def volume_matrix(slicer, volume):
    import vtk

    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    return matrix


def test_strain_shows_the_table_and_mapping_the_map_beside_its_images(slicer, panel, layouts, switch):
    _outcome, results = take_motion(panel)
    _run, maps = take_maps(panel)
    switch.ui.strainLayoutButton.click()
    assert layouts.layout == 7302
    table = own(slicer, "CardiacMotionTable", "vtkMRMLTableViewNode").GetTableNode()
    assert table in results.tables.values()
    switch.ui.mappingLayoutButton.click()
    assert layouts.layout == 7303
    assert layers(slicer, "CardiacMotionMap") == (maps.image.GetID(), maps.maps["T1"].GetID())
    assert layers(slicer, "CardiacMotionImage") == (maps.image.GetID(), None)
    assert own(slicer, "CardiacMotionTable", "vtkMRMLTableViewNode").GetTableNode() in maps.tables.values()


def test_another_map_or_overlay_leaves_the_view_of_images_alone(slicer, panel, layouts, switch):
    from CardiacMotionLib.scene import show_map

    _run, maps = take_maps(panel)
    switch.ui.mappingLayoutButton.click()
    show_map(maps, "R2")
    assert layers(slicer, "CardiacMotionMap")[1] == maps.maps["R2"].GetID()
    assert layers(slicer, "CardiacMotionImage")[1] is None


def test_another_run_takes_the_place_of_the_first_while_a_layout_is_on(slicer, panel, layouts, switch):
    _outcome, first = take_motion(panel)
    switch.ui.reviewLayoutButton.click()
    _outcome, second = take_motion(panel, "Second cine")
    assert layers(slicer, "CardiacMotionShortAxis")[0] == second.proxy(second.cine).GetID()
    assert own(slicer, "CardiacMotionPlot", "vtkMRMLPlotViewNode").GetPlotChartNode() is second.chart
    panel.session.select(first.run)
    assert own(slicer, "CardiacMotionPlot", "vtkMRMLPlotViewNode").GetPlotChartNode() is first.chart


def test_the_users_layout_comes_back_with_the_button_on_leaving_and_with_the_scene(slicer, panel, layouts, switch):
    take_motion(panel)
    switch.ui.reviewLayoutButton.click()
    switch.ui.strainLayoutButton.click()
    switch.ui.userLayoutButton.click()
    assert layouts.layout == USERS
    assert switch.ui.userLayoutButton.checked
    assert not switch.ui.strainLayoutButton.checked
    switch.ui.strainLayoutButton.click()
    panel.exit()
    assert layouts.layout == USERS
    panel.enter()
    assert layouts.layout == USERS
    switch.ui.reviewLayoutButton.click()
    slicer.mrmlScene.Clear()
    assert layouts.layout == USERS


def test_a_layout_that_the_user_chose_meanwhile_stays(slicer, panel, layouts, switch):
    take_motion(panel)
    switch.ui.reviewLayoutButton.click()
    layouts.setLayout(2)
    assert switch.ui.userLayoutButton.checked
    assert not switch.ui.reviewLayoutButton.checked
    panel.exit()
    assert layouts.layout == 2
    panel.enter()


def test_a_scene_that_is_saved_names_the_users_layout_and_the_views_notice_nothing(slicer, panel, layouts, switch):
    take_motion(panel)
    switch.ui.reviewLayoutButton.click()
    seen = []
    node = layouts.layoutLogic().GetLayoutNode()
    tag = node.AddObserver("ModifiedEvent", lambda caller, event: seen.append(layouts.layout))
    with switch.layouts.usersInScene():
        assert layouts.layout == USERS
    node.RemoveObserver(tag)
    assert set(seen) <= {7301}
    assert layouts.layout == 7301


def test_legends_are_known_to_views_that_are_younger(slicer, panel, layouts, switch):
    """A view draws the legends that are added while it is there: those of the run are added again."""
    _outcome, results = take_motion(panel)
    legend_of = slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode
    legend = legend_of(results.bullseye)
    title, run = legend.GetTitleText(), legend.GetAttribute("CardiacMotion.run")
    added = []
    slicer.mrmlScene.RemoveNode(own(slicer, "CardiacMotionShortAxis")) if own(
        slicer, "CardiacMotionShortAxis"
    ) else None
    tag = slicer.mrmlScene.AddObserver(slicer.mrmlScene.NodeAddedEvent, lambda *_: added.append(1))
    switch.ui.reviewLayoutButton.click()
    slicer.mrmlScene.RemoveObserver(tag)
    renewed = legend_of(results.bullseye)
    assert renewed is not legend
    assert (renewed.GetTitleText(), renewed.GetAttribute("CardiacMotion.run")) == (title, run)
    assert renewed.GetPrimaryDisplayNode() is results.bullseye.GetDisplayNode()
    assert added


def test_removing_the_results_leaves_no_dead_button(panel, layouts, switch):
    _outcome, results = take_motion(panel)
    switch.ui.reviewLayoutButton.click()
    panel.session.remove(results)
    assert not switch.ui.reviewLayoutButton.enabled
    assert switch.ui.userLayoutButton.enabled
    switch.ui.userLayoutButton.click()
    assert layouts.layout == USERS


def test_a_scene_that_was_saved_in_one_of_our_layouts_leaves_a_plain_one_behind(slicer, panel, layouts):
    """Nobody knows the layout that the user had then."""
    from CardiacMotionPanels.layout import registerLayouts

    assert registerLayouts in slicer.app.at_startup
    registerLayouts()
    layouts.setLayout(7302)
    assert layouts.layout == 7302
    panel.exit()
    assert layouts.layout == slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView
    panel.enter()


def test_the_segmentation_that_was_put_in_is_hidden_while_its_moving_copy_is_shown(slicer, panel, layouts, switch):
    from CardiacMotionLib.scene import add_labels

    outcome, _results = take_motion(panel)
    segmentation = add_labels(outcome.series)
    panel.logic.getParameterNode().segmentation = segmentation
    assert segmentation.GetDisplayVisibility()
    switch.ui.reviewLayoutButton.click()
    assert not segmentation.GetDisplayVisibility()
    switch.ui.userLayoutButton.click()
    assert segmentation.GetDisplayVisibility()
