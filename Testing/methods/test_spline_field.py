"""The spline field: refinement is exact, derivatives are derivatives, the reference stays where it is."""

from __future__ import annotations

import pytest
import torch

from CardiacMotionLib.fields import evaluate_bspline
from CardiacMotionLib.methods.spline.field import Axis, SplineField, gradient


def small_field(reference=1, through_plane_levels=3, slices=5):
    space = (Axis.nested(slices, 8.0, 9.0, 3), Axis.nested(13, 1.5, 4.0, 3), Axis.nested(17, 1.5, 4.0, 3))
    return SplineField(Axis.nested(4, 1.0, 1.6, 1), space, reference, through_plane_levels)


def randomise(field, levels, seed=0):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for level in levels:
            field.coefficients[level].normal_(generator=generator)
    return field


@pytest.mark.parametrize(
    ("size", "voxel_mm", "knot_mm", "levels", "intervals"),
    [
        (13, 1.0, 3.0, 3, (1, 2, 4)),
        (41, 1.0, 5.0, 2, (4, 8)),
        (5, 8.0, 9.0, 3, (2, 2, 4)),  # 3.6 intervals: one doubling only
        (2, 8.0, 9.0, 3, (1, 1, 1)),
        (9, 8.0, 2.0, 1, (8,)),  # never closer than the voxels
        (1, 8.0, 9.0, 3, (1, 1, 1)),
    ],
)
def test_knots_are_nested(size, voxel_mm, knot_mm, levels, intervals):
    assert Axis.nested(size, voxel_mm, knot_mm, levels).intervals == intervals


@pytest.mark.parametrize("size", [2, 5, 17, 40])
def test_a_coarse_spline_is_the_same_spline_refined(size):
    axis = Axis.nested(size, 1.0, 3.0, 3)
    generator = torch.Generator().manual_seed(size)
    for level in range(2):
        coarse = torch.randn(axis.controls(level), generator=generator)
        there = Axis(size, axis.intervals[: level + 1]).basis() @ coarse
        finer = Axis(size, axis.intervals[: level + 2]).basis() @ (axis.refinement(level) @ coarse)
        assert torch.allclose(finer, there, atol=1e-5)


def test_one_slice_has_one_control_point():
    axis = Axis.nested(1, 8.0, 9.0, 3)
    assert [axis.controls(level) for level in range(3)] == [1, 1, 1]
    assert torch.equal(axis.refinement(0), torch.eye(1))
    assert torch.equal(axis.basis(), torch.ones(1, 1))


@pytest.mark.parametrize("level", [0, 1, 2])
def test_every_level_adds_its_own_spline(level):
    """What `finest` makes of the coefficients of one level, against evaluating that level on its own knots."""
    field = randomise(small_field(), [level])
    own = torch.tensordot(field.in_time, field.coefficients[level], dims=([1], [0]))
    alone = [Axis(axis.size, axis.intervals[: level + 1]).basis() for axis in field.space]
    assert torch.allclose(evaluate_bspline(field.finest(), field.bases()), evaluate_bspline(own, alone), atol=1e-5)


def test_levels_add_up():
    field = randomise(small_field(), range(3))
    whole = field.finest()
    parts = []
    for level in range(3):
        alone = small_field()
        with torch.no_grad():
            alone.coefficients[level].copy_(field.coefficients[level])
        parts.append(alone.finest())
    assert torch.allclose(whole, sum(parts), atol=1e-5)
    assert torch.allclose(field.finest(torch.tensor([3, 0])), whole[[3, 0]], atol=1e-5)


@pytest.mark.parametrize("reference", [0, 1, 3])
def test_the_reference_does_not_move_whatever_the_coefficients(reference):
    field = randomise(small_field(reference), range(3))
    coefficients = field.finest()
    assert not coefficients[reference].any()
    assert all(coefficients[t].any() for t in range(4) if t != reference)


def test_a_new_field_is_zero_and_learns():
    field = small_field()
    assert not field.finest().any()
    evaluate_bspline(field.finest(), field.bases()).square().add(field.finest().sum()).sum().backward()
    assert all(own.grad.any() for own in field.coefficients)


def test_fine_levels_may_be_held_in_plane():
    field = randomise(small_field(through_plane_levels=1), [1, 2])
    assert [own.shape[-1] for own in field.coefficients] == [3, 2, 2]
    assert not field.finest()[..., 2].any()
    assert field.finest()[..., :2].any()
    assert randomise(field, [0]).finest()[..., 2].any()


@pytest.mark.parametrize("slices", [1, 5])
def test_gradient_is_the_derivative_of_the_field(slices):
    """Against automatic differentiation of the spline between the voxels."""
    field = randomise(small_field(slices=slices), range(3)).double()
    coefficients = field.finest().detach()[2:3]
    k, j, i = torch.tensor([slices // 2 + 0.25 * (slices > 1)]), torch.tensor([4.3]), torch.tensor([9.8])
    exact = gradient(coefficients, field.bases(0, (k, j, i)), field.bases(1, (k, j, i)))[0, 0, 0, 0]
    step = 1e-2
    for axis, column in (("i", 0), ("j", 1), ("k", 2)):
        sides = []
        for sign in (1, -1):
            at = {"k": k, "j": j, "i": i}
            at[axis] = at[axis].double() + sign * step
            sides.append(evaluate_bspline(coefficients, field.bases(0, (at["k"], at["j"], at["i"])))[0, 0, 0, 0])
        difference = (sides[0] - sides[1]) / (2 * step)
        assert torch.allclose(exact[:, column], difference, atol=2e-3), axis
    assert exact.shape == (3, 3)


def test_a_linear_field_has_a_constant_gradient():
    """Cubic splines hold polynomials: control points on a line give that line, in voxels and per voxel."""
    field = small_field()
    axes = [torch.arange(-1, n - 1) * axis.knot for axis, n in zip(field.space, field.finest().shape[1:4], strict=True)]
    z, y, x = torch.meshgrid(*axes, indexing="ij")
    slope = torch.tensor([[0.1, -0.2, 0.3], [0.0, 0.4, 0.1], [-0.3, 0.2, 0.5]])
    coefficients = (torch.stack((x, y, z), -1) @ slope.T)[None]
    found = gradient(coefficients, field.bases(), field.bases(1))
    assert torch.allclose(found, slope.expand_as(found), atol=1e-5)
    values = evaluate_bspline(coefficients, field.bases())[0]
    assert torch.allclose(values[2, 5, 7], slope @ torch.tensor([7.0, 5.0, 2.0]), atol=1e-5)


@pytest.mark.parametrize(("through", "slices", "reference"), [(3, 5, 1), (2, 5, 0), (0, 1, 3)])
def test_a_field_can_become_any_of_its_own_motions(through, slices, reference):
    """Least squares are exact where there is a solution, however the levels share it."""
    levels = range(3) if through == 3 else range(2, 3)  # what a coarse one cannot hold, no finer one has to
    field = randomise(small_field(reference, through, slices), levels)
    moved = evaluate_bspline(field.finest(), field.bases())
    other = small_field(reference, through, slices)
    other.start_from(moved)
    found = evaluate_bspline(other.finest(), other.bases())
    assert moved.abs().max() > 0.1
    assert torch.allclose(found, moved, atol=1e-3)
    assert not found[reference].any()
    other.start_from(0 * moved)
    assert not other.finest().any()
