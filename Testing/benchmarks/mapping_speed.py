"""Measure the speed of mapping beside scipy's curve_fit, and write the table under Testing/results.

    python Testing/benchmarks/mapping_speed.py [--repeats 5] [--threads 2] [--device cpu] [--quick]

Every model gets a series of 256 x 256 random pixels of tissue at SNR 50, and `fit_map` makes the maps with SD and R2,
the search for the sign of magnitude images included. curve_fit does a part of the pixels one after the other on one
thread; its time for all is that times their ratio. It starts from the truth and is given signed images, and so has less
to do. ``--quick`` does all of that with small images, to see that it works.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy.optimize import curve_fit
from script_tables import ROOT, made_by, seconds

from CardiacMotionLib import ImageSeries, ParameterMaps, fit_map
from CardiacMotionLib.report.markdown import markdown
from CardiacMotionLib.report.wording import RESEARCH_USE

sys.path.insert(0, str(ROOT / "Testing" / "mapping"))
from synthetic_signals import acquisition_of, model_of, random_parameters, with_noise

MODELS = ("molli", "stone", "ir", "sasha", "sasha2", "msasha", "t2prep")
NOISE = 2.0  # of signals near 100


def recovery(times: np.ndarray, a: float, b: float, t1: float) -> np.ndarray:
    """Signal (N,) at times (1, N), as somebody would write it for curve_fit; so are those below."""
    return a - b * np.exp(-times[0] / t1)


def perfect_recovery(times: np.ndarray, a: float, t1: float) -> np.ndarray:
    """Of SASHA with two parameters."""
    return a * (1 - np.exp(-times[0] / t1))


def multiparametric(times: np.ndarray, a: float, t1: float, t2: float) -> np.ndarray:
    """Of mSASHA, times (3, N)."""
    saturation, echo, delay = times
    return a * (1 - (1 - (1 - np.exp(-saturation / t1)) * np.exp(-echo / t2)) * np.exp(-delay / t1))


def decaying(times: np.ndarray, a: float, t2: float) -> np.ndarray:
    """Of T2 preparation."""
    return a * np.exp(-times[0] / t2)


FORMULAS = {"sasha2": perfect_recovery, "msasha": multiparametric, "t2prep": decaying}


def by_scipy(name: str, data: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Parameters (parameters, P) of signed images (N, P), pixel by pixel from the truth; NaN without convergence."""
    acquisition = acquisition_of(name)
    times = np.stack([acquisition[key][:, 0].numpy() for key in model_of(name).times])
    times = np.where(np.isfinite(times), times, 1e9)  # curve_fit takes no infinity
    found = np.full_like(truth[:, : data.shape[1]], np.nan)
    for pixel in range(data.shape[1]):
        try:
            found[:, pixel] = curve_fit(FORMULAS.get(name, recovery), times, data[:, pixel], p0=truth[:, pixel])[0]
        except RuntimeError:  # no convergence
            continue
    return found


def measured(name: str, side: int, pixels: int, arguments: argparse.Namespace) -> dict[str, object]:
    """Row of the table of one model: images of ``side`` x ``side``, of which curve_fit does ``pixels``."""
    model, at = model_of(name), acquisition_of(name)
    truth = random_parameters(name, side**2)
    signal = with_noise(model.signal(truth, at), NOISE)
    images = signal.abs() if model.changes_sign else signal
    series = ImageSeries(images.reshape(-1, 1, side, side).numpy(), np.eye(4))
    given = {key: times[:, 0].tolist() for key, times in at.items()}
    settings = {"parameters": 2} if name == "sasha2" else {}

    def run() -> ParameterMaps:
        return fit_map(series, model.name, mask=np.ones(series.shape), device=arguments.device, **given, **settings)

    maps = run()
    times = [seconds(run, torch.device(arguments.device)) for _ in range(arguments.repeats)]
    oracle: list[np.ndarray] = []
    data, start = signal[:, :pixels].numpy(), truth.numpy()
    part = seconds(lambda: oracle.append(by_scipy(name, data, start)), torch.device("cpu"))
    key = next(iter(model.ranges))
    expected = model.relaxation(torch.from_numpy(oracle[0]))[key].value.numpy()
    difference = np.nanmedian(np.abs(maps[key].ravel()[:pixels] / expected - 1))
    here, scipy_all = statistics.median(times), part * side**2 / pixels
    row: dict[str, object] = {
        "model": name,
        "images": " x ".join(map(str, series.frames.shape)),
        "fit_map (s)": here,
        "least (s)": min(times),
        "pixels a second": f"{side**2 / here:,.0f}",
        "curve_fit (s)": scipy_all,
        "curve_fit / fit_map": scipy_all / here,
        "median difference": f"{difference:.1e}",
        "fitted (%)": 100 * maps.fitted.mean(),
    }
    print(f"{name}: {here:.2f} s, curve_fit {scipy_all:.0f} s, {scipy_all / here:.0f} times as long", flush=True)
    return row


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5, help="of each map; the first of all does not count")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu", help="of fit_map; curve_fit runs on the processor")
    parser.add_argument("--quick", action="store_true", help="small images and one repeat, to see that it works")
    parser.add_argument("--output", type=Path, default=ROOT / "Testing" / "results")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    arguments.repeats = 1 if arguments.quick else arguments.repeats
    side, pixels = (32, 100) if arguments.quick else (256, 1000)
    table = pd.DataFrame([measured(name, side, pixels, arguments) for name in MODELS])
    flags = f"--repeats {arguments.repeats} --threads {arguments.threads} --device {arguments.device}"
    flags += " --quick" if arguments.quick else ""
    lines = [
        "# Speed of mapping",
        "",
        made_by(f"mapping_speed.py {flags}", f"{arguments.threads} threads"),
        *([f"The GPU is one {torch.cuda.get_device_name(arguments.device)}."] if "cuda" in arguments.device else []),
        "Images are T x K x J x I; every pixel is random tissue at SNR 50. `fit_map` makes maps with SD and R2 and "
        f"finds the sign of magnitude images (molli, stone, ir): median of {arguments.repeats} after one that does not "
        f"count. `curve_fit` is scipy's, with its default settings and the formula in numpy: {pixels:,} of the pixels "
        "were measured, and the time is that for all. It starts from the true values and is given the sign. The median "
        "difference is that of the first relaxation time between both, as a share of it.",
        RESEARCH_USE,
        "",
        *markdown(table),
        "",
    ]
    arguments.output.mkdir(parents=True, exist_ok=True)
    table.to_csv(arguments.output / "mapping_speed.csv", index=False, float_format="%.3f")
    (arguments.output / "mapping_speed.md").write_text("\n".join(lines))
    print(f"Wrote {arguments.output}/mapping_speed.csv and mapping_speed.md")


if __name__ == "__main__":
    main()
