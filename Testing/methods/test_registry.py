"""Finding methods, describing and checking their options, and what a run reports of itself."""

from __future__ import annotations

import dataclasses
import importlib
import json
import sys

import numpy as np
import pytest
import torch
from quick_options import EVERY_METHOD, EVERY_METHOD_TO_RUN, quick

import CardiacMotionLib
from CardiacMotionLib import CardiacMotionError, ImageSeries, register
from CardiacMotionLib.methods import choose_device, default_reference, describe_options, make_options, methods, option

TOY = '''
"""A method that finds the same shift everywhere."""

from dataclasses import dataclass

import torch

from CardiacMotionLib.methods.protocol import MethodInfo, option


@dataclass(frozen=True)
class Options:
    voxels: float = option(1.0, "Shift along i", unit="voxels", minimum=0, maximum=3)


def run(series, options, context):
    shift = torch.zeros(*series.frames.shape, 3)
    shift[..., 0] = options.voxels
    return shift


METHOD = MethodInfo("toy", "Toy", "One shift.", "nobody", Options, run, needs=frozenset({"labels"}))
'''


@dataclasses.dataclass(frozen=True)
class EveryKind:
    flag: bool = option(False, "A switch")
    count: int = option(3, "A number of things", unit="things", minimum=1, maximum=5)
    length: float = option(0.5, "A length", unit="mm", minimum=0, maximum=2)
    shape: str = option("round", "A shape", choices=("round", "square"))


INFO = dataclasses.replace(methods()["demons"], name="every", Options=EveryKind)


# ---------------------------------------------------------------------- what is registered


def test_the_three_classics_are_there():
    assert {"spline", "demons", "bspline"} <= set(methods())
    assert all(name == info.name for name, info in methods().items())


@pytest.mark.parametrize("name", EVERY_METHOD)
def test_a_method_says_what_it_is(name):
    info = methods()[name]
    assert info.title
    assert info.summary.endswith(".")
    assert any(part.isdigit() and len(part) == 4 for part in info.citation.split()), "a citation has a year"
    assert info.needs <= {"labels", "weights", "groupwise"}
    assert ("weights" in info.needs) == (info.network is not None)


@pytest.mark.parametrize("name", EVERY_METHOD)
def test_options_are_frozen_explained_and_default_to_what_they_allow(name):
    info = methods()[name]
    with pytest.raises(dataclasses.FrozenInstanceError):
        info.Options().margin = 30.0
    for described in describe_options(info.Options):
        assert described.help, described.name
        assert described.type in (bool, int, float, str)
        if described.type in (int, float):
            assert described.minimum is not None, f"{described.name} has no lower end"
            assert described.maximum is not None, f"{described.name} has no upper end"
        assert described.check(described.default) == described.default


def test_a_folder_is_all_a_method_needs(tmp_path, monkeypatch, ring):
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "__init__.py").write_text(TOY, encoding="utf-8")
    package = importlib.import_module("CardiacMotionLib.methods")
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, "CardiacMotionLib.methods.toy", raising=False)
    try:
        assert set(methods()) == {*EVERY_METHOD, "toy"}
        series, _ = ring
        motion = register(series, "toy", voxels=2)
        assert np.allclose(motion.displacement[1:], (2 * series.spacing[0], 0, 0))
        assert not motion.displacement[0].any()
        with pytest.raises(CardiacMotionError, match=r"toy needs labels of the reference frame 1; labeled .* \[0\]"):
            register(series, "toy", reference=1)
    finally:
        sys.modules.pop("CardiacMotionLib.methods.toy", None)
        vars(package).pop("toy", None)
    monkeypatch.undo()
    assert set(methods()) == set(EVERY_METHOD)


# ---------------------------------------------------------------------- options


def test_options_are_described_in_order():
    flag, count, length, shape = describe_options(EveryKind)
    assert (flag.name, flag.type, flag.default, flag.help) == ("flag", bool, False, "A switch")
    assert (count.type, count.unit, count.minimum, count.maximum) == (int, "things", 1, 5)
    assert (length.type, length.default) == (float, 0.5)
    assert shape.choices == ("round", "square")


def test_an_option_without_a_default_may_be_left_out():
    @dataclasses.dataclass(frozen=True)
    class Options:
        wall_mm: float | None = option(None, "Wall", minimum=5, maximum=16)
        frames: int | None = option(None, "Frames")
        group: str | None = option(None, "Group", choices=("normal", "HCM"))

    wall, frames, group = describe_options(Options)
    assert [(o.type, o.default) for o in (wall, frames, group)] == [(float, None), (int, None), (str, None)]
    assert [o.check(None) for o in (wall, frames, group)] == [None, None, None]
    assert (wall.check(9), frames.check(4.0), group.check("HCM")) == (9.0, 4, "HCM")
    for described, value in ((wall, 17), (wall, "thick"), (frames, 1.5), (group, "none")):
        with pytest.raises(CardiacMotionError, match=f"option {described.name} must be"):
            described.check(value)


def test_none_is_refused_where_it_is_not_the_default():
    with pytest.raises(CardiacMotionError, match="option count must be a whole number, got None"):
        make_options(INFO, {"count": None})


@pytest.mark.parametrize(
    ("annotation", "default", "says"),
    [
        (int | str, 1, "must be bool, int, float or str"),
        (int | str | None, None, "must be bool, int, float or str"),
        (list, None, "must be bool, int, float or str"),
        (int | None, 3, "None goes with None"),
        (float, None, "None goes with None"),
    ],
)
def test_what_is_no_option(annotation, default, says):
    wrong = dataclasses.make_dataclass("Options", [("wrong", annotation, option(default, "What"))], frozen=True)
    with pytest.raises(TypeError, match=says):
        describe_options(wrong)


def test_every_option_of_a_method_has_a_default_that_a_widget_can_show():
    for name, info in methods().items():
        assert not [o.name for o in describe_options(info.Options) if o.default is None], name


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({}, EveryKind()),
        ({"count": 5.0, "length": 1}, EveryKind(count=5, length=1.0)),
        ({"count": np.int64(2), "length": np.float32(0.25)}, EveryKind(count=2, length=0.25)),
        ({"flag": True, "shape": "square"}, EveryKind(flag=True, shape="square")),
    ],
)
def test_values_become_the_type_of_the_option(given, kept):
    made = make_options(INFO, given)
    assert made == kept
    assert [type(v) for v in dataclasses.astuple(made)] == [bool, int, float, str]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"count": 6}, "option count must be from 1 to 5 things, got 6"),
        ({"count": 0}, "option count must be from 1 to 5 things, got 0"),
        ({"count": 2.5}, "option count must be a whole number, got 2.5"),
        ({"count": True}, "option count must be a whole number, got True"),
        ({"length": -0.1}, "option length must be from 0 to 2 mm, got -0.1"),
        ({"length": float("nan")}, "option length must be a number, got nan"),
        ({"length": float("inf")}, "option length must be from 0 to 2 mm, got inf"),
        ({"length": "long"}, "option length must be a number, got 'long'"),
        ({"flag": 1}, "option flag must be true or false, got 1"),
        ({"shape": "oval"}, "option shape must be one of round, square, got 'oval'"),
        ({"shape": 3}, "option shape must be text, got 3"),
        (
            {"size": 1, "color": 2},
            "method every has no option color, size; its options are flag, count, length, shape",
        ),
    ],
)
def test_what_does_not_fit_is_named_with_what_would(given, said):
    with pytest.raises(CardiacMotionError) as caught:
        make_options(INFO, given)
    assert str(caught.value) == said


# ---------------------------------------------------------------------- what a run is given


def test_unknown_method_is_answered_with_the_known(ring):
    with pytest.raises(CardiacMotionError, match="unknown method 'splines'; choose one of auto, any2reg, bspline"):
        register(ring[0], "splines")


@pytest.mark.parametrize("device", ["banana", "cuda:99", "meta", None, ""])
def test_a_device_that_does_not_work_is_refused(ring, device):
    with pytest.raises(CardiacMotionError, match=r"device .*; use .*auto"):
        register(ring[0], device=device)


def test_devices():
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type in ("cpu", "cuda")


@pytest.mark.parametrize("reference", [-1, 3, 1.0, "0", True])
def test_a_reference_is_a_frame_number(ring, reference):
    with pytest.raises(CardiacMotionError, match="reference must be a frame number from 0 to 2, got"):
        register(ring[0], reference=reference)


@pytest.mark.parametrize("seed", [-1, 2**31, 0.5, "a", True, None])
def test_a_seed_is_a_number_that_every_generator_takes(ring, seed):
    with pytest.raises(CardiacMotionError, match="seed must be a whole number from 0 to 2147483647, got"):
        register(ring[0], seed=seed)


def test_a_missing_package_is_named(ring, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(CardiacMotionError, match="demons needs the package SimpleITK, which is not installed"):
        register(ring[0], "demons")


def test_reference_is_the_frame_with_the_largest_cavity():
    frames = np.random.default_rng(0).random((4, 1, 8, 8))
    small, large = np.zeros((2, 1, 8, 8), np.uint8)
    small[0, 2:4, 2:4] = 3
    large[0, 2:6, 2:6] = 3
    wall_only = np.full((1, 8, 8), 2, np.uint8)

    def chosen(labels):
        return default_reference(ImageSeries(frames, np.eye(4), labels=labels))

    assert chosen({}) == 0
    assert chosen({1: small, 3: large}) == 3
    assert chosen({2: large, 1: large}) == 1
    assert chosen({3: wall_only, 2: wall_only}) == 2


def test_default_reference_is_where_the_motion_starts(heart):
    turned = heart.series.replace(
        frames=np.roll(heart.series.frames, 1, 0), labels={1: heart.series.labels[0], 3: heart.series.labels[2]}
    )
    motion = register(turned, "spline", **quick("spline"))
    assert motion.reference == 1
    assert not motion.displacement[1].any()


# ---------------------------------------------------------------------- what comes back


@pytest.mark.usefixtures("tiny_models")
@pytest.mark.parametrize("name", EVERY_METHOD_TO_RUN)
def test_provenance_repeats_the_run(ring, name):
    labels = {1: ring[0].labels[0]} if "labels" in methods()[name].needs else ring[0].labels
    series = ring[0].replace(meta={"source": "a ring"}, times=(0, 30, 60), labels=labels)
    has_margin = any(o.name == "margin" for o in describe_options(methods()[name].Options))
    chosen = quick(name) | ({"margin": 20.0} if has_margin else {})
    motion = register(series, name, reference=1, seed=7, device="cpu", **chosen)
    kept = json.loads(json.dumps(motion.provenance))
    assert kept["method"] == name
    assert kept["options"] == dataclasses.asdict(methods()[name].Options(**chosen))
    assert (kept["reference"], kept["seed"], kept["device"], kept["input"]) == (1, 7, "cpu", "a ring")
    assert kept["version"] == CardiacMotionLib.__version__
    assert kept["citation"] == methods()[name].citation
    assert kept["seconds"] >= 0
    assert motion.timed
    assert motion.times.tolist() == [0, 30, 60]
    assert np.array_equal(motion.affine, series.affine)
    again = register(series, kept["method"], reference=kept["reference"], seed=kept["seed"], **kept["options"])
    assert np.array_equal(again.displacement, motion.displacement)


def test_auto_is_the_spline(ring):
    assert register(ring[0], **quick("spline")).provenance["method"] == "spline"
