"""The extension passes the rules of Slicer's extensions index, and the rules notice what breaks them."""

import ast
import json
import re
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import index_rules

NAME = "CardiacMotion"
BUNDLED = {"slicer", "vtk", "qt", "ctk", "SimpleITK", "numpy", "scipy", NAME + "Lib", NAME + "Panels"}


def test_catalog_entry_and_tree_pass(root):
    assert index_rules.problems_of_entry(root / f"{NAME}.json") == []
    assert index_rules.problems_of_tree(root, NAME) == []
    assert index_rules.icon_size(root / "CardiacMotion/Resources/Icons/CardiacMotion.png") == index_rules.ICON_PIXELS


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"category": "Heart"}, "category"),
        ({"category": None}, "category is missing"),
        ({"tier": 9}, "tier"),
        ({"tier": "1"}, "tier must be int"),
        ({"scm_url": "http://example.org/SlicerHeart.git"}, "scm_url"),
        ({"scm_url": "https://example.org/Heart.git"}, "must hold Slicer"),
        ({"build_dependencies": "PyTorch"}, "build_dependencies must be list"),
        ({"homepage": "https://example.org"}, "homepage is not in the schema"),
    ],
)
def test_a_broken_entry_is_noticed(root, tmp_path, change, said):
    entry = json.loads((root / f"{NAME}.json").read_text())
    path = tmp_path / f"{NAME}.json"
    path.write_text(json.dumps({key: value for key, value in {**entry, **change}.items() if value is not None}))
    assert any(said in problem for problem in index_rules.problems_of_entry(path))


def test_a_broken_tree_is_noticed(root, tmp_path):
    shutil.copy(root / "CMakeLists.txt", tmp_path)
    problems = "\n".join(index_rules.problems_of_tree(tmp_path, "Other"))
    assert "project() is not Other" in problems
    assert "no license" in problems
    assert "names no PNG" in problems


def test_readme_has_what_the_index_asks_of_a_home_page(root):
    """Name, sentences on what it is for, a picture, the module, a tutorial with sample data, license, citation."""
    readme = (root / "README.md").read_text(encoding="utf-8")
    assert readme.startswith("# CardiacMotion\n")
    assert len(readme.split("\n\n")[1]) > 100
    assert re.search(r"!\[.+\]\(Resources/Screenshots/.+\)", readme)
    assert "**Cardiac Motion**" in readme  # the module
    for word in ("utorial", "sample", "Apache-2.0", "CITATION.cff", "Research use only"):
        assert word in readme, word
    linked = [path for path in re.findall(r"\]\(([^)#]+)", readme) if "://" not in path]
    assert [path for path in linked if not (root / path).exists()] == []


def test_tutorial_has_steps_and_pictures_that_exist(root):
    tutorial = root / "CardiacMotion" / "TUTORIAL.md"
    text = tutorial.read_text(encoding="utf-8")
    linked = [path for path in re.findall(r"\]\(([^)#]+)", text) if "://" not in path]
    assert [path for path in linked if not (tutorial.parent / path).exists()] == []
    assert len(re.findall(r"^\d+\. ", text, re.M)) >= 10
    assert len(re.findall(r"!\[", text)) >= 6


def test_pictures_are_small(root):
    shown = {path.name: path.stat().st_size for path in (root / "Resources" / "Screenshots").iterdir()}
    assert {name: size for name, size in shown.items() if size > 400_000} == {}


@pytest.mark.parametrize("folder", ["CardiacMotion"])
def test_module_files_import_at_the_top_only_what_every_slicer_has(root, folder):
    """A package that is not there yet must not keep the module from loading."""
    found = {}
    for path in (root / folder).rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module]
            strange = {name.split(".")[0] for name in names} - BUNDLED - set(sys.stdlib_module_names)
            if strange:
                found[path.name] = strange
    assert found == {}


def test_torch_is_never_installed_by_pip(root):
    for path in (root / "CardiacMotion").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("pip_install", "pip_ensure"):
                assert "torch" not in ast.unparse(node), path
