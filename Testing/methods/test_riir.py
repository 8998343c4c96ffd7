"""RIIR: its size, what its options do, how many steps it takes, what it can learn."""

from __future__ import annotations

import pytest
import torch
from blobs import blobs, error, learn
from moving_images import contracting_series
from tiny_learned import LEARNED, tiny_weights

from CardiacMotionLib import CardiacMotionError, fields, register
from CardiacMotionLib.methods import methods
from CardiacMotionLib.methods.riir import METHOD
from CardiacMotionLib.methods.riir.network import HIDDEN, Config, Network
from CardiacMotionLib.training.recipe import load_recipe, recipes

SMALL = {2: (26, 33), 3: (4, 22, 27)}
SHIFT = {2: (2.0, -1.5), 3: (1.5, -1.5, 0.0)}
QUICK = {"first": 8, "second": 4, "steps": 3}
PAPER = {
    "riir": 61_026,
    "voxelmorph": 254_914,
    "gradirn": 177_048,
    "memwarp": 47_286_310,
    "any2reg": 1_360_436,
    "lamod": 5_556_292,
    "strainnet": 23_539_874,
    "unetr": 64_453_858,
}  # 61k, 254k, 173k; 47.8M; not told of the others


def network(dims: int = 2, **settings) -> Network:
    torch.manual_seed(0)
    return Network(Config(dims=dims, **settings))


def parameters(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def pair(dims: int, dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, torch.Tensor]:
    return blobs(SMALL[dims], (0.0,) * dims, dtype), blobs(SMALL[dims], SHIFT[dims], dtype)


# ---------------------------------------------------------------------- size


@pytest.mark.parametrize("name", LEARNED)
def test_as_many_parameters_as_the_paper_says(name):
    """And every learned method has such a recipe, and a small one, that its network can be built from."""
    info = methods()[name]
    assert {"paper", "small"} <= set(recipes(info))
    built = {recipe: info.network()(load_recipe(info, recipe).network) for recipe in recipes(info)}
    assert parameters(built.pop("paper")) == PAPER[name]
    assert all(isinstance(one.dims, int) and 0 < parameters(one) < 2_000_000 for one in built.values())


def test_sizes_of_the_paper():
    recipe = load_recipe(METHOD, "paper").network
    assert (recipe.steps, recipe.first, recipe.second, recipe.inner, recipe.hidden) == (6, 32, 16, "ncc", "both")
    assert recipe == Config(inner="ncc")  # all else is what there is by default
    assert Config().steps == 6


@pytest.mark.parametrize("across", [1, 3, 5])
def test_kernels_are_no_wider_across_slices_than_asked(across):
    built = network(3, across=across, **QUICK)
    widths = [w.shape[2] for name, w in built.named_parameters() if w.ndim == 5]
    assert max(widths) == across
    assert {w.shape[3] for _, w in built.named_parameters() if w.ndim == 5} == {1, 3, 5}


# ---------------------------------------------------------------------- answers


@pytest.mark.parametrize("inner", ["mse", "ncc", "nmi"])
@pytest.mark.parametrize("dims", [2, 3])
def test_first_answers_are_small_and_fit_images_of_any_size(dims, inner):
    fixed, moving = torch.rand(2, 2, 1, *SMALL[dims])
    found = network(dims, inner=inner, **QUICK)(fixed, moving)
    assert [(u.shape, u.dtype) for u in found] == 3 * [((2, *SMALL[dims], dims), torch.float32)]
    assert 0 < found[0].abs().max() < 0.5
    assert found[-1].abs().max() < 1.5


@pytest.mark.parametrize("shape", [(1, 1), (4, 4), (3, 17)])
def test_tiny_images(shape):
    assert network(**QUICK)(*torch.rand(2, 1, 1, *shape))[-1].shape == (1, *shape, 2)
    assert network(3, **QUICK)(*torch.rand(2, 1, 1, 1, *shape))[-1].shape == (1, 1, *shape, 3)


@pytest.mark.parametrize("dims", [2, 3])
def test_steps_that_are_asked_for_begin_like_those_it_was_trained_with(dims):
    one = network(dims, **QUICK).eval()
    fixed, moving = pair(dims)
    with torch.no_grad():
        usual = one(fixed, moving)
        assert len(usual) == 3
        for asked in (1, 2, 5):
            found = one(fixed, moving, steps=asked)
            assert len(found) == asked
            for u, same in zip(found, usual, strict=False):
                torch.testing.assert_close(u, same)
        assert len(one(fixed, moving, steps=0)) == len(one(fixed, moving, steps=None)) == 3


def test_every_pair_of_a_batch_is_on_its_own():
    one = network(inner="ncc", **QUICK).eval()
    fixed, moving = torch.rand(2, 3, 1, 20, 20)
    with torch.no_grad():
        together = one(fixed, moving)[-1]
        for n in range(3):
            torch.testing.assert_close(together[n], one(fixed[n : n + 1], moving[n : n + 1])[-1][0], atol=1e-6, rtol=0)


# ---------------------------------------------------------------------- options


@pytest.mark.parametrize("hidden", HIDDEN)
def test_only_hidden_states_that_are_kept_remember(hidden):
    """Take the displacement and the gradient away: then a step differs from the one before by what is remembered."""
    one = network(hidden=hidden, **QUICK)
    told = []
    inner = one.cell.forward

    def blind(x, states):
        told.append([state is not None for state in states])
        return inner(torch.ones_like(x), states)

    one.cell.forward = blind
    found = one(*pair(2), steps=3)
    changes = [after - before for after, before in zip(found[1:], found, strict=False)]
    assert told == [[False, False], *2 * [list(HIDDEN[hidden])]]
    assert torch.allclose(changes[0], found[0]) == (hidden == "none")


@pytest.mark.parametrize("dims", [2, 3])
def test_what_the_cell_sees(dims):
    fixed, moving = pair(dims)
    seen = {}
    for kind in ("gradient", "explicit", "implicit"):
        one = network(dims, input=kind, **QUICK)
        with torch.no_grad():
            one.cell.leave.bias[0] += 0.5  # so that there is a displacement at the second step
        one.cell.register_forward_pre_hook(lambda _, given, kind=kind: seen.setdefault(kind, []).append(given[0]))
        found = one(fixed, moving)
        first, second = seen[kind][:2]
        assert not first[:, :dims].any()
        torch.testing.assert_close(second[:, :dims], found[0].movedim(-1, 1))
        if kind == "explicit":
            torch.testing.assert_close(second[:, dims:], torch.cat((fields.warp(moving, found[0]), fixed), 1))
        if kind == "implicit":
            torch.testing.assert_close(second[:, dims:], torch.cat((moving, fixed), 1))
        if kind == "gradient":
            warped = fields.warp(moving, found[0])
            slope = fields.warp(fields.image_gradient(moving), found[0])
            torch.testing.assert_close(second[:, dims:], 20 * (warped - fixed) * slope)


def test_weights_of_the_steps():
    """Equation 13: ten times as much for the last as for the first."""
    assert network(**QUICK).step_weights(6) == pytest.approx([10 ** (t / 5) for t in range(6)])
    assert network(weighting="uniform", **QUICK).step_weights(3) == [1, 1, 1]
    assert network(**QUICK).step_weights(1) == [1]


def test_random_steps_in_training_only_and_the_same_for_the_same_seed():
    one = network(first=2, second=2, steps=3, random_steps=True).train()
    assert one.most_steps == 6
    fixed, moving = torch.rand(2, 1, 1, 6, 6)

    def counts():
        torch.manual_seed(5)
        with torch.no_grad():
            return [len(one(fixed, moving)) for _ in range(60)]

    first = counts()
    assert set(first) == {1, 2, 3, 4, 5, 6}
    assert counts() == first
    assert len(one(fixed, moving, steps=2)) == 2
    one.eval()
    assert counts() == 60 * [3]
    plain = network(**QUICK)
    assert plain.most_steps == 3
    state = torch.get_rng_state()
    plain.train()(fixed, moving)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("random_steps", [False, True])
def test_more_steps_than_were_learned_are_refused(tmp_path, random_steps):
    path = tiny_weights("riir", tmp_path / "few.safetensors", steps=3, random_steps=random_steps)
    series, _ = contracting_series()
    most = 6 if random_steps else 3
    assert register(series, "riir", weights=str(path), steps=most).provenance["options"]["steps"] == most
    with pytest.raises(CardiacMotionError, match=f"option steps must be at most {most} with these weights, got 7"):
        register(series, "riir", weights=str(path), steps=7)


# ---------------------------------------------------------------------- learning


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize(
    "settings", [{"hidden": h} for h in HIDDEN] + [{"input": "implicit"}, {"inner": "ncc"}], ids=str
)
def test_every_parameter_is_learned(dims, settings):
    """Without hidden states the gates still say how much of a candidate comes through."""
    one = network(dims, **QUICK, **settings)
    fixed, moving = torch.rand(2, 1, 1, *SMALL[dims])
    sum(u.square().sum() for u in one(fixed, moving)).backward()
    assert [name for name, p in one.named_parameters() if p.grad is None or not p.grad.any()] == []
    assert all(torch.isfinite(p.grad).all() for p in one.parameters())


@pytest.mark.parametrize("dims", [2, 3])
def test_learns_a_shift_by_heart(dims):
    fixed, moving = pair(dims)
    one = network(dims, across=3, **QUICK)
    assert learn(one, fixed, moving, 40, 8e-3) < 0.15
    with torch.no_grad():
        found = one(fixed, moving)
        left = [float(fields.mse(fields.warp(moving, u), fixed)) for u in found]
        assert left[-1] < left[0]
        assert left[-1] == pytest.approx(float(error(one, fixed, moving)), rel=1e-4)
    inside = fixed[0, 0] > 0.5
    assert found[-1][0][inside].mean(0)[:2].sub(torch.tensor(SHIFT[dims][:2])).abs().max() < 0.7


# ---------------------------------------------------------------------- precision


@pytest.mark.parametrize("inner", ["mse", "ncc", "nmi"])
@pytest.mark.parametrize("dims", [2, 3])
def test_double_precision_gives_the_same(dims, inner):
    one = network(dims, inner=inner, **QUICK)
    with torch.no_grad():
        single = one(*pair(dims))[-1]
        double = one.double()(*pair(dims, torch.float64))[-1]
    assert double.dtype == torch.float64
    torch.testing.assert_close(double.float(), single, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("inner", ["mse", "ncc"])
@pytest.mark.parametrize("dims", [2, 3])
def test_mixed_precision_gives_about_the_same(dims, inner):
    one = network(dims, inner=inner, **QUICK)
    with torch.no_grad():
        one.cell.leave.bias[0] += 0.5
        exact = one(*pair(dims))[-1]
        with torch.autocast("cpu", torch.bfloat16):
            mixed = one(*pair(dims))[-1]
    assert mixed.dtype == torch.float32
    assert exact.abs().max() > 1
    torch.testing.assert_close(mixed, exact, rtol=0.02, atol=0.02)


def test_mixed_precision_has_gradients():
    one = network(**QUICK)
    with torch.autocast("cpu", torch.bfloat16):
        found = one(*pair(2))
    found[-1].square().sum().backward()
    assert all(p.grad.any() and torch.isfinite(p.grad).all() for p in one.parameters())
