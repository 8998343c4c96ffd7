"""Across the wall: a Laplace solution between endocardium and epicardium, on a grid that knows its millimeters.

The label stack is coarse through the slices, so its two surfaces are interpolated first: the in-plane signed distance
to each contour is linear between slices (shape-based interpolation, Raya and Udupa 1990). On that finer grid the
potential is 0 on the endocardium and 1 on the epicardium, both placed between voxels by the signed distances, and
nothing flows through the cut planes at the ends of the stack (Jones 2000 for the use of Laplace's equation in a layered
wall; Gibou 2002 for the boundary between nodes).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, sparse
from scipy.sparse.linalg import cg

from ..errors import CardiacMotionError

SMOOTHING = 1.0  # voxels in plane, takes the steps out of the contours
CLOSEST = 0.05  # of a grid step, the nearest a surface may lie to a node
MOST_REFINED = 8  # nodes a slice


@dataclass(frozen=True, eq=False)
class WallGeometry:
    """What is known at each of the N wall voxels (order of ``np.nonzero(wall)``).

    Attributes
    ----------
    potential
        (N,) 0 at the endocardium, 1 at the epicardium, harmonic in between.
    gradient
        (N, 3) of the potential per mm along the unit voxel axes (i, j, k); it points outward.
    depth
        (N,) share of the wall thickness that lies inside the voxel, in [0, 1]: linear in mm, unlike the potential.
    """

    potential: np.ndarray
    gradient: np.ndarray
    depth: np.ndarray


def solve_wall(wall: np.ndarray, cavity: np.ndarray, spacing: np.ndarray) -> WallGeometry:
    """Potential, outward gradient and depth at the voxels of ``wall``.

    ``wall`` and ``cavity`` (K, J, I) bool, ``spacing`` (3,) mm along (i, j, k). An end slice with wall but no cavity is
    taken for a cap and is closed beyond; any other end of the stack is a cut. At least one slice
    must have both wall and cavity.
    """
    slices = np.flatnonzero(wall.any((1, 2)))
    hollow = slices[cavity[slices].any((1, 2))]
    box, margin = _in_plane_box(wall | cavity), 3
    crop = [np.pad(m[:, box[0], box[1]], ((0, 0), (margin, margin), (margin, margin))) for m in (wall, cavity)]
    refine = int(np.clip(round(spacing[2] / spacing[:2].mean()), 1, MOST_REFINED)) if len(wall) > 1 else 1
    low = slices[0] - (slices[0] not in hollow)
    high = slices[-1] + (slices[-1] not in hollow)
    levels = np.arange((high - low) * refine + 1) / refine + low
    endo = _surface(crop[1], hollow, levels, spacing)
    epi = _surface(crop[0] | crop[1], slices, levels, spacing)
    steps = np.array([spacing[2] / refine, spacing[1], spacing[0]])  # mm along (k, j, i) of the refined grid
    inside, potential, gradient = _solve(endo, epi, steps)
    depth = np.clip(endo / np.maximum(endo - epi, 1e-6), 0, 1)

    k, j, i = np.nonzero(wall)
    node = ((k - low) * refine, j - box[0].start + margin, i - box[1].start + margin)
    nearest = ndimage.distance_transform_edt(~inside, sampling=steps, return_distances=False, return_indices=True)
    source = tuple(axis[node] for axis in nearest)  # smoothing may leave a wall voxel outside
    at_node = np.where(inside[node], potential[source], (endo[node] > 0).astype(float))
    return WallGeometry(at_node, gradient[source][:, ::-1], depth[node])


def smooth_directions(wall: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Average the direction of ``gradient`` (N, 3) at the voxels of ``wall`` (K, J, I) in plane: (N, 3) unit vectors.

    The contours of a label have steps of a voxel; what is left of them in the direction of the gradient averages out
    over two or three voxels.
    """
    vectors = np.zeros((*wall.shape, 3))
    vectors[wall] = gradient / np.maximum(np.linalg.norm(gradient, axis=1, keepdims=True), 1e-12)
    vectors = ndimage.gaussian_filter(vectors, (0, SMOOTHING, SMOOTHING, 0), mode="constant")[wall]
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def _in_plane_box(mask: np.ndarray) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(mask.any((0, 2))), np.flatnonzero(mask.any((0, 1)))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _surface(mask: np.ndarray, known: np.ndarray, levels: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Signed in-plane distance in mm, negative inside, at fractional slices ``levels``: (len(levels), J, I).

    Linear between the slices ``known``; beyond the last of them the contour shrinks until it closes half a slice on.
    """
    sampling = (spacing[1], spacing[0])
    half = min(sampling) / 2
    distance = np.empty((len(known), *mask.shape[1:]))
    for n, k in enumerate(known):
        outside = ndimage.distance_transform_edt(~mask[k], sampling)
        within = ndimage.distance_transform_edt(mask[k], sampling)
        signed = np.where(mask[k], half - within, outside - half)
        distance[n] = ndimage.gaussian_filter(signed, SMOOTHING, mode="nearest")
    held = np.clip(levels, known[0], known[-1])
    after = np.clip(np.searchsorted(known, held), 1, len(known) - 1) if len(known) > 1 else np.zeros(len(held), int)
    before = np.maximum(after - 1, 0)
    share = (held - known[before]) / np.maximum(known[after] - known[before], 1)
    values = (1 - share)[:, None, None] * distance[before] + share[:, None, None] * distance[after]
    beyond = np.abs(levels - held)
    radius = np.maximum(-values.min((1, 2)), half)
    return values + (2 * radius * beyond)[:, None, None]


def _solve(endo: np.ndarray, epi: np.ndarray, steps: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Solve between two level sets (K, J, I): nodes inside, potential, gradient (..., 3) per mm along (k, j, i)."""
    inside = (endo > 0) & (epi < 0)
    if not inside.any():
        raise CardiacMotionError("the LV myocardium (label 2) has no thickness anywhere around the LV cavity (label 3)")
    number = np.full(inside.shape, -1)
    number[inside] = np.arange(np.count_nonzero(inside))
    size = int(number.max()) + 1
    diagonal, right = np.zeros(size), np.zeros(size)
    rows, columns, weights = [], [], []
    sides = []  # per axis and direction: distance in mm, index of the neighbor node or -1, boundary value
    for axis in range(3):
        for direction in (-1, 1):
            exists, neighbor = _neighbor(number, axis, direction, fill=-1)
            _, endo_there = _neighbor(endo, axis, direction, fill=1.0)
            _, epi_there = _neighbor(epi, axis, direction, fill=-1.0)
            exists, neighbor, endo_there, epi_there = (a[inside] for a in (exists, neighbor, endo_there, epi_there))
            to_endo = np.where(endo_there <= 0, endo[inside] / np.maximum(endo[inside] - endo_there, 1e-12), np.inf)
            to_epi = np.where(epi_there >= 0, epi[inside] / np.minimum(epi[inside] - epi_there, -1e-12), np.inf)
            crossing = exists & (neighbor < 0)
            share = np.where(crossing, np.clip(np.minimum(to_endo, to_epi), CLOSEST, 1), 1)
            value = (to_epi < to_endo).astype(float)
            weight = exists / (share * steps[axis] ** 2)
            diagonal += weight
            right += np.where(crossing, weight * value, 0)
            linked = neighbor >= 0
            rows.append(np.flatnonzero(linked))
            columns.append(neighbor[linked])
            weights.append(-weight[linked])
            sides.append((share * steps[axis], exists, neighbor, value))
    rows.append(np.arange(size))
    columns.append(np.arange(size))
    weights.append(diagonal)
    matrix = sparse.csr_matrix(
        (np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns))), shape=(size, size)
    )
    start = endo[inside] / (endo[inside] - epi[inside])
    solution, failed = cg(matrix, right, x0=start, rtol=1e-6, maxiter=2000, M=sparse.diags(1 / diagonal))
    if failed:
        raise CardiacMotionError(
            "the Laplace solution across the LV wall did not converge; check the myocardium label for stray voxels"
        )
    gradient = np.zeros((*inside.shape, 3))
    for axis in range(3):
        gradient[inside, axis] = _slope(solution, sides[2 * axis], sides[2 * axis + 1])
    potential = np.zeros(inside.shape)
    potential[inside] = solution
    return inside, potential, gradient


def _neighbor(values: np.ndarray, axis: int, direction: int, fill: float) -> tuple[np.ndarray, np.ndarray]:
    """Whether there is a node one step along ``axis``, and its value (``fill`` where there is none)."""
    moved = np.roll(values, -direction, axis)
    exists = np.ones(values.shape, bool)
    edge = tuple((-1 if direction > 0 else 0) if a == axis else slice(None) for a in range(values.ndim))
    moved[edge] = fill
    exists[edge] = False
    return exists, moved


def _slope(solution: np.ndarray, below: tuple, above: tuple) -> np.ndarray:
    """Differentiate by two neighbors at unequal distances, one-sided at a cut, zero where there is neither."""
    (a, has_below, node_below, value_below), (b, has_above, node_above, value_above) = below, above
    low = np.where(node_below >= 0, solution[node_below], value_below)
    high = np.where(node_above >= 0, solution[node_above], value_above)
    down, up = (solution - low) / a, (high - solution) / b
    both = (up * a + down * b) / (a + b)
    return np.where(has_below & has_above, both, np.where(has_below, down, np.where(has_above, up, 0.0)))
