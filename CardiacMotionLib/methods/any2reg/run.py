"""A series through the network: every slice a set of its own."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from ...fields import resize_displacement, resize_image
from ...weights import find, read_card
from ..groupwise import alignment_loss, low_rank, register_slices
from ..learned import choose_weights, load_network
from .extractor import region_features
from .loss import MEAN, drawn, feature_difference, group_motion
from .network import Network

if TYPE_CHECKING:
    from ...motion import Motion
    from ...series import ImageSeries
    from ..protocol import Context
    from .network import Features

PIXELS_AT_ONCE = 600_000  # that the network is given in one go; bounds the memory
TUNED_AT_ONCE = 32  # frames that a step of the refinement sees, drawn anew every time
CLIP = 1.0  # of the gradient


def run(series: ImageSeries, options: Any, context: Context, features: Features | None = None) -> Motion:
    """Motion from the canonical space of the set of frames, in every slice that of its own.

    The images around the heart are brought to unit range and to the pixels that the network was trained with.
    ``features`` is any callable for the second stream, (M, 1, J, I) to (M, C, J, I); by default what the weights name.
    """
    weights = choose_weights("any2reg", options.weights, series)
    network = load_network(Network, weights, context.device)
    context.facts.update(weights=weights.name, weights_sha256=weights.card["sha256"])
    pixel_mm = float(weights.card["pixel_mm"])
    if features is None and network.config.features:
        features = region_features(network.config.extractor, network.config.features, pixel_mm, context.device)
        context.facts["features_sha256"] = read_card(find(network.config.extractor))["sha256"]

    def group(frames: np.ndarray, spacing: np.ndarray, part: Context) -> Tensor:
        plane = [max(8, round(n * mm / pixel_mm)) for n, mm in zip(frames.shape[1:], spacing[::-1], strict=True)]
        images = resize_image(torch.from_numpy(frames)[:, None], plane)
        found = register_set(network, images, features, pixel_mm, options.refine, options.rate, part)
        return resize_displacement(found, frames.shape[1:])

    return register_slices(series, group, options.margin, context)


def register_set(
    network: Network,
    frames: Tensor,
    features: Features | None,
    pixel_mm: float,
    refine: int,
    rate: float,
    context: Context,
) -> Tensor:
    """Displacement (N, J, I, 2) in voxels of a set of frames (N, 1, J, I), canonical space to frame, on the CPU."""
    share = 0.95 if refine else 0.0  # of the time
    if refine:
        network = tuned(network, frames, features, pixel_mm, refine, rate, context.part(0, share))
    at_once = max(1, PIXELS_AT_ONCE // frames[0].numel())
    told = context.part(share, 1)
    return network.stream(
        frames, at_once, features, lambda fraction: told.report(fraction, f"{len(frames)} images")
    ).float()


def tuned(
    network: Network,
    frames: Tensor,
    features: Features | None,
    pixel_mm: float,
    steps: int,
    rate: float,
    context: Context,
) -> Network:
    """A copy of the network that was trained on for some steps, on these frames alone (instance optimization).

    By local correlation with what few shared images give of every image (`low_rank`), not by the conditional template
    entropy of the paper: with that, and beside a null with the mean as template, the tissue of synthetic hearts ended
    up farther from where it belongs. Of many frames every step sees `TUNED_AT_ONCE`, drawn by the seed.
    """
    network = copy.deepcopy(network)
    like = next(network.parameters())
    generator = torch.Generator().manual_seed(context.seed)
    optimizer = torch.optim.Adam(network.parameters(), rate)
    with torch.enable_grad():
        for step in range(steps):
            context.report(step / steps, f"refining, step {step + 1} of {steps}")
            chosen = torch.randperm(len(frames), generator=generator)[:TUNED_AT_ONCE]
            images = frames[chosen].to(like)[None]
            seen = None if features is None else features(images[0])[None]
            displacement = network(images, seen)
            spacing = np.full(2, pixel_mm)
            loss = alignment_loss(images[0], displacement[0], spacing, squared=False, template=low_rank)
            loss = loss + MEAN * group_motion(displacement)
            if seen is not None:
                loss = loss + feature_difference(drawn(seen, displacement))
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), CLIP)
            optimizer.step()
    return network
