"""Recipes: what is refused and how it is said; the way into a card and back."""

import json
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from toy_task import Line, ToyTask

from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.methods.protocol import MethodInfo, option
from CardiacMotionLib.training import recipe as recipes_module
from CardiacMotionLib.training.export import export, machine
from CardiacMotionLib.training.loop import train
from CardiacMotionLib.training.recipe import TaskKind, load_recipe, make_recipe, recipes
from CardiacMotionLib.training.settings import Settings
from CardiacMotionLib.weights import Weights, read_card


@dataclass(frozen=True)
class Config:
    width: int = option(2, "Width", minimum=1, maximum=8)
    name: str = option("plain", "Name", choices=("plain", "good one"))


@dataclass(frozen=True)
class Data:
    samples: int = option(8, "Samples", minimum=1, maximum=100)
    augmented: bool = option(True, "Augmented")


@dataclass(frozen=True)
class Loss:
    smoothness: float = option(0.5, "Smoothness", minimum=0, maximum=10)


class Network(Line):
    Config = Config

    def __init__(self, config):
        super().__init__()
        self.config = config


def make_toy(network, data, loss, seed, subjects, told, store):
    task = ToyTask(seed=seed, samples=data.samples)
    task.network = network
    return task


@pytest.fixture
def info(monkeypatch):
    monkeypatch.setitem(recipes_module.TASKS, "toy", lambda: TaskKind(Data, Loss, make_toy))
    return MethodInfo("toy", "Toy", "A toy", "Nobody", Config, lambda *_: None, network=lambda: Network, task="toy")


@pytest.fixture
def write(tmp_path):
    def to_file(text):
        path = tmp_path / "mine.toml"
        path.write_text(text)
        return path

    return to_file


def test_file_and_changes_make_the_sections(info, write):
    path = write("[network]\nwidth = 3\n[training]\nsteps = 50\nlearning_rate = 1\n")
    made = load_recipe(info, path, ["training.steps=70", "network.name=good one", "data.augmented=false"])
    assert made.name == "mine"
    assert made.network == Config(3, "good one")
    assert made.data == Data(8, False)
    assert made.loss == Loss()
    assert made.training == Settings(steps=70, learning_rate=1.0)
    assert isinstance(made.training.learning_rate, float)


@pytest.mark.parametrize(
    ("text", "changes", "said"),
    [
        ("[training]\nstep = 5\n", [], r"recipe mine, \[training\] has no setting step; it has steps, learning_rate"),
        ("[training]\nsteps = 'many'\n", [], r"\[training\]: option steps must be a whole number, got 'many'"),
        ("[training]\nsteps = 0\n", [], r"\[training\]: option steps must be from 1 to"),
        ("[network]\nname = 'bad'\n", [], r"\[network\]: option name must be one of plain, good one, got 'bad'"),
        ("[nets]\nwidth = 5\n", [], "has nets beside its sections; those are network, data, loss, training"),
        ("data = 'all'\n", [], r"\[data\] must be a table of settings, got 'all'"),
        ("[training\n", [], r"mine.toml' cannot be read .* give the path of a TOML file, or one of none that ship"),
        ("", ["steps=5"], "cannot set 'steps=5': expected section.key=value, with a section of network, data"),
        ("", ["network.width"], "cannot set 'network.width'"),
        ("", ["network.width=[1]"], r"\[network\]: option width must be a whole number"),
        ("", ["loss.sharpness=1"], r"\[loss\] has no setting sharpness; it has smoothness"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(info, write, text, changes, said):
    with pytest.raises(CardiacMotionError, match=said):
        load_recipe(info, write(text), changes)


def test_recipe_that_does_not_exist(info):
    with pytest.raises(CardiacMotionError, match=r"recipe 'huge' cannot be read \(No such file"):
        load_recipe(info, "huge")


def test_method_that_is_not_trained(info):
    with pytest.raises(CardiacMotionError, match="method toy is not trained"):
        load_recipe(replace(info, network=None), "small")


def test_recipes_of_a_method_lie_beside_its_network(info, monkeypatch, tmp_path):
    monkeypatch.setattr("inspect.getfile", lambda _: str(tmp_path / "network.py"))
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "small.toml").write_text("[network]\nwidth = 4\n")
    assert list(recipes(info)) == ["small"]
    assert load_recipe(info, "small").network.width == 4


def test_drawn_weights_are_those_of_the_seed(info):
    state = torch.get_rng_state()
    tasks = [make_recipe(info, {"training": {"seed": seed}}).task() for seed in (1, 1, 2)]
    assert torch.equal(torch.get_rng_state(), state)
    one, again, other = (task.network.matrix.weight for task in tasks)
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_weights_come_with_a_card_that_repeats_them(info, tmp_path):
    made = make_recipe(info, {"network": {"name": "good one"}, "training": {"steps": 9, "seed": 4}}, "mine")
    results = []
    for name in ("first", "again"):
        task = made.task()
        trained = train(task, made.training, tmp_path / name, "cpu", about=made.sections)
        path = export(trained, task, made, tmp_path / f"{name}.safetensors")
        results.append(Weights.load(path, method="toy"))
        made = load_recipe(info, path.with_suffix(".toml"))  # the card is a recipe
        assert made.name == "mine"
    one, other = results
    assert all(torch.equal(value, other.tensors[name]) for name, value in one.tensors.items())
    card = read_card(tmp_path / "again.safetensors")
    assert (card["steps"], card["seed"], card["network"]["name"]) == (9, 4, "good one")
    assert card["task"] == "cine"
    assert card["scores"]["score"] == pytest.approx(trained.scores["score"], abs=1e-6)
    assert "not a medical device" in card["notice"]
    assert json.dumps(card["recipe"]["training"]) == json.dumps(made.sections["training"])


def test_checkpoint_of_another_recipe_is_refused_by_name(info, tmp_path):
    made = make_recipe(info, {"training": {"steps": 2}})
    train(made.task(), made.training, tmp_path, "cpu", about=made.sections)
    other = made.changed(["loss.smoothness=0.25"])
    with pytest.raises(CardiacMotionError, match=r"loss.smoothness 0\.5 in the checkpoint, 0\.25 asked"):
        train(other.task(), other.training, tmp_path, "cpu", about=other.sections)


def test_machine_names_no_host():
    import platform

    assert platform.node() not in machine(torch.device("cpu"))
    assert machine(torch.device("cpu"), 2).startswith("2 x ")


def test_every_recipe_that_ships_is_installed(root):
    shipped = sorted(root.glob("CardiacMotionLib/methods/*/recipes/*.toml"))
    listed = Path(root / "CardiacMotionLib" / "CMakeLists.txt").read_text().split()
    assert {path.relative_to(root / "CardiacMotionLib").as_posix() for path in shipped} <= set(listed)
    assert "methods/*/recipes/*.toml" in (root / "setup.py").read_text()


def test_every_recipe_that_ships_is_one():
    from CardiacMotionLib.methods import methods

    for info in methods().values():
        for name, path in recipes(info).items() if info.network is not None else ():
            made = load_recipe(info, name)
            assert make_recipe(info, made.sections) == replace(made, name="given")
            assert set(tomllib.loads(path.read_text())) <= {"network", "data", "loss", "training"}
