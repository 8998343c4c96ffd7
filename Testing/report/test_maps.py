"""Maps in a report: pictures, tables and page say what the maps hold."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import CardiacMotionLib as cm
from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.mapping.fit import fit_map
from CardiacMotionLib.metrics import pca_dissimilarity
from CardiacMotionLib.report import MapRun, Panel, map_run, panels, plot_maps, region_table, score_table, with_labels
from CardiacMotionLib.report.map_images import caption, image_frames
from CardiacMotionLib.report.map_page import map_page_content, write_map_report
from CardiacMotionLib.report.map_run import (
    AFTER,
    BEFORE,
    LIKENESS_MARGIN,
    R2_MARGIN,
    SURVIVAL_MARGIN,
    headline,
    warnings,
)
from CardiacMotionLib.report.maps import choose_slices, color_map, crop_box, draw_maps


@pytest.fixture(scope="module")
def heart():
    return cm.phantom("t1", 3, rows=56, columns=56, pixel_mm=3.8, sequence="molli", breathing_mm=9.0)


@pytest.fixture(scope="module")
def run(heart):
    """Registered by the exact motion."""
    series = heart.series
    registered = series.replace(frames=heart.motion.warp(series))
    known = MapRun(series, fit_map(series), heart.motion, registered, fit_map(registered))
    return with_labels(known, 0, series.labels[0])


def test_regions_have_the_values_of_the_maps(run):
    table = region_table(run)
    wall = run.labels_after == 2
    row = table.query("registration == @AFTER and parameter == 'T1' and region == 'LV myocardium'").iloc[0]
    assert row["mean"] == pytest.approx(np.nanmean(run.after["T1"][wall]), rel=1e-5)
    assert row["n"] == np.isfinite(run.after["T1"][wall]).sum()
    assert row["survival"] == run.after.survival(wall)
    assert set(table["registration"]) == {BEFORE, AFTER}
    segments = table.query("registration == @AFTER and parameter == 'T1'").set_index("region")
    assert set(map(str, range(7, 13))) <= set(segments.index)
    assert segments.loc["8", "region_name"] == "mid anteroseptal"
    counted = sum(segments.loc[str(number), "n"] for number in range(7, 13))
    assert counted == row["n"]


def test_scores_improve_when_the_exact_motion_is_taken_out(run):
    scores = score_table(run).set_index(["metric", "registration"])["value"]
    assert scores["D_PCA1", AFTER] < 0.7 * scores["D_PCA1", BEFORE]
    assert scores["D_PCA2", AFTER] < scores["D_PCA2", BEFORE]
    assert scores["median R2", AFTER] > scores["median R2", BEFORE]
    assert scores["survival", AFTER] >= scores["survival", BEFORE]
    assert scores["folding", AFTER] == 0


def test_a_registration_that_made_it_worse_is_told(run, heart):
    assert warnings(run) == ()
    assert warnings(MapRun(heart.series, run.before)) == ()
    swapped = MapRun(run.registered, run.after, run.motion, run.series, run.before, 0, run.labels, run.labels_after)
    (said,) = warnings(swapped)
    assert said.startswith("The registration made it worse (D_PCA1 ")
    assert said in map_page_content(swapped, "Maps")["notes"]


def changed(run, metric, by):
    """The run with a score after registration that differs by so much from the one before."""
    scores = score_table(run)
    before, after = (scores["registration"] == step for step in (BEFORE, AFTER))
    for name in ("survival", "median R2", "D_PCA1", "D_PCA2"):
        of = scores["metric"] == name
        scores.loc[of & after, "value"] = scores.loc[of & before, "value"].item() + (by if name == metric else 0)
    other = replace(run)
    object.__setattr__(other, "scores", scores)
    return other


@pytest.mark.parametrize(
    ("metric", "worse", "margin"),
    [("D_PCA1", 1, None), ("D_PCA2", 1, None), ("median R2", -1, R2_MARGIN), ("survival", -1, SURVIVAL_MARGIN)],
)
def test_a_tiny_change_is_no_reason_to_distrust(run, metric, worse, margin):
    if margin is None:
        value = score_table(run).query("metric == @metric and registration == @BEFORE")["value"].item()
        margin = LIKENESS_MARGIN * value
    assert warnings(changed(run, metric, 0.9 * worse * margin)) == ()
    assert warnings(changed(run, metric, -10 * worse * margin)) == ()
    (said,) = warnings(changed(run, metric, 1.1 * worse * margin))
    assert said.startswith(f"The registration made it worse ({metric} ")


def test_scores_are_computed_once_for_page_and_tables(run, monkeypatch):
    computed = []

    def counted(*arguments):
        computed.append(1)
        return pca_dissimilarity(*arguments)

    monkeypatch.setattr(map_run, "pca_dissimilarity", counted)
    fresh = replace(run)
    map_page_content(fresh, "Maps")
    headline(fresh)
    warnings(fresh)
    assert len(computed) == 2  # before and after
    pd.testing.assert_frame_equal(fresh.scores, score_table(run))


def test_labels_are_carried_to_the_maps(heart):
    """Those of a frame that breath has moved lie, drawn in the reference, where those of the reference are."""
    series, motion = heart.series, heart.motion
    frame = int(np.argmax(np.abs(motion.displacement[:, series.labels[0] > 0]).mean((1, 2))))
    maps = fit_map(series)
    run = with_labels(MapRun(series, maps, motion, series, maps), frame, series.labels[frame])
    overlap = (run.labels_after == 2) & (series.labels[0] == 2)
    apart = (series.labels[frame] == 2) & (series.labels[0] == 2)
    assert overlap.sum() > 0.8 * (series.labels[0] == 2).sum() > apart.sum()


def test_without_labels_and_registration_there_is_one_step(heart):
    run = MapRun(heart.series, fit_map(heart.series))
    assert set(region_table(run)["region"]) == {"all"}
    assert set(score_table(run)["registration"]) == {BEFORE}
    assert [panel.title for panel in panels(run)] == ["As acquired"]
    assert all("→" not in value for _, value, _ in headline(run))


def test_two_ventricles_cost_the_segments_only(heart):
    series = heart.series
    labels = series.labels[0].copy()
    labels[:, :20] = 0
    labels[:, 2:14, 2:14] = series.labels[0][:, 24:36, 24:36]
    maps = fit_map(series)
    run = with_labels(MapRun(series, maps), 0, np.maximum(labels, series.labels[0]))
    assert any("No AHA segments" in note for note in run.notes)
    assert "LV myocardium" in set(region_table(run)["region"])


def test_headline_is_the_wall_before_and_after(run):
    found = {name: (value, unit) for name, value, unit in headline(run)}
    value, unit = found["T1"]
    assert unit == "ms"
    before, after = re.findall(r"(\d+) ± \d+", value)
    assert int(after) == pytest.approx(np.nanmean(run.after["T1"][run.labels_after == 2]), abs=1)
    assert int(before) == pytest.approx(np.nanmean(run.before["T1"][run.labels == 2]), abs=1)
    assert "T1_SD" not in found


def test_page_needs_nothing_else_and_says_what_it_shows(run, tmp_path):
    page = write_map_report(run, tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Research use only: not a medical device." in page
    assert "data:image/png;base64," in page
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    for text in (
        "T1 (ms)",
        "8 mid anteroseptal",
        "D_PCA2",
        "Before registration",
        "After registration",
        "Inversion times",
    ):
        assert text in page, text
    content = map_page_content(run, "Maps")
    assert ("Model", "molli") in content["acquisition"]
    assert len(content["regions"]) == 3 + 6
    assert all(len(row) == 2 + 3 * 2 for row in content["regions"])


def test_images_are_shown_one_after_the_other(run):
    frames = image_frames(run)
    assert len(frames) == len(run.series)
    assert len({frame.size for frame in frames}) == 1
    assert caption(run, 1) == f"2 of 8, TI {run.series.meta['inversion_times'][1]:.0f} ms"
    left, right = (np.asarray(frames[0])[:, half] for half in (slice(0, 330), slice(374, None)))
    assert left.std() > 20 < right.std()


def test_page_of_a_preparation_that_was_left_out(heart):
    times = [np.inf, *heart.series.meta["inversion_times"][1:]]
    run = MapRun(heart.series, fit_map(heart.series, "stone", inversion_times=times))
    (listed,) = [text for name, text in map_page_content(run, "Maps")["acquisition"] if name == "Inversion times (ms)"]
    assert listed.startswith("none, ")


def test_picture_has_a_row_a_step_and_one_scale_a_map(run):
    figure = draw_maps(panels(run))
    axes = [axis for axis in figure.axes if axis.get_label() != "<colorbar>"]
    assert len(axes) == 2 * 3
    assert [axis.get_title() for axis in axes[:3]] == ["T1 (ms)", "SD of T1 (ms)", "R² of the fit"]
    assert [axes[0].get_ylabel(), axes[3].get_ylabel()] == ["Before registration", "After registration"]
    for above, below in zip(axes[:3], axes[3:], strict=True):
        assert above.images[-1].get_clim() == below.images[-1].get_clim()
    bars = [axis for axis in figure.axes if axis.get_label() == "<colorbar>"]
    assert [text.get_text() for text in bars[0].get_xticklabels()] == ["0", "500", "1000", "1500", "2000"]
    assert axes[0].collections  # the outline of the wall


def test_picture_of_a_stack_names_its_slices(tmp_path):
    heart = cm.phantom("t1", 3, rows=40, columns=40, pixel_mm=5, slices=4, thickness_mm=14, sequence="t2prep")
    maps = fit_map(heart.series)
    figure = draw_maps([Panel("As acquired", maps, heart.series.labels[0])])
    labels = [axis.get_ylabel() for axis in figure.axes if axis.get_ylabel()]
    assert len(labels) == 3
    assert labels[0].endswith("of 4")
    assert plot_maps([Panel("As acquired", maps)], tmp_path / "maps.png").stat().st_size > 10_000
    with pytest.raises(CardiacMotionError, match="use a name ending in"):
        plot_maps([Panel("As acquired", maps)], tmp_path / "maps.bmp3")


def test_maps_of_different_series_cannot_stand_together(run, heart):
    other = fit_map(heart.series.crop((slice(0, 1), slice(0, 40), slice(0, 40))))
    with pytest.raises(CardiacMotionError, match="draw maps of one series"):
        draw_maps([Panel("One", other), Panel("Other", run.before)])


def test_slices_and_crop_follow_the_heart():
    mask = np.zeros((9, 60, 60), bool)
    assert choose_slices(mask) == [4]
    assert crop_box(mask, np.ones(3)) == (slice(None), slice(None))
    mask[1:8, 30:40, 40:50] = True
    assert choose_slices(mask) == [2, 4, 6]
    assert crop_box(mask, np.array([2.0, 3.0, 8.0])) == (slice(20, 50), slice(25, 65))


def test_colors_of_the_picture_are_those_of_slicer():
    np.testing.assert_allclose(color_map("Lipari")(0.502)[:3], (0.646, 0.385, 0.403), atol=0.01)
    assert color_map("Lipari")(np.ma.masked)[3] == 0


def test_tables_can_be_written(run, tmp_path):
    region_table(run).to_csv(tmp_path / "maps.csv", index=False)
    assert list(pd.read_csv(tmp_path / "maps.csv").columns[:5]) == [
        "registration",
        "parameter",
        "unit",
        "region",
        "region_name",
    ]
