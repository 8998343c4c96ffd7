"""The statistics of realism: known answers on made images, and distances that mean what they say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage, special

from CardiacMotionLib import CardiacMotionError, ImageSeries
from CardiacMotionLib.phantom.realism import Measurement, compare, measure, pooled
from CardiacMotionLib.phantom.realism.edges import edge_widths
from CardiacMotionLib.phantom.realism.gap import jensen_shannon, wasserstein
from CardiacMotionLib.phantom.realism.statistics import noise_level, resampled, spectrum_slope, temporal_change
from CardiacMotionLib.series import LV_CAVITY, MYOCARDIUM

RISE = 2 * special.ndtri(0.9)  # 10-90 % rise of an edge blurred by a Gaussian of SD 1


def radius(size, mm):
    place = (np.arange(size) - (size - 1) / 2) * mm
    return np.hypot(*np.meshgrid(place, place))


def made_cine(pixel=1.4, blur=1.3, noise=0.0, frames=10, labeled=True, unit=1.0):
    """A bright round cavity of 24 mm in a wall of 9 mm on a gray ground, its border blurred by ``blur`` mm."""
    size = round(160 / pixel)
    r = radius(size, pixel)
    rng = np.random.default_rng(5)
    images, labels = [], {}
    for t in range(frames):
        edge = 24 - 5 * np.sin(np.pi * t / frames)
        image = 0.3 + 0.7 * special.ndtr((edge - r) / blur) - 0.2 * special.ndtr((r - edge - 9) / blur)
        images.append(np.stack([image] * 2) + noise * rng.standard_normal((2, size, size)))
        labels[t] = np.stack([np.where(r < edge, LV_CAVITY, np.where(r < edge + 9, MYOCARDIUM, 0))] * 2)
    affine = np.diag([pixel, pixel, 8.0, 1.0])
    return ImageSeries(unit * np.array(images), affine, labels={0: labels[0], 5: labels[5]} if labeled else None)


# ---------------------------------------------------------------------- statistics


@pytest.mark.parametrize("blur", [0.8, 1.3, 1.8])
@pytest.mark.parametrize("pixel", [0.9, 1.5])
def test_edge_width_is_that_of_the_blur(blur, pixel):
    series = made_cine(pixel, blur)
    cavities = [(t, labels == LV_CAVITY) for t, labels in series.labels.items()]
    widths = edge_widths(series.frames, cavities, series.spacing)
    assert len(widths) > 200
    assert np.median(widths) == pytest.approx(RISE * blur, rel=0.06)
    assert np.percentile(widths, 95) < 1.3 * RISE * blur


def test_a_border_drawn_beside_the_edge_finds_the_edge():
    series = made_cine(1.0, 1.0)
    drawn = ndimage.binary_dilation(series.labels[0][0] == LV_CAVITY, iterations=2)
    widths = edge_widths(series.frames, [(0, np.stack([drawn] * 2))], series.spacing)
    assert np.median(widths) == pytest.approx(RISE, rel=0.1)


def test_no_edge_has_no_width():
    series = made_cine()
    flat = np.zeros_like(series.frames)
    cavity = series.labels[0] == LV_CAVITY
    assert len(edge_widths(flat, [(0, cavity)], series.spacing)) == 0
    assert len(edge_widths(series.frames, [(0, np.zeros_like(cavity))], series.spacing)) == 0


def test_noise_is_measured_beside_edges():
    clean = made_cine().frames
    assert noise_level(clean) < 0.002
    noisy = clean + 0.05 * np.random.default_rng(0).standard_normal(clean.shape)
    assert noise_level(noisy) == pytest.approx(0.05, rel=0.03)


@pytest.mark.parametrize("slope", [-2.0, -3.5])
def test_slope_of_the_power_spectrum(slope):
    rng = np.random.default_rng(1)
    frequency = np.hypot(np.fft.fftfreq(128)[:, None], np.fft.rfftfreq(128)[None])
    frequency[0, 0] = 1
    spectra = rng.standard_normal((20, 128, 65)) * np.exp(2j * np.pi * rng.random((20, 128, 65)))
    images = np.fft.irfft2(spectra * frequency ** (slope / 2), s=(128, 128))
    assert spectrum_slope(images) == pytest.approx(slope, abs=0.15)


def test_resampling_keeps_the_place():
    j, i = np.mgrid[:40, :50]
    image = np.sin(j * 0.9 / 8.0) + np.cos(i * 1.2 / 9.0)
    new = resampled(image[None], np.array([1.2, 0.9, 8.0]))[0]
    j, i = np.mgrid[: new.shape[0], : new.shape[1]] * 1.4
    assert np.abs(new - np.sin(j / 8) - np.cos(i / 9))[3:-3, 3:-3].max() < 0.02


def test_change_is_that_of_a_twentieth_of_the_cycle():
    phase = 2 * np.pi * np.arange(40) / 40
    frames = np.broadcast_to(np.sin(phase)[:, None, None, None], (40, 1, 20, 20))
    change = temporal_change(ImageSeries(frames, np.eye(4)))
    first = np.linspace(0, 37, 6).round()
    expected = np.sqrt(np.mean((np.sin(2 * np.pi * (first + 2) / 40) - np.sin(2 * np.pi * first / 40)) ** 2))
    assert change == pytest.approx(100 * expected, rel=1e-5)
    assert np.isnan(temporal_change(ImageSeries(frames[:2], np.eye(4))))


# ---------------------------------------------------------------------- one cine


def test_a_cine_has_every_statistic():
    found = measure(made_cine(noise=0.01), "disc")
    assert found.name == "disc"
    assert np.isfinite(list(found.values.values())).all()
    assert found.values["blood - wall (% of the range)"] == pytest.approx(100 * 0.7 / 0.9, rel=0.05)
    assert found.values["blood - wall over noise (CNR)"] == pytest.approx(70, rel=0.1)
    assert found.values["edge width, median (mm)"] == pytest.approx(RISE * 1.3, rel=0.1)
    assert found.values["blood, SD within a slice (% of blood - wall)"] == pytest.approx(1 / 0.7, rel=0.15)
    for share in found.histograms.values():
        assert share.sum() == pytest.approx(1)
    assert len(found.histograms) == 5


def test_scanner_units_do_not_matter():
    small, large = measure(made_cine(noise=0.01)), measure(made_cine(noise=0.01, unit=900.0))
    for key, value in small.values.items():
        assert large.values[key] == pytest.approx(value, rel=1e-3), key


def test_pixels_do_not_matter_for_gradients_and_edges():
    coarse, fine = measure(made_cine(1.6)), measure(made_cine(0.8))
    for key in ("heart gradient, 99th percentile (%/mm)", "edge width, median (mm)", "heart power spectrum, slope"):
        assert coarse.values[key] == pytest.approx(fine.values[key], rel=0.12), key


def test_heavy_tails_are_seen():
    sharp, soft = measure(made_cine(blur=0.7)), measure(made_cine(blur=4.0))
    key = "heart gradient, excess kurtosis"
    assert sharp.values[key] > 2 * soft.values[key]


def test_without_labels_the_heart_is_what_moves():
    found = measure(made_cine(labeled=False))
    assert np.isnan(found.values["edge width, median (mm)"])
    assert "edge width" not in found.histograms
    assert (
        found.values["heart change in 5 % of the cycle, RMS (%)"]
        > found.values["field change in 5 % of the cycle, RMS (%)"]
    )


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(CardiacMotionError, match="flat: the images have no contrast"):
        measure(ImageSeries(np.ones((8, 2, 60, 60)), np.diag([1.5, 1.5, 8, 1])), "flat")
    with pytest.raises(CardiacMotionError, match="small: the images show less than 50 mm"):
        measure(made_cine().crop((slice(0, 2), slice(40, 60), slice(40, 60))), "small")


# ---------------------------------------------------------------------- distances


def test_wasserstein_is_the_way_that_is_moved():
    a, b = np.zeros(64), np.zeros(64)
    a[10], b[17] = 1, 1
    assert wasserstein(a, b, 0.5) == pytest.approx(3.5)
    assert wasserstein(a, a, 0.5) == 0


def test_jensen_shannon_is_from_zero_to_one():
    a, b = np.zeros(64), np.zeros(64)
    a[:8], b[8:24] = 1 / 8, 1 / 16
    assert jensen_shannon(a, b) == pytest.approx(1)
    assert jensen_shannon(a, a) == 0
    assert jensen_shannon(a, (a + b) / 2) == pytest.approx(0.5 * (np.log2(4 / 3) + 0.5 * np.log2(2 / 3) + 0.5))


def numbers(value, bin_=20):
    share = np.zeros(64)
    share[bin_] = 1
    return Measurement("", {"size": value}, {"heart gradient": share})


def test_distances_on_known_numbers():
    """Real 1, 2, 3 (SD 1), synthetic 4 and 6: each real one is 1.5, 0, 1.5 from the mean of the others."""
    real = [numbers(value, 20 + value) for value in (1, 2, 3)]
    synthetic = [numbers(4, 22), numbers(6, 26)]
    table = compare(real, synthetic).set_index("statistic")
    row = table.loc["size"]
    assert (row["real_mean"], row["real_low"], row["real_high"]) == (2, 1, 3)
    assert row["gap"] == pytest.approx(3)
    assert row["real_distance"] == pytest.approx(1)
    assert row["synthetic_distance"] == pytest.approx(3)
    assert row["ratio"] == pytest.approx(3)
    assert row["variety"] == pytest.approx(2)
    width = 25 / 64
    row = table.loc["Gradient magnitude, around the heart: Wasserstein (% of the range per mm)"]
    assert row["real_distance"] == pytest.approx(width * (1.5 + 1 + 1.5) / 3)
    assert row["synthetic_distance"] == pytest.approx(width * (2 / 3 + 4) / 2)
    assert row["variety"] == pytest.approx(4 / (4 / 3))
    assert np.isnan(row["gap"])


def test_more_of_the_same_is_as_real_as_the_real_ones():
    rng = np.random.default_rng(3)
    real, same = ([numbers(v) for v in rng.standard_normal(200)] for _ in range(2))
    row = compare(real, same).set_index("statistic").loc["size"]
    assert row["ratio"] == pytest.approx(1, abs=0.15)
    assert row["variety"] == pytest.approx(1, abs=0.15)
    alike = compare(real, [numbers(0.1), numbers(0.101)]).set_index("statistic").loc["size"]
    assert alike["variety"] < 0.01


def test_what_few_cines_show_is_left_out():
    real = [numbers(np.nan), numbers(2), Measurement("", {"size": np.nan}, {})]
    assert list(compare(real, [numbers(3)])["statistic"]) == [
        "Gradient magnitude, around the heart: Wasserstein (% of the range per mm)",
        "Gradient magnitude, around the heart: Jensen-Shannon (bits)",
    ]
    assert pooled(real, "edge width") is None
    with pytest.raises(CardiacMotionError, match="at least two real cines and one synthetic one, got 1 and 1"):
        compare(real[:1], [numbers(3)])


def test_real_hearts_are_told_from_a_disc(shared_data):
    """A disc of one gray value is farther from real cines than they are from each other, above all in its blood."""
    from CardiacMotionLib import read_series

    folder = shared_data / "sunnybrook"
    real = [
        measure(read_series(folder / f"SC-HF-I-{n}_cine4d.nii.gz", [folder / f"SC-HF-I-{n}_seg_frame{t:02d}.nii.gz"]))
        for n, t in ((1, 18), (2, 19), (6, 18))
    ]
    table = compare(real, [measure(made_cine(noise=0.02))]).set_index("statistic")
    assert table.loc["blood, SD within a slice (% of blood - wall)", "ratio"] > 2
    assert table["ratio"].median() > 1.5
