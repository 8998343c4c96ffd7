"""What paper 002 says of MemWarp, judged by the scores of runs."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .rows import (
    ALLOWED,
    CARRIED_DICE,
    CARRIED_HD95,
    DICE,
    EDGES,
    HD95,
    INSIDE,
    JUMP_ERROR,
    LAPWARP,
    LKU,
    MEMWARP,
    NO_DICE,
    NO_PYRAMID,
    NO_REGIONS,
    OFF,
    POINTS,
    SEGMENTATION,
    SEMI,
    U_NET,
    UNSUPERVISED,
    VOXELMORPH,
    WORTH,
    Runs,
    compare,
)


def claims(found: Runs) -> pd.DataFrame:
    """All comparisons of the paper; those of one claim have the same words."""
    lapwarp = f"{LAPWARP}, {SEMI}"
    unsupervised = f"{LAPWARP}, {UNSUPERVISED}", f"{LKU}, {UNSUPERVISED}"
    points = f"MemWarp has at least {POINTS:g} points more Dice than LKU-Net, both with Dice loss"
    closer = "MemWarp has a lower HD95 than LKU-Net, both with Dice loss"
    rows = [
        *(_beside(found, points, score, MEMWARP, U_NET, more=True, least=POINTS) for score in (DICE, CARRIED_DICE)),
        *(_beside(found, closer, score, MEMWARP, U_NET, more=False) for score in (HD95, CARRIED_HD95)),
        _beside(found, "the pyramid helps", DICE, *unsupervised, more=True),
        _beside(found, "the pyramid helps", DICE, MEMWARP, NO_PYRAMID, more=True),
        _beside(found, "the memory helps", DICE, NO_PYRAMID, U_NET, more=True),
        _beside(found, "the memory helps", DICE, MEMWARP, lapwarp, more=True),
        _beside(found, "the memory helps", DICE, NO_REGIONS, lapwarp, more=True),
        _beside(found, "the region loss helps", DICE, MEMWARP, NO_REGIONS, more=True),
        _beside(found, "the Dice loss helps", DICE, MEMWARP, NO_DICE, more=True),
        _segmentation(found),
        _beside(found, "MemWarp has more SDlogJ at the boundaries than LKU-Net", EDGES, MEMWARP, U_NET, more=True),
        _beside(
            found,
            f"MemWarp has at most {100 * ALLOWED:g} % more SDlogJ inside the wall than LKU-Net",
            INSIDE,
            MEMWARP,
            U_NET,
            more=False,
            least=-ALLOWED * found.values(U_NET, INSIDE),
        ),
    ]
    for scores, better in ((OFF, "keeps the jump better"), (JUMP_ERROR, "has a smaller error of the jump")):
        claim = f"MemWarp {better} than U-Nets with Dice loss"
        for score in scores:
            rows += [
                _beside(found, claim, score, MEMWARP, f"{other}, {SEMI}", more=False) for other in (LKU, VOXELMORPH)
            ]
    return pd.DataFrame(rows)


def _beside(
    found: Runs,
    claim: str,
    score: str,
    ours: str,
    theirs: str,
    *,
    more: bool,
    least: float | np.ndarray = 0.0,
) -> dict[str, str]:
    at = f"{ours}; other: {theirs}"
    both = found.values(ours, score), found.values(theirs, score)
    return compare(claim, at, score, *both, more=more, least=least)


def _segmentation(found: Runs) -> dict[str, str]:
    """Whether what MemWarp tells is worth having, by Dice."""
    told = found.values(MEMWARP, SEGMENTATION)
    claim = f"MemWarp gives a segmentation worth having: more than {WORTH:g} %"
    return compare(claim, f"{MEMWARP}; other: {WORTH:g} %", SEGMENTATION, told, np.full_like(told, WORTH), more=True)
