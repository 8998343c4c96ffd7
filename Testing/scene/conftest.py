"""A fresh scene for every test."""

import numpy as np
import pytest
from small_hearts import AFFINES

pytest.importorskip("slicer", reason="scene tests need the slicer-core package")


@pytest.fixture
def scene():
    """An empty scene."""
    from CardiacMotionLib.scene.headless import headless_scene

    return headless_scene(fresh=True).scene


@pytest.fixture(params=sorted(AFFINES))
def affine(request) -> np.ndarray:
    """Axial, oblique and left-handed grids."""
    return AFFINES[request.param]
