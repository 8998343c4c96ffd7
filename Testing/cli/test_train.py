"""``cardiac-motion train`` on synthetic hearts and on a user's own folder, with networks that learn next to nothing."""

import os
import signal

import pytest
from small_files import save

from CardiacMotionLib.phantom import phantom
from CardiacMotionLib.training.log import PICTURE, VALIDATION, read_log
from CardiacMotionLib.training.loop import CHECKPOINT
from CardiacMotionLib.weights import Weights

RECIPE = """
[network]
steps = 2
first = 4
second = 4

[data]
subjects = 2
held_out = 1
slices = 4
pixel_mm = 4.0
size = 16
batch = 2

[training]
steps = 4
validate_every = 2
"""


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(RECIPE)
    return path


@pytest.fixture(scope="module")
def acdc_folder(tmp_path_factory):
    """Two synthetic hearts as ACDC has them."""
    root = tmp_path_factory.mktemp("acdc") / "training"
    for number in (1, 2):
        name = f"patient{number:03d}"
        folder = root / name
        heart = phantom("cine", number, frames=4, slices=4, rows=48, columns=48, pixel_mm=3.0, thickness_mm=16.0).series
        save(folder / f"{name}_4d.nii.gz", heart.frames, 0.2, "sec", heart.affine)
        for frame in (0, 2):
            save(folder / f"{name}_frame{frame + 1:02d}_gt.nii.gz", heart.labels[frame], affine=heart.affine)
            save(folder / f"{name}_frame{frame + 1:02d}.nii.gz", heart.frames[frame], affine=heart.affine)
        (folder / "Info.cfg").write_text("ED: 1\nES: 3\nGroup: NOR\n")
    return root


def test_trains_on_synthetic_hearts(cardiac_motion, recipe, tmp_path):
    out = tmp_path / "tiny.safetensors"
    done = cardiac_motion("train", "riir", "--config", recipe, "-o", out, "--seed", 5, "--json")
    assert done.code == 0, done.err
    assert done.json["files"] == [str(out), str(out.with_suffix(".toml"))]
    assert done.json["steps"] == 4
    assert {CHECKPOINT, PICTURE, VALIDATION} <= {path.name for path in (tmp_path / "tiny_training").iterdir()}
    assert "Step 2 of 4: score" in done.err
    card = Weights.load(out, method="riir").card
    assert card["network"]["first"] == 4
    assert (card["seed"], card["recipe"]["training"]["seed"]) == (5, 5)
    assert "no data of people" in card["data"]
    assert cardiac_motion("weights", "verify", out).code == 0


def test_trains_on_a_folder_of_ones_own(cardiac_motion, recipe, acdc_folder, tmp_path):
    out = tmp_path / "own.safetensors"
    changes = ["--set", "data.template=any", "--set", "training.log_every=1"]
    done = cardiac_motion("train", "riir", "--config", recipe, "--data", acdc_folder, *changes, "-o", out)
    assert done.code == 0, done.err
    assert "held-out score" in done.out
    assert "not a medical device" in done.out
    text = out.with_suffix(".toml").read_text()
    assert "1 subjects of a cohort" in text or "1 subject of a cohort" in text
    assert "patient00" not in text  # names of people stay here
    assert str(acdc_folder) not in text


def test_what_was_stopped_goes_on(cardiac_motion, recipe, tmp_path, monkeypatch):
    """Ctrl-C within a step: the step is finished, the state kept, and the same command ends as if nothing had been."""
    from CardiacMotionLib.training.pairs import PairTask

    command = ("train", "riir", "--config", recipe, "--work", tmp_path / "work", "-o", tmp_path / "tiny.safetensors")
    forward = PairTask.forward
    calls = []

    def interrupted(self, batch):
        calls.append(1)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return forward(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(PairTask, "forward", interrupted)
        stopped = cardiac_motion(*command)
    assert stopped.code == 130
    assert "the same command goes on from there" in stopped.err
    assert not (tmp_path / "tiny.safetensors").exists()
    resumed = cardiac_motion(*command)
    assert resumed.code == 0, resumed.err
    assert "Going on from step" in resumed.err
    whole = cardiac_motion(*command[:5], tmp_path / "other", "-o", tmp_path / "whole.safetensors")
    assert whole.code == 0
    one, other = (Weights.load(tmp_path / name) for name in ("tiny.safetensors", "whole.safetensors"))
    assert all((value == other.tensors[name]).all() for name, value in one.tensors.items())
    assert read_log(tmp_path / "work" / VALIDATION)["step"] == [2, 4]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["spline"], "'spline' is no method that is trained; those are"),
        (["riir", "--config", "enormous"], "recipe 'enormous' cannot be read"),
        (["riir", "--set", "training.stepz=5"], "[training] has no setting stepz"),
        (["riir", "--steps", "0"], "option steps must be from 1 to"),
        (["riir", "-o", "weights.pt"], "use a name ending in .safetensors"),
        (["riir", "--layout", "acdc"], "give the folder with --data"),
        (["riir", "--data", "nowhere"], "nowhere"),
    ],
)
def test_bad_input_is_one_line(cardiac_motion, recipe, arguments, said):
    config = [] if "--config" in arguments else ["--config", recipe]
    done = cardiac_motion("train", *arguments, *config)
    assert done.code == 2
    assert said in done.err
    assert len(done.err.strip().splitlines()) == 1
