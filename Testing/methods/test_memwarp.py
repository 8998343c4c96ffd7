"""MemWarp: its sizes, the pyramid, the memory, the large kernels that become one, and the labels it gives."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from blobs import blobs, error, learn
from tiny_learned import tiny_weights

from CardiacMotionLib import ImageSeries, Motion, fields, register
from CardiacMotionLib.methods import Context
from CardiacMotionLib.methods.learned import labels_of, run_pairs
from CardiacMotionLib.methods.memwarp import METHOD
from CardiacMotionLib.methods.memwarp.blocks import LargeKernel
from CardiacMotionLib.methods.memwarp.memory import Memory, Reader
from CardiacMotionLib.methods.memwarp.network import Config, Network
from CardiacMotionLib.training.recipe import load_recipe

SMALL = {2: (40, 48), 3: (5, 32, 40)}
QUICK = {"channels": 4, "most_channels": 16, "levels": 3, "context": 4, "hidden": 8}
VARIANTS = [
    {},
    {"memory": False},
    {"pyramid": False},
    {"pyramid": False, "memory": False},
    {"blend": True, "temperature": 0.1},
    {"depthwise": False, "composed": False, "integration": 0},
    {"flat": False},
]
NAMES = ["MemWarp", "LapWarp", "memory alone", "LKU-Net", "blend", "added displacements", "deep"]


def network(dims: int = 3, **settings) -> Network:
    torch.manual_seed(0)
    return Network(Config(dims=dims, **{**QUICK, **settings}))


def parameters(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_as_many_parameters_as_the_paper_says():
    """Its code has 47.8 million; where the paper is silent the layout is ours."""
    assert 46e6 < parameters(Network(load_recipe(METHOD, "paper").network)) < 49e6
    assert parameters(Network(load_recipe(METHOD, "small").network)) < 2e6


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("settings", VARIANTS, ids=NAMES)
def test_first_answer_is_small_and_fits_images_of_any_size(dims, settings):
    one = network(dims, **settings)
    for extra in (0, 1, 7):
        shape = tuple(n + extra for n in SMALL[dims])
        (found,), regions = one.look(*torch.rand(2, 2, 1, *shape))
        assert found.shape == (2, *shape, dims)
        assert 0 < found.abs().max() < 0.5
        assert len(regions) == (0 if not one.segments else 3 if one.config.pyramid else 1)
        if regions:
            assert regions[0].shape == (2, 4, *shape)
            torch.testing.assert_close(regions[0].exp().sum(1), torch.ones(2, *shape))


@pytest.mark.parametrize("settings", VARIANTS, ids=NAMES)
def test_every_parameter_is_learned(settings):
    one = network(**settings)
    (found,), regions = one.look(*torch.rand(2, 2, 1, *SMALL[3]))
    (found.square().sum() + sum(of_level[:, 0].sum() for of_level in regions)).backward()
    assert [name for name, p in one.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize("dims", [2, 3])
def test_learns_a_shift_by_heart(dims):
    """And knows it when it normalizes as in use, with its branches put together."""
    shift = (2.5, -1.5, 0.0)[:dims]
    fixed, moving = blobs(SMALL[dims], (0.0,) * dims), blobs(SMALL[dims], shift)
    one = network(dims)
    assert learn(one, fixed, moving, 40) < 0.15
    one.eval().fuse()
    with torch.no_grad():
        assert error(one, fixed, moving) / fields.mse(moving, fixed).mean() < 0.5


@pytest.mark.parametrize("composed", [True, False])
def test_levels_are_added_or_composed(composed):
    """With flows that are told: half a voxel of level 1 is one of the images; composing samples it where it is."""
    one = network(2, levels=1, memory=False, integration=0, composed=composed)
    shape = (16, 16)
    coarse = 0.25 * fields.identity_grid((8, 8))[None]
    fine = torch.full((1, *shape, 2), 2.0)
    told = {0: fine, 1: coarse}
    for level, field in told.items():
        one.flows[level].forward = lambda *_, field=field: (field.movedim(-1, 1), None)
    found = one(*torch.rand(2, 1, 1, *shape))[0]
    large = fields.resize_displacement(coarse, shape)
    expected = fields.compose(fine, large) if composed else fine + large
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("memory", [True, False])
def test_without_pyramid_the_only_motion_is_invertible(memory):
    one = network(2, levels=1, pyramid=False, memory=memory)
    rough = 3 * torch.randn(1, 2, 16, 16, generator=torch.Generator().manual_seed(0))
    one.flows[0].forward = lambda *_: (rough, None)
    torch.testing.assert_close(one(*torch.rand(2, 1, 1, 16, 16))[0], fields.integrate(rough.movedim(1, -1)))


def test_motion_at_all_levels_but_the_finest_is_invertible():
    one = network(2, levels=1, memory=False)
    rough = 3 * torch.randn(1, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    one.flows[1].forward = lambda *_: (rough, None)
    one.flows[0].forward = lambda *_: (torch.zeros(1, 2, 16, 16), None)
    found = one(*torch.rand(2, 1, 1, 16, 16))[0]
    torch.testing.assert_close(found, fields.resize_displacement(fields.integrate(rough.movedim(1, -1)), (16, 16)))


# ---------------------------------------------------------------------- the memory


def test_memory_is_read_as_the_paper_says():
    """Equations 2 and 3, voxel by voxel."""
    config = Config(dims=3, **QUICK)
    torch.manual_seed(0)
    memory, reader = Memory(config)(), Reader(config, 6)
    features, context = torch.randn(1, 6, 2, 3, 4), torch.randn(1, 4, 2, 3, 4)
    log_regions, motion = reader(features, context, memory)
    assert memory.shape == (12, 4)
    query = reader.query(features[0, :, 1, 2, 3])
    scores = torch.stack([query @ slot / slot.norm() for slot in memory.T])
    regions = scores.softmax(0)
    torch.testing.assert_close(log_regions[0, :, 1, 2, 3].exp(), regions)
    own_filter = (memory @ regions).reshape(3, 4)
    torch.testing.assert_close(motion[0, :, 1, 2, 3], own_filter @ context[0, :, 1, 2, 3])


def test_blend_takes_the_filter_for_all_where_the_memory_knows_nothing():
    config = Config(dims=2, blend=True, temperature=0.01, **QUICK)
    torch.manual_seed(0)
    memory, reader = Memory(config)(), Reader(config, 6)
    torch.nn.init.zeros_(reader.query.bias)
    context = torch.randn(1, 4, 1, 1)
    unsure = reader(torch.zeros(1, 6, 1, 1), context, memory)[1]
    torch.testing.assert_close(unsure.flatten(), reader.static.reshape(2, 4) @ context.flatten(), atol=1e-5, rtol=1e-5)
    log_regions, sure = reader(1e3 * torch.randn(1, 6, 1, 1), context, memory)
    chosen = memory[:, int(log_regions.flatten().argmax())].reshape(2, 4)
    torch.testing.assert_close(sure.flatten(), chosen @ context.flatten(), atol=1e-4, rtol=1e-4)


def test_one_fixed_image_stays_one_when_it_is_moved():
    """Into another precision here, onto a GPU elsewhere."""
    one = network().double().eval()
    seen = []
    one.enter.register_forward_pre_hook(lambda _, images: seen.append((len(images[0]), images[0].dtype)))
    fixed, moving = torch.rand(1, 1, 5, 16, 16).expand(3, -1, -1, -1, -1), torch.rand(3, 1, 5, 16, 16)
    run_pairs(one, fixed, moving, Context(0, torch.device("cpu"), 0))
    assert seen == [(4, torch.float64)]


@pytest.mark.parametrize("settings", VARIANTS, ids=NAMES)
def test_one_fixed_image_for_many_pairs_is_looked_at_once(settings):
    """With the same answers as pair by pair."""
    one = network(**settings).eval()
    fixed, *moving = torch.rand(4, 1, 1, *SMALL[3])
    seen = []
    one.enter.register_forward_pre_hook(lambda _, images: seen.append(len(images[0])))
    with torch.no_grad():
        together = one.look(fixed.expand(3, -1, -1, -1, -1), torch.cat(moving))
        apart = [one.look(fixed, image) for image in moving]
    assert seen == ([4, 2, 2, 2] if one.apart else [3, 1, 1, 1])
    torch.testing.assert_close(together[0][0], torch.cat([found[0] for found, _ in apart]), atol=1e-4, rtol=1e-4)
    for level, regions in enumerate(together[1]):
        torch.testing.assert_close(regions, torch.cat([told[level] for _, told in apart]))


def test_regions_of_every_level_lie_where_the_image_is():
    """Also of sides that had to be continued, which a coarse grid is not cut from."""
    one = network(2, levels=3).eval()
    images = torch.rand(1, 1, 42, 50)
    continued = torch.nn.functional.pad(images, (0, 6, 0, 6), mode="replicate")
    with torch.no_grad():
        whole, cut = (one.look(image, image)[1] for image in (continued, images))
    assert [tuple(of_level.shape[2:]) for of_level in whole] == [(48, 56), (24, 28), (12, 14)]
    for full, of_level in zip(whole, cut, strict=True):
        expected = fields.enlarge(full.exp(), (48, 56))[..., :42, :50]
        torch.testing.assert_close(of_level.exp(), expected)


@pytest.mark.parametrize("settings", [{}, {"pyramid": False}], ids=["MemWarp", "memory alone"])
def test_regions_are_told_without_looking_for_motion(settings):
    """The same as with it; of sides that have to be continued, too."""
    one = network(**settings).eval()
    images = torch.rand(2, 1, 5, 21, 24)
    with torch.no_grad():
        torch.testing.assert_close(one.regions(images), one.look(images, images)[1][0])


def test_regions_are_those_of_the_fixed_image_alone():
    one = network().eval()
    fixed, *moving = torch.rand(3, 1, 1, *SMALL[3])
    with torch.no_grad():
        first, second = (one.look(fixed, image)[1] for image in moving)
    for a, b in zip(first, second, strict=True):
        torch.testing.assert_close(a, b)


# ---------------------------------------------------------------------- large kernels


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("settings", [{}, {"depthwise": False}, {"flat": False, "kernel": 7}])
def test_branches_become_one_convolution(dims, settings):
    torch.manual_seed(0)
    block = LargeKernel(Config(dims=dims, **{**QUICK, **settings}), 6, 1).double()
    for module in block.modules():
        if hasattr(module, "running_var"):
            for values in (module.weight.data, module.running_var):
                values.uniform_(0.5, 2)
            for values in (module.bias.data, module.running_mean):
                values.uniform_(-1, 1)
    features = torch.randn(2, 6, *(9, 10, 11)[-dims:], dtype=torch.float64)
    block.eval()
    expected = block(features)
    block.fuse()
    torch.testing.assert_close(block(features), expected)
    kernels = [layer.kernel_size for layer in block.modules() if hasattr(layer, "kernel_size")]
    assert len([size for size in kernels if max(size) > 1]) == 1


def test_flat_stacks_keep_to_their_slices_at_full_resolution():
    """What one slice shows changes no other before the first level below."""
    one = network().eval()
    images = torch.rand(1, 1, *SMALL[3])
    other = images.clone()
    other[:, :, 2] += 1
    with torch.no_grad():
        changed = (one.enter(images) - one.enter(other)).abs().amax((0, 1, 3, 4)) > 0
    assert changed.tolist() == [False, False, True, False, False]


@pytest.mark.parametrize("settings", VARIANTS, ids=NAMES)
def test_double_precision_gives_the_same(settings):
    one = network(**settings).eval()
    pair = torch.rand(2, 1, 1, *SMALL[3])
    with torch.no_grad():
        single = one(*pair)[0]
        one.fuse()
        double = one.double()(*pair.double())[0]
    assert double.dtype == torch.float64
    torch.testing.assert_close(double.float(), single, rtol=1e-3, atol=1e-4)


def test_half_precision_is_near():
    one = network().eval()
    pair = torch.rand(2, 1, 1, *SMALL[3])
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        half = one(*pair)[0]
    with torch.no_grad():
        single = one(*pair)[0]
    assert half.dtype == torch.float32
    assert (half - single).abs().max() < 0.1 * single.abs().max()


@pytest.mark.parametrize("settings", VARIANTS, ids=NAMES)
def test_motion_is_in_single_precision_where_features_are_in_half(settings):
    """Positions of a large image have not enough digits in half precision."""
    one = network(**settings)
    seen = []
    for flow in one.flows:
        flow.register_forward_hook(lambda _, __, found: seen.append(found[0].dtype))
    with torch.autocast("cpu", torch.bfloat16):
        one(*torch.rand(2, 1, 1, *SMALL[3]))
    assert set(seen) == {torch.float32}


def test_half_precision_moves_whole_images_as_far_as_single():
    """Several voxels by a filter of the memory at every level, on an image of 128."""
    one = network(2, levels=1).eval()
    with torch.no_grad():
        for flow in one.flows:
            flow.context[-2].weight.zero_()
            flow.context[-2].bias.fill_(1.0)
            flow.reader.query.bias[:] = 0
        one.memory.perceptron[-1].weight.zero_()
        one.memory.perceptron[-1].bias.fill_(0.6)
        pair = torch.rand(2, 1, 1, 128, 128)
        single = one(*pair)[0]
        with torch.autocast("cpu", torch.bfloat16):
            half = one(*pair)[0]
    assert single.abs().mean() > 5
    torch.testing.assert_close(half, single, atol=0.05, rtol=0)


# ---------------------------------------------------------------------- the labels that it gives


def bright_series(labels: bool) -> ImageSeries:
    """Three frames of a disc in a stack of 2 mm pixels; with labels or without."""
    disc = blobs((5, 40, 40), (0.0, 0.0, 0.0)).numpy()[0] > 0.5
    frames = np.repeat(100 * disc.astype(np.float32), 3, axis=0)
    frames += np.random.default_rng(0).normal(0, 1, frames.shape).astype(np.float32)
    drawn = (frames[0] > 50).astype(np.uint8) * 2
    return ImageSeries(frames, np.diag([2.0, 2.0, 8.0, 1.0]), labels={0: drawn} if labels else None)


@pytest.mark.parametrize("dims", [2, 3])
def test_labels_come_with_the_motion(dims, tmp_path):
    """Told by the network where there is no segmentation, kept in the file, taken by what needs some."""
    weights = tiny_weights("memwarp", tmp_path / "w.safetensors", dims=dims)
    series = bright_series(labels=False)
    motion = register(series, "memwarp", weights=str(weights), reference=1)
    assert motion.labels is not None
    assert motion.labels.shape == series.shape
    assert motion.labels.dtype == np.uint8
    said = "is used" if motion.labels.any() else "found none"
    assert any("segmentation" in note and said in note for note in motion.provenance["notes"])
    assert np.array_equal(Motion.load(motion.save(tmp_path / "motion.npz")).labels, motion.labels)
    labeled = motion.labeled(series)
    assert (1 in labeled.labels) == bool(motion.labels.any())
    given = bright_series(labels=True)
    own = register(given, "memwarp", weights=str(weights))
    assert own.labeled(given) is given
    assert own.provenance.get("labels_from") == ("w" if own.labels.any() else None)
    assert not any("segmentation" in note for note in own.provenance.get("notes", ()))


@pytest.mark.parametrize(
    ("data", "reference", "said"),
    [
        ({"kind": "cine", "template": "first"}, 2, True),
        ({"kind": "cine", "template": "first"}, 0, False),
        ({"kind": "pairs", "template": "first"}, 2, False),
        ({"kind": "cine", "template": "random"}, 2, False),
    ],
)
def test_a_reference_that_was_not_learned_is_said(data, reference, said, tmp_path):
    weights = tiny_weights("memwarp", tmp_path / "w.safetensors", dims=3, card={"recipe": {"data": data}})
    motion = register(bright_series(labels=True), "memwarp", weights=str(weights), reference=reference)
    notes = [note for note in motion.provenance.get("notes", ()) if "From frame 2 they find less; frame 0" in note]
    assert bool(notes) == said


def test_labels_are_where_the_network_sees_them(tmp_path, monkeypatch):
    """A network that calls bright pixels myocardium: the labels are the bright disc, also on a finer grid."""

    def regions(self, images):
        sure = torch.zeros(len(images), 4, *images.shape[2:])
        sure[:, 2] = 20 * (images[:, 0] - 0.5)
        return sure.log_softmax(1)

    monkeypatch.setattr(Network, "regions", regions)
    series = bright_series(labels=True)
    motion = register(
        series,
        "memwarp",
        weights=str(tiny_weights("memwarp", tmp_path / "w.safetensors", pixel_mm=3.0, dims=3)),
        margin=100.0,
    )
    truth = series.labels[0]
    assert motion.provenance["labels_from"] == "w"
    overlap = 2 * np.sum((motion.labels == 2) & (truth == 2)) / (np.sum(motion.labels == 2) + np.sum(truth == 2))
    assert overlap > 0.93
    assert set(np.unique(motion.labels)) <= {0, 1, 2}


@pytest.mark.parametrize(("method", "seen"), [("memwarp", 40), ("voxelmorph", 32)])
def test_it_is_shown_as_wide_a_field_as_it_was_trained_with(method, seen, tmp_path, monkeypatch):
    """40 pixels of 2 mm; the labels and their margin are 60 mm."""
    card = {"recipe": {"data": {"size": 40}}}
    weights = tiny_weights(method, tmp_path / "w.safetensors", dims=3, card=card)
    labels = np.zeros((5, 80, 80), np.uint8)
    labels[1:4, 32:48, 32:48] = 2  # 36 mm
    frames = np.random.default_rng(0).random((2, 5, 80, 80))
    series = ImageSeries(frames, np.diag([2.25, 2.25, 8.0, 1.0]), labels={0: labels})
    shapes = []
    real = run_pairs
    monkeypatch.setattr(
        "CardiacMotionLib.methods.learned.run_pairs",
        lambda module, fixed, *more, **call: shapes.append(fixed.shape) or real(module, fixed, *more, **call),
    )
    register(series, method, weights=str(weights), margin=12)
    assert shapes[0][-2:] == (seen, seen)


def test_slots_beyond_the_labels_are_background():
    regions = torch.zeros(1, 6, 6)
    regions[0, range(6), range(6)] = 1.0
    assert labels_of(regions).tolist() == [[0, 1, 2, 3, 0, 0]]
    unsure = torch.tensor([0.3, 0.0, 0.4, 0.0, 0.3]).reshape(1, 5, 1)
    assert labels_of(unsure).tolist() == [[0]]  # together they are likelier than the wall
