"""What a registration method is: its options, its description and the context it runs in. No torch at import."""

from __future__ import annotations

import dataclasses
import numbers
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import Cancelled, CardiacMotionError

if TYPE_CHECKING:
    import torch

    from ..motion import Motion
    from ..series import ImageSeries

Progress = Callable[[float, str], Any]


def option(
    default: Any,
    help: str,
    *,
    unit: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple = (),
) -> Any:
    """A dataclass field of an ``Options`` class with what the command line and the panel need to offer it.

    A field annotated ``float | None`` (or ``int``, ``str``, ``bool``) has the default None: what it is without being
    given depends on the seed and the other options.
    """
    return dataclasses.field(
        default=default,
        metadata={"help": help, "unit": unit, "minimum": minimum, "maximum": maximum, "choices": tuple(choices)},
    )


@dataclass(frozen=True)
class OptionInfo:
    """One option, as a flag or a widget shows it."""

    name: str
    type: type  # bool, int, float or str
    default: Any  # None: it depends on the seed and the other options
    help: str
    unit: str
    minimum: float | None
    maximum: float | None
    choices: tuple

    def check(self, value: Any) -> Any:
        """``value`` as this option's type and inside its range; raises `CardiacMotionError` otherwise.

        None is kept where it is the default.
        """
        if value is None and self.default is None:
            return None
        kind = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}[self.type]
        number = isinstance(value, numbers.Real) and not isinstance(value, bool)  # numpy scalars too
        fits = {
            bool: isinstance(value, bool),
            int: number and float(value).is_integer(),
            float: number and value == value,
            str: isinstance(value, str),
        }[self.type]
        if not fits:
            raise CardiacMotionError(f"option {self.name} must be {kind}, got {value!r}")
        if self.choices and value not in self.choices:
            raise CardiacMotionError(
                f"option {self.name} must be one of {', '.join(map(str, self.choices))}, got {value!r}"
            )
        low, high = self.minimum, self.maximum
        if (low is not None and value < low) or (high is not None and value > high):
            unit = f" {self.unit}" if self.unit else ""
            raise CardiacMotionError(f"option {self.name} must be from {low} to {high}{unit}, got {value!r}")
        return self.type(value)


def describe_options(options_class: type) -> list[OptionInfo]:
    """The options of a frozen ``Options`` dataclass in the order they were written."""
    types_ = typing.get_type_hints(options_class)
    return [
        OptionInfo(name=f.name, type=_plain(f.name, types_[f.name], f.default), default=f.default, **f.metadata)
        for f in dataclasses.fields(options_class)
    ]


def _plain(name: str, annotation: Any, default: Any) -> type:
    """The type of an option's values; an annotation that allows None goes with the default None, and only with it."""
    union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    kinds = set(typing.get_args(annotation)) if union else {annotation}
    plain = kinds - {types.NoneType}
    if len(plain) != 1 or not plain <= {bool, int, float, str}:
        raise TypeError(f"option {name} must be bool, int, float or str, or one of them or None, got {annotation}")
    if (types.NoneType in kinds) != (default is None):
        raise TypeError(f"option {name} is {annotation}, but its default is {default!r}: None goes with None")
    return plain.pop()


def make_options(info: MethodInfo, values: Mapping[str, Any]) -> Any:
    """``info.Options`` from keyword values, each checked; raises `CardiacMotionError` naming what does not fit."""
    known = {o.name: o for o in describe_options(info.Options)}
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise CardiacMotionError(
            f"method {info.name} has no option {', '.join(unknown)}; its options are {', '.join(known) or 'none'}"
        )
    return info.Options(**{name: known[name].check(value) for name, value in values.items()})


@dataclass(frozen=True)
class MethodInfo:
    """A registered method.

    ``run(series, options, context)`` returns a tensor, the displacement (T, K, J, I, 3) in voxels (i, j, k) of
    ``series``, or a `Motion`. ``needs`` holds any of ``labels`` (in the reference frame), ``weights``, ``groupwise``.
    """

    name: str
    title: str
    summary: str
    citation: str
    Options: type
    run: Callable[[ImageSeries, Any, Context], torch.Tensor | Motion]
    needs: frozenset[str] = frozenset()
    gives: frozenset[str] = frozenset()  # beside the motion: labels (of the reference frame)
    requires: tuple[str, ...] = ()  # importable packages beyond torch and numpy
    takes_init: bool = False  # whether it can refine another motion
    network: Callable[[], type] | None = None  # of a method that is trained: imports the class of its network
    fewest_frames: int = 2  # that it registers
    task: str = "pairs"  # how that is trained, a name of `training.TASKS`


@dataclass(frozen=True)
class Context:
    """What a run is given besides series and options."""

    reference: int
    device: torch.device
    seed: int
    progress: Progress | None = None
    init: Motion | None = None  # a motion of the same series to start from
    facts: dict[str, Any] = dataclasses.field(default_factory=dict)  # what the method found out, for the provenance

    def report(self, fraction: float, text: str) -> None:
        """Tell the caller how far the run is; raises `Cancelled` when the caller answers False."""
        if self.progress is not None and self.progress(min(max(float(fraction), 0.0), 1.0), text) is False:
            raise Cancelled(f"cancelled at {fraction:.0%}: {text}")

    def part(self, start: float, end: float) -> Context:
        """The same context for a piece of the run whose 0..1 is ``start``..``end`` of the whole."""
        if self.progress is None:
            return self
        whole = self.progress
        return dataclasses.replace(self, progress=lambda fraction, text: whole(start + (end - start) * fraction, text))
