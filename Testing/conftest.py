"""Fixtures for every suite."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real CMR data beside the checkout; tests that need it are skipped where it is not there."""
    folder = Path(os.environ.get("CARDIACMOTION_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real data not found at {folder} (set CARDIACMOTION_DATA)")
    return folder


@pytest.fixture(scope="session")
def root() -> Path:
    """Top folder of the source tree."""
    return ROOT
