"""Mapping: T1, T2 and perfusion maps of a series, before and after its motion is taken out."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from typing import Any

from slicer.i18n import tr as _

from . import analysis, packages
from .mapping_ecv import EcvGroup
from .mapping_inputs import MapInputs
from .mapping_results import MapResultsView
from .run import RunControl
from .session import Session

SERIES_GONE = "the images were removed from the scene while their maps were computed; nothing was added"


class MappingPanel:
    """The fifth section: what is fitted (`inputs`), the run, what came out (`results`), and ECV of two results."""

    def __init__(self, session: Session):
        self.session = session
        self.widget, self.ui = session.load("Mapping")
        self.parameterNode: Any = None
        self._seriesId = ""  # of the run: a node kept here would outlive its scene
        ui = self.ui
        bar, line = ui.mapProgressBar, ui.mapStatusLabel
        self.inputs = MapInputs(session, ui)
        self.results = MapResultsView(session, ui)
        self.ecv = EcvGroup(session, ui)
        self.run = RunControl(
            session,
            ui.mapFitButton,
            bar,
            line,
            self.prepare,
            self.finish,
            start=_("Fit"),
            about=_("Register the images and fit the maps"),
            makeRunner=session.settings.runner,
        )
        self.sample = RunControl(
            session,
            ui.mapSampleButton,
            bar,
            line,
            self.prepareSample,
            self.finishSample,
            start=_("Sample data"),
            about=_("Put a small synthetic MOLLI series with times and a segmentation into the scene"),
        )

    def setParameterNode(self, parameterNode: Any) -> None:
        """Show another parameter node, or none while a scene closes: what works for that scene is stopped."""
        if parameterNode is None:
            self.run.abandon()
            self.sample.abandon()
        self.parameterNode = parameterNode
        self.inputs.setParameterNode(parameterNode)
        self.results.setParameterNode(parameterNode)

    def cleanup(self) -> None:
        """Stop what works and what moves."""
        self.run.abandon()
        self.sample.abandon()
        self.results.cleanup()

    def onCollapsed(self, collapsed: bool) -> None:
        """The section is opened for the first time: list what there is."""
        if not collapsed and not self.inputs.opened:
            self.inputs.opened = True
            self.session.changed()

    def refresh(self) -> None:
        """Show what the parameter node and the session hold."""
        self.inputs.refresh()
        self.results.refresh()
        self.ecv.refresh()
        missing = "" if packages.torchVersion() else _("Install PyTorch first.")
        self.run.setReady(missing or self.inputs.problem())
        self.sample.setReady(missing)

    def prepare(self) -> Callable[..., Any]:
        """Read the inputs; returns the work to do."""
        from CardiacMotionLib.map_pipeline import compute_maps

        packages.ensure(packages.REQUIRED)
        request = self.inputs.request()
        self._seriesId = self.parameterNode.mapSeries.GetID()
        return partial(compute_maps, request)

    def finish(self, run: Any) -> Generator[float, None, str]:
        """Put the maps into the scene, in steps; returns what to tell the user."""
        from CardiacMotionLib.scene.maps import add_map_run_in_steps

        compare, segmentation = self.parameterNode.mapCompare, self.parameterNode.mapSegmentation

        def start(series: Any) -> Any:
            name = self._freeName(_("{series} {model} maps").format(series=series.GetName(), model=run.maps.model))
            return add_map_run_in_steps(run, series, name=name, compare=compare)

        results = yield from analysis.whileThere(self._seriesId, start, SERIES_GONE)
        if segmentation is not None and results.labels is not None:
            self.results.hideInput(segmentation)
        self.results.select(run, results)
        return _("Done. The maps are in the scene, over the images.")

    def prepareSample(self) -> Callable[..., Any]:
        """The work that makes the sample."""
        from CardiacMotionLib.scene.map_sample import make_map_sample

        packages.ensure(packages.REQUIRED)
        return make_map_sample

    def finishSample(self, series: Any) -> str:
        """Put the sample into the scene and select it."""
        from CardiacMotionLib.scene import add_map_sample

        sequence, _browser, segmentation = add_map_sample(series)
        self.inputs.select(sequence, segmentation)
        return _("A synthetic MOLLI series is in the scene and selected: press Fit.")

    def _freeName(self, name: str) -> str:
        """The name, with a number where the scene already has maps of that name."""
        taken = {maps.name for maps in self.session.mapRuns.values()}
        number = next(n for n in range(1, len(taken) + 2) if self._numbered(name, n) not in taken)
        return self._numbered(name, number)

    @staticmethod
    def _numbered(name: str, number: int) -> str:
        return name if number == 1 else f"{name} ({number})"
