"""What Slicer's extensions index asks of an extension, as its published checks and its catalog entry schema 1.0.2 do.

The checks of the index that need the network (the topics of the repository, the addresses of pictures) are made on the
tree instead: an address must name a file of it.
"""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path
from urllib.parse import urlsplit

SCHEMA = (
    "https://raw.githubusercontent.com/Slicer/Slicer/main/Schemas/slicer-extension-catalog-entry-schema-v1.0.2.json#"
)
FIELDS = {  # of the schema: the type of each
    "$schema": str,
    "category": str,
    "scm_url": str,
    "scm_revision": str,
    "scm_type": str,
    "build_dependencies": list,
    "dicom_support_rule": str,
    "build_subdirectory": str,
    "enabled": bool,
    "tier": int,
}
REQUIRED = ("$schema", "category", "scm_url")
CATEGORY = "Cardiac"  # one of those that the index knows
LICENSES = ("LICENSE", "LICENCE", "License.txt", "license.txt", "LICENSE.txt", "COPYING", "COPYING.txt")
PICTURES = {".png": b"\x89PNG", ".jpg": b"\xff\xd8", ".jpeg": b"\xff\xd8", ".gif": b"GIF8"}
ICON_PIXELS = (128, 128)


def problems_of_entry(path: Path) -> list[str]:
    """What is wrong with the catalog entry, the .json named like the extension."""
    text = path.read_bytes().decode("utf-8")
    if "\r" in text:
        return ["line endings other than LF"]
    try:
        entry = json.loads(text)
    except json.JSONDecodeError as error:
        return [f"not JSON: {error}"]
    found = [f"{name} is missing" for name in REQUIRED if not entry.get(name)]
    found += [f"{name} is not in the schema" for name in entry if name not in FIELDS]
    found += [
        f"{name} must be {kind.__name__}" for name, kind in FIELDS.items() if type(entry.get(name, kind())) is not kind
    ]
    if found:
        return found
    if entry["$schema"] != SCHEMA:
        found.append(f"another schema than {SCHEMA}")
    if entry["category"] != CATEGORY:
        found.append(f"category {entry['category']!r} is not {CATEGORY}")
    if entry.get("scm_type", "git") not in ("git", "local"):
        found.append("scm_type must be git or local")
    if not 1 <= entry.get("tier", 1) <= 5:
        found.append("tier must be from 1 to 5")
    if not all(isinstance(name, str) and name for name in entry.get("build_dependencies", [])):
        found.append("build_dependencies must be names")
    address = urlsplit(entry["scm_url"])
    if address.scheme not in ("git", "https"):
        found.append("scm_url must begin with git:// or https://")
    if "slicer" not in Path(address.path).stem.lower():
        found.append("the name of the repository must hold Slicer")
    if path.stem.lower().startswith("slicer"):
        found.append("the name of the extension must not begin with Slicer")
    return found


def problems_of_tree(root: Path, name: str) -> list[str]:
    """What is wrong with CMakeLists.txt, pictures and license of the extension ``name`` in ``root``."""
    cmake = (root / "CMakeLists.txt").read_text(encoding="utf-8")
    found = []
    project = re.search(r"project\s*\(\s*([^\s\)]+)", cmake)
    if project is None or project[1].strip("\"'") != name:
        found.append(f"project() is not {name}")
    if not any((root / license_name).is_file() for license_name in LICENSES):
        found.append("no license file in the root")
    for variable in ("ICONURL", "SCREENSHOTURLS"):
        match = re.search(rf'set\s*\(EXTENSION_{variable}\s*"([^"]+)"\s*\)', cmake)
        if match is None:
            found.append(f"EXTENSION_{variable} is missing, or not one quoted line")
            continue
        found += [problem for url in match[1].split() if (problem := _problem_of_picture(root, url))]
    return found


def _problem_of_picture(root: Path, url: str) -> str:
    if not url.startswith("https://"):
        return f"{url} does not begin with https://"
    path = root / url.split("/main/")[-1]
    start = PICTURES.get(path.suffix.lower())
    if start is None or not path.is_file() or not path.read_bytes().startswith(start):
        return f"{url} names no PNG, JPEG or GIF of this tree"
    return ""


def icon_size(path: Path) -> tuple[int, int]:
    """(width, height) of a PNG in pixels."""
    width, height = struct.unpack(">II", path.read_bytes()[16:24])
    return width, height
