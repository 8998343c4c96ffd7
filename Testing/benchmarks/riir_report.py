"""What the measurements of riir_claims.py say: tables, claims with their numbers, and a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

NONE, EXACT = "no registration", "exact motion"


def write_report(results: list[dict[str, Any]], about: dict[str, Any], command: str, folder: Path, tested: int) -> None:
    """Write riir_claims.csv, .md and .png."""
    pd.DataFrame(results).to_csv(folder / "riir_claims.csv")
