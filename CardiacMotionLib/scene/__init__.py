"""Slicer's scene: nodes in, nodes out; the only layer that imports ``slicer``, in the application or its wheel.

``read`` turns nodes into an `ImageSeries`; ``results`` puts a motion and its strain beside the cine, ``maps`` parameter
maps; ``storage`` saves and loads; ``render`` draws pictures without a screen. Importing this package is light: names
load when they are used.
"""

from __future__ import annotations

import importlib
from typing import Any

_PUBLIC = {
    "MapResults": "map_record",
    "Results": "result_record",
    "acquisition_of": "acquisition",
    "add_ecv_run": "maps",
    "add_map_run": "maps",
    "add_map_sample": "map_sample",
    "add_maps": "maps",
    "find_maps": "maps",
    "remove_maps": "maps",
    "render_map": "render",
    "show_map": "map_views",
    "add_labels": "segmentations",
    "add_results": "results",
    "add_series": "sequences",
    "find_results": "results",
    "headless_scene": "headless",
    "load_scene": "storage",
    "load_sequence": "storage",
    "match_segments": "segment_names",
    "motion_from_sequence": "transforms",
    "remove_results": "results",
    "render_3d": "render",
    "render_slice": "render",
    "save_node": "storage",
    "save_scene": "storage",
    "series_from_nodes": "read",
    "show_acquired_plane": "slice_plane",
    "show_frame": "sequences",
    "show_overlay": "overlays",
    "show_plane_across": "slice_plane",
    "show_arrows": "arrows",
    "hide_overlay": "overlays",
    "hide_arrows": "arrows",
    "Curves": "charts",
    "add_probe": "probes",
    "add_ruler": "rulers",
    "find_probes": "probes",
    "find_rulers": "rulers",
    "end_highlight": "highlight",
    "hide_segments": "aha",
    "highlight_segment": "highlight",
    "read_insertions": "insertions",
    "show_curves": "strain_update",
    "show_segments": "aha",
    "update_strain": "strain_update",
    "add_study": "cines",
    "add_volume_chart": "volume_chart",
    "choose_segments": "segment_names",
    "load_sample": "sample",
    "open_cine": "cines",
    "to_sequence": "cines",
}

__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(f"{__name__}.{_PUBLIC[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})
