"""What a reader is given: curves, bullseye, animated cine, tables and a self-contained page."""

from .bullseye import plot_bullseye
from .cine import cine_frames, write_cine
from .curves import plot_curves
from .page import write_report
from .quality import describe_quality, summarize_scores
from .tables import write_tables

__all__ = [
    "cine_frames",
    "describe_quality",
    "plot_bullseye",
    "plot_curves",
    "summarize_scores",
    "write_cine",
    "write_report",
    "write_tables",
]
