"""The U-Net of VoxelMorph, a network that finds the motion at one look: what others are compared with."""

from ..learned_method import learned_method

METHOD = learned_method(
    __package__,
    title="VoxelMorph",
    summary="A U-Net sees both images once and gives the motion; the baseline of learned registration.",
    citation="Balakrishnan et al. 2019 (10.1109/TMI.2019.2897538)",
)
