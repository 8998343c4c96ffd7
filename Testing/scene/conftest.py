"""A fresh scene for every test, and hearts with known motion to put into it."""

import numpy as np
import pytest
from small_hearts import AFFINES, heart_motion, heart_series

import CardiacMotionLib

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


@pytest.fixture(scope="session")
def hearts():
    """{grid: (series, motion, strain)}, computed once."""
    made = {}
    for name, affine in AFFINES.items():
        series, motion = heart_series(affine), heart_motion(affine)
        made[name] = series, motion, CardiacMotionLib.strain(motion, series.labels[0])
    return made


@pytest.fixture
def known(hearts):
    """(series, motion, strain) of a heart on the oblique grid."""
    return hearts["oblique"]


@pytest.fixture
def run(scene, known):
    """Results of that heart, added to the scene beside its cine."""
    from CardiacMotionLib.scene import add_results, add_series

    series, motion, strain = known
    sequence, _ = add_series(series, "Cine")
    return add_results(sequence, series, motion, strain, name="Run")


@pytest.fixture
def run_with_strain(run, known):
    """(results, series, motion, strain) of it."""
    return run, *known
