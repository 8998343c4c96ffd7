"""Rows of the tables about MemWarp, and the runs that they are of."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from .. import claim_tables

NONE, EXACT, DEMONS, SPLINE = "no registration", "exact motion", "demons", "spline"  # references
VOXELMORPH, LKU, LAPWARP = "VoxelMorph", "LKU-Net", "LapWarp"
UNSUPERVISED, SEMI = "unsupervised", "semi-supervised"
U_NET = f"{LKU}, {SEMI}"  # what MemWarp is without its parts, with labels
NO_DICE, NO_PYRAMID, MEMWARP = "MemWarp without Dice loss", "MemWarp without pyramid", "MemWarp"
NO_REGIONS = "MemWarp without region loss"
KINDS = {  # how a row comes about
    "reference": (NONE, EXACT),
    "traditional": (DEMONS, SPLINE),
    UNSUPERVISED: tuple(f"{name}, {UNSUPERVISED}" for name in (LKU, LAPWARP)),
    SEMI: (*(f"{name}, {SEMI}" for name in (VOXELMORPH, LKU, LAPWARP)), NO_DICE, NO_PYRAMID, NO_REGIONS, MEMWARP),
}
ABLATIONS = {  # number in the paper, and whether there are pyramid, Dice loss, memory and region loss
    f"{LKU}, {UNSUPERVISED}": ("#1", False, False, False, False),
    f"{LAPWARP}, {UNSUPERVISED}": ("#2", True, False, False, False),
    U_NET: ("#3", False, True, False, False),
    NO_DICE: ("#4", True, False, True, True),
    NO_PYRAMID: ("#5", False, True, True, True),
    MEMWARP: ("#6", True, True, True, True),
    f"{LAPWARP}, {SEMI}": ("", True, True, False, False),
    NO_REGIONS: ("", True, True, True, False),
}
PARTS = ("number", "pyramid", "Dice loss", "memory", "region loss")
PAPER = {  # tables 1 and 2: Dice (%), HD95 (mm), SDlogJ, segmentation Dice (%)
    NONE: (58.14, 11.95),
    DEMONS: (72.37, 11.46, 0.031),
    f"{LKU}, {UNSUPERVISED}": (76.53, 9.13, 0.049),
    f"{LAPWARP}, {UNSUPERVISED}": (77.25, 9.23, 0.074),
    f"{VOXELMORPH}, {SEMI}": (81.34, 6.87, 0.082),
    U_NET: (83.08, 6.43, 0.099),
    NO_DICE: (74.81, 9.26, 0.950, 89.06),
    NO_PYRAMID: (85.87, 5.32, 0.085, 87.76),
    MEMWARP: (89.61, 3.93, 0.149, 89.68),
}
DICE, HD95, SDLOGJ, SEGMENTATION = "Dice (%)", "HD95 (mm)", "SDlogJ", "segmentation Dice (%)"
CARRIED_DICE, CARRIED_HD95 = "carried Dice (%)", "carried HD95 (mm)"
BACK_DICE, BACK_HD95 = "backward Dice (%)", "backward HD95 (mm)"
EDGES, INSIDE = "SDlogJ boundaries", "SDlogJ inside the wall"
ERRORS = ("error in wall (mm)", "error in blood (mm)", "error in lung (mm)", "error around (mm)")
KEPT, JUMP_ERROR = ("jump kept", "jump kept in plane"), ("jump error (mm)", "jump error in plane (mm)")
OFF = tuple(f"|1 - {score}|" for score in KEPT)  # by which it is judged: more than all of it is no better than less
PUBLISHED = (DICE, HD95, SDLOGJ, SEGMENTATION)
REGISTRATION = (DICE, "Dice RV (%)", "Dice myocardium (%)", "Dice cavity (%)", HD95, SDLOGJ, "folding (%)")
OTHERWISE = (CARRIED_DICE, CARRIED_HD95, BACK_DICE, BACK_HD95)  # the labels, not as they are drawn at end-diastole
REGULARITY = ("SDlogJ wall", INSIDE, EDGES)
DIGITS = {
    **dict.fromkeys((*REGISTRATION[:4], CARRIED_DICE, BACK_DICE, SEGMENTATION), 1),
    **dict.fromkeys((HD95, CARRIED_HD95, BACK_HD95), 2),
    **dict.fromkeys((SDLOGJ, *REGULARITY, "folding (%)"), 3),
    **dict.fromkeys((*ERRORS, *KEPT, *OFF, *JUMP_ERROR), 2),
}
POINTS = 5.0  # of Dice, by which MemWarp is to be better than a U-Net
ALLOWED = 0.1  # of the SDlogJ of a U-Net, how much more of it MemWarp may have where it is to have no more
WORTH = 85.0  # % Dice, from which on a segmentation is worth having
compare = partial(claim_tables.compare, "ours", DIGITS)


class Runs:
    """Runs and their scores by row of the tables."""

    def __init__(self, results: list[dict[str, Any]]) -> None:
        self.runs = {run["variant"] or run["method"]: run for run in results}
        self.scores = {row: pd.DataFrame(run["scores"]) for row, run in self.runs.items()}
        for scores in self.scores.values():
            scores[list(OFF)] = (1 - scores[list(KEPT)]).abs()

    def values(self, row: str, score: str) -> np.ndarray:
        """A score of every held-out person, in order."""
        return self.scores[row][score].to_numpy()
