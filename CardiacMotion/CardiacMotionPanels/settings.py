"""What belongs to this machine and not to a scene: kept in the application's settings."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

from CardiacMotionLib.errors import CardiacMotionError
from CardiacMotionLib.jobs import ProcessRunner, Runner, ThreadRunner

THREAD, PROCESS = "thread", "process"


class Settings:
    """The settings, and the runner that follows from them.

    The worker process is kept for the next run; `endProcess` gives back what it holds, a GPU's memory above all.
    """

    def __init__(self) -> None:
        from CardiacMotionLib.weights.places import FOLDER

        self._variable = FOLDER
        self._ofEnvironment = os.environ.get(FOLDER)  # what was set before us
        self._process: ProcessRunner | None = None
        self._useFolder()

    # ------------------------------------------------------------------ values

    @property
    def worker(self) -> str:
        """Where work runs: ``thread`` (in Slicer) or ``process``."""
        return PROCESS if self._read("worker") == PROCESS else THREAD

    @worker.setter
    def worker(self, worker: str) -> None:
        self._write("worker", worker)
        self.endProcess()

    @property
    def threads(self) -> int:
        """To compute with on the processor; 0 for as many as torch thinks right."""
        text = self._read("threads")
        return int(text) if text.isdigit() else 0

    @threads.setter
    def threads(self, count: int) -> None:
        self._write("threads", str(int(count)))

    @property
    def weightsFolder(self) -> str:
        """Folder of the user's own weights, or nothing."""
        return self._read("weightsFolder")

    @weightsFolder.setter
    def weightsFolder(self, folder: str) -> None:
        self._write("weightsFolder", folder)
        self._useFolder()
        self.endProcess()  # it has the old one

    def pace(self, method: str, device: str) -> float | None:
        """Seconds for a million voxels that runs on this machine took, None where there were none."""
        try:
            return float(self._read(f"pace/{method}/{kindOf(device)}"))
        except ValueError:
            return None

    def remember(self, method: str, device: str, seconds: float, shape: tuple[int, ...]) -> None:
        """Learn from a run."""
        from CardiacMotionLib.expected_time import remembered_pace

        pace = remembered_pace(self.pace(method, device), seconds, shape)
        self._write(f"pace/{method}/{kindOf(device)}", f"{pace:.6g}")

    # ------------------------------------------------------------------ runner

    def runner(self) -> Runner:
        """What the next work runs on. Raises `CardiacMotionError` where there is no interpreter for a process."""
        if self.worker == THREAD:
            return ThreadRunner()
        if self._process is None:
            self._process = ProcessRunner([pythonOfSlicer()])
        return self._process

    def endProcess(self) -> None:
        """End the worker process, if there is one."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def _useFolder(self) -> None:
        folder = self.weightsFolder or self._ofEnvironment
        if folder:
            os.environ[self._variable] = folder
        else:
            os.environ.pop(self._variable, None)

    def _read(self, key: str) -> str:
        value: Any = slicer.app.userSettings().value(f"CardiacMotion/{key}")
        return "" if value is None else str(value)

    def _write(self, key: str, text: str) -> None:
        slicer.app.userSettings().setValue(f"CardiacMotion/{key}", text)


def kindOf(device: str) -> str:
    """``cpu``, ``cuda`` or ``mps``: a colon would not do in a key."""
    return device.split(":")[0]


def pythonOfSlicer() -> str:
    """The interpreter for a process; inside Slicer that is ``PythonSlicer``, because ``sys.executable`` is Slicer."""
    launcher = Path(slicer.app.slicerHome) / "bin" / ("PythonSlicer.exe" if os.name == "nt" else "PythonSlicer")
    found = shutil.which("PythonSlicer") or (str(launcher) if launcher.is_file() else "")
    if not found and Path(sys.executable).stem.lower().startswith("python"):
        found = sys.executable
    if not found:
        raise CardiacMotionError(
            _("PythonSlicer was not found beside Slicer; choose the worker in Slicer, under Settings.")
        )
    return found
