"""Measure the speed of the INR beside the published formulation, and write the table under Testing/results.

    python Testing/benchmarks/inr_speed.py [--repeats 30] [--threads 2] [--prior tagged] [--devices cpu cuda]

The published step (Alvarez-Florez 2026, sections 2.1 and 3) is written out below: 10,000 points of one frame, all of
them through the network, and automatic differentiation, three times over all of them, for the Jacobian. It takes turns
with ours in one process, so that what else the machine does meets all alike.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from script_tables import ROOT, made_by, seconds
from torch import Tensor

from CardiacMotionLib import ImageSeries, Motion, fields, phantom, register
from CardiacMotionLib.fields.jacobian import determinant
from CardiacMotionLib.methods.inr import Options
from CardiacMotionLib.methods.inr.fit import Fit
from CardiacMotionLib.methods.protocol import Context
from CardiacMotionLib.methods.region import find_region, normalize_intensity
from CardiacMotionLib.report.markdown import markdown
from CardiacMotionLib.report.wording import RESEARCH_USE
from CardiacMotionLib.series import MYOCARDIUM

POINTS = 10_000
PAPER: dict[str, Any] = {
    "omega": 45.0,
    "learning_rate": 1e-5,
    "decay": False,
    "wall_volume": 0.25,
    "other_volume": 1e-4,
    "points": POINTS,
    "frames_per_step": 1,
    "volume_points": 512,
}
AT_FRAMES = 4  # in which the same points may be compared, so that the reference is evaluated once for all
STEPS_AT_ONCE = 3  # before it is another's turn


class Published(torch.nn.Module):
    """The network and the step of the paper, on the same crop of the same series."""

    def __init__(self, series: ImageSeries, device: torch.device):
        super().__init__()
        region = find_region(series, 0, Options().margin)
        self.images = torch.from_numpy(normalize_intensity(series.crop(region.box).frames))[:, None].to(device)
        axes = [torch.linspace(-1, 1, n) for n in self.images.shape[2:]]
        self.coordinates = torch.stack(torch.meshgrid(*axes, indexing="ij")[::-1], -1).reshape(-1, 3).to(device)
        wall = torch.from_numpy(region.labels.reshape(-1) == MYOCARDIUM).to(device)
        self.weight = torch.where(wall, PAPER["wall_volume"], PAPER["other_volume"])
        sizes = (4, 256, 256, 256, 3)
        self.layers = torch.nn.ModuleList(torch.nn.Linear(*pair) for pair in pairwise(sizes))
        for layer in self.layers:
            torch.nn.init.xavier_uniform_(layer.weight, gain=1 / PAPER["omega"])  # tame, so that no step diverges
        self.to(device)
        self.optimizer = torch.optim.Adam(self.parameters(), lr=PAPER["learning_rate"])

    def forward(self, x: Tensor) -> Tensor:
        """(N, 4) to (N, 3)."""
        for layer in self.layers[:-1]:
            x = torch.sin(PAPER["omega"] * layer(x))
        return self.layers[-1](x)

    def step(self) -> None:
        """One of the fit."""
        self.optimizer.zero_grad()
        drawn = torch.randint(len(self.coordinates), (POINTS,)).to(self.coordinates.device)
        frame = int(torch.randint(1, len(self.images), ()))
        place = self.coordinates[drawn].requires_grad_()
        u = self(torch.cat((place, torch.full_like(place[:, :1], 2 * frame / len(self.images) - 1)), 1))
        fixed, moving = (
            torch.nn.functional.grid_sample(image, where[None, None, None], align_corners=True).flatten(1)
            for image, where in ((self.images[:1], place.detach()), (self.images[frame : frame + 1], place + u))
        )
        rows = [torch.autograd.grad(u[:, a].sum(), place, create_graph=True)[0] for a in range(3)]
        change = fields.jacobian_penalty(determinant(torch.stack(rows, 1) + torch.eye(3, device=u.device)))
        loss = 1 - fields.global_ncc(moving[:, None], fixed[:, None])[0] + (self.weight[drawn] * change).mean()
        loss.backward()
        self.optimizer.step()


def ours(series: ImageSeries, device: torch.device, **options: Any) -> Callable[[], None]:
    """A step of our fit, which never ends."""
    context = Context(reference=0, device=device, seed=0)
    fit = Fit(series, Options(prior="none", steps=100_000, patience=0, **options), context)
    return lambda: fit.run(fit.step + 1, context)


def step_rows(series: ImageSeries, device: torch.device, repeats: int) -> list[dict[str, object]]:
    """Milliseconds of a step: median and least over ``repeats`` turns."""
    defaults = Options()
    steps = {
        "published: Jacobian of all points by autograd": Published(series, device).step,
        f"ours at the paper's numbers: Jacobian at {PAPER['volume_points']} points": ours(series, device, **PAPER),
        f"ours with as many samples: {POINTS // AT_FRAMES} points in {AT_FRAMES} frames": ours(
            series, device, **{**PAPER, "points": POINTS // AT_FRAMES, "frames_per_step": AT_FRAMES}
        ),
        f"ours by default: {defaults.points} points in {defaults.frames_per_step} frames, Jacobian at "
        f"{defaults.volume_points}": ours(series, device),
    }
    times: dict[str, list[float]] = {what: [] for what in steps}
    for turn in range(repeats + 1):
        for what, step in steps.items():
            taken = seconds(lambda step=step: [step() for _ in range(STEPS_AT_ONCE)], device) / STEPS_AT_ONCE
            times[what] += [1000 * taken] if turn else []  # the first does not count
    published = next(iter(times.values()))
    return [
        {
            "device": str(device),
            "a step": what,
            "median (ms)": statistics.median(values),
            "least (ms)": min(values),
            "published / this, medians": statistics.median(published) / statistics.median(values),
            "published / this, least": min(published) / min(values),
        }
        for what, values in times.items()
    ]


def fit_row(series: ImageSeries, device: torch.device, prior: str) -> dict[str, object]:
    """Seconds from a cine to its motion, with the displacement of every voxel and frame."""
    found: list[Motion] = []
    options = {"reference": 0, "device": str(device), "prior": prior}
    taken = seconds(lambda: found.append(register(series, "inr", **options)), device)
    steps = found[0].provenance["steps_taken"]
    return {"device": str(device), "a fit": f"register, {steps} steps, prior {prior}", "s": taken}


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=30, help="turns of each")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--prior", default="tagged", help="of the whole fit: tagged, none or a file")
    found = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    parser.add_argument("--devices", nargs="+", default=found)
    parser.add_argument("--output", type=Path, default=ROOT / "Testing" / "results")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    series = phantom("cine", 0).series
    devices = [torch.device(name) for name in arguments.devices]
    steps = pd.DataFrame([row for device in devices for row in step_rows(series, device, arguments.repeats)])
    print(steps.to_string(index=False), flush=True)
    fits = pd.DataFrame([fit_row(series, device, arguments.prior) for device in devices])
    print(fits.to_string(index=False), flush=True)
    names = [torch.cuda.get_device_name(device) for device in devices if device.type == "cuda"]
    flags = f"--repeats {arguments.repeats} --threads {arguments.threads} --prior {arguments.prior}"
    lines = [
        "# Speed of the INR",
        "",
        made_by(f"inr_speed.py {flags} --devices {' '.join(arguments.devices)}", f"{arguments.threads} threads"),
        *(f"The GPU is one {name}." for name in names),
        f"A cine of {' x '.join(map(str, series.frames.shape))} voxels (T, K, J, I). Steps are timed in turns of "
        f"{STEPS_AT_ONCE} in one process, {arguments.repeats} turns of each after one that does not count. Published "
        f"is the step as paper 000 (Alvarez-Florez 2026) describes it: {POINTS:,} points of one frame, written in "
        "plain torch in this command.",
        RESEARCH_USE,
        "",
        *markdown(steps),
        "",
        *markdown(fits),
        "",
    ]
    arguments.output.mkdir(parents=True, exist_ok=True)
    pd.concat((steps, fits)).to_csv(arguments.output / "inr_speed.csv", index=False, float_format="%.3f")
    (arguments.output / "inr_speed.md").write_text("\n".join(lines))
    print(f"Wrote {arguments.output}/inr_speed.csv and inr_speed.md")


if __name__ == "__main__":
    main()
