"""`ClipTask`: training of networks that see a slice over the whole cycle, and are told how its wall moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from ..errors import CardiacMotionError
from ..methods.clips import WALL, ClipNetwork, ClipSlice, clip_slices
from ..methods.learned import CINE
from ..methods.protocol import option
from ..methods.region import normalize_intensity
from ..motion import Motion
from ..phantom.stream import SeriesStream
from ..series import MYOCARDIUM, ImageSeries
from ..strain.tensor import green_strain
from . import people
from .people import Preparation, SyntheticSubject, Told, TrainingSubject, intensity
from .task import SCORE, Task

CYCLE_MS, LONGEST_FRAME_MS = 900.0, 200.0  # of synthetic DENSE
DRAWING = ("subjects", "held_out", "batch", "fewest", "augmented")  # settings that do not touch a prepared person


@dataclass(frozen=True)
class ClipData:
    """Which people a network sees, and how."""

    kind: str = option("dense", "Synthetic examinations: DENSE, or a cine", choices=("dense", "cine"))
    subjects: int = option(100, "People to train on", minimum=1, maximum=1_000_000)
    held_out: int = option(10, "People to validate on, none of whom is trained on", minimum=1, maximum=1000)
    frames: int = option(20, "Frames of an examination", minimum=2, maximum=200)
    fewest: int = option(
        2,
        "Fewest frames in a clip: as many as are drawn, spread over the cycle, go into a step",
        minimum=2,
        maximum=200,
    )
    slices: int = option(3, "Slices of an examination", minimum=1, maximum=64)
    pixel_mm: float = option(2.0, "Pixel size", unit="mm", minimum=0.5, maximum=5)
    size: int = option(64, "Pixels around the LV, in rows and columns", minimum=16, maximum=512)
    batch: int = option(4, "Clips in a step", minimum=1, maximum=1024)
    group: str = option("any", "Group of the synthetic people")
    augmented: bool = option(True, "Turn clips by a random number of quarters")


@dataclass(frozen=True)
class ClipLoss:
    """What a network for clips is trained to make small; each counts for networks that have it."""

    motion: float = option(1.0, "Weight of the mean squared error in the wall, in pixels", minimum=0, maximum=1000)
    registration: float = option(
        10.0, "Weight of the squared difference of the first frame and the others drawn in it", minimum=0, maximum=1e6
    )
    energy: float = option(0.01, "Weight of the energy of the registration, a pixel", minimum=0, maximum=1000)
    diffusion: float = option(1.0, "Weight of the squared error of the predicted noise", minimum=0, maximum=1000)


@dataclass(frozen=True, eq=False)
class PreparedClip:
    """One slice as a network sees it.

    Attributes
    ----------
    frames
        (T, 1, j, i) float32, the first at end-diastole.
    truth
        (T, j, i, 2) float32 in pixels from there.
    wall
        (j, i) bool at end-diastole.
    """

    frames: Tensor
    truth: Tensor
    wall: Tensor


class ClipTask(Task):
    """A `ClipNetwork` and the people it learns from.

    Parameters
    ----------
    network
        To train.
    people, held_out
        Prepared slices to train and to validate on.
    data, loss
        Sections of the recipe.
    seed
        Of the batches.
    """

    def __init__(
        self,
        network: ClipNetwork,
        people: Sequence[PreparedClip],
        held_out: Sequence[PreparedClip],
        data: ClipData,
        loss: ClipLoss,
        seed: int = 0,
    ) -> None:
        super().__init__(network)
        self.data, self.loss, self.seed = data, loss, seed
        self.people, self.held_out = people, held_out
        self.extra_card: dict[str, Any] = {}

    def batch(self, step: int) -> dict[str, Tensor]:
        """Slices of random people at the same number of moments, end-diastole the first."""
        rng = np.random.default_rng([self.seed, step, self.rank])
        chosen = [self.people[int(n)] for n in rng.integers(len(self.people), size=self.data.batch)]
        most = min(len(one.frames) for one in chosen)
        count = int(rng.integers(min(self.data.fewest, most), most + 1))
        clips = [turned(thinned(one, count), int(rng.integers(4)) * self.data.augmented) for one in chosen]
        return {
            "frames": torch.stack([one.frames for one in clips]),
            "truth": torch.stack([one.truth for one in clips]),
            "wall": torch.stack([one.wall for one in clips]).float(),
        }

    def forward(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss and its parts."""
        assert isinstance(self.network, ClipNetwork)
        with self.autocast():
            parts = self.network.losses(batch["frames"], batch["truth"], batch["wall"])
        parts = {name: value.float() for name, value in parts.items()}
        total = sum(getattr(self.loss, name) * value for name, value in parts.items())
        assert isinstance(total, Tensor)
        return total, parts

    def validate(self) -> dict[str, float]:
        """Errors in the wall of people never trained on: of the motion (mm), which decides, and of the strain (%).

        Of networks that draw one of many, that of one draw. ``registration`` is the error of the registration network
        alone, of a network that has one.
        """
        network: Any = self.network
        values: dict[str, list[float]] = {}
        for n, one in enumerate(self.held_out):
            clips = one.frames[None].to(self.device)
            generator = torch.Generator().manual_seed(n)
            found = {(SCORE, "strain"): network.draw(clips, generator)}
            if hasattr(network, "register"):
                found["registration", "registration_strain"] = network.register(clips)
            for (of_motion, of_strain), displacement in found.items():
                error, strain = errors(displacement[0].float().cpu(), one)
                values.setdefault(of_motion, []).append(error * self.data.pixel_mm)
                values.setdefault(of_strain, []).append(strain)
        return {name: float(np.mean(of)) for name, of in values.items()}

    @property
    def about(self) -> dict[str, Any]:
        """What decides what is learned."""
        moved = round(float(sum(one.truth.double().abs().mean() for one in self.people)), 6)
        frames = sum(len(one.frames) for one in self.people)
        return {"clips": len(self.people), "frames": frames, "intensity": intensity(self.people), "moved": moved}

    @property
    def card(self) -> dict[str, Any]:
        """For what series the weights are: cines, slice by slice."""
        return {
            "task": CINE,
            "dims": self.network.dims,
            "pixel_mm": self.data.pixel_mm,
            "size": self.data.size,
            **self.extra_card,
        }


def errors(displacement: Tensor, one: PreparedClip) -> tuple[float, float]:
    """Mean endpoint error in pixels, and of Green's strain in percentage points, of (T, j, i, 2) in the wall.

    Strain is that of pixels all of whose neighbors are of the wall: beyond it nothing is known.
    """
    off = (displacement - one.truth)[1:, one.wall].norm(dim=-1).mean()
    inside = torch.from_numpy(ndimage.binary_erosion(one.wall.numpy()))
    strains = [green_strain(in_plane_gradient(field))[1:, inside] for field in (displacement, one.truth)]
    return float(off), 100 * float(np.abs(strains[0] - strains[1]).mean())


def in_plane_gradient(displacement: Tensor) -> np.ndarray:
    """Deformation gradient (T, j, i, 2, 2) of a displacement (T, j, i, 2) in pixels, by central differences."""
    rows, columns = torch.gradient(displacement, dim=(1, 2))
    return np.eye(2, dtype=np.float32) + torch.stack((columns, rows), -1).numpy()


def thinned(one: PreparedClip, count: int) -> PreparedClip:
    """``count`` of the frames, spread evenly, the first among them."""
    chosen = torch.linspace(0, len(one.frames) - 1, count).round().long()
    return PreparedClip(one.frames[chosen], one.truth[chosen], one.wall)


def turned(one: PreparedClip, quarters: int) -> PreparedClip:
    """Turned by quarters; not mirrored, which would turn the twist of the LV round."""
    if not quarters % 4:
        return one
    truth = torch.rot90(one.truth, quarters, (1, 2))
    for _ in range(quarters % 4):  # what pointed along i (right) points along -j (up) after a quarter
        truth = torch.stack((truth[..., 1], -truth[..., 0]), -1)
    return PreparedClip(
        torch.rot90(one.frames, quarters, (2, 3)).contiguous(),
        truth.contiguous(),
        torch.rot90(one.wall, quarters, (0, 1)).contiguous(),
    )


# ---------------------------------------------------------------------- people


def prepare_clips(series: ImageSeries, motion: Motion | None, data: ClipData, inputs: str) -> list[PreparedClip]:
    """The slices of a person that show the wall at frame 0.

    Raises
    ------
    CardiacMotionError
        where the motion is not known from frame 0, or a frame has no labels.
    """
    if motion is None or motion.reference != 0 or len(series.labels) < len(series):
        raise CardiacMotionError(
            "a network for clips learns from motion that is known from frame 0, and labels of every frame; "
            f"this series has {'no motion' if motion is None else f'motion from {motion.origin}'} and labels of "
            f"{len(series.labels)} of {len(series)} frames"
        )
    labels = np.stack([series.labels[t] for t in range(len(series))])
    seen = labels == MYOCARDIUM if inputs == WALL else normalize_intensity(series.frames)
    voxels = torch.cat([motion.voxels(t) for t in range(len(series))])[..., :2]
    slices = clip_slices(series, seen, 0, data.pixel_mm, data.size, [])
    return [PreparedClip(one.frames, one.cut_displacement(voxels[:, k]), _wall(one)) for k, one in slices.items()]


def _wall(one: ClipSlice) -> Tensor:
    return one.cut(torch.from_numpy(one.wall)[None, None].float())[0, 0] > 0.5


def synthetic_people(data: ClipData, count: int, first_seed: int) -> list[SyntheticSubject]:
    """People of the seeds from ``first_seed`` on; pixels, thickness and place as scanners have them."""
    timing: dict[str, Any] = {"frames": data.frames}
    if data.kind == "dense":
        timing |= {"cycle_ms": CYCLE_MS, "frame_ms": min(LONGEST_FRAME_MS, 0.9 * CYCLE_MS / (data.frames - 1))}
    stream = SeriesStream(
        data.kind,
        count,
        first_seed,
        randomized=True,
        slices=data.slices,
        rows=112,
        columns=112,
        group=data.group,
        **timing,
    )
    return [SyntheticSubject(stream, index) for index in range(count)]


def clip_task(
    network: ClipNetwork,
    data: ClipData,
    loss: ClipLoss,
    seed: int = 0,
    subjects: Sequence[TrainingSubject] | None = None,
    told: Told | None = None,
    store: Path | None = None,
) -> ClipTask:
    """The task with synthetic people, or with those given: the last fifth of them, one at least, is held out.

    ``store`` is a file that keeps them prepared.

    Raises
    ------
    CardiacMotionError
        for fewer than two people, or one of whom nothing can be learned.
    """
    inputs = network.config.inputs
    settings = {name: value for name, value in asdict(data).items() if name not in DRAWING}
    preparation = Preparation(
        lambda series, motion: prepare_clips(series, motion, data, inputs), PreparedClip, ["clips", inputs, settings]
    )
    counts = (data.subjects, data.held_out)
    clips, held_out, about = people.training_people(
        subjects, partial(synthetic_people, data), counts, preparation, told, store
    )
    task = ClipTask(network, clips, held_out, data, loss, seed)
    task.extra_card = about
    return task
