"""cMAC: the real volunteer 1, and the arrangement as distributed in small files."""

import nibabel as nib
import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt, map_coordinates
from test_dicom import GAP, NORMAL, ORIGIN, image, write

from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.io.datasets import find_cases
from CardiacMotionLib.io.vtk_legacy import read_cells, read_points


def vtk_text(points) -> str:
    lines = "\n".join(" ".join(f"{v:.6f}" for v in p) for p in points)
    return f"# vtk DataFile Version 3.0\nlandmarks\nASCII\nDATASET POLYDATA\nPOINTS {len(points)} float\n{lines}\n"


@pytest.fixture(scope="module")
def volunteer(shared_data):
    (case,) = find_cases(shared_data / "cmac_v1")
    assert (case.name, case.layout) == ("v1", "cmac")
    return case.read()


def test_real_cine_and_wall(volunteer):
    series = volunteer.series
    assert series.frames.shape == (30, 14, 128, 128)
    np.testing.assert_allclose(series.spacing, (1.25, 1.25, 8), atol=1e-3)
    assert list(series.labels) == [0]
    assert set(np.unique(series.labels[0])) == {0, 2}
    assert series.meta["end_diastole"] == 0
    assert any("i 76, j 56" in note for note in series.meta["notes"])  # where it was cut is known from elsewhere


def distance_to_edge(series, points) -> float:
    """Median distance in mm, within the nearest slice, from points to the edge of the wall."""
    wall = series.labels[0] == 2
    edge = np.stack(
        [distance_transform_edt(w) - distance_transform_edt(~w) if w.any() else np.full(w.shape, -50.0) for w in wall]
    )
    inverse = np.linalg.inv(series.affine)
    i, j, k = (points @ inverse[:3, :3].T + inverse[:3, 3]).T
    return float(np.median(np.abs(map_coordinates(edge, [np.rint(k), j, i], order=1)))) * 1.25


def test_real_surface_lies_on_the_edge_of_the_wall(volunteer):
    series, surface = volunteer.series, volunteer.landmarks["surface_ED"]
    assert surface.shape == (2677, 3)  # the corners of the triangles; the other 272 points are inside the wall
    there = distance_to_edge(series, surface)
    assert there < 1.3
    for axis in (0, 1):
        for voxels in (-2, 2):
            assert distance_to_edge(series, surface + voxels * series.affine[:3, axis]) > 1.5 * there
    assert distance_to_edge(series, surface + series.affine[:3, 2]) > 1.5 * there  # a slice further


def test_cropped_cine_without_mask_places_nothing(shared_data, tmp_path):
    for name in ("v1_cine_4d_crop.nii.gz", "v1_surf_vol.vtk"):
        (tmp_path / name).symlink_to((shared_data / "cmac_v1" / name).resolve())
    read = find_cases(tmp_path, "cmac")[0].read()
    assert not read.landmarks
    assert any("cannot be placed" in note for note in read.series.meta["notes"])


def distributed(root, coordinates, points):
    """vN/cSAX/time_T with DICOM files and GT/SSFP/vN: ``points`` (T, N, 3) are voxels (i, j, k) of the cine."""
    for t in range(3):
        folder = root / "raw" / "v7" / "cSAX" / f"time_{t + 1}"
        folder.mkdir(parents=True)
        write(folder, [image(k, t) for k in range(4)])
    truth = root / "GT" / "SSFP" / "v7"
    (truth / "LMKS" / coordinates).mkdir(parents=True)
    (truth / "MESH" / coordinates).mkdir(parents=True)
    along = points * (1.5, 1.25, GAP)
    mm = along * (-1, -1, 1) if coordinates == "INRIA_COORDINATES" else along + ORIGIN
    for observer in (1, 2):
        for phase, at in enumerate(mm):
            path = truth / "LMKS" / coordinates / f"obs{observer}_groundTruth{phase:02d}.vtk"
            path.write_text(vtk_text(at + 0.5 * (observer - 1)))
    (truth / "MESH" / coordinates / "v7.vtk").write_text(vtk_text(mm[0]))


@pytest.mark.parametrize("coordinates", ["INRIA_COORDINATES", "VTK_COORDINATES"])
@pytest.mark.parametrize("given", [".", "raw/v7"])
def test_as_distributed(tmp_path, coordinates, given):
    voxels = np.random.default_rng(4).uniform(0, 3, (5, 12, 3))
    distributed(tmp_path, coordinates, voxels)
    (case,) = find_cases(tmp_path / given, "cmac")
    read = case.read()
    assert read.series.frames.shape == (3, 4, 6, 5)
    lps = voxels[..., :1] * 1.5 * np.array([0.8, 0.6, 0]) + voxels[..., 1:2] * 1.25 * np.array([0, 0, -1.0])
    ras = (lps + voxels[..., 2:] * GAP * NORMAL + ORIGIN) * (-1, -1, 1)
    np.testing.assert_allclose(read.landmarks["tagged_obs1"], ras, atol=1e-4)
    assert np.abs(read.landmarks["tagged_obs2"] - ras).max() > 0.3
    np.testing.assert_allclose(read.landmarks["surface_ED"], ras[0], atol=1e-4)
    assert any("not the frames of the cine" in note for note in read.series.meta["notes"])


def test_missing_phase_of_landmarks(tmp_path):
    distributed(tmp_path, "VTK_COORDINATES", np.ones((4, 2, 3)))
    (tmp_path / "GT/SSFP/v7/LMKS/VTK_COORDINATES/obs1_groundTruth02.vtk").unlink()
    with pytest.raises(CardiacMotionError, match="no landmarks of phase 2"):
        find_cases(tmp_path, "cmac")[0].read()


def test_tagged_companion(tmp_path):
    distributed(tmp_path, "VTK_COORDINATES", np.ones((2, 2, 3)))
    folder = tmp_path / "raw" / "v7" / "3DTAG" / "NIFTI"
    folder.mkdir(parents=True)
    for t in range(3):
        nib.save(
            nib.Nifti1Image(np.full((4, 5, 6), t, np.int16), np.diag([-1, -1, 1, 1])), folder / f"NIFTI{t:02d}.nii"
        )
    tagged = find_cases(tmp_path, "cmac")[0].read().companions["tagged"]
    np.testing.assert_array_equal(tagged.frames[:, 0, 0, 0], [0, 1, 2])


def test_vtk_text_and_binary_agree(tmp_path):
    points = np.random.default_rng(0).normal(size=(7, 3)).round(6)
    (tmp_path / "a.vtk").write_text(vtk_text(points) + "POLYGONS 2 9\n3 0 1 2\n4 3 4 5 6\n")
    cells = np.array([3, 0, 1, 2, 4, 3, 4, 5, 6], ">i4").tobytes()
    header = b"# vtk DataFile Version 3.0\nlandmarks\nBINARY\nDATASET POLYDATA\nPOINTS 7 double\n"
    (tmp_path / "b.vtk").write_bytes(header + points.astype(">f8").tobytes() + b"\nPOLYGONS 2 9\n" + cells + b"\n")
    for name in ("a.vtk", "b.vtk"):
        np.testing.assert_allclose(read_points(tmp_path / name), points, atol=1e-9)
        read = read_cells(tmp_path / name)
        np.testing.assert_array_equal(read[3], [[0, 1, 2]])
        np.testing.assert_array_equal(read[4], [[3, 4, 5, 6]])


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"solid stl", "not a legacy VTK file"), (vtk_text(np.ones((3, 3))).encode()[:-20], "was cut off")],
)
def test_damaged_vtk(tmp_path, content, message):
    (tmp_path / "a.vtk").write_bytes(content)
    with pytest.raises(CardiacMotionError, match=message):
        read_points(tmp_path / "a.vtk")
