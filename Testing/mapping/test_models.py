"""Signal models: their derivatives, what an image without preparation shows, what is derived from the parameters."""

import pytest
import torch
from synthetic_signals import FITTED, acquisition_of, model_of, random_parameters

from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.mapping import signals
from CardiacMotionLib.mapping.models import MODELS, make_model, settings_of


def by_autograd(function, parameters):
    """Derivatives (parameters, *result) of a function of pixels (parameters, P) that do not know of each other."""
    leaf = parameters.clone().requires_grad_()
    result = function(leaf)
    rows = [torch.autograd.grad(row.sum(), leaf, retain_graph=True)[0] for row in result]
    return torch.stack(rows, 1)


def direct(name, parameters, at):
    """The signal from its equation in `signals`."""
    if name == "msasha":
        a, t1, t2 = parameters
        return signals.msasha(at["saturation_times"], at["echo_times"], at["delays"], t1, t2, a)
    if name == "t2prep":
        return signals.t2_prep(at["echo_times"], parameters[1], parameters[0])
    if name == "sasha2":
        return signals.saturation_recovery(at["saturation_times"], parameters[1], parameters[0])
    a, b, constant = parameters
    if name == "sasha":
        return signals.saturation_recovery(at["saturation_times"], constant, a, b)
    return signals.inversion_recovery(at["inversion_times"], constant, a, b)


@pytest.mark.parametrize("name", FITTED)
def test_signal_and_jacobian_are_those_of_the_equation(name):
    model, at, parameters = model_of(name), acquisition_of(name), random_parameters(name, 50)
    torch.testing.assert_close(model.signal(parameters, at), direct(name, parameters, at))
    expected = by_autograd(lambda p: direct(name, p, at), parameters)
    torch.testing.assert_close(model.jacobian(parameters, at), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", FITTED)
def test_gradient_of_what_is_derived(name):
    model, parameters = model_of(name), random_parameters(name, 50)
    quantities = model.relaxation(parameters)
    assert set(quantities) == set(model.ranges)
    for key, quantity in quantities.items():
        expected = by_autograd(lambda p, key=key: model.relaxation(p)[key].value[None], parameters)[:, 0]
        torch.testing.assert_close(quantity.gradient, expected)


@pytest.mark.parametrize("name", ["stone", "sasha"])
def test_an_image_without_preparation_is_a(name):
    model, at, parameters = model_of(name), acquisition_of(name), random_parameters(name, 5)
    never = torch.isinf(at[model.times[0]][:, 0])
    assert never.any()
    torch.testing.assert_close(model.signal(parameters, at)[never][0], parameters[0])
    assert (model.jacobian(parameters, at)[1:, never] == 0).all()


def test_registry():
    assert list(MODELS) == ["molli", "stone", "sasha", "msasha", "ir", "t2prep", "asl"]
    for name in MODELS:
        assert make_model(name).name == name
    assert settings_of("sasha") == {"parameters": 3}
    assert set(settings_of("asl")) == {"t1_blood", "partition"}
    with pytest.raises(CardiacMotionError, match="unknown mapping model 'moli'; choose one of molli, stone"):
        make_model("moli")
    with pytest.raises(CardiacMotionError, match="2 \\(A, T1\\) or 3 \\(A, B, T1\\), got 4"):
        make_model("sasha", {"parameters": 4})
