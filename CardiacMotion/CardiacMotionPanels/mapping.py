"""Mapping: T1, T2 and perfusion maps of a series."""

from __future__ import annotations

from typing import Any

from .session import Session


class MappingPanel:
    """The fifth section."""

    def __init__(self, session: Session):
        self.session = session
        self.widget, self.ui = session.load("Mapping")

    def setParameterNode(self, parameterNode: Any) -> None:
        """Nothing is chosen here."""

    def cleanup(self) -> None:
        """Nothing to let go of."""

    def refresh(self) -> None:
        """Nothing to show."""
