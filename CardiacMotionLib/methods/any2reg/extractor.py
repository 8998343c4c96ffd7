"""Features from elsewhere for the second stream: any callable will do, one comes of a network that tells regions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ...errors import CardiacMotionError
from ...weights import Weights
from ..learned import PairNetwork, load_network
from ..registry import methods

if TYPE_CHECKING:
    from .network import Features


def region_features(name: str, count: int, pixel_mm: float, device: torch.device) -> Features:
    """What the weights ``name`` tell of images (M, 1, J, I): the probabilities (M, count, J, I) of their regions.

    Raises
    ------
    CardiacMotionError
        for weights that do not exist, tell no regions of slices, or another number of them, or are for other pixels.
    """
    weights = Weights.load(name)
    info = methods().get(weights.card["method"])
    network = load_network(info.network(), weights, device) if info is not None and info.network is not None else None
    if not isinstance(network, PairNetwork) or not network.segments or network.dims != 2:
        raise CardiacMotionError(
            f"weights {name} tell no regions of slices; features can come of those of a memwarp network in 2D"
        )
    if network.config.regions != count:
        raise CardiacMotionError(
            f"weights {name} tell {network.config.regions} regions, features of {count} are needed; take others"
        )
    if abs(float(weights.card["pixel_mm"]) - pixel_mm) > 1e-6:
        raise CardiacMotionError(
            f"weights {name} are for pixels of {weights.card['pixel_mm']} mm, their features are needed on {pixel_mm}"
        )
    teller = network

    @torch.no_grad()
    def features(images: Tensor) -> Tensor:
        like = next(teller.parameters())
        return teller.regions(images.to(like)).float().exp().to(images)

    return features
