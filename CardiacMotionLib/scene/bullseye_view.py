"""What a bullseye says: values, colors, texts and title, for whoever paints it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..strain.segments import SEGMENT_NAMES
from .bullseye import summary_values
from .colors import DIVERGING, SHORT_NAMES, WINDOW_PERCENT, color_at
from .map_colors import NAVIA
from .tables import MEASURES

if TYPE_CHECKING:
    import pandas as pd

Color = tuple[float, float, float]
MISSING: Color = (0.82, 0.82, 0.82)
_STRAIN = {"end_systolic": "at end-systole", "peak_systolic": "systolic peak", "peak": "peak"}
SUMMARY_VALUES = (*_STRAIN, "time_to_peak_ms", "post_systolic_index")
LONGEST_INDEX = 50.0  # % at the end of the scale of the post-systolic index; above 20 % is called pathological
TIME_STEP_MS = 100.0


@dataclass(frozen=True)
class BullseyeView:
    """One bullseye, ready to be painted.

    Attributes
    ----------
    title
        What is shown, with measure and unit.
    values
        {AHA segment: value in ``unit``}, known ones only.
    window
        (low, high) of the color scale in ``unit``.
    unit
        ``%`` or ``ms``.
    diverging
        Whether the scale has zero in the middle, as the overlays' has, or starts at ``low``.
    """

    title: str
    values: dict[int, float]
    window: tuple[float, float]
    unit: str
    diverging: bool

    def color(self, value: float) -> Color:
        """Red, green, blue (0..1) of a value."""
        low, high = self.window
        share = min(max((value - low) / (high - low), 0.0), 1.0)
        return color_at(DIVERGING, 2 * share - 1) if self.diverging else color_at(NAVIA, share)

    def cell_color(self, segment: int) -> Color:
        """Color of a segment, gray where its value is not known."""
        return self.color(self.values[segment]) if segment in self.values else MISSING

    def text(self, segment: int) -> str:
        """The number in a segment; a dash where it is not known."""
        if segment not in self.values:
            return "-"
        return f"{round(self.values[segment]) + 0.0:.0f}"  # + 0.0: no minus before a zero

    def name(self, segment: int) -> str:
        """Number and name of a segment, for example ``8 mid anteroseptal``."""
        return f"{segment} {SEGMENT_NAMES[segment]}"

    def sentence(self, segment: int) -> str:
        """A segment's value in words, for example ``8 mid anteroseptal: -17.3 %``."""
        value = f"{self.values[segment]:.1f} {self.unit}" if segment in self.values else "not known"
        return f"{self.name(segment)}: {value}"


def bullseye_view(summary: pd.DataFrame, component: str, value: str, measure: str) -> BullseyeView:
    """Bullseye of one value of a strain's summary table.

    Parameters
    ----------
    summary
        ``strain.summary``, or the same read from its table node.
    component
        circumferential, radial or longitudinal.
    value
        One of `SUMMARY_VALUES`.
    measure
        ``green`` or ``engineering``.
    """
    found = summary_values(summary, component, value, measure)
    name, kind = SHORT_NAMES[component], f"{MEASURES[measure]} strain"
    if value == "time_to_peak_ms":
        longest = max(found.values(), default=TIME_STEP_MS)
        top = TIME_STEP_MS * max(-(-longest // TIME_STEP_MS), 1)
        return BullseyeView(f"{name}, time to peak (ms), {kind}", found, (0.0, top), "ms", False)
    if value == "post_systolic_index":
        return BullseyeView(f"{name}, post-systolic index (%), {kind}", found, (0.0, LONGEST_INDEX), "%", False)
    percent = {segment: 100 * one for segment, one in found.items()}
    window = WINDOW_PERCENT[component]
    return BullseyeView(f"{name}, {_STRAIN[value]} (%), {kind}", percent, (-window, window), "%", True)
