import numpy as np
import pandas as pd
import pytest

from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.report import write_tables


@pytest.fixture(scope="module")
def tables(its_strain, tmp_path_factory):
    paths = write_tables(its_strain, tmp_path_factory.mktemp("tables"))
    return {path.stem: pd.read_csv(path) for path in paths}


def test_curves_are_in_percent_in_both_measures(tables, its_strain):
    curves = tables["strain_curves"]
    rows = its_strain.curves
    np.testing.assert_allclose(curves["green_lagrange_percent"], 100 * rows["green"], atol=1e-2)
    np.testing.assert_allclose(curves["engineering_percent"], 100 * rows["engineering"], atol=1e-2)
    assert curves["green_lagrange_percent"].abs().max() > 5  # percent, not fractions


def test_summary_names_measure_and_unit(tables, its_strain):
    summary = tables["strain_summary"]
    assert set(summary["measure"]) == {"Green-Lagrange", "engineering"}
    row = summary[
        (summary.component == "circumferential") & (summary.region == "global") & (summary.measure == "engineering")
    ]
    assert row["end_systolic_percent"].item() == pytest.approx(its_strain.function["GCS_percent"], abs=1e-2)


def test_segments_have_their_anatomical_name(tables):
    summary = tables["strain_summary"].astype({"region": str})
    names = dict(zip(summary["region"], summary["region_name"], strict=True))
    assert names["9"] == "mid inferoseptal"
    assert pd.isna(names["global"])


def test_function_has_a_unit_for_every_number(tables, its_strain):
    function = tables["function"]
    assert len(function) == len(its_strain.function)
    assert function["unit"].notna().all()
    assert function.set_index("unit").loc["g", "value"] == pytest.approx(its_strain.function["mass_g"], rel=1e-3)


def test_a_folder_that_cannot_be_made_is_named(its_strain, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CardiacMotionError, match=r"cannot write tables into .*file"):
        write_tables(its_strain, tmp_path / "file")
