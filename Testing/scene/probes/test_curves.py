"""The curves of a probe are the strain and displacement of its tissue, those of a ruler its length."""

import numpy as np
import pytest
from point_places import BESIDE_WALL, IN_WALL, column, world
from small_hearts import AFFINES, TIMES, heart_labels

from CardiacMotionLib.scene import add_probe, add_results, add_ruler, add_series, show_frame
from CardiacMotionLib.strain.tensor import engineering_from_green


class TestCurves:
    @pytest.mark.parametrize("measure", ["green", "engineering"])
    def test_at_a_voxel_of_the_wall_they_are_its_strain(self, scene, hearts, measure):
        series, motion, strain = hearts["left_handed"]
        results = add_results(add_series(series, "Cine")[0], series, motion, strain, measure=measure)
        probe = add_probe(results, world(IN_WALL, AFFINES["left_handed"]), strain)
        for component in ("circumferential", "radial", "longitudinal"):
            green = getattr(strain, component)[:, 2, 14, 22]
            expected = engineering_from_green(green) if measure == "engineering" else green
            np.testing.assert_allclose(column(probe, component), 100 * expected, atol=1e-4)
        assert probe.problem == ""

    def test_between_voxels_they_are_between(self, run):
        results, _, strain = run
        at = {i: column(add_probe(results, world((i, 14, 2)), strain), "radial").copy() for i in (21, 22, 21.25)}
        np.testing.assert_allclose(at[21.25], 0.75 * at[21] + 0.25 * at[22], atol=1e-3)

    def test_at_the_edge_of_the_wall_the_outside_does_not_count(self, run):
        results, _, strain = run
        assert heart_labels()[2, 14, 23] == 2
        assert heart_labels()[2, 14, 24] == 0
        edge, voxel = (column(add_probe(results, world((i, 14, 2)), strain), "radial").copy() for i in (23.3, 23.0))
        np.testing.assert_allclose(edge, voxel, atol=1e-3)

    def test_displacement_is_the_distance_from_the_reference(self, run):
        results, motion, strain = run
        point = world(IN_WALL)
        expected = np.linalg.norm(motion.track(point[None])[:, 0] - point, axis=1)
        np.testing.assert_allclose(column(add_probe(results, point, strain), "displacement"), expected, atol=2e-3)

    def test_outside_the_wall_there_is_a_path_but_no_strain_and_that_is_said(self, run):
        results, _, strain = run
        probe = add_probe(results, world(BESIDE_WALL), strain)
        assert np.isnan(column(probe, "circumferential")).all()
        assert np.isfinite(column(probe, "displacement")).all()
        assert "outside the wall" in probe.problem
        assert probe.curve == "displacement"

    def test_without_a_strain_they_come_from_the_overlays(self, run):
        results, _, strain = run
        exact, sampled = (add_probe(results, world((21.5, 14, 2)), source) for source in (strain, None))
        for component in ("circumferential", "radial"):
            np.testing.assert_allclose(column(sampled, component), column(exact, component), atol=0.4)
        assert np.abs(column(sampled, "radial")).max() > 2
        assert "outside the wall" in add_probe(results, world(BESIDE_WALL)).problem
        sampled.use(strain)
        np.testing.assert_allclose(column(sampled, "radial"), column(exact, "radial"), atol=1e-6)

    def test_table_has_times_units_and_the_name_of_the_measure(self, run):
        import slicer

        results, *_ = run
        table = add_probe(results, world(IN_WALL)).table
        assert [table.GetColumnName(n) for n in range(table.GetNumberOfColumns())] == [
            "Time (ms)",
            "Probe 1 Ecc (%)",
            "Probe 1 Err (%)",
            "Probe 1 Ell (%)",
            "Probe 1 displacement (mm)",
        ]
        np.testing.assert_allclose(slicer.util.arrayFromTableColumn(table, "Time (ms)"), TIMES)
        assert "Green-Lagrange" in table.GetName()

    def test_length_and_segment_strain(self, run):
        results, motion, strain = run
        ends = np.array([world((15, 7, 2)), world((15, 21, 2))])
        ruler = add_ruler(results, ends, strain)
        first, second = np.moveaxis(motion.track(ends), 1, 0)
        length = np.linalg.norm(first - second, axis=1)
        np.testing.assert_allclose(column(ruler, "length"), length, atol=2e-3)
        np.testing.assert_allclose(column(ruler, "strain"), 100 * (length / length[0] - 1), atol=0.02)
        assert column(ruler, "strain")[2] < -5
        assert ruler.problem == ""
        show_frame(results.browser, 2)
        assert ruler.node.GetPropertiesLabelText().strip().endswith(f"{length[2]:.2f}mm")

    def test_a_ruler_across_the_cavity_is_allowed_and_said(self, run):
        results, _, strain = run
        assert "does not end in the wall" in add_ruler(results, [world((15, 14, 2)), world(IN_WALL)], strain).problem
