"""`Recipe`: everything that decides what a training makes, from a TOML file and back into a card.

A recipe has the sections ``[network]``, ``[data]``, ``[loss]`` and ``[training]``, each a frozen dataclass of `option`
fields; what is left out has its default. Those of a method lie in the folder ``recipes`` of its package.
"""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from ..errors import CardiacMotionError
from ..methods.protocol import MethodInfo, describe_options
from ..methods.registry import check_installed
from .settings import Settings
from .task import Task

SECTIONS = ("network", "data", "loss", "training")


@dataclass(frozen=True)
class TaskKind:
    """A way of training.

    Attributes
    ----------
    Data, Loss
        Dataclasses of the sections ``[data]`` and ``[loss]``.
    make
        ``make(network, data, loss, seed, subjects, told, store)`` gives the `Task`; ``subjects`` are None for synthetic
        ones, ``told(done, all)`` hears how many are prepared, ``store`` is a file to keep them in.
    """

    Data: type
    Loss: type
    make: Callable[..., Task]


def _pairs() -> TaskKind:
    from .pairs import Data, Loss, pair_task

    return TaskKind(Data, Loss, pair_task)


def _groups() -> TaskKind:
    from .groups import GroupData, GroupLoss, group_task

    return TaskKind(GroupData, GroupLoss, group_task)


def _clips() -> TaskKind:
    from .clips import ClipData, ClipLoss, clip_task

    return TaskKind(ClipData, ClipLoss, clip_task)


# by the name that a method gives as its ``task``
TASKS: dict[str, Callable[[], TaskKind]] = {"pairs": _pairs, "groups": _groups, "clips": _clips}


@dataclass(frozen=True)
class Recipe:
    """A method with the four sections."""

    info: MethodInfo
    name: str
    network: Any
    data: Any
    loss: Any
    training: Settings

    @property
    def sections(self) -> dict[str, dict[str, Any]]:
        """Plain values, from which `make_recipe` makes the same recipe."""
        return {section: asdict(getattr(self, section)) for section in SECTIONS}

    def changed(self, overrides: Sequence[str]) -> Recipe:
        """With some values replaced: ``section.key=value``, the value as in TOML; text may go without quotes."""
        sections = self.sections
        for override in overrides:
            name, equals, text = override.partition("=")
            section, dot, key = name.strip().partition(".")
            if not equals or not dot or section not in SECTIONS:
                raise CardiacMotionError(
                    f"cannot set {override!r}: expected section.key=value, with a section of {', '.join(SECTIONS)}"
                )
            sections[section][key] = _value(text.strip())
        return make_recipe(self.info, sections, self.name)

    def task(
        self,
        subjects: Sequence[Any] | None = None,
        told: Callable[[int, int], object] | None = None,
        store: Path | None = None,
    ) -> Task:
        """The network with the weights drawn from the seed, and what it is trained on: ``subjects``, or synthetic ones.

        ``store`` is a file in which they are kept as the network sees them, for the next time. No
        trace of the drawing is left in torch's global generator.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.training.seed)
            network = _network(self.info)(self.network)
            return TASKS[self.info.task]().make(
                network, self.data, self.loss, self.training.seed, subjects, told, store
            )


def load_recipe(info: MethodInfo, config: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """The recipe of a method by its name (``small``) or from a file, with some values replaced.

    The file may be the card of weights: it holds the recipe that they were made with.

    Raises
    ------
    CardiacMotionError
        for a method that is not trained, a recipe that does not exist or is no TOML, and for every section, key or
        value that does not fit, by its name.
    """
    known = recipes(info)
    path = known.get(str(config), Path(config))
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CardiacMotionError(
            f"recipe {str(config)!r} cannot be read ({getattr(error, 'strerror', None) or error}); give the path of a "
            f"TOML file, or one of {', '.join(known) or 'none that ship'} of the method {info.name}"
        ) from error
    if "recipe" in values:  # a card
        values = {**values["recipe"], "network": values["network"]}
    return make_recipe(info, values, str(values.pop("name", path.stem))).changed(overrides)


def recipes(info: MethodInfo) -> dict[str, Path]:
    """The recipes that come with a method, by name."""
    folder = Path(inspect.getfile(_network(info))).parent / "recipes"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def make_recipe(info: MethodInfo, sections: Mapping[str, Any], name: str = "given") -> Recipe:
    """A recipe from plain values; see `load_recipe` for what is refused."""
    kind = TASKS[info.task]()
    classes = {"network": _network(info).Config, "data": kind.Data, "loss": kind.Loss, "training": Settings}
    unknown = sorted(set(sections) - set(SECTIONS))
    if unknown:
        raise CardiacMotionError(
            f"recipe {name} has {', '.join(unknown)} beside its sections; those are {', '.join(SECTIONS)}"
        )
    parts = {
        section: _section(made, sections.get(section, {}), f"recipe {name}, [{section}]")
        for section, made in classes.items()
    }
    return Recipe(info, name, **parts)


def _network(info: MethodInfo) -> Any:
    if info.network is None:
        raise CardiacMotionError(f"method {info.name} is not trained; it has no network")
    check_installed(info)
    return info.network()


def _section(made: type, values: Any, who: str) -> Any:
    """A dataclass of options from plain values."""
    if not isinstance(values, Mapping):
        raise CardiacMotionError(f"{who} must be a table of settings, got {values!r}")
    known = {one.name: one for one in describe_options(made)}
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise CardiacMotionError(f"{who} has no setting {', '.join(unknown)}; it has {', '.join(known)}")
    try:
        return made(**{name: known[name].check(value) for name, value in values.items() if value is not None})
    except CardiacMotionError as error:
        raise CardiacMotionError(f"{who}: {error}") from error


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
