"""Networks for clips: the frames of one slice over the cycle in, the motion of its wall out; and a series through one.

Such a network knows what it was taught: the wall of the LV, within the slice. Beyond it the motion is continued and
dies out.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from ..errors import CardiacMotionError
from ..fields import resize_displacement, resize_image
from ..motion import Motion
from ..orientation import base_sign, slice_normal
from ..scattered import fit_displacement
from ..series import LV_CAVITY, MYOCARDIUM, ImageSeries, default_reference
from .learned import IN_PLANE, LearnedNetwork, choose_weights, load_network
from .region import normalize_intensity

if TYPE_CHECKING:
    from .clip_method import ClipOptions
    from .protocol import Context

WALL, IMAGE = "wall", "image"  # what is seen of a frame
SHARED = ("weights", "carrier")
FEWEST = 12  # pixels of wall in a slice
SMOOTHING = 1.0  # of the continuation beyond the wall
REACH_MM, FADE_MM = 6.0, 15.0  # of it; a heart moves by less than a fade
CARRYING = 0.7  # share of the time
WALL_ONLY = "Only the motion of the LV wall was found; beyond it, it is continued and dies out."
LATER = (
    "The reference, frame {reference}, is not end-diastole (frame {first}), from which the network learned to follow "
    "the wall. Compute from that frame, and express the motion in this one."
)
CARRIED = (
    "In {given} of {all} frames the wall is drawn; in the others it was carried there by the method {method}, whose "
    "errors stay in the result."
)


class ClipNetwork(LearnedNetwork):
    """The frames of a slice in, the displacement of its wall from the first of them out.

    Its ``config`` has ``inputs``, `WALL` or `IMAGE`.
    """

    @abstractmethod
    def forward(self, clips: Tensor) -> Tensor:
        """Displacement (B, T, J, I, 2) in voxels of clips (B, T, 1, J, I), exactly 0 in frame 0.

        What is at x in frame 0 is at x + u_t(x) in frame t. Any T from 2, any sides.
        """

    def draw(self, clips: Tensor, generator: torch.Generator, **call: Any) -> Tensor:
        """One possible displacement, of networks that know of more than one; numbers from ``generator``."""
        return self(clips, **call)

    def losses(self, clips: Tensor, truth: Tensor, wall: Tensor) -> dict[str, Tensor]:
        """What training makes small, () each, by the names of `training.clips.ClipLoss`.

        ``truth`` (B, T, J, I, 2) in voxels counts where ``wall`` (B, J, I) is 1.
        """
        return {"motion": wall_error(self(clips), truth, wall)}


def wall_error(found: Tensor, truth: Tensor, wall: Tensor) -> Tensor:
    """Mean squared error () in the wall, in voxels squared (paper 001, equation 10), of (B, T, J, I, 2)."""
    squared = (found - truth).square().sum(-1).mean(1)
    return (squared * wall).sum() / wall.sum().clamp_min(1)


# ---------------------------------------------------------------------- a series through a network


def run(name: str, network: type[ClipNetwork], series: ImageSeries, options: ClipOptions, context: Context) -> Motion:
    """The motion that the network of a method finds in every slice in which the reference has a wall of the LV.

    Other slices move as the nearest of these. With an option ``samples`` above one it is the mean of as many that are
    drawn, its `Motion.samples`.
    """
    weights = choose_weights(name, options.weights, series)
    if "size" not in weights.card:
        raise CardiacMotionError(f"weights {weights.name}: their card does not say size, what they were trained with")
    module = load_network(network, weights, context.device)
    context.facts.update(weights=weights.name, weights_sha256=weights.card["sha256"], heart_from="labels")
    call = {key: value for key, value in asdict(options).items() if key not in SHARED}
    count = context.facts["drawn"] = call.pop("samples", 1)
    notes = context.facts.setdefault("notes", [])
    seen = (
        walls_of_all(series, options.carrier, context.part(0, CARRYING))
        if module.config.inputs == WALL
        else normalize_intensity(series.frames)
    )
    pixel_mm, size = float(weights.card["pixel_mm"]), int(weights.card["size"])
    slices = clip_slices(series, seen, context.reference, pixel_mm, size, notes)
    notes += [WALL_ONLY] if series.is_2d else [WALL_ONLY, IN_PLANE]
    first = default_reference(series)
    notes += [LATER.format(reference=context.reference, first=first)] if first != context.reference else []
    found = _through(module, slices, series, count, context.part(CARRYING, 1), call)
    drawn = [Motion.from_voxels(found.pop(0), series, context.reference) for _ in range(count)]
    if count == 1:
        return drawn[0]
    mean = np.zeros_like(drawn[0].displacement)
    for one in drawn:  # all of them together would need as much memory again
        mean += one.displacement / count
    times = series.times if series.timed else None
    return Motion(mean, series.affine, context.reference, times, samples=drawn)


def _through(
    module: ClipNetwork, slices: dict[int, ClipSlice], series: ImageSeries, count: int, context: Context, call: dict
) -> list[Tensor]:
    """Samples of the displacement, (T, K, J, I, 3) in voxels of a series each."""
    order = frames_from(context.reference, len(series))
    samples = [torch.zeros(*series.frames.shape, 3) for _ in range(count)]
    for number, (k, one) in enumerate(slices.items()):

        def generators(k: int = k, number: int = number) -> Iterator[torch.Generator]:
            for n in range(count):
                context.report((number + n / count) / len(slices), f"slice {number + 1} of {len(slices)}")
                seed = int(np.random.SeedSequence([context.seed, n, k]).generate_state(1)[0])
                yield torch.Generator().manual_seed(seed)

        for sample, found in zip(samples, one.through(module, generators(), **call), strict=True):
            sample[order, k, ..., :2] = found
    for k in set(range(series.shape[0])) - set(slices):
        for sample in samples:
            sample[:, k] = sample[:, min(slices, key=lambda known: abs(known - k))]
    return samples


def walls_of_all(series: ImageSeries, carrier: str, context: Context) -> np.ndarray:
    """The wall of the LV (T, K, J, I) bool as it is drawn; where it is not, that of the reference, carried there.

    It is missing in slices that show it in the reference and have none in a frame: many data sets draw the cavity
    alone at end-systole.
    """
    from .registry import register

    walls = np.zeros(series.frames.shape, bool)
    for t, labels in series.labels.items():
        walls[t] = labels == MYOCARDIUM
    missing = walls[context.reference].any((1, 2)) & ~walls.any((2, 3))  # (T, K)
    if not missing.any():
        return walls
    motion = register(
        series,
        carrier,
        reference=context.reference,
        device=str(context.device),
        seed=context.seed,
        progress=context.progress,
    )
    method = motion.provenance["method"]
    given = len(series) - int(missing.any(1).sum())
    context.facts["carried_by"] = method
    context.facts.setdefault("notes", []).append(CARRIED.format(given=given, all=len(series), method=method))
    source = series.labels[context.reference]
    for frame in map(int, np.flatnonzero(missing.any(1))):
        levels = missing[frame]
        walls[frame, levels] = (motion.warp_labels(source, frame) == MYOCARDIUM)[levels]
    return walls


def frames_from(reference: int, count: int) -> np.ndarray:
    """Frames of a cycle in order (count,), the reference first."""
    return (np.arange(count) + reference) % count


def clip_slices(
    series: ImageSeries, seen: np.ndarray, reference: int, pixel_mm: float, size: int, notes: list[str]
) -> dict[int, ClipSlice]:
    """Every slice that shows the wall in the reference, by its number; in training as in use.

    ``seen`` (T, K, J, I) is what the network sees. What had to be guessed is added to ``notes``.

    Raises
    ------
    CardiacMotionError
        where no slice shows the wall, or a wall is wider than the network's field of view.
    """
    labels = series.labels[reference]
    walls = labels == MYOCARDIUM
    levels = np.flatnonzero(walls.sum((1, 2)) >= FEWEST)
    if not len(levels):
        raise CardiacMotionError(
            f"no slice has {FEWEST} pixels of LV myocardium (label {MYOCARDIUM}) in the reference frame {reference}; "
            "draw its wall"
        )
    mirrored, note = seen_from_apex(labels, series)
    notes += [note] if note else []
    order = frames_from(reference, len(series))
    slices = {int(k): ClipSlice(seen[order, k], walls[k], series.spacing, pixel_mm, size, mirrored) for k in levels}
    wide = [k for k, one in slices.items() if not one.holds_wall]
    if wide:
        raise CardiacMotionError(
            f"the LV wall in slice {wide[0]} of the reference frame {reference} is wider than the {size * pixel_mm:g} "
            "mm that the network sees; is it the myocardium of one ventricle?"
        )
    return slices


def seen_from_apex(labels: np.ndarray, series: ImageSeries) -> tuple[bool, str]:
    """Whether the slices, rows downward, are seen from the apex, and a note where that was a guess.

    ``labels`` (K, J, I) are those of one frame. The LV twists the other way round where it is seen from the base, as
    networks see it.
    """
    normal = slice_normal(series.affine)
    sign, note = base_sign(labels == MYOCARDIUM, labels == LV_CAVITY, normal)
    onward = np.cross(series.affine[:3, 0], series.affine[:3, 1])  # away from who looks at it
    return bool(sign * float(onward @ normal) > 0), note


class ClipSlice:
    """One slice on its way to the pixels of a network, and back.

    Parameters
    ----------
    shown
        (T, J, I) what the network sees, the reference first.
    wall
        (J, I) bool of the reference.
    spacing
        (3,) mm along i, j, k.
    pixel_mm, size
        Pixels of the network, and how many in rows and columns, the wall in their middle.
    mirrored
        Whether it is mirrored to be seen from the base.
    """

    def __init__(
        self, shown: np.ndarray, wall: np.ndarray, spacing: np.ndarray, pixel_mm: float, size: int, mirrored: bool
    ) -> None:
        self.wall, self.size, self.mirrored = wall, size, mirrored
        self.mm = float(np.sqrt(np.prod(spacing[:2])))
        self.plane = tuple(max(8, round(n * mm / pixel_mm)) for n, mm in zip(wall.shape, spacing[1::-1], strict=True))
        middle = (np.array(ndimage.center_of_mass(wall)) + 0.5) * self.plane / wall.shape
        self.starts = [round(float(m) - size / 2) for m in middle]
        self.frames = self.cut(torch.from_numpy(np.ascontiguousarray(shown, dtype=np.float32))[:, None])

    @property
    def holds_wall(self) -> bool:
        """Whether all of the wall is in the network's view."""
        edges = (np.argwhere(self.wall) + 0.5) * self.plane / self.wall.shape - self.starts
        return bool((edges > 0).all() and (edges < self.size).all())

    def cut(self, images: Tensor) -> Tensor:
        """Images (T, C, J, I) of the slice as the network sees them, (T, C, size, size), continued beyond the edges."""
        j, i = (
            torch.arange(start, start + self.size).clamp(0, n - 1)
            for start, n in zip(self.starts, self.plane, strict=True)
        )
        images = resize_image(images, self.plane)[:, :, j][..., i]
        return images.flip(-1) if self.mirrored else images

    def cut_displacement(self, displacement: Tensor) -> Tensor:
        """The same for a displacement (T, J, I, 2) in voxels of the slice: (T, size, size, 2) in pixels."""
        scale = displacement.new_tensor([new / was for new, was in zip(self.plane, self.wall.shape, strict=True)][::-1])
        seen = self.cut((displacement * scale).movedim(-1, 1)).movedim(1, -1)
        return seen * seen.new_tensor([-1.0, 1.0]) if self.mirrored else seen

    @torch.no_grad()
    def through(self, module: ClipNetwork, generators: Iterable[torch.Generator], **call: Any) -> Tensor:
        """Displacements (n, T, J, I, 2) in voxels of the slice, one drawn by each generator."""
        clips = self.frames[None].to(next(module.parameters()))
        drawn = [module.draw(clips, generator, **call)[0].float().cpu() for generator in generators]
        return self.back(torch.cat(drawn)).unflatten(0, (len(drawn), -1))

    def back(self, displacement: Tensor) -> Tensor:
        """Displacements (T, size, size, 2) of the network on the slice: those of the wall, continued beyond it."""
        found = displacement.flip(-2) * displacement.new_tensor([-1.0, 1.0]) if self.mirrored else displacement
        j, i = (
            (torch.arange(n) - start).clamp(0, self.size - 1) for start, n in zip(self.starts, self.plane, strict=True)
        )
        return self._continued(resize_displacement(found[:, j][:, :, i], self.wall.shape))

    def _continued(self, displacement: Tensor) -> Tensor:
        values = displacement[:, self.wall].movedim(0, 1).flatten(1).double().numpy()  # (N, T * 2)
        points = np.argwhere(self.wall).astype(np.float64)
        heart = ndimage.binary_fill_holes(self.wall)
        reach, fade = REACH_MM / self.mm, FADE_MM / self.mm
        field = fit_displacement(points, values, heart, SMOOTHING, reach, fade)
        return torch.from_numpy(field).unflatten(-1, (-1, 2)).movedim(2, 0).float()
