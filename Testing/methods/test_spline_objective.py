"""What the spline minimizes: nothing at the truth's own terms, more where tissue changes volume, folds or bends."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from moving_images import contracting_series, moving_series, shifted

from CardiacMotionLib.fields import evaluate_bspline
from CardiacMotionLib.methods import Context
from CardiacMotionLib.methods.region import find_region, normalize_intensity
from CardiacMotionLib.methods.spline import Options
from CardiacMotionLib.methods.spline.fit import descend, make_field
from CardiacMotionLib.methods.spline.objective import Objective

PURE = Options(incompressibility=0, smoothness=0, through_plane_stiffness=0)


def setup(options=PURE, shrink=1, shape=(1, 41, 37), labels=True):
    series, truth = contracting_series(shape=shape, labels=labels)
    region = find_region(series, 0, 100.0)
    field = make_field(series, 0, options)
    images = normalize_intensity(series.frames)
    return series, truth, field, Objective(images, 0, region, series.spacing, shrink, field, options)


def affine_coefficients(field, series, matrix):
    """(1, nk, nj, ni, 3) mm of the field u = (matrix - 1) x about the middle of the box, x in mm along (i, j, k)."""
    counts = [axis.controls(len(axis.intervals) - 1) for axis in field.space]
    axes = [
        ((torch.arange(n) - 1.0) * axis.knot - (axis.size - 1) / 2 if n > 1 else torch.zeros(1)) * float(mm)
        for n, axis, mm in zip(counts, field.space, series.spacing[::-1], strict=True)
    ]
    z, y, x = torch.meshgrid(*axes, indexing="ij")
    return (torch.stack((x, y, z), -1) @ (matrix - torch.eye(3)).T)[None]


@pytest.mark.parametrize("shrink", [1, 2])
def test_images_are_drawn_at_their_own_place(shrink):
    """The reference against itself is as alike as images get, at either resolution, odd sizes or not."""
    _, _, field, objective = setup(shrink=shrink)
    alike = objective.ncc(objective.images[:1])
    assert alike.mean() > 0.97
    moved = evaluate_bspline(torch.zeros_like(field.finest()[:1]), objective.bases)
    assert moved.shape[1:4] == objective.images.shape[1:]


@pytest.mark.parametrize("shrink", [1, 2])
def test_a_known_field_moves_pooled_images_by_the_right_millimeters(shrink):
    """At a pooled voxel the field is that of its center in the full image: a linear field tells them apart."""
    series, _, field, objective = setup(shrink=shrink)
    matrix = torch.diag(torch.tensor([0.9, 1.2, 1.0]))
    found = evaluate_bspline(affine_coefficients(field, series, matrix), objective.bases)[0, 0]
    for axis, (size, scale) in enumerate(((37, -0.1), (41, 0.2))):
        starts = np.arange(0, size, shrink)
        centers = (starts + np.minimum(starts + shrink, size) - 1) / 2
        expected = scale * (centers - (size - 1) / 2) * series.spacing[axis]
        line = found[3, :, 0] if axis == 0 else found[:, 3, 1]
        assert np.allclose(line.numpy(), expected, atol=1e-4)


@pytest.mark.parametrize("shrink", [1, 2])
@pytest.mark.parametrize("spacing", [(1.4, 2.4, 8.0), (2.4, 1.4, 8.0)])
def test_the_true_shift_is_the_best_at_either_resolution(shrink, spacing):
    """In millimeters, whatever the pixels and however far they are pooled."""
    series = moving_series([shifted((0, 0, 0)), shifted((4, -3, 0))], shape=(1, 41, 37), spacing=spacing)
    field, region = make_field(series, 0, PURE), find_region(series, 0, 100.0)
    objective = Objective(normalize_intensity(series.frames), 0, region, series.spacing, shrink, field, PURE)

    def loss(x, y):
        return float(objective(torch.tensor([x, y, 0.0]).expand_as(field.finest()[1:]), torch.tensor([1])))

    best = loss(4.0, -3.0)
    assert best < 0.2 * loss(0.0, 0.0)
    for x, y in ((3.0, -3.0), (5.0, -3.0), (4.0, -2.0), (4.0, -4.0)):
        assert best < 0.8 * loss(x, y)


def test_only_coarse_levels_move_through_the_plane():
    stack, _ = contracting_series(shape=(5, 31, 33))
    one_slice, _ = contracting_series()
    assert [own.shape[-1] for own in make_field(stack, 0, Options(levels=3)).coefficients] == [3, 3, 2]
    assert [own.shape[-1] for own in make_field(stack, 0, Options(levels=1)).coefficients] == [3]
    assert [own.shape[-1] for own in make_field(one_slice, 0, Options(levels=3)).coefficients] == [2, 2, 2]


def test_the_true_motion_is_less_dissimilar_than_none():
    series, _, _, _ = setup()
    field = make_field(series, 0, PURE)
    objective = Objective(
        normalize_intensity(series.frames), 0, find_region(series, 0, 100.0), series.spacing, 1, field, PURE
    )
    still = objective(field.finest(torch.tensor([2])), torch.tensor([2]))
    smaller = affine_coefficients(field, series, torch.diag(torch.tensor([0.9, 0.9, 1.0])))
    assert objective(smaller, torch.tensor([2])) < 0.7 * still


def strains_of(objective, coefficients):
    from CardiacMotionLib.methods.spline.field import gradient

    return gradient(coefficients, objective.lattice_bases, objective.lattice_derivatives) / objective.spacing


@pytest.mark.parametrize("shape", [(1, 41, 37), (5, 31, 33)])
def test_strains_are_in_millimeters_per_millimeter(shape):
    series, _, field, objective = setup(shape=shape)
    matrix = torch.tensor([[0.9, 0.1, 0.0], [0.05, 1.1, 0.0], [0.0, 0.0, 1.0]])
    if shape[0] > 1:
        matrix[2] = torch.tensor([0.02, 0.0, 0.8])
    strains = strains_of(objective, affine_coefficients(field, series, matrix))
    assert torch.allclose(strains, (matrix - torch.eye(3)).expand_as(strains), atol=1e-5)


def test_volume_costs_in_tissue_and_folding_costs_anywhere():
    options = dataclasses.replace(PURE, incompressibility=2.0)
    series, _, field, objective = setup(options, shape=(5, 31, 33))

    def cost(*diagonal):
        strains = strains_of(objective, affine_coefficients(field, series, torch.diag(torch.tensor(diagonal))))
        return float(objective.volume_change(strains))

    assert cost(1.0, 1.0, 1.0) == pytest.approx(0, abs=1e-7)
    assert cost(0.8, 1.25, 1.0) == pytest.approx(0, abs=1e-7)
    assert 0 < cost(1.05, 1.0, 1.0) < cost(1.2, 1.0, 1.0)
    assert cost(0.2, 1.0, 1.0) > 10 * cost(0.8, 1.0, 1.0)
    stiffer = dataclasses.replace(options, incompressibility=20.0)
    doubled = Objective(
        objective.images.numpy(), 0, find_region(series, 0, 100.0), series.spacing, 1, field, stiffer
    ).volume_change(strains_of(objective, affine_coefficients(field, series, torch.diag(torch.tensor([0.8, 1.0, 1])))))
    assert float(doubled) > 5 * cost(0.8, 1.0, 1.0)


def test_a_fold_is_pushed_back():
    """Beyond a fold the barrier still has a slope, which points out of it."""
    series, _, field, objective = setup()
    scale = torch.tensor(-0.3, requires_grad=True)
    matrix = torch.diag(torch.stack((scale, torch.tensor(1.0), torch.tensor(1.0))))
    objective.volume_change(strains_of(objective, affine_coefficients(field, series, matrix))).backward()
    assert scale.grad < 0


def test_blood_may_change_its_volume():
    series, _, _, objective = setup(dataclasses.replace(PURE, incompressibility=2.0))
    assert not objective.volume_weight[series.labels[0][:, ::2, ::2] == 3].any()
    assert (objective.volume_weight[series.labels[0][:, ::2, ::2] != 3] > 0).all()
    wall = series.labels[0][:, ::2, ::2] == 2
    assert objective.volume_weight[wall].min() > 2 * objective.volume_weight[series.labels[0][:, ::2, ::2] == 0].max()


def test_straight_fields_do_not_bend():
    options = dataclasses.replace(PURE, smoothness=1.0, through_plane_stiffness=1.0)
    series, _, field, objective = setup(options, shape=(5, 31, 33))
    stretched = affine_coefficients(field, series, torch.diag(torch.tensor([0.9, 1.2, 0.8])))
    assert float(objective.roughness(stretched, strains_of(objective, stretched))) == pytest.approx(0, abs=1e-6)
    tilted = torch.eye(3)
    tilted[2, 0] = 0.1  # through-plane motion that differs along a slice: u_k = 0.1 x_i
    sheared = affine_coefficients(field, series, tilted)
    assert float(objective.roughness(sheared, strains_of(objective, sheared))) == pytest.approx(0.01, rel=1e-3)
    bent = stretched.clone()
    bent[0, 2, 3, 3, 0] += 1
    assert float(objective.roughness(bent, strains_of(objective, bent))) > 1e-6


def test_frames_add_up():
    _, _, field, objective = setup(Options())
    with torch.no_grad():
        for own in field.coefficients:
            own.normal_(std=0.3, generator=torch.Generator().manual_seed(0))
    both = objective(field.finest(torch.tensor([1, 2])), torch.tensor([1, 2]))
    each = [objective(field.finest(torch.tensor([t])), torch.tensor([t])) for t in (1, 2)]
    assert torch.allclose(both, sum(each), rtol=1e-4)


def test_descending_makes_the_loss_smaller():
    _, _, field, objective = setup(Options())
    losses = []

    def told(fraction, text):
        losses.append(float(text.rsplit(" ", 1)[-1]))

    descend(field, objective, 0, 20, Context(reference=0, device=torch.device("cpu"), seed=0, progress=told))
    assert len(losses) == 20
    assert losses[-1] < 0.5 * losses[0]
    assert min(losses) == pytest.approx(losses[-1], rel=0.2)
