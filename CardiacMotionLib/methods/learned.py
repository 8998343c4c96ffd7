"""Methods that are trained networks: what a network is, which weights it gets, and how one for pairs registers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d
from torch import Tensor, nn

from ..errors import CardiacMotionError
from ..fields import enlarge, resize_displacement, resize_image
from ..series import LABEL_NAMES
from ..weights import Weights, available, cards
from .learned_method import AUTO
from .protocol import describe_options
from .region import find_region, normalize_intensity, paste

if TYPE_CHECKING:
    from ..series import ImageSeries
    from .protocol import Context

VOXELS_AT_ONCE = 250_000  # that a network is given in one batch; bounds the memory
PREPARATION = ("inversion_times", "saturation_times", "echo_times")  # in the meta of a series for maps
IN_PLANE = "The slices were registered one by one: the motion is that within them, none is known through them."
STACK_DIMS = 3  # of the weights that a stack goes through where there are both: Testing/results/learned_accuracy.md
SHORTEST_PATH = 5  # frames that can be smoothed over
CINE, MAPPING, ANY = "cine", "mapping", "any"  # what weights are for
NEEDED = ("dims", "pixel_mm")  # of a card, for a run


class LearnedNetwork(nn.Module, ABC):
    """A network that can be built again from its settings.

    Attributes
    ----------
    config
        Frozen dataclass ``Config`` made of `option`.
    dims
        2 or 3.
    """

    Config: ClassVar[type]

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = config
        self.dims: int = config.dims

    def fuse(self) -> None:
        """Bring the network into the form that is quickest for inference; it cannot be trained on."""


class PairNetwork(LearnedNetwork):
    """Two images in, the displacement that draws the second in the first out.

    Attributes
    ----------
    segments
        Whether `look` tells regions.
    wide
        Whether it sees so far that it is shown as wide a field as it was trained with.
    """

    segments: bool = False
    wide: bool = False  # sees so far that it must be shown as much as it was trained with
    most_steps: int | None = None  # that may be asked for, of networks that iterate

    @abstractmethod
    def forward(self, fixed: Tensor, moving: Tensor, steps: int | None = None) -> list[Tensor]:
        """Displacement (B, *shape, dims) in voxels after every step, the last being the answer.

        ``fixed`` and ``moving`` are (B, 1, *shape) in unit intensity range; what is at x in ``fixed`` is at x + u(x) in
        ``moving``. Sides may have any length. ``steps`` is for networks that iterate: other than trained with.
        """

    def look(self, fixed: Tensor, moving: Tensor, steps: int | None = None) -> tuple[list[Tensor], list[Tensor]]:
        """The displacements, and log-probabilities (B, N, *shape_i) of labels 0 to N - 1 in ``fixed``.

        Of networks that tell such; at full resolution first, then coarser.
        """
        return self(fixed, moving, steps), []

    def regions(self, images: Tensor) -> Tensor:
        """Log-probabilities (B, N, *shape) of labels 0 to N - 1 in images (B, 1, *shape), if it tells any."""
        return self.look(images, images)[1][0]

    def step_weights(self, count: int) -> list[float]:
        """What each of ``count`` steps counts in training, relative to each other."""
        return [0.0] * (count - 1) + [1.0]


class GroupNetwork(LearnedNetwork):
    """A set of images in, the displacement of each from a canonical space out."""

    @abstractmethod
    def forward(self, frames: Tensor, features: Tensor | None = None) -> Tensor:
        """Displacement (B, N, *shape, dims) in voxels: what is at x of the canonical space is at x + u_n(x) in frame n.

        ``frames`` are B sets of N images, (B, N, 1, *shape) in unit intensity range. Sides may have any length.
        ``features`` (B, N, C, *shape) are for networks with a second stream of them.
        """


AnyNetwork = TypeVar("AnyNetwork", bound=LearnedNetwork)


def build_network(network: type[AnyNetwork], config: dict[str, Any]) -> AnyNetwork:
    """A network from plain values; raises `CardiacMotionError` naming those that do not fit its ``Config``."""
    known = {one.name: one for one in describe_options(network.Config)}
    unknown = sorted(set(config) - set(known))
    if unknown:
        raise CardiacMotionError(
            f"the network of {network.__module__.split('.')[-2]} has no setting {', '.join(unknown)}; it has "
            f"{', '.join(known)}"
        )
    return network(network.Config(**{name: known[name].check(value) for name, value in config.items()}))


def load_network(network: type[AnyNetwork], weights: Weights, device: torch.device) -> AnyNetwork:
    """The network of weights, with them, for inference."""
    module = build_network(network, weights.config)
    weights.load_into(module)
    module.eval().fuse()
    return module.to(device)


# ---------------------------------------------------------------------- which weights


def choose_weights(method: str, asked: str, series: ImageSeries) -> Weights:
    """The weights that were asked for by name or file, or with ``auto`` those that fit the series.

    Raises
    ------
    CardiacMotionError
        where none fit, or their card does not say what a run needs to know.
    """
    weights = Weights.load(fitting_file(method, series) if asked == AUTO else asked, method=method)
    missing = [key for key in NEEDED if key not in weights.card]
    if missing:
        raise CardiacMotionError(
            f"weights {weights.name}: their card does not say {' and '.join(missing)}, what they were trained with"
        )
    if series.is_2d and weights.card["dims"] == 3:
        raise CardiacMotionError(f"weights {weights.name} are for stacks, the series is one slice; take others")
    return weights


def trained_field_mm(card: Mapping[str, Any]) -> float:
    """Side of the images that weights were trained with, by their card; 0 where that does not say it."""
    data = card.get("recipe", {}).get("data", {})
    return float(data.get("size", 0)) * float(card["pixel_mm"])


def fitting_file(method: str, series: ImageSeries) -> Path:
    """Of the weights that are found by name the first that fit a series.

    Those for maps where the series knows its preparation times, else those for cines; for a stack those of
    `STACK_DIMS` if there are such.
    """
    task = MAPPING if any(name in series.meta for name in PREPARATION) else CINE
    wanted = 2 if series.is_2d else STACK_DIMS
    fitting = {
        file: card.get("dims")
        for file, card in cards(method).items()
        if card.get("task") in (task, ANY) and not (series.is_2d and card.get("dims") == 3)
    }
    if not fitting:
        damaged = ", ".join(file.name for file in available() if file not in cards())
        raise CardiacMotionError(
            f"method {method} has no weights of task {task} for a {'slice' if series.is_2d else 'stack'}; train some "
            f"(cardiac-motion train {method}) and name their file as weights"
            + (f". {damaged}: no card that can be read is beside it" if damaged else "")
        )
    return max(fitting, key=lambda file: fitting[file] == wanted)


# ---------------------------------------------------------------------- a series through a network


def register_series(
    series: ImageSeries,
    module: PairNetwork,
    pixel_mm: float,
    margin_mm: float,
    context: Context,
    *,
    field_mm: float = 0.0,
    **call: Any,
) -> tuple[Tensor, np.ndarray | None]:
    """Displacement (T, K, J, I, 3) in voxels of ``series``: every frame against the reference, many at once.

    And the labels (K, J, I) uint8 of the reference, of a network that tells such.

    The images around the heart are brought to unit range and to pixels of ``pixel_mm``, what the network was trained
    with; a network for two dimensions gets the slices one by one and leaves what goes through them at zero. It is shown
    the heart with ``margin_mm`` around it, and ``field_mm`` at least. ``call`` is passed on to the network.
    """
    steps = call.get("steps")
    if steps and module.most_steps is not None and steps > module.most_steps:
        raise CardiacMotionError(
            f"option steps must be at most {module.most_steps} with these weights, got {steps}: beyond what it was "
            "trained with the network only gets worse"
        )
    region = find_region(series, context.reference, margin_mm, least_mm=field_mm)
    cropped = series.crop(region.box)
    frames = torch.from_numpy(normalize_intensity(cropped.frames))
    context.facts["heart_from"] = region.source
    plane = [max(8, round(n * mm / pixel_mm)) for n, mm in zip(cropped.shape[1:], series.spacing[1::-1], strict=True)]
    images = resize_image(frames, plane)[:, None]  # (T, 1, K, j, i)
    others = [t for t in range(len(frames)) if t != context.reference]
    fixed = images[context.reference].expand(len(others), *images.shape[1:])
    found = run_pairs(module, fixed, images[others], context, **call)
    if module.dims == 2:
        if not series.is_2d:
            context.facts.setdefault("notes", []).append(IN_PLANE)
        found = torch.cat((found, torch.zeros_like(found[..., :1])), dim=-1)
    inside = torch.zeros(*frames.shape, 3)
    inside[others] = resize_displacement(found, cropped.shape).to(inside)
    labels = None
    if module.segments:
        labels = np.zeros(series.shape, np.uint8)
        labels[region.box] = segment(module, images[context.reference], cropped.shape)
    return paste(inside, series, region.box, margin_mm), labels


def smoothed(displacement: Tensor, frames: float, reference: int) -> Tensor:
    """Displacement (T, K, J, I, 3) smoothed along T by a Gaussian of ``frames``, and still zero at the reference.

    Raises `CardiacMotionError` for a series too short to have a path.
    """
    check_path(len(displacement))
    paths = torch.from_numpy(gaussian_filter1d(displacement.numpy(), frames, axis=0, mode="nearest"))
    return paths - paths[reference]


def check_path(frames: int) -> None:
    """Raise `CardiacMotionError` for too few frames to smooth over."""
    if frames < SHORTEST_PATH:
        raise CardiacMotionError(
            f"option smoothing needs at least {SHORTEST_PATH} frames, the series has {frames}; leave it at 0"
        )


@torch.no_grad()
def segment(module: PairNetwork, image: Tensor, shape: tuple[int, ...]) -> np.ndarray:
    """Labels of ``shape`` (K, J, I) that a network tells in an image (1, K, j, i) of its own pixel size."""
    like = next(module.parameters())
    images = (image[None] if module.dims == 3 else image.movedim(1, 0)).to(like)
    regions = module.regions(images).float().exp().cpu()
    stack = regions if module.dims == 3 else regions.movedim(0, 1)[None]
    return labels_of(enlarge(stack, shape))[0].to(torch.uint8).numpy()


def labels_of(regions: Tensor) -> Tensor:
    """The likeliest label (B, *shape) of probabilities (B, N, *shape); slots beyond the labels are background, too."""
    drawn = regions[:, 1 : 1 + max(LABEL_NAMES)]
    return torch.cat((1 - drawn.sum(1, keepdim=True), drawn), dim=1).argmax(1)


def _like(images: Tensor, like: Tensor) -> Tensor:
    """Images where ``like`` is, in its precision; one that is expanded to many stays one."""
    return images[:1].to(like).expand_as(images) if images.stride(0) == 0 else images.to(like)


def run_pairs(module: PairNetwork, fixed: Tensor, moving: Tensor, context: Context, **call: Any) -> Tensor:
    """Displacement (N, K, J, I, dims) of pairs of stacks (N, 1, K, J, I), in batches of bounded size, on the CPU."""
    n, _, k, *plane = fixed.shape
    like = next(module.parameters())
    if module.dims == 2:  # slices are pairs of their own
        fixed, moving = (images.movedim(2, 1).reshape(n * k, 1, *plane) for images in (fixed, moving))
    at_once = max(1, VOXELS_AT_ONCE // int(np.prod(fixed.shape[2:])))
    parts = []
    for start in range(0, len(fixed), at_once):
        context.report(start / len(fixed), f"pair {start + 1} of {len(fixed)}")
        pair = (_like(images[start : start + at_once], like) for images in (fixed, moving))
        with torch.no_grad():  # not inference_mode, in which no gradient of a similarity can be had
            parts.append(module(*pair, **call)[-1].float().cpu())
    found = torch.cat(parts)
    return found if module.dims == 3 else found.reshape(n, k, *plane, 2)
