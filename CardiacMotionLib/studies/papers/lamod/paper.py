"""Paper 001: LaMoD."""

from __future__ import annotations

from ..paper import Claim, Paper

PAPER = Paper(
    name="lamod",
    number="001",
    title="LaMoD: latent motion diffusion model for myocardial strain generation",
    citation="J. Xing, N. Jayakumar, N. Wu, Y. Wang, F. H. Epstein, M. Zhang. LaMoD: Latent Motion Diffusion Model For "
    "Myocardial Strain Generation.",
    tables=("lamod_claims",),
    claims=(
        Claim(
            "less error of motion on DENSE than StrainNet",
            "boxes, no number",
            "figure 4, left",
            ("LaMoD is better than StrainNet-like",),
            ("EPE in plane (mm)",),
            ("DENSE",),
        ),
        Claim(
            "less error of segmental strain on DENSE than StrainNet",
            "boxes, no number",
            "figure 4, middle",
            ("LaMoD is better than StrainNet-like",),
            ("Ecc error of segments (%)",),
            ("DENSE",),
        ),
        Claim(
            "the same against UNETR",
            "boxes, no number",
            "figure 4, left and middle",
            ("LaMoD is better than UNETR-like",),
            ("EPE in plane (mm)", "Ecc error of segments (%)"),
            ("DENSE",),
        ),
        Claim(
            "less error of segmental strain on cines than both",
            "boxes, no number",
            "figure 4, right",
            ("LaMoD is better than StrainNet-like", "LaMoD is better than UNETR-like"),
            ("Ecc error of segments (%)",),
            ("cine",),
        ),
        Claim(
            "better than a registration network alone (here: at least 30 % less error)",
            "not told; the 30 % are our own goal",
            "section 1",
            ("LaMoD has 30 % less error than its registration network",),
        ),
        Claim(
            "feature tracking (SuiteHeart) has a larger error of segmental strain",
            "boxes, no number",
            "figure 4, right",
            ("LaMoD is better than spline", "LaMoD with carried walls"),
            ("Ecc error of segments (%)",),
            ("cine",),
        ),
        Claim(
            "few leaps of DDIM are at most 5 % worse than the whole chain",
            "not in the paper, which has no DDIM",
            "our own goal",
            ("ten leaps are at most 5 % worse",),
        ),
        Claim(
            "better than 3D TransUNet",
            "boxes, no number",
            "figure 4",
            why="TransUNet is no method here; UNETR stands for networks with transformers",
        ),
    ),
    measured="Everybody has two examinations of one synthetic heart, DENSE and a cine, in three slices, and was in "
    "no training. What networks see of both is the wall, drawn in every frame, as in the paper, or, in a row of its "
    "own, carried from end-diastole, as users have it; spline sees the images, or in a row of its own those walls, and "
    "the labels of end-diastole. (The blood of DENSE loses its signal after the first frames, so that images mislead.) "
    "Errors are those at end-systole, of the motion of the wall in the plane of the slice, and of circumferential "
    "strain of AHA segments against the exact map. A verdict is that of a paired two-sided Wilcoxon test over people, "
    "p < 0.05.",
    differs="Truth is exact here, where the paper has DENSE. All networks are small, were trained for as many steps on "
    "the same people, once, from one seed, with masks of 64 x 64 pixels of 2 mm; the paper's have 128 x 128 of 1 mm.",
    any_people=True,
)
