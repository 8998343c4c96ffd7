"""Weights and their card: what comes back, and what is refused by name."""

import dataclasses
import hashlib
import tomllib

import pytest
import torch
from safetensors.torch import save_file
from tiny_network import Config, TinyNetwork, tiny_weights

from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.weights import Weights, available, cards, digests, find, shipped


@pytest.fixture
def stored(tmp_path):
    return tiny_weights(card={"scores": {"dice": 0.9}, "training": {"steps": 5, "limit": None}}).save(
        tmp_path / "a.safetensors"
    )


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The user's folder."""
    path = tmp_path / "models"
    path.mkdir()
    monkeypatch.setenv("CARDIAC_MOTION_MODELS", str(path))
    return path


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)


# ---------------------------------------------------------------------- a round trip


def test_a_file_gives_back_what_was_saved(stored):
    weights = Weights.load(stored, method="tiny")
    assert same(weights.tensors, tiny_weights().tensors)
    assert weights.config == dataclasses.asdict(Config())
    assert (weights.name, weights.path) == ("a", stored)
    assert weights.card["scores"] == {"dice": 0.9}
    assert weights.card["training"] == {"steps": 5}, "TOML has no None"
    assert sorted(p.name for p in stored.parent.iterdir()) == ["a.safetensors", "a.toml"]
    card = tomllib.loads(stored.with_suffix(".toml").read_text())
    assert card["sha256"] == hashlib.sha256(stored.read_bytes()).hexdigest()


def test_a_network_gets_the_weights(stored):
    network = TinyNetwork(Config())
    Weights.load(stored).load_into(network)
    assert same(network.state_dict(), tiny_weights().tensors)


def test_tensors_that_share_memory_or_are_no_whole_are_saved(tmp_path):
    whole = torch.arange(6.0, requires_grad=True).reshape(2, 3)
    weights = Weights({"a": whole, "b": whole, "c": whole.T, "d": whole[:, 1]})
    found = Weights.load(weights.save(tmp_path / "a.safetensors")).tensors
    assert same(found, weights.tensors)


# ---------------------------------------------------------------------- what is refused


def test_a_network_of_another_configuration_names_what_differs(stored):
    with pytest.raises(CardiacMotionError) as caught:
        Weights.load(stored).load_into(TinyNetwork(Config(width=4, gain=1.0)))
    for part in ("a.safetensors", "width 3 in the weights, 4 asked", "gain 0.5 in the weights, 1.0 asked"):
        assert part in str(caught.value)
    assert "dims" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("norm.bias"), r"norm\.bias is missing, expected \(3,\) float32"),
        (lambda t: t.update(more=torch.zeros(2)), r"more is \(2,\) float32, expected missing"),
        (lambda t: t.update({"norm.bias": torch.zeros(4)}), r"norm\.bias is \(4,\) float32, expected \(3,\) float32"),
        (lambda t: t.update({"norm.bias": t["norm.bias"].double()}), r"float64, expected \(3,\) float32"),
        (lambda t: t["norm.bias"].fill_(torch.nan), r"values in norm\.bias that are not finite"),
    ],
)
def test_tensors_of_another_network_are_refused_by_name(change, message):
    weights, network = tiny_weights(), TinyNetwork(Config())
    before = {name: value.clone() for name, value in network.state_dict().items()}
    change(weights.tensors)
    with pytest.raises(CardiacMotionError, match=message):
        weights.load_into(network)
    assert same(network.state_dict(), before), "all or nothing"


def test_another_method_is_refused(stored):
    with pytest.raises(CardiacMotionError, match=r"has weights of the method tiny, expected some of riir"):
        Weights.load(stored, method="riir")


def test_a_card_without_network_is_refused(tmp_path):
    path = Weights(tiny_weights().tensors, {"method": "tiny"}).save(tmp_path / "a.safetensors")
    with pytest.raises(CardiacMotionError, match=r"a\.safetensors: its card has no \[network\]"):
        Weights.load(path).load_into(TinyNetwork(Config()))


def test_a_changed_file_is_refused_whatever_changed(stored):
    content = stored.read_bytes()
    for place in (0, len(content) // 2, len(content) - 1):
        stored.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(CardiacMotionError, match=r"not the file that its card a\.toml describes"):
            Weights.load(stored)
    stored.write_bytes(content[:-4])
    with pytest.raises(CardiacMotionError, match="sha256 differs"):
        Weights.load(stored)


def test_a_card_without_sha256_proves_nothing(stored):
    card = stored.with_suffix(".toml")
    card.write_text("".join(line for line in card.open() if not line.startswith("sha256")))
    with pytest.raises(CardiacMotionError, match="sha256 differs"):
        Weights.load(stored)


def test_a_pickle_is_never_opened(stored):
    class Harm:
        def __reduce__(self):
            return (pytest.fail, ("the pickle was opened",))

    card = stored.with_suffix(".toml")
    old = hashlib.sha256(stored.read_bytes()).hexdigest()
    torch.save(Harm(), stored)
    card.write_text(card.read_text().replace(old, hashlib.sha256(stored.read_bytes()).hexdigest()))
    with pytest.raises(CardiacMotionError, match=r"a\.safetensors cannot be read"):
        Weights.load(stored)


# ---------------------------------------------------------------------- whole or not at all


def test_what_cannot_be_written_leaves_the_old_files(stored, monkeypatch):
    before = {p.name: p.read_bytes() for p in stored.parent.iterdir()}
    spoiled = tiny_weights()
    spoiled.tensors["norm.bias"][0] = torch.inf
    with pytest.raises(CardiacMotionError, match=r"values in norm\.bias that are not finite"):
        spoiled.save(stored)
    monkeypatch.setattr("pathlib.Path.write_bytes", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(CardiacMotionError, match=r"cannot write .*No space left"):
        tiny_weights(1).save(stored)
    assert {p.name: p.read_bytes() for p in stored.parent.iterdir()} == before


def test_the_name_says_what_is_written(tmp_path):
    with pytest.raises(CardiacMotionError, match=r"use a name ending in \.safetensors"):
        tiny_weights().save(tmp_path / "a.pt")
    assert not list(tmp_path.iterdir())


# ---------------------------------------------------------------------- names


def test_the_users_weights_come_before_those_that_ship(folder):
    name = shipped()[0].stem
    assert find(name) == shipped()[0]
    own = tiny_weights().save(folder / f"{name}.safetensors")
    more = tiny_weights().save(folder / "tiny_fast.v2.safetensors")
    assert find(name) == own
    assert find("tiny_fast.v2") == find("fast.v2", "tiny") == more
    assert available() == [own, more, *shipped()[1:]]
    assert list(cards("tiny")) == [own, more]
    assert cards("tiny")[more]["name"] == "tiny_fast.v2"


def test_digests_are_those_of_what_a_method_may_take(folder):
    tiny_weights().save(folder / "tiny_a.safetensors")
    other = tiny_weights().save(folder.parent / "other.safetensors")
    (mine,) = digests(["tiny"], {"steps": 3})
    assert mine == cards("tiny")[folder / "tiny_a.safetensors"]["sha256"]
    assert digests(["none"], {}) == []
    assert digests(["none"], {"carrier": "tiny"}) == [mine]
    tiny_weights(seed=1).save(folder / "regions.safetensors")
    user = tiny_weights(card={"method": "user"})
    user.card["network"]["extractor"] = "regions"
    user.save(folder / "user.safetensors")
    of_both = [cards()[folder / f"{name}.safetensors"]["sha256"] for name in ("regions", "user")]
    assert digests(["user"], {}) == sorted(of_both)
    assert digests(["none"], {"weights": str(other)}) == [hashlib.sha256(other.read_bytes()).hexdigest()]


def test_another_folder_may_be_looked_in(folder, tmp_path):
    tiny_weights().save(folder / "one.safetensors")
    two = tiny_weights().save(tmp_path / "others" / "two.safetensors")
    assert available(two.parent) == [two, *shipped()]


def test_a_damaged_card_of_one_method_stops_no_other(folder):
    tiny_weights().save(folder / "tiny_a.safetensors")
    (folder / "tiny_b.safetensors").write_bytes(b"")
    (folder / "tiny_b.toml").write_text("method = ")
    assert list(cards("tiny")) == [folder / "tiny_a.safetensors"]
    assert len(digests(["tiny"], {})) == 1
    of_a_name_that_ships = folder / shipped()[0].name
    of_a_name_that_ships.write_bytes(b"")
    of_a_name_that_ships.with_suffix(".toml").write_text("method = ")
    assert shipped()[0] in cards()
    with pytest.raises(CardiacMotionError, match=r"its card tiny_b\.toml cannot be read"):
        Weights.load("tiny_b")


def test_files_without_a_card_are_no_weights(folder):
    save_file({"a": torch.zeros(1)}, folder / "alone.safetensors")
    save_file({"a": torch.zeros(1)}, folder / ".being-written.safetensors")
    assert available() == [folder / "alone.safetensors", *shipped()]
    assert list(cards()) == shipped()
    with pytest.raises(CardiacMotionError, match=r"its card alone\.toml is not beside it"):
        Weights.load("alone")


def test_a_path_is_a_path_whatever_the_folder(folder, stored):
    assert find(stored) == find(str(stored)) == stored
    with pytest.raises(CardiacMotionError, match="no such file"):
        find(stored.with_name("b.safetensors"))


def test_an_unknown_name_is_told_from_what_there_is(folder):
    tiny_weights().save(folder / "tiny_fast.safetensors")
    with pytest.raises(CardiacMotionError, match=r"weights 'slow': no such file, .* of tiny are tiny_fast "):
        find("slow", "tiny")
    with pytest.raises(CardiacMotionError, match=shipped()[0].stem):
        find("slow")


def test_a_folder_that_is_not_there_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("CARDIAC_MOTION_MODELS", str(tmp_path / "none"))
    with pytest.raises(CardiacMotionError, match=r"none, which the environment variable CARDIAC_MOTION_MODELS names"):
        available()
    with pytest.raises(CardiacMotionError, match=r"other: no such folder"):
        available(tmp_path / "other")


# ---------------------------------------------------------------------- what ships


@pytest.mark.parametrize("file", shipped(), ids=lambda file: file.stem)
def test_what_ships_says_what_it_is(file):
    card = Weights.load(file).card
    assert {"method", "task", "dims", "license", "made_by", "date", "seconds"} <= set(card)
    assert "Research use only" in card["notice"]


def test_what_ships_is_small():
    assert sum(file.stat().st_size for file in shipped()) <= 60e6
