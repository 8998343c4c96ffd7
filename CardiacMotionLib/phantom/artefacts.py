"""What a scanner adds to an ideal image: noise, shading, bands, ghosts, ringing and flow.

Pure functions of images (T, K, J, I) with blood = 1, random only through the generator that is passed in; phase
encoding runs along j. All run in a few milliseconds for a cine slice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ..errors import CardiacMotionError
from ..fields.bspline import bspline_basis
from ..mapping import signals

ROLL_OFF = 0.3  # share of the acquired lines over which the filter of a scanner lets them fade


def smooth_noise(
    shape: Sequence[int], grain: float | Sequence[float], generator: torch.Generator, device: torch.device | str = "cpu"
) -> Tensor:
    """Gaussian random field of mean 0 and variance 1 at every voxel, float32 of any ``shape``.

    Cubic B-splines of white noise ``grain`` voxels apart, one number or one an axis; a grain of at most 1 is white
    along that axis, infinity is constant along it.
    """
    grains = [grain] * len(shape) if isinstance(grain, int | float) else list(grain)
    bases = [_unit_basis(size, g) for size, g in zip(shape, grains, strict=True)]
    field = _normal([b.shape[1] for b in bases], generator, device)
    for axis, (basis, g) in enumerate(zip(bases, grains, strict=True)):
        if g > 1:
            field = torch.tensordot(basis.to(device), field, dims=([1], [axis])).movedim(0, axis)
    return field.contiguous()


# ---------------------------------------------------------------------- noise


def complex_noise(images: Tensor, sd: float, generator: torch.Generator) -> Tensor:
    """Complex images with Gaussian noise of ``sd`` in either channel, of real or complex ``images``."""
    real, imaginary = _normal((2, *images.shape), generator, images.device).to(images.real.dtype)
    if images.is_complex():
        return torch.complex(images.real + sd * real, images.imag + sd * imaginary)
    return torch.complex(images + sd * real, sd * imaginary)


def rician_noise(images: Tensor, sd: float, generator: torch.Generator) -> Tensor:
    """Magnitude of real images with Gaussian noise of ``sd`` in both channels (Gudbjartsson 1995)."""
    real, imaginary = _normal((2, *images.shape), generator, images.device).to(images.real.dtype)
    return torch.hypot(images + sd * real, sd * imaginary)


# ---------------------------------------------------------------------- shading and bands


def bias_field(
    shape: Sequence[int], strength: float, generator: torch.Generator, device: torch.device | str = "cpu"
) -> Tensor:
    """Coil shading (K, J, I) to multiply with, mean exactly 1: exp of a smooth field of SD ``strength``.

    A gradient of random direction, as surface coils leave it, and slow waves in equal parts.
    """
    slices, rows, columns = shape
    angle = 2 * math.pi * torch.rand((), generator=generator, device=generator.device).item()
    y, x = (torch.linspace(-math.sqrt(3), math.sqrt(3), n, device=device) for n in (rows, columns))  # SD 1
    ramp = math.sin(angle) * y[:, None] + math.cos(angle) * x
    waves = smooth_noise(shape, (2.0 * slices, rows / 2, columns / 2), generator, device)
    field = torch.exp(strength * math.sqrt(0.5) * (ramp + waves))
    return field / field.mean()


def off_resonance(
    shape: Sequence[int], sd_hz: float, generator: torch.Generator, device: torch.device | str = "cpu"
) -> Tensor:
    """Field deviation (K, J, I) in Hz: smooth over the field of view, SD ``sd_hz``, mean 0 as the shim leaves it."""
    slices, rows, columns = shape
    field = smooth_noise(shape, (2.0 * slices, rows / 4, columns / 4), generator, device)
    return sd_hz * (field - field.mean())


def banding(
    images: Tensor, hertz: Tensor, tr_ms: float = 2.9, flip_deg: float = 50.0, t1: float = 965.0, t2: float = 50.0
) -> Tensor:
    """Images times the balanced profile at ``hertz`` (K, J, I), 1 on resonance and dark at half a turn per TR.

    One profile for all tissues, that of myocardium unless given: within the pass band they differ by little.
    """
    phase = 2 * math.pi * hertz * tr_ms / 1000
    profile = signals.bssfp_off_resonance(phase, t1, t2, flip_deg, tr_ms)
    return images * (profile / signals.bssfp(t1, t2, flip_deg, tr_ms).to(profile))


# ---------------------------------------------------------------------- k-space


def ghosting(images: Tensor, moving: Tensor, depth: float, generator: torch.Generator) -> Tensor:
    """Magnitude of images with replicas along j of the part ``moving`` (T, K, J, I or broadcasting) that varies.

    The moving part is modulated from line to line of k-space by 1 + depth cos(2 pi n / period + phase), which puts two
    replicas of depth / 2 at +-J / period. Period 2 to 6 lines and phase are drawn once.
    """
    rows = images.shape[-2]
    draw = torch.rand(2, generator=generator, device=generator.device).tolist()
    shift, phase = round(rows / (2 + 4 * draw[0])), 2 * math.pi * draw[1]
    up, down = moving.roll(shift, -2), moving.roll(-shift, -2)
    real = images + depth / 2 * math.cos(phase) * (up + down)
    return torch.hypot(real, (depth / 2 * math.sin(phase) * (up - down)).expand_as(real))


def truncate(
    images: Tensor, lines: int, columns: int, size: tuple[int, int] | None = None, taper: float = 0.0
) -> Tensor:
    """Images as reconstructed from ``lines`` x ``columns`` of k-space, zero-filled to ``size`` (J, I) or as before.

    The voxel centers of the result divide the same field of view. Edges ring (Gibbs) unless ``taper``, the share of the
    lines that a cosine rolls off, says otherwise. Signed: take the magnitude of a magnitude image. Raises
    `CardiacMotionError` when more lines are asked for than there are voxels.
    """
    rows, width = images.shape[-2:] if size is None else size
    along_j = _band_limited(images.shape[-2], rows, lines, taper).to(images)
    along_i = _band_limited(images.shape[-1], width, columns, taper).to(images)
    return along_j @ images @ along_i.T


def limited(images: Tensor, share: float) -> Tensor:
    """Real or complex images (..., J, I) of which a ``share`` of the lines and columns of k-space was acquired."""
    if share >= 1:
        return images
    if images.is_complex():
        return torch.complex(limited(images.real, share), limited(images.imag, share))
    lines, columns = (max(1, round(share * n)) for n in images.shape[-2:])
    return truncate(images, lines, columns, taper=ROLL_OFF)


# ---------------------------------------------------------------------- flow


def inflow(images: Tensor, blood: Tensor, strength: float, void: float, generator: torch.Generator) -> Tensor:
    """Images whose blood shimmers over the cycle by SD ``strength`` and loses up to ``void`` (0 to 1) in jets.

    ``blood`` (T, K, J, I or broadcasting) is the share of blood in each voxel. The pattern has the first two harmonics
    of the cycle, so that the last frame leads to the first, and eddies of an eighth of the field of view.
    """
    frames, slices, rows, columns = images.shape
    size, grain = (5, slices, rows, columns), (1.0, 1.0, rows / 8, columns / 8)
    harmonics = smooth_noise(size, grain, generator, images.device)
    angle = 2 * math.pi * torch.arange(frames, device=images.device) / frames
    waves = torch.stack([torch.ones_like(angle), angle.cos(), angle.sin(), (2 * angle).cos(), (2 * angle).sin()], dim=1)
    pattern = torch.tensordot(waves / math.sqrt(3), harmonics, dims=1)  # SD 1
    jets = (pattern.abs() - 2).clamp(0, 1)  # the outer few per cent
    return images * (1 + blood * (strength * pattern - void * jets)).clamp_min(0)


# ---------------------------------------------------------------------- parts


def _normal(shape: Sequence[int], generator: torch.Generator, device: torch.device | str) -> Tensor:
    return torch.randn(tuple(shape), generator=generator, device=generator.device).to(device)


def _unit_basis(size: int, grain: float) -> Tensor:
    """(size, n) B-spline weights whose squares sum to 1 at every voxel."""
    if grain <= 1:
        return torch.eye(size)
    basis = torch.ones(size, 1) if math.isinf(grain) else bspline_basis(size, grain)
    return basis / basis.square().sum(1, keepdim=True).sqrt()


def _band_limited(size: int, target: int, lines: int, taper: float) -> Tensor:
    """(target, size) matrix: to k-space, the middle ``lines`` kept, and back on ``target`` voxels of the same field."""
    if not 1 <= lines <= min(size, target):
        raise CardiacMotionError(f"lines of k-space must be from 1 to {min(size, target)}, got {lines}")
    order = torch.arange(lines, dtype=torch.float64) - lines // 2
    weight = torch.ones_like(order)
    if taper > 0:
        weight = torch.cos(math.pi / 2 * ((order.abs() / (lines / 2) - 1 + taper) / taper).clamp(0, 1))
    there, source = (
        2 * math.pi * (torch.arange(n, dtype=torch.float64)[:, None] + 0.5) / n * order for n in (target, size)
    )
    return ((there.cos() * weight) @ source.cos().T + (there.sin() * weight) @ source.sin().T) / size
