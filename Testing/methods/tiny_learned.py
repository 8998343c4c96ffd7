"""Weights of learned methods that know nothing, made at once: for tests of all that is around a network."""

from __future__ import annotations

from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from CardiacMotionLib.methods import methods
from CardiacMotionLib.methods.learned import build_network
from CardiacMotionLib.weights import Weights

LEARNED = sorted(
    name
    for name, info in methods().items()
    if info.network is not None and all(find_spec(package) is not None for package in info.requires)
)
PAIRS_AND_GROUPS = [name for name in LEARNED if methods()[name].task != "clips"]  # not told where the wall is
SMALLEST: dict[str, dict[str, Any]] = {
    "riir": {"steps": 3, "first": 2, "second": 2},
    "voxelmorph": {"convolutions": 1},
    "memwarp": {"dims": 2, "channels": 2, "most_channels": 8, "levels": 2, "context": 2, "hidden": 4},
    "any2reg": {"channels": 2, "levels": 2},
    "gradirn": {"levels": 2, "steps": 1, "channels": 4, "layers": 2},
    "lamod": {"width": 8, "blocks": 1, "latent": 4, "shooting": 1, "chain": 5, "heads": 2}
    | {"denoiser_width": 8, "denoiser_blocks": 1, "decoder_width": 8, "decoder_blocks": 1},
    "unetr": {"size": 32, "width": 8, "heads": 2, "features": 2},
    "strainnet": {"width": 2, "levels": 2},
}
SIZE = 48  # pixels that networks for clips see


def tiny_weights(
    method: str, path: Path, task: str = "cine", pixel_mm: float = 2.0, card: dict | None = None, **config: Any
) -> Path:
    """A file of drawn weights with its card, of a network with ``config`` and else as small as it gets."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build_network(methods()[method].network(), {**SMALLEST.get(method, {}), **config})
    about = {"method": method, "task": task, "dims": network.dims, "pixel_mm": pixel_mm, "notice": "Research use only"}
    about |= {"size": SIZE} if methods()[method].task == "clips" else {}
    return Weights(network.state_dict(), {**about, **(card or {}), "network": asdict(network.config)}).save(path)
