"""Data sets for training: synthetic examinations that are made when asked for and not kept.

`PairStream` and `SeriesStream` are map-style data sets of torch. Item ``index`` is the person of seed ``first_seed +
index`` and a pure function of that seed and the options, so `torch.utils.data.DataLoader` may have any number of
workers, forked or spawned (each computes with one thread); on a GPU it needs none, or spawned ones.

Seeds from `HELD_OUT` on are for validation and testing: a stream lies below or above, so that a network trained on the
one has never seen a heart of the other. A stream that begins where another ends has people of its own.

An option given as a tuple is drawn for every item: a number from (low, high), anything else from the values listed.
`RANDOMIZED` is a set of such options, with which a network meets wider contrasts, artefacts and positions than a
scanner makes, so that real images are one more sample to it (Hoffmann 2022, doi 10.1109/TMI.2021.3116879).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from .. import fields
from ..errors import CardiacMotionError
from ..methods.region import normalize_intensity
from . import KINDS, checked, cine, options_of
from .population import HeartOptions, draw_person
from .subject import Subject

HELD_OUT = 1_000_000  # the first seed that no network is trained on
TESTED = HELD_OUT + 1000  # the first seed that no network was chosen by, either
RANDOMIZED: Mapping[str, Any] = {
    "group": "any",
    "sliding": (False, True),
    "papillary": (False, True),
    "contrast": "random",
    "artefacts": "random",
    "texture": (0.0, 0.25),
    "noise": (0.0, 8.0),
    "acquired": (0.5, 1.0),
    "pixel_mm": (1.2, 2.0),
    "misalignment": (0.0, 15.0),
    "shift_x_mm": (-20.0, 20.0),
    "shift_y_mm": (-20.0, 20.0),
}
PHASES = ("end_systole", "random")
APART = (0.01, 0.99)  # of the cycle: least and most time from one random moment to the other


class _Stream(Dataset[dict[str, Any]]):
    """Seeds and options of the items of a stream."""

    def __init__(
        self,
        kind: str,
        count: int,
        first_seed: int,
        options: Mapping[str, Any],
        *,
        randomized: bool,
        normalized: bool,
        device: torch.device | str,
    ) -> None:
        self._types = {o.name: o.type for o in options_of(kind)}
        preset = {n: v for n, v in RANDOMIZED.items() if n in self._types} if randomized else {}
        self.kind, self.count, self.first_seed = kind, count, first_seed
        self.normalized, self.device = normalized, torch.device(device)
        self._given = {**preset, **options}
        self._check()

    def _check(self) -> None:
        if isinstance(self.count, bool) or not isinstance(self.count, int) or self.count < 1:
            raise CardiacMotionError(f"count must be a whole number from 1, got {self.count!r}")
        checked(self.kind, self.first_seed, {n: v for n, v in self._given.items() if not isinstance(v, tuple)})
        if self.first_seed < HELD_OUT < self.first_seed + self.count:
            raise CardiacMotionError(
                f"{self.count} items from seed {self.first_seed} run into the held-out seeds, which begin at "
                f"{HELD_OUT}; use a smaller count, or first_seed={HELD_OUT} for held-out items"
            )
        for name, values in self._given.items():
            if isinstance(values, tuple):
                self._check_choice(name, values)

    def _check_choice(self, name: str, values: tuple) -> None:
        for value in values:
            checked(self.kind, self.first_seed, {name: value})
        if not values:
            raise CardiacMotionError(f"option {name} is drawn from a tuple of values, got an empty one")
        number = self._types.get(name) in (int, float)
        if number and (len(values) != 2 or None in values or values[0] > values[1]):
            raise CardiacMotionError(f"option {name} is drawn between two numbers (low, high), got {values!r}")

    def __len__(self) -> int:
        return self.count

    def seed(self, index: int) -> int:
        """Seed of an item; raises IndexError for one that does not exist."""
        if not 0 <= index < self.count:
            raise IndexError(f"item {index} of a stream of {self.count}")
        return self.first_seed + int(index)

    def options(self, index: int) -> dict[str, Any]:
        """Options of an item as `phantom` takes them: those given, with what was drawn for this item."""
        seed = self.seed(index)
        return {name: self._drawn(name, value, seed) for name, value in self._given.items()}

    def _drawn(self, name: str, value: Any, seed: int) -> Any:
        """The value of an option for a seed: does not depend on what else is drawn."""
        if not isinstance(value, tuple):
            return value
        rng = np.random.default_rng([seed, *name.encode()])
        if self._types[name] is float:
            return float(rng.uniform(*value))
        if self._types[name] is int:
            return int(rng.integers(value[0], value[1] + 1))
        return value[int(rng.integers(len(value)))]

    def _frames(self, subject: Subject) -> Tensor:
        """Frames (T, 1, K, J, I)."""
        frames = subject.series.frames
        return torch.from_numpy(normalize_intensity(frames) if self.normalized else frames)[:, None]


class PairStream(_Stream):
    """Two frames of a cine and the exact motion from one to the other.

    By default all items are the plain average heart; for training give ``randomized=True`` or at least ``group="any"``.

    An item is a dict of tensors:

    - ``fixed``, ``moving`` (1, K, J, I) float32; ``fixed_labels``, ``moving_labels`` (K, J, I) uint8;
    - ``displacement`` (K, J, I, 3) float32 in voxels (i, j, k): what is at the voxel x of ``fixed`` is at x + u(x) in
      ``moving``, so warping ``moving`` with it draws it in ``fixed``;
    - ``spacing`` (3,) float32 mm along i, j, k; ``seed`` () int64.

    Parameters
    ----------
    count, first_seed
        How many items, and the seed of the first.
    phases
        ``end_systole``: from end-diastole to end-systole. ``random``: from any moment of the cycle to any other.
    randomized
        Whether the options of `RANDOMIZED` hold that are not given.
    normalized
        Whether the frames of an item are scaled together such that their 1st and 99th percentile are 0 and 1 (clipped
        at 0 and 1.3), as the registration methods scale theirs.
    device
        Where items are computed; the tensors are on the CPU.
    options
        Of the cine phantom but ``frames``; a tuple is drawn from. Items of different ``rows``, ``columns`` or
        ``slices`` cannot be put into one batch.

    Raises
    ------
    CardiacMotionError
        for a count, a seed or an option that does not fit, and seeds on both sides of `HELD_OUT`.
    """

    def __init__(
        self,
        count: int,
        first_seed: int = 0,
        *,
        phases: str = "end_systole",
        randomized: bool = False,
        normalized: bool = True,
        device: torch.device | str = "cpu",
        **options: Any,
    ) -> None:
        if phases not in PHASES:
            raise CardiacMotionError(f"phases must be one of {', '.join(PHASES)}, got {phases!r}")
        if "frames" in options:
            raise CardiacMotionError("a pair has two frames, so frames cannot be given; use SeriesStream for more")
        super().__init__(
            "cine", count, first_seed, options, randomized=randomized, normalized=normalized, device=device
        )
        self._phases = phases

    def phases(self, index: int) -> tuple[float, float]:
        """Phases of the cycle at which an item is fixed (0..1) and moving: after that, maybe in the next cycle."""
        seed = self.seed(index)
        if self._phases == "random":
            rng = np.random.default_rng([seed, *b"phases"])
            fixed = float(rng.uniform())
            return fixed, fixed + float(rng.uniform(*APART))
        _, options = checked(self.kind, seed, self.options(index))
        return 0.0, end_systole(seed, options)

    def subject(self, index: int) -> Subject:
        """The two frames as a cine, with the motion from the first to the second."""
        seed, options = checked(self.kind, self.seed(index), self.options(index))
        return cine.cine_at(seed, options, np.array(self.phases(index)), self.device)

    def share(self, index: int, tissue: int) -> np.ndarray:
        """Share (K, J, I) of a tissue, an index in `tissues.TISSUES`, in what is drawn of a person at end-diastole."""
        seed, options = checked(self.kind, self.seed(index), self.options(index))
        exam = cine.begin(seed, cine.settled(options, seed), self.device)
        return exam.shares(torch.tensor([tissue]))[0].cpu().numpy()

    def __getitem__(self, index: int) -> dict[str, Any]:
        subject = self.subject(index)
        fixed, moving = self._frames(subject)
        return {
            "fixed": fixed,
            "moving": moving,
            "fixed_labels": torch.from_numpy(subject.series.labels[0]),
            "moving_labels": torch.from_numpy(subject.series.labels[1]),
            "displacement": subject.motion.voxels(1)[0],
            "spacing": torch.from_numpy(subject.series.spacing).float(),
            "seed": torch.tensor(self.seed(index)),
        }


class SeriesStream(_Stream):
    """Whole examinations with the exact motion from frame 0.

    An item is a dict of tensors:

    - ``frames`` (T, 1, K, J, I) float32; ``labels`` (T, K, J, I) uint8; K is 1 for ``slices=1``;
    - ``displacement`` (T, K, J, I, 3) float32 in voxels (i, j, k): what is at the voxel x of frame 0 is at x + u(x, t)
      in frame t;
    - ``maps``: a dict of what else is known, see the kind; ``times`` (T,) float64 ms where frames have times;
    - ``spacing`` (3,) float32 mm along i, j, k; ``seed`` () int64.

    Parameters
    ----------
    kind
        Of the examination, see `KINDS`.
    count, first_seed, randomized, normalized, device, options
        As for `PairStream`, the options those of the kind. Items of different shapes cannot be put into one batch.

    Raises
    ------
    CardiacMotionError
        as for `PairStream`, and for an unknown kind.
    """

    def __init__(
        self,
        kind: str,
        count: int,
        first_seed: int = 0,
        *,
        randomized: bool = False,
        normalized: bool = True,
        device: torch.device | str = "cpu",
        **options: Any,
    ) -> None:
        super().__init__(kind, count, first_seed, options, randomized=randomized, normalized=normalized, device=device)

    def subject(self, index: int) -> Subject:
        """The examination."""
        seed, options = checked(self.kind, self.seed(index), self.options(index))
        return KINDS[self.kind].make(seed, options, self.device)

    def __getitem__(self, index: int) -> dict[str, Any]:
        subject = self.subject(index)
        series = subject.series
        millimeters = torch.from_numpy(subject.motion.displacement)
        item = {
            "frames": self._frames(subject),
            "labels": torch.from_numpy(np.stack([series.labels[t] for t in range(len(series))])),
            "displacement": fields.world_to_voxel(millimeters, torch.from_numpy(series.affine)),
            "maps": {name: torch.from_numpy(values) for name, values in subject.maps.items()},
            "spacing": torch.from_numpy(series.spacing).float(),
            "seed": torch.tensor(self.seed(index)),
        }
        return {**item, "times": torch.from_numpy(series.times)} if series.timed else item


def end_systole(seed: int, options: HeartOptions) -> float:
    """Phase (0..1) at which the LV of the person of a seed is smallest: the closure of the aortic valve."""
    of_person = np.random.default_rng(seed).spawn(1)[0]
    return draw_person(options, of_person).kinematics.timing.closure
