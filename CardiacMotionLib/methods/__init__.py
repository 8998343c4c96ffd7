"""Registration methods, one package each, behind one protocol (`MethodInfo`) and one registry (`register`)."""

from ..callable_module import make_callable
from ..devices import choose_device
from ..series import default_reference
from .protocol import Context, MethodInfo, OptionInfo, describe_options, make_options, option
from .registry import methods, register

__all__ = [
    "Context",
    "MethodInfo",
    "OptionInfo",
    "choose_device",
    "default_reference",
    "describe_options",
    "make_options",
    "methods",
    "option",
    "register",
]

make_callable(__name__, methods)
