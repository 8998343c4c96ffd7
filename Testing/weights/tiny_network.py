"""The smallest network that has a configuration, and weights of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch

from CardiacMotionLib.methods.protocol import option
from CardiacMotionLib.weights import Weights


@dataclass(frozen=True)
class Config:
    dims: int = option(2, "Dimensions", minimum=2, maximum=3)
    width: int = option(3, "Channels", minimum=1, maximum=8)
    gain: float = option(0.5, "Of what is learned", minimum=0, maximum=2)


class TinyNetwork(torch.nn.Module):
    Config = Config

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.dims = config.dims
        self.layer = torch.nn.Conv2d(1, config.width, 3)
        self.norm = torch.nn.BatchNorm2d(config.width)

    def fuse(self) -> None:
        """Nothing to do."""


def tiny_weights(seed: int = 0, card: dict | None = None, **config) -> Weights:
    """Drawn weights with their card."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = TinyNetwork(Config(**config))
    about = {"method": "tiny", "task": "cine", "dims": network.dims, "notice": "Research use only", **(card or {})}
    return Weights(network.state_dict(), {**about, "network": asdict(network.config)})
