"""End-diastole and end-systole: found on the volume curve, adjusted by the user, shown in the views."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from slicer.i18n import tr as _

from CardiacMotionLib.errors import CardiacMotionError

from .layout import STUDY, showChartAndTable
from .layout_switch import showSlices
from .parameters import AUTOMATIC
from .session import Session
from .study_reading import Reading

if TYPE_CHECKING:
    from CardiacMotionLib.scene.volume_chart import VolumeCurve


class FramesForm:
    """The rows of the two frames and the volume curve. ``read()`` is what is known of the study now."""

    def __init__(self, session: Session, ui: Any, read: Callable[[], Reading]):
        self.session, self.ui, self._read = session, ui, read
        ui.referenceCurrentButton.connect("clicked(bool)", self.onUseFrameAsReference)
        ui.endSystoleCurrentButton.connect("clicked(bool)", self.onUseFrameAsEndSystole)
        ui.referenceShowButton.connect("clicked(bool)", self.onShowReference)
        ui.endSystoleShowButton.connect("clicked(bool)", self.onShowEndSystole)
        ui.volumeCurveButton.connect("clicked(bool)", self.onShowCurve)
        self._charted: tuple[str, Any] | None = None  # cine and the two frames that the chart shows

    def refresh(self, reading: Reading) -> None:
        """Show what automatic stands for, and the volumes."""
        parameterNode = self.session.parameterNode
        cine = parameterNode.cine if parameterNode else None
        reference, endSystole = self.found(reading)
        self.ui.referenceFoundLabel.text = foundText(reference) if cine is not None else ""
        self.ui.endSystoleFoundLabel.text = foundText(endSystole) if cine is not None else ""
        for spinBox, button in (
            (self.ui.referenceSpinBox, self.ui.referenceCurrentButton),
            (self.ui.endSystoleSpinBox, self.ui.endSystoleCurrentButton),
        ):
            spinBox.enabled = not self.session.busy
            button.enabled = cine is not None and not self.session.busy
        shownReference, shownEndSystole = self.chosen(reading)
        self.ui.referenceShowButton.enabled = shownReference is not None
        self.ui.endSystoleShowButton.enabled = shownEndSystole is not None
        curve = self.curve(reading)
        text = volumeText(curve)
        self.ui.volumeLabel.text = text
        self.ui.volumeLabel.visible = bool(text)
        self.ui.volumeCurveButton.enabled = (curve is not None and len(curve.frames) > 1) or self.ofThisCine()
        if self._charted is not None and self.session.layouts.shown == STUDY:
            wanted = None if cine is None else (cine.GetID(), self.chosen(reading))
            if wanted is not None and wanted[0] == self._charted[0] and wanted != self._charted:
                self.chart(reading)  # the marks follow the frames that are set

    def forget(self) -> None:
        """The scene closes, and the chart with it."""
        self._charted = None

    def reset(self) -> None:
        """Both automatic again: another cine was opened."""
        self.forget()
        self.session.parameterNode.referenceFrame = AUTOMATIC
        self.session.parameterNode.endSystole = AUTOMATIC

    def found(self, reading: Reading) -> tuple[int | None, int | None]:
        """(end-diastole, end-systole) that automatic stands for; None where it is found with the motion."""
        curve = self.curve(reading)
        if reading.reference is None or curve is None:
            return reading.reference, None
        return reading.reference, curve.end_systole if curve.whole else None

    def chosen(self, reading: Reading) -> tuple[int | None, int | None]:
        """(end-diastole, end-systole) as the user set them, else as found."""
        parameterNode = self.session.parameterNode
        if parameterNode is None or parameterNode.cine is None:
            return None, None
        given = (parameterNode.referenceFrame, parameterNode.endSystole)
        pairs = zip(given, self.found(reading), strict=True)
        frames = (found if frame == AUTOMATIC else frame for frame, found in pairs)
        count = parameterNode.cine.GetNumberOfDataNodes()
        reference, endSystole = (frame if frame is not None and frame < count else None for frame in frames)
        return reference, endSystole

    def curve(self, reading: Reading) -> VolumeCurve | None:
        """Volumes of every frame, from labels or from the selected motion of this cine; else those there are."""
        from CardiacMotionLib.scene.volume_chart import curve_of_table

        if reading.curve is not None and reading.curve.whole:
            return reading.curve
        outcome = self.session.outcome if self.ofThisCine() else None
        if outcome is None or outcome.strain is None:
            return reading.curve
        volumes = outcome.strain.volumes
        return curve_of_table(volumes["frame"], volumes["time_ms"], volumes["lv_cavity_ml"], timed=outcome.strain.timed)

    def ofThisCine(self) -> bool:
        """Whether the selected motion is of the selected cine."""
        current = self.session.current
        return current is not None and current.cine is self.session.parameterNode.cine

    # ------------------------------------------------------------------ what the user does

    def onUseFrameAsReference(self, *_args: Any) -> None:
        """Take the frame that is shown as end-diastole."""
        self.session.parameterNode.referenceFrame = shownFrame(self.session.parameterNode.cine)

    def onUseFrameAsEndSystole(self, *_args: Any) -> None:
        """Take the frame that is shown as end-systole."""
        self.session.parameterNode.endSystole = shownFrame(self.session.parameterNode.cine)

    def onShowReference(self, *_args: Any) -> None:
        """Move the browser to end-diastole."""
        self.showFrame(self.chosen(self._read())[0])

    def onShowEndSystole(self, *_args: Any) -> None:
        """Move the browser to end-systole."""
        self.showFrame(self.chosen(self._read())[1])

    def showFrame(self, frame: int | None) -> None:
        """Move the cine's browser; one is made where there is none."""
        from CardiacMotionLib.scene import show_frame, to_sequence
        from CardiacMotionLib.scene.sequences import find_browser

        if frame is not None:
            show_frame(find_browser(to_sequence(self.session.parameterNode.cine)), frame)

    def onShowCurve(self, *_args: Any) -> None:
        """Chart and table of the volumes below the cine, in a layout of our own."""
        from CardiacMotionLib.scene import to_sequence
        from CardiacMotionLib.scene.sequences import find_browser

        reading, cine = self._read(), self.session.parameterNode.cine
        if self.ofThisCine():
            try:
                self.session.restored()
            except CardiacMotionError as error:
                self.session.showError(str(error))
                return
        curve = self.curve(reading)
        if curve is None or not len(curve.frames):
            self.session.showError(_("There are no volumes: the motion was computed without strain."))
            return
        if self.session.layouts.show(STUDY):
            browser = find_browser(to_sequence(cine))
            showSlices(browser.GetProxyNode(cine), self.session.parameterNode.segmentation)
        self.chart(reading)
        self.session.changed()

    def chart(self, reading: Reading) -> None:
        """Make chart and table, and put them into the views that show such things."""
        from CardiacMotionLib.scene import add_volume_chart

        cine, frames = self.session.parameterNode.cine, self.chosen(reading)
        showChartAndTable(*add_volume_chart(self.curve(reading), cine, *frames))
        self._charted = (cine.GetID(), frames)


def foundText(frame: int | None) -> str:
    """What stands beside a frame number."""
    return _("automatic: with the motion") if frame is None else _("automatic: {frame}").format(frame=frame)


def volumeText(curve: VolumeCurve | None) -> str:
    """The volumes in one line."""
    if curve is None or curve.end_diastole is None:
        return ""
    largest = float(curve.volumes.max())
    if curve.end_systole is None or not curve.whole:
        return _("LV volume {volume:.0f} mL in frame {frame}.").format(volume=largest, frame=curve.end_diastole)
    smallest = float(curve.volumes.min())
    return _("LV volume {largest:.0f} mL (frame {first}) to {smallest:.0f} mL (frame {last}), EF {ef:.0f} %.").format(
        largest=largest,
        first=curve.end_diastole,
        smallest=smallest,
        last=curve.end_systole,
        ef=100 * (1 - smallest / largest),
    )


def shownFrame(sequenceNode: Any) -> int:
    """The frame that the browser of a sequence shows; 0 without a browser."""
    from CardiacMotionLib.scene.sequences import find_browser

    browser = find_browser(sequenceNode)
    return max(browser.GetSelectedItemNumber(), 0) if browser else 0
