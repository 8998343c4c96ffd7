"""Cards are TOML that any reader of TOML reads."""

import tomllib

import numpy as np
import pytest
import torch

from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.weights import card_text, read_card

CARD = {
    "name": 'quotes " and \\ and \n lines, ümlaut, 心, tab\t, rubout \x7f',
    "dims": 2,
    "steps": 10**12,
    "tiny": 1e-30,
    "yes": True,
    "numbers": [1, 2.5, -3],
    "nothing": [],
    "subjects": [{"seed": 0, "group": "hcm"}, {"seed": 1, "group": "dcm"}],
    "odd keys": {"a.b": {"": 1}},
    "network": {"width": 8, "nested": {"a": [1], "b": {"c": "d"}}},
    "scores": {"Dice LV": 0.9, "D_PCA1": 1.5},
}


def test_a_card_reads_as_it_was_written():
    assert tomllib.loads(card_text(CARD)) == CARD


def test_numbers_of_numpy_and_torch_are_numbers():
    card = {"a": np.float32(0.5), "b": torch.tensor(2), "c": np.bool_(True), "d": [np.float64(0.1)]}
    assert tomllib.loads(card_text(card)) == {"a": 0.5, "b": 2, "c": True, "d": [0.1]}


def test_what_is_none_is_left_out():
    assert tomllib.loads(card_text({"a": None, "b": {"c": None, "d": 1}})) == {"b": {"d": 1}}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_are_none_are_written_too(value):
    assert repr(tomllib.loads(card_text({"a": value}))["a"]) == repr(value)


def test_a_damaged_card_is_named(tmp_path):
    (tmp_path / "a.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(CardiacMotionError, match=r"a\.safetensors: its card a\.toml cannot be read"):
        read_card(tmp_path / "a.safetensors")


def test_the_mark_that_notepad_writes_is_no_damage(tmp_path):
    (tmp_path / "a.toml").write_bytes(b"\xef\xbb\xbfmethod = 'riir'")
    assert read_card(tmp_path / "a.safetensors") == {"method": "riir"}
