"""Pages that need nothing else: templates of this folder filled in, pictures inside."""

from __future__ import annotations

import base64
import importlib.util
import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import CardiacMotionError
from ..whole_files import writing

if TYPE_CHECKING:
    from PIL.Image import Image


def write_page(template: str, content: Mapping[str, Any], path: str | Path) -> Path:
    """Fill in a template of this folder; raises `CardiacMotionError` without jinja2 or where it cannot be written."""
    if importlib.util.find_spec("jinja2") is None:
        raise CardiacMotionError("a report needs the package jinja2: pip install jinja2")
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=jinja2.StrictUndefined
    )
    page = environment.get_template(template).render(**content)
    with writing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return Path(path)


def png_uri(data: bytes) -> str:
    """A PNG as the address of an image."""
    return "data:image/png;base64," + base64.b64encode(data).decode()


def image_uri(image: Image) -> str:
    """A picture as the address of an image, small."""
    buffer = io.BytesIO()
    image.save(buffer, format="WEBP", quality=80)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
