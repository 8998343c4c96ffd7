"""Signal equations: limits, known values, refits by an independent least-squares fit, gradients."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import curve_fit

from CardiacMotionLib.mapping import signals

T1 = torch.tensor([260.0, 965.0, 1550.0], dtype=torch.float64)
T2 = torch.tensor([84.0, 50.0, 250.0], dtype=torch.float64)
TIMES = np.array([100.0, 180.0, 1000.0, 1080.0, 1900.0, 2000.0, 2800.0, 3700.0])


def fitted(model, times, values, start):
    parameters, _ = curve_fit(model, times, values, p0=start, maxfev=5000)
    return parameters


def test_inversion_recovery_from_minus_one_through_zero_to_one():
    assert torch.allclose(signals.inversion_recovery(0.0, T1), -torch.ones(3, dtype=torch.float64))
    assert torch.allclose(signals.inversion_recovery(T1 * math.log(2), T1), torch.zeros(3, dtype=torch.float64))
    assert torch.equal(signals.inversion_recovery(math.inf, T1), torch.ones(3, dtype=torch.float64))


def test_a_preparation_left_out_has_no_gradient():
    t1 = T1.clone().requires_grad_()
    signals.saturation_recovery(torch.tensor([[math.inf], [500.0]]), t1).sum().backward()
    assert torch.isfinite(t1.grad).all()
    assert (t1.grad < 0).all()


def test_saturation_recovery_from_zero_to_one():
    assert torch.equal(signals.saturation_recovery(0.0, T1), torch.zeros(3, dtype=torch.float64))
    assert torch.equal(signals.saturation_recovery(math.inf, T1), torch.ones(3, dtype=torch.float64))
    imperfect = signals.saturation_recovery(0.0, T1, a=1.0, b=0.9)
    assert torch.allclose(imperfect, torch.full((3,), 0.1, dtype=torch.float64))


@pytest.mark.parametrize("tissue", range(3))
def test_inversion_recovery_refits(tissue):
    values = signals.inversion_recovery(torch.from_numpy(TIMES), T1[tissue], 3.0, 5.7).numpy()
    _, _, t1 = fitted(lambda t, a, b, t1: a - b * np.exp(-t / t1), TIMES, values, (2, 4, 800))
    assert t1 == pytest.approx(T1[tissue].item(), rel=1e-3)


@pytest.mark.parametrize("tissue", range(3))
def test_look_locker_refits_to_t1_and_not_to_t1_star(tissue):
    t1_star = signals.molli_t1_star(T1[tissue], T2[tissue], 35.0, 0.2)
    a, b = signals.look_locker_parameters(T1[tissue], t1_star, 2.0)
    values = signals.look_locker(torch.from_numpy(TIMES), t1_star, a, b).numpy()
    a, b, found = fitted(lambda t, a, b, t1: a - b * np.exp(-t / t1), TIMES, values, (2, 4, 600))
    assert signals.look_locker_t1(found, a, b) == pytest.approx(T1[tissue].item(), rel=1e-3)
    assert found < 0.99 * T1[tissue].item()


def test_look_locker_without_read_out_is_undisturbed_recovery():
    assert torch.allclose(signals.molli_t1_star(T1, T2, 35.0, 0.0), T1)
    a, b = signals.look_locker_parameters(T1, T1)
    assert torch.allclose(signals.look_locker(700.0, T1, a, b), signals.inversion_recovery(700.0, T1))


def test_msasha_is_sasha_without_t2_preparation_and_t2_prep_without_saturation():
    ts, te, td = (torch.tensor(v, dtype=torch.float64) for v in (400.0, 55.0, 120.0))
    assert torch.allclose(signals.msasha(ts, 0.0, td, T1, T2), signals.saturation_recovery(ts + td, T1))
    assert torch.allclose(signals.msasha(math.inf, te, 0.0, T1, T2), signals.t2_prep(te, T2))
    assert torch.equal(signals.msasha(math.inf, 0.0, td, T1, T2), torch.ones(3, dtype=torch.float64))


def test_msasha_refits_t1_and_t2():
    ts, te, td = np.array([(np.inf, 0, 10), (200, 0, 10), (400, 0, 10), (600, 0, 10), (550, 40, 20), (550, 70, 20)]).T
    for t1, t2 in zip(T1[1:], T2[1:], strict=True):
        values = signals.msasha(*map(torch.from_numpy, (ts, te, td)), t1, t2, 2.0).numpy()

        def model(index, t1, t2, a):
            i = index.astype(int)
            return a * (1 - (1 - (1 - np.exp(-ts[i] / t1)) * np.exp(-te[i] / t2)) * np.exp(-td[i] / t1))

        found = fitted(model, np.arange(6.0), values, (800, 70, 1.5))
        assert found == pytest.approx((t1.item(), t2.item(), 2.0), rel=1e-3)


def bloch_steady_state(t1, t2, flip_deg, tr, phase):
    """Steady transverse magnetization by repeating pulse and precession: the independent oracle."""
    flip, theta = math.radians(flip_deg), phase + math.pi  # alternating pulses are a precession of pi
    pulse = np.array([[1, 0, 0], [0, math.cos(flip), math.sin(flip)], [0, -math.sin(flip), math.cos(flip)]])
    turn = np.array(
        [[math.cos(theta), math.sin(theta), 0], [-math.sin(theta), math.cos(theta), 0], [0, 0, 1]]
    ) @ np.diag([math.exp(-tr / t2)] * 2 + [math.exp(-tr / t1)])
    recovery = np.array([0, 0, 1 - math.exp(-tr / t1)])
    after = np.linalg.solve(np.eye(3) - pulse @ turn, pulse @ recovery)
    return math.hypot(after[0], after[1]) * math.exp(-tr / 2 / t2)


@pytest.mark.parametrize("phase", [0.0, 0.7, 2.0, 3.0, -1.3])
def test_balanced_steady_state_is_that_of_the_bloch_equations(phase):
    found = signals.bssfp_off_resonance(phase, T1, T2, 60.0, 3.2)
    expected = [bloch_steady_state(t1.item(), t2.item(), 60.0, 3.2, phase) for t1, t2 in zip(T1, T2, strict=True)]
    assert found.numpy() == pytest.approx(np.array(expected), rel=1e-9)
    if phase == 0:
        assert torch.allclose(signals.bssfp(T1, T2, 60.0, 3.2), found, rtol=1e-12)


def test_banding_profile_is_periodic_with_a_dark_band_at_pi():
    phase = torch.linspace(-math.pi, math.pi, 65, dtype=torch.float64)
    profile = signals.bssfp_off_resonance(phase, 965.0, 50.0, 60.0, 3.2)
    assert profile.argmin() in (0, 64)
    assert profile[0] < 0.25 * profile[32]
    assert torch.allclose(profile, signals.bssfp_off_resonance(phase + 2 * math.pi, 965.0, 50.0, 60.0, 3.2))


def test_balanced_steady_state_with_short_tr_depends_on_t2_over_t1_alone():
    flip = 60.0
    expected = math.sin(math.radians(flip)) / (
        1 + math.cos(math.radians(flip)) + (1 - math.cos(math.radians(flip))) * T1 / T2
    )
    assert torch.allclose(signals.bssfp(T1, T2, flip, 1e-3), expected, rtol=1e-3)


def test_spoiled_gradient_echo_is_largest_at_the_ernst_angle():
    angles = torch.arange(0.5, 60, 0.5, dtype=torch.float64)
    best = angles[signals.spoiled_gre(965.0, angles, 20.0).argmax()].item()
    assert best == pytest.approx(math.degrees(math.acos(math.exp(-20 / 965))), abs=0.25)
    assert torch.allclose(signals.spoiled_gre(T1, 90.0, 1e6), torch.ones(3, dtype=torch.float64))
    halved = signals.spoiled_gre(T1, 20.0, 5.0, te=20 * math.log(2), t2_star=20.0)
    assert torch.allclose(halved, signals.spoiled_gre(T1, 20.0, 5.0) / 2)


def test_asl_difference_gives_the_perfusion_back():
    ti, perfusion, t1_blood, baseline, partition = 1200.0, torch.tensor([0.6, 1.1, 3.0]), 1550.0, 2.5, 0.95
    control, tag = (signals.fair_asl(f, ti, 965.0, perfusion, t1_blood, baseline, partition) for f in (0.0, 1.0))
    found = partition * (control - tag) / (2 * baseline * ti / 60_000) * math.exp(ti / t1_blood)
    assert torch.allclose(found, perfusion, rtol=1e-4)
    assert ((control - tag) / baseline < 0.06).all()  # perfusion is a few per cent of the signal


def test_asl_baseline_has_no_perfusion_and_the_cavity_is_replaced():
    perfusion = torch.tensor(1.0)
    assert signals.fair_asl(0.0, math.inf, 965.0, perfusion, 1550.0, 2.0).item() == 2.0
    cavity = signals.fair_asl(torch.tensor([False, True]), 1200.0, 1550.0, 0 * perfusion, 1550.0, fresh=1.0)
    assert cavity.tolist() == pytest.approx([1.0, 1 - 2 * math.exp(-1200 / 1550)])


def test_tags_fade_like_repeated_pulses():
    """Magnetization carried through pulse after pulse, tagged and relaxed parts apart."""
    t1, flip, tr, tagged, relaxed = 965.0, 12.0, 8.0, 1.0, 0.0
    for n in range(1, 60):
        e1, cosine = math.exp(-tr / t1), math.cos(math.radians(flip))
        tagged, relaxed = tagged * cosine * e1, relaxed * cosine * e1 + 1 - e1
        time = torch.tensor(n * tr, dtype=torch.float64)
        assert signals.tag_fade(time, t1, flip, tr).item() == pytest.approx(tagged)
        assert signals.recovered(time, t1, flip, tr).item() == pytest.approx(relaxed)


def test_spamm_bands_at_once_and_no_contrast_at_the_end():
    phase = torch.linspace(0, 2 * math.pi, 33, dtype=torch.float64)
    pattern = signals.spamm_pattern(phase)
    assert (pattern.min().item(), pattern.max().item()) == pytest.approx((0, 1), abs=1e-12)
    assert torch.allclose(signals.spamm(pattern, 0.0, 965.0, 10.0, 5.0), pattern)
    late = signals.spamm(pattern, 1e5, 965.0, 10.0, 5.0)
    assert late.std() < 1e-9
    assert late.mean() > 0.2
    assert signals.cspamm(pattern, 1e5, 965.0, 10.0, 5.0).abs().max() < 1e-9
    difference = signals.spamm(pattern, 300.0, 965.0, 10.0, 5.0) - signals.spamm(-pattern, 300.0, 965.0, 10.0, 5.0)
    assert torch.allclose(difference / 2, signals.cspamm(pattern, 300.0, 965.0, 10.0, 5.0))


def test_stimulated_echo_is_half_and_decays_with_t1():
    time = torch.tensor([0.0, 965.0], dtype=torch.float64)
    echo = signals.stimulated_echo(time, 965.0, 0.0, 17.0, m0=2.0)
    assert echo.tolist() == pytest.approx([1.0, math.exp(-1)])
    assert signals.stimulated_echo(time, 965.0, 15.0, 17.0)[1] < echo[1] / 4


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_shapes_broadcast_and_the_dtype_stays(dtype):
    t1, t2 = torch.full((4, 5), 900.0, dtype=dtype), torch.full((4, 5), 50.0, dtype=dtype)
    ti = torch.tensor([100.0, 500.0, math.inf], dtype=dtype)[:, None, None]
    for signal in (
        signals.inversion_recovery(ti, t1),
        signals.msasha(ti, 40.0, 10.0, t1, t2),
        signals.bssfp_off_resonance(ti.nan_to_num(0, 0, 0), t1, t2, 60.0, 3.0),
        signals.spamm(t1, ti[:2].sum() + 0 * ti.nan_to_num(0, 0, 0), t1, 10.0, 5.0),
        signals.fair_asl(torch.tensor([True, False, False])[:, None, None], ti, t1, t2, 1550.0),
    ):
        assert signal.shape == (3, 4, 5)
        assert signal.dtype == dtype
        assert torch.isfinite(signal).all()


def test_gradients_are_those_of_finite_differences():
    t1, t2 = T1.clone().requires_grad_(), T2.clone().requires_grad_()
    ti = torch.tensor([[150.0], [800.0]], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: signals.inversion_recovery(ti, x), t1)
    assert torch.autograd.gradcheck(lambda x, y: signals.msasha(ti, 45.0, 10.0, x, y), (t1, t2))
    assert torch.autograd.gradcheck(lambda x, y: signals.bssfp_off_resonance(0.8, x, y, 60.0, 3.2), (t1, t2))
    assert torch.autograd.gradcheck(lambda x: signals.spamm(torch.ones_like(x), ti, x, 10.0, 5.0), t1)
