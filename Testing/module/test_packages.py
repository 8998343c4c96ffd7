"""Getting missing Python packages: asked once, through Slicer's own installer, and every refusal said in one line."""

import subprocess
import sys
import types

import pytest

from CardiacMotionLib import CardiacMotionError

WANTED = {"a_package_nobody_has": "a-package>=1", "json": "json>=0"}


@pytest.fixture
def packages(slicer, monkeypatch):
    """The module under test in a Slicer that does not run tests; what was asked and installed is recorded."""
    from CardiacMotionPanels import packages

    monkeypatch.setattr(slicer.app, "testingEnabled", lambda: False, raising=False)
    packages.calls = []
    yield packages
    del packages.calls


@pytest.fixture
def slicer_5_12(packages, monkeypatch):
    """Slicer with ``slicer.packaging``; `outcome` is what its installer raises, or what it makes importable."""

    def install(outcome):
        def pip_ensure(requirements, *, requester):
            packages.calls.append((requirements, requester))
            if isinstance(outcome, Exception):
                raise outcome
            if outcome:
                monkeypatch.setitem(sys.modules, outcome, stand_in(outcome))

        monkeypatch.setitem(sys.modules, "slicer.packaging", types.SimpleNamespace(pip_ensure=pip_ensure))

    return install


def stand_in(name):
    module = types.ModuleType(name)
    module.__spec__ = types.SimpleNamespace(name=name)
    return module


def test_what_is_there_is_not_asked_for(packages, slicer_5_12):
    slicer_5_12(RuntimeError("must not be called"))
    packages.ensure({"json": "json>=0"})
    assert packages.calls == []


def test_slicer_asks_and_installs_what_is_missing(packages, slicer_5_12):
    slicer_5_12("a_package_nobody_has")
    packages.ensure(WANTED)
    assert packages.calls == [(["a-package>=1"], "CardiacMotion")]


@pytest.mark.parametrize(
    ("outcome", "says"),
    [
        (RuntimeError("User declined"), "Nothing was installed: User declined"),
        (subprocess.CalledProcessError(1, "pip"), "Installing a-package>=1 failed"),
        (None, "Missing Python packages: a-package>=1"),
    ],
)
def test_whatever_goes_wrong_is_said_in_one_line(packages, slicer_5_12, outcome, says):
    slicer_5_12(outcome)
    with pytest.raises(CardiacMotionError, match=says):
        packages.ensure(WANTED)


@pytest.mark.parametrize("agreed", [True, False])
def test_slicer_5_10_is_asked_by_us(slicer, packages, monkeypatch, agreed):
    def pip_install(requirements):
        packages.calls.append(requirements)
        monkeypatch.setitem(sys.modules, "a_package_nobody_has", stand_in("a_package_nobody_has"))

    monkeypatch.setitem(sys.modules, "slicer.packaging", types.SimpleNamespace())  # without pip_ensure
    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda *_: agreed, raising=False)
    monkeypatch.setattr(slicer.util, "pip_install", pip_install, raising=False)
    if agreed:
        packages.ensure(WANTED)
        assert packages.calls == [["a-package>=1"]]
    else:
        with pytest.raises(CardiacMotionError, match="declined"):
            packages.ensure(WANTED)
        assert packages.calls == []


def test_nothing_is_installed_while_slicer_runs_tests(slicer, packages, slicer_5_12, monkeypatch):
    monkeypatch.setattr(slicer.app, "testingEnabled", lambda: True, raising=False)
    slicer_5_12("a_package_nobody_has")
    with pytest.raises(CardiacMotionError, match="Missing Python packages"):
        packages.ensure(WANTED)
    assert packages.calls == []
