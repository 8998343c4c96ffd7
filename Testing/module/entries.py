"""Entries of combo boxes, chosen as a user does."""


def choose(combo, value):
    """Select the entry with this data as a user does."""
    index = combo.findData(value)
    assert index >= 0
    combo.setCurrentIndex(index)
