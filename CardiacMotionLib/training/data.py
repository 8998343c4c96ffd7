"""What networks are trained on: people's series, brought to one pixel size and field of view; and pairs of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn.functional import interpolate

from ..fields import compose, invert, resize_displacement, resize_image
from ..methods.protocol import option
from ..methods.region import moving_region, normalize_intensity
from ..methods.registry import check_registrable
from ..motion import Motion
from ..phantom.stream import HELD_OUT, PHASES, PairStream, SeriesStream
from ..series import ImageSeries
from . import people
from .people import Preparation, SyntheticSubject, Told, TrainingSubject

# settings that do not touch a prepared person
DRAWING = ("subjects", "held_out", "template", "batch", "augmented", "fewest", "warp_mm")
SCHEME = 2  # of how people are prepared: another number makes all anew
PAIRS = "pairs"  # two moments of a cine, whose motion from one to the other is known


@dataclass(frozen=True)
class Data:
    """Which people a network sees, and how large a part of their images."""

    kind: str = option(
        PAIRS,
        "Synthetic examinations: two moments of a cine (pairs), a whole one, or one for maps",
        choices=(PAIRS, "cine", "t1"),
    )
    sequence: str = option("msasha", "Of an examination for maps")
    subjects: int = option(100, "People to train on", minimum=1, maximum=1_000_000)
    held_out: int = option(10, "People to validate on, none of whom is trained on", minimum=1, maximum=1000)
    frames: int = option(10, "Frames of a cine", minimum=2, maximum=100)
    slices: int = option(
        8, "Slices of an examination; of a stack in 3D, which is cut or continued to it", minimum=1, maximum=64
    )
    phases: str = option(
        "random", "Moments of synthetic pairs: any two, or end-diastole and end-systole", choices=PHASES
    )
    breathing_mm: float = option(
        6.0, "How far a breath moves the heart, in an examination for maps", minimum=0, maximum=30, unit="mm"
    )
    template: str = option(
        "first", "Frame that the others are drawn in; any: each in turn", choices=("first", "last", "any")
    )
    pixel_mm: float = option(2.0, "Pixel size", unit="mm", minimum=0.5, maximum=5)
    size: int = option(64, "Pixels around the heart, in rows and columns", minimum=16, maximum=512)
    batch: int = option(4, "Pairs or sets in a step; of slices in 2D, of stacks in 3D", minimum=1, maximum=1024)
    group: str = option("any", "Group of the synthetic people")
    randomized: bool = option(False, "Draw contrast, artefacts, pixel size and place wider than scanners do")
    augmented: bool = option(True, "Turn and mirror images, and change their contrast, at random")


def synthetic_subjects(data: Data, count: int, first_seed: int) -> list[SyntheticSubject]:
    """People of the seeds from ``first_seed`` on, seen as ``data`` says."""
    options: dict[str, Any] = {"slices": data.slices, "group": data.group}
    if not data.randomized:
        options |= {"pixel_mm": data.pixel_mm, "rows": data.size + 16, "columns": data.size + 16}
    stream: PairStream | SeriesStream
    if data.kind == PAIRS:
        stream = PairStream(count, first_seed, phases=data.phases, randomized=data.randomized, **options)
    else:
        of_kind = (
            {"frames": data.frames}
            if data.kind == "cine"
            else {"sequence": data.sequence, "breathing_mm": data.breathing_mm}
        )
        stream = SeriesStream(data.kind, count, first_seed, randomized=data.randomized, **of_kind, **options)
    return [SyntheticSubject(stream, index) for index in range(count)]


# ---------------------------------------------------------------------- one person, prepared


@dataclass(frozen=True, eq=False)
class Prepared:
    """A series as a network sees it.

    Attributes
    ----------
    frames
        (T, K, J, I) float32 in unit range.
    labels
        (T, K, J, I) uint8, 0 where a frame has none.
    labeled
        (T,) bool.
    displacement
        (T, K, J, I, 3) float32 in voxels from frame 0, or None where it is not known.
    slice_pixels
        From one slice to the next, in pixels.
    """

    frames: Tensor
    labels: Tensor
    labeled: Tensor
    displacement: Tensor | None
    slice_pixels: float = 1.0

    @property
    def with_labels(self) -> Prepared:
        """The labeled frames, if two at least are among others without labels."""
        return self.at(self.labeled) if 2 <= int(self.labeled.sum()) < len(self.frames) else self

    def at(self, chosen: Tensor) -> Prepared:
        """The frames that are chosen (T,) bool; the motion stays known if the first of all is among them."""
        known = self.displacement is not None and bool(chosen[0])
        moved = self.displacement[chosen] if known else None  # type: ignore[index]
        return Prepared(self.frames[chosen], self.labels[chosen], self.labeled[chosen], moved, self.slice_pixels)


def prepare(series: ImageSeries, motion: Motion | None, data: Data, dims: int) -> Prepared:
    """Resample in plane to the pixel size, cut the field of view around the heart, bring to unit range.

    Without labels the heart is where the images change. For two dimensions only slices that show the heart are
    kept, for three the stack is cut or continued to the number of slices of ``data``. Raises `CardiacMotionError` for
    a series in which there is no motion to learn: of one frame, or a constant one.
    """
    check_registrable(series)
    plane = [
        max(8, round(n * mm / data.pixel_mm)) for n, mm in zip(series.shape[1:], series.spacing[1::-1], strict=True)
    ]
    frames = resize_image(torch.from_numpy(series.frames), plane)
    given = np.zeros(series.frames.shape, np.uint8)
    for t, of_frame in series.labels.items():
        given[t] = of_frame
    labels = interpolate(torch.from_numpy(given).float(), plane, mode="nearest-exact").to(torch.uint8)
    heart = labels.numpy().max(0) > 0
    if not heart.any():
        heart = resize_image(torch.from_numpy(moving_region(series)[None]).float(), plane)[0].numpy() > 0.5
    rows, columns = (
        window(centre, data.size, n) for centre, n in zip(ndimage.center_of_mass(heart)[1:], plane, strict=True)
    )
    levels = _levels(heart, data.slices, dims)
    moved = None
    if motion is not None:
        voxels = torch.cat([motion.voxels(t) for t in range(len(series))])
        moved = resize_displacement(voxels, (series.shape[0], *plane))[:, levels][:, :, rows][:, :, :, columns]
    cut = [part[:, levels][:, :, rows][:, :, :, columns] for part in (frames, labels)]
    labeled = torch.tensor([t in series.labels for t in range(len(series))])
    images = torch.from_numpy(normalize_intensity(cut[0].numpy()))
    return Prepared(images, cut[1].contiguous(), labeled, moved, float(series.spacing[2]) / data.pixel_mm)


def window(center: float, size: int, length: int) -> Tensor:
    """``size`` indices around a center among ``length``, the last ones repeated where the image ends."""
    start = min(max(round(center - size / 2), min(0, length - size)), max(0, length - size))
    if length < size:
        start = -((size - length) // 2)
    return torch.arange(start, start + size).clamp(0, length - 1)


def _levels(heart: np.ndarray, slices: int, dims: int) -> Tensor:
    shown = np.flatnonzero(heart.any((1, 2)))
    if dims == 2:
        return torch.from_numpy(shown)
    return window(float(shown.mean()) + 0.5, slices, len(heart))


def preparation(data: Data, dims: int) -> Preparation[Prepared]:
    """How `prepare` is done to a person, as `people` takes it."""
    settings = {name: value for name, value in asdict(data).items() if name not in DRAWING}
    return Preparation(lambda series, motion: [prepare(series, motion, data, dims)], Prepared, [SCHEME, dims, settings])


def prepare_all(
    subjects: Sequence[TrainingSubject], data: Data, dims: int, told: Told | None = None, store: Path | None = None
) -> list[Prepared]:
    """Every subject, in order; see `people.prepare_all`."""
    return [person for (person,) in people.prepare_all(subjects, preparation(data, dims), told, store)]


def training_people(
    data: Data,
    dims: int,
    subjects: Sequence[TrainingSubject] | None = None,
    told: Told | None = None,
    store: Path | None = None,
) -> tuple[list[Prepared], list[Prepared], dict[str, Any]]:
    """People to train on, people to validate on, and what a card says of them; see `people.training_people`."""
    return people.training_people(
        subjects,
        partial(synthetic_subjects, data),
        (data.subjects, data.held_out),
        preparation(data, dims),
        told,
        store,
    )


# ---------------------------------------------------------------------- pairs


def draw_pair(
    person: Prepared, data: Data, dims: int, rng: np.random.Generator, *, exact: bool = True
) -> dict[str, Tensor]:
    """Two frames of a person, one slice of them in 2D, as the network gets them, and what is known of them.

    ``fixed``, ``moving`` (1, *shape) float32, ``fixed_labels``, ``moving_labels`` (*shape) uint8, ``displacement``
    (*shape, dims) in voxels and ``known`` () float32: 1 where it is the truth, else 0; ``slice_pixels`` () float32.
    Without ``exact`` the motion is left out where it would have to be computed.
    """
    count = len(person.frames)
    template = {"first": 0, "last": count - 1}.get(data.template)
    if template is None:
        template = int(rng.integers(count))
    moving = int(rng.integers(count - 1))
    moving += moving >= template
    level = slice(None) if dims == 3 else int(rng.integers(person.frames.shape[1]))
    return make_pair(person, template, moving, level, dims, exact=exact)


def make_pair(
    person: Prepared, fixed: int, moving: int, level: slice | int, dims: int, *, exact: bool = True
) -> dict[str, Tensor]:
    """The pair of two frames, see `draw_pair`.

    From another than the first frame the motion is that to the first and on from there, on the grid: in two dimensions
    within the slice, as if nothing moved through it, and rounded off where the true one jumps.
    """
    known = person.displacement is not None and (exact or fixed == 0)
    truth = torch.zeros(*person.frames[0, level].shape, dims)
    if person.displacement is not None and known:
        truth = person.displacement[moving, level, ..., :dims]
        if fixed:
            back = invert(person.displacement[fixed, level, ..., :dims][None])
            truth = compose(back, truth[None])[0]
    return {
        "fixed": person.frames[fixed, level][None],
        "moving": person.frames[moving, level][None],
        "fixed_labels": person.labels[fixed, level],
        "moving_labels": person.labels[moving, level],
        "displacement": truth,
        "known": torch.tensor(float(known)),
        "labeled": (person.labeled[fixed] & person.labeled[moving]).float(),
        "slice_pixels": torch.tensor(person.slice_pixels),
    }


def augment(pair: dict[str, Tensor], rng: np.random.Generator) -> dict[str, Tensor]:
    """One of the eight symmetries of the plane, and a contrast that is the same in both images.

    A stack is reversed too, or not: some are stored from the apex up, some from the base down.
    """
    turn, mirror_i, mirror_j = (bool(bit) for bit in rng.integers(2, size=3))
    gamma = float(np.exp(rng.uniform(-0.4, 0.4)))
    mirror_k = pair["fixed"].ndim == 4 and bool(rng.integers(2))
    result = {
        name: moved(value, name == "displacement", turn, mirror_i, mirror_j, mirror_k) for name, value in pair.items()
    }
    for name in ("fixed", "moving"):
        result[name] = result[name] ** gamma
    return result


def moved(values: Tensor, is_field: bool, turn: bool, mirror_i: bool, mirror_j: bool, mirror_k: bool = False) -> Tensor:
    """An image (..., J, I) or a displacement (..., J, I, d), rows and columns exchanged or reversed, or slices.

    What has no rows and columns stays as it is.
    """
    if values.ndim < 2:
        return values
    j, i = (-3, -2) if is_field else (-2, -1)
    for asked, axis, component in ((mirror_i, i, 0), (mirror_j, j, 1), (mirror_k, j - 1, 2)):
        if asked:
            values = values.flip(axis)
            if is_field:
                sign = torch.ones(values.shape[-1])
                sign[component] = -1
                values = values * sign
    if turn:
        values = values.transpose(j, i)
        if is_field:
            values = values[..., [1, 0, *range(2, values.shape[-1])]]
    return values.contiguous()


def held_out_pairs(
    people: Sequence[Prepared], data: Data, dims: int, per_person: int = 4
) -> Iterator[dict[str, Tensor]]:
    """The same pairs at every validation, spread over frames and slices of everybody, each once.

    Of people with labels in some frames only, those frames: without labels a pair has no Dice.
    """
    for n, person in enumerate(people):
        rng = np.random.default_rng([n, HELD_OUT])
        person = person.with_labels
        drawn: list[dict[str, Tensor]] = []
        for pair in (draw_pair(person, data, dims, rng) for _ in range(per_person)):
            if not any(all(torch.equal(pair[name], other[name]) for name in ("fixed", "moving")) for other in drawn):
                drawn.append(pair)
                yield pair


def stacked(pairs: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """One batch."""
    return {name: torch.stack([pair[name] for pair in pairs]) for name in pairs[0]}
