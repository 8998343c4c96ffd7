"""Small series on an oblique, left-handed grid, and the real Slicer storage nodes."""

import sys
from pathlib import Path

import numpy as np
import pytest

from CardiacMotionLib import ImageSeries, Motion


def oblique_affine(spacing=(1.5, 1.25, 8.0), flip=False) -> np.ndarray:
    """Voxel to RAS mm with no axis along the world's, optionally left-handed."""
    turn, _ = np.linalg.qr(np.array([[1.0, 0.4, 0.2], [-0.3, 1.0, 0.5], [0.1, -0.6, 1.0]]))
    turn = turn * np.sign(np.linalg.det(turn))
    affine = np.eye(4)
    affine[:3, :3] = turn * np.array(spacing)
    if flip:
        affine[:3, 0] *= -1
    affine[:3, 3] = (12.5, -40.25, 33.0)
    return affine


@pytest.fixture(params=[False, True], ids=["right-handed", "left-handed"])
def affine(request) -> np.ndarray:
    return oblique_affine(flip=request.param)


@pytest.fixture
def series(affine) -> ImageSeries:
    frames = np.random.default_rng(1).integers(0, 900, (4, 3, 6, 5)).astype(np.float32)
    labels = {1: np.random.default_rng(2).integers(0, 4, (3, 6, 5)).astype(np.uint8)}
    return ImageSeries(frames, affine, [0.0, 37.5, 80.25, 117.125], labels, {"name": "heart"})


@pytest.fixture
def motion(affine) -> Motion:
    u = np.random.default_rng(3).normal(0, 2, (4, 3, 6, 5, 3)).astype(np.float32)
    u[2] = 0
    provenance = {"method": "test", "options": {"weight": 0.5}, "text": 'quotes " backslash \\ line\nbreak, accent é'}
    return Motion(u, affine, 2, [0.0, 37.5, 80.25, 117.125], provenance)


@pytest.fixture
def slicer_load():
    """Load a sequence file with a storage node of the real MRML libraries: returns the sequence node."""
    if sys.platform == "win32":
        pytest.skip("slicer-core is not built for Windows")
    slicer = pytest.importorskip("slicer")
    scene = slicer.vtkMRMLScene()
    kept = []

    def load(path: Path, kind: str):
        node = slicer.vtkMRMLSequenceNode()
        scene.AddNode(node)
        storage = getattr(slicer, f"vtkMRML{kind}SequenceStorageNode")()
        storage.SetFileName(str(path))
        assert storage.SupportedFileType(str(path))
        assert storage.ReadData(node)
        kept.extend([scene, storage])
        return node

    return load


@pytest.fixture
def slicer_save(slicer_load):
    """Save a sequence node with the storage node of its kind."""
    import slicer

    def save(node, path: Path, kind: str) -> None:
        storage = getattr(slicer, f"vtkMRML{kind}SequenceStorageNode")()
        storage.SetFileName(str(path))
        assert storage.WriteData(node)

    return save
