"""From the images of some pixels to maps: sign, starting values, least squares, uncertainty, plausibility."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .fitting import levenberg_marquardt
from .linear import inverse_form
from .models.asl import Asl
from .models.base import Acquisition, Model
from .perfusion import fair_perfusion
from .polarity import fit_magnitude
from .robust import reweighted
from .start import make_grid, search, start_values


@dataclass(frozen=True, eq=False)
class FittedPixels:
    """What was found in P pixels.

    Attributes
    ----------
    maps
        {name: (P,)}.
    converged, plausible
        (P,) bool: whether the fit ended, and with values in the ranges of the model.
    """

    maps: dict[str, Tensor]
    converged: Tensor
    plausible: Tensor

    @property
    def good(self) -> Tensor:
        """(P,) bool: converged and plausible."""
        return self.converged & self.plausible


def joined(parts: Sequence[FittedPixels]) -> FittedPixels:
    """The pixels of all parts one after the other, on the processor."""
    return FittedPixels(
        {name: torch.cat([part.maps[name] for part in parts]).cpu() for name in parts[0].maps},
        *(torch.cat([getattr(part, name) for part in parts], -1).cpu() for name in ("converged", "plausible")),
    )


class PixelFit:
    """Fit of one model to one acquisition.

    Parameters
    ----------
    model, at
        The signal equation, and the acquisition {name: (N, 1)} on the device and in the precision of the fit.
    search_sign
        Whether the images are magnitudes of a signal that changes sign.
    loss
        None, or the robust loss ``"huber"`` or ``"tukey"``. The sign is found without it.
    """

    def __init__(self, model: Model, at: Acquisition, search_sign: bool = False, loss: str | None = None) -> None:
        self.model, self.at, self.search_sign, self.loss = model, at, search_sign, loss
        self.grid = make_grid(model, at)

    def __call__(self, images: Tensor) -> FittedPixels:
        """Fit images (N, P).

        The SD of a map is sqrt(g^T C g) with its gradient g and the full covariance C = s^2 (J^T J)^-1 of the
        parameters, s^2 = RSS / (N - p) (Kellman 2013, 10.1186/1532-429X-15-56); under a robust loss J and RSS are
        weighted and N is the sum of the weights. It is NaN where N = p. R2 = 1 - RSS / sum (S - mean S)^2.
        """
        model, at = self.model, self.at
        if self.search_sign:
            fit, signed = fit_magnitude(model, at, images, self.grid)
        else:
            signed = images
            values = start_values(self.grid, images, search(self.grid, images).tried)
            fit = levenberg_marquardt(model, at, images, values)
        count = torch.full_like(fit.point.rss, len(images))
        rss = fit.point.rss
        if self.loss is not None:
            fit, weights = reweighted(model, at, signed, fit, self.loss)
            count = weights.sum(0)
            rss = (signed - model.signal(fit.point.parameters, at)).square().sum(0)
        parameters = fit.point.parameters
        free = count - len(parameters)
        variance = torch.where(free > 0.5, fit.point.rss / free, torch.nan)
        maps = {}
        plausible = torch.isfinite(parameters).all(0) & (parameters[len(model.amplitudes) - 1] > 0)
        for name, (value, gradient) in model.relaxation(parameters).items():
            lowest, highest = model.ranges[name]
            plausible &= (value >= lowest) & (value <= highest)
            maps[name] = value
            maps[f"{name}_SD"] = (variance * inverse_form(fit.point.normal, gradient)).sqrt()
        maps |= dict(zip(model.amplitudes, parameters, strict=False))
        spread = (signed - signed.mean(0)).square().sum(0)
        maps["R2"] = torch.where(spread > 0, 1 - rss / spread, torch.nan)
        return FittedPixels(maps, fit.converged, plausible)


@dataclass(frozen=True, eq=False)
class PixelPerfusion:
    """Perfusion of one FAIR series, computed: ``inversion_times`` (N,) ms and ``is_tag`` (N,) on the device."""

    model: Asl
    inversion_times: Tensor
    is_tag: Tensor

    def __call__(self, images: Tensor) -> FittedPixels:
        """Perfusion, its SD and the baseline of images (N, P); plausible above a baseline of 0."""
        found = fair_perfusion(images, self.inversion_times.to(images), self.is_tag, self.model)
        maps = {"perfusion": found.mean, "perfusion_SD": found.noise, "B": found.baseline}
        plausible = (found.baseline > 0) & torch.isfinite(found.mean)
        return FittedPixels(maps, torch.ones_like(plausible), plausible)
