"""Wrapped phase to phase, in a mask: along the best pixels first, and near what is expected."""

from __future__ import annotations

import heapq

import numpy as np
from scipy import ndimage

TURN = 2 * np.pi
NEIGHBORS = ((-1, 0), (1, 0), (0, -1), (0, 1))
WINDOW = 5  # pixels, in which a pixel is held against the median of the others


def wrap(phase: np.ndarray) -> np.ndarray:
    """The same angle from -pi to pi."""
    return phase - TURN * np.round(phase / TURN)


def unwrap(phase: np.ndarray, mask: np.ndarray, expected: np.ndarray | None = None) -> np.ndarray:
    """Unwrap a phase (J, I) rad inside a mask (J, I) bool; NaN outside.

    Path following guided by quality (Ghiglia and Pritt, Two-Dimensional Phase Unwrapping (1998), chapter 4): each
    connected part grows from its best pixel, the best neighbor first, and each pixel takes the turn nearest to the one
    that it was reached from. The quality is the spread of the phase steps around a pixel. Then a part as a whole takes
    the turn at which its median is nearest to ``expected`` (J, I) rad, by default 0, and a single pixel that noise has
    put a turn away from the median of those around it comes back.
    """
    phase = np.where(mask, phase, 0.0).astype(np.float64)
    expected = np.zeros_like(phase) if expected is None else expected
    parts, count = ndimage.label(mask)
    badness = _badness(phase, mask)
    result = np.full(phase.shape, np.nan)
    for part in range(1, count + 1):
        inside = parts == part
        _grow(phase, inside, badness, result)
        offset = np.median(result[inside] - expected[inside])
        result[inside] -= TURN * np.round(offset / TURN)
    return _outliers_back(result, mask)


def _badness(phase: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Mean square of the wrapped phase steps around a pixel, less the square of their mean; (J, I)."""
    spread = np.zeros_like(phase)
    for axis in (0, 1):
        both = mask & np.roll(mask, -1, axis)
        both[(-1,) if axis == 0 else (slice(None), -1)] = False
        step = np.where(both, wrap(np.roll(phase, -1, axis) - phase), 0.0)
        count = np.maximum(ndimage.uniform_filter(both.astype(float), 3, mode="constant"), 1e-9)
        mean = ndimage.uniform_filter(step, 3, mode="constant") / count
        spread += ndimage.uniform_filter(step**2, 3, mode="constant") / count - mean**2
    return spread


def _grow(phase: np.ndarray, inside: np.ndarray, badness: np.ndarray, result: np.ndarray) -> None:
    """Unwrap one connected part into ``result``."""
    pixels = np.argwhere(inside)
    first = (int(pixels[badness[inside].argmin(), 0]), int(pixels[badness[inside].argmin(), 1]))
    result[first] = phase[first]
    queue = [(float(badness[first]), first)]
    while queue:
        _, (j, i) = heapq.heappop(queue)
        for dj, di in NEIGHBORS:
            there = (j + dj, i + di)
            if not (0 <= there[0] < inside.shape[0] and 0 <= there[1] < inside.shape[1]):
                continue
            if inside[there] and np.isnan(result[there]):
                turns = round(float(phase[there] - result[j, i]) / TURN)
                result[there] = phase[there] - TURN * turns
                heapq.heappush(queue, (float(badness[there]), there))


def _outliers_back(phase: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Move each pixel to the turn that is nearest to the median of the mask's pixels around it."""
    half = WINDOW // 2
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(phase, half, constant_values=np.nan), (WINDOW, WINDOW))
    median = np.full(phase.shape, np.nan)
    median[mask] = np.nanmedian(windows[mask].reshape(-1, WINDOW**2), axis=1)
    return phase - TURN * np.round((phase - median) / TURN)


def remove_background(phase: np.ndarray, static: np.ndarray) -> np.ndarray:
    """Take from a phase (T, K, J, I) rad what tissue that does not move shows: a plane over each slice, wrapped.

    The phase of each static pixel is that of its mean signal over the frames; the plane a + b i + c j of a slice is
    fitted to those by least squares, after unwrapping. Slices without at least three static pixels stay as they are.
    """
    corrected = np.array(phase, dtype=np.float64)
    for k, mask in enumerate(static):
        j, i = np.nonzero(mask)
        if len(j) < 3:
            continue
        mean = np.full(mask.shape, 0.0)
        mean[mask] = np.angle(np.exp(1j * phase[:, k, mask].astype(np.float64)).mean(0))
        values = unwrap(mean, mask)[mask]
        basis = np.stack([np.ones(len(j)), i, j], axis=1)
        weights = np.linalg.lstsq(basis, values, rcond=None)[0]
        rows, columns = np.indices(mask.shape)
        corrected[:, k] -= weights[0] + weights[1] * columns + weights[2] * rows
    return wrap(corrected)
