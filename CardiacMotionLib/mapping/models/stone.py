"""STONE: slice-interleaved T1."""

from .recovery import InversionRecovery


class Stone(InversionRecovery):
    """Slice-interleaved T1, S = A - B exp(-TI / T1) (Weingärtner 2015).

    After each inversion a slice is excited once, so that its recovery is undisturbed and B / A - 1 is not a Look-Locker
    correction: it tells how well the inversion worked. An image without inversion (TI infinite) is A. Maps: T1, A, B.
    """

    name = "stone"
    title = "Slice-interleaved T1 (STONE)"
