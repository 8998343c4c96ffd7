from dataclasses import dataclass

import pytest
import typer
from typer.testing import CliRunner

from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.cli.option_flags import chosen_options, describe, with_flags
from CardiacMotionLib.methods import describe_options, option


@dataclass(frozen=True)
class Fine:
    steps: int = option(100, "steps a level", minimum=1, maximum=1000)
    smoothness: float = option(0.5, "weight of bending", unit="mm", minimum=0)
    periodic: bool = option(True, "close the cycle")
    levels: int = option(3, "resolutions")
    wall_mm: float | None = option(None, "thickness", unit="mm", minimum=5, maximum=16)


@dataclass(frozen=True)
class Coarse:
    levels: str = option("4x2", "shrink factors")
    metric: str = option("ncc", "similarity", choices=("ncc", "mse"))


GROUPS = {"fine": describe_options(Fine), "coarse": describe_options(Coarse)}


@pytest.fixture
def received():
    return {}


@pytest.fixture
def app(received):
    def register(path: str, seed: int = 0, **given):
        """Find the motion."""
        received.update(given, path=path, seed=seed)

    application = typer.Typer()
    application.command()(with_flags(register, GROUPS))
    return application


def invoke(app, *arguments):
    result = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    return result.output


def test_every_option_of_every_method_is_a_flag_with_range_unit_and_default(app):
    text = " ".join(invoke(app, "--help").replace("│", " ").split())
    assert "Options of fine" in text
    assert "steps a level (1 to 1000; default 100)" in text
    assert "weight of bending (from 0 mm; default 0.5)" in text
    assert "--no-periodic" in text
    assert "thickness (5 to 16 mm; chosen unless given)" in text
    assert "similarity (ncc | mse; default ncc)" in text
    assert "fine: resolutions (default 3); coarse: shrink factors (default 4x2)" in text


def test_what_is_the_same_for_several_methods_is_said_once():
    def command(**given):
        """Find the motion."""

    application = typer.Typer()
    application.command()(
        with_flags(command, {"one": GROUPS["fine"], "two": GROUPS["coarse"], "three": GROUPS["fine"]})
    )
    text = " ".join(invoke(application, "--help").replace("│", " ").split())
    assert "one, three: close the cycle (default on)" in text
    assert "one, three: resolutions (default 3); two: shrink factors (default 4x2)" in text
    assert text.count("close the cycle") == 1


def test_only_given_flags_are_passed_with_their_type(app, received):
    invoke(app, "cine", "--steps", "20", "--no-periodic", "--seed", "7")
    given = {name: value for name, value in received.items() if value is not None}
    assert given == {"path": "cine", "seed": 7, "steps": 20, "periodic": False}


def test_a_flag_that_methods_type_differently_follows_the_chosen_method(app, received):
    invoke(app, "cine", "--levels", "2")
    given = {"levels": received["levels"]}
    assert chosen_options(given, GROUPS["fine"]) == {"levels": 2}
    assert chosen_options(given, GROUPS["coarse"]) == {"levels": "2"}
    with pytest.raises(CardiacMotionError, match="option levels must be int, got '4x2'"):
        chosen_options({"levels": "4x2"}, GROUPS["fine"])


def test_an_option_may_not_hide_a_flag_of_the_command():
    with pytest.raises(ValueError, match="steps"):
        with_flags(lambda steps=0, **given: None, GROUPS)


def test_a_flag_without_a_default_has_the_type_of_its_option(app, received):
    invoke(app, "cine", "--wall-mm", "9")
    assert received["wall_mm"] == 9.0
    assert chosen_options({"wall_mm": None}, GROUPS["fine"]) == {}


def test_switches_are_described_in_words():
    assert describe(GROUPS["fine"][2]) == "default on"
