"""The exceptions a caller meets."""


class CardiacMotionError(ValueError):
    """Something the caller can put right: the message names the input, what is wrong and what would be right."""


class OutOfMemoryError(CardiacMotionError):
    """The device has too little memory for the work; what the work held there was given back."""


class Cancelled(Exception):  # noqa: N818  (the design's name: a cancelled run is not an error)
    """The user cancelled the run; nothing was kept and nothing was changed."""
