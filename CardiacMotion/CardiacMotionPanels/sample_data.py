"""The sample cine: put into the scene with one click, here and in Slicer's Sample Data module."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

from CardiacMotionLib.errors import CardiacMotionError

from . import packages

CATEGORY, NAME, FILE = "Cardiac", "CardiacMotionCine", "sunnybrook_cine.nii.gz"


def registerSampleData() -> None:
    """Add the sample to the Sample Data module, where the application has one."""
    try:
        import SampleData
    except ModuleNotFoundError:
        logging.info("CardiacMotion: this application has no Sample Data module")
        return
    icon = Path(__file__).resolve().parent.parent / "Resources" / "Icons" / "SampleCine.png"
    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category=CATEGORY,
        sampleName=NAME,
        uris=f"file:{FILE}",  # it is installed with the module; the downloader below knows where
        fileNames=FILE,
        nodeNames="Sample cine",
        customDownloader=addFromSampleData,
        thumbnailFileName=str(icon),
    )


def addFromSampleData(_source: Any = None) -> list[Any]:
    """What the button in the Sample Data module does; returns the nodes. Errors are shown, there is nobody to catch."""
    try:
        return list(addSample())
    except CardiacMotionError as error:
        if slicer.app.testingEnabled():
            raise
        slicer.util.errorDisplay(str(error), windowTitle="CardiacMotion")
        return []


def addSample() -> tuple[Any, Any]:
    """Add the sample and show it: (cine sequence node, segmentation node)."""
    from CardiacMotionLib.scene import load_sample

    packages.ensure(packages.SAMPLE)
    with slicer.util.WaitCursor():
        cine, segmentation = load_sample()
        showCine(cine)
    return cine, segmentation


def showCine(cine: Any) -> None:
    """Put a cine into the slice views, in the plane of its slices."""
    from CardiacMotionLib.scene.sequences import find_browser

    from .layout import alignSlices

    proxy = find_browser(cine).GetProxyNode(cine)
    slicer.util.setSliceViewerLayers(background=proxy)
    alignSlices(proxy)
    slicer.util.showStatusMessage(_("{name} was added to the scene.").format(name=cine.GetName()), 3000)
