"""LaMoD: how noise comes and goes, and what its networks promise."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from CardiacMotionLib.fields import warp
from CardiacMotionLib.methods.lamod.blocks import waves
from CardiacMotionLib.methods.lamod.diffusion import Diffusion
from CardiacMotionLib.methods.lamod.network import Config, Network, standardized
from CardiacMotionLib.methods.strainnet.network import Config as UNetConfig
from CardiacMotionLib.methods.strainnet.network import Network as UNet

TINY = {"width": 8, "blocks": 1, "latent": 4, "denoiser_width": 8, "denoiser_blocks": 1, "decoder_width": 8, "heads": 2}


def network(**settings) -> Network:
    torch.manual_seed(0)
    return Network(Config(**TINY, **settings)).eval()


def discs(radii: list[float], size: int = 40, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Clips (1, T, 1, size, size) of a disc with soft edges that changes its radius."""
    axis = torch.arange(size, dtype=dtype) - (size - 1) / 2
    distance = (axis[:, None] ** 2 + axis**2).sqrt()
    return torch.stack([torch.sigmoid(2 * (r - distance)) for r in radii])[None, :, None]


# ---------------------------------------------------------------------- diffusion


def chain(**settings) -> Diffusion:
    return Diffusion(**{"steps": 50, "signal_left": 0.4, "smoothing_pixels": 1.0, "smoothing_frames": 2.0, **settings})


@pytest.mark.parametrize("steps", [1, 2, 50, 1000])
@pytest.mark.parametrize("left", [0.9, 0.3, 1e-3])
def test_the_chain_ends_with_the_signal_that_is_to_be_left(steps, left):
    kept = chain(steps=steps, signal_left=left).kept
    assert len(kept) == steps + 1
    assert kept[0] == 1
    assert (np.diff(kept) < 0).all()
    assert kept[-1] == pytest.approx(left, rel=1e-6)


@pytest.mark.parametrize(("pixels", "frames"), [(0.0, 0.0), (1.0, 2.0), (3.0, 0.5)])
def test_smooth_noise_has_variance_one_everywhere(pixels, frames):
    noise = chain(smoothing_pixels=pixels, smoothing_frames=frames).noise(
        torch.zeros(2000, 6, 3, 8, 7), torch.Generator().manual_seed(0)
    )
    assert noise.std((0, 2)) == pytest.approx(torch.ones(6, 8, 7), abs=0.1)
    assert abs(noise.mean()) < 0.03
    beside = (noise[..., 1:] * noise[..., :-1]).mean()
    assert beside == pytest.approx(np.exp(-0.25 / pixels**2) if pixels else 0, abs=0.06)
    channels = (noise[:, :, 0] * noise[:, :, 1]).mean()
    assert abs(channels) < 0.03


def test_noise_at_once_is_as_strong_as_step_by_step():
    diffusion = chain(steps=5)
    z, noise = torch.randn(2, 300, 4, 2, 5, 5, generator=torch.Generator().manual_seed(0)).unbind()
    step = torch.full((300,), 3)
    noisy = diffusion.forward(z, step, noise)
    assert noisy.var() == pytest.approx(1, abs=0.02)
    assert (noisy * z).mean() == pytest.approx(diffusion.kept[3] ** 0.5, abs=0.02)
    assert torch.allclose(diffusion.clean(noisy, step, noise), z, atol=1e-4)
    assert torch.equal(diffusion.forward(z, torch.zeros(300, dtype=torch.long), noise), z)


@pytest.mark.parametrize("way", ["leap 1", "leap 7", "leap 100", "back"])
def test_who_knows_the_noise_gets_the_latents_back(way):
    diffusion = chain(steps=20)
    z = torch.randn(1, 4, 2, 5, 5, generator=torch.Generator().manual_seed(1)).double()
    noisy = diffusion.forward(z, torch.tensor([20]), diffusion.noise(z, torch.Generator().manual_seed(2)))

    def predict(values, step):
        return (values - diffusion.kept[step] ** 0.5 * z) / (1 - diffusion.kept[step]) ** 0.5

    if way == "back":
        found = diffusion.back(noisy, predict, torch.Generator().manual_seed(3))
    else:
        found = diffusion.leap(noisy, predict, int(way.split()[1]))
    assert torch.allclose(found, z, atol=1e-9)


def test_every_step_back_predicts_anew():
    asked = []

    def predict(values, step):
        asked.append((step, values.clone()))
        return torch.zeros_like(values)

    z = torch.ones(1, 2, 1, 4, 4)
    chain(steps=6).back(z, predict, torch.Generator().manual_seed(0))
    assert [step for step, _ in asked] == [6, 5, 4, 3, 2, 1]
    assert not any(torch.equal(a[1], b[1]) for a, b in pairwise(asked))


# ---------------------------------------------------------------------- networks


def test_waves_tell_numbers_apart():
    told = waves(torch.linspace(0, 1, 101), 32)
    assert told.shape == (101, 32)
    distance = torch.cdist(told, told) + 10 * torch.eye(101)
    assert distance.min() > 0.1


def test_latents_are_standardized_clip_by_clip():
    z = torch.randn(2, 3, 4, 5, 6) * torch.tensor([1.0, 50.0]).reshape(2, 1, 1, 1, 1) + 7
    found = standardized(z)
    assert found.values.mean((1, 2, 3, 4)).abs().max() < 1e-4
    assert found.values.std((1, 2, 3, 4)) == pytest.approx(torch.ones(2), abs=1e-4)
    assert torch.allclose(found.values * found.deviation + found.mean, z, atol=1e-3)
    one = standardized(z[1:])
    assert torch.allclose(one.values[0], found.values[1])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("frames", "sides"), [(2, (24, 24)), (5, (21, 30)), (9, (33, 18))])
def test_any_clip_goes_through_and_the_first_frame_rests(frames, sides, dtype):
    clips = torch.rand(2, frames, 1, *sides, dtype=dtype)
    built = network(shooting=2, chain=4).to(dtype)
    unet = UNet(UNetConfig(width=2, levels=3)).to(dtype)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        found = {
            "as they are": built(clips),
            "registration": built.register(clips),
            "ddim": built.draw(clips, generator, sampler="ddim", leaps=3),
            "ddpm": built.draw(clips, generator, sampler="ddpm"),
            "U-Net": unet(clips),
        }
    for name, u in found.items():
        assert u.shape == (2, frames, *sides, 2), name
        assert u.dtype == dtype, name
        assert not u[:, 0].any(), name
        assert u[:, 1:].abs().max() > 0, name


def test_samples_differ_by_their_generator_only():
    built, clips = network(chain=4), discs([12, 11, 10])

    def draw(seed, **call):
        with torch.no_grad():
            return built.draw(clips, torch.Generator().manual_seed(seed), **call)

    assert torch.equal(draw(0), draw(0))
    assert not torch.equal(draw(0), draw(1))
    assert torch.equal(draw(0, sampler="none"), draw(1, sampler="none"))


def test_neither_diffusion_nor_motion_changes_the_registration():
    built = network(shooting=1, chain=4).train()
    clips = discs([12, 11, 10])
    truth, wall = torch.randn(1, 3, 40, 40, 2), torch.ones(1, 40, 40)
    parts = built.losses(clips, truth, wall)
    assert set(parts) == {"registration", "energy", "diffusion", "motion"}
    (parts["diffusion"] + parts["motion"]).backward(retain_graph=True)
    assert all(p.grad is None for m in (built.encoder, built.momentum) for p in m.parameters())
    assert all(p.grad is not None for m in (built.denoiser, built.decoder) for p in m.parameters())
    parts["registration"].backward()
    assert any(p.grad is not None and p.grad.any() for p in built.encoder.parameters())


def test_the_registration_learns_to_draw_the_frames_in_the_first():
    built, clips = network(shooting=2).train(), discs([13, 12, 11, 10])
    parameters = [*built.encoder.parameters(), *built.momentum.parameters()]
    optimizer = torch.optim.Adam(parameters, 5e-3)
    zero = torch.zeros(1, 4, 40, 40, 2)
    for _ in range(60):
        loss = built.losses(clips, zero, zero[:, 0, ..., 0])["registration"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        found = built.eval().register(clips)[0]
    drawn = warp(clips[0], found)
    before, after = ((frames[3] - clips[0, 0]).square().mean() for frames in (clips[0], drawn))
    assert after < 0.15 * before
    middle = found[3, 20, 32]  # right of the center, on the edge: it moves left
    assert -4 < middle[0] < -1


@pytest.mark.parametrize("name", ["LaMoD", "U-Net"])
def test_the_motion_is_learned(name):
    """A disc that shrinks: u = (r_t / r_0 - 1) x, known in it."""
    radii = [13.0, 12.0, 11.0, 10.0]
    clips = discs(radii)
    axis = torch.arange(40) - 19.5
    grid = torch.stack((axis.expand(40, 40), axis[:, None].expand(40, 40)), -1)
    truth = torch.stack([(r / 13 - 1) * grid for r in radii])[None]
    wall = (clips[:, 0, 0] > 0.5).float()
    torch.manual_seed(0)
    built = network().train() if name == "LaMoD" else UNet(UNetConfig(width=4, levels=2)).train()
    optimizer = torch.optim.Adam(built.parameters(), 5e-3)
    errors = []
    for _ in range(60):
        loss = built.losses(clips, truth, wall)["motion"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        errors.append(loss.item())
    assert np.mean(errors[-5:]) < 0.2 * errors[0]
