"""Tissues: order of intensities as in real cines, people that differ plausibly, contrast agent."""

import nibabel
import numpy as np
import pytest
import torch
from scipy.ndimage import binary_erosion

from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.phantom import tissues
from CardiacMotionLib.phantom.tissues import TISSUES


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_indices_name_their_tissues():
    names = {
        "air": tissues.AIR,
        "lung": tissues.LUNG,
        "fat": tissues.FAT,
        "muscle": tissues.MUSCLE,
        "marrow": tissues.MARROW,
        "bone": tissues.BONE,
        "liver": tissues.LIVER,
        "spleen": tissues.SPLEEN,
        "stomach": tissues.STOMACH,
        "blood": tissues.BLOOD,
        "venous blood": tissues.RV_BLOOD,
        "myocardium": tissues.MYOCARDIUM,
        "epicardial fat": tissues.EPICARDIAL_FAT,
        "pericardium": tissues.PERICARDIUM,
        "vessel wall": tissues.VESSEL_WALL,
        "fibrosis or edema": tissues.LESION,
    }
    assert {t.name: n for n, t in enumerate(TISSUES)} == names


@pytest.mark.parametrize("field", [1.5, 3.0])
def test_t2_is_below_t1_and_t1_of_tissue_rises_with_the_field(field):
    t1, t2, density = tissues.relaxation(field)
    assert (t2 < t1).all()
    assert ((density >= 0) & (density <= 1)).all()
    assert (tissues.relaxation(3.0).t1 >= tissues.relaxation(1.5).t1).all()


def test_another_field_is_refused():
    with pytest.raises(CardiacMotionError, match=r"field_tesla must be 1\.5 or 3, got 7"):
        tissues.relaxation(7)


def test_cine_contrast_has_the_order_of_real_cines():
    contrast = tissues.bssfp_contrast()
    assert contrast[tissues.BLOOD] == 1
    assert contrast[tissues.AIR] == 0
    assert 0.3 < contrast[tissues.MYOCARDIUM] < 0.4
    assert 0.35 < contrast[tissues.LIVER] < 0.6
    assert 0.6 < contrast[tissues.FAT] < 1.0
    assert 0.03 < contrast[tissues.LUNG] < 0.1
    assert 0.2 < contrast[tissues.MUSCLE] < contrast[tissues.MYOCARDIUM]
    assert contrast[tissues.PERICARDIUM] < 0.15


def test_myocardium_against_blood_is_that_of_a_real_cine(shared_data):
    ratios = []
    for patient, frame in ((1, 18), (2, 19)):
        folder = shared_data / "sunnybrook"
        image = nibabel.load(folder / f"SC-HF-I-{patient}_cine4d.nii.gz").get_fdata()[..., frame]
        labels = nibabel.load(folder / f"SC-HF-I-{patient}_seg_frame{frame}.nii.gz").get_fdata()
        blood = image[binary_erosion(labels == 3, np.ones((3, 3, 1)))]
        ratios.append(np.median(image[binary_erosion(labels == 2)]) / np.median(blood))
    assert min(ratios) - 0.05 < tissues.bssfp_contrast()[tissues.MYOCARDIUM].item() < max(ratios) + 0.05


def test_inflow_brightens_blood_against_the_rest():
    still, flowing = tissues.bssfp_contrast(inflow=1.0), tissues.bssfp_contrast(inflow=1.5)
    assert torch.allclose(flowing[tissues.MYOCARDIUM] * 1.5, still[tissues.MYOCARDIUM])
    assert torch.allclose(flowing[tissues.RV_BLOOD], still[tissues.RV_BLOOD])


def test_fat_depends_on_its_shift_times_tr_and_water_does_not():
    """At 1.5 T fat turns once in 4.6 ms: dark at half of that, its full signal at all of it."""
    dark, bright = tissues.bssfp_contrast(tr_ms=2.3), tissues.bssfp_contrast(tr_ms=4.6)
    assert dark[tissues.FAT] < 0.35 * bright[tissues.FAT]
    assert torch.allclose(dark[tissues.MYOCARDIUM], bright[tissues.MYOCARDIUM], rtol=0.05)


def test_people_differ_as_much_as_published():
    people = [tissues.sample_relaxation(generator(seed)) for seed in range(300)]
    t1 = torch.stack([p.t1 for p in people])
    t2 = torch.stack([p.t2 for p in people])
    assert t1[:, tissues.MYOCARDIUM].mean().item() == pytest.approx(965, abs=10)
    assert t1[:, tissues.MYOCARDIUM].std().item() == pytest.approx(40, rel=0.2)
    assert (t1[:, tissues.LESION] >= t1[:, tissues.MYOCARDIUM] + 40).all()
    assert (t2[:, tissues.LESION] >= t2[:, tissues.MYOCARDIUM] + 3).all()
    assert torch.equal(t1[:, tissues.FAT], t1[:, tissues.EPICARDIAL_FAT])
    assert (t2 > 0).all()
    assert (t2 < t1).all()


def test_one_generator_state_is_one_person():
    assert torch.equal(tissues.sample_relaxation(generator(3)).t1, tissues.sample_relaxation(generator(3)).t1)
    assert not torch.equal(tissues.sample_relaxation(generator(3)).t1, tissues.sample_relaxation(generator(4)).t1)
    assert torch.equal(tissues.random_contrast(generator(3)), tissues.random_contrast(generator(3)))


def test_contrast_agent_gives_the_extracellular_volume_back():
    native = tissues.relaxation()
    post = tissues.after_gadolinium(native, blood_t1_ms=330.0, hematocrit=0.45)
    rise = 1 / post.t1 - 1 / native.t1
    volume = (1 - 0.45) * rise / rise[tissues.BLOOD]
    assert post.t1[tissues.BLOOD].item() == pytest.approx(330)
    assert volume[tissues.MYOCARDIUM].item() == pytest.approx(TISSUES[tissues.MYOCARDIUM].extracellular, rel=1e-3)
    assert post.t1[tissues.FAT] == native.t1[tissues.FAT]
    assert 420 < post.t1[tissues.MYOCARDIUM] < 540
    assert (post.t2 <= native.t2).all()


def test_contrast_agent_cannot_lengthen_t1():
    with pytest.raises(CardiacMotionError, match=r"blood_t1_ms must be below .* 1550 ms, got 2000"):
        tissues.after_gadolinium(tissues.relaxation(), 2000.0)


def test_random_contrast_is_uniform():
    values = tissues.random_contrast(generator(), 20_000)
    assert values.min() >= 0
    assert values.max() < 1
    assert values.var().item() == pytest.approx(1 / 12, rel=0.03)
    assert len(tissues.random_contrast(generator())) == len(TISSUES)
