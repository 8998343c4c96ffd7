"""Two results of one cine: where and how much they disagree."""

from __future__ import annotations

from typing import Any

from slicer.i18n import tr as _

from .ondemand import LayerMaker, Wish, present
from .session import Session


class DisagreementControls:
    """The chooser of the second result, the button that compares, and the numbers."""

    def __init__(self, session: Session, ui: Any, maker: LayerMaker):
        self.session, self.ui, self.maker = session, ui, maker
        self._listed: list[tuple[str, str]] = []  # (run, name)
        self._wanted: tuple[str, str] | None = None  # runs that are to be compared
        ui.disagreementButton.connect("clicked(bool)", self.onCompare)

    def refresh(self, current: Any) -> None:
        """List the other results, and the numbers of what was compared."""
        listed = [(run, results.name) for run, results in self.session.runs.items() if results is not current]
        if listed != self._listed:
            chosen = self.ui.secondResultComboBox.currentIndex
            run = self._listed[chosen][0] if 0 <= chosen < len(self._listed) else ""
            self._listed = listed
            self.ui.secondResultComboBox.clear()
            for _run, name in listed:
                self.ui.secondResultComboBox.addItem(name)
            index = next((n for n, (one, _name) in enumerate(listed) if one == run), 0 if listed else -1)
            self.ui.secondResultComboBox.setCurrentIndex(index)
        self.ui.secondResultComboBox.enabled = self.ui.disagreementButton.enabled = bool(listed)
        text = self._describe(current)
        if self._wanted is not None:
            self._make(*self._wanted)
        self.ui.disagreementLabel.text = text
        self.ui.disagreementLabel.visible = bool(text)

    def _describe(self, current: Any) -> str:
        """The numbers, or what to do to get some."""
        if current is None:
            return ""
        from CardiacMotionLib.scene.disagreement import DISAGREEMENT, read_summary

        sequence = present(current.overlays.get(DISAGREEMENT))
        if sequence is not None:
            name, lines = read_summary(sequence)
            return "\n".join([_("Against {name}:").format(name=name), *lines])
        if self._listed:
            return ""
        return _("Compute a second result of this cine, with another method or other options, to compare the two.")

    def onCompare(self, *_args: Any) -> None:
        """Compare the result that is shown with the second one."""
        index = self.ui.secondResultComboBox.currentIndex
        if self.session.current is not None and 0 <= index < len(self._listed):
            self._wanted = self.session.current.run, self._listed[index][0]
            self.session.changed()

    def forget(self) -> None:
        """Nothing is to be compared any more."""
        self._wanted = None

    def onDone(self, _more: Any) -> None:
        """Show where the two disagree."""
        self.forget()
        self.session.parameterNode.overlay = "disagreement"
        self.session.changed()

    def onFailed(self) -> None:
        """It is not tried again before the user says so."""
        self.forget()
        self.session.changed()

    def _make(self, firstRun: str, secondRun: str) -> None:
        if firstRun not in self.session.runs or secondRun not in self.session.runs:
            self.forget()  # one was removed
            return
        first, second = self.session.runs[firstRun], self.session.runs[secondRun]
        title = _("disagreement with {name}").format(name=second.name)
        wish = Wish("disagreement", first, title, workFor(first, second), self.onDone, self.onFailed, (second,))
        self.maker.make(wish)


def workFor(first: Any, second: Any) -> Any:
    """The comparison of two results, as work."""
    name = second.name

    def work(outcomes: Any, progress: Any) -> Any:
        from CardiacMotionLib.errors import CardiacMotionError
        from CardiacMotionLib.scene.disagreement import disagreement, disagreement_layer
        from CardiacMotionLib.scene.layers import computed

        one, other = outcomes[first.run], outcomes[second.run]
        labels = one.motion.reference_labels(one.series)
        if labels is None:
            raise CardiacMotionError(
                f"the result {first.name!r} has no segmentation, so nobody knows where its wall is; "
                "show one that has, and choose this one as the second"
            )
        found = disagreement(one.motion, other.motion, labels, (one.strain, other.strain))
        return computed(disagreement_layer(found, name), len(one.motion), progress), None

    return work
