"""Building a prior: many fits from one start, stored, gone on with, wherever they run; their mean and its card."""

import dataclasses
import sys
from concurrent.futures.process import BrokenProcessPool

import pytest
import torch
from rings import QUICK, Ring, rings

from CardiacMotionLib import Cancelled, CardiacMotionError, workers
from CardiacMotionLib.methods.inr.fit import Fit
from CardiacMotionLib.methods.inr.prior import Prior, PriorSettings, average
from CardiacMotionLib.methods.protocol import Context
from CardiacMotionLib.phantom.stream import HELD_OUT
from CardiacMotionLib.prior import Recipe, build_prior, fit_population, make_prior, phantom_subjects

RECIPE = Recipe(QUICK, seed=5)
DRAWN = PriorSettings.of(QUICK, 5).network().state_dict()


def norm(parameters):
    return torch.cat([value.flatten() for value in parameters.values()]).norm().item()


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def population(tmp_path, subjects, recipe=RECIPE, **more):
    """A population and what was told on the way."""
    told = []
    return fit_population(subjects, recipe, tmp_path / "fits", told=told.append, **more), told


# ---------------------------------------------------------------------- what comes out


def test_a_prior_is_the_mean_of_fits_from_the_same_weights():
    by_hand = []
    for subject in rings(3):
        context = Context(0, torch.device("cpu"), 5)
        fit = Fit(subject.series(), QUICK, context)
        assert same(fit.field.network.state_dict(), DRAWN)
        fit.run(QUICK.steps, context)
        by_hand.append(fit.field.network.state_dict())
    prior = build_prior(rings(3), QUICK, seed=5)
    for name, value in average(by_hand).items():
        torch.testing.assert_close(prior.parameters[name], value, rtol=1e-4, atol=1e-6)
    assert not same(prior.parameters, DRAWN)
    assert prior.settings == PriorSettings(5, QUICK.initialization, QUICK.omega, 8, 2, QUICK.periodic)


def test_the_card_says_who_and_how(tmp_path):
    prior = build_prior([*rings(2), Ring(7, "oval")], QUICK, seed=5)
    card = Prior.load(prior.save(tmp_path / "a.safetensors")).card
    assert [(one["number"], one["group"]) for one in card["subjects"]] == [(0, "round"), (1, "round"), (7, "oval")]
    assert all(0 < one["loss"] < 2 for one in card["subjects"])
    assert card["groups"] == ["oval", "round"]
    assert card["fit"]["steps"] == 3
    assert card["fit"]["learning_rate"] == 1e-3
    assert card["left_out"] == []
    assert {"date", "machine", "seconds", "made_by", "winsorized", "notice"} <= set(card)


def test_weights_that_begin_apart_average_to_little():
    """Appendix A of the paper: without a common start the mean collapses."""
    still = dataclasses.replace(QUICK, steps=0)
    assert same(build_prior(rings(4), still, seed=5).parameters, DRAWN)
    apart = build_prior(rings(16), still, seed=5, aligned=False)
    assert norm(apart.parameters) == pytest.approx(norm(DRAWN) / 4, rel=0.3)
    assert not apart.settings.aligned


def test_groups_have_priors_of_their_own(tmp_path):
    subjects = [*rings(2), Ring(7, "oval"), Ring(8, "oval", fault="no images")]
    everyone, _ = population(tmp_path, subjects)
    oval = make_prior(everyone.of("oval"), {"data": "rings"})
    assert [one["number"] for one in oval.card["subjects"]] == [7]
    assert [one["number"] for one in oval.card["left_out"]] == [8]
    assert oval.card["data"] == "rings"
    assert same(oval.parameters, build_prior([Ring(7, "oval")], QUICK, seed=5).parameters)
    with pytest.raises(CardiacMotionError, match="no fits to average"):
        make_prior(everyone.of("square"))


# ---------------------------------------------------------------------- fits as files


def test_a_build_goes_on_where_it_was(tmp_path):
    few, told = population(tmp_path, rings(2))
    assert [text.split(",")[0] for text in told] == ["1 of 2: ring 0", "2 of 2: ring 1"]
    before = {file: file.stat().st_mtime_ns for _, file in few.fits}
    more, told = population(tmp_path, rings(3))
    assert told[0].startswith("2 of 3 subjects are fitted already")
    assert [text.split(",")[0] for text in told[1:]] == ["3 of 3: ring 2"]
    assert {file: file.stat().st_mtime_ns for _, file in more.fits[:2]} == before
    assert same(make_prior(more).parameters, build_prior(rings(3), QUICK, seed=5).parameters)


@pytest.mark.parametrize(
    "other", [Recipe(dataclasses.replace(QUICK, points=65), 5), Recipe(QUICK, 6)], ids=["options", "seed"]
)
def test_other_fits_are_other_files(tmp_path, other):
    first, _ = population(tmp_path, rings(1))
    second, _ = population(tmp_path, rings(1), other)
    assert first.fits[0][1] != second.fits[0][1]
    assert len(list((tmp_path / "fits").iterdir())) == 2


def test_a_damaged_fit_is_named(tmp_path):
    found, _ = population(tmp_path, rings(1))
    file = found.fits[0][1]
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(CardiacMotionError, match=f"{file.name}.*delete it"):
        make_prior(found)


def test_a_cancelled_build_keeps_what_is_done(tmp_path):
    asked = []

    def progress(fraction, text):
        asked.append(text)
        return fraction < 1 / 3

    with pytest.raises(Cancelled, match="after 1 of 3"):
        population(tmp_path, rings(3), progress=progress)
    assert len(asked) == 1 + QUICK.steps + 1
    assert len(list((tmp_path / "fits").iterdir())) == 1


# ---------------------------------------------------------------------- what goes wrong


def test_a_bad_subject_is_left_out_with_its_reason(tmp_path):
    subjects = [*rings(3), Ring(3, fault="slice 2 is missing"), Ring(4, labels=False)]
    found, told = population(tmp_path, subjects)
    assert [subject.name for subject, _ in found.fits] == ["ring 0", "ring 1", "ring 2"]
    reasons = {subject.name: reason for subject, reason in found.failed}
    assert reasons["ring 3"] == "slice 2 is missing"
    assert "no labels of the LV" in reasons["ring 4"]
    assert "4 of 5: ring 3 was left out: slice 2 is missing" in told
    assert [one["number"] for one in make_prior(found).card["left_out"]] == [3, 4]


def test_too_many_bad_subjects_are_no_prior(tmp_path):
    with pytest.raises(CardiacMotionError, match="2 of 3 subjects could not be fitted: ring 1: broken; ring 2: broken"):
        population(tmp_path, [Ring(0), Ring(1, fault="broken"), Ring(2, fault="broken")])


def test_of_many_bad_subjects_a_few_are_told(tmp_path):
    with pytest.raises(CardiacMotionError, match=r"8 of 8 .*ring 4: broken; and 3 more"):
        population(tmp_path, rings(8, fault="broken"))


def test_a_fit_that_goes_to_infinity_is_left_out(tmp_path):
    wild = dataclasses.replace(QUICK, learning_rate=float("inf"))
    with pytest.raises(CardiacMotionError, match="the fit went to infinity in step"):
        population(tmp_path, rings(1), Recipe(wild))


def test_fits_of_a_prior_begin_from_drawn_weights_whatever_prior_is_asked_for(tmp_path):
    wanted, _ = population(tmp_path, rings(1))
    other, _ = population(tmp_path, rings(1), Recipe(dataclasses.replace(QUICK, prior="tagged"), seed=5))
    assert wanted.fits == other.fits, "the same file"
    with pytest.raises(CardiacMotionError, match="fits of a prior need none, they are kept as files"):
        build_prior(rings(1), dataclasses.replace(QUICK, checkpoint="state.npz"))


def test_a_seed_is_a_number():
    with pytest.raises(CardiacMotionError, match="seed must be a whole number"):
        build_prior(rings(1), QUICK, seed=-1)


def test_no_subjects_are_no_prior():
    with pytest.raises(CardiacMotionError, match="no subjects"):
        build_prior([], QUICK)


# ---------------------------------------------------------------------- where the fits run


def test_processes_give_what_this_one_gives(tmp_path):
    subjects = [*rings(2), Ring(2, fault="broken")]
    found, told = population(tmp_path, subjects, workers=2)
    assert [reason for _, reason in found.failed] == ["broken"]
    assert sum("ring" in text for text in told) == 3
    assert same(make_prior(found).parameters, build_prior(rings(2), QUICK, seed=5).parameters)


def test_processes_are_cancelled(tmp_path):
    with pytest.raises(Cancelled):
        population(tmp_path, rings(2), Recipe(dataclasses.replace(QUICK, steps=100_000)), workers=2, progress=once())


def once():
    """Progress that says yes the first time only."""
    answers = iter([True])
    return lambda *_: next(answers, False)


def test_a_worker_that_died_is_told(monkeypatch):
    class Dead:
        def result(self):
            raise BrokenProcessPool("killed")

    monkeypatch.setattr(workers.ProcessPoolExecutor, "submit", lambda *_: Dead())
    monkeypatch.setattr(workers, "wait", lambda futures, *_: (futures, set()))
    with pytest.raises(CardiacMotionError, match="a worker process died"):
        list(workers.each(print, [1], workers=2, scheduler=None, tick=lambda _: None))


def test_a_dask_cluster_gives_what_this_process_gives(tmp_path):
    distributed = pytest.importorskip("dask.distributed")
    subjects = [*rings(2), Ring(2, fault="broken")]
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
    ) as cluster:
        found, _ = population(tmp_path, subjects, scheduler=cluster.scheduler_address)
    assert [reason for _, reason in found.failed] == ["broken"]
    assert same(make_prior(found).parameters, build_prior(rings(2), QUICK, seed=5).parameters)


def test_a_scheduler_needs_dask(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "dask.distributed", None)
    with pytest.raises(CardiacMotionError, match="not installed: pip install distributed"):
        population(tmp_path, rings(1), scheduler="tcp://host:8786")


def test_a_scheduler_that_does_not_exist_is_told(tmp_path):
    pytest.importorskip("dask.distributed")
    with pytest.raises(CardiacMotionError, match="no Dask scheduler answers at 'nowhere'"):
        population(tmp_path, rings(1), scheduler="nowhere")


# ---------------------------------------------------------------------- synthetic subjects


def test_groups_take_turns_and_a_part_of_them_are_the_same_people():
    everyone = phantom_subjects(12)
    assert [person.seed for person in everyone] == list(range(12))
    assert {person.group for person in everyone[:5]} == {"normal", "hcm", "dcm", "ischemic", "lbbb"}
    ill = phantom_subjects(4, ["hcm", "dcm"])
    assert ill == [person for person in everyone if person.group in ("hcm", "dcm")][:4]


@pytest.mark.parametrize(
    ("number", "groups", "message"),
    [
        (0, ["hcm"], "expected at least 1"),
        (-1, ["hcm"], "expected at least 1"),
        (3, ["average"], "unknown group average"),
        (3, [], "none given"),
    ],
)
def test_subjects_that_do_not_exist_are_refused(number, groups, message):
    with pytest.raises(CardiacMotionError, match=message):
        phantom_subjects(number, groups)


def test_held_out_people_are_never_subjects(monkeypatch):
    monkeypatch.setattr("CardiacMotionLib.prior.subjects.HELD_OUT", 10)
    assert phantom_subjects(10)[-1].seed == 9
    with pytest.raises(CardiacMotionError, match="those held out"):
        phantom_subjects(11)
    assert HELD_OUT == 1_000_000


def test_a_synthetic_subject_is_its_cine_with_tags_in_it():
    (subject,) = phantom_subjects(1, ["lbbb"])
    series = subject.series()
    assert subject.seed == 4
    assert len(series.meta["tagged_slices"]) == 3
    assert subject.identity["seed"] == 4
    assert subject.entry == {"seed": 4, "group": "lbbb"}
