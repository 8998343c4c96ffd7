"""CardiacMotion: motion and strain from cardiac MR, as a library.

Cine in, a motion field out, strain and maps back; see ``register`` and ``strain``. Importing the package is light:
every public name is loaded when it is first used, so that a program may look before torch is installed.

Research use only: not a medical device.
"""

import importlib

__version__ = "0.1.0"

_PUBLIC = {
    "CardiacMotionError": "errors",
    "Cancelled": "errors",
    "ImageSeries": "series",
    "Motion": "motion",
    "read_series": "io",
    "register": "methods",
    "evaluate": "metrics",
    "compose_tagged_cine": "tagged_cine",
    "fit_map": "mapping.fit",
    "ParameterMaps": "mapping.maps",
    "ecv": "mapping.ecv",
}
_CALLABLE_PACKAGES = ("methods", "strain", "phantom")  # packages that are also the public function of their name

__all__ = sorted([*_PUBLIC, *_CALLABLE_PACKAGES])


def __getattr__(name: str):
    if name in _PUBLIC:
        value = getattr(importlib.import_module(f"{__name__}.{_PUBLIC[name]}"), name)
        globals()[name] = value
        return value
    if name in _CALLABLE_PACKAGES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
