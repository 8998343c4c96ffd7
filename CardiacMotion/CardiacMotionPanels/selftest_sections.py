"""The steps of the self-test that go through the sections one by one, clicking what a user clicks."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import slicer

from . import packages
from .layout import MAPPING, REVIEW, STRAIN
from .selftest import PATIENCE_SECONDS, addPhantom, nodeIds, openPanel, waitFor


def computed(test: Any) -> Any:
    """A panel with one finished run."""
    _subject, cine, segmentation = addPhantom()
    panel = openPanel(cine, segmentation)
    panel.motion.ui.applyButton.click()
    waitFor(panel)
    test.assertIn("Done", panel.motion.ui.statusLabel.text)
    return panel


def settle(*controls: Any) -> None:
    """Let events run until nothing is under way any more."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    slicer.app.processEvents()
    while any(control.running for control in controls) and time.monotonic() < deadline:
        slicer.app.processEvents()
        time.sleep(0.005)
    slicer.app.processEvents()


def choose(combo: Any, value: Any) -> None:
    """Select the entry with some data."""
    combo.setCurrentIndex(combo.findData(value))


# ---------------------------------------------------------------------- steps


def studyIsReady(test: Any, logic: Any) -> None:
    """One click loads the sample; segments are found and previewed; a 4D volume becomes a cine; volumes are charted."""
    import numpy as np

    panel = slicer.util.getModuleWidget("CardiacMotion")
    panel.enter()
    study, parameters = panel.study, panel.logic.getParameterNode()
    study.ui.loadSampleButton.click()
    test.assertEqual(parameters.cine.GetNumberOfDataNodes(), 20)
    test.assertIn("LV cavity: 9 slices", study.ui.structuresLabel.text)
    test.assertIn("20 frames", study.ui.studyChecksLabel.text)
    display = parameters.segmentation.GetDisplayNode()
    study.ui.previewSegmentsButton.click()
    test.assertGreater(display.GetSegmentOverrideColor("LV_cavity")[0], 0)
    study.ui.previewSegmentsButton.click()
    test.assertLess(display.GetSegmentOverrideColor("LV_cavity")[0], 0)

    subject, cine, segmentation = addPhantom()
    frames = np.moveaxis(subject.series.frames, 0, -1).copy()
    volume = slicer.util.addVolumeFromArray(frames, subject.series.affine, "4D", "vtkMRMLVectorVolumeNode")
    study.ui.cineSelector.setCurrentNode(volume)
    test.assertFalse(panel.motion.ui.applyButton.enabled)
    study.ui.makeSequenceButton.click()
    test.assertEqual(parameters.cine.GetNumberOfDataNodes(), len(subject.series))
    parameters.cine, parameters.segmentation = cine, segmentation
    test.assertEqual(study.ui.referenceFoundLabel.text, "automatic: 0")
    study.ui.endSystoleSpinBox.value = 2
    study.ui.endSystoleShowButton.click()
    test.assertEqual(parameters.endSystole, 2)


def reviewShows(test: Any, logic: Any) -> None:
    """The cine plays; overlays, virtual tags and each comparison are made when they are chosen; removal leaves none."""
    panel = computed(test)
    review, results = panel.review, panel.session.current
    review.ui.nextFrameButton.click()
    test.assertEqual(results.browser.GetSelectedItemNumber(), 1)
    review.ui.playButton.click()
    test.assertTrue(results.browser.GetPlaybackActive())
    review.ui.playButton.click()
    test.assertFalse(results.browser.GetPlaybackActive())
    for number in range(review.ui.overlayComboBox.count):
        review.ui.overlayComboBox.setCurrentIndex(number)
        settle(review.maker)
    review.ui.tagsCheckBox.click()
    settle(review.maker)
    review.ui.tagsCheckBox.click()
    for mode in (1, 2, 3, 0):  # flicker, checkerboard, difference, off
        review.ui.compareComboBox.setCurrentIndex(mode)
        settle(review.maker)
    test.assertEqual(review.ui.reviewStatusLabel.text, "")
    made = {node.GetAttribute("CardiacMotion.run") for node in slicer.util.getNodesByClass("vtkMRMLSequenceNode")}
    test.assertIn(results.run, made)
    review.ui.removeButton.click()
    left = {node.GetAttribute("CardiacMotion.run") for node in slicer.util.getNodesByClass("vtkMRMLSequenceNode")}
    test.assertNotIn(results.run, left)


def pointsFollow(test: Any, logic: Any) -> None:
    """A probe that is placed follows the tissue and has curves in the chart; removing it leaves nothing behind."""
    from CardiacMotionLib.scene import show_frame

    panel = computed(test)
    points, results = panel.review.points, panel.session.current
    present, series = nodeIds(), results.chart.GetNumberOfPlotSeriesNodes()
    strain = panel.session.outcome.strain
    k, j, i = (int(n[len(n) // 2]) for n in strain.wall.nonzero())
    place = (strain.affine @ [i, j, k, 1.0])[:3]
    show_frame(results.browser, 0)
    points.ui.addProbeButton.click()
    selection, interaction = (
        getattr(slicer.app.applicationLogic(), f"Get{kind}Node")() for kind in ("Selection", "Interaction")
    )
    node = slicer.mrmlScene.GetNodeByID(selection.GetActivePlaceNodeID())
    node.AddControlPointWorld(*place)  # as a view does at a click
    interaction.SetCurrentInteractionMode(interaction.ViewTransform)
    settle()
    test.assertEqual(points.ui.pointsTable.rowCount, 1)
    test.assertGreater(results.chart.GetNumberOfPlotSeriesNodes(), series)
    show_frame(results.browser, strain.end_systole)
    moved = place + panel.session.outcome.motion.at(place[None], strain.end_systole)[0]
    where = [0.0, 0.0, 0.0]
    node.GetNthControlPointPositionWorld(0, where)
    for found, expected in zip(where, moved, strict=True):
        test.assertAlmostEqual(found, expected, delta=0.1)
    points.ui.pointsTable.setCurrentCell(0, 0)
    points.ui.removePointButton.click()
    test.assertEqual(nodeIds(), present)


def strainAnswers(test: Any, logic: Any) -> None:
    """Numbers, flags, curves by choice, a segment that stands out, and strain computed again with another setting."""
    panel = computed(test)
    section, results = panel.strain, panel.session.current
    test.assertIn("EF", section.ui.functionLabel.text)
    test.assertTrue(section.ui.flagsLabel.text)
    section.ui.segmentComboBox.setCurrentIndex(8)
    test.assertEqual(section.ui.segmentComboBox.currentIndex, 8)
    section.ui.segmentComboBox.setCurrentIndex(0)
    for combo in (
        section.ui.bullseyeComponentComboBox,
        section.ui.bullseyeValueComboBox,
        section.ui.curveRegionsComboBox,
    ):
        for number in range(combo.count):
            combo.setCurrentIndex(number)
    present = nodeIds()
    section.ui.driftCorrectionCheckBox.click()
    settle(section.settings.run)
    deadline = time.monotonic() + PATIENCE_SECONDS
    answers = "Drift correction is on", "Drift was not corrected"  # the latter where few frames end before the cycle
    while not any(note.startswith(answers) for note in panel.session.outcome.strain.notes):
        settle(section.settings.run)
        test.assertLess(time.monotonic(), deadline)
    test.assertEqual(len(nodeIds()), len(present))
    test.assertTrue(slicer.mrmlScene.IsNodePresent(results.chart))


def mapsAreMade(test: Any, logic: Any) -> None:
    """The sample series becomes maps, which flicker against those before registration, and can be removed."""
    panel = slicer.util.getModuleWidget("CardiacMotion")
    panel.enter()
    mapping = panel.mapping
    mapping.ui.mapSampleButton.click()
    settle(mapping.sample)
    test.assertTrue(mapping.ui.mapFitButton.enabled)
    present = nodeIds()
    choose(mapping.ui.mapMethodComboBox, "demons")
    mapping.ui.mapFitButton.click()
    settle(mapping.run)
    test.assertIn("T1", panel.session.currentMaps.maps)
    mapping.ui.mapFlickerButton.click()
    test.assertTrue(mapping.ui.mapFlickerButton.checked)
    mapping.ui.mapFlickerButton.click()
    mapping.ui.mapRemoveButton.click()
    test.assertIsNone(panel.session.currentMaps)
    test.assertEqual(nodeIds(), present)


def filesAreExported(test: Any, logic: Any) -> None:
    """Everything that is checked lies in one new folder."""
    panel = computed(test)
    export = panel.export
    drawn = not packages.missing(packages.REPORT)
    for kind, box in export.kinds.items():
        box.checked = drawn or kind not in ("report", "pictures")
    export.ui.exportSceneCheckBox.checked = True
    usual = export.ui.exportFolderButton.directory
    with tempfile.TemporaryDirectory() as folder:
        export.ui.exportFolderButton.directory = folder
        export.ui.exportButton.click()
        settle(export.run)
        written = {path.name for path in Path(export.written).rglob("*") if path.is_file()}
        expected = {"motion.seq.nrrd", "scene.mrb", "strain_summary.csv", *(("report.html",) if drawn else ())}
        export.ui.exportFolderButton.directory = usual
        test.assertLessEqual(expected, written)


def layoutsComeAndGo(test: Any, logic: Any) -> None:
    """Each layout is shown when asked for, and the user's comes back."""
    if slicer.app.layoutManager() is None:
        test.delayDisplay("No layouts tried: this application has no views")
        return
    panel = computed(test)
    before = slicer.app.layoutManager().layout
    panel.layouts.ui.reviewLayoutButton.click()
    test.assertEqual(slicer.app.layoutManager().layout, REVIEW)
    panel.layouts.ui.strainLayoutButton.click()
    test.assertEqual(slicer.app.layoutManager().layout, STRAIN)
    test.assertFalse(panel.layouts.ui.mappingLayoutButton.enabled)
    test.assertNotEqual(slicer.app.layoutManager().layout, MAPPING)
    panel.layouts.ui.userLayoutButton.click()
    test.assertEqual(slicer.app.layoutManager().layout, before)


STEPS = (studyIsReady, reviewShows, pointsFollow, strainAnswers, mapsAreMade, filesAreExported, layoutsComeAndGo)
