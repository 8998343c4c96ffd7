"""The layers of the library: each imports only from those above it, and looking at the library costs nothing."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "CardiacMotionLib"
LAYERS = (
    ("CardiacMotionLib", "errors", "callable_module", "whole_files", "workers", "devices", "expected_time"),
    ("fields",),
    (
        "series",
        "rings",
        "scattered",
        "checks",
        "places",
        "motion",
        "continuous",
        "orientation",
        "metrics",
        "tagged_cine",
        "weights",
    ),
    ("methods",),
    ("strain", "mapping", "dense"),
    ("phantom", "prior", "training"),
    ("io", "scene", "report", "cli", "jobs", "studies", "map_pipeline", "pipeline"),
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
# Motion.save and Motion.load are public and reach for a file format when they are called.
ALLOWED = {("motion", "io")}
HEAVY = ("torch", "scipy", "pandas", "SimpleITK", "matplotlib", "slicer", "vtk", "vtkmodules", "qt", "ctk", "PySide6")


def part_of(path: Path) -> str:
    """Name of the part of the library, a folder or a file at its top, that a source file belongs to."""
    return path.relative_to(LIBRARY).parts[0].removesuffix(".py").replace("__init__", "CardiacMotionLib")


def imported_modules(path: Path) -> set[str]:
    """Full dotted names of everything a file of the library imports, wherever in the file."""
    package = ("CardiacMotionLib", *path.relative_to(LIBRARY).parts[:-1])
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *((node.module,) if node.module else ())))
            names |= {f"{module}.{alias.name}" for alias in node.names}
    return names


def parts_imported(path: Path) -> set[str]:
    """Parts of the library that a file of it imports."""
    parts = {n.split(".")[1] for n in imported_modules(path) if n.startswith("CardiacMotionLib.")}
    return {
        p if p in LEVEL or (LIBRARY / p).is_dir() or (LIBRARY / f"{p}.py").is_file() else "CardiacMotionLib"
        for p in parts
    }


SOURCES = sorted(LIBRARY.rglob("*.py"))


def test_every_part_has_a_layer():
    assert {part_of(path) for path in SOURCES} <= set(LEVEL)


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(LIBRARY)))
def test_no_layer_imports_a_lower_one(path):
    part = part_of(path)
    wrong = {
        other
        for other in parts_imported(path)
        if other not in LEVEL or (LEVEL[other] > LEVEL[part] and (part, other) not in ALLOWED)
    }
    assert not wrong, f"{part} (layer {LEVEL[part]}) imports {sorted(wrong)}"


def top_level_imports(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imported_modules(path)}


def test_only_the_scene_knows_slicer():
    users = {part_of(p) for p in SOURCES if top_level_imports(p) & {"slicer", "vtk", "vtkmodules", "mrml"}}
    assert users == {"scene"}


def test_only_the_module_knows_qt():
    assert not [p for p in SOURCES if top_level_imports(p) & {"qt", "ctk", "PythonQt", "PySide6", "PySide2", "PyQt5"}]


def test_fields_need_torch_only():
    used = {name for p in SOURCES if part_of(p) == "fields" for name in top_level_imports(p)}
    assert used - set(sys.stdlib_module_names) <= {"torch", "CardiacMotionLib"}


@pytest.mark.parametrize(
    "statement", ["import CardiacMotionLib", "import CardiacMotionLib.methods", "dir(__import__('CardiacMotionLib'))"]
)
def test_looking_at_the_library_loads_nothing_heavy(statement):
    """A fresh interpreter imports the library: what it loaded on the way holds none of the large packages."""
    program = f"import json, sys; {statement}; print(json.dumps(sorted({{m.split('.')[0] for m in sys.modules}})))"
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert not set(json.loads(answer)) & set(HEAVY)


def test_public_names_are_what_they_say():
    import CardiacMotionLib

    assert {"ImageSeries", "Motion", "CardiacMotionError", "Cancelled", "register", "evaluate", "read_series"} <= set(
        CardiacMotionLib.__all__
    )
    for name in CardiacMotionLib.__all__:
        assert callable(getattr(CardiacMotionLib, name)), name
        assert name in dir(CardiacMotionLib)
    with pytest.raises(AttributeError, match="no attribute 'registre'"):
        CardiacMotionLib.registre  # noqa: B018


def test_layer_scan_sees_what_it_should():
    """The scan itself, on a file whose imports are known."""
    assert "fields" in parts_imported(LIBRARY / "motion.py")
    assert "errors" in parts_imported(LIBRARY / "series.py")
    assert "CardiacMotionLib" in parts_imported(LIBRARY / "methods" / "registry.py")  # its __version__
    assert ("motion", "io") in {("motion", other) for other in parts_imported(LIBRARY / "motion.py")}
