"""Layers that are made when the user asks for them: computed beside the user interface, added frame by frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import qt
import slicer
from slicer.i18n import tr as _

from CardiacMotionLib.jobs import Job, Runner, ThreadRunner

from .session import Session

if TYPE_CHECKING:
    from CardiacMotionLib.pipeline import Outcome

POLL_INTERVAL_MS = 10
BAR_STEPS = 1000
COMPUTING = 0.7  # of the bar; the rest is for the nodes
Work = Callable[[dict[str, "Outcome"], Callable[[float, str], Any]], tuple[Any, Any]]


@dataclass(frozen=True)
class Wish:
    """A layer that somebody wants.

    Attributes
    ----------
    kind
        What it is for; a new wish of the same kind takes the place of one that is being fulfilled.
    results
        The run it becomes a part of.
    title
        What is being made, for the user; a wish of the same title of the same run is the same.
    work
        ``work(outcomes, progress)`` returns (layer, more) beside the user interface; ``outcomes`` are those of `runs`.
    done
        ``done(more)`` is called when the layer is in the scene.
    failed
        Takes the wish back, so that it is not tried again at once, and shows the state.
    others
        Runs, beside that of ``results``, whose outcomes are needed.
    """

    kind: str
    results: Any
    title: str
    work: Work
    done: Callable[[Any], None]
    failed: Callable[[], None]
    others: tuple[Any, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """What makes two wishes the same."""
        return self.results.run, self.title


def present(node: Any) -> Any:
    """The node, or None where there is none or the user deleted it."""
    return node if node is not None and slicer.mrmlScene.IsNodePresent(node) else None


class LayerMaker:
    """Fulfills one wish at a time. Nothing blocks, and who cancels leaves nothing.

    Wishes are not kept: whoever still has one when another is done says so again when the state is shown.
    """

    def __init__(
        self,
        session: Session,
        progressBar: Any,
        statusLabel: Any,
        cancelButton: Any,
        makeRunner: Callable[[], Runner] = ThreadRunner,
    ):
        self.session, self.makeRunner = session, makeRunner
        self.progressBar, self.statusLabel, self.cancelButton = progressBar, statusLabel, cancelButton
        self.wish: Wish | None = None
        self._job: Job | None = None
        self._steps: Any = None
        self._more: Any = None
        self._made = False
        self.timer = qt.QTimer()
        self.timer.setInterval(POLL_INTERVAL_MS)
        self.timer.connect("timeout()", self.poll)
        progressBar.maximum = BAR_STEPS
        cancelButton.connect("clicked(bool)", self.onCancel)
        self._show("")

    @property
    def running(self) -> bool:
        """Whether something is being made."""
        return self.wish is not None

    def make(self, wish: Wish) -> None:
        """Begin to fulfill a wish, unless that is being done or a wish of another kind comes first."""
        if self.wish is not None and (self.wish.key == wish.key or self.wish.kind != wish.kind):
            return
        self.cancel()
        self.wish = wish
        self._show(wish.title)
        try:
            work = self._prepare(wish)
        except Exception as error:  # whoever refreshes a panel has nobody to raise to
            self._fail(error)
            return
        self._job = Job(
            work,
            runner=self.makeRunner(),
            on_progress=lambda fraction, text: self._progress(COMPUTING * fraction),
            on_finished=self._computed,
            on_failed=self._fail,
        )
        self._job.start()
        self.timer.start()

    def cancel(self) -> None:
        """Stop; what was begun is dropped, and nothing of it is in the scene."""
        self.timer.stop()
        if self._job is not None:
            self._job.cancel()
        if self._steps is not None:
            self._steps.close()
        self.wish = self._job = self._steps = self._more = None
        self._made = False
        self._show("")

    def onCancel(self, *_args: Any) -> None:
        """The user does not want it any more."""
        wish = self.wish
        self.cancel()
        if wish is not None:
            wish.failed()

    def poll(self, *_args: Any) -> None:
        """Let the worker run, or add one frame."""
        if self._made:
            wish, more = self.wish, self._more
            self.cancel()
            wish.done(more)
        elif self._steps is not None:
            self._add()
        elif self._job is not None:
            self._job.poll()

    # ------------------------------------------------------------------ how it goes

    def _prepare(self, wish: Wish) -> Callable[[Callable[[float, str], Any]], Any]:
        """The work, with what is only in the nodes of a loaded scene read from them: on this thread."""
        from CardiacMotionLib.pipeline import analyze
        from CardiacMotionLib.scene.restore import read_back

        runs = (wish.results, *wish.others)
        known = {one.run: self.session.outcomes[one.run] for one in runs if one.run in self.session.outcomes}
        read = {one.run: read_back(one) for one in runs if one.run not in known}

        def work(progress: Callable[[float, str], Any]) -> Any:
            outcomes = dict(known)
            for run, (series, motion, settings) in read.items():
                outcomes[run] = analyze(series, motion, **settings)
            layer, more = wish.work(outcomes, progress)
            return outcomes, layer, more

        return work

    def _computed(self, made: Any) -> None:
        from CardiacMotionLib.scene.layers import add_layer

        outcomes, layer, self._more = made
        self._job = None
        for run, outcome in outcomes.items():
            if run in self.session.runs:
                self.session.outcomes.setdefault(run, outcome)
        self._steps = add_layer(self.wish.results, layer)

    def _add(self) -> None:
        try:
            if not slicer.mrmlScene.IsNodePresent(self.wish.results.motion_to_frame):
                self.onCancel()  # the run was removed in the meantime
                return
            self._progress(COMPUTING + (1 - COMPUTING) * next(self._steps))
        except StopIteration:
            self._steps = None
            self._made = True  # telling everybody takes its time: with the next event
        except Exception as error:  # the timer that called us has nobody to tell
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        wish = self.wish
        self.cancel()
        text = self.session.explain(error)
        self.session.showError(text)
        self._show(text, busy=False)
        if wish is not None:
            wish.failed()

    def _progress(self, fraction: float) -> None:
        self.progressBar.value = round(fraction * BAR_STEPS)

    def _show(self, text: str, busy: bool = True) -> None:
        """One line, with a bar and a way to stop while something is made."""
        self.statusLabel.text = _("Making: {what}").format(what=text) if text and busy else text
        self.statusLabel.visible = bool(text)
        self.progressBar.visible = self.cancelButton.visible = bool(text) and busy
        self.progressBar.value = 0
