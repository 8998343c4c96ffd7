"""The loop on a problem whose answer is known; what was stopped and went on is compared bit for bit."""

from dataclasses import replace

import pytest
import torch
from toy_task import SLOPE, ToyTask

from CardiacMotionLib import Cancelled, CardiacMotionError
from CardiacMotionLib.training.log import PICTURE, TRAINING, VALIDATION, read_log
from CardiacMotionLib.training.loop import CHECKPOINT, duration, train
from CardiacMotionLib.training.settings import Settings

RICH = Settings(
    steps=40,
    learning_rate=0.05,
    optimizer="adamw",
    weight_decay=0.01,
    schedule="cosine",
    warmup=3,
    clip=1.0,
    ema=0.9,
    validate_every=7,
    checkpoint_every=9,
    log_every=4,
    seed=3,
)


def stop_after(steps):
    """A progress that cancels the run after so many steps of a session."""
    calls = []

    def progress(fraction, text):
        calls.append(text)
        return len(calls) < steps

    return progress


def state_of(folder):
    state = torch.load(folder / CHECKPOINT, weights_only=True)
    del state["seconds"]
    return state


def same(one, other):
    """Whether nested values are equal to the bit."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def test_learns_the_slope(tmp_path):
    trained = train(ToyTask(), Settings(steps=300, learning_rate=0.05, schedule="cosine"), tmp_path, "cpu")
    assert torch.allclose(trained.tensors["matrix.weight"], SLOPE, atol=0.1)
    assert trained.scores["score"] < 0.05
    assert trained.steps == 300
    assert trained.processes == 1
    assert (tmp_path / PICTURE).stat().st_size > 1000


@pytest.mark.parametrize("stops", [(11,), (1, 20), (9, 9, 9)], ids=str)
def test_goes_on_to_the_same_bits(tmp_path, stops):
    whole = train(ToyTask(), RICH, tmp_path / "whole", "cpu")
    for session, steps in enumerate(stops):
        with pytest.raises(Cancelled, match="the state is in"):
            train(another(session), RICH, tmp_path / "parts", "cpu", stop_after(steps))
        torch.rand(5)  # what happens around a run does not matter to it
    said = []
    parts = train(another(len(stops)), RICH, tmp_path / "parts", "cpu", told=said.append)
    assert f"from step {sum(stops)}" in said[0]
    assert same(whole.tensors, parts.tensors)
    assert (whole.scores, whole.best_step) == (parts.scores, parts.best_step)
    assert same(state_of(tmp_path / "whole"), state_of(tmp_path / "parts"))
    for name in (TRAINING, VALIDATION):
        one, other = (read_log(tmp_path / run / name) for run in ("whole", "parts"))
        assert one.pop("seconds")
        assert other.pop("seconds")
        assert one == other


def another(session):
    """The task; from the second session on with other weights, which the checkpoint replaces."""
    task = ToyTask()
    if session:
        torch.nn.init.zeros_(task.network.matrix.weight)
    return task


def test_workers_give_the_same(tmp_path):
    settings = replace(RICH, steps=6)
    here = train(ToyTask(), settings, tmp_path / "here", "cpu")
    ahead = train(ToyTask(), replace(settings, workers=2), tmp_path / "ahead", "cpu")
    assert same(here.tensors, ahead.tensors)


def test_average_is_what_is_validated_and_written(tmp_path):
    settings = replace(RICH, ema=0.99, schedule="constant", validate_every=40)
    task = ToyTask()
    averaged = train(task, settings, tmp_path, "cpu")
    off = (averaged.tensors["matrix.weight"] - SLOPE).abs().mean().item()
    assert averaged.scores["score"] == pytest.approx(off, abs=1e-6)
    assert not same(averaged.tensors["matrix.weight"], task.network.matrix.weight.detach())
    assert averaged.tensors["calls"] == 40  # whole numbers are not averaged


def test_in_the_last_steps_normalization_is_that_of_use(tmp_path):
    task, seen = ToyTask(), []
    task.norm = torch.nn.BatchNorm1d(1)
    task.network.register_forward_hook(lambda *_: seen.append(task.norm.training) if task.training else None)
    train(task, Settings(steps=8, frozen=0.25, validate_every=4), tmp_path, "cpu")
    assert seen == 6 * [True] + 2 * [False]
    assert "steps" in Settings(frozen=0.25).decisive
    assert "steps" not in Settings().decisive


def test_rows_after_the_checkpoint_are_cut(tmp_path):
    settings = Settings(steps=40, log_every=1, validate_every=10, checkpoint_every=100)
    train(ToyTask(), settings, tmp_path, "cpu")
    with (tmp_path / TRAINING).open("a") as file:
        file.write("41,0,0,0,0,0\n57,0,0,0,0,0\n")
    train(ToyTask(), replace(settings, steps=44), tmp_path, "cpu")
    assert read_log(tmp_path / TRAINING)["step"] == list(range(1, 45))
    (tmp_path / CHECKPOINT).unlink()
    train(ToyTask(), replace(settings, steps=3), tmp_path, "cpu")  # begins anew, and so do the tables
    assert read_log(tmp_path / TRAINING)["step"] == [1, 2, 3]
    assert read_log(tmp_path / VALIDATION)["step"] == [3]


def test_row_is_the_mean_since_the_last(tmp_path):
    settings = Settings(steps=6, learning_rate=1e-8, log_every=1)
    train(ToyTask(), settings, tmp_path / "each", "cpu")
    train(ToyTask(), replace(settings, log_every=3), tmp_path / "three", "cpu")
    each, three = (read_log(tmp_path / name / TRAINING) for name in ("each", "three"))
    assert three["step"] == [3, 6]
    assert three["loss"] == pytest.approx([sum(each["loss"][:3]) / 3, sum(each["loss"][3:]) / 3])


def test_stops_early_and_keeps_the_best(tmp_path):
    settings = Settings(steps=100, validate_every=5, patience=2)
    trained = train(ToyTask(scores=[3.0, 1.0, 2.0, 1.0]), settings, tmp_path, "cpu")
    assert (trained.steps, trained.best_step, trained.scores["score"]) == (20, 10, 1.0)
    assert trained.tensors["calls"] == 10
    again = train(ToyTask(scores=[]), settings, tmp_path, "cpu")  # nothing is left to do
    assert again.steps == 20
    assert same(again.tensors, trained.tensors)


@pytest.mark.parametrize(
    ("task", "settings", "named"),
    [
        (ToyTask(), replace(RICH, learning_rate=0.1), "training.learning_rate 0.05 in the checkpoint, 0.1 asked"),
        (ToyTask(samples=4), RICH, "data.samples 8 in the checkpoint, 4 asked"),
        (ToyTask(), replace(RICH, steps=80), "training.steps"),  # the cosine ends elsewhere
    ],
)
def test_checkpoint_of_another_run_is_refused_by_name(tmp_path, task, settings, named):
    with pytest.raises(Cancelled):
        train(ToyTask(), RICH, tmp_path, "cpu", stop_after(2))
    with pytest.raises(CardiacMotionError, match=named):
        train(task, settings, tmp_path, "cpu")


def test_what_is_no_checkpoint_is_refused(tmp_path):
    (tmp_path / CHECKPOINT).write_bytes(b"something else")
    with pytest.raises(CardiacMotionError, match="not a readable checkpoint"):
        train(ToyTask(), RICH, tmp_path, "cpu")


def test_training_that_goes_astray_leaves_the_last_good_state(tmp_path):
    class Astray(ToyTask):
        def forward(self, batch):
            loss, parts = super().forward(batch)
            return loss * (torch.nan if self.network.calls > 20 else 1), parts

    settings = Settings(steps=40, checkpoint_every=1, log_every=10)
    with pytest.raises(CardiacMotionError, match=r"not a finite number before step 21; take a smaller training\.learn"):
        train(Astray(), settings, tmp_path, "cpu")
    assert state_of(tmp_path)["step"] == 20


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_mixed_precision_learns_and_goes_on(tmp_path, precision):
    settings = Settings(steps=60, learning_rate=0.05, precision=precision)
    whole = train(ToyTask(), settings, tmp_path / "whole", "cpu")
    assert whole.tensors["matrix.weight"].dtype == torch.float32
    assert whole.scores["score"] < 0.6
    with pytest.raises(Cancelled):
        train(ToyTask(), settings, tmp_path / "parts", "cpu", stop_after(31))
    assert same(train(ToyTask(), settings, tmp_path / "parts", "cpu").tensors, whole.tensors)


def test_automatic_precision_is_the_quick_one(tmp_path, monkeypatch):
    monkeypatch.setattr("CardiacMotionLib.training.loop.computes_bfloat16", lambda device: False)
    settings = Settings(steps=5, precision="auto")
    plain = train(ToyTask(), settings, tmp_path / "plain", "cpu")
    assert plain.precision == "float32"
    monkeypatch.setattr("CardiacMotionLib.training.loop.computes_bfloat16", lambda device: True)
    mixed = train(ToyTask(), settings, tmp_path / "mixed", "cpu")
    assert mixed.precision == "bfloat16"
    assert same(plain.tensors, train(ToyTask(), replace(settings, precision="float32"), tmp_path / "named").tensors)
    assert not same(plain.tensors, mixed.tensors)


def test_learning_rate_rises_and_falls():
    settings = Settings(steps=110, warmup=10, learning_rate=1.0, schedule="cosine")
    rates = [settings.rate(step) for step in range(110)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9] == rates[10] == 1
    assert rates[60] == pytest.approx(0.5)
    assert 0 < rates[-1] < 1e-3
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert {replace(settings, schedule="constant").rate(step) for step in range(10, 110)} == {1.0}


def test_progress_says_what_is_left(tmp_path):
    said = []
    train(ToyTask(), Settings(steps=20), tmp_path, "cpu", lambda fraction, text: said.append((fraction, text)))
    assert [fraction for fraction, _ in said] == [n / 20 for n in range(1, 21)]
    assert said[10][1].startswith("step 11 of 20, loss ")
    assert said[10][1].endswith("s left")
    assert [duration(s) for s in (5, 600, 7265, 100 * 3600)] == ["5 s", "10 min", "2 h 2 min", "100 h 0 min"]


def test_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CardiacMotionError, match="cannot write into"):
        train(ToyTask(), RICH, tmp_path / "file" / "run", "cpu")


def test_tensorboard_has_the_same_numbers(tmp_path):
    pytest.importorskip("tensorboard", reason="the extra 'train' is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    settings = Settings(steps=8, log_every=1, validate_every=4, checkpoint_every=3)
    with pytest.raises(Cancelled):
        train(ToyTask(), settings, tmp_path, "cpu", stop_after(5))
    train(ToyTask(), settings, tmp_path, "cpu")
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    board = {event.step: event.value for event in events.Scalars("training/loss")}
    table = read_log(tmp_path / TRAINING)
    assert board == pytest.approx(dict(zip(table["step"], table["loss"], strict=True)))
    assert [event.step for event in events.Scalars("validation/score")] == [4, 8]
