"""Let one name be both a folder and the function it exists for."""

import sys
from collections.abc import Callable
from types import ModuleType


def make_callable(module_name: str, function: Callable) -> None:
    """Make the module ``module_name`` callable as ``function``.

    The public API promises ``CardiacMotionLib.strain(motion, labels)`` while that function lives in the package
    ``CardiacMotionLib.strain``. Importing the package would otherwise replace the function by the module; a callable
    module is both.
    """
    module = sys.modules[module_name]
    module.__class__ = type(
        "CallableModule", (ModuleType,), {"__call__": staticmethod(function), "__doc__": function.__doc__}
    )
