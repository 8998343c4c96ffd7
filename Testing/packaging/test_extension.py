"""The extension as Slicer's build and catalog see it: complete, described, and working where it is installed."""

import json
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import cmake_lists

STAND_IN = Path(__file__).parent / "slicer_stand_in"
METADATA = ("HOMEPAGE", "CATEGORY", "CONTRIBUTORS", "DESCRIPTION", "ICONURL", "SCREENSHOTURLS", "DEPENDS")


@pytest.fixture(scope="module")
def description(root):
    return json.loads((root / "CardiacMotion.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def metadata(root):
    """{name: value} of the EXTENSION_ variables; the catalog reads them only as one quoted string on one line."""
    lines = (root / "CMakeLists.txt").read_text(encoding="utf-8").splitlines()
    found = [re.fullmatch(r'set\(EXTENSION_([A-Z]+) "([^"]+)"\)', line) for line in lines if "set(EXTENSION_" in line]
    assert all(found), "every EXTENSION_ variable is one quoted line"
    return {match[1]: match[2] for match in found}


@pytest.fixture(scope="module")
def installed(root, tmp_path_factory):
    """The qt-scripted-modules folder after configuring and installing against the stand-in."""
    if shutil.which("cmake") is None or not any(map(shutil.which, ("c++", "g++", "clang++"))):
        pytest.skip("cmake and a compiler are needed to configure the extension")
    build, target = tmp_path_factory.mktemp("build"), tmp_path_factory.mktemp("install")
    for command in (
        ["cmake", "-S", str(root), "-B", str(build), f"-DSlicer_DIR={STAND_IN}"],
        ["cmake", "--install", str(build), "--prefix", str(target)],
    ):
        subprocess.run(command, check=True, capture_output=True, text=True)
    return target / "lib" / "Slicer-test" / "qt-scripted-modules"


def test_every_file_is_listed():
    outdated = [path.relative_to(cmake_lists.ROOT).as_posix() for path in cmake_lists.outdated()]
    assert outdated == [], "run python Testing/packaging/cmake_lists.py"


def test_the_check_notices_a_missing_file(monkeypatch):
    monkeypatch.setattr(cmake_lists, "files_of", lambda folder: ["new.py"])
    assert len(cmake_lists.outdated()) == len(cmake_lists.FOLDERS)


def test_metadata_is_complete(metadata):
    assert tuple(metadata) == METADATA
    assert metadata["CATEGORY"] == "Cardiac"
    assert metadata["DEPENDS"] == "PyTorch"
    assert "not a medical device" in metadata["DESCRIPTION"]


def test_urls_are_https_and_name_files_of_this_tree(root, metadata):
    urls = [metadata["HOMEPAGE"], metadata["ICONURL"], *metadata["SCREENSHOTURLS"].split()]
    assert all(re.fullmatch(r"https://[^\s]+", url) for url in urls)
    for url in urls[1:]:
        path = root / url.split("/main/")[1]
        assert path.read_bytes().startswith(b"\x89PNG"), path


def test_icon_is_128_pixels(root):
    header = (root / "CardiacMotion/Resources/Icons/CardiacMotion.png").read_bytes()[:24]
    assert struct.unpack(">II", header[16:24]) == (128, 128)


def test_catalog_entry(description, metadata):
    assert description["$schema"].endswith("slicer-extension-catalog-entry-schema-v1.0.2.json#")
    allowed = {
        "$schema",
        "build_dependencies",
        "build_subdirectory",
        "category",
        "enabled",
        "scm_revision",
        "scm_type",
        "scm_url",
        "tier",
    }
    assert set(description) <= allowed
    assert description["category"] == metadata["CATEGORY"]
    assert description["build_dependencies"] == metadata["DEPENDS"].split()
    assert description["scm_url"].removesuffix(".git") == metadata["HOMEPAGE"]


def test_a_license_is_in_the_root(root):
    assert "Apache License" in (root / "LICENSE").read_text(encoding="utf-8")


def test_installed_side_by_side(installed):
    names = {path.name for path in installed.iterdir()}
    assert names == {"CardiacMotion.py", "CardiacMotionPanels", "CardiacMotionLib", "Resources"}
    for expected in ("UI/CardiacMotion.ui", "Icons/CardiacMotion.png", "SampleData"):
        assert (installed / "Resources" / expected).exists()
    assert not (installed / "Resources" / "Screenshots").exists()


def test_installed_module_runs_its_self_test(root, installed):
    """From the installed folder and nothing else, in a process of its own."""
    pytest.importorskip("slicer", reason="slicer-core is not installed")
    pytest.importorskip("PySide6", reason="PySide6 is not installed")
    program = f"""
import sys
sys.path[:0] = [{str(installed)!r}, {str(root / "Testing" / "qt")!r}]
import pathlib, application
slicer = application.start()
application.load_module(pathlib.Path({str(installed / "CardiacMotion.py")!r}))
slicer.selfTests["CardiacMotion"](msec=1)
import CardiacMotionLib, CardiacMotionPanels
print(CardiacMotionLib.__file__, CardiacMotionPanels.__file__)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=installed, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert all(path.startswith(str(installed)) for path in done.stdout.split()[-2:])
