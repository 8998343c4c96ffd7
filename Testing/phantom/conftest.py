"""Cines and groups for the tests of the phantom."""

from __future__ import annotations

import pytest

from CardiacMotionLib import phantom
from CardiacMotionLib.phantom.population import GROUPS

SMALL = {"frames": 4, "rows": 72, "columns": 72, "pixel_mm": 2.2}


@pytest.fixture(scope="session", params=GROUPS)
def group(request) -> str:
    """Each of the groups."""
    return request.param


@pytest.fixture(scope="session")
def heart():
    """The cine that somebody gets who asks for nothing."""
    return phantom("cine", 0)


@pytest.fixture(scope="session")
def small():
    """A quick cine."""
    return phantom("cine", 3, **SMALL)
