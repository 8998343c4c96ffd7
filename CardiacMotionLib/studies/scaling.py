"""Time and memory of methods against the size of the images: what is run, and the power laws through it.

Images are synthetic. Along an axis one number grows and the others stay: `axes` has them. Every run is alone in a
process, as in the benchmark (`measured_run`), and is kept likewise; where a method takes longer than the limit, larger
images of that axis are not tried.

A power law y = c n^p is fitted by least squares to log y over log n, every size with the same weight. It has one
parameter less than a + b n^p, which four sizes do not settle; but where a constant cost weighs at small sizes, its
exponent is below that of large images. Hence the exponent between the two largest sizes alone is told beside it.
"""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import CardiacMotionError
from .benchmark import MEASURED, Run, Settings, keep, methods_to_run, plan, result_of
from .measured_run import OUT_OF_MEMORY, Job, run_apart

if TYPE_CHECKING:
    import pandas as pd

    from ..io.datasets import Examination

METHODS = ("spline", "demons", "inr", "riir", "memwarp", "syn", "any2reg", "groupregnet")  # one a kind, for a short run
LIMIT_MINUTES = 1.0
FIELD_MM = 192.0  # of view, which stays when pixels get smaller
THICKNESS_MM = 6.0  # 16 slices cover a heart
NOISE = 0.01  # of the brightest, which makes an image that is there again another one
SEED = 0
FEWEST = 3  # sizes that a power law is fitted to
LEAST = {"seconds": 0.0, "peak_mib": 1.0}  # what is not above it is not told from nothing and has no part in a fit
FITTED = tuple(LEAST)


@dataclass(frozen=True)
class Size:
    """Images of one size, of one synthetic person: a subject of a study.

    Attributes
    ----------
    frames, slices, side
        Numbers of frames, slices, and pixels of each side.
    kind
        Of the phantom: a ``cine``, or ``t1``, a mapping series that begins again with other noise as often as needed.
    """

    frames: int
    slices: int
    side: int
    kind: str = "cine"
    data: str = "scaling"
    group: str = ""

    @property
    def name(self) -> str:
        """The numbers, as the shape of an array has them."""
        return f"{self.frames} x {self.slices} x {self.side} x {self.side}"

    @property
    def identity(self) -> dict[str, Any]:
        """What makes the same images again; two axes share a run of the same size."""
        from ..phantom import VERSION

        numbers = {"frames": self.frames, "slices": self.slices, "side": self.side}
        return {"scaling": self.kind, "phantom": VERSION, "seed": SEED, **numbers}

    def examination(self) -> Examination:
        """The images, with labels of the reference, frame 0."""
        from ..io.datasets import Examination
        from ..phantom import phantom

        options: dict[str, Any] = {"slices": self.slices, "rows": self.side, "columns": self.side}
        options |= {"pixel_mm": FIELD_MM / self.side, "thickness_mm": THICKNESS_MM}
        if self.kind == "cine":
            options["frames"] = self.frames
        series = phantom(self.kind, SEED, **options).series
        frames = series.frames[np.arange(self.frames) % len(series)]
        if self.frames > len(series):
            drawn = np.random.default_rng(SEED).standard_normal(frames.shape, np.float32)
            frames = np.abs(frames + NOISE * frames.max() * drawn)  # magnitude
        return Examination(series.replace(frames=frames, times=None, labels={0: series.labels[0]}, meta={}))


@dataclass(frozen=True)
class Axis:
    """One number that grows, least first.

    Attributes
    ----------
    title
        What grows.
    sizes
        Of pairwise methods; of groupwise ones.
    """

    title: str
    sizes: tuple[Size, ...]
    groupwise: tuple[Size, ...] = ()

    def number(self, size: Size) -> int:
        """What grows, of a size."""
        return {"pixels": size.side**2, "slices": size.slices}.get(self.title, size.frames)


@dataclass(frozen=True)
class Point:
    """A run as a place on an axis."""

    axis: Axis
    run: Run
    size: Size

    @property
    def curve(self) -> tuple[str, str]:
        """Axis and method."""
        return self.axis.title, self.run.method


@dataclass(frozen=True)
class PowerLaw:
    """y = factor n^exponent.

    Attributes
    ----------
    factor, exponent
        Of the fit.
    error
        Standard error of the exponent.
    last
        Exponent between the two largest sizes alone.
    points
        How many sizes there were.
    """

    factor: float
    exponent: float
    error: float
    last: float
    points: int


def axes(quick: bool = False) -> list[Axis]:
    """Frames, pixels in plane and slices around a base, and images that groupwise methods take together.

    Groupwise methods take pixels with as few images as a T1 map has, and no slices: one after the other, each as long.
    """
    frames, sides, slices, images, base = (
        ((2, 4, 6), (40, 48, 56), (2, 3, 4), (3, 6, 12), Size(4, 2, 40))
        if quick
        else ((5, 10, 20, 40), (48, 64, 96, 128), (2, 4, 8, 16), (11, 30, 60, 120, 240), Size(10, 6, 64))
    )
    return [
        Axis("frames", tuple(Size(n, base.slices, base.side) for n in frames)),
        Axis(
            "pixels",
            tuple(Size(base.frames, base.slices, n) for n in sides),
            tuple(Size(images[0], 1, n, "t1") for n in sides),
        ),
        Axis("slices", tuple(Size(base.frames, n, base.side) for n in slices)),
        Axis("images", (), tuple(Size(n, 1, base.side, "t1") for n in images)),
    ]


def methods_to_scale(wanted: Sequence[str] = ()) -> tuple[list[str], dict[str, str]]:
    """Methods of the curves, and {method: how to install it} of those left out; see `methods_to_run`."""
    asked = wanted or METHODS
    names, missing = methods_to_run(asked)
    return [name for name in names if name in asked], missing


def points_of(along: Sequence[Axis], names: Sequence[str], settings: Settings, folder: Path) -> list[Point]:
    """All runs: axis by axis, the smallest images first."""
    from ..methods import methods

    known = methods()
    together = [name for name in names if name in known and "groupwise" in known[name].needs]
    alone = [name for name in names if name not in together]
    return [
        Point(axis, run, size)
        for axis in along
        for sizes, group in ((axis.sizes, alone), (axis.groupwise, together))
        for size in sizes
        for run in plan([size], group, settings, folder)
    ]


def execute(
    points: Sequence[Point], settings: Settings, progress: Callable[[float, str], Any] = lambda fraction, text: None
) -> Iterator[tuple[Point, dict[str, Any]]]:
    """Each point with its result, one at a time; those done before come at once, see `benchmark.execute`."""
    too_large: dict[tuple[str, str], str] = {}
    with tempfile.TemporaryDirectory(prefix="scaling-") as scratch:
        made: dict[Size, Path] = {}
        for number, point in enumerate(points):
            run, size = point.run, point.size
            tick = partial(progress, number / len(points), f"{run.method}, {size.name}")
            if point.curve in too_large:
                yield point, {"reason": f"not tried: {too_large[point.curve]} was too much"}
                continue
            result = result_of(run, settings)
            if result is None:
                tick()
                if size not in made:
                    made[size] = _images_file(size, Path(scratch, f"{number}.pickle"))
                job = Job(made[size], run.method, run.options, settings.threads, settings.seed, scored=False)
                result = run_apart(job, 60 * settings.limit_minutes, tick)
                keep(run, result)
            if "limit_seconds" in result or result.get("reason") == OUT_OF_MEMORY:
                too_large[point.curve] = size.name
            yield point, result


def _images_file(size: Size, file: Path) -> Path:
    from .benchmark_scores import Prepared

    file.write_bytes(pickle.dumps(Prepared(size.examination().series, 0, 0)))
    return file


def table_of(results: Sequence[tuple[Point, dict[str, Any]]]) -> pd.DataFrame:
    """One row a point: axis, number, method, shape, options, measurements, reason where there are none."""
    import pandas as pd

    rows = [
        {
            "axis": point.axis.title,
            "number": point.axis.number(point.size),
            "method": point.run.method,
            "shape": point.size.name,
            "options": " ".join(f"{name}={value}" for name, value in point.run.options.items()),
            **{name: result.get(name) for name in MEASURED},
            "reason": result.get("reason", ""),
        }
        for point, result in results
    ]
    return pd.DataFrame(rows).astype(dict.fromkeys((*FITTED, "cpu_seconds", "warm_up_seconds"), float))


def fit_power_law(numbers: Sequence[float] | np.ndarray, values: Sequence[float] | np.ndarray) -> PowerLaw:
    """The power law through sizes and what they cost, by least squares in logarithms.

    The standard error of the exponent is that of the slope, from the scatter about the line with two degrees of freedom
    less than there are points.

    Raises
    ------
    CardiacMotionError
        for fewer than three different sizes, and for anything that is not above zero.
    """
    from scipy import stats

    n, y = np.asarray(numbers, float), np.asarray(values, float)
    if len(np.unique(n)) < FEWEST:
        raise CardiacMotionError(f"a power law needs at least {FEWEST} different sizes, got {len(np.unique(n))}")
    if not (n > 0).all() or not (y > 0).all():
        raise CardiacMotionError("a power law needs sizes and costs above zero")
    order = np.argsort(n)
    x, z = np.log(n[order]), np.log(y[order])
    line = stats.linregress(x, z)
    last = (z[-1] - z[-2]) / (x[-1] - x[-2])
    return PowerLaw(float(np.exp(line.intercept)), float(line.slope), float(line.stderr), float(last), len(n))


def fits_of(table: pd.DataFrame) -> dict[tuple[str, str, str], PowerLaw]:
    """{(axis, method, ``seconds`` or ``peak_mib``): power law} where three sizes or more were measured."""
    found = {}
    for curve, rows in table.groupby(["axis", "method"], sort=False):
        axis, method = map(str, curve)
        for quantity, least in LEAST.items():
            kept = rows[rows[quantity] > least]
            if len(kept) >= FEWEST:
                found[axis, method, quantity] = fit_power_law(kept["number"].to_numpy(), kept[quantity].to_numpy())
    return found
