import numpy as np
import pytest
from PIL import Image

from CardiacMotionLib.report import gallery


@pytest.fixture(scope="module")
def rows():
    """The groups and the truth only, on few pixels."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gallery, "FIELD", {"rows": 40, "columns": 40, "pixel_mm": 5.0})
        patch.setattr(gallery, "CINE", {**gallery.FIELD, "frames": 4})
        patch.setattr(gallery, "MIDDLE", {**gallery.FIELD, "frames": 4, "slices": 1})
        return {
            "groups": gallery._groups(3),
            "stack": gallery._stack(3),
            "truth": gallery._truth(3),
            "variety": gallery._variety(3),
            "dense": gallery._dense(3),
            "maps": gallery._maps(3),
        }


def test_every_group_is_shown_at_both_ends_of_systole(rows):
    (_, diastole), (_, systole) = rows["groups"]
    assert [panel.title.split(",")[0] for panel in diastole[:6]] == [
        "average",
        "normal",
        "hcm",
        "dcm",
        "ischemic",
        "lbbb",
    ]
    assert all(not np.array_equal(a.image, b.image) for a, b in zip(diastole, systole, strict=True))


def test_every_row_is_full(rows):
    for found in rows.values():
        for name, panels in found:
            assert len(panels) == gallery.COLUMNS, name
            assert all(np.isfinite(panel.image[np.isfinite(panel.image)]).any() for panel in panels)


def test_the_truth_shows_strain_and_a_jump_where_the_heart_slides(rows):
    ((_, panels),) = rows["truth"]
    assert all((panel.over[np.isfinite(panel.over)] < 0).mean() > 0.5 for panel in panels[:4])
    steepest = [np.abs(np.diff(panel.image, axis=0)).max() for panel in (panels[4], panels[6])]
    assert steepest[1] > 1.5 * steepest[0]


def test_maps_are_those_of_the_sequence(rows):
    names = [name.split("\n")[0] for name, _ in rows["maps"]]
    assert names == ["STONE", "MOLLI", "mSASHA", "ASL"]
    t1 = rows["maps"][0][1][-1].image
    assert 200 < np.nanmedian(t1) < 2000


@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_the_sheet_is_written_with_its_warning(tmp_path, monkeypatch, rows, suffix):
    monkeypatch.setattr(gallery, "_rows", lambda seed: [*rows["groups"], *rows["truth"]])
    path = tmp_path / f"gallery{suffix}"
    gallery.write_gallery(path, seed=3)
    with Image.open(path) as picture:
        assert picture.width > 1000
        assert picture.height > 400
