"""Folders described by a dataset.toml."""

import pickle
import shutil

import nibabel as nib
import numpy as np
import pytest

from CardiacMotionLib import CardiacMotionError, ImageSeries, Motion
from CardiacMotionLib.io import write_series
from CardiacMotionLib.io.datasets import find_cases

AFFINE = np.array([[1.2, 0.5, 0, 10], [-0.5, 1.2, 0, -20.5], [0, 0, 8, 33], [0, 0, 0, 1]])
DESCRIPTION = """
[dataset]
name = "Small hearts"
license = "CC0 1.0"
images = "{subject}/cine.nii.gz"
labels = { ED = "{subject}/ed.nii.gz", ES = "{subject}/es.nii.gz" }
label_map = { 10 = 3, 20 = 2 }
end_diastole = 0
end_systole = 2
motion = "{subject}/truth.npz"
companions = { tagged = "{subject}/tag.nii.gz" }
group = "normal"

[subject.p10]
end_systole = 3
group = "HCM"
frame_ms = 20
"""


def heart(folder):
    """Four frames of 3 x 6 x 5 voxels, ED and ES with other label values, a motion and a tagged series."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(len(folder.name))
    frames = rng.integers(0, 900, (4, 3, 6, 5)).astype(np.float32)
    write_series(ImageSeries(frames, AFFINE, 30.0 * np.arange(4)), folder / "cine.nii.gz")
    write_series(ImageSeries(frames[:2] + 1, AFFINE, [0, 15.0]), folder / "tag.nii.gz")
    for name, value in (("ed", 20), ("es", 10)):
        label = np.zeros((5, 6, 3), np.uint8)
        label[1:3, 2:4] = value
        nib.save(nib.Nifti1Image(label, AFFINE), folder / f"{name}.nii.gz")
    u = rng.normal(size=(4, 3, 6, 5, 3))
    u[0] = 0
    Motion(u, AFFINE, 0).save(folder / "truth.npz")


@pytest.fixture
def root(tmp_path):
    for name in ("p2", "p10", "q1"):
        heart(tmp_path / name)
    (tmp_path / "dataset.toml").write_text(DESCRIPTION)
    return tmp_path


def test_whole_description(root):
    cases = find_cases(root)
    assert [case.name for case in cases] == ["p2", "p10", "q1"]
    assert {case.layout for case in cases} == {"toml"}
    assert cases[1].facts == {"dataset": "Small hearts", "license": "CC0 1.0", "group": "HCM"}
    first, second = cases[0].read(), cases[1].read()
    assert first.series.frames.shape == (4, 3, 6, 5)
    np.testing.assert_allclose(first.series.affine, AFFINE, atol=1e-5)
    np.testing.assert_allclose(first.series.times, 30.0 * np.arange(4))
    np.testing.assert_allclose(second.series.times, 20.0 * np.arange(4))
    assert sorted(first.series.labels) == [0, 2]
    assert sorted(second.series.labels) == [0, 3]
    assert set(np.unique(first.series.labels[0])) == {0, 2}
    assert set(np.unique(first.series.labels[2])) == {0, 3}
    assert first.series.meta["end_systole"] == 2
    np.testing.assert_array_equal(first.motion.displacement, Motion.load(root / "p2" / "truth.npz").displacement)
    assert len(first.companions["tagged"]) == 2
    assert first.series.meta["name"] == "p2"


def test_cases_can_be_sent_to_a_worker(root):
    case = pickle.loads(pickle.dumps(find_cases(root, "toml")[0]))
    assert case.read().series.frames.shape == (4, 3, 6, 5)


def test_one_subject_of_the_folder(root):
    (case,) = find_cases(root / "p10", "toml")
    assert case.name == "p10"
    assert sorted(case.read().series.labels) == [0, 3]


def test_files_that_a_subject_lacks_are_told(root):
    for name in ("es.nii.gz", "tag.nii.gz", "truth.npz"):
        (root / "p2" / name).unlink()
    read = find_cases(root, "toml")[0].read()
    assert sorted(read.series.labels) == [0]
    assert read.motion is None
    assert not read.companions
    notes = " ".join(read.series.meta["notes"])
    for name in ("es.nii.gz", "tag.nii.gz", "truth.npz"):
        assert f"There is no p2/{name}." in notes


@pytest.mark.parametrize(("subjects", "names"), [('"p*"', ["p2", "p10"]), ('["q1", "p2"]', ["q1", "p2"])])
def test_choosing_subjects(root, subjects, names):
    text = DESCRIPTION.replace('group = "normal"', f"subjects = {subjects}").split("[subject")[0]
    (root / "dataset.toml").write_text(text)
    assert [case.name for case in find_cases(root, "toml")] == names


def test_flat_folder_with_a_label_file_per_frame(root):
    flat = root / "flat"
    flat.mkdir()
    shutil.copy(root / "p2" / "cine.nii.gz", flat / "a-1_img.nii.gz")
    for number in (1, 4):
        shutil.copy(root / "p2" / "ed.nii.gz", flat / f"a-1_seg{number:02d}.nii.gz")
    (flat / "dataset.toml").write_text(
        '[dataset]\nimages = "{subject}_img.nii.gz"\nlabels = "{subject}_seg{frame}.nii.gz"\nfirst_frame = 1\n'
        "label_map = { 20 = 2 }\ntimes = [0, 10, 20, 35.5]\n"
    )
    (case,) = find_cases(flat, "toml")
    read = case.read()
    assert case.name == "a-1"
    assert sorted(read.series.labels) == [0, 3]
    np.testing.assert_allclose(read.series.times, (0, 10, 20, 35.5))


def test_wildcard_beside_the_subject(root):
    (root / "dataset.toml").write_text('[dataset]\nimages = "{subject}/c*.nii.gz"\n')
    assert [case.name for case in find_cases(root, "toml")] == ["p2", "p10", "q1"]


def test_labels_of_every_frame_in_one_file(root):
    labels = np.zeros((4, 3, 6, 5), np.uint8)
    labels[1, 1, 2:4, 2] = 3
    labels[3, 1, 2:4, 2] = 1
    write_series(ImageSeries(labels, AFFINE), root / "p2" / "all.nii.gz")
    (root / "dataset.toml").write_text('[dataset]\nimages="{subject}/cine.nii.gz"\nlabels="{subject}/all.nii.gz"\n')
    series = find_cases(root, "toml")[0].read().series
    assert sorted(series.labels) == [1, 3]
    np.testing.assert_array_equal(series.labels[3], labels[3])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[dataset]\nimage = "{subject}.nii"', r"unknown key dataset\.image; did you mean images\?"),
        ('[data]\nimages = "{subject}.nii"', r"unknown key data; did you mean dataset\?"),
        ('[dataset]\nimages = "{subject}/cine.nii.gz"\n[subject.p2]\nes = 3', r"unknown key subject\.p2\.es"),
        (
            '[dataset]\nimages = "{subject}/cine.nii.gz"\n[subject.p99]\nend_systole = 3',
            r"\[subject\.p99\] is no subject",
        ),
        ('[dataset]\nimages = "cine.nii.gz"', "names no subject"),
        (
            '[dataset]\nimages = "{subject}/cine.nii.gz"\nframe_ms = "30"',
            "frame_ms is '30'; expected a whole number or a n",
        ),
        ('[dataset]\nimages = "{subject}/cine.nii.gz"\nsubjects = ["x"]', "no images x/cine.nii.gz"),
        ('[dataset]\nimages = "../{subject}/cine.nii.gz"', "is no path inside the folder"),
        ('[dataset]\nimages = "{subject}/cines.nii.gz"', r"no images \{subject\}/cines\.nii\.gz; expected"),
        (
            '[dataset]\nimages = "{subject}/cine.nii.gz"\nlabel_map = { 1 = "wall" }',
            r"label_map\.1 is 'wall'; expected a whole number",
        ),
        ("[dataset\n", "not a readable TOML file"),
    ],
)
def test_descriptions_that_are_refused(root, text, message):
    (root / "dataset.toml").write_text(text)
    with pytest.raises(CardiacMotionError, match=message) as caught:
        find_cases(root, "toml")
    assert "dataset.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('labels = { ED = "{subject}/ed.nii.gz" }', "labels of ED need end_diastole, the frame of p2"),
        ('labels = { peak = "{subject}/ed.nii.gz" }', r"dataset\.labels\.peak is no frame"),
        ("end_systole = 4", "end_systole of p2 is 4"),
        ("times = [0, 1]", "2 times for the 4 frames of p2"),
        ("frame_ms = -30", r"dataset\.toml: p2: times must be finite and increase"),
        ("frame_ms = 30\ntimes = [0, 1]", "both times and frame_ms"),
    ],
)
def test_subjects_that_are_refused(root, line, message):
    (root / "dataset.toml").write_text(f'[dataset]\nimages = "{{subject}}/cine.nii.gz"\n{line}\n')
    with pytest.raises(CardiacMotionError, match=message):
        find_cases(root, "toml")[0].read()


def test_motion_of_other_images(root):
    Motion(np.zeros((4, 3, 6, 4, 3)), AFFINE, 0).save(root / "p2" / "truth.npz")
    with pytest.raises(CardiacMotionError, match=r"motion has shape \(4, 3, 6, 4\), the images \(4, 3, 6, 5\)"):
        find_cases(root, "toml")[0].read()
