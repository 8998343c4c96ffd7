"""Two processes on this machine against one with the batches of both."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from toy_task import ToyTask

from CardiacMotionLib.training.log import VALIDATION, read_log
from CardiacMotionLib.training.loop import CHECKPOINT, train
from CardiacMotionLib.training.settings import Settings

SETTINGS = Settings(steps=12, learning_rate=0.05, clip=1.0, ema=0.9, validate_every=5, patience=5, checkpoint_every=5)
PROGRAM = """
import sys
from dataclasses import replace
from CardiacMotionLib import Cancelled
from CardiacMotionLib.training.loop import train
from test_distributed import SETTINGS, ToyTask
def progress(fraction, text):
    return fraction < {stop}
try:
    trained = train(ToyTask(noise=0.0), SETTINGS, sys.argv[1], "cpu", progress)
    print(trained.processes, trained.device)
except Cancelled:
    print("cancelled")
"""


def two_processes(folder, stop=2.0):
    """Run the training as torchrun would, and give what each printed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    here = Path(__file__).parent
    common = {**os.environ, "PYTHONPATH": os.pathsep.join([str(here), str(here.parents[1])]), "OMP_NUM_THREADS": "1"}
    common |= {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM.format(stop=stop), str(folder)],
            env={**common, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    return [process.communicate(timeout=120)[0].strip() for process in running]


@pytest.mark.slow
def test_two_processes_are_one_with_both_batches(tmp_path):
    together, alone = tmp_path / "together", tmp_path / "alone"
    assert two_processes(together, stop=0.5) == ["cancelled", "cancelled"]  # the first one says so, both stop
    assert torch.load(together / CHECKPOINT, weights_only=True)["step"] == 6
    assert two_processes(together) == ["2 cpu", "2 cpu"]
    trained = train(ToyTask(noise=0.0), SETTINGS, alone, "cpu")
    best = torch.load(together / CHECKPOINT, weights_only=True)["best"]["tensors"]
    for name in ("matrix.weight", "matrix.bias"):
        assert torch.allclose(best[name], trained.tensors[name], atol=1e-6)
    one, other = (read_log(folder / VALIDATION) for folder in (together, alone))
    assert one["step"] == other["step"] == [5, 10, 12]  # written once, by one of them
