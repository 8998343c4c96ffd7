"""Measure the speed of the networks for pairs beside demons, and write the table under Testing/results.

    python Testing/benchmarks/learned_speed.py [--repeats 10] [--threads 2] [--device cpu] [--quick]

Every method gets the same whole images, without a search for the heart, and they take turns in one process, so that
what else the machine does meets all alike. Their weights are those of a new network: what they are makes no difference
to the time. Where weights ship, a series is also registered with them from beginning to end. What a row needs of memory
is measured in a process of its own. ``--quick`` does all of that with small images, to see that it works.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from script_tables import ROOT, made_by, seconds

from CardiacMotionLib import CardiacMotionError, ImageSeries, phantom, register
from CardiacMotionLib.methods import methods
from CardiacMotionLib.methods.learned import AUTO, choose_weights, run_pairs
from CardiacMotionLib.methods.protocol import Context
from CardiacMotionLib.report.markdown import markdown
from CardiacMotionLib.report.wording import RESEARCH_USE
from CardiacMotionLib.training.recipe import load_recipe

CASES = {  # frames, slices, rows and columns
    "2D pair": (2, 1, 144),
    "2D series": (30, 1, 144),
    "3D pair": (2, 10, 112),
    "3D pair of paper 002": (2, 16, 128),
}
QUICK = {"2D pair": (2, 1, 48), "2D series": (4, 1, 48), "3D pair": (2, 4, 48), "3D pair of paper 002": (2, 4, 48)}
NETWORKS: dict[str, dict[str, Any]] = {  # what differs from the method's default
    "riir": {},
    "voxelmorph": {},
    "voxelmorph, one convolution a block": {"convolutions": 1},
    "gradirn": {},
    "gradirn, paper 004": {"levels": 2, "steps": 3, "shared": False},
}
IN_3D: dict[str, dict[str, Any]] = {  # of stacks only
    "memwarp": {},
    "memwarp, LapWarp": {"memory": False},
    "memwarp, LKU-Net": {"memory": False, "pyramid": False},
    "memwarp, paper 002": asdict(load_recipe(methods()["memwarp"], "paper").network),
}
DEMONS = "demons"
REGISTER = "register with "  # and the name of a method


def case_series(frames: int, slices: int, side: int) -> ImageSeries:
    """A synthetic cine whose second frame is near end-systole, without labels."""
    size = {"slices": slices, "rows": side, "columns": side, "pixel_mm": 1.8 * 112 / side}
    series = phantom("cine", 0, frames=max(frames, 3), **size).series
    return ImageSeries(series.frames[:frames], series.affine)


def network(name: str, dims: int) -> Any:
    """A new network of a row."""
    module = import_module(f"CardiacMotionLib.methods.{name.split(',')[0]}.network")
    return module.Network(module.Config(**{**(NETWORKS | IN_3D)[name], "dims": dims})).eval()


def work(series: ImageSeries, name: str, device: torch.device) -> Callable[[], object]:
    """What a row does: every frame but the first against the first."""
    context = Context(reference=0, device=device, seed=0)
    if name.startswith(REGISTER):
        return lambda: register(series, name.removeprefix(REGISTER), reference=0, device=str(device))
    if name == DEMONS:
        from CardiacMotionLib.methods import itk_images
        from CardiacMotionLib.methods.demons import Options
        from CardiacMotionLib.methods.demons.pairs import demons

        fixed, *moving = (itk_images.image(frame, series.spacing) for frame in series.frames)
        return lambda: [demons(fixed, image, Options(), context) for image in moving]
    module = network(name, 2 if series.is_2d else 3).to(device)
    module.fuse()
    images = torch.from_numpy(series.frames / series.frames.max()).float()[:, None]
    moving = images[1:]
    return lambda: run_pairs(module, images[:1].expand_as(moving), moving, context)


def rows_of(series: ImageSeries) -> Iterator[str]:
    """Names of the rows of a case, the slowest first."""
    yield DEMONS
    yield from NETWORKS
    yield from () if series.is_2d else IN_3D
    if len(series.frames) > 2 or not series.is_2d:
        yield REGISTER + DEMONS
        for method in dict.fromkeys(name.split(",")[0] for name in (NETWORKS if series.is_2d else NETWORKS | IN_3D)):
            try:
                choose_weights(method, AUTO, series)
            except CardiacMotionError:  # none ship
                continue
            yield REGISTER + method


def measured(case: str, series: ImageSeries, file: Path, arguments: argparse.Namespace) -> list[dict[str, object]]:
    """Rows of the table of one case."""
    device = torch.device(arguments.device)
    names = list(rows_of(series))
    works = {name: work(series, name, device) for name in names}
    times: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(arguments.repeats + 1):
        for name, run in works.items():
            taken = seconds(run, device)
            times[name] += [taken] if turn else []  # the first does not count
    median = {name: statistics.median(values) for name, values in times.items()}
    rows = []
    for name in names:
        peak, before = _memory(name, file, arguments)
        row: dict[str, object] = {
            "case": case,
            "images": " x ".join(map(str, series.frames.shape)),
            "method": name,
            "parameters": f"{_parameters(name, series):,}" if name in NETWORKS | IN_3D else "",
            "median (ms)": 1000 * median[name],
            "least (ms)": 1000 * min(times[name]),
            "demons / this": median[DEMONS] / median[name],
            "riir / this": median["riir"] / median[name],
            "peak memory (MB)": peak,
            "of that before (MB)": before,
        }
        print(f"{case}: {name}, {row['median (ms)']:.1f} ms", flush=True)
        rows.append(row)
    return rows


def _parameters(name: str, series: ImageSeries) -> int:
    return sum(p.numel() for p in network(name, 2 if series.is_2d else 3).parameters())


def _memory(name: str, file: Path, arguments: argparse.Namespace) -> tuple[float, float]:
    """Most memory in MB that a process of its own held during a row and until it began; of the processor's."""
    given = ["--row", name, "--images", str(file), "--threads", str(arguments.threads), "--device", arguments.device]
    answer = subprocess.run([sys.executable, __file__, *given], capture_output=True, text=True, check=True).stdout
    return tuple(json.loads(answer.splitlines()[-1]))


def tell_memory(name: str, file: Path, device: torch.device) -> None:
    """What `_memory` asks for, in the process of its own."""
    with np.load(file) as stored:
        run = work(ImageSeries(stored["frames"], stored["affine"]), name, device)
    before = peak_memory()
    run()
    print(json.dumps([peak_memory(), before]))


def peak_memory() -> float:
    """Most memory in MB that this process has held, where Linux tells it; ru_maxrss counts the parent's, too."""
    facts = Path("/proc/self/status")
    lines = facts.read_text().splitlines() if facts.is_file() else []
    return next((float(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM")), float("nan"))


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=10, help="turns of each")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu", help="of the networks; demons run on the processor")
    parser.add_argument("--quick", action="store_true", help="small images and one turn, to see that it works")
    parser.add_argument("--output", type=Path, default=ROOT / "Testing" / "results")
    parser.add_argument("--row", help=argparse.SUPPRESS)
    parser.add_argument("--images", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    _use_threads(arguments.threads)
    torch.manual_seed(0)
    if arguments.row:
        tell_memory(arguments.row, arguments.images, torch.device(arguments.device))
        return
    arguments.repeats = 1 if arguments.quick else arguments.repeats
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for case, size in (QUICK if arguments.quick else CASES).items():
            series = case_series(*size)
            file = Path(folder) / "images.npz"
            np.savez(file, frames=series.frames, affine=series.affine)
            rows += measured(case, series, file, arguments)
    table = pd.DataFrame(rows)
    flags = f"--repeats {arguments.repeats} --threads {arguments.threads} --device {arguments.device}"
    flags += " --quick" if arguments.quick else ""
    lines = [
        "# Speed of the networks for pairs",
        "",
        made_by(f"learned_speed.py {flags}", f"{arguments.threads} threads"),
        *([f"The GPU is one {torch.cuda.get_device_name(arguments.device)}."] if "cuda" in arguments.device else []),
        "Images are T x K x J x I voxels; every frame but the first is registered to the first, whole images without a "
        f"search for the heart. The methods take turns in one process, {arguments.repeats} turns of each after one "
        "that does not count. Networks have their default settings but for what a row says. Rows "
        f"`{REGISTER}...` go from the series to its motion with the weights that ship, search for the heart included; "
        "methods without weights have no such row. Memory is what a process that does the row once holds at most, and "
        "what of it was there before (Python, libraries, images, network).",
        RESEARCH_USE,
        "",
        *markdown(table),
        "",
    ]
    arguments.output.mkdir(parents=True, exist_ok=True)
    table.to_csv(arguments.output / "learned_speed.csv", index=False, float_format="%.3f")
    (arguments.output / "learned_speed.md").write_text("\n".join(lines))
    print(f"Wrote {arguments.output}/learned_speed.csv and learned_speed.md")


def _use_threads(count: int) -> None:
    torch.set_num_threads(count)
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(count)


if __name__ == "__main__":
    main()
