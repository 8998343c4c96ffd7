"""Figures made without matplotlib's global state, so that the windows of Slicer or a notebook are left alone."""

from __future__ import annotations

import io
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ..errors import CardiacMotionError
from ..whole_files import writing


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of ``width`` x ``height`` inches on a white ground, drawn in memory."""
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Figure, path: str | Path) -> Path:
    """Write as the file type that the name ends in; raises `CardiacMotionError` for one that cannot be written."""
    path = Path(path)
    if path.suffix[1:].lower() not in figure.canvas.get_supported_filetypes():
        raise CardiacMotionError(f"cannot draw into {path.name!r}: use a name ending in .png, .svg or .pdf")
    with writing(path) as temporary:
        figure.savefig(temporary, dpi=150)
    return path


def png_bytes(figure: Figure, dpi: int = 120) -> bytes:
    """The figure as a PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()
