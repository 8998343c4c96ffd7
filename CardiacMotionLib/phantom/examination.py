"""What every kind of examination begins and ends with: person, slices and painter; then the `Subject`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..motion import Motion
from ..series import ImageSeries
from .acquisition import PLANES, Acquisition, Drawn
from .painting import Painter
from .population import Person, draw_person
from .slices import Grid, StackOptions, draw_grid, scanner_turn
from .state import State
from .subject import Subject
from .tissues import TISSUES

VERSION = 2  # of the generator: the same kind, seed, options and version give the same subject
DRAWN_ANEW = {  # purposes whose numbers differ from repeat to repeat, and the option that counts the repeats
    "noise": "repeat",
    "ghosts": "artefact_repeat",
    "inflow": "artefact_repeat",
    "fluctuation": "artefact_repeat",
}
VIEW = 12.0  # mm beyond the slices from where tissue may come into view


@dataclass(frozen=True, eq=False)
class Examination:
    """A person on the scanner's table.

    What happens during the examination is drawn from `rng` and `generator`, by name, so that one thing that is asked
    for changes nothing else.
    """

    kind: str
    seed: int
    options: StackOptions
    person: Person
    grid: Grid
    acquisition: Acquisition

    @classmethod
    def begin(
        cls,
        kind: str,
        seed: int,
        options: StackOptions,
        *,
        device: torch.device | str = "cpu",
        heights: tuple[float, ...] = (),
        slice_shift_mm: float = 0.0,
        breath_mm: float = 0.0,
    ) -> Examination:
        """Draw person and slices.

        The same seed and options of the heart give the same person in every kind of examination, the same slices where
        those are alike too. ``breath_mm`` is how far breathing may carry the heart, for the painter to have it in view.
        """
        of_person, of_slices, of_tissue = np.random.default_rng(seed).spawn(3)
        person = draw_person(options, of_person)
        grid = draw_grid(options, person.anatomy, of_slices, heights=heights, slice_shift_mm=slice_shift_mm)
        centers, half = grid.centers(), grid.through().abs() / 2
        margin = torch.tensor([VIEW, VIEW, VIEW + person.kinematics.shortening * person.anatomy.length]) + breath_mm
        low, high = centers.amin(0) - half - margin, centers.amax(0) + half + margin
        painter = Painter(
            person,
            low.to(device, torch.float32),
            high.to(device, torch.float32),
            options.texture,
            width=float(np.clip(0.55 * grid.spacing[0], 0.5, 1.2)),
            apart=grid.thickness * (PLANES[1] - PLANES[0]),
            rng=of_tissue,
        )
        return cls(kind, seed, options, person, grid, Acquisition(person.kinematics, painter, grid))

    def rng(self, purpose: str) -> np.random.Generator:
        """Where the numbers for a purpose come from, in this kind of examination of this seed, and in this repeat."""
        repeat = getattr(self.options, DRAWN_ANEW[purpose]) if purpose in DRAWN_ANEW else 0
        again = [0, repeat] if repeat else []
        return np.random.default_rng([self.seed, *self.kind.encode(), 0, *purpose.encode(), *again])

    def generator(self, purpose: str) -> torch.Generator:
        """The same for torch."""
        return torch.Generator().manual_seed(int(self.rng(purpose).integers(2**62)))

    @property
    def device(self) -> torch.device:
        """Where it is computed."""
        return self.acquisition.centers.device

    def material(self, state: State) -> Tensor:
        """Find the material points (N, 3) at the voxel centers in a state, heart coordinates."""
        return self.person.kinematics.material(self.acquisition.centers, state)

    def shares(self, tissues: Tensor) -> Tensor:
        """Shares (n, K, J, I) at rest and end-diastole of tissues (n,), indices in `TISSUES`, without texture."""
        still = Acquisition(self.person.kinematics, self.acquisition.painter.plain(), self.grid)
        table = torch.eye(len(TISSUES), device=self.device)[:, tissues.to(self.device)]
        return still.draw([State()], table)[0].signal

    def finish(
        self,
        frames: Tensor,
        drawn: Sequence[Drawn],
        states: Sequence[State],
        times: Sequence[float] | np.ndarray | None,
        *,
        maps: dict[str, np.ndarray] | None = None,
        meta: dict[str, Any] | None = None,
    ) -> Subject:
        """Put the frames (T, K, J, I), what was drawn in each, and the times (ms) together; motion is from frame 0.

        ``meta`` is what series and subject are to know beyond its name, such as acquisition times.
        """
        kinematics = self.person.kinematics
        from_heart = np.eye(4)
        from_heart[:3, :3] = scanner_turn(self.options.tilt) @ self.person.to_patient[:3, :3]
        from_heart[:3, 3] = scanner_turn(self.options.tilt) @ self.person.to_patient[:3, 3]
        turn = from_heart[:3, :3]
        affine = from_heart @ self.grid.affine
        insertions = self.person.anatomy.insertions @ turn.T + from_heart[:3, 3]
        name = f"{self.kind} phantom {self.seed}"
        about = {
            "name": name,
            "source": name,
            "notes": ["synthetic heart with exact motion"],
            "rv_insertion": insertions,
            **(meta or {}),
        }
        labels = {t: one.labels.cpu().numpy() for t, one in enumerate(drawn)}
        series = ImageSeries(frames.cpu().numpy(), affine, times, labels, about)
        moved = self.acquisition.displacement(states).cpu().numpy()
        options = {**asdict(self.options), **self.person.drawn}
        provenance = {
            "method": "phantom",
            "kind": self.kind,
            "seed": self.seed,
            "generator": VERSION,
            "options": options,
        }
        motion = Motion(moved @ turn.T.astype(np.float32), affine, 0, times, provenance)
        volumes = [kinematics.volume(state) for state in states]
        end_systole = int(np.argmin(np.round(volumes, 6)))  # the first while the volume rests
        at_end_systole = states[end_systole]
        truth = {
            "group": self.person.group,
            "end_diastolic_volume_ml": kinematics.anatomy.end_diastolic_volume,
            "ejection_fraction": 1 - volumes[end_systole] / kinematics.anatomy.end_diastolic_volume,
            "shortening": at_end_systole.shortened,
            "twist": float(np.degrees(float(at_end_systole.twisted))),
            "end_systole": end_systole,
            "volumes_ml": volumes,
        }
        return Subject(
            series,
            motion,
            kinematics,
            tuple(states),
            from_heart,
            self.grid.shifts @ turn.T,
            maps or {},
            {**provenance, **(meta or {}), "truth": truth},
        )
