"""The sign of magnitude images: guesses, found by fitting, from the phase."""

import math

import pytest
import torch
from synthetic_signals import acquisition_of, model_of, random_parameters, with_noise

from CardiacMotionLib.mapping.pixels import PixelFit
from CardiacMotionLib.mapping.polarity import fit_magnitude, phase_sensitive, sign_guesses
from CardiacMotionLib.mapping.start import make_grid

RECOVERIES = ["molli", "stone", "ir"]


def with_sign(model, at, magnitude):
    """The images with the sign that was found."""
    return fit_magnitude(model, at, magnitude, make_grid(model, at))[1]


def test_guesses_of_the_sign():
    times = torch.tensor([math.inf, 300.0, 100.0, 300.0, 900.0])
    assert sign_guesses(times).tolist() == [[1, 1, 1, 1, 1], [1, 1, -1, 1, 1], [1, -1, -1, -1, 1], [1, -1, -1, -1, -1]]
    assert sign_guesses(times[1:]).tolist() == [[1, 1, 1, 1], [1, -1, 1, 1], [-1, -1, -1, 1]]


@pytest.mark.parametrize("name", RECOVERIES)
def test_sign_of_noise_free_magnitude_is_restored(name):
    model, at = model_of(name), acquisition_of(name)
    parameters = random_parameters(name, 3000)
    signal = model.signal(parameters, at)
    found = PixelFit(model, at, search_sign=True)(signal.abs())
    assert found.good.all()
    torch.testing.assert_close(with_sign(model, at, signal.abs()), signal)
    torch.testing.assert_close(found.maps["T1"], model.relaxation(parameters)["T1"].value, rtol=1e-6, atol=0)


@pytest.mark.parametrize("name", RECOVERIES)
def test_sign_is_found_under_noise(name):
    """SNR 30: right in 99 % of the images beyond one SD of zero, and in 99 % of pixels with all beyond three."""
    model, at = model_of(name), acquisition_of(name)
    noise = 100 / 30
    signal = with_noise(model.signal(random_parameters(name, 5000), at), noise)
    right = with_sign(model, at, signal.abs()) * signal >= 0
    assert right[signal.abs() > noise].double().mean() > 0.99
    clear = (signal.abs() > 3 * noise).all(0)
    assert clear.double().mean() > 0.3
    assert right[:, clear].all(0).double().mean() > 0.99


@pytest.mark.parametrize("name", RECOVERIES)
def test_order_of_the_images_does_not_matter(name):
    model, at = model_of(name), acquisition_of(name)
    signal = with_noise(model.signal(random_parameters(name, 200), at), 2.0).abs()
    order = torch.randperm(len(signal), generator=torch.Generator().manual_seed(0))
    one = PixelFit(model, at, search_sign=True)(signal)
    other = PixelFit(model, {key: times[order] for key, times in at.items()}, search_sign=True)(signal[order])
    torch.testing.assert_close(one.maps["T1"], other.maps["T1"], rtol=1e-5, atol=0)


def test_phase_against_the_longest_time():
    signal = torch.tensor([[-3.0, -1.0], [5.0, 4.0], [1.0, -2.0]])
    receiver = torch.tensor([0.7, -2.0])
    phase = receiver + math.pi * (signal < 0)
    assert torch.allclose(phase_sensitive(signal.abs(), phase, torch.tensor([100.0, 3000.0, 400.0])), signal, atol=1e-5)


def test_an_inversion_that_hardly_inverts_is_the_last_guess():
    """T1 so short that one image alone is negative: any B explains either sign of it, an inversion only one."""
    model, at = model_of("stone"), acquisition_of("stone")
    parameters = torch.tensor([100.0, 190.0, 270.0], dtype=torch.float64)[:, None].repeat(1, 2000)
    signal = with_noise(model.signal(parameters, at), 100 / 30)
    first = at["inversion_times"][:, 0].argmin()
    assert (with_sign(model, at, signal.abs())[first] < 0).double().mean() > 0.97
