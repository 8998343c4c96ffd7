"""Series that several tests of this folder register, and what the default method finds in them."""

from __future__ import annotations

import pytest
from moving_images import contracting_series
from tiny_learned import LEARNED, tiny_weights

from CardiacMotionLib import phantom, register
from CardiacMotionLib.methods import learned
from CardiacMotionLib.weights import FOLDER

SMALL_HEART = {"frames": 4, "slices": 10, "rows": 72, "columns": 72, "pixel_mm": 1.8, "thickness_mm": 8}


@pytest.fixture(scope="session")
def heart():
    """Four frames of a synthetic heart with exact motion, frame 2 at end-systole."""
    return phantom("cine", 0, **SMALL_HEART)


@pytest.fixture(scope="session")
def heart_motion(heart):
    return register(heart.series, "spline", reference=0)


@pytest.fixture(scope="session")
def ring():
    """A contracting ring in one slice: (series, true displacement)."""
    return contracting_series()


@pytest.fixture(scope="session")
def ring_motion(ring):
    return register(ring[0], "spline", reference=0)


@pytest.fixture(scope="session")
def folder_of_tiny_weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for name in LEARNED:
        tiny_weights(name, folder / f"a_{name}.safetensors")
    return folder


@pytest.fixture
def tiny_models(folder_of_tiny_weights, monkeypatch):
    """Learned methods have weights that know nothing, whatever ships, and get one pair at a time."""
    monkeypatch.setenv(FOLDER, str(folder_of_tiny_weights))
    monkeypatch.setattr(learned, "VOXELS_AT_ONCE", 1)
