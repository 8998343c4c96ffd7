"""`strain`: from a motion and the labels of its reference frame to everything in `Strain`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..errors import CardiacMotionError
from ..motion import Motion
from ..places import check_frame
from .anatomy import Anatomy, read_anatomy
from .axes import LongAxis, find_long_axis, plane_directions, wall_directions
from .curves import correct_drift, curve_table, rate_table, regional_curves
from .cycle import Cycle, unroll
from .deformation import follow
from .insertion import find_insertion
from .result import Strain
from .rotation import rotation_table, slice_rotation
from .segments import aha_segments, layer_names, layers_from_depth, slice_levels
from .summary import dyssynchrony, summary_table
from .tensor import green_strain, project
from .volumes import STEADY, function_values, volume_notes, volume_table
from .wall import smooth_directions, solve_wall

RADIAL_SCATTER = 10.0  # percentage points between radial strain and thickening that the user should know of
FILLED = 0.5  # of what the cavity emptied, that a series which covers the cycle has filled again at its end
RELIABLE_FRAMES = 30  # frames a cycle below which strain rate is unreliable

NOT_CORRECTED = "Drift was not corrected"  # how the sentence begins
EXACT = (
    "Strain is the exact derivative of the motion's network; a motion read from .seq.nrrd has lost it, and its strain, "
    "by differences between voxels, is a little different."
)


def strain(
    motion: Motion,
    labels: Any,
    *,
    rv_insertion: Any = None,
    layers: int = 3,
    end_systole: int | None = None,
    drift_correction: bool = False,
) -> Strain:
    """Strain of the left ventricle from a motion and the labels of its reference frame.

    E = (F^T F - I) / 2 with F = I + du/dX in mm, projected on the radial (across the wall), circumferential and
    longitudinal (apex to base, along the wall) direction of each voxel of the reference. A single slice has the
    in-plane two.

    Parameters
    ----------
    motion
        Displacement of the reference over the cycle. Where it has a field F is exact, else by differences of voxels.
    labels
        (K, J, I) of the reference frame: 1 RV, 2 LV myocardium, 3 LV cavity; short-axis slices along k.
    rv_insertion
        (2, 3) RAS mm, anterior and inferior RV insertion, from which the AHA segments are counted. By default found
        from the RV label; without either there are global and layer strains but no segments, and a note says so.
    layers
        Number of transmural layers of equal thickness, 1 to 9.
    end_systole
        Frame of aortic valve closure. By default the frame with the smallest LV cavity.
    drift_correction
        Subtract from the curves the line that brings the end of the cycle back to zero; the maps stay as measured. Left
        out, which a note says, where the cavity has not filled again at the end.

    Raises
    ------
    CardiacMotionError
        for labels without exactly one left ventricle on the grid of the motion, insertions far from the wall, a frame
        that does not exist.
    """
    if not isinstance(motion, Motion):
        raise CardiacMotionError(f"strain needs a Motion, got {type(motion).__name__}; make one with register(series)")
    if motion.reference is None:
        raise CardiacMotionError(
            "this motion starts from a canonical space, in which nothing was drawn; give strain "
            "motion.expressed_in(frame), with the frame of the labels"
        )
    names = layer_names(layers)
    if end_systole is not None:
        check_frame(end_systole, len(motion), "end_systole")
    anatomy = read_anatomy(motion, labels)
    axis = find_long_axis(anatomy)
    insertion, insertion_notes = find_insertion(rv_insertion, anatomy, axis)
    geometry = solve_wall(anatomy.wall, anatomy.cavity, anatomy.spacing)
    gradient = geometry.gradient @ (anatomy.affine[:3, :3] / anatomy.spacing).T  # RAS
    points, slices = anatomy.points(anatomy.wall), np.nonzero(anatomy.wall)[0]
    outward = smooth_directions(anatomy.wall, gradient)
    directions = plane_directions(outward, axis) if anatomy.is_2d else wall_directions(outward, points, slices, axis)

    followed = follow(motion, anatomy, gradient)
    green = green_strain(followed.deformation)
    along = _along(directions, anatomy.is_2d)
    components = {name: project(green, unit) for name, unit in along.items()}

    levels = slice_levels(anatomy.rings, axis.positions)
    segments = aha_segments(anatomy, axis, insertion, levels) if insertion else np.zeros(anatomy.wall.shape, np.uint8)
    depth_layers = layers_from_depth(geometry.depth, layers)
    regions = {"global": np.ones(len(points), bool)}
    regions |= {str(n): segments[anatomy.wall] == n for n in range(1, 17)}
    regions |= {name: depth_layers == n for n, name in enumerate(names, start=1)}

    cycle = unroll(motion.times, motion.reference, motion.timed)
    curves = regional_curves(components, regions)
    volumes = volume_table(motion.times, followed.cavity, followed.myocardium, followed.rv, anatomy)
    left_out = _not_corrected(volumes["lv_cavity_ml"].to_numpy()[cycle.order], cycle) if drift_correction else ()
    corrected = drift_correction and not left_out
    if corrected:
        curves = correct_drift(curves, cycle)
    smallest = int(volumes["lv_cavity_ml"].to_numpy()[cycle.order].argmin())
    chosen = int(cycle.order[smallest]) if end_systole is None else int(end_systole)
    summary = summary_table(curves, cycle, chosen)
    angles = slice_rotation(points, followed.displacement, slices, axis)
    rotation = rotation_table(motion.times, angles, anatomy.rings, axis)
    layer_map = np.zeros(anatomy.wall.shape, np.uint8)
    layer_map[anatomy.wall] = depth_layers
    function = _function(volumes, chosen, anatomy, followed.thickness, summary, rotation, cycle)
    return Strain(
        wall=anatomy.wall,
        wall_green=green,
        wall_components=components,
        wall_directions=directions.astype(np.float32),
        wall_depth=geometry.depth.astype(np.float32),
        segments=segments,
        layers=layer_map,
        layer_names=names,
        curves=curve_table(curves, motion.times),
        rates=rate_table(curves, motion.times, cycle),
        summary=summary,
        volumes=volumes,
        function=function,
        rotation=rotation,
        slice_rotation=angles,
        end_systole=chosen,
        reference=motion.reference,
        times=motion.times.copy(),
        timed=motion.timed,
        affine=motion.affine.copy(),
        axis=axis.direction,
        rv_insertion=None if insertion is None else insertion.points,
        notes=(
            *left_out,
            *_cycle_notes(cycle, chosen, end_systole is None, corrected, summary),
            *_geometry_notes(anatomy, axis, levels),
            *insertion_notes,
            *volume_notes(volumes, motion.reference, anatomy),
            *_thickening_notes(function),
            *([EXACT] if motion.field is not None else []),
        ),
        drift_corrected=corrected,
        wall_spread=_spread(motion, anatomy.wall, along),
    )


def _along(directions: np.ndarray, is_2d: bool) -> dict[str, np.ndarray]:
    """Unit vectors (N, 3) of the components, from rows (N, 3, 3) radial, circumferential, longitudinal."""
    rows = {"circumferential": 1, "radial": 0} | ({} if is_2d else {"longitudinal": 2})
    return {name: directions[:, row].astype(np.float32) for name, row in rows.items()}


def _spread(motion: Motion, wall: np.ndarray, along: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Standard deviation (T, N) of every component over the samples of the motion; nothing where there are none."""
    drawn = [green_strain(sample.jacobian(wall)) for sample in motion.samples]
    if len(drawn) < 2:
        return {}
    return {name: np.std([project(one, unit) for one in drawn], axis=0, ddof=1) for name, unit in along.items()}


def _function(
    volumes: pd.DataFrame,
    end_systole: int,
    anatomy: Anatomy,
    thickness: np.ndarray,
    summary: pd.DataFrame,
    rotation: pd.DataFrame,
    cycle: Cycle,
) -> dict[str, float]:
    values = function_values(volumes, end_systole, anatomy, thickness)
    whole = summary[(summary.region == "global") & (summary.measure == "engineering")].set_index("component")[
        "end_systolic"
    ]
    for name, component in (("GCS", "circumferential"), ("GRS", "radial"), ("GLS", "longitudinal")):
        values[f"{name}_percent"] = 100 * float(whole.get(component, np.nan))
    for name in ("twist_deg", "torsion_deg_per_cm"):
        values[name] = float(rotation[name].iloc[end_systole])
    return {**values, **dyssynchrony(summary, cycle.period)}


def _not_corrected(cavity: np.ndarray, cycle: Cycle) -> tuple[str, ...]:
    """Why drift cannot be corrected, by the cavity (T,) from the reference on; nothing where it can."""
    emptied, back = cavity[0] - cavity.min(), cavity[-1] - cavity.min()
    if emptied <= STEADY * cavity[0] or back >= FILLED * emptied:
        return ()
    return (
        f"{NOT_CORRECTED}: at the end, in frame {cycle.order[-1]}, the cavity has filled by "
        f"{100 * back / emptied:.0f} % of what it had emptied. The series does not cover the "
        "cycle, or the motion drifts too far.",
    )


def _cycle_notes(
    cycle: Cycle, end_systole: int, found: bool, drift_correction: bool, summary: pd.DataFrame
) -> list[str]:
    how = "the smallest LV cavity volume" if found else "given by the user"
    notes = [f"End-systole is frame {end_systole} ({how}); strain is relative to frame {cycle.order[0]}."]
    notes.append(
        "Curves are means of Green-Lagrange strain over the voxels of a region; engineering is converted from it."
    )
    if len(cycle.order) < RELIABLE_FRAMES:
        notes.append(f"{len(cycle.order)} frames a cycle: strain rate is unreliable below {RELIABLE_FRAMES}.")
    if not cycle.timed:
        notes.append("The series has no times: no strain rate and time to peak; the time axis counts frames.")
    if drift_correction:
        notes.append(
            "Drift correction is on: a line brings the curves back to zero at the end of the cycle, not the maps."
        )
    elif end_systole == cycle.order[-1]:
        notes.append("The series ends at end-systole: the residual at the end of the cycle is not known.")
    else:
        rows = summary[(summary.region == "global") & (summary.measure == "engineering")]
        residuals = zip(rows["component"], rows["end_cycle_residual"].to_numpy(), strict=True)
        shown = ", ".join(f"{component} {100 * residual:+.1f} %" for component, residual in residuals)
        notes.append(f"Residual at the end of the cycle (global engineering strain, not corrected): {shown}.")
    return notes


def _thickening_notes(function: dict[str, float]) -> list[str]:
    """Radial strain averages voxels, thickening is of the whole wall: far apart, the voxels are not to be trusted."""
    radial, thickening = function["GRS_percent"], function["wall_thickening_percent"]
    if not abs(radial - thickening) > RADIAL_SCATTER:
        return []
    return [
        f"Global radial strain ({radial:.1f} %) and thickening of the wall as a whole ({thickening:.1f} %) disagree: "
        "radial strain is rough here, rely on the thickening."
    ]


def _geometry_notes(anatomy: Anatomy, axis: LongAxis, levels: np.ndarray) -> list[str]:
    notes = [*anatomy.notes, *axis.notes]
    if anatomy.is_2d:
        notes.append(
            "One slice (2D): in-plane radial and circumferential strain only; segments are numbered as mid-ventricular."
        )
    elif 0 < np.count_nonzero(levels) < 3:
        notes.append(
            f"Only {np.count_nonzero(levels)} slices have a closed ring: basal, mid and apical level are not all there."
        )
    return notes
