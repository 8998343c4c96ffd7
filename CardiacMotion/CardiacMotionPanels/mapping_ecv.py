"""Extracellular volume of two T1 maps of the scene."""

from __future__ import annotations

from typing import Any

import slicer
from slicer.i18n import tr as _

from CardiacMotionLib.errors import CardiacMotionError

from .session import Session


class EcvGroup:
    """The lower part of the mapping section."""

    def __init__(self, session: Session, ui: Any):
        self.session, self.ui = session, ui
        self._listed: list[tuple[str, str]] = []  # (run, name) of maps with T1
        ui.mapEcvButton.connect("clicked(bool)", self.onCompute)

    def refresh(self) -> None:
        """List the T1 maps; what was chosen stays chosen."""
        ui = self.ui
        listed = [(run, maps.name) for run, maps in self.session.mapRuns.items() if "T1" in maps.maps]
        if listed != self._listed:
            combos = (ui.mapEcvPreComboBox, ui.mapEcvPostComboBox)
            kept = [self._chosen(combo) for combo in combos] if len(self._listed) > 1 else ["", ""]
            self._listed = listed
            runs = [run for run, _name in listed]
            for combo, run, otherwise in zip(combos, kept, (0, 1), strict=True):
                combo.clear()
                for _run, name in listed:
                    combo.addItem(name)
                combo.setCurrentIndex(runs.index(run) if run in runs else min(otherwise, len(runs) - 1))
        enough = len(listed) > 1
        ui.mapEcvButton.enabled = enough and not self.session.busy
        for widget in (ui.mapEcvPreComboBox, ui.mapEcvPostComboBox, ui.mapHematocritSpinBox):
            widget.enabled = enough
        if not enough:
            ui.mapEcvLabel.text = _("Needs two T1 maps of one place in the scene: before and after contrast agent.")
        elif ui.mapEcvLabel.text.startswith(_("Needs two")):
            ui.mapEcvLabel.text = ""

    def _chosen(self, combo: Any) -> str:
        index = combo.currentIndex
        return self._listed[index][0] if 0 <= index < len(self._listed) else ""

    def onCompute(self, *_args: Any) -> None:
        """Compute and show ECV; a problem is said, not raised."""
        ui = self.ui
        pre, post = (
            self.session.mapRuns[self._chosen(combo)] for combo in (ui.mapEcvPreComboBox, ui.mapEcvPostComboBox)
        )
        try:
            with slicer.util.WaitCursor():
                run, results = addEcv(pre, post, self.session.parameterNode.hematocrit)
        except CardiacMotionError as error:
            ui.mapEcvLabel.text = str(error)
            ui.mapEcvLabel.setStyleSheet("color: #b3261e;")
            return
        ui.mapEcvLabel.setStyleSheet("")
        ui.mapEcvLabel.text = describeEcv(run)
        self.session.parameterNode.mapShown = "ECV"
        self.session.takeMaps(None, results)


def addEcv(pre: Any, post: Any, hematocrit: float) -> tuple[Any, Any]:
    """(what was computed, its nodes in the scene) of two results; raises `CardiacMotionError` when it cannot be."""
    from CardiacMotionLib.report import compute_ecv
    from CardiacMotionLib.scene import add_ecv_run

    if pre is post:
        raise CardiacMotionError(_("before and after contrast agent are the same map; choose two"))
    labels = pre.label_values()
    if labels is None:
        raise CardiacMotionError(
            _("{name} has no labels, so the blood is not known; fit it again with a segmentation").format(name=pre.name)
        )
    run = compute_ecv(pre.values(), post.values(), labels, hematocrit)
    return run, add_ecv_run(run, pre.series, name=_("ECV of {name}").format(name=pre.name))


def describeEcv(run: Any) -> str:
    """ECV of the wall, and T1 of the blood, in one line."""
    wall = run.regions[(run.regions["parameter"] == "ECV") & (run.regions["region"] == "LV myocardium")]
    told = run.maps.acquisition
    blood = _("blood T1 {pre:.0f} to {post:.0f} ms").format(pre=told["blood_T1_pre"], post=told["blood_T1_post"])
    if not len(wall):
        return _("No wall in the labels; {blood}.").format(blood=blood)
    return _("ECV of the LV myocardium {mean:.1f} ± {sd:.1f} %, {blood}.").format(
        mean=wall["mean"].iloc[0], sd=wall["SD"].iloc[0], blood=blood
    )
