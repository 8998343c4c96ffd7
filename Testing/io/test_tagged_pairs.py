"""Cine and tagged series of one person from files: data sets' folders, phantoms, paths, DICOM; and cohorts of them."""

import numpy as np
import pytest
from small_files import AFFINE, cine, heart, save, swapped

from CardiacMotionLib import CardiacMotionError, ImageSeries, compose_tagged_cine, phantom, read_series
from CardiacMotionLib.cli.phantom import write_subject
from CardiacMotionLib.io import write_series
from CardiacMotionLib.io.datasets import find_cases
from CardiacMotionLib.io.tagged_pairs import read_tagged_pair, tagged_pairs

TINY = {"rows": 48, "columns": 48, "pixel_mm": 3.0, "frames": 4, "slices": 3}


def at_slice(k: float) -> np.ndarray:
    """Grid of one tagged slice at a slice of the small cine."""
    affine = AFFINE.copy()
    affine[:3, 3] += k * AFFINE[:3, 2]
    return affine


def biobank(folder, slices=(0, 1.2, 2)) -> None:
    """A subject as the pipeline of UK Biobank writes it, with its tagged slices."""
    save(folder / "sa.nii.gz", cine(), 0.03)
    save(folder / "label_sa_ED.nii.gz", swapped(heart(6)))
    save(folder / "sa_ED.nii.gz", cine()[0])
    for n, k in enumerate(slices, 1):
        save(folder / f"tag_{n}.nii.gz", cine(4, seed=n)[:, :1], 0.03, affine=at_slice(k))


@pytest.fixture(scope="module")
def hearts():
    """Cine and tagged of a tiny person."""
    return {"cine": phantom("cine", 5, **TINY), "tagged": phantom("tagged", 5, **TINY, period_mm=9.0)}


def write_heart(hearts, kind, folder) -> None:
    folder.mkdir(parents=True)
    write_subject(hearts[kind], kind, folder)


def test_a_biobank_subject(tmp_path):
    biobank(tmp_path / "1000012")
    name, series, tagged = read_tagged_pair(tmp_path / "1000012")
    assert name == "1000012"
    assert list(series.labels) == [0]
    assert len(tagged) == 3
    composed = compose_tagged_cine(series, tagged)
    assert [(one["slice"], one["series"]) for one in composed.meta["tagged_slices"]] == [
        (0, "tag_1"),
        (1, "tag_2"),
        (2, "tag_3"),
    ]
    assert composed.meta["tagged_slices"][1]["distance_mm"] == pytest.approx(1.6, abs=1e-4)


def test_paths_of_several_formats(tmp_path):
    biobank(tmp_path)
    write_series(read_series(tmp_path / "tag_2.nii.gz", None), tmp_path / "second.seq.nrrd")
    labels = {0: heart(6)}
    pair = read_tagged_pair(tmp_path / "sa.nii.gz", [tmp_path / "tag_1.nii.gz", tmp_path / "second.seq.nrrd"], labels)
    assert (pair.name, [len(one) for one in pair.tagged], list(pair.cine.labels)) == ("sa", [4, 4], [0])
    assert len(read_tagged_pair(tmp_path / "sa.nii.gz", str(tmp_path / "tag_1.nii.gz")).tagged) == 1
    with pytest.raises(CardiacMotionError, match="no tagged series given"):
        read_tagged_pair(tmp_path / "sa.nii.gz", [])


def test_labels_that_are_given_go_before_those_of_the_data_set(tmp_path):
    biobank(tmp_path / "p1")
    pair = read_tagged_pair(tmp_path / "p1", labels={3: heart(2)})
    assert list(pair.cine.labels) == [3]


def test_a_described_folder(tmp_path):
    for name in ("p1", "p2"):
        save(tmp_path / name / "cine.nii.gz", cine(), 30.0, "msec")
        save(tmp_path / name / "low.nii.gz", cine(4)[:, :1], 30.0, "msec", affine=at_slice(0))
        save(tmp_path / name / "high.nii.gz", cine(4)[:, :1], 30.0, "msec", affine=at_slice(2))
    (tmp_path / "dataset.toml").write_text(
        '[dataset]\nimages = "{subject}/cine.nii.gz"\n'
        'companions = { tagged_low = "{subject}/low.nii.gz", tagged_high = "{subject}/high.nii.gz" }\n'
    )
    pairs = list(tagged_pairs(tmp_path))
    assert [(pair.name, len(pair.tagged)) for pair in pairs] == [("p1", 2), ("p2", 2)]
    with pytest.raises(CardiacMotionError, match=r"2 subjects, p1, p2, .*; expected the folder of one"):
        read_tagged_pair(tmp_path)


def test_dicom_slices_that_are_not_evenly_apart(tmp_path):
    """The scanner's one series of three tagged slices, files in any order."""
    pydicom = pytest.importorskip("pydicom")
    from test_datasets_ukbiobank import dicom

    rng = np.random.default_rng(0)
    for n, k in enumerate((0.0, 1.0, 2.3)):
        for t in range(4):
            image = cine(4, seed=n)[t, 0]
            dicom(tmp_path / "tagging" / f"{rng.integers(10**9)}.dcm", "tagging", "1.3.7", image, at_slice(k), 0, t)
    (tmp_path / "tagging" / "list.csv").write_text("not an image")
    report = pydicom.dcmread(next((tmp_path / "tagging").glob("*.dcm")))
    del report.PixelData, report.Rows, report.Columns
    report.SeriesInstanceUID = "1.3.9"
    report.save_as(tmp_path / "tagging" / "report.dcm")
    save(tmp_path / "cine.nii.gz", cine(), 30.0, "msec")
    _, series, tagged = read_tagged_pair(tmp_path / "cine.nii.gz", tmp_path / "tagging")
    assert len(tagged) == 3
    replaced = compose_tagged_cine(series, tagged).meta["tagged_slices"]
    assert [one["slice"] for one in replaced] == [0, 1, 2]
    np.testing.assert_allclose([one["distance_mm"] for one in replaced], [0, 0, 2.4], atol=1e-3)


def test_a_folder_without_tags_is_said(tmp_path):
    biobank(tmp_path / "p1", slices=())
    with pytest.raises(CardiacMotionError, match="p1: no tagged series beside the cine"):
        read_tagged_pair(tmp_path / "p1")


# ---------------------------------------------------------------------- cohorts


def test_a_bad_subject_is_reported_and_the_others_are_read(tmp_path):
    for name in ("p1", "p2", "p3", "p4"):
        biobank(tmp_path / name)
    (tmp_path / "p2" / "tag_1.nii.gz").write_bytes(b"not an image")
    for file in (tmp_path / "p3").glob("tag_*"):
        file.unlink()
    told = {}
    pairs = list(tagged_pairs(tmp_path, report=lambda name, error: told.update({name: str(error)})))
    assert [pair.name for pair in pairs] == ["p1", "p4"]
    assert "tag_1.nii.gz" in told["p2"]
    assert "no tagged series" in told["p3"]
    with pytest.warns(UserWarning, match="p[23] was left out: .*"):
        assert len(list(tagged_pairs(tmp_path))) == 2


def test_a_cohort_of_bad_subjects_only_is_an_error(tmp_path):
    biobank(tmp_path / "p1", slices=())
    with pytest.raises(CardiacMotionError, match=r"none of 1 subjects has a cine and tagged series; p1: .*no tagged"):
        list(tagged_pairs(tmp_path, report=lambda *_: None))
    with pytest.raises(CardiacMotionError, match="no such file"):
        tagged_pairs(tmp_path / "gone")


# ---------------------------------------------------------------------- phantoms


@pytest.mark.parametrize(
    ("folders", "name"),
    [({"cine": "p1/cine", "tagged": "p1/tagged"}, "p1"), ({"cine": "cine_5", "tagged": "tags/of5"}, "cine_5")],
)
def test_phantoms_of_one_person_belong_together(tmp_path, hearts, folders, name):
    for kind, folder in folders.items():
        write_heart(hearts, kind, tmp_path / folder)
    (pair,) = tagged_pairs(tmp_path)
    assert pair.name == name
    from_files = compose_tagged_cine(pair.cine, pair.tagged)
    direct = compose_tagged_cine(hearts["cine"].series, hearts["tagged"].series)
    np.testing.assert_allclose(from_files.frames, direct.frames, atol=1e-4)
    assert list(pair.cine.labels) == [0, 1, 2, 3]
    assert pair.cine.meta["cycle_ms"] == pair.tagged[0].meta["cycle_ms"] == 900


def test_a_phantom_is_read_with_its_truth(tmp_path, hearts):
    for kind in ("cine", "tagged"):
        write_heart(hearts, kind, tmp_path / kind)
    (case,) = find_cases(tmp_path)
    examination = case.read()
    truth = hearts["cine"]
    np.testing.assert_allclose(examination.motion.displacement, truth.motion.displacement, atol=1e-4)
    assert examination.series.meta["end_systole"] == truth.meta["truth"]["end_systole"]
    assert set(examination.companions) == {"tagged"}
    (alone,) = find_cases(tmp_path / "tagged")
    assert set(alone.read().maps) == {"tag_phase_1", "tag_phase_2"}
    assert read_series(tmp_path / "cine").labels.keys() == truth.series.labels.keys()


def test_other_people_are_not_taken_for_one(tmp_path, hearts):
    write_heart(hearts, "cine", tmp_path / "cine")
    write_heart({"tagged": phantom("tagged", 6, **TINY, period_mm=9.0)}, "tagged", tmp_path / "tagged")
    assert [case.name for case in find_cases(tmp_path)] == [tmp_path.name, tmp_path.name]
    with pytest.raises(CardiacMotionError, match="none of 2 subjects"):
        list(tagged_pairs(tmp_path, report=lambda *_: None))


# ---------------------------------------------------------------------- real files


def test_slices_of_a_real_cine_fall_on_themselves(shared_data):
    """Each DICOM slice of a cine, given as tagged, is put where it came from and changes next to nothing."""
    folder = shared_data / "sunnybrook_dicom"
    _, series, slices = read_tagged_pair(folder, folder)
    composed = compose_tagged_cine(series, slices)
    assert [one["slice"] for one in composed.meta["tagged_slices"]] == [0, 1, 2, 3]
    assert all(one["distance_mm"] < 0.01 for one in composed.meta["tagged_slices"])
    assert np.abs(composed.frames - series.frames).mean() < 0.01 * series.frames.std()


def test_a_real_tagged_slice_keeps_its_tags(shared_data):
    """A real CSPAMM slice placed by hand in the cine of another person: its pattern is there, and fades as it did."""
    (file,) = (shared_data / "tagged_heartmotion").glob("*.nii.gz")
    tagged = read_series(file, frames_axis=2)
    frames = np.random.default_rng(0).uniform(0, 1, (20, 1, 150, 150))
    affine = np.diag([1.4, 1.4, 8.0, 1.0])
    affine[:3, 3] = (32, 30, 3)
    composed = compose_tagged_cine(ImageSeries(frames, affine, 36.4 * np.arange(20)), tagged).frames[:, 0]
    power = np.abs(np.fft.rfft2(composed - composed.mean((1, 2), keepdims=True))) ** 2
    wave = np.hypot(np.fft.fftfreq(150, 1.4)[:, None], np.fft.rfftfreq(150, 1.4))
    tags = (power * ((wave > 1 / 6.6) & (wave < 1 / 5.3))).sum((1, 2))  # 5.9 mm apart
    share = tags / power.sum((1, 2))
    assert share[0] > 0.3
    assert tags[15] < 0.5 * tags[0]
