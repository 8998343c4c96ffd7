"""Playback of the cine and everything computed from it: by the cine's own sequence browser, no second one."""

from __future__ import annotations

from typing import Any

import slicer
import vtk
from slicer.i18n import tr as _

from .session import Session


class PlaybackControls:
    """Play, frame by frame, frame slider and rate of the browser of the run that is shown."""

    def __init__(self, session: Session, ui: Any):
        self.session, self.ui = session, ui
        self._browser: Any = None
        self._tag = 0
        self._showing = False
        ui.playButton.connect("toggled(bool)", self.onPlay)
        ui.previousFrameButton.connect("clicked(bool)", lambda *_args: self.step(-1))
        ui.nextFrameButton.connect("clicked(bool)", lambda *_args: self.step(1))
        ui.frameSlider.connect("valueChanged(int)", self.onFrame)
        ui.playbackRateSpinBox.connect("valueChanged(double)", self.onRate)

    def refresh(self, current: Any) -> None:
        """Follow the browser of a run, or none."""
        browser = current.browser if current is not None else None
        if browser is not self._browser:
            self.stop()
            self._browser = browser
            if browser is not None:
                self._tag = browser.AddObserver(vtk.vtkCommand.ModifiedEvent, self.show)
        self.show()

    def stop(self) -> None:
        """Follow no browser any more; one of the user's goes on as it is."""
        if self._browser is not None:
            self._browser.RemoveObserver(self._tag)
        self._browser = None

    def show(self, *_args: Any) -> None:
        """The frame and whether it plays."""
        ui, browser = self.ui, self._browser
        there = browser is not None and slicer.mrmlScene.IsNodePresent(browser) and browser.GetNumberOfItems() > 0
        for widget in (
            ui.playButton,
            ui.previousFrameButton,
            ui.nextFrameButton,
            ui.frameSlider,
            ui.playbackRateSpinBox,
        ):
            widget.enabled = there
        self._showing = True
        playing = bool(there and browser.GetPlaybackActive())
        ui.playButton.checked = playing
        ui.playButton.text = _("Pause") if playing else _("Play")
        if there:
            frame = max(browser.GetSelectedItemNumber(), 0)
            ui.frameSlider.maximum = browser.GetNumberOfItems() - 1
            ui.frameSlider.value = frame
            ui.playbackRateSpinBox.value = browser.GetPlaybackRateFps()
            ui.frameLabel.text = describeFrame(self.session.current.cine, frame)
        else:
            ui.frameLabel.text = ""
        self._showing = False

    # ------------------------------------------------------------------ what the user does

    def onPlay(self, playing: bool) -> None:
        """Start or stop."""
        if not self._showing and self._browser is not None:
            self._browser.SetPlaybackActive(playing)

    def onFrame(self, frame: int) -> None:
        """Go to a frame."""
        if not self._showing and self._browser is not None:
            from CardiacMotionLib.scene import show_frame

            show_frame(self._browser, frame)

    def step(self, by: int) -> None:
        """Go on or back by frames, around the end of the cycle."""
        if self._browser is not None:
            self.onFrame((self._browser.GetSelectedItemNumber() + by) % self._browser.GetNumberOfItems())

    def onRate(self, framesPerSecond: float) -> None:
        """Play faster or slower."""
        if not self._showing and self._browser is not None:
            self._browser.SetPlaybackRateFps(framesPerSecond)


def describeFrame(sequence: Any, frame: int) -> str:
    """Number and time of a frame."""
    text = _("Frame {frame} of 0 to {last}").format(frame=frame, last=sequence.GetNumberOfDataNodes() - 1)
    value, unit = sequence.GetNthIndexValue(frame), sequence.GetIndexUnit()
    return f"{text}, {value} {unit}" if unit else text
