import json
from types import SimpleNamespace

import pytest

from CardiacMotionLib.cli.main import run

SMALL = ["--frames", "4", "--slices", "4", "--rows", "48", "--columns", "48", "--pixel-mm", "3", "--thickness-mm", "16"]


@pytest.fixture
def cardiac_motion(capfd):
    """Run a command as a user would: exit code, what it printed on stdout and on stderr."""

    def call(*arguments):
        capfd.readouterr()
        code = run([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return SimpleNamespace(code=code, out=out, err=err, json=json.loads(out) if "--json" in arguments else None)

    return call


@pytest.fixture(scope="session")
def a_subject_folder(tmp_path_factory):
    """What ``cardiac-motion phantom cine`` writes."""
    folder = tmp_path_factory.mktemp("subject") / "heart"
    assert run(["phantom", "cine", "-o", str(folder), "--quiet", *SMALL]) == 0
    return folder
