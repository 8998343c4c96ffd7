"""Single-shot inversion recovery."""

from .recovery import InversionRecovery


class SingleShotInversionRecovery(InversionRecovery):
    """One inversion an image and rest between, S = A - B exp(-TI / T1), B = 2 A after a perfect inversion.

    The reference method. Maps: T1, A, B.
    """

    name = "ir"
    title = "Inversion recovery, one image an inversion"
