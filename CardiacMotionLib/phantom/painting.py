"""The painter: what signal comes from a material point of a person."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import Tensor

from .anatomy import cylinder
from .heart_tissue import heart_tissue
from .noise import NoiseField
from .population import Person
from .thorax import Surroundings
from .tissues import EPICARDIAL_FAT, LESION, MYOCARDIUM

STEP = 2.5  # mm, of the surroundings along x and y
THICK_STEP = 5.0  # mm, along z
AROUND = 1.0  # times the texture of muscle: that of the chest
MARGIN = 6.0  # mm beyond the pericardium where the heart is still painted


class Painter:
    """Signal at material points, for tissues whose signals are given.

    Parameters
    ----------
    person
        Whom to paint.
    low, high
        (3,) corners in heart coordinates of the box that can be asked for, mm.
    texture
        Standard deviation of the muscle's own pattern as a share of its signal.
    width
        mm over which one tissue goes over into the next in the heart.
    apart
        mm along the heart between the planes that are painted for a slice.
    rng
        For texture, trabeculae and vessels: attached to the person, not to the image.
    """

    def __init__(
        self,
        person: Person,
        low: Tensor,
        high: Tensor,
        texture: float,
        width: float,
        apart: float,
        rng: np.random.Generator,
    ) -> None:
        self.person, self.texture, self.width, self.apart = person, texture, width, apart
        center = low.new_tensor([0.0, 0.0, person.anatomy.length / 2])
        of_vessels, of_grains, of_texture = rng.spawn(3)
        self.grains = NoiseField(1, 4.5, center, of_grains)
        self.pattern = NoiseField(1, 4.5, center, of_texture)
        to_patient = torch.as_tensor(person.to_patient, dtype=low.dtype, device=low.device)
        vessels = NoiseField(2, 7.0, center, of_vessels)
        steps = (STEP, STEP, THICK_STEP)
        self.surroundings = Surroundings(person.thorax, to_patient, low, high, steps, vessels)

    def near_heart(self, points: Tensor, margin: float = MARGIN) -> Tensor:
        """Mask (N,) of material points in the heart or within ``margin`` mm of it."""
        anatomy = self.person.anatomy
        at = cylinder(points)
        squared = anatomy.pericardium_squared(at.cos, at.sin, at.z.clamp_min(0.0))
        beside = at.radius < squared.clamp_min(0).sqrt() + margin
        return beside & (at.z > -anatomy.fat - margin) & (at.z < anatomy.length + 45)

    def paint(self, points: Tensor, table: Tensor, heart: bool = True) -> Tensor:
        """Signal (N, V) at material points (N, 3) in heart coordinates.

        ``table`` (n_tissues, V) has the tissues' signals; ``heart`` says whether any of the points is near the heart.
        """
        signal = self.surroundings.values(points, table)
        pattern = self.texture * self.pattern.at(points)[0, :, None]
        signal = signal * (1 + AROUND * pattern)
        if not heart:
            return signal
        grains = self.grains.at(points)[0]
        layers = heart_tissue(self.person.anatomy, self.person.scar, points, grains, self.width, self.apart)
        for share, index in layers:
            value = table[index]
            if index in (MYOCARDIUM, LESION, EPICARDIAL_FAT):
                value = value * (1 + pattern)
            signal = torch.lerp(signal, value.expand_as(signal), share[:, None])
        return signal

    def plain(self) -> Painter:
        """The same painter without texture: what it paints are shares of the tissues' signals."""
        other = copy.copy(self)
        other.texture = 0.0
        return other
