"""`Prior`: first weights of the network, averaged over a population (paper 000, section 2.2); files are `Weights`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ...errors import CardiacMotionError
from ...fields.siren import Siren
from ...weights import Weights, cards, check_tensors, differences
from ...weights import shipped as shipped_weights

if TYPE_CHECKING:
    from . import Options

CANONICAL = 1  # version of axes, unit and phase (canonical.py, continuous.Clock); weights mean nothing in another one
NAME = "inr"
LOW, HIGH = 0.01, 0.99  # quantiles at which parameters are winsorised (paper 000, below equation 6)
SHARED = ("notice", "data", "license", "made_by", "winsorized", "fit")  # what a blend keeps of cards that agree in it

Parameters = Mapping[str, Tensor]


@dataclass(frozen=True)
class PriorSettings:
    """What the weights were made with, and without which they mean nothing.

    Attributes
    ----------
    seed, initialization
        Of the drawn weights from which every fit began. Weights that began elsewhere cannot be averaged with these.
    aligned
        Whether all fits began from those weights, or subject n from those of the seed plus n.
    omega, width, layers, periodic
        Of the network, see `Options`.
    canonical
        `CANONICAL` when they were made.
    """

    seed: int
    initialization: str
    omega: float
    width: int
    layers: int
    periodic: bool
    aligned: bool = True
    canonical: int = CANONICAL

    @classmethod
    def of(cls, options: Options, seed: int, aligned: bool = True) -> PriorSettings:
        """The settings of fits with these options from the weights of ``seed``."""
        network = (options.omega, options.width, options.layers, options.periodic)
        return cls(seed, options.initialization, *network, aligned)

    def network(self) -> Siren:
        """The network with the drawn weights."""
        return Siren(
            5 if self.periodic else 4,
            width=self.width,
            hidden=self.layers,
            omega=self.omega,
            initialization=self.initialization,
            seed=self.seed,
        )


NETWORK = ("omega", "width", "layers", "periodic")  # settings that a run must share; the others say how weights began


@dataclass(frozen=True, eq=False)
class Prior:
    """First weights for `Fit`.

    Attributes
    ----------
    settings
        What they fit.
    parameters
        Tensors of the network by name, float32.
    card
        Where they come from: plain values, written beside them.

    Raises
    ------
    CardiacMotionError
        for tensors that are not those of the network of ``settings``, or not finite.
    """

    settings: PriorSettings
    parameters: dict[str, Tensor]
    card: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_tensors(self.parameters, self.settings.network().state_dict(), "the prior")

    @property
    def name(self) -> str:
        """What it is called in errors."""
        return str(self.card.get("name", "the prior"))

    def network(self) -> Siren:
        """A network with these weights."""
        network = self.settings.network()
        network.load_state_dict(self.parameters)
        return network

    def check(self, options: Options) -> None:
        """Raise `CardiacMotionError` naming every option with which these weights are no network of the run."""
        own, asked = ({name: getattr(one, name) for name in NETWORK} for one in (self.settings, options))
        differing = [f"{name} {one} in the prior, {other} asked" for name, one, other in differences(own, asked)]
        if differing:
            raise CardiacMotionError(
                f"{self.name} does not fit these options: {'; '.join(differing)}. Ask for what the prior has, take "
                "prior=none, or build a prior with these options (cardiac-motion prior build)"
            )

    # ------------------------------------------------------------------ files

    def save(self, path: str | Path) -> Path:
        """Write ``path``, which ends in .safetensors, and the card beside it, see `Weights.save`."""
        card = {"method": NAME, "task": "prior", "dims": 3, **self.card, "settings": asdict(self.settings)}
        return Weights(self.parameters, card).save(path)

    @classmethod
    def load(cls, path_or_name: str | Path) -> Prior:
        """Read a file, or a prior by its name (``tagged``), see `known`.

        Raises
        ------
        CardiacMotionError
            for a prior that does not exist, is damaged, is not what its card says, or was made for other axes.
        """
        weights = Weights.load(path_or_name, method=NAME)
        path, card = weights.path, dict(weights.card)
        stored = card.pop("settings", None)
        kinds = {f.name: type(getattr(DEFAULTS, f.name)) for f in fields(PriorSettings)}
        if not isinstance(stored, dict) or {name: type(value) for name, value in stored.items()} != kinds:
            raise CardiacMotionError(f"{path}: its card's [settings] must be {', '.join(kinds)}; got {stored}")
        settings = PriorSettings(**stored)
        if settings.canonical != CANONICAL:
            raise CardiacMotionError(
                f"{path} was built for version {settings.canonical} of the axes of the heart, this CardiacMotion uses "
                f"version {CANONICAL}; build it again (cardiac-motion prior build)"
            )
        try:
            return cls(settings, weights.tensors, card)
        except CardiacMotionError as error:
            raise CardiacMotionError(f"{path}: {error}") from error


DEFAULTS = PriorSettings(0, "siren", 45.0, 256, 3, False)  # the network of paper 000; their types are those of a card


def known() -> dict[str, Path]:
    """Priors that are found by name, without the method: in the user's folder and among those that ship."""
    return {file.stem.removeprefix(f"{NAME}_"): file for file in cards(NAME)}


def shipped() -> dict[str, Path]:
    """Priors that ship."""
    files = shipped_weights()
    return {name: file for name, file in known().items() if file in files}


# ---------------------------------------------------------------------- many to one


def average(parameters: Sequence[Parameters], low: float = LOW, high: float = HIGH) -> dict[str, Tensor]:
    """Mean over subjects of each parameter, winsorised at quantiles ``low`` and ``high`` (paper 000, equation 6).

    A parameter beyond a quantile of its values over the subjects counts as that quantile, so that one fit that went
    astray does not move the mean. In float64; the result has the type that came in.

    Raises
    ------
    CardiacMotionError
        for no subjects, or subjects with other tensors than the first.
    """
    if not parameters:
        raise CardiacMotionError("no parameters to average: expected those of one subject at least")
    first = parameters[0]
    for number, one in enumerate(parameters):
        check_tensors(one, first, f"subject {number}")
    result = {}
    for name, like in first.items():
        values = np.stack([one[name].detach().cpu().numpy() for one in parameters]).astype(np.float64)
        bounds = np.quantile(values, (low, high), axis=0)
        result[name] = torch.from_numpy(np.clip(values, *bounds).mean(0)).to(like.dtype)
    return result


def blend(priors: Sequence[Prior], weights: Sequence[float]) -> Prior:
    """Convex combination of priors whose fits began from the same weights.

    Parameters
    ----------
    priors
        At least one.
    weights
        One each, not negative, with the sum 1.

    Raises
    ------
    CardiacMotionError
        for priors whose settings differ, naming what does; for weights that are not convex.
    """
    if not priors or len(weights) != len(priors):
        raise CardiacMotionError(f"{len(priors)} priors and {len(weights)} weights; expected a weight for each prior")
    if min(weights) < 0 or not np.isclose(sum(weights), 1, atol=1e-6):
        raise CardiacMotionError(
            f"the weights {' '.join(f'{w:g}' for w in weights)} must not be negative and must sum to 1, got "
            f"{sum(weights):g}"
        )
    first = priors[0]
    for other in priors[1:]:
        differing = [
            f"{name} {one} and {two}" for name, one, two in differences(asdict(first.settings), asdict(other.settings))
        ]
        if differing:
            raise CardiacMotionError(
                f"{first.name} and {other.name} cannot be blended, they have {'; '.join(differing)}; build both with "
                "the same options and seed"
            )
    parameters = {
        name: sum(w * p.parameters[name].double() for p, w in zip(priors, weights, strict=True)).to(like.dtype)  # type: ignore[union-attr]
        for name, like in first.parameters.items()
    }
    parts = [
        {"name": p.name, "sha256": p.card.get("sha256", ""), "weight": float(w)}
        for p, w in zip(priors, weights, strict=True)
    ]
    shared = {k: v for k, v in first.card.items() if k in SHARED and all(p.card.get(k) == v for p in priors)}
    return Prior(first.settings, parameters, {**shared, "blend": parts, "subjects": _together(p.card for p in priors)})


def _together(cards: Iterable[Mapping[str, Any]]) -> list[Any]:
    """The subjects of all cards, each once."""
    subjects: list[Any] = []
    for card in cards:
        subjects += [one for one in card.get("subjects", []) if one not in subjects]
    return subjects
