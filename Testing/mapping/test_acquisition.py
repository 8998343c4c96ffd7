"""Acquisitions as text and files; what each model asks for."""

import numpy as np
import pytest

from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.mapping.acquisition import check_acquisition, names_of, parse_list, read_acquisition


def test_times_as_text():
    assert parse_list("inversion_times", "100, 200.5,inf") == [100, 200.5, np.inf]
    assert parse_list("echo_times", "0 25  55") == [0, 25, 55]
    with pytest.raises(CardiacMotionError, match=r"cannot read delays from '1;2'; expected .* 100, 200, inf"):
        parse_list("delays", "1;2")
    with pytest.raises(CardiacMotionError, match=r"cannot read is_tag from 'tag'; expected 0 and 1 .* 1, 0, 1"):
        parse_list("is_tag", "tag")


def test_file(tmp_path):
    file = tmp_path / "acquisition.toml"
    file.write_text('model = "sasha"\nsaturation_times = [inf, 100, 300, 600.5]\nparameters = 2\n')
    read = read_acquisition(file)
    assert read == {"model": "sasha", "saturation_times": [np.inf, 100, 300, 600.5], "parameters": 2}
    task = check_acquisition(read.pop("model"), read, {}, 4)
    assert task.model.parameters == ("A", "T1")
    np.testing.assert_array_equal(task.times["saturation_times"], [np.inf, 100, 300, 600.5])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model = ", "cannot read the acquisition from"),
        ('model = "stne"', "unknown mapping model 'stne'"),
        ('model = "stone"\necho_times = [1]', "does not take 'echo_times'"),
        ("inversion_time = [1]", "does not take 'inversion_time'.*did you mean inversion_times"),
    ],
)
def test_files_that_are_refused(tmp_path, text, message):
    file = tmp_path / "acquisition.toml"
    file.write_text(text)
    with pytest.raises(CardiacMotionError, match=message):
        read_acquisition(file)


def test_missing_file(tmp_path):
    with pytest.raises(CardiacMotionError, match="cannot read the acquisition from"):
        read_acquisition(tmp_path / "none.toml")


def test_what_models_take():
    assert names_of("molli") == ("inversion_times",)
    assert names_of("msasha") == ("saturation_times", "echo_times", "delays")
    assert names_of("asl") == ("inversion_times", "is_tag", "t1_blood", "partition")
    assert names_of("sasha") == ("saturation_times", "parameters")


def test_given_before_meta_before_default():
    times = {"inversion_times": [np.inf, 900, 900], "is_tag": [0, 0, 1]}
    assert check_acquisition("asl", {}, times, 3).settings == {"t1_blood": 1550, "partition": 1}
    assert check_acquisition("asl", {}, {**times, "t1_blood": 1700}, 3).settings["t1_blood"] == 1700
    assert check_acquisition("asl", {"t1_blood": 1600}, {**times, "t1_blood": 1700}, 3).settings["t1_blood"] == 1600


@pytest.mark.parametrize("setting", ["t1_blood", "partition"])
@pytest.mark.parametrize("value", [0, -1, "x", float("inf"), True])
def test_settings_that_cannot_be(setting, value):
    times = {"inversion_times": [np.inf, 900, 900], "is_tag": [0, 0, 1]}
    with pytest.raises(CardiacMotionError, match=f"{setting} must be a number above"):
        check_acquisition("asl", {setting: value}, times, 3)


def test_numbers_of_numpy_are_settings_that_can_be_written():
    times = {"saturation_times": [100.0, 300.0, 500.0, 700.0, np.inf]}
    assert type(check_acquisition("sasha", {**times, "parameters": np.int64(2)}, {}, 5).settings["parameters"]) is int
    tags = {"inversion_times": [np.inf, 1200.0, 1200.0], "is_tag": [0, 0, 1]}
    for value in (np.float32(1600), np.int64(1600)):
        assert check_acquisition("asl", {**tags, "t1_blood": value}, {}, 3).settings["t1_blood"] == 1600
