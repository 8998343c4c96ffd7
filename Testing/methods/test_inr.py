"""The network as a method: it finds motion that is known, keeps it between voxels, and can be stopped and gone on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from moving_images import contracting_series, moving_series, shifted, wall_error
from progress_listener import Listener

from CardiacMotionLib import Cancelled, CardiacMotionError, ImageSeries, Motion, phantom, register
from CardiacMotionLib.fields.siren import Siren
from CardiacMotionLib.methods import Context
from CardiacMotionLib.methods.inr import Options
from CardiacMotionLib.methods.inr.canonical import RADII, find_canonical
from CardiacMotionLib.methods.inr.fit import Fit, make_clock
from CardiacMotionLib.methods.region import find_region

SMALL = {"prior": "none", "width": 64, "layers": 2, "points": 512, "volume_points": 64}


def fit_of(series, **options):
    context = Context(reference=0, device=torch.device("cpu"), seed=0)
    return Fit(series, Options(**{**SMALL, **options}), context), context


# ---------------------------------------------------------------------- motion that is known


def test_a_contraction_is_found_and_kept_between_frames_and_voxels():
    series, truth = contracting_series()
    motion = register(series, "inr", reference=0, **{**SMALL, "steps": 200, "learning_rate": 5e-4})
    still = Motion(np.zeros_like(truth), series.affine)
    assert wall_error(motion, truth, series) < 0.25 * wall_error(still, truth, series)
    point = series.affine[:3, :3] @ (10.4, 20.3, 0) + series.affine[:3, 3]
    steps = [motion.at([point], frame)[0] for frame in np.linspace(0, 2, 9)]
    assert np.linalg.norm(np.diff(steps, 2, axis=0), axis=1).max() < np.linalg.norm(steps[-1])
    assert motion.field is not None
    assert not motion.displacement[..., 2].any(), "one slice stays in its plane"


def test_a_translation_is_found_in_three_dimensions():
    series = moving_series([shifted((0, 0, 0)), shifted((2, -3, 4))], shape=(6, 36, 36))
    motion = register(series, "inr", reference=0, **{**SMALL, "steps": 250, "learning_rate": 5e-4, "wall_volume": 0.1})
    assert np.allclose(motion.displacement[1][series.labels[0] > 0].mean(0), (2, -3, 4), atol=0.6)


@pytest.mark.parametrize("reference", [0, 2])
def test_any_reference_is_exactly_still(reference):
    series, _ = contracting_series()
    motion = register(series, "inr", reference=reference, **SMALL, steps=3)
    assert not motion.displacement[reference].any()
    assert all(motion.displacement[t].any() for t in range(3) if t != reference)


def test_the_same_seed_gives_the_same_bits_and_another_seed_others():
    series, _ = contracting_series()
    first, same, other = (register(series, "inr", seed=seed, **SMALL, steps=5) for seed in (1, 1, 2))
    assert np.array_equal(first.displacement, same.displacement)
    assert not np.array_equal(first.displacement, other.displacement)


def test_the_wall_keeps_its_volume_when_asked():
    heart = phantom("cine", 0, slices=6, rows=48, columns=48, pixel_mm=3.0, frames=4)
    change = {}
    for weight in (0.0, 2.0):
        fit, context = fit_of(heart.series, wall_volume=weight, steps=60, learning_rate=5e-4)
        fit.run(60, context)
        wall = fit.objective.wall
        with torch.no_grad():
            change[weight] = float(fit.objective.volume_change(fit.field, wall, torch.full_like(wall, 2)))
    assert change[2.0] < 0.3 * change[0.0]


def test_a_patient_who_lies_otherwise_moves_alike():
    """Axes of the heart: the network sees the same heart, so an oblique stack gives the same motion, turned."""
    series = phantom("cine", 0, slices=6, rows=48, columns=48, pixel_mm=3.0, frames=3).series
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))[0]
    turn *= np.linalg.det(turn)
    move = np.eye(4)
    move[:3, :3], move[:3, 3] = turn, (120, -80, 45)
    turned = ImageSeries(series.frames, move @ series.affine, labels={0: series.labels[0]})
    plain, other = (register(s, "inr", reference=0, **SMALL, steps=10) for s in (series.replace(times=None), turned))
    assert np.allclose(other.displacement, plain.displacement @ turn.T, atol=2e-3)


def test_double_precision_gives_the_same():
    series, _ = contracting_series()
    networks = {}
    for kind in (torch.float32, torch.float64):
        context = Context(reference=0, device=torch.device("cpu"), seed=0)
        fit = Fit(series, Options(**SMALL, steps=5), context, start=Siren(5, 3, 64, 2, 30.0).to(kind))
        fit.run(5, context)
        networks[kind] = fit.field.displacement(np.array([[10.0, 8.0, 0.0]]), series.times)
    assert networks[torch.float64].dtype == np.float64
    assert np.allclose(networks[torch.float32], networks[torch.float64], atol=1e-3)


# ---------------------------------------------------------------------- axes and time


def test_axes_point_to_the_rv_and_the_base_however_the_image_lies():
    heart = phantom("cine", 0, slices=8, rows=64, columns=64, pixel_mm=2.4, frames=3)
    series = heart.series
    plain = find_canonical(series, 0, find_region(series, 0, 25.0))
    flipped = ImageSeries(
        series.frames[:, ::-1, :, ::-1],
        series.affine @ np.array([[-1, 0, 0, 63], [0, 1, 0, 0], [0, 0, -1, 7], [0, 0, 0, 1.0]]),
        labels={0: series.labels[0][::-1, :, ::-1]},
    )
    same = find_canonical(flipped, 0, find_region(flipped, 0, 25.0))
    for a, b in ((plain.axes, same.axes), (plain.center, same.center), (plain.unit, same.unit)):
        assert np.allclose(a, b, atol=1e-6)
    assert np.allclose(plain.axes @ plain.axes.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(plain.axes) == pytest.approx(1)
    rv = np.argwhere(series.labels[0] == 1).mean(0)[::-1]
    assert (series.affine[:3, :3] @ rv + series.affine[:3, 3] - plain.center) @ plain.axes[0] > 0.2 * plain.unit
    assert 60 < plain.unit < 110
    assert plain.labeled
    assert plain.unit / RADII == pytest.approx(34, abs=8)


def test_what_is_guessed_without_labels_is_said():
    series, _ = contracting_series(labels=False)
    motion = register(series, "inr", **SMALL, steps=3)
    notes = " ".join(motion.provenance["notes"])
    assert motion.provenance["heart_from"] == "motion"
    assert "No labels of the LV" in notes
    assert "No labels of the wall" in notes


def test_only_a_cavity_is_no_wall_to_hold():
    series, _ = contracting_series()
    cavity = series.replace(labels={0: np.where(series.labels[0] == 3, 3, 0).astype(np.uint8)})
    notes = " ".join(register(cavity, "inr", **SMALL, steps=1).provenance["notes"])
    assert "No labels of the wall" in notes
    assert "No labels of the LV" not in notes


def test_an_rv_all_around_the_lv_says_no_direction():
    series, _ = contracting_series()
    labels = series.labels[0].copy()
    labels[labels == 0] = 1
    around = series.replace(labels={0: labels})
    axes = find_canonical(around, 0, find_region(around, 0, 25.0))
    assert np.isfinite(axes.axes).all()
    assert "does not lie beside the LV" in " ".join(axes.notes)


def test_phases_count_from_the_end_diastole_that_the_series_knows():
    series, _ = contracting_series()
    series = series.replace(labels={2: series.labels[0]}, times=[0.0, 40.0, 80.0])
    options = Options()
    assert make_clock(series, options).end_diastole == 80
    known = series.replace(meta={"end_diastole": 0, "cycle_ms": 900.0})
    assert (make_clock(known, options).end_diastole, make_clock(known, options).cycle) == (0, 900)
    assert make_clock(known, Options(cycle=700.0)).cycle == 700
    assert make_clock(series, options).cycle == 120
    with pytest.raises(CardiacMotionError, match="option cycle is in ms, but the series has no times"):
        make_clock(series.replace(times=None), Options(cycle=700.0))
    notes = register(series, "inr", steps=0).provenance["notes"]
    assert any("Frame 2, the only labeled one, was taken for end-diastole" in note for note in notes)
    notes = register(known, "inr", steps=0).provenance["notes"]
    assert any("frame 2, is not end-diastole (frame 0)" in note for note in notes)


def test_the_prior_that_was_used_is_told():
    series, _ = contracting_series()
    used = register(series, "inr", steps=0).provenance
    assert used["prior"]["name"] == "inr_tagged"
    assert len(used["prior"]["sha256"]) == 64
    assert "prior" not in register(series.replace(labels={}), "inr", steps=0).provenance


def test_the_cycle_closes():
    series, _ = contracting_series()
    fit, _ = fit_of(series)
    cycle, start = fit.field.clock.cycle, fit.field.clock.end_diastole
    points = np.array([[10.0, 5.0, 0.0]])
    before, after = (fit.field.displacement(points, start + 0.4 * cycle + n * cycle) for n in (0, 1))
    assert np.allclose(before, after, atol=1e-4)


# ---------------------------------------------------------------------- stopping and going on


def test_a_cancelled_run_goes_on_as_if_it_had_not_been(tmp_path):
    series, _ = contracting_series()
    wanted = register(series, "inr", **SMALL, steps=12)
    options = {**SMALL, "steps": 12, "checkpoint": str(tmp_path / "fit.npz")}
    with pytest.raises(Cancelled):
        register(series, "inr", progress=Listener(stop_at=0.4), **options)
    assert (tmp_path / "fit.npz").exists()
    seen = Listener()
    resumed = register(series, "inr", progress=seen, **options)
    assert np.array_equal(resumed.displacement, wanted.displacement)
    assert not any("step 1 of" in text for text in seen.texts)


def test_a_checkpoint_of_another_fit_is_refused(tmp_path):
    series, _ = contracting_series()
    path = str(tmp_path / "fit.npz")
    register(series, "inr", **SMALL, steps=3, checkpoint=path)
    with pytest.raises(CardiacMotionError, match="belongs to a fit of other"):
        register(series, "inr", seed=1, **SMALL, steps=3, checkpoint=path)
    corrected = series.replace(labels={0: np.where(series.labels[0] == 2, 3, series.labels[0]).astype(np.uint8)})
    others = (corrected, series.replace(times=[0.0, 30.0, 90.0]))
    others += (series.replace(meta={**series.meta, "end_diastole": 1}),)  # the cycle starts elsewhere
    for other in others:
        with pytest.raises(CardiacMotionError, match="belongs to a fit of other"):
            register(other, "inr", **SMALL, steps=3, checkpoint=path)
    (tmp_path / "fit.npz").write_bytes(b"nothing")
    with pytest.raises(CardiacMotionError, match="is not a checkpoint"):
        register(series, "inr", **SMALL, steps=3, checkpoint=path)
    told = Listener()
    with pytest.raises(CardiacMotionError, match=r"cannot write .*fit\.npz: there is no folder"):
        register(series, "inr", progress=told, **SMALL, steps=3, checkpoint=str(tmp_path / "none" / "fit.npz"))
    assert not any("step" in text for text in told.texts), "it is told before the work"


def test_a_refinement_goes_on_too(tmp_path, monkeypatch):
    monkeypatch.setattr("CardiacMotionLib.methods.inr.distill.STEPS", 5)
    monkeypatch.setattr("CardiacMotionLib.methods.inr.STORE_EVERY", 2)
    series, truth = contracting_series()
    start = Motion(truth, series.affine, 0)
    wanted = register(series, "inr", init=start, **SMALL, steps=7)
    options = {**SMALL, "steps": 7, "checkpoint": str(tmp_path / "fit.npz")}
    with pytest.raises(Cancelled):
        register(series, "inr", init=start, progress=Listener(stop_at=0.6), **options)
    assert np.array_equal(register(series, "inr", init=start, **options).displacement, wanted.displacement)


def test_a_fit_that_goes_to_infinity_says_so(monkeypatch):
    series, _ = contracting_series()
    fit, context = fit_of(series, steps=3)
    monkeypatch.setattr(
        fit.objective, "dissimilarity", lambda field, *_: field.network.linear[0].weight.sum() * float("nan")
    )
    with pytest.raises(CardiacMotionError, match="the fit went to infinity in step 1; try a smaller learning_rate"):
        fit.run(3, context)


def test_the_stop_rule_ends_a_fit_that_gains_nothing(monkeypatch):
    series, _ = contracting_series()
    fit, context = fit_of(series, steps=1000, patience=2)
    losses = iter([0.5, 0.4, 0.39999, 0.39998, 0.3])
    monkeypatch.setattr("CardiacMotionLib.methods.inr.fit.CHECK_EVERY", 2)
    monkeypatch.setattr(fit.objective, "validate", lambda field: next(losses))
    fit.run(1000, context)
    assert fit.step == 8, "two checks in a row without gain after the best at step 4"


# ---------------------------------------------------------------------- a start from another motion


def test_a_fit_learns_the_motion_that_it_starts_from():
    series, truth = contracting_series()
    start = Motion(truth, series.affine, 0, provenance={"method": "truth"})
    motion = register(series, "inr", init=start, **{**SMALL, "steps": 0})
    still = Motion(np.zeros_like(truth), series.affine)
    assert wall_error(motion, truth, series) < 0.15 * wall_error(still, truth, series)
    assert motion.provenance["init"] == "truth"


def test_a_start_that_does_not_fit_is_refused():
    series, truth = contracting_series()
    start = Motion(truth, series.affine, 0)
    with pytest.raises(CardiacMotionError, match="demons cannot start from another motion; inr, spline can"):
        register(series, "demons", init=start)
    with pytest.raises(CardiacMotionError, match="init starts from frame 0, the reference is 1"):
        register(series, "inr", init=start, reference=1)
    with pytest.raises(CardiacMotionError, match="give a motion of the same series"):
        register(series, "inr", init=Motion(truth[:2], series.affine, 0))
    with pytest.raises(CardiacMotionError, match="init must be a Motion"):
        register(series, "inr", init=truth)
