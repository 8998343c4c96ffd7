"""Export: what was computed as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from CardiacMotionLib.errors import CardiacMotionError

from . import packages
from .session import Session


class ExportPanel:
    """The sixth section."""

    def __init__(self, session: Session):
        self.session = session
        self.widget, self.ui = session.load("Export")
        self.ui.reportButton.connect("clicked(bool)", self.onReport)

    def setParameterNode(self, parameterNode: Any) -> None:
        """Nothing is chosen here."""

    def cleanup(self) -> None:
        """Nothing to let go of."""

    def refresh(self) -> None:
        """Say what can be exported."""
        self.ui.reportButton.enabled = self.session.current is not None

    def onReport(self, *_args: Any) -> None:
        """Ask for a file and write the report there."""
        suggested = f"{self.session.current.name} report.html"
        path = qt.QFileDialog.getSaveFileName(slicer.util.mainWindow(), _("Export report"), suggested, "HTML (*.html)")
        if path:
            self.writeReport(Path(path))

    def writeReport(self, path: Path) -> None:
        """Write the report; a problem is shown, not raised."""
        try:
            packages.ensure(packages.REPORT)
            from CardiacMotionLib.report import write_report

            outcome = self.session.restored()
            if outcome.strain is None:
                raise CardiacMotionError(_("This run has no strain, and a report is about strain."))
            with slicer.util.WaitCursor():
                written = write_report(outcome.series, outcome.motion, outcome.strain, outcome.quality, path)
        except CardiacMotionError as error:
            self.session.showError(str(error))
            return
        self.session.tell(_("Report written to {path}").format(path=written))
