"""`Strain`: the result of `strain`, maps and tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..errors import CardiacMotionError
from .tensor import engineering_from_green

if TYPE_CHECKING:
    from ..motion import Motion


@dataclass(frozen=True, eq=False)
class Strain:
    """Strain of the LV wall over the cycle, in the reference frame.

    Strains are fractions (-0.16, not -16 %). What is stored per voxel of the wall (N of them, order of
    ``np.nonzero(wall)``) is handed out as maps on the whole grid by the properties `green`, `radial`,
    `circumferential`, `longitudinal`, NaN outside the wall; each call makes a new array.

    Attributes
    ----------
    wall
        (K, J, I) bool, the voxels analyzed.
    wall_green
        (T, N, 3, 3) float32 Green-Lagrange tensor in RAS axes.
    wall_components
        {component: (T, N) float32} Green-Lagrange strain along each direction.
    wall_directions
        (N, 3, 3) float32, rows radial, circumferential, longitudinal in RAS.
    wall_depth
        (N,) float32 transmural depth, 0 endo to 1 epi.
    segments
        (K, J, I) uint8 AHA 1..16, 0 elsewhere.
    layers
        (K, J, I) uint8 1 endo .. n epi, 0 elsewhere; ``layer_names`` from inside out.
    curves
        Table component, region, frame, time_ms, green, engineering. Regions are "global" (mean over the wall),
        "1".."16" and the layer names.
    rates
        Table component, region, frame, time_ms, rate_per_s (engineering).
    summary
        Table component, region, measure, end_systolic, peak_systolic, peak, time_to_peak_ms (from the reference),
        post_systolic_index (%), end_cycle_residual.
    volumes
        Table frame, time_ms, lv_cavity_ml, lv_myocardium_ml, rv_ml.
    function
        EDV_ml, ESV_ml, SV_ml, EF_percent, mass_g, wall_thickness_ED_mm, wall_thickness_ES_mm, wall_thickening_percent,
        GCS_percent, GRS_percent, GLS_percent (engineering at end-systole, NaN where not measured), twist_deg and
        torsion_deg_per_cm at end-systole, SDI_ms, SDI_percent.
    rotation
        Table frame, time_ms, basal_deg, apical_deg, twist_deg, torsion_deg_per_cm; positive is counterclockwise seen
        from the apex.
    slice_rotation
        (T, K) degrees, the same sign.
    end_systole, reference
        Frame numbers.
    times, timed
        (T,) ms; frame numbers where ``timed`` is False.
    affine
        (4, 4) voxel (i, j, k) to RAS mm.
    axis
        (3,) unit vector in RAS from apex to base.
    rv_insertion
        (2, 3) RAS mm, anterior and inferior; None when neither given nor found, and then there are no segments.
    notes
        Sentences for the user.
    drift_corrected
        Whether the curves were brought back to zero at the end of the cycle.
    wall_spread
        {component: (T, N) float32} standard deviation over the `Motion.samples`, 0 in the reference; empty where the
        motion has none.
    """

    wall: np.ndarray
    wall_green: np.ndarray
    wall_components: dict[str, np.ndarray]
    wall_directions: np.ndarray
    wall_depth: np.ndarray
    segments: np.ndarray
    layers: np.ndarray
    layer_names: tuple[str, ...]
    curves: pd.DataFrame
    rates: pd.DataFrame
    summary: pd.DataFrame
    volumes: pd.DataFrame
    function: dict[str, float]
    rotation: pd.DataFrame
    slice_rotation: np.ndarray
    end_systole: int
    reference: int
    times: np.ndarray
    timed: bool
    affine: np.ndarray
    axis: np.ndarray
    rv_insertion: np.ndarray | None
    notes: tuple[str, ...]
    drift_corrected: bool = False
    wall_spread: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def components(self) -> tuple[str, ...]:
        """Names of the components present: circumferential, radial and, in a stack, longitudinal."""
        return tuple(self.wall_components)

    @property
    def smallest_cavity(self) -> int:
        """Frame with the smallest LV cavity: end-systole, where nobody says otherwise."""
        return int(self.volumes["lv_cavity_ml"].to_numpy().argmin())

    @property
    def green(self) -> np.ndarray:
        """(T, K, J, I, 3, 3) float32 Green-Lagrange tensor in RAS axes, NaN outside the wall."""
        return self._map(self.wall_green)

    @property
    def radial(self) -> np.ndarray:
        """(T, K, J, I) float32 Green-Lagrange strain across the wall, NaN outside it."""
        return self._map(self.wall_components["radial"])

    @property
    def circumferential(self) -> np.ndarray:
        """(T, K, J, I) float32 Green-Lagrange strain around the wall, NaN outside it."""
        return self._map(self.wall_components["circumferential"])

    @property
    def longitudinal(self) -> np.ndarray:
        """(T, K, J, I) float32 Green-Lagrange strain along the wall from apex to base, all NaN for one slice."""
        if "longitudinal" not in self.wall_components:
            return np.full((len(self.times), *self.wall.shape), np.nan, np.float32)
        return self._map(self.wall_components["longitudinal"])

    def engineering(self, component: str) -> np.ndarray:
        """(T, K, J, I) float32 engineering strain e = sqrt(1 + 2 E) - 1 of a component, NaN outside the wall."""
        if component not in self.wall_components:
            raise CardiacMotionError(f"no component {component!r}; this strain has {', '.join(self.components)}")
        return self._map(engineering_from_green(self.wall_components[component]))

    def spread(self, component: str) -> np.ndarray:
        """(T, K, J, I) float32 standard deviation of the Green-Lagrange strain over the samples of the motion.

        NaN outside the wall. Raises `CardiacMotionError` where the motion has no samples.
        """
        if component not in self.wall_spread:
            raise CardiacMotionError(
                f"the spread of {component!r} is not known; strain has one of {', '.join(self.components)} where its "
                "motion was registered with more than one sample, which files other than .npz do not keep"
            )
        return self._map(self.wall_spread[component])

    def directions(self, component: str) -> np.ndarray:
        """(K, J, I, 3) float32 unit vectors in RAS of a component, NaN outside the wall."""
        names = ("radial", "circumferential", "longitudinal")
        if component not in names:
            raise CardiacMotionError(f"no component {component!r}; directions are {', '.join(names)}")
        return self._map(self.wall_directions[None, :, names.index(component)])[0]

    def check_reference(self, motion: Motion) -> None:
        """Raise `CardiacMotionError` where the maps lie in another reference than ``motion`` starts from."""
        if self.reference != motion.reference:
            raise CardiacMotionError(
                f"the strain is that of frame {self.reference}, the motion starts from {motion.origin}; "
                "give motion.expressed_in(strain.reference)"
            )

    def _map(self, values: np.ndarray) -> np.ndarray:
        """Values (T, N, ...) of the wall on the whole grid (T, K, J, I, ...)."""
        grid = np.full((len(values), *self.wall.shape, *values.shape[2:]), np.nan, np.float32)
        grid[:, self.wall] = values
        return grid
