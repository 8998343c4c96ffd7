"""How far the synthetic cines are from real ones, as numbers.

`measure` takes the statistics of one cine (``statistics``, with the edges of ``edges``), and `compare` puts those of
synthetic hearts beside those of real ones, with the distance of each real cine to the other real ones as the yardstick.
"""

from .gap import compare, pooled
from .statistics import HISTOGRAMS, Measurement, measure

__all__ = ["HISTOGRAMS", "Measurement", "compare", "measure", "pooled"]
