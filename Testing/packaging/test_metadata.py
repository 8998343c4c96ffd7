import ast
import importlib
import importlib.metadata
import re
import sys
import tomllib
from pathlib import Path

import pytest

import CardiacMotionLib as cm

BASE_EXTRAS = {"slicer", "test", "train", "cohort", "report", "baselines"}


@pytest.fixture(scope="module")
def project(root):
    return tomllib.loads((root / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def pinned(root):
    lines = [line for line in (root / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.lower().replace("_", "-").split("==") for line in lines)


def package(requirement):
    return re.match(r"[A-Za-z0-9._-]+", requirement)[0].lower().replace("_", "-")


def test_every_package_that_make_installs_is_pinned(project, pinned):
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["slicer"], *extras["report"], *extras["test"]]
    assert {package(requirement) for requirement in wanted} <= set(pinned)
    assert pinned["torch"] == "2.13.0"


def test_installed_versions_are_the_pinned_ones(pinned):
    found = {
        d.metadata["Name"].lower().replace("_", "-"): d.version.split("+")[0]
        for d in importlib.metadata.distributions()
    }
    differing = {
        name: (found[name], version) for name, version in pinned.items() if name in found and found[name] != version
    }
    assert not differing


def test_extras_of_the_design_are_there(project):
    assert set(project["optional-dependencies"]) >= BASE_EXTRAS


def test_every_package_that_the_library_imports_is_declared(root, project):
    declared = {package(r) for r in project["dependencies"]} | {
        package(r) for rs in project["optional-dependencies"].values() for r in rs
    }
    names = {
        "nrrd": "pynrrd",
        "pil": "pillow",
        "slicer": "slicer-core",
        "vtk": "slicer-core",
        "vtkmodules": "slicer-core",
        "itk": "itk-elastix",
        "ants": "antspyx",
    }
    imported = set()
    for file in (root / "CardiacMotionLib").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                imported.add(node.module.split(".")[0])
    outside = {
        names.get(name.lower(), name.lower()) for name in imported - set(sys.stdlib_module_names) - {"CardiacMotionLib"}
    }
    assert outside <= declared


def test_version_is_the_same_everywhere(root):
    citation = (root / "CITATION.cff").read_text()
    assert f"version: {cm.__version__}" in citation


def test_licence_is_apache_2(root, project):
    assert "Apache License" in (root / "LICENSE").read_text()
    assert project["license"] == "Apache-2.0"


def test_resources_are_found_from_the_package(root):
    from CardiacMotionLib.io.sample import sample_folder

    assert sample_folder() == root / "Resources" / "SampleData"


def test_a_wheel_would_hold_every_resource_that_the_library_reads(root):
    listed = re.findall(r'"(\w+)/\*\*"', (root / "setup.py").read_text())
    folders = {p.name for p in (root / "Resources").iterdir() if p.is_dir() and p.name != "Screenshots"}
    assert set(listed) >= folders


def test_readme_speaks_of_every_command(root):
    from CardiacMotionLib.cli.main import build

    readme = Path(root / "README.md").read_text()
    for command in build().registered_commands:
        assert f"cardiac-motion {command.name}" in readme
    assert "Research use only" in readme


def test_program_is_installed_as_cardiac_motion(project):
    module, function = project["scripts"]["cardiac-motion"].split(":")
    assert callable(getattr(importlib.import_module(module), function))
