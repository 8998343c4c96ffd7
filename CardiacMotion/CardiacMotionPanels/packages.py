"""The Python packages that Slicer does not bring: what is there, and getting the rest when the user agrees."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import importlib.util
import logging
import subprocess
from collections.abc import Callable
from typing import Any

import slicer
from slicer.i18n import tr as _

from CardiacMotionLib.errors import CardiacMotionError

REQUIRED = {  # import name: requirement
    "pandas": "pandas>=2.2",
    "SimpleITK": "SimpleITK>=2.3",
    "scipy": "scipy>=1.12",
    "safetensors": "safetensors>=0.4",
}
SAMPLE = {"SimpleITK": REQUIRED["SimpleITK"], "scipy": REQUIRED["scipy"]}
FILES = {"nibabel": "nibabel>=5", "nrrd": "pynrrd>=1"}  # to read NIfTI and NRRD
REPORT = {"matplotlib": "matplotlib>=3.8", "jinja2": "jinja2>=3.1", "PIL": "pillow>=10"}


def torchVersion() -> str:
    """Version of the installed torch, without importing it; nothing when there is none."""
    return "" if importlib.util.find_spec("torch") is None else readVersion("torch")


@functools.cache  # asked for at every refresh, and read from a file each time
def readVersion(package: str) -> str:
    """Version of an installed package; it changes only with a restart."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return _("of unknown version")


def missing(required: dict[str, str]) -> list[str]:
    """The requirements of ``required`` that cannot be imported."""
    return [requirement for name, requirement in required.items() if importlib.util.find_spec(name) is None]


def deviceProblem(device: str) -> str:
    """What keeps a device from working, or nothing; tries a small computation on it."""
    from CardiacMotionLib.methods import choose_device

    try:
        with slicer.util.WaitCursor():
            choose_device(device)
    except CardiacMotionError as error:
        return str(error)
    return ""


def installTorch() -> None:
    """Install torch through the PyTorch extension, which asks; raises `CardiacMotionError` when that gives none."""
    try:
        import PyTorchUtils
    except ModuleNotFoundError as error:
        raise CardiacMotionError(
            _("The PyTorch extension is not installed; install PyTorch in the Extensions Manager and restart Slicer.")
        ) from error
    try:
        PyTorchUtils.PyTorchUtilsLogic().installTorch(askConfirmation=True)
    except Exception as error:  # whatever pip, or what it installed, has to say
        logging.exception("PyTorch was not installed")
        raise CardiacMotionError(
            _("Installing PyTorch failed ({reason}); the application log says more. Is there a network?").format(
                reason=error
            )
        ) from error
    importlib.invalidate_caches()
    if not torchVersion():
        raise CardiacMotionError(_("PyTorch was not installed; CardiacMotion needs it to compute motion."))


class InstallPanel:
    """What is shown while there is no torch, with its one button. ``changed()`` is called after an attempt."""

    def __init__(self, ui: Any, showError: Callable[[str], None], changed: Callable[[], None]):
        self.ui, self._showError, self._changed = ui, showError, changed
        ui.installButton.connect("clicked(bool)", self.onInstall)

    def refresh(self) -> None:
        """Show the message while it is needed."""
        self.ui.installFrame.visible = bool(self.problem())
        self.ui.installLabel.text = _("CardiacMotion computes with PyTorch, which is not installed yet.")

    def problem(self) -> str:
        """Why nothing can be computed, or nothing."""
        return "" if torchVersion() else _("Install PyTorch first.")

    def onInstall(self, *_args: Any) -> None:
        """Install torch when the user agrees."""
        try:
            installTorch()
        except CardiacMotionError as error:
            self._showError(str(error))
        self._changed()


def ensure(required: dict[str, str]) -> None:
    """Install what is missing of ``required`` after one question; raises `CardiacMotionError` when it stays missing.

    Slicer 5.12 asks and installs by ``slicer.packaging``; before that we ask and ``slicer.util.pip_install`` installs.
    """
    wanted = missing(required)
    if not wanted:
        return
    if slicer.app.testingEnabled():
        raise CardiacMotionError(_("Missing Python packages: {names}.").format(names=", ".join(wanted)))
    try:
        packaging = importlib.import_module("slicer.packaging")
    except ModuleNotFoundError:
        packaging = None
    try:
        if packaging is not None and hasattr(packaging, "pip_ensure"):
            ensureWithSlicer(packaging, wanted)
        else:
            ensureWithPip(wanted)
    except subprocess.CalledProcessError as error:
        raise CardiacMotionError(
            _("Installing {names} failed; the application log says why.").format(names=", ".join(wanted))
        ) from error
    importlib.invalidate_caches()
    if missing(required):
        raise CardiacMotionError(_("Missing Python packages: {names}.").format(names=", ".join(missing(required))))


def ensureWithSlicer(packaging: Any, wanted: list[str]) -> None:
    """Slicer 5.12: the question is Slicer's own."""
    try:
        packaging.pip_ensure(wanted, requester="CardiacMotion")
    except RuntimeError as error:
        raise CardiacMotionError(_("Nothing was installed: {reason}.").format(reason=error)) from error


def ensureWithPip(wanted: list[str]) -> None:
    """Slicer 5.10: ask, then install."""
    question = _("CardiacMotion needs these Python packages: {names}. Download and install them now?").format(
        names=", ".join(wanted)
    )
    if not slicer.util.confirmOkCancelDisplay(question, "CardiacMotion"):
        raise CardiacMotionError(_("Nothing was installed: declined by the user."))
    slicer.util.pip_install(wanted)
