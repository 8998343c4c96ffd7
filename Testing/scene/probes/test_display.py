"""Probes and rulers in the chart and in slices: each in its own color, shown and hidden everywhere at once."""

import numpy as np
import pytest
from point_places import IN_WALL, in_chart, world
from small_hearts import AFFINES, node_names

from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.scene import Curves, add_probe, add_results, add_ruler, add_series, show_curves
from CardiacMotionLib.scene.point_chart import COLORS, chart_of_points


class TestChart:
    def test_every_curve_is_added_in_its_own_color(self, run):
        results, _, strain = run
        before = in_chart(results)
        probe, other = add_probe(results, world(IN_WALL), strain), add_probe(results, world((15, 6.5, 2)), strain)
        ruler = add_ruler(results, [world((15, 7, 2)), world((15, 21, 2))], strain)
        assert in_chart(results) == [*before, "Probe 1 Ecc (%)", "Probe 2 Ecc (%)", "Ruler 1 engineering strain (%)"]
        for measured, color in zip((probe, other, ruler), COLORS, strict=False):
            assert measured.series.GetColor() == pytest.approx(color)
            assert measured.node.GetDisplayNode().GetSelectedColor() == pytest.approx(color)
        assert probe.trajectory.GetDisplayNode().GetColor() == pytest.approx(COLORS[0])
        assert probe.series.GetMarkerStyle() != other.series.GetMarkerStyle()

    def test_the_curve_is_chosen_and_the_axis_says_what_it_shows(self, run):
        results, _, strain = run
        probe = add_probe(results, world(IN_WALL), strain)
        assert results.chart.GetYAxisTitle() == "Strain (%)"
        probe.show_curve("displacement")
        assert "Probe 1 displacement (mm)" in in_chart(results)
        assert results.chart.GetYAxisTitle() == "Strain (%), length (mm)"
        probe.show_curve("radial")
        assert results.chart.GetYAxisTitle() == "Strain (%)"
        assert probe.series.GetYColumnName() == "Probe 1 Err (%)"
        with pytest.raises(CardiacMotionError, match="no curve 'twist'; it has circumferential"):
            probe.show_curve("twist")

    def test_they_stay_when_other_curves_are_chosen(self, run):
        results, _, strain = run
        probe = add_probe(results, world(IN_WALL), strain)
        show_curves(results, strain, Curves(component="radial", regions="layers", measure="rate"))
        assert "Probe 1 Ecc (%)" in in_chart(results)
        probe.refresh()
        assert results.chart.GetYAxisTitle() == "Strain rate (1/s), strain (%)"

    def test_hidden_in_the_views_it_is_hidden_everywhere(self, run):
        results, _, strain = run
        probe = add_probe(results, world(IN_WALL), strain)
        probe.node.SetDisplayVisibility(False)  # as the eye in the Markups or Data module does
        assert not probe.visible
        assert not probe.trajectory.GetDisplayVisibility()
        assert "Probe 1 Ecc (%)" not in in_chart(results)
        probe.visible = True
        assert probe.trajectory.GetDisplayVisibility()
        assert "Probe 1 Ecc (%)" in in_chart(results)

    def test_a_color_that_the_user_chose_is_taken_over(self, run):
        results, _, strain = run
        probe = add_probe(results, world(IN_WALL), strain)
        probe.node.GetDisplayNode().SetSelectedColor(0.1, 0.9, 0.2)
        assert probe.series.GetColor() == pytest.approx((0.1, 0.9, 0.2))
        assert probe.trajectory.GetDisplayNode().GetColor() == pytest.approx((0.1, 0.9, 0.2))

    def test_a_run_without_strain_gets_a_chart_as_long_as_it_needs_one(self, scene, hearts):
        series, motion, _ = hearts["axial"]
        bare = series.replace(labels={})
        results = add_results(add_series(bare, "Cine")[0], bare, motion)
        before = node_names(scene)
        assert chart_of_points(results) is None
        probe = add_probe(results, world(IN_WALL, AFFINES["axial"]))
        ruler = add_ruler(results, [world((15, 7, 2), AFFINES["axial"]), world(IN_WALL, AFFINES["axial"])])
        assert in_chart(results) == ["Probe 1 displacement (mm)", "Ruler 1 engineering strain (%)"]
        assert chart_of_points(results).GetYAxisTitle() == "Strain (%), length (mm)"
        assert results.chart is None  # that is the chart of a strain
        ruler.remove()
        assert chart_of_points(results).GetYAxisTitle() == "Length (mm)"
        probe.remove()
        assert node_names(scene) == before

    def test_colors_are_apart_for_every_common_color_blindness(self):
        from CardiacMotionLib.scene.charts import SERIES_COLORS

        # Machado, Oliveira and Fernandes 2009, severity 1: protanopia, deuteranopia, tritanopia
        blind = np.array(
            [
                np.eye(3),
                [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
                [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
                [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
            ]
        )
        to_xyz = np.array([[0.434, 0.376, 0.190], [0.213, 0.715, 0.072], [0.018, 0.109, 0.873]])  # over white
        colors = np.array([*COLORS, *SERIES_COLORS.values()])
        linear = np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)
        x, y, z = np.cbrt(np.clip(np.einsum("xr,brc,nc->xbn", to_xyz, blind, linear), 0.0089, None))
        lab = np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)
        distance = np.linalg.norm(lab[:, :, None] - lab[:, None], axis=-1) + 100 * np.eye(len(colors))
        assert distance.min() > 9


def test_probe_trajectory_and_ruler_are_drawn_in_a_slice(run, tmp_path):
    from PIL import Image

    from CardiacMotionLib.scene import render_slice

    def picture(name):
        path = render_slice(
            results, tmp_path / name, overlay=None, contours=False, frame=2, slice_index=2, size=(300, 300)
        )
        return np.asarray(Image.open(path).convert("RGB")).astype(int)

    results, _, strain = run
    bare = picture("bare.png")
    probe = add_probe(results, world(IN_WALL), strain)
    add_ruler(results, [world((15, 7, 2)), world((15, 21, 2))], strain)
    shown = picture("shown.png")
    near = {
        name: (np.abs(shown - np.array(COLORS[slot]) * 255).max(axis=-1) < 60).sum()
        for slot, name in enumerate(("probe", "ruler"))
    }
    assert near["probe"] > 20
    assert near["ruler"] > 60
    probe.node.SetDisplayVisibility(False)
    assert (np.abs(picture("hidden.png") - shown).max(axis=-1) > 60).sum() > 20
    assert not np.array_equal(bare, shown)
