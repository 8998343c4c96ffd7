"""One method on one subject in a process of its own, timed and weighed.

``python -m CardiacMotionLib.studies.measured_run JOB RESULT`` reads a pickled `Job` and writes its scores as JSON.

- seconds: wall time of ``register`` alone. Import of the method, and a run of it on a small piece of the series with
  the fewest steps, come before (``warm_up_seconds``), so that reading weights and starting threads do not count.
- cpu_seconds: user and system time of the process and its children over the same span.
- peak_mib: the highest resident memory of that span, minus what was resident before it (images, packages, weights of
  the warm-up). Linux tells the peak of a span; elsewhere it is the growth of ru_maxrss, which is 0 for a method that
  needs less than the warm-up did.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import CardiacMotionError

if TYPE_CHECKING:
    from ..motion import Motion
    from ..series import ImageSeries

OUT_OF_MEMORY = "memory ran out"
NONE = "none"  # the method that leaves everything where it is
MIB = 2.0**20
POLL_SECONDS = 0.2
WARM_UP_PIXELS = 32
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS")


@dataclass(frozen=True)
class Job:
    """What a process is to do; ``prepared`` is the file of a pickled `benchmark_scores.Prepared`."""

    prepared: Path
    method: str
    options: Mapping[str, Any] = field(default_factory=dict)
    threads: int = 0
    seed: int = 0
    scored: bool = True


def run_apart(job: Job, limit_seconds: float, tick: Callable[[], Any] = lambda: None) -> dict[str, Any]:
    """Do a job in a fresh process: its measurements and scores, or ``{"reason": ...}`` of what went wrong.

    ``tick`` is called while it runs; what it raises ends the process.
    """
    root = str(Path(__file__).resolve().parents[2])
    paths = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH", "")) if part)
    threads = dict.fromkeys(THREAD_VARIABLES, str(job.threads)) if job.threads else {}
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        work, result, printed = (Path(folder, name) for name in ("job.pickle", "result.json", "printed.txt"))
        work.write_bytes(pickle.dumps(job))
        with printed.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(work), str(result)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **threads, "PYTHONPATH": paths},
            )
            try:
                in_time = _wait(process, limit_seconds, tick)
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()
        if result.is_file():
            return json.loads(result.read_text(encoding="utf-8"))
        if not in_time:
            return {"reason": f"longer than the limit of {limit_seconds / 60:g} min", "limit_seconds": limit_seconds}
        said = printed.read_text(encoding="utf-8", errors="replace").splitlines()
        last = next((line.strip() for line in reversed(said) if line.strip()), "it printed nothing")
        return {"reason": f"the process ended with status {process.returncode}: {last}"}


def _wait(process: subprocess.Popen, limit_seconds: float, tick: Callable[[], Any]) -> bool:
    """Until the process ends; answers whether that was within the limit."""
    started = time.monotonic()
    while process.poll() is None:
        if time.monotonic() - started > limit_seconds:
            return False
        tick()
        with suppress(subprocess.TimeoutExpired):
            process.wait(POLL_SECONDS)
    return True


# ---------------------------------------------------------------------- in the process


def main(arguments: list[str]) -> None:
    """Do the job of the first file and write what came of it into the second."""
    work, result = map(Path, arguments)
    job = pickle.loads(work.read_bytes())
    try:
        content = perform(job)
    except CardiacMotionError as error:
        content = {"reason": " ".join(str(error).split())}
    except MemoryError:
        content = {"reason": OUT_OF_MEMORY}
    temporary = result.with_suffix(".part")
    temporary.write_text(json.dumps(content), encoding="utf-8")
    temporary.replace(result)


def perform(job: Job) -> dict[str, Any]:
    """Measurements and scores of a job."""
    import torch

    from .benchmark_scores import score

    if job.threads:
        torch.set_num_threads(job.threads)
    known = pickle.loads(job.prepared.read_bytes())
    started = time.perf_counter()
    warm_up(known.series, job.method)
    warm_up_seconds = time.perf_counter() - started
    before = resident_mib()
    forget_peak()
    cpu, started = _cpu_seconds(), time.perf_counter()
    motion = _find(known.series, known.reference, job)
    seconds, cpu_seconds = time.perf_counter() - started, _cpu_seconds() - cpu
    peak = max(0.0, peak_mib() - before)
    return {
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "peak_mib": peak,
        "warm_up_seconds": warm_up_seconds,
        "made_by": str(motion.provenance.get("method", job.method)),
        "weights": str(motion.provenance.get("weights", "")),
        "shape": list(known.series.frames.shape),
        "scores": score(motion, known) if job.scored else {},
    }


def _find(series: ImageSeries, reference: int, job: Job) -> Motion:
    from ..methods import methods, register
    from ..motion import Motion

    if job.method == NONE:
        return Motion.still(series, reference)
    groupwise = job.method in methods() and "groupwise" in methods()[job.method].needs
    start = None if groupwise else reference  # the canonical space of a groupwise method is scored by `evaluate`
    return register(series, job.method, reference=start, device="cpu", seed=job.seed, **job.options)


def warm_up(series: ImageSeries, method: str) -> None:
    """Import a method and let it do as little as it can on a small piece of the series."""
    from ..methods import methods, register
    from ..methods.protocol import describe_options
    from ..methods.registry import BEST

    info = methods().get(BEST if method == "auto" else method)
    if info is None:
        return
    few: dict[str, Any] = {
        option.name: max(1, int(option.minimum or 0))
        for option in describe_options(info.Options)
        if option.name.endswith(("steps", "iterations"))
    }
    with suppress(CardiacMotionError):  # the run itself says why it cannot be
        register(_piece(series), method, device="cpu", **few)


def _piece(series: ImageSeries) -> ImageSeries:
    """The middle of the first frames."""
    frames = min(len(series), 3)
    j, i = (slice(max(0, (n - WARM_UP_PIXELS) // 2), (n + WARM_UP_PIXELS) // 2) for n in series.shape[1:])
    cropped = series.crop((slice(None), j, i))
    return cropped.replace(frames=cropped.frames[:frames], times=cropped.times[:frames], labels=None)


def _cpu_seconds() -> float:
    """User and system time of this process and its children that ended."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def resident_mib() -> float:
    """Memory that is resident now, on Linux; elsewhere the most there has been."""
    return _status("VmRSS") or _highest_mib()


def peak_mib() -> float:
    """The most memory that was resident since `forget_peak`, on Linux; elsewhere since the start."""
    return _status("VmHWM") or _highest_mib()


def forget_peak() -> None:
    """Let the peak begin anew, where the system can (proc(5), clear_refs)."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _status(name: str) -> float | None:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:")), None)


def _highest_mib() -> float:
    if sys.platform == "win32":
        return 0.0  # not told without a further package
    import resource

    unit = 1.0 if sys.platform == "darwin" else 1024.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MIB


if __name__ == "__main__":
    main(sys.argv[1:])
