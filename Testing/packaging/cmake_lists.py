"""Write the file lists of the CMake files from the tree; with ``--check``, only compare.

CMake is told every file by name: a file that is not listed is silently left out of the installed extension.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("CardiacMotion", "CardiacMotionLib", "Resources")
START, END = "# <files>\n", "# </files>\n"
NOT_INSTALLED = ("CMakeLists.txt", "CardiacMotion/TUTORIAL.md", "Resources/Screenshots/")


def files_of(folder: str) -> list[str]:
    """Files under ``folder`` that git knows or would add, relative to it and sorted; without git, those on disk."""
    base = ROOT / folder
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", folder]
    try:
        answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        paths = [ROOT / line for line in answer.splitlines()]
    except (OSError, subprocess.CalledProcessError):
        paths = [path for path in base.rglob("*") if "__pycache__" not in path.parts]
    names = {path.relative_to(base).as_posix() for path in paths if path.is_file()}
    return sorted(
        name for name in names if not any(f"{folder}/{name}".startswith(skip) or name == skip for skip in NOT_INSTALLED)
    )


def lists_of(folder: str) -> str:
    """The text between the markers."""
    files = files_of(folder)
    scripts = [name for name in files if name.endswith(".py")]
    resources = [name for name in files if not name.endswith(".py")]
    blocks = [("MODULE_PYTHON_RESOURCES", resources)]
    if folder != "Resources":
        blocks.insert(0, ("MODULE_PYTHON_SCRIPTS", scripts))
    return "".join(f"set({name}\n" + "".join(f"  {file}\n" for file in content) + "  )\n" for name, content in blocks)


def updated(folder: str) -> tuple[Path, str]:
    """(CMake file, what it should say)."""
    path = ROOT / folder / "CMakeLists.txt"
    before, rest = path.read_text(encoding="utf-8").split(START)
    return path, before + START + lists_of(folder) + END + rest.split(END)[1]


def outdated() -> list[Path]:
    """CMake files whose lists are not those of the tree."""
    return [path for path, text in map(updated, FOLDERS) if path.read_text(encoding="utf-8") != text]


def main(arguments: list[str]) -> int:
    """Exit status 1 when ``--check`` finds a difference."""
    wrong = outdated()
    for path in wrong:
        print(f"{'outdated' if '--check' in arguments else 'written'}: {path.relative_to(ROOT)}")
    if "--check" in arguments:
        return int(bool(wrong))
    for path, text in map(updated, FOLDERS):
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
