"""What paper 002 says of MemWarp, judged by the scores of runs."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .rows import (
    ALLOWED,
    DICE,
    EDGES,
    ERRORS,
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
    TRUTH,
    UNSUPERVISED,
    VOXELMORPH,
    WORTH,
    Runs,
    compare,
)


def claims(found: Runs) -> pd.DataFrame:
    """All comparisons of the paper; those of one claim have the same words."""
    u_net, lapwarp = f"{LKU}, {SEMI}", f"{LAPWARP}, {SEMI}"
    unsupervised = f"{LAPWARP}, {UNSUPERVISED}", f"{LKU}, {UNSUPERVISED}"
    rows = [
        _beside(
            found,
            f"MemWarp has at least {POINTS:g} points more Dice than LKU-Net, both with Dice loss",
            DICE,
            MEMWARP,
            u_net,
            more=True,
            least=POINTS,
        ),
        _beside(found, "MemWarp has a lower HD95 than LKU-Net, both with Dice loss", HD95, MEMWARP, u_net, more=False),
        _beside(found, "the pyramid helps", DICE, *unsupervised, more=True),
        _beside(found, "the pyramid helps", DICE, MEMWARP, NO_PYRAMID, more=True),
        _beside(found, "the memory helps", DICE, NO_PYRAMID, u_net, more=True),
        _beside(found, "the memory helps", DICE, MEMWARP, lapwarp, more=True),
        _beside(found, "the memory helps", DICE, NO_REGIONS, lapwarp, more=True),
        _beside(found, "the region loss helps", DICE, MEMWARP, NO_REGIONS, more=True),
        _beside(found, "the Dice loss helps", DICE, MEMWARP, NO_DICE, more=True),
        _segmentation(found),
        _beside(found, "MemWarp has more SDlogJ at the boundaries than LKU-Net", EDGES, MEMWARP, u_net, more=True),
        _beside(
            found,
            f"MemWarp has at most {100 * ALLOWED:g} % more SDlogJ inside the wall than LKU-Net",
            INSIDE,
            MEMWARP,
            u_net,
            more=False,
            least=-ALLOWED * found.values(u_net, INSIDE),
        ),
    ]
    for scores, better in ((OFF, "keeps the jump better"), (JUMP_ERROR, "has a smaller error of the jump")):
        claim = f"MemWarp {better} than U-Nets with Dice loss"
        for score in scores:
            rows += [
                _beside(found, claim, score, MEMWARP, f"{other}, {SEMI}", more=False) for other in (LKU, VOXELMORPH)
            ]
    return pd.DataFrame(rows)


def known_motion(found: Runs) -> pd.DataFrame:
    """What it adds to train with the truth."""
    return pd.DataFrame(
        _beside(found, "known motion helps", score, TRUTH, MEMWARP, more=score == DICE)
        for score in (DICE, *OFF, *ERRORS, *JUMP_ERROR)
    )


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
