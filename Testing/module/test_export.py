"""Export: what is checked goes into one new folder, and the list says what was written."""

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from finished import take_maps, take_motion

from CardiacMotionLib.io import read_map, read_motion_sequence
from CardiacMotionLib.jobs import InlineRunner

PATIENCE_SECONDS = 240  # of a machine that does other things too


@pytest.fixture
def export(panel, tmp_path):
    """The section, writing into an empty folder, at once."""
    section = panel.export
    section.run.makeRunner = InlineRunner
    section.ui.exportFolderButton.directory = str(tmp_path)
    for box in (*section.kinds.values(), section.ui.exportSceneCheckBox):
        box.checked = False
    section.written = None
    yield section
    section.run.abandon()


def click(slicer, section):
    """Press Export and let it end; returns the folder that was made, or None."""
    section.ui.exportButton.click()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while section.run.running and time.monotonic() < deadline:
        slicer.app.processEvents()
    return section.written


def listed(section):
    tree = section.ui.exportWrittenTree
    items = [tree.topLevelItem(n) for n in range(tree.topLevelItemCount)]
    return {item.text(0): (item.text(1), item.toolTip(0)) for item in items}


def test_without_results_the_button_says_what_is_missing(panel, export):
    assert not export.ui.exportButton.enabled
    assert export.ui.exportButton.toolTip == "Compute a motion or maps first."


def test_the_boxes_name_what_is_selected(panel, export):
    take_motion(panel)
    assert export.ui.exportMotionCheckBox.text == "Motion and strain: Cine known"
    assert export.ui.exportMapsCheckBox.text == "Maps: none"
    assert not export.ui.exportMapsCheckBox.enabled
    assert export.ui.exportButton.toolTip == "Choose at least one kind of file."
    export.ui.exportTablesCheckBox.checked = True
    assert export.ui.exportButton.enabled
    export.ui.exportMotionCheckBox.checked = False
    assert "Choose what to export" in export.ui.exportButton.toolTip
    export.ui.exportMotionCheckBox.checked = True


def test_what_is_checked_is_written_and_listed_with_sizes(slicer, panel, export, tmp_path):
    outcome, _results = take_motion(panel)
    for box in (export.ui.exportTablesCheckBox, export.ui.exportTransformsCheckBox, export.ui.exportVolumesCheckBox):
        box.checked = True
    folder = click(slicer, export)
    assert folder.parent == tmp_path
    assert folder.name.startswith("Cine known 20")
    files = listed(export)
    assert set(files) == {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert files["tables/strain_curves.csv"][1] == "strain by frame"
    assert "volumes/circumferential.seq.nrrd" in files
    assert all(size.endswith(("bytes", "KB", "MB")) for size, _meaning in files.values())
    motion = read_motion_sequence(folder / "motion.seq.nrrd")
    np.testing.assert_allclose(motion.displacement, outcome.motion.displacement, atol=1e-5)
    said = export.ui.exportStatusLabel.text
    assert f"Wrote {len(files)} files" in said
    assert str(folder) in said
    assert not export.ui.exportWrittenTree.isHidden()


def test_report_and_pictures(slicer, panel, export):
    take_motion(panel)
    export.ui.exportReportCheckBox.checked = export.ui.exportPicturesCheckBox.checked = True
    folder = click(slicer, export)
    page = (folder / "report.html").read_text()
    assert "Research use only" in page
    assert (folder / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_motion_and_maps_go_into_a_folder_each_with_one_scene(slicer, panel, export):
    take_motion(panel)
    take_maps(panel)
    export.ui.exportTablesCheckBox.checked = export.ui.exportVolumesCheckBox.checked = True
    export.ui.exportSceneCheckBox.checked = True
    folder = click(slicer, export)
    assert sorted(path.name for path in folder.iterdir()) == ["maps", "motion", "scene.mrb"]
    assert read_map(folder / "maps/maps/T1.nrrd").unit == "ms"
    assert listed(export)["scene.mrb"][1] == "everything as a Slicer scene"


def test_a_scene_that_was_exported_loads_and_exports_the_same_again(slicer, panel, export):
    take_motion(panel)
    take_maps(panel)
    for box in (export.ui.exportTablesCheckBox, export.ui.exportVolumesCheckBox, export.ui.exportSceneCheckBox):
        box.checked = True
    first = click(slicer, export)
    slicer.mrmlScene.Clear()
    assert not export.ui.exportButton.enabled
    assert slicer.mrmlScene.ReadFromMRB(str(first / "scene.mrb"), True)
    export.ui.exportSceneCheckBox.checked = False
    export.ui.exportReportCheckBox.checked = True
    second = click(slicer, export)
    assert second != first
    for name in ("motion/tables/function.csv", "motion/tables/volumes.csv"):
        pd.testing.assert_frame_equal(pd.read_csv(second / name), pd.read_csv(first / name), rtol=1e-2, atol=1e-2)
    assert (second / "motion/report.html").is_file()
    np.testing.assert_allclose(
        read_map(second / "maps/maps/T1.nrrd").values, read_map(first / "maps/maps/T1.nrrd").values
    )
    assert "the maps came with the scene" in export.ui.exportStatusLabel.text


def test_nothing_is_written_over_when_exporting_twice_in_a_second(slicer, panel, export, tmp_path, monkeypatch):
    take_motion(panel)
    monkeypatch.setattr(time, "strftime", lambda layout: "now")
    export.ui.exportTablesCheckBox.checked = True
    first, second = click(slicer, export), click(slicer, export)
    assert (first.name, second.name) == ("Cine known now", "Cine known now (2)")
    assert len([*tmp_path.iterdir()]) == 2


def test_names_that_no_folder_can_have_are_made_plain(tmp_path):
    from CardiacMotionPanels.export import newFolder, sizeText

    assert newFolder(tmp_path, "Ciné 1/2: spline?").name.startswith("Ciné 1_2_ spline_ 20")
    assert [sizeText(n) for n in (12, 999, 1500, 2_340_000, 5_600_000_000)] == [
        "12 bytes",
        "999 bytes",
        "1.5 KB",
        "2.34 MB",
        "5.6 GB",
    ]


def test_a_folder_that_is_gone_is_said_before_anything_is_tried(slicer, panel, export, tmp_path):
    take_motion(panel)
    export.ui.exportTablesCheckBox.checked = True
    export.ui.exportFolderButton.directory = str(tmp_path / "gone")
    assert not export.ui.exportButton.enabled
    assert "does not exist" in export.ui.exportButton.toolTip


def test_a_cancelled_export_leaves_nothing(slicer, panel, export, tmp_path):
    from CardiacMotionLib.jobs import ThreadRunner

    take_motion(panel)
    for box in export.kinds.values():
        box.checked = True
    export.run.makeRunner = ThreadRunner
    export.ui.exportButton.click()
    assert export.ui.exportButton.text == "Cancel"
    export.ui.exportButton.click()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while export.run.running and time.monotonic() < deadline:
        slicer.app.processEvents()
    assert "Cancelled" in export.ui.exportStatusLabel.text
    while [*tmp_path.iterdir()] and time.monotonic() < deadline:
        time.sleep(0.05)  # the thread ends its step
    assert [*tmp_path.iterdir()] == []
    assert export.written is None


def test_a_scene_that_closes_meanwhile_ends_the_export(slicer, panel, export, tmp_path):
    from CardiacMotionLib.jobs import ThreadRunner

    take_motion(panel)
    for box in export.kinds.values():
        box.checked = True
    export.run.makeRunner = ThreadRunner
    export.ui.exportButton.click()
    slicer.mrmlScene.Clear()
    assert not export.run.running
    deadline = time.monotonic() + PATIENCE_SECONDS
    while [*tmp_path.iterdir()] and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [*tmp_path.iterdir()] == []


def test_the_folder_and_its_files_are_opened_by_the_system(slicer, panel, export):
    import qt

    take_motion(panel)
    export.ui.exportTablesCheckBox.checked = True
    folder = click(slicer, export)
    qt.QDesktopServices.opened.clear()
    export.ui.exportShowFolderButton.click()
    tree = export.ui.exportWrittenTree
    tree.itemDoubleClicked.emit(tree.topLevelItem(0), 0)
    assert [Path(path) for path in qt.QDesktopServices.opened] == [folder, folder / tree.topLevelItem(0).text(0)]


def test_the_folder_is_remembered(slicer, panel, export, tmp_path):
    import qt

    assert qt.QSettings().value("CardiacMotion/ExportFolder") == str(tmp_path)
