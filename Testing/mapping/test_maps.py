"""`ParameterMaps`: survival, tables, files; extracellular volume."""

import numpy as np
import pytest

from CardiacMotionLib import CardiacMotionError, ParameterMaps, ecv

SHAPE = (2, 3, 4)
AFFINE = np.diag([1.5, 1.5, 8.0, 1.0])


def a_map(t1=1000.0, sd=20.0, r2=0.99, **changes):
    """Maps with the same value everywhere but in the first pixel, which failed."""
    fitted = np.ones(SHAPE, bool)
    fitted[0, 0, 0] = False
    maps = {
        name: np.where(fitted, value, np.nan).astype(np.float32)
        for name, value in (("T1", t1), ("T1_SD", sd), ("R2", r2))
    }
    facts = {
        "units": {"T1": "ms", "T1_SD": "ms", "R2": "1"},
        "affine": AFFINE,
        "model": "stone",
        "attempted": np.ones(SHAPE, bool),
        "fitted": fitted,
        "acquisition": {"inversion_times": [np.inf, 100.0, 900.0]},
        "provenance": {"model": "stone"},
        "notes": ("1 of 24 pixels failed.",),
    }
    return ParameterMaps(**{"maps": maps, **facts, **changes})


def labels():
    """RV in the first slice, wall and cavity in the second."""
    array = np.zeros(SHAPE, np.uint8)
    array[0], array[1, :2], array[1, 2] = 1, 2, 3
    return array


def test_survival():
    maps = a_map(r2=np.where(np.arange(24).reshape(SHAPE) < 6, 0.8, 0.99))
    assert maps.survival() == pytest.approx(18 / 24)
    assert maps.survival(least_r2=0.5) == pytest.approx(23 / 24)
    assert maps.survival(labels() == 2) == 1
    assert np.isnan(maps.survival(np.zeros(SHAPE)))
    with pytest.raises(CardiacMotionError, match="mask has shape"):
        maps.survival(np.ones(3))


def test_table_of_labels_and_segments():
    t1 = np.arange(24.0).reshape(SHAPE) + 900
    segments = np.zeros(SHAPE, int)
    segments[1, 0], segments[1, 1] = 7, 12
    table = a_map(t1).summary(labels(), segments)
    assert list(table.columns) == ["parameter", "unit", "region", "n", "mean", "SD", "median", "survival"]
    assert list(table.region.unique()) == ["RV", "LV myocardium", "LV cavity", "7", "12"]
    rows = table[table.parameter == "T1"].set_index("region")
    assert rows.n.to_dict() == {"RV": 11, "LV myocardium": 8, "LV cavity": 4, "7": 4, "12": 4}
    assert rows.unit.unique() == ["ms"]
    wall = t1[labels() == 2]
    assert tuple(rows.loc["LV myocardium", ["mean", "SD", "median"]]) == pytest.approx(
        (wall.mean(), wall.std(ddof=1), np.median(wall))
    )
    assert rows.loc["RV", "survival"] == pytest.approx(11 / 12)
    assert a_map().summary().region.unique() == ["all"]


def test_regions_that_do_not_fit_are_refused():
    with pytest.raises(CardiacMotionError, match="labels of frame 0 have shape"):
        a_map().summary(np.zeros((1, 2, 3), np.uint8))
    with pytest.raises(CardiacMotionError, match="segments must be whole numbers from 0 of shape"):
        a_map().summary(segments=np.zeros(SHAPE))
    with pytest.raises(CardiacMotionError, match=r"fitted has shape|T1 has shape"):
        a_map(fitted=np.ones((1, 3, 4), bool))
    with pytest.raises(CardiacMotionError, match="no map 'T2' from model stone; there are T1, T1_SD, R2"):
        a_map()["T2"]


def test_file_round_trip(tmp_path):
    maps = a_map()
    back = ParameterMaps.load(maps.save(tmp_path / "maps.npz"))
    assert list(back.maps) == list(maps.maps)
    for name, values in maps.maps.items():
        np.testing.assert_array_equal(back[name], values)
    for name in ("affine", "attempted", "fitted"):
        np.testing.assert_array_equal(getattr(back, name), getattr(maps, name))
    for name in ("units", "model", "acquisition", "provenance", "notes"):
        assert getattr(back, name) == getattr(maps, name)


def test_files_that_cannot_be(tmp_path):
    with pytest.raises(CardiacMotionError, match=r"use a name ending in \.npz"):
        a_map().save(tmp_path / "maps.nii")
    with pytest.raises(CardiacMotionError, match="there is no folder"):
        a_map().save(tmp_path / "none" / "maps.npz")
    with pytest.raises(CardiacMotionError, match=r"cannot read .*expected maps saved as"):
        ParameterMaps.load(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("nothing")
    with pytest.raises(CardiacMotionError, match=r"cannot read .*expected maps saved as"):
        ParameterMaps.load(tmp_path / "text.npz")
    (tmp_path / "empty.npz").touch()
    np.save(tmp_path / "array.npy", np.zeros(3))
    (tmp_path / "array.npy").rename(tmp_path / "array.npz")
    for name in ("empty.npz", "array.npz"):
        with pytest.raises(CardiacMotionError, match=r"cannot read .*expected maps saved as"):
            ParameterMaps.load(tmp_path / name)
    np.savez(tmp_path / "other.npz", image=np.zeros(3))
    with pytest.raises(CardiacMotionError, match=r"cannot read .*expected maps saved as"):
        ParameterMaps.load(tmp_path / "other.npz")


# ---------------------------------------------------------------------- extracellular volume


def before_and_after():
    cavity = labels() == 3
    return a_map(np.where(cavity, 1550.0, 1000.0), 15.0), a_map(np.where(cavity, 300.0, 450.0), 10.0)


@pytest.mark.parametrize("blood", [labels(), labels() == 3], ids=["labels", "mask"])
def test_ecv(blood):
    pre, post = before_and_after()
    maps = ecv(pre, post, blood, 0.42)
    wall = labels() == 2
    expected = 100 * 0.58 * (1 / 450 - 1 / 1000) / (1 / 300 - 1 / 1550)
    np.testing.assert_allclose(maps["ECV"][wall], expected, rtol=1e-5)
    assert 20 < expected < 35
    assert np.isnan(maps["ECV"][0, 0, 0])
    assert maps.units["ECV"] == "%"
    assert maps.notes == ("1 of 24 pixels have no ECV between 0 and 100 %.",)
    assert maps.acquisition["blood_T1_post"] == 300


def test_ecv_sd_is_that_of_random_t1():
    pre, post = before_and_after()
    rng = np.random.default_rng(0)
    wall = labels() == 2
    draws = []
    for _ in range(500):
        one = a_map(pre["T1"] + wall * rng.normal(0, 15, SHAPE), 15.0)
        other = a_map(post["T1"] + wall * rng.normal(0, 10, SHAPE), 10.0)
        draws.append(ecv(one, other, labels(), 0.42)["ECV"][wall])
    scatter = np.std(draws)
    np.testing.assert_allclose(ecv(pre, post, labels(), 0.42)["ECV_SD"][wall], scatter, rtol=0.1)


@pytest.mark.parametrize("hematocrit", [42, 0, 1, -0.1, "0.4", None, True, float("nan")])
def test_hematocrit_that_cannot_be(hematocrit):
    with pytest.raises(CardiacMotionError, match=r"hematocrit must be a share between 0 and 1, like 0\.42"):
        ecv(*before_and_after(), labels(), hematocrit)


def test_ecv_refusals():
    pre, post = before_and_after()
    with pytest.raises(CardiacMotionError, match="are the maps the other way round"):
        ecv(post, pre, labels(), 0.4)
    with pytest.raises(CardiacMotionError, match="no pixel of blood"):
        ecv(pre, post, np.zeros(SHAPE, np.uint8), 0.4)
    with pytest.raises(CardiacMotionError, match="not on the same grid"):
        ecv(pre, a_map(affine=np.eye(4)), labels(), 0.4)
    with pytest.raises(CardiacMotionError, match="no map 'T1'"):
        ecv(pre, a_map(maps={"R2": np.ones(SHAPE, np.float32)}), labels(), 0.4)
