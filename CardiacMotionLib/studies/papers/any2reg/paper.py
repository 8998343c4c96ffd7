"""Paper 003: Any2Reg."""

from __future__ import annotations

from ..paper import Claim, Paper

ALIGNED = ("Dice (%)", "TRE (mm)", "error in heart (mm)")
IN_DOMAIN, ZERO_SHOT = ("STONE",), ("MOLLI", "ASL", "cine")


def against(other: str, figures: str, zero_shot: str) -> tuple[Claim, Claim]:
    """Any2Reg without its second stream and another method, where it was trained and where it was not."""
    words = f"better aligned than {other}"
    comparison = (f"Any2Reg is better than {other}",)
    return (
        Claim(f"{words}, trained on such series", figures, "table 1, STONE", comparison, ALIGNED, IN_DOMAIN),
        Claim(f"{words}, zero-shot", zero_shot, "table 1, MOLLI, ASL, cine", comparison, ALIGNED, ZERO_SHOT),
    )


PAPER = Paper(
    name="any2reg",
    number="003",
    title="Any2Reg: set-based groupwise registration of series of any length and contrast",
    citation="Set-Based Groupwise Registration for Variable-Length, Variable-Contrast Cardiac MRI (Any2Reg).",
    tables=("any2reg_claims",),
    claims=(
        *against(
            "none",
            "Dice 84.2 against 78.8 %, TRE 3.65 against 4.19 mm",
            "Dice 78.9, 79.0, 89.5 against 78.6, 76.7, 79.1 %",
        ),
        *against(
            "elastix, PCA2",
            "Dice 84.2 (with its features 86.9) against 85.0 %, TRE 3.65 (3.18) against 3.46 mm",
            "Dice 78.9, 79.0, 89.5 (84.8, 80.5, 89.8) against 79.2, 79.4, 86.8 %",
        ),
        *against(
            "one-shot (GroupRegNet)",
            "Dice 84.2 against 83.0 %, TRE 3.65 against 3.60 mm",
            "Dice 78.9, 79.0, 89.5 against 79.7, 78.6, 80.5 %",
        ),
        *against(
            "channel-stacked U-Net",
            "Dice 84.2 against 80.6 %, TRE 3.65 against 4.01 mm",
            "Dice 78.9 against 78.2 % in MOLLI; takes no other",
        ),
        Claim(
            "a lower D_PCA1 than without registration, by elastix, in one shot or by stacking",
            "",
            "not in the paper",
            ("Any2Reg is better than",),
            ("D_PCA1",),
        ),
        Claim(
            "weights by correlation are better than the mean",
            "Dice with its features 86.9 against 86.4 % in STONE, 84.8 against 84.7 in MOLLI, 80.5 against 80.3 in "
            "ASL, 89.8 against 89.9 in cine",
            "table 1",
            ("the correlation is better than the mean",),
            ALIGNED,
        ),
        Claim(
            "a second stream of features helps",
            "Dice 86.9 against 84.2 % in STONE, 84.8 against 78.9 in MOLLI, 80.5 against 79.0 in ASL, 89.8 against "
            "89.5 in cine",
            "table 1",
            ("the second stream",),
            ALIGNED,
        ),
        Claim(
            "30 steps on the series itself help",
            "Dice 86.9 and 86.9 %, TRE 3.14 against 3.18 mm in STONE; 90.9 against 89.8 % in cine",
            "table 1",
            ("refining helps",),
            ALIGNED,
        ),
        Claim(
            "better maps",
            "survival and SD as curves and pictures",
            "figures 3 and 4",
            ("maps of Any2Reg are better",),
        ),
        Claim(
            "time that is linear in the number of images",
            "0.2 s of 60 images, 1.2 s of 480, 2.4 ms an image more; elastix 70 and 260 s",
            "section 4",
            why="measured apart: [groupwise_speed.md](../groupwise_speed.md) has the times and their verdict",
        ),
        Claim(
            "ahead of MultiMorph and PCA-Relax",
            "Dice 86.9 against 83.1 and 80.6 % in STONE",
            "table 1",
            why="not built here; the channel-stacked U-Net stands for PCA-Relax",
        ),
    ),
    measured="Synthetic series of one slice: STONE (11 images, breathing), MOLLI of three patterns, ASL, and cines of "
    "25 frames. Networks were trained on synthetic STONE alone. Dice and TRE are of all pairs of frames in "
    "the canonical space, the error in the heart is that against the exact motion. A verdict is that of a "
    "paired two-sided Wilcoxon test over people, p < 0.05; with fewer than six people no test can show a "
    "difference, so that ASL is not judged.",
    differs="The paper trains on 150 people with STONE and tries MOLLI and ASL of patients and ACDC's cines; ours are "
    "synthetic, trained in under an hour on a processor, with few people to try on: small differences cannot "
    "show. The paper's features are those of a foundation model, ours those of our own segmentation. The "
    "paper's figures for Any2Reg are those without features where ours has none. Every network was trained "
    "once, from one seed.",
    any_people=True,
)
