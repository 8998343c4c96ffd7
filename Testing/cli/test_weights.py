"""``cardiac-motion weights``: what there is, and whether it is sound."""

import dataclasses

import pytest
from tiny_network import TinyNetwork, tiny_weights

import CardiacMotionLib.methods as registry
from CardiacMotionLib.weights import shipped

SHIPPED = [file.stem for file in shipped()]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The user's folder, with weights of a method that is registered for the test."""
    known = registry.methods()
    tiny = dataclasses.replace(known["spline"], name="tiny", network=lambda: TinyNetwork)
    monkeypatch.setattr(TinyNetwork, "__module__", "methods.tiny.network")
    monkeypatch.setattr(registry, "methods", lambda: {**known, "tiny": tiny})
    monkeypatch.setenv("CARDIAC_MOTION_MODELS", str(tmp_path))
    tiny_weights(card={"scores": {"dice": 0.9}}).save(tmp_path / "tiny_a.safetensors")
    return tmp_path


def test_the_list_says_what_each_is(cardiac_motion, folder):
    rows = {row["name"]: row for row in cardiac_motion("weights", "list", "--json").json["weights"]}
    assert list(rows) == ["tiny_a", *SHIPPED]
    own = rows["tiny_a"]
    assert (own["method"], own["task"], own["dims"], own["origin"]) == ("tiny", "cine", 2, "your folder")
    assert own["parameters"] == sum(value.numel() for value in tiny_weights().tensors.values())
    assert own["bytes"] == (folder / "tiny_a.safetensors").stat().st_size
    assert rows["inr_tagged"]["origin"] == "ships"
    shown = cardiac_motion("weights", "list")
    assert shown.code == 0
    for text in (*rows, "your folder", "Research use only"):
        assert text in shown.out


def test_names_are_looked_up_in_the_folder_that_is_named(cardiac_motion, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    tiny_weights().save(other / "mine.safetensors")
    assert "mine: sound" in cardiac_motion("weights", "verify", "mine", "--folder", other).out
    (other / "inr_tagged.safetensors").write_bytes(b"damaged")
    (other / "inr_tagged.toml").write_text('method = "inr"')
    assert cardiac_motion("weights", "verify", "inr_tagged", "--folder", other).code == 2


def test_another_folder_is_listed(cardiac_motion, tmp_path):
    tiny_weights().save(tmp_path / "others" / "tiny_b.safetensors")
    listed = cardiac_motion("weights", "list", "--folder", tmp_path / "others", "--json").json["weights"]
    assert [row["name"] for row in listed] == ["tiny_b", *SHIPPED]
    none = cardiac_motion("weights", "list", "--folder", tmp_path / "none")
    assert none.code == 2
    assert "no such folder" in none.err


def test_what_is_not_weights_is_a_note_in_the_list(cardiac_motion, folder):
    (folder / "alone.safetensors").write_bytes(b"")
    (folder / "tiny_a.safetensors").write_bytes(b"damaged")
    done = cardiac_motion("weights", "list", "--json")
    assert done.code == 0
    assert [row["name"] for row in done.json["weights"]] == SHIPPED
    assert [("alone" in note, "tiny_a" in note) for note in done.json["notes"]] == [(True, False), (False, True)]


def test_sound_weights_are_told(cardiac_motion):
    done = cardiac_motion("weights", "verify", "--json")
    assert done.code == 0, done.err
    assert done.json["sound"] == ["tiny_a", *SHIPPED]
    assert "tiny_a: sound" in cardiac_motion("weights", "verify", "tiny_a").out


@pytest.mark.parametrize(
    ("card", "message"),
    [
        ({"method": "other"}, "names the method other, which has no network"),
        ({"method": "spline"}, "names the method spline, which has no network"),
        ({"method": "inr"}, r"[settings] must be"),
        ({"network": {"width": 3}}, "dims None in the weights, 2 asked"),
        ({"network": {"dims": 2, "width": 4, "gain": 0.5}}, "layer.weight is (3, 1, 3, 3) float32, expected (4, 1, 3"),
        ({"network": {"dims": 2, "width": 99, "gain": 0.5}}, "width must be from 1 to 8"),
        ({"network": {"dims": 2, "breadth": 3}}, "no setting breadth"),
    ],
)
def test_a_card_of_something_else_is_named(cardiac_motion, folder, card, message):
    weights = tiny_weights()
    dataclasses.replace(weights, card={**weights.card, **card}).save(folder / "b.safetensors")
    done = cardiac_motion("weights", "verify", "--json")
    assert done.code == 2
    assert "1 of" in done.json["error"]
    assert "b: " in done.json["error"]
    assert message in done.json["error"]
    assert "tiny_a:" not in done.json["error"]


def test_every_one_that_fails_is_named(cardiac_motion, folder):
    for name in ("b", "c"):
        file = tiny_weights().save(folder / f"{name}.safetensors")
        file.write_bytes(file.read_bytes()[:-1] + b"\x7f")
    done = cardiac_motion("weights", "verify")
    assert done.code == 2
    assert f"2 of {len(SHIPPED) + 3} weights cannot be used" in done.err
    assert "b: " in done.err
    assert "c: " in done.err
    assert "tiny_a: sound" in done.out
    assert cardiac_motion("weights", "verify", "tiny_a", folder / "b.safetensors").code == 2
    assert cardiac_motion("weights", "verify", "none").code == 2


def test_a_card_is_shown(cardiac_motion, folder):
    shown = cardiac_motion("weights", "card", "tiny_a").out
    for line in ("method: tiny", "network: dims 2, width 3, gain 0.5", "scores: dice 0.9", "notice: Research use only"):
        assert line in shown
    assert cardiac_motion("weights", "card", folder / "tiny_a.safetensors", "--json").json["network"]["width"] == 3
    assert "Research use only" in cardiac_motion("weights", "card", "inr_tagged").out
    assert cardiac_motion("weights", "card", "none").code == 2
