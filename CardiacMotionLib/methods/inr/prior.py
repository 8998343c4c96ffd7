"""`Prior`: first weights of the network, averaged over a population (paper 000, section 2.2), in a file with its card.

The weights are in a ``.safetensors`` file, which cannot hold code; beside it is the card, a ``.toml`` file that says
what they are, what they fit and where they come from. Neither is read without the other.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ...errors import CardiacMotionError
from ...fields.siren import Siren
from .card import card_text

if TYPE_CHECKING:
    from . import Options

CANONICAL = 1  # version of axes, unit and phase (canonical.py, continuous.Clock); weights mean nothing in another one
SUFFIX = ".safetensors"
SHIPPED = "inr_"  # names of the priors that ship begin so
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
        _check_shapes(self.parameters, self.settings.network().state_dict(), "the prior")

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
        differing = [
            f"{name} {getattr(self.settings, name)} in the prior, {getattr(options, name)} asked"
            for name in NETWORK
            if getattr(self.settings, name) != getattr(options, name)
        ]
        if differing:
            raise CardiacMotionError(
                f"{self.name} does not fit these options: {'; '.join(differing)}. Ask for what the prior has, take "
                "prior=none, or build a prior with these options (cardiac-motion prior build)"
            )

    # ------------------------------------------------------------------ files

    def save(self, path: str | Path) -> Path:
        """Write ``path``, which ends in .safetensors, and the card beside it, each whole or not at all."""
        from safetensors.torch import save

        path = Path(path)
        if path.suffix != SUFFIX:
            raise CardiacMotionError(f"cannot write the prior {path.name!r}: use a name ending in {SUFFIX}")
        weights = save({name: value.detach().cpu().contiguous() for name, value in self.parameters.items()})
        card = {
            "method": "inr",
            **self.card,
            "name": path.stem,
            "sha256": hashlib.sha256(weights).hexdigest(),
            "settings": asdict(self.settings),
        }
        contents = {path: weights, path.with_suffix(".toml"): card_text(card).encode()}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                for file, content in contents.items():
                    _partial(file).write_bytes(content)
                for file in contents:
                    _partial(file).replace(file)
            finally:
                for file in contents:
                    _partial(file).unlink(missing_ok=True)
        except OSError as error:
            raise CardiacMotionError(f"cannot write {path}: {error.strerror or error}") from error
        return path

    @classmethod
    def load(cls, path_or_name: str | Path) -> Prior:
        """Read a file, or a prior that ships by its name (``tagged``).

        Raises
        ------
        CardiacMotionError
            for a prior that does not exist, is damaged, is not what its card says, or was made for other axes.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load

        path = _find(path_or_name)
        card_file = path.with_suffix(".toml")
        try:
            weights, card = path.read_bytes(), tomllib.loads(card_file.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise CardiacMotionError(f"{path}: its card {card_file.name} is not beside it; a prior is both") from error
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise CardiacMotionError(f"{path}: it or its card {card_file.name} cannot be read ({error})") from error
        if hashlib.sha256(weights).hexdigest() != card.get("sha256"):
            raise CardiacMotionError(
                f"{path} is not the file that its card {card_file.name} describes (sha256 differs): it is damaged or "
                "was changed; copy both again"
            )
        stored = card.pop("settings", None)
        kinds = {f.name: type(getattr(DEFAULTS, f.name)) for f in fields(PriorSettings)}
        if not isinstance(stored, dict) or {name: type(value) for name, value in stored.items()} != kinds:
            raise CardiacMotionError(f"{card_file}: [settings] must be {', '.join(kinds)}; got {stored}")
        settings = PriorSettings(**stored)
        if settings.canonical != CANONICAL:
            raise CardiacMotionError(
                f"{path} was built for version {settings.canonical} of the axes of the heart, this CardiacMotion uses "
                f"version {CANONICAL}; build it again (cardiac-motion prior build)"
            )
        try:
            return cls(settings, load(weights), {**card, "name": path.stem})
        except (SafetensorError, CardiacMotionError) as error:
            raise CardiacMotionError(f"{path}: {error}") from error


DEFAULTS = PriorSettings(0, "siren", 45.0, 256, 3, False)  # the network of paper 000; their types are those of a card


def shipped() -> dict[str, Path]:
    """Priors that ship, by name: in Resources/Models beside the package (source tree, Slicer) or inside it (pip)."""
    package = Path(__file__).resolve().parents[2]
    places = (package.parent / "Resources" / "Models", package / "Resources" / "Models")
    files = next((found for place in places if (found := sorted(place.glob(f"{SHIPPED}*{SUFFIX}")))), [])
    return {file.stem.removeprefix(SHIPPED): file for file in files}


def _find(path_or_name: str | Path) -> Path:
    known = shipped()
    path = known.get(str(path_or_name), Path(path_or_name))
    if path.is_file() and path.suffix == SUFFIX:
        return path
    what = f"expected a {SUFFIX} file" if path.exists() else "no such file"
    raise CardiacMotionError(
        f"prior {str(path_or_name)!r}: {what}, and the priors that ship are {', '.join(known) or 'none'}; "
        "build one with cardiac-motion prior build"
    )


def _partial(path: Path) -> Path:
    return path.with_name(f".partial-{path.name}")


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
        _check_shapes(one, first, f"subject {number}")
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
            f"{f.name} {getattr(first.settings, f.name)} and {getattr(other.settings, f.name)}"
            for f in fields(PriorSettings)
            if getattr(first.settings, f.name) != getattr(other.settings, f.name)
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


def _check_shapes(parameters: Parameters, like: Parameters, who: str) -> None:
    """Raise `CardiacMotionError` unless the tensors are named, shaped and typed as others, and finite."""
    found, expected = ({n: (tuple(v.shape), v.dtype) for n, v in p.items()} for p in (parameters, like))
    if found != expected:
        wrong = sorted(n for n in {*found, *expected} if found.get(n) != expected.get(n))
        listing = "; ".join(f"{n} is {_said(found.get(n))}, expected {_said(expected.get(n))}" for n in wrong)
        raise CardiacMotionError(f"{who} has tensors of another network: {listing}")
    infinite = [name for name, value in parameters.items() if not torch.isfinite(value).all()]
    if infinite:
        raise CardiacMotionError(f"{who} has values in {', '.join(infinite)} that are not finite numbers")


def _said(tensor: tuple | None) -> str:
    return "missing" if tensor is None else f"{tensor[0]} {str(tensor[1]).removeprefix('torch.')}"
