"""The steps of the self-test. They run in the real application and, on stand-ins, under pytest.

Each step gets the test case (for its asserts) and a fresh logic, on an empty scene.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import slicer

from CardiacMotionLib.errors import CardiacMotionError

from . import packages
from .layout import REVIEW

METHOD = "spline"
PATIENCE_SECONDS = 180.0


def absentPackages() -> list[str]:
    """What the steps cannot do without and this Slicer does not have; a test installs nothing."""
    return [*([] if packages.torchVersion() else ["torch"]), *packages.missing(packages.REQUIRED)]


def quickOptions() -> dict[str, Any]:
    """Options that make the method quick rather than good."""
    from CardiacMotionLib.methods import describe_options, methods

    options = describe_options(methods()[METHOD].Options)
    return {option.name: max(int(option.minimum or 0), 4) for option in options if option.name.endswith("steps")}


def addPhantom() -> tuple[Any, Any, Any]:
    """(phantom, cine sequence, segmentation) of a small beating heart in the scene."""
    from CardiacMotionLib import phantom
    from CardiacMotionLib.scene import add_labels, add_series

    subject = phantom("cine", 1, frames=4, slices=5, rows=40, columns=40, pixel_mm=3.4, thickness_mm=14.0)
    cine, _browser = add_series(subject.series, "Phantom cine")
    return subject, cine, add_labels(subject.series)


def openPanel(cine: Any, segmentation: Any) -> Any:
    """The module's panel, entered, with inputs and quick options chosen."""
    from .parameters import writeOptions

    panel = slicer.util.getModuleWidget("CardiacMotion")
    panel.enter()
    parameters = panel.logic.getParameterNode()
    parameters.cine, parameters.segmentation, parameters.method = cine, segmentation, METHOD
    writeOptions(parameters, METHOD, quickOptions())
    return panel


def waitFor(panel: Any, run: Any = None) -> None:
    """Let events run until the work of a section, by default Motion, has ended."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (run or panel.motion.run).running and time.monotonic() < deadline:
        slicer.app.processEvents()
        time.sleep(0.005)
    slicer.app.processEvents()


def nodeIds() -> set[str]:
    """Identifiers of the nodes of the kinds that results are made of; the application may add others by itself."""
    kinds = ("Sequence", "Transform", "Table", "PlotChart", "PlotSeries", "Segmentation", "ScalarVolume")
    return {node.GetID() for kind in kinds for node in slicer.util.getNodesByClass(f"vtkMRML{kind}Node")}


# ---------------------------------------------------------------------- steps


def logicMakesResults(test: Any, logic: Any) -> None:
    """The logic turns nodes into transforms, overlays, tables and a chart; the reference frame does not move."""
    import vtk

    subject, cine, segmentation = addPhantom()
    said = []
    results = logic.run(
        cine, segmentation, METHOD, progress=lambda fraction, text: said.append(fraction) or True, **quickOptions()
    )
    test.assertEqual(said[-1], 1.0)
    test.assertEqual(said, sorted(said))
    test.assertEqual(results.motion_to_frame.GetNumberOfDataNodes(), len(subject.series))
    test.assertEqual(set(results.overlays), {"circumferential", "radial", "longitudinal", "jacobian"})
    test.assertIsNotNone(results.chart)
    wall = subject.series.labels[0] == 2
    k, j, i = (int(n) for n in [axis.mean().round() for axis in wall.nonzero()])
    point = (subject.series.affine @ [i, j, k, 1.0])[:3]
    results.browser.SetSelectedItemNumber(0)
    atReference = vtk.vtkGeneralTransform()
    slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(results.proxy(results.motion_to_frame), None, atReference)
    for moved, still in zip(atReference.TransformPoint(*point), point, strict=True):
        test.assertAlmostEqual(moved, still, places=3)


def panelApplies(test: Any, logic: Any) -> None:
    """Apply runs beside the user interface and fills the results; the layout comes when asked for, and goes."""
    _subject, cine, segmentation = addPhantom()
    panel = openPanel(cine, segmentation)
    test.assertTrue(panel.motion.ui.applyButton.enabled)
    panel.motion.ui.applyButton.click()
    test.assertTrue(panel.motion.run.running)
    test.assertFalse(panel.study.ui.cineSelector.enabled)
    waitFor(panel)
    test.assertIn("Done", panel.motion.ui.statusLabel.text)
    test.assertIsNotNone(panel.session.current)
    test.assertTrue(panel.study.ui.cineSelector.enabled)
    test.assertGreater(panel.review.ui.overlayComboBox.currentIndex, 0)
    if packages.missing(packages.REPORT):
        test.delayDisplay(f"No report tried: {', '.join(packages.missing(packages.REPORT))} not installed")
    else:
        with tempfile.TemporaryDirectory() as folder:
            panel.export.ui.exportFolderButton.directory = folder
            panel.export.ui.exportButton.click()
            waitFor(panel, panel.export.run)
            written = next(Path(folder).iterdir())
            for name in ("report.html", "tables/strain_curves.csv", "motion.seq.nrrd", "scene.mrb"):
                test.assertGreater((written / name).stat().st_size, 100)
    layouts = slicer.app.layoutManager()
    if layouts is not None:
        before = layouts.layout
        panel.layouts.ui.reviewLayoutButton.click()
        test.assertEqual(layouts.layout, REVIEW)
        panel.exit()
        test.assertEqual(layouts.layout, before)
        panel.enter()
    present = nodeIds()
    panel.review.ui.removeButton.click()
    test.assertIsNone(panel.session.current)
    test.assertLess(len(nodeIds()), len(present))
    test.assertTrue(slicer.mrmlScene.IsNodePresent(cine))


def panelCancels(test: Any, logic: Any) -> None:
    """Cancel ends a run within a second or so and leaves the scene as it was."""
    _subject, cine, segmentation = addPhantom()
    panel = openPanel(cine, segmentation)
    present = nodeIds()
    panel.motion.ui.applyButton.click()
    panel.motion.ui.applyButton.click()
    asked = time.monotonic()
    waitFor(panel)
    test.assertLess(time.monotonic() - asked, 2.0)
    test.assertIn("Cancelled", panel.motion.ui.statusLabel.text)
    test.assertEqual(nodeIds(), present)
    test.assertEqual(panel.motion.ui.applyButton.text, "Apply")


def errorsAreShown(test: Any, logic: Any) -> None:
    """An input that cannot work is answered in one line, in the panel, and the scene stays as it was."""
    _subject, cine, segmentation = addPhantom()
    panel = openPanel(cine, segmentation)
    panel.logic.getParameterNode().referenceFrame = 99
    present = nodeIds()
    panel.motion.ui.applyButton.click()
    waitFor(panel)
    test.assertIn("99", panel.motion.ui.statusLabel.text)
    test.assertEqual(nodeIds(), present)
    with test.assertRaises(CardiacMotionError):
        logic.run(None)


def closingTheSceneIsSafe(test: Any, logic: Any) -> None:
    """A scene that closes in the middle of a run takes the run with it, and the panel works with the next scene."""
    _subject, cine, segmentation = addPhantom()
    panel = openPanel(cine, segmentation)
    panel.motion.ui.applyButton.click()
    slicer.mrmlScene.Clear()
    waitFor(panel)
    test.assertFalse(panel.motion.run.running)
    test.assertIsNone(panel.session.current)
    test.assertFalse(panel.motion.ui.applyButton.enabled)
    test.assertEqual(slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSequenceNode"), 0)
    _subject, cine, segmentation = addPhantom()
    openPanel(cine, segmentation)
    test.assertTrue(panel.motion.ui.applyButton.enabled)


STEPS = (logicMakesResults, panelApplies, panelCancels, errorsAreShown, closingTheSceneIsSafe)
