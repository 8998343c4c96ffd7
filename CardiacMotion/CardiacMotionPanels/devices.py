"""Where the computation can run: only what a tiny computation was seen to work on is offered."""

from __future__ import annotations

from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from CardiacMotionLib.devices import find_devices
from CardiacMotionLib.jobs import Job, ProcessRunner

from . import packages
from .session import Session
from .settings import pythonOfSlicer

AUTO, CPU = "auto", "cpu"
POLL_INTERVAL_MS = 50


class DeviceChooser:
    """The list of devices, the line about torch, and the button that looks for GPUs.

    Looking loads torch and touches the GPU, which takes seconds: a process of its own does it, once, when the section
    is first shown. The application's self-tests do not wait for that; they look when they want to.
    """

    def __init__(self, session: Session, ui: Any):
        self.session, self.ui = session, ui
        self.found: list[Any] | None = None  # devices that work; None before anybody looked
        self._looked = False
        self._showing = False
        self._job: Job | None = None
        self._said = ""
        self.timer = qt.QTimer()
        self.timer.setInterval(POLL_INTERVAL_MS)
        self.timer.connect("timeout()", self.poll)
        ui.deviceComboBox.connect("currentIndexChanged(int)", self.onSelected)
        ui.findDevicesButton.connect("clicked(bool)", self.look)

    @property
    def parameterNode(self) -> Any:
        """Of the scene, None while it closes."""
        return self.session.parameterNode

    @property
    def looking(self) -> bool:
        """Whether a process is looking."""
        return self._job is not None

    @property
    def likely(self) -> str:
        """The device that the choice stands for, as far as is known."""
        chosen = self.parameterNode.device if self.parameterNode else AUTO
        gpus = [device.name for device in self.found or [] if device.name.startswith("cuda")]
        return (gpus[0] if gpus else CPU) if chosen == AUTO else chosen

    def refresh(self) -> None:
        """List what there is, and show the choice of the scene, listed or not."""
        version = packages.torchVersion()
        if version and not self._looked and self.parameterNode is not None and not slicer.app.testingEnabled():
            self.look()
        entries = [(AUTO, _("automatic")), (CPU, CPU)]
        entries += [(one.name, f"{one.name}: {one.title}") for one in self.found or [] if one.name != CPU]
        chosen = self.parameterNode.device if self.parameterNode else AUTO
        if chosen not in [name for name, _title in entries]:
            title = _("{device}: not tried yet") if self.found is None else _("{device}: does not work here")
            entries.append((chosen, title.format(device=chosen)))
        combo = self.ui.deviceComboBox
        self._showing = True
        if entries != [(combo.itemData(n), combo.itemText(n)) for n in range(combo.count)]:
            combo.clear()
            for name, title in entries:
                combo.addItem(title, name)
        combo.setCurrentIndex(combo.findData(chosen))
        self._showing = False
        self.ui.torchLabel.text = f"PyTorch {version}{self._about()}" if version else _("no PyTorch")
        self.ui.findDevicesButton.enabled = bool(version) and not self.looking

    def problem(self) -> str:
        """Why the chosen device cannot be used, or nothing."""
        chosen = self.parameterNode.device if self.parameterNode else AUTO
        if self.found is None or chosen in (AUTO, *(device.name for device in self.found)):
            return ""
        if chosen == "cuda" and any(device.name.startswith("cuda") for device in self.found):
            return ""  # any of them
        return _("The device {device} does not work on this machine; choose another.").format(device=chosen)

    def _about(self) -> str:
        if self.looking:
            return _(", looking for GPUs")
        if self.found is None:
            return self._said
        gpus = [device.title for device in self.found if device.name != CPU]
        return _(", GPU: {names}").format(names=", ".join(gpus)) if gpus else _(", no GPU that works")

    def onSelected(self, *_args: Any) -> None:
        """Keep the device."""
        if self.parameterNode is not None and not self._showing:
            self.parameterNode.device = self.ui.deviceComboBox.itemData(self.ui.deviceComboBox.currentIndex)

    # ------------------------------------------------------------------ looking

    def look(self, *_args: Any) -> None:
        """Start looking for devices that work."""
        if self.looking:
            return
        self._looked = True
        try:
            job = Job(
                find_devices, ProcessRunner([pythonOfSlicer()]), on_finished=self.onFound, on_failed=self.onFailed
            )
            job.start()
        except Exception as error:  # a slot has nobody to raise to
            self.onFailed(error)
            return
        self._job = job
        self.timer.start()
        self.session.changed()

    def poll(self, *_args: Any) -> None:
        """See whether the process has an answer."""
        if self._job is not None:
            self._job.poll()
            if not self._job.active:
                self._stop()
                self.session.changed()

    def onFound(self, devices: list[Any]) -> None:
        """Offer the devices."""
        self.found = devices

    def onFailed(self, error: BaseException) -> None:
        """Say that nobody knows; a run finds out for itself."""
        self._said = _(", could not look for GPUs")
        self.ui.torchLabel.toolTip = self.session.explain(error)

    def cleanup(self) -> None:
        """Stop looking."""
        self._stop()

    def _stop(self) -> None:
        self.timer.stop()
        if self._job is not None:
            self._job.runner.kill()
            self._job = None
