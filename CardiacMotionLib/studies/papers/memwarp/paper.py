"""Paper 002: MemWarp."""

from __future__ import annotations

from ..paper import Claim, Paper

PAPER = Paper(
    name="memwarp",
    number="002",
    title="MemWarp: cardiac registration that keeps discontinuities",
    citation="H. Zhang, X. Chen, R. Hu, D. Liu, G. Li, R. Wang. MemWarp: Discontinuity-Preserving Cardiac Registration "
    "with Memorized Anatomical Filters. MICCAI 2024.",
    tables=("memwarp_claims",),
    claims=(
        Claim(
            "at least 5 points more Dice than its own U-Net (LKU-Net) with the same loss of labels",
            "89.61 against 83.08 %",
            "table 1",
            ("MemWarp has at least",),
            ("Dice (%)",),
        ),
        Claim(
            "the same of labels carried the other way, by the inverse of what was found",
            "",
            "not in the paper",
            ("MemWarp has at least",),
            ("carried Dice (%)",),
        ),
        Claim("a lower HD95", "3.93 against 6.43 mm", "table 1", ("MemWarp has a lower HD95",), ("HD95 (mm)",)),
        Claim(
            "the Laplacian pyramid helps",
            "Dice 77.25 against 76.53 % without labels, 89.61 against 85.87 % with all else",
            "table 2, #2 and #1, #6 and #5",
            ("the pyramid helps",),
        ),
        Claim(
            "the memory helps",
            "Dice 85.87 against 83.08 %, there without pyramid and with the region loss",
            "table 2, #5 and #3",
            ("the memory helps",),
        ),
        Claim("the region loss helps", "not apart from the memory", "table 2", ("the region loss helps",)),
        Claim("the Dice loss helps", "Dice 89.61 against 74.81 %", "table 2, #6 and #4", ("the Dice loss helps",)),
        Claim(
            "it segments, too (here: more than 85 % Dice)",
            "89.68 %, nnFormer 90.15 %",
            "table 2, section 3.2",
            ("MemWarp gives a segmentation",),
        ),
        Claim(
            "more variable Jacobians where organs meet",
            "SDlogJ 0.149 against 0.099, everywhere",
            "table 1",
            ("MemWarp has more SDlogJ at the boundaries",),
        ),
        Claim(
            "and smooth motion inside an organ",
            "no number",
            "figure 2",
            ("MemWarp has at most",),
        ),
        Claim(
            "discontinuities are kept, where U-Nets blend them (here: the jump at the pericardium)",
            "no number",
            "figure 2",
            ("MemWarp keeps the jump better",),
        ),
        Claim(
            "the same by the error of the jump, which needs the truth",
            "",
            "not in the paper",
            ("MemWarp has a smaller error of the jump",),
        ),
        Claim(
            "ahead of TransMorph, Slicer Network and DDIR",
            "89.61 against 81.08, 83.68 and 88.03 % Dice",
            "table 1",
            why="these networks are not built here",
        ),
    ),
    measured="Networks of the same small backbone (but VoxelMorph), people, steps and batches, from end-diastole to "
    "end-systole of synthetic people whose hearts slide in the pericardium, on the grids of their own scans. A verdict "
    "is that of a paired two-sided Wilcoxon test over held-out people, p < 0.05, beyond the gain that a claim "
    "names.",
    differs="The paper trains 47.8 million parameters for 400 epochs on 170 pairs of ACDC in both directions; ours are "
    "1.5 million parameters, 1500 steps of two pairs and 100 synthetic people in one direction. The filters of the "
    "memory are chosen by its regions, which are worth what its segmentation is: what does not hold here may hold "
    "after a full training (`cardiac-motion train memwarp --config paper`). Every network was trained once, from one "
    "seed.",
)
