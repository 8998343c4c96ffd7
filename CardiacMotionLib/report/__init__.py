"""What a reader is given: curves, bullseye, animated cine, maps, tables and self-contained pages."""

from .bullseye import plot_bullseye
from .cine import cine_frames, write_cine
from .curves import plot_curves
from .map_page import panels, write_map_report
from .map_run import MapRun, region_table, score_table, with_labels
from .maps import Panel, plot_maps
from .page import write_report
from .quality import describe_quality, summarize_scores
from .tables import write_tables

__all__ = [
    "MapRun",
    "Panel",
    "cine_frames",
    "describe_quality",
    "panels",
    "plot_bullseye",
    "plot_curves",
    "plot_maps",
    "region_table",
    "score_table",
    "summarize_scores",
    "with_labels",
    "write_cine",
    "write_map_report",
    "write_report",
    "write_tables",
]
