"""Export: what was computed as files, all in one new folder."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import qt
from slicer.i18n import tr as _

from CardiacMotionLib.errors import CardiacMotionError

from . import packages
from .run import RunControl
from .session import Session

if TYPE_CHECKING:
    from CardiacMotionLib.report.export import Plan, WrittenFile

FOLDER_SETTING = "CardiacMotion/ExportFolder"
DRAWN = ("report", "pictures")  # need packages that draw
SCENE = "scene.mrb"
UNITS = ("bytes", "KB", "MB", "GB")


class ExportPanel:
    """The sixth section."""

    def __init__(self, session: Session):
        self.session = session
        self.widget, self.ui = session.load("Export")
        self.kinds = {
            "report": self.ui.exportReportCheckBox,
            "tables": self.ui.exportTablesCheckBox,
            "pictures": self.ui.exportPicturesCheckBox,
            "transforms": self.ui.exportTransformsCheckBox,
            "volumes": self.ui.exportVolumesCheckBox,
            "itk": self.ui.exportItkCheckBox,
        }
        self.run = RunControl(
            session,
            self.ui.exportButton,
            self.ui.exportProgressBar,
            self.ui.exportStatusLabel,
            self.prepare,
            self.finish,
            start=_("Export"),
            about=_("Write what is checked into a new folder"),
        )
        self.plans: dict[str, Plan] = {}
        self.written: Path | None = None  # the folder of the last export
        folder = qt.QSettings().value(FOLDER_SETTING)
        self.ui.exportFolderButton.directory = folder if folder and Path(folder).is_dir() else str(Path.home())
        self.ui.exportFolderButton.connect("directoryChanged(QString)", self.onFolder)
        self.ui.exportShowFolderButton.connect("clicked(bool)", self.onShowFolder)
        self.ui.exportWrittenTree.connect("itemDoubleClicked(QTreeWidgetItem*,int)", self.onOpen)
        for box in (*self.kinds.values(), *self._sources(), self.ui.exportSceneCheckBox):
            box.connect("toggled(bool)", self.refresh)

    def setParameterNode(self, parameterNode: Any) -> None:
        """A scene that closes ends what is written of it."""
        if parameterNode is None:
            self.run.abandon()

    def cleanup(self) -> None:
        """End what is written."""
        self.run.abandon()

    def refresh(self, *_args: Any) -> None:
        """Say what can be exported, and whether it can be done now."""
        current, maps = self.session.current, self.session.currentMaps
        motionBox, mapsBox = self._sources()
        motionBox.text = _("Motion and strain: {name}").format(name=current.name if current else _("none"))
        mapsBox.text = _("Maps: {name}").format(name=maps.name if maps else _("none"))
        motionBox.enabled, mapsBox.enabled = current is not None, maps is not None
        self.run.setReady(self.problem())
        self.ui.exportWrittenTree.visible = self.ui.exportShowFolderButton.visible = self.written is not None

    def problem(self) -> str:
        """Why nothing can be exported, or nothing."""
        if self.session.current is None and self.session.currentMaps is None:
            return _("Compute a motion or maps first.")
        if not self._chosenSources():
            return _("Choose what to export: the motion, the maps or both.")
        if not self._chosenKinds() and not self.ui.exportSceneCheckBox.checked:
            return _("Choose at least one kind of file.")
        if not Path(self.ui.exportFolderButton.directory).is_dir():
            return _("The folder does not exist; choose another one.")
        return ""

    def _sources(self) -> tuple[Any, Any]:
        return self.ui.exportMotionCheckBox, self.ui.exportMapsCheckBox

    def _chosenSources(self) -> list[str]:
        there = {"motion": self.session.current, "maps": self.session.currentMaps}
        boxes = dict(zip(there, self._sources(), strict=True))
        return [name for name, results in there.items() if results is not None and boxes[name].checked]

    def _chosenKinds(self) -> list[str]:
        return [kind for kind, box in self.kinds.items() if box.checked]

    # ------------------------------------------------------------------ the work

    def prepare(self) -> Callable[..., Path]:
        """Read what is written out of the scene; returns the writing, which touches no node."""
        from CardiacMotionLib.report.export import write_folder

        kinds = self._chosenKinds()
        if any(kind in DRAWN for kind in kinds):
            packages.ensure(packages.REPORT)
        makePlan = {"motion": self.planMotion, "maps": self.planMaps}
        self.plans = {name: makePlan[name](kinds) for name in self._chosenSources()}
        results = self.session.current if "motion" in self.plans else self.session.currentMaps
        plans, folder = self.plans, newFolder(Path(self.ui.exportFolderButton.directory), results.name)
        return lambda progress: write_folder(plans, folder, progress)

    def planMotion(self, kinds: list[str]) -> Plan:
        """What is written of the selected motion."""
        from CardiacMotionLib.report.export import Export, motion_steps
        from CardiacMotionLib.scene.export import overlay_values

        outcome = self.session.restored()
        overlays = overlay_values(self.session.current) if "volumes" in kinds else {}
        return motion_steps(Export(outcome.series, outcome.motion, outcome.strain, outcome.quality, overlays), kinds)

    def planMaps(self, kinds: list[str]) -> Plan:
        """What is written of the selected maps."""
        from CardiacMotionLib.report.export import map_steps
        from CardiacMotionLib.report.map_run import MapRun
        from CardiacMotionLib.scene.export import stored_maps

        maps = self.session.currentMaps
        outcome = self.session.mapOutcomes.get(maps.run)
        return map_steps(outcome if isinstance(outcome, MapRun) else stored_maps(maps), kinds)

    def finish(self, folder: Path) -> str:
        """Add the scene, which only the main thread may write; returns what to tell the user."""
        self.written = folder
        try:
            if self.ui.exportSceneCheckBox.checked:
                self.writeScene(folder)
        finally:
            files = self.showWritten()
        said = _("Wrote {count} files, {size}, into {folder}.").format(
            count=len(files), size=sizeText(sum(file.size for file in files)), folder=folder
        )
        return "\n".join([said, *(sentence for plan in self.plans.values() for sentence in plan.left_out)])

    def writeScene(self, folder: Path) -> None:
        """Write the whole scene, in which the user's layout stands rather than one of ours."""
        from CardiacMotionLib.scene import save_scene

        self.run.show(_("Writing the scene..."))
        self.ui.exportStatusLabel.repaint()  # before Slicer is busy
        with self.session.layouts.usersInScene():
            save_scene(folder / SCENE)

    def showWritten(self) -> list[WrittenFile]:
        """List what lies in the folder."""
        from CardiacMotionLib.report.export import written_files

        files = written_files(self.plans, self.written)
        tree = self.ui.exportWrittenTree
        tree.clear()
        for file in files:
            item = qt.QTreeWidgetItem()
            for column, text in enumerate((file.name, sizeText(file.size))):
                item.setText(column, text)
                item.setToolTip(column, file.meaning or file.name)
            tree.addTopLevelItem(item)
        tree.resizeColumnToContents(0)
        return files

    # ------------------------------------------------------------------ what the user does

    def onFolder(self, folder: str) -> None:
        """Keep the folder for the next time."""
        qt.QSettings().setValue(FOLDER_SETTING, folder)
        self.refresh()

    def onShowFolder(self, *_args: Any) -> None:
        """Open the folder in the file manager of the system."""
        self.open(self.written)

    def onOpen(self, item: Any, column: int = 0) -> None:
        """Open a file of the list with the program that the system has for it."""
        self.open(self.written / item.text(0))

    def open(self, path: Path) -> None:
        """Let the system open a file or folder; says so when it is gone."""
        if not path.exists():
            self.session.showError(_("{path} is not there any more.").format(path=path))
            return
        qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(str(path)))


def newFolder(parent: Path, name: str) -> Path:
    """A folder that is not there yet: the name of the results and the time, and a number where that is taken."""
    if not parent.is_dir():
        raise CardiacMotionError(_("There is no folder {folder}; choose another one.").format(folder=parent))
    plain = (
        "".join(letter if letter.isalnum() or letter in " -_" else "_" for letter in name).strip() or "CardiacMotion"
    )
    stem = f"{plain[:60]} {time.strftime('%Y-%m-%d %H.%M.%S')}"
    folder, number = parent / stem, 1
    while folder.exists():
        number += 1
        folder = parent / f"{stem} ({number})"
    return folder


def sizeText(size: int) -> str:
    """A number of bytes in words."""
    amount, step = float(size), 0
    while amount >= 1000 and step < len(UNITS) - 1:
        amount, step = amount / 1000, step + 1
    return f"{size} {UNITS[0]}" if step == 0 else f"{amount:.3g} {UNITS[step]}"
