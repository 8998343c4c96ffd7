"""The collapsed group of settings that belong to this machine: worker, threads, folder of own weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ctk
from slicer.i18n import tr as _

from .settings import PROCESS, THREAD, Settings


class MachinePanel:
    """Shows `Settings` and keeps what the user chooses. ``weightsChanged()``: other weights may be found."""

    def __init__(self, ui: Any, settings: Settings, weightsChanged: Callable[[], None]):
        self.ui, self.settings, self._weightsChanged = ui, settings, weightsChanged
        self._showing = False
        ui.workerComboBox.addItem(_("in Slicer"), THREAD)
        ui.workerComboBox.addItem(_("in a process of its own"), PROCESS)
        ui.weightsPathEdit.filters = ctk.ctkPathLineEdit.Dirs
        self.refresh()
        ui.workerComboBox.connect("currentIndexChanged(int)", self.onWorker)
        ui.threadsSpinBox.connect("valueChanged(int)", self.onThreads)
        ui.weightsPathEdit.connect("currentPathChanged(QString)", self.onFolder)

    def refresh(self) -> None:
        """Show the settings."""
        self._showing = True
        self.ui.workerComboBox.setCurrentIndex(self.ui.workerComboBox.findData(self.settings.worker))
        self.ui.threadsSpinBox.value = self.settings.threads
        if self.ui.weightsPathEdit.currentPath != self.settings.weightsFolder:
            self.ui.weightsPathEdit.currentPath = self.settings.weightsFolder
        self._showing = False

    def onWorker(self, *_args: Any) -> None:
        """Keep where work runs."""
        if not self._showing:
            self.settings.worker = self.ui.workerComboBox.itemData(self.ui.workerComboBox.currentIndex)

    def onThreads(self, *_args: Any) -> None:
        """Keep the number of threads."""
        if not self._showing:
            self.settings.threads = self.ui.threadsSpinBox.value

    def onFolder(self, *_args: Any) -> None:
        """Keep the folder."""
        if not self._showing and self.ui.weightsPathEdit.currentPath != self.settings.weightsFolder:
            self.settings.weightsFolder = self.ui.weightsPathEdit.currentPath
            self._weightsChanged()
