"""What paper 004 claims, measured small: data efficiency of RIIR, VoxelMorph and GraDIRN, and the ablations of RIIR.

Every run has the same steps, batches and outer loss; its weights with the best validation are scored on other people.
A run that is done is kept as a file in the work folder, so the command goes on where it was stopped:

    python Testing/benchmarks/riir_claims.py --work FOLDER [--share 1/2 and --share 2/2 at once] [--quick]

Writes riir_claims.csv, .md and .png when all runs are done.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from riir_report import write_report

from CardiacMotionLib.fields import jacobian_determinant, sd_log_jacobian, warp
from CardiacMotionLib.methods import methods
from CardiacMotionLib.metrics import dice, hausdorff95, pca_dissimilarity
from CardiacMotionLib.phantom.stream import HELD_OUT
from CardiacMotionLib.training.loop import train
from CardiacMotionLib.training.data import Data, Prepared, prepare_all, synthetic_subjects
from CardiacMotionLib.training.losses import Loss
from CardiacMotionLib.training.pairs import PairTask, seeded
from CardiacMotionLib.training.settings import Settings
from CardiacMotionLib.whole_files import write_whole

RESULTS = Path(__file__).resolve().parents[1] / "results"
SHARES = (0.05, 0.1, 0.25, 0.5, 1.0)
NONE = "no registration"
TASKS = {
    "msasha": Data(kind="t1", slices=1, subjects=60, held_out=6, template="last", breathing_mm=12.0),
    "cine": Data(kind="cine", frames=8, slices=3, subjects=60, held_out=6, template="first"),
}
LOSSES = {"msasha": Loss("nmi", smoothness=0.1), "cine": Loss("mse", smoothness=0.05)}
INNER = {"msasha": "ncc", "cine": "mse"}
MODES = {"msasha": 4, "cine": 1}  # L of D_PCA1: parameters of the signal; a cine is one image
TESTED = 16
SETTINGS = Settings(
    steps=500, learning_rate=8e-4, clip=1.0, precision="bfloat16", validate_every=100, checkpoint_every=500
)
HEART_SHARE = 0.7  # of the field of view in which images are compared (paper 004, figure 4)


@dataclass(frozen=True)
class Run:
    """One training and what is special about it."""

    task: str
    method: str
    share: float
    variant: str = ""
    network: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Of its files."""
        return "_".join(part for part in (self.task, self.method, f"{self.share:g}", self.variant) if part)


def runs() -> Iterator[Run]:
    """All of them, those of the main table first."""
    for share in SHARES:
        for task, inner in INNER.items():
            yield Run(task, "riir", share, network={"inner": inner})
            yield Run(task, "voxelmorph", share)
            yield Run(task, "gradirn", share, network={"similarity": inner})
    yield from ablations()


def ablations() -> Iterator[Run]:
    """Of RIIR on mSASHA, as experiments 2 to 5 of the paper."""

    def changed(share: float, variant: str, **network: Any) -> Run:
        return Run("msasha", "riir", share, variant, {"inner": "ncc", **network})

    for hidden in ("none", "first", "second"):
        yield changed(1.0, f"hidden {hidden}", hidden=hidden)
    for share in (0.05, 0.1):
        for seen in ("implicit", "explicit"):
            yield changed(share, f"input {seen}", input=seen)
    for inner in ("mse", "nmi"):
        yield changed(1.0, f"inner {inner}", inner=inner)
    for steps in (2, 4, 8):
        yield changed(1.0, f"T {steps}", steps=steps)
    yield changed(1.0, "weighting uniform", weighting="uniform")


# ---------------------------------------------------------------------- one run


def people(task: str, data: Data, count: int, first_seed: int, work: Path) -> list[Prepared]:
    """Prepared series, kept in a file."""
    path = work / f"people_{task}_{first_seed}_{count}.pt"
    if not path.exists():
        made = prepare_all(synthetic_subjects(data, count, first_seed), data, 2)
        write = [{name: getattr(one, name) for name in Prepared.__dataclass_fields__} for one in made]
        torch.save(write, path)
    return [Prepared(**one) for one in torch.load(path, weights_only=True)]


def perform(run: Run, work: Path, quick: bool) -> dict[str, Any]:
    """Train and score; what is done is read."""
    done = work / f"{run.name}.json"
    if done.exists():
        return json.loads(done.read_text())
    data, settings, tested = TASKS[run.task], SETTINGS, TESTED
    if quick:
        data, settings, tested = replace(data, subjects=4, held_out=1), replace(settings, steps=3), 2
    everybody = people(run.task, data, data.subjects, 0, work)
    validation = people(run.task, data, data.held_out, HELD_OUT, work)
    test = people(run.task, data, tested, HELD_OUT + 1000, work)
    count = max(2, round(run.share * len(everybody)))
    result: dict[str, Any] = {"task": run.task, "method": run.method, "share": run.share, "variant": run.variant}
    if run.method == NONE:
        scores = [score(one, torch.zeros(*one.frames.shape, 2), run.task) for one in test]
        return {**result, "people": 0, "seconds": 0.0, "parameters": 0, "scores": scores}
    network_class = methods()[run.method].network()  # type: ignore[misc]
    network = seeded(lambda: network_class(network_class.Config(**run.network)), settings.seed)
    task = PairTask(network, everybody[:count], validation, data, LOSSES[run.task], settings.seed)
    about = {"network": asdict(network.config), "data": asdict(data), "loss": asdict(LOSSES[run.task])}
    trained = train(task, settings, work / run.name, device="cpu", about=about)
    network.load_state_dict(trained.tensors)
    network.eval()
    result |= {
        "people": count,
        "seconds": round(trained.seconds, 1),
        "best_step": trained.best_step,
        "parameters": sum(p.numel() for p in network.parameters()),
        "scores": [score(one, register(network, one, data), run.task) for one in test],
    }
    write_whole({done: json.dumps(result).encode()})
    return result


@torch.inference_mode()
def register(network: torch.nn.Module, person: Prepared, data: Data) -> torch.Tensor:
    """Displacement (T, K, J, I, 2) in pixels from the template to every frame, zero at the template."""
    count, levels = person.frames.shape[:2]
    template = 0 if data.template == "first" else count - 1
    moving = person.frames.flatten(0, 1)[:, None]
    fixed = person.frames[template].repeat(count, 1, 1)[:, None]
    found = torch.cat([network(f, m)[-1] for f, m in zip(fixed.split(32), moving.split(32), strict=True)])
    found = found.float().unflatten(0, (count, levels))
    found[template] = 0
    return found


def score(person: Prepared, displacement: torch.Tensor, task: str) -> dict[str, float]:
    """D_PCA1, D_PCA2 of the drawn images within 70 % of the view, Dice and HD95 (pixels) of drawn labels, SDlogJ."""
    count, levels, rows, columns = person.frames.shape
    template = 0 if TASKS[task].template == "first" else count - 1
    flat = displacement.flatten(0, 1)
    images = warp(person.frames.flatten(0, 1)[:, None], flat)[:, 0].unflatten(0, (count, levels)).numpy()
    inside = np.zeros((levels, rows, columns), bool)
    margin = [round(n * (1 - HEART_SHARE) / 2) for n in (rows, columns)]
    inside[:, margin[0] : rows - margin[0], margin[1] : columns - margin[1]] = True
    first, second = pca_dissimilarity(images, inside, MODES[task])
    overlaps, distances = [], []
    others = [t for t in range(count) if t != template]
    for label in (1, 2, 3):
        drawn = warp((person.labels.flatten(0, 1) == label).float()[:, None], flat)[:, 0] > 0.5
        masks = drawn.unflatten(0, (count, levels)).numpy()
        there = (person.labels[template] == label).numpy()
        for t in others:
            for k in range(levels):
                if there[k].any():
                    overlaps.append(dice(masks[t, k], there[k]))
                    distances.append(hausdorff95(masks[t, k][None], there[k][None], np.ones(3)))
    determinant = jacobian_determinant(displacement[others].flatten(0, 1))
    scores = {
        "D_PCA1": first,
        "D_PCA2": second,
        "Dice": float(np.nanmean(overlaps)),
        "HD95 (mm)": float(np.nanmean(distances)) * TASKS[task].pixel_mm,
        "SDlogJ": float(sd_log_jacobian(determinant)),
        "folding (%)": 100 * float((determinant <= 0).float().mean()),
    }
    if person.displacement is not None and template == 0:
        error = (displacement - person.displacement[..., :2]).norm(dim=-1)[others]
        heart = (person.labels[0] > 0).expand(error.shape)
        scores["error in heart (mm)"] = float(error[heart].mean()) * TASKS[task].pixel_mm
    return scores


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--work", type=Path, required=True, help="folder for the runs")
    parser.add_argument("--share", default="1/1", help="which part of the runs: 1/2 is every second from the first")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder for the tables")
    parser.add_argument("--quick", action="store_true", help="see that it works: four people, three steps")
    given = parser.parse_args()
    part, parts = (int(n) for n in given.share.split("/"))
    given.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    everything = list(runs())
    for run in everything[part - 1 :: parts]:
        result = perform(run, given.work, given.quick)
        sys.stderr.write(f"{run.name}: {result['seconds']:.0f} s\n")
    if all((given.work / f"{run.name}.json").exists() for run in everything):
        unregistered = [perform(Run(task, NONE, 0.0), given.work, given.quick) for task in TASKS]
        results = [*unregistered, *(perform(run, given.work, given.quick) for run in everything)]
        about = {"settings": asdict(SETTINGS), "data": {n: asdict(d) for n, d in TASKS.items()}}
        write_report(results, about, "riir_claims.py --work FOLDER", given.output, TESTED)


if __name__ == "__main__":
    main()
