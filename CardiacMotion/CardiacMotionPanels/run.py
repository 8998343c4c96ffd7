"""Apply, Cancel, progress and status: one `Job` at a time, polled by a timer."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from CardiacMotionLib.errors import CardiacMotionError
from CardiacMotionLib.jobs import Job, Runner, State, ThreadRunner

POLL_INTERVAL_MS = 10
YIELD_SECONDS = 0.04  # in each poll: Slicer holds the interpreter between events, the worker runs while we sleep
ERROR_STYLE = "color: #b3261e;"
STOPPING_SECONDS = 0.5  # that Apply waits for a cancelled run whose worker is still in one long step
BAR_STEPS = 1000


class RunPanel:
    """The button that starts and cancels, the bar and the line below it.

    ``prepare()`` returns the work, a function of ``progress``, or raises `CardiacMotionError`; ``finish(result)``
    takes what it computed and returns a sentence for the user. Both run on the main thread. ``changed()`` is called
    when a run starts or ends.
    """

    def __init__(
        self,
        ui: Any,
        prepare: Callable[[], Callable[..., Any]],
        finish: Callable[[Any], str],
        changed: Callable[[], None],
        makeRunner: Callable[[], Runner] = ThreadRunner,
    ):
        self.ui, self._prepare, self._finish, self._changed, self.makeRunner = ui, prepare, finish, changed, makeRunner
        self.job: Job | None = None
        self._runner: Runner | None = None
        self.timer = qt.QTimer()
        self.timer.setInterval(POLL_INTERVAL_MS)
        self.timer.connect("timeout()", self.poll)
        ui.applyButton.connect("clicked(bool)", self.onClicked)
        ui.progressBar.visible = False
        ui.statusLabel.visible = False

    @property
    def running(self) -> bool:
        """Whether work is under way."""
        return self.job is not None and self.job.active

    def setReady(self, problem: str) -> None:
        """Allow Apply, or say why not. Cancel is always allowed."""
        cancelling = self.job is not None and self.job.state is State.CANCELLING
        self.ui.applyButton.enabled = (self.running or not problem) and not cancelling
        self.ui.applyButton.text = _("Cancel") if self.running else _("Apply")
        self.ui.applyButton.toolTip = (
            _("Stop; the scene stays as it was") if self.running else problem or _("Compute motion and strain")
        )

    def onClicked(self, *_args: Any) -> None:
        """Apply, or Cancel while work is under way."""
        if self.running:
            self.cancel()
        else:
            self.start()

    def start(self) -> None:
        """Read the inputs and start the work, one at a time."""
        if self._runner is not None and not self._runner.wait(STOPPING_SECONDS):
            self.show(_("The cancelled run is still stopping; try again in a moment."))
            return
        try:
            work = self._prepare()
        except Exception as error:  # a slot has nobody to raise to
            self.onFailed(error)
            return
        self._runner = self.makeRunner()
        self.job = Job(
            work,
            runner=self._runner,
            on_progress=self.showProgress,
            on_finished=self.onFinished,
            on_failed=self.onFailed,
            on_cancelled=lambda: self.show(_("Cancelled. The scene was not changed.")),
        )
        self.ui.progressBar.maximum = BAR_STEPS
        self.showProgress(0.0, _("Starting"))
        self.ui.progressBar.visible = True
        self.job.start()
        self.timer.start()
        self._changed()

    def cancel(self) -> None:
        """Ask the work to stop; it is over within a second."""
        if self.running:
            self.job.cancel()
            self.show(_("Cancelling..."))
            self._changed()

    def poll(self, *_args: Any) -> None:
        """Let the worker run, and show what it reports."""
        if self.job is not None:
            self.job.poll(YIELD_SECONDS)
        if not self.running:
            self.job = None  # it holds images and results
            self.timer.stop()
            self.ui.progressBar.visible = False
            self._changed()

    def abandon(self) -> None:
        """Cancel and forget: the scene or the panel goes away."""
        self.timer.stop()
        if self.job is not None:
            self.job.cancel()
            self.job = None
        self.ui.progressBar.visible = False
        self.show("")

    # ------------------------------------------------------------------ what the user reads

    def showProgress(self, fraction: float, text: str) -> None:
        """Bar and line while work is under way."""
        self.ui.progressBar.value = round(fraction * BAR_STEPS)
        left = self.job.remaining_seconds() if self.job else None
        self.show(
            text if left is None else _("{text}, about {seconds} s left").format(text=text, seconds=max(round(left), 1))
        )

    def show(self, text: str, style: str = "") -> None:
        """One line of status."""
        self.ui.statusLabel.text = text
        self.ui.statusLabel.setStyleSheet(style)
        self.ui.statusLabel.visible = bool(text)

    def showError(self, text: str) -> None:
        """An error in the panel, and in a message; when Slicer runs tests the message only goes to the log."""
        self.show(text, ERROR_STYLE)
        if slicer.app.testingEnabled():
            logging.warning(f"CardiacMotion: {text}")
        else:
            slicer.util.errorDisplay(text, windowTitle="CardiacMotion")

    # ------------------------------------------------------------------ how it ends

    def onFinished(self, result: Any) -> None:
        """Put the result into the scene."""
        try:
            self.show(self._finish(result))
        except Exception as error:  # the timer that called us has nobody to tell
            self.onFailed(error)

    def onFailed(self, error: BaseException) -> None:
        """Say what went wrong; what nobody foresaw goes to the log with its trace."""
        if isinstance(error, CardiacMotionError):
            self.showError(str(error))
            return
        logging.error("CardiacMotion failed", exc_info=error)
        self.showError(
            _("Unexpected {kind}: {error}. The scene was not changed; the application log has the details.").format(
                kind=type(error).__name__, error=error
            )
        )
