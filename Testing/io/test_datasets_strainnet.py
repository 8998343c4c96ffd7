"""StrainNet arrays: the real DENSE displacement, and the .mat arrangement in small files."""

import numpy as np
import pytest
from scipy.io import savemat
from scipy.ndimage import map_coordinates

from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.io.datasets import find_cases
from CardiacMotionLib.io.datasets.strainnet import find


def overlap(first, second) -> float:
    return 2 * (first & second).sum() / (first.sum() + second.sum())


def test_real_displacement_carries_the_wall(shared_data):
    (case,) = find_cases(shared_data / "strainnet_dense")
    read = case.read()
    series, motion = read.series, read.motion
    assert series.frames.shape == (36, 1, 48, 48)  # 35 images after the moment of encoding
    assert sorted(series.labels) == list(range(36))
    assert not series.timed
    assert any("image n of the file is frame n + 1" in note for note in series.meta["notes"])
    assert any("1 mm was taken" in note for note in series.meta["notes"])
    j, i = np.nonzero(series.labels[0][0])
    points = np.stack([i, j, np.zeros_like(i), np.ones_like(i)], axis=1) @ series.affine.T
    back = np.linalg.inv(series.affine)
    inside = []
    for frame in range(1, 36):
        moved = motion.track(points[:, :3])[frame] @ back[:3, :3].T + back[:3, 3]
        wall = (series.labels[frame][0] == 2).astype(float)
        inside.append((map_coordinates(wall, [moved[:, 1], moved[:, 0]], order=1) > 0.5).mean())
    assert min(inside) > 0.85
    assert np.mean(inside) > 0.93  # with components swapped or negated it is below 0.8
    still = [overlap(series.labels[0] == 2, series.labels[t] == 2) for t in (10, 12, 14)]
    carried = [overlap(motion.warp_labels(series.labels[0], t) == 2, series.labels[t] == 2) for t in (10, 12, 14)]
    assert min(np.subtract(carried, still)) > 0.1


def test_pixel_size_scales_the_motion(shared_data):
    folder = shared_data / "strainnet_dense"
    one, two = find(folder)[0].read(), find(folder, pixel_mm=2.0)[0].read()
    np.testing.assert_allclose(two.motion.displacement, 2 * one.motion.displacement, rtol=1e-6)
    np.testing.assert_allclose(two.series.spacing[:2], 2)
    assert not any("1 mm was taken" in note for note in two.series.meta["notes"])


def subject(folder, first_frame_moves=False):
    """Rows 5, columns 6, 4 frames: everything moves t columns and -2 t rows, in pixels."""
    folder.mkdir(parents=True)
    mask = np.zeros((1, 5, 6, 4))
    mask[:, 1:4, 2:5] = 1
    label = np.zeros((2, 5, 6, 4))
    time = np.arange(4) + first_frame_moves
    label[0, 1:4, 2:5] = time
    label[1, 1:4, 2:5] = -2 * time
    savemat(folder / "input.mat", {"input": mask})
    savemat(folder / "label.mat", {"label": label})


def test_matlab_files(tmp_path):
    subject(tmp_path / "data" / "train" / "0001")
    (tmp_path / "data" / "test_cine" / "0001").mkdir(parents=True)
    savemat(tmp_path / "data" / "test_cine" / "0001" / "input.mat", {"input": np.ones((1, 5, 6, 3))})
    cine, trained = find_cases(tmp_path / "data", "strainnet")
    assert (trained.facts["split"], trained.facts["displacement"]) == ("train", True)
    assert (cine.facts["split"], cine.facts["displacement"]) == ("test", False)
    assert cine.read().motion is None
    read = trained.read()
    assert read.series.frames.shape == (4, 1, 5, 6)  # the first image is the reference: no frame is put before it
    voxels = read.motion.displacement[3, 0, 2, 3] @ np.linalg.inv(read.series.affine)[:3, :3].T
    np.testing.assert_allclose(voxels, (3, -6, 0), atol=1e-6)  # i, j, k
    np.testing.assert_array_equal(read.motion.displacement[:, 0, 0, 0], read.motion.displacement[:, 0, 1, 2])  # nearest
    assert set(np.unique(read.series.labels[2])) == {0, 2}


def test_first_image_already_displaced(tmp_path):
    subject(tmp_path / "a", first_frame_moves=True)
    read = find_cases(tmp_path / "a", "strainnet")[0].read()
    assert len(read.series) == len(read.motion) == 5
    voxels = read.motion.displacement[1, 0, 2, 3] @ np.linalg.inv(read.series.affine)[:3, :3].T
    np.testing.assert_allclose(voxels, (1, -2, 0), atol=1e-6)


def test_arrays_that_do_not_fit(tmp_path):
    np.savez(tmp_path / "a.npz", mask=np.ones((4, 5, 3)), disp=np.zeros((2, 5, 4, 3)))
    with pytest.raises(CardiacMotionError, match=r"shape \(2, 5, 4, 3\), the mask needs \(2, 4, 5, 3\)"):
        find_cases(tmp_path, "strainnet")[0].read()
    np.savez(tmp_path / "a.npz", mask=np.ones((4, 5)))
    with pytest.raises(CardiacMotionError, match=r"a\.npz: the mask has shape \(4, 5\)"):
        find_cases(tmp_path, "strainnet")[0].read()
