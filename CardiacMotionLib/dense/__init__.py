"""Cine DENSE: from wrapped phases to the motion of the wall.

Phase is unwrapped in the wall, frame by frame, and made Lagrangian on the grid of the moment of the encoding
(Spottiswoode et al., IEEE TMI 26 (2007) 15-30). Reading the images is the part of `io.datasets.dense`.
"""

from .decode import Decoded, decode_dense
from .lagrangian import smooth_in_time
from .unwrap import remove_background, unwrap

__all__ = ["Decoded", "decode_dense", "remove_background", "smooth_in_time", "unwrap"]
