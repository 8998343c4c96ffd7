"""``cardiac-motion prior``: building, looking at and mixing first weights."""

import json
import tomllib

import pytest
from moving_images import contracting_series
from rings import SHAPE

from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.methods.inr.prior import Prior
from CardiacMotionLib.phantom import phantom
from CardiacMotionLib.prior import PhantomSubject, fits
from CardiacMotionLib.studies.subjects import case_subjects

QUICK = ["--steps", "2", "--width", "8", "--layers", "2", "--points", "64", "--volume-points", "16"]


@pytest.fixture(autouse=True)
def quick_subjects(monkeypatch):
    """Seeds of the synthetic subjects that were made; each is a small ring, seed 3 fails."""
    made = []

    def series(self):
        made.append(self.seed)
        if self.seed == 3:
            raise CardiacMotionError("no heart here")
        found, _ = contracting_series(**SHAPE)
        return found.replace(frames=found.frames ** (1 + 0.1 * self.seed))

    monkeypatch.setattr(PhantomSubject, "series", series)
    return made


@pytest.fixture
def build(cardiac_motion, tmp_path):
    def call(name, *arguments):
        return cardiac_motion("prior", "build", "phantom", "-o", tmp_path / name, *QUICK, *arguments)

    return call


@pytest.fixture
def a_prior(build, tmp_path):
    assert build("a.safetensors", "--subjects", "2").code == 0
    return tmp_path / "a.safetensors"


# ---------------------------------------------------------------------- build


def test_a_prior_is_built_and_gone_on_with(build, tmp_path, quick_subjects):
    done = build("a.safetensors", "--subjects", "2", "--json")
    assert done.code == 0, done.err
    assert done.json["files"] == [str(tmp_path / "a.safetensors"), str(tmp_path / "a.toml")]
    assert done.json["subjects"] == ["phantom 0 normal", "phantom 1 hcm"]
    card = Prior.load(tmp_path / "a.safetensors").card
    assert card["license"] == "Apache-2.0"
    assert "no data of people" in card["data"]
    assert (card["fit"]["steps"], card["fit"]["learning_rate"], card["fit"]["decay"]) == (2, 2e-5, False)
    more = build("b.safetensors", "--subjects", "3", "--work", tmp_path / "a_fits")
    assert more.code == 0
    assert quick_subjects == [0, 1, 2]
    assert "2 of 3 subjects are fitted already" in more.err
    assert "3 of 3: phantom 2 dcm, loss" in more.err
    assert "the mean of 3 subjects" in more.out


def test_a_bad_subject_is_a_note(build):
    done = build("a.safetensors", "--subjects", "4", "--json")
    assert done.code == 0
    assert done.json["left_out"] == [{"name": "phantom 3 ischemic", "reason": "no heart here"}]
    assert done.json["notes"] == ["phantom 3 ischemic was left out: no heart here"]


def test_groups_are_chosen_and_stratified(build, tmp_path, quick_subjects):
    done = build("a.safetensors", "--subjects", "4", "--group", "hcm,dcm", "--stratify", "--json")
    assert done.code == 0, done.err
    assert quick_subjects == [1, 2, 6, 7]
    cards = {name: Prior.load(tmp_path / f"{name}.safetensors").card for name in ("a", "a_hcm", "a_dcm")}
    assert {name: [one["seed"] for one in card["subjects"]] for name, card in cards.items()} == {
        "a": [1, 2, 6, 7],
        "a_hcm": [1, 6],
        "a_dcm": [2, 7],
    }
    assert len(done.json["files"]) == 6


def test_different_seeds_are_told_in_the_card(build, tmp_path):
    assert build("a.safetensors", "--subjects", "2", "--different-seeds").code == 0
    assert tomllib.loads((tmp_path / "a.toml").read_text())["settings"]["aligned"] is False


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--subjects", "1", "--omega", "0.5"], "option omega must be from 1 to 200"),
        (["--subjects", "1", "--group", "well"], "unknown group well; there is normal"),
        ([], "say how many synthetic subjects with --subjects N"),
        (["--subjects", "1", "--device", "abacus"], "unknown device 'abacus'"),
    ],
)
def test_what_cannot_be_built_is_said_at_once(build, tmp_path, quick_subjects, arguments, message):
    done = build("a.safetensors", *arguments)
    assert done.code == 2
    assert message in done.err
    assert not quick_subjects
    assert not list(tmp_path.iterdir())


def test_the_output_is_looked_at_before_the_work(build, quick_subjects):
    done = build("a.pt", "--subjects", "1")
    assert done.code == 2
    assert "use a name ending in .safetensors" in done.err
    assert not quick_subjects


def test_flags_are_those_of_the_fit_with_the_defaults_for_building(cardiac_motion, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    text = " ".join(cardiac_motion("prior", "build", "--help").out.replace("│", " ").split())
    assert "--learning-rate" in text
    assert f"default {fits.DEFAULTS.points}" in text
    assert "--checkpoint" not in text
    assert "--prior " not in text


# ---------------------------------------------------------------------- cohorts


@pytest.fixture(scope="module")
def a_cohort(tmp_path_factory):
    """Two people with cine and tagging, and one without tagging."""
    from CardiacMotionLib.cli.phantom import write_subject

    folder = tmp_path_factory.mktemp("cohort")
    tiny = {"rows": 48, "columns": 48, "pixel_mm": 3.0, "frames": 3, "slices": 3}
    for person, group in (("p1", "hcm"), ("p2", "dcm"), ("p3", "dcm")):
        for kind in ("cine", "tagged"):
            if (person, kind) != ("p3", "tagged"):
                (folder / person / kind).mkdir(parents=True)
                more = {"period_mm": 9.0} if kind == "tagged" else {}
                subject = phantom(kind, int(person[1]), group=group, **tiny, **more)
                write_subject(subject, kind, folder / person / kind)
    return folder


def test_a_cohort_of_files(cardiac_motion, a_cohort, tmp_path):
    done = cardiac_motion("prior", "build", a_cohort, "-o", tmp_path / "a.safetensors", "--json", *QUICK)
    assert done.code == 0, done.err
    assert done.json["subjects"] == ["p1", "p2"]
    assert done.json["left_out"][0]["name"] == "p3"
    assert "no tagged series beside the cine" in done.json["left_out"][0]["reason"]
    card = (tmp_path / "a.toml").read_text()
    assert "p1" not in card
    assert str(a_cohort) not in card
    assert "license" not in card


def test_subjects_of_a_cohort_are_chosen(a_cohort):
    assert [one.name for one in case_subjects(a_cohort, 2)] == ["p1", "p2"]
    assert [one.name for one in case_subjects(a_cohort, None, groups=("dcm",))] == ["p2", "p3"]
    with pytest.raises(CardiacMotionError, match="has no group well; its groups are dcm, hcm"):
        case_subjects(a_cohort, None, groups=("well",))
    with pytest.raises(CardiacMotionError, match="has 1 such subjects, 2 were asked for"):
        case_subjects(a_cohort, 2, groups=("hcm",))


def test_a_cohort_without_groups_is_not_stratified(cardiac_motion, tmp_path):
    (tmp_path / "cohort" / "p1").mkdir(parents=True)
    (tmp_path / "cohort" / "p1" / "cine.nii.gz").touch()
    (tmp_path / "cohort" / "dataset.toml").write_text('[dataset]\nimages = "{subject}/cine.nii.gz"\n')
    done = cardiac_motion("prior", "build", tmp_path / "cohort", "--stratify", "-o", tmp_path / "a.safetensors")
    assert done.code == 2
    assert "no known groups, so there is nothing to stratify by" in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["cohort"], "said before the work"


def test_another_file_is_another_identity(a_cohort):
    subject = case_subjects(a_cohort, 1)[0]
    before, entry = subject.identity, subject.entry
    json.dumps(before)
    extra = subject.case.path / "extra.txt"
    extra.write_text("more")
    assert subject.identity != before
    extra.unlink()
    assert subject.entry == entry


# ---------------------------------------------------------------------- looking and mixing


def test_inspect_draws_and_prints(cardiac_motion, a_prior, tmp_path, monkeypatch):
    small = phantom("cine", 1_000_000, rows=64, columns=64, pixel_mm=2.2, frames=4)
    monkeypatch.setattr("CardiacMotionLib.phantom.phantom", lambda *_, **__: small)
    done = cardiac_motion("prior", "inspect", a_prior, "-o", tmp_path / "a.png", "--json")
    assert done.code == 0, done.err
    assert list(done.json["scores"]) == ["prior", "drawn weights", "truth"]
    assert done.json["scores"]["truth"]["agreement"] == pytest.approx(1)
    assert (tmp_path / "a.png").stat().st_size > 20_000
    shown = cardiac_motion("prior", "inspect", a_prior).out
    assert "cosine to the truth" in shown
    assert "drawn weights" in shown


def test_inspect_of_a_cine(cardiac_motion, a_prior, a_cohort):
    heart = a_cohort / "p1" / "cine"
    done = cardiac_motion("prior", "inspect", a_prior, heart / "cine.nii.gz", "--labels", heart / "labels", "--json")
    assert done.code == 0, done.err
    assert list(done.json["scores"]) == ["prior", "drawn weights"]
    assert done.json["scores"]["prior"]["agreement"] is None
    without = cardiac_motion("prior", "inspect", a_prior, heart / "cine.nii.gz")
    assert without.code == 2
    assert "no labels of the wall" in without.err


def test_inspect_refuses_labels_of_nothing_and_other_pictures(cardiac_motion, a_prior, tmp_path):
    assert "name the cine too" in cardiac_motion("prior", "inspect", a_prior, "--labels", "x.nii").err
    done = cardiac_motion("prior", "inspect", tmp_path / "none.safetensors")
    assert done.code == 2
    assert "no such file" in done.err


def test_show_prints_the_card(cardiac_motion, a_prior):
    done = cardiac_motion("prior", "show", a_prior)
    assert done.code == 0
    for line in ("method: inr", "subjects: 2", "groups: hcm, normal", "Research use only"):
        assert line in done.out
    assert cardiac_motion("prior", "show", a_prior, "--json").json["settings"]["width"] == 8


def test_show_lists_the_users_and_what_ships(cardiac_motion, monkeypatch, tmp_path, a_prior):
    Prior.load(a_prior).save(tmp_path / "models" / "inr_mine.safetensors")
    monkeypatch.setenv("CARDIAC_MOTION_MODELS", str(tmp_path / "models"))
    done = cardiac_motion("prior", "show")
    assert "mine: 2 subjects, synthetic" in done.out
    assert cardiac_motion("prior", "show", "--json").json["priors"] == ["mine", "tagged"]
    assert cardiac_motion("prior", "show", "mine").code == 0


def test_blend_writes_a_mixture(cardiac_motion, build, tmp_path):
    build("a.safetensors", "--subjects", "4", "--stratify")
    parts = [tmp_path / "a_hcm.safetensors", tmp_path / "a_dcm.safetensors"]
    done = cardiac_motion("prior", "blend", *parts, "--weights", ".7,.3", "-o", tmp_path / "b.safetensors", "--json")
    assert done.code == 0, done.err
    card = Prior.load(tmp_path / "b.safetensors").card
    assert [(one["name"], one["weight"]) for one in card["blend"]] == [("a_hcm", 0.7), ("a_dcm", 0.3)]
    assert [one["seed"] for one in card["subjects"]] == [1, 2]
    assert card["license"] == "Apache-2.0"
    for weights, message in ((".7,.4", "must sum to 1"), ("much", "expected numbers"), ("1", "2 priors and 1 weights")):
        bad = cardiac_motion("prior", "blend", *parts, "--weights", weights, "-o", tmp_path / "c.safetensors")
        assert bad.code == 2
        assert message in bad.err
    assert not (tmp_path / "c.safetensors").exists()
