"""What strain is measured with: RV insertions, end-systole, layers, drift correction; a change is computed at once."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import qt
from slicer.i18n import tr as _

from CardiacMotionLib.errors import CardiacMotionError

from .parameters import AUTOMATIC
from .placing import Placing
from .run import RunControl
from .session import Session

if TYPE_CHECKING:
    from .strain_views import StrainViews

PATIENCE_MS = 400  # after a change: the next may follow


class StrainSettings:
    """The choices of the strain section that strain depends on, and the work that follows them."""

    def __init__(self, session: Session, widget: Any, ui: Any, views: StrainViews):
        self.session, self.ui, self.views = session, ui, views
        self._filling = False
        self._run = ""  # that is computed again
        self._observed: tuple[Any, list[int]] = (None, [])  # markups and the tag of our observer
        self.placing = Placing(widget, self.onPlaced, self.onGivenUp)
        session.leaving.append(self.placing.giveUp)
        self.run = RunControl(
            session,
            ui.updateStrainButton,
            ui.strainProgressBar,
            ui.strainStatusLabel,
            self.prepare,
            self.finish,
            failed=self.putBack,
            start=_("Compute strain again"),
            about=_("Strain with these settings, from the motion that is there"),
        )
        self.timer = qt.QTimer()
        self.timer.setSingleShot(True)
        self.timer.setInterval(PATIENCE_MS)
        self.timer.connect("timeout()", self.onSettled)
        ui.strainEndSystoleSpinBox.connect("valueChanged(int)", self.onEndSystole)
        ui.strainLayersSpinBox.connect("valueChanged(int)", self.onChanged)
        ui.driftCorrectionCheckBox.connect("toggled(bool)", self.onChanged)
        ui.placeInsertionsButton.connect("clicked(bool)", self.onPlace)

    def setParameterNode(self, parameterNode: Any) -> None:
        """Show another parameter node, or none while a scene closes: what works for that scene is stopped."""
        if parameterNode is None:
            self.timer.stop()
            self.placing.cancel()
            self.run.abandon()
            self._observe(None)

    def cleanup(self) -> None:
        """Stop what works and observe nothing."""
        self.setParameterNode(None)

    # ------------------------------------------------------------------ show

    def refresh(self) -> None:
        """Show the settings, and whether the strain that is shown has them."""
        parameters, current = self.session.parameterNode, self.session.current
        has = parameters is not None and current is not None and current.chart is not None
        ui, free = self.ui, has and not self.session.busy
        for widget in (
            ui.strainEndSystoleSpinBox,
            ui.strainLayersSpinBox,
            ui.driftCorrectionCheckBox,
            ui.placeInsertionsButton,
        ):
            widget.enabled = free
        ui.showInsertionsCheckBox.enabled = has and current.insertions is not None
        if parameters is not None:
            self._filling = True
            if ui.strainEndSystoleSpinBox.value != parameters.endSystole:
                ui.strainEndSystoleSpinBox.value = parameters.endSystole
            self._filling = False
        self._observe(current.insertions if current is not None else None)
        self._showInsertions()
        ui.placeInsertionsButton.text = _("Stop placing") if self.placing.active else _("Place RV insertions")
        self.run.setReady(self._problem(has))

    def _problem(self, has: bool) -> str:
        if not has:
            return _("There is no strain yet; it needs a segmentation of the end-diastolic frame.")
        return "" if self.session.outcome is None or self.changed() else _("The strain shown has these settings.")

    def _showInsertions(self) -> None:
        """Only those of the selected run, where they are wanted."""
        parameters, current = self.session.parameterNode, self.session.current
        for results in self.session.runs.values():
            if results.insertions is not None:
                wanted = parameters is not None and parameters.showInsertions and results is current
                if bool(results.insertions.GetDisplayVisibility()) != wanted:
                    results.insertions.SetDisplayVisibility(wanted)

    def _observe(self, node: Any) -> None:
        """React to what the user does with these markups, and to no others."""
        before, tags = self._observed
        if node is before:
            return
        for tag in tags:
            before.RemoveObserver(tag)
        events = () if node is None else (node.PointEndInteractionEvent,)
        self._observed = node, [node.AddObserver(event, self.onChanged) for event in events]

    # ------------------------------------------------------------------ what the user does

    def onEndSystole(self, frame: int) -> None:
        """Keep the frame."""
        if not self._filling and self.session.parameterNode is not None:
            self.session.parameterNode.endSystole = frame
            self.onChanged()

    def onChanged(self, *_args: Any) -> None:
        """A setting changed or a point was dragged: strain follows, once the user has settled."""
        if self.session.parameterNode is not None:
            self.timer.start()

    def onSettled(self, *_args: Any) -> None:
        """Compute strain again where it would differ; after other work, where some is under way."""
        if self.session.busy:
            self.timer.start()
            return
        if self.changed():
            self.run.start()
        self.session.changed()

    def onPlace(self, *_args: Any) -> None:
        """Let the user place both insertions with two clicks, or give up on it."""
        if self.placing.active:
            self.placing.giveUp()
            return
        outcome, current = self.views.outcome(), self.session.current
        if outcome is None or current is None:
            return
        from CardiacMotionLib.scene.insertions import NAMES, new_insertions

        self._run = current.run
        self.placing.start(lambda: new_insertions(current), len(NAMES))
        self.run.show(_("Click the anterior, then the inferior end of the septum in a short-axis slice. Esc gives up."))
        self.session.changed()

    def onPlaced(self, node: Any) -> None:
        """Take what was placed; strain follows."""
        from CardiacMotionLib.scene.insertions import read_insertions, set_insertions
        from CardiacMotionLib.scene.run_nodes import remove_nodes

        points, results = read_insertions(node), self.session.runs.get(self._run)
        remove_nodes([node])
        self.run.show("")
        if results is not None:
            set_insertions(results, points)
            self.session.parameterNode.showInsertions = True
            self.onChanged()
        self.session.changed()

    def onGivenUp(self) -> None:
        """Nothing was placed."""
        self.run.show("")
        self.session.changed()

    # ------------------------------------------------------------------ the work

    def changed(self) -> bool:
        """Whether strain with the settings would differ from the one that is shown."""
        from CardiacMotionLib.scene.insertions import insertions_moved
        from CardiacMotionLib.strain.compute import NOT_CORRECTED

        outcome = self.session.outcome
        if outcome is None and self.session.current is not None and self._insertionsTouched():
            outcome = self.views.outcome()
        if outcome is None or outcome.strain is None:
            return False
        strain, parameters = outcome.strain, self.session.parameterNode
        endSystole = strain.smallest_cavity if parameters.endSystole == AUTOMATIC else parameters.endSystole
        wanted = (endSystole, parameters.strainLayers, parameters.driftCorrection)
        asked = strain.drift_corrected or any(note.startswith(NOT_CORRECTED) for note in strain.notes)
        return (strain.end_systole, len(strain.layer_names), asked) != wanted or insertions_moved(
            self.session.current.insertions, strain.rv_insertion
        )

    def _insertionsTouched(self) -> bool:
        """Whether markups of a run that came with the scene are not where its strain has them."""
        from CardiacMotionLib.scene.insertions import insertions_moved
        from CardiacMotionLib.scene.restore import stored_insertion

        current = self.session.current
        return insertions_moved(current.insertions, stored_insertion(current))

    def prepare(self) -> Callable[..., Any]:
        """Read the settings; returns the work to do."""
        from CardiacMotionLib.scene.insertions import insertions_moved, read_insertions
        from CardiacMotionLib.scene.strain_update import strain_again, walls_shown

        outcome, current = self.session.restored(), self.session.current
        if outcome is None or outcome.strain is None or current is None:
            raise CardiacMotionError("there is no strain to compute again; press Apply with a segmentation first")
        parameters, known = self.session.parameterNode, outcome.strain.rv_insertion
        moved = insertions_moved(current.insertions, known)
        settings = {
            "rv_insertion": read_insertions(current.insertions) if moved else known,
            "end_systole": None if parameters.endSystole == AUTOMATIC else parameters.endSystole,
            "layers": parameters.strainLayers,
            "drift_correction": parameters.driftCorrection,
            "walls": walls_shown(current),
        }
        self._run = current.run
        return partial(strain_again, outcome.series, outcome.motion, **settings)

    def finish(self, made: Any) -> Generator[Any, None, str]:
        """Show what was computed, in steps."""
        results, outcome = self.session.runs.get(self._run), self.session.outcomes.get(self._run)
        if results is None or outcome is None:
            raise CardiacMotionError("the result was removed while its strain was computed again; nothing was changed")
        return self._show(results, outcome, *made)

    def putBack(self, _error: BaseException) -> None:
        """There is no strain with these insertions: put them where the strain that is shown has them."""
        from CardiacMotionLib.scene.insertions import move_insertions

        results, outcome = self.session.runs.get(self._run), self.session.outcomes.get(self._run)
        if results is None or outcome is None or results.insertions is None:
            return
        if outcome.strain.rv_insertion is not None:
            move_insertions(results.insertions, outcome.strain.rv_insertion)

    def _show(self, results: Any, outcome: Any, strain: Any, segments: Any) -> Generator[Any, None, str]:
        from CardiacMotionLib.scene.strain_update import update_strain_in_steps

        chosen = self.views.curves(strain)
        steps = update_strain_in_steps(
            results, outcome.series, outcome.motion, strain, chosen=chosen, segments=segments
        )
        for _step in steps:
            yield 1.0
        before = set(outcome.strain.notes)
        notes = (*(note for note in outcome.notes if note not in before), *strain.notes)
        self.session.outcomes[results.run] = replace(outcome, strain=strain, notes=notes)
        return _("Strain was computed again, with end-systole in frame {frame}.").format(frame=strain.end_systole)
