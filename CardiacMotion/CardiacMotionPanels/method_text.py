"""What is said about a method: what it does, what it needs, and how long it will take here."""

from __future__ import annotations

from typing import Any

from slicer.i18n import tr as _

NEEDS = {
    "labels": "a segmentation of the end-diastolic frame",
    "weights": "trained weights",
    "groupwise": "no reference frame, all frames are registered together",
}
GIVES = {"labels": "a segmentation of the end-diastolic frame"}


def aboutMethod(info: Any) -> str:
    """Summary, citation and needs of a method."""
    lines = [info.summary, info.citation]
    if info.needs:
        things = [NEEDS.get(need, need) for need in sorted(info.needs)]
        if "weights" in info.needs:
            things.append(_("there are {names}").format(names=", ".join(namesOfWeights(info)) or _("none")))
        lines.append(_("Needs {things}.").format(things="; ".join(things)))
    if info.gives:
        things = [GIVES.get(gift, gift) for gift in sorted(info.gives)]
        lines.append(_("Finds {things}, where none is selected.").format(things="; ".join(things)))
    return "\n".join(line for line in lines if line)


def namesOfWeights(info: Any) -> list[str]:
    """Names of the weights of a method that are found without a path."""
    from CardiacMotionLib.errors import CardiacMotionError
    from CardiacMotionLib.weights import cards

    try:
        return [file.stem for file in cards(info.name)]
    except CardiacMotionError:  # a run with them says what is wrong
        return []


def sizeOf(sequenceNode: Any) -> tuple[int, ...] | None:
    """(T, K, J, I) of a sequence of images, None where there are none."""
    first = sequenceNode.GetNthDataNode(0) if sequenceNode is not None else None
    if first is None or not first.IsA("vtkMRMLScalarVolumeNode") or first.GetImageData() is None:
        return None
    return (sequenceNode.GetNumberOfDataNodes(), *first.GetImageData().GetDimensions()[::-1])


def aboutTime(method: str, shape: tuple[int, ...] | None, device: str, pace: float | None) -> str:
    """How long a run will take, said as the estimate it is; nothing without images.

    ``pace`` is that of earlier runs on this machine, None where there were none.
    """
    from CardiacMotionLib.expected_time import expected_seconds, in_words

    seconds = None if shape is None else expected_seconds(method, shape, pace)
    if shape is None:
        return ""
    if seconds is None:
        return _("Expected time: not known, this method has not run here yet.")
    time = in_words(seconds)
    if pace is not None:
        return _("Expected time: about {time} on {device}, estimated from earlier runs on this machine.").format(
            time=time, device=device
        )
    if device == "cpu":
        return _("Expected time: about {time} on the cpu, estimated from runs on two other cores.").format(time=time)
    return _("Expected time: not known on {device} yet; about {time} on a cpu of two cores.").format(
        time=time, device=device
    )
