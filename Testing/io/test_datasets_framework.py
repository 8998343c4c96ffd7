"""Finding the layout of a folder, the pixels inside a contour, and the command that lists cases."""

import json
import pickle

import numpy as np
import pytest
from small_files import AFFINE, cine, heart, save, swapped

from CardiacMotionLib import CardiacMotionError, ImageSeries
from CardiacMotionLib.cli.main import run
from CardiacMotionLib.io.datasets import LAYOUTS, Examination, find_cases, layout_module
from CardiacMotionLib.io.datasets.case import folders_within
from CardiacMotionLib.io.datasets.contours import inside


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_says_what_it_is_and_finds_nothing_in_an_empty_folder(name, tmp_path):
    module = layout_module(name)
    assert name == module.NAME
    assert module.TITLE
    assert "\n" not in module.TITLE
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "sub").mkdir()
    assert module.find(tmp_path) == []


def test_a_folder_of_nothing_known_is_said_with_the_layouts(tmp_path):
    save(tmp_path / "some.nii.gz", cine())
    with pytest.raises(CardiacMotionError, match=r"no known layout \(acdc, .*ukbiobank\); expected .*dataset\.toml"):
        find_cases(tmp_path)


def test_an_empty_folder_is_said_to_be_empty(tmp_path):
    with pytest.raises(CardiacMotionError, match="this folder is empty; expected a data set"):
        find_cases(tmp_path)


def test_a_folder_that_may_not_be_listed_is_said(tmp_path, monkeypatch):
    def refuse(self):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr("pathlib.Path.iterdir", refuse)
    with pytest.raises(CardiacMotionError, match=r"cannot be listed, .*Permission denied"):
        find_cases(tmp_path)


def test_damaged_arrays_are_named_not_passed_over(tmp_path):
    (tmp_path / "cut.npz").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(CardiacMotionError, match=r"cannot read .*cut\.npz: not a readable file of NumPy arrays"):
        find_cases(tmp_path)


def test_content_that_no_reader_expects_is_one_line_with_the_path(tmp_path):
    zeros = np.zeros((4, 3, 3))
    np.savez(tmp_path / "odd.npz", magnitude=zeros, phase_x=zeros, phase_y=zeros, ke_cyc_per_mm=np.zeros(2))
    with pytest.raises(
        CardiacMotionError, match=r"cannot read .*odd\.npz: not a readable case of layout dense"
    ) as told:
        find_cases(tmp_path)[0].read()
    assert "\n" not in str(told.value)


def test_a_map_on_another_grid_is_refused():
    series = ImageSeries(np.zeros((2, 3, 4, 5)), np.eye(4), meta={"source": "a.npz"})
    Examination(series, maps={"T1": np.zeros((3, 4, 5)), "phase_x": np.zeros((2, 3, 4, 5))})
    with pytest.raises(CardiacMotionError, match=r"a\.npz: map T1 has shape \(4, 5\); expected \(3, 4, 5\)"):
        Examination(series, maps={"T1": np.zeros((4, 5))})


def test_what_is_not_a_folder_or_not_a_layout_is_said(tmp_path):
    with pytest.raises(CardiacMotionError, match="no such file or folder"):
        find_cases(tmp_path / "gone")
    (tmp_path / "file").write_text("")
    with pytest.raises(CardiacMotionError, match="expected the folder"):
        find_cases(tmp_path / "file")
    with pytest.raises(CardiacMotionError, match="unknown layout 'acdd'; choose one of acdc"):
        find_cases(tmp_path, "acdd")
    with pytest.raises(CardiacMotionError, match="no case of layout acdc"):
        find_cases(tmp_path, "acdc")


def test_two_layouts_in_one_folder_are_not_guessed_between(tmp_path):
    save(tmp_path / "A0S9V9" / "A0S9V9_sa.nii.gz", cine())
    save(tmp_path / "1234567" / "sa.nii.gz", cine())
    with pytest.raises(CardiacMotionError, match=r"several layouts, mnms \(1 case\), ukbiobank \(1 case\)"):
        find_cases(tmp_path)
    assert [case.name for case in find_cases(tmp_path, "mnms")] == ["A0S9V9"]


def test_no_real_folder_is_of_two_layouts(shared_data):
    folders = [folder for folder in shared_data.iterdir() if folder.is_dir()]
    found = {f.name: [name for name in LAYOUTS if layout_module(name).find(f)] for f in folders}
    assert not {folder: names for folder, names in found.items() if len(names) > 1}
    assert found.get("acdc_patient001", ["acdc"]) == ["acdc"]
    assert found.get("sunnybrook", ["sunnybrook"]) == ["sunnybrook"]


def test_listing_reads_no_image(tmp_path):
    for n in (10, 9):
        path = tmp_path / f"{n:03d}" / f"{n:03d}_SA_ED.nii.gz"
        path.parent.mkdir()
        path.write_bytes(b"not an image")
    cases = find_cases(tmp_path)
    assert [case.name for case in cases] == ["009", "010"]
    with pytest.raises(CardiacMotionError, match=r"009_SA_ED\.nii\.gz"):
        cases[0].read()


def test_a_case_can_be_sent_to_a_worker(tmp_path):
    save(tmp_path / "A0S9V9" / "A0S9V9_sa.nii.gz", cine())
    case = pickle.loads(pickle.dumps(find_cases(tmp_path)[0]))
    np.testing.assert_array_equal(case.read().series.frames, cine())


@pytest.mark.parametrize("slices", [1, 3])
@pytest.mark.parametrize(
    "file",
    [
        "A0S9V9/A0S9V9_sa.nii.gz",
        "007/007_SA_CINE.nii.gz",
        "p1/sa.nii.gz",
        "v3/v3_cine_4d.nii.gz",
        "patient003/patient003_4d.nii.gz",
    ],
)
def test_a_left_handed_oblique_cine_stays_where_it_is(tmp_path, file, slices):
    affine = AFFINE @ np.diag([-1, 1, 1, 1])
    assert np.linalg.det(affine[:3, :3]) < 0
    save(tmp_path / file, cine()[:, :slices], 30.0, "msec", affine=affine)
    (case,) = find_cases(tmp_path)
    series = case.read().series
    np.testing.assert_array_equal(series.frames, cine()[:, :slices])
    np.testing.assert_allclose(series.affine, affine, atol=1e-5)
    np.testing.assert_allclose(series.times, 30.0 * np.arange(5))


def test_folders_are_walked_in_natural_order_without_hidden_ones(tmp_path):
    for name in ("p10/deep/deeper", "p9", ".hidden", "__MACOSX"):
        (tmp_path / name).mkdir(parents=True)
    names = [f.relative_to(tmp_path).as_posix() for f in folders_within(tmp_path)]
    assert names == [".", "__MACOSX", "p9", "p10", "p10/deep"]


def test_a_square_contour_holds_its_pixels_and_those_it_passes_through():
    found = inside(np.array([[1.0, 2.0], [4.0, 2.0], [4.0, 5.0], [1.0, 5.0]]), (7, 6))
    expected = np.zeros((7, 6), bool)
    expected[2:6, 1:5] = True
    np.testing.assert_array_equal(found, expected)
    between = inside(np.array([[0.5, 1.5], [4.5, 1.5], [4.5, 5.5], [0.5, 5.5]]), (7, 6))
    np.testing.assert_array_equal(between, expected)


def test_inside_agrees_with_matplotlib_on_shapes_that_are_not_convex():
    from matplotlib.path import Path

    rng = np.random.default_rng(5)
    pixels = np.indices((40, 50))[::-1].reshape(2, -1).T  # (i, j)
    for _ in range(5):
        angle = np.sort(rng.uniform(0, 2 * np.pi, 60))
        radius = rng.uniform(5, 24, 60)
        contour = np.stack([24.6 + radius * np.cos(angle), 19.3 + radius * np.sin(angle)], axis=1)
        expected = Path(np.vstack([contour, contour[:1]])).contains_points(pixels).reshape(40, 50)
        np.testing.assert_array_equal(inside(contour, (40, 50)), expected)
        np.testing.assert_array_equal(inside(contour[::-1], (40, 50)), expected)


@pytest.fixture
def a_small_cohort(tmp_path):
    for code in ("A0S9V9", "B1K2L3"):
        save(tmp_path / "Training" / "Labeled" / code / f"{code}_sa.nii.gz", cine(), 40.0, "msec")
    labels = np.zeros_like(cine())
    labels[1], labels[3] = swapped(heart(5)), swapped(heart(2))
    save(tmp_path / "Training" / "Labeled" / "A0S9V9" / "A0S9V9_sa_gt.nii.gz", labels)
    (tmp_path / "211230_M&Ms_Dataset_information_diagnosis_opendataset.csv").write_text(
        ",External code,VendorName,Vendor,Centre,ED,ES,Age,Pathology,Sex,Height,Weight\n"
        "0,A0S9V9,Siemens,A,1,1,3,77,DCM,M,180,80\n1,B1K2L3,Philips,B,2,0,2,33,NOR,F,,\n"
    )
    return tmp_path


def test_the_command_lists_cases(a_small_cohort, capfd):
    assert run(["datasets", str(a_small_cohort)]) == 0
    out = capfd.readouterr().out.splitlines()
    assert out[0].startswith("mnms: M&Ms")
    assert out[2].split() == ["A0S9V9", "DCM", "Siemens", "1", "training", "1", "3"]
    assert out[3].split() == ["B1K2L3", "NOR", "Philips", "2", "training", "-"]
    assert run(["datasets", str(a_small_cohort), "--json"]) == 0
    answer = json.loads(capfd.readouterr().out)
    assert answer["layout"] == "mnms"
    assert [case["name"] for case in answer["cases"]] == ["A0S9V9", "B1K2L3"]
    assert "77" not in str(answer)  # age, sex, height and weight stay in the table


def test_the_command_reads_one_case(a_small_cohort, capfd):
    assert run(["datasets", str(a_small_cohort), "--read", "A0S9V9"]) == 0
    out = capfd.readouterr().out
    assert "5 frames of 7 x 8 x 3 voxels of 1.5 x 1.25 x 8 mm, 0 to 160 ms, labels of 1 3" in out
    assert "end-diastole 1, end-systole 3" in out
    assert run(["datasets", str(a_small_cohort), "--read", "A0S9V9", "--json"]) == 0
    answer = json.loads(capfd.readouterr().out)
    assert answer["series"]["size"] == [7, 8, 3]
    assert answer["series"]["times_ms"] == [0, 40, 80, 120, 160]
    assert answer["truth"] == []


@pytest.mark.parametrize(
    ("folder", "name", "truth"),
    [
        ("acdc_patient001", "acdc_patient001", []),
        ("cmac_v1", "v1", ["landmarks surface_ED"]),
        ("densesim", "phantom_1", ["map phase_x", "map phase_y", "map Ecc", "map Err", "map wall_ED"]),
        ("strainnet_dense", "train_0001", ["motion"]),
        ("t1net", "precontrast_1", ["map T1", "map aha"]),
    ],
)
def test_the_command_reads_real_cases(shared_data, capfd, folder, name, truth):
    assert run(["datasets", str(shared_data / folder), "--read", name, "--json"]) == 0
    answer = json.loads(capfd.readouterr().out)
    assert answer["truth"] == truth
    labels = answer["series"]["labels"]
    assert labels == list(range(answer["series"]["frames"])) if answer["labeled"] == ["all"] else answer["labeled"]


def test_the_help_names_every_layout(capfd):
    assert run(["datasets", "--help"]) == 0
    text = capfd.readouterr().out
    assert [name for name in LAYOUTS if name not in text] == []


def test_the_command_says_which_case_there_is(a_small_cohort, capfd):
    assert run(["datasets", str(a_small_cohort), "--read", "A0S9V8"]) == 2
    assert "no case 'A0S9V8'; the cases are A0S9V9, B1K2L3" in capfd.readouterr().err
