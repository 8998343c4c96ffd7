"""`ContinuousField`: displacement and exact gradient against closed forms, on any device and in both float types."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
import pytest
import torch
from wave_fields import BENT, Waves, linear, window_of

from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.continuous import Clock, ContinuousField
from CardiacMotionLib.fields.siren import Siren

TIMES = np.array([0.0, 130.0, 400.0, 790.0])
OBLIQUE = np.array([[1.2, 0.9, 2.0, -20], [-0.9, 1.2, 0.0, -50], [-0.3751, -0.0, 7.6, 5], [0, 0, 0, 1.0]])


def points(count=50, reach=40.0):
    return Waves().center + np.random.default_rng(0).uniform(-reach, reach, (count, 3))


def drawn_field(window=None, clock=Clock(0.0, 800.0), dtype=torch.float64):  # noqa: B008  (frozen)
    """A network with weights as they are drawn: nothing about it is special."""
    waves = Waves()
    network = Siren(3 + clock.inputs, width=24, hidden=2, omega=6.0, seed=2).to(dtype)
    return ContinuousField(network, np.array(waves.center), waves.axes, 60.0, clock, 0.0, window)


# ---------------------------------------------------------------------- time


def test_phase_of_the_heartbeat():
    clock = Clock(100.0, 800.0)
    times = torch.tensor([100.0, 300.0, 500.0, 899.0, 0.0, -100.0], dtype=torch.float64)
    expected = torch.tensor([-1, -0.5, 0, 0.9975, 0.75, 0.5], dtype=torch.float64)
    torch.testing.assert_close(clock(times)[:, 0], expected)
    assert clock.inputs == 1


def test_a_beat_later_is_the_same_phase_in_spite_of_rounding():
    clock = Clock(0.1, 0.3)
    beats = torch.arange(1000, dtype=torch.float64) * 0.3 + 0.1
    assert (clock(beats) < -1 + 1e-5).all()


def test_periodic_phase_closes_a_circle_as_long_as_the_line():
    clock = Clock(0.0, 800.0, periodic=True)
    ends = clock(torch.tensor([0.0, 799.999, 800.0, 200.0], dtype=torch.float64)) * np.pi
    assert clock.inputs == 2
    torch.testing.assert_close(
        ends[:3], torch.tensor([[1.0, 0.0]], dtype=torch.float64).expand(3, 2), atol=1e-4, rtol=0
    )
    torch.testing.assert_close(ends[3], torch.tensor([0.0, 1.0], dtype=torch.float64), atol=1e-12, rtol=0)


# ---------------------------------------------------------------------- window


def test_window_is_one_inside_and_zero_outside():
    window = window_of(np.diag([2.0, 2, 8, 1]), (5, 5, 1), (25, 25, 9), ((4, 4), (4, 4), (0, 2)))
    voxels = torch.tensor([[15.0, 15, 5], [15, 15, -3], [5, 15, 5], [3, 15, 5], [15, 26, 5], [15, 15, 9], [7, 15, 5]])
    values, slopes = window(voxels.double() * torch.tensor([2.0, 2, 8]))
    assert values[:6].tolist() == [1, 1, 0, 0, 0, 0]  # the side k = 1 has no fall: all below counts as inside
    assert values[6] == pytest.approx(0.5)
    assert not slopes[:6].any()
    assert slopes[6].tolist() == pytest.approx([1.5 / 4 / 2, 0, 0])


def test_slope_of_the_window_is_that_of_differences():
    """Narrow boxes too, where the fall of one side reaches that of the other."""
    window = window_of(OBLIQUE, (2, 2, 0), (12, 30, 8), ((6, 8), (5, 5), (3, 4)))
    voxels = np.random.default_rng(0).uniform((1, 1, -1), (13, 31, 9), (200, 3))
    places = torch.from_numpy(voxels @ OBLIQUE[:3, :3].T + OBLIQUE[:3, 3])
    slopes, step = window(places)[1], 1e-5
    assert slopes.abs().max() > 0.01
    for axis in range(3):
        shift = step * torch.eye(3, dtype=torch.float64)[axis]
        difference = (window(places + shift)[0] - window(places - shift)[0]) / (2 * step)
        torch.testing.assert_close(slopes[:, axis], difference, atol=1e-6, rtol=0)


# ---------------------------------------------------------------------- displacement and gradient


@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 2e-5)])
def test_waves_move_as_their_formula_says(dtype, tolerance, periodic):
    waves = Waves(clock=Clock(50.0, 800.0, periodic), reference_time=130.0)
    field = waves.network_field(dtype)
    u, F = field.displacement(points(), TIMES), field.deformation_gradient(points(), TIMES)
    assert u.dtype == F.dtype == (np.float64 if dtype == torch.float64 else np.float32)
    np.testing.assert_allclose(u, waves.displacement(points(), TIMES), atol=10 * tolerance)
    np.testing.assert_allclose(F, waves.gradient(points(), TIMES), atol=tolerance)
    assert np.abs(F - np.eye(3)).max() > 0.005
    assert not u[1].any()  # the reference, exactly
    assert np.array_equal(F[1], np.broadcast_to(np.eye(3), F[1].shape))


def test_one_time_is_a_row_of_many():
    field = drawn_field()
    for ask in (field.displacement, field.deformation_gradient):
        np.testing.assert_allclose(ask(points(), 130.0), ask(points(), TIMES)[1], atol=1e-12)
        assert ask(points()[:0], TIMES).shape[:2] == (4, 0)


@pytest.mark.parametrize("clock", [Clock(0.0, 800.0), Clock(30.0, 800.0, periodic=True)])
def test_gradient_is_that_of_differences_through_the_window(clock):
    """Everywhere the motion fades too: F of w u is w F + u grad w."""
    affine = np.diag([1.5, 1.5, 8, 1.0])
    affine[:3, 3] = np.array(Waves().center) - (30, 30, 32)
    field = drawn_field(window_of(affine, (2, 2, 0), (38, 38, 8), ((12, 12), (12, 12), (4, 0))), clock)
    places = points(200, 34)
    F, step = field.deformation_gradient(places, TIMES), 1e-4
    for axis in range(3):
        shift = step * np.eye(3)[axis]
        difference = (field.displacement(places + shift, TIMES) - field.displacement(places - shift, TIMES)) / (
            2 * step
        )
        np.testing.assert_allclose(F[..., axis] - np.eye(3)[axis], difference, atol=1e-6)
    weight = field.window(torch.from_numpy(places))[0]
    assert ((weight > 0.05) & (weight < 0.95)).sum() > 50


def test_a_linear_map_in_any_pose_has_its_matrix():
    matrix = np.array([[0.92, 0.06, -0.02], [-0.05, 1.08, 0.04], [0.03, -0.02, 0.95]])
    field = linear(matrix).network_field()
    np.testing.assert_allclose(
        field.deformation_gradient(points(), 400.0), np.broadcast_to(matrix, (50, 3, 3)), atol=1e-6
    )


def test_a_planar_motion_stays_in_its_slice_and_knows_nothing_across():
    field, z = dataclasses.replace(Waves().network_field(), planar=True), Waves().axes[2]
    free = np.eye(3) - np.outer(z, z)
    u, F = field.displacement(points(), 400.0), field.deformation_gradient(points(), 400.0)
    np.testing.assert_allclose(u, Waves().displacement(points(), 400.0) @ free, atol=1e-10)
    slope = Waves().gradient(points(), 400.0) - np.eye(3)
    np.testing.assert_allclose(F, np.eye(3) + free @ slope @ free, atol=1e-10)


@pytest.mark.parametrize("unit", [40.0, 80.0])
def test_the_unit_of_the_network_does_not_show(unit):
    np.testing.assert_allclose(
        Waves().network_field(unit=unit).deformation_gradient(points(), TIMES),
        Waves().gradient(points(), TIMES),
        atol=1e-10,
    )


def test_outside_the_box_nothing_moves_and_the_network_is_not_asked():
    affine = np.diag([1.5, 1.5, 8, 1.0])
    affine[:3, 3] = np.array(Waves().center) - (30, 30, 32)
    field = drawn_field(window_of(affine, (10, 10, 2), (30, 30, 6)))
    places = points(400)
    outside = (field.window(torch.from_numpy(places))[0] == 0).numpy()
    assert 0 < outside.sum() < len(places)
    with torch.no_grad():
        field.network.layers[-1].bias.fill_(np.nan)
        inside = field.displacement(places, TIMES)
    assert np.isnan(inside[1, ~outside]).all()
    assert not inside[:, outside].any()
    assert np.array_equal(
        field.deformation_gradient(places, TIMES)[2, outside], np.tile(np.eye(3), (outside.sum(), 1, 1))
    )


def test_far_from_the_center_of_the_scanner_float32_is_as_good():
    far = dataclasses.replace(Waves(), center=(1e5, -2e5, 3e4))
    places = points() + np.array(far.center) - Waves().center
    np.testing.assert_allclose(
        far.network_field(torch.float32).displacement(places, TIMES), far.displacement(places, TIMES), atol=2e-4
    )


def test_progress_rises_to_one_and_may_end_it(monkeypatch):
    monkeypatch.setattr("CardiacMotionLib.continuous.POINTS_AT_ONCE", 64)
    heard = []
    drawn_field().displacement(points(), TIMES, heard.append)
    assert len(heard) > 3
    assert heard == sorted(heard)
    assert heard[-1] == 1

    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drawn_field().displacement(points(), TIMES, stop)


def test_parts_make_the_same_whole(monkeypatch):
    field = drawn_field()
    whole = field.deformation_gradient(points(), TIMES)
    monkeypatch.setattr("CardiacMotionLib.continuous.POINTS_AT_ONCE", 64)
    np.testing.assert_allclose(field.deformation_gradient(points(), TIMES), whole, atol=1e-12)


# ---------------------------------------------------------------------- in the heart's own axes, for fitting


def test_every_point_at_every_time_is_one_time_after_the_other():
    field = drawn_field()
    canonical = torch.from_numpy((points() - field.center) @ field.axes.T / field.unit)
    times = torch.from_numpy(TIMES)
    table = field.at_times(canonical, times)
    assert table.shape == (4, 50, 3)
    for row, time in zip(table, times, strict=True):
        slope = field.gradient(canonical, time.expand(50))
        world = field.unit * row.detach().numpy() @ field.axes
        np.testing.assert_allclose(field.displacement(points(), float(time)), world, atol=1e-9)
        world = field.axes.T @ slope.detach().numpy() @ field.axes + np.eye(3)
        np.testing.assert_allclose(field.deformation_gradient(points(), float(time)), world, atol=1e-11)
    table.sum().backward()
    assert field.network.layers[0].weight.grad.abs().max() > 0


def test_evaluation_leaves_no_graph():
    field = drawn_field()
    field.displacement(points(), TIMES)
    field.deformation_gradient(points(), TIMES)
    assert all(p.grad is None and p.requires_grad for p in field.network.parameters())


# ---------------------------------------------------------------------- files


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("windowed", [True, False])
def test_arrays_bring_back_every_bit(dtype, windowed):
    window = window_of(OBLIQUE, (0, 0, 0), (30, 30, 9)) if windowed else None
    field = dataclasses.replace(drawn_field(window, Clock(12.3, 813.7, periodic=True), dtype), planar=windowed)
    file = io.BytesIO()
    np.savez(file, **field.arrays())
    file.seek(0)
    with np.load(file, allow_pickle=False) as stored:
        back = ContinuousField.from_arrays(stored)
    assert back.dtype == dtype
    assert (back.clock, back.planar) == (field.clock, field.planar)
    assert (back.window is None) is (window is None)
    for ask in ("displacement", "deformation_gradient"):
        np.testing.assert_array_equal(getattr(back, ask)(points(), TIMES), getattr(field, ask)(points(), TIMES))


@pytest.mark.parametrize("missing", ["omega", "clock", "center", "network.layers.1.weight", "window.low"])
def test_what_is_missing_is_named(missing):
    stored = drawn_field(window_of(OBLIQUE, (0, 0, 0), (30, 30, 9))).arrays()
    del stored[missing]
    with pytest.raises(CardiacMotionError, match="the network of this motion cannot be read"):
        ContinuousField.from_arrays(stored)


def test_weights_that_do_not_fit_are_refused():
    stored = drawn_field().arrays()
    stored["network.layers.1.weight"] = np.zeros((24, 5))
    with pytest.raises(CardiacMotionError, match="the network of this motion cannot be read"):
        ContinuousField.from_arrays(stored)


@pytest.mark.gpu
def test_a_field_on_a_gpu_answers_on_the_cpu():
    if not torch.cuda.is_available():
        pytest.skip("no GPU that torch can use")
    affine = np.diag([1.5, 1.5, 8, 1.0])
    window = window_of(affine, (-40, -40, -8), (60, 60, 14))
    here = Waves(BENT).network_field(torch.float32, window)
    u, F = here.displacement(points(), TIMES), here.deformation_gradient(points(), TIMES)
    there = here.to("cuda")
    assert there.device.type == "cuda"
    np.testing.assert_allclose(there.displacement(points(), TIMES), u, atol=1e-4)
    np.testing.assert_allclose(there.deformation_gradient(points(), TIMES), F, atol=1e-4)
    assert all(isinstance(value, np.ndarray) for value in there.arrays().values())
