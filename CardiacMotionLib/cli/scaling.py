"""``cardiac-motion benchmark --scaling``: time and memory against the size of the images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .terminal import Terminal

if TYPE_CHECKING:
    from ..studies.benchmark import Settings


def run_scaling(
    names: Sequence[str], missing: dict[str, str], settings: Settings, quick: bool, output: Path, terminal: Terminal
) -> tuple[list[Path], list[dict[str, str]]]:
    """Do the runs and write tables, text and picture; with what gave no result."""
    from ..report.scaling import write_scaling
    from ..studies.scaling import axes, execute, points_of, table_of

    points = points_of(axes(quick), names, settings, output)
    results = []
    failed = []
    with terminal.progress("Scaling") as progress:
        for point, result in execute(points, settings, progress):
            results.append((point, result))
            if "reason" in result:
                axis, method = point.curve
                failed.append({"axis": axis, "method": method, "shape": point.size.name, "reason": result["reason"]})
                terminal.note(f"{method} on {point.size.name}: {result['reason']}")
    return write_scaling(table_of(results), output, settings, missing, quick), failed
