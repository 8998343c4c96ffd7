"""The whole story on the real cine that ships, clicked from the sample to files and maps, twice in one session."""

import time

import numpy as np
import pytest

PATIENCE_SECONDS = 300


@pytest.fixture
def reader(slicer, panel):
    return Reader(slicer, panel)


class Reader:
    """Who sits before the screen."""

    def __init__(self, slicer, panel):
        self.slicer, self.panel = slicer, panel

    def wait(self, control):
        deadline = time.monotonic() + PATIENCE_SECONDS
        self.slicer.app.processEvents()
        while control.running and time.monotonic() < deadline:
            self.slicer.app.processEvents()
        assert not control.running

    def wait_until(self, answer):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not answer() and time.monotonic() < deadline:
            self.slicer.app.processEvents()
        assert answer()

    def choose(self, combo, text):
        combo.setCurrentIndex(next(n for n in range(combo.count) if combo.itemText(n).startswith(text)))

    # ------------------------------------------------------------------ what is done in each section

    def load_the_sample(self):
        study = self.panel.study
        study.ui.loadSampleButton.click()
        assert "20 frames" in study.ui.cineInfoLabel.text
        assert "20 frames" in study.ui.studyChecksLabel.text
        return self.panel.logic.getParameterNode()

    def compute_motion(self):
        from CardiacMotionPanels import selftest
        from CardiacMotionPanels.parameters import writeOptions

        motion, parameters = self.panel.motion, self.panel.logic.getParameterNode()
        motion.ui.methodComboBox.setCurrentIndex(motion.ui.methodComboBox.findData("spline"))
        writeOptions(parameters, "spline", selftest.quickOptions())
        motion.ui.applyButton.click()
        self.wait(motion.run)
        assert "Done" in motion.ui.statusLabel.text
        return self.panel.session.current

    def look(self, results):
        review = self.panel.review
        for overlay in ("Ecc", "Displacement"):
            self.choose(review.ui.overlayComboBox, overlay)
            self.wait(review.maker)
        review.ui.tagsCheckBox.click()
        self.wait(review.maker)
        self.choose(review.ui.compareComboBox, "flicker")
        self.wait(review.maker)
        assert review.compare.timer.active
        self.choose(review.ui.compareComboBox, "off")
        assert not review.compare.timer.active
        review.ui.tagsCheckBox.click()

    def drop_a_probe(self, results):
        points, strain = self.panel.review.points, self.panel.session.outcome.strain
        k, j, i = (int(n[len(n) // 2]) for n in strain.wall.nonzero())
        points.ui.addProbeButton.click()
        selection = self.slicer.app.applicationLogic().GetSelectionNode()
        node = self.slicer.mrmlScene.GetNodeByID(selection.GetActivePlaceNodeID())
        node.AddControlPointWorld(*(strain.affine @ [i, j, k, 1.0])[:3])
        interaction = self.slicer.app.applicationLogic().GetInteractionNode()
        interaction.SetCurrentInteractionMode(interaction.ViewTransform)
        self.wait_until(lambda: points.ui.pointsTable.rowCount == 1)

    def read_the_strain(self):
        strain = self.panel.strain
        text = strain.ui.functionLabel.text
        assert "Ejection fraction" in text
        assert "GCS" in text
        strain.ui.segmentComboBox.setCurrentIndex(7)
        for layout in (self.panel.layouts.ui.reviewLayoutButton, self.panel.layouts.ui.strainLayoutButton):
            layout.click()
        self.panel.layouts.ui.userLayoutButton.click()

    def export(self, folder, *kinds):
        export = self.panel.export
        for kind, box in export.kinds.items():
            box.checked = kind in kinds
        export.ui.exportSceneCheckBox.checked = False
        export.ui.exportFolderButton.directory = str(folder)
        export.ui.exportButton.click()
        self.wait(export.run)
        return {path.name for path in export.written.rglob("*") if path.is_file()}

    def map(self):
        mapping = self.panel.mapping
        mapping.ui.mapSampleButton.click()
        self.wait(mapping.sample)
        mapping.ui.mapMethodComboBox.setCurrentIndex(mapping.ui.mapMethodComboBox.findData("any2reg"))
        mapping.ui.mapFitButton.click()
        self.wait(mapping.run)
        maps = self.panel.session.currentMaps
        assert {"T1", "T1_SD", "R2"} <= set(maps.maps)
        return maps

    def own_nodes(self):
        scene = self.slicer.mrmlScene
        nodes = (scene.GetNthNode(n) for n in range(scene.GetNumberOfNodes()))
        return [node.GetName() for node in nodes if node.GetAttribute("CardiacMotion.run")]


def test_from_the_sample_to_files_twice_with_a_scene_that_closes_and_comes_back(slicer, reader, tmp_path):
    panel = reader.panel
    for time_around in ("first", "second"):
        reader.load_the_sample()
        results = reader.compute_motion()
        reader.look(results)
        reader.drop_a_probe(results)
        reader.read_the_strain()
        if time_around == "second":  # everything also works in a session that did it before
            panel.review.ui.removeButton.click()
            assert reader.own_nodes() == []
            slicer.mrmlScene.Clear()
            assert panel.session.current is None
            break
        maps = reader.map()
        folder = tmp_path / "computed"
        folder.mkdir()
        assert {"motion.seq.nrrd", "strain_summary.csv"} <= reader.export(folder, "tables", "transforms")

        before, t1 = panel.session.outcome, slicer.util.arrayFromVolume(maps.maps["T1"]).copy()
        kept = (results.run, maps.run, panel.logic.getParameterNode().method)
        path = tmp_path / "scene.mrb"
        assert slicer.mrmlScene.WriteToMRB(str(path))
        slicer.mrmlScene.Clear()
        assert panel.session.current is None
        assert panel.session.currentMaps is None
        assert panel.review.ui.resultComboBox.count == 0

        assert slicer.mrmlScene.ReadFromMRB(str(path), True)
        slicer.app.processEvents()
        parameters = panel.logic.getParameterNode()
        assert (panel.session.current.run, panel.session.currentMaps.run, parameters.method) == kept
        restored = panel.session.restored()
        for name in ("EF_percent", "GCS_percent", "GRS_percent"):
            assert restored.strain.function[name] == pytest.approx(before.strain.function[name], abs=0.5)
        np.testing.assert_array_equal(slicer.util.arrayFromVolume(panel.session.currentMaps.maps["T1"]), t1)
        assert panel.review.points.ui.pointsTable.rowCount == 1
        assert panel.study.ui.cineSelector.currentNode() is parameters.cine
        folder = tmp_path / "loaded"
        folder.mkdir()
        assert "strain_summary.csv" in reader.export(folder, "tables")
        slicer.mrmlScene.Clear()


def test_a_cine_deleted_while_it_is_tracked_ends_in_words_and_nothing_else(slicer, reader):
    parameters = reader.load_the_sample()
    motion = reader.panel.motion
    motion.ui.methodComboBox.setCurrentIndex(motion.ui.methodComboBox.findData("demons"))
    motion.ui.applyButton.click()
    reader.wait_until(lambda: motion.ui.progressBar.value > 0)
    slicer.mrmlScene.RemoveNode(parameters.cine)
    if motion.run.running:
        motion.ui.applyButton.click()
    reader.wait(motion.run)
    assert reader.own_nodes() == []
    assert reader.panel.session.current is None
