"""`Weights`: the tensors of a network and the card that says what they are."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import CardiacMotionError
from ..whole_files import write_whole
from .card import card_text, read_card
from .places import SUFFIX, find


@dataclass(frozen=True, eq=False)
class Weights:
    """Tensors of a network, and their card.

    Attributes
    ----------
    tensors
        By name, as ``state_dict`` has them.
    card
        Plain values: ``name``, ``method``, ``task``, ``dims``, ``notice``, ``data``, ``license``, ``date``, ... and
        ``network``, the configuration of the network.
    path
        Where they were read from.
    """

    tensors: dict[str, Tensor]
    card: dict[str, Any] = field(default_factory=dict)
    path: Path | None = None

    @property
    def name(self) -> str:
        """What they are called: as their file."""
        return str(self.card.get("name", "the weights"))

    @property
    def config(self) -> dict[str, Any]:
        """The configuration of the network; raises `CardiacMotionError` where the card has none."""
        config = self.card.get("network")
        if not isinstance(config, dict):
            raise CardiacMotionError(f"{self._who}: its card has no [network], by which the network would be built")
        return config

    @property
    def _who(self) -> str:
        return str(self.path or self.name)

    def check_config(self, config: Mapping[str, Any]) -> None:
        """Raise `CardiacMotionError` naming everything in which the card's [network] is not ``config``."""
        differing = differences(self.config, config)
        if differing:
            listing = "; ".join(f"{name} {one} in the weights, {other} asked" for name, one, other in differing)
            raise CardiacMotionError(f"{self._who} is of another network: {listing}")

    def load_into(self, module: nn.Module) -> None:
        """Copy the tensors into ``module``.

        Raises
        ------
        CardiacMotionError
            naming every tensor that is missing, too much, of another shape or type, or not finite, and everything in
            which the module's ``config``, where it has one, is not that of the card.
        """
        config = getattr(module, "config", None)
        if config is not None:
            self.check_config(asdict(config))
        check_tensors(self.tensors, module.state_dict(), self._who)
        module.load_state_dict(self.tensors)

    def save(self, path: str | Path) -> Path:
        """Write ``path``, which ends in .safetensors, and the card beside it, each whole or not at all.

        Raises
        ------
        CardiacMotionError
            for another ending, values that are not finite, or a place that cannot be written.
        """
        from safetensors.torch import save

        path = Path(path)
        if path.suffix != SUFFIX:
            raise CardiacMotionError(f"cannot write weights to {path.name!r}: use a name ending in {SUFFIX}")
        check_finite(self.tensors, path.stem)
        content = save(
            {n: value.detach().cpu().clone(memory_format=torch.contiguous_format) for n, value in self.tensors.items()}
        )
        card = {**self.card, "name": path.stem, "sha256": hashlib.sha256(content).hexdigest()}
        write_whole({path: content, path.with_suffix(".toml"): card_text(card).encode()})
        return path

    @classmethod
    def load(cls, path_or_name: str | Path, *, method: str | None = None) -> Weights:
        """Read a file, or weights by their name (see `find`); with ``method``, only weights of it.

        Raises
        ------
        CardiacMotionError
            for weights that do not exist, are damaged, are not what their card says, or are of another method.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load

        path = find(path_or_name, method)
        card = read_card(path)
        if method is not None and card.get("method") != method:
            raise CardiacMotionError(
                f"{path} has weights of the method {card.get('method')}, expected some of {method}"
            )
        try:
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() != card.get("sha256"):
                raise CardiacMotionError(
                    f"{path} is not the file that its card {path.stem}.toml describes (sha256 differs): it is damaged "
                    "or was changed; copy both again"
                )
            return cls(load(content), {**card, "name": path.stem}, path)
        except (OSError, SafetensorError) as error:
            raise CardiacMotionError(f"{path} cannot be read ({error})") from error


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """(name, value in ``one``, value in ``other``) of what differs; a value that is not there is None."""
    return [(n, one.get(n), other.get(n)) for n in {**one, **other} if one.get(n) != other.get(n)]


def check_tensors(tensors: Mapping[str, Tensor], like: Mapping[str, Tensor], who: str) -> None:
    """Raise `CardiacMotionError` unless the tensors are named, shaped and typed as others, and finite."""
    found, expected = ({n: (tuple(v.shape), v.dtype) for n, v in t.items()} for t in (tensors, like))
    differing = differences(found, expected)
    if differing:
        listing = "; ".join(f"{name} is {_said(one)}, expected {_said(other)}" for name, one, other in differing)
        raise CardiacMotionError(f"{who} has tensors of another network: {listing}")
    check_finite(tensors, who)


def check_finite(tensors: Mapping[str, Tensor], who: str) -> None:
    """Raise `CardiacMotionError` naming the tensors that have infinite values or NaN."""
    infinite = [name for name, value in tensors.items() if not torch.isfinite(value).all()]
    if infinite:
        raise CardiacMotionError(f"{who} has values in {', '.join(infinite)} that are not finite numbers")


def _said(tensor: tuple | None) -> str:
    return "missing" if tensor is None else f"{tensor[0]} {str(tensor[1]).removeprefix('torch.')}"
