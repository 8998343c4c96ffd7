"""The command ``cohort``: from a description to tables, pictures and a page; what is wrong with it is named."""

from __future__ import annotations

import pandas as pd
import pytest

SMALL = "frames = 3\nslices = 2\nrows = 32\ncolumns = 32\npixel_mm = 4.0"
COHORT = f"""
[options]
workers = 0
threads = 1
write = ["tables"]

[[methods]]
name = "demons"
iterations = 1
[[methods]]
name = "demons"
label = "demons-more"
iterations = 2

[[synthetic]]
subjects = 4
{SMALL}

[[data]]
folder = "heart"
group = "alone"
"""


@pytest.fixture(scope="module")
def description(tmp_path_factory):
    """A description of four synthetic subjects and one in a folder whose images are no images."""
    folder = tmp_path_factory.mktemp("cohort")
    (folder / "heart").mkdir()
    (folder / "heart" / "dataset.toml").write_text('[dataset]\nimages = "{subject}.nii.gz"\n')
    (folder / "heart" / "p1.nii.gz").write_bytes(b"no image")
    file = folder / "cohort.toml"
    file.write_text(COHORT)
    return file


@pytest.fixture(scope="module")
def out(description):
    return description.parent / "out"


def test_a_cohort_is_done_but_for_the_damaged_one(description, out, cardiac_motion):
    ran = cardiac_motion("cohort", description, "-o", out, "--json")
    assert ran.code == 3
    assert ran.json["done"] == 8
    assert ran.json["done_before"] == 0
    assert {(one["subject"], one["status"]) for one in ran.json["left_out"]} == {("p1", "failed")}
    assert "p1.nii.gz" in ran.json["left_out"][0]["reason"]
    assert all(open(file, "rb").read(1) for file in ran.json["files"])  # noqa: PTH123, SIM115


def test_the_same_command_goes_on_and_says_what_is_done(description, out, cardiac_motion):
    ran = cardiac_motion("cohort", description, "-o", out)
    assert ran.code == 3
    assert "8 of 10 done, 10 of them before" in ran.out
    assert "p1 (demons) failed: " in ran.out
    assert "Research use only: not a medical device." in ran.out


def test_tables_are_tidy_and_grouped(out):
    measures = pd.read_csv(out / "tables" / "measures.csv")
    assert list(measures) == ["subject", "data", "group", "method", "measure", "region", "value", "unit"]
    assert not measures.duplicated(["subject", "data", "method", "measure", "region", "unit"]).any()
    ef = measures[(measures["measure"] == "EF") & (measures["method"] == "demons")]
    groups = pd.read_csv(out / "tables" / "groups.csv")
    everybody = groups[(groups["measure"] == "EF") & (groups["group"] == "all") & (groups["method"] == "demons")]
    assert everybody["n"].item() == 4
    assert everybody["median"].item() == pytest.approx(ef["value"].median(), rel=1e-4)
    agreement = pd.read_csv(out / "tables" / "agreement.csv").set_index("measure").loc["EF"]
    more = measures[(measures["measure"] == "EF") & (measures["method"] == "demons-more")].set_index("subject")
    bias = (more["value"] - ef.set_index("subject")["value"]).mean()
    assert agreement["bias"] == pytest.approx(bias, abs=1e-4)
    assert agreement["pairs"] == 4


def test_the_page_names_everybody_and_what_failed(out):
    page = (out / "cohort.html").read_text(encoding="utf-8")
    assert "Research use only: not a medical device." in page
    assert page.count("demons-more") > 4
    assert "EF (%)" in page
    assert "p1.nii.gz" in page
    assert "data:image/png;base64" in page


def test_a_summary_needs_records_only(out, cardiac_motion):
    (out / "cohort.html").unlink()
    ran = cardiac_motion("cohort", "--summary-only", "-o", out, "--quiet")
    assert ran.code == 3
    assert "8 of 10 done" in ran.out
    assert (out / "cohort.html").is_file()


def test_a_folder_of_a_data_set_is_a_cohort(a_subject_folder, tmp_path, cardiac_motion):
    ran = cardiac_motion(
        "cohort", a_subject_folder, "-m", "demons", "-o", tmp_path, "--workers", "0", "--threads", "1", "--json"
    )
    assert ran.code == 0
    (report,) = tmp_path.glob("subjects/*/demons/report.html")
    link = report.relative_to(tmp_path).as_posix()
    assert f'href="{link}"' in (tmp_path / "cohort.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("workers = 0", "worker = 0"), "unknown key options.worker; did you mean workers?"),
        (("threads = 1", 'threads = "one"'), "options.threads is 'one'; expected a whole number"),
        (("workers = 0", "workers = -1"), "options.workers is -1"),
        (('write = ["tables"]', 'write = ["table"]'), "options: write has 'table'"),
        (("iterations = 2", "iteration = 2"), "[[methods]] number 2: method demons has no option iteration"),
        (('label = "demons-more"', "label = 3"), "label is 3; expected text"),
        (("subjects = 4", "subjects = 0"), "[[synthetic]] number 1: the number of synthetic subjects"),
        (("frames = 3", "frame = 3"), "[[synthetic]] number 1: frame; did you mean frames?"),
        (("rows = 32", "rows = 3"), "[[synthetic]] number 1: option rows"),
        (('folder = "heart"', 'folder = "lung"'), "[[data]] number 1: no such file or folder"),
        (('group = "alone"', 'model = "mol"'), "[[data]] number 1: unknown mapping model"),
        (("[[data]]", "[[date]]"), "unknown key date; did you mean data?"),
    ],
)
def test_what_is_wrong_with_a_description_is_named(description, tmp_path, cardiac_motion, change, message):
    file = description.with_name(f"{tmp_path.name}.toml")
    assert change[0] in COHORT
    file.write_text(COHORT.replace(*change, 1))
    ran = cardiac_motion("cohort", file, "-o", tmp_path / "out")
    assert ran.code == 2
    assert message in ran.err
    assert not (tmp_path / "out").exists()


def test_flags_of_a_folder_are_not_of_a_description(description, tmp_path, cardiac_motion):
    ran = cardiac_motion("cohort", description, "-o", tmp_path, "--subjects", "2")
    assert ran.code == 2
    assert "write them into [[data]]" in ran.err


def test_something_must_be_given(tmp_path, cardiac_motion):
    assert "give the folder of a data set" in cardiac_motion("cohort", "-o", tmp_path).err
    assert "output folder of a cohort" in cardiac_motion("cohort", "--summary-only", "-o", tmp_path).err
