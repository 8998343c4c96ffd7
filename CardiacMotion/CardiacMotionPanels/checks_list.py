"""The checks of a study as a short list: a sign, what was found, what to do."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from CardiacMotionLib.checks import Check

SIGNS = {  # told apart by their shape, not only by their color
    "problem": ("\N{HEAVY BALLOT X}", "#b3261e"),
    "note": ("\N{BLACK UP-POINTING TRIANGLE}", "#8a5a00"),
    "ok": ("\N{HEAVY CHECK MARK}", "#1b6e3c"),
}


def checksText(checks: Iterable[Check]) -> str:
    """Rich text for a label."""
    rows = []
    for level, sentence, advice in checks:
        sign, color = SIGNS[level]
        what = html.escape(sentence)
        do = f"<br><i>{html.escape(advice)}</i>" if advice else ""
        rows.append(
            f'<tr><td style="padding-right: 6px; color: {color}">{sign}</td>'
            f'<td style="padding-bottom: 4px">{what}{do}</td></tr>'
        )
    return f'<table cellspacing="0" cellpadding="0">{"".join(rows)}</table>' if rows else ""
