"""`compose_tagged_cine`: tagged slices put into a cine stack at their place, in its phases and with its intensities.

Tagged MR shows how the inside of the wall moves, but in few slices; a cine covers the heart, but its wall has hardly
any pattern. The tagged-cine volume of paper 000 (section 2.2) has both: every tagged slice replaces the cine slice at
its place. A motion of the whole volume is then held by the tags where there are any and by the edges elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from . import fields
from .errors import CardiacMotionError
from .places import check_frame
from .series import ImageSeries

TILT_DEGREES = 10.0  # between tagged and cine slices: there the far wall of a heart is half a slice off
WORTH_TELLING = 3.0  # degrees
SPREAD = (2.0, 98.0)  # percentiles of the intensities in the heart that are brought together


@dataclass(frozen=True, eq=False)
class Place:
    """A tagged slice and the cine slice that it replaces.

    Attributes
    ----------
    series, number
        The tagged series and the slice in it.
    slice
        The slice of the cine.
    distance, tilt
        Between the two, mm at the heart and degrees.
    points
        (J, I, 2) voxels (i, j) of the tagged slice at the voxels of the cine slice.
    """

    series: ImageSeries
    number: int
    slice: int
    distance: float
    tilt: float
    points: np.ndarray

    @property
    def name(self) -> str:
        """What the tagged slice is called in notes and errors."""
        name = name_of(self.series)
        return name if self.series.is_2d else f"{name}, slice {self.number}"

    @property
    def seen(self) -> np.ndarray:
        """(J, I) bool: where the tagged slice has an image."""
        last = np.array(self.series.shape[:0:-1]) - 1
        return np.all((self.points >= -0.5) & (self.points <= last + 0.5), axis=-1)


def compose_tagged_cine(
    cine: ImageSeries,
    tagged: ImageSeries | Sequence[ImageSeries],
    *,
    cycle_ms: float | None = None,
    tagged_cycle_ms: float | None = None,
) -> ImageSeries:
    """The cine with every tagged slice in place of the cine slice at its place (paper 000, section 2.2).

    Parameters
    ----------
    cine
        A short-axis stack, or one slice, over the cycle. Its labels, where it has any, say where the heart is.
    tagged
        Tagged series of the same person, each of one or several slices: SPAMM or CSPAMM, signed or magnitude.
    cycle_ms, tagged_cycle_ms
        Length of the cardiac cycle in ms during cine and tagging, where known; else ``meta["cycle_ms"]`` of either.

    Returns
    -------
    ImageSeries
        Grid, frames, times and labels of the cine. ``meta["tagged_slices"]`` has, by slice, a dictionary of ``slice``,
        ``series`` (name), ``tagged_slice``, ``distance_mm``, ``tilt_degrees``, ``frames`` (those of the cine that show
        the tags) and ``seen`` (share of the heart that is in the tagged field of view); ``meta["notes"]`` says it in
        sentences.

    Raises
    ------
    CardiacMotionError
        for a tagged series that is tilted against the cine by more than 10 degrees, of which no slice lies within half
        a slice distance of one of the cine, that shows no part of the heart or no frame of the cycle; for a series of
        one frame.

    Notes
    -----
    Place: by the affines, at the middle of the labeled heart (of the image without labels). Of two tagged slices at one
    cine slice the nearer is taken. Where the tagged field of view does not reach, the cine stays. A heart that lay
    elsewhere in another breath hold is not moved.

    Time: from end-diastole (``meta["end_diastole"]``, else the R wave at 0 ms) in ms, and as a share of the cycle where
    both cycles are known and differ. It is ms otherwise because tagging often stops before the cycle ends, and because
    systole, in which most of the motion is, hardly changes its length with the heart rate. Frames of the cine later
    than the last tagged one keep the cine's pixels, which show the right place. Untimed series are taken to cover the
    cycle.

    Intensities: one linear map a slice for all frames, which brings the 2nd and 98th percentile in the heart to those
    of the cine slice. The tags fade as they did.

    Limit: tags lie in their slice. Where the heart shortens, tissue leaves it for slices without tags, so what fits the
    images best there is the motion within the slice.
    """
    several = list(tagged) if isinstance(tagged, Sequence) else [tagged]
    if not several:
        raise CardiacMotionError("tagged is empty; expected at least one tagged series of the same person")
    for series, kind in ((cine, "cine"), *((one, "tagged") for one in several)):
        check_frames_of(series, kind)
    notes: list[str] = []
    frames, replaced = cine.frames.copy(), []
    for place in nearest_places([place for series in several for place in places_of(cine, series, notes)], notes):
        positions = frame_positions(cine, place.series, cycle_ms, tagged_cycle_ms)
        replaced.append(replace_slice(frames, cine, place, positions))
        notes += told(place, cine, replaced[-1])
    meta = {**cine.meta, "notes": [*cine.meta.get("notes", []), *dict.fromkeys(notes)], "tagged_slices": replaced}
    return cine.replace(frames=frames, meta=meta)


def replace_slice(frames: np.ndarray, cine: ImageSeries, place: Place, positions: np.ndarray) -> dict[str, Any]:
    """Put a tagged slice into ``frames`` (T, K, J, I), and say what was put where.

    ``positions`` (T,) is where the cine frames fall among the tagged ones, NaN where there is none.
    """
    covered = np.flatnonzero(np.isfinite(positions))
    if not len(covered):
        raise CardiacMotionError(
            f"{place.name} has no frame in the cycle of the cine; expected times in ms after the R wave"
        )
    heart = heart_in(cine, place.slice)
    where = heart & place.seen
    if not where.any():
        raise CardiacMotionError(
            f"{place.name} does not show the heart of the cine: its field of view lies beside it; expected images of "
            "the same heart in the same scanner coordinates"
        )
    before = frames[covered, place.slice]
    images = matched(at_positions(on_pixels_of(cine, place), positions[covered]), before, where, place.name)
    frames[covered, place.slice] = np.where(place.seen, images, before)
    return {
        "slice": place.slice,
        "series": name_of(place.series),
        "tagged_slice": place.number,
        "distance_mm": place.distance,
        "tilt_degrees": place.tilt,
        "frames": covered.tolist(),
        "seen": float(where.sum() / heart.sum()),
    }


def check_frames_of(series: Any, kind: str) -> None:
    """Raise `CardiacMotionError` unless ``series`` is a series of two frames at least."""
    if not isinstance(series, ImageSeries):
        raise CardiacMotionError(f"{kind} must be an ImageSeries, got {type(series).__name__}; see read_series")
    if len(series) < 2:
        raise CardiacMotionError(f"the {kind} {name_of(series)} has one frame; expected the frames of a cardiac cycle")


def name_of(series: ImageSeries) -> str:
    """What a series is called in notes and errors."""
    return str(series.meta.get("name") or "series")


# ---------------------------------------------------------------------- place


def places_of(cine: ImageSeries, tagged: ImageSeries, notes: list[str]) -> list[Place]:
    """Where the slices of a tagged series belong; those that belong nowhere are told in ``notes``."""
    normals = [np.cross(s.affine[:3, 0] / s.spacing[0], s.affine[:3, 1] / s.spacing[1]) for s in (cine, tagged)]
    tilt = float(np.degrees(np.arccos(min(1.0, abs(float(normals[0] @ normals[1]))))))
    if tilt > TILT_DEGREES:
        raise CardiacMotionError(
            f"{name_of(tagged)} is tilted by {tilt:.1f} degrees against the slices of the cine; expected tagged slices "
            f"parallel to them, within {TILT_DEGREES:g} degrees"
        )
    to_tagged = np.linalg.inv(tagged.affine) @ cine.affine  # cine voxel (i, j, k) to tagged voxel
    middle = np.argwhere(heart_in(cine)).mean(0)[::-1]  # (i, j, k)
    slices = np.arange(cine.shape[0])
    heights = to_tagged[2, :2] @ middle[:2] + to_tagged[2, 2] * slices + to_tagged[2, 3]
    apart = np.abs(heights[:, None] - np.arange(tagged.shape[0])) * tagged.spacing[2]  # (K, K of tagged) mm
    j, i = np.indices(cine.shape[1:])
    found, lost = [], []
    for number, nearest in enumerate(apart.argmin(0).tolist()):
        distance = float(apart[nearest, number])
        if distance > cine.spacing[2] / 2 + 1e-3:
            lost.append(f"slice {number} is {distance:.1f} mm from slice {nearest} of the cine, the nearest")
            continue
        voxels = np.stack((i, j, np.full_like(i, nearest), np.ones_like(i)), -1)
        found.append(Place(tagged, number, nearest, distance, tilt, voxels @ to_tagged[:2].T))
    if not found:
        raise CardiacMotionError(
            f"{name_of(tagged)}: {'; '.join(lost)}; expected tagged slices within half a slice distance "
            f"({cine.spacing[2] / 2:.1f} mm) of one of the cine"
        )
    notes += [f"{name_of(tagged)}: {one}, and was left aside." for one in lost]
    return found


def nearest_places(places: list[Place], notes: list[str]) -> list[Place]:
    """One place a cine slice, in their order: that of the nearest tagged slice; the others are told in ``notes``."""
    chosen: dict[int, Place] = {}
    for place in sorted(places, key=lambda one: (one.slice, one.distance)):
        if chosen.setdefault(place.slice, place) is not place:
            nearer = chosen[place.slice].name
            notes.append(f"{place.name} was left aside: {nearer} is nearer to slice {place.slice} of the cine.")
    return list(chosen.values())


def heart_in(cine: ImageSeries, number: int | None = None) -> np.ndarray:
    """Where any labeled frame has a heart, (K, J, I) or (J, I) of one slice; everywhere where there is none."""
    heart = np.any([array > 0 for array in cine.labels.values()], axis=0) if cine.labels else np.zeros(cine.shape, bool)
    heart = heart if number is None else heart[number]
    return heart if heart.any() else np.ones_like(heart)


# ---------------------------------------------------------------------- time


def frame_positions(
    cine: ImageSeries, tagged: ImageSeries, cycle_ms: float | None = None, tagged_cycle_ms: float | None = None
) -> np.ndarray:
    """Where the cine frames fall among the tagged ones: (T,) frame numbers with fractions, NaN where tagging was not.

    A tagged frame stands for its interval, so the first and the last are good for one interval beyond them.
    """
    numbers = np.arange(len(tagged))
    if not (cine.timed and tagged.timed):
        share = (np.arange(len(cine)) - int(cine.meta.get("end_diastole", 0))) % len(cine) / len(cine)
        return np.minimum(share * len(tagged), numbers[-1])
    cycle, other = known_cycle(cine, cycle_ms), known_cycle(tagged, tagged_cycle_ms)
    whole = cycle or len(cine) * float(np.median(np.diff(cine.times)))
    since = np.round(cine.times - end_diastole(cine), 6) % whole * (other / cycle if cycle and other else 1.0)
    times = tagged.times - end_diastole(tagged)
    interval = float(np.median(np.diff(times))) * (1 + 1e-6)
    positions = np.interp(since, times, numbers)
    positions[(since < times[0] - interval) | (since > times[-1] + interval)] = np.nan
    return positions


def known_cycle(series: ImageSeries, given: float | None) -> float | None:
    """Length of the cardiac cycle in ms that was given or that ``meta`` says, if any."""
    cycle = series.meta.get("cycle_ms") if given is None else given
    if cycle is not None and not cycle > 0:
        raise CardiacMotionError(f"{name_of(series)}: the cycle must be above 0 ms, got {cycle}")
    return cycle


def end_diastole(series: ImageSeries) -> float:
    """Time in ms of end-diastole: of the frame that ``meta`` names, else of the R wave, from which times count."""
    frame = series.meta.get("end_diastole")
    if frame is None:
        return 0.0
    check_frame(frame, len(series), f"end_diastole of {name_of(series)}")
    return float(series.times[frame])


def at_positions(images: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Images (N, J, I) at frame numbers with fractions (N,) of images (T, J, I).

    Linear in time: halfway between two frames the tags lose contrast but stand in the middle. The nearest frame shows
    them sharp at a wrong place; on phantoms (45 ms, 5 to 8 mm tags) by up to 1 mm in systole, against 0.4 mm.
    """
    before = np.minimum(positions.astype(int), len(images) - 2)
    share = (positions - before).astype(images.dtype)[:, None, None]
    return (1 - share) * images[before] + share * images[before + 1]


# ---------------------------------------------------------------------- pixels


def on_pixels_of(cine: ImageSeries, place: Place) -> np.ndarray:
    """The tagged slice on the pixels of the cine slice at its place: (T of tagged, J, I) float32.

    Cubic, because linear interpolation takes up to a third of the contrast of tags that are four pixels apart.
    """
    images = torch.from_numpy(place.series.frames[:, place.number])
    images = below_nyquist(images, float(max(cine.spacing[:2])), place.series.spacing)
    points = torch.from_numpy(place.points).to(images.dtype).expand(len(images), *place.points.shape)
    return fields.sample_at(images[:, None], points, mode="bicubic")[:, 0].numpy()


def below_nyquist(images: torch.Tensor, pixel: float, spacing: np.ndarray) -> torch.Tensor:
    """Images (T, J, I) of ``spacing`` mm along (i, j) without what pixels of ``pixel`` mm would show as other lines."""
    if pixel <= 1.01 * min(spacing[:2]):
        return images
    rows, columns = images.shape[1:]
    down = torch.fft.fftfreq(rows, float(spacing[1]))[:, None].abs()  # cycles per mm
    along = torch.fft.rfftfreq(columns, float(spacing[0])).abs()
    kept = (down <= 0.5 / pixel) & (along <= 0.5 / pixel)
    return torch.fft.irfft2(torch.fft.rfft2(images) * kept, s=(rows, columns))


def matched(images: np.ndarray, like: np.ndarray, where: np.ndarray, name: str) -> np.ndarray:
    """Images (N, J, I), scaled so that their percentiles in a region (J, I) are those of others ``like``.

    One scale for all frames: the tags fade as they did, and what is dark around the heart stays so.
    """
    (low, high), (first, last) = (np.percentile(a[:, where], SPREAD) for a in (images, like))
    if high - low <= 1e-5 * max(abs(high), abs(low)):  # what is left of a constant after the interpolation
        raise CardiacMotionError(f"{name} has one intensity everywhere in the heart; expected tagged images")
    return (first + (images - low) * ((last - first) / (high - low))).astype(np.float32)


def told(place: Place, cine: ImageSeries, replaced: dict[str, Any]) -> list[str]:
    """What the user should know of a replaced slice, in sentences."""
    covered, seen = len(replaced["frames"]), replaced["seen"]
    part = f" in {covered} of {len(cine)} frames, those that tagging covers" if covered < len(cine) else ""
    notes = [f"Slice {place.slice} was replaced by {place.name}, {place.distance:.1f} mm away{part}."]
    if place.tilt > WORTH_TELLING:
        notes.append(f"{name_of(place.series)} is tilted by {place.tilt:.1f} degrees against the cine.")
    if seen < 1:
        notes.append(f"{place.name} shows {100 * seen:.0f} % of the heart; the rest is from the cine.")
    if not (cine.timed and place.series.timed):
        notes.append(f"{name_of(place.series)} or the cine have no times: both were taken to cover the cycle.")
    return notes
