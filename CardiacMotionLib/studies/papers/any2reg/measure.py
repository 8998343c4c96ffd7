"""Any2Reg, trained on STONE alone, tried on what was never seen.

Every method registers the same series of the same people: STONE, MOLLI of three patterns, perfusion by ASL, and cines.
The networks that the one that ships is compared with, averaging and channel-stacked, are trained here by its recipe, on
the same people. Everything is kept in the work folder, what is half trained, too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from .... import ImageSeries, Motion, register
from ....methods import methods
from ....methods.groupregnet.network import Config as StackedConfig
from ....methods.groupregnet.network import Network as Stacked
from ....methods.groupwise import register_slices
from ....methods.protocol import Context
from ....phantom import VERSION, Subject, phantom
from ....training.export import export
from ....training.groups import GroupTask
from ....training.loop import train
from ....training.pairs import seeded
from ....training.recipe import Recipe, load_recipe
from ....weights import Weights, digests
from ....whole_files import write_whole
from ..paper import Order
from ..training_runs import TEST_SEED
from .report import write_report
from .scores import group_scores

VIEW: dict[str, Any] = {"slices": 1, "rows": 112, "columns": 112, "pixel_mm": 1.6}
STONE_IMAGES = 11
SHIPPED, WITH_REGIONS = "any2reg_stone", "any2reg_stone_regions"
REFINE = 30


@dataclass(frozen=True)
class Examination:
    """A kind of series that everything is tried on.

    Attributes
    ----------
    name
        In the tables.
    kinds
        Kind of phantom with its options; people take turns in them.
    model
        Signal model of its maps, if it is for such.
    share
        Of the people that are asked for: long series take long.
    """

    name: str
    kinds: tuple[tuple[str, dict[str, Any]], ...]
    model: str | None = None
    share: float = 1.0

    def subject(self, person: int) -> Subject:
        """Of one person."""
        kind, options = self.kinds[person % len(self.kinds)]
        return phantom(kind, TEST_SEED + person, group="any", **VIEW, **options)


MOLLI = tuple(("t1", {"sequence": name, "breathing_mm": 6.0}) for name in ("molli", "molli_432", "molli_335"))
EXAMINATIONS = (
    Examination("STONE", (("t1", {"sequence": "stone", "breathing_mm": 10.0}),), "stone"),
    Examination("MOLLI", MOLLI, "molli"),
    Examination("ASL", (("asl", {}),), "asl", 0.5),
    Examination("cine", (("cine", {"frames": 25}),)),
)


@dataclass(frozen=True)
class Row:
    """A way to register: a method of the library with options, or one that is made here."""

    name: str
    method: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    trained: str = ""  # what is trained here for it
    images: int = 0  # the only number of images that it takes; 0: any


MEAN, STACKED = "any2reg_mean", "stacked"
ROWS = (
    Row("none"),
    Row("elastix, PCA2", "pca_groupwise"),
    Row("one-shot (GroupRegNet)", "groupregnet"),
    Row("channel-stacked U-Net", trained=STACKED, images=STONE_IMAGES),
    Row("Any2Reg, mean", "any2reg", trained=MEAN),
    Row("Any2Reg", "any2reg", {"weights": SHIPPED}),
    Row("Any2Reg, refined", "any2reg", {"weights": SHIPPED, "refine": REFINE}),
    Row("Any2Reg with regions", "any2reg", {"weights": WITH_REGIONS}),
    Row("Any2Reg with regions, refined", "any2reg", {"weights": WITH_REGIONS, "refine": REFINE}),
)


@dataclass(frozen=True)
class Protocol:
    """Where everything is kept, on how many people it is tried, and how the networks are trained."""

    work: Path
    people: int
    changes: tuple[str, ...] = ()  # of the recipe
    told: Callable[[str], Any] = lambda _: None

    def recipe(self, name: str) -> Recipe:
        """A recipe of the method."""
        return load_recipe(methods()["any2reg"], name, self.changes)


# ---------------------------------------------------------------------- networks that are trained here


def trained_file(name: str, protocol: Protocol) -> Path:
    """Where the weights of a network are kept."""
    return protocol.work / f"{name}.safetensors"


def trained(name: str, protocol: Protocol) -> Path:
    """Weights of a network, trained unless they are there."""
    path = trained_file(name, protocol)
    if not path.exists():
        recipe = protocol.recipe("small_mean" if name == MEAN else "small")
        task = recipe.task(store=protocol.work / "people.pt", told=lambda n, of: protocol.told(f"person {n} of {of}"))
        assert isinstance(task, GroupTask)
        if name == STACKED:
            data = replace(recipe.data, fewest=STONE_IMAGES)
            network: Any = seeded(lambda: Stacked(StackedConfig(STONE_IMAGES)), recipe.training.seed)
            task = GroupTask(network, task.people, task.held_out, data, recipe.loss, recipe.training.seed)
        protocol.told(f"training {name}")
        done = train(task, recipe.training, protocol.work / name, "cpu", None, protocol.told)
        if name == STACKED:
            Weights(done.tensors, {"method": STACKED, "network": {"frames": STONE_IMAGES}}).save(path)
        else:
            export(done, task, recipe, path)
    return path


def stacked_motion(series: ImageSeries, weights: Path, pixel_mm: float) -> Motion:
    """Motion that the channel-stacked network finds, on the pixels that it was trained on."""
    from CardiacMotionLib.fields import resize_displacement, resize_image

    network = Stacked(StackedConfig(STONE_IMAGES)).eval()
    network.load_state_dict(Weights.load(str(weights)).tensors)

    @torch.no_grad()
    def group(frames: Any, spacing: Any, _: Context) -> torch.Tensor:
        plane = [round(n * mm / pixel_mm) for n, mm in zip(frames.shape[1:], spacing[::-1], strict=True)]
        images = resize_image(torch.from_numpy(frames)[:, None], plane)
        return resize_displacement(network(images[None])[0], frames.shape[1:])

    return register_slices(series, group, 40.0, Context(0, torch.device("cpu"), 0))


# ---------------------------------------------------------------------- scores


def motion_of(row: Row, subject: Subject, protocol: Protocol) -> Motion | None:
    """What a row finds; None where it cannot take that many images."""
    series = subject.series
    if row.images and len(series) != row.images:
        return None
    if row.trained == STACKED:
        return stacked_motion(series, trained(STACKED, protocol), protocol.recipe("small").data.pixel_mm)
    if not row.method:
        return Motion.still(series, None)
    options = {**row.options, **({"weights": str(trained(row.trained, protocol))} if row.trained else {})}
    return register(series, row.method, device="cpu", **options)


def results(protocol: Protocol) -> Iterator[dict[str, Any]]:
    """Scores of every row, examination and person; what is done is read, unless it was done otherwise."""
    for examination, row, path in files(protocol):
        if not is_done(examination, row, path, protocol):
            protocol.told(f"{examination.name}: {row.name}")
            scores = list(scored(examination, row, tried_on(examination, protocol), protocol))
            of = identity(examination, row, protocol)
            about = {"examination": examination.name, "method": row.name, "of": of, "scores": scores}
            write_whole({path: json.dumps(about).encode()})
        yield json.loads(path.read_text())


def is_done(examination: Examination, row: Row, path: Path, protocol: Protocol) -> bool:
    """Whether a file has the scores of this row, and not of other weights, images or options."""
    return path.exists() and json.loads(path.read_text()).get("of") == identity(examination, row, protocol)


def identity(examination: Examination, row: Row, protocol: Protocol) -> str:
    """What a row's scores depend on, but for the code."""
    weights = digests([row.method], row.options)
    if row.trained:
        weights = digests([], {row.trained: trained_file(row.trained, protocol)})
    return json.dumps([asdict(row), asdict(examination), VIEW, weights, VERSION], sort_keys=True)


def tried_on(examination: Examination, protocol: Protocol) -> int:
    """How many people."""
    return max(1, round(examination.share * protocol.people))


def files(protocol: Protocol) -> Iterator[tuple[Examination, Row, Path]]:
    """Where the scores of every examination and row are kept."""
    for examination in EXAMINATIONS:
        for row in ROWS:
            name = f"{examination.name}_{row.name}_{tried_on(examination, protocol)}.json"
            yield examination, row, protocol.work / name.replace(" ", "-").replace(",", "")


def scored(examination: Examination, row: Row, people: int, protocol: Protocol) -> Iterator[dict[str, Any]]:
    """One dictionary a person, with its seed; nothing for a row that takes no such series."""
    for person in range(people):
        subject = examination.subject(person)
        motion = motion_of(row, subject, protocol)
        if motion is None:
            continue
        scores = group_scores(motion, subject.series, subject=subject, model=examination.model)
        yield {"person": person, "images": len(subject.series), **scores}


# ---------------------------------------------------------------------- an order

PEOPLE = 6
QUICK = ("data.subjects=3", "data.held_out=1", "training.steps=3", "training.validate_every=3")
TRAINING_MINUTES, SERIES_SECONDS = 45.0, 20.0  # of a network, and of a method, examination and person; one thread


def protocol(order: Order) -> Protocol:
    """Of an order."""
    people = order.people or (1 if order.quick else PEOPLE)
    return Protocol(order.work, people, QUICK if order.quick else (), order.told)


def minutes(order: Order) -> float:
    """That an order takes."""
    chosen = protocol(order)
    missing = [one for one, row, path in files(chosen) if not is_done(one, row, path, chosen)]
    series = sum(tried_on(examination, chosen) for examination in missing)
    networks = 0 if order.quick else sum(not trained_file(name, chosen).exists() for name in (MEAN, STACKED))
    return networks * TRAINING_MINUTES / order.workers + series * SERIES_SECONDS / 60


def measure(order: Order) -> None:
    """Train what is missing, register everything and write the report."""
    torch.set_num_threads(order.workers)
    chosen = protocol(order)
    order.work.mkdir(parents=True, exist_ok=True)
    write_report(list(results(chosen)), chosen.recipe("small"), order)
