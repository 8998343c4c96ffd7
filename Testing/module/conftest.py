"""The module on stand-ins: real panels and a real scene, imitated application."""

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from entries import choose
from mapping_section import PATIENCE_S
from motion_section import SMALL
from strain_section import HEART

from CardiacMotionLib import phantom
from CardiacMotionLib.methods.protocol import MethodInfo, option

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Testing" / "qt"))


@pytest.fixture(scope="module")
def slicer():
    """The ``slicer`` package with an application and the CardiacMotion module loaded into it."""
    pytest.importorskip("slicer", reason="slicer-core is not installed")
    pytest.importorskip("PySide6", reason="PySide6 is not installed")
    import application

    slicer = application.start()
    application.load_module(ROOT / "CardiacMotion" / "CardiacMotion.py")
    yield slicer
    application.stop()


@pytest.fixture
def panel(slicer):
    """The panel, entered, on an empty scene."""
    slicer.mrmlScene.Clear()
    panel = slicer.util.getModuleWidget("CardiacMotion")
    panel.enter()
    yield panel
    panel.motion.run.abandon()
    if panel.motion.run._runner is not None:
        panel.motion.run._runner.wait(60)  # a thread that has not heard yet would hold up the next test
    panel.exit()
    slicer.mrmlScene.Clear()


@pytest.fixture
def heart(slicer, panel):
    """(series, cine sequence, browser, segmentation) in the scene, selected in the panel."""
    from CardiacMotionLib.scene import add_labels, add_series

    series = phantom("cine", 3, **SMALL).series
    series = series.replace(labels={0: series.labels[0]})
    cine, browser = add_series(series, "Cine")
    segmentation = add_labels(series)
    parameters = panel.logic.getParameterNode()
    parameters.cine, parameters.segmentation = cine, segmentation
    return series, cine, browser, segmentation


@dataclass(frozen=True)
class Options:
    """One option of each kind."""

    steps: int = option(20, "how many steps", minimum=1, maximum=500)
    weight: float = option(0.25, "weight of the wall", minimum=0.0, maximum=1.0)
    rate: float = option(0.0005, "step length", minimum=1e-6, maximum=10.0)
    window: float = option(12.0, "width of the window", unit="mm", minimum=2.0, maximum=40.0)
    periodic: bool = option(True, "whether the cycle closes")
    similarity: str = option("ncc", "what is compared", choices=("ncc", "mse"))
    frames: int = option(3, "frames at a time", minimum=1)


@pytest.fixture
def fake_method(monkeypatch):
    """A registered method ``fake`` that takes its time and finds a motion of zero; its calls are recorded."""
    import time

    import torch

    calls = []

    def run(series, options, context):
        calls.append((options, context))
        for step in range(options.steps):
            context.report(step / options.steps, f"step {step}")
            time.sleep(0.01)
        return torch.zeros(*series.frames.shape, 3)

    info = MethodInfo(
        "fake", "Fake method", "Finds that nothing moves.", "Nobody 2020", Options, run, frozenset({"labels"})
    )
    for module in ("CardiacMotionLib.methods", "CardiacMotionLib.methods.registry"):
        monkeypatch.setattr(f"{module}.methods", lambda: {"fake": info})
    return calls


@pytest.fixture
def with_fake(panel, fake_method):
    """The fake method in the panel, and its calls."""
    panel.motion.findMethods()
    yield fake_method
    panel.motion.methods, panel.motion.options.forms = {}, {}


@pytest.fixture(scope="module")
def images():
    """A MOLLI series of one slice with labels of its first image."""
    series = phantom("t1", 3, sequence="molli", rows=40, columns=40, pixel_mm=5.0, breathing_mm=9.0).series
    return series.replace(labels={0: series.labels[0]})


@pytest.fixture
def mapping(slicer, panel):
    """The section, with everything that moves stopped afterwards."""
    yield panel.mapping
    for control in (panel.mapping.run, panel.mapping.sample):
        control.abandon()
        if control._runner is not None:
            assert control._runner.wait(PATIENCE_S)  # a thread that was cancelled would keep the next test waiting
    panel.mapping.results.cleanup()


@pytest.fixture
def study(slicer, mapping, images):
    """(sequence, segmentation) in the scene and selected, to be registered by demons."""
    from CardiacMotionLib.scene import add_labels, add_series

    slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)  # as the application has
    sequence, _browser = add_series(images, "Native")
    segmentation = add_labels(images)
    mapping.ui.mapSeriesSelector.setCurrentNode(sequence)
    mapping.ui.mapSegmentationSelector.setCurrentNode(segmentation)
    choose(mapping.ui.mapMethodComboBox, "demons")
    return sequence, segmentation


@pytest.fixture(scope="module")
def known():
    """(series with the labels of frame 0, exact motion) of a small heart."""
    subject = phantom("cine", 3, **HEART)
    return subject.series.replace(labels={0: subject.series.labels[0]}), subject.motion


@pytest.fixture
def section(slicer, panel, known):
    """The section of a panel that has just computed a strain."""
    from CardiacMotionLib.pipeline import analyze
    from CardiacMotionLib.scene import add_results, add_series

    series, motion = known
    outcome = analyze(series, motion)
    cine, _browser = add_series(series, "Cine")
    panel.session.take(outcome, add_results(cine, outcome.series, motion, outcome.strain, name="Run"))
    return panel.strain
