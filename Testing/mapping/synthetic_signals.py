"""Acquisitions and random pixels of every fitted model, for the tests of mapping."""

from __future__ import annotations

import torch
from torch import Tensor

from CardiacMotionLib.mapping.models import Model, make_model
from CardiacMotionLib.phantom import schemes

FITTED = ("molli", "stone", "ir", "sasha", "sasha2", "msasha", "t2prep")
SCHEMES = {
    "molli": schemes.molli("3(3)3(3)5"),
    "stone": schemes.stone(),
    "ir": schemes.inversion_recovery(),
    "sasha": schemes.sasha(),
    "msasha": schemes.msasha(),
    "t2prep": schemes.t2prep(echo_times=(0.0, 25.0, 40.0, 55.0, 80.0)),
}


def model_of(name: str) -> Model:
    """The model; ``sasha2`` is that of two parameters."""
    return make_model("sasha", {"parameters": 2}) if name == "sasha2" else make_model(name)


def acquisition_of(name: str, dtype: torch.dtype = torch.float64) -> dict[str, Tensor]:
    """Times (N, 1) of a usual acquisition."""
    times = SCHEMES[name.removesuffix("2")].acquisition
    return {key: torch.from_numpy(values).to(dtype)[:, None] for key, values in times.items()}


def random_parameters(name: str, count: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    """(parameters, count) of tissue: T1 from 250 to 1800 ms, T2 from 30 to 120 ms, A near 100."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(count, generator=generator, dtype=torch.float64)

    a, t1, t2 = uniform(70, 130), uniform(250, 1800), uniform(30, 120)
    b = {
        "molli": a * uniform(1.85, 2.1),
        "stone": a * uniform(1.8, 2.0),
        "ir": a * uniform(1.8, 2.0),
        "sasha": a * uniform(0.9, 1.0),
    }
    rows = {"msasha": [a, t1, t2], "t2prep": [a, t2], "sasha2": [a, t1]}.get(name) or [a, b[name], t1]
    return torch.stack(rows).to(dtype)


def with_noise(signal: Tensor, sd: float, seed: int = 1) -> Tensor:
    """Signal with independent normal noise."""
    generator = torch.Generator().manual_seed(seed)
    return signal + sd * torch.randn(signal.shape, generator=generator, dtype=signal.dtype)
