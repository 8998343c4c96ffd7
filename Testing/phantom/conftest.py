"""Cines and groups for the tests of the phantom."""

from __future__ import annotations

import pytest
from hearts import SMALL

from CardiacMotionLib import phantom
from CardiacMotionLib.phantom.population import GROUPS


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
