"""Drawing: what is drawn in a frame lies where the motion says."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hearts import in_wall

from CardiacMotionLib.phantom.acquisition import Acquisition
from CardiacMotionLib.phantom.examination import Examination
from CardiacMotionLib.phantom.slices import Grid, StackOptions
from CardiacMotionLib.phantom.tissues import bssfp_contrast

PHASES = (0.0, 0.15, 0.38)


def examination(group="average", seed=0, breath_mm=0.0, **options):
    asked = StackOptions(group=group, **{"slices": 5, "rows": 40, "columns": 40, "pixel_mm": 3.5, **options})
    return Examination.begin("cine", seed, asked, breath_mm=breath_mm)


def table():
    return bssfp_contrast()[:, None]


def marker_frames(exam, grid, marker, size, states):
    """Images (F, K, J, I) of nothing but a soft spot of tissue of ``size`` mm about the material point ``marker``."""

    def spot(signal, material):
        distance = (material - marker.to(material.dtype)).square().sum(-1, keepdim=True)
        return torch.exp(-distance / (2 * size**2))

    drawn = Acquisition(exam.person.kinematics, exam.acquisition.painter, grid).draw(states, table(), spot)
    return torch.stack([one.signal[0] for one in drawn]).double()


@pytest.mark.parametrize("group_and_sliding", [("average", False), ("lbbb", False), ("normal", True)])
@pytest.mark.parametrize(("depth", "angle", "share"), [(0.5, 0.3, 0.5), (0.3, 3.0, 0.75), (0.8, -1.5, 0.35)])
def test_a_marker_lies_where_the_motion_says(group_and_sliding, depth, angle, share):
    """Its centroid in every frame is the moved material point, to a twentieth of a voxel."""
    group, sliding = group_and_sliding
    exam = examination(group, 1, sliding=sliding)
    kinematics = exam.person.kinematics
    marker = in_wall(exam.person.anatomy, depth, angle, share)
    states = [kinematics.state(phase) for phase in PHASES]
    there = torch.stack([kinematics.position(marker, state) for state in states])
    assert (there - marker).norm(dim=-1).max() > 2
    voxel, count = 0.6, 46
    affine = np.diag([voxel, voxel, voxel, 1.0])
    affine[:3, 3] = there.mean(0).numpy() - voxel * (count - 1) / 2
    grid = Grid(affine, (count, count, count), voxel, np.zeros((count, 3)))
    images = marker_frames(exam, grid, marker, voxel, states)
    centers = grid.centers().reshape(count, count, count, 3)
    for image, expected in zip(images, there, strict=True):
        assert image.sum() == pytest.approx(
            (2 * np.pi) ** 1.5, rel=0.02
        )  # of the spot, in voxels: the wall keeps volumes
        centroid = (image[..., None] * centers).sum((0, 1, 2)) / image.sum()
        assert (centroid - expected).abs().max() / voxel < 0.05


def test_a_marker_carried_by_breath_lies_where_the_motion_says():
    exam = examination("normal", 1, breath_mm=12.0)
    kinematics = exam.person.kinematics
    marker = in_wall(exam.person.anatomy, 0.5, 0.3, 0.5)
    state = kinematics.state(0.2, (8.0, -3.0))
    there = kinematics.position(marker, state)
    affine = np.diag([0.6, 0.6, 0.6, 1.0])
    affine[:3, 3] = there.numpy() - 0.6 * 14.6
    grid = Grid(affine, (30, 30, 30), 0.6, np.zeros((30, 3)))
    (image,) = marker_frames(exam, grid, marker, 0.6, [state])
    centroid = (image[..., None] * grid.centers().reshape(30, 30, 30, 3)).sum((0, 1, 2)) / image.sum()
    assert (centroid - there).abs().max() < 0.03


@pytest.mark.parametrize("sliding", [False, True])
def test_labels_and_displacement_are_those_of_the_map(group, sliding):
    exam = examination(group, 2, sliding=sliding)
    kinematics, points = exam.person.kinematics, exam.grid.centers()
    states = [kinematics.state(phase) for phase in PHASES]
    displacement = exam.acquisition.displacement([kinematics.state(0.0), *states])[1:]
    for state, drawn, found in zip(states, exam.acquisition.draw(states, table()), displacement, strict=True):
        expected = kinematics.anatomy.labels(kinematics.material(points, state)).reshape(exam.grid.shape)
        assert (drawn.labels != expected).double().mean() < 1e-3  # single precision, at the edges
        moved = (kinematics.position(points, state) - points).reshape(*exam.grid.shape, 3)
        off = (found - moved).norm(dim=-1)
        assert off.quantile(0.999) < 1e-3  # a point on the pericardium itself may slide either way
        assert drawn.labels.max() == 3


def test_frames_do_not_depend_on_how_many_are_drawn_at_once(monkeypatch):
    exam = examination("normal", 2)
    states = [exam.person.kinematics.state(phase) for phase in PHASES]
    together = exam.acquisition.draw(states, table())
    monkeypatch.setattr("CardiacMotionLib.phantom.acquisition.BATCH", 1)
    alone = exam.acquisition.draw(states, table())
    for one, other in zip(together, alone, strict=True):
        assert torch.equal(one.labels, other.labels)
        assert (one.signal - other.signal).abs().max() < 1e-3


def test_far_from_the_heart_nothing_changes_with_the_beat():
    exam = examination("normal", 2, rows=64, columns=64)
    kinematics = exam.person.kinematics
    states = [kinematics.state(0.0), kinematics.state(0.38)]
    first, last = exam.acquisition.draw(states, table())
    still = torch.ones(len(exam.acquisition.centers), dtype=torch.bool)
    still[exam.acquisition.reached] = False
    still = still.reshape(exam.grid.shape)
    assert 0.1 < still.double().mean() < 0.9
    assert torch.equal(first.signal[:, still], last.signal[:, still])
    assert not exam.acquisition.displacement(states)[1][still].any()
    assert (first.signal - last.signal).abs().max() > 0.3


def test_drawing_all_of_the_chest_gives_the_same_picture():
    """What the beat does not reach is drawn once; with a modulation everything is drawn, which must look the same."""
    exam = examination("normal", 2, slices=10, thickness_mm=18.0, misalignment=20.0)  # up to the top of the atria
    states = [exam.person.kinematics.state(phase) for phase in PHASES]
    quick = exam.acquisition.draw(states, table())
    whole = exam.acquisition.draw(states, table(), lambda signal, _: signal)
    for one, other in zip(quick, whole, strict=True):
        assert torch.equal(one.labels, other.labels)
        assert (one.signal - other.signal).abs().max() < 1e-3


def test_a_thick_slice_is_the_mean_over_its_thickness():
    exam = examination("average", 0)
    kinematics, painter = exam.person.kinematics, exam.acquisition.painter
    affine = np.diag([2.0, 2.0, 9.0, 1.0])
    affine[:3, 3] = [-40, -30, 12.0]  # near the apex, where it matters
    thick = Grid(affine, (1, 30, 40), 9.0, np.zeros((1, 3)))
    thin_affine = affine.copy()
    thin_affine[2, 2], thin_affine[2, 3] = 1.0, 8.0
    thin = Grid(thin_affine, (9, 30, 40), 1.0, np.zeros((9, 3)))
    state = [kinematics.state(0.0)]
    (one,), (many,) = (Acquisition(kinematics, painter, g).draw(state, table()) for g in (thick, thin))
    shown = painter.near_heart(thick.centers().float(), 0.0).reshape(1, 30, 40)
    mean = many.signal.mean(1)
    assert (one.signal[:, 0] - mean)[shown].abs().mean() < 0.5 * (many.signal[:, 4] - mean)[shown].abs().mean()


def test_several_signals_are_drawn_at_once():
    exam = examination()
    states = [exam.person.kinematics.state(0.2)]
    both = torch.cat((table(), 1 - table()), dim=1)
    (two,), (one,) = exam.acquisition.draw(states, both), exam.acquisition.draw(states, table())
    assert two.signal.shape == (2, *exam.grid.shape)
    assert torch.allclose(two.signal[:1], one.signal, atol=1e-5)
