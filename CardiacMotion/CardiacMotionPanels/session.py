"""`Session`: what the sections share: the choices of the user, the results of the scene, and what was computed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import slicer
from slicer.i18n import tr as _

from CardiacMotionLib.errors import CardiacMotionError

from . import analysis, packages
from .layout import Layouts
from .settings import Settings

if TYPE_CHECKING:
    from CardiacMotionLib.pipeline import Outcome
    from CardiacMotionLib.report import MapRun
    from CardiacMotionLib.scene import MapResults, Results


class Panel(Protocol):
    """A section of the module's panel.

    Attributes
    ----------
    widget
        What is loaded from the section's .ui file.
    """

    widget: Any

    def setParameterNode(self, parameterNode: Any) -> None:
        """Show another parameter node, or none while a scene closes: then keep nothing of the old scene."""

    def refresh(self) -> None:
        """Show the state of the session. Called often: cheap, and the same when called again."""

    def cleanup(self) -> None:
        """The application closes, or the module is reloaded: let go of observers and timers."""


class Session:
    """Shared by all sections; `changed` makes them show its state.

    Attributes
    ----------
    parameterNode
        Of the scene, wrapped; None while a scene closes.
    runs, outcomes
        Nodes of every motion in the scene by run, and what this session computed, or restored, of them.
    mapRuns, mapOutcomes
        Likewise for maps.
    settings
        What belongs to this machine: the worker, its threads, the folder of weights.
    jobs
        How many pieces of long work are under way.
    leaving
        Called when the user goes to another module.
    saving
        Called before the scene is written: what is shown for the moment only ends, `changed` may bring it back.
    layouts
        The layouts of the module, which remember the user's.
    """

    def __init__(self, resourcePath: Callable[[str], str], refreshAll: Callable[[], None]):
        self.parameterNode: Any = None
        self.runs: dict[str, Results] = {}
        self.outcomes: dict[str, Outcome] = {}
        self.mapRuns: dict[str, MapResults] = {}
        self.mapOutcomes: dict[str, MapRun] = {}
        self.settings = Settings()
        self.jobs = 0
        self.leaving: list[Callable[[], None]] = []
        self.saving: list[Callable[[], None]] = []
        self.layouts = Layouts()
        self.tell: Callable[[str], None] = lambda text: None  # one line of status; whoever has such a line sets it
        self.showLayout: Callable[[int], None] = lambda layout: None  # whoever can fill its views sets it
        self._resourcePath, self._refreshAll = resourcePath, refreshAll
        self._refreshing = False

    def load(self, name: str) -> tuple[Any, Any]:
        """(widget, its named children) of a section's .ui file."""
        widget = slicer.util.loadUI(self._resourcePath(f"UI/{name}.ui"))
        widget.setMRMLScene(slicer.mrmlScene)
        return widget, slicer.util.childWidgetVariables(widget)

    # ------------------------------------------------------------------ state

    @property
    def busy(self) -> bool:
        """Whether long work is under way; then inputs are locked."""
        return self.jobs > 0

    @property
    def current(self) -> Results | None:
        """The nodes of the selected run; without a selection the newest."""
        chosen = self.runs.get(self.parameterNode.result) if self.parameterNode else None
        return chosen if chosen is not None else next(reversed(self.runs.values()), None)

    @property
    def outcome(self) -> Outcome | None:
        """What this session computed for the selected run."""
        return self.outcomes.get(self.current.run) if self.current else None

    @property
    def currentMaps(self) -> MapResults | None:
        """The nodes of the selected maps; without a selection the newest."""
        chosen = self.mapRuns.get(self.parameterNode.mapResult) if self.parameterNode else None
        return chosen if chosen is not None else next(reversed(self.mapRuns.values()), None)

    def restored(self) -> Outcome | None:
        """What was computed for the selected run; of one that came with the scene motion and strain are made again.

        That takes a second or so. Raises `CardiacMotionError` where its nodes no longer hold what it needs.
        """
        current = self.current
        if current is None:
            return None
        if current.run not in self.outcomes:
            with slicer.util.WaitCursor():
                self.outcomes[current.run] = analysis.restore(current)
        return self.outcomes[current.run]

    def changed(self, *_args: Any) -> None:
        """Show the state in all sections; what they change on the way is shown in the same pass."""
        if self._refreshing:
            return
        self._refreshing = True
        try:
            self._dropGone()
            self._refreshAll()
        finally:
            self._refreshing = False

    # ------------------------------------------------------------------ results

    def setParameterNode(self, parameterNode: Any) -> None:
        """Take another scene's choices and results, or none while a scene closes: then nothing of it is kept."""
        self.parameterNode = parameterNode
        if parameterNode is None:
            for run in list(self.runs):
                self._letGo(run)
            self.mapRuns.clear()
            self.mapOutcomes.clear()
        else:
            self._findRuns()

    def take(self, outcome: Outcome, results: Results) -> None:
        """Keep what a run made, and select it, with an overlay where none is chosen."""
        self.runs[results.run], self.outcomes[results.run] = results, outcome
        if self.parameterNode.overlay not in results.overlays:
            self.parameterNode.overlay = next(iter(results.overlays), "")
        self.select(results.run)

    def takeMaps(self, outcome: MapRun | None, results: MapResults) -> None:
        """Keep maps, and select them; ``outcome`` is what they were computed as, None for what comes of other maps."""
        self.mapRuns[results.run] = results
        if outcome is not None:
            self.mapOutcomes[results.run] = outcome
        self.selectMaps(results.run)

    def selectMaps(self, run: str) -> None:
        """Show other maps."""
        self.parameterNode.mapResult = run
        self.changed()

    def removeMaps(self, results: MapResults) -> None:
        """Remove maps from the scene, with every node of their run."""
        from CardiacMotionLib.scene import remove_maps

        self.mapRuns.pop(results.run, None)
        self.mapOutcomes.pop(results.run, None)
        remove_maps(results)
        self.changed()

    def leave(self) -> None:
        """The user goes to another module: what moves by itself stops."""
        for callback in self.leaving:
            callback()

    def select(self, run: str) -> None:
        """Show another run."""
        self.parameterNode.result = run
        self.changed()

    def remove(self, results: Results) -> None:
        """Remove a run from the scene, with every node of it."""
        from CardiacMotionLib.scene.results import remove_results

        self._letGo(results.run)
        remove_results(results)
        self.changed()

    def _findRuns(self) -> None:
        """Add what came with a loaded scene; torch and pandas are loaded only when there is something."""
        from CardiacMotionLib.scene.run_nodes import runs_in_scene

        if not runs_in_scene() or not packages.torchVersion() or packages.missing(packages.REQUIRED):
            return
        from CardiacMotionLib.scene import find_maps
        from CardiacMotionLib.scene.result_record import unfollow_time
        from CardiacMotionLib.scene.results import find_results

        for found in find_results():
            if found.run in self.runs:
                unfollow_time(found)  # its marker is already followed
            else:
                self.runs[found.run] = found
        self.mapRuns.update({maps.run: maps for maps in find_maps() if maps.run not in self.mapRuns})

    def _dropGone(self) -> None:
        """Forget what the user deleted."""
        if self.runs:
            from CardiacMotionLib.scene.result_record import forget_removed

            for run in [run for run, results in self.runs.items() if not forget_removed(results)]:
                self._letGo(run)
        isPresent = slicer.mrmlScene.IsNodePresent
        for run, maps in list(self.mapRuns.items()):
            if not all(isPresent(node) for node in maps.maps.values()):
                del self.mapRuns[run]
                self.mapOutcomes.pop(run, None)

    def _letGo(self, run: str) -> None:
        from CardiacMotionLib.scene.result_record import unfollow_time

        unfollow_time(self.runs.pop(run))
        self.outcomes.pop(run, None)

    # ------------------------------------------------------------------ what the user is told

    def showError(self, text: str) -> None:
        """An error in the panel, and in a message; when Slicer runs tests the message only goes to the log."""
        self.tell(text)
        if slicer.app.testingEnabled():
            logging.warning(f"CardiacMotion: {text}")
        else:
            slicer.util.errorDisplay(text, windowTitle="CardiacMotion")

    def explain(self, error: BaseException) -> str:
        """Words for a failure; what nobody foresaw goes to the log with its trace."""
        if isinstance(error, CardiacMotionError):
            return str(error)
        logging.error("CardiacMotion failed", exc_info=error)
        return _("Unexpected {kind}: {error}. The scene was not changed; the application log has the details.").format(
            kind=type(error).__name__, error=error
        )
