"""Apply, Cancel, progress and status: one `Job` at a time, polled by a timer."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Generator
from typing import Any

import qt
from slicer.i18n import tr as _

from CardiacMotionLib.jobs import Job, Runner, State, ThreadRunner

from .session import Session

POLL_INTERVAL_MS = 10
STEPS_SECONDS = 0.015  # in each poll, of the steps that put a result into the scene
ERROR_STYLE = "color: #b3261e;"
STOPPING_SECONDS = 0.5  # that Apply waits for a cancelled run whose worker is still in one long step
BAR_STEPS = 1000
WORK_SHARE = 0.9  # of the bar; the rest is the result's way into the scene


class RunControl:
    """A button that starts and cancels, a bar and a line below it.

    ``prepare()`` returns the work, a function of ``progress``, or raises `CardiacMotionError`; ``finish(result)``
    takes what it computed and returns a sentence for the user. Both run on the main thread; where ``finish`` takes more
    than a moment it is a generator that yields the share that is done: it is taken step by step between the events, and
    closed when the user cancels. ``start`` and ``about`` are what the button and its tool tip say when nothing runs.
    ``failed(error)`` is told how a run failed, after the user was.
    """

    def __init__(
        self,
        session: Session,
        button: Any,
        progressBar: Any,
        statusLabel: Any,
        prepare: Callable[[], Callable[..., Any]],
        finish: Callable[[Any], str | Generator[float, None, str]],
        *,
        start: str = "",
        about: str = "",
        makeRunner: Callable[[], Runner] = ThreadRunner,
        failed: Callable[[BaseException], None] = lambda error: None,
    ):
        self.session, self._prepare, self._finish, self.makeRunner = session, prepare, finish, makeRunner
        self.button, self.progressBar, self.statusLabel = button, progressBar, statusLabel
        self._start, self._about, self._failed = start or _("Apply"), about, failed
        self.job: Job | None = None
        self._steps: Generator[float, None, str] | None = None  # that put a result into the scene
        self._runner: Runner | None = None
        self._counted = False  # in session.jobs
        self.timer = qt.QTimer()
        self.timer.setInterval(POLL_INTERVAL_MS)
        self.timer.connect("timeout()", self.poll)
        button.connect("clicked(bool)", self.onClicked)
        progressBar.visible = False
        statusLabel.visible = False

    @property
    def running(self) -> bool:
        """Whether work is under way."""
        return self._steps is not None or (self.job is not None and self.job.active)

    def setReady(self, problem: str) -> None:
        """Allow to start, or say why not. Cancel is always allowed; only one piece of work runs at a time."""
        cancelling = self.job is not None and self.job.state is State.CANCELLING
        if not self.running and self.session.busy:
            problem = _("Something else is being computed; wait for it or cancel it.")
        self.button.enabled = (self.running or not problem) and not cancelling
        self.button.text = _("Cancel") if self.running else self._start
        self.button.toolTip = _("Stop; the scene stays as it was") if self.running else problem or self._about

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
            on_cancelled=self.onCancelled,
        )
        try:
            self.job.start()
        except Exception as error:  # the runner refused the work, or there is no process for it
            self.job = None
            self.onFailed(error)
            return
        self.progressBar.maximum = BAR_STEPS
        self.showProgress(0.0, _("Starting"))
        self.progressBar.visible = True
        self._count(True)
        self.timer.start()
        self.session.changed()

    def cancel(self) -> None:
        """Ask the work to stop; it is over within a second."""
        if self._steps is not None:
            self._dropSteps()
            self.onCancelled()
            self._end()
        elif self.running:
            self.job.cancel()
            self.show(_("Cancelling..."))
            self.session.changed()

    def poll(self, *_args: Any) -> None:
        """Let the worker run, and show what it reports; then take a few steps with its result."""
        if self._steps is not None:
            self._takeSteps()
        elif self.job is not None:
            self.job.poll()
        if not self.running:
            self._end()

    def _end(self) -> None:
        """Nothing is under way any more; a thread that did not hear the cancel is still given time to end."""
        if self.job is not None or self._counted:
            self.job = None  # it holds images and results
            self._count(False)
            self.progressBar.visible = False
            self.session.changed()
        if self._runner is None or self._runner.wait(self._runner.share):
            self.timer.stop()

    def abandon(self) -> None:
        """Cancel and forget: the scene or the panel goes away."""
        self.timer.stop()
        self._dropSteps()
        if self.job is not None:
            self.job.cancel()
            self.job = None
            self._runner.kill()
        self._count(False)
        self.progressBar.visible = False
        self.show("")

    def _count(self, running: bool) -> None:
        """Tell the session that work is under way, or no more."""
        self.session.jobs += int(running) - int(self._counted)
        self._counted = running

    # ------------------------------------------------------------------ what the user reads

    def showProgress(self, fraction: float, text: str) -> None:
        """Bar and line while work is under way."""
        self.progressBar.value = round(WORK_SHARE * fraction * BAR_STEPS)
        left = self.job.remaining_seconds() if self.job else None
        self.show(
            text if left is None else _("{text}, about {seconds} s left").format(text=text, seconds=max(round(left), 1))
        )

    def show(self, text: str, style: str = "") -> None:
        """One line of status."""
        self.statusLabel.text = text
        self.statusLabel.setStyleSheet(style)
        self.statusLabel.visible = bool(text)

    def showError(self, text: str) -> None:
        """An error in the panel and in a message."""
        self.session.showError(text)
        self.show(text, ERROR_STYLE)

    # ------------------------------------------------------------------ how it ends

    def onFinished(self, result: Any) -> None:
        """Put the result into the scene, at once or in steps."""
        try:
            answer = self._finish(result)
        except Exception as error:  # the timer that called us has nobody to tell
            self.onFailed(error)
            return
        if inspect.isgenerator(answer):
            self._steps = answer
        else:
            self.show(answer)

    def _takeSteps(self) -> None:
        until = time.monotonic() + STEPS_SECONDS
        try:
            while time.monotonic() < until:
                share = next(self._steps)
                self.progressBar.value = round((WORK_SHARE + (1 - WORK_SHARE) * share) * BAR_STEPS)
                self.show(_("Adding the results to the scene"))
        except StopIteration as end:
            self._steps = None
            self.show(end.value)
        except Exception as error:  # the timer that called us has nobody to tell
            self._steps = None
            self.onFailed(error)

    def _dropSteps(self) -> None:
        if self._steps is not None:
            self._steps.close()
            self._steps = None

    def onCancelled(self) -> None:
        """Say that nothing came of it."""
        self.show(_("Cancelled. The scene was not changed."))

    def onFailed(self, error: BaseException) -> None:
        """Say what went wrong."""
        self.showError(self.session.explain(error))
        self._failed(error)
