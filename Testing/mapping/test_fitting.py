"""Levenberg-Marquardt of many pixels against scipy's of one, uncertainty against repeated measurements."""

import numpy as np
import pytest
import torch
from scipy.optimize import curve_fit
from synthetic_signals import FITTED, acquisition_of, model_of, random_parameters, with_noise

from CardiacMotionLib.mapping import linear
from CardiacMotionLib.mapping.fitting import levenberg_marquardt
from CardiacMotionLib.mapping.pixels import PixelFit
from CardiacMotionLib.mapping.start import make_grid, search, start_values

PIXELS = 1000
NOISE = 2.0  # of signals near 100: SNR 50


@pytest.mark.parametrize("name", FITTED)
def test_same_as_scipy(name):
    """Values and SD of 1,000 noisy pixels within 1e-4 of `scipy.optimize.curve_fit`, which starts from the truth."""
    model, at = model_of(name), acquisition_of(name)
    truth = random_parameters(name, PIXELS)
    data = with_noise(model.signal(truth, at), NOISE)
    found = PixelFit(model, at)(data)
    assert found.good.double().mean() > 0.99
    times = np.zeros(len(data))  # curve_fit wants one; the model has its own

    def signal(_, *parameters):
        return model.signal(torch.tensor(parameters, dtype=torch.float64)[:, None], at)[:, 0].numpy()

    def jacobian(_, *parameters):
        return model.jacobian(torch.tensor(parameters, dtype=torch.float64)[:, None], at)[..., 0].T.numpy()

    for pixel in np.flatnonzero(found.good.numpy()):
        values, covariance = curve_fit(
            signal, times, data[:, pixel].numpy(), p0=truth[:, pixel].numpy(), jac=jacobian, xtol=1e-12, ftol=1e-12
        )
        oracle = model.relaxation(torch.from_numpy(values)[:, None])
        for key, (value, gradient) in oracle.items():
            sd = np.sqrt(gradient[:, 0].numpy() @ covariance @ gradient[:, 0].numpy())
            assert found.maps[key][pixel].item() == pytest.approx(value.item(), rel=1e-4)
            assert found.maps[f"{key}_SD"][pixel].item() == pytest.approx(sd, rel=1e-4)


@pytest.mark.parametrize("name", FITTED)
def test_noise_free_signal_gives_its_parameters_back(name):
    model, at, truth = model_of(name), acquisition_of(name), random_parameters(name, PIXELS)
    data = model.signal(truth, at)
    grid = make_grid(model, at)
    fit = levenberg_marquardt(model, at, data, start_values(grid, data, search(grid, data).tried))
    assert fit.converged.all()
    torch.testing.assert_close(fit.point.parameters, truth, rtol=1e-6, atol=0)


@pytest.mark.parametrize("name", FITTED)
def test_float32(name):
    model, at = model_of(name), acquisition_of(name, torch.float32)
    truth = random_parameters(name, PIXELS)
    data = with_noise(model.signal(truth, acquisition_of(name)), NOISE)
    exact = PixelFit(model, acquisition_of(name))(data)
    single = PixelFit(model, at)(data.float())
    both = exact.good & single.good
    assert both.double().mean() > 0.98
    for key in model.ranges:
        assert single.maps[key].dtype == torch.float32
        difference = (single.maps[key] - exact.maps[key])[both].abs() / exact.maps[key][both]
        assert difference.quantile(0.99) < 2e-3


@pytest.mark.parametrize("name", FITTED)
def test_sd_is_the_scatter_of_repeated_measurements(name):
    model, at = model_of(name), acquisition_of(name)
    repeats = 4000
    truth = random_parameters(name, 3, seed=5).repeat_interleave(repeats, 1)
    found = PixelFit(model, at)(with_noise(model.signal(truth, at), 1.0))
    for key in model.ranges:
        scatter = found.maps[key].reshape(3, repeats).std(1)
        # the mean of variances, because that of s^2 is free of bias
        told = found.maps[f"{key}_SD"].reshape(3, repeats).square().mean(1).sqrt()
        np.testing.assert_allclose(told, scatter, rtol=0.15)


def test_pixels_do_not_know_of_each_other():
    model, at = model_of("stone"), acquisition_of("stone")
    data = with_noise(model.signal(random_parameters("stone", 101), at), NOISE).abs()
    fit = PixelFit(model, at, search_sign=True)
    together = fit(data)
    alone = [fit(data[:, n : n + 1]) for n in (0, 50, 100)]
    for n, one in zip((0, 50, 100), alone, strict=True):
        torch.testing.assert_close(one.maps["T1"][0], together.maps["T1"][n], rtol=1e-9, atol=0)


def test_robust_fit_withstands_an_image_out_of_line():
    model, at = model_of("stone"), acquisition_of("stone")
    truth = random_parameters("stone", PIXELS)
    data = with_noise(model.signal(truth, at), 0.5)
    data[6] += 40
    error = {}
    for loss in (None, "huber", "tukey"):
        found = PixelFit(model, at, loss=loss)(data)
        error[loss] = (found.maps["T1"] - truth[2]).abs().median() / truth[2].median()
    assert error["huber"] < 0.5 * error[None]
    assert error["tukey"] < 0.1 * error[None]


@pytest.mark.parametrize("loss", ["huber", "tukey"])
def test_robust_fit_of_clean_data_is_nearly_least_squares(loss):
    model, at = model_of("stone"), acquisition_of("stone")
    truth = random_parameters("stone", PIXELS)
    data = model.signal(truth, at)
    found = PixelFit(model, at, loss=loss)(data)
    torch.testing.assert_close(found.maps["T1"], truth[2], rtol=1e-6, atol=0)


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_small_systems(size):
    generator = torch.Generator().manual_seed(size)
    root = torch.randn(20, size, size, generator=generator, dtype=torch.float64)
    matrix = root @ root.mT + 0.1 * torch.eye(size)
    right = torch.randn(20, size, generator=generator, dtype=torch.float64)
    expected = torch.linalg.solve(matrix, right)
    torch.testing.assert_close(linear.solve(matrix.permute(1, 2, 0), right.T), expected.T)
    form = (right * expected).sum(1)
    torch.testing.assert_close(linear.inverse_form(matrix.permute(1, 2, 0), right.T), form)


def test_a_singular_system_has_no_uncertainty():
    matrix = torch.ones(2, 2, 1, dtype=torch.float64)
    assert torch.isnan(linear.inverse_form(matrix, torch.tensor([[1.0], [-1.0]], dtype=torch.float64))).all()


def test_what_cannot_be_fitted_is_told():
    """Empty pixels, and noise, neither stop the others nor count as converged to something plausible."""
    model, at = model_of("molli"), acquisition_of("molli")
    data = model.signal(random_parameters("molli", 3), at)
    data[:, 1] = 0
    found = PixelFit(model, at)(data)
    assert found.good.tolist() == [True, False, True]
    assert torch.isnan(found.maps["R2"][1])
