"""Run a cohort on one and on two workers, kill a worker, stop and go on, and write Testing/results/cohort.md.

    python Testing/benchmarks/cohort_speed.py [--data FOLDER] [--output FOLDER] [--quick]

The times are of 24 synthetic subjects, who are alike; one long subject at the end would keep a single worker busy. What
is disturbed is those, the real cines with labels in ``--data``, and a copy of one of them whose image file is cut off.
Every run is the command itself in a process of its own, with one thread a worker; ``--quick`` does all of it with four
small subjects and no real ones.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from script_tables import ROOT, made_by

from CardiacMotionLib.report.wording import RESEARCH_USE

REAL = ("sunnybrook", "acdc_patient001", "cmac_v1")  # cines with labels
SIZE = "frames = 6\nslices = 4\nrows = 64\ncolumns = 64\npixel_mm = 2.5\n"
SIZE_QUICK = "frames = 3\nslices = 2\nrows = 32\ncolumns = 32\npixel_mm = 4.0\n"
GOAL = 1.7  # times as fast with two workers
POLL_SECONDS = 0.2


def describe(folder: Path, data: Path, quick: bool) -> tuple[Path, Path]:
    """TOML files of the synthetic subjects, and of everybody, with a damaged copy of the first real one."""
    tables = [f"[[synthetic]]\nsubjects = {4 if quick else 24}\n{SIZE_QUICK if quick else SIZE}"]
    alike = write_description(folder / "synthetic.toml", tables)
    if not quick:
        tables += [f'[[data]]\nfolder = "{data / name}"\nname = "{name}"\n' for name in REAL if (data / name).is_dir()]
    damaged = folder / "damaged"
    damaged.mkdir()
    cine = next((data / "sunnybrook").glob("*_cine4d.nii.gz"), None)
    content = cine.read_bytes() if cine is not None else b"no image"
    (damaged / "cut_off.nii.gz").write_bytes(content[: len(content) // 2])
    (damaged / "dataset.toml").write_text('[dataset]\nimages = "{subject}.nii.gz"\n')
    tables.append('[[data]]\nfolder = "damaged"\nname = "damaged"\n')
    return alike, write_description(folder / "cohort.toml", tables)


def write_description(file: Path, tables: list[str]) -> Path:
    """The file, with the options of every run."""
    file.write_text('[options]\nthreads = 1\ndevice = "cpu"\nwrite = ["report"]\n\n' + "\n".join(tables))
    return file


def command(file: Path, out: Path, workers: int) -> list[str]:
    """As a user would type it."""
    arguments = ["cohort", str(file), "-o", str(out), "--workers", str(workers), "--json"]
    return [sys.executable, "-m", "CardiacMotionLib.cli.main", *arguments]


def run(file: Path, out: Path, workers: int) -> dict[str, Any]:
    """What a whole run says of itself."""
    ended = subprocess.run(command(file, out, workers), cwd=ROOT, stdout=subprocess.PIPE, check=False)
    return {**json.loads(ended.stdout), "code": ended.returncode}


def disturbed(file: Path, out: Path) -> dict[str, Any]:
    """A run of two workers, one of which is killed when a subject is done, and that is stopped when half are."""
    process = subprocess.Popen(command(file, out, 2), cwd=ROOT, stdout=subprocess.PIPE, start_new_session=True)
    wait_for(process, out, 1)
    workers = [child for child in psutil.Process(process.pid).children() if "spawn_main" in " ".join(child.cmdline())]
    workers[0].kill()
    total = len(json.loads((out / "cohort.json").read_text())["jobs"])
    wait_for(process, out, total // 2)
    process.send_signal(signal.SIGINT)
    process.communicate()
    done = records(out)
    if len(done) == total:
        raise RuntimeError("the run was not stopped: everybody is done")
    return {"code": process.returncode, "done": len(done), "total": total, "times": done}


def wait_for(process: subprocess.Popen, out: Path, count: int) -> None:
    """Until so many are done."""
    while len(records(out)) < count:
        if process.poll() is not None:
            raise RuntimeError(f"the run ended with {process.returncode} before {count} subjects were done")
        time.sleep(POLL_SECONDS)


def records(out: Path) -> dict[str, int]:
    """{record: when it was written} of everybody who is done."""
    return {str(file): file.stat().st_mtime_ns for file in out.glob("subjects/*/*/record.json")}


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--output", type=Path, default=ROOT / "Testing" / "results")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which jobs in the background of a shell ignore
    folder = Path(tempfile.mkdtemp(prefix="cohort-"))
    try:
        alike, file = describe(folder, arguments.data.resolve(), arguments.quick)
        one, two = (run(alike, folder / f"workers{n}", n) for n in (1, 2))
        stopped = disturbed(file, folder / "disturbed")
        resumed = run(file, folder / "disturbed", 2)
        again = records(folder / "disturbed")
        redone = sum(again[name] != written for name, written in stopped["times"].items())
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    speed = one["seconds"] / two["seconds"]
    reasons = "; ".join(
        f"{row['subject']}: {row['reason']}".replace(str(folder), "FOLDER") for row in resumed["left_out"]
    )
    lines = [
        "# A cohort on one and two workers",
        "",
        made_by(f"cohort_speed.py{' --quick' if arguments.quick else ''}", "one thread a worker"),
        f"For {two['done']} synthetic subjects one worker took {one['seconds']:.0f} s and two took "
        f"{two['seconds']:.0f} s, the start of the cluster included: "
        f"{speed:.2f} times as fast; at least {GOAL} {'holds' if speed >= GOAL else 'does not hold'}.",
        f"In a run of two workers on {stopped['total']} subjects, real ones and a damaged one among them, one worker "
        "was killed (SIGKILL) after the first subject, and the run was stopped (SIGINT) when "
        f"half were done: exit code {stopped['code']}, {stopped['done']} of {stopped['total']} kept. The same command "
        f"took these over ({resumed['done_before']}), did {redone} of them again, and ended with {resumed['done']} "
        f"done in {resumed['seconds']:.0f} s and exit code {resumed['code']}; left out: {reasons}.",
        RESEARCH_USE,
    ]
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "cohort.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
