"""Any2Reg as a network: a set has no order and any size; what its images count; what it is tuned by."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from moving_images import contracting_series
from tiny_learned import tiny_weights

from CardiacMotionLib import Cancelled, CardiacMotionError, fields, phantom, register
from CardiacMotionLib.methods import Context
from CardiacMotionLib.methods.any2reg.aggregate import descriptors, set_weights
from CardiacMotionLib.methods.any2reg.blocks import Step, WindowedMLP, local_correlation
from CardiacMotionLib.methods.any2reg.extractor import region_features
from CardiacMotionLib.methods.any2reg.loss import group_motion, parts_of, template_entropy, template_of
from CardiacMotionLib.methods.any2reg.network import Config, Network
from CardiacMotionLib.methods.any2reg.run import TUNED_AT_ONCE, tuned
from CardiacMotionLib.methods.groupwise import alignment_loss, low_rank
from CardiacMotionLib.methods.learned import IN_PLANE, load_network
from CardiacMotionLib.methods.region import normalize_intensity
from CardiacMotionLib.weights import FOLDER, Weights, read_card


def network(**settings) -> Network:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = Network(Config(**{"channels": 4, "levels": 3, **settings}))
    return made.eval()


def images(count: int, rows: int = 40, columns: int = 36, sets: int = 1, seed: int = 0) -> torch.Tensor:
    """Smooth random images (sets, count, 1, rows, columns)."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(sets * count, 1, 8, 8, generator=generator)
    return fields.enlarge(coarse, (rows, columns)).unflatten(0, (sets, count))


# ---------------------------------------------------------------------- a set


@pytest.mark.parametrize("aggregation", ["correlation", "mean"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
def test_another_order_of_the_images_gives_the_same_in_that_order(aggregation, dtype, tolerance):
    net, frames = network(aggregation=aggregation).to(dtype), images(7, sets=2).to(dtype)
    order = torch.tensor([3, 0, 6, 2, 5, 1, 4])
    with torch.no_grad():
        found, again = net(frames), net(frames[:, order])
        streamed, streamed_again = net.stream(frames[0], 3), net.stream(frames[0, order], 3)
    assert found.abs().max() > 1e-3
    assert (found[:, order] - again).abs().max() <= tolerance
    assert (streamed[order] - streamed_again).abs().max() <= max(tolerance, 1e-5)


@pytest.mark.parametrize("count", [1, 2, 7, 11])
def test_another_order_is_no_matter_with_the_weights_that_ship(count):
    """Pixels of a mapping series of a breathing heart, up to 1e-5 of a pixel."""
    series = phantom("t1", 3, sequence="molli_432", rows=48, columns=56, pixel_mm=4.0, breathing_mm=8.0).series
    frames = torch.from_numpy(normalize_intensity(series.frames))[torch.arange(count) % len(series)][None]
    frames = frames + 0.01 * torch.rand(frames.shape, generator=torch.Generator().manual_seed(0))
    net = load_network(Network, Weights.load("any2reg_stone"), torch.device("cpu"))
    order = torch.randperm(count, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        found, again = net(frames), net(frames[:, order])
    assert count == 1 or found.abs().max() > 0.5
    assert (found[:, order] - again).abs().max() <= 1e-5


@pytest.mark.parametrize("count", [1, 2, 7, 11, 60, 200])
def test_any_number_of_images(count):
    net, frames = network(), images(count, 20, 22)
    with torch.no_grad():
        found = net(frames)
    assert found.shape == (1, count, 20, 22, 2)
    assert found.isfinite().all()


def test_sets_of_a_batch_do_not_know_of_each_other():
    net, frames = network(), images(5, sets=2)
    with torch.no_grad():
        torch.testing.assert_close(net(frames)[1:], net(frames[1:]), atol=1e-6, rtol=0)


def test_every_image_matters_to_all_through_the_canonical_one():
    net, frames = network(), images(4)
    other = frames.clone()
    other[0, 3] = images(1, seed=5)[0, 0]
    with torch.no_grad():
        assert (net(frames)[0, 0] - net(other)[0, 0]).abs().max() > 1e-5


@pytest.mark.parametrize("shape", [(16, 16), (17, 40), (9, 8), (65, 33)])
@pytest.mark.parametrize("stem", [1, 2])
def test_sides_of_any_length(shape, stem):
    net, frames = network(stem=stem), images(3, *shape)
    with torch.no_grad():
        assert net(frames).shape == (1, 3, *shape, 2)


@pytest.mark.parametrize("at_once", [1, 4, 100])
def test_streamed_is_the_same(at_once):
    net, frames = network(), images(9)
    fractions: list[float] = []
    with torch.no_grad():
        whole = net(frames)[0]
    found = net.stream(frames[0], at_once, report=fractions.append)
    assert (found - whole).abs().max() < 1e-3 * whole.abs().max()  # kept in half precision
    assert fractions == sorted(fractions)
    assert 0 <= fractions[0] <= fractions[-1] < 1
    exact = copy.deepcopy(net).double()
    with torch.no_grad():
        torch.testing.assert_close(exact.stream(frames[0].double(), at_once), exact(frames.double())[0])


def test_every_parameter_is_learned():
    net = network(features=2).train()
    net(images(4), images(8).reshape(1, 4, 2, 40, 36)).square().sum().backward()
    idle = [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()]
    # biases before a normalization over the image cannot matter
    assert [name for name in idle if not name.endswith(("first.bias", "second.bias"))] == []


def test_identical_images_have_gradients():
    net = network().train()
    frames = images(1).expand(-1, 5, -1, -1, -1)
    sum(parts_of(frames, net(frames)).values()).backward()
    gradients = [p.grad for p in net.parameters() if p.grad is not None]
    assert len(gradients) > 20
    assert all(gradient.isfinite().all() for gradient in gradients)


# ---------------------------------------------------------------------- what the images count


def vectors(*rows):
    values = torch.tensor(rows, dtype=torch.float64)
    return values / values.norm(dim=-1, keepdim=True).clamp_min(1e-12)


def test_weights_are_the_first_principal_component():
    described = descriptors(images(6)[0])
    weights = set_weights(described)
    correlation = described @ described.T
    eigenvalue = torch.linalg.eigvalsh(correlation)[-1]
    torch.testing.assert_close(correlation @ weights, eigenvalue * weights, atol=1e-5, rtol=0)
    assert weights.abs().sum().item() == pytest.approx(1)
    assert weights.sum() > 0


def test_a_negative_image_counts_negatively():
    """As early ones after an inversion: signed they add to the others, absolute they would wash them out."""
    like = images(1)[0, 0]
    frames = torch.stack([like, 0.8 * like, 0.9 * like, 1 - 0.6 * like])
    weights = set_weights(descriptors(frames))
    assert (weights > 0).tolist() == [True, True, True, False]
    signed, absolute = ((w[:, None, None, None] * frames).sum(0).std() for w in (weights, weights.abs()))
    assert signed > 1.2 * absolute


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_two_opposite_images_have_one_template_in_either_order(order):
    """Their weights sum to zero: what the images are decides."""
    row = [3.0, -1.0, -1.0, -1.0]
    described = vectors(row, [-value for value in row])[order]
    weights = set_weights(described)
    assert weights.abs().tolist() == pytest.approx([0.5, 0.5])
    torch.testing.assert_close(weights @ described, vectors(row)[0])


def test_images_without_contrast_count_nothing_or_all_the_same():
    frames = torch.cat((images(3)[0], torch.full((1, 1, 40, 36), 0.4)))
    assert set_weights(descriptors(frames))[3] == 0
    flat = descriptors(torch.full((4, 1, 40, 36), 0.4))
    assert not flat.any()
    assert set_weights(flat).tolist() == pytest.approx([0.25] * 4)
    assert set_weights(descriptors(images(1)[0])).tolist() == [1]
    assert set_weights(flat, "mean").tolist() == pytest.approx([0.25] * 4)


def test_brightness_and_contrast_do_not_matter_and_descriptors_are_small():
    frames = images(3, 300, 200)[0]
    torch.testing.assert_close(descriptors(frames), descriptors(4 * frames + 2), atol=1e-5, rtol=0)
    assert descriptors(frames).shape == (3, 24 * 24)
    assert descriptors(images(3, 8, 9, sets=2)).shape == (2, 3, 72)


# ---------------------------------------------------------------------- pieces of the decoder


def test_correlation_peaks_at_the_shift():
    values = torch.randn(1, 16, 20, 20, generator=torch.Generator().manual_seed(0))
    shifted = values.roll((1, -1), (2, 3))  # what is at x in the first is at x + (1 down, 1 left)
    found = local_correlation(values, shifted, 1)[0, :, 5:-5, 5:-5].mean((1, 2))
    assert found.argmax() == 2 * 3 + 0
    assert found.shape == (9,)


@pytest.mark.parametrize("shifted", [False, True])
def test_a_window_sees_itself_only(shifted):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layer = WindowedMLP(4, 4, shifted).double()
    layer.norm = torch.nn.Identity()
    x = torch.randn(1, 4, 10, 11, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    other = x.clone()
    other[0, :, 5, 5] += 1
    changed = (layer(other) - layer(x)).abs().amax((0, 1)) > 1e-12
    first = 4 if not shifted else 2
    rows, columns = (np.flatnonzero(changed.any(axis)) for axis in (1, 0))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (first, first + 3, first, first + 3)


def test_a_step_that_finds_nothing_keeps_the_motion():
    """A uniform one: that of the coarser level, in voxels twice as small."""
    step = Step(4, 3, 1, (4,))
    torch.nn.init.zeros_(step.leave.weight)
    torch.nn.init.zeros_(step.leave.bias)
    coarse = torch.tensor([1.5, -0.5]).expand(2, 5, 6, 2)
    motion, _ = step(torch.rand(2, 4, 10, 12), torch.rand(2, 4, 10, 12), coarse, torch.rand(2, 3, 5, 6))
    torch.testing.assert_close(motion, (2 * coarse[:1, :1, :1]).expand(2, 10, 12, 2))


# ---------------------------------------------------------------------- the loss


def breathing(shifts):
    """One image at shifts (N,) along j, and the displacement that undoes them."""
    whole = images(1, 60, 40)[0]
    u = torch.zeros(len(shifts), 60, 40, 2)
    u[..., 1] = torch.tensor(shifts)[:, None, None]
    return fields.warp(whole.expand(len(shifts), 1, 60, 40), -u)[None], u[None]


def test_aligned_images_tell_less_beyond_their_template():
    frames, u = breathing([0.0, 3.0, -3.0, 1.5])
    aligned = parts_of(frames, u)
    moving = parts_of(frames, torch.zeros_like(u))
    assert aligned["images"] < 0.8 * moving["images"]
    assert aligned["smoothness"] == 0


def test_contrast_does_not_count():
    frames, _ = breathing([0.0, 3.0, -3.0])
    still = frames[:, :1].expand(-1, 3, -1, -1, -1)
    other = torch.stack((still[:, 0], 1 - still[:, 1], still[:, 2] ** 2), 1)
    assert template_entropy(other) < 1.1 * template_entropy(still) + 0.1
    assert template_entropy(other) < template_entropy(frames)


def test_a_set_should_not_move_as_a_whole():
    u = torch.zeros(1, 3, 4, 5, 2)
    u[0, :, ..., 0] = torch.tensor([1.0, -1.0, 3.0])[:, None, None]
    assert group_motion(u).item() == pytest.approx(1)
    assert group_motion(u - u.mean(1, keepdim=True)) == 0


def test_template_of_equal_images_is_the_image():
    frames = images(1).expand(-1, 4, -1, -1, -1)
    torch.testing.assert_close(template_of(frames)[:, None].expand_as(frames), frames)


# ---------------------------------------------------------------------- refinement


def test_tuning_lowers_the_loss_of_a_copy():
    net, (frames, _) = network(channels=8), breathing([0.0, 3.0, -3.0, 1.5])
    before = copy.deepcopy(net.state_dict())
    better, again = (tuned(net, frames[0], None, 2.0, 12, 3e-3, Context(0, torch.device("cpu"), 1)) for _ in range(2))
    with torch.no_grad():
        own, mean = (
            [alignment_loss(frames[0], one(frames)[0], np.full(2, 2.0), **told) for one in (net, better)]
            for told in ({"squared": False, "template": low_rank}, {"squared": False})
        )
    assert own[1] < 0.9 * own[0]
    assert mean[1] < mean[0] - 0.01  # of one contrast they are more alike to their mean, too
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in better.state_dict().items())


def test_tuning_sees_a_bounded_number_of_images(monkeypatch):
    net, seen = network(), []
    forward = Network.forward
    monkeypatch.setattr(Network, "forward", lambda *given: (seen.append(given[1].shape[1]), forward(*given))[1])
    tuned(net, images(TUNED_AT_ONCE + 5, 16, 16)[0], None, 2.0, 2, 1e-4, Context(0, torch.device("cpu"), 0))
    assert seen == [TUNED_AT_ONCE] * 2


# ---------------------------------------------------------------------- as a method


@pytest.fixture
def weights(tmp_path):
    return str(tiny_weights("any2reg", tmp_path / "some.safetensors", task="any"))


def test_it_starts_from_the_canonical_space_or_a_frame_that_was_asked_for(weights):
    series, _ = contracting_series()
    motion = register(series, "any2reg", weights=weights)
    assert motion.reference is None
    assert motion.provenance["reference"] is None
    assert motion.displacement.any((1, 2, 3, 4)).all()
    asked = register(series, "any2reg", weights=weights, reference=1)
    np.testing.assert_allclose(asked.displacement, motion.expressed_in(1).displacement, atol=1e-6)


def test_slices_are_sets_of_their_own(weights):
    series, _ = contracting_series(shape=(2, 30, 32))
    motion = register(series, "any2reg", weights=weights, margin=200.0)
    assert motion.provenance["notes"] == [IN_PLANE]
    first = series.crop((slice(0, 1), slice(None), slice(None)))
    one = register(first, "any2reg", weights=weights, margin=200.0)
    assert np.abs(one.displacement[:, 0] - motion.displacement[:, 0]).max() < 0.05 * np.abs(motion.displacement).max()


def test_one_image_alone(weights):
    series, _ = contracting_series()
    alone = series.replace(frames=series.frames[:1], times=None, labels={})
    assert register(alone, "any2reg", weights=weights).displacement.shape[0] == 1


def test_refinement_can_be_stopped(weights):
    series, _ = contracting_series()
    said = []

    def stop(fraction, text):
        said.append(text)
        return "step 3" not in text

    with pytest.raises(Cancelled):
        register(series, "any2reg", weights=weights, refine=5, progress=stop)
    assert "refining, step 2 of 5" in said


# ---------------------------------------------------------------------- the second stream


@pytest.fixture
def teller(tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDER, str(tmp_path))
    return tiny_weights("memwarp", tmp_path / "regions.safetensors")


def test_features_are_probabilities_of_regions(teller):
    features = region_features("regions", 4, 2.0, torch.device("cpu"))(images(3)[0])
    assert features.shape == (3, 4, 40, 36)
    torch.testing.assert_close(features.sum(1), torch.ones(3, 40, 36))


def test_the_second_stream_is_used(teller, tmp_path):
    series, _ = contracting_series()
    with_stream = tiny_weights("any2reg", tmp_path / "with.safetensors", task="any", features=4, extractor="regions")
    motion = register(series, "any2reg", weights=str(with_stream), refine=1)
    assert np.isfinite(motion.displacement).all()
    assert motion.provenance["features_sha256"] == read_card(teller)["sha256"]
    net = network(features=2)
    frames, beside = images(3), torch.rand(1, 3, 2, 40, 36, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert (net(frames, beside) - net(frames, 0 * beside)).abs().max() > 1e-5
        streamed = net.stream(frames[0], 3, lambda _: beside[0])
        torch.testing.assert_close(streamed, net(frames, beside)[0], atol=1e-3, rtol=1e-2)


@pytest.mark.parametrize(
    ("method", "pixel_mm", "card", "said"),
    [
        ("memwarp", 3.0, {}, "are for pixels of 2.0 mm"),
        ("riir", 2.0, {}, "tell no regions of slices"),
        ("memwarp", 2.0, {"dims": 3}, "tell no regions of slices"),
        ("memwarp", 2.0, {"regions": 6}, "tell 6 regions, features of 4 are needed"),
    ],
)
def test_weights_that_give_no_features(tmp_path, monkeypatch, method, pixel_mm, card, said):
    monkeypatch.setenv(FOLDER, str(tmp_path))
    tiny_weights(method, tmp_path / "other.safetensors", **card)
    with pytest.raises(CardiacMotionError, match=said):
        region_features("other", 4, pixel_mm, torch.device("cpu"))


def test_time_a_frame_does_not_grow():
    """Everything that is done more than once a frame is a sum over the set: operations are counted, not timed."""
    net = network()
    counted = []

    def count(layer, given, _):
        counted.append(len(given[0]))

    for module in net.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(count)
    for number in (4, 32):
        counted.clear()
        net.stream(images(number, 16, 16)[0], 4)
        per_frame = sum(counted) / number
        assert math.isclose(per_frame, sum(isinstance(m, torch.nn.Conv2d) for m in net.modules()), rel_tol=1e-9)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that torch can use")
def test_a_gpu_finds_the_same():
    net, frames = network(), images(7)
    with torch.no_grad():
        expected = net(frames)
        streamed = net.stream(frames[0], 3)
        there = copy.deepcopy(net).to("cuda")
        torch.testing.assert_close(there(frames.to("cuda")).cpu(), expected, atol=1e-3, rtol=1e-3)
        torch.testing.assert_close(there.stream(frames[0], 3), streamed, atol=1e-3, rtol=1e-3)
