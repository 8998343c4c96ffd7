"""What an image of a cine looks like, in numbers that do not depend on scanner units, voxel size or patient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import ndimage, stats

from ...errors import CardiacMotionError
from ...methods.region import Box, box_around, moving_region
from ...series import LV_CAVITY, MYOCARDIUM, ImageSeries
from .edges import edge_widths

PIXEL = 1.4  # mm, to which gradients and spectra are resampled
FIELD_MM = 180.0  # side of the square around the heart that counts as the image: fields of view differ, hearts do not
MARGIN_MM = 25.0  # around the left ventricle
SMALLEST_MM = 50.0  # side of the images in plane
FRAMES = 6  # of each cine are looked at
CYCLE_SHARE = 0.05  # of the cycle, between the frames whose difference is taken
BAND = (0.03, 0.25)  # cycles/mm, where the power spectrum is a power law

BINS = 64
RANGES = {"intensity": (0.0, 1.0), "gradient": (0.0, 25.0), "edge width": (0.0, 12.0)}
HISTOGRAMS = {
    "field intensity": ("Intensity, 180 mm field", "share of the range"),
    "heart intensity": ("Intensity, around the heart", "share of the range"),
    "field gradient": ("Gradient magnitude, 180 mm field", "% of the range per mm"),
    "heart gradient": ("Gradient magnitude, around the heart", "% of the range per mm"),
    "edge width": ("Endocardial edge width, 10-90 %", "mm"),
}
CONTRASTS = (
    "blood - wall (% of the range)",
    "blood - wall over noise (CNR)",
    "blood, SD within a slice (% of blood - wall)",
    "wall, SD within a slice (% of blood - wall)",
    "blood, SD between slices and frames (% of blood - wall)",
    "wall, SD between slices and frames (% of blood - wall)",
)


@dataclass(frozen=True, eq=False)
class Measurement:
    """The statistics of one cine.

    Attributes
    ----------
    name
        Of the cine.
    values
        {statistic: number}; NaN where the cine does not show it (edges without labels, change of an untimed pair).
    histograms
        {histogram: (BINS,) share of each bin}, see `HISTOGRAMS`; one without content is left out.
    """

    name: str
    values: Mapping[str, float]
    histograms: Mapping[str, np.ndarray]

    @staticmethod
    def bins(histogram: str) -> np.ndarray:
        """(BINS + 1,) borders of the bins of a histogram."""
        low, high = next(limits for kind, limits in RANGES.items() if histogram.endswith(kind))
        return np.linspace(low, high, BINS + 1)


def measure(series: ImageSeries, name: str | None = None) -> Measurement:
    """Take all statistics of a short-axis cine.

    The heart is the box around the labels of the left ventricle and a margin; without labels, around what moves.
    Intensities are scaled so that their 1st and 99th percentile are 0 and 1, in the heart and in the field around it
    each on its own.

    Raises
    ------
    CardiacMotionError
        for images without contrast or too small.
    """
    name = name or str(series.meta.get("name", "cine"))
    labeled = [labels for labels in series.labels.values() if labels.any()]
    left = [labels >= MYOCARDIUM for labels in labeled if (labels >= MYOCARDIUM).any()]
    heart = np.any(left or [labels > 0 for labels in labeled] or [moving_region(series)], axis=0)
    box = box_around(heart, series.spacing, MARGIN_MM)
    values: dict[str, float] = {}
    histograms: dict[str, np.ndarray] = {}
    for region, part in (("field", series.crop(_field(box, series))), ("heart", series.crop(box))):
        if min(part.shape[1:] * part.spacing[1::-1]) < SMALLEST_MM:
            raise CardiacMotionError(
                f"{name}: the images show less than {SMALLEST_MM:g} mm in plane; expected a whole heart"
            )
        part = part.replace(frames=_scaled(part.frames, name))
        numbers, shares = _of_region(part)
        values |= {f"{region} {key}": value for key, value in numbers.items()}
        histograms |= {f"{region} {key}": share for key, share in shares.items()}
    values |= _of_blood_and_wall(part)
    widths = edge_widths(part.frames, _cavities(part), part.spacing)
    values |= {
        "edge width, median (mm)": float(np.median(widths)) if len(widths) else np.nan,
        "edge width, 90th - 10th percentile (mm)": _spread(widths),
    }
    if len(widths):
        histograms["edge width"] = _histogram(widths, "edge width")
    return Measurement(name, values, histograms)


def _field(box: Box, series: ImageSeries) -> Box:
    """All slices of the square of `FIELD_MM` around the heart, as far as the images reach."""
    sides = [slice(0, series.shape[0])]
    for part, size, mm in zip(box[1:], series.shape[1:], series.spacing[1::-1], strict=True):
        middle, half = (part.start + part.stop) / 2, FIELD_MM / mm / 2
        sides.append(slice(max(0, round(middle - half)), min(size, round(middle + half))))
    return sides[0], sides[1], sides[2]


def _scaled(frames: np.ndarray, name: str) -> np.ndarray:
    low, high = np.percentile(frames, (1, 99))
    if high <= low:
        raise CardiacMotionError(f"{name}: the images have no contrast; expected a cine of the heart")
    return (frames - low) / (high - low)


def _of_region(part: ImageSeries) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Numbers and histograms of the scaled images of a region."""
    shown = part.frames[_spread_over(len(part))]
    images = resampled(shown.reshape(-1, *part.shape[1:]), part.spacing)
    rows, columns = (100 * slope / PIXEL for slope in np.gradient(images, axis=(1, 2)))  # % of the range per mm
    magnitude = np.hypot(rows, columns)
    noise = noise_level(shown)
    numbers = {
        "gradient, median (%/mm)": float(np.median(magnitude)),
        "gradient, 99th percentile (%/mm)": float(np.percentile(magnitude, 99)),
        "gradient, excess kurtosis": float(stats.kurtosis(np.concatenate((rows, columns), axis=None))),
        "change in 5 % of the cycle, RMS (%)": temporal_change(part),
        "power spectrum, slope": spectrum_slope(images),
        "SNR, 95th percentile over noise": float(np.percentile(shown, 95) / noise) if noise > 0 else np.nan,
    }
    return numbers, {
        "intensity": _histogram(shown, "intensity"),
        "gradient": _histogram(magnitude, "gradient"),
    }


def resampled(images: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """(N, J', I') images (N, J, I) of ``spacing`` (i, j, k) in pixels of `PIXEL`, finer ones smoothed first."""
    spacing = np.asarray(spacing)[1::-1]
    blur = 0.5 * np.sqrt(np.maximum((PIXEL / spacing) ** 2 - 1, 0))  # pixels
    smooth = ndimage.gaussian_filter(images, (0, *blur)) if blur.any() else images
    steps = [np.arange(0, (n - 1) * mm + 1e-6, PIXEL) / mm for n, mm in zip(images.shape[1:], spacing, strict=True)]
    where = np.meshgrid(*steps, indexing="ij")
    return np.stack([ndimage.map_coordinates(image, where, order=3, mode="nearest") for image in smooth])


def noise_level(frames: np.ndarray) -> float:
    """Standard deviation of white noise in images (..., J, I), from the median diagonal difference of 2 x 2 pixels."""
    even = frames[..., : frames.shape[-2] // 2 * 2, : frames.shape[-1] // 2 * 2]
    a, b, c, d = (even[..., j::2, i::2] for j in (0, 1) for i in (0, 1))
    return float(np.median(np.abs(a - b - c + d)) / 2 / stats.norm.ppf(0.75))


def temporal_change(part: ImageSeries) -> float:
    """RMS difference in % of the range between frames 1/20 of the cycle apart; NaN for fewer than 8 frames."""
    if len(part) < 8:
        return np.nan
    lag = max(1, round(CYCLE_SHARE * len(part)))
    first = np.linspace(0, len(part) - 1 - lag, FRAMES).round().astype(int)
    return 100 * float(np.sqrt(np.mean((part.frames[first + lag] - part.frames[first]) ** 2)))


def spectrum_slope(images: np.ndarray) -> float:
    """Exponent of the radial power spectrum of images (N, J, I) of pixels of `PIXEL`: power ~ frequency^slope."""
    rows, columns = images.shape[1:]
    window = np.outer(np.hanning(rows), np.hanning(columns))
    power = np.abs(np.fft.rfft2((images - images.mean(axis=(1, 2), keepdims=True)) * window)) ** 2
    radius = np.hypot(np.fft.fftfreq(rows, PIXEL)[:, None], np.fft.rfftfreq(columns, PIXEL)[None])
    edges = np.geomspace(*BAND, 13)
    ring = np.digitize(radius, edges) - 1
    inside = (ring >= 0) & (ring < 12)
    count = np.bincount(ring[inside], minlength=12)
    mean = np.bincount(ring[inside], power.mean(axis=0)[inside], minlength=12) / count.clip(1)
    center = np.bincount(ring[inside], radius[inside], minlength=12) / count.clip(1)
    kept = count > 0
    return float(np.polyfit(np.log(center[kept]), np.log(mean[kept].clip(1e-30)), 1)[0])


def _cavities(part: ImageSeries) -> list[tuple[int, np.ndarray]]:
    """(frame, mask of the LV cavity) of at most `FRAMES` labeled frames."""
    found = [t for t, labels in part.labels.items() if (labels == LV_CAVITY).any()]
    return [(t, part.labels[t] == LV_CAVITY) for t in np.array(found, int)[_spread_over(len(found))]]


def _spread_over(count: int) -> np.ndarray:
    """At most `FRAMES` indices from the first to the last of ``count``."""
    return np.unique(np.linspace(0, count - 1, min(count, FRAMES)).round().astype(int))


def _of_blood_and_wall(part: ImageSeries) -> dict[str, float]:
    """Contrast and evenness of the cavity, 3 mm off its border, and of the wall, 2 to 5 mm outside of it."""
    blood, wall = [], []  # one entry a slice and frame
    for frame, cavity in _cavities(part):
        drawn = part.labels[frame] == MYOCARDIUM  # not in every data set
        for image, mask, muscle in zip(part.frames[frame], cavity, drawn, strict=True):
            inside = ndimage.distance_transform_edt(mask, sampling=part.spacing[1::-1]) > 3
            outside = ndimage.distance_transform_edt(~mask, sampling=part.spacing[1::-1])
            ring = (outside > 2) & (outside < 5) & (muscle | (not drawn.any()))
            if inside.any() and ring.any():
                blood.append(image[inside])
                wall.append(image[ring])
    if not blood:
        return dict.fromkeys(CONTRASTS, np.nan)
    contrast = np.median(np.concatenate(blood)) - np.median(np.concatenate(wall))
    noise = noise_level(part.frames)
    found = (
        100 * contrast,
        contrast / noise if noise > 0 else np.nan,
        *(100 * np.mean([_robust_sd(values) for values in tissue]) / contrast for tissue in (blood, wall)),
        *(100 * np.std([np.median(values) for values in tissue]) / contrast for tissue in (blood, wall)),
    )
    return {key: float(value) for key, value in zip(CONTRASTS, found, strict=True)}


def _robust_sd(values: np.ndarray) -> float:
    return float(stats.median_abs_deviation(values, scale="normal"))


def _spread(values: np.ndarray) -> float:
    return float(np.subtract(*np.percentile(values, (90, 10)))) if len(values) else np.nan


def _histogram(values: np.ndarray, kind: str) -> np.ndarray:
    """(BINS,) share of the values in each bin; what lies outside the range is in the first and last bin.

    Smoothed over one bin: images of few gray values would otherwise differ from all others by their steps.
    """
    counts = np.histogram(np.clip(values, *RANGES[kind]), BINS, RANGES[kind])[0]
    return ndimage.gaussian_filter1d(counts / counts.sum(), 1.0, mode="reflect")
