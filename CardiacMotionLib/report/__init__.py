"""What a reader is given: curves, bullseye, animated cine, maps, tables and self-contained pages.

Importing this package is light: names load when they are used, so that numbers and words of a run need no matplotlib.
"""

from __future__ import annotations

import importlib
from typing import Any

_PUBLIC = {
    "EcvRun": "ecv_run",
    "MapRun": "map_run",
    "Panel": "maps",
    "cine_frames": "cine",
    "compact_regions": "map_tables",
    "compute_ecv": "ecv_run",
    "describe_quality": "quality",
    "describe_scores": "map_words",
    "panels": "map_page",
    "quality_flags": "flags",
    "plot_bullseye": "bullseye",
    "plot_curves": "curves",
    "plot_maps": "maps",
    "region_table": "map_run",
    "score_table": "map_run",
    "summarize_scores": "quality",
    "with_labels": "map_run",
    "write_cine": "cine",
    "write_map_report": "map_page",
    "write_report": "page",
    "write_tables": "tables",
}

__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(f"{__name__}.{_PUBLIC[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})
